"""Tests of success.experiments: a fair, reproducible assignment and a simulation that cannot flatter."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import check_frame
from oulad_platform.success.experiments import ab_test_report, assign, pass_chances, reference_outcomes, simulate
from oulad_platform.success.marts import student_risk
from oulad_platform.success.tables import EXPERIMENT_ASSIGNMENTS, EXPERIMENT_RESULTS, STUDENT_RISK_DAILY


def risk(n: int, *, modules: tuple[str, ...] = ("AAA", "BBB"), seed: int = 0, decimals: int = 6) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return student_risk(
        pd.DataFrame(
            {
                "run_date": pd.Timestamp("2014-05-20"),
                "code_module": random.choice(modules, n),
                "code_presentation": "2014B",
                "id_student": np.arange(1, n + 1),
                "day": 108,
                "risk_score": random.random(n).round(decimals),
                "model_version": "2013J",
            }
        ),
        threshold=0.25,
    )


def reference(n: int, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    scores = random.random(n)
    return pd.DataFrame(
        {"code_module": random.choice(["AAA", "BBB"], n), "risk_score": scores, "passed": random.random(n) > scores}
    )


def test_the_population_is_the_students_at_highest_risk_once_each():
    two_modules = pd.concat([risk(6, modules=("AAA",)), risk(6, modules=("BBB",), seed=9)])
    chosen = assign(two_modules, "trial", 4, seed=7)
    best = two_modules.groupby("id_student")["risk_score"].max().nlargest(4)
    assert dict(zip(chosen["id_student"], chosen["risk_score"], strict=True)) == best.to_dict()


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


def test_more_wanted_than_there_are_takes_all_and_nobody_gives_nobody():
    assert len(assign(risk(5), "trial", 400, seed=7)) == 5
    assert assign(STUDENT_RISK_DAILY.empty(), "trial", 400, seed=7).empty


def test_scores_of_two_days_are_refused():
    two_days = pd.concat([risk(2), risk(2).assign(run_date=pd.Timestamp("2014-05-21"))])
    with pytest.raises(ValueError, match="experiment trial: risk scores of 2 days"):
        assign(two_days, "trial", 2, seed=7)


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


def test_without_closed_cohorts_or_students_there_is_no_result_and_the_report_says_why():
    assignments = assign(risk(10), "trial", 10, seed=7)
    results = simulate(assignments, reference(0), seed=7)
    assert results.empty
    assert "No result: no closed cohort has comparable scores" in ab_test_report(results, assignments)
    nobody = EXPERIMENT_ASSIGNMENTS.empty()
    assert simulate(nobody, reference(10), seed=7).empty
    assert "nobody was assigned" in ab_test_report(results, nobody)


def test_one_student_leaves_the_test_undefined_and_under_powered():
    results = simulate(assign(risk(1), "trial", 1, seed=7), reference(100), seed=7)
    assert check_frame(results, EXPERIMENT_RESULTS) == []
    assert results["p_value"].isna().all()
    assert results["verdict"].tolist() == ["under-powered"] * 3
    report = ab_test_report(results, assign(risk(1), "trial", 1, seed=7))
    assert "No effect, however large, would be found" in report
    assert "nan" not in report


def test_an_uplift_beyond_everybody_passing_is_clipped():
    results = simulate(assign(risk(40), "trial", 40, seed=7), reference(100), seed=7, uplifts=(100,))
    assert results["pass_rate_treatment"].tolist() == [1.0]


def test_a_negative_uplift_is_refused():
    with pytest.raises(ValueError, match="uplifts"):
        simulate(assign(risk(4), "trial", 4, seed=7), reference(10), seed=7, uplifts=(-1,))


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


def test_the_report_calls_a_simulation_a_simulation_and_gives_power_before_results():
    assignments = assign(risk(400), "trial", 400, seed=7)
    report = ab_test_report(simulate(assignments, reference(2000), seed=7), assignments)
    assert report.startswith(
        "# A/B test: offline simulation\n\nThis is a **simulation, not causal proof**: no student was contacted."
    )
    assert report.index("## Power") < report.index("## Scenarios")
    assert "200 students in the control arm and 200 in the treatment arm" in report
    assert report.count("under-powered |\n") == 3
