"""What `enrollment_metrics` says by looking back: averages over days, the same point of last year, and which days that touches.

Counting one day is `enrollment.metrics`; trend and forecast are elsewhere.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.enrollment.tables import ENROLLMENT_METRICS

AVERAGED_DAYS = 7
YEAR_DAYS, YEAR_SLACK = 365, 30
ONE_DAY = pd.Timedelta(days=1)


class Touched(NamedTuple):
    """Stored days that depend on days made again: `changes` to compare and count again, `history` to look back again."""

    changes: list[date]
    history: list[date]


def with_history(metrics: pd.DataFrame, days: Sequence[date]) -> pd.DataFrame:
    """The rows of `days` with what looks back filled in from `metrics` of any days, in any order; `enrollment_metrics`.

    - average_7_days: mean enrolment of the snapshots of this and the 6 days before; a name without a row on one of them had 0
    - last_year_*: the same scope and name on the day 335 to 395 days ago that was as many days before the start of a term of
      its own as the day is before the one it is counted towards (nearest to 365, then the later); absent without such a
      day or row

    Days without rows in `metrics` are unknown, not 0: the caller gives the rows of the 6 days and of the year before.
    """
    wanted = metrics[metrics["date"].isin([pd.Timestamp(day) for day in days])].reset_index(drop=True)
    if wanted.empty:
        return ENROLLMENT_METRICS.empty()
    last_year = _last_year(metrics, wanted)
    return ENROLLMENT_METRICS.conform(wanted.assign(average_7_days=_average(metrics, wanted), **last_year))


def days_touched(stored_days: Sequence[date], made_days: Sequence[date], *, returns_are_recorded: bool = True) -> Touched:
    """Which stored days, other than those just made, are to be made again so that any order of making gives the same tables.

    `changes`: the next snapshot after each made one, to be given to `daily_changes`. Where the registrar does not record
    first_enrolled_date (`returns_are_recorded` False), who returned depends on all earlier days: every later snapshot.
    `history`: `changes`, the 6 days after each of these, and those a year after them, to be given to `with_history`.
    """
    stored, made = sorted(set(stored_days)), set(made_days)
    if not made:
        return Touched([], [])
    if returns_are_recorded:
        after = {stored[at] for at in (bisect_right(stored, day) for day in made) if at < len(stored)}
    else:
        after = {day for day in stored if day > min(made)}
    offsets = [*range(AVERAGED_DAYS), *range(YEAR_DAYS - YEAR_SLACK, YEAR_DAYS + YEAR_SLACK + 1)]
    sources = made | after
    history = [day for day in stored if any(day - timedelta(days=offset) in sources for offset in offsets)]
    return Touched(sorted(after - made), sorted(set(history) - made))


def _average(metrics: pd.DataFrame, wanted: pd.DataFrame) -> npt.NDArray[np.float64]:
    """The averages of the rows of `wanted`, which are rows of `metrics` in the same order."""
    first, last = wanted["date"].min() - (AVERAGED_DAYS - 1) * ONE_DAY, wanted["date"].max()
    window = metrics[metrics["date"].between(first, last)]
    day = (window["date"] - first).dt.days.to_numpy()
    name = window.groupby(["scope", "name"], sort=False).ngroup().to_numpy()
    sizes = np.zeros((name.max() + 1, day.max() + 1), dtype="int64")
    sizes[name, day] = window["total_enrollment"]
    is_stored = np.zeros(day.max() + 1, dtype="int64")
    is_stored[day] = 1
    is_wanted = window["date"].isin(wanted["date"]).to_numpy()
    name, day = name[is_wanted], day[is_wanted]
    return _sums(sizes)[name, day] / _sums(is_stored)[day]


def _sums(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Sums over the last AVERAGED_DAYS entries along the last axis; the first entries have fewer."""
    total = values.cumsum(axis=-1)
    total[..., AVERAGED_DAYS:] -= total[..., :-AVERAGED_DAYS].copy()
    return total


def _last_year(metrics: pd.DataFrame, wanted: pd.DataFrame) -> dict[str, pd.Series]:
    lead = metrics[["date", "scope", "days_to_term_start"]].dropna()
    today = lead[(lead["scope"] == "total") & lead["date"].isin(wanted["date"])].drop(columns="scope")
    then = lead[lead["scope"] == "term"].drop(columns="scope").drop_duplicates()
    pairs = today.merge(then.rename(columns={"date": "last_year_date"}), on="days_to_term_start")
    ago = (pairs["date"] - pairs["last_year_date"]).dt.days
    pairs = pairs.assign(off=(ago - YEAR_DAYS).abs())[(ago - YEAR_DAYS).abs() <= YEAR_SLACK]
    pairs = pairs.sort_values(["off", "last_year_date"], ascending=[True, False]).drop_duplicates("date")
    sizes = metrics[["date", "scope", "name", "total_enrollment"]]
    sizes = sizes.rename(columns={"date": "last_year_date", "total_enrollment": "last_year_enrollment"})
    then = pairs[["date", "last_year_date"]].merge(sizes, on="last_year_date")
    found = wanted[["date", "scope", "name"]].merge(then, on=["date", "scope", "name"], how="left", validate="one_to_one")
    enrollment = found["last_year_enrollment"].astype("Int32")
    return {
        "last_year_date": found["last_year_date"],
        "last_year_enrollment": enrollment,
        "last_year_difference": wanted["total_enrollment"] - enrollment,
    }
