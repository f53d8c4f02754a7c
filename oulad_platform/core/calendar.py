"""Presentation codes, day offsets and dates, weeks, and who counts as enrolled on a day. Pure; reads no clock."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

DAYS_PER_WEEK = 7
_CODE = re.compile(r"(\d{4})([A-L])")


def start_date(code_presentation: str, overrides: Mapping[str, date] | None = None) -> date:
    """First day of a presentation: `2013B` is 2013-02-01, `2013J` 2013-10-01 (the letter counts the month, A = January).

    Source: Kuzilek et al., Scientific Data 4:170171 (2017), table `courses`. `overrides` maps a code to its real date.

    >>> start_date("2013J")
    datetime.date(2013, 10, 1)
    >>> start_date("autumn")
    Traceback (most recent call last):
    ValueError: presentation code 'autumn' is not a year and a month letter A-L, such as 2013J; give it a date under start_dates
    """
    if overrides and code_presentation in overrides:
        return overrides[code_presentation]
    match = _CODE.fullmatch(code_presentation)
    if not match:
        raise ValueError(
            f"presentation code {code_presentation!r} is not a year and a month letter A-L, such as 2013J; "
            "give it a date under start_dates"
        )
    return date(int(match[1]), ord(match[2]) - ord("A") + 1, 1)


def end_dates(courses: pd.DataFrame) -> pd.Series:
    """Last day of each presentation, indexed like `courses` (columns start_date, module_presentation_length in days)."""
    return courses["start_date"] + pd.to_timedelta(courses["module_presentation_length"].astype("int64"), unit="D")


def newest_day(courses: pd.DataFrame, today: date) -> date:
    """The newest day the data can speak of: the last day of the last presentation, or today while one is running."""
    return min(end_dates(courses).max().date(), today)


def enrolled_on(registered: npt.ArrayLike, unregistered: npt.ArrayLike, day: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Whether each registration is in force at the start of `day`: registered on or before it, not unregistered before it.

    All three are day offsets (float, NaN = absent) and broadcast. An unknown registration date is never in force.
    """
    registered, unregistered = np.asarray(registered, dtype="float64"), np.asarray(unregistered, dtype="float64")
    return (registered <= day) & ~(unregistered < day)


def days_between(first: date, last: date) -> pd.DatetimeIndex:
    """Every day from first to last, both included. Raises ValueError when first is after last."""
    if first > last:
        raise ValueError(f"first day {first} is after last day {last}")
    return pd.date_range(first, last, freq="D", unit="us")


def week_start(day: date) -> date:
    """The Monday of the day's week."""
    return day - timedelta(days=day.weekday())


def timezone(name: str) -> ZoneInfo:
    """The IANA time zone. Raises ValueError naming the setting's value when there is no such zone."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"time zone {name!r} is not an IANA name such as Europe/London") from error
