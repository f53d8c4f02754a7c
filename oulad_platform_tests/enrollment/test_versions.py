from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oulad_platform.core.checks import check_frame
from oulad_platform.enrollment.quality import Admission
from oulad_platform.enrollment.tables import DATA_QUALITY_FINDINGS, ENROLLMENT_SNAPSHOTS, SNAPSHOT_VERSIONS
from oulad_platform.enrollment.versions import accepted, content_hash, current_hash, held_back, let_in, removed

MONDAY, TUESDAY = date(2014, 5, 19), date(2014, 5, 20)
EIGHT = datetime(2014, 5, 20, 8, tzinfo=UTC)
NOTHING = SNAPSHOT_VERSIONS.empty()


def admission(*reasons: str, n_rows: int = 10) -> Admission:
    return Admission(ENROLLMENT_SNAPSHOTS.empty(), DATA_QUALITY_FINDINGS.empty(), reasons, n_rows, MONDAY, 10, -50.0)


def hours(n: int) -> datetime:
    return EIGHT + timedelta(hours=n)


def told(register: pd.DataFrame) -> list[tuple[int, str, str, str]]:
    return [
        (row.version, row.state, row.sha256, f"{row.recorded_at:%H} {row.recorded_by}")
        for row in register.itertuples(index=False)
    ]


def test_the_first_extract_of_a_day_is_current_with_what_it_was_compared_with() -> None:
    row = let_in(NOTHING, TUESDAY, 1, admission(), "a", EIGHT, "run 1").iloc[0]
    assert row.to_dict() == {
        "snapshot_date": pd.Timestamp(TUESDAY),
        "version": 1,
        "state": "current",
        "n_rows": 10,
        "previous_date": pd.Timestamp(MONDAY),
        "change_pct": -50.0,
        "reason": "",
        "sha256": "a",
        "recorded_at": pd.Timestamp(2014, 5, 20, 8),
        "recorded_by": "run 1",
    }


@pytest.mark.fault("C6")
def test_a_late_correction_is_current_and_the_first_version_says_by_whom_and_when_it_came() -> None:
    first = let_in(NOTHING, TUESDAY, 1, admission(), "a", EIGHT, "run 1")
    second = let_in(first, TUESDAY, 2, admission(), "b", hours(3), "run 2")
    assert told(second) == [(1, "superseded", "a", "08 run 1"), (2, "current", "b", "11 run 2")]
    assert current_hash(second) == "b"
    assert current_hash(NOTHING) is None


def test_letting_the_same_version_in_again_changes_nothing() -> None:
    first = let_in(NOTHING, TUESDAY, 1, admission(), "a", EIGHT, "run 1")
    pd.testing.assert_frame_equal(let_in(first, TUESDAY, 1, admission(), "a", hours(1), "run 2"), first)
    second = let_in(first, TUESDAY, 2, admission(), "b", hours(2), "run 3")
    pd.testing.assert_frame_equal(let_in(second, TUESDAY, 1, admission(), "a", hours(3), "slow run"), second)


def test_a_held_extract_leaves_the_current_version_alone_and_replaces_the_one_held_before() -> None:
    first = let_in(NOTHING, TUESDAY, 1, admission(), "a", EIGHT, "run 1")
    held = held_back(first, TUESDAY, 5, admission("half", "blank ids"), "b", hours(1), "run 2")
    assert told(held) == [(1, "current", "a", "08 run 1"), (2, "quarantined", "b", "09 run 2")]
    assert held["reason"].tolist() == ["", "half; blank ids"]
    assert held["n_rows"].tolist() == [10, 5]
    pd.testing.assert_frame_equal(held_back(held, TUESDAY, 5, admission("half", "blank ids"), "b", hours(2), "run 3"), held)
    again = held_back(held, TUESDAY, 6, admission("half"), "c", hours(3), "run 4")
    assert told(again) == [(1, "current", "a", "08 run 1"), (2, "quarantined", "c", "11 run 4")]


def test_a_held_extract_that_a_person_accepts_is_current_and_says_why_it_was_held() -> None:
    held = held_back(NOTHING, TUESDAY, 5, admission("half of the rows"), "b", EIGHT, "run 1")
    rows = accepted(held, TUESDAY, 1, admission(n_rows=5), "b", hours(1), "ana", "graduation day")
    assert told(rows) == [(1, "current", "b", "09 ana")]
    assert rows["reason"].tolist() == ["graduation day; held back before: half of the rows"]
    pd.testing.assert_frame_equal(accepted(rows, TUESDAY, 1, admission(n_rows=5), "b", hours(2), "ana"), rows)
    with pytest.raises(ValueError, match="nothing is held back for 2014-05-20"):
        accepted(rows, TUESDAY, 2, admission(), "c", hours(2), "ana")


def test_a_good_extract_after_a_held_one_is_current_and_what_was_held_back_stays_readable() -> None:
    held = held_back(NOTHING, TUESDAY, 5, admission("half"), "b", EIGHT, "run 1")
    good = let_in(held, TUESDAY, 1, admission(), "a", hours(1), "run 2")
    assert told(good) == [(1, "current", "a", "09 run 2"), (2, "quarantined", "b", "08 run 1")]
    corrected = let_in(good, TUESDAY, 2, admission(), "c", hours(2), "run 3")
    assert told(corrected) == [
        (1, "superseded", "a", "09 run 2"),
        (2, "current", "c", "10 run 3"),
        (3, "quarantined", "b", "08 run 1"),
    ]


def test_the_held_extract_itself_let_in_later_under_wider_limits_is_held_no_more() -> None:
    held = held_back(NOTHING, TUESDAY, 5, admission("half"), "b", EIGHT, "run 1")
    assert told(let_in(held, TUESDAY, 1, admission(), "b", hours(1), "run 2")) == [(1, "current", "b", "09 run 2")]


def test_removed_files_keep_their_rows_and_a_day_that_comes_back_is_current_again() -> None:
    first = let_in(NOTHING, TUESDAY, 1, admission(), "a", EIGHT, "run 1", "waived")
    second = let_in(first, TUESDAY, 2, admission(), "b", hours(1), "run 2")
    held = held_back(second, TUESDAY, 5, admission("half"), "c", hours(2), "run 3")
    gone = removed(held, hours(100), "housekeeping")
    assert told(gone) == [(1, "removed", "a", "08 run 1"), (2, "removed", "b", "09 run 2"), (3, "quarantined", "c", "10 run 3")]
    assert gone["reason"].tolist() == [
        "waived; file removed 2014-05-24 by housekeeping",
        "file removed 2014-05-24 by housekeeping",
        "half",
    ]
    pd.testing.assert_frame_equal(removed(gone, hours(200), "housekeeping"), gone)
    back = let_in(gone, TUESDAY, 1, admission(), "b", hours(3), "run 4")
    assert told(back) == [(1, "current", "b", "11 run 4"), (2, "removed", "b", "09 run 2"), (3, "quarantined", "c", "10 run 3")]


def test_removing_takes_several_days_at_once_and_none() -> None:
    monday, tuesday = (let_in(NOTHING, day, 1, admission(), "a", EIGHT, "run 1") for day in (MONDAY, TUESDAY))
    assert removed(pd.concat([tuesday, monday]), hours(1), "x")["state"].tolist() == ["removed", "removed"]
    pd.testing.assert_frame_equal(removed(NOTHING, hours(1), "x"), NOTHING)


def test_other_days_of_the_register_are_neither_read_nor_returned() -> None:
    monday = let_in(NOTHING, MONDAY, 1, admission(), "a", EIGHT, "run 1")
    assert told(let_in(monday, TUESDAY, 1, admission(), "b", hours(1), "run 2")) == [(1, "current", "b", "09 run 2")]


def test_a_moment_with_a_zone_is_recorded_in_utc() -> None:
    summer = datetime(2014, 5, 20, 8, tzinfo=timezone(timedelta(hours=1)))
    for at in (summer, summer.astimezone(UTC), summer.astimezone(UTC).replace(tzinfo=None)):
        assert let_in(NOTHING, TUESDAY, 1, admission(), "a", at, "x")["recorded_at"].tolist() == [pd.Timestamp(2014, 5, 20, 7)]


class LakeModel:
    """Numbers as the lake gives them: the newest again for equal rows, else the next."""

    def __init__(self) -> None:
        self.rows: list[str] = []

    def replace(self, sha256: str) -> int:
        if self.rows[-1:] != [sha256]:
            self.rows.append(sha256)
        return len(self.rows)


STEPS = st.lists(st.tuples(st.sampled_from(["let_in", "held_back", "accept"]), st.sampled_from("abc")), max_size=12)


@pytest.mark.fault("C6")
@given(steps=STEPS)
def test_any_history_leaves_one_current_version_no_gap_and_what_was_not_touched_as_it_was(steps: list[tuple[str, str]]) -> None:
    lake, register, held = LakeModel(), NOTHING, None
    for hour, (step, sha256) in enumerate(steps):
        before = register
        if step == "let_in":
            register = let_in(register, TUESDAY, lake.replace(sha256), admission(), sha256, hours(hour), f"run {hour}")
            held = None if held == sha256 else held
        elif step == "held_back":
            register, held = held_back(register, TUESDAY, 1, admission("x"), sha256, hours(hour), f"run {hour}"), sha256
        elif held is not None:
            register = accepted(register, TUESDAY, lake.replace(held), admission(), held, hours(hour), "ana")
            held = None
        assert check_frame(register, SNAPSHOT_VERSIONS) == []
        assert register["version"].tolist() == list(range(1, len(register) + 1))
        assert register.loc[register["state"] == "current", "sha256"].tolist() == lake.rows[-1:]
        assert register.loc[register["state"] != "quarantined", "sha256"].tolist() == lake.rows
        assert register.loc[register["state"] == "quarantined", "sha256"].tolist() == ([] if held is None else [held])
        new = set(register["recorded_at"]) - set(before["recorded_at"])
        assert new <= {pd.Timestamp(hours(hour)).tz_localize(None)}


def test_the_hash_of_rows_is_the_one_written_down_here() -> None:
    row = {"snapshot_date": MONDAY, "student_id": "001", "student_name": None, "division": "Süd", "program": "BIO", "level": "UG"}
    dates = {"term_start_date": None, "term_end_date": pd.Timestamp(TUESDAY), "first_enrolled_date": None}
    frame = ENROLLMENT_SNAPSHOTS.conform(pd.DataFrame([{**row, "status": "active", "term": "2014B", **dates}]))
    assert content_hash(frame) == "f72718cb83832f565e7ae524af3f646b41b260ae4bc395db62fd3ee738850cce"
    assert content_hash(frame.astype({"program": "object"}).astype({"term_end_date": "datetime64[ns]"})) == content_hash(frame)


CELLS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=3)


@given(one=st.lists(st.tuples(CELLS, CELLS), max_size=4), other=st.lists(st.tuples(CELLS, CELLS), max_size=4))
def test_equal_rows_have_one_hash_and_different_rows_two(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> None:
    hashes = [content_hash(pd.DataFrame(rows, columns=["a", "b"], dtype="str")) for rows in (one, other)]
    assert (hashes[0] == hashes[1]) is (one == other)
