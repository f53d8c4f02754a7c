"""What changed between two days, and the laws every comparison obeys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import ContractError, require
from oulad_platform.enrollment.deltas import compare_snapshots
from oulad_platform.enrollment.metrics import daily_changes
from oulad_platform.enrollment.tables import ENROLLMENT_DELTAS, ENROLLMENT_SNAPSHOTS
from oulad_platform_tests.enrollment.snapshots import DIVISIONS, as_stored, days, enrolment, snapshots, stored

FIRST, SECOND = "2026-03-02", "2026-03-03"


def changes(deltas: pd.DataFrame) -> list[tuple[str, ...]]:
    shown = deltas[["student_id", "program", "division", "change", "attribute", "from_value", "to_value"]]
    return [tuple(row) for row in shown.fillna("-").to_numpy()]


def compared(before: list[dict[str, str | None]], after: list[dict[str, str | None]]) -> list[tuple[str, ...]]:
    return changes(compare_snapshots(snapshots(*before), snapshots(*after)))


STAYS = {day: enrolment(day, "000", "Nursing") for day in (FIRST, SECOND)}


def test_a_student_first_enrolled_today_is_added() -> None:
    new = enrolment(SECOND, "007", "Law", first_enrolled_date=SECOND)
    assert compared([STAYS[FIRST]], [STAYS[SECOND], new]) == [("007", "Law", "Arts", "added", "", "-", "-")]


@pytest.mark.fault("C8")
def test_a_student_absent_yesterday_and_first_enrolled_earlier_is_returned() -> None:
    back = enrolment(SECOND, "007", "Law", first_enrolled_date="2025-09-01")
    assert compared([STAYS[FIRST]], [STAYS[SECOND], back]) == [("007", "Law", "Arts", "returned", "", "-", "-")]


def test_without_a_first_enrolled_date_a_new_face_is_added() -> None:
    new = enrolment(SECOND, "007", "Law", first_enrolled_date=None)
    assert compared([STAYS[FIRST]], [STAYS[SECOND], new]) == [("007", "Law", "Arts", "added", "", "-", "-")]


def test_a_student_gone_before_the_last_day_of_term_is_dropped() -> None:
    gone = enrolment(FIRST, "007", "Law")
    assert compared([STAYS[FIRST], gone], [STAYS[SECOND]]) == [("007", "Law", "Arts", "dropped", "", "-", "-")]


@pytest.mark.fault("C14")
def test_a_student_gone_after_the_last_day_of_term_has_completed() -> None:
    gone = enrolment(FIRST, "007", "Law", term_end_date=FIRST)
    assert compared([STAYS[FIRST], gone], [STAYS[SECOND]]) == [("007", "Law", "Arts", "completed", "", "-", "-")]


def test_a_student_gone_on_the_last_day_of_term_is_dropped() -> None:
    gone = enrolment(FIRST, "007", "Law", term_end_date=SECOND)
    assert compared([STAYS[FIRST], gone], [STAYS[SECOND]]) == [("007", "Law", "Arts", "dropped", "", "-", "-")]


def test_without_a_term_end_a_student_gone_from_a_term_that_goes_on_is_dropped() -> None:
    gone = enrolment(FIRST, "007", "Law", term_end_date=None)
    assert compared([STAYS[FIRST], gone], [STAYS[SECOND]]) == [("007", "Law", "Arts", "dropped", "", "-", "-")]


def test_without_a_term_end_a_term_replaced_by_another_is_completed_and_the_new_one_a_baseline() -> None:
    before = [enrolment(FIRST, student, "Law", term_end_date=None) for student in ("007", "008")]
    after = [enrolment(SECOND, student, "Law", term="2026B", term_end_date=None) for student in ("008", "009")]
    assert compared(before, after) == [("007", "Law", "Arts", "completed", "", "-", "-")]


def test_without_a_term_end_a_term_that_vanishes_while_no_other_begins_is_dropped() -> None:
    gone = enrolment(FIRST, "007", "Law", term="2025B", term_end_date=None)
    assert compared([STAYS[FIRST], gone], [STAYS[SECOND]]) == [("007", "Law", "Arts", "dropped", "", "-", "-")]


def test_a_known_term_end_in_the_future_is_believed_even_when_the_next_term_begins() -> None:
    gone, next_term = enrolment(FIRST, "007", "Law"), enrolment(SECOND, "000", "Nursing", term="2026B")
    assert compared([STAYS[FIRST], gone], [next_term]) == [("007", "Law", "Arts", "dropped", "", "-", "-")]


@pytest.mark.fault("C14")
def test_the_first_snapshot_of_a_term_adds_nobody() -> None:
    after = [enrolment(SECOND, student, "Law", term="2026B") for student in ("007", "008")]
    assert compared([STAYS[FIRST]], [STAYS[SECOND], *after]) == []


def test_whoever_joins_a_term_after_its_first_snapshot_is_added() -> None:
    there = [enrolment(day, "007", "Law", term="2026B") for day in (FIRST, SECOND)]
    new = enrolment(SECOND, "008", "Law", term="2026B", first_enrolled_date=SECOND)
    assert compared(there[:1], [there[1], new]) == [("008", "Law", "Arts", "added", "", "-", "-")]


@pytest.mark.fault("C14")
def test_a_student_who_goes_on_in_the_program_in_the_next_term_has_stayed() -> None:
    before = enrolment(FIRST, "007", "Law", term_end_date=FIRST)
    assert compared([before], [enrolment(SECOND, "007", "Law", term="2026B", term_end_date="2026-12-31")]) == []


LEFT = [("2026-02-01", "dropped", "", None), ("2026-02-01", "completed", "", None), ("2026-02-01", "moved", "program", "Law")]


@pytest.mark.parametrize(
    ("day", "change", "attribute", "from_value", "expected"),
    [
        *((*left, "returned") for left in LEFT),
        (SECOND, "dropped", "", None, "added"),
        ("2026-02-01", "moved", "level", "Law", "added"),
        ("2026-02-01", "added", "", None, "added"),
    ],
)
def test_without_a_first_enrolled_date_only_who_left_the_program_earlier_returns(
    day: str, change: str, attribute: str, from_value: str | None, expected: str
) -> None:
    program = "Nursing" if attribute == "program" else "Law"
    rows = [(day, "007", program, "Arts", change, attribute, from_value, "Nursing" if from_value else None)]
    left_before = ENROLLMENT_DELTAS.conform(pd.DataFrame(rows, columns=ENROLLMENT_DELTAS.names))
    back = snapshots(STAYS[SECOND], enrolment(SECOND, "007", "Law", first_enrolled_date=None))
    assert changes(compare_snapshots(snapshots(STAYS[FIRST]), back, left_before=left_before))[0][3] == expected


def test_only_the_attributes_asked_for_are_compared_and_others_are_refused_by_name() -> None:
    before, after = snapshots(STAYS[FIRST]), snapshots(STAYS[SECOND] | {"level": "Master", "status": "suspended"})
    assert [row[4] for row in changes(compare_snapshots(before, after, attributes=("status",)))] == ["status"]
    for name in ("student_name", "program"):
        with pytest.raises(ValueError, match=f"attributes \\['{name}'\\] cannot be compared; choose"):
            compare_snapshots(before, after, attributes=("level", name))


def test_a_shops_subscriptions_compare_by_the_same_rules() -> None:
    columns = {"customer": "student_id", "plan": "program", "region": "division", "tier": "level"}
    shop = pd.DataFrame({"customer": ["a", "b"], "plan": "Basic", "region": ["North", "South"], "tier": "monthly"})
    constants = {"status": "active", "term": "2026"} | dict.fromkeys(("term_start_date", "term_end_date", "first_enrolled_date"))

    def mapped(frame: pd.DataFrame, day: str) -> pd.DataFrame:
        return frame.rename(columns=columns).assign(snapshot_date=pd.Timestamp(day), **constants)

    later = shop.assign(plan=["Basic", "Pro"], tier=["yearly", "monthly"])
    assert changes(compare_snapshots(mapped(shop, FIRST), mapped(later, SECOND))) == [
        ("a", "Basic", "North", "moved", "level", "monthly", "yearly"),
        ("b", "Pro", "South", "moved", "program", "Basic", "Pro"),
    ]


def test_division_level_and_status_that_change_are_a_move_each() -> None:
    after = enrolment(SECOND, "007", "Law", division="Social Sciences", level="Master", status="suspended")
    assert compared([enrolment(FIRST, "007", "Law")], [after]) == [
        ("007", "Law", "Social Sciences", "moved", "division", "Arts", "Social Sciences"),
        ("007", "Law", "Social Sciences", "moved", "level", "Bachelor", "Master"),
        ("007", "Law", "Social Sciences", "moved", "status", "active", "suspended"),
    ]


@pytest.mark.fault("C7")
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


@pytest.mark.fault("A21")
def test_a_repeated_student_and_program_is_refused_by_key() -> None:
    twice = snapshots(STAYS[SECOND], STAYS[SECOND])
    with pytest.raises(ContractError, match=r"repeats a key[\s\S]*repair the snapshot"):
        compare_snapshots(snapshots(STAYS[FIRST]), twice)
    with pytest.raises(ContractError, match=r"row 2, snapshot_date.*2026-03-03, 0… .*, Nursing"):
        daily_changes(stored(pd.concat([snapshots(STAYS[FIRST]), twice])), days(SECOND))


@pytest.mark.fault("B4")
def test_an_empty_snapshot_never_means_that_everybody_left() -> None:
    with pytest.raises(ValueError, match="the current snapshot holds 0 days"):
        compare_snapshots(snapshots(STAYS[FIRST]), ENROLLMENT_SNAPSHOTS.empty())


@pytest.mark.fault("C1")
def test_the_first_snapshot_of_all_has_no_changes() -> None:
    assert daily_changes(stored([STAYS[FIRST]]), days(FIRST))[0].empty


def test_the_day_after_a_gap_is_compared_with_the_last_day_there_is() -> None:
    rows = [STAYS[FIRST], enrolment(FIRST, "007", "Law"), enrolment("2026-03-09", "000", "Nursing")]
    deltas, _ = daily_changes(stored(rows), days("2026-03-09"))
    assert deltas[["snapshot_date", "student_id", "change"]].astype("str").to_numpy().tolist() == [
        ["2026-03-09", "007", "dropped"]
    ]


def test_each_day_is_compared_with_the_one_before_it_only() -> None:
    rows = [STAYS[FIRST], STAYS[SECOND], enrolment(SECOND, "007", "Law", first_enrolled_date=SECOND)]
    rows.append(enrolment("2026-03-04", "000", "Nursing"))
    deltas, _ = daily_changes(stored(rows), days("2026-03-04", FIRST, SECOND))
    assert deltas[["snapshot_date", "student_id", "change"]].astype("str").to_numpy().tolist() == [
        ["2026-03-03", "007", "added"],
        ["2026-03-04", "007", "dropped"],
    ]


def test_a_stored_day_without_rows_drops_everybody() -> None:
    deltas, _ = daily_changes(stored([STAYS[FIRST]], SECOND), days(SECOND))
    assert changes(deltas) == [("000", "Nursing", "Health", "dropped", "", "-", "-")]


@pytest.mark.fault("C8")
def test_who_left_and_came_back_on_the_way_returns_though_the_registrar_has_no_dates() -> None:
    there = [enrolment(day, "007", "Law", first_enrolled_date=None) for day in (FIRST, "2026-03-04")]
    rows = [*there, *(enrolment(day, "000", "Law") for day in (FIRST, SECOND, "2026-03-04"))]
    deltas, _ = daily_changes(stored(rows), days(FIRST, SECOND, "2026-03-04"))
    assert deltas["change"].tolist() == ["dropped", "returned"]
    again, _ = daily_changes(stored(rows), days("2026-03-04"), left_before=deltas)
    assert again["change"].tolist() == ["returned"]
    alone, _ = daily_changes(stored(rows), days("2026-03-04"))
    assert alone["change"].tolist() == ["added"]


def test_of_several_departures_the_first_decides_whether_a_student_returns() -> None:
    rows = [(day, "007", "Law", "Arts", "dropped", "", None, None) for day in (FIRST, "2026-03-09")]
    left_before = ENROLLMENT_DELTAS.conform(pd.DataFrame(rows, columns=ENROLLMENT_DELTAS.names))
    back = snapshots(STAYS[SECOND], enrolment(SECOND, "007", "Law", first_enrolled_date=None))
    assert changes(compare_snapshots(snapshots(STAYS[FIRST]), back, left_before=left_before))[0][3] == "returned"
    there = [enrolment(day, "007", "Law", first_enrolled_date=None) for day in (FIRST, "2026-03-04")]
    there += [enrolment(day, "000", "Law") for day in (FIRST, SECOND, "2026-03-04")]
    deltas, _ = daily_changes(stored(there), days(SECOND, "2026-03-04"), left_before=left_before[1:])
    assert deltas["change"].tolist() == ["dropped", "returned"]


@pytest.mark.fault("C3")
def test_days_made_again_do_not_believe_what_they_said_before() -> None:
    said = compare_snapshots(snapshots(STAYS[FIRST], enrolment(FIRST, "007", "Law")), snapshots(STAYS[SECOND]))
    back = enrolment("2026-03-04", "007", "Law", first_enrolled_date=None)
    rows = [STAYS[FIRST], STAYS[SECOND], back, enrolment("2026-03-04", "000", "Nursing")]
    deltas, _ = daily_changes(stored(rows), days(SECOND, "2026-03-04"), left_before=said)
    assert deltas["change"].tolist() == ["added"]


def test_a_day_without_a_snapshot_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no enrollment snapshot of 2026-03-03; materialize"):
        daily_changes(stored([STAYS[FIRST]]), days(SECOND))


class Counted(Mapping[date, pa.Table]):
    """Stored days that count how often each was read."""

    def __init__(self, tables: dict[date, pa.Table]) -> None:
        self.tables, self.reads = tables, dict.fromkeys(tables, 0)

    def __getitem__(self, day: date) -> pa.Table:
        self.reads[day] += 1
        return self.tables[day]

    def __iter__(self) -> Iterator[date]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)


def test_each_day_is_read_at_most_once_and_days_not_needed_never() -> None:
    texts = [f"2026-03-{number:02}" for number in range(1, 9)]
    counted = Counted(stored([enrolment(text, "000", "Law") for text in texts]))
    daily_changes(counted, days(*texts[2:4], texts[6]))
    assert list(counted.reads.values()) == [0, 1, 1, 1, 0, 1, 1, 0]


def test_texts_as_dictionaries_or_plain_and_in_several_chunks_read_the_same() -> None:
    before = [enrolment(FIRST, student, "Law") for student in ("1", "2", "3")]
    after = [enrolment(SECOND, student, program) for student, program in (("1", "Law"), ("2", "Nursing"), ("4", "History"))]
    tables = stored([*before, *after])
    plain = {
        day: table.cast(
            pa.schema([field.with_type(pa.string()) if pa.types.is_dictionary(field.type) else field for field in table.schema])
        )
        for day, table in tables.items()
    }
    chunked = {
        day: pa.concat_tables([table.slice(2), as_stored(ENROLLMENT_SNAPSHOTS.empty()), table.slice(0, 2)])
        for day, table in tables.items()
    }
    expected = daily_changes(tables, days(SECOND))
    for other in (plain, chunked):
        for frame, same in zip(daily_changes(other, days(SECOND)), expected, strict=True):
            pd.testing.assert_frame_equal(frame, same)


ENROLMENTS = st.dictionaries(
    st.tuples(st.sampled_from(["01", "1", "02", "03"]), st.sampled_from(sorted(DIVISIONS))),
    st.fixed_dictionaries(
        {
            "level": st.sampled_from(["Bachelor", "Master"]),
            "term": st.sampled_from(["2026A", "2026B"]),
            "term_end_date": st.sampled_from([FIRST, SECOND, "2026-06-30", None]),
            "first_enrolled_date": st.sampled_from(["2025-09-01", SECOND, None]),
        }
    ),
    min_size=1,
)
Enrolments = dict[tuple[str, str], dict[str, str | None]]


def on(day: str, enrolments: Enrolments) -> pd.DataFrame:
    return snapshots(*(enrolment(day, student, program, **other) for (student, program), other in enrolments.items()))


@pytest.mark.fault("property 1")
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
    new_terms = {other["term"] for other in after.values()} - {other["term"] for other in before.values()}
    newcomers = set(after) - set(before) - moved_in
    baseline = {key for key in newcomers if after[key]["term"] in new_terms}
    assert came == newcomers - baseline
    assert set(after) == (set(before) - gone - moved_out) | came | moved_in | baseline
    assert len(after) == len(before) + len(came) + len(baseline) - len(gone) + len(moved_in) - len(moved_out)


@pytest.mark.fault("property 1")
@settings(max_examples=40, deadline=None)
@given(ENROLMENTS)
def test_a_snapshot_compared_with_itself_has_no_changes(enrolments: Enrolments) -> None:
    assert compare_snapshots(on(SECOND, enrolments), on(SECOND, enrolments)).empty


@pytest.mark.fault("property 1")
@settings(max_examples=40, deadline=None)
@given(ENROLMENTS, ENROLMENTS)
def test_seen_backwards_whoever_came_has_gone_and_moves_turn_round(before: Enrolments, after: Enrolments) -> None:
    going_on = {"term_end_date": "2026-06-30", "term": "2026A"}
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


@pytest.mark.fault("property 1", "property 3")
@settings(max_examples=30, deadline=None)
@given(ENROLMENTS, ENROLMENTS, st.integers(0, 99))
def test_the_order_of_rows_changes_nothing(before: Enrolments, after: Enrolments, seed: int) -> None:
    frame = pd.concat([on(FIRST, before), on(SECOND, after)], ignore_index=True)
    both = days(FIRST, SECOND)
    deltas, metrics = daily_changes(stored(frame), both)
    for shuffled, same in zip(daily_changes(stored(frame, shuffled=seed), both), (deltas, metrics), strict=True):
        pd.testing.assert_frame_equal(shuffled, same)
    pd.testing.assert_frame_equal(deltas, compare_snapshots(on(FIRST, before), on(SECOND, after)))
