"""Which old files may go: snapshots whose metrics are safe, reports past their time. Decides only; removing is `storage`'s."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta


def removable_snapshots(
    days: Sequence[date], *, newest: date, kept_days: int, published: Collection[date], census_days: Collection[date]
) -> list[date]:
    """Of the stored snapshot `days`, those to remove, oldest first.

    Kept are: the last `kept_days` days up to `newest`, the first stored snapshot of each month, every census day, the newest
    snapshot, and every day whose metrics are not `published` in the warehouse.
    """
    ordered = sorted(days)
    first_of_month = {(day.year, day.month): day for day in reversed(ordered)}
    kept = {*first_of_month.values(), *census_days, *ordered[-1:]}
    limit = newest - timedelta(days=kept_days)
    return [day for day in ordered if day <= limit and day not in kept and day in published]


def cut_off(days: Sequence[date], *, stored: Collection[date], removed: Collection[date]) -> list[date]:
    """Of `days`, those that cannot be compared again: a snapshot between them and the one stored before them was removed.

    >>> second, third, tenth = (date(2026, 8, day) for day in (2, 3, 10))
    >>> cut_off([third, tenth], stored=[second, third, tenth], removed=[date(2026, 8, 9)])
    [datetime.date(2026, 8, 10)]
    """
    before = {day: max((one for one in stored if one < day), default=date.min) for day in days}
    return [day for day in days if any(before[day] < one < day for one in removed)]


def removable_reports(names: Sequence[str], *, newest: date, kept_days: int) -> list[str]:
    """Of report names that end with their day (`briefing_2026-11-20`), those older than `kept_days`; others are never named.

    >>> removable_reports(["added_2025-01-01", "notes"], newest=date(2026, 11, 20), kept_days=365)
    ['added_2025-01-01']
    """
    limit = newest - timedelta(days=kept_days)
    return [name for name in names if (day := _day(name)) is not None and day <= limit]


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(name[-10:])
    except ValueError:
        return None
