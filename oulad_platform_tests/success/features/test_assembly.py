"""Tests of success.features.assembly: every feature on a campus small enough to count by hand, and point in time as a law."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import require
from oulad_platform.success.features.assembly import daily_features, presentation_features
from oulad_platform.success.presentation import elsewhere, presentations
from oulad_platform.success.tables import FEATURES
from oulad_platform_tests.success.campus import Tables, clicks, courses, tables
from oulad_platform_tests.success.features.one_day import DAY, NAN, features_on


def feature(name: str, raw: Tables, rows: pd.DataFrame, day: int = DAY) -> float:
    return pytest.approx(features_on(raw, rows, day)[name].item(), nan_ok=True)


ONE = [(1, -10.0, NAN, None)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("day_in_course", 30),
        ("clicks_7d", 9),
        ("clicks_14d", 12),
        ("clicks_28d", 17),
        ("clicks_since_start", 23),
        ("clicks_before_start", 4),
        ("active_days_7d", 2),
        ("active_days_14d", 3),
        ("active_days_28d", 4),
        ("active_days_since_start", 5),
        ("days_since_last_visit", 1),
        ("clicks_week_2", 3),
        ("clicks_week_3", 0),
        ("clicks_week_4", 5),
        ("active_days_week_2", 1),
        ("active_days_week_4", 1),
        ("site_visits_14d", 4),
        ("site_visits_since_start", 6),
        ("site_visits_before_start", 1),
        ("site_visits_per_active_day", 1.2),
        ("clicks_per_active_day", 4.6),
        ("longest_gap", 19),
        ("weeks_active_share", 0.5),
        ("clicks_trend_7d", 0.75),
        ("clicks_vs_cohort_28d", 1),
        ("clicks_since_start_rank", 0.5),
        ("course_elapsed", 0.5),
        ("registration_lead", 10),
        ("previous_attempts", 1),
        ("studied_credits", 60),
        ("education_level", 3),
        ("n_other_modules", 0),
        ("earlier_failure_share", NAN),
        ("module_risk_rate", NAN),
        ("module_left_share", NAN),
        ("region_risk_rate", NAN),
    ],
)
def test_clicks_are_counted_up_to_the_day_before(name, expected):
    rows = clicks((1, -5, 4), (1, 0, 6), (1, 2, 5), (1, 22, 3), (1, 23, 1), (1, 23, 1), (1, 29, 7), (1, 30, 100), (1, 60, 100))
    assert expected == feature(name, tables(ONE), rows)


COURSEWORK = [
    (1, "TMA", 10, 10),
    (2, "TMA", 20, 30),
    (3, "CMA", 22, 0),
    (4, "TMA", 30, 60),
    (5, "Exam", 5, 100),
    (6, "TMA", 25, 10),
]
HANDED_IN = [(1, 1, 12, 0, 50), (2, 1, 18, 0, 80), (4, 1, 30, 0, 100), (5, 1, 5, 0, 1), (6, 1, -1, 1, 99)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("n_assessments_due", 3),
        ("n_assessments_submitted", 2),
        ("n_assessments_missed", 1),
        ("missed_share", 1 / 3),
        ("score_mean", 65),
        ("score_weighted", 72.5),
        ("last_score", 80),
        ("days_late_mean", 0),
        ("weight_due", 40),
        ("weight_done_share", 50 / 110),
        ("n_assessments_banked", 1),
        ("n_assessments_late", 1),
        ("n_assessments_early", 0),
        ("days_since_last_submission", 12),
        ("score_tma", 65),
        ("score_cma", NAN),
        ("score_change", 30),
        ("score_vs_cohort", 0),
        ("submissions_vs_cohort", 0),
        ("points_vs_cohort", 0),
        ("score_rank", 0.5),
        ("days_late_vs_cohort", 0),
        ("days_since_due", 5),
        ("days_to_next_due", 0),
    ],
)
def test_coursework_counts_what_was_handed_in_before_the_day_banked_and_exams_aside(name, expected):
    assert expected == feature(name, tables(ONE, COURSEWORK, HANDED_IN), clicks())


def test_what_was_handed_in_late_is_missed_until_then():
    raw = tables([*ONE, (2, -10.0, NAN, None)], [(1, "TMA", 10, 100)], [(1, 1, 15, 0, 70), (1, 2, 9, 0, 60)])
    (one,) = presentations(raw, {})
    shown = presentation_features(one, [10, 11, 15, 16], elsewhere(raw)).query("id_student == 1")
    assert shown["n_assessments_missed"].tolist() == [0, 1, 1, 0]
    assert shown["score_mean"].fillna(-1).tolist() == [-1, -1, -1, 70]


@pytest.mark.parametrize(
    ("recorded_on", "missed"),
    [([13, 13], [0, 0, 1, 1]), ([10, 13], [1, 1, 1, 1]), ([30, 30], [0, 0, 0, 1]), ([], [0, 0, 0, 1])],
)
def test_nobody_has_missed_what_is_on_record_for_less_than_a_tenth_in_its_first_week(recorded_on, missed):
    people = [(one, -10.0, NAN, None) for one in range(1, 21)]
    raw = tables(people, [(1, "CMA", 10, 5)], [(1, one + 2, day, 0, 70) for one, day in enumerate(recorded_on)])
    (one,) = presentations(raw, {})
    days = [11, 13, 14, 18] if recorded_on != [10, 13] else [14, 15, 16, 18]
    shown = presentation_features(one, days, elsewhere(raw)).query("id_student == 1")
    assert shown["n_assessments_missed"].tolist() == missed


def test_an_absent_score_counts_as_handed_in_but_not_as_a_mark():
    row = features_on(tables(ONE, [(1, "TMA", 10, 100)], [(1, 1, 9, 0, NAN)]), clicks()).iloc[0]
    assert row["n_assessments_submitted"] == 1
    assert row["n_assessments_missed"] == 0
    assert np.isnan(row[["score_mean", "score_weighted", "last_score"]].to_numpy("float64")).all()


@pytest.mark.fault("D4")
def test_a_student_without_a_trace_stays_with_zero_counts_and_missing_facts():
    row = features_on(tables(ONE), clicks()).iloc[0]
    assert row[["clicks_7d", "active_days_since_start", "n_assessments_due"]].tolist() == [0, 0, 0]
    missing = ["days_since_last_visit", "clicks_trend_7d", "clicks_vs_cohort_28d", "missed_share", "score_mean", "days_late_mean"]
    assert row[missing].isna().all()


def test_only_enrolments_in_force_on_the_day_are_there():
    people = [
        (1, -10, NAN, None),
        (2, -10, 29, None),
        (3, -10, 30, None),
        (4, 30, NAN, None),
        (5, 31, NAN, None),
        (6, NAN, NAN, None),
    ]
    assert features_on(tables(people), clicks()).index.tolist() == [1, 3, 4]


def test_the_cohorts_pace_is_the_median_of_who_is_still_there():
    people = [(1, -10, NAN, None), (2, -10, NAN, None), (3, -10, NAN, None), (4, -10, 5, None)]
    rows = clicks((1, 29, 2), (2, 29, 4), (3, 29, 8), (4, 4, 999))
    assert features_on(tables(people), rows)["clicks_vs_cohort_28d"].tolist() == [0.5, 1.0, 2.0]


def test_the_modules_earlier_results_are_known_the_day_after_it_closed():
    older = tables([(7, -9, NAN, "Fail"), (8, -9, NAN, "Pass"), (9, -9, 3, "Withdrawn"), (10, -9, NAN, None)], code="2013J")
    raw = {name: pd.concat([frame, older[name]]) for name, frame in tables(ONE).items()}
    raw["courses"] = courses(("AAA", "2014B", 60, "2014-02-01"), ("AAA", "2013J", 130, "2013-10-01"))
    days = pd.DatetimeIndex(["2014-02-08", "2014-02-09"])
    shown = daily_features(raw, {}, days).query("code_presentation == '2014B'")
    assert shown["module_risk_rate"].round(4).fillna(-1).tolist() == pytest.approx([-1, 2 / 3], abs=1e-4)


def test_days_outside_the_presentation_give_no_rows_and_every_frame_fits_its_table():
    raw = tables(ONE)
    inside = daily_features(raw, {}, pd.date_range("2014-01-30", "2014-02-02"))
    assert require(inside, FEATURES)["run_date"].dt.date.tolist() == [date(2014, 2, 1), date(2014, 2, 2)]
    assert len(require(daily_features(raw, {}, pd.date_range("2014-04-02", "2014-04-03")), FEATURES)) == 1
    assert len(require(daily_features(raw, {}, pd.date_range("2015-04-02", "2015-04-03")), FEATURES)) == 0


@pytest.mark.fault("A22")
def test_clicks_of_a_student_who_is_not_enrolled_are_refused_without_a_name():
    with pytest.raises(ValueError, match="AAA 2014B: 1 clicks or submissions are of students who are not in student_info"):
        features_on(tables(ONE), clicks((99, 3, 1)))


@pytest.mark.fault("property 3")
def test_many_days_at_once_equal_each_day_alone():
    raw = tables([*ONE, (2, 3, 40, None)], COURSEWORK, [*HANDED_IN, (1, 2, 3, 0, 20)])
    rows = clicks((1, -30, 2), (1, 5, 1), (2, 6, 4), (2, 20, 5))
    days = pd.date_range("2014-02-01", "2014-04-02")
    together = daily_features(raw, {"AAA_2014B": rows}, days)
    alone = pd.concat([daily_features(raw, {"AAA_2014B": rows}, days[[place]]) for place in range(len(days))], ignore_index=True)
    pd.testing.assert_frame_equal(together, alone)


any_day = st.integers(-40, 59)
student = st.integers(1, 5)
click_rows = st.lists(st.tuples(student, any_day, st.integers(0, 9)), max_size=25)
hand_ins = st.dictionaries(st.tuples(st.integers(1, 4), student), st.tuples(any_day, st.integers(0, 1), st.integers(0, 100)))


@pytest.mark.fault("property 3")
@settings(max_examples=20, deadline=None)
@given(click_rows, hand_ins, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows, handed_in, random):
    given_in = [(*key, *value) for key, value in handed_in.items()]
    people, work = [(one, -10, NAN, None) for one in range(1, 6)], [(one, "TMA", 10 * one, 25) for one in range(1, 5)]
    before = features_on(tables(people, work, given_in), clicks(*rows))
    for whatever in (rows, given_in, people, work):
        random.shuffle(whatever)
    pd.testing.assert_frame_equal(before, features_on(tables(people, work, given_in), clicks(*rows)))


@pytest.mark.fault("property 17")
@settings(max_examples=20, deadline=None)
@given(click_rows, hand_ins)
def test_windows_nest_and_missed_never_exceeds_due(rows, handed_in):
    given_in = [(*key, *value) for key, value in handed_in.items()]
    people, work = [(one, -10, NAN, None) for one in range(1, 6)], [(one, "TMA", 10 * one, 25) for one in range(1, 5)]
    shown = features_on(tables(people, work, given_in), clicks(*rows))
    for kind in ("clicks", "active_days"):
        for shorter, longer in pairwise((f"{kind}_7d", f"{kind}_14d", f"{kind}_28d", f"{kind}_since_start")):
            assert (shown[shorter] <= shown[longer]).all()
    assert shown["n_assessments_missed"].between(0, shown["n_assessments_due"]).all()
