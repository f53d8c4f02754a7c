"""The risk model: choosing its rows, fitting, calibrating, and scoring with the champion of the day.

Which cohorts had closed when is decided in `cohorts`, who is in charge in `registry`, how good a model is in
`success.evaluation`; the learners and their settings stand in `learners` and `network`, what they read in `inputs`, the stored
form in `codec`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core.calendar import DAYS_PER_WEEK
from oulad_platform.success.features.catalogue import CATALOGUE
from oulad_platform.success.model_tables import HELD_OUT_RISK, TRAINING_PANEL
from oulad_platform.success.modelling.calibration import FEWEST_OF_A_CLASS, Calibration, calibrate, probability
from oulad_platform.success.modelling.cohorts import RULE, Version, champion_by_day
from oulad_platform.success.modelling.inputs import read_by
from oulad_platform.success.modelling.learners import (
    Blend,
    Floats,
    Labels,
    Learner,
    fit_blend,
    fit_boosting,
    fit_logistic,
    one_thread,
)
from oulad_platform.success.modelling.network import fit_network

TRAINING_DAYS = (7, 14, 21, 28, 42, 56, 84, 112, 168)
N_FOLDS = 3
CHALLENGER = "logistic"
BLEND = "blend"
SILENT_DAYS = 7
RULE_RISK, RULE_SAFE = 0.75, 0.25
SCORED = ["run_date", "code_module", "code_presentation", "id_student", "day"]


class ModelError(ValueError):
    """A model cannot be used."""


@dataclass(frozen=True)
class RiskModel:
    """A fitted, calibrated model and what must be known to use it.

    `features` are the columns it reads, in order; `trained_from` is the first day it may score. `base_rate` is the share of
    failed or withdrawn among its `n_rows` training rows (enrolments x days) of `n_enrolments` enrolments of the cohorts in
    `presentations`; `data_sha256` is the digest of these rows.
    """

    version: str
    learner: Learner
    calibration: Calibration
    trained_from: date
    presentations: tuple[str, ...]
    features: tuple[str, ...]
    n_rows: int
    n_enrolments: int
    base_rate: float
    seed: int
    data_sha256: str


def training_rows(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The rows of a training panel that models learn from: of each of TRAINING_DAYS the panel day nearest to it.

    A panel day half a week or more away is not taken. `parts` are those of `cohorts.training_panel`, or frames of the like.
    """
    chosen = [part[part["day"].isin(_nearest(part["day"].unique()))] for part in parts]
    return pd.concat(chosen or [TRAINING_PANEL.empty()], ignore_index=True)


def shortfall(panel: pd.DataFrame, version: Version) -> str | None:
    """Why the version's rows of a training panel are too few to learn from; None when they are enough."""
    own = panel[panel["code_presentation"].isin(version.presentations)]
    students = own.drop_duplicates(["code_module", "code_presentation", "id_student"])["label"]
    failed, passed = int(students.eq(1).sum()), int(students.eq(0).sum())
    if min(failed, passed) >= FEWEST_OF_A_CLASS:
        return None
    return (
        f"not enough outcomes to train version {version.name} on {', '.join(version.presentations)}: {failed} enrolments failed "
        f"or withdrew and {passed} passed, of each at least {FEWEST_OF_A_CLASS} are needed; the rule scores until then"
    )


def fit(
    panel: pd.DataFrame,
    version: Version,
    *,
    kind: str = BLEND,
    backend: str = "sklearn",
    seed: int,
    protected: bool = False,
) -> tuple[RiskModel, pd.DataFrame]:
    """A model of the version's presentations, and the risks of students its fits had not seen (table `held_out_risk`).

    `panel`: a training panel, whole or its `training_rows`. `kind` is blend, gradient_boosting, logistic (backend sklearn) or
    network (backend pytorch or tensorflow). N_FOLDS fits leave out one part of the students each (by a hash of the identifier)
    and score them; these margins calibrate the final fit on all rows. The held-out risks, of the newest cohort, are calibrated
    by the other parts' margins. Features that are missing in every row are left out, and protected ones unless `protected`.
    Same rows, in any order, and same seed give the same model. Raises ValueError when fewer than FEWEST_OF_A_CLASS enrolments
    have either outcome, BackendError when the backend is not installed.
    """
    known = _known(panel, version, protected)
    return _calibrated(known, version, _fitted(known, kind, backend, seed), seed)


def fit_versions(
    panel: pd.DataFrame, versions: Sequence[Version], *, backend: str = "sklearn", seed: int, protected: bool = False
) -> tuple[dict[str, RiskModel], pd.DataFrame]:
    """The models of all versions by name, oldest first, and their held-out risks (table `held_out_risk`).

    Each version has the learner of `backend` under its own name, a blend or a network, and a logistic regression under its name
    with "-logistic": the same fits as the blend's linear part. A version with too few outcomes has no model (`shortfall` says
    why); the one before it, or the rule, goes on.
    """
    models, held_out = {}, [HELD_OUT_RISK.empty()]
    for version in versions:
        if shortfall(panel, version):
            continue
        known = _known(panel, version, protected)
        leading = _fitted(known, BLEND if backend == "sklearn" else "network", backend, seed)
        second = _linear_parts(leading) if backend == "sklearn" else _fitted(known, CHALLENGER, "sklearn", seed)
        for own, fits in ((version, leading), (replace(version, name=f"{version.name}-{CHALLENGER}"), second)):
            models[own.name], risks = _calibrated(known, own, fits, seed)
            held_out.append(risks)
    return models, HELD_OUT_RISK.conform(pd.concat(held_out, ignore_index=True))


def log_odds(model: RiskModel, features: pd.DataFrame) -> Floats:
    """Calibrated log-odds of failing or withdrawing for each row. Raises ModelError when a feature it reads is absent."""
    absent = [name for name in model.features if name not in features.columns]
    if absent:
        raise ModelError(f"model {model.version} reads {', '.join(absent)}, not computed any more; train it again")
    margin = model.learner.margin(features[list(model.features)].to_numpy("float64"))
    return model.calibration.log_odds(margin, features)


def predict(model: RiskModel, features: pd.DataFrame) -> Floats:
    """Probability of failing or withdrawing for each row."""
    return probability(log_odds(model, features))


def rule_risk(features: pd.DataFrame) -> Floats:
    """The rule that scores before any model is in charge, and that a model has to beat.

    RULE_RISK for who missed a due assessment or did not visit for SILENT_DAYS days of the course, RULE_SAFE for all others.
    """
    silent = features["clicks_7d"].eq(0) & features["day"].ge(SILENT_DAYS)
    return np.where(features["n_assessments_missed"].gt(0) | silent, RULE_RISK, RULE_SAFE)


def in_charge(
    models: Mapping[str, RiskModel], champions: pd.DataFrame, features: pd.DataFrame
) -> Iterator[tuple[RiskModel | None, npt.NDArray[np.bool_]]]:
    """Each model in charge of some rows of `features`, with which rows; None where the rule is.

    Raises ModelError when a champion is not among `models` or learnt from outcomes that were not known on a day it scores.
    """
    version = champion_by_day(champions, features["run_date"])
    for name in dict.fromkeys(version):
        rows = version == name
        if name == RULE:
            yield None, rows
            continue
        first = features["run_date"][rows].min().date()
        if name not in models:
            raise ModelError(f"model {name} is in charge of {first} but is not stored; train it again or roll it back")
        if models[name].trained_from > first:
            raise ModelError(
                f"model {name} is in charge of {first} but learnt from outcomes known on {models[name].trained_from}; "
                "put an older one in charge of that day"
            )
        yield models[name], rows


def score(features: pd.DataFrame, models: Mapping[str, RiskModel], champions: pd.DataFrame) -> pd.DataFrame:
    """run_date, enrolment, day, risk_score and model_version of each row of `features`, in its order, by who is `in_charge`."""
    risk, version = np.empty(len(features)), np.empty(len(features), dtype=object)
    for model, rows in in_charge(models, champions, features):
        risk[rows] = predict(model, features[rows]) if model else rule_risk(features[rows])
        version[rows] = model.version if model else RULE
    return features[SCORED].assign(risk_score=risk, model_version=pd.Series(version, index=features.index, dtype="str"))


def _nearest(days: npt.NDArray[np.generic]) -> list[int]:
    known = np.sort(days.astype("int64"))
    distance = np.abs(known[None, :] - np.array(TRAINING_DAYS)[:, None])
    near = distance.min(axis=1, initial=DAYS_PER_WEEK) * 2 < DAYS_PER_WEEK
    return known[distance[near].argmin(axis=1)].tolist() if near.any() else []


@dataclass(frozen=True)
class _Known:
    """The training rows of a version, their features as numbers, and the part of the students each row belongs to."""

    rows: pd.DataFrame
    names: tuple[str, ...]
    numbers: Floats
    labels: Labels
    fold: Labels


@dataclass(frozen=True)
class _Fit:
    """A learner, the places in `_Known.names` of the features it reads."""

    learner: Learner
    places: list[int]


def _known(panel: pd.DataFrame, version: Version, protected: bool) -> _Known:
    rows = training_rows([panel[panel["code_presentation"].isin(version.presentations)]])
    too_few = shortfall(rows, version)
    if too_few:
        raise ValueError(too_few)
    rows = rows.sort_values(SCORED, kind="stable", ignore_index=True)
    names = tuple(feature.name for feature in CATALOGUE if protected or not feature.protected)
    fold = (pd.util.hash_array(rows["id_student"].to_numpy("int64")) % N_FOLDS).astype("int64")
    return _Known(rows, names, rows[list(names)].to_numpy("float64"), rows["label"].to_numpy("int64"), fold)


def _fitted(known: _Known, kind: str, backend: str, seed: int) -> list[_Fit]:
    """The fit on all rows, then one for each part of the students without it."""

    def one(learn: npt.NDArray[np.bool_]) -> _Fit:
        used = set(np.flatnonzero(~np.isnan(known.numbers[learn]).all(axis=0)).tolist())
        places = [place for place in read_by(kind, known.names) if place in used]
        values, labels = known.numbers[learn][:, places], known.labels[learn]
        return _Fit(_learner(kind, backend, values, labels, seed, [known.names[place] for place in places]), places)

    side_by_side = min(2, os.cpu_count() or 1) if backend == "sklearn" else 1
    with one_thread(None), ThreadPoolExecutor(side_by_side) as pool:
        return list(pool.map(one, [np.ones(len(known.rows), bool), *(known.fold != part for part in range(N_FOLDS))]))


def _learner(kind: str, backend: str, values: Floats, labels: Labels, seed: int, names: list[str]) -> Learner:
    if kind == "network":
        return fit_network(values, labels, seed, backend)
    if kind == BLEND:
        return fit_blend(values, labels, seed, names=names)
    return fit_logistic(values, labels, seed, names=names) if kind == CHALLENGER else fit_boosting(values, labels, seed)


def _linear_parts(fits: Sequence[_Fit]) -> list[_Fit]:
    blends = [(one.learner, one.places) for one in fits if isinstance(one.learner, Blend)]
    return [_Fit(blend.linear, [places[place] for place in blend.of_linear]) for blend, places in blends]


def _calibrated(known: _Known, version: Version, fits: Sequence[_Fit], seed: int) -> tuple[RiskModel, pd.DataFrame]:
    """The model whose learner is the first fit; the others, of one part of the students each, calibrate it."""
    margin = np.empty(len(known.rows))
    for part, one in enumerate(fits[1:]):
        own = known.fold == part
        margin[own] = one.learner.margin(known.numbers[np.ix_(own, one.places)])
    names, final = known.names, fits[0]
    model = RiskModel(
        version=version.name,
        learner=final.learner,
        calibration=calibrate(margin, known.rows),
        trained_from=version.trained_from,
        presentations=version.presentations,
        features=tuple(names[place] for place in final.places),
        n_rows=len(known.rows),
        n_enrolments=len(known.rows.drop_duplicates(["code_module", "code_presentation", "id_student"])),
        base_rate=float(known.labels.mean()),
        seed=seed,
        data_sha256=_digest(known.rows, known.numbers, names),
    )
    return model, _held_out(version, known, margin)


def _held_out(version: Version, known: _Known, margin: Floats) -> pd.DataFrame:
    newest = known.rows["code_presentation"].eq(version.presentations[-1]).to_numpy()
    risk = np.empty(len(known.rows))
    for part in range(N_FOLDS):
        others, own = known.fold != part, newest & (known.fold == part)
        fitted = calibrate(margin[others], known.rows[others])
        risk[own] = probability(fitted.log_odds(margin[own], known.rows[own]))
    columns = [name for name in HELD_OUT_RISK.names if name not in ("model_version", "risk_score")]
    return HELD_OUT_RISK.conform(known.rows.loc[newest, columns].assign(model_version=version.name, risk_score=risk[newest]))


def _digest(rows: pd.DataFrame, values: Floats, names: Sequence[str]) -> str:
    """SHA-256 of the training rows: key, features and label, whatever order they came in."""
    keys = pd.util.hash_pandas_object(rows[[*SCORED, "label"]], index=False).to_numpy()
    digest = hashlib.sha256(",".join(names).encode())
    digest.update(keys.tobytes())
    digest.update(np.where(np.isnan(values), np.nan, values).astype("float32").tobytes())
    return digest.hexdigest()
