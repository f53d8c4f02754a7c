"""How far each feature pushes a student's risk: SHAP values that add up to the score, computed as the learner's kind allows.

Pushes are the model's reasons, not causes. A few of them in words are made in `reasons`, their means in `top_features`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.success.modelling.learners import Blend, GradientBoosting, Logistic
from oulad_platform.success.modelling.model import RiskModel, log_odds
from oulad_platform.success.modelling.network import Network, inputs

Floats = npt.NDArray[np.float64]

TOLERANCE = 1e-4
PERMUTATION_PAIRS = 16
PERMUTATION_SEED = 1
BLOCK = 1_000  # rows whose first layer stays in the processor's cache


class ExplanationError(ValueError):
    """A score cannot be explained: its model is of an unknown kind, or the pushes do not add up to it."""


@dataclass(frozen=True)
class Pushes:
    """What makes up the log-odds of n rows: `base` [n], before anything is known of the student, `by_feature` [n, features]."""

    features: tuple[str, ...]
    base: Floats
    by_feature: Floats
    method: str


def pushes(model: RiskModel, features: pd.DataFrame) -> Pushes:
    """The pushes (log-odds, above 0 raises the risk) of the model's features on each row of `features`, in its order.

    Gradient boosting: exact tree SHAP, path dependent (Lundberg et al., Nature Machine Intelligence 2, 2020). Logistic: exact
    linear SHAP against the mean training row, with the weights of the row's day. Blend: the mean of both. Network: Shapley
    values against the mean training row, sampled over permutations and their reverses (Mitchell et al., JMLR 23, 2022), the same
    ones for every row. Calibration is affine in the margin and its offsets of module and month belong to the base, so base plus
    pushes is the calibrated log-odds; raises ExplanationError when that misses the model's own by more than TOLERANCE.
    """
    kind = model.learner.kind
    if kind not in METHODS:
        raise ExplanationError(
            f"model {model.version}: no explanation for a learner of kind {kind!r}, only for {', '.join(METHODS)}"
        )
    method, shares_of = METHODS[kind]
    base, shares = shares_of(model.learner, features[list(model.features)].to_numpy("float64"))
    calibration = model.calibration
    bases = calibration.log_odds(np.full(len(features), base), features)
    found = Pushes(model.features, bases, calibration.slope * shares, method)
    gap = np.abs(found.base + found.by_feature.sum(axis=1) - log_odds(model, features))
    if len(gap) and not gap.max() <= TOLERANCE:
        module = features["code_module"].iloc[int(gap.argmax())]
        raise ExplanationError(
            f"model {model.version}: the pushes of a student in {module} miss the model's "
            f"log-odds by {gap.max():.2g}, more than {TOLERANCE:g}; check that shap and woodelf support this scikit-learn"
        )
    return found


def _of_trees(learner: GradientBoosting, values: Floats) -> tuple[float, Floats]:
    shares = np.zeros(values.shape)
    if len(values):
        for estimator in learner.estimators:
            shares += _of_estimator(estimator, values) / len(learner.estimators)
    return float(np.mean([_expected(estimator) for estimator in learner.estimators])), shares


def _of_estimator(estimator: Any, values: Floats) -> Floats:
    """Tree SHAP by woodelf (Nadel and Wettenstein, AAAI 2026), which is faster; where it is not installed, by shap."""
    if find_spec("woodelf"):
        from woodelf import WoodelfExplainer  # type: ignore[import-not-found, unused-ignore]

        return np.asarray(WoodelfExplainer(estimator).shap_values(pd.DataFrame(values), verbose=False), dtype="float64")
    from shap import TreeExplainer

    return np.asarray(TreeExplainer(estimator).shap_values(values), dtype="float64")


def _expected(estimator: Any) -> float:
    """The margin where no feature is known: every tree's mean leaf over the training rows that reached it."""
    trees = [predictor.nodes for (predictor,) in estimator._predictors]
    leaves = sum(np.average(tree["value"], weights=tree["count"] * tree["is_leaf"]) for tree in trees)
    return float(np.ravel(estimator._baseline_prediction)[0] + leaves)


def _of_weights(learner: Logistic, values: Floats) -> tuple[float, Floats]:
    return learner.intercept, learner.terms(values)


def _of_both(learner: Blend, values: Floats) -> tuple[float, Floats]:
    shares = np.zeros(values.shape)
    tree_base, of_trees = _of_trees(learner.trees, values[:, learner.of_trees])
    linear_base, of_linear = _of_weights(learner.linear, values[:, learner.of_linear])
    shares[:, learner.of_trees] += of_trees / 2
    shares[:, learner.of_linear] += of_linear / 2
    return (tree_base + linear_base) / 2, shares


def _of_samples(learner: Network, values: Floats) -> tuple[float, Floats]:
    """A feature steps from the training rows' mean, 0, to the student's value; only the first layer's sums change by it."""
    n = values.shape[1]
    kernel, bias = learner.kernels[0], learner.biases[0]

    def margin(state: Floats) -> Floats:
        for weights, constant in zip(learner.kernels[1:], learner.biases[1:], strict=True):
            state = np.maximum(state, 0.0) @ weights + constant
        return state[:, 0]

    rng = np.random.default_rng(PERMUTATION_SEED)
    forward = [rng.permutation(n) for _ in range(PERMUTATION_PAIRS)]
    base = margin(bias[None])[0]
    shares = np.zeros(values.shape)
    for first in range(0, len(values), BLOCK):
        scaled = inputs(learner.scaling, values[first : first + BLOCK])
        share = shares[first : first + BLOCK]
        for permutation in (way for order in forward for way in (order, order[::-1])):
            state, before = np.tile(bias, (len(scaled), 1)), np.full(len(scaled), base)
            for j in permutation:
                state += scaled[:, [j, n + j]] @ kernel[[j, n + j]]
                after = margin(state)
                share[:, j] += after - before
                before = after
    return float(base), shares / (2 * PERMUTATION_PAIRS)


METHODS: Mapping[str, tuple[str, Callable[[Any, Floats], tuple[float, Floats]]]] = {
    "blend": ("mean of exact tree SHAP, path dependent, and exact linear SHAP, against the mean training row", _of_both),
    "gradient_boosting": ("tree SHAP, exact, path dependent", _of_trees),
    "logistic": ("linear SHAP, exact, against the mean training row", _of_weights),
    "network": ("permutation SHAP, sampled, against the mean training row", _of_samples),
}
