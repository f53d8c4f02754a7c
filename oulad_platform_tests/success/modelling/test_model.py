"""Tests of success.model: honest versions, equal scores for equal data, the rule, and files that cannot run code."""

from __future__ import annotations

import subprocess
from datetime import date

import numpy as np
import pandas as pd
import pytest

from oulad_platform.success.features.assembly import daily_features
from oulad_platform.success.modelling import model as risk
from oulad_platform.success.modelling.cohorts import Version, training_panel, versions
from oulad_platform_tests.success.campus import cohorts

UNTIL = date(2014, 12, 1)
RUNS = (("2013B", "2013-02-01"), ("2013J", "2013-10-01"), ("2014B", "2014-02-01"))


@pytest.fixture(scope="module")
def campus():
    return cohorts(*RUNS)


@pytest.fixture(scope="module")
def panel(campus):
    return training_panel(*campus, UNTIL)


@pytest.fixture(scope="module")
def models(campus, panel):
    return risk.fit_versions(panel, versions(campus[0]["courses"], UNTIL), 7)


def test_every_version_learns_from_its_own_cohorts_and_drops_what_is_absent_there(models):
    assert {name: model.presentations for name, model in models.items()} == {
        "2013B": ("2013B",),
        "2013J": ("2013B", "2013J"),
        "2014B": ("2013B", "2013J", "2014B"),
    }
    assert "module_risk_rate" not in models["2013B"].features
    assert "module_risk_rate" in models["2013J"].features


def test_same_rows_in_any_order_and_same_seed_give_the_same_scores(panel, models):
    again = risk.fit(panel.sample(frac=1, random_state=3), Version("2014B", date(2014, 4, 3), ("2013B", "2013J", "2014B")), 7)
    assert (risk.predict(again, panel) == risk.predict(models["2014B"], panel)).all()


def test_the_model_finds_who_does_little(campus, models):
    features = daily_features(*campus, pd.DatetimeIndex(["2014-03-01"]))
    scored = risk.score(features, list(models.values()))
    busy = features["active_days_28d"] > features["active_days_28d"].median()
    assert scored["risk_score"][~busy].mean() > scored["risk_score"][busy].mean() + 0.3
    assert scored["model_version"].unique().tolist() == ["2013J"]


def test_a_day_before_the_first_close_is_scored_by_the_rule_and_says_so(campus, models):
    features = daily_features(*campus, pd.DatetimeIndex(["2013-02-20", "2013-11-01"]))
    scored = risk.score(features, list(models.values()))
    assert scored.groupby("model_version")["run_date"].unique().map(lambda days: [str(day.date()) for day in days]).to_dict() == {
        "2013B": ["2013-11-01"],
        "rule": ["2013-02-20"],
    }
    assert set(scored.loc[scored["model_version"].eq("rule"), "risk_score"]) == {0.25, 0.75}


def test_the_rule_calls_out_missed_work_and_a_week_of_silence():
    features = pd.DataFrame({"clicks_7d": [0, 0, 3, 3], "day": [6, 7, 7, 20], "n_assessments_missed": [0, 0, 0, 1]})
    assert risk.rule_risk(features).tolist() == [0.25, 0.75, 0.25, 0.75]


def test_nobody_to_score_gives_no_scores(campus, models):
    nobody = daily_features(*campus, pd.DatetimeIndex(["2020-01-01"]))
    assert risk.score(nobody, list(models.values())).empty


def test_too_few_outcomes_are_refused_with_cohort_and_counts(panel):
    version = Version("2013B", date(2013, 4, 3), ("2013B",))
    passed = panel[panel["label"].eq(0)]
    with pytest.raises(
        ValueError, match="not enough outcomes to train version 2013B on 2013B: 0 enrolments failed or withdrew and"
    ):
        risk.fit(passed, version, 7)
    assert risk.fit_versions(passed, [version], 7) == {}


def test_a_stored_model_scores_the_same_to_the_last_digit(panel, models):
    before = models["2013J"]
    after = risk.from_bytes(risk.to_bytes(before))
    assert (risk.predict(after, panel) == risk.predict(before, panel)).all()
    assert (
        after.version,
        after.trained_from,
        after.presentations,
        after.features,
        after.n_rows,
        after.base_rate,
        after.seed,
    ) == (
        before.version,
        before.trained_from,
        before.presentations,
        before.features,
        before.n_rows,
        before.base_rate,
        before.seed,
    )


def test_an_archive_with_a_strange_type_is_refused_before_it_is_loaded():
    from skops.io import dumps

    strange = dumps({"card": "{}", "estimator": subprocess.CompletedProcess([], 0)})
    with pytest.raises(risk.ModelError, match=r"types that were not written by this platform: .*CompletedProcess"):
        risk.from_bytes(strange)


@pytest.mark.parametrize("stored", [b"", b"no archive", b"PK\x03\x04cut"])
def test_bytes_that_are_no_archive_are_refused(stored):
    with pytest.raises(risk.ModelError, match="not a skops archive; train it again"):
        risk.from_bytes(stored)


def test_an_archive_of_something_else_is_refused():
    from skops.io import dumps

    with pytest.raises(risk.ModelError, match="not a risk model"):
        risk.from_bytes(dumps({"estimator": np.zeros(3)}))


def test_a_model_of_another_scikit_learn_is_refused_by_version(models, monkeypatch):
    stored = risk.to_bytes(models["2013B"])
    monkeypatch.setattr("sklearn.__version__", "0.1")
    with pytest.raises(risk.ModelError, match=r"model 2013B was trained with scikit-learn .* installed is 0\.1; train it again"):
        risk.from_bytes(stored)
