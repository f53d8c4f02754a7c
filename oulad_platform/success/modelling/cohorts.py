"""Which cohorts had closed when, the model versions that follow, and the labelled rows a version may learn from.

A cohort is a presentation code (all modules that ran it). Nothing is fitted here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol, TypeVar

import pandas as pd

from oulad_platform.core.calendar import end_dates
from oulad_platform.success.features.assembly import presentation_features
from oulad_platform.success.presentation import closed_rates, label, presentations
from oulad_platform.success.tables import TRAINING_PANEL

PANEL_DAYS = (7, 14, 28, 42, 56, 84, 112, 140, 168, 196)
RULE = "rule"


@dataclass(frozen=True)
class Version:
    """A model to be: named after the newest closed presentation code, usable from a day, trained on all codes closed by then."""

    name: str
    trained_from: date
    presentations: tuple[str, ...]


class Dated(Protocol):
    """Anything that may be used from a day on: a version, a model."""

    @property
    def trained_from(self) -> date: ...


AnyDated = TypeVar("AnyDated", bound=Dated)


def closing_days(courses: pd.DataFrame) -> pd.Series:
    """The day on which a presentation code has ended in all its modules, indexed by code, earliest first."""
    return end_dates(courses).groupby(courses["code_presentation"]).max().sort_values(kind="stable")


def versions(courses: pd.DataFrame, until: date) -> list[Version]:
    """One version for each day before `until` on which presentation codes closed, oldest first.

    It may be used from the day after, when every label it learnt from was known.
    """
    closed = closing_days(courses)
    closed = closed[closed < pd.Timestamp(until)]
    found = []
    for day in closed.unique():
        codes = tuple(closed.index[closed <= day])
        found.append(Version(max(closed.index[closed == day]), day.date() + timedelta(days=1), codes))
    return found


def version_for(day: date, candidates: Iterable[AnyDated]) -> AnyDated | None:
    """The newest candidate whose labels were all known on `day`; None when there is none yet and the rule must do."""
    usable = [candidate for candidate in candidates if candidate.trained_from <= day]
    return max(usable, key=lambda candidate: candidate.trained_from, default=None)


def training_panel(tables: Mapping[str, pd.DataFrame], clicks_parts: Mapping[str, pd.DataFrame], until: date) -> pd.DataFrame:
    """Features and outcome of every enrolment of the codes closed before `until`, on each of PANEL_DAYS it was live on.

    In the columns of the table `training_panel`, label 1 = failed or withdrew; an enrolment without a result is left out. It is
    known from the day after its code had closed, as for `versions`. No row while no code has closed.
    """
    courses, closed = tables["courses"], closing_days(tables["courses"])
    known = courses["code_presentation"].isin(closed.index[closed < pd.Timestamp(until)])
    frames = [TRAINING_PANEL.empty()]
    for one in presentations({**tables, "courses": courses[known]}, clicks_parts):
        rows = presentation_features(one, PANEL_DAYS, closed_rates(tables, one.module))
        outcome = label(one.enrolments).set_axis(one.enrolments["id_student"])
        frames.append(rows.assign(label=rows["id_student"].map(outcome)).dropna(subset="label").astype({"label": "int8"}))
    panel = pd.concat(frames, ignore_index=True)
    closed_on = panel["code_presentation"].map(closed).astype(panel["run_date"].dtype)
    return panel.assign(known_from=closed_on + timedelta(days=1))
