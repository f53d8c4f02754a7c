"""Assets of experiments: the simulated one, drawn anew each day, and the live ones as they stand."""

from collections.abc import Mapping
from datetime import datetime

import dagster as dg
import numpy as np
import pandas as pd

from oulad_platform.core.calendar import end_dates
from oulad_platform.defs.catalog import entry
from oulad_platform.defs.io_managers import NEWEST
from oulad_platform.defs.metadata import text
from oulad_platform.defs.models import MODEL_INS, PANEL, Models
from oulad_platform.defs.outreach import INTERVENTIONS
from oulad_platform.defs.resources import DEMO, Platform, utc_now
from oulad_platform.defs.sources import SMALL
from oulad_platform.defs.success import RISK
from oulad_platform.sources.demo import DemoCampus
from oulad_platform.storage.lake import Parts
from oulad_platform.success.experiments import analysis, assignment, design, report, simulation
from oulad_platform.success.experiments.tables import CONTROL, EXPERIMENT_ARMS, EXPERIMENT_DESIGNS, EXPERIMENT_STOPS, TREATMENT
from oulad_platform.success.modelling import model as risk
from oulad_platform.success.presentation import KEYS, NOT_SUCCEEDED

DESIGNS, ARMS, STOPS = EXPERIMENT_DESIGNS, EXPERIMENT_ARMS, EXPERIMENT_STOPS
ASSIGNMENTS = entry("success", "experiment_assignments")
RESULTS = entry("success", "experiment_results")
LOOKS = entry("success", "experiment_looks")
NEWEST_RISK = {"student_risk": dg.AssetIn(RISK.key, metadata=NEWEST)}
OUTCOMES = ("courses", "student_info", "student_registration")


@dg.asset(**ASSIGNMENTS.spec(), ins=NEWEST_RISK)
def experiment_assignments(platform: dg.ResourceParam[Platform], student_risk: pd.DataFrame) -> pd.DataFrame:
    settings = platform.settings
    return assignment.assign(student_risk, settings.experiment_id, settings.experiment_top_k, settings.random_seed)


@dg.asset(
    **RESULTS.spec(),
    ins={
        "assignments": dg.AssetIn(ASSIGNMENTS.key),
        "training_panel": dg.AssetIn(PANEL.key),
        **MODEL_INS,
        **NEWEST_RISK,
    },
)
def experiment_results(
    context: dg.AssetExecutionContext,
    platform: dg.ResourceParam[Platform],
    assignments: pd.DataFrame,
    training_panel: Parts,
    risk_model: Models,
    model_champions: pd.DataFrame,
    student_risk: pd.DataFrame,
) -> pd.DataFrame:
    reference = reference_outcomes(training_panel, risk_model, model_champions, student_risk)
    results = simulation.simulate(assignments, reference, platform.settings.random_seed)
    context.add_asset_metadata({"report": text(report.ab_test_report(results, assignments))})
    return results


@dg.asset(
    **LOOKS.spec(),
    ins={"interventions": dg.AssetIn(INTERVENTIONS.key), **{name: dg.AssetIn(SMALL[name]) for name in OUTCOMES}},
)
def experiment_looks(
    context: dg.AssetExecutionContext,
    platform: dg.ResourceParam[Platform],
    interventions: pd.DataFrame,
    **tables: pd.DataFrame,
) -> pd.DataFrame:
    """The demo campus brings along an experiment of its own, one of an earlier term."""
    if platform.source() == DEMO:
        register_trial(platform, tables)
    designs, arms, stops = (platform.database.read(table) for table in (DESIGNS, ARMS, STOPS))
    looks = analysis.looks(designs, arms, stops, interventions, tables, platform.today())
    context.add_asset_metadata({"report": text(report.live_report(designs, looks, arms))})
    return looks


def register_trial(platform: Platform, tables: Mapping[str, pd.DataFrame]) -> None:
    """Registers the demo campus's trial, once."""
    campus = platform.campus()
    if not isinstance(campus, DemoCampus):
        return
    designed, drawn = trial_registration(campus.truth().trial.arms, tables, registered_at=utc_now())
    if designed["experiment_id"].iloc[0] not in set(platform.database.read(DESIGNS)["experiment_id"]):
        register(platform, designed, drawn)


def trial_registration(
    contacted: pd.DataFrame, tables: Mapping[str, pd.DataFrame], *, registered_at: datetime
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Design and arms of a trial that has already been run: all enrolments of one term, some drawn by lot to be contacted.

    `contacted`: code_module, code_presentation, id_student and contacted (bool), one row per enrolment, and risk_score where
    students were scored before; `tables`: raw courses and student_info. Assigned on the first day of the term, within modules.
    A student counts once, with the first module; who was drawn into both arms is left out. The base rate is the share that
    passed in presentations that had ended by then. Raises DesignError when there is none.
    """
    courses, info = tables["courses"], tables["student_info"]
    both = contacted.groupby("id_student")["contacted"].transform("nunique") > 1
    students = contacted[~both].sort_values(KEYS).drop_duplicates("id_student")
    term = str(students["code_presentation"].iloc[0])
    assigned_on = courses.loc[courses["code_presentation"] == term, "start_date"].min()
    before = info.merge(courses[end_dates(courses) < assigned_on], on=KEYS)["final_result"].dropna()
    designed = design.new_design(
        f"trial-{term}",
        registered_at=registered_at,
        registered_by="the campus",
        hypothesis=f"Students of {term} drawn by lot were contacted: more of them pass than of the others. Written down later.",
        assigned_on=assigned_on.date(),
        population=design.EVERYBODY,
        n_looks=1,
        base_rate=float((~before.isin(NOT_SUCCEEDED)).mean()),
        n_students=len(students),
    )
    arms = students.assign(
        experiment_id=designed["experiment_id"].iloc[0],
        assigned_date=assigned_on,
        risk_score=students.get("risk_score", np.nan),
        stratum=students["code_module"],
        arm=np.array([CONTROL, TREATMENT])[students["contacted"].to_numpy(dtype="int64")],
    )
    return designed, ARMS.conform(arms[ARMS.names])


def register(platform: Platform, designed: pd.DataFrame, drawn: pd.DataFrame) -> None:
    """The design and its arms, both or neither."""
    platform.database.append({DESIGNS: designed, ARMS: drawn})


def reference_outcomes(
    training_panel: Mapping[str, pd.DataFrame], models: Models, champions: pd.DataFrame, student_risk: pd.DataFrame
) -> pd.DataFrame:
    """What became of closed cohorts, by their risk then: what simulations draw from and designs are planned by."""
    panel = risk.training_rows(training_panel.values())
    return simulation.reference_outcomes(panel, risk.score(panel, models, champions), student_risk)


ASSETS = [experiment_assignments, experiment_results, experiment_looks]
