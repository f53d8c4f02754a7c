"""Invented students with every feature of the catalogue, and models that learnt from them, for the tests of the explanations."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd

from oulad_platform.success.features.catalogue import CATALOGUE, FEATURE_NAMES
from oulad_platform.success.modelling.calibration import Calibration
from oulad_platform.success.modelling.learners import fit_blend, fit_boosting, fit_logistic, fit_scaling
from oulad_platform.success.modelling.model import RiskModel
from oulad_platform.success.modelling.network import Network

DAY = date(2014, 3, 1)
CALIBRATION = Calibration(slope=0.8, intercept=-0.1, by_module={"AAA": 0.2})
LEARNT = tuple(feature.name for feature in CATALOGUE if not feature.protected)


def live(n: int, seed: int = 1, day: date = DAY) -> pd.DataFrame:
    """n enrolments of the modules AAA and BBB on a day; about a tenth of the values are missing, equal ones are common."""
    rng = np.random.default_rng(seed)
    values = np.round(rng.gamma(2.0, 3.0, (n, len(FEATURE_NAMES)))).astype("float32")
    values[rng.random(values.shape) < 0.1] = np.nan
    frame = pd.DataFrame(values, columns=list(FEATURE_NAMES))
    return frame.assign(
        run_date=pd.Timestamp(day),
        code_module=np.where(np.arange(n) % 2, "AAA", "BBB"),
        code_presentation="2014B",
        id_student=np.arange(n, dtype="int32"),
        day=28,
    )


def fails(features: pd.DataFrame, seed: int = 1) -> np.ndarray:
    """Outcomes that follow from the last visit, the missed assessments and the mean mark."""
    filled = features[["days_since_last_visit", "n_assessments_missed", "score_mean"]].fillna(6).to_numpy("float64")
    margin = (filled - 6) @ [0.4, 0.3, -0.4] + np.random.default_rng(seed).logistic(size=len(features))
    return (margin > 0).astype("int64")


def model(kind: str, version: str = "2013J", n: int = 600) -> RiskModel:
    """A model of the kind; the boosting has two estimators, the network untrained weights."""
    learnt_from = live(n, seed=7)
    values, labels = learnt_from[list(LEARNT)].to_numpy("float64"), fails(learnt_from)
    if kind == "network":
        rng = np.random.default_rng(3)
        sizes = (2 * len(LEARNT), 16, 8, 1)
        kernels = tuple(rng.normal(0, inputs**-0.5, (inputs, units)) for inputs, units in pairwise(sizes))
        biases = tuple(rng.normal(0, 0.1, units) for units in sizes[1:])
        learner = Network(fit_scaling(values, 4.0), kernels, biases, "pytorch", {})
    elif kind == "blend":
        learner = fit_blend(values, labels, 1, names=LEARNT)
    elif kind == "logistic":
        learner = fit_logistic(values, labels, 1)
    else:
        parts = [fit_boosting(values, labels, seed) for seed in (1, 2)]
        learner = type(parts[0])(tuple(part.estimators[0] for part in parts), parts[0].hyperparameters)
    return RiskModel(
        version=version,
        learner=learner,
        calibration=CALIBRATION,
        trained_from=date(2014, 2, 1),
        presentations=("2013J",),
        features=LEARNT,
        n_rows=n,
        n_enrolments=n,
        base_rate=float(labels.mean()),
        seed=1,
        data_sha256="",
    )


def champions(*rows: tuple[str, str]) -> pd.DataFrame:
    """Rows of day and version, as in the table `model_champions`."""
    frame = pd.DataFrame(rows, columns=["champion_from", "model_version"])
    return frame.assign(
        champion_from=pd.to_datetime(frame["champion_from"]).astype("datetime64[us]"), decided_by="gates", reason=""
    )
