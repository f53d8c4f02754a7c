"""Counts, changes and rates by day and scope, and the algebra that is checked on them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import require
from oulad_platform.enrollment.algebra import check_algebra
from oulad_platform.enrollment.history import with_history
from oulad_platform.enrollment.metrics import daily_changes
from oulad_platform.enrollment.numbered import LABELS, SNAPSHOT_COLUMNS
from oulad_platform.enrollment.tables import ENROLLMENT_METRICS, ENROLLMENT_SNAPSHOTS
from oulad_platform.storage.lake import Lake
from oulad_platform_tests.enrollment.snapshots import DIVISIONS, days, enrolment, snapshots, stored

DAYS = pd.date_range("2026-03-02", periods=3, freq="D", unit="us")
FIRST, SECOND, THIRD = (str(day.date()) for day in DAYS)
CHANGES = ["new_students", "returned_students", "dropped_students", "completed_students", "moved_in", "moved_out"]
Rows = list[dict[str, str | None]]


def rows_of(*keys: tuple[str, str, str], **other: str | None) -> Rows:
    return [enrolment(*key, **{"first_enrolled_date": SECOND, **other}) for key in keys]


def metrics_of(rows: Rows, *texts: str, empty: tuple[str, ...] = (), census: str | None = None) -> pd.DataFrame:
    census_days = {"2026A": days(census)[0]} if census else None
    base = daily_changes(stored(rows, *empty), days(*texts), census_days=census_days)[1]
    return require(with_history(base, days(*texts)), ENROLLMENT_METRICS)


def figures(metrics: pd.DataFrame, day: str, *columns: str) -> dict[str, list[object]]:
    rows = metrics[metrics["date"] == day]
    return {f"{row.scope} {row.name}": [getattr(row, column) for column in columns] for row in rows.itertuples()}


TWO_DAYS = rows_of(
    *((FIRST, student, "Nursing") for student in ("1", "2", "3", "4")),
    (FIRST, "5", "Law"),
    *((SECOND, student, "Nursing") for student in ("1", "2", "6")),
    (SECOND, "3", "Pharmacy"),
    (SECOND, "5", "Nursing"),
)


def test_each_scope_counts_its_own_changes_and_moves_cancel_out() -> None:
    assert figures(metrics_of(TWO_DAYS, SECOND), SECOND, "total_enrollment", *CHANGES, "net_change") == {
        "division Arts": [0, 0, 0, 0, 0, 0, 1, -1],
        "division Health": [5, 1, 0, 1, 0, 1, 0, 1],
        "level Bachelor": [5, 1, 0, 1, 0, 0, 0, 0],
        "program Law": [0, 0, 0, 0, 0, 0, 1, -1],
        "program Nursing": [4, 1, 0, 1, 0, 1, 1, 0],
        "program Pharmacy": [1, 0, 0, 0, 0, 1, 0, 1],
        "term Law 2026A": [0, 0, 0, 0, 0, 0, 1, -1],
        "term Nursing 2026A": [4, 1, 0, 1, 0, 1, 1, 0],
        "term Pharmacy 2026A": [1, 0, 0, 0, 0, 1, 0, 1],
        "total all": [5, 1, 0, 1, 0, 0, 0, 0],
    }


def test_retention_persistence_and_growth_are_shares_of_the_snapshot_before() -> None:
    metrics = metrics_of(TWO_DAYS, SECOND).dropna(subset="growth_rate").query("scope in ('total', 'division', 'program')")
    assert figures(metrics, SECOND, "retention_rate", "persistence_rate", "growth_rate") == {
        "division Arts": [0.0, 0.0, -1.0],
        "division Health": [75.0, 0.75, 0.25],
        "program Law": [0.0, 0.0, -1.0],
        "program Nursing": [50.0, 0.5, 0.0],
        "total all": [80.0, 0.8, 0.0],
    }


def test_a_change_of_division_alone_moves_between_divisions_only() -> None:
    rows = [enrolment(FIRST, "1", "Law"), enrolment(SECOND, "1", "Law", division="Social Sciences")]
    assert figures(metrics_of(rows, SECOND), SECOND, "total_enrollment", "moved_in", "moved_out") == {
        "division Arts": [0, 0, 1],
        "division Social Sciences": [1, 1, 0],
        "level Bachelor": [1, 0, 0],
        "program Law": [1, 0, 0],
        "term Law 2026A": [1, 0, 0],
        "total all": [1, 0, 0],
    }


@pytest.mark.fault("C7")
def test_who_moves_program_and_level_at_once_moves_in_both_scopes() -> None:
    rows = [enrolment(FIRST, "1", "Nursing"), enrolment(SECOND, "1", "Pharmacy", level="Master")]
    assert figures(metrics_of(rows, SECOND), SECOND, "total_enrollment", "moved_in", "moved_out") == {
        "division Health": [1, 0, 0],
        "level Bachelor": [0, 0, 1],
        "level Master": [1, 1, 0],
        "program Nursing": [0, 0, 1],
        "program Pharmacy": [1, 1, 0],
        "term Nursing 2026A": [0, 0, 1],
        "term Pharmacy 2026A": [1, 1, 0],
        "total all": [1, 0, 0],
    }


@pytest.mark.fault("C14")
def test_going_on_into_the_next_term_moves_between_terms_and_is_no_loss() -> None:
    next_term = {"term": "2026B", "term_start_date": SECOND, "term_end_date": "2026-12-31"}
    rows = rows_of((FIRST, "1", "Law"), (FIRST, "2", "Law"), (FIRST, "3", "Law"), term_end_date=FIRST)
    rows += rows_of((SECOND, "1", "Law"), (SECOND, "2", "Law"), (SECOND, "4", "Law"), (SECOND, "5", "Law"), **next_term)
    metrics = metrics_of(rows, SECOND)
    shown = figures(
        metrics, SECOND, "new_students", "completed_students", "baseline_students", "moved_in", "moved_out", "net_change"
    )
    assert shown == {
        "division Arts": [0, 1, 2, 0, 0, 1],
        "level Bachelor": [0, 1, 2, 0, 0, 1],
        "program Law": [0, 1, 2, 0, 0, 1],
        "term Law 2026A": [0, 1, 0, 0, 2, -3],
        "term Law 2026B": [0, 0, 2, 2, 0, 4],
        "total all": [0, 1, 2, 0, 0, 1],
    }
    rates = metrics.set_index("name")[["retention_rate", "persistence_rate", "growth_rate"]]
    assert rates.loc["all"].tolist() == [pytest.approx(200 / 3), 1.0, 0.0]
    assert rates.loc["Law 2026A", "retention_rate"] == 0
    assert rates.loc["Law 2026A"].isna().tolist() == [False, True, True]
    assert rates.loc["Law 2026B"].isna().all()


@pytest.mark.fault("C1")
def test_the_first_snapshot_of_all_has_counts_and_neither_changes_nor_rates() -> None:
    total = metrics_of(TWO_DAYS, FIRST).query("scope == 'total'").iloc[0]
    assert total["total_enrollment"] == 5
    absent = [*CHANGES, "baseline_students", "previous_date", "net_change", "retention_rate", "persistence_rate", "growth_rate"]
    assert total[absent].isna().all()


def test_after_a_gap_the_previous_date_says_what_the_changes_are_counted_from() -> None:
    metrics = metrics_of(rows_of((FIRST, "1", "Law"), (THIRD, "2", "Law")), THIRD)
    assert figures(metrics, THIRD, "previous_date", "new_students", "dropped_students")["total all"] == [DAYS[0], 1, 1]


@pytest.mark.fault("C13")
def test_a_stored_day_without_rows_is_a_day_with_a_total_of_nobody() -> None:
    metrics = metrics_of(rows_of((FIRST, "1", "Law")), SECOND, THIRD, empty=(SECOND, THIRD))
    shown = ("total_enrollment", "dropped_students", "net_change", "retention_rate")
    assert figures(metrics, SECOND, *shown)["program Law"] == [0, 1, -1, 0.0]
    third = figures(metrics, THIRD, *shown)
    assert list(third) == ["total all"]
    assert third["total all"][:3] == [0, 0, 0]
    assert metrics[metrics["date"] == THIRD][["retention_rate", "persistence_rate", "growth_rate", "term"]].isna().all(axis=None)


@pytest.mark.fault("property 3")
def test_days_kept_in_a_lake_give_the_same_as_days_in_memory(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    frame = snapshots(*TWO_DAYS)
    lake.replace_days("enrollment", ENROLLMENT_SNAPSHOTS, frame, days(FIRST, SECOND, THIRD))
    kept = lake.daily("enrollment", ENROLLMENT_SNAPSHOTS, SNAPSHOT_COLUMNS, LABELS)
    expected = daily_changes(stored(frame, THIRD), days(FIRST, SECOND, THIRD))
    for found, same in zip(daily_changes(kept, days(FIRST, SECOND, THIRD)), expected, strict=True):
        pd.testing.assert_frame_equal(found, same)
    assert expected[1].query("scope == 'total'")["total_enrollment"].tolist() == [5, 5, 0]


@pytest.mark.fault("C14")
def test_enrolments_whose_term_ended_are_not_retained_and_leave_the_denominator_of_persistence() -> None:
    rows = rows_of((FIRST, "1", "Law"), (FIRST, "2", "Law"), term_end_date=FIRST)
    rows += rows_of((FIRST, "3", "Nursing"), (FIRST, "4", "Nursing"), (SECOND, "3", "Nursing"))
    shown = figures(
        metrics_of(rows, SECOND), SECOND, "dropped_students", "completed_students", "retention_rate", "persistence_rate"
    )
    assert shown["total all"] == [1, 2, 25.0, 0.5]
    assert shown["program Nursing"] == [1, 0, 50.0, 0.5]
    assert shown["program Law"][:3] == [0, 2, 0.0]
    assert pd.isna(shown["program Law"][3])


@pytest.mark.fault("C13")
def test_a_program_that_begins_today_has_nothing_to_divide_by() -> None:
    rows = rows_of((FIRST, "1", "Law"), (SECOND, "1", "Law"), (SECOND, "2", "Nursing"))
    nursing = metrics_of(rows, SECOND).query("name == 'Nursing'").iloc[0]
    assert nursing["new_students"] == 1
    assert nursing[["retention_rate", "persistence_rate", "growth_rate"]].isna().all()


def test_a_day_is_counted_towards_the_next_term_to_reach_its_census_day_and_a_part_towards_its_own() -> None:
    rows = rows_of((FIRST, "1", "Law"), term_start_date="2026-02-20")
    rows += rows_of((FIRST, "2", "Law"), term="2026B", term_start_date="2026-03-10")
    rows += rows_of((FIRST, "3", "History"), term="2026C", term_start_date=None)
    shown = ("term", "days_to_term_start", "days_to_census")
    early = figures(metrics_of(rows, FIRST), FIRST, *shown)
    assert early["total all"] == early["program Law"] == ["2026A", -10, 4]
    assert early["term Law 2026B"] == ["2026B", 8, 22]
    assert early["term History 2026C"][0] == "2026C"
    assert pd.isna(early["term History 2026C"][1:]).all()
    assert figures(metrics_of(rows, FIRST, census=SECOND), FIRST, *shown)["total all"] == ["2026A", -10, 1]
    assert figures(metrics_of(rows, FIRST, census="2026-03-01"), FIRST, *shown)["total all"] == ["2026B", 8, 22]


def test_no_day_is_counted_towards_a_term_whose_first_day_nobody_knows() -> None:
    metrics = metrics_of(rows_of((FIRST, "1", "Law"), term_start_date=None), FIRST)
    total = metrics.query("scope == 'total'").iloc[0]
    assert total[["term", "days_to_term_start", "days_to_census"]].isna().all()


ENROLMENTS = st.lists(
    st.dictionaries(
        st.tuples(st.sampled_from("12345"), st.sampled_from(sorted(DIVISIONS))),
        st.fixed_dictionaries(
            {
                "level": st.sampled_from(["Bachelor", "Master"]),
                "division": st.sampled_from(["Arts", "Health"]),
                "term": st.sampled_from(["2025B", "2026A"]),
                "term_end_date": st.sampled_from([FIRST, SECOND, "2026-06-30", None]),
                "first_enrolled_date": st.sampled_from([FIRST, None]),
            }
        ),
    ),
    min_size=3,
    max_size=3,
)


@pytest.mark.fault("property 1")
@settings(max_examples=60, deadline=None)
@given(ENROLMENTS)
def test_the_algebra_holds_for_any_three_days(enrolments: list[dict[tuple[str, str], dict[str, str | None]]]) -> None:
    texts = (FIRST, SECOND, THIRD)
    rows = [enrolment(day, *key, **other) for day, keys in zip(texts, enrolments, strict=True) for key, other in keys.items()]
    metrics = metrics_of(rows, *texts, empty=[text for text, keys in zip(texts, enrolments, strict=True) if not keys])
    assert check_algebra(metrics, DAYS) == []
    total = metrics[metrics["scope"] == "total"]
    assert total["total_enrollment"].tolist() == [len(keys) for keys in enrolments]
    assert total["net_change"].tolist()[1:] == total["total_enrollment"].diff().tolist()[1:]


def with_value(day: str, name: str, column: str, value: object) -> pd.DataFrame:
    metrics = metrics_of(TWO_DAYS, FIRST, SECOND)
    metrics.loc[(metrics["date"] == day) & (metrics["name"] == name), column] = value
    return metrics


@pytest.mark.parametrize(
    ("day", "name", "column", "value", "finding"),
    [
        (
            SECOND,
            "Nursing",
            "total_enrollment",
            9,
            "program Nursing, total_enrollment: '9' is not the 4 of the snapshot before and the net",
        ),
        (SECOND, "Nursing", "total_enrollment", 9, "every program, total_enrollment: '10' is not the total, 5"),
        (SECOND, "Health", "new_students", 2, "every division, new_students: '2' is not the total, 1"),
        (SECOND, "all", "net_change", 7, "total all, net_change: '7' is not new + baseline - dropped - completed"),
        (SECOND, "Pharmacy", "moved_in", 3, "every program, moved_in: '4' is not what moved out, 2"),
        (SECOND, "Bachelor", "baseline_students", 2, "every level, baseline_students: '2' is not the total, 0"),
        (SECOND, "Nursing 2026A", "moved_out", 0, "every term, moved_in: '2' is not what moved out, 1"),
        (SECOND, "all", "net_change", None, "total all, net_change: is absent although the day has a snapshot before"),
    ],
)
def test_a_figure_that_breaks_the_algebra_is_named(day: str, name: str, column: str, value: object, finding: str) -> None:
    findings = [str(found) for found in check_algebra(with_value(day, name, column, value), DAYS[:2])]
    assert [text for text in findings if finding in text], findings


def test_a_scope_that_vanishes_and_a_day_without_rows_are_named() -> None:
    metrics = metrics_of(TWO_DAYS, FIRST, SECOND)
    metrics = metrics[~((metrics["date"] == SECOND) & (metrics["name"] == "Law"))]
    assert [str(found) for found in check_algebra(metrics, DAYS)][:2] == [
        "enrollment_metrics 2026-03-04: has no row",
        "enrollment_metrics 2026-03-03, every program, moved_in: '2' is not what moved out, 1",
    ]
    assert "program Law: has no row, and had 1 enrolments in the snapshot before" in str(check_algebra(metrics, DAYS)[-1])


def test_figures_that_agree_have_no_findings_and_the_first_day_needs_no_day_before() -> None:
    assert check_algebra(metrics_of(TWO_DAYS, SECOND), DAYS[1:2]) == []


def test_a_day_that_leaves_out_a_snapshot_before_it_is_named_with_the_next_step() -> None:
    rows = rows_of(*((day, "1", "Law") for day in (FIRST, SECOND, THIRD)))
    third = metrics_of([row for row in rows if row["snapshot_date"] != SECOND], FIRST, THIRD)
    second = metrics_of(rows, SECOND)
    alone = metrics_of([row for row in rows if row["snapshot_date"] == THIRD], THIRD)
    for stale, said in ((third, ", previous_date: '2026-03-02' leaves out"), (alone, ", previous_date: leaves out")):
        findings = [str(found) for found in check_algebra(pd.concat([second, stale]), DAYS[2:])]
        assert findings[0].startswith(f"enrollment_metrics {THIRD}{said} 2026-03-03; materialize enrollment_deltas")
    assert check_algebra(third, DAYS[[0, 2]]) == []
