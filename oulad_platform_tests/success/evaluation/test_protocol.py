"""Tests of success.evaluation: figures against literals, who may be tested by whom, and what is said when nothing can be."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest

from oulad_platform.core.checks import require
from oulad_platform.success.evaluation.protocol import figures, latest_metrics, model_metrics, trials
from oulad_platform.success.modelling.cohorts import Version, training_panel, versions
from oulad_platform.success.modelling.model import RiskModel, fit, fit_versions
from oulad_platform.success.tables import MODEL_METRICS
from oulad_platform_tests.success.campus import cohorts, courses

UNTIL = date(2014, 12, 1)


def model(version: str, trained_from: date, *codes: str) -> RiskModel:
    return RiskModel(version, trained_from, codes, (), None, 0, 0.5, 7)


def test_the_figures_of_ten_students_equal_those_counted_by_hand():
    risk = np.array([0.95, 0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1, 0.05])
    label = np.array([1, 1, 0, 1, 0, 1, 0, 0, 0, 0], dtype=float)
    assert figures(label, risk) == pytest.approx(
        {
            "auc": 21 / 24,
            "pr_auc": (1 + 1 + 3 / 4 + 4 / 6) / 4,
            "brier": 0.1605,
            "ece": 0.31,
            "base_rate": 0.4,
            "precision_at_10_pct": 1.0,
            "recall_at_10_pct": 0.25,
            "precision_at_0_5": 0.6,
            "recall_at_0_5": 0.75,
            "true_negatives": 4,
            "false_positives": 2,
            "false_negatives": 1,
            "true_positives": 3,
        }
    )


def test_what_cannot_be_computed_is_absent_and_never_zero():
    shown = figures(np.zeros(4), np.array([0.1, 0.2, 0.3, 0.4]))
    assert [name for name, value in shown.items() if np.isnan(value)] == [
        "auc",
        "pr_auc",
        "recall_at_10_pct",
        "precision_at_0_5",
        "recall_at_0_5",
    ]


def test_a_cohort_is_tested_by_models_that_knew_no_result_of_it_nor_of_its_time():
    table = courses(("BBB", "2013B", 240, "2013-02-01"), ("BBB", "2013J", 268, "2013-10-01"), ("BBB", "2014B", 241, "2014-02-01"))
    made = [
        model("2013B", date(2013, 9, 30), "2013B"),
        model("2013J", date(2014, 6, 27), "2013B", "2013J"),
        model("2014B", date(2014, 10, 1), "2013B", "2013J", "2014B"),
    ]
    tests = [(one.evaluation, one.tested_cohort, one.model.version) for one in trials(made, table, ["2013B", "2013J", "2014B"])]
    assert tests == [
        ("next_cohort", "2013J", "2013B"),
        ("next_cohort", "2014B", "2013B"),
        ("earlier_cohorts", "2014B", "2013J"),
    ]


def run(*runs: tuple[str, str], split_week: int = 4):
    raw, parts = cohorts(*runs)
    panel = training_panel(raw, parts, UNTIL)
    models = fit_versions(panel, versions(raw["courses"], UNTIL), 7)
    metrics = require(model_metrics(panel, models, raw["courses"], split_week, 7), MODEL_METRICS)
    return metrics, latest_metrics(metrics, list(models.values()))


def test_the_summary_speaks_of_the_newest_cohort_and_keeps_the_seeds_keys():
    metrics, latest = run(("2013B", "2013-02-01"), ("2013J", "2013-10-01"), ("2014B", "2014-02-01"))
    assert (latest["tested_cohort"], latest["model_version"], latest["trained_on"], latest["day"]) == (
        "2014B",
        "2013J",
        ["2013B", "2013J"],
        28,
    )
    assert latest["protocol"].startswith("next_cohort: ")
    seed_keys = {"auc", "pr_auc", "precision_at_0_5", "recall_at_0_5", "confusion_matrix", "model_backend", "backend_hyperparams"}
    assert all(latest[name] is not None for name in seed_keys)
    assert sum(map(sum, latest["confusion_matrix"])) == latest["n_students"] == 120
    assert latest["auc"] > 0.6
    assert json.loads(json.dumps(latest, allow_nan=False)) == latest
    assert set(metrics["evaluation"]) == {"next_cohort", "split_week"}
    assert metrics.query("evaluation == 'split_week'")["day"].unique().tolist() == [28, 42, 56]


def test_a_figure_is_known_once_the_tested_cohort_had_ended_and_the_splits_once_all_had():
    metrics, latest = run(("2013B", "2013-02-01"), ("2013J", "2013-10-01"), ("2014B", "2014-02-01"))
    known = metrics.groupby(["evaluation", "tested_cohort"])["known_from"].agg(lambda days: sorted(set(days.dt.date)))
    assert known.to_dict() == {
        ("next_cohort", "2013J"): [date(2013, 12, 1)],
        ("next_cohort", "2014B"): [date(2014, 4, 3)],
        ("split_week", "all"): [date(2014, 4, 3)],
    }
    assert latest["known_from"] == "2014-04-03"
    by_day = {(row["tested_cohort"], row["known_from"]) for row in latest["by_day"]}
    assert by_day == {("2013J", "2013-12-01"), ("2014B", "2014-04-03"), ("all", "2014-04-03")}


def test_a_figure_is_not_known_before_the_cohorts_its_model_learnt_from():
    raw, parts = cohorts(("2013B", "2013-02-01"), ("2013C", "2013-03-01"))
    longer = courses(("BBB", "2013B", 200, "2013-02-01"))
    raw["courses"] = pd.concat([raw["courses"], longer], ignore_index=True)
    panel = training_panel(raw, parts, UNTIL)
    models = {"2013B": fit(panel, Version("2013B", date(2013, 8, 21), ("2013B",)), 7)}
    metrics = model_metrics(panel, models, raw["courses"], 99, 7)
    assert set(metrics["evaluation"]) == {"earlier_cohorts"}
    assert set(panel.loc[panel["code_presentation"] == "2013C", "known_from"].dt.date) == {date(2013, 5, 1)}
    assert set(metrics["known_from"].dt.date) == {date(2013, 8, 21)}


def test_one_closed_cohort_cannot_test_a_model_and_the_summary_says_so():
    metrics, latest = run(("2013B", "2013-02-01"), split_week=4)
    assert set(metrics["evaluation"]) == {"split_week"}
    assert latest["auc"] is None
    assert latest["known_from"] is None
    assert latest["confusion_matrix"] is None
    assert latest["reason"] == "no closed cohort could be tested: none had closed before another closed one began"


def test_no_closed_cohort_gives_no_figures():
    metrics, latest = run(("2015B", "2015-02-01"))
    assert metrics.empty
    assert latest["by_day"] == []
    assert latest["auc"] is None
