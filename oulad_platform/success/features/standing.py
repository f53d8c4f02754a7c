"""How a student stands beside the others who handed in the same assessments, from what was known before each day."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from oulad_platform.success.features.grid import Grid, ratio
from oulad_platform.success.presentation import Floats, Integers, floats

Comparison = Callable[[Floats, Floats], Floats]


def standing(grid: Grid, assessment: Integers, due: Floats) -> dict[str, Floats]:
    """The features that compare marks and days handed in. `assessment`: the place of each submission's in `coursework`.

    `due` is the day from which each assessment's absence says something.
    """
    rows = grid.presentation.submissions
    student, is_own = grid.presentation.students(rows), rows["is_banked"].ne(1).to_numpy()
    at, planned, score = (floats(rows[name]) for name in ("date_submitted", "date", "score"))

    def beside(values: Floats, compare: Comparison) -> Floats:
        chosen = is_own & ~np.isnan(values)
        return _mean_over_assessments(grid, assessment[chosen], student[chosen], at[chosen], values[chosen], compare)

    return {
        "score_vs_cohort": beside(score, _above_mean),
        "score_rank": beside(score, _rank),
        "days_late_vs_cohort": beside(at - planned, _above_median),
        "points_vs_cohort": _points(grid, assessment, student, at, score, is_own, due),
    }


def _mean_over_assessments(
    grid: Grid, assessment: Integers, student: Integers, at: Floats, values: Floats, compare: Comparison
) -> Floats:
    """Each value compared with those of the same assessment known before the same day, mean over the student's assessments.

    `compare` takes the distinct values and how often each was known (days x values), and answers for each value and day.
    """
    sums, counts, places = np.zeros(grid.shape), np.zeros(grid.shape), np.arange(len(grid.days))[:, None]
    for number in np.unique(assessment):
        these = assessment == number
        known_at = grid.first_after(at[these])
        levels, level = np.unique(values[these], return_inverse=True)
        size = (len(grid.days) + 1) * len(levels)
        often = np.bincount(known_at * len(levels) + level, minlength=size).reshape(-1, len(levels))
        figures = compare(levels, np.cumsum(often[:-1], axis=0, dtype="float64"))
        is_known = known_at <= places
        sums[:, student[these]] += np.where(is_known, figures[:, level], 0)
        counts[:, student[these]] += is_known
    return ratio(sums, counts)


def _above_mean(levels: Floats, often: Floats) -> Floats:
    return levels - ratio(often @ levels, often.sum(axis=1))[:, None]


def _above_median(levels: Floats, often: Floats) -> Floats:
    up_to = often.cumsum(axis=1)
    return levels - levels[(2 * up_to >= up_to[:, [-1]]).argmax(axis=1)][:, None]


def _rank(levels: Floats, often: Floats) -> Floats:
    up_to = often.cumsum(axis=1)
    return ratio(up_to - often / 2, up_to[:, [-1]])


def _points(
    grid: Grid, assessment: Integers, student: Integers, at: Floats, score: Floats, is_own: np.ndarray, due: Floats
) -> Floats:
    """Mark, or 0 for what was not handed in, minus the cohort's mean of the same, mean over the assessments due.

    What is banked, or handed in without a mark on record, does not count.
    """
    sums, counts, places = np.zeros(grid.shape), np.zeros(grid.shape), np.arange(len(grid.days))[:, None]
    for number, due_day in enumerate(due):
        these = assessment == number
        known_at, mark = np.full(grid.shape[1], len(grid.days)), np.zeros(grid.shape[1])
        known_at[student[these]] = grid.first_after(at[these])
        mark[student[these]] = np.where(is_own, score, np.nan)[these]
        days = np.flatnonzero(due_day < grid.days)
        points = np.where(known_at <= places[days], mark, 0)
        counted = ~np.isnan(points)
        in_cohort = counted & grid.cohort[days]
        usual = ratio(points.sum(axis=1, where=in_cohort), in_cohort.sum(axis=1))
        sums[days] += np.where(counted, points - usual[:, None], 0)
        counts[days] += counted
    return ratio(sums, counts)
