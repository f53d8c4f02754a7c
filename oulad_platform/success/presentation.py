"""One presentation's frames in a bundle and its dense student x day cubes, of which weeks and features are slices.

No feature is defined here and nothing is read from files; a presentation never needs another one's rows, apart from the
outcomes of closed ones (`closed_rates`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core.calendar import end_dates

KEYS = ["code_module", "code_presentation"]
NOT_SUCCEEDED = ("Fail", "Withdrawn")
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
NO_CLICKS = pd.DataFrame({"id_student": [], "date": [], "sum_click": []}, dtype="int32")


@dataclass(frozen=True)
class Presentation:
    """One run of a module, its frames restricted to it.

    `enrolments`: one row per student, sorted by student: student_info with both registration days. `coursework`: one row per
    assessment, exams aside. `submissions`: one row per student and assessment handed in or carried over (is_banked), with the
    due day and weight. `clicks`: student_vle rows. All days are offsets from `start`, which is day 0; `length` is the last day.
    """

    module: str
    presentation: str
    start: date
    length: int
    enrolments: pd.DataFrame
    coursework: pd.DataFrame
    submissions: pd.DataFrame
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
        """The position in `enrolments` of each row's student. Raises ValueError naming a student who is not enrolled."""
        known, wanted = self.enrolments["id_student"].to_numpy("int64"), rows["id_student"].to_numpy("int64")
        place = np.searchsorted(known, wanted).clip(max=max(len(known) - 1, 0))
        strange = known[place] != wanted if len(known) else np.ones(len(wanted), bool)
        if strange.any():
            raise ValueError(
                f"{self.module} {self.presentation}: student {wanted[strange][0]} has clicks or submissions "
                "but is not in student_info; load the sources again"
            )
        return place


def floats(column: pd.Series) -> Floats:
    """The column as float64 with NaN where a value is absent, whatever its pandas type."""
    return column.to_numpy("float64", na_value=np.nan)


def presentations(tables: Mapping[str, pd.DataFrame], clicks_parts: Mapping[str, pd.DataFrame]) -> Iterator[Presentation]:
    """Each presentation in turn, by module and code; its clicks are fetched when its turn comes and can be freed after.

    `tables` holds the raw tables by name (core shape: `sources.tables`), `clicks_parts` the student_vle rows of each
    presentation under names such as `AAA_2013J`; a presentation without a part has no clicks yet.
    """
    keys = [*KEYS, "id_student"]
    enrolments = tables["student_info"].merge(tables["student_registration"], on=keys, how="left", validate="1:1")
    enrolments = enrolments.sort_values(keys, ignore_index=True)
    coursework = tables["assessments"].loc[tables["assessments"]["assessment_type"] != "Exam"]
    submissions = tables["student_assessment"].merge(coursework, on="id_assessment", validate="m:1")
    for course in tables["courses"].sort_values(KEYS).to_dict("records"):
        module, code = course["code_module"], course["code_presentation"]
        enrolled, due, handed_in = (
            frame.loc[frame["code_module"].eq(module) & frame["code_presentation"].eq(code)]
            for frame in (enrolments, coursework, submissions)
        )
        yield Presentation(
            module=module,
            presentation=code,
            start=course["start_date"].date(),
            length=int(course["module_presentation_length"]),
            enrolments=enrolled.reset_index(drop=True),
            coursework=due.sort_values("id_assessment", ignore_index=True),
            submissions=handed_in.sort_values(["id_student", "id_assessment"], ignore_index=True),
            clicks=clicks_parts.get(f"{module}_{code}", NO_CLICKS),
        )


def label(student_info: pd.DataFrame) -> pd.Series:
    """1.0 for Fail or Withdrawn, 0.0 for Pass or Distinction, NaN where no result is known; indexed like the input."""
    result = student_info["final_result"]
    return result.isin(NOT_SUCCEEDED).astype("float64").where(result.notna())


def closed_rates(tables: Mapping[str, pd.DataFrame], module: str) -> pd.Series:
    """Share of a module's enrolments that failed or withdrew, over all its presentations closed so far.

    Indexed by the date from which the figure is known (the day after a presentation's last day), in order; empty when no
    presentation has results. Read it with the newest date that is not after the day asked for.
    """
    courses = tables["courses"]
    known_from = (end_dates(courses) + timedelta(days=1)).rename("known_from")
    info = tables["student_info"].loc[tables["student_info"]["code_module"].eq(module)]
    results = pd.concat([info[KEYS], label(info).rename("label")], axis=1).dropna(subset="label")
    dated = results.merge(pd.concat([courses[KEYS], known_from], axis=1), on=KEYS)
    sums = dated.groupby("known_from")["label"].agg(["sum", "size"]).cumsum()
    return sums["sum"] / sums["size"]


def events_by_day(
    students: Integers, days: npt.NDArray[np.generic], values: npt.NDArray[np.generic] | None, shape: tuple[int, int], first: int
) -> Floats:
    """Dense sums per student and day. `shape` is (students, days), its first day is `first`; earlier days count as the first.

    Events after the last day are left out. `values` None counts the events.
    """
    column = np.maximum(days.astype("int64") - first, 0)
    inside = column < shape[1]
    weights = None if values is None else values[inside].astype("float64")
    flat = np.bincount(students[inside] * shape[1] + column[inside], weights=weights, minlength=shape[0] * shape[1])
    return flat.reshape(shape).astype("float64", copy=False)


def running(cube: Floats) -> Floats:
    """Sums before each day: column d of the result (one more than the input has) adds the input's columns before d."""
    total = np.zeros((cube.shape[0], cube.shape[1] + 1))
    np.cumsum(cube, axis=1, out=total[:, 1:])
    return total
