from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oulad_platform.core.tables import Column, Table, TableError
from oulad_platform.storage import files
from oulad_platform.storage.errors import MissingTableError, SchemaMismatchError, StorageError
from oulad_platform.storage.lake import Lake

ROOT = Path(__file__).resolve().parents[2]
MONDAY, TUESDAY, WEDNESDAY = date(2014, 5, 19), date(2014, 5, 20), date(2014, 5, 21)
VISITS = Table(
    "visits",
    "One row per student and day.",
    (
        Column("student", "text", "The student."),
        Column("day", "date", "The day."),
        Column("n_clicks", "int32", "Clicks.", nullable=True),
        Column("note", "text", "A note.", nullable=True),
    ),
    key=("student", "day"),
    day="day",
)
CLICKS = pa.schema([pa.field("student", pa.string()), pa.field("day", pa.date32()), pa.field("n_clicks", pa.int32())])


def visits(*rows: tuple[str, date, int | None, str | None]) -> pd.DataFrame:
    return VISITS.conform(pd.DataFrame(rows, columns=VISITS.names).astype({"day": "datetime64[us]"}))


def chunk(*students: str) -> pa.Table:
    return VISITS.to_arrow(visits(*((student, MONDAY, 1, None) for student in students)))


@pytest.fixture(params=["folder", "s3"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    if request.param == "folder":
        return Lake(str(tmp_path / "lake"))
    return Lake(f"s3://{request.getfixturevalue('s3')}/a prefix/für alle/")


def test_days_are_replaced_and_read_back_by_key_and_a_day_without_rows_is_known_to_be_empty(lake: Lake) -> None:
    frame = visits(("b", MONDAY, None, ""), ("a", WEDNESDAY, 3, None), ("00123", MONDAY, 1, "😀"))
    assert lake.replace_days("success", VISITS, frame, [WEDNESDAY, TUESDAY, MONDAY]) == {MONDAY: 2, TUESDAY: 0, WEDNESDAY: 1}
    assert lake.days("success", VISITS) == [MONDAY, TUESDAY, WEDNESDAY]
    pd.testing.assert_frame_equal(lake.read_days("success", VISITS, [MONDAY, TUESDAY, WEDNESDAY]), frame)
    lake.replace_days("success", VISITS, visits(("c", MONDAY, 1, None)), [MONDAY])
    assert lake.read_days("success", VISITS, [WEDNESDAY, MONDAY])["student"].tolist() == ["a", "c"]


def test_days_that_were_never_written_are_left_out_and_none_at_all_is_an_empty_conforming_frame(lake: Lake) -> None:
    assert lake.days("success", VISITS) == []
    pd.testing.assert_frame_equal(lake.read_days("success", VISITS, [MONDAY]), VISITS.empty())


def test_the_newest_day_is_the_latest_whose_file_has_rows(lake: Lake) -> None:
    assert lake.newest_day("success", VISITS) is None
    lake.replace_days("success", VISITS, VISITS.empty(), [MONDAY])
    assert lake.newest_day("success", VISITS) is None
    lake.replace_days("success", VISITS, visits(("a", MONDAY, 1, None), ("a", TUESDAY, 1, None)), [MONDAY, TUESDAY, WEDNESDAY])
    assert lake.newest_day("success", VISITS) == TUESDAY


def test_clearing_removes_everything_below_the_root_facts_included_and_it_can_be_filled_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "S3_BATCH", 2)
    lake.clear()
    lake.remember("source", "demo")
    lake.replace_days("success", VISITS, visits(("a", MONDAY, 1, None)), [MONDAY, TUESDAY])
    lake.replace_parts("sources", VISITS, [("2013J", chunk("b"))])
    (lake._root / "stray").mkdir()
    (lake._root / "stray" / "by hand.txt").write_text("x")
    beside = Lake(f"{lake.uri.rstrip('/')} 2")
    beside.replace("sources", VISITS, visits(("a", MONDAY, 1, None)))
    lake.clear()
    assert [str(path) for path in lake._root.rglob("*")] == []
    assert len(beside.read("sources", VISITS)) == 1
    assert lake.remember("source", "files") == "files"
    assert lake.days("success", VISITS) == []


def test_clearing_keeps_what_links_in_the_lake_lead_to(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept.txt").write_text("x")
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "folder").symlink_to(elsewhere)
    (tmp_path / "lake" / "file.txt").symlink_to(elsewhere / "kept.txt")
    Lake(str(tmp_path / "lake")).clear()
    assert list((tmp_path / "lake").iterdir()) == []
    assert (elsewhere / "kept.txt").read_text() == "x"


def test_a_clearing_that_fails_midway_keeps_the_facts(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.remember("source", "demo")
    lake.replace("sources", VISITS, visits(("a", MONDAY, 1, None)))
    lake.replace("alumni", VISITS, visits(("a", MONDAY, 1, None)))

    owner, name = (files, "discard") if isinstance(lake._root, Path) else (lake._root.client.client, "delete_objects")
    discard, calls = getattr(owner, name), []

    def cut_at_the_second_call(*arguments: object, **options: object) -> object:
        calls.append(arguments)
        if len(calls) == 2:
            raise OSError("cut")
        return discard(*arguments, **options)

    monkeypatch.setattr(owner, name, cut_at_the_second_call)
    with pytest.raises(StorageError, match="cut"):
        lake.clear()
    assert lake.remember("source", "files") == "demo"


def test_rows_of_another_day_are_refused_before_anything_is_written(lake: Lake) -> None:
    with pytest.raises(StorageError, match="table visits, day: rows of 2014-05-20"):
        lake.replace_days("success", VISITS, visits(("a", MONDAY, 1, None), ("a", TUESDAY, 1, None)), [MONDAY])
    assert lake.days("success", VISITS) == []


def test_a_whole_table_is_replaced_and_one_that_was_never_written_names_its_asset(lake: Lake) -> None:
    with pytest.raises(
        MissingTableError, match=r"The sources/visits table is empty\. Materialize the asset sources/visits first\."
    ):
        lake.read("sources", VISITS)
    frame = visits(("a", MONDAY, 1, None), ("b", MONDAY, 2, "x"))
    assert lake.replace("sources", VISITS, frame) == 2
    pd.testing.assert_frame_equal(lake.read("sources", VISITS), frame)


def test_a_fact_is_remembered_as_it_was_first_told(lake: Lake) -> None:
    assert lake.remember("demo_campus", "2014-05-20") == "2014-05-20"
    assert lake.remember("demo_campus", "2014-05-21") == "2014-05-20"


def test_a_place_is_probed_without_remains(lake: Lake) -> None:
    assert lake.probe().endswith("can be written and read")
    assert not list(lake._root.rglob("probe*"))


def test_parts_repeat_in_order_and_parts_that_are_gone_are_removed(lake: Lake) -> None:
    assert lake.replace_parts("sources", VISITS, [("2013J", chunk("b")), ("2014B", chunk("c")), ("2013J", chunk("a"))]) == {
        "2013J": 2,
        "2014B": 1,
    }
    parts = lake.parts("sources", VISITS)
    assert list(parts) == ["2013J", "2014B"]
    assert parts["2013J"]["student"].tolist() == ["b", "a"]
    assert lake.parts("sources", VISITS, columns=["n_clicks", "student"])["2014B"].columns.tolist() == ["student", "n_clicks"]
    lake.replace_parts("sources", VISITS, [("2014J", chunk("d"))])
    assert list(lake.parts("sources", VISITS)) == ["2014J"]
    assert "2013J" not in parts
    with pytest.raises(KeyError, match="visits has no part '2013J'"):
        parts["2013J"]
    with pytest.raises(TableError, match="visits has no columns"):
        lake.parts("sources", VISITS, columns=["clicks"])


@pytest.mark.fault("F1")
def test_parts_stay_as_they_were_when_the_chunks_fail_or_there_are_none(lake: Lake, tmp_path: Path) -> None:
    lake.replace_parts("sources", VISITS, [("2013J", chunk("a"))])

    def broken() -> Iterator[tuple[str, pa.Table]]:
        yield "2013J", chunk("b")
        raise ValueError("studentVle.csv, row 2: cut")

    with pytest.raises(ValueError, match="row 2: cut"):
        lake.replace_parts("sources", VISITS, broken())
    with pytest.raises(StorageError, match="no parts were given"):
        lake.replace_parts("sources", VISITS, [])
    with pytest.raises(SchemaMismatchError, match=r"lacks the columns \['note'\]"):
        lake.replace_parts("sources", VISITS, [("2013J", CLICKS.empty_table())])
    assert lake.parts("sources", VISITS)["2013J"]["student"].tolist() == ["a"]
    assert list(tmp_path.rglob("*.aside")) == []


def test_a_file_in_an_older_shape_is_named_with_what_differs(lake: Lake) -> None:
    lake.replace("sources", VISITS, visits(("a", MONDAY, 1, None)))
    wider = Table("visits", VISITS.grain, (*VISITS.columns, Column("site", "int32", "Site.")), VISITS.key, VISITS.day)
    other = Table(
        "visits", VISITS.grain, (*VISITS.columns[:2], Column("n_clicks", "int64", "Clicks."), VISITS.columns[3]), VISITS.key
    )
    with pytest.raises(
        SchemaMismatchError, match=r"all\.parquet: lacks the columns \['site'\].*materialize sources/visits again"
    ):
        lake.read("sources", wider)
    with pytest.raises(SchemaMismatchError, match="declared otherwise: n_clicks is"):
        lake.read("sources", other)


@pytest.mark.fault("F8")
@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", ".hidden"])
def test_a_part_cannot_lead_out_of_its_table(name: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be a file's name"):
        Lake(str(tmp_path)).replace_parts("sources", VISITS, [(name, chunk("a"))])
    assert list(tmp_path.rglob("*.parquet")) == []


@pytest.mark.fault("F10")
def test_equal_rows_make_equal_bytes(tmp_path: Path) -> None:
    frame = visits(("a", MONDAY, 1, None), ("b", MONDAY, None, "x"))
    files = []
    for name in ("one", "two"):
        Lake(str(tmp_path / name)).replace_days("success", VISITS, frame.copy(), [MONDAY])
        files.append((tmp_path / name / "success" / "visits" / "2014-05-19.parquet").read_bytes())
    assert files[0] == files[1]


TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ROWS = st.tuples(
    st.uuids().map(str), st.dates(date(1900, 1, 1), date(2200, 1, 1)), st.none() | st.integers(-(2**31), 2**31 - 1), TEXTS
)


@pytest.mark.fault("property 7")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROWS, max_size=8))
def test_any_rows_survive_the_lake(tmp_path: Path, rows: list[tuple[str, date, int | None, str | None]]) -> None:
    lake, frame = Lake(str(tmp_path)), visits(*rows)
    lake.replace("sources", VISITS, frame)
    pd.testing.assert_frame_equal(lake.read("sources", VISITS), frame)
    days = [day.date() for day in frame["day"]]
    lake.replace_days("success", VISITS, frame, days)
    pd.testing.assert_frame_equal(lake.read_days("success", VISITS, days), frame)


WRITER = """
import sys, time
from oulad_platform.core.tables import Column, Table
from oulad_platform.storage.lake import Lake

table = Table("visits", "One row per student.", (Column("student", "text", "The student."),), ("student",))
def chunks():
    yield "2013J", table.to_arrow(table.empty())
    print("staged", flush=True)
    time.sleep(60)
Lake(sys.argv[1]).replace_parts("sources", table, chunks())
"""


@pytest.mark.fault("F1")
def test_a_writer_killed_in_the_middle_leaves_the_old_parts_and_the_next_one_sweeps_its_remains(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    lake.replace_parts("sources", VISITS, [("2013J", chunk("a"))])
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "staged\n"
        with_a_live_writer = lake.replace_parts("sources", VISITS, [("2013J", chunk("b"))])
        remains_of_the_live_writer = len(list(tmp_path.rglob("*.aside")))
        writer.kill()
    assert with_a_live_writer == {"2013J": 1}
    assert remains_of_the_live_writer == 1
    assert lake.parts("sources", VISITS)["2013J"]["student"].tolist() == ["b"]
    lake.replace_parts("sources", VISITS, [("2013J", chunk("c"))])
    assert list(tmp_path.rglob("*.aside")) == []


FIRST, SECOND = visits(("a", MONDAY, 1, None)), visits(("a", MONDAY, 2, "late"), ("b", MONDAY, 1, None))


def students(lake: Lake, version: int) -> list[str]:
    return lake.read_version("success", VISITS, MONDAY, version)["student"].tolist()


def test_a_correction_of_a_day_is_a_new_version_and_the_earlier_ones_stay_readable(lake: Lake) -> None:
    assert lake.versions("success", VISITS, MONDAY) == []
    assert lake.replace_day_versioned("success", VISITS, FIRST, MONDAY) == 1
    assert lake.versions("success", VISITS, MONDAY) == [1]
    pd.testing.assert_frame_equal(lake.read_version("success", VISITS, MONDAY, 1), FIRST)
    assert lake.replace_day_versioned("success", VISITS, SECOND, MONDAY) == 2
    assert lake.replace_day_versioned("success", VISITS, FIRST, MONDAY) == 3
    assert lake.versions("success", VISITS, MONDAY) == [1, 2, 3]
    pd.testing.assert_frame_equal(lake.read_version("success", VISITS, MONDAY, 2), SECOND)
    pd.testing.assert_frame_equal(lake.read_version("success", VISITS, MONDAY, 3), FIRST)
    pd.testing.assert_frame_equal(lake.read_days("success", VISITS, [MONDAY]), FIRST)
    assert lake.days("success", VISITS) == [MONDAY]
    assert lake.newest_day("success", VISITS) == MONDAY
    for missing in (0, 4):
        with pytest.raises(StorageError, match="is not there"):
            lake.read_version("success", VISITS, MONDAY, missing)


@pytest.mark.fault("F10")
def test_equal_rows_are_the_same_version_and_write_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.replace_day_versioned("success", VISITS, VISITS.empty(), TUESDAY)
    for rows in (FIRST, SECOND):
        lake.replace_day_versioned("success", VISITS, rows, MONDAY)
    for name in ("write_whole", "write_once"):
        monkeypatch.setattr(f"oulad_platform.storage.lake.{name}", lambda *_: pytest.fail("something was written"))
    assert lake.replace_day_versioned("success", VISITS, SECOND, MONDAY) == 2
    assert lake.replace_day_versioned("success", VISITS, VISITS.empty(), TUESDAY) == 1


def test_a_version_of_another_day_is_refused_and_one_in_an_older_shape_is_kept_aside(lake: Lake) -> None:
    with pytest.raises(StorageError, match="rows of 2014-05-19"):
        lake.replace_day_versioned("success", VISITS, FIRST, TUESDAY)
    narrow = Table("visits", VISITS.grain, VISITS.columns[:2], VISITS.key, VISITS.day)
    lake.replace_day_versioned("success", narrow, FIRST[["student", "day"]], MONDAY)
    assert lake.replace_day_versioned("success", VISITS, FIRST, MONDAY) == 2
    pd.testing.assert_frame_equal(lake.read_days("success", VISITS, [MONDAY]), FIRST)
    pd.testing.assert_frame_equal(lake.read_version("success", narrow, MONDAY, 1), FIRST[["student", "day"]])


def test_days_are_removed_with_all_their_versions_and_others_stay(lake: Lake) -> None:
    for rows in (FIRST, SECOND):
        lake.replace_day_versioned("success", VISITS, rows, MONDAY)
    lake.replace_days("success", VISITS, visits(("c", TUESDAY, 1, None)), [TUESDAY, WEDNESDAY])
    lake.remove_days("success", VISITS, [MONDAY, WEDNESDAY, date(2013, 1, 1)])
    lake.remove_days("success", VISITS, [MONDAY])
    assert lake.days("success", VISITS) == [TUESDAY]
    assert lake.versions("success", VISITS, MONDAY) == []
    assert lake.replace_day_versioned("success", VISITS, SECOND, MONDAY) == 1
    assert students(lake, 1) == ["a", "b"]


def test_days_are_read_one_by_one_as_arrow_with_chosen_columns_and_texts_as_codes(lake: Lake) -> None:
    lake.replace_days("success", VISITS, SECOND, [MONDAY, WEDNESDAY])
    daily = lake.daily("success", VISITS, ["note", "student"], dictionary=["note"])
    assert list(daily) == [MONDAY, WEDNESDAY]
    assert TUESDAY not in daily
    assert daily[MONDAY].schema.equals(
        pa.schema([pa.field("student", pa.string(), False), pa.field("note", pa.dictionary(pa.int32(), pa.string()))])
    )
    assert daily[MONDAY].to_pydict() == {"student": ["a", "b"], "note": ["late", None]}
    assert daily[WEDNESDAY].num_rows == 0
    assert lake.daily("success", VISITS)[MONDAY].schema.equals(VISITS.arrow_schema())
    with pytest.raises(KeyError, match="visits has no day"):
        daily[TUESDAY]
    with pytest.raises(TableError, match="visits has no columns"):
        lake.daily("success", VISITS, dictionary=["clicks"])
    wider = Table("visits", VISITS.grain, (*VISITS.columns, Column("site", "int32", "Site.")), VISITS.key, VISITS.day)
    with pytest.raises(SchemaMismatchError, match=r"lacks the columns \['site'\]"):
        lake.daily("success", wider, ["student"], dictionary=["student"])[MONDAY]


CORRECTION = """
import os, signal, sys
from datetime import date
import pandas as pd
from oulad_platform.core.tables import Column, Table
from oulad_platform.storage import lake

table = Table("visits", "One row per student.", (Column("student", "text", "The student."), Column("day", "date", "The day.")),
              ("student", "day"), "day")
folder, students, cut = sys.argv[1], sys.argv[2], sys.argv[3]
writes = [(name, getattr(lake, name)) for name in ("write_once", "write_whole")]
done = []
def until_cut(name, write):
    def call(*arguments):
        done.append(name)
        if f"{name} {done.count(name)}" == cut:
            os.kill(os.getpid(), signal.SIGKILL)
        return write(*arguments)
    return call
for name, write in writes:
    setattr(lake, name, until_cut(name, write))
day = date(2014, 5, 19)
for student in students.split(","):
    frame = table.conform(pd.DataFrame({"student": [student], "day": pd.Timestamp(day)}))
    print(lake.Lake(folder).replace_day_versioned("success", table, frame, day), flush=True)
"""
DAY_OF_STUDENTS = Table("visits", "One row per student.", VISITS.columns[:2], ("student", "day"), "day")


def correct(folder: Path, students: str, cut: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CORRECTION, str(folder), students, cut]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def one_student(student: str) -> pd.DataFrame:
    return visits((student, MONDAY, 1, None))[["student", "day"]]


def history(lake: Lake) -> list[str]:
    versions = lake.versions("success", DAY_OF_STUDENTS, MONDAY)
    assert versions == list(range(1, len(versions) + 1))
    return [lake.read_version("success", DAY_OF_STUDENTS, MONDAY, version)["student"].item() for version in versions]


def current(lake: Lake) -> str:
    return str(lake.read_days("success", DAY_OF_STUDENTS, [MONDAY])["student"].item())


@pytest.mark.fault("C6", "F1", "property 13")
@pytest.mark.parametrize("cut", ["write_once 1", "write_once 2", "write_whole 1"])
def test_a_correction_killed_anywhere_leaves_the_old_rows_current_and_doubles_or_loses_no_version_when_run_again(
    tmp_path: Path, cut: str
) -> None:
    lake = Lake(str(tmp_path))
    lake.replace_day_versioned("success", DAY_OF_STUDENTS, one_student("a"), MONDAY)
    with correct(tmp_path, "b", cut) as killed:
        assert killed.wait() == -9
    assert current(lake) == "a"
    with correct(tmp_path, "b") as again:
        assert again.communicate() == ("2\n", None)
    assert history(lake) == ["a", "b"]
    assert current(lake) == "b"
    assert list(tmp_path.rglob("*.aside")) == []


@pytest.mark.fault("C5")
def test_two_processes_that_correct_one_day_at_once_lose_nothing_and_the_newest_version_is_current(tmp_path: Path) -> None:
    ours, theirs = [f"a{i}" for i in range(20)], [f"b{i}" for i in range(20)]
    with correct(tmp_path, ",".join(ours)) as one, correct(tmp_path, ",".join(theirs)) as other:
        assert (one.wait(), other.wait()) == (0, 0)
    lake = Lake(str(tmp_path))
    kept = history(lake)
    assert sorted(kept) == sorted([*ours, *theirs])
    assert [student for student in kept if student in ours] == ours
    assert current(lake) == kept[-1]


@pytest.mark.fault("C5")
def test_two_threads_that_correct_one_day_at_once_lose_nothing_on_a_folder_nor_in_a_bucket(lake: Lake) -> None:
    def corrections(name: str) -> list[int]:
        own = Lake(lake.uri)
        frames = [one_student(f"{name}{i}") for i in range(5)]
        return [own.replace_day_versioned("success", DAY_OF_STUDENTS, frame, MONDAY) for frame in frames]

    with ThreadPoolExecutor(2) as writers:
        list(writers.map(corrections, ["a", "b"]))
    kept = history(lake)
    assert sorted(kept) == ["a0", "a1", "a2", "a3", "a4", "b0", "b1", "b2", "b3", "b4"]
    assert current(lake) == kept[-1]


@pytest.mark.fault("C6", "property 13")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from("abc"), min_size=1, max_size=6))
def test_any_corrections_give_a_version_for_each_change(tmp_path: Path, steps: list[str]) -> None:
    lake, expected = Lake(str(tmp_path)), list[str]()
    lake.clear()
    for step in steps:
        expected += [step] if expected[-1:] != [step] else []
        assert lake.replace_day_versioned("success", DAY_OF_STUDENTS, one_student(step), MONDAY) == len(expected)
    assert history(lake) == expected
    assert current(lake) == expected[-1]
