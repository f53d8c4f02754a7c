"""Which files housekeeping lets go, and which it never does."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oulad_platform.enrollment.housekeeping import removable_reports, removable_snapshots

NEWEST = date(2026, 11, 20)
YEAR = [NEWEST - timedelta(days=back) for back in range(365)]


@pytest.mark.fault("C15")
def test_a_snapshot_past_its_time_goes_unless_it_is_a_months_first_or_a_census_day() -> None:
    days = [date(2026, 7, 31), date(2026, 8, 1), date(2026, 8, 2), date(2026, 8, 3), date(2026, 11, 20)]
    gone = removable_snapshots(days, newest=NEWEST, kept_days=90, published=days, census_days=[date(2026, 8, 3)])
    assert gone == [date(2026, 8, 2)]


@pytest.mark.fault("C15")
def test_the_limit_is_exact() -> None:
    days = [date(2026, 8, 1), date(2026, 8, 22), date(2026, 8, 23), date(2026, 11, 20)]
    assert removable_snapshots(days, newest=NEWEST, kept_days=90, published=days, census_days=[]) == [date(2026, 8, 22)]


@pytest.mark.fault("C15")
def test_a_snapshot_whose_metrics_are_not_in_the_warehouse_stays() -> None:
    days = [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3), NEWEST]
    published = [date(2026, 1, 1), date(2026, 1, 3)]
    assert removable_snapshots(days, newest=NEWEST, kept_days=90, published=published, census_days=[]) == [date(2026, 1, 3)]


@pytest.mark.fault("C15")
@given(st.sets(st.sampled_from(YEAR), min_size=1), st.integers(8, 200))
def test_each_month_keeps_a_snapshot_and_the_newest_never_goes(days: set[date], kept_days: int) -> None:
    gone = removable_snapshots(sorted(days), newest=max(days), kept_days=kept_days, published=days, census_days=[])
    left = days - set(gone)
    assert {min(days), max(days)} <= left, "neither the first snapshot, from which all changes begin, nor the newest"
    assert {(day.year, day.month) for day in left} == {(day.year, day.month) for day in days}
    assert removable_snapshots(sorted(left), newest=max(days), kept_days=kept_days, published=left, census_days=[]) == []


def test_reports_go_by_the_day_in_their_name_and_others_never() -> None:
    names = ["briefing_2025-11-19", "briefing_2025-11-20", "briefing_2025-11-21", "readme", "plan_2025-13-40"]
    assert removable_reports(names, newest=NEWEST, kept_days=365) == ["briefing_2025-11-19", "briefing_2025-11-20"]
