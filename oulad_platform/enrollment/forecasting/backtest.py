"""What every method would have forecast in the past, and what came: the rolling backtest that chooses methods and intervals.

Making today's forecast is `forecast`'s; the methods themselves are in `pickup` and `methods`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.enrollment.forecasting.intervals import LEVELS, relative_error, rolling_widths, with_intervals
from oulad_platform.enrollment.forecasting.methods import series_forecasts
from oulad_platform.enrollment.forecasting.pickup import STAND_IN_DAYS, Curves, curves, pickup, pickup_daily
from oulad_platform.enrollment.foresight_tables import FORECAST_BACKTEST

Days = npt.NDArray[np.int_]
CENSUS_LEADS = (1, 3, 7, 14, 21, 30, 45, 60)
DAILY_LEADS = (1, 3, 7, 14, 30)
WEEKS = 52
MAX_FITS = 600
KIND = ["scope", "is_census"]
ENDS = [f"{side}_{level}" for level in LEVELS for side in ("lower", "upper")]


def forecast_backtest(
    metrics: pd.DataFrame, as_of: date, ends: Mapping[str, date] | None = None, weeks: int = WEEKS
) -> pd.DataFrame:
    """`forecast_backtest`: from each past origin only what was known then, for targets that are known on `as_of`.

    Scopes total and program from weekly origins of the last `weeks` weeks at leads of 1 to 30 days; scope term at its census
    day, 1 to 60 days ahead. Both keep to `MAX_FITS` origins of series: with many programs origins lie several weeks apart, and
    of the census days the newest are kept. Where a census day has no snapshot, the newest of the 6 days before stands in, for
    leads of 7 days and more; a daily target without a snapshot has no row. A row's interval comes from the errors of its
    method, scope and lead that were known at its origin; it is absent while these are under three. `ends`: see `pickup.curves`.
    Raises ValueError when no row is dated up to `as_of`.
    """
    known = curves(metrics, as_of, ends)
    parts = [part for part in (*_daily(known, weeks), *_census(known)) if len(part)]
    if not parts:
        return FORECAST_BACKTEST.empty()
    rows = pd.concat(parts, ignore_index=True)
    came, stand_in = (values[rows["row"], rows["target"]] for values in (known.counts, known.known))
    far = rows["is_census"] & (rows["lead_days"] > STAND_IN_DAYS)
    rows = rows.assign(actual=np.where(far, stand_in, came)).dropna(subset="actual").reset_index(drop=True)
    rows = _rolling_intervals(rows)
    rows = rows.assign(target_date=known.first + pd.to_timedelta(rows["target"], unit="D"))
    return FORECAST_BACKTEST.conform(rows[FORECAST_BACKTEST.names])


def expected_counts(known: Curves, row: int, targets: Days, is_census: bool) -> pd.DataFrame:
    """What every method expects of the series `row` on the columns `targets`, from the newest column of `known`.

    One row per method and target; none where the series has no enrolment today. Columns row, scope, name, is_census, origin,
    target, lead_days, method, expected.
    """
    origin = known.n_days - 1
    past = known.counts[row]
    if not past[origin] > 0:
        return pd.DataFrame()
    began = int(np.flatnonzero(past > 0)[0])
    found = {"pickup": (pickup if is_census else pickup_daily)(known, row, targets)}
    found |= series_forecasts(past[began:], targets - origin)
    frame = pd.concat([pd.DataFrame({"target": targets, "expected": values, "method": name}) for name, values in found.items()])
    return frame.dropna(subset="expected").assign(
        row=row, scope=known.scope[row], name=known.name[row], is_census=is_census, origin=origin,
        lead_days=lambda rows: rows["target"] - origin,
    )  # fmt: skip


def _daily(known: Curves, weeks: int) -> list[pd.DataFrame]:
    series = np.flatnonzero(known.scope != "term")
    newest = known.n_days - 1
    step = 7 * max(1, -(-len(series) * weeks // MAX_FITS))
    origins = [day for day in range(newest - 1, newest - 7 * weeks - 1, -step) if day >= 0]
    parts = []
    for origin in origins:
        targets = origin + np.array(DAILY_LEADS)
        then = known.until(origin)
        parts += [expected_counts(then, int(row), targets[targets <= newest], is_census=False) for row in series]
    return parts


def _census(known: Curves) -> list[pd.DataFrame]:
    newest = known.n_days - 1
    past = np.flatnonzero(known.census <= newest)
    past = past[np.argsort(-known.census[past], kind="stable")][: MAX_FITS // len(CENSUS_LEADS)]
    parts = []
    for row in past:
        target = int(known.census[row])
        for origin in (target - lead for lead in CENSUS_LEADS if target >= lead):
            parts.append(expected_counts(known.until(origin), int(row), np.array([target]), is_census=True))
    return parts


def leads_of(is_census: bool) -> tuple[int, ...]:
    """The leads at which the backtest looks: of census days, or of daily paths."""
    return CENSUS_LEADS if is_census else DAILY_LEADS


def _rolling_intervals(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the intervals they would have had at their origins."""
    rows = rows.assign(error=relative_error(rows["actual"], rows["expected"]))
    parts = []
    for (_, is_census, _), group in rows.groupby([*KIND, "method"]):
        leads = leads_of(bool(is_census))
        widths = rolling_widths(group, leads, group["origin"].unique())
        parts += [with_intervals(group[group["origin"] == origin], widths[origin], leads) for origin in widths]
    return pd.concat(parts, ignore_index=True)


def accuracy(backtest: pd.DataFrame) -> pd.DataFrame:
    """One row per scope, kind of target, method and lead, as the view `forecast_accuracy`; best method first at each lead.

    wape = sum |expected - actual| / sum actual; bias = sum (expected - actual) / sum actual; error_to_naive = sum of absolute
    errors / the same of naive on the same targets (under 1 is better; 1 where both are 0); coverage over the n_intervals rows
    that have an interval. Shares; NaN where their denominator is 0.
    """
    series = ["scope", "name", "target_date", "lead_days"]
    naive = backtest.loc[backtest["method"] == "naive", series].assign(naive=(backtest["expected"] - backtest["actual"]).abs())
    rows = backtest.merge(naive, on=series, how="left", validate="many_to_one")
    difference = rows["expected"] - rows["actual"]
    inside = {
        f"coverage_{level}": rows["actual"]
        .between(rows[f"lower_{level}"], rows[f"upper_{level}"])
        .astype("float64")
        .where(rows["lower_80"].notna())
        for level in LEVELS
    }
    groups = rows.assign(difference=difference, error=difference.abs(), **inside).groupby([*KIND, "lead_days", "method"])
    sums = groups[["actual", "difference", "error", "naive"]].sum()
    came = sums["actual"].where(sums["actual"] > 0)
    to_naive = (sums["error"] / sums["naive"].where(sums["naive"] > 0)).mask((sums["naive"] == 0) & (sums["error"] == 0), 1.0)
    figures = pd.DataFrame(
        {
            "n_forecasts": groups.size(),
            "wape": sums["error"] / came,
            "bias": sums["difference"] / came,
            "error_to_naive": to_naive,
            "n_intervals": groups["coverage_80"].count(),
            **{name: groups[name].mean() for name in inside},
        }
    ).reset_index()
    return figures.sort_values([*KIND, "lead_days", "error_to_naive"], kind="stable", ignore_index=True)
