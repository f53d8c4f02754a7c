"""Tests of success.features.coursework and standing: marks and days beside those of the others."""

from __future__ import annotations

from oulad_platform_tests.success.campus import clicks, tables
from oulad_platform_tests.success.features.one_day import NAN, THREE, features_on

WORK = [(1, "TMA", 10, 40), (2, "CMA", 20, 10)]


def test_marks_are_compared_with_those_of_the_same_assessment_known_by_then():
    handed_in = [(1, 1, 8, 0, 60), (1, 2, 9, 0, 80), (1, 3, 31, 0, 10), (2, 1, 25, 0, 50)]
    shown = features_on(tables(THREE, WORK, handed_in), clicks())
    assert shown["score_vs_cohort"].fillna(-99).tolist() == [-5, 10, -99]  # (60 - 70 + 50 - 50) / 2, 80 - 70
    assert shown["score_rank"].fillna(-99).tolist() == [(0.25 + 0.5) / 2, 0.75, -99]
    assert shown["days_late_vs_cohort"].fillna(-99).tolist() == [0, 1, -99]  # medians: day 8 (the lower of two) and 25
    assert shown["score_tma"].fillna(-99).tolist() == [60, 80, -99]
    assert shown["score_cma"].fillna(-99).tolist() == [50, -99, -99]
    assert shown["submissions_vs_cohort"].tolist() == [1, 0, -1]


def test_points_count_what_was_not_handed_in_as_nothing_and_leave_out_what_is_banked_or_unmarked():
    people = [*THREE, (4, -10.0, NAN, None), (5, -10.0, NAN, None)]
    handed_in = [(1, 1, 8, 0, 60), (1, 2, 9, 0, 90), (1, 4, -1, 1, 99), (1, 5, 9, 0, NAN)]
    shown = features_on(tables(people, WORK[:1], handed_in), clicks())
    assert shown["points_vs_cohort"].fillna(-99).tolist() == [10, 40, -50, -99, -99]  # the mean of 60, 90 and 0 is 50


def test_the_change_of_marks_is_the_latest_minus_the_one_before():
    handed_in = [(1, 1, 8, 0, 60), (2, 1, 25, 0, 50), (1, 2, 12, 0, 80)]
    shown = features_on(tables(THREE, WORK, handed_in), clicks())
    assert shown["score_change"].fillna(-99).tolist() == [-10, -99, -99]


def test_late_early_and_the_last_submission_are_counted_from_the_due_day():
    handed_in = [(1, 1, 7, 0, 60), (2, 1, 21, 0, 50), (1, 2, 8, 0, 60), (2, 2, 30, 0, 60)]
    shown = features_on(tables(THREE, WORK, handed_in), clicks())
    assert shown["n_assessments_late"].tolist() == [1, 0, 0]
    assert shown["n_assessments_early"].tolist() == [1, 0, 0]
    assert shown["days_since_last_submission"].fillna(-1).tolist() == [9, 22, -1]
