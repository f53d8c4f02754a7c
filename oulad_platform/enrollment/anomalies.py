"""Which figures of a day are unusual, judged by the days before it: expected range, robust score and a reason in words.

How often this finds planted faults, and how often it cries wolf, is `enrollment.anomaly_benchmark`. Who is told about an
anomaly lives elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core.calendar import DAYS_PER_WEEK
from oulad_platform.enrollment.foresight_tables import ENROLLMENT_ANOMALIES, MEASURES

Floats = npt.NDArray[np.float64]

WINDOW_DAYS = 56
WINDOW = timedelta(days=WINDOW_DAYS)  # how far a day reaches into the judgement of later ones
MIN_DAYS = 14  # days with a known change before a series can be judged
MIN_WEEKS = 4  # of one weekday before it counts as a rhythm of its own
RECENT_DAYS = 14  # the level follows these, so that the rush before a term is not an alarm every day
THRESHOLD = 5.0  # robust standard deviations
MIN_DEVIATION = 5  # enrolments; a smaller deviation is never an alarm, so tiny programs stay quiet
MIN_SHARE = 0.01  # of the enrolments; a smaller deviation is never an alarm
STUCK_DAYS = 2  # snapshots in a row without any change
STUCK_PROBABILITY = 0.001  # of as many quiet days in a row, by the weekdays' own share of quiet days
MAD_TO_SD = 1.4826  # of a normal distribution
POISSON_SD = 0.5  # of the square root of a Poisson count
PART_MISSING_PCT, LOADED_TWICE_PCT = 40, 60  # from here a reason names the likely fault
FLOWS = ["new_students", "dropped_students", "completed_students", "baseline_students", "moved_in", "moved_out"]


def enrollment_anomalies(metrics: pd.DataFrame, days: Iterable[date], window_days: int = WINDOW_DAYS) -> pd.DataFrame:
    """`enrollment_anomalies`: one row per day of `days`, scope, name and measure that can be judged.

    A day is judged by the `window_days` before it (whole weeks), never by itself or later ones. It can be judged when its
    changes are known and so are those of at least 14 days of the window; other days have no row.

    - New and dropped students are judged as they are; the enrolment by its change without completed and baseline
      enrolments, so that a term's start or end is no anomaly. After a gap in the snapshots the change is taken per day.
    - Judged on the (signed) square root, where a count's noise has the same size at every level: 1/2 (Bartlett, Suppl. J.
      Royal Statistical Society 3:68, 1936). Expected is the weekday's median, moved by the median remainder of the last 14 days.
    - Score = distance from it / the remainder's median absolute deviation * 1.4826, or 1/2 where that is smaller: a series
      that never moves has a scale too, and a spike in it is found; past outliers hardly move either median.
    - The range is +-5 scores, but at least 5 enrolments and 1 % of the enrolment: a smaller deviation is never an alarm.
    - A name with enrolments in the snapshot before and without a row has 0 of them, and is judged.
    - The total also raises when no figure has changed for so many snapshots that it is unlikely by each weekday's share of
      quiet days (under .001): quiet weekends are rhythm, a stuck feed is not.

    Raises ValueError when `window_days` is not a number of whole weeks.
    """
    if window_days < DAYS_PER_WEEK or window_days % DAYS_PER_WEEK:
        raise ValueError(f"window_days {window_days} is not a number of whole weeks, such as {WINDOW_DAYS}")
    wanted = pd.DatetimeIndex(list(days))
    if wanted.empty or metrics.empty:
        return ENROLLMENT_ANOMALIES.empty()
    first = wanted.min() - pd.Timedelta(days=window_days + 1)
    known = metrics[(metrics["date"] >= first) & (metrics["date"] <= wanted.max())]
    figures = _figures(known)
    judged = np.flatnonzero(figures["date"].isin(wanted) & figures["change"].notna())
    table = pd.concat([_judge(figures, measure, judged, first, window_days) for measure in MEASURES], ignore_index=True)
    unchanged = table["date"].map(_unlikely_quiet(known, wanted, window_days))
    table["unchanged"] = unchanged.where((table["scope"] == "total") & (table["measure"] == "total_enrollment")).fillna(0)
    table["is_outside"] = (table["observed"] < table["lower"]) | (table["observed"] > table["upper"])
    table["is_anomaly"] = table["is_outside"] | (table["unchanged"] > 0)
    reasons = {row.Index: _reason(row) for row in table[table["is_anomaly"]].itertuples()}
    table["reason"] = pd.Series(reasons, dtype="str").reindex(table.index, fill_value="")
    return ENROLLMENT_ANOMALIES.conform(table[ENROLLMENT_ANOMALIES.names])


def _figures(metrics: pd.DataFrame) -> pd.DataFrame:
    """The rows with their change (NaN where unknown), the days it spans, and the enrolment it started from; the vanished too."""
    columns = ["date", "previous_date", "scope", "name", "total_enrollment", *FLOWS]
    known = metrics[columns].astype(dict.fromkeys(["total_enrollment", *FLOWS], "float64"))
    known = pd.concat([known, _vanished(known)], ignore_index=True)
    change = known["new_students"] - known["dropped_students"] + known["moved_in"] - known["moved_out"]
    gap = (known["date"] - known["previous_date"]).dt.days
    start = known["total_enrollment"] - change
    return known.assign(change=change.where(gap > 0), gap=gap, start=start)


def _vanished(known: pd.DataFrame) -> pd.DataFrame:
    """A row of 0 enrolments for each name that had some in the snapshot before a day and has no row on it."""
    links = known[["date", "previous_date"]].dropna().drop_duplicates()
    before = known.loc[known["total_enrollment"] > 0, ["date", "scope", "name", "total_enrollment"]]
    expected = links.merge(before.rename(columns={"date": "previous_date"}), on="previous_date")
    here = pd.MultiIndex.from_frame(known[["date", "scope", "name"]])
    gone = expected[~pd.MultiIndex.from_frame(expected[["date", "scope", "name"]]).isin(here)]
    nothing = dict.fromkeys(FLOWS, 0.0)
    return gone.assign(**nothing).assign(dropped_students=gone["total_enrollment"], total_enrollment=0.0)


def _judge(
    figures: pd.DataFrame, measure: str, judged: npt.NDArray[np.int64], first: pd.Timestamp, window_days: int
) -> pd.DataFrame:
    """The rows `judged` that have enough history, with observed, expected, range and score of one measure."""
    is_total = measure == "total_enrollment"
    gap = figures["gap"].to_numpy("float64")
    rate = _root(figures["change" if is_total else measure].to_numpy("float64") / gap)
    series = figures.groupby(["scope", "name"], sort=False).ngroup().to_numpy()
    position = (figures["date"] - first).dt.days.to_numpy()
    history = np.full((series.max(initial=0) + 1, position.max(initial=0) + 1), np.nan)
    history[series, position] = rate
    window = history[series[judged, None], position[judged, None] + np.arange(-window_days, 0)]
    is_known = np.count_nonzero(~np.isnan(window), axis=1) >= MIN_DAYS
    judged, window = judged[is_known], window[is_known]
    centre, spread = _expectation(window)
    start = figures["start"].to_numpy()[judged]
    least = np.maximum(MIN_DEVIATION, MIN_SHARE * start)
    expected, lower, upper = (
        _square(root if is_total else np.maximum(root, 0)) * gap[judged] + start * is_total
        for root in (centre, centre - THRESHOLD * spread, centre + THRESHOLD * spread)
    )
    return figures.iloc[judged].assign(
        measure=measure,
        observed=figures[measure].to_numpy()[judged],
        expected=np.maximum(expected, 0),
        lower=np.maximum(np.minimum(lower, expected - least), 0),
        upper=np.maximum(upper, expected + least),
        score=(rate[judged] - centre) / spread,
    )


def _root(values: Floats) -> Floats:
    return np.sign(values) * np.sqrt(np.abs(values))


def _square(roots: Floats) -> Floats:
    return roots * np.abs(roots)


def _expectation(window: Floats) -> tuple[Floats, Floats]:
    """Centre and spread of the day after each window. Its first column has the weekday that the day itself has."""
    overall, _ = _median(window)
    weeks = window.reshape(len(window), window.shape[1] // DAYS_PER_WEEK, DAYS_PER_WEEK)
    weekday, n_weeks = _median(weeks.swapaxes(1, 2))
    weekday = np.where(n_weeks >= MIN_WEEKS, weekday, overall[:, None])
    remainder = (weeks - weekday[:, None, :]).reshape(window.shape)
    usual, _ = _median(remainder)
    recent, n_recent = _median(remainder[:, -RECENT_DAYS:])
    spread, _ = _median(np.abs(remainder - usual[:, None]))
    return weekday[:, 0] + np.where(n_recent > 0, recent, usual), np.maximum(MAD_TO_SD * spread, POISSON_SD)


def _median(values: Floats) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Median of the known values along the last axis and their number; without any, NaN. Several times faster than nanmedian."""
    ordered = np.sort(values, axis=-1)
    n = np.count_nonzero(~np.isnan(ordered), axis=-1)
    low, high = (np.take_along_axis(ordered, at[..., None], -1)[..., 0] for at in (np.maximum(n - 1, 0) // 2, n // 2))
    return (low + high) / 2, n


def _unlikely_quiet(known: pd.DataFrame, days: pd.DatetimeIndex, window_days: int) -> pd.Series:
    """For the days that end a run of unchanged snapshots unlikely by the days of the window before it: the length of the run."""
    changes = known.dropna(subset=["previous_date"])
    quiet = (changes[FLOWS] == 0).all(axis=1).groupby(changes["date"]).all()
    runs = {}
    for end in quiet.index[quiet & quiet.index.isin(days)]:
        window = quiet[(quiet.index <= end) & (quiet.index >= end - pd.Timedelta(days=window_days))]
        run = window.index[window[::-1].cummin()[::-1]]
        before = window[: len(window) - len(run)]
        if len(run) < STUCK_DAYS or len(before) < MIN_DAYS:
            continue
        usual = (before.sum() + 1) / (len(before) + 2)
        weekday = before.groupby(before.index.day_of_week).agg(["sum", "size"]).reindex(run.day_of_week, fill_value=0)
        if ((weekday["sum"] + usual) / (weekday["size"] + 1)).prod() < STUCK_PROBABILITY:
            runs[end] = len(run)
    return pd.Series(runs, dtype="float64")


def _reason(row: Any) -> str:
    """Why a row is an anomaly: what is outside its range, and whether the feed may be stuck."""
    stuck = f"nothing at all has changed for {row.unchanged:.0f} snapshots: the feed may be stuck"
    outside = _total_reason(row) if row.measure == "total_enrollment" else _flow_reason(row)
    return "; ".join([outside] * row.is_outside + [stuck] * (row.unchanged > 0))


def _total_reason(row: Any) -> str:
    before = f"{row.start:,.0f} on {row.previous_date.day} {row.previous_date:%B}"
    if row.observed == 0:
        return f"{'the institution' if row.scope == 'total' else f'{row.scope} {row.name}'} has no enrolments, had {before}"
    off = 100 * (row.observed - row.expected) / max(row.expected, 1)
    text = f"{abs(off):,.0f} % {'below' if off < 0 else 'above'} the {row.expected:,.0f} expected after {before}"
    if off <= -PART_MISSING_PCT:
        return f"{text}: part of the extract may be missing"
    return f"{text}: rows may have been loaded twice" if off >= LOADED_TWICE_PCT else text


def _flow_reason(row: Any) -> str:
    what, side = row.measure.removesuffix("_students"), "more" if row.observed > row.upper else "fewer"
    when = f"a {row.date:%A} like this" if row.gap == 1 else f"the {row.gap:.0f} days since {row.previous_date:%A}"
    return f"{row.observed:,.0f} {what}, {side} than the {row.lower:,.0f} to {row.upper:,.0f} expected of {when}"
