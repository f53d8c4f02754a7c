"""Tests of success.evaluation.latest: the seed's keys, which test stands for all, and what is said when nothing can be tested."""

from __future__ import annotations

import json

import pytest

from oulad_platform.core.reports import json_bytes
from oulad_platform_tests.success.evaluation.run import run


def test_the_summary_speaks_of_the_newest_cohort_and_keeps_the_seeds_keys():
    latest = run().latest
    names = ("tested_cohort", "model_version", "trained_on", "day", "known_from")
    assert [latest[name] for name in names] == ["2014B", "2013J", ["2013B", "2013J"], 28, "2014-04-03"]
    assert latest["protocol"].startswith("next_cohort: ")
    seed_keys = {"auc", "pr_auc", "precision_at_0_5", "recall_at_0_5", "confusion_matrix", "model_backend", "backend_hyperparams"}
    assert all(latest[name] is not None for name in seed_keys)
    assert latest["model_backend"] == "sklearn"
    assert latest["backend_hyperparams"] == dict(run().models["2013J"].learner.hyperparameters)
    assert sum(map(sum, latest["confusion_matrix"])) == latest["n_students"] == 120
    assert latest["auc"] > 0.6
    assert json.loads(json.dumps(latest, allow_nan=False)) == latest
    assert json.loads(json_bytes(latest)) == latest


def test_intervals_rules_modules_and_the_ladder_stand_beside():
    latest = run().latest
    low, high = latest["intervals"]["auc"]
    assert low < latest["auc"] < high
    assert {row["model_version"] for row in latest["rules"]} == {"missed_assessment", "silent_7_days", "rule"}
    assert {(row["tested_cohort"], row["day"]) for row in latest["rules"]} == {("2014B", 28)}
    assert [(row["code_module"], row["model_version"]) for row in latest["by_module"]] == [("AAA", "2013J")]
    assert latest["by_module"][0]["auc"] == latest["auc"]
    assert {row["evaluation"] for row in latest["leak_ladder"]} >= {"ladder_honest", "ladder_random_split"}
    assert {row["evaluation"] for row in latest["by_day"]} == {"next_cohort", "split_week"}
    assert not {row["model_version"] for row in latest["by_day"]} & {"rule", "missed_assessment", "silent_7_days"}


def test_one_closed_cohort_cannot_test_a_model_and_the_summary_says_so():
    alone = run((("2013B", "2013-02-01"),))
    assert set(alone.evaluation["evaluation"]) == {"split_week"}
    for name in ("auc", "known_from", "confusion_matrix", "tested_cohort", "protocol", "trained_on"):
        assert alone.latest[name] is None
    assert alone.latest["reason"] == "no closed cohort could be tested: none had closed before another closed one began"
    assert alone.latest["model_backend"] == "sklearn"


def test_no_closed_cohort_gives_no_figures():
    nothing = run((("2015B", "2015-02-01"),))
    assert nothing.evaluation.empty
    assert nothing.latest["by_day"] == nothing.latest["rules"] == nothing.latest["leak_ladder"] == []
    assert nothing.latest["auc"] is None
    assert nothing.latest["model_backend"] is None


def test_what_is_undefined_is_null_in_the_summary():
    by_day = run().latest["by_day"]
    assert all(value is None or value == value for row in by_day for value in row.values())
    assert by_day[0]["lead_days"] is None
    assert by_day[0]["n_students"] == pytest.approx(120)
