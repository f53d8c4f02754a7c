"""Tests of explanation.reasons: which reasons a student gets, in which order and words."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from oulad_platform.core.checks import require
from oulad_platform.success.explanation.pushes import pushes
from oulad_platform.success.explanation.reasons import risk_reasons, sentence
from oulad_platform.success.features.catalogue import CATALOGUE
from oulad_platform.success.features.feature import Feature
from oulad_platform.success.model_tables import RISK_REASONS
from oulad_platform.success.modelling.calibration import Calibration
from oulad_platform.success.modelling.learners import Logistic, Scaling
from oulad_platform_tests.success.explanation.students import LEARNT, champions, live, model

IN_CHARGE = champions(("2014-02-01", "2013J"))
THEMES = {feature.name: feature.theme or feature.name for feature in CATALOGUE}
SAID_WHEN_ABSENT = {feature.name for feature in CATALOGUE if feature.absent}
TOLD = {feature.name for feature in CATALOGUE if feature.told and not feature.protected}


def weighing(weights: dict[str, float], absences: dict[str, float] | None = None):
    """A model whose push of a feature is its weight times the value, or its absence weight, minus that where it is present."""
    n = len(weights)
    scaling = Scaling(np.zeros(n), np.zeros(n), np.ones(n), np.full(n, 0.5), 1e9)
    absence = np.array([(absences or {}).get(name, 0.0) for name in weights])
    learner = Logistic(scaling, 0.0, np.array(list(weights.values())), absence, {})
    return dataclasses.replace(model("logistic"), learner=learner, features=tuple(weights), calibration=Calibration(1.0, 0.0, {}))


def students(rows: list[dict[str, float]], module: str = "BBB") -> pd.DataFrame:
    """One live enrolment per row with these features, all others absent."""
    frame = live(len(rows)).assign(code_module=module)
    frame[[feature.name for feature in CATALOGUE]] = np.nan
    for place, row in enumerate(rows):
        for name, value in row.items():
            frame.loc[place, name] = value
    return frame


def told_of(frame: pd.DataFrame, student: int = 0) -> list[tuple[str, int, str, str]]:
    own = frame[frame["id_student"].eq(student)].sort_values(["direction", "rank"], ascending=[False, True])
    return list(own[["direction", "rank", "feature", "sentence"]].itertuples(index=False, name=None))


def test_reasons_are_sentences_with_the_students_figure_and_the_usual_one():
    one = weighing({"days_since_last_visit": 0.1, "score_mean": -0.02, "n_assessments_missed": 0.3, "clicks_7d": -0.01})
    features = students(
        [
            {"days_since_last_visit": 12, "score_mean": 81, "n_assessments_missed": 1, "clicks_7d": 0},
            {"days_since_last_visit": 4, "score_mean": 70, "n_assessments_missed": 0, "clicks_7d": 30},
            {"days_since_last_visit": 1, "score_mean": 64, "n_assessments_missed": 0, "clicks_7d": 20},
        ]
    )
    found = require(risk_reasons({"2013J": one}, IN_CHARGE, features), RISK_REASONS)
    assert told_of(found) == [
        ("raises", 1, "days_since_last_visit", "no visit for 12 days; most in BBB visited 4 days ago"),
        ("raises", 2, "n_assessments_missed", "1 due assessment not handed in; usual in BBB are 0"),
        ("lowers", 1, "score_mean", "mean mark of 81 so far; usual in BBB is 70"),
    ]
    first = found.iloc[0]
    assert (first["feature_value"], first["usual_value"], first["model_version"]) == (81, 70, "2013J")
    assert found["push"].tolist()[:3] == pytest.approx([-1.62, 1.2, 0.3])


def test_usual_is_the_median_of_the_same_presentation_and_day():
    one = weighing({"days_since_last_visit": 0.1})
    parts = [
        students([{"days_since_last_visit": value} for value in values], module).assign(run_date=pd.Timestamp(day))
        for module, day, values in (
            ("BBB", "2014-03-01", (9, 5, 3)),
            ("AAA", "2014-03-01", (9, 8, 8)),
            ("BBB", "2014-03-02", (9, 2)),
        )
    ]
    found = risk_reasons({"2013J": one}, IN_CHARGE, pd.concat(parts))
    assert found.loc[found["id_student"].eq(0), "usual_value"].tolist() == [8, 5, 5.5]  # by day, then module


def test_features_of_one_theme_take_one_place_and_the_strongest_speaks_for_their_sum():
    one = weighing({"clicks_7d": -0.1, "clicks_14d": -0.2, "active_days_7d": 0.1, "last_score": -0.1})
    found = risk_reasons(
        {"2013J": one}, IN_CHARGE, students([{"clicks_7d": 2, "clicks_14d": 2, "active_days_7d": 2, "last_score": 3}])
    )
    assert [row[:3] for row in told_of(found)] == [("lowers", 1, "clicks_14d"), ("lowers", 2, "last_score")]
    assert found["push"].tolist() == pytest.approx([-0.4, -0.3])


def test_at_most_three_themes_a_direction_and_none_too_weak_to_mention():
    weights = {
        "days_since_last_visit": 1.0,
        "clicks_7d": 0.9,
        "score_mean": 0.8,
        "registration_lead": 0.7,
        "studied_credits": -0.05,
    }
    found = risk_reasons({"2013J": weighing(weights)}, IN_CHARGE, students([dict.fromkeys(weights, 1.0)]))
    assert [row[:3] for row in told_of(found)] == [
        ("raises", 1, "days_since_last_visit"),
        ("raises", 2, "clicks_7d"),
        ("raises", 3, "score_mean"),
    ]


@pytest.mark.fault("D12", "property 18")
def test_what_is_protected_or_not_to_be_told_is_never_a_reason_however_strong():
    weights = {"gender": 9.0, "module_risk_rate": 9.0, "region": -9.0, "day_in_course": 9.0, "score_mean": 0.1}
    found = risk_reasons({"2013J": weighing(weights)}, IN_CHARGE, students([dict.fromkeys(weights, 1.0)]))
    assert found["feature"].tolist() == ["score_mean"]


def test_an_absent_value_has_its_own_sentence_or_is_no_reason():
    weights = {"days_since_last_visit": 0.1, "earlier_failure_share": 0.1}
    one = weighing(weights, dict.fromkeys(weights, 0.5))
    found = risk_reasons({"2013J": one}, IN_CHARGE, students([{}, {"days_since_last_visit": 3}]))
    assert told_of(found, 0) == [("raises", 1, "days_since_last_visit", "never visited the course")]
    assert found["feature_value"].isna().tolist() == [True, False]


def test_what_has_not_happened_never_speaks_for_a_student():
    one = weighing({"days_since_last_visit": 0.1}, {"days_since_last_visit": -0.5})
    assert risk_reasons({"2013J": one}, IN_CHARGE, students([{}])).empty


@pytest.mark.fault("property 18")
def test_every_live_student_of_a_real_model_gets_reasons_of_different_themes_with_the_right_sign():
    features = live(200)
    one = model("gradient_boosting")
    found = require(risk_reasons({"2013J": one}, IN_CHARGE, features), RISK_REASONS)
    assert set(found["id_student"]) == set(range(200))
    assert set(found["feature"]) <= TOLD
    assert (found["push"].gt(0.05) == found["direction"].eq("raises")).all()
    assert (found["push"].lt(-0.05) == found["direction"].eq("lowers")).all()
    assert not found.assign(theme=found["feature"].map(THEMES)).duplicated(["id_student", "theme"]).any()
    by_direction = found.sort_values("rank").groupby(["id_student", "direction"])
    assert by_direction["rank"].apply(lambda ranks: ranks.tolist() == list(range(1, len(ranks) + 1))).all()
    assert by_direction["push"].apply(lambda push: push.abs().is_monotonic_decreasing).all()
    own = pd.DataFrame(pushes(one, features).by_feature, columns=list(LEARNT))[sorted(TOLD)]
    silent = features[sorted(TOLD)].isna() & ((own < 0) | [name not in SAID_WHEN_ABSENT for name in sorted(TOLD)])
    strongest = own.mask(silent, 0).T.groupby(THEMES).sum().T.max(axis=1)
    told = found[found["direction"].eq("raises") & found["rank"].eq(1)].set_index("id_student")["push"].sort_index()
    assert told.to_numpy() == pytest.approx(strongest[strongest > 0.05].to_numpy(), abs=1e-5)


def test_the_order_of_the_rows_and_the_rows_of_other_days_change_nothing():
    one, today = {"2013J": model("gradient_boosting")}, live(60)
    whole = pd.concat([live(50, seed=4, day=pd.Timestamp("2014-03-02")), today.sample(frac=1, random_state=1)])
    found = risk_reasons(one, IN_CHARGE, whole)
    pd.testing.assert_frame_equal(found[found["run_date"].eq("2014-03-01")], risk_reasons(one, IN_CHARGE, today))


def test_days_scored_by_the_rule_have_no_reasons():
    found = risk_reasons({}, champions(), live(5))
    assert require(found, RISK_REASONS).empty
    assert require(risk_reasons({"2013J": model("logistic")}, IN_CHARGE, live(0)), RISK_REASONS).empty


@pytest.mark.parametrize(
    ("value", "usual", "expected"),
    [
        (12.0, 4.0, "late by 12 days; usual in BBB are 4 days"),
        (1.0, 1.0, "late by 1 day"),
        (21.0, 11.0, "late by 21 days; usual in BBB are 11 days"),
        (-0.2, 0.4, "late by 0 days; usual in BBB are 0 days"),
        (3.0, np.nan, "late by 3 days"),
        (np.nan, 3.0, "nothing handed in yet"),
    ],
)
def test_sentences_agree_in_number_and_leave_out_what_is_not_known(value, usual, expected):
    late = Feature(
        "late", "", "days", "late by {value:.0f} days; usual in {module} are {usual:.0f} days", "nothing handed in yet"
    )
    assert sentence(late, value, usual, "BBB") == expected


@pytest.mark.parametrize("feature", [feature for feature in CATALOGUE if feature.name in TOLD], ids=lambda feature: feature.name)
def test_every_feature_that_may_be_told_can_be_said_in_words(feature):
    for value, usual in ((1.0, 3.0), (0.0, np.nan)):
        said = sentence(feature, value, usual, "BBB")
        assert said
        assert "{" not in said
        assert "nan" not in said.split()
