"""What outputs/metrics_latest.json says: the headline figures and the evaluation behind them. No figure is made here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from oulad_platform.core.reports import date_text
from oulad_platform.success.evaluation.figures import CONFUSION
from oulad_platform.success.evaluation.ladder import RUNGS
from oulad_platform.success.evaluation.protocol import (
    EARLIER_COHORTS,
    HEADLINE_DAY,
    NEXT_COHORT,
    PROTOCOLS,
    TRIAL,
    newest_model,
)
from oulad_platform.success.evaluation.rules import RULES
from oulad_platform.success.modelling.model import CHALLENGER, RiskModel
from oulad_platform.success.tables import ALL

SEED_KEYS = ("auc", "pr_auc", "precision_at_0_5", "recall_at_0_5")
ABOUT = ("brier", "ece", "base_rate", "mean_risk", "reach", "lead_days")
Entry = dict[str, Any]


def latest_metrics(evaluation: pd.DataFrame, models: Mapping[str, RiskModel]) -> Entry:
    """The newest tested cohort on the day nearest HEADLINE_DAY, under next_cohort where possible, and not the challenger.

    `evaluation`: MODEL_EVALUATION. confusion_matrix is [[true negatives, false positives], [false negatives, true positives]] at
    .5. `by_day` repeats the figures of all modules together with their intervals, `by_module` those of the headline's day,
    `rules` those of the rules beside it, `leak_ladder` the rungs. `known_from` is the first day on which a figure was known; it
    may lie ahead of the newest day of the data. When no closed cohort could be tested the figures are None and `reason` says so.
    """
    best = headline(evaluation, models)
    beside = pd.DataFrame(columns=evaluation.columns)
    if best:
        same = [evaluation[name].to_numpy() == best[name] for name in ("evaluation", "tested_cohort", "day")]
        beside = evaluation[np.logical_and.reduce(same)]
    model = models.get(str(best.get("model_version")), newest_model(models))
    of_rules = evaluation["model_version"].isin(RULES)
    ladder = evaluation["evaluation"].isin(RUNGS)
    return {
        **{name: best.get(name) for name in SEED_KEYS},
        "confusion_matrix": [[int(best[name]) for name in row] for row in CONFUSION] if best else None,
        **{name: best.get(name) for name in ABOUT},
        **{name: best.get(name) for name in ("n_students", "tested_cohort", "day", "model_version", "known_from", "intervals")},
        "trained_on": list(model.presentations) if best and model else None,
        "protocol": f"{best['evaluation']}: {PROTOCOLS[best['evaluation']]}" if best else None,
        "reason": None if best else "no closed cohort could be tested: none had closed before another closed one began",
        "model_backend": model.learner.backend if model else None,
        "backend_hyperparams": dict(model.learner.hyperparameters) if model else None,
        "by_day": _entries(evaluation[~of_rules & ~ladder]),
        "by_module": _entries(beside[beside["model_version"] == best.get("model_version")], pooled=False),
        "rules": _entries(beside[beside["model_version"].isin(RULES)]),
        "leak_ladder": _entries(evaluation[ladder & ~of_rules]),
    }


def headline(evaluation: pd.DataFrame, models: Mapping[str, RiskModel]) -> Entry:
    """The one test that stands for all: cohort, day, protocol and figures; empty when no cohort could be tested."""
    order: tuple[str, ...] = max((model.presentations for model in models.values()), key=len, default=())
    newness = {code: place for place, code in enumerate(order)}
    challengers = {name for name, model in models.items() if model.learner.kind == CHALLENGER}
    tests = evaluation[
        evaluation["evaluation"].isin((NEXT_COHORT, EARLIER_COHORTS)) & ~evaluation["model_version"].isin({*RULES, *challengers})
    ]
    if tests.empty:
        return {}
    days = tests["day"].unique()
    day = min(days, key=lambda one: (abs(int(one) - HEADLINE_DAY), one))
    return max(
        _entries(tests[tests["day"] == day]),
        key=lambda row: (row["evaluation"] == NEXT_COHORT, newness.get(row["tested_cohort"], len(order))),
    )


def _entries(evaluation: pd.DataFrame, *, pooled: bool = True) -> list[Entry]:
    """One entry per test, module and day: its names, its metrics by name and, under `intervals`, their [low, high]."""
    shown = evaluation[evaluation["code_module"].eq(ALL) == pooled]
    found = []
    for _, rows in shown.groupby([*TRIAL, "code_module", "day"], sort=True):
        first = rows.iloc[0]
        values = {name: _or_none(value) for name, value in zip(rows["metric"], rows["value"], strict=True)}
        bounded = rows.dropna(subset=["low", "high"])
        intervals = {row.metric: [row.low, row.high] for row in bounded.itertuples()}
        names = {name: str(first[name]) for name in (*TRIAL, "code_module")} | {"day": int(first["day"])}
        counts = {"n_students": int(rows["n_students"].max()), "known_from": date_text(first["known_from"])}
        found.append(names | counts | values | {"intervals": intervals})
    return found


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
