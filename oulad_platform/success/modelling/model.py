"""The risk model: fitting, scoring, and a stored form that cannot run code when it is read.

Which rows a model may learn from is decided in `cohorts`; how good it is, in `success.evaluation`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from typing import Any
from zipfile import is_zipfile

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.success.features.catalogue import FEATURE_NAMES
from oulad_platform.success.modelling.cohorts import RULE, Version, version_for

BACKEND = "sklearn"
HYPERPARAMETERS = {
    "learning_rate": 0.06,
    "max_iter": 150,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 80,
    "l2_regularization": 1.0,
    "early_stopping": False,
}
FEWEST_OF_A_CLASS = 20
SILENT_DAYS = 7
RULE_RISK, RULE_SAFE = 0.75, 0.25
SCORED = ["run_date", "code_module", "code_presentation", "id_student", "day"]
TRUSTED_TYPES = frozenset({"sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"})


class ModelError(ValueError):
    """A stored model cannot be used."""


@dataclass(frozen=True)
class RiskModel:
    """A fitted model and what must be known to use it.

    `features` are the columns it reads, in order; `trained_from` is the first day it may score. `base_rate` is the share of
    failed or withdrawn among its `n_rows` training rows (enrolments x days) of the cohorts in `presentations`.
    """

    version: str
    trained_from: date
    presentations: tuple[str, ...]
    features: tuple[str, ...]
    estimator: Any
    n_rows: int
    base_rate: float
    seed: int


def shortfall(panel: pd.DataFrame, version: Version) -> str | None:
    """Why the version's rows of a `cohorts.training_panel` are too few to learn from; None when they are enough."""
    students = panel.drop_duplicates(["code_module", "code_presentation", "id_student"])["label"]
    failed, passed = int(students.eq(1).sum()), int(students.eq(0).sum())
    if min(failed, passed) >= FEWEST_OF_A_CLASS:
        return None
    return (
        f"not enough outcomes to train version {version.name} on {', '.join(version.presentations)}: {failed} enrolments failed "
        f"or withdrew and {passed} passed, of each at least {FEWEST_OF_A_CLASS} are needed; the rule scores until then"
    )


def fit(panel: pd.DataFrame, version: Version, seed: int) -> RiskModel:
    """A gradient boosting (scikit-learn HistGradientBoostingClassifier) on the version's rows of a `cohorts.training_panel`.

    Features that are absent in every row are left out. Same rows and seed give the same model. Raises ValueError when fewer
    than FEWEST_OF_A_CLASS enrolments have either outcome.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    too_few = shortfall(panel, version)
    if too_few:
        raise ValueError(too_few)
    used = tuple(name for name in FEATURE_NAMES if panel[name].notna().any())
    ordered = panel.sort_values(SCORED, kind="stable")
    with _one_thread():
        estimator = HistGradientBoostingClassifier(random_state=seed, **HYPERPARAMETERS).fit(
            ordered[list(used)].to_numpy("float64"), ordered["label"].to_numpy("int64")
        )
    return RiskModel(
        version.name, version.trained_from, version.presentations, used, estimator, len(panel), float(panel["label"].mean()), seed
    )


def fit_versions(panel: pd.DataFrame, versions: Sequence[Version], seed: int) -> dict[str, RiskModel]:
    """The model of each version by name, oldest first, each from its own cohorts' rows of `panel`.

    A version with too few outcomes has no model (`shortfall` says why); the one before it, or the rule, goes on.
    """
    rows = {version: panel[panel["code_presentation"].isin(version.presentations)] for version in versions}
    return {version.name: fit(own, version, seed) for version, own in rows.items() if not shortfall(own, version)}


def predict(model: RiskModel, features: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Probability of failing or withdrawing for each row."""
    if features.empty:
        return np.empty(0)
    with _one_thread():
        risk: npt.NDArray[np.float64] = model.estimator.predict_proba(features[list(model.features)].to_numpy("float64"))[:, 1]
    return risk


def rule_risk(features: pd.DataFrame) -> npt.NDArray[np.float64]:
    """The rule that scores before any cohort has closed, and that a model has to beat.

    RULE_RISK for who missed a due assessment or did not visit for SILENT_DAYS days of the course, RULE_SAFE for all others.
    """
    silent = features["clicks_7d"].eq(0) & features["day"].ge(SILENT_DAYS)
    return np.where(features["n_assessments_missed"].gt(0) | silent, RULE_RISK, RULE_SAFE)


def score(features: pd.DataFrame, models: Sequence[RiskModel]) -> pd.DataFrame:
    """run_date, enrolment, day, risk_score and model_version of each row of `features`, in its order.

    Every day is scored by the newest model whose labels were all known on it, or by the rule.
    """
    in_charge = {day: version_for(day.date(), models) for day in features["run_date"].unique()}
    version = features["run_date"].map({day: model.version if model else RULE for day, model in in_charge.items()}).astype("str")
    risk = np.empty(len(features))
    for model in [*models, None]:
        rows = version.eq(model.version if model else RULE).to_numpy()
        risk[rows] = predict(model, features[rows]) if model else rule_risk(features[rows])
    return features[SCORED].assign(risk_score=risk, model_version=version)


def to_bytes(model: RiskModel) -> bytes:
    """The model as a skops archive: its estimator and, as JSON, everything else."""
    import sklearn
    from skops.io import dumps

    card = {
        "scikit_learn": sklearn.__version__,
        "version": model.version,
        "trained_from": model.trained_from.isoformat(),
        "presentations": model.presentations,
        "features": model.features,
        "n_rows": model.n_rows,
        "base_rate": model.base_rate,
        "seed": model.seed,
    }
    stored: bytes = dumps({"card": json.dumps(card), "estimator": model.estimator})
    return stored


def from_bytes(stored: bytes) -> RiskModel:
    """The model in a skops archive.

    Raises ModelError when the bytes are no such archive, hold a type this module does not write, or were written with another
    scikit-learn, whose trees may differ.
    """
    import sklearn
    from skops.io import get_untrusted_types, loads

    if not is_zipfile(BytesIO(stored)):
        raise ModelError(f"the stored model ({len(stored):,} bytes) is not a skops archive; train it again")
    strange = sorted(set(get_untrusted_types(data=stored)) - TRUSTED_TYPES)
    if strange:
        raise ModelError(
            f"the stored model holds types that were not written by this platform: {', '.join(strange)}; train it again"
        )
    content = loads(stored, trusted=sorted(TRUSTED_TYPES))
    if not isinstance(content, dict) or set(content) != {"card", "estimator"}:
        raise ModelError("the stored archive is not a risk model of this platform; train it again")
    card = json.loads(content["card"])
    if card["scikit_learn"] != sklearn.__version__:
        raise ModelError(
            f"model {card['version']} was trained with scikit-learn {card['scikit_learn']}, installed is {sklearn.__version__}; "
            "train it again"
        )
    return RiskModel(
        version=card["version"],
        trained_from=date.fromisoformat(card["trained_from"]),
        presentations=tuple(card["presentations"]),
        features=tuple(card["features"]),
        estimator=content["estimator"],
        n_rows=card["n_rows"],
        base_rate=card["base_rate"],
        seed=card["seed"],
    )


def _one_thread() -> Any:
    """OpenMP threads spin while a neighbour works and sum in another order; one thread is neither slow nor unstable."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return threadpool_limits(limits=1, user_api="openmp")
