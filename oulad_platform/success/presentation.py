"""One presentation's frames in a bundle, its dense day x student cubes, and what other presentations tell about its students.

No feature is defined here and nothing is read from files; a presentation never needs another one's rows, apart from the
outcomes of closed ones and its students' other enrolments (`elsewhere`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core.calendar import end_dates

KEYS = ["code_module", "code_presentation"]
NOT_SUCCEEDED = ("Fail", "Withdrawn")
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
CLICK_COLUMNS = ["id_student", "id_site", "date", "sum_click"]
NO_CLICKS = pd.DataFrame(columns=CLICK_COLUMNS, dtype="int32")
NO_SITES = pd.DataFrame(columns=[*KEYS, "id_site", "activity_type"]).astype({"id_site": "int32"})
NOWHERE = np.empty(0, dtype="int64")
LARGEST_TABLE, TABLE_PAYS = 1 << 23, 8  # for millions of rows a table of all numbers is five times as fast as bisection


@dataclass(frozen=True)
class Presentation:
    """One run of a module, its frames restricted to it.

    `enrolments`: one row per student, sorted by student: student_info with both registration days. `coursework`: one row per
    assessment, exams aside. `submissions`: one row per student and assessment handed in or carried over (is_banked), with the
    due day and weight. `sites`: vle rows. `clicks`: student_vle rows. All days are offsets from `start`, which is day 0; `length`
    is the last day.
    """

    module: str
    presentation: str
    start: date
    length: int
    enrolments: pd.DataFrame
    coursework: pd.DataFrame
    submissions: pd.DataFrame
    sites: pd.DataFrame
    clicks: pd.DataFrame

    @property
    def name(self) -> str:
        """The name of its part in the lake, such as AAA_2013J."""
        return f"{self.module}_{self.presentation}"

    def day_of(self, day: date) -> int:
        """The day offset of a calendar date."""
        return (day - self.start).days

    def days(self, column: str) -> Floats:
        """A day column of `enrolments`, NaN where absent."""
        return floats(self.enrolments[column])

    def students(self, rows: pd.DataFrame) -> Integers:
        """The position in `enrolments` of each row's student. Raises ValueError where one is not enrolled."""
        wanted = rows["id_student"].to_numpy()
        place = positions(self.enrolments["id_student"].to_numpy(), wanted)
        if place.min(initial=0) < 0:
            raise ValueError(
                f"{self.module} {self.presentation}: {(place < 0).sum():,} clicks or submissions are of students "
                "who are not in student_info; load the sources again"
            )
        return place


@dataclass(frozen=True)
class Elsewhere:
    """Every enrolment of every presentation, each fact with the day from which it is known; the own ones are among them.

    `names` are those of the presentations, `modules` their modules. `enrolments`: one row per enrolment: `id_student`, `course`
    (place in `names`), `region`, `label` and, as days since 1970, `start` and `end` of its presentation, `known_from` (the day
    after, from which its result counts as known), `registered` and `unregistered`.
    """

    names: tuple[str, ...]
    modules: tuple[str, ...]
    enrolments: pd.DataFrame


def floats(column: pd.Series) -> Floats:
    """The column as float64 with NaN where a value is absent, whatever its pandas type."""
    return column.to_numpy("float64", na_value=np.nan)


def positions(known: npt.NDArray[np.generic], wanted: npt.NDArray[np.generic]) -> Integers:
    """Where each wanted number stands among the sorted, distinct known ones; -1 where it does not."""
    if not len(known):
        return np.full(len(wanted), -1)
    low, high = int(known[0]), int(known[-1])
    if high - low < LARGEST_TABLE and len(wanted) > TABLE_PAYS * len(known):
        table = np.zeros(high - low + 1, dtype="int32")
        table[known - low] = np.arange(len(known), dtype="int32")
        place = table[np.clip(wanted, low, high) - low]
    else:
        place = np.searchsorted(known, wanted).clip(max=len(known) - 1)
    return np.where(known[place] == wanted, place, -1)


def presentations(tables: Mapping[str, pd.DataFrame], clicks_parts: Mapping[str, pd.DataFrame]) -> Iterator[Presentation]:
    """Each presentation in turn, by module and code; its clicks are fetched when its turn comes and can be freed after.

    `tables` holds the raw tables by name (core shape: `sources.tables`), `clicks_parts` the student_vle rows of each
    presentation under names such as `AAA_2013J`; a presentation without a part has no clicks yet. Without the table `vle`, or the
    column `id_site` of the clicks, every site is of unknown type.
    """
    keys = [*KEYS, "id_student"]
    enrolments = tables["student_info"].merge(tables["student_registration"], on=keys, how="left", validate="1:1")
    enrolments = enrolments.sort_values(keys, ignore_index=True)
    coursework = tables["assessments"].loc[tables["assessments"]["assessment_type"] != "Exam"]
    submissions = tables["student_assessment"].merge(coursework, on="id_assessment", validate="m:1")
    frames = [
        (frame, {key: np.asarray(places) for key, places in frame.groupby(KEYS, sort=False).indices.items()})
        for frame in (enrolments, coursework, submissions, tables.get("vle", NO_SITES))
    ]
    for course in tables["courses"].sort_values(KEYS).to_dict("records"):
        module, code = course["code_module"], course["code_presentation"]
        enrolled, due, handed_in, sites = (frame.take(places.get((module, code), NOWHERE)) for frame, places in frames)
        yield Presentation(
            module=module,
            presentation=code,
            start=course["start_date"].date(),
            length=int(course["module_presentation_length"]),
            enrolments=enrolled.reset_index(drop=True),
            coursework=due.sort_values("id_assessment", ignore_index=True),
            submissions=handed_in.sort_values(["id_student", "id_assessment"], ignore_index=True),
            sites=sites.sort_values("id_site", ignore_index=True),
            clicks=_with_sites(clicks_parts.get(f"{module}_{code}", NO_CLICKS)),
        )


def _with_sites(clicks: pd.DataFrame) -> pd.DataFrame:
    return clicks if "id_site" in clicks else clicks.assign(id_site=-1)


def label(student_info: pd.DataFrame) -> pd.Series:
    """1.0 for Fail or Withdrawn, 0.0 for Pass or Distinction, NaN where no result is known; indexed like the input."""
    result = student_info["final_result"]
    return result.isin(NOT_SUCCEEDED).astype("float64").where(result.notna())


def elsewhere(tables: Mapping[str, pd.DataFrame]) -> Elsewhere:
    """The enrolments of all presentations in `tables`, closed and running ones."""
    courses = tables["courses"]
    keys = [*KEYS, "id_student"]
    rows = tables["student_info"].merge(tables["student_registration"], on=keys, how="left", validate="1:1")
    course = pd.MultiIndex.from_frame(courses[KEYS]).get_indexer(pd.MultiIndex.from_frame(rows[KEYS]))
    rows, course = rows[course >= 0], course[course >= 0]
    start, end = (
        days.to_numpy("datetime64[D]").astype("float64")[course] for days in (courses["start_date"], end_dates(courses))
    )
    known = {
        "id_student": rows["id_student"].array,
        "course": course,
        "region": pd.Categorical(rows["region"] if "region" in rows else np.full(len(rows), None)),
        "label": label(rows).array,
        "start": start,
        "end": end,
        "known_from": end + 1,
        "registered": start + floats(rows["date_registration"]),
        "unregistered": start + floats(rows["date_unregistration"]),
    }
    names = tuple(courses["code_module"] + "_" + courses["code_presentation"])
    return Elsewhere(names, tuple(courses["code_module"]), pd.DataFrame(known))


def events_by_day(
    students: Integers, days: npt.NDArray[np.generic], values: npt.NDArray[np.generic] | None, shape: tuple[int, int], first: int
) -> Floats:
    """Dense sums per day and student. `shape` is (days, students), its first day is `first`; no event lies outside.

    `values` None counts the events.
    """
    cell = (days.astype("int64") - first) * shape[1] + students
    sums = np.bincount(cell, weights=values, minlength=shape[0] * shape[1])
    return sums.reshape(shape).astype("float64", copy=False)


def running(cube: Floats) -> Floats:
    """Sums before each day: row d of the result (one more than the input has) adds the input's rows before d."""
    total = np.zeros((cube.shape[0] + 1, cube.shape[1]))
    np.cumsum(cube, axis=0, out=total[1:])
    return total
