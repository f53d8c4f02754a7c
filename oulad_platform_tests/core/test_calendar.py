"""Codes, dates, and who is enrolled when."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oulad_platform.core.calendar import days_between, end_dates, enrolled_on, newest_day, start_date, timezone

COURSES = pd.DataFrame(
    {"start_date": pd.to_datetime(["2013-10-01", "2014-02-01"]), "module_presentation_length": np.array([268, 241], "int16")}
)


@pytest.mark.parametrize(
    ("code", "first"),
    [("2013B", date(2013, 2, 1)), ("2013J", date(2013, 10, 1)), ("2020A", date(2020, 1, 1)), ("2021L", date(2021, 12, 1))],
)
def test_the_letter_of_a_code_counts_the_month(code: str, first: date) -> None:
    assert start_date(code) == first


def test_a_configured_start_goes_before_the_code() -> None:
    assert start_date("2013J", {"2013J": date(2013, 9, 28)}) == date(2013, 9, 28)


@pytest.mark.parametrize("code", ["2013Z", "13J", "2013j", "", "2013J "])
def test_a_code_that_is_none_is_refused_by_name(code: str) -> None:
    with pytest.raises(ValueError, match="start_dates"):
        start_date(code)


def test_the_last_day_is_the_start_plus_the_length() -> None:
    assert [str(day.date()) for day in end_dates(COURSES)] == ["2014-06-26", "2014-09-30"]


@pytest.mark.parametrize(("today", "newest"), [(date(2014, 5, 1), date(2014, 5, 1)), (date(2026, 1, 1), date(2014, 9, 30))])
def test_the_newest_day_is_today_while_a_presentation_runs(today: date, newest: date) -> None:
    assert newest_day(COURSES, today) == newest


@pytest.mark.parametrize(
    ("registered", "unregistered", "day", "there"),
    [(-5, np.nan, -5, True), (-5, np.nan, -6, False), (-5, 10, 10, True), (-5, 10, 11, False), (np.nan, np.nan, 50, False)],
)
def test_a_registration_is_in_force_from_its_day_through_the_day_of_leaving(
    registered: float, unregistered: float, day: int, there: bool
) -> None:
    assert bool(enrolled_on(registered, unregistered, day)) is there


@given(st.integers(-300, 300), st.integers(-300, 300), st.integers(-300, 300))
def test_a_departure_on_or_after_a_day_is_not_known_on_it(registered: int, unregistered: int, day: int) -> None:
    if unregistered >= day:
        assert enrolled_on(registered, unregistered, day) == enrolled_on(registered, np.nan, day)


def test_days_include_both_ends_and_refuse_a_reversed_range() -> None:
    assert len(days_between(date(2014, 2, 27), date(2014, 3, 2))) == 4
    with pytest.raises(ValueError, match="first day 2014-03-02 is after last day 2014-03-01"):
        days_between(date(2014, 3, 2), date(2014, 3, 1))


@pytest.mark.fault("I6")
def test_an_unknown_time_zone_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'Mars/Olympus' is not an IANA name"):
        timezone("Mars/Olympus")
