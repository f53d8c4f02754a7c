"""Today's forecast: census days ahead and the next 30 days, by every method, with intervals and the method that is used.

How methods did in the past is `backtest`'s; the methods themselves are in `pickup` and `methods`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd

from oulad_platform.enrollment.forecasting.backtest import ENDS, KIND, accuracy, expected_counts, leads_of
from oulad_platform.enrollment.forecasting.intervals import relative_error, rolling_widths, with_intervals
from oulad_platform.enrollment.forecasting.pickup import Curves, curves
from oulad_platform.enrollment.foresight_tables import ENROLLMENT_FORECAST, METHODS

HORIZON_DAYS, CENSUS_DAYS = 30, 60
RATIO_BOUNDS = (0.01, 100.0)


def enrollment_forecast(
    metrics: pd.DataFrame,
    as_of: date,
    backtest: pd.DataFrame,
    horizon_days: int = HORIZON_DAYS,
    ends: Mapping[str, date] | None = None,
) -> pd.DataFrame:
    """`enrollment_forecast`: total and programs on each of the next `horizon_days`, terms on census days within 60 days.

    Reads no row of `metrics` and no target of `backtest` (from `forecast_backtest`) after `as_of`. A method has a row where it
    can be fitted and at least three of its errors are known up to that lead; so a new institution has none at first. The method
    used has the smallest error in the backtest, against naive on the same targets: for a census day at leads around this one,
    for a daily path over the whole of it; ties go to the first of METHODS. `ends`: see `pickup.curves`.
    Raises ValueError when `as_of` has no snapshot.
    """
    known = curves(metrics, as_of, ends)
    origin = known.n_days - 1
    if np.isnan(known.counts[:, origin]).all():
        raise ValueError(f"enrollment_metrics has no row for {as_of}; a forecast starts from a day that has a snapshot")
    points = _points(known, horizon_days)
    past = _in_days(backtest[backtest["target_date"] <= pd.Timestamp(as_of)], known)
    parts = [pd.DataFrame()]
    for kind, errors in past.groupby([*KIND, "method"]):
        leads = leads_of(bool(kind[1]))
        made = points[(points[[*KIND, "method"]] == list(kind)).all(axis=1)]
        if len(made):
            widths = rolling_widths(errors, leads, [*errors["origin"].unique(), origin])
            parts.append(with_intervals(made, widths[origin], leads).dropna(subset=ENDS))
    rows = pd.concat(parts, ignore_index=True)
    if rows.empty:
        return ENROLLMENT_FORECAST.empty()
    rows = rows.assign(as_of_date=pd.Timestamp(as_of), target_date=known.first + pd.to_timedelta(rows["target"], unit="D"))
    rows = rows.assign(is_used=_used(rows, accuracy(past)))
    return ENROLLMENT_FORECAST.conform(rows[ENROLLMENT_FORECAST.names])


def _points(known: Curves, horizon_days: int) -> pd.DataFrame:
    origin = known.n_days - 1
    path = origin + np.arange(1, horizon_days + 1)
    ahead = known.census - origin
    terms = np.flatnonzero((ahead > 0) & (ahead <= CENSUS_DAYS))
    parts = [expected_counts(known, int(row), path, is_census=False) for row in np.flatnonzero(known.scope != "term")]
    parts += [expected_counts(known, int(row), known.census[[row]].astype("int64"), is_census=True) for row in terms]
    return pd.concat([pd.DataFrame(columns=[*KIND, "method"]), *parts], ignore_index=True) if parts else pd.DataFrame()


def _in_days(backtest: pd.DataFrame, known: Curves) -> pd.DataFrame:
    target = (backtest["target_date"] - known.first) // pd.Timedelta(days=1)
    error = relative_error(backtest["actual"], backtest["expected"])
    return backtest.assign(target=target, origin=target - backtest["lead_days"], error=error)


def _used(rows: pd.DataFrame, figures: pd.DataFrame) -> pd.Series:
    """Which row of each series and target has the best method: smallest score, then the order of METHODS.

    The score at a lead is the geometric mean of error_to_naive over the backtest's lead next above and its two neighbours:
    a single lead of a few terms is too noisy to choose by. A daily path keeps to one method, of those that reach furthest the
    one with the smallest mean score: a path that changed its method would show bends that nobody expects.
    """
    leads = [
        min((lead for lead in leads_of(is_census) if lead >= ahead), default=leads_of(is_census)[-1])
        for is_census, ahead in zip(rows["is_census"], rows["lead_days"], strict=True)
    ]
    ranked = rows[["scope", "is_census", "method", "name", "target_date"]].assign(
        backtest_lead=leads, order=rows["method"].map({name: place for place, name in enumerate(METHODS)}), at=rows.index
    )
    ranked = ranked.merge(_scores(figures), how="left", on=[*KIND, "method", "backtest_lead"])
    path = ranked.groupby([*KIND, "name", "method"])
    is_daily = ~ranked["is_census"].astype(bool)
    ranked["reach"] = path["target_date"].transform("size").where(is_daily, 0)
    ranked["score"] = path["score"].transform("mean").where(is_daily, ranked["score"])
    ranked = ranked.sort_values(["reach", "score", "order"], ascending=[False, True, True])
    best = ranked.drop_duplicates(["scope", "name", "target_date"])["at"]
    return pd.Series(rows.index.isin(best), index=rows.index)


def _scores(figures: pd.DataFrame) -> pd.DataFrame:
    """The logarithm of the score of each kind of target, method and lead of the backtest."""
    parts = [pd.DataFrame(columns=[*KIND, "method", "backtest_lead", "score"])]
    for (scope, is_census, method), group in figures.groupby([*KIND, "method"]):
        ratio = group.set_index("lead_days")["error_to_naive"].reindex(list(leads_of(bool(is_census)))).clip(*RATIO_BOUNDS)
        score = np.log(ratio).rolling(3, center=True, min_periods=1).mean().where(ratio.notna())
        score = score.rename("score").rename_axis("backtest_lead").reset_index()
        parts.append(score.assign(scope=scope, is_census=is_census, method=method))
    return pd.concat([part for part in parts if len(part)] or parts)
