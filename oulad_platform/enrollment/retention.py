"""Cohort retention: how many of a term's census cohort are still here, week by week. Day-over-day rates are `enrollment.metrics`.

Three measures share the word retention, and only the first two can be told from enrolment snapshots:

- The seed document's, `enrollment_metrics.retention_rate`: of the enrolments of one snapshot, those in the next.
- Here: of the enrolments counted on a term's census day, the share still in the same program, or through with it, weeks later.
- IPEDS retention rate (US Department of Education, Fall Enrollment survey): of the first-time, degree-seeking students of one
  fall, the share enrolled again the next fall, or through with the program, part-time and full-time apart. HESA continuation (UK
  performance indicators, table T3): of the entrants counted on 1 December or 50 days after starting, the share still in higher
  education, anywhere, or qualified, a year later. Snapshots neither say who is a first-time entrant or full-time, nor who went
  to another institution, so these are not computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import pandas as pd

from oulad_platform.core.terms import term
from oulad_platform.enrollment.tables import COHORT_RETENTION

DAYS_PER_WEEK = 7
EVERYBODY = "all"
PAIR = ["student_id", "program"]


def cohort_retention(
    census_snapshots: pd.DataFrame, deltas: pd.DataFrame, newest_day: date, census_days: Mapping[str, date] | None = None
) -> pd.DataFrame:
    """`cohort_retention` of every term whose census day is not after `newest_day` and is in `census_snapshots`.

    `census_snapshots` are rows of `enrollment_snapshots` of any days, the census days among them; `deltas` are the
    `enrollment_deltas` of all days after the first census day, so later snapshots are not needed. A member of the cohort is lost
    on the day they dropped or moved out of the program, and found again on the day they returned or moved back; whoever completed
    it is retained for good. Rows go to the last whole week until `newest_day` or the term's end.

    A term's census day is given in `census_days` or follows from its first day; a term with neither has no rows.
    """
    changes = _comings_and_goings(deltas[deltas["snapshot_date"] <= pd.Timestamp(newest_day)])
    tables = [COHORT_RETENTION.empty()]
    for name, rows in census_snapshots.groupby("term"):
        first = rows["term_start_date"].min()
        if pd.isna(first):
            continue
        census = term(str(name), first.date(), None, census_days).census
        cohort = rows[rows["snapshot_date"] == pd.Timestamp(census)]
        if census <= newest_day and not cohort.empty:
            ends = cohort["term_end_date"].max()
            last = newest_day if pd.isna(ends) else min(newest_day, ends.date())
            tables.append(_by_week(str(name), cohort, changes, census, max(0, (last - census).days // DAYS_PER_WEEK)))
    return COHORT_RETENTION.conform(pd.concat(tables, ignore_index=True))


def census_days_of(metrics: pd.DataFrame) -> list[date]:
    """The census days that the rows of scope `term` in `enrollment_metrics` speak of, in order: whose snapshots are kept."""
    rows = metrics[(metrics["scope"] == "term") & metrics["days_to_census"].notna()]
    days = rows["date"] + pd.to_timedelta(rows["days_to_census"].astype("int64"), unit="D")
    return sorted(days.dt.date.unique())


def _comings_and_goings(deltas: pd.DataFrame) -> pd.DataFrame:
    """One row per student, program and day on which they left it (`left` 1), came (0), or completed it (0, `is_end`), by day."""
    columns = [*PAIR, "snapshot_date"]
    is_transfer = (deltas["change"] == "moved") & (deltas["attribute"] == "program")
    out = deltas[is_transfer]
    left = pd.concat([deltas.loc[deltas["change"] == "dropped", columns], out.assign(program=out["from_value"])[columns]])
    came = deltas.loc[deltas["change"].isin(["added", "returned"]) | is_transfer, columns]
    ended = deltas.loc[deltas["change"] == "completed", columns]
    changes = pd.concat([left.assign(left=1, is_end=False), came.assign(left=0, is_end=False), ended.assign(left=0, is_end=True)])
    return changes.sort_values([*PAIR, "snapshot_date"], kind="stable", ignore_index=True)


def _by_week(name: str, cohort: pd.DataFrame, changes: pd.DataFrame, census: date, weeks: int) -> pd.DataFrame:
    later = changes[changes["snapshot_date"] > pd.Timestamp(census)].merge(cohort[PAIR], on=PAIR)
    pair = later.groupby(PAIR, sort=False)
    later = later[pair["is_end"].cumsum() - later["is_end"] == 0]
    step = later["left"] - later.groupby(PAIR, sort=False)["left"].shift(fill_value=0)
    week = -((pd.Timestamp(census) - later["snapshot_date"]).dt.days // DAYS_PER_WEEK)
    programs = np.sort(cohort["program"].unique())
    lost = np.zeros((len(programs), weeks + 2), dtype="int64")
    np.add.at(lost, (np.searchsorted(programs, later["program"]), week.clip(upper=weeks + 1)), step)
    lost = lost[:, : weeks + 1].cumsum(axis=1)
    size = cohort["program"].value_counts().reindex(programs).to_numpy()
    size, lost = np.append(size, size.sum()), np.vstack([lost, lost.sum(axis=0)])
    n_cohort, n_retained = np.repeat(size, weeks + 1), (size[:, None] - lost).ravel()
    number = np.tile(np.arange(weeks + 1), len(size))
    return pd.DataFrame(
        {
            "term": name,
            "program": np.repeat([*programs, EVERYBODY], weeks + 1),
            "week": number,
            "date": [pd.Timestamp(census + timedelta(days=DAYS_PER_WEEK * int(week))) for week in number],
            "census_date": pd.Timestamp(census),
            "n_cohort": n_cohort,
            "n_retained": n_retained,
            "retention_rate": n_retained / n_cohort,
        }
    )
