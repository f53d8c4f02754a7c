"""How good the models are on cohorts they have not seen, as rows of `model_metrics` and as the seed's summary. Fits no model but
the one of the weekly split. Undefined figures are NaN (null in the summary), never 0.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core.calendar import DAYS_PER_WEEK
from oulad_platform.core.reports import date_text
from oulad_platform.success.modelling.cohorts import Version, version_for
from oulad_platform.success.modelling.model import BACKEND, HYPERPARAMETERS, RiskModel, fit, predict, shortfall
from oulad_platform.success.tables import ALL, MODEL_METRICS

EVALUATION_DAYS = (14, 28, 42, 56, 84)
HEADLINE_DAY = 28
CONTACTED = 0.10
N_BINS = 10
CUT = 0.5
CONFUSION = (("true_negatives", "false_positives"), ("false_negatives", "true_positives"))
NEXT_COHORT, EARLIER_COHORTS, SPLIT_WEEK = "next_cohort", "earlier_cohorts", "split_week"
PROTOCOLS = {
    NEXT_COHORT: "trained on presentations that had closed before the tested one began, the model's first sight of it",
    EARLIER_COHORTS: "trained on presentations that began before the tested one, as published studies do; "
    "some of their results were not yet known when it began",
    SPLIT_WEEK: "trained on earlier weeks of one half of the students, tested on later weeks of the other half",
}
GROUP = ["model_version", "evaluation", "tested_cohort"]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """One model on one cohort, under one protocol."""

    evaluation: str
    tested_cohort: str
    model: RiskModel


def trials(models: Collection[RiskModel], courses: pd.DataFrame, codes: Collection[str]) -> Iterator[Trial]:
    """Every test that can be made on the closed presentation codes.

    next_cohort uses the newest model whose cohorts had all closed before the tested one began; earlier_cohorts the newest one
    whose cohorts had all begun before, where that is another model.
    """
    began = courses.groupby("code_presentation")["start_date"].min()
    for code in codes:
        strict = version_for(began[code].date(), models)
        if strict:
            yield Trial(NEXT_COHORT, code, strict)
        earlier = [model for model in models if began[list(model.presentations)].max() < began[code]]
        newest = max(earlier, key=lambda model: model.trained_from, default=None)
        if newest and newest is not strict:
            yield Trial(EARLIER_COHORTS, code, newest)


def model_metrics(
    panel: pd.DataFrame, models: Mapping[str, RiskModel], courses: pd.DataFrame, split_week: int, seed: int
) -> pd.DataFrame:
    """The figures of every trial and of the weekly split, by day and module, in the columns of the table `model_metrics`.

    `panel` is `cohorts.training_panel`; cohorts are tested on its EVALUATION_DAYS. A figure is known once the outcomes of its
    cohort and of those its model learnt from are; the split's, once the whole panel is. No row where nothing can be tested.
    """
    tested = [_tested(trial, panel) for trial in trials(models.values(), courses, sorted(panel["code_presentation"].unique()))]
    tested += _split_by_week(panel, list(models.values()), split_week, seed)
    return _metrics(pd.concat(tested)) if tested else MODEL_METRICS.empty()


def latest_metrics(metrics: pd.DataFrame, models: Sequence[RiskModel]) -> dict[str, Any]:
    """What outputs/metrics_latest.json says: the newest tested cohort on day HEADLINE_DAY, under next_cohort where possible.

    confusion_matrix is [[true negatives, false positives], [false negatives, true positives]] at CUT. `by_day` repeats the
    figures of all modules together. `known_from` is the first day on which a figure was known, which may lie ahead of the
    newest day of the data. When no closed cohort could be tested the figures are None and `reason` says so.
    """
    order: tuple[str, ...] = max((model.presentations for model in models), key=len, default=())
    by_day = _by_day(metrics)
    tests = [row for row in by_day if row["day"] == HEADLINE_DAY and row["evaluation"] in (NEXT_COHORT, EARLIER_COHORTS)]
    newness = {code: place for place, code in enumerate(order)}
    best = max(
        tests, key=lambda row: (row["evaluation"] == NEXT_COHORT, newness.get(row["tested_cohort"], len(order))), default={}
    )
    version = best.get("model_version")
    matrix = [[int(best[name]) for name in row] for row in CONFUSION] if best else None
    return {
        **{name: best.get(name) for name in ("auc", "pr_auc", "precision_at_0_5", "recall_at_0_5")},
        "confusion_matrix": matrix,
        **{name: best.get(name) for name in ("brier", "ece", "base_rate", "n_students", "tested_cohort", "day", "model_version")},
        "known_from": best.get("known_from"),
        "trained_on": next((list(model.presentations) for model in models if model.version == version), None),
        "protocol": f"{best['evaluation']}: {PROTOCOLS[best['evaluation']]}" if best else None,
        "reason": None if best else "no closed cohort could be tested: none had closed before another closed one began",
        "model_backend": BACKEND,
        "backend_hyperparams": dict(HYPERPARAMETERS),
        "by_day": by_day,
    }


def figures(label: Floats, risk: Floats) -> dict[str, float]:
    """AUC, average precision, Brier score, expected calibration error (N_BINS equal-count bins), base rate, precision and recall
    when the CONTACTED share with the highest risk can be contacted (at least one; ties in the order given), precision, recall
    and counts at CUT.

    Of one label (0.0 or 1.0) and risk per enrolment, at least one. AUC and average precision need both classes, else NaN.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    contacted = f"{CONTACTED * 100:.0f}_pct"
    both = 0 < label.sum() < len(label)
    order = np.argsort(-risk, kind="stable")
    top = label[order[: max(1, round(CONTACTED * len(label)))]]
    bins = zip(np.array_split(risk[order], N_BINS), np.array_split(label[order], N_BINS), strict=True)
    flagged, true = risk >= CUT, label == 1
    tp, fp, fn, tn = (int(rows.sum()) for rows in (flagged & true, flagged & ~true, ~flagged & true, ~flagged & ~true))
    nan = float("nan")
    return {
        "auc": float(roc_auc_score(label, risk)) if both else nan,
        "pr_auc": float(average_precision_score(label, risk)) if both else nan,
        "brier": float(np.mean((risk - label) ** 2)),
        "ece": sum(abs(float(risks.sum() - labels.sum())) for risks, labels in bins) / len(label),
        "base_rate": float(label.mean()),
        f"precision_at_{contacted}": float(top.mean()),
        f"recall_at_{contacted}": float(top.sum() / label.sum()) if true.any() else nan,
        "precision_at_0_5": tp / (tp + fp) if flagged.any() else nan,
        "recall_at_0_5": tp / (tp + fn) if true.any() else nan,
        **dict(zip(CONFUSION[0] + CONFUSION[1], map(float, (tn, fp, fn, tp)), strict=True)),
    }


def _split_by_week(panel: pd.DataFrame, models: Sequence[RiskModel], split_week: int, seed: int) -> list[pd.DataFrame]:
    """The seed document's weekly split: trained before `split_week`, tested from it on; nothing when a side has too little.

    A student is in one half only, chosen by a hash of the identifier, since the same enrolment on both sides would leak its own
    label. Week = day // 7.
    """
    half = pd.util.hash_array(panel["id_student"].to_numpy("int64")) % 2 == 0
    late = panel["day"].to_numpy() // DAYS_PER_WEEK >= split_week
    train, test = panel[half & ~late], panel[~half & late]
    newest = max(models, key=lambda model: model.trained_from, default=None)
    if newest is None or test.empty:
        return []
    version = Version(f"{SPLIT_WEEK}_{split_week}", newest.trained_from, newest.presentations)
    if shortfall(train, version):
        return []
    return [_scored(test.assign(known_from=panel["known_from"].max()), SPLIT_WEEK, ALL, fit(train, version, seed))]


def _tested(trial: Trial, panel: pd.DataFrame) -> pd.DataFrame:
    rows = panel[panel["code_presentation"].eq(trial.tested_cohort) & panel["day"].isin(EVALUATION_DAYS)]
    return _scored(rows, trial.evaluation, trial.tested_cohort, trial.model)


def _scored(rows: pd.DataFrame, evaluation: str, tested_cohort: str, model: RiskModel) -> pd.DataFrame:
    shown, known, learnt = rows[["code_module", "day", "label"]], rows["known_from"], pd.Timestamp(model.trained_from)
    return shown.assign(
        risk=predict(model, rows),
        model_version=model.version,
        evaluation=evaluation,
        tested_cohort=tested_cohort,
        known_from=known.where(known >= learnt, learnt),
    )


def _metrics(tested: pd.DataFrame) -> pd.DataFrame:
    both_ways = pd.concat([tested, tested.assign(code_module=ALL)], ignore_index=True)
    found = []
    for key, rows in both_ways.groupby([*GROUP, "code_module", "day"], sort=True):
        values = figures(rows["label"].to_numpy("float64"), rows["risk"].to_numpy("float64"))
        known_from = rows["known_from"].max()
        found += [(*key, metric, value, len(rows), known_from) for metric, value in values.items()]
    frame = pd.DataFrame(found, columns=[*GROUP, "code_module", "day", "metric", "value", "n_students", "known_from"])
    return MODEL_METRICS.conform(frame)


def _by_day(metrics: pd.DataFrame) -> list[dict[str, Any]]:
    pooled = metrics[metrics["code_module"].eq(ALL)]
    found = []
    for _, rows in pooled.groupby([*GROUP, "day"], sort=True):
        first = rows.iloc[0]
        values = {name: _or_none(value) for name, value in zip(rows["metric"], rows["value"], strict=True)}
        counts = {"day": int(first["day"]), "n_students": int(first["n_students"])}
        found.append({name: first[name] for name in GROUP} | counts | {"known_from": date_text(first["known_from"])} | values)
    return found


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
