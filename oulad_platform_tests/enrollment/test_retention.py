"""How much of a census cohort is still here: told by hand, and the same as looking at the snapshots themselves."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from oulad_platform.core.checks import require
from oulad_platform.enrollment.metrics import daily_changes
from oulad_platform.enrollment.retention import cohort_retention
from oulad_platform.enrollment.tables import COHORT_RETENTION, ENROLLMENT_DELTAS
from oulad_platform_tests.enrollment.snapshots import enrolment, snapshots, stored

START, CENSUS = date(2026, 1, 5), date(2026, 1, 19)
NEWEST = CENSUS + timedelta(days=28)


def after(days: int) -> str:
    return str(CENSUS + timedelta(days=days))


def change(days: int, student: str, kind: str, program: str = "Law", left: str | None = None) -> dict[str, str | None]:
    row = {"snapshot_date": after(days), "student_id": student, "program": program, "division": "Arts", "change": kind}
    return row | {"attribute": "program" if left else "", "from_value": left, "to_value": program if left else None}


def deltas(*rows: dict[str, str | None]) -> pd.DataFrame:
    return ENROLLMENT_DELTAS.conform(pd.DataFrame(rows, columns=ENROLLMENT_DELTAS.names))


COHORT = snapshots(*(enrolment(str(CENSUS), student, "Law") for student in "12345"), enrolment(str(CENSUS), "1", "Nursing"))


def retained(changes: pd.DataFrame, program: str = "Law", newest: date = NEWEST, cohort: pd.DataFrame = COHORT) -> list[int]:
    table = require(cohort_retention(cohort, changes, newest), COHORT_RETENTION)
    return table.loc[table["program"] == program, "n_retained"].tolist()


def test_without_changes_everybody_is_still_here_every_whole_week() -> None:
    table = cohort_retention(COHORT, deltas(), CENSUS + timedelta(days=13))
    assert table[["program", "week", "n_cohort", "n_retained", "retention_rate"]].to_numpy().tolist() == [
        ["Law", 0, 5, 5, 1.0],
        ["Law", 1, 5, 5, 1.0],
        ["Nursing", 0, 1, 1, 1.0],
        ["Nursing", 1, 1, 1, 1.0],
        ["all", 0, 6, 6, 1.0],
        ["all", 1, 6, 6, 1.0],
    ]
    assert set(table["census_date"]) == {pd.Timestamp(CENSUS)}
    assert set(table["date"].dt.date) == {CENSUS, CENSUS + timedelta(days=7)}


@pytest.mark.parametrize(("days", "expected"), [(1, [5, 4, 4, 4, 4]), (7, [5, 4, 4, 4, 4]), (8, [5, 5, 4, 4, 4]), (29, [5] * 5)])
def test_who_drops_is_missing_from_the_first_week_that_ends_on_or_after_that_day(days: int, expected: list[int]) -> None:
    assert retained(deltas(change(days, "2", "dropped"))) == expected


def test_who_moves_to_another_program_is_lost_to_the_first_and_no_gain_of_the_second() -> None:
    changes = deltas(change(3, "2", "moved", "Nursing", left="Law"))
    assert retained(changes) == [5, 4, 4, 4, 4]
    assert retained(changes, "Nursing") == [1, 1, 1, 1, 1]
    assert retained(changes, "all") == [6, 5, 5, 5, 5]


@pytest.mark.fault("C8")
def test_who_returns_or_moves_back_is_here_again() -> None:
    dropped = deltas(change(3, "2", "dropped"), change(16, "2", "returned"))
    moved = deltas(change(3, "2", "moved", "Nursing", left="Law"), change(16, "2", "moved", "Law", left="Nursing"))
    assert retained(dropped) == retained(moved) == [5, 4, 4, 5, 5]
    twice = deltas(change(3, "2", "dropped"), change(8, "2", "added"), change(16, "2", "dropped"))
    assert retained(twice) == [5, 4, 5, 4, 4]


def test_within_one_week_only_the_last_state_counts() -> None:
    assert retained(deltas(change(2, "2", "dropped"), change(5, "2", "returned"))) == [5] * 5
    assert retained(deltas(change(2, "2", "dropped"), change(5, "2", "dropped"))) == [5, 4, 4, 4, 4]


def test_who_completed_is_retained_for_good_and_other_moves_change_nothing() -> None:
    level = change(2, "3", "moved") | {"attribute": "level", "from_value": "Bachelor", "to_value": "Master"}
    assert retained(deltas(change(2, "2", "completed"), change(9, "2", "added"), change(16, "2", "dropped"), level)) == [5] * 5


def test_changes_up_to_the_census_day_and_of_others_do_not_count() -> None:
    assert retained(deltas(change(0, "2", "dropped"), change(-5, "3", "dropped"), change(3, "9", "dropped"))) == [5] * 5


def test_weeks_end_with_the_term_and_with_what_is_known() -> None:
    short = COHORT.assign(term_end_date=pd.Timestamp(CENSUS + timedelta(days=20)))
    assert retained(deltas(), cohort=short) == [5, 5, 5]
    assert retained(deltas(change(8, "2", "dropped")), newest=CENSUS + timedelta(days=7)) == [5, 5]


def test_a_term_without_a_census_snapshot_or_before_its_census_day_or_without_a_start_has_no_rows() -> None:
    other_day = COHORT.assign(snapshot_date=pd.Timestamp(CENSUS + timedelta(days=1)))
    assert retained(deltas(), cohort=other_day) == []
    assert retained(deltas(), newest=CENSUS - timedelta(days=1)) == []
    assert retained(deltas(), cohort=COHORT.assign(term_start_date=pd.NaT)) == []
    assert retained(deltas(), cohort=COHORT.iloc[:0]) == []


def test_a_census_day_that_is_given_is_used() -> None:
    later = COHORT.assign(snapshot_date=pd.Timestamp(CENSUS + timedelta(days=1)))
    table = cohort_retention(later, deltas(), NEWEST, {"2026A": CENSUS + timedelta(days=1)})
    assert table["week"].max() == 3


@pytest.mark.parametrize("seed", range(5))
def test_the_changes_tell_the_same_as_the_snapshots_themselves(seed: int) -> None:
    random = np.random.default_rng(seed)
    offsets = range(0, 43)
    end = CENSUS + timedelta(days=38)
    present = random.random((40, 4)) < 0.5
    rows = []
    for offset in offsets:
        present ^= random.random(present.shape) < 0.03
        if offset <= 38:
            rows += [
                enrolment(after(offset), str(student), ["History", "Law", "Nursing", "Pharmacy"][program], term_end_date=str(end))
                for student, program in np.argwhere(present)
            ]
        rows.append(enrolment(after(offset), "next", "Law", term="2026B", term_start_date="2026-07-01", term_end_date=None))
    frame = snapshots(*rows)
    tables = stored(frame)
    found = cohort_retention(frame[frame["snapshot_date"] == after(0)], daily_changes(tables, list(tables))[0], NEWEST)
    pairs = {day.date(): set(zip(r["student_id"], r["program"], strict=True)) for day, r in frame.groupby("snapshot_date")}
    cohort = {pair for pair in pairs[CENSUS] if pair[0] != "next"}
    expected = [len(cohort & pairs[CENSUS + timedelta(days=7 * week)]) for week in range(5)]
    assert found.loc[found["program"] == "all", "n_retained"].tolist() == expected
    law = [sum(pair[1] == "Law" for pair in cohort & pairs[CENSUS + timedelta(days=7 * week)]) for week in range(5)]
    assert found.loc[found["program"] == "Law", "n_retained"].tolist() == law
