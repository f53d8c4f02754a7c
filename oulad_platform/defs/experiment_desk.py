"""`oulad experiment`: a design is registered and its arms drawn, both before anybody is contacted; what it shows; its end."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markdown import Markdown

from oulad_platform.defs.catalog import entry
from oulad_platform.defs.experiments import ARMS, DESIGNS, LOOKS, OUTCOMES, STOPS, reference_outcomes, register
from oulad_platform.defs.io_managers import stored_models
from oulad_platform.defs.models import CHAMPIONS, PANEL
from oulad_platform.defs.outreach import INTERVENTIONS
from oulad_platform.defs.resources import Platform, utc_now
from oulad_platform.defs.success import RISK
from oulad_platform.success.experiments import analysis, design, report
from oulad_platform.success.experiments.tables import RETAINED


class UnknownExperimentError(ValueError):
    """There is no such experiment, or it has ended, or nobody is scored yet."""


def start(
    platform: Platform,
    experiment_id: str,
    *,
    by: str,
    population: str,
    modules: tuple[str, ...],
    outcome: str,
    horizon_days: int | None,
    base_rate: float | None,
    **given: Any,
) -> None:
    """Registers the experiment on today's scores and prints its design. Raises DesignError for one that cannot be."""
    database, newest, today = platform.database, platform.database.newest_day(RISK.table), platform.today()
    if newest != today:
        raise UnknownExperimentError(_without_scores(platform, newest, today))
    risk, known = database.read_days(RISK.table, [newest]), database.read(DESIGNS)
    if experiment_id in set(known["experiment_id"]):
        raise UnknownExperimentError(f"there is an experiment {experiment_id}; a design never changes, choose another name")
    busy = analysis.taking_part(known, database.read(ARMS), database.read(STOPS), _looks(platform), newest)
    students = design.eligible(risk, population, modules, busy)
    if base_rate is None:
        base_rate = _base_rate(platform, students, risk, outcome, horizon_days)
    designed = design.new_design(
        experiment_id,
        registered_at=utc_now(),
        registered_by=by,
        assigned_on=newest,
        population=population,
        modules=modules,
        outcome=outcome,
        horizon_days=horizon_days,
        base_rate=base_rate,
        n_students=len(students),
        **given,
    )
    drawn = design.draw_arms(designed, risk, platform.settings.random_seed, busy)
    register(platform, designed, drawn)
    _tell(report.live_report(designed, LOOKS.table.empty(), drawn))


def _without_scores(platform: Platform, newest: date | None, today: date) -> str:
    ended = platform.calendar_day(today)
    if ended < today:
        return f"the data's calendar ended on {ended}: nobody is scored today, and an experiment begins with today's scores"
    last = "nobody is scored yet" if newest is None else f"the newest scores are of {newest}, today is {today}"
    return f"{last}; score today first: oulad run --first {today} --last {today}"


def _base_rate(platform: Platform, students: pd.DataFrame, risk: pd.DataFrame, outcome: str, horizon_days: int | None) -> float:
    """What became of closed cohorts; NaN, which no design accepts, where none tells."""
    if outcome == RETAINED:
        return design.retention_of(students, _raw(platform), risk["run_date"].iloc[0].date(), horizon_days or 0)
    panel = platform.lake.parts(PANEL.line, PANEL.table)
    reference = reference_outcomes(panel, stored_models(platform), platform.database.read(CHAMPIONS.table), risk)
    return design.base_rate_of(students, reference)


def status(platform: Platform) -> None:
    """Prints every live experiment, analysed with what is stored now."""
    database = platform.database
    _tell(report.live_report(database.read(DESIGNS), _looks(platform), database.read(ARMS)))


def stop(platform: Platform, experiment_id: str, by: str, reason: str) -> None:
    """Records that a person ended the experiment. Raises UnknownExperimentError."""
    database = platform.database
    if experiment_id not in set(database.read(DESIGNS)["experiment_id"]):
        raise UnknownExperimentError(f"there is no experiment {experiment_id}; `oulad experiment status` lists them")
    if experiment_id in set(database.read(STOPS)["experiment_id"]):
        raise UnknownExperimentError(f"experiment {experiment_id} was stopped before")
    row = {
        "experiment_id": experiment_id,
        "stopped_at": utc_now(),
        "stopped_on": pd.Timestamp(platform.today()),
        "stopped_by": by,
        "reason": reason,
    }
    database.append({STOPS: STOPS.conform(pd.DataFrame([row]))})
    Console().print(f"{experiment_id} is stopped; its control students may be contacted again", markup=False)


def _looks(platform: Platform) -> pd.DataFrame:
    database = platform.database
    designs, arms, stops = (database.read(table) for table in (DESIGNS, ARMS, STOPS))
    return analysis.looks(designs, arms, stops, database.read(INTERVENTIONS.table), _raw(platform), platform.today())


def _raw(platform: Platform) -> dict[str, pd.DataFrame]:
    return {name: platform.lake.read("sources", entry("sources", name).table) for name in OUTCOMES}


def _tell(markdown: str) -> None:
    Console().print(Markdown(markdown))
