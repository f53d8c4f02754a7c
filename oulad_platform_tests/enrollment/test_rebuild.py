"""Days may be made in any order, together or alone, and what housekeeping removed is not compared again."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.enrollment.deltas import ATTRIBUTES
from oulad_platform.enrollment.rebuild import SnapshotRemovedError, rebuild
from oulad_platform.enrollment.tables import ENROLLMENT_DELTAS, ENROLLMENT_METRICS
from oulad_platform_tests.enrollment.snapshots import DIVISIONS, enrolment, stored

FIRST = date(2026, 3, 2)


def on(offset: int) -> str:
    return str(FIRST + timedelta(days=offset))


class Warehouse:
    """Deltas and metrics by day, replaced as the stores replace them."""

    def __init__(self, first_enrolled_is_known: bool = True) -> None:
        self.snapshots: dict[date, pa.Table] = {}
        self.deltas, self.metrics = ENROLLMENT_DELTAS.empty(), ENROLLMENT_METRICS.empty()
        self.first_enrolled_is_known = first_enrolled_is_known

    def make(self, made: dict[date, pa.Table], removed: tuple[date, ...] = ()) -> None:
        self.snapshots |= made
        rebuilt = rebuild(
            self.snapshots,
            list(made),
            self.metrics,
            removed=removed,
            attributes=ATTRIBUTES,
            census_days={},
            left_before=None if self.first_enrolled_is_known else self.deltas,
        )
        self.deltas = self.replaced(self.deltas, rebuilt.deltas, [*made, *rebuilt.other_deltas_days], "snapshot_date")
        self.metrics = self.replaced(self.metrics, rebuilt.metrics, [*made, *rebuilt.other_metrics_days], "date")

    @staticmethod
    def replaced(old: pd.DataFrame, new: pd.DataFrame, made: list[date], day: str) -> pd.DataFrame:
        assert set(new[day].dt.date) <= set(made), "rows of a day that is not replaced would be refused"
        return pd.concat([old[~old[day].dt.date.isin(made)], new], ignore_index=True)

    def total(self, offset: int) -> pd.Series:
        rows = self.metrics[(self.metrics["date"] == on(offset)) & (self.metrics["scope"] == "total")]
        return rows.iloc[0]


OFFSETS = (-370, -366, -364, -1, 0, 1, 3, 8)
DAY = st.dictionaries(
    st.tuples(st.sampled_from("123"), st.sampled_from(sorted(DIVISIONS))), st.sampled_from(["Bachelor", "Master"]), max_size=5
)


@pytest.mark.fault("C3", "C6", "property 6")
@settings(max_examples=40, deadline=None)
@given(st.tuples(*[DAY] * len(OFFSETS)), st.permutations(OFFSETS), st.booleans(), st.integers(1, 3))
def test_any_order_of_making_the_days_gives_the_same_tables(
    contents: tuple[dict[tuple[str, str], str], ...], order: list[int], dates_known: bool, together: int
) -> None:
    tables: dict[int, dict[date, pa.Table]] = {}
    for offset, enrolments in zip(OFFSETS, contents, strict=True):
        term = {"term": "2025A", "term_start_date": on(-345)} if offset < -1 else {"term_start_date": on(20)}
        first = {"first_enrolled_date": on(0) if dates_known else None}
        rows = [enrolment(on(offset), *key, level=level, **term, **first) for key, level in enrolments.items()]
        tables[offset] = stored(rows, *([] if rows else [on(offset)]))
    fresh, backfilled = Warehouse(dates_known), Warehouse(dates_known)
    fresh.make({day: table for offset in OFFSETS for day, table in tables[offset].items()})
    for at in range(0, len(order), together):
        backfilled.make({day: table for offset in order[at : at + together] for day, table in tables[offset].items()})
    pd.testing.assert_frame_equal(ENROLLMENT_DELTAS.conform(backfilled.deltas), ENROLLMENT_DELTAS.conform(fresh.deltas))
    pd.testing.assert_frame_equal(ENROLLMENT_METRICS.conform(backfilled.metrics), ENROLLMENT_METRICS.conform(fresh.metrics))


def law(offset: int, *students: str) -> dict[date, pa.Table]:
    return stored([enrolment(on(offset), student, "Law") for student in students])


@pytest.mark.fault("C6")
def test_a_late_day_moves_the_changes_of_the_next_one_and_the_averages_of_the_week() -> None:
    warehouse = Warehouse()
    warehouse.make(law(0, "1", "2"))
    warehouse.make(law(2, "1", "2", "3", "4"))
    assert (warehouse.total(2)["previous_date"], warehouse.total(2)["new_students"]) == (pd.Timestamp(on(0)), 2)
    warehouse.make(law(1, "1", "2", "3", "5"))
    later = warehouse.total(2)
    assert (later["previous_date"], later["new_students"], later["dropped_students"]) == (pd.Timestamp(on(1)), 1, 1)
    assert later["average_7_days"] == pytest.approx((2 + 4 + 4) / 3)


@pytest.mark.fault("C15")
def test_a_day_whose_snapshot_before_was_removed_is_not_made_again_and_keeps_what_it_has() -> None:
    warehouse = Warehouse()
    warehouse.make({**law(0, "1"), **law(1, "1", "2"), **law(2, "1", "2", "3")})
    del warehouse.snapshots[FIRST + timedelta(days=1)]
    removed = (FIRST + timedelta(days=1),)
    with pytest.raises(SnapshotRemovedError, match="the snapshot before 2026-03-04 was removed by housekeeping"):
        warehouse.make(law(2, "1"), removed)
    warehouse.make(law(0, "1", "9"), removed)
    assert (warehouse.total(2)["previous_date"], warehouse.total(2)["new_students"]) == (pd.Timestamp(on(1)), 1)
