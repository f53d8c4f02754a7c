"""What a new version must show before it is put in charge: better than the champion, calibrated, fair to every group.

A version is judged on its newest closed cohort, each student scored by a fit that never saw them, against the champion of the
day before, which never saw that cohort. What follows from the judgement is decided in `champions`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.success.evaluation.figures import N_BINS, RESAMPLES, TAIL, Ranking, calibration_error, resamples_of
from oulad_platform.success.modelling.cohorts import RULE
from oulad_platform.success.modelling.model import RiskModel, predict, rule_risk
from oulad_platform.success.oversight.fairness import fairness_gate

Floats = npt.NDArray[np.float64]
ScoresOf = Callable[[str, pd.DataFrame], Floats]

DIFFERENCE, CALIBRATION, FAIRNESS = "difference", "calibration", "fairness"
MOST_ECE = 0.05
MOST_MODULE_GAP = 0.05
FEWEST_OF_MODULE = 200
STANDARD_ERRORS = 3
ENROLMENT = ["code_module", "code_presentation", "id_student"]


class CalibrationCheck(NamedTuple):
    """`ece`: of the worst course day. `module_gap`: largest |mean risk - observed rate| of a module of
    FEWEST_OF_MODULE enrolments, `module`; NaN and empty where no module has so many. `failed`: a sentence for each limit
    that does not hold."""

    ece: float
    module_gap: float
    module: str
    failed: tuple[str, ...]


@dataclass(frozen=True)
class Judgement:
    """How a version did against `champion`; `failed` says for each gate that does not hold why, in a sentence."""

    champion: str
    cohorts: tuple[str, ...]
    n_enrolments: int
    n_days: int
    difference: float
    low: float
    high: float
    calibration: CalibrationCheck
    failed: Mapping[str, str]

    @property
    def figures(self) -> str:
        """What was measured, as a sentence."""
        if np.isnan(self.difference):
            return f"It could not be compared with {in_words(self.champion)}: no held-out enrolments of both outcomes."
        side = "above" if self.difference >= 0 else "below"
        days = f"{self.n_days} course day{'' if self.n_days == 1 else 's'}"
        found = (
            f"On {' and '.join(self.cohorts)} ({self.n_enrolments:,} enrolments, {days}) its AUC is "
            f"{abs(self.difference):.3f} {side} that of {in_words(self.champion)} (95 % interval of the difference "
            f"{self.low:+.3f} to {self.high:+.3f}); expected calibration error at most {self.calibration.ece:.3f}"
        )
        if self.calibration.module:
            found += f", largest gap of a module {self.calibration.module_gap:.3f} ({self.calibration.module})"
        return f"{found}."


def in_words(version: str) -> str:
    """The version's name as a sentence has it.

    >>> in_words("2013J"), in_words("rule")
    ('2013J', 'the rule')
    """
    return "the rule" if version == RULE else version


def scores_of(panel_parts: Mapping[str, pd.DataFrame], models: Mapping[str, RiskModel]) -> ScoresOf:
    """A function (version, rows) -> that version's risk on the rows, found again in the parts of the training panel.

    Rows have code_module, code_presentation, id_student and day; parts are named like AAA_2013J and read one at a time. The
    function raises KeyError where the version is not among `models`, and ValueError where the panel has no row.
    """

    def found(version: str, rows: pd.DataFrame) -> Floats:
        if version != RULE and version not in models:
            raise KeyError(f"version {version!r} is not stored; materialize risk_model again")
        risk = np.full(len(rows), np.nan)
        wanted = rows[[*ENROLMENT, "day"]].reset_index(drop=True)
        for (module, presentation), own in wanted.groupby(ENROLMENT[:2], sort=True):
            features = own[["id_student", "day"]].merge(panel_parts[f"{module}_{presentation}"], how="left")
            if len(features) != len(own) or features["code_module"].isna().any():
                raise ValueError(
                    f"training_panel {module}_{presentation} has not exactly one row of each held-out enrolment and day; "
                    "materialize training_panel and risk_model again"
                )
            risk[own.index] = rule_risk(features) if version == RULE else predict(models[version], features)
        return risk

    return found


def judge(
    held_out: pd.DataFrame, fairness: pd.DataFrame, before: pd.DataFrame, champion: str, scores: ScoresOf, seed: int
) -> Judgement:
    """The version whose rows of HELD_OUT_RISK and MODEL_FAIRNESS these are, against `champion`, scored by `scores`.

    What the three gates ask for: `paired_difference` with its lower end above 0; what `calibration` asks for; and audited
    groups of which `fairness.fairness_gate` names none. `before`: MODEL_FAIRNESS rows of the champion on the same cohort.
    """
    rows = held_out.sort_values([*ENROLMENT, "day"], ignore_index=True)
    label = rows["label"].to_numpy("float64")
    difference = low = high = float("nan")
    if 0 < label.sum() < len(label):
        difference, low, high = paired_difference(rows, scores(champion, rows), seed)
    calibrated, failed = calibration(rows), {}
    if np.isnan(low):
        failed[DIFFERENCE] = f"it could not be compared with {in_words(champion)}"
    elif low <= 0:
        failed[DIFFERENCE] = f"its AUC is not above that of {in_words(champion)} beyond chance"
    if calibrated.failed:
        failed[CALIBRATION] = "; ".join(calibrated.failed)
    unfair = ["no group of students could be audited"] if fairness.empty else fairness_gate(fairness, before)
    if unfair:
        failed[FAIRNESS] = "; ".join(sentence.rstrip(".") for sentence in unfair)
    return Judgement(
        champion,
        tuple(sorted(rows["code_presentation"].unique())),
        len(rows[ENROLMENT].drop_duplicates()),
        rows["day"].nunique(),
        *(difference, low, high),
        calibrated,
        failed,
    )


def paired_difference(rows: pd.DataFrame, rival: Floats, seed: int, resamples: int = RESAMPLES) -> tuple[float, float, float]:
    """Mean over the course days of risk_score's AUC minus the rival's within the day, and its 95 % interval.

    `rows`: enrolment, day, risk_score, label; `rival`: another risk for each row. Percentile bootstrap over enrolments: a drawn
    enrolment brings all its days and both its scores. A day on which one outcome is missing does not count; NaN when none does.
    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), 13.3.
    """
    enrolment = rows.groupby(ENROLMENT, sort=True).ngroup().to_numpy("int64")
    risk, label, day = rows["risk_score"].to_numpy("float64"), rows["label"].to_numpy("float64"), rows["day"].to_numpy()
    ranked = []
    for one in np.unique(day):
        own = np.flatnonzero(day == one)
        if 0 < label[own].sum() < len(own):
            ranked.append((enrolment[own], Ranking.of(label[own], risk[own]), Ranking.of(label[own], rival[own])))

    def differences(weights: Floats) -> Floats:
        by_day = np.array([mine.auc(weights[:, who]) - other.auc(weights[:, who]) for who, mine, other in ranked])
        counted = ~np.isnan(by_day)
        with np.errstate(invalid="ignore"):
            mean: Floats = np.where(counted, by_day, 0).sum(axis=0) / counted.sum(axis=0)
        return mean

    if not ranked:
        return float("nan"), float("nan"), float("nan")
    n = int(enrolment.max()) + 1
    drawn = np.concatenate([differences(weights) for weights in resamples_of(n, seed, resamples)])
    low, high = np.nanquantile(drawn, [TAIL, 1 - TAIL])
    return float(differences(np.ones((1, n)))[0]), float(low), float(high)


def calibration(rows: pd.DataFrame) -> CalibrationCheck:
    """Whether the risks can be taken at their word: on every course day, and in every module of FEWEST_OF_MODULE enrolments.

    Two limits, each widened by chance so that a small cohort is not refused for being small:
    - expected calibration error of each day at most MOST_ECE, or what calibrated risks might show on so many enrolments by
      chance (`calibration_error_by_chance`);
    - |mean risk - observed rate| of a module over the days at most MOST_MODULE_GAP, or STANDARD_ERRORS standard errors with the
      days of an enrolment taken together, as it has one outcome.
    The days are judged one by one since an adviser reads one day: errors of opposite sign cancel when days are pooled. The limit
    is there to stop a broken calibration: sound held-out risks on OULAD show .02 to .035 on their worst day, and by chance alone
    300 enrolments show about .08.
    """
    if rows.empty:
        return CalibrationCheck(float("nan"), float("nan"), "", ("it has no held-out enrolments to be checked on",))
    failed, by_day = [], []
    for day, own in rows.groupby("day", sort=True):
        risk = own["risk_score"].to_numpy("float64")
        ece = calibration_error(own["label"].to_numpy("float64"), risk)
        limit = max(MOST_ECE, calibration_error_by_chance(risk))
        by_day.append(ece)
        if ece > limit:
            failed.append(f"expected calibration error {ece:.3f} on course day {day}, above {limit:.3f}")
    gaps = _module_gaps(rows)
    gaps = gaps[gaps["n"] >= FEWEST_OF_MODULE]
    for module, gap in gaps.iterrows():
        limit = max(MOST_MODULE_GAP, STANDARD_ERRORS * gap["error"])
        if abs(gap["gap"]) > limit:
            failed.append(f"mean risk {gap['gap']:+.3f} from the observed rate in {module}, beyond {limit:.3f}")
    largest = str(gaps["gap"].abs().idxmax()) if len(gaps) else ""
    module_gap = abs(float(gaps.loc[largest, "gap"])) if largest else float("nan")  # type: ignore[arg-type]
    return CalibrationCheck(max(by_day), module_gap, largest, tuple(failed))


def calibration_error_by_chance(risk: Floats) -> float:
    """The most that calibrated risks would show by chance as `evaluation.figures.calibration_error`.

    By chance a bin's mean outcome is normal around its mean risk with variance sum p (1 - p) / n squared, and its distance half
    normal: mean sqrt(2 / pi) and variance 1 - 2 / pi of that. Returned is the mean plus STANDARD_ERRORS standard deviations.
    """
    variance = np.array([float((risks * (1 - risks)).sum()) for risks in np.array_split(np.sort(risk), N_BINS)])
    mean = np.sqrt(variance * 2 / np.pi).sum()
    spread = np.sqrt(variance.sum() * (1 - 2 / np.pi))
    return float(mean + STANDARD_ERRORS * spread) / len(risk)


def _module_gaps(rows: pd.DataFrame) -> pd.DataFrame:
    """By module: mean risk minus observed rate over its rows, the standard error by enrolment, and the enrolments."""
    excess = rows["risk_score"] - rows["label"]
    size = rows.groupby("code_module")["label"].transform("size")
    by_enrolment = (excess / size).groupby([rows[name] for name in ENROLMENT]).sum()
    by_module = by_enrolment.groupby("code_module")
    n = by_module.size()
    return pd.DataFrame({"gap": by_module.sum(), "error": by_module.std(ddof=0) * np.sqrt(n), "n": n})
