"""Tests of success.features.grid: sums, newest values, medians and ranks on a grid of three days and three students."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oulad_platform.success.features.grid import Grid, ratio
from oulad_platform.success.presentation import presentations
from oulad_platform_tests.success.campus import tables

NAN = float("nan")
PEOPLE = [(1, -9, NAN, None), (2, 10, NAN, None), (3, -9, 9, None)]
DAYS = [20, 0, 10, 99, -1]


def grid(everyone: bool = False) -> Grid:
    (one,) = presentations(tables(PEOPLE), {})
    return Grid.of(one, DAYS, everyone)


def test_days_outside_the_course_are_left_out_and_the_cohort_registered_before_the_day():
    shown = grid()
    assert shown.days.tolist() == [0, 10, 20]
    assert shown.live.tolist() == [[True, False, True], [True, True, False], [True, True, False]]
    assert shown.cohort.tolist() == [[True, False, True], [True, False, False], [True, True, False]]


def test_everyone_keeps_who_has_left_but_compares_with_who_has_not():
    shown = grid(everyone=True)
    assert shown.live[:, 2].tolist() == [True, True, True]
    assert shown.cohort.tolist() == grid().cohort.tolist()


def test_sums_hold_what_is_dated_before_the_day():
    student, at, values = np.array([0, 0, 0, 2]), np.array([-4.0, 9, 10, NAN]), np.array([1.0, 2, 4, 8])
    assert grid().so_far(student, at, values).tolist() == [[1, 0, 0], [3, 0, 0], [7, 0, 0]]
    assert grid().so_far(student, at).tolist() == [[1, 0, 0], [2, 0, 0], [3, 0, 0]]


def test_the_newest_value_stays_until_the_next_and_the_last_row_of_a_day_counts():
    newest = grid().latest(np.array([0, 0, 1, 0]), np.array([0, 3, 3, 20]), np.array([5.0, 6, 7, 8]))
    assert np.nan_to_num(newest, nan=-1).tolist() == [[-1, -1, -1], [6, 7, -1], [6, 7, -1]]


def test_figures_of_the_cohort_leave_out_who_is_not_in_it_and_who_has_no_value():
    values = np.array([[1.0, 50, 3], [1, 50, 3], [NAN, 4, 3]])
    assert grid().median(values).ravel().tolist() == [2, 1, 4]
    assert grid().mean(values).ravel().tolist() == [2, 1, 4]


def test_a_rank_is_the_share_below_with_equals_counted_half():
    values = np.array([[1.0, 2, 3], [5, 5, 3], [NAN, 4, 3]])
    assert np.nan_to_num(grid().rank(values), nan=-1).tolist() == [[0.25, 0.5, 0.75], [0.5, 0.5, 0], [-1, 0.5, 0]]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=9))
def test_ranks_of_a_whole_cohort_are_the_mid_ranks_and_average_to_one_half(values):
    (one,) = presentations(tables([(number, -9, NAN, None) for number in range(len(values))]), {})
    ranks = Grid.of(one, [5], False).rank(np.array([values], dtype="float64"))[0]
    below = [(sum(v < own for v in values) + sum(v <= own for v in values)) / 2 / len(values) for own in values]
    assert ranks.tolist() == pytest.approx(below)
    assert ranks.mean() == pytest.approx(0.5)


@pytest.mark.fault("C13")
def test_a_ratio_to_nothing_is_missing():
    assert np.nan_to_num(ratio(np.array([4.0, 4]), np.array([2, 0])), nan=-1).tolist() == [2, -1]
