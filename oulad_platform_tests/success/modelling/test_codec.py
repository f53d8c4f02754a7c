"""Tests of success.modelling.codec: what is stored scores the same, and nothing strange is read."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from oulad_platform.success.modelling.calibration import Calibration
from oulad_platform.success.modelling.codec import from_bytes, to_bytes
from oulad_platform.success.modelling.learners import fit_blend, fit_boosting, fit_logistic, fit_scaling
from oulad_platform.success.modelling.model import ModelError, RiskModel, predict
from oulad_platform.success.modelling.network import Network

RNG = np.random.default_rng(5)
VALUES = RNG.normal(size=(1000, 2))
LABELS = (RNG.random(1000) < 1 / (1 + np.exp(-VALUES[:, 0]))).astype("int64")
VALUES[RNG.random(1000) < 0.1, 1] = np.nan
NAMES = ("site_visits_before_start", "day_in_course", "region", "score_mean", "points_vs_cohort")
FEATURES = {"blend": NAMES, "logistic": NAMES[:4]}
ROWS = pd.DataFrame(VALUES, columns=["clicks_7d", "clicks_14d"]).assign(
    **{name: RNG.integers(0, 5, 1000) for name in NAMES},
    **{"code_module": ["AAA", "BBB"] * 500, "day": 28, "run_date": pd.to_datetime(["2013-03-01", "2013-10-29"] * 500)},
)


def of(kind: str) -> np.ndarray:
    return ROWS[list(FEATURES.get(kind, ("clicks_7d", "clicks_14d")))].to_numpy("float64")


KERNELS, BIASES = (RNG.normal(size=(4, 3)), RNG.normal(size=(3, 1))), (RNG.normal(size=3), RNG.normal(size=1))
LEARNERS = {
    "gradient_boosting": fit_boosting(VALUES, LABELS, 7),
    "logistic": fit_logistic(of("logistic"), LABELS, 7, names=FEATURES["logistic"]),
    "blend": fit_blend(of("blend"), LABELS, 7, names=NAMES),
    "network": Network(fit_scaling(VALUES, 4.0), KERNELS, BIASES, "tensorflow", {"epochs": 3}),
}


def model(kind: str) -> RiskModel:
    return RiskModel(
        version="2013J",
        learner=LEARNERS[kind],
        calibration=Calibration(0.9, -0.1, {"AAA": 0.25}, {2: 0.5}),
        trained_from=date(2014, 6, 27),
        presentations=("2013B", "2013J"),
        features=FEATURES.get(kind, ("clicks_7d", "clicks_14d")),
        n_rows=1000,
        n_enrolments=100,
        base_rate=0.5,
        seed=7,
        data_sha256="ab12",
    )


@pytest.mark.fault("D10")
@pytest.mark.parametrize("kind", LEARNERS)
def test_a_stored_model_scores_the_same_to_the_last_digit(kind):
    after = from_bytes(to_bytes(model(kind)))
    assert (predict(after, ROWS) == predict(model(kind), ROWS)).all()
    assert replace(after, learner=LEARNERS[kind]) == model(kind)
    assert (after.learner.kind, after.learner.backend) == (kind, "tensorflow" if kind == "network" else "sklearn")
    assert dict(after.learner.hyperparameters) == dict(LEARNERS[kind].hyperparameters)


@pytest.mark.fault("D6")
def test_an_archive_with_a_strange_type_is_refused_before_it_is_loaded():
    from skops.io import dumps

    strange = dumps({"card": "{}", "learner": subprocess.CompletedProcess([], 0)})
    with pytest.raises(ModelError, match=r"types that were not written by this platform: .*CompletedProcess"):
        from_bytes(strange)


@pytest.mark.fault("D6")
@pytest.mark.parametrize("stored", [b"", b"no archive", b"PK\x03\x04cut"])
def test_bytes_that_are_no_archive_are_refused(stored):
    with pytest.raises(ModelError, match="not a skops archive; train it again"):
        from_bytes(stored)


@pytest.mark.fault("D6")
def test_a_damaged_archive_is_refused():
    stored = bytearray(to_bytes(model("logistic")))
    stored[60:90] = bytes(30)
    with pytest.raises(ModelError, match="train it again"):
        from_bytes(bytes(stored))


def changed(of: str, **card: object) -> bytes:
    from skops.io import dumps, loads

    content = loads(to_bytes(model(of)), trusted=["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"])
    return dumps(content | {"card": json.dumps(json.loads(content["card"]) | card)})


@pytest.mark.fault("D6")
@pytest.mark.parametrize(
    "stored",
    [
        lambda dumps: dumps({"estimator": np.zeros(3)}),
        lambda dumps: dumps({"card": "[]", "learner": {}}),
        lambda dumps: dumps({"card": "{", "learner": {}}),
        lambda dumps: changed("logistic", kind="network"),
        lambda dumps: changed("network", kind="gradient_boosting"),
        lambda dumps: changed("logistic", kind="something else"),
        lambda dumps: changed("logistic", calibration={"slope": 1.0}),
        lambda dumps: changed("logistic", features=["clicks_7d"]),
        lambda dumps: changed("gradient_boosting", features=["clicks_7d"]),
        lambda dumps: changed("network", features=["clicks_7d"]),
        lambda dumps: changed("blend", features=["clicks_7d"]),
        lambda dumps: changed("blend", kind="logistic"),
    ],
)
def test_an_archive_of_something_else_is_refused(stored):
    from skops.io import dumps

    with pytest.raises(ModelError, match="not a risk model of this platform; train it again"):
        from_bytes(stored(dumps))


@pytest.mark.fault("D8")
@pytest.mark.parametrize("kind", ["gradient_boosting", "blend"])
def test_trees_of_another_scikit_learn_are_refused_by_version(kind, monkeypatch):
    stored = to_bytes(model(kind))
    monkeypatch.setattr("sklearn.__version__", "0.1")
    with pytest.raises(ModelError, match=r"model 2013J was trained with scikit-learn .* installed is 0\.1; train it again"):
        from_bytes(stored)


@pytest.mark.parametrize("kind", ["logistic", "network"])
def test_plain_arrays_are_read_whatever_library_wrote_them(kind, monkeypatch):
    stored = to_bytes(model(kind))
    monkeypatch.setattr("sklearn.__version__", "0.1")
    assert (predict(from_bytes(stored), ROWS) == predict(model(kind), ROWS)).all()


@pytest.mark.fault("D6")
@pytest.mark.parametrize(
    ("field", "value"), [("left", 2**31), ("right", 0), ("feature_idx", 5), ("is_categorical", 1), ("value", np.inf)]
)
def test_a_tree_that_leads_nowhere_or_in_a_circle_is_refused_before_it_is_used(field, value):
    crafted = replace(model("blend"), learner=fit_blend(of("blend"), LABELS, 7, names=NAMES))
    tree = crafted.learner.trees.estimators[0]._predictors[0][0]
    tree.nodes[field][0] = value
    with pytest.raises(ModelError, match="is not a risk model of this platform; train it again"):
        from_bytes(to_bytes(crafted))
