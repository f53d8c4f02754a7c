"""A small campus evaluated whole, once for all tests of the room."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import pandas as pd

from oulad_platform.core.checks import require
from oulad_platform.success.evaluation.ladder import ladder_risk
from oulad_platform.success.evaluation.latest import latest_metrics
from oulad_platform.success.evaluation.protocol import split_risk, together, trial_risk
from oulad_platform.success.evaluation.tabulation import calibration_curve, model_evaluation
from oulad_platform.success.model_tables import CALIBRATION_CURVE, MODEL_EVALUATION
from oulad_platform.success.modelling.cohorts import training_panel, versions
from oulad_platform.success.modelling.model import RiskModel, fit_versions, training_rows
from oulad_platform_tests.success.campus import cohorts

UNTIL = date(2014, 12, 1)
RESAMPLES = 60
THREE = (("2013B", "2013-02-01"), ("2013J", "2013-10-01"), ("2014B", "2014-02-01"))


@dataclass(frozen=True)
class Run:
    raw: dict[str, pd.DataFrame]
    panel: dict[str, pd.DataFrame]
    models: dict[str, RiskModel]
    tested: pd.DataFrame
    evaluation: pd.DataFrame
    curve: pd.DataFrame
    latest: dict[str, Any]


@cache
def run(runs: tuple[tuple[str, str], ...] = THREE, split_week: int = 4) -> Run:
    raw, parts = cohorts(*runs)
    panel = dict(training_panel(raw, parts, UNTIL))
    models = {}
    if panel:
        models, _ = fit_versions(training_rows(panel.values()), versions(raw["courses"], UNTIL), seed=7)
    trials = trial_risk(panel, models, raw["courses"])
    tested = together([trials, split_risk(panel, models, split_week, 7), ladder_risk(panel, models, raw, parts, 7)])
    people = raw["student_info"], raw["student_registration"]
    evaluation = require(model_evaluation(tested, *people, seed=7, resamples=RESAMPLES), MODEL_EVALUATION)
    curve = require(calibration_curve(tested), CALIBRATION_CURVE)
    return Run(raw, panel, models, tested, evaluation, curve, latest_metrics(evaluation, models))
