"""Tests of core.stats: reference values of R and statsmodels, statsmodels as oracle, laws for the rest."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, ttest_ind
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint, proportions_ztest

from oulad_platform.core.stats import (
    bca_difference,
    cuped_difference,
    fisher_exact,
    holm,
    minimum_detectable_difference,
    newcombe,
    sample_size_per_arm,
    smallest_expected_cell,
    two_proportion_z,
    wilson,
)

ARM = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_z_of_56_in_70_against_48_in_80_is_2_650172_without_continuity_correction():
    z, p = two_proportion_z(56, 70, 48, 80)
    assert float(z) == pytest.approx(2.6501720, abs=1e-6)
    assert float(p) == pytest.approx(0.0080451, abs=1e-6)


def test_newcombe_interval_of_56_in_70_against_48_in_80():
    assert np.array(newcombe(56, 70, 48, 80)) == pytest.approx([0.0524315, 0.3338727], abs=1e-6)


def test_wilson_interval_of_56_in_70():
    assert np.array(wilson(56, 70)) == pytest.approx([0.6918336, 0.8769526], abs=1e-6)


def test_80_percent_power_at_a_base_of_25_percent_needs_these_arms():
    assert sample_size_per_arm(0.25, [0.02, 0.03, 0.05, 0.08]).tolist() == [7549, 3395, 1250, 503]


def test_detectable_difference_is_the_one_the_sample_size_was_made_for():
    assert float(minimum_detectable_difference(0.25, 1250, 1250)) == pytest.approx(0.05, abs=2e-5)


def test_no_rise_is_detectable_where_the_base_leaves_no_room_or_an_arm_is_empty():
    assert np.isnan(minimum_detectable_difference([0.99, 0.5], [10, 10], [10, 0])).tolist() == [True, True]


def test_no_rise_needs_endless_students_and_a_rise_above_1_is_undefined():
    assert sample_size_per_arm(0.5, [0, 0.6]).tolist() == pytest.approx([np.inf, np.nan], nan_ok=True)


@pytest.mark.fault("I15")
def test_an_empty_arm_and_no_variation_leave_z_and_p_undefined():
    z, p = two_proportion_z([0, 5, 0], [0, 5, 5], [3, 5, 0], [5, 5, 5])
    assert np.isnan(z).all()
    assert np.isnan(p).all()


def test_an_empty_arm_leaves_every_interval_undefined():
    for ends in (newcombe(0, 0, 3, 5), bca_difference(0, 0, 3, 5, seed=1), wilson(0, 0)):
        assert np.isnan(np.array(ends)).all()


def test_more_successes_than_students_are_refused():
    with pytest.raises(ValueError, match=r"successes 6\.0 are not from 0 to n 5\.0"):
        two_proportion_z(6, 5, 1, 5)


def test_many_scenarios_at_once_equal_one_by_one():
    together = np.array(newcombe([50, 56], 70, 48, 80))
    alone = np.array([newcombe(50, 70, 48, 80), newcombe(56, 70, 48, 80)]).T
    assert together.tolist() == alone.tolist()


@pytest.mark.parametrize("arms", [(56, 70, 48, 80), (2, 30, 9, 40), (190, 200, 150, 220)])
def test_bca_interval_is_that_of_scipy_on_the_outcomes_themselves(arms):
    x1, n1, x2, n2 = arms
    outcomes = np.repeat([1, 0], [x1, n1 - x1]), np.repeat([1, 0], [x2, n2 - x2])
    interval = bootstrap(
        outcomes,
        lambda first, second, axis: first.mean(axis) - second.mean(axis),
        method="BCa",
        n_resamples=9999,
        batch=1000,
        rng=1,
    ).confidence_interval
    assert np.array(bca_difference(*arms, seed=1)) == pytest.approx([interval.low, interval.high], abs=0.01)


def test_bca_interval_of_a_rare_outcome_leans_further_from_0_than_the_percentile_interval():
    random = np.random.default_rng(3)
    resampled = random.binomial(50, 5 / 50, 100_000) / 50 - random.binomial(5000, 0.5, 100_000) / 5000
    assert np.quantile(resampled, [0.025, 0.975]) == pytest.approx([-0.477, -0.309], abs=0.002)
    assert np.array(bca_difference(5, 50, 2500, 5000, seed=1)) == pytest.approx([-0.465, -0.288], abs=0.005)


def test_bca_interval_without_variation_is_the_difference_itself():
    assert np.array(bca_difference(5, 5, 0, 5, seed=1)).tolist() == [1, 1]


def test_an_interval_does_not_depend_on_what_else_is_compared():
    together = np.array(bca_difference([50, 56], 70, 48, 80, seed=5))
    alone = np.array([bca_difference(50, 70, 48, 80, seed=5), bca_difference(56, 70, 48, 80, seed=5)]).T
    assert together.tolist() == alone.tolist()


def test_bca_memory_does_not_grow_with_the_arms_or_the_comparisons():
    tracemalloc.start()
    bca_difference(np.arange(50_000, 50_100), 200_000, 60_000, 200_000, seed=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize("n", [100, 200, 1000])
@pytest.mark.parametrize("base", [0.1, 0.25, 0.5, 0.8])
def test_type_one_error_is_4_to_6_percent_and_newcombe_coverage_94_to_96(base, n):
    random = np.random.default_rng(11)
    control = random.binomial(n, base, 10_000)
    _, p = two_proportion_z(random.binomial(n, base, 10_000), n, control, n)
    assert 0.04 <= (p < 0.05).mean() <= 0.06
    low, high = newcombe(random.binomial(n, base + 0.05, 10_000), n, control, n)
    assert 0.94 <= ((low <= 0.05) & (high >= 0.05)).mean() <= 0.96


@pytest.mark.fault("property 14")
def test_fisher_of_many_equals_scipy_one_by_one_and_an_empty_arm_is_undefined():
    p = fisher_exact([56, 1, 0, 0], [70, 6, 5, 0], [48, 4, 0, 3], [80, 7, 5, 5])
    assert p.tolist() == pytest.approx([0.0125211, 0.2657343, 1, np.nan], abs=1e-6, nan_ok=True)


def test_smallest_expected_cell_is_the_margins_product_over_the_total():
    cells = smallest_expected_cell([56, 1, 9, 0, 0], [70, 6, 10, 0, 0], [48, 4, 18, 3, 0], [80, 7, 20, 5, 0])
    assert cells.tolist() == pytest.approx([70 * 46 / 150, 6 * 5 / 13, 1, 0, np.nan], nan_ok=True)


def trial(seed: int, n: int, effect: float = 0.06) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    risk, is_treated = random.beta(1, 1.5, n), random.random(n) < 0.5
    return random.random(n) < np.clip(1 - risk + effect * is_treated, 0, 1), risk, is_treated


def test_cuped_difference_is_the_treatments_coefficient_beside_the_covariate_in_least_squares():
    passed, risk, is_treated = trial(1, 500)
    fit = OLS(passed.astype(float), np.column_stack([np.ones(500), is_treated, risk])).fit(cov_type="HC2")
    difference, low, high, reduction = cuped_difference(passed, risk, is_treated)
    assert difference == pytest.approx(fit.params[1], abs=1e-9)
    assert (high - low) / 2 == pytest.approx(1.96 * fit.bse[1], rel=0.01)
    assert reduction == pytest.approx(np.corrcoef(passed, risk)[0, 1] ** 2, abs=0.03)


def test_cuped_without_a_useful_covariate_is_welch():
    passed, _, is_treated = trial(2, 80)
    welch = ttest_ind(passed[is_treated].astype(float), passed[~is_treated].astype(float), equal_var=False)
    interval = welch.confidence_interval(0.9)
    expected = [passed[is_treated].mean() - passed[~is_treated].mean(), interval.low, interval.high, 0]
    assert list(cuped_difference(passed, np.full(80, 0.3), is_treated, confidence=0.9)) == pytest.approx(expected, abs=1e-9)


def test_cuped_interval_holds_the_planted_effect_19_times_in_20_and_is_narrower_than_without():
    results = np.array([cuped_difference(*trial(seed, 200, effect=0)) for seed in range(2000)])
    assert 0.935 <= ((results[:, 1] <= 0) & (results[:, 2] >= 0)).mean() <= 0.965
    assert 0.15 <= results[:, 3].mean() <= 0.35


def test_cuped_of_one_student_in_an_arm_is_undefined_and_of_equal_outcomes_is_0_sharp():
    assert np.isnan(cuped_difference([0, 1, 1], [0.1, 0.2, 0.3], [True, False, False])).all()
    assert cuped_difference([1] * 4, [0.1, 0.2, 0.3, 0.4], [1, 0, 1, 0])[:3] == (0, 0, 0)


def test_cuped_refuses_a_missing_covariate():
    with pytest.raises(ValueError, match="1 students lack a finite covariate"):
        cuped_difference([0, 1], [0.1, np.nan], [True, False])


@pytest.mark.fault("property 14")
@settings(max_examples=100, deadline=None)
@given(ARM, ARM)
def test_z_equals_statsmodels(first, second):
    (x1, n1), (x2, n2) = first, second
    z, p = two_proportion_z(x1, n1, x2, n2)
    if 0 < x1 + x2 < n1 + n2:
        assert (float(z), float(p)) == pytest.approx(proportions_ztest([x1, x2], [n1, n2]), abs=1e-9)
    else:
        assert np.isnan(z)


@pytest.mark.fault("property 14")
@settings(max_examples=100, deadline=None)
@given(ARM, ARM)
def test_wilson_and_newcombe_equal_statsmodels(first, second):
    (x1, n1), (x2, n2) = first, second
    assert np.array(wilson(x1, n1)) == pytest.approx(np.clip(proportion_confint(x1, n1, method="wilson"), 0, 1), abs=1e-9)
    expected = confint_proportions_2indep(x1, n1, x2, n2, method="newcomb")
    assert np.array(newcombe(x1, n1, x2, n2)) == pytest.approx(np.array(expected), abs=1e-9)


@pytest.mark.fault("property 14")
@settings(max_examples=100, deadline=None)
@given(ARM, ARM)
def test_every_interval_contains_its_estimate_and_lies_in_the_possible(first, second):
    (x1, n1), (x2, n2) = first, second
    low, high = wilson(x1, n1)
    assert 0 <= low <= x1 / n1 <= high <= 1
    difference = x1 / n1 - x2 / n2
    for low, high in (newcombe(x1, n1, x2, n2), bca_difference(x1, n1, x2, n2, seed=1, resamples=2000)):
        assert -1 - 1e-12 <= low <= difference + 1e-12
        assert difference - 1e-12 <= high <= 1 + 1e-12


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_never_lowers_a_p_value(p_values):
    adjusted = holm(p_values)
    assert (adjusted >= np.array(p_values)).all()
    assert (np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= 0).all()


def test_holm_does_not_count_undefined_p_values():
    assert holm([0.01, np.nan, 0.04]).tolist() == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)


@pytest.mark.fault("property 14")
def test_holm_equals_statsmodels():
    p_values = np.random.default_rng(2).random((10, 6)) ** 3
    expected = [multipletests(row, method="holm")[1] for row in p_values]
    assert np.array([holm(row) for row in p_values]) == pytest.approx(np.array(expected), abs=1e-12)
