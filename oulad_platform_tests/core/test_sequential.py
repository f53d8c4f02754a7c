"""Tests of core.sequential: published bounds, and what a simulation says of the error over all looks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from oulad_platform.core.sequential import confidence_at, obrien_fleming_bounds


@pytest.mark.parametrize(
    ("information", "bounds"),
    [
        ([1], [1.9600]),
        ([1 / 2, 1], [2.9626, 1.9686]),
        ([1 / 3, 2 / 3, 1], [3.7103, 2.5114, 1.9930]),
        ([1 / 4, 1 / 2, 3 / 4, 1], [4.3326, 2.9631, 2.3590, 2.0141]),
        ([0.2, 0.4, 0.6, 0.8, 1], [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]),
        ([0.10, 0.33, 1], [6.9913, 3.7308, 1.9605]),
    ],
)
def test_bounds_are_those_of_the_r_package_ldbounds(information, bounds):
    assert obrien_fleming_bounds(information) == pytest.approx(bounds, abs=1.5e-4)


def test_the_second_of_five_bounds_to_ten_digits_by_adaptive_quadrature():
    assert obrien_fleming_bounds([0.2, 0.4])[1] == pytest.approx(3.3570119216, abs=1e-8)


@pytest.mark.parametrize("information", [[0.5, 1], [0.2, 0.4, 0.6, 0.8, 1], [0.15, 0.7, 0.72, 1]])
def test_over_all_looks_5_percent_of_the_trials_without_an_effect_cross_a_bound(information):
    random = np.random.default_rng(4)
    steps = np.sqrt(np.diff(information, prepend=0))
    z = np.cumsum(random.normal(size=(100_000, len(steps))) * steps, axis=1) / np.sqrt(information)
    crossed = (np.abs(z) >= obrien_fleming_bounds(information)).any(axis=1).mean()
    assert crossed == pytest.approx(0.05, abs=0.002)


def test_repeated_intervals_hold_the_effect_at_all_looks_together_in_95_percent_of_the_trials():
    random = np.random.default_rng(5)
    information = np.array([0.25, 0.5, 0.75, 1])
    effect = 2.5
    walk = np.cumsum(random.normal(size=(100_000, 4)) / 2, axis=1) + effect * information
    half = np.array([ndtri((1 + confidence_at(bound)) / 2) for bound in obrien_fleming_bounds(information)])
    holds = np.abs(walk / information - effect) <= half / np.sqrt(information)
    assert holds.all(axis=1).mean() == pytest.approx(0.95, abs=0.002)


def test_a_bound_rests_on_the_looks_so_far_alone():
    assert obrien_fleming_bounds([0.3, 0.6]).tolist() == obrien_fleming_bounds([0.3, 0.6, 0.9, 1])[:2].tolist()


def test_hardly_any_information_has_the_bound_8():
    assert obrien_fleming_bounds([0.01, 1]) == pytest.approx([8, 1.95996], abs=1e-5)


@pytest.mark.parametrize("information", [[0, 1], [0.5, 0.5], [0.6, 0.5], [0.5, 1.1], [float("nan")]])
def test_shares_that_do_not_ascend_from_0_to_1_are_refused(information):
    with pytest.raises(ValueError, match="must ascend"):
        obrien_fleming_bounds(information)


@pytest.mark.parametrize("alpha", [0, 1, float("nan")])
def test_an_alpha_of_0_or_1_is_refused(alpha):
    with pytest.raises(ValueError, match="alpha"):
        obrien_fleming_bounds([1], alpha)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 99), max_size=6, unique=True), st.floats(0.001, 0.5))
def test_every_bound_is_at_least_the_one_of_a_single_look(percents, alpha):
    bounds = obrien_fleming_bounds([*(percent / 100 for percent in sorted(percents)), 1], alpha)
    assert (bounds >= -ndtri(alpha / 2) - 1e-6).all()
    assert (bounds <= 8).all()
