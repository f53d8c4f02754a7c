"""Which cohorts had closed when, the model versions that follow, which scores which day, and the labelled rows to learn from.

A cohort is a presentation code (all modules that ran it). Nothing is fitted here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core.calendar import DAYS_PER_WEEK, end_dates
from oulad_platform.success.features.assembly import presentation_features
from oulad_platform.success.presentation import Presentation, elsewhere, label, presentations

PANEL_DAYS = tuple(range(0, 2 * 366, DAYS_PER_WEEK))
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


def champion_by_day(champions: pd.DataFrame, days: pd.Series | pd.DatetimeIndex) -> npt.NDArray[np.object_]:
    """The version in charge on each day by `champions` (table `model_champions`): its newest row by then, the rule before any."""
    ordered = champions.sort_values("champion_from")
    since = np.searchsorted(ordered["champion_from"].to_numpy(), days.to_numpy(), side="right")
    return np.array([RULE, *ordered["model_version"]], dtype=object)[since]


def training_panel(
    tables: Mapping[str, pd.DataFrame],
    clicks_parts: Mapping[str, pd.DataFrame],
    until: date,
    days: Sequence[int] = PANEL_DAYS,
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Features and outcome of every enrolment of the codes closed before `until`, on each of the course `days` it was live on.

    A stream of one part per presentation, named such as AAA_2013J, in the columns of the table `training_panel`: one
    presentation is held in memory at a time. Label 1 = failed or withdrew; an enrolment without a result is left out. A row is
    known from the day after its code had closed, as for `versions`. No part while no code has closed.
    """
    courses, closed = tables["courses"], closing_days(tables["courses"])
    known = courses["code_presentation"].isin(closed.index[closed < pd.Timestamp(until)])

    others = elsewhere(tables)

    def part(one: Presentation) -> tuple[str, pd.DataFrame]:
        rows = presentation_features(one, days, others)
        known_from = closed[one.presentation].to_datetime64() + np.timedelta64(1, "D")
        return one.name, labelled(one, rows).assign(known_from=known_from.astype(rows["run_date"].dtype))

    return map(part, presentations({**tables, "courses": courses[known]}, clicks_parts))


def labelled(one: Presentation, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of a presentation's enrolments with their `label`: 1 = failed or withdrew; those without a result left out."""
    outcome = rows["id_student"].map(label(one.enrolments).set_axis(one.enrolments["id_student"]))
    return rows.assign(label=outcome).dropna(subset="label").astype({"label": "int8"})
