"""Tests of success.oversight.abroca: the area against literals and a slow second way, an honest p-value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.success.oversight.abroca import abroca


def slow_area(risk, label, member) -> float:
    """The exact area between two piecewise straight ROC curves of one module, by scikit-learn's curves on a fine grid."""
    from sklearn.metrics import roc_curve

    grid = (np.arange(20_000) + 0.5) / 20_000
    curves = [np.interp(grid, *roc_curve(label[side], risk[side], drop_intermediate=False)[:2]) for side in (member, ~member)]
    return float(np.abs(curves[0] - curves[1]).mean())


def campus(seed: int, n: int = 600, *, ties: bool = False):
    random = np.random.default_rng(seed)
    label, member = random.random(n) < 0.4, random.random(n) < 0.4
    risk = random.normal(size=n) + label * np.where(member, 0.3, 1.2)
    return np.round(risk) if ties else risk, label, member


def one_group(risk, label, module, member, **more) -> tuple[float, float, float]:
    value, p_value, chance = abroca(risk, label, module, np.asarray(member)[:, None], seed=1, **more)
    return value[0], p_value[0], chance[0]


def test_a_perfect_ranking_against_a_reversed_one_is_an_area_of_one():
    label = np.tile([1] * 5 + [0] * 5, 2)
    risk = np.r_[np.arange(10, 0, -1), np.arange(1, 11)]
    assert one_group(risk, label, np.repeat("A", 20), np.arange(20) < 10)[0] == 1


def test_a_perfect_ranking_against_one_that_knows_nothing_is_an_area_of_a_half():
    label = np.tile([1] * 5 + [0] * 5, 2)
    risk = np.r_[np.arange(20, 10, -1), np.full(10, 0.0)]
    assert one_group(risk, label, np.repeat("A", 20), np.arange(20) < 10)[0] == pytest.approx(0.5)


def test_equal_curves_have_no_area_whatever_the_modules_differ_in():
    label = np.tile([1] * 5 + [0] * 5, 4)
    risk = np.r_[np.tile(np.arange(10, 0, -1), 2), np.tile(np.arange(1, 11), 2)]
    module, member = np.repeat(["A", "B"], 20), np.tile(np.repeat([True, False], 10), 2)
    assert one_group(risk, label, module, member)[:2] == (0, 1)


def test_modules_count_by_the_size_of_the_group_in_them():
    rank = np.r_[np.arange(10, 0, -1), np.arange(1, 11)]
    twice = np.r_[np.repeat(np.arange(10, 0, -1), 3), np.arange(10, 0, -1)]
    label = np.r_[np.tile([1] * 5 + [0] * 5, 2), np.repeat([1] * 5 + [0] * 5, 3), [1] * 5 + [0] * 5]
    module, member = np.repeat(["A", "B"], [20, 40]), np.r_[np.arange(20) < 10, np.arange(40) < 30]
    assert one_group(np.r_[rank, twice], label, module, member)[0] == pytest.approx(10 / 40)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_area_is_that_of_a_slow_second_way(seed, ties):
    risk, label, member = campus(seed, ties=ties)
    value = one_group(risk, label, np.repeat("A", len(risk)), member, permutations=10, most_permutations=10)[0]
    assert value == pytest.approx(slow_area(risk, label, member), abs=0.004)
    assert value > 0.05


@given(seed=st.integers(0, 1_000), ties=st.booleans())
@settings(max_examples=15, deadline=None)
def test_order_scale_and_side_change_nothing(seed, ties):
    risk, label, member = campus(seed, 120, ties=ties)
    order = np.random.default_rng(seed).permutation(120)
    module, few = np.repeat("A", 120), {"permutations": 50, "most_permutations": 50}
    plain = one_group(risk, label, module, member, **few)
    assert one_group(risk[order], label[order], module, member[order], **few) == pytest.approx(plain)
    assert one_group(np.exp(risk), label, module, member, **few) == pytest.approx(plain)
    assert one_group(risk, label, module, ~member, **few)[0] == pytest.approx(plain[0])


def test_too_few_of_an_outcome_in_every_module_is_unknown_and_not_zero():
    label, member = np.tile([1] * 4 + [0] * 6, 2), np.arange(20) < 10
    assert np.isnan(one_group(np.arange(20.0), label, np.repeat("A", 20), member)).all()


def test_a_true_difference_is_found_beyond_what_1000_permutations_can_say():
    risk, label, member = campus(3, 2_000)
    value, p_value, chance = one_group(risk, label, np.repeat("A", 2_000), member)
    assert p_value == pytest.approx(1 / 10_001)
    assert value > chance


def test_groups_that_differ_in_base_rate_only_are_called_unlike_in_about_one_of_twenty_tests():
    random = np.random.default_rng(11)
    p_values = []
    for _ in range(200):
        member, module = random.random(300) < 0.3, random.choice(["A", "B"], 300)
        label = random.random(300) < np.where(member, 0.6, 0.3)
        risk = random.normal(size=300) + label
        p_values.append(one_group(risk, label, module, member, permutations=99, most_permutations=99)[1])
    assert 0.01 <= np.mean(np.array(p_values) <= 0.05) <= 0.09
    assert 0.4 <= np.mean(p_values) <= 0.6
