"""Tests of success.evaluation.protocol: who may be tested by whom, from when a figure is known, and the weekly split."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pandas as pd

from oulad_platform.success.evaluation.protocol import TESTED_RISK, split_risk, trial_risk, trials
from oulad_platform.success.evaluation.rules import either, missed_assessment, silent
from oulad_platform.success.modelling.calibration import UNCALIBRATED
from oulad_platform.success.modelling.cohorts import Version, training_panel
from oulad_platform.success.modelling.model import RiskModel, fit
from oulad_platform_tests.success.campus import cohorts, courses
from oulad_platform_tests.success.evaluation.run import UNTIL, run


def model(version: str, trained_from: date, *codes: str) -> RiskModel:
    kind = "logistic" if version.endswith("-logistic") else "gradient_boosting"
    learner = SimpleNamespace(kind=kind, backend="sklearn", hyperparameters={})
    return RiskModel(version, learner, UNCALIBRATED, trained_from, codes, (), 0, 0, 0.5, 7, "")


def test_a_cohort_is_tested_by_models_that_knew_no_result_of_it_nor_of_its_time():
    table = courses(("BBB", "2013B", 240, "2013-02-01"), ("BBB", "2013J", 268, "2013-10-01"), ("BBB", "2014B", 241, "2014-02-01"))
    made = [
        model("2013B", date(2013, 9, 30), "2013B"),
        model("2013B-logistic", date(2013, 9, 30), "2013B"),
        model("2013J", date(2014, 6, 27), "2013B", "2013J"),
        model("2014B", date(2014, 10, 1), "2013B", "2013J", "2014B"),
    ]
    tests = [(one.evaluation, one.tested_cohort, one.model.version) for one in trials(made, table, ["2013B", "2013J", "2014B"])]
    assert tests == [
        ("next_cohort", "2013J", "2013B"),
        ("next_cohort", "2014B", "2013B"),
        ("earlier_cohorts", "2014B", "2013J"),
        ("next_cohort", "2013J", "2013B-logistic"),
        ("next_cohort", "2014B", "2013B-logistic"),
    ]


def test_every_live_enrolment_of_the_cohort_is_tested_once_a_day_by_model_and_challenger():
    rows = run().tested.query("evaluation == 'next_cohort' and tested_cohort == '2014B'")
    assert list(rows.columns) == list(TESTED_RISK)
    assert rows.groupby(["model_version", "day"]).size().to_dict() == {
        (version, day): 120 for version in ("2013J", "2013J-logistic") for day in (14, 28, 42, 56)
    }
    assert not rows.duplicated(["model_version", "day", "id_student"]).any()
    assert set(rows["code_presentation"]) == {"2014B"}


def test_the_days_to_test_on_are_a_choice():
    whole = run()
    assert trial_risk(whole.panel, whole.models, whole.raw["courses"], [21])["day"].unique().tolist() == [21]
    assert trial_risk(whole.panel, whole.models, whole.raw["courses"], [1000]).empty


def test_no_student_is_on_both_sides_of_the_weekly_split():
    whole = run()
    split = whole.tested.query("evaluation == 'split_week'")
    assert split["day"].unique().tolist() == [28, 42, 56]
    half = pd.util.hash_array(split["id_student"].to_numpy("int64")) % 2
    assert set(half) == {1}
    assert 0 < split["id_student"].nunique() < 360
    assert split["model_version"].unique().tolist() == ["split_week_4"]


def test_a_split_after_the_last_week_has_nothing_to_test():
    whole = run()
    assert split_risk(whole.panel, whole.models, 30, 7).empty


def test_a_risk_is_known_once_the_tested_cohort_had_ended_and_the_splits_once_all_had():
    known = run().tested.groupby(["evaluation", "tested_cohort"])["known_from"].agg(lambda days: sorted(set(days.dt.date)))
    assert known[["next_cohort", "split_week"]].to_dict() == {
        ("next_cohort", "2013J"): [date(2013, 12, 1)],
        ("next_cohort", "2014B"): [date(2014, 4, 3)],
        ("split_week", "all"): [date(2014, 4, 3)],
    }


def test_a_risk_is_not_known_before_the_outcomes_its_model_learnt_from():
    raw, parts = cohorts(("2013B", "2013-02-01"), ("2013C", "2013-03-01"))
    longer = courses(("BBB", "2013B", 200, "2013-02-01"))
    raw["courses"] = pd.concat([raw["courses"], longer], ignore_index=True)
    panel = dict(training_panel(raw, parts, UNTIL))
    learnt, _ = fit(pd.concat(panel.values()), Version("2013B", date(2013, 8, 21), ("2013B",)), seed=7)
    tested = trial_risk(panel, {"2013B": learnt}, raw["courses"])
    assert set(tested["evaluation"]) == {"earlier_cohorts"}
    assert set(panel["AAA_2013C"]["known_from"].dt.date) == {date(2013, 5, 1)}
    assert set(tested["known_from"].dt.date) == {date(2013, 8, 21)}


def test_rules_flag_who_missed_an_assessment_and_who_is_silent_for_a_week_of_the_course():
    features = pd.DataFrame({"n_assessments_missed": [0, 1, 0, 2], "clicks_7d": [0, 5, 0, 0], "day": [6, 14, 14, 14]})
    assert missed_assessment(features).tolist() == [False, True, False, True]
    assert silent(features).tolist() == [False, False, True, True]
    assert either(features).tolist() == [False, True, True, True]
