"""Tests of success.weeks: dense weeks, silent ones too, and only those that are over."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import require
from oulad_platform.success.presentation import presentations
from oulad_platform.success.tables import STUDENT_WEEKS
from oulad_platform.success.weeks import student_weeks
from oulad_platform_tests.success.campus import Tables, clicks, tables

NAN = float("nan")
AFTER = date(2015, 1, 1)


def weeks(raw: Tables, rows: pd.DataFrame, before: date = AFTER) -> pd.DataFrame:
    (one,) = presentations(raw, {"AAA_2014B": rows})
    return require(student_weeks(one, before), STUDENT_WEEKS)


@pytest.mark.fault("D4")
def test_a_week_counts_its_own_seven_days_and_silent_weeks_have_a_row():
    work = [(1, "TMA", 10, 50), (2, "TMA", 20, 50), (3, "Exam", 12, 100), (4, "TMA", 13, 0)]
    raw = tables(
        [(1, -10, NAN, None)], work, [(1, 1, 8, 0, 60), (2, 1, 13, 0, NAN), (3, 1, 12, 0, 5), (4, 1, 9, 1, 5)], length=27
    )
    shown = weeks(raw, clicks((1, -1, 50), (1, 0, 2), (1, 6, 3), (1, 6, 1), (1, 7, 4), (1, 28, 9)))
    assert shown["week"].tolist() == [0, 1, 2, 3]
    assert shown["n_clicks"].tolist() == [6, 4, 0, 0]
    assert shown["n_active_days"].tolist() == [2, 1, 0, 0]
    assert shown["n_submissions"].tolist() == [0, 2, 0, 0]
    assert shown["score_mean"].fillna(-1).tolist() == [-1, 60, -1, -1]
    assert shown["is_silent"].tolist() == [False, False, True, True]


def test_an_enrolment_has_the_weeks_in_which_it_was_in_force_on_any_day():
    people = [(1, -5, 14, None), (2, -5, 13, None), (3, 13, NAN, None), (4, 14, 3, None), (5, NAN, NAN, None), (6, -9, -1, None)]
    shown = weeks(tables(people, length=20), clicks())
    assert shown.groupby("id_student")["week"].agg(list).to_dict() == {1: [0, 1, 2], 2: [0, 1], 3: [1, 2]}


def test_only_weeks_whose_last_day_has_passed_are_there():
    raw = tables([(1, -5, NAN, None)], length=16)
    assert weeks(raw, clicks(), date(2014, 2, 14))["week"].tolist() == [0]
    assert weeks(raw, clicks(), date(2014, 2, 15))["week"].tolist() == [0, 1]
    assert weeks(raw, clicks(), date(2014, 2, 17))["week"].tolist() == [0, 1]
    assert weeks(raw, clicks(), date(2014, 2, 18))["week"].tolist() == [0, 1, 2]
    (one,) = presentations(raw, {"AAA_2014B": clicks((1, 3, 2))})
    assert len(student_weeks(one, date(2014, 1, 1))) == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 41), st.integers(0, 9)), max_size=25))
def test_clicks_of_all_weeks_add_up_to_the_clicks_of_the_course(rows):
    shown = weeks(tables([(one, -5, NAN, None) for one in (1, 2, 3)], length=41), clicks(*rows))
    assert len(shown) == 3 * 6
    assert shown["n_clicks"].sum() == sum(row[2] for row in rows)
