from __future__ import annotations

from datetime import date
from time import process_time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from oulad_platform.core.checks import ContractError, check_frame
from oulad_platform.enrollment.quality import Admission, QualityRules, admit, from_held, held_rows
from oulad_platform.enrollment.tables import DATA_QUALITY_FINDINGS, ENROLLMENT_SNAPSHOTS, HELD_EXTRACTS

MONDAY, TUESDAY = date(2014, 5, 19), date(2014, 5, 20)
LENIENT = QualityRules(max_duplicate_ids=9, max_missing_required=9, max_invalid_formats=9)


def extract(*people: str | None, **columns: object) -> pd.DataFrame:
    """One row for each identifier, in the term 2014B unless said otherwise."""
    frame = pd.DataFrame({"student_id": pd.Series(people, dtype="str"), "program": "BIO", "division": "Science", "level": "UG"})
    return frame.assign(**{"term": "2014B", **columns}).astype("str")


def many(n: int, term: str = "2014B", end: str | None = "2014-09-30", first: int = 0) -> pd.DataFrame:
    return extract(*(f"S{i:05d}" for i in range(first, first + n)), term=term, **({"term_end_date": end} if end else {}))


def snapshot(rows: pd.DataFrame, day: date = MONDAY) -> pd.DataFrame:
    return admit(rows, day, QualityRules(), None, waived=True).snapshot


def found(admission: Admission) -> list[tuple[str, int, str]]:
    return list(admission.findings[["rule", "row", "column"]].itertuples(index=False, name=None))


def test_a_clean_extract_is_let_in_typed_and_without_findings() -> None:
    rows = extract("002", "001", student_name=["Ana", None], term_end_date=["2014-09-30 00:00:00", ""], status="registered")
    admission = admit(rows, TUESDAY, QualityRules(), None)
    assert admission.reasons == ()
    assert admission.n_rows == 2
    assert admission.change_pct is None
    pd.testing.assert_frame_equal(admission.findings, DATA_QUALITY_FINDINGS.empty())
    assert admission.snapshot["student_id"].tolist() == ["001", "002"]
    assert admission.snapshot["term_end_date"].tolist() == [pd.NaT, pd.Timestamp("2014-09-30")]
    assert admission.snapshot["snapshot_date"].tolist() == [pd.Timestamp(TUESDAY)] * 2
    assert check_frame(admission.snapshot, ENROLLMENT_SNAPSHOTS) == []


def test_without_a_status_column_everybody_is_active_and_without_dates_they_are_absent() -> None:
    row = admit(extract("S1"), TUESDAY, QualityRules(), None).snapshot.iloc[0]
    assert row["status"] == "active"
    assert row[["student_name", "term_start_date", "term_end_date", "first_enrolled_date"]].isna().all()


def test_dates_of_the_replay_are_taken_as_they_are() -> None:
    rows = extract("S1", "S2").assign(term_end_date=pd.Series(["2014-09-30", None], dtype="datetime64[us]"))
    assert admit(rows, TUESDAY, QualityRules(), None).snapshot["term_end_date"].tolist() == [pd.Timestamp("2014-09-30"), pd.NaT]


@pytest.mark.fault("A8")
@pytest.mark.parametrize("column", ["student_id", "program", "division", "level", "term", "status"])
@pytest.mark.parametrize("value", [None, "", " \u00a0\t"])
def test_a_row_without_a_required_field_holds_the_day_back_or_is_left_out(column: str, value: str | None) -> None:
    rows = extract("S1", "S2", status="active")
    rows.loc[1, column] = value
    held = admit(rows, TUESDAY, QualityRules(), None)
    assert held.reasons == (f"rows that lack a required field ({column}): 1; tolerated are 0",)
    assert found(held) == [("missing_required", 2, column)]
    assert held.findings["is_blocking"].tolist() == [True]
    assert held.findings["value"].isna().all()
    tolerant = admit(rows, TUESDAY, QualityRules(max_missing_required=1), None)
    assert tolerant.reasons == ()
    assert tolerant.snapshot["student_id"].tolist() == ["S1"]
    assert tolerant.findings["is_blocking"].tolist() == [False]


def test_a_row_that_lacks_two_fields_counts_once_against_what_is_tolerated() -> None:
    rows = extract("S1", "S2", level=["UG", None], division=["Science", ""])
    admission = admit(rows, TUESDAY, QualityRules(max_missing_required=1), None)
    assert admission.reasons == ()
    assert found(admission) == [("missing_required", 2, "division"), ("missing_required", 2, "level")]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("student_id", "X1", "does not match student_id_pattern"),
        ("student_id", "S1|X1", "does not match student_id_pattern"),
        ("student_id", "S\u200b1", "holds a character that cannot be seen"),
        ("student_name", "A\0na", "holds a character that cannot be seen"),
        ("division", "Sci\nence", "holds a character that cannot be seen"),
        ("term_end_date", "31/10/2014", "is not a date such as 2026-10-01"),
        ("term_end_date", "2014-02-30", "is not a date such as 2026-10-01"),
        ("term_end_date", "2014-2-3", "is not a date such as 2026-10-01"),
        ("term_end_date", "2014-10-01x", "is not a date such as 2026-10-01"),
        ("term_end_date", "2014-01-31", "lies before the term's first day"),
    ],
)
def test_a_field_that_cannot_be_read_is_found_by_row_and_column(column: str, value: str, message: str) -> None:
    rows = extract("S1", "S2", student_name="Ana", term_start_date="2014-02-01", term_end_date="2014-09-30")
    rows.loc[0, column] = value
    admission = admit(rows, TUESDAY, QualityRules(student_id_pattern=r"S\d|S\d\d"), None)
    assert found(admission) == [("invalid_format", 1, column)]
    assert admission.findings["message"].tolist() == [message]
    assert admission.reasons == (f"rows that have a field that cannot be read ({column}): 1; tolerated are 0",)
    assert admission.snapshot["student_id"].tolist() == ["S2"]


@pytest.mark.fault("A17", "H11")
def test_padding_and_composition_make_no_other_student_but_full_width_digits_do() -> None:
    rows = extract("S001", "S001 ", "Ｓ００１", "é1", "e\u03011")
    admission = admit(rows, TUESDAY, LENIENT, None)
    assert admission.snapshot["student_id"].tolist() == ["S001", "é1", "Ｓ００１"]
    assert found(admission) == [("duplicate_id", 2, "student_id"), ("duplicate_id", 5, "student_id")]
    ascii_only = QualityRules(student_id_pattern="[A-Z0-9]+", max_invalid_formats=3, max_duplicate_ids=1)
    assert admit(rows, TUESDAY, ascii_only, None).snapshot["student_id"].tolist() == ["S001"]


@pytest.mark.fault("A21", "B5")
def test_a_repeated_student_and_program_holds_the_day_back_and_says_what_differs() -> None:
    rows = extract(
        "S1", "S1", "S2", "S1", "S1", level=["UG", "UG", "UG", "PG", "UG"], program=["BIO", "BIO", "BIO", "BIO", "LAW"]
    )
    held = admit(rows, TUESDAY, QualityRules(max_duplicate_ids=1), None)
    assert held.reasons == ("rows that repeat a student and program (student_id): 2; tolerated are 1",)
    assert found(held) == [("duplicate_id", 2, "student_id"), ("duplicate_id", 4, "student_id")]
    assert held.findings["message"].tolist() == [
        "repeats student and program of row 1 in every column",
        "repeats student and program of row 1 with another level",
    ]
    first_stays = admit(rows, TUESDAY, QualityRules(max_duplicate_ids=2), None)
    assert first_stays.reasons == ()
    assert first_stays.snapshot[["student_id", "program", "level"]].to_numpy().tolist() == [
        ["S1", "BIO", "UG"],
        ["S1", "LAW", "UG"],
        ["S2", "BIO", "UG"],
    ]


def test_findings_name_the_first_row_of_the_right_student_when_broken_rows_stand_between() -> None:
    rows = extract("S9", "S9", None, "S3", "S3", "S9")
    messages = admit(rows, TUESDAY, LENIENT, None).findings["message"].tolist()
    assert messages[:3] == [
        "repeats student and program of row 1 in every column",
        "repeats student and program of row 4 in every column",
        "repeats student and program of row 1 in every column",
    ]


@pytest.mark.fault("B5")
def test_no_finding_and_no_reason_shows_an_identifier_or_a_name() -> None:
    rows = extract("canary-001", "canary-001", "canary-002\0", "7", student_name="Canary Jones")
    admission = admit(rows, TUESDAY, QualityRules(student_id_pattern=".{4,}"), snapshot(many(40)))
    told = admission.findings.to_csv() + "".join(admission.reasons)
    assert admission.findings["value"].dropna().tolist() == ["c… (10 characters)", "c… (11 characters)", "… (1 character)"]
    assert "canary-00" not in told
    assert "Jones" not in told
    assert "\0" not in told


@pytest.mark.fault("B4")
def test_an_empty_extract_never_means_that_everybody_left() -> None:
    admission = admit(extract(), TUESDAY, QualityRules(), snapshot(many(30)))
    assert admission.reasons[0] == "the extract has no rows; an empty extract never means that everybody left"
    assert found(admission) == [("count_limit", 0, "")]
    assert admission.change_pct == -100


def test_too_few_usable_rows_and_too_many_rows_hold_the_day_back() -> None:
    assert admit(many(9), TUESDAY, QualityRules(min_rows=10), None).reasons == ("rows that can be used: 9; min_rows is 10",)
    assert admit(many(10), TUESDAY, QualityRules(min_rows=10, max_rows=10), None).reasons == ()
    assert admit(many(11), TUESDAY, QualityRules(max_rows=10), None).reasons == ("rows of the extract: 11; max_rows is 10",)


@pytest.mark.fault("B4")
@pytest.mark.parametrize(("n", "held"), [(70, False), (69, True), (130, False), (131, True)])
def test_a_change_beyond_the_limit_up_or_down_holds_the_day_back_and_the_limit_itself_does_not(n: int, held: bool) -> None:
    admission = admit(many(n), TUESDAY, QualityRules(), snapshot(many(100)))
    assert bool(admission.reasons) is held
    assert (admission.previous_date, admission.previous_rows, admission.change_pct) == (MONDAY, 100, n - 100)


@pytest.mark.fault("B4")
def test_half_a_load_says_what_it_was_compared_with() -> None:
    assert admit(many(50), TUESDAY, QualityRules(), snapshot(many(100))).reasons == (
        "the terms that go on have 50 rows, 50.0 % fewer than the 100 of 2014-05-19; max_change_pct is 30",
    )


def both(*parts: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True)


@pytest.mark.fault("C14")
def test_a_term_that_starts_and_one_that_ended_are_no_change_of_the_terms_that_go_on() -> None:
    ending, going_on, new = many(100, "2013J", "2014-05-19"), many(50, first=100), many(300, "2014J", "2015-06-30", first=200)
    after_the_end = admit(both(going_on, new), TUESDAY, QualityRules(), snapshot(both(ending, going_on)))
    assert after_the_end.reasons == ()
    assert (after_the_end.previous_rows, after_the_end.change_pct) == (50, 0.0)
    a_day_too_early = both(many(100, "2013J", "2014-05-20"), going_on)
    assert admit(both(going_on, new), TUESDAY, QualityRules(), snapshot(a_day_too_early)).change_pct == pytest.approx(-200 / 3)


@pytest.mark.fault("B4")
def test_a_lost_half_of_a_running_term_is_seen_behind_a_new_term_of_the_same_size() -> None:
    lost = both(many(50), many(50, "2014J", "2015-06-30", first=200))
    assert admit(lost, TUESDAY, QualityRules(), snapshot(many(100))).change_pct == -50


def test_new_terms_stand_for_terms_without_an_end_that_are_all_gone() -> None:
    before = snapshot(many(100, "spring", None))
    alike = admit(many(120, "autumn", None, first=500), TUESDAY, QualityRules(), before)
    assert (alike.reasons, alike.change_pct) == ((), 20)
    collapsed = admit(many(3, "autumn", None, first=500), TUESDAY, QualityRules(), before)
    assert collapsed.change_pct == -97
    assert "have 3 rows, 97.0 % fewer than the 100 of 2014-05-19" in collapsed.reasons[0]
    one_left = both(many(1, "spring", None), many(400, "autumn", None, first=100))
    assert admit(one_left, TUESDAY, QualityRules(), before).change_pct == -99
    gone_early = admit(many(400, "autumn", None), TUESDAY, QualityRules(), snapshot(many(100, "spring", "2014-05-31")))
    assert gone_early.change_pct == -100


@pytest.mark.fault("B4")
def test_as_many_rows_with_other_identifiers_are_held_back() -> None:
    before = snapshot(many(100))
    unpadded = admit(extract(*(str(i) for i in range(100))), TUESDAY, QualityRules(), before)
    assert unpadded.change_pct == 0
    (reason,) = unpadded.reasons
    assert reason.startswith("100.0 % of the identifiers of 2014-05-19 are gone while about as many rows are there")
    half = both(many(60), many(40, first=500))
    assert admit(half, TUESDAY, QualityRules(), before).reasons[0].startswith("40.0 % of the identifiers")
    assert admit(half, TUESDAY, QualityRules(max_change_pct=40), before).reasons == ()


def test_a_percentage_of_a_handful_of_rows_holds_nothing_back() -> None:
    assert admit(many(5), TUESDAY, QualityRules(), snapshot(many(19))).reasons == ()
    assert admit(many(5), TUESDAY, QualityRules(), snapshot(many(20))).reasons != ()
    assert admit(many(5), TUESDAY, QualityRules(change_from_rows=10), snapshot(many(19))).reasons != ()


def test_an_empty_day_before_is_nothing_to_compare_with_and_a_later_or_second_day_is_refused() -> None:
    assert admit(many(50), TUESDAY, QualityRules(), ENROLLMENT_SNAPSHOTS.empty()).previous_date is None
    for wrong in (snapshot(many(3), TUESDAY), both(snapshot(many(3)), snapshot(many(3), date(2014, 5, 18)))):
        with pytest.raises(ValueError, match="the snapshot before 2014-05-20 must be of one single earlier day"):
            admit(many(50), TUESDAY, QualityRules(), wrong)


def test_whoever_waives_lets_the_day_in_while_broken_rows_stay_out_and_are_named() -> None:
    rows = extract("S1", "S1", None)
    admission = admit(rows, TUESDAY, QualityRules(min_rows=10), snapshot(many(50)), waived=True)
    assert admission.reasons == ()
    assert admission.snapshot["student_id"].tolist() == ["S1"]
    assert found(admission) == [("count_limit", 0, ""), ("duplicate_id", 2, "student_id"), ("missing_required", 3, "student_id")]
    assert not admission.findings["is_blocking"].any()


def test_columns_that_are_missing_or_unknown_are_named() -> None:
    with pytest.raises(ContractError, match="extract for 2014-05-20, level: is not there"):
        admit(extract("S1").drop(columns="level"), TUESDAY, QualityRules(), None)
    with pytest.raises(ContractError, match="extract for 2014-05-20, gpa: is not a column of a snapshot"):
        admit(extract("S1", gpa="4.0"), TUESDAY, QualityRules(), None)


def test_rules_refuse_nonsense() -> None:
    with pytest.raises(ValidationError, match="is not a regular expression"):
        QualityRules(student_id_pattern="S[")
    with pytest.raises(ValidationError, match="max_rows 5 must not lie below min_rows 10"):
        QualityRules(min_rows=10, max_rows=5)
    with pytest.raises(ValidationError, match="min_rows"):
        QualityRules(min_rows=0)
    with pytest.raises(ValidationError, match="max_change"):
        QualityRules.model_validate({"max_change": 5})


VALUES = st.sampled_from([None, "", " ", "S1", "S1 ", "S2", "s\0", "Ｓ１", "2014-09-30", "2013-01-01T08:00", "30.9.2014"])
COLUMNS = ["student_id", "program", "division", "level", "term"]
OPTIONAL = ["student_name", "status", "term_start_date", "term_end_date", "first_enrolled_date"]


@st.composite
def extracts(draw: st.DrawFn) -> pd.DataFrame:
    columns = [*COLUMNS, *draw(st.lists(st.sampled_from(OPTIONAL), unique=True))]
    rows = draw(st.lists(st.tuples(*[VALUES] * len(columns)), max_size=8))
    return pd.DataFrame(rows, columns=columns, dtype="str")


@pytest.mark.fault("property 2")
@given(rows=extracts())
def test_every_row_is_let_in_or_found_and_what_is_let_in_keeps_its_contract(rows: pd.DataFrame) -> None:
    admission = admit(rows, TUESDAY, LENIENT, None, waived=True)
    left_out = set(admission.findings.loc[admission.findings["row"] > 0, "row"])
    assert len(admission.snapshot) + len(left_out) == len(rows)
    assert check_frame(admission.snapshot, ENROLLMENT_SNAPSHOTS) == []
    assert check_frame(admission.findings, DATA_QUALITY_FINDINGS) == []


@given(rows=extracts())
def test_a_held_extract_is_judged_again_as_the_original_was(rows: pd.DataFrame) -> None:
    held = held_rows(rows, TUESDAY)
    assert check_frame(held, HELD_EXTRACTS) == []
    before, again = admit(rows, TUESDAY, QualityRules(), None), admit(from_held(held), TUESDAY, QualityRules(), None)
    pd.testing.assert_frame_equal(before.snapshot, again.snapshot)
    pd.testing.assert_frame_equal(before.findings, again.findings)
    assert before.reasons == again.reasons


def test_held_rows_are_the_evidence_as_it_came() -> None:
    rows = extract(" S1", None).assign(term_end_date=pd.Series(["2014-09-30", None], dtype="datetime64[us]"))
    held = held_rows(rows, TUESDAY)
    assert held[["row", "student_id", "term_end_date"]].to_numpy().tolist() == [[1, " S1", "2014-09-30"], [2, "", ""]]
    assert held["status"].isna().all()


def test_fifty_thousand_clean_rows_are_judged_in_half_a_second() -> None:
    rows = many(50_000).iloc[np.random.default_rng(1).permutation(50_000)].reset_index(drop=True)
    before = snapshot(rows)
    started = process_time()
    assert admit(rows, TUESDAY, QualityRules(), before).reasons == ()
    assert process_time() - started < 0.5
