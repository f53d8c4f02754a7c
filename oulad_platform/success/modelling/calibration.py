"""From a learner's log-odds to risks that come true as often as they say, in every module. Fits no learner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

SHRINKAGE = 200.0
FEWEST_OF_A_CLASS = 20


@dataclass(frozen=True)
class Calibration:
    """Calibrated log-odds = intercept of the module + slope x margin; affine, so what adds up to a margin adds up to a score.

    `by_module` holds the intercepts of the modules it was fitted on; any other module has the common `intercept`.
    """

    slope: float
    intercept: float
    by_module: Mapping[str, float]

    def intercept_of(self, modules: pd.Series) -> Floats:
        return np.array([self.by_module.get(module, self.intercept) for module in modules], dtype="float64")

    def log_odds(self, margin: Floats, modules: pd.Series) -> Floats:
        return self.intercept_of(modules) + self.slope * margin


UNCALIBRATED = Calibration(slope=1.0, intercept=0.0, by_module={})


def calibrate(margin: Floats, rows: pd.DataFrame) -> Calibration:
    """The calibration of a learner from margins of students it had not seen; `rows`: their label, module, presentation, student.

    Slope and common intercept by Platt's method (Advances in Large Margin Classifiers, 1999: targets smoothed, so that they stay
    finite), the slope never below 0. A module's intercept moves its mean risk to its observed rate, as far as its n enrolments
    carry: to (n observed + SHRINKAGE expected) / (n + SHRINKAGE), where expected is its mean risk under the common intercept.
    With fewer than FEWEST_OF_A_CLASS enrolments of either outcome nothing is changed (`UNCALIBRATED`).
    """
    from scipy.optimize import brentq

    enrolment = ["code_module", "code_presentation", "id_student"]
    outcomes = rows.drop_duplicates(enrolment)["label"]
    if min(outcomes.eq(1).sum(), outcomes.eq(0).sum()) < FEWEST_OF_A_CLASS:
        return UNCALIBRATED
    labels = rows["label"].to_numpy("float64")
    slope, intercept = _platt(margin, labels)
    common = intercept + slope * margin
    by_module = {}
    for module, own in rows.reset_index(drop=True).groupby("code_module"):
        log_odds = common[own.index]
        n = len(own.drop_duplicates(enrolment))
        wanted = (n * own["label"].mean() + SHRINKAGE * probability(log_odds).mean()) / (n + SHRINKAGE)
        move = brentq(lambda by, at=log_odds, goal=wanted: probability(at + by).mean() - goal, -40.0, 40.0, xtol=1e-10)
        by_module[str(module)] = intercept + float(move)
    return Calibration(slope, intercept, by_module)


def probability(log_odds: Floats) -> Floats:
    """The logistic function, without overflow."""
    return np.exp(-np.logaddexp(0.0, -log_odds))


def _platt(margin: Floats, labels: Floats) -> tuple[float, float]:
    """Slope and intercept of the most likely affine map of the margin."""
    from scipy.optimize import minimize

    n_positive = labels.sum()
    n_negative = len(labels) - n_positive
    targets = np.where(labels == 1, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))

    def loss(at: Floats) -> tuple[float, Floats]:
        log_odds = at[0] * margin + at[1]
        error = (probability(log_odds) - targets) / len(targets)
        return float(np.mean(np.logaddexp(0.0, log_odds) - targets * log_odds)), np.array([error @ margin, error.sum()])

    start, bounds = np.array([1.0, 0.0]), [(0.0, None), (None, None)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-9})
    return float(found.x[0]), float(found.x[1])
