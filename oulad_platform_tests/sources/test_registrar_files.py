"""Extracts from folders and buckets of daily files."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oulad_platform.sources.registrar import Extract, RegistrarConfig, RegistrarError
from oulad_platform.sources.registrar.files import FilesRegistrar

DAY, NEXT = date(2026, 3, 2), date(2026, 3, 3)
HEAD = b"student_id,program,division,level,student_name,gpa\n"
ROW = b"00123,Law,Arts,BA, Ada ,3\n"


def extract(folder: Path | str, *days: date, pattern: str = "*{date}*", **settings: Any) -> list[Extract]:
    config = RegistrarConfig(kind="files", location=str(folder), file_pattern=pattern, **settings)
    return list(FilesRegistrar(str(folder), config).extract(days or (DAY,), {}))


def rows(extract: Extract) -> list[list[object]]:
    assert (extract.rows.dtypes == "str").all()
    return extract.rows.astype("object").where(extract.rows.notna(), None).to_numpy().tolist()


def write(folder: Path, content: bytes, name: str = "students_2026-03-02.csv") -> Path:
    (folder / name).write_bytes(content)
    return folder


GIVEN = [["00123", "Law", "Arts", "BA", " Ada ", "current"]]


@pytest.mark.fault("A17")
@pytest.mark.parametrize(
    "content",
    [HEAD + ROW, b"\xef\xbb\xbf" + HEAD + ROW, (HEAD + ROW).replace(b"\n", b"\r\n"), HEAD + ROW.replace(b"Law", b'"Law"')],
)
def test_a_csv_is_read_as_it_is_written(tmp_path: Path, content: bytes) -> None:
    (given,) = extract(write(tmp_path, content))
    assert (given.day, given.where, rows(given)) == (DAY, "students_2026-03-02.csv", GIVEN)


@pytest.mark.fault("A2", "A19")
def test_repeats_blanks_and_question_marks_are_kept_and_a_header_alone_is_an_empty_extract(tmp_path: Path) -> None:
    write(tmp_path, HEAD + ROW + ROW + b'?,,"He said ""no""",BA,,\n')
    write(tmp_path, HEAD, "students_2026-03-03.csv")
    first, second = extract(tmp_path, DAY, NEXT)
    assert rows(first) == [*GIVEN, *GIVEN, ["?", "", 'He said "no"', "BA", "", "current"]]
    assert second.rows.shape == (0, 6)


def test_gzip_and_compact_dates_are_read(tmp_path: Path) -> None:
    write(tmp_path, gzip.compress(HEAD + ROW), "enrolled20260302.csv.gz")
    (given,) = extract(tmp_path, pattern="enrolled{date:%Y%m%d}.csv.gz")
    assert rows(given) == GIVEN


@pytest.mark.fault("A4", "A7", "A8", "A9", "A10", "A14", "A15", "A16", "A20")
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (HEAD + ROW + b"1,Law,Arts\n", "row 3: has 3 fields instead of 6"),
        (HEAD + ROW + HEAD, "row 3: repeats the header in the middle of the file"),
        (HEAD + ROW * 9 + b"1,La\x00w,Arts,BA,,\n", "row 11: holds a NUL byte"),
        (HEAD + b"1,Law,Arts,BA,\xe9,\n", "row 2: is not UTF-8"),
        (HEAD + ROW[:-1], "row 2: is the last line and has no line end: the file is cut"),
        (b"<html><body>Sign in</body></html>", "is a web page or XML, not a CSV"),
        ((HEAD + ROW).decode().encode("utf-16"), "is UTF-16; save it as UTF-8"),
        (b"", "is empty"),
        (HEAD.replace(b",", b";") + ROW, "fields are separated by ';' instead of a comma"),
        (HEAD.replace(b"level", b"levels") + ROW, "column 'level' is missing, the nearest is 'levels'"),
        (HEAD.replace(b"gpa", b"level") + ROW, "is in the header more than once"),
    ],
)
def test_a_damaged_csv_is_refused_by_file_and_row(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(RegistrarError, match=f"students_2026-03-02.csv.*{reason}"):
        extract(write(tmp_path, content))


def test_no_file_several_files_and_other_files_are_refused(tmp_path: Path) -> None:
    write(tmp_path, HEAD + ROW)
    with pytest.raises(RegistrarError, match=r"for 2026-03-03: no file '\*2026-03-03\*' in .* the nearest .*2026-03-02"):
        extract(tmp_path, NEXT)
    write(tmp_path, HEAD + ROW, "staff_2026-03-02.csv")
    with pytest.raises(RegistrarError, match=r"staff_2026-03-02.csv, students_2026-03-02.csv are several files for one day"):
        extract(tmp_path)
    write(tmp_path, HEAD, "2026-03-03.xlsx")
    with pytest.raises(RegistrarError, match=r"2026-03-03.xlsx is not .csv, .csv.gz or .parquet"):
        extract(tmp_path, NEXT)
    with pytest.raises(RegistrarError, match="does not exist"):
        extract(tmp_path / "nowhere")


COLUMNS = {"program": ["Law"], "division": ["Arts"], "level": ["BA"]}


@pytest.mark.fault("A17")
def test_parquet_keeps_text_and_turns_whole_numbers_and_dates_into_text(tmp_path: Path) -> None:
    end = pa.array([date(2026, 6, 30)])
    start = pa.array([pd.Timestamp("2026-02-01 00:30", tz="Europe/Berlin")], pa.timestamp("us", "Europe/Berlin"))
    for day, ids in (("2026-03-02", pa.array(["00123"]).dictionary_encode()), ("2026-03-03", pa.array([12]))):
        table = pa.table({"student_id": ids, **COLUMNS, "term_end_date": end, "term_start_date": start, "gpa": [3.5]})
        pq.write_table(table, tmp_path / f"{day}.parquet")
    assert [rows(given)[0][0] for given in extract(tmp_path, DAY, NEXT)] == ["00123", "12"]
    given = extract(tmp_path)[0].rows
    assert [given[name][0][:10] for name in ("term_start_date", "term_end_date")] == ["2026-02-01", "2026-06-30"]


@pytest.mark.fault("A17")
def test_a_float_identifier_in_parquet_is_refused_by_row_and_a_damaged_file_too(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"student_id": [None, 12.0], **{n: v * 2 for n, v in COLUMNS.items()}}), tmp_path / "2026-03-02.parquet"
    )
    with pytest.raises(RegistrarError, match=r"2026-03-02.parquet, row 2, student_id: is of type double, neither text nor whole"):
        extract(tmp_path)
    write(tmp_path, b"PAR1 and nothing else", "2026-03-03.parquet")
    with pytest.raises(RegistrarError, match=r"2026-03-03.parquet: is no parquet file, or damaged"):
        extract(tmp_path, NEXT)


def test_a_bucket_is_read_like_a_folder(s3: str, tmp_path: Path) -> None:
    import boto3

    pq.write_table(pa.table({"student_id": ["00123"], **COLUMNS, "student_name": [" Ada "]}), tmp_path / "p")
    client = boto3.client("s3")
    client.put_object(Bucket=s3, Key="daily/2026-03-02.csv", Body=HEAD + ROW)
    client.put_object(Bucket=s3, Key="daily/2026-03-03.parquet", Body=(tmp_path / "p").read_bytes())
    assert [rows(given) for given in extract(f"s3://{s3}/daily", DAY, NEXT)] == [GIVEN, GIVEN]
    with pytest.raises(RegistrarError, match="there are no files at all"):
        extract(f"s3://{s3}/empty")
