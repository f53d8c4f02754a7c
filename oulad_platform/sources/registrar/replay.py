"""Extracts derived from registrations: what the registrar of OULAD or of the demo campus would have said on each day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core.calendar import end_dates, enrolled_on
from oulad_platform.sources.registrar.config import CANONICAL
from oulad_platform.sources.registrar.extract import Extract

OULAD_DIVISIONS: Mapping[str, str] = {
    **dict.fromkeys(("AAA", "BBB", "GGG"), "Social Sciences"),
    **dict.fromkeys(("CCC", "DDD", "EEE", "FFF"), "STEM"),
}
STATUSES = pd.Series(["registered", "active"], dtype="str")
UNASSIGNED = "Unassigned"
ENROLMENT = ["code_module", "code_presentation", "id_student"]


@dataclass(frozen=True)
class ReplayRegistrar:
    """Extracts derived from registrations: what a registrar would have said on each day of the past.

    `names` (id_student, student_name) gives people's names; without it everybody is `Student <id>`. `divisions` maps a
    module to its division, over those known for OULAD; an unlisted module is `Unassigned`.
    """

    names: pd.DataFrame | None = None
    divisions: Mapping[str, str] = field(default_factory=dict)

    def extract(self, days: Sequence[date], tables: Mapping[str, pd.DataFrame]) -> Iterator[Extract]:
        """Rows in force at the start of each day and not past the term's last day; nothing dated after a day changes it.

        Reads courses (with start_date), student_info and student_registration. A student in several presentations of one
        module has one row: the latest that has started, else the latest to come. `status` is `registered` before the
        term's first day, `active` from it on. `first_enrolled_date` is the earliest registration in that module.
        """
        people = self._registrations(tables)
        known = people[[column for column in CANONICAL if column != "status"]]
        pair, n_pairs = _pairs(people)
        start, end = (people[name].to_numpy("datetime64[D]") for name in ("term_start_date", "term_end_date"))
        registered, unregistered = people["date_registration"].to_numpy(), people["date_unregistration"].to_numpy()
        for day in days:
            on = np.datetime64(day, "D")
            present = enrolled_on(registered, unregistered, (on - start).astype("int64")) & (on <= end)
            rows = np.flatnonzero(present)
            is_started = start[rows] <= on
            latest = np.full(n_pairs, -1)
            for group in (rows[~is_started], rows[is_started]):
                latest[pair[group]] = group
            chosen = latest[latest >= 0]
            status = STATUSES.take((start[chosen] <= on).astype("int64")).reset_index(drop=True)
            frame = known.take(chosen).reset_index(drop=True).assign(status=status)
            yield Extract(day, frame[list(CANONICAL)], f"registrations as of {day}")

    def _registrations(self, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """One row per registration with a known date, in order of term start, in the words of a snapshot."""
        courses = tables["courses"].assign(term_end_date=end_dates(tables["courses"]))
        info = tables["student_info"][[*ENROLMENT, "highest_education"]]
        people = tables["student_registration"].dropna(subset=["date_registration"])
        people = people.merge(courses, on=ENROLMENT[:2], validate="many_to_one")
        people = people.merge(info, on=ENROLMENT, how="left", validate="one_to_one")
        people = people.astype({"date_registration": "float64", "date_unregistration": "float64"})
        people = people.sort_values(["start_date", *ENROLMENT], kind="stable", ignore_index=True)
        people["student_id"] = people["id_student"].astype("str")
        people["student_name"] = self._student_names(people)
        people["division"] = people["code_module"].map({**OULAD_DIVISIONS, **self.divisions}).fillna(UNASSIGNED).astype("str")
        first = people["start_date"] + pd.to_timedelta(people["date_registration"], unit="D")
        people["first_enrolled_date"] = first.groupby([people["id_student"], people["code_module"]]).transform("min")
        return people.rename(
            columns={
                "code_module": "program",
                "code_presentation": "term",
                "highest_education": "level",
                "start_date": "term_start_date",
            }
        )

    def _student_names(self, people: pd.DataFrame) -> pd.Series:
        unnamed = "Student " + people["student_id"]
        if self.names is None:
            return unnamed
        named = people[["id_student"]].merge(self.names, on="id_student", how="left", validate="many_to_one")
        return named["student_name"].fillna(unnamed).astype("str")


def _pairs(people: pd.DataFrame) -> tuple[npt.NDArray[np.int64], int]:
    """A number for each student and program, in the order of their text, and how many there are."""
    grouped = people.groupby(["student_id", "program"], sort=True)
    return grouped.ngroup().to_numpy().astype("int64"), grouped.ngroups
