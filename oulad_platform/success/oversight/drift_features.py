"""How far the features of a running presentation lie from those its model learnt from, as rows of `feature_drift`.

A presentation is compared on the course days that the training panel has, every seventh, and the result stands until the next:
compared with an earlier day, cumulative features would drift by the calendar alone. What becomes of it is decided in `drift`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.success.oversight.drift_reference import COURSE, Floats
from oulad_platform.success.oversight.tables import FEATURE_DRIFT
from oulad_platform.success.tables import ALL

FEWEST_IN_REFERENCE = 150  # on so many, chance alone gives a PSI of about .12
N_BINS = 10
SMOOTHING = 0.5
DAYS_HELD = timedelta(days=7)


class Learnt(Protocol):
    """What must be known of a model to find what it learnt from: `modelling.model.RiskModel`."""

    @property
    def presentations(self) -> tuple[str, ...]: ...

    @property
    def features(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Distribution:
    """One feature in the reference: its distinct values ascending, how many rows lie at or below each, how many lack it.

    `edges` are the upper ends of its tenths, the last aside; fewer than nine where values repeat. `auc` is that of the feature
    alone on the outcomes, .5 where it says nothing.
    """

    values: npt.NDArray[np.generic]
    up_to: npt.NDArray[np.int64]
    n_missing: int
    edges: npt.NDArray[np.generic]
    auc: float

    @property
    def n_present(self) -> int:
        return int(self.up_to[-1]) if len(self.up_to) else 0


@dataclass(frozen=True)
class Reference:
    """The training rows of one course day: of one module, or of all where it has too few."""

    module: str
    day: int
    n: int
    distributions: Mapping[str, Distribution]


def feature_drift(
    runs: pd.DataFrame,
    features: Mapping[date, pd.DataFrame],
    panel: Mapping[str, pd.DataFrame],
    models: Mapping[str, Learnt],
) -> pd.DataFrame:
    """PSI, Kolmogorov-Smirnov distance and missing rates of every feature the model reads, in the columns of FEATURE_DRIFT.

    `runs`: one row per day and running presentation: run_date, code_module, code_presentation, day, model_version. `features`:
    FEATURES rows by day, the run's days and the six before each; one where a presentation's comparison day is absent gives no
    row, nor does a day scored by the rule. `panel`: TRAINING_PANEL in parts. The reference are the rows of the model's
    presentations at the newest panel day not after the course day, of the same module where these are
    FEWEST_IN_REFERENCE or more.
    """
    scored = runs[runs["model_version"].isin(list(models))]
    references = References(scored, panel, models)
    measured: dict[tuple[str, str, str, date], pd.DataFrame | None] = {}
    at_hand: dict[date, dict[Any, pd.DataFrame]] = {}
    found = []
    for run in scored.sort_values("run_date").to_dict("records"):
        module, code, version, day = (run[name] for name in (*COURSE, "model_version", "day"))
        reference = references.of(version, module, day)
        if reference is None:
            continue
        on: date = (run["run_date"] - timedelta(days=day - reference.day)).date()
        if (version, module, code, on) not in measured:
            if on not in at_hand:
                at_hand = {one: frames for one, frames in at_hand.items() if one > on - DAYS_HELD}
                at_hand[on] = dict(list(features[on].groupby(COURSE, sort=False))) if on in features else {}
            rows = at_hand[on].get((module, code))
            measured[version, module, code, on] = None if rows is None else compare(reference, rows)
        comparison = measured[version, module, code, on]
        if comparison is not None:
            about = {"run_date": run["run_date"], "code_module": module, "code_presentation": code, "model_version": version}
            found.append(comparison.assign(**about))
    return pd.concat(found, ignore_index=True)[FEATURE_DRIFT.names] if found else pd.DataFrame(columns=FEATURE_DRIFT.names)


class References:
    """The references of a run, each built once when it is first asked for; of the panel only the days needed are held."""

    def __init__(self, runs: pd.DataFrame, panel: Mapping[str, pd.DataFrame], models: Mapping[str, Learnt]) -> None:
        self._models = {version: models[version] for version in runs["model_version"].unique()}
        names = list(dict.fromkeys(name for model in self._models.values() for name in model.features))
        codes = {code for model in self._models.values() for code in model.presentations}
        needed = runs["day"].unique()
        kept = [_at(part, codes, needed)[[*COURSE, "day", "label", *names]] for part in panel.values()] if codes else []
        self._rows = pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=[*COURSE, "day", "label", *names])
        self._days = np.unique(self._rows["day"].to_numpy("int64"))
        places = self._rows.groupby([*COURSE, "day"], sort=False).indices
        self._places: dict[Any, Any] = dict(places)
        self._built: dict[tuple[str, str, int], Reference] = {}

    def of(self, version: str, module: str, course_day: int) -> Reference | None:
        """The reference of a module on a course day; None where the panel has no row so early."""
        place = int(np.searchsorted(self._days, course_day, side="right")) - 1
        if place < 0:
            return None
        day, codes = int(self._days[place]), self._models[version].presentations
        own = self._positions(day, codes, module)
        scope = module if len(own) >= FEWEST_IN_REFERENCE else ALL
        if (version, scope, day) not in self._built:
            rows = self._rows.iloc[own if scope == module else self._positions(day, codes)]
            label = rows["label"].to_numpy("float64")
            distributions = {name: distribution(rows[name].to_numpy(), label) for name in self._models[version].features}
            self._built[version, scope, day] = Reference(scope, day, len(rows), distributions)
        reference = self._built[version, scope, day]
        return reference if reference.n else None

    def _positions(self, day: int, codes: tuple[str, ...], module: str | None = None) -> npt.NDArray[np.int64]:
        wanted = [
            place
            for (of_module, code, of_day), place in self._places.items()
            if of_day == day and code in codes and module in (None, of_module)
        ]
        return np.concatenate(wanted) if wanted else np.empty(0, "int64")


def distribution(values: npt.NDArray[np.generic], label: Floats) -> Distribution:
    """The Distribution of one feature's values (NaN = absent) with their outcomes (0.0 or 1.0)."""
    present = ~np.isnan(values)
    distinct, place, counts = np.unique(values[present], return_inverse=True, return_counts=True)
    up_to = np.cumsum(counts)
    positive = np.bincount(place, label[present], len(distinct))
    negative = counts - positive
    pairs = positive.sum() * negative.sum()
    auc = float(positive @ (np.cumsum(negative) - negative / 2) / pairs) if pairs else float("nan")
    tenths = np.searchsorted(up_to, np.arange(1, N_BINS) * len(place) / N_BINS)
    edges = np.unique(distinct[tenths[tenths < len(distinct) - 1]])
    return Distribution(distinct, up_to, int((~present).sum()), edges, auc)


def compare(reference: Reference, rows: pd.DataFrame) -> pd.DataFrame:
    """One row per feature of the reference: how the feature rows of one presentation and day lie to it.

    Kolmogorov-Smirnov over the values present, p by its asymptotic law (Smirnov 1948), which ties make conservative; NaN where
    one side has no value.
    """
    from scipy.special import kolmogorov

    found = []
    for name, learnt in reference.distributions.items():
        values = rows[name].to_numpy()
        n_missing = int(np.isnan(values).sum())
        ordered = np.sort(values)[: len(values) - n_missing]
        found.append((name, psi(learnt, ordered, n_missing), *_ks(learnt, ordered), n_missing, learnt.n_missing, learnt.auc))
    names = ["feature", "psi", "ks", "ks_size", "missing_rate", "missing_rate_reference", "reference_auc"]
    frame = pd.DataFrame(found, columns=names)
    p_value = kolmogorov(np.sqrt(frame["ks_size"].to_numpy("float64")) * frame["ks"].to_numpy("float64"))
    return frame.drop(columns="ks_size").assign(
        ks_p_value=p_value,
        missing_rate=frame["missing_rate"] / len(rows),
        missing_rate_reference=frame["missing_rate_reference"] / reference.n,
        n_students=len(rows),
        n_reference=reference.n,
        reference_module=reference.module,
        reference_day=reference.day,
    )


def psi(learnt: Distribution, ordered: npt.NDArray[np.generic], n_missing: int) -> float:
    """Population stability index of values (ascending, the absent counted apart) over the reference's tenths and the absent.

    Sum of (share - reference share) * ln(share / reference share), with SMOOTHING added to every count, so that an empty bin is
    finite; bins that are empty on both sides are left out. Without drift it is about (bins - 1) * (1/n + 1/n_reference).
    Source: Siddiqi, Credit Risk Scorecards (2006); its size without drift: Yurdakul, dissertation, Western Michigan (2018).
    """
    then = np.append(np.diff(np.concatenate([[0], _up_to(learnt, learnt.edges), [learnt.n_present]])), learnt.n_missing)
    below = np.searchsorted(ordered, learnt.edges, side="right")
    now = np.append(np.diff(np.concatenate([[0], below, [len(ordered)]])), n_missing)
    used = then + now > 0
    shares = [(counts[used] + SMOOTHING) / (counts.sum() + SMOOTHING * used.sum()) for counts in (now, then)]
    return float((shares[0] - shares[1]) @ np.log(shares[0] / shares[1]))


def _up_to(learnt: Distribution, edges: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    return learnt.up_to[np.searchsorted(learnt.values, edges)]


def _ks(learnt: Distribution, ordered: npt.NDArray[np.generic]) -> tuple[float, float]:
    """The largest distance of both distribution functions and the effective size n * m / (n + m).

    Between two of the reference's values its own function stands still and the other rises, so the ends of these stretches do.
    """
    n, m = len(ordered), learnt.n_present
    if not n or not m:
        return float("nan"), float("nan")
    reached = learnt.up_to / m
    before = np.concatenate([[0.0], reached[:-1]])
    at = np.abs(reached - np.searchsorted(ordered, learnt.values, side="right") / n)
    just_before = np.abs(before - np.searchsorted(ordered, learnt.values, side="left") / n)
    return float(max(at.max(), just_before.max())), n * m / (n + m)


def _at(part: pd.DataFrame, codes: set[str], course_days: npt.NDArray[np.generic]) -> pd.DataFrame:
    """The part's rows of these presentation codes on its newest day not after each of the course days."""
    days = np.unique(part["day"].to_numpy("int64"))
    place = np.searchsorted(days, course_days, side="right") - 1
    return part[part["day"].isin(days[place[place >= 0]]) & part["code_presentation"].isin(list(codes))]
