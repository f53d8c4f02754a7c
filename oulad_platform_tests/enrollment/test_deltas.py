"""What changed between two days, and the laws every comparison obeys."""

from __future__ import annotations

from random import Random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import ContractError, require
from oulad_platform.enrollment.deltas import compare_snapshots, daily_deltas
from oulad_platform.enrollment.tables import ENROLLMENT_DELTAS, ENROLLMENT_SNAPSHOTS

DIVISIONS = {"Nursing": "Health", "Pharmacy": "Health", "Law": "Arts", "History": "Arts"}
FIRST, SECOND = "2026-03-02", "2026-03-03"


def enrolment(day: str, student: str, program: str, **other: str | None) -> dict[str, str | None]:
    row = {
        "snapshot_date": day,
        "student_id": student,
        "student_name": f"Name of {student}",
        "division": DIVISIONS[program],
        "program": program,
        "level": "Bachelor",
        "status": "active",
        "term": "2026A",
        "term_end_date": "2026-06-30",
        "first_enrolled_date": "2026-01-05",
    }
    return row | other


def snapshots(*rows: dict[str, str | None]) -> pd.DataFrame:
    return ENROLLMENT_SNAPSHOTS.conform(pd.DataFrame(rows, columns=ENROLLMENT_SNAPSHOTS.names))


def changes(deltas: pd.DataFrame) -> list[tuple[str, ...]]:
    shown = deltas[["student_id", "program", "division", "change", "attribute", "from_value", "to_value"]]
    return [tuple(row) for row in shown.fillna("-").to_numpy()]


def compared(before: list[dict[str, str | None]], after: list[dict[str, str | None]]) -> list[tuple[str, ...]]:
    return changes(compare_snapshots(snapshots(*before), snapshots(*after)))


STAYS = {day: enrolment(day, "000", "Nursing") for day in (FIRST, SECOND)}


def test_a_student_first_enrolled_today_is_added() -> None:
    new = enrolment(SECOND, "007", "Law", first_enrolled_date=SECOND)
    assert compared([STAYS[FIRST]], [STAYS[SECOND], new]) == [("007", "Law", "Arts", "added", "", "-", "-")]


def test_a_student_absent_yesterday_and_first_enrolled_earlier_is_returned() -> None:
    back = enrolment(SECOND, "007", "Law", first_enrolled_date="2025-09-01")
    assert compared([STAYS[FIRST]], [STAYS[SECOND], back]) == [("007", "Law", "Arts", "returned", "", "-", "-")]


def test_without_a_first_enrolled_date_a_new_face_is_added() -> None:
    new = enrolment(SECOND, "007", "Law", first_enrolled_date=None)
    assert compared([STAYS[FIRST]], [STAYS[SECOND], new]) == [("007", "Law", "Arts", "added", "", "-", "-")]


def test_a_student_gone_before_the_last_day_of_term_is_dropped() -> None:
    gone = enrolment(FIRST, "007", "Law")
    assert compared([STAYS[FIRST], gone], [STAYS[SECOND]]) == [("007", "Law", "Arts", "dropped", "", "-", "-")]


def test_a_student_gone_after_the_last_day_of_term_has_completed() -> None:
    gone = enrolment(FIRST, "007", "Law", term_end_date=FIRST)
    assert compared([STAYS[FIRST], gone], [STAYS[SECOND]]) == [("007", "Law", "Arts", "completed", "", "-", "-")]


def test_a_student_gone_on_the_last_day_of_term_is_dropped() -> None:
    gone = enrolment(FIRST, "007", "Law", term_end_date=SECOND)
    assert compared([STAYS[FIRST], gone], [STAYS[SECOND]]) == [("007", "Law", "Arts", "dropped", "", "-", "-")]


def test_without_a_term_end_a_student_gone_is_dropped() -> None:
    gone = enrolment(FIRST, "007", "Law", term_end_date=None)
    assert compared([STAYS[FIRST], gone], [STAYS[SECOND]]) == [("007", "Law", "Arts", "dropped", "", "-", "-")]


def test_division_level_and_status_that_change_are_a_move_each() -> None:
    after = enrolment(SECOND, "007", "Law", division="Social Sciences", level="Master", status="suspended")
    assert compared([enrolment(FIRST, "007", "Law")], [after]) == [
        ("007", "Law", "Social Sciences", "moved", "division", "Arts", "Social Sciences"),
        ("007", "Law", "Social Sciences", "moved", "level", "Bachelor", "Master"),
        ("007", "Law", "Social Sciences", "moved", "status", "active", "suspended"),
    ]


def test_leaving_one_program_and_entering_another_is_one_move_and_neither_a_drop_nor_an_add() -> None:
    assert compared([enrolment(FIRST, "007", "Law")], [enrolment(SECOND, "007", "Nursing")]) == [
        ("007", "Nursing", "Health", "moved", "program", "Law", "Nursing")
    ]


def test_several_programs_left_and_entered_are_paired_in_the_order_of_their_names() -> None:
    before = [enrolment(FIRST, "007", "Law"), enrolment(FIRST, "007", "History"), enrolment(FIRST, "008", "Law")]
    after = [enrolment(SECOND, "007", "Pharmacy"), enrolment(SECOND, "008", "Nursing"), enrolment(SECOND, "008", "Pharmacy")]
    assert compared(before, after) == [
        ("007", "Law", "Arts", "dropped", "", "-", "-"),
        ("007", "Pharmacy", "Health", "moved", "program", "History", "Pharmacy"),
        ("008", "Nursing", "Health", "moved", "program", "Law", "Nursing"),
        ("008", "Pharmacy", "Health", "returned", "", "-", "-"),
    ]


def test_finishing_one_program_and_starting_another_is_no_move() -> None:
    before = enrolment(FIRST, "007", "Law", term_end_date=FIRST)
    after = enrolment(SECOND, "007", "Nursing", first_enrolled_date=SECOND)
    assert compared([before], [after]) == [
        ("007", "Law", "Arts", "completed", "", "-", "-"),
        ("007", "Nursing", "Health", "added", "", "-", "-"),
    ]


def test_another_students_new_program_is_not_paired_with_mine() -> None:
    before, after = [STAYS[FIRST], enrolment(FIRST, "007", "Law")], [STAYS[SECOND], enrolment(SECOND, "008", "Law")]
    assert [row[3] for row in compared(before, after)] == ["dropped", "returned"]


def test_a_repeated_student_and_program_is_refused_by_key() -> None:
    twice = snapshots(STAYS[SECOND], STAYS[SECOND])
    with pytest.raises(ContractError, match=r"repeats a key[\s\S]*repair the snapshot"):
        compare_snapshots(snapshots(STAYS[FIRST]), twice)
    with pytest.raises(ContractError, match="2026-03-03, 000, Nursing"):
        daily_deltas(pd.concat([snapshots(STAYS[FIRST]), twice]), pd.DatetimeIndex([SECOND]))


def test_an_empty_snapshot_never_means_that_everybody_left() -> None:
    with pytest.raises(ValueError, match="the current snapshot holds 0 days"):
        compare_snapshots(snapshots(STAYS[FIRST]), ENROLLMENT_SNAPSHOTS.empty())


def test_a_day_without_a_day_before_is_a_baseline_without_rows() -> None:
    frame = snapshots(STAYS[SECOND], enrolment("2026-03-05", "000", "Nursing"), enrolment("2026-03-05", "001", "Law"))
    assert daily_deltas(frame, pd.DatetimeIndex([SECOND, "2026-03-05"])).empty


def test_each_day_is_compared_with_the_day_before_it_only() -> None:
    rows = [STAYS[FIRST], STAYS[SECOND], enrolment(SECOND, "007", "Law", first_enrolled_date=SECOND)]
    rows.append(enrolment("2026-03-04", "000", "Nursing"))
    deltas = daily_deltas(snapshots(*rows), pd.DatetimeIndex([FIRST, SECOND, "2026-03-04"]))
    assert deltas[["snapshot_date", "student_id", "change"]].astype("str").to_numpy().tolist() == [
        ["2026-03-03", "007", "added"],
        ["2026-03-04", "007", "dropped"],
    ]


def test_a_day_without_a_snapshot_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no enrollment snapshot of 2026-03-03; materialize"):
        daily_deltas(snapshots(STAYS[FIRST]), pd.DatetimeIndex([SECOND]))


ENROLMENTS = st.dictionaries(
    st.tuples(st.sampled_from(["01", "1", "02", "03"]), st.sampled_from(sorted(DIVISIONS))),
    st.fixed_dictionaries(
        {
            "level": st.sampled_from(["Bachelor", "Master"]),
            "term_end_date": st.sampled_from([FIRST, SECOND, "2026-06-30", None]),
            "first_enrolled_date": st.sampled_from(["2025-09-01", SECOND, None]),
        }
    ),
    min_size=1,
)
Enrolments = dict[tuple[str, str], dict[str, str | None]]


def on(day: str, enrolments: Enrolments) -> pd.DataFrame:
    return snapshots(*(enrolment(day, student, program, **other) for (student, program), other in enrolments.items()))


@settings(max_examples=60, deadline=None)
@given(ENROLMENTS, ENROLMENTS)
def test_yesterday_and_the_changes_give_today_exactly(before: Enrolments, after: Enrolments) -> None:
    deltas = require(compare_snapshots(on(FIRST, before), on(SECOND, after)), ENROLLMENT_DELTAS)
    keys = {kind: set(zip(rows["student_id"], rows["program"], strict=True)) for kind, rows in deltas.groupby("change")}
    came = keys.get("added", set()) | keys.get("returned", set())
    gone = keys.get("dropped", set()) | keys.get("completed", set())
    moves = deltas[deltas["attribute"] == "program"]
    moved_in = set(zip(moves["student_id"], moves["to_value"], strict=True))
    moved_out = set(zip(moves["student_id"], moves["from_value"], strict=True))
    assert not came & gone
    assert set(after) == (set(before) - gone - moved_out) | came | moved_in
    assert len(after) == len(before) + len(came) - len(gone) + len(moved_in) - len(moved_out)


@settings(max_examples=40, deadline=None)
@given(ENROLMENTS)
def test_a_snapshot_compared_with_itself_has_no_changes(enrolments: Enrolments) -> None:
    assert compare_snapshots(on(SECOND, enrolments), on(SECOND, enrolments)).empty


@settings(max_examples=40, deadline=None)
@given(ENROLMENTS, ENROLMENTS)
def test_seen_backwards_whoever_came_has_gone_and_moves_turn_round(before: Enrolments, after: Enrolments) -> None:
    going_on = {"term_end_date": "2026-06-30"}
    before, after = ({key: other | going_on for key, other in side.items()} for side in (before, after))
    forth = compare_snapshots(on(FIRST, before), on(SECOND, after))
    back = compare_snapshots(on(SECOND, after), on(FIRST, before))

    def keys(deltas: pd.DataFrame, *kinds: str) -> set[tuple[str, str]]:
        rows = deltas[deltas["change"].isin(kinds)]
        return set(zip(rows["student_id"], rows["program"], strict=True))

    def moves(deltas: pd.DataFrame, start: str, end: str) -> set[tuple[str, ...]]:
        rows = deltas[deltas["change"] == "moved"]
        return set(zip(rows["student_id"], rows["attribute"], rows[start], rows[end], strict=True))

    assert keys(forth, "added", "returned") == keys(back, "dropped", "completed")
    assert keys(forth, "dropped", "completed") == keys(back, "added", "returned")
    assert moves(forth, "from_value", "to_value") == moves(back, "to_value", "from_value")


@settings(max_examples=30, deadline=None)
@given(ENROLMENTS, ENROLMENTS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(before: Enrolments, after: Enrolments, random: Random) -> None:
    frame = pd.concat([on(FIRST, before), on(SECOND, after)], ignore_index=True)
    order = list(range(len(frame)))
    random.shuffle(order)
    days = pd.DatetimeIndex([FIRST, SECOND])
    pd.testing.assert_frame_equal(daily_deltas(frame.iloc[order], days), daily_deltas(frame, days))
    pd.testing.assert_frame_equal(daily_deltas(frame, days), compare_snapshots(on(FIRST, before), on(SECOND, after)))
