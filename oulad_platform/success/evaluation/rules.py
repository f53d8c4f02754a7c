"""The rules to beat: whom a tutor would contact without any model. How good they are is counted in `figures`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.success.modelling.cohorts import RULE
from oulad_platform.success.modelling.model import RULE_RISK, SILENT_DAYS, rule_risk

MISSED, SILENT = "missed_assessment", "silent_7_days"
Flags = npt.NDArray[np.bool_]


def missed_assessment(features: pd.DataFrame) -> Flags:
    """Who has not handed in an assessment that was due."""
    return features["n_assessments_missed"].gt(0).to_numpy()


def silent(features: pd.DataFrame) -> Flags:
    """Who has not visited for SILENT_DAYS days of the course."""
    return (features["clicks_7d"].eq(0) & features["day"].ge(SILENT_DAYS)).to_numpy()


def either(features: pd.DataFrame) -> Flags:
    """Who is flagged by the rule that scores before any cohort has closed (`modelling.model.rule_risk`)."""
    return rule_risk(features) == RULE_RISK


RULES: Mapping[str, Callable[[pd.DataFrame], Flags]] = {MISSED: missed_assessment, SILENT: silent, RULE: either}
IN_METRICS = {MISSED: "missed", SILENT: "silent", RULE: "rule"}  # as in precision_at_missed_budget
