"""Tests of explanation.top_features: the table of importances and its two JSON forms."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from oulad_platform.core.checks import require
from oulad_platform.core.reports import json_bytes
from oulad_platform.success.explanation.pushes import pushes
from oulad_platform.success.explanation.top_features import (
    explain_newest,
    feature_importance,
    shap_features,
    top_features,
)
from oulad_platform.success.model_tables import FEATURE_IMPORTANCE
from oulad_platform_tests.success.explanation.students import LEARNT, champions, live, model

IN_CHARGE = champions(("2014-02-01", "2013J"))
CAUSES = {"days_since_last_visit", "n_assessments_missed", "score_mean"}


def importance_of(kind: str, features: pd.DataFrame) -> pd.DataFrame:
    return require(feature_importance(explain_newest({"2013J": model(kind)}, IN_CHARGE, features)), FEATURE_IMPORTANCE)


def test_importance_is_the_mean_absolute_push_of_the_newest_days_students():
    newest = live(120)
    features = pd.concat([live(80, seed=9, day=pd.Timestamp("2014-02-20")), newest])
    found = importance_of("gradient_boosting", features)
    expected = np.abs(pushes(model("gradient_boosting"), newest).by_feature).mean(axis=0)
    assert found.set_index("feature")["importance"].to_dict() == pytest.approx(dict(zip(LEARNT, expected, strict=True)))
    assert set(found["n_students"]) == {120}
    assert set(found["run_date"]) == {pd.Timestamp("2014-03-01")}
    assert set(found["method"]) == {"mean |SHAP|; tree SHAP, exact, path dependent"}


def test_the_causes_of_the_outcomes_come_first_and_their_signs_are_found():
    for kind in ("gradient_boosting", "logistic"):
        found = importance_of(kind, live(300))
        strongest = found.sort_values("rank").head(3).set_index("feature")["correlation"]
        assert set(strongest.index) == CAUSES
        assert (strongest[["days_since_last_visit", "n_assessments_missed"]] > 0.9).all()
        assert strongest["score_mean"] < -0.9


def test_a_network_is_judged_by_shuffling_and_says_so():
    found = importance_of("network", live(200))
    assert set(found["method"]) == {
        "permutation importance: mean |change of the log-odds| when the values are shuffled among the students"
    }
    again = importance_of("network", live(200))
    pd.testing.assert_frame_equal(found, again)
    unread = model("network")
    place = LEARNT.index("clicks_7d")
    kernel = unread.learner.kernels[0].copy()
    kernel[[place, len(LEARNT) + place]] = 0
    learner = dataclasses.replace(unread.learner, kernels=(kernel, *unread.learner.kernels[1:]))
    blind = feature_importance(explain_newest({"2013J": dataclasses.replace(unread, learner=learner)}, IN_CHARGE, live(200)))
    assert blind.set_index("feature").loc["clicks_7d", ["importance", "rank"]].tolist() == [0, len(LEARNT)]
    assert (blind.set_index("feature").drop("clicks_7d")["importance"] > 0).all()


@pytest.mark.fault("D11")
def test_the_short_file_is_name_to_number_largest_first_and_equal_ones_by_name():
    frame = pd.DataFrame({"feature": ["b", "a", "c"], "importance": [1.5, 1.5, 3.0], "rank": [3, 2, 1]})
    assert list(top_features(frame).items()) == [("c", 3.0), ("a", 1.5), ("b", 1.5)]
    names = list(top_features(importance_of("logistic", live(50))))
    assert sorted(names) == sorted(LEARNT)


def test_the_fuller_file_says_sample_method_sign_unit_and_meaning():
    features = live(200).assign(clicks_7d=3.0)
    found = json.loads(json_bytes(shap_features(importance_of("logistic", features))))
    assert {name: value for name, value in found.items() if name != "features"} == {
        "run_date": "2014-03-01",
        "model_version": "2013J",
        "method": "mean |SHAP|; linear SHAP, exact, against the mean training row",
        "unit": "log-odds",
        "n_students": 200,
    }
    visit = found["features"]["days_since_last_visit"]
    assert (visit["sign"], visit["unit"], visit["meaning"]) == (1, "days", "Days since the last click; absent before any.")
    assert found["features"]["score_mean"]["sign"] == -1
    assert 0.05 < visit["missing_rate"] < 0.15
    assert (found["features"]["clicks_7d"]["sign"], found["features"]["clicks_7d"]["correlation"]) == (None, None)


def test_where_the_rule_scores_there_is_no_importance():
    nothing = explain_newest({"2013J": model("logistic")}, champions(), live(5))
    assert nothing is None
    assert require(feature_importance(nothing), FEATURE_IMPORTANCE).empty
    assert top_features(feature_importance(nothing)) == {}
    assert shap_features(feature_importance(nothing)) == {"features": {}}
    assert explain_newest({}, IN_CHARGE, live(0)) is None
