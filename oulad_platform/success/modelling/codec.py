"""The stored form of a risk model: a skops archive, so that reading one cannot run code. Where it is kept is decided elsewhere.

It holds a card (JSON) and the learner: scikit-learn's trees, or plain arrays for all other learners.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from io import BytesIO
from typing import Any
from zipfile import BadZipFile, is_zipfile

import numpy as np
import numpy.typing as npt

from oulad_platform.success.modelling.calibration import Calibration
from oulad_platform.success.modelling.learners import Blend, Floats, GradientBoosting, Learner, Logistic, Scaling
from oulad_platform.success.modelling.model import ModelError, RiskModel
from oulad_platform.success.modelling.network import Network

TRUSTED_TYPES = frozenset({"sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"})
SCALING = ("median", "mean", "sd", "absent")
LOGISTIC = ("intercept", "weights", "absence_weights", "logged", "day", "changing", "drifts", "region", "region_weights")


def to_bytes(model: RiskModel) -> bytes:
    """The model as a skops archive."""
    import sklearn
    from skops.io import dumps

    learner = model.learner
    card = {
        "scikit_learn": sklearn.__version__,
        "kind": learner.kind,
        "backend": learner.backend,
        "hyperparameters": dict(learner.hyperparameters),
        "calibration": {
            "slope": model.calibration.slope,
            "intercept": model.calibration.intercept,
            "by_module": dict(model.calibration.by_module),
            "by_month": {str(month): offset for month, offset in model.calibration.by_month.items()},
        },
        "version": model.version,
        "trained_from": model.trained_from.isoformat(),
        "presentations": model.presentations,
        "features": model.features,
        "n_rows": model.n_rows,
        "n_enrolments": model.n_enrolments,
        "base_rate": model.base_rate,
        "seed": model.seed,
        "data_sha256": model.data_sha256,
    }
    stored: bytes = dumps({"card": json.dumps(card), "learner": _content(learner)})
    return stored


def from_bytes(stored: bytes) -> RiskModel:
    """The model in a skops archive.

    Raises ModelError when the bytes are no such archive, hold a type or content this module does not write, or hold trees of
    another scikit-learn, which may read them differently.
    """
    import sklearn

    content = _loaded(stored)
    try:
        card = json.loads(content["card"])
        kind, installed = card["kind"], sklearn.__version__
        if kind in (GradientBoosting.kind, Blend.kind) and card["scikit_learn"] != installed:
            raise ModelError(
                f"model {card['version']} was trained with scikit-learn {card['scikit_learn']}, installed is {installed}; "
                "train it again"
            )
        return RiskModel(
            version=card["version"],
            learner=_learner(card, content["learner"]),
            calibration=_calibration(card["calibration"]),
            trained_from=date.fromisoformat(card["trained_from"]),
            presentations=tuple(card["presentations"]),
            features=tuple(card["features"]),
            n_rows=card["n_rows"],
            n_enrolments=card["n_enrolments"],
            base_rate=card["base_rate"],
            seed=card["seed"],
            data_sha256=card["data_sha256"],
        )
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ModelError("the stored archive is not a risk model of this platform; train it again") from error


def _calibration(card: Mapping[str, Any]) -> Calibration:
    by_month = {int(month): offset for month, offset in card["by_month"].items()}
    return Calibration(card["slope"], card["intercept"], card["by_module"], by_month)


def _loaded(stored: bytes) -> Mapping[str, Any]:
    from skops.io import get_untrusted_types, loads

    if not is_zipfile(BytesIO(stored)):
        raise ModelError(f"the stored model ({len(stored):,} bytes) is not a skops archive; train it again")
    try:
        strange = sorted(set(get_untrusted_types(data=stored)) - TRUSTED_TYPES)
        if strange:
            raise ModelError(
                f"the stored model holds types that were not written by this platform: {', '.join(strange)}; train it again"
            )
        content = loads(stored, trusted=sorted(TRUSTED_TYPES))
    except (BadZipFile, KeyError, json.JSONDecodeError) as error:
        raise ModelError(f"the stored model ({len(stored):,} bytes) is a damaged skops archive; train it again") from error
    if not isinstance(content, dict) or set(content) != {"card", "learner"}:
        raise ModelError("the stored archive is not a risk model of this platform; train it again")
    return content


def _content(learner: Learner) -> dict[str, Any]:
    if isinstance(learner, GradientBoosting):
        return {"estimators": list(learner.estimators)}
    if isinstance(learner, Logistic):
        return _scaling_content(learner.scaling) | {name: getattr(learner, name) for name in LOGISTIC}
    if isinstance(learner, Blend):
        parts = {"trees": _content(learner.trees), "linear": _content(learner.linear)}
        settings = {"tree_settings": dict(learner.trees.hyperparameters), "linear_settings": dict(learner.linear.hyperparameters)}
        return parts | settings | {"of_trees": list(learner.of_trees), "of_linear": list(learner.of_linear)}
    if isinstance(learner, Network):
        return _scaling_content(learner.scaling) | {"kernels": list(learner.kernels), "biases": list(learner.biases)}
    raise TypeError(f"{type(learner).__name__} has no stored form; add one to {__name__}")


def _learner(card: Mapping[str, Any], content: Mapping[str, Any]) -> Learner:
    """Raises TypeError or KeyError for content that `_content` does not write."""
    settings, n_features = card["hyperparameters"], len(card["features"])
    if card["kind"] == GradientBoosting.kind:
        return _trees(content, n_features, settings)
    if card["kind"] == Logistic.kind:
        return _logistic(content, n_features, settings)
    if card["kind"] == Blend.kind:
        of_trees, of_linear = (_places(content[name], n_features) for name in ("of_trees", "of_linear"))
        trees = _trees(content["trees"], len(of_trees), content["tree_settings"])
        linear = _logistic(content["linear"], len(of_linear), content["linear_settings"])
        return Blend(trees, linear, of_trees, of_linear)
    scaling, biases = _scaling(content, n_features), tuple(_array(one, len(one)) for one in content["biases"])
    wide = [2 * n_features, *map(len, biases)]
    kernels = tuple(_array(one, *wide[place : place + 2]) for place, one in enumerate(content["kernels"]))
    return Network(scaling, kernels, biases, card["backend"], settings)


def _is_a_tree(nodes: npt.NDArray[Any], n_features: int) -> bool:
    """Whether every inner node leads to later nodes that are there, by a feature that is: scikit-learn does not look."""
    inner = nodes[nodes["is_leaf"] == 0]
    here = np.flatnonzero(nodes["is_leaf"] == 0)
    ahead = all(((inner[side] > here) & (inner[side] < len(nodes))).all() for side in ("left", "right"))
    features_known = bool((inner["feature_idx"] < n_features).all() and (inner["is_categorical"] == 0).all())
    return bool(len(nodes)) and ahead and features_known and bool(np.isfinite(nodes["value"]).all())


def _trees(content: Mapping[str, Any], n_features: int, settings: Mapping[str, Any]) -> GradientBoosting:
    from sklearn.ensemble import HistGradientBoostingClassifier

    estimators = tuple(content["estimators"])
    if not all(isinstance(one, HistGradientBoostingClassifier) and one.n_features_in_ == n_features for one in estimators):
        raise TypeError
    if not all(_is_a_tree(tree.nodes, n_features) for one in estimators for trees in one._predictors for tree in trees):
        raise TypeError("no gradient boosting of these features")
    return GradientBoosting(estimators, settings)


def _logistic(content: Mapping[str, Any], n_features: int, settings: Mapping[str, Any]) -> Logistic:
    changing, logged = (_places(content[name], n_features) for name in ("changing", "logged"))
    day, region = (None if content[name] is None else _places([content[name]], n_features)[0] for name in ("day", "region"))
    return Logistic(
        scaling=_scaling(content, n_features),
        intercept=float(content["intercept"]),
        weights=_array(content["weights"], n_features),
        absence_weights=_array(content["absence_weights"], n_features),
        hyperparameters=settings,
        logged=logged,
        day=day,
        changing=changing,
        drifts=_array(content["drifts"], len(changing)),
        region=region,
        region_weights=_array(content["region_weights"], len(content["region_weights"])),
    )


def _scaling(content: Mapping[str, Any], n_features: int) -> Scaling:
    return Scaling(**{name: _array(content[name], n_features) for name in SCALING}, largest=float(content["largest"]))


def _scaling_content(scaling: Scaling) -> dict[str, Any]:
    return {name: getattr(scaling, name) for name in SCALING} | {"largest": scaling.largest}


def _places(value: Any, n: int) -> tuple[int, ...]:
    if not all(isinstance(place, int) and 0 <= place < n for place in value):
        raise TypeError(f"{value} where places of {n} features should be")
    return tuple(value)


def _array(value: Any, *shape: int) -> Floats:
    if not isinstance(value, np.ndarray) or value.dtype != np.float64 or value.shape != shape:
        raise TypeError(f"{type(value).__name__} where {shape} numbers should be")
    return value
