"""The counts of the page: withheld where they must be, tables that lead to one another taken together, or rounded. No words."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from oulad_platform.core.outreach import OUTCOMES
from oulad_platform.core.privacy import SHARE_FROM, TOTAL, Disclosure, Sum, rounded, suppress
from oulad_platform.success.dashboard.tables import CONTACT_DAYS, COURSE
from oulad_platform.success.dashboard.views import nearest

SCORED, HIGH, REACHED, ATTEMPTED, LISTED = "scored", "high", "reached", "attempted", "listed"
NEVER_SHOWN = ("other", "untouched", "unlisted")


class CourseCounts(NamedTuple):
    """`courses` by (module, presentation), `programs` by name; last comes privacy.TOTAL. Withheld cells are absent."""

    courses: pd.DataFrame
    programs: pd.Series


def newest(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """The rows of the newest day in the column."""
    return frame[frame[column] == frame[column].max()]


def programs_of(enrollment: pd.DataFrame) -> pd.Series:
    """Enrolments by program on the newest day of enrollment_metrics."""
    rows = newest(enrollment, "date")
    rows = rows[rows["scope"] == "program"].sort_values("name")
    return pd.Series(rows["total_enrollment"].to_numpy("int64"), index=pd.Index(rows["name"].to_numpy("object")))


def current_enrollment(total: pd.DataFrame, counts: CourseCounts, rule: Disclosure) -> Any:
    """Enrolments on the newest day of `total`, enrollment_metrics rows of the whole; absent where they are withheld."""
    if len(counts.programs):
        return counts.programs.get(TOTAL)
    current = newest(total, "date")["total_enrollment"].iloc[0]
    return nearest(current, rule) if rule.rounds or current >= rule.below else pd.NA


def course_counts(course_summary: pd.DataFrame, reach: pd.DataFrame, programs: pd.Series, rule: Disclosure) -> CourseCounts:
    """Enrolments scored, at high risk, reached, contacted and on the list, by course; and enrolments by program.

    `course_summary`: COURSE_SUMMARY_DAILY of one day, `reach`: REACH; used where it counts the same enrolments.
    `programs`: enrolments by program name. A module that is withheld in one of the two tables is withheld in the other, since
    whoever is scored is as a rule who is enrolled.
    """
    table, sums = _table(course_summary, reach)
    modules = pd.Index([name[0] for name in table.index]) if len(table) else pd.Index([])
    enrolled = programs.to_frame("enrolled")
    hidden_modules: set[str] = set()
    while True:
        flags = pd.DataFrame(False, index=table.index, columns=table.columns)
        if len(table):
            flags[SCORED] = modules.isin(hidden_modules)
        courses = _guarded(table, rule, sums=sums, unpublished=[name for name in NEVER_SHOWN if name in table], withhold=flags)
        found = set(modules[courses[SCORED].isna()[:-1]]) if len(table) else set()
        of_programs = enrolled.index.isin(hidden_modules | found)
        shown = _guarded(enrolled, rule, withhold=pd.DataFrame({"enrolled": of_programs}, index=enrolled.index))
        found |= set(shown.index[shown["enrolled"].isna()]) & set(modules)
        if found <= hidden_modules:
            return CourseCounts(courses, shown["enrolled"])
        hidden_modules |= found


def contact_counts(contacts: pd.DataFrame, day: pd.Timestamp, rule: Disclosure) -> pd.DataFrame:
    """Contacts of the last CONTACT_DAYS by week (its last day) and outcome, with the column `contacts`, last privacy.TOTAL."""
    age = (day - contacts["contacted_on"]).dt.days
    recent = contacts[(age >= 0) & (age < CONTACT_DAYS)]
    ends = day - pd.to_timedelta(age[recent.index] // 7 * 7, unit="D")
    weeks = pd.date_range(end=day, periods=CONTACT_DAYS // 7, freq="7D")
    table = pd.crosstab(ends, recent["outcome"]) if len(recent) else pd.DataFrame()
    table = table.reindex(index=weeks, columns=list(OUTCOMES), fill_value=0).astype("int64")
    table["contacts"] = table.sum(axis=1)
    return _guarded(table, rule, sums=[("contacts", OUTCOMES)])


def coarser(curve: pd.DataFrame, rule: Disclosure) -> pd.DataFrame:
    """CALIBRATION_CURVE rows of one test and day, neighbours joined until each may be told.

    Each then holds `rule.below` with and without the outcome; where counts are rounded, 22.5 persons. Columns
    mean_risk, observed_rate, n_students, n_observed. Empty where even all of them together do not.
    """
    rows = curve.sort_values("bin")
    fewest = np.array([0, 0, SHARE_FROM] if rule.rounds else [rule.below, rule.below, 0])
    n = rows["n_students"].to_numpy("int64")
    observed = np.rint(n * rows["observed_rate"].to_numpy()).astype("int64")
    group, place, held = np.zeros(len(rows), dtype="int64"), 0, np.zeros(3)
    for number in range(len(rows)):
        if (held >= fewest).all():
            place, held = place + 1, np.zeros(3)
        group[number] = place
        held += observed[number], n[number] - observed[number], n[number]
    if place and (held < fewest).any():
        group[group == place] = place - 1
    joined = pd.DataFrame({"n_students": n, "n_observed": observed, "sum": n * rows["mean_risk"].to_numpy()}).groupby(group).sum()
    counted = joined[["n_observed", "n_students"]].assign(others=joined["n_students"] - joined["n_observed"])
    joined = joined.loc[(counted[["n_observed", "others", "n_students"]] >= fewest).all(axis=1)]
    return pd.DataFrame(
        {
            "mean_risk": joined["sum"] / joined["n_students"],
            "observed_rate": joined["n_observed"] / joined["n_students"],
            "n_students": joined["n_students"],
            "n_observed": joined["n_observed"],
        }
    ).reset_index(drop=True)


def _guarded(table: pd.DataFrame, rule: Disclosure, **how: Any) -> pd.DataFrame:
    """The counts as they may be shown, last their totals: all rounded, or guarded as `core.privacy.suppress` does."""
    if not rule.rounds:
        return suppress(table, below=rule.below, **how)
    return suppress(table, below=0).apply(rounded)


def _table(course_summary: pd.DataFrame, reach: pd.DataFrame) -> tuple[pd.DataFrame, list[Sum]]:
    """The counts by course with their complements, and which of them add up to which."""
    rows = course_summary.merge(reach, on=[*COURSE, "run_date"], how="left", validate="1:1", suffixes=("", "_counted"))
    rows = rows.sort_values(COURSE, ignore_index=True)
    names = pd.Index(list(zip(rows["code_module"], rows["code_presentation"], strict=True)), tupleize_cols=False)
    table = rows[["student_count", "n_high_risk"]].set_axis([SCORED, HIGH], axis=1)
    table["other"] = table[SCORED] - table[HIGH]
    sums: list[Sum] = [(SCORED, (HIGH, "other"))]
    if len(rows) and rows["n_high_risk_counted"].eq(rows["n_high_risk"]).all():
        table[[REACHED, ATTEMPTED]] = rows[["n_reached", "n_attempted"]].astype("int64")
        table["untouched"] = table[HIGH] - table[REACHED] - table[ATTEMPTED]
        sums.append((HIGH, (REACHED, ATTEMPTED, "untouched")))
        if rows["n_listed"].notna().all():
            table[LISTED] = rows["n_listed"].astype("int64")
            table["unlisted"] = table[SCORED] - table[LISTED]
            sums.append((SCORED, (LISTED, "unlisted")))
    return table.set_axis(names, axis=0), sums
