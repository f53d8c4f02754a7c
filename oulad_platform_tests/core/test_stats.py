"""Tests of core.stats: reference values of R and statsmodels, statsmodels as oracle, laws for the rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint, proportions_ztest

from oulad_platform.core.stats import (
    bootstrap_difference,
    holm,
    minimum_detectable_difference,
    newcombe,
    sample_size_per_arm,
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


def test_an_empty_arm_and_no_variation_leave_z_and_p_undefined():
    z, p = two_proportion_z([0, 5, 0], [0, 5, 5], [3, 5, 0], [5, 5, 5])
    assert np.isnan(z).all()
    assert np.isnan(p).all()


def test_an_empty_arm_leaves_every_interval_undefined():
    for ends in (newcombe(0, 0, 3, 5), bootstrap_difference(0, 0, 3, 5, seed=1), wilson(0, 0)):
        assert np.isnan(np.array(ends)).all()


def test_more_successes_than_students_are_refused():
    with pytest.raises(ValueError, match=r"successes 6\.0 are not from 0 to n 5\.0"):
        two_proportion_z(6, 5, 1, 5)


def test_many_scenarios_at_once_equal_one_by_one():
    together = np.array(newcombe([50, 56], 70, 48, 80))
    alone = np.array([newcombe(50, 70, 48, 80), newcombe(56, 70, 48, 80)]).T
    assert together.tolist() == alone.tolist()


def test_the_bootstrap_is_the_binomial_law_of_the_resampled_difference():
    random = np.random.default_rng(3)
    first, second = np.repeat([1, 0], [56, 14]), np.repeat([1, 0], [48, 32])
    resampled = [random.choice(first, 70).mean() - random.choice(second, 80).mean() for _ in range(4000)]
    assert np.array(bootstrap_difference(56, 70, 48, 80, seed=1)) == pytest.approx(
        np.quantile(resampled, [0.025, 0.975]), abs=0.012
    )


def test_the_same_seed_gives_the_same_bootstrap_interval():
    assert bootstrap_difference(56, 70, 48, 80, seed=5) == bootstrap_difference(56, 70, 48, 80, seed=5)


def test_type_one_error_and_newcombe_coverage_are_what_they_say():
    random = np.random.default_rng(11)
    x1, x2 = random.binomial(200, 0.4, (2, 10_000))
    _, p = two_proportion_z(x1, 200, x2, 200)
    assert 0.04 <= (p < 0.05).mean() <= 0.06
    low, high = newcombe(x1, 200, random.binomial(200, 0.5, 10_000), 200)
    assert 0.94 <= ((low <= -0.1) & (high >= -0.1)).mean() <= 0.96


@settings(max_examples=100, deadline=None)
@given(ARM, ARM)
def test_z_equals_statsmodels(first, second):
    (x1, n1), (x2, n2) = first, second
    z, p = two_proportion_z(x1, n1, x2, n2)
    if 0 < x1 + x2 < n1 + n2:
        assert (float(z), float(p)) == pytest.approx(proportions_ztest([x1, x2], [n1, n2]), abs=1e-9)
    else:
        assert np.isnan(z)


@settings(max_examples=100, deadline=None)
@given(ARM, ARM)
def test_wilson_and_newcombe_equal_statsmodels(first, second):
    (x1, n1), (x2, n2) = first, second
    assert np.array(wilson(x1, n1)) == pytest.approx(np.clip(proportion_confint(x1, n1, method="wilson"), 0, 1), abs=1e-9)
    expected = confint_proportions_2indep(x1, n1, x2, n2, method="newcomb")
    assert np.array(newcombe(x1, n1, x2, n2)) == pytest.approx(np.array(expected), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(ARM, ARM)
def test_every_interval_contains_its_estimate_and_lies_in_the_possible(first, second):
    (x1, n1), (x2, n2) = first, second
    low, high = wilson(x1, n1)
    assert 0 <= low <= x1 / n1 <= high <= 1
    difference = x1 / n1 - x2 / n2
    for low, high in (newcombe(x1, n1, x2, n2), bootstrap_difference(x1, n1, x2, n2, seed=1, resamples=2000)):
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


def test_holm_equals_statsmodels():
    p_values = np.random.default_rng(2).random((10, 6)) ** 3
    expected = [multipletests(row, method="holm")[1] for row in p_values]
    assert np.array([holm(row) for row in p_values]) == pytest.approx(np.array(expected), abs=1e-12)
