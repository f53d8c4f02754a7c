"""Tests of success.experiments.design: nothing wrong is registered, and arms are drawn once and fairly."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import check_frame
from oulad_platform.defs.experiments import trial_registration
from oulad_platform.success.experiments.design import (
    DesignError,
    base_rate_of,
    draw_arms,
    eligible,
    new_design,
    retention_of,
)
from oulad_platform.success.experiments.tables import EXPERIMENT_ARMS, EXPERIMENT_DESIGNS
from oulad_platform_tests.success.campus import courses
from oulad_platform_tests.success.experiments.trials import DAY, design, reference, risk

NOW = pd.Timestamp("2014-05-20 09:30")


def test_a_design_says_which_effect_it_finds_before_anything_is_known():
    planned = design(n_students=1006, base_rate=0.25, n_looks=1, modules=("BBB", "AAA", "AAA"))
    assert check_frame(planned, EXPERIMENT_DESIGNS) == []
    row = planned.iloc[0]
    assert row["minimum_detectable_points"] == pytest.approx(8.0, abs=0.01)  # 503 an arm, as published tables have it
    assert row["modules"] == "AAA,BBB"
    assert pd.isna(row["horizon_days"])


def test_looking_early_is_paid_for_by_a_slightly_larger_effect():
    effects = [design(n_students=1006, n_looks=looks)["minimum_detectable_points"].iloc[0] for looks in (1, 2, 5)]
    assert effects == pytest.approx([8.79, 8.81, 9.01], abs=0.01)


def test_arms_too_small_for_any_effect_are_registered_as_such():
    assert design(n_students=4)["minimum_detectable_points"].isna().all()


def test_every_wrong_field_is_named_at_once_with_what_it_takes():
    with pytest.raises(DesignError) as error:
        new_design(
            "my trial!",
            registered_at=datetime(2014, 5, 20, tzinfo=UTC),
            registered_by=" ",
            hypothesis="",
            assigned_on=DAY,
            population="some",
            modules=("AAA,BBB",),
            outcome="happy",
            horizon_days=30,
            alpha=0,
            power=1,
            n_looks=0,
            base_rate=float("nan"),
            guardrail_points=-1,
            n_students=1,
        )
    assert list(error.value.wrong) == [
        "experiment_id",
        "registered_at",
        "registered_by",
        "hypothesis",
        "population",
        "modules",
        "outcome",
        "horizon_days",
        "alpha",
        "power",
        "n_looks",
        "base_rate",
        "guardrail_points",
        "n_students",
    ]
    assert str(error.value).startswith("experiment 'my trial!' cannot be registered:\n- experiment_id: 1 to 64 letters")
    assert "- population: one of high risk, all" in str(error.value)


@pytest.mark.parametrize(("outcome", "horizon_days"), [("retained", None), ("retained", 0), ("passed", 28)])
def test_a_horizon_belongs_to_retained_and_to_nothing_else(outcome, horizon_days):
    with pytest.raises(DesignError, match="horizon_days: from 1 to 730 days for retained, nothing for passed"):
        design(outcome=outcome, horizon_days=horizon_days)


def test_who_may_take_part_is_at_high_risk_of_the_modules_not_busy_and_counts_once():
    rows = risk(6, modules=("AAA",)).assign(
        id_student=[1, 1, 2, 3, 4, 5],
        code_module=["AAA", "BBB", "AAA", "CCC", "AAA", "AAA"],
        risk_score=[0.5, 0.6, 0.1, 0.9, 0.8, 0.7],
        high_risk_flag=[True, True, False, True, True, True],
    )
    chosen = eligible(rows, "high risk", ("AAA", "BBB"), busy={5})
    assert chosen[["id_student", "code_module"]].to_numpy().tolist() == [[1, "BBB"], [4, "AAA"]]
    assert eligible(rows, "all")["id_student"].tolist() == [1, 2, 3, 4, 5]


def test_arms_are_balanced_by_module_and_risk_and_hold_the_registered_students():
    scored = risk(300)
    drawn = draw_arms(design(n_students=300), scored, seed=7)
    assert check_frame(drawn, EXPERIMENT_ARMS) == []
    assert drawn["id_student"].tolist() == list(range(1, 301))
    differences = drawn["arm"].map({"treatment": 1, "control": -1}).groupby(drawn["stratum"]).sum().abs()
    assert differences.max() <= 1
    assert (drawn["stratum"].str[:3] == drawn["code_module"]).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(20, 90), st.integers(0, 30), st.integers(0, 5))
def test_arms_depend_neither_on_the_order_of_rows_nor_on_students_of_other_modules(n, n_more, seed):
    scored = risk(n, modules=("BBB", "DDD"), seed=seed)
    drawn = draw_arms(design(n_students=n), scored, seed)
    pd.testing.assert_frame_equal(draw_arms(design(n_students=n), scored.sample(frac=1, random_state=seed), seed), drawn)
    wider = pd.concat([scored, risk(n_more, modules=("AAA", "CCC"), seed=seed, first=1000)])
    together = draw_arms(design(n_students=n + n_more), wider, seed)
    pd.testing.assert_frame_equal(together[together["id_student"] < 1000].reset_index(drop=True), drawn)


def test_another_seed_or_experiment_is_another_draw():
    scored = risk(200)
    arms = {
        tuple(draw_arms(design(n_students=200, experiment_id=name), scored, seed)["arm"])
        for name, seed in (("calls", 7), ("calls", 8), ("letters", 7))
    }
    assert len(arms) == 3


def test_scores_of_another_day_or_other_students_than_registered_are_refused():
    with pytest.raises(ValueError, match="experiment calls: risk scores of another day than 2014-05-20"):
        draw_arms(design(), risk(120).assign(run_date=pd.Timestamp("2014-05-21")), seed=7)
    with pytest.raises(ValueError, match="experiment calls: 120 students were registered, 119 are eligible on 2014-05-20"):
        draw_arms(design(), risk(120), seed=7, busy={5})


def test_the_base_rate_is_what_became_of_students_at_the_same_risk():
    students = risk(400)
    assert base_rate_of(students, reference(4000)) == pytest.approx(1 - students["risk_score"].mean(), abs=0.03)
    assert np.isnan(base_rate_of(students, reference(0)))


def test_retention_is_counted_from_the_same_day_of_closed_presentations_of_the_module():
    runs = courses(("AAA", "2013B", 100, "2013-02-01"), ("AAA", "2014B", 100, "2014-02-01"))
    left = [np.nan, 5.0, 40.0, 90.0, 96.0]
    past = pd.DataFrame({"id_student": range(5), "date_unregistration": left, "code_presentation": "2013B"})
    running = pd.DataFrame({"id_student": range(9, 11), "date_unregistration": 20.0, "code_presentation": "2014B"})
    registrations = pd.concat([past, running]).assign(code_module="AAA", date_registration=-10.0)
    tables = {"courses": runs, "student_registration": registrations}
    students = risk(3, modules=("AAA",)).assign(day=30)
    assert retention_of(students, tables, DAY, 28) == 0.75  # of four enrolled on day 30, one left on day 40
    assert retention_of(students, tables, DAY, 600) == 0.25  # until the end, day 100
    assert np.isnan(retention_of(students, tables, date(2013, 5, 1), 28))
    assert np.isnan(retention_of(students.assign(code_module="NEW"), tables, DAY, 28))


def test_a_trial_run_before_is_registered_with_its_arms_and_leaves_out_who_was_in_both():
    runs = courses(("AAA", "2013B", 100, "2013-02-01"), ("AAA", "2013J", 100, "2013-10-01"), ("BBB", "2013J", 90, "2013-10-02"))
    contacted = pd.DataFrame(
        [("AAA", 1, True), ("AAA", 2, False), ("BBB", 2, True), ("BBB", 3, False), ("AAA", 4, True), ("BBB", 4, True)],
        columns=["code_module", "id_student", "contacted"],
    ).assign(code_presentation="2013J")
    info = pd.DataFrame({"id_student": range(4), "final_result": ["Pass", "Withdrawn", "Distinction", "Fail"]})
    before = info.assign(code_module="AAA", code_presentation="2013B")
    then = info.assign(code_module="AAA", code_presentation="2013J", final_result="Pass")
    tables = {"courses": runs, "student_info": pd.concat([before, then])}
    registered, drawn = trial_registration(contacted, tables, registered_at=NOW)
    assert drawn[["id_student", "code_module", "arm"]].to_numpy().tolist() == [
        [1, "AAA", "treatment"],
        [3, "BBB", "control"],
        [4, "AAA", "treatment"],
    ]
    assert drawn["risk_score"].isna().all()
    row = registered.iloc[0]
    assert (row["experiment_id"], row["assigned_on"], row["n_students"], row["base_rate"]) == (
        "trial-2013J",
        pd.Timestamp("2013-10-01"),
        3,
        0.5,
    )
    _, scored = trial_registration(contacted.assign(risk_score=0.5), tables, registered_at=NOW)
    assert scored["risk_score"].tolist() == [0.5, 0.5, 0.5]
