"""The learners a risk model is made of: fitted on numbers, they give log-odds. Their settings stand here, once.

Which rows and features they see is decided in `model`, what their log-odds are worth as probabilities in `calibration`; the
neural network lives in `network`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]
Settings = Mapping[str, Any]

BOOSTING: Settings = {
    "n_seeds": 1,
    "learning_rate": 0.06,
    "max_iter": 150,
    "max_leaf_nodes": 6,
    "min_samples_leaf": 200,
    "l2_regularization": 10.0,
    "max_features": 0.2,
}
LOGISTIC: Settings = {"C": 0.01, "largest": 4.0}


class Learner(Protocol):
    """A fitted learner. `values` are float64 of shape (rows, features), NaN where a feature is missing."""

    @property
    def kind(self) -> str: ...

    @property
    def backend(self) -> str: ...

    @property
    def hyperparameters(self) -> Settings: ...

    def margin(self, values: Floats) -> Floats:
        """Log-odds of failing or withdrawing, one per row, before calibration."""


@dataclass(frozen=True)
class GradientBoosting:
    """Boosted trees: fits of scikit-learn's HistGradientBoostingClassifier that differ in their seed, log-odds averaged."""

    estimators: tuple[Any, ...]
    hyperparameters: Settings
    kind: ClassVar[str] = "gradient_boosting"
    backend: ClassVar[str] = "sklearn"

    def margin(self, values: Floats) -> Floats:
        if not len(values):
            return np.empty(0)
        with one_thread():
            margin: Floats = np.mean([one.decision_function(values) for one in self.estimators], axis=0)
        return margin


@dataclass(frozen=True)
class Scaling:
    """Features made comparable, one entry per feature.

    A value is its distance from `mean` in `sd`, at most `largest` either way; a missing one counts as `median`. That it was
    missing is a second number, its distance from the `absent` share in units of that share's sd. What never varied in training
    is 0 for ever. So 0 stands for the mean of the training rows throughout.
    """

    median: Floats
    mean: Floats
    sd: Floats
    absent: Floats
    largest: float

    def values(self, raw: Floats) -> Floats:
        scaled = np.where(np.isnan(raw), self.median, raw)
        scaled -= self.mean
        scaled *= _inverse(self.sd)
        return np.clip(scaled, -self.largest, self.largest, out=scaled)

    def absences(self, raw: Floats) -> Floats:
        scaled = np.isnan(raw) - self.absent
        scaled *= _inverse(np.sqrt(self.absent * (1 - self.absent)))
        return scaled


@dataclass(frozen=True)
class Logistic:
    """Logistic regression on `Scaling`: one weight per feature, one for its absence. The standing challenger."""

    scaling: Scaling
    intercept: float
    weights: Floats
    absence_weights: Floats
    hyperparameters: Settings
    kind: ClassVar[str] = "logistic"
    backend: ClassVar[str] = "sklearn"

    def terms(self, values: Floats) -> Floats:
        """What each feature adds to the log-odds, shape (rows, features): 0 for a feature at the training rows' mean."""
        return self.scaling.values(values) * self.weights + self.scaling.absences(values) * self.absence_weights

    def margin(self, values: Floats) -> Floats:
        return self.intercept + self.terms(values).sum(axis=1)


def fit_boosting(values: Floats, labels: Labels, seed: int, weights: Floats | None = None) -> GradientBoosting:
    """Boosted trees on labels 0 and 1. No feature may be missing in every row: scikit-learn 1.9 fails on it."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    chosen = {name: value for name, value in BOOSTING.items() if name != "n_seeds"}
    with one_thread():
        estimators = tuple(
            HistGradientBoostingClassifier(random_state=seed + place, early_stopping=False, **chosen).fit(values, labels, weights)
            for place in range(BOOSTING["n_seeds"])
        )
    return GradientBoosting(estimators, BOOSTING)


def fit_logistic(values: Floats, labels: Labels, seed: int, weights: Floats | None = None) -> Logistic:
    """L2-penalised logistic regression on labels 0 and 1. Convex, so the seed changes nothing."""
    from sklearn.linear_model import LogisticRegression

    scaling = fit_scaling(values, LOGISTIC["largest"])
    n, sometimes = values.shape[1], np.flatnonzero((scaling.absent > 0) & (scaling.absent < 1))
    with one_thread():
        fitted = LogisticRegression(C=LOGISTIC["C"], solver="newton-cholesky", random_state=seed).fit(
            np.hstack([scaling.values(values), scaling.absences(values)[:, sometimes]]), labels, weights
        )
    absence_weights = np.zeros(n)
    absence_weights[sometimes] = fitted.coef_[0, n:]
    return Logistic(scaling, float(fitted.intercept_[0]), fitted.coef_[0, :n], absence_weights, LOGISTIC)


def fit_scaling(values: Floats, largest: float) -> Scaling:
    """The scaling of training rows. A feature that is missing in all of them is 0 for ever."""
    absent = np.isnan(values)
    some = ~absent.all(axis=0)
    median = np.zeros(values.shape[1])
    median[some] = np.nanmedian(values[:, some], axis=0)
    filled = np.where(absent, median, values)
    return Scaling(median, filled.mean(axis=0), filled.std(axis=0), absent.mean(axis=0), largest)


def one_thread(api: str | None = "openmp") -> Any:
    """OpenMP and BLAS threads spin while a neighbour works and sum in another order; one thread is neither slow nor unstable.

    "openmp" holds for the calling thread alone, so fits may run side by side; "blas", and None for both, for the process.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return threadpool_limits(limits=1, user_api=api)


def _inverse(whole: Floats) -> Floats:
    """1 / whole, 0 where it is 0."""
    return np.divide(1.0, whole, out=np.zeros_like(whole), where=whole > 1e-12)
