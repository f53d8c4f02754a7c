"""Tests of success.explain: pushes that add up to the score, ranks, means and a picture."""

from __future__ import annotations

import dataclasses
from datetime import date

import numpy as np
import pandas as pd
import pytest

from oulad_platform.core.checks import require
from oulad_platform.success.explanation.shap_values import ExplanationError, shap_values, summary_png, top_features
from oulad_platform.success.features.assembly import daily_features
from oulad_platform.success.modelling.cohorts import training_panel, versions
from oulad_platform.success.modelling.model import fit_versions, predict
from oulad_platform.success.tables import SHAP_VALUES
from oulad_platform_tests.success.campus import cohorts

UNTIL = date(2014, 1, 1)


@pytest.fixture(scope="module")
def world():
    raw, parts = cohorts(("2013B", "2013-02-01"), ("2013J", "2013-10-01"))
    models = fit_versions(training_panel(raw, parts, UNTIL), versions(raw["courses"], UNTIL), 7)
    features = daily_features(raw, parts, pd.DatetimeIndex(["2013-10-29"]))
    return list(models.values()), features


def test_pushes_of_a_student_and_one_base_value_give_the_models_log_odds(world):
    models, features = world
    values = require(shap_values(models, features), SHAP_VALUES)
    risk = predict(models[0], features)
    base = np.log(risk / (1 - risk)) - values.groupby("id_student")["shap_value"].sum().to_numpy()
    assert base == pytest.approx(base[0], abs=1e-6)
    assert len(values) == 120 * len(models[0].features)
    assert values["model_version"].unique().tolist() == ["2013B"]


def test_rank_one_is_the_strongest_push_and_ranks_are_whole(world):
    values = shap_values(*world)
    for _, one in values.groupby("id_student"):
        by_rank = one.sort_values("rank")
        assert by_rank["rank"].tolist() == list(range(1, len(one) + 1))
        assert by_rank["shap_value"].abs().is_monotonic_decreasing


def test_days_scored_by_the_rule_have_no_reasons(world):
    models, features = world
    early = features.assign(run_date=pd.Timestamp("2013-03-01"))
    assert require(shap_values(models, early), SHAP_VALUES).empty
    assert require(shap_values([], features), SHAP_VALUES).empty
    assert top_features(shap_values([], features)) == {}


def test_pushes_that_do_not_add_up_are_an_error(world):
    models, features = world

    class Shifted(type(models[0].estimator)):
        def decision_function(self, rows):
            return super().decision_function(rows) + 0.01

    shifted = Shifted(max_iter=5).fit(features[list(models[0].features)].to_numpy("float64"), np.arange(120) % 2)
    with pytest.raises(ExplanationError, match=r"model 2013B: SHAP values of student \d+ in AAA miss the model's margin by 0.01"):
        shap_values([dataclasses.replace(models[0], estimator=shifted)], features)


def test_top_features_are_mean_absolute_pushes_largest_first():
    values = pd.DataFrame({"feature": ["b", "a", "c"] * 2, "shap_value": [1.0, -1.0, 3.0, -2.0, 2.0, 0.0]})
    assert list(top_features(values).items()) == [("a", 1.5), ("b", 1.5), ("c", 1.5)]
    assert list(top_features(values.head(3)).items()) == [("c", 3.0), ("a", 1.0), ("b", 1.0)]


def test_the_picture_is_small_and_the_same_each_time_for_many_one_and_no_students(world):
    values = shap_values(*world)
    for shown in (values, values[values["id_student"].eq(values["id_student"].iloc[0])], values.head(0)):
        picture = summary_png(shown)
        assert picture[:8] == b"\x89PNG\r\n\x1a\n"
        assert len(picture) < 100_000
        assert picture == summary_png(shown)
