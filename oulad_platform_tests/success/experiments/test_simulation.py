"""Tests of success.experiments.simulation: it cannot flatter."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import check_frame
from oulad_platform.core.stats import bca_difference
from oulad_platform.success.experiments.assignment import assign
from oulad_platform.success.experiments.simulation import pass_chances, reference_outcomes, simulate
from oulad_platform.success.experiments.tables import EXPERIMENT_ASSIGNMENTS, EXPERIMENT_RESULTS
from oulad_platform_tests.success.experiments.trials import reference, risk


def test_the_chance_to_pass_is_that_of_the_50_nearest_of_the_same_module():
    known = pd.DataFrame(
        {
            "code_module": ["AAA"] * 100 + ["BBB"] * 60,
            "risk_score": np.r_[np.linspace(0, 0.99, 100), np.linspace(0, 0.59, 60)],
            "passed": [True] * 50 + [False] * 50 + [False] * 60,
        }
    )
    students = pd.DataFrame({"code_module": ["AAA", "AAA", "AAA", "BBB"], "risk_score": [0.1, 0.5, 0.9, 0.1]})
    assert pass_chances(students, known).tolist() == [1.0, 0.5, 0.0, 0.0]


def test_a_module_with_too_few_known_outcomes_uses_those_of_all():
    known = pd.DataFrame({"code_module": ["AAA"] * 99 + ["NEW"], "risk_score": 0.5, "passed": [True] * 99 + [False]})
    students = pd.DataFrame({"code_module": ["NEW"], "risk_score": [0.5]})
    assert pass_chances(students, known).tolist() == pytest.approx([0.99])


def test_the_reference_is_scored_where_the_module_stands_now_and_by_a_model_if_it_is():
    panel = pd.DataFrame(
        [
            ("AAA", 84, 0.1, "2013B", 0),
            ("AAA", 112, 0.2, "2013B", 0),
            ("AAA", 112, 0.3, "rule", 1),
            ("AAA", 112, 0.4, "2013B", 1),
            ("AAA", 140, 0.5, "2013B", 0),
            ("OLD", 84, 0.6, "2013B", 1),
        ],
        columns=["code_module", "day", "risk_score", "model_version", "label"],
    ).assign(known_from=pd.Timestamp("2014-05-20"))
    now = risk(4, modules=("AAA",))
    assert reference_outcomes(panel, panel, now).to_dict("list") == {
        "code_module": ["AAA", "AAA", "OLD"],
        "risk_score": [0.2, 0.4, 0.6],
        "passed": [True, False, False],
    }
    assert reference_outcomes(panel, panel, now.assign(model_version="rule"))["risk_score"].tolist() == [0.3]
    assert reference_outcomes(panel.iloc[:0], panel.iloc[:0], now).empty
    assert reference_outcomes(panel, panel, now.iloc[:0]).empty


def test_an_outcome_not_yet_known_on_the_day_of_the_experiment_is_no_reference():
    panel = pd.DataFrame({"code_module": "AAA", "day": 112, "risk_score": [0.1, 0.2, 0.3], "model_version": "2013B", "label": 0})
    panel["known_from"] = pd.to_datetime(["2014-05-21", "2014-05-20", "2014-10-01"])
    assert reference_outcomes(panel, panel, risk(4, modules=("AAA",)))["risk_score"].tolist() == [0.2]
    assert reference_outcomes(panel.iloc[[0, 2]], panel.iloc[[0, 2]], risk(4)).empty


def test_a_detectable_effect_is_called_an_effect_and_a_smaller_uplift_under_powered():
    assignments = assign(risk(6000), "trial", 6000, seed=7)
    results = simulate(assignments, reference(8000), seed=7, uplifts=(1, 3, 8))
    assert results["verdict"].tolist() == ["under-powered", "under-powered", "effect"]
    assert results["minimum_detectable_points"].tolist() == pytest.approx([3.6] * 3, abs=0.1)
    assert results["p_value_holm"].iloc[2] < 1e-6
    assert check_frame(results, EXPERIMENT_RESULTS) == []


def test_50_students_are_under_powered_for_every_scenario():
    results = simulate(assign(risk(50), "trial", 50, seed=7), reference(1000), seed=7)
    assert results["uplift_points"].tolist() == [3, 5, 8]
    assert results["verdict"].tolist() == ["under-powered"] * 3


def test_no_uplift_is_rarely_significant():
    assignments, known = assign(risk(2000), "trial", 2000, seed=7), reference(4000)
    found = [float(simulate(assignments, known, seed, uplifts=(0,))["p_value"].iloc[0]) < 0.05 for seed in range(60)]
    assert sum(found) <= 8


@pytest.mark.fault("I15")
def test_without_closed_cohorts_or_students_there_is_no_result():
    assert simulate(assign(risk(10), "trial", 10, seed=7), reference(0), seed=7).empty
    assert simulate(EXPERIMENT_ASSIGNMENTS.empty(), reference(10), seed=7).empty


@pytest.mark.fault("I15")
def test_one_student_leaves_the_test_undefined_and_under_powered():
    results = simulate(assign(risk(1), "trial", 1, seed=7), reference(100), seed=7)
    assert check_frame(results, EXPERIMENT_RESULTS) == []
    assert results["p_value"].isna().all()
    assert results["verdict"].tolist() == ["under-powered"] * 3


def test_where_cells_are_small_p_is_fishers():
    known = pd.DataFrame({"code_module": "AAA", "risk_score": 0.5, "passed": [True] * 4 + [False] * 6})
    results = simulate(assign(risk(12, modules=("AAA",)), "trial", 12, seed=7), known, seed=7, uplifts=(100,))
    assert results[["n_passed_control", "n_control", "n_passed_treatment", "n_treatment"]].iloc[0].tolist() == [2, 6, 6, 6]
    assert results["p_value"].tolist() == pytest.approx([2 / 33])  # four failures, all in one arm: 2 * C(6, 4) / C(12, 4)


def test_the_bootstrap_interval_is_bca():
    results = simulate(assign(risk(400), "trial", 400, seed=7), reference(2000), seed=7, uplifts=(5,))
    row = results.iloc[0]
    low, high = bca_difference(row.n_passed_treatment, row.n_treatment, row.n_passed_control, row.n_control, seed=7)
    assert (row["bootstrap_low"], row["bootstrap_high"]) == (low, high)


@pytest.mark.fault("I15")
def test_an_uplift_beyond_everybody_passing_is_clipped():
    results = simulate(assign(risk(40), "trial", 40, seed=7), reference(100), seed=7, uplifts=(100,))
    assert results["pass_rate_treatment"].tolist() == [1.0]


def test_a_negative_uplift_is_refused():
    with pytest.raises(ValueError, match="uplifts"):
        simulate(assign(risk(4), "trial", 4, seed=7), reference(10), seed=7, uplifts=(-1,))


@pytest.mark.fault("I15")
@settings(max_examples=30, deadline=None)
@given(
    st.integers(2, 80), st.integers(1, 120), st.integers(0, 1000), st.lists(st.floats(0, 60), min_size=2, max_size=5, unique=True)
)
def test_a_larger_uplift_never_shows_less_and_row_order_does_not_matter(n, n_known, seed, uplifts):
    assignments, known = assign(risk(n), "trial", n, seed=7), reference(n_known)
    results = simulate(assignments, known, seed, uplifts)
    assert results["uplift_points"].is_monotonic_increasing
    assert results["n_passed_treatment"].is_monotonic_increasing
    assert (results["n_passed_control"] == results["n_passed_control"].iloc[0]).all()
    assert (results["newcombe_low"] <= results["difference"]).all()
    assert (results["difference"] <= results["newcombe_high"]).all()
    shuffled = simulate(assignments.sample(frac=1, random_state=1), known.sample(frac=1, random_state=2), seed, uplifts)
    pd.testing.assert_frame_equal(shuffled, results)
