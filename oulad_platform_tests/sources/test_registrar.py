"""Extracts from registrations, point in time, and what every source of extracts has in common."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from oulad_platform.core.calendar import start_date
from oulad_platform.core.checks import require
from oulad_platform.enrollment.tables import ENROLLMENT_SNAPSHOTS
from oulad_platform.sources.registrar import Extract, Registrar, RegistrarConfig, RegistrarError, ReplayRegistrar, open_registrar
from oulad_platform.sources.registrar.config import CANONICAL
from oulad_platform.sources.registrar.extract import find_columns, rows_of, to_text

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
    (extract,) = (registrar or ReplayRegistrar()).extract([date.fromisoformat(day)], tables)
    assert (str(extract.day), extract.where) == (day, f"registrations as of {day}")
    return extract.rows


def stored(extract: Extract) -> pd.DataFrame:
    return require(extract.rows.assign(snapshot_date=pd.Timestamp(extract.day)), ENROLLMENT_SNAPSHOTS)


def test_a_registration_becomes_a_row_in_the_words_of_a_snapshot() -> None:
    (extract,) = ReplayRegistrar().extract([date(2013, 1, 31)], campus(("AAA", "2013B", 42, -10, None)))
    assert stored(extract).astype("str").iloc[0].to_dict() == {
        "snapshot_date": "2013-01-31",
        "student_id": "42",
        "student_name": "Student 42",
        "division": "Social Sciences",
        "program": "AAA",
        "level": "HE Qualification",
        "status": "registered",
        "term": "2013B",
        "term_start_date": "2013-02-01",
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


@pytest.mark.fault("property 4")
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
def test_many_days_at_once_are_the_days_one_by_one_in_order(
    registrations: list[tuple[str, str, int, int | None, int | None]], first: date
) -> None:
    tables = campus(*registrations)
    days = [first + timedelta(days=offset) for offset in (3, 0, 1)]
    together = list(ReplayRegistrar().extract(days, tables))
    assert [extract.day for extract in together] == days
    for extract in together:
        pd.testing.assert_frame_equal(extract.rows, on(str(extract.day), tables))
        assert not extract.rows.duplicated(["student_id", "program"]).any()


def test_on_the_real_files_each_presentations_start_has_its_known_enrolment() -> None:
    if not (OULAD / "courses.parquet").exists():
        pytest.skip("no OULAD tables; set OULAD_TEST_DATA to a folder with courses.parquet and the other small tables")
    courses = pd.read_parquet(OULAD / "courses.parquet")
    courses["start_date"] = pd.to_datetime(courses["code_presentation"].map(start_date)).astype("datetime64[us]")
    tables = {"courses": courses, "student_info": pd.read_parquet(OULAD / "studentInfo.parquet")}
    tables["student_registration"] = pd.read_parquet(OULAD / "studentRegistration.parquet")
    days = [date(2013, 2, 1), date(2013, 10, 1), date(2014, 2, 1)]
    assert [len(stored(extract)) for extract in ReplayRegistrar().extract(days, tables)] == [4368, 9390, 13963]


def test_the_columns_of_an_extract_are_those_of_a_snapshot() -> None:
    assert list(CANONICAL) == ENROLLMENT_SNAPSHOTS.names[1:]


def rows(config: RegistrarConfig, **columns: list[object]) -> list[list[object]]:
    """What a source with these columns gives under `config`, column by column, absent values as None."""
    names = list(columns)
    batch = pa.table({str(place): to_text(columns[name], name, "here", 1) for place, name in enumerate(names)})
    frame = rows_of([batch], find_columns(names, config, "here"), config)
    assert (frame.dtypes == "str").all()
    return frame.astype("object").where(frame.notna(), None).to_numpy().tolist()


LAW = {"division": ["Arts"], "program": ["Law"], "level": ["BA"]}


@pytest.mark.fault("A17")
def test_values_stay_as_they_were_given_and_a_source_without_a_term_gets_one() -> None:
    row = ["00123 ", "Law", "Arts", "", None, "current"]
    assert rows(RegistrarConfig(), **(LAW | {"student_id": ["00123 "], "level": [""], "student_name": [None]})) == [row]


@pytest.mark.fault("A5", "A6", "B3")
def test_columns_are_found_by_their_mapping_whatever_the_capitals_and_surplus_ones_are_ignored() -> None:
    config = RegistrarConfig(columns={"student_id": "ID", "program": ["PROG", "CAMPUS"]}, constants={"division": "All"})
    given = {
        "Id": [12, 13, 14],
        "prog ": ["LAW  ", "ART", " "],
        "Campus": ["N", None, "S"],
        "LEVEL": ["BA"] * 3,
        "gpa": [None] * 3,
    }
    assert rows(config, **given) == [
        ["12", "LAW-N", "All", "BA", "current"],
        ["13", None, "All", "BA", "current"],
        ["14", None, "All", "BA", "current"],
    ]


def test_dates_and_moments_become_iso_text() -> None:
    given = {"student_id": ["1", "2"], "division": ["A"] * 2, "program": ["P"] * 2, "level": ["L"] * 2}
    ends = [date(2026, 6, 30), datetime(2026, 6, 30, 23, 59, tzinfo=UTC)]
    assert [row[-1] for row in rows(RegistrarConfig(constants={"term": "T"}), **given, term_end_date=ends)] == [
        "2026-06-30",
        "2026-06-30T23:59:00+00:00",
    ]


@pytest.mark.parametrize(
    ("value", "kind"), [(12.0, "float"), (Decimal("12"), "Decimal"), (True, "bool"), (b"12", "bytes"), ({"a": 1}, "dict")]
)
def test_an_identifier_that_is_neither_text_nor_whole_is_refused_by_row_and_not_repeated(value: object, kind: str) -> None:
    with pytest.raises(RegistrarError) as refused:
        to_text(["1", None, value], "student_id", "query of today", 1)
    assert str(refused.value) == f"query of today, row 3, student_id: is of type {kind}, neither text nor whole; CAST it to text"


def test_half_a_character_is_refused_by_row() -> None:
    with pytest.raises(RegistrarError, match="here, row 12, student_name: holds half a character; repair it"):
        to_text(["Ada", "\ud800"], "student_name", "here", 11)


@pytest.mark.fault("A4", "A7", "B5")
@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["studentid", "program", "division", "level"], "column 'student_id' is missing, the nearest is 'studentid'"),
        (["student_id;program;division;level"], "column 'level' is missing: fields are separated by ';' instead of a comma"),
        (["ID", "id", "program", "division"], "column 'student_id' is missing, .*'level' is missing"),
        (["student_id", "program", "division", "LEVEL", "Level"], "column 'level' is there 2 times; keep one"),
    ],
)
def test_a_required_column_that_is_missing_or_doubled_is_named_with_the_nearest(names: list[str], reason: str) -> None:
    with pytest.raises(RegistrarError, match=f"^here: .*{reason}.* map them under registrar.columns"):
        find_columns(names, RegistrarConfig(), "here")


def test_a_mapped_column_has_to_be_there_even_if_it_is_optional() -> None:
    with pytest.raises(RegistrarError, match=r"column 'STAT' \(for status\) is missing, the nearest is 'STATE'"):
        find_columns([*REQUIRED_NAMES, "STATE"], RegistrarConfig(columns={"status": "STAT"}), "here")


REQUIRED_NAMES = ["student_id", "program", "division", "level"]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"columns": {"student": "ID"}}, "there are no columns student; there are student_id, student_name"),
        ({"columns": {"status": []}}, "nothing is given for status"),
        ({"columns": {"term": "T"}, "constants": {"term": "26S"}}, "term: give a source column or a constant, not both"),
        ({"kind": "files"}, "kind files needs location"),
        ({"kind": "https", "location": "http://registrar.example.edu/"}, "must be an https:// address"),
        ({"kind": "https", "location": "https://me:secret@registrar.example.edu/"}, "hold no user or password"),
        ({"file_pattern": "students.csv"}, "must hold {date}"),
        ({"file_pattern": "{day}.csv"}, "is not a pattern such as students_{date}.csv"),
        ({"password": "x"}, "Extra inputs are not permitted"),
    ],
)
def test_settings_that_make_no_source_are_refused(settings: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        RegistrarConfig.model_validate(settings)


def opened(config: RegistrarConfig, url: str | None = None, query: str | None = None) -> Registrar:
    return open_registrar(config, url=url, query=query, token=None, today=date(2026, 3, 2), region=None, replay=ReplayRegistrar())


def test_each_kind_of_source_is_opened_and_a_database_needs_url_and_query() -> None:
    here = {"location": "https://registrar.example.edu/enrolled"}
    kinds = [opened(RegistrarConfig.model_validate({"kind": kind, **here}), "sqlite://", "SELECT 1") for kind in KINDS]
    assert [type(registrar).__name__ for registrar in kinds] == [
        "ReplayRegistrar",
        "DatabaseRegistrar",
        "FilesRegistrar",
        "HttpsRegistrar",
    ]
    with pytest.raises(RegistrarError, match="lacks its URL: set ENROLLMENT_DB_URL"):
        opened(RegistrarConfig(kind="database"), query="SELECT 1")
    with pytest.raises(RegistrarError, match="lacks its query: set ENROLLMENT_SQL_QUERY"):
        opened(RegistrarConfig(kind="database"), url="sqlite://")


KINDS = ("replay", "database", "files", "https")
