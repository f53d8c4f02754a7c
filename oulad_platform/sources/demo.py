"""A demo campus in the shape of OULAD: invented people, real oddities, and a planted truth for every feature to find.

The whole campus, past and future, is a pure function of the day it was founded and a seed; what is handed out is what
could be known on `today`. So it grows day by day, and what was there yesterday never changes. How it is drawn lives in
`demo_plan`, `demo_people`, `demo_students`, `demo_clicks` and `demo_outreach`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import pandas as pd
import pyarrow as pa

from oulad_platform.sources import demo_outreach, demo_plan
from oulad_platform.sources import tables as raw
from oulad_platform.sources.demo_clicks import clicks
from oulad_platform.sources.demo_people import invent_people
from oulad_platform.sources.demo_plan import FALL_WEEKS, STUCK_BEFORE_FOUNDING, DemoPresentation
from oulad_platform.sources.demo_students import SILENT_DAYS, TRIAL_EFFECT_POINTS, enrolments, submissions

ENROLMENT = ["code_module", "code_presentation", "id_student"]


@dataclass(frozen=True)
class FallingModule:
    """A presentation whose activity falls week by week from `first_day`, to its low on `lowest_from`, so that risk rises."""

    code_module: str
    code_presentation: str
    first_day: date
    lowest_from: date


@dataclass(frozen=True)
class MassWithdrawal:
    """These students of one presentation all left on one day."""

    code_module: str
    code_presentation: str
    day: date
    students: tuple[int, ...]


@dataclass(frozen=True)
class Trial:
    """A closed term in which half of the students, drawn by lot, were contacted.

    `arms` has one row per enrolment: code_module, code_presentation, id_student, contacted (bool). `effect_points` is the
    gain in the share that passes among the contacted, in percentage points.
    """

    code_presentation: str
    effect_points: float
    arms: pd.DataFrame


@dataclass(frozen=True)
class GroundTruth:
    """What was planted, whether or not `today` has reached it. Whoever leaves is silent for `silent_days` days before."""

    silent_days: int
    falling: FallingModule
    mass_withdrawals: tuple[MassWithdrawal, ...]
    stuck_day: date
    trial: Trial


@dataclass(frozen=True)
class _World:
    plan: tuple[DemoPresentation, ...]
    people: pd.DataFrame
    roster: pd.DataFrame
    courses: pd.DataFrame
    assessments: pd.DataFrame
    vle: pd.DataFrame
    student_assessment: pd.DataFrame
    contacts: pd.DataFrame


@lru_cache(maxsize=2)
def _draw_world(founded: date, seed: int) -> _World:
    plan = demo_plan.presentations(founded)
    assessments = demo_plan.assessments(plan)
    people = invent_people(sum(presentation.module.size for presentation in plan), seed)
    roster = enrolments(plan, people, seed)
    handed_in = [submissions(p, _of(roster, p), _of(assessments, p), seed) for p in plan]
    return _World(
        plan=plan,
        people=people,
        roster=roster,
        courses=demo_plan.courses(plan),
        assessments=assessments,
        vle=demo_plan.sites(plan, seed),
        student_assessment=raw.STUDENT_ASSESSMENT.conform(pd.concat(handed_in, ignore_index=True)),
        contacts=demo_outreach.contacts(plan, roster, seed),
    )


def _of(frame: pd.DataFrame, presentation: DemoPresentation) -> pd.DataFrame:
    is_its = (frame["code_module"] == presentation.module.code) & (frame["code_presentation"] == presentation.code)
    return frame[is_its].reset_index(drop=True)


@dataclass(frozen=True)
class DemoCampus:
    """The demo campus as it is known at the start of `today`: nothing dated today or later is there yet.

    `founded` is the day the campus was first generated, kept by the caller; the running term began on a Monday seven to
    eight weeks before it and three earlier terms are closed. Modules carry OULAD's codes, so its divisions apply.
    """

    founded: date
    today: date
    seed: int = 2024
    warnings: tuple[str, ...] = ()

    def tables(self) -> dict[str, pd.DataFrame]:
        """The six small raw tables by name, each conforming to its Table in `sources.tables`.

        Courses, assessments and sites are plans and always complete. An enrolment appears the day after registration (an
        unknown registration once the sites open), an unregistration the day after it happened, a final result once the
        presentation has closed; until then it is absent.
        """
        world = self._world
        today = self._day_offsets(world.roster)
        roster = world.roster[world.roster["registered"] < today]
        today = today[roster.index]
        has_closed = self._lengths(roster) < today
        info = roster.merge(world.people, on="id_student", how="left", validate="many_to_one").set_axis(roster.index)
        info["final_result"] = roster["final_result"].where(has_closed)
        registration = roster[ENROLMENT].assign(
            date_registration=roster["registered"].where(roster["registration_recorded"]),
            date_unregistration=roster["leaves"].where(roster["leaving_recorded"] & (roster["leaves"] < today)),
        )
        presentation = world.assessments.set_index("id_assessment")[["code_module", "code_presentation"]]
        handed_in = world.student_assessment
        offsets = self._day_offsets(presentation.loc[handed_in["id_assessment"]]).to_numpy()
        return {
            "courses": world.courses.copy(),
            "assessments": world.assessments.copy(),
            "vle": world.vle.copy(),
            "student_info": raw.STUDENT_INFO.conform(info[raw.STUDENT_INFO.names]),
            "student_registration": raw.STUDENT_REGISTRATION.conform(registration),
            "student_assessment": raw.STUDENT_ASSESSMENT.conform(handed_in[handed_in["date_submitted"] < offsets]),
        }

    def clicks(self, tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, pa.Table]]:
        """Click events, one part such as `AAA_2026J` for each presentation of `tables["courses"]` that has any.

        Rows are ordered by day; a student, site and day may repeat, and repeated rows are separate events.
        """
        world = self._world
        starts = tables["courses"].set_index(["code_module", "code_presentation"])["start_date"]
        for presentation in world.plan:
            before = (pd.Timestamp(self.today) - starts[presentation.module.code, presentation.code]).days
            table = clicks(presentation, _of(world.roster, presentation), _of(world.vle, presentation), self.seed, before)
            if table.num_rows:
                yield presentation.part, table

    def people(self) -> pd.DataFrame:
        """One row per student known by now: id_student, student_name, email, ordered by id. All invented."""
        roster = self._world.roster
        known = roster.loc[roster["registered"] < self._day_offsets(roster), "id_student"]
        people = self._world.people
        columns = ["id_student", "student_name", "email"]
        return people.loc[people["id_student"].isin(known), columns].sort_values("id_student", ignore_index=True)

    def contacts(self) -> pd.DataFrame:
        """INTERVENTIONS made before today: each contacted student of the trial once, and some of the running term."""
        contacts = self._world.contacts
        return contacts[contacts["contacted_on"] < pd.Timestamp(self.today)].reset_index(drop=True)

    def advisers(self) -> pd.DataFrame:
        """ADVISERS: three invented people, one of whom looks after two modules."""
        return demo_outreach.advisers()

    def truth(self) -> GroundTruth:
        """What was planted, by calendar date, student and size."""
        world = self._world
        falling = next(p for p in world.plan if p.falls_from is not None)
        trial = world.roster[world.roster["term"] == demo_plan.TRIAL_TERM]
        return GroundTruth(
            silent_days=SILENT_DAYS,
            falling=FallingModule(
                falling.module.code,
                falling.code,
                first_day=self.founded - timedelta(weeks=FALL_WEEKS),
                lowest_from=self.founded - timedelta(weeks=1),
            ),
            mass_withdrawals=tuple(
                MassWithdrawal(p.module.code, p.code, p.start + timedelta(days=day), self._leavers(p, day))
                for p in world.plan
                if (day := p.mass_withdrawal_day) is not None
            ),
            stuck_day=self.founded - timedelta(days=STUCK_BEFORE_FOUNDING),
            trial=Trial(
                trial["code_presentation"].iloc[0],
                TRIAL_EFFECT_POINTS,
                trial[[*ENROLMENT, "contacted"]].reset_index(drop=True),
            ),
        )

    @property
    def _world(self) -> _World:
        return _draw_world(self.founded, self.seed)

    def _leavers(self, presentation: DemoPresentation, day: int) -> tuple[int, ...]:
        roster = _of(self._world.roster, presentation)
        has_left = (roster["leaves"] == day) & roster["leaving_recorded"]
        return tuple(sorted(roster.loc[has_left, "id_student"].tolist()))

    def _lengths(self, rows: pd.DataFrame) -> pd.Series:
        return rows["code_module"].map({p.module.code: p.module.length for p in self._world.plan})

    def _day_offsets(self, rows: pd.DataFrame) -> pd.Series:
        """Today as a day offset in each row's presentation, indexed like `rows`."""
        starts = {p.code: (self.today - p.start).days for p in self._world.plan}
        return rows["code_presentation"].map(starts).astype(np.int64)
