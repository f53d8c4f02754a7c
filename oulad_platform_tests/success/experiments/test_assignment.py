"""Tests of success.experiments.assignment: fair, balanced in every stratum, and always the same."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import check_frame
from oulad_platform.success.experiments.assignment import assign, draw_in_strata, strata
from oulad_platform.success.experiments.tables import EXPERIMENT_ASSIGNMENTS
from oulad_platform.success.tables import STUDENT_RISK_DAILY
from oulad_platform_tests.success.experiments.trials import risk


def test_the_population_is_the_students_at_highest_risk_once_each():
    two_modules = pd.concat([risk(6, modules=("AAA",)), risk(6, modules=("BBB",), seed=9)])
    chosen = assign(two_modules, "trial", 4, seed=7)
    best = two_modules.groupby("id_student")["risk_score"].max().nlargest(4)
    assert dict(zip(chosen["id_student"], chosen["risk_score"], strict=True)) == best.to_dict()


@pytest.mark.fault("I15")
def test_the_assignment_of_an_experiment_is_always_the_same():
    chosen = assign(risk(12), "trial", 8, seed=7)
    assert chosen[["id_student", "stratum", "arm"]].to_dict("list") == {
        "id_student": [1, 2, 3, 4, 5, 7, 9, 11],
        "stratum": [
            "BBB 0.6-0.7",
            "BBB 0.7-0.8",
            "BBB 0.5-0.6",
            "AAA 0.9-1.0",
            "AAA 0.8-0.9",
            "AAA 0.8-0.9",
            "AAA 0.7-0.8",
            "BBB 0.8-0.9",
        ],
        "arm": ["treatment", "control", "control", "treatment", "control", "treatment", "control", "treatment"],
    }


def test_another_seed_or_experiment_is_another_assignment():
    arms = {key: tuple(assign(risk(200), key[0], 200, seed=key[1])["arm"]) for key in (("trial", 7), ("trial", 8), ("second", 7))}
    assert len(set(arms.values())) == 3


@pytest.mark.fault("I15")
def test_more_wanted_than_there_are_takes_all_and_nobody_gives_nobody():
    assert len(assign(risk(5), "trial", 400, seed=7)) == 5
    assert assign(STUDENT_RISK_DAILY.empty(), "trial", 400, seed=7).empty


def test_scores_of_two_days_are_refused():
    two_days = pd.concat([risk(2), risk(2).assign(run_date=pd.Timestamp("2014-05-21"))])
    with pytest.raises(ValueError, match="experiment trial: risk scores of 2 days"):
        assign(two_days, "trial", 2, seed=7)


@pytest.mark.fault("I15")
@settings(max_examples=40, deadline=None)
@given(st.integers(1, 120), st.integers(1, 150), st.integers(0, 5), st.integers(1, 3))
def test_arms_balance_within_strata_and_do_not_depend_on_row_order(n, top_k, seed, decimals):
    frame = risk(n, decimals=decimals)
    chosen = assign(frame, "trial", top_k, seed)
    assert check_frame(chosen, EXPERIMENT_ASSIGNMENTS) == []
    assert len(chosen) == min(n, top_k)
    differences = chosen["arm"].map({"treatment": 1, "control": -1}).groupby(chosen["stratum"]).sum().abs()
    assert differences.max() <= 1
    assert abs((chosen["arm"] == "treatment").sum() - (chosen["arm"] == "control").sum()) <= 1
    shuffled = frame.sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(assign(shuffled, "trial", top_k, seed), chosen)


def test_each_student_is_as_likely_in_either_arm():
    frame = risk(21)
    treated = sum((assign(frame, "trial", 21, seed)["arm"] == "treatment").to_numpy() for seed in range(100))
    assert 30 < treated.min() <= treated.max() < 70


def test_module_and_tenth_of_risk_make_a_stratum():
    students = pd.DataFrame({"code_module": ["AAA", "AAA", "BBB"], "risk_score": [0.0, 0.19, 1.0]})
    assert strata(students).tolist() == ["AAA 0.0-0.1", "AAA 0.1-0.2", "BBB 0.9-1.0"]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 80), st.integers(1, 40), st.integers(0, 5))
def test_in_strata_arms_balance_and_students_of_other_strata_change_nothing(n, n_more, seed):
    here = risk(n, modules=("BBB", "DDD"), seed=seed).assign(stratum=lambda rows: strata(rows))
    others = risk(n_more, modules=("AAA", "CCC"), seed=seed, first=1000).assign(stratum=lambda rows: strata(rows))
    alone = pd.Series(draw_in_strata(here, "7:calls"), index=here["id_student"])
    balance = alone.map({"treatment": 1, "control": -1}).groupby(here["stratum"].to_numpy()).sum().abs()
    assert balance.max() <= 1
    together = pd.concat([others, here]).sample(frac=1, random_state=seed)
    arms = pd.Series(draw_in_strata(together, "7:calls"), index=together["id_student"])
    pd.testing.assert_series_equal(arms[alone.index], alone)


def test_in_strata_each_student_is_as_likely_in_either_arm():
    students = risk(21).assign(stratum=lambda rows: strata(rows))
    treated = sum(draw_in_strata(students, f"{seed}:calls") == "treatment" for seed in range(100))
    assert 30 < treated.min() <= treated.max() < 70
