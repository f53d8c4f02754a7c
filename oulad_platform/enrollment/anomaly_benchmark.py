"""How many planted faults three anomaly detectors find in an institution's own history, and how often they cry wolf.

The detector in use is `enrollment.anomalies`; the two plain ones it is measured against are here and used nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from oulad_platform.core.calendar import DAYS_PER_WEEK
from oulad_platform.enrollment.anomalies import FLOWS, MIN_DAYS, WINDOW, WINDOW_DAYS, enrollment_anomalies
from oulad_platform.enrollment.foresight_tables import ANOMALY_BENCHMARK, DETECTORS, FAULTS

SERIES = ["scope", "name"]
CASES = 100  # of each fault; fewer where the history has fewer days to plant it on
MIN_FAULT = 10  # enrolments a fault must move; less is the everyday life of a small program
MASS_DROP = (0.15, 0.30)  # share of a program that leaves in a day
STUCK_SNAPSHOTS = 3
RARELY_QUIET = 0.1  # share of snapshots without any change
MONTH_DAYS = 30
Z_LIMIT, PERCENT_LIMIT = 3, 20


def anomaly_benchmark(metrics: pd.DataFrame, seed: int) -> pd.DataFrame:
    """`anomaly_benchmark`: recall of each detector for each fault, and false alarms a month and series (fault `none`).

    Each fault is planted up to 100 times, each time alone, in rows of `metrics` on days that can be judged and on which the
    detector in use is quiet; which, depends on `seed`. Every planted fault moves at least 10 enrolments and keeps the algebra:

    - half_load: half of the institution's enrolments are absent for a day: the total halves, the rest counts as dropped
    - double_load: every enrolment comes a second time under another identifier: the total doubles, the copies count as new
    - missing_program: no enrolment of one program comes; all count as dropped
    - mass_drop: 15 to 30 % of one program leave in a day
    - stuck_feed: three snapshots equal the one before; found if raised by the third. Planted on days that did have changes and
      on whose weekdays, over the 8 weeks before, at most one snapshot in ten had none: elsewhere stillness is no sign

    A fault is found when the affected series (the institution, or the program) raises on its day. Detectors: robust_seasonal
    is `enrollment_anomalies`; z_score raises where the enrolment is more than 3 standard deviations from the mean of the 56
    days before; fixed_percent where it differs by more than 20 % from the snapshot before. An alarm in the history as it was
    counts as false, one a series and day; a month is 30 judged days. Without a day to judge, rates are absent.
    """
    rng = np.random.default_rng(seed)
    figures = dict.fromkeys(["total_enrollment", *FLOWS], "float64")
    history = metrics[["date", "previous_date", *SERIES, *figures]].astype(figures)
    history = history.sort_values([*SERIES, "date"], ignore_index=True)
    judged = _judged(enrollment_anomalies(history, pd.DatetimeIndex(history["date"].unique())))
    history = history.merge(judged.rename("is_raised").reset_index(), on=["date", *SERIES], how="left")
    series_months = len(judged) / MONTH_DAYS
    is_judged = history["is_raised"].notna()
    alarms = {"robust_seasonal": int(judged.sum()), **{d: int((_PLAIN[d](history) & is_judged).sum()) for d in _PLAIN}}
    rows = [(detector, "none", round(series_months), found, found, series_months) for detector, found in alarms.items()]
    for fault in FAULTS[:-1]:
        cases = _planted(history, fault, rng)
        n = cases["name"].nunique()
        found = {"robust_seasonal": _found_robust(cases, fault), **{d: _found(cases, _PLAIN[d](cases)) for d in _PLAIN}}
        rows += [(detector, fault, n, found[detector], found[detector], n) for detector in DETECTORS]
    table = pd.DataFrame(rows, columns=["detector", "fault", "n_injected", "n_found", "rate", "per"])
    return ANOMALY_BENCHMARK.conform(table.assign(rate=table["rate"] / table["per"].where(table["per"] > 0)).drop(columns="per"))


def _judged(anomalies: pd.DataFrame) -> pd.Series:
    """For each day, scope and name that was judged: whether any of its measures raised."""
    return anomalies.groupby(["date", *SERIES])["is_anomaly"].any()


def _z_score(metrics: pd.DataFrame) -> pd.Series:
    """Rows whose enrolment is far from the mean of the window before; rows stand by series and day."""
    rolling = metrics.groupby(SERIES).rolling("56D", on="date", closed="left", min_periods=MIN_DAYS)["total_enrollment"]
    distance = np.abs(metrics["total_enrollment"].to_numpy("float64") - rolling.mean().to_numpy())
    return pd.Series(distance > Z_LIMIT * rolling.std().to_numpy(), index=metrics.index)


def _fixed_percent(metrics: pd.DataFrame) -> pd.Series:
    """Rows whose enrolment differs much from the row before; rows stand by series and day."""
    before = metrics.groupby(SERIES)["total_enrollment"].shift()
    return (100 * (metrics["total_enrollment"] - before).abs() > PERCENT_LIMIT * before).fillna(False)


_PLAIN: dict[str, Callable[[pd.DataFrame], pd.Series]] = {"z_score": _z_score, "fixed_percent": _fixed_percent}


def _planted(history: pd.DataFrame, fault: str, rng: np.random.Generator) -> pd.DataFrame:
    """The cases of one fault, each a series of its own: the window before the fault and the fault itself (`is_fault`)."""
    scope = "program" if fault in ("missing_program", "mass_drop") else "total"
    rows = history[history["scope"] == scope]
    affected = rows["total_enrollment"]
    if fault == "mass_drop":
        affected = (affected - rows["new_students"]) * rng.uniform(*MASS_DROP, len(rows))
    moved = (affected / 2 if fault == "half_load" else affected).round()
    is_possible = rows["is_raised"].eq(False) & (moved >= MIN_FAULT)
    length = 1
    if fault == "stuck_feed":
        length, is_possible = STUCK_SNAPSHOTS, _can_get_stuck(rows, is_possible)
    possible = np.flatnonzero(is_possible)
    chosen = np.sort(rng.choice(possible, min(CASES, len(possible)), replace=False))
    cases = [rows.iloc[:0].assign(is_fault=False)]
    for number, at in enumerate(chosen):
        first, last = rows["date"].iloc[at], rows["date"].iloc[at + length - 1]
        is_near = (rows["name"] == rows["name"].iloc[at]) & rows["date"].between(first - WINDOW - pd.Timedelta(days=1), last)
        case = rows[is_near].assign(name=f"case {number:03}", is_fault=lambda near, first=first: near["date"] >= first)
        cases.append(_faulty(case, fault, moved.iloc[at]))
    return pd.concat(cases, ignore_index=True)


def _can_get_stuck(rows: pd.DataFrame, is_possible: pd.Series) -> pd.Series:
    """Whether each row of the total and the two after it had changes, on weekdays that rarely have none."""
    is_quiet = (rows[FLOWS] == 0).all(axis=1)
    by_weekday = is_quiet.astype("float64").groupby(rows["date"].dt.day_of_week)
    usually = by_weekday.transform(lambda quiet: quiet.rolling(WINDOW_DAYS // DAYS_PER_WEEK, min_periods=1).mean().shift())
    can_stick = (is_possible & ~is_quiet).astype("float64")
    ahead = pd.api.indexers.FixedForwardWindowIndexer(window_size=STUCK_SNAPSHOTS)
    return (can_stick.rolling(ahead).min() == 1) & (usually.rolling(ahead).mean() <= RARELY_QUIET)


def _faulty(case: pd.DataFrame, fault: str, moved: float) -> pd.DataFrame:
    """The case with its last row, or rows, as the metrics would have shown the fault; `moved` enrolments leave or come."""
    case, at = case.copy(), case["is_fault"].to_numpy()
    if fault == "stuck_feed":
        case.loc[at, FLOWS] = 0
        case.loc[at, "total_enrollment"] = case.loc[~at, "total_enrollment"].iloc[-1]
    elif fault == "double_load":
        case.loc[at, ["total_enrollment", "new_students"]] += moved
    else:
        total, new = case.loc[at, "total_enrollment"], case.loc[at, "new_students"]
        unseen = new * 0 if fault == "mass_drop" else (new * moved / total).round()
        case.loc[at, "total_enrollment"] = total - moved
        case.loc[at, "new_students"] = new - unseen
        case.loc[at, "dropped_students"] += moved - unseen
    return case


def _found_robust(cases: pd.DataFrame, fault: str) -> int:
    if cases.empty:
        return 0
    if fault == "stuck_feed":  # quiet days are told from all series together, so each case is a history of its own
        return sum(_is_raised(case) for _, case in cases.assign(name="all").groupby(cases["name"]))
    days = pd.DatetimeIndex(cases.loc[cases["is_fault"], "date"].unique())
    raised = _judged(enrollment_anomalies(cases, days)).reindex(pd.MultiIndex.from_frame(cases[["date", *SERIES]]))
    return _found(cases, pd.Series(raised.eq(True).to_numpy(), index=cases.index))


def _is_raised(case: pd.DataFrame) -> bool:
    return bool(enrollment_anomalies(case, pd.DatetimeIndex(case.loc[case["is_fault"], "date"]))["is_anomaly"].any())


def _found(cases: pd.DataFrame, raised: pd.Series) -> int:
    """How many cases are raised on any of their faulty rows."""
    return int(cases.loc[cases["is_fault"] & raised, "name"].nunique())
