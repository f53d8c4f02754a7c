"""Counts, changes and persistence by day and scope, and the algebra that is checked on them."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import require
from oulad_platform.enrollment.deltas import daily_deltas
from oulad_platform.enrollment.metrics import check_algebra, daily_metrics
from oulad_platform.enrollment.tables import ENROLLMENT_METRICS, ENROLLMENT_SNAPSHOTS

DIVISIONS = {"Nursing": "Health", "Pharmacy": "Health", "Law": "Arts"}
DAYS = pd.date_range("2026-03-02", periods=3, freq="D", unit="us")
FIRST, SECOND, THIRD = (str(day.date()) for day in DAYS)
CHANGES = ["new_students", "returned_students", "dropped_students", "completed_students", "moved_in", "moved_out"]


def snapshots(*rows: tuple[str, str, str], **dates: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["snapshot_date", "student_id", "program"])
    return ENROLLMENT_SNAPSHOTS.conform(
        frame.assign(
            student_name=None,
            division=frame["program"].map(DIVISIONS),
            level="Bachelor",
            status="active",
            term="2026A",
            term_end_date=dates.get("term_end_date", "2026-06-30"),
            first_enrolled_date=dates.get("first_enrolled_date", SECOND),
        )
    )


def metrics_of(frame: pd.DataFrame, days: pd.DatetimeIndex) -> pd.DataFrame:
    return require(daily_metrics(frame, daily_deltas(frame, days), days), ENROLLMENT_METRICS)


def figures(metrics: pd.DataFrame, day: str, *columns: str) -> dict[str, list[object]]:
    rows = metrics[metrics["date"] == day]
    return {f"{row.scope} {row.name}": [getattr(row, column) for column in columns] for row in rows.itertuples()}


TWO_DAYS = snapshots(
    *((FIRST, student, "Nursing") for student in ("1", "2", "3", "4")),
    (FIRST, "5", "Law"),
    *((SECOND, student, "Nursing") for student in ("1", "2", "6")),
    (SECOND, "3", "Pharmacy"),
    (SECOND, "5", "Nursing"),
)


def test_each_scope_counts_its_own_changes_and_moves_cancel_out() -> None:
    metrics = metrics_of(TWO_DAYS, DAYS[1:2])
    assert figures(metrics, SECOND, "total_enrollment", *CHANGES, "net_change") == {
        "division Arts": [0, 0, 0, 0, 0, 0, 1, -1],
        "division Health": [5, 1, 0, 1, 0, 1, 0, 1],
        "program Law": [0, 0, 0, 0, 0, 0, 1, -1],
        "program Nursing": [4, 1, 0, 1, 0, 1, 1, 0],
        "program Pharmacy": [1, 0, 0, 0, 0, 1, 0, 1],
        "total all": [5, 1, 0, 1, 0, 0, 0, 0],
    }


def test_retention_and_persistence_count_those_still_in_the_scope() -> None:
    metrics = metrics_of(TWO_DAYS, DAYS[1:2])
    assert figures(metrics.dropna(), SECOND, "retention_rate", "persistence_rate") == {
        "division Arts": [0.0, 0.0],
        "division Health": [75.0, 0.75],
        "program Law": [0.0, 0.0],
        "program Nursing": [50.0, 0.5],
        "total all": [80.0, 0.8],
    }


def test_a_change_of_division_alone_moves_between_divisions() -> None:
    frame = snapshots((FIRST, "1", "Law"), (SECOND, "1", "Law"))
    frame.loc[frame["snapshot_date"] == SECOND, "division"] = "Social Sciences"
    assert figures(metrics_of(frame, DAYS[1:2]), SECOND, "total_enrollment", "moved_in", "moved_out") == {
        "division Arts": [0, 0, 1],
        "division Social Sciences": [1, 1, 0],
        "program Law": [1, 0, 0],
        "total all": [1, 0, 0],
    }


def test_a_baseline_day_has_counts_and_neither_changes_nor_rates() -> None:
    total = metrics_of(TWO_DAYS, DAYS[:1]).query("scope == 'total'").iloc[0]
    assert total["total_enrollment"] == 5
    assert total[[*CHANGES, "net_change", "retention_rate", "persistence_rate"]].isna().all()


def test_after_a_gap_a_day_is_a_baseline() -> None:
    frame = snapshots((FIRST, "1", "Law"), (THIRD, "2", "Law"))
    assert metrics_of(frame, DAYS[[0, 2]])["new_students"].isna().all()


def test_enrolments_whose_term_ended_are_not_retained_and_leave_the_denominator_of_persistence() -> None:
    frame = pd.concat(
        [
            snapshots((FIRST, "1", "Law"), (FIRST, "2", "Law"), term_end_date=FIRST),
            snapshots((FIRST, "3", "Nursing"), (FIRST, "4", "Nursing"), (SECOND, "3", "Nursing")),
        ]
    )
    metrics = metrics_of(frame, DAYS[1:2])
    shown = figures(metrics, SECOND, "dropped_students", "completed_students", "retention_rate", "persistence_rate")
    assert shown["total all"] == [1, 2, 25.0, 0.5]
    assert shown["program Nursing"] == [1, 0, 50.0, 0.5]
    assert shown["program Law"][:3] == [0, 2, 0.0]
    assert pd.isna(shown["program Law"][3])


def test_a_program_that_begins_today_has_nothing_to_divide_by() -> None:
    frame = snapshots((FIRST, "1", "Law"), (SECOND, "1", "Law"), (SECOND, "2", "Nursing"))
    nursing = metrics_of(frame, DAYS[1:2]).query("name == 'Nursing'").iloc[0]
    assert nursing["new_students"] == 1
    assert nursing[["retention_rate", "persistence_rate"]].isna().all()


def test_a_day_without_a_snapshot_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no enrollment snapshot of 2026-03-04"):
        daily_metrics(TWO_DAYS, daily_deltas(TWO_DAYS, DAYS[1:2]), DAYS)


ENROLMENTS = st.lists(
    st.sets(st.tuples(st.sampled_from("12345"), st.sampled_from(sorted(DIVISIONS))), min_size=1), min_size=3, max_size=3
)


@settings(max_examples=40, deadline=None)
@given(ENROLMENTS, st.sampled_from([FIRST, SECOND, "2026-06-30"]))
def test_the_algebra_holds_for_any_three_days(enrolments: list[set[tuple[str, str]]], term_end: str) -> None:
    rows = [(str(day.date()), *key) for day, keys in zip(DAYS, enrolments, strict=True) for key in sorted(keys)]
    metrics = metrics_of(snapshots(*rows, term_end_date=term_end), DAYS)
    assert check_algebra(metrics, DAYS) == []
    total = metrics[metrics["scope"] == "total"]["total_enrollment"].tolist()
    assert total == [len(keys) for keys in enrolments]


def with_value(day: str, name: str, column: str, value: object) -> pd.DataFrame:
    metrics = metrics_of(TWO_DAYS, DAYS[:2])
    metrics.loc[(metrics["date"] == day) & (metrics["name"] == name), column] = value
    return metrics


@pytest.mark.parametrize(
    ("day", "name", "column", "value", "finding"),
    [
        (SECOND, "Nursing", "total_enrollment", 9, "program Nursing, total_enrollment: '9' is not yesterday's 4 and the net"),
        (SECOND, "Nursing", "total_enrollment", 9, "every program, total_enrollment: '10' is not the total, 5"),
        (SECOND, "Health", "new_students", 2, "every division, new_students: '2' is not the total, 1"),
        (SECOND, "all", "net_change", 7, "total all, net_change: '7' is not new - dropped - completed"),
        (SECOND, "Pharmacy", "moved_in", 3, "every program, moved_in: '4' is not what moved out, 2"),
        (SECOND, "all", "net_change", None, "total all, net_change: is absent although the day before is known"),
    ],
)
def test_a_figure_that_breaks_the_algebra_is_named(day: str, name: str, column: str, value: object, finding: str) -> None:
    findings = [str(found) for found in check_algebra(with_value(day, name, column, value), DAYS[:2])]
    assert [text for text in findings if finding in text], findings


def test_a_scope_that_vanishes_and_a_day_without_rows_are_named() -> None:
    metrics = metrics_of(TWO_DAYS, DAYS[:2])
    metrics = metrics[~((metrics["date"] == SECOND) & (metrics["name"] == "Law"))]
    assert [str(found) for found in check_algebra(metrics, DAYS)][:2] == [
        "enrollment_metrics 2026-03-04: has no row",
        "enrollment_metrics 2026-03-03, every program, moved_in: '2' is not what moved out, 1",
    ]
    assert "program Law: has no row, and had 1 enrolments the day before" in str(check_algebra(metrics, DAYS)[-1])


def test_figures_that_agree_have_no_findings_and_the_first_day_needs_no_day_before() -> None:
    assert check_algebra(metrics_of(TWO_DAYS, DAYS[1:2]), DAYS[1:2]) == []
