"""The learners a risk model is made of: fitted on numbers, they give log-odds. Their settings stand here, once.

Which features they read is decided in `inputs`, which rows in `model`, what their log-odds are worth as probabilities in
`calibration`; the neural network lives in `network`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from oulad_platform.success.modelling.inputs import CHANGING, DAY, LOGGED, REGION, for_linear, for_trees

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
SMALLEST_LEAF = 50  # in few rows, a leaf may be as small as this part of them
LOGISTIC: Settings = {"C": 0.005, "largest": 3.0}
DRIFT_FROM, DRIFT_UNIT, DRIFT_LAST = 29, 14, 85


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
    """Logistic regression on `Scaling`: one weight per feature, one for its absence. Alone it is the standing challenger.

    Of the features at the places `logged`, the logarithm of one more is scaled. The weights of those at `changing` move by
    `drifts` with every DRIFT_UNIT days from day DRIFT_FROM, until day DRIFT_LAST; the feature at `day` says which day it is. A
    region is no quantity: each has a weight of its own above or below the mean student's, one that is unknown has none.
    """

    scaling: Scaling
    intercept: float
    weights: Floats
    absence_weights: Floats
    hyperparameters: Settings
    logged: tuple[int, ...] = ()
    day: int | None = None
    changing: tuple[int, ...] = ()
    drifts: Floats = field(default_factory=lambda: np.empty(0))
    region: int | None = None
    region_weights: Floats = field(default_factory=lambda: np.empty(0))
    kind: ClassVar[str] = "logistic"
    backend: ClassVar[str] = "sklearn"

    def terms(self, values: Floats) -> Floats:
        """What each feature adds to the log-odds on the row's day, shape (rows, features): 0 at the training rows' mean."""
        raw = _logged(values, self.logged)
        scaled = self.scaling.values(raw)
        moved = scaled[:, self.changing] * drift(values, self.day) * self.drifts
        scaled *= self.weights
        scaled[:, self.changing] += moved
        scaled += self.scaling.absences(raw) * self.absence_weights
        if self.region is not None:
            scaled[:, self.region] = _regions(values[:, self.region], len(self.region_weights)) @ self.region_weights
        return scaled

    def margin(self, values: Floats) -> Floats:
        return self.intercept + self.terms(values).sum(axis=1)


@dataclass(frozen=True)
class Blend:
    """Boosted trees and a logistic regression, log-odds averaged. Each reads some of the features: those at its places."""

    trees: GradientBoosting
    linear: Logistic
    of_trees: tuple[int, ...]
    of_linear: tuple[int, ...]
    kind: ClassVar[str] = "blend"
    backend: ClassVar[str] = "sklearn"

    @property
    def hyperparameters(self) -> Settings:
        return {**self.trees.hyperparameters, **self.linear.hyperparameters}

    def margin(self, values: Floats) -> Floats:
        return (self.trees.margin(values[:, self.of_trees]) + self.linear.margin(values[:, self.of_linear])) / 2


def fit_boosting(values: Floats, labels: Labels, seed: int, weights: Floats | None = None) -> GradientBoosting:
    """Boosted trees on labels 0 and 1. No feature may be missing in every row: scikit-learn 1.9 fails on it."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    least = max(1, min(BOOSTING["min_samples_leaf"], len(values) // SMALLEST_LEAF))
    settings = {**BOOSTING, "min_samples_leaf": least}
    chosen = {name: value for name, value in settings.items() if name != "n_seeds"}
    with one_thread():
        estimators = tuple(
            HistGradientBoostingClassifier(random_state=seed + place, early_stopping=False, **chosen).fit(values, labels, weights)
            for place in range(BOOSTING["n_seeds"])
        )
    return GradientBoosting(estimators, settings)


def fit_logistic(values: Floats, labels: Labels, seed: int, weights: Floats | None = None, names: Sequence[str] = ()) -> Logistic:
    """L2-penalised logistic regression on labels 0 and 1. Convex, so the seed changes nothing.

    `names` are those of the features, to know which are special (see `inputs`); without names none is.
    """
    from sklearn.linear_model import LogisticRegression

    place = {name: number for number, name in enumerate(names)}
    day, region = place.get(DAY), place.get(REGION)
    logged = tuple(place[name] for name in LOGGED if name in place)
    changing = tuple(place[name] for name in CHANGING if name in place) if day is not None else ()
    raw = _logged(values, logged)
    scaling = fit_scaling(raw, LOGISTIC["largest"])
    plain = np.array([number for number in range(values.shape[1]) if number != region], dtype="int64")
    sometimes = plain[(scaling.absent[plain] > 0) & (scaling.absent[plain] < 1)]
    scaled = scaling.values(raw)
    lived_in = np.empty((len(values), 0)) if region is None else _regions(values[:, region], _n_regions(values[:, region]))
    shares = lived_in.sum(axis=0) / max(lived_in.sum(), 1.0)
    parts = [
        scaled[:, plain],
        scaling.absences(raw)[:, sometimes],
        scaled[:, changing] * drift(values, day),
        (lived_in - shares) * lived_in.any(axis=1, keepdims=True),
    ]
    with one_thread():
        fitted = LogisticRegression(C=LOGISTIC["C"], solver="newton-cholesky", random_state=seed).fit(
            np.hstack(parts), labels, weights
        )
    own, absence, drifts, regional = np.split(fitted.coef_[0], np.cumsum([part.shape[1] for part in parts])[:-1])
    own_weights, absence_weights = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    own_weights[plain], absence_weights[sometimes] = own, absence
    return Logistic(
        scaling=scaling,
        intercept=float(fitted.intercept_[0]),
        weights=own_weights,
        absence_weights=absence_weights,
        hyperparameters=LOGISTIC,
        logged=logged,
        day=day,
        changing=changing,
        drifts=drifts,
        region=region,
        region_weights=regional - shares @ regional,
    )


def fit_blend(values: Floats, labels: Labels, seed: int, weights: Floats | None = None, names: Sequence[str] = ()) -> Blend:
    """A blend on labels 0 and 1; `names` are those of the features, of which each part reads its own (see `inputs`)."""
    of_trees, of_linear = tuple(for_trees(names)), tuple(for_linear(names))
    trees = fit_boosting(values[:, of_trees], labels, seed, weights)
    linear = fit_logistic(values[:, of_linear], labels, seed, weights, [names[place] for place in of_linear])
    return Blend(trees, linear, of_trees, of_linear)


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


def drift(values: Floats, day: int | None) -> Floats:
    """How far the changing weights have moved on each row's day, shape (rows, 1); 0 where the day is not known."""
    if day is None:
        return np.zeros((len(values), 1))
    return np.nan_to_num((np.minimum(values[:, [day]], DRIFT_LAST) - DRIFT_FROM) / DRIFT_UNIT)


def _logged(values: Floats, places: Sequence[int]) -> Floats:
    raw = values.copy()
    raw[:, places] = np.log1p(np.maximum(raw[:, places], 0))
    return raw


def _n_regions(codes: Floats) -> int:
    return int(np.max(codes, where=~np.isnan(codes), initial=-1)) + 1


def _regions(codes: Floats, n: int) -> Floats:
    """1 in the column of the row's region, shape (rows, n); none where it is unknown."""
    return np.equal.outer(codes, np.arange(n)).astype("float64")
