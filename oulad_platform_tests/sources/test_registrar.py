"""Snapshots from registrations, point in time, and from a database that can only be read."""

from __future__ import annotations

import os
import sqlite3
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.calendar import days_between, start_date
from oulad_platform.core.checks import ContractError, require
from oulad_platform.enrollment.tables import ENROLLMENT_SNAPSHOTS
from oulad_platform.sources.registrar import DatabaseRegistrar, RegistrarError, ReplayRegistrar

OULAD = Path(os.environ.get("OULAD_TEST_DATA", Path(__file__).parents[2] / "../shared/oulad"))


def campus(*registrations: tuple[str, str, int, float | None, float | None]) -> dict[str, pd.DataFrame]:
    """The small tables for registrations (module, presentation, student, registered, unregistered); terms of 100 days."""
    columns = ["code_module", "code_presentation", "id_student", "date_registration", "date_unregistration"]
    registration = pd.DataFrame(registrations, columns=columns)
    registration[columns[3:]] = registration[columns[3:]].astype("Int16")
    courses = registration[columns[:2]].drop_duplicates(ignore_index=True)
    starts = pd.to_datetime(courses["code_presentation"].map(start_date)).astype("datetime64[us]")
    courses = courses.assign(module_presentation_length=100, start_date=starts)
    info = registration[columns[:3]].assign(highest_education="HE Qualification")
    return {"courses": courses, "student_info": info, "student_registration": registration}


def on(day: str, tables: dict[str, pd.DataFrame], registrar: ReplayRegistrar | None = None) -> pd.DataFrame:
    return (registrar or ReplayRegistrar()).snapshots(pd.DatetimeIndex([day]), tables)


def test_a_registration_becomes_a_row_in_the_words_of_a_snapshot() -> None:
    frame = on("2013-01-31", campus(("AAA", "2013B", 42, -10, None)))
    assert require(frame, ENROLLMENT_SNAPSHOTS).astype("str").iloc[0].to_dict() == {
        "snapshot_date": "2013-01-31",
        "student_id": "42",
        "student_name": "Student 42",
        "division": "Social Sciences",
        "program": "AAA",
        "level": "HE Qualification",
        "status": "registered",
        "term": "2013B",
        "term_end_date": "2013-05-12",
        "first_enrolled_date": "2013-01-22",
    }


@pytest.mark.parametrize(
    ("day", "status"),
    [
        ("2013-01-21", []),
        ("2013-01-22", ["registered"]),
        ("2013-02-01", ["active"]),
        ("2013-02-21", ["active"]),
        ("2013-02-22", []),
    ],
)
def test_a_student_is_there_from_registration_through_the_day_of_leaving(day: str, status: list[str]) -> None:
    assert on(day, campus(("AAA", "2013B", 42, -10, 20)))["status"].tolist() == status


def test_nobody_is_there_after_the_last_day_of_term_or_without_a_registration_date() -> None:
    tables = campus(("AAA", "2013B", 42, -10, None), ("AAA", "2013B", 43, None, None))
    assert on("2013-05-12", tables)["student_id"].tolist() == ["42"]
    assert on("2013-05-13", tables).empty


def test_names_and_divisions_may_be_given_and_default_per_student_and_module() -> None:
    names = pd.DataFrame({"id_student": [42], "student_name": ["Ada Example"], "email": ["ada@example.edu"]})
    registrar = ReplayRegistrar(names, {"AAA": "Letters"})
    modules = [("AAA", 42), ("CCC", 7), ("ZZZ", 7)]
    frame = on("2013-02-01", campus(*((code, "2013B", student, -10, None) for code, student in modules)), registrar)
    assert frame[["student_id", "student_name", "division"]].to_numpy().tolist() == [
        ["42", "Ada Example", "Letters"],
        ["7", "Student 7", "STEM"],
        ["7", "Student 7", "Unassigned"],
    ]


@pytest.mark.parametrize(
    ("day", "term"), [("2013-01-31", "2013C"), ("2013-02-28", "2013B"), ("2013-03-01", "2013C"), ("2013-05-13", "2013C")]
)
def test_in_two_presentations_the_started_one_counts_then_the_later(day: str, term: str) -> None:
    tables = campus(("AAA", "2013B", 42, -10, None), ("AAA", "2013C", 42, -60, None))
    assert on(day, tables)["term"].tolist() == [term]


def test_the_later_presentation_is_the_one_that_starts_later_whatever_its_code() -> None:
    tables = campus(("AAA", "2013B", 42, -60, None), ("AAA", "2013C", 42, -10, None))
    tables["courses"]["start_date"] = tables["courses"]["start_date"].iloc[::-1].to_numpy()
    assert on("2013-03-01", tables)["term"].tolist() == ["2013B"]


def test_first_enrolled_date_is_the_earliest_registration_in_the_module() -> None:
    tables = campus(("AAA", "2013B", 42, -10, -5), ("AAA", "2013J", 42, -20, None), ("BBB", "2013J", 42, -30, None))
    frame = on("2013-10-01", tables)
    assert frame[["program", "first_enrolled_date"]].astype("str").to_numpy().tolist() == [
        ["AAA", "2013-01-22"],
        ["BBB", "2013-09-01"],
    ]


REGISTRATIONS = st.lists(
    st.tuples(
        st.sampled_from(["AAA", "BBB"]),
        st.sampled_from(["2013B", "2013C", "2013J"]),
        st.integers(1, 4),
        st.none() | st.integers(-60, 90),
        st.none() | st.integers(-60, 120),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda row: row[:3],
)


@settings(max_examples=40, deadline=None)
@given(REGISTRATIONS, st.dates(date(2012, 12, 1), date(2014, 1, 31)))
def test_whatever_is_dated_after_a_day_changes_nothing_on_it(
    registrations: list[tuple[str, str, int, int | None, int | None]], day: date
) -> None:
    known = []
    for module, presentation, student, registered, unregistered in registrations:
        offset = (day - start_date(presentation)).days
        if registered is not None and registered <= offset:
            left = unregistered if unregistered is not None and unregistered <= offset else None
            known.append((module, presentation, student, registered, left))
    everything = on(str(day), campus(*registrations))
    if known:
        pd.testing.assert_frame_equal(everything, on(str(day), campus(*known)))
    else:
        assert everything.empty


@settings(max_examples=20, deadline=None)
@given(REGISTRATIONS, st.dates(date(2012, 12, 1), date(2014, 1, 31)))
def test_many_days_at_once_are_the_days_one_by_one(
    registrations: list[tuple[str, str, int, int | None, int | None]], first: date
) -> None:
    tables, days = campus(*registrations), pd.date_range(first, periods=4, unit="us")
    one_by_one = pd.concat([on(str(day.date()), tables) for day in days], ignore_index=True)
    together = ReplayRegistrar().snapshots(days, tables)
    pd.testing.assert_frame_equal(together, one_by_one)
    assert not together.duplicated(["snapshot_date", "student_id", "program"]).any()


def test_on_the_real_files_each_presentations_start_has_its_known_enrolment() -> None:
    if not (OULAD / "courses.parquet").exists():
        pytest.skip("no OULAD tables; set OULAD_TEST_DATA to a folder with courses.parquet and the other small tables")
    courses = pd.read_parquet(OULAD / "courses.parquet")
    courses["start_date"] = pd.to_datetime(courses["code_presentation"].map(start_date)).astype("datetime64[us]")
    tables = {"courses": courses, "student_info": pd.read_parquet(OULAD / "studentInfo.parquet")}
    tables["student_registration"] = pd.read_parquet(OULAD / "studentRegistration.parquet")
    frame = ReplayRegistrar().snapshots(pd.DatetimeIndex(["2013-02-01", "2013-10-01", "2014-02-01"]), tables)
    require(frame, ENROLLMENT_SNAPSHOTS)
    assert frame.groupby("snapshot_date").size().tolist() == [4368, 9390, 13963]


QUERY = "SELECT id AS student_id, name AS student_name, division, program, level FROM enrolled WHERE day = :snapshot_date"
NOW = "SELECT id AS student_id, name AS student_name, division, program, level FROM enrolled"
DAY = pd.DatetimeIndex(["2026-03-02"])


def database(folder: Path, *rows: tuple[object, ...]) -> str:
    path = folder / "registrar.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE enrolled (day TEXT, id, name TEXT, division TEXT, program TEXT, level TEXT)")
        connection.executemany("INSERT INTO enrolled VALUES (?, ?, ?, 'Arts', ?, 'Bachelor')", rows)
    connection.close()
    return f"sqlite:///{path}"


def test_a_day_is_selected_with_leading_zeros_kept_and_whole_numbers_as_text(tmp_path: Path) -> None:
    rows = [("2026-03-02", "00123", "Ada", "Law"), ("2026-03-02", 12, None, "Law"), ("2026-03-03", "00123", "Ada", "Law")]
    days = days_between(date(2026, 3, 2), date(2026, 3, 3))
    frame = require(DatabaseRegistrar(database(tmp_path, *rows), QUERY).snapshots(days, {}), ENROLLMENT_SNAPSHOTS)
    assert frame["student_id"].tolist() == ["00123", "12", "00123"]
    assert frame["snapshot_date"].astype("str").tolist() == ["2026-03-02", "2026-03-02", "2026-03-03"]
    assert frame[["status", "term"]].drop_duplicates().to_numpy().tolist() == [["active", "current"]]
    assert frame["student_name"].isna().tolist() == [False, True, False]


def test_status_term_and_dates_are_taken_where_the_query_selects_them(tmp_path: Path) -> None:
    query = NOW.replace("level", "level, 'leave' AS status, '26S' AS term, '2026-06-30' AS term_end_date")
    registrar = DatabaseRegistrar(database(tmp_path, ("", "1", "Ada", "Law")), query, today=date(2026, 3, 2))
    row = require(registrar.snapshots(DAY, {}), ENROLLMENT_SNAPSHOTS).astype("str").fillna("absent").iloc[0]
    assert row[["status", "term", "term_end_date", "first_enrolled_date"]].tolist() == ["leave", "26S", "2026-06-30", "absent"]


def test_dates_of_any_spelling_are_calendar_days_and_others_are_refused_by_row(tmp_path: Path) -> None:
    url = database(tmp_path, ("", "2026-06-30 23:59:00+02:00", "Ada", "Law"), ("", "9999-12-31", "Bo", "Law"))
    query = NOW.replace("level", "level, id AS term_end_date")
    frame = DatabaseRegistrar(url, query, today=date(2026, 3, 2)).snapshots(DAY, {})
    assert frame["term_end_date"].astype("str").tolist() == ["2026-06-30", "9999-12-31"]
    query = NOW.replace("level", "level, CASE name WHEN 'Bo' THEN 'Bo' END AS term_end_date")
    with pytest.raises(ContractError, match="row 2, term_end_date: 'Bo' is not a date"):
        DatabaseRegistrar(url, query, today=date(2026, 3, 2)).snapshots(DAY, {})


def test_blank_and_fractional_identifiers_are_refused_by_row(tmp_path: Path) -> None:
    rows = [("2026-03-02", value, "Ada", "Law") for value in ("1", None, "  ", 12.0)]
    with pytest.raises(ContractError) as refused:
        DatabaseRegistrar(database(tmp_path, *rows), QUERY).snapshots(DAY, {})
    assert str(refused.value).splitlines()[:3] == [
        "registrar query for 2026-03-02, row 2, student_id: 'None' is blank, and a student needs an identifier",
        "registrar query for 2026-03-02, row 3, student_id: '  ' is blank, and a student needs an identifier",
        "registrar query for 2026-03-02, row 4, student_id: '12.0' is neither text nor whole; CAST it to text",
    ]


def test_a_student_twice_in_a_program_is_refused_by_row_and_in_two_programs_is_not(tmp_path: Path) -> None:
    rows = [("2026-03-02", "007", "Ada", "Law"), ("2026-03-02", "007", "Ada", "History"), ("2026-03-02", "007 ", "Ada", "Law")]
    with pytest.raises(ContractError, match=r"row 3, student_id \+ program: '007, Law' repeats an earlier row"):
        DatabaseRegistrar(database(tmp_path, *rows), QUERY).snapshots(DAY, {})


def test_an_empty_extract_never_means_that_everybody_left(tmp_path: Path) -> None:
    registrar = DatabaseRegistrar(database(tmp_path, ("2026-03-02", "1", "Ada", "Law")), QUERY)
    with pytest.raises(RegistrarError, match=r"registrar query for 2026-03-03: .* has no rows; an empty extract never means"):
        registrar.snapshots(days_between(date(2026, 3, 2), date(2026, 3, 3)), {})


def test_a_query_without_a_date_speaks_of_today_only(tmp_path: Path) -> None:
    url = database(tmp_path, ("", "1", "Ada", "Law"))
    assert len(DatabaseRegistrar(url, NOW, today=date(2026, 3, 2)).snapshots(DAY, {})) == 1
    with pytest.raises(RegistrarError, match=r"describes now \(2026-03-03\) and says nothing about 2026-03-02; bind"):
        DatabaseRegistrar(url, NOW, today=date(2026, 3, 3)).snapshots(DAY, {})


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT id AS student_id, name, 1 AS gpa FROM enrolled", r"missing columns \['student_name', .*unexpected .*'gpa'"),
        ("DELETE FROM enrolled", "attempt to write a readonly database"),
        ("DELETE FROM enrolled RETURNING *", "attempt to write a readonly database"),
        ("SELECT * FROM nowhere", "no such table: nowhere; check URL"),
        ("SELECT 1 WHERE :tomorrow", r"binds \['tomorrow'\]; only :snapshot_date is known"),
    ],
)
def test_an_unfit_query_is_refused_with_its_reason_and_writes_nothing(tmp_path: Path, query: str, reason: str) -> None:
    url = database(tmp_path, ("2026-03-02", "1", "Ada", "Law"))
    with pytest.raises(RegistrarError, match=reason):
        DatabaseRegistrar(url, query, today=date(2026, 3, 2)).snapshots(DAY, {})
    assert len(DatabaseRegistrar(url, QUERY).snapshots(DAY, {})) == 1


def test_the_password_is_in_no_message(tmp_path: Path) -> None:
    registrar = DatabaseRegistrar("postgresql://reader:s3cret@127.0.0.1:1/campus", QUERY)
    with pytest.raises(RegistrarError, match=r"postgresql database 'campus' on 127\.0\.0\.1: .*check URL") as refused:
        registrar.snapshots(DAY, {})
    assert "s3cret" not in f"{refused.value} {registrar!r}"
    with pytest.raises(RegistrarError, match="URL is not one"):
        DatabaseRegistrar("reader:s3cret@campus", QUERY).snapshots(DAY, {})
