"""The one partitions definition: days in the institution's time zone, up to and including today."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import dagster as dg
import pandas as pd

from oulad_platform.settings import Settings

SINGLE_RUN = dg.BackfillPolicy.single_run()
YESTERDAY_AND_TODAY = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=0)
A_WEEK_BACK = dg.TimeWindowPartitionMapping(start_offset=-7, end_offset=0)
A_FORTNIGHT_BACK = dg.TimeWindowPartitionMapping(start_offset=-14, end_offset=0)


def daily(settings: Settings) -> dg.DailyPartitionsDefinition:
    return dg.DailyPartitionsDefinition(
        settings.first_partition.isoformat(), timezone=settings.institution_timezone, end_offset=1
    )


def days_of(keys: Sequence[str]) -> pd.DatetimeIndex:
    """The run's partition keys as days."""
    return pd.DatetimeIndex([date.fromisoformat(key) for key in keys]).as_unit("us")


def in_pieces(days: Sequence[date], length: int) -> list[Sequence[date]]:
    """The days, `length` at a time."""
    return [days[first : first + length] for first in range(0, len(days), length)]


def in_ranges(days: Sequence[date]) -> list[tuple[date, date]]:
    """Sorted days as first and last of each stretch without a gap.

    >>> [(first.day, last.day) for first, last in in_ranges([date(2026, 11, day) for day in (1, 2, 3, 7)])]
    [(1, 3), (7, 7)]
    """
    ranges: list[tuple[date, date]] = []
    for day in days:
        is_next = bool(ranges) and (day - ranges[-1][1]).days == 1
        ranges[-1:] = [(ranges[-1][0], day)] if is_next else [*ranges[-1:], (day, day)]
    return ranges
