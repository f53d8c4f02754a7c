"""56 of 70 against 48 of 80: the literals that an analyst gets from statsmodels and scipy, for what `core.stats` leaves to them.

What `core.stats` computes itself is held to the same literals in `test_stats`.
"""

from __future__ import annotations

import pytest
from scipy.stats import barnard_exact, boschloo_exact, chi2_contingency
from scipy.stats import fisher_exact as scipy_fisher_exact
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_effectsize

from oulad_platform.core.stats import fisher_exact, newcombe, sample_size_per_arm, two_proportion_z, wilson

TABLE = [[56, 14], [48, 32]]


@pytest.mark.fault("property 14")
def test_z_and_p_without_continuity_correction():
    assert [float(value) for value in two_proportion_z(56, 70, 48, 80)] == pytest.approx([2.6501720, 0.0080451], abs=1e-6)


def test_chi_square_with_yates_correction_as_prop_test_of_r_gives_it():
    result = chi2_contingency(TABLE, correction=True)
    assert [result.statistic, result.pvalue] == pytest.approx([6.1142705, 0.0134095], abs=1e-6)


def test_chi_square_without_correction_is_the_square_of_our_z():
    assert float(two_proportion_z(56, 70, 48, 80)[0]) ** 2 == pytest.approx(chi2_contingency(TABLE, correction=False).statistic)


@pytest.mark.parametrize(
    ("method", "ends"),
    [
        ("wald", (0.0575049, 0.3424951)),
        ("agresti-caffo", (0.0524529, 0.3357585)),
        ("score", (0.0525517, 0.3440391)),
        ("newcomb", (0.0524315, 0.3338727)),
    ],
)
def test_intervals_of_the_difference(method, ends):
    assert confint_proportions_2indep(56, 70, 48, 80, method=method, compare="diff") == pytest.approx(ends, abs=1e-6)


def test_newcombe_is_ours():
    assert [float(end) for end in newcombe(56, 70, 48, 80)] == pytest.approx([0.0524315, 0.3338727], abs=1e-6)


def test_wilson_interval_of_one_arm():
    assert [float(end) for end in wilson(56, 70)] == pytest.approx([0.6918336, 0.8769526], abs=1e-6)


def test_fisher():
    assert float(fisher_exact(56, 70, 48, 80)) == pytest.approx(0.0125211, abs=1e-6)
    assert scipy_fisher_exact(TABLE).pvalue == pytest.approx(0.0125211, abs=1e-6)


def test_barnard_and_boschloo():
    arms_as_columns = [[56, 48], [14, 32]]
    assert barnard_exact(arms_as_columns).pvalue == pytest.approx(0.0088652, abs=1e-6)
    assert boschloo_exact(arms_as_columns).pvalue == pytest.approx(0.0088444, abs=1e-6)


@pytest.mark.parametrize(("points", "needed"), [(2, 7549), (3, 3395), (5, 1250), (8, 503)])
def test_students_per_arm_for_80_percent_power_at_a_base_of_25_percent(points, needed):
    assert float(sample_size_per_arm(0.25, points / 100)) == needed
    effect = proportion_effectsize(0.25 + points / 100, 0.25)
    assert needed - 1 < NormalIndPower().solve_power(effect, power=0.8, alpha=0.05) <= needed
