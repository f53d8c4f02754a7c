"""The seven official files, small and by hand: what circulates is taken, what is damaged is refused by name."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import ContractError, check_frame
from oulad_platform.sources import csv_lines, oulad
from oulad_platform.sources.oulad import OuladFiles
from oulad_platform.sources.tables import SMALL_TABLES, STUDENT_VLE

PLAIN = {
    "courses": "code_module,code_presentation,module_presentation_length\nAAA,2013J,268\nBBB,2014B,240\n",
    "assessments": "code_module,code_presentation,id_assessment,assessment_type,date,weight\n"
    "AAA,2013J,1752,TMA,19,10\nAAA,2013J,1757,Exam,,100\nBBB,2014B,1800,CMA,20,7.5\n",
    "vle": "id_site,code_module,code_presentation,activity_type,week_from,week_to\n"
    "546943,AAA,2013J,resource,,\n546712,AAA,2013J,oucontent,1,2\n600,BBB,2014B,homepage,?,?\n",
    "studentInfo": "code_module,code_presentation,id_student,gender,region,highest_education,imd_band,age_band,"
    "num_of_prev_attempts,studied_credits,disability,final_result\n"
    "AAA,2013J,28400,F,Scotland,HE Qualification,10-20,35-55,0,60,N,Pass\n"
    "AAA,2013J,11391,M,East Anglian Region,HE Qualification,90-100%,55<=,0,240,N,Withdrawn\n"
    "BBB,2014B,28400,F,Wales,No Formal quals,,0-35,1,60,Y,Fail\n",
    "studentRegistration": "code_module,code_presentation,id_student,date_registration,date_unregistration\n"
    "AAA,2013J,28400,-53,\nAAA,2013J,11391,-159,12\nBBB,2014B,28400,?,?\n",
    "studentAssessment": "id_assessment,id_student,date_submitted,is_banked,score\n1752,28400,22,0,70\n1752,11391,18,0,\n",
    "studentVle": "code_module,code_presentation,id_student,id_site,date,sum_click\n"
    "AAA,2013J,28400,546943,-10,4\nAAA,2013J,28400,546943,-10,4\nAAA,2013J,11391,546712,0,12\n"
    "BBB,2014B,28400,600,30,1\nAAA,2013J,28400,546712,7,3\n",
}
CLICKS = {
    "AAA_2013J": [(28400, 546943, -10, 4), (28400, 546943, -10, 4), (11391, 546712, 0, 12), (28400, 546712, 7, 3)],
    "BBB_2014B": [(28400, 600, 30, 1)],
}


def quoted(text: str) -> str:
    lines = text.removesuffix("\n").split("\n")
    return "".join(",".join(f'"{field}"' for field in line.split(",")) + "\n" for line in lines)


def campus(folder: Path, **changed: str | bytes) -> OuladFiles:
    """The files in `folder`, those named in `changed` replaced by that text."""
    folder.mkdir(exist_ok=True)
    for stem, text in {**PLAIN, **changed}.items():
        (folder / f"{stem}.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    return OuladFiles(str(folder))


def zipped(texts: dict[str, str]) -> bytes:
    """A zip of the texts; a name without ending is a stem."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name if "." in name else f"{name}.csv", text)
    return buffer.getvalue()


def read(files: OuladFiles) -> tuple[dict[str, pd.DataFrame], dict[str, list[tuple[int, ...]]]]:
    tables = files.tables()
    clicks: dict[str, list[tuple[int, ...]]] = {}
    for part, chunk in files.clicks(tables):
        assert chunk.schema == STUDENT_VLE.chunk_schema()
        numbers = chunk.select(["id_student", "id_site", "date", "sum_click"]).to_pydict()
        clicks.setdefault(part, []).extend(zip(*numbers.values(), strict=True))
    return tables, clicks


def refusal(files: OuladFiles) -> str:
    with pytest.raises(ContractError) as caught:
        read(files)
    return str(caught.value)


def assert_same_tables(left: dict[str, pd.DataFrame], right: dict[str, pd.DataFrame]) -> None:
    assert left.keys() == right.keys()
    for name, frame in left.items():
        pd.testing.assert_frame_equal(frame, right[name])


@pytest.mark.fault("A19")
def test_the_small_tables_conform_and_break_no_rule(tmp_path: Path) -> None:
    tables = campus(tmp_path).tables()
    for table in SMALL_TABLES:
        pd.testing.assert_frame_equal(tables[table.name], table.conform(tables[table.name]))
        assert check_frame(tables[table.name], table) == []
    info = tables["student_info"]
    assert info["id_student"].tolist() == [11391, 28400, 28400]
    assert info["imd_band"].tolist()[:2] == ["90-100%", "10-20%"]
    assert info["imd_band"].isna().tolist() == [False, False, True]
    assert tables["student_registration"]["date_unregistration"].isna().tolist() == [False, True, True]
    assert tables["assessments"]["weight"].tolist() == [10.0, 100.0, 7.5]
    assert tables["student_assessment"]["score"].isna().tolist() == [True, False]


@pytest.mark.fault("A21")
def test_equal_click_rows_stay_and_rows_keep_the_order_of_the_file(tmp_path: Path) -> None:
    assert read(campus(tmp_path))[1] == CLICKS


def test_start_dates_come_from_the_code_the_settings_and_the_shift(tmp_path: Path) -> None:
    campus(tmp_path)
    files = OuladFiles(str(tmp_path), {"2014B": date(2014, 2, 10)}, shift_days=7)
    assert [day.date() for day in files.tables()["courses"]["start_date"]] == [date(2013, 10, 8), date(2014, 2, 17)]


def test_a_code_without_a_start_date_is_refused_with_the_setting_to_fill(tmp_path: Path) -> None:
    changed = {stem: text.replace("2014B", "spring") for stem, text in PLAIN.items()}
    message = refusal(campus(tmp_path, **changed))
    assert message.startswith("courses.csv, row 3, code_presentation: 'spring' has no start date")
    assert "start_dates" in message


FLAVOURS = {
    "every field quoted": quoted,
    "crlf": lambda text: text.replace("\n", "\r\n"),
    "cr": lambda text: text.replace("\n", "\r"),
    "byte order mark": lambda text: "\ufeff" + text,
    "quoted with crlf and byte order mark": lambda text: "\ufeff" + quoted(text).replace("\n", "\r\n"),
    "columns reversed": lambda text: "".join(",".join(line.split(",")[::-1]) + "\n" for line in text.splitlines()),
    "question marks for blanks": lambda text: text.replace(",,", ",?,").replace(",\n", ",?\n"),
    "texts quoted, numbers not": lambda text: text.replace("AAA", '"AAA"').replace("BBB", '"BBB"'),
    "blank lines at the end": lambda text: text + "\n\n",
    "quoted, no line end after the last row": lambda text: quoted(text).removesuffix("\n"),
}


@pytest.mark.fault("A6", "A12", "A19")
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_what_circulates_reads_the_same(tmp_path: Path, flavour: str) -> None:
    expected, _ = read(campus(tmp_path / "plain"))
    files = campus(tmp_path / "other", **{stem: FLAVOURS[flavour](text) for stem, text in PLAIN.items()})
    tables, clicks = read(files)
    assert_same_tables(tables, expected)
    assert clicks == CLICKS
    assert files.warnings == []


@pytest.mark.fault("A5")
def test_extra_columns_are_ignored_with_a_warning_that_names_them(tmp_path: Path) -> None:
    extra = {
        stem: "\n".join(f'{line},"{"note" if row == 0 else "x y, z"}"' for row, line in enumerate(PLAIN[stem].splitlines()))
        + "\n"
        for stem in ("vle", "studentVle")
    }
    files = campus(tmp_path, **extra)
    tables, clicks = read(files)
    assert clicks == CLICKS
    assert tables["vle"].columns.tolist()[-1] == "week_to"
    assert files.warnings == [
        "vle.csv: columns that no table knows were ignored: 'note'",
        "studentVle.csv: columns that no table knows were ignored: 'note'",
    ]


def test_gzipped_files_and_a_zip_with_a_sub_folder_read_the_same(tmp_path: Path) -> None:
    expected, _ = read(campus(tmp_path / "plain"))
    (tmp_path / "gz").mkdir()
    for stem, text in PLAIN.items():
        (tmp_path / "gz" / f"{stem}.csv.gz").write_bytes(gzip.compress(text.encode()))
    with zipfile.ZipFile(tmp_path / "anonymisedData.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for stem, text in PLAIN.items():
            archive.writestr(f"open_university/{stem}.csv", text)
            archive.writestr(f"__MACOSX/open_university/{stem}.csv", "x")
    for place in ("gz", "anonymisedData.zip"):
        tables, clicks = read(OuladFiles(str(tmp_path / place)))
        assert_same_tables(tables, expected)
        assert clicks == CLICKS


@pytest.mark.fault("A27", "property 3")
def test_block_size_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, _ = read(campus(tmp_path))
    monkeypatch.setattr(csv_lines, "BLOCK_BYTES", 200)
    tables, clicks = read(OuladFiles(str(tmp_path)))
    assert_same_tables(tables, expected)
    assert clicks == CLICKS


@pytest.mark.fault("A1")
def test_every_missing_file_is_named_at_once_with_the_folder(tmp_path: Path) -> None:
    files = campus(tmp_path)
    (tmp_path / "vle.csv").unlink()
    (tmp_path / "studentInfo.csv").rename(tmp_path / "studentinfo.csv")
    message = refusal(files)
    assert "vle.csv: is missing" in message
    assert "studentInfo.csv: is missing; there is 'studentinfo.csv', rename it if it is this file" in message
    assert str(tmp_path) in message


@pytest.mark.fault("A26")
@pytest.mark.parametrize("place", ["nowhere", "nowhere.zip", "courses.csv"])
def test_a_place_that_is_no_folder_is_refused_in_plain_words(tmp_path: Path, place: str) -> None:
    campus(tmp_path)
    assert place in refusal(OuladFiles(str(tmp_path / place)))


def test_a_file_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    files = campus(tmp_path)
    (tmp_path / "vle.csv.gz").write_bytes(b"")
    assert "vle: is there more than once" in refusal(files)


HEADER, *CLICK_ROWS = PLAIN["studentVle"].splitlines()
BROKEN_FILES = {
    "a missing column": (
        PLAIN["studentVle"].replace("id_site", "idsite"),
        "row 1, id_site: column is missing; the nearest is 'idsite'",
    ),
    "a damaged header": (
        'd"id_site"' + PLAIN["studentVle"],
        "row 1, code_module: column is missing; the nearest is 'd\"id_site\"code_module'",
    ),
    "a column twice": (PLAIN["studentVle"].replace("\n", ",date\n", 1), "row 1, date: is in the header more than once"),
    "a header with an open quote": ('"' + PLAIN["studentVle"], "row 1: has a damaged header"),
    "semicolons": (PLAIN["studentVle"].replace(",", ";"), "row 1, id_site: column is missing: fields are separated by ';'"),
    "a web page": ("<!DOCTYPE html><html>", "is a web page or XML"),
    "nothing": ("", "is empty"),
    "a header alone": (HEADER + "\n", "has no data rows"),
}
BROKEN_ROWS = {
    "an exponent": ("AAA,2013J,1E5,546943,3,4", "row 7, id_student: '1… (3 characters)' is not a whole number in plain digits"),
    "a leading zero": ("AAA,2013J,028400,546943,3,4", "row 7, id_student: '0… (6 characters)' is not a whole number"),
    "a hexadecimal number": ("AAA,2013J,0x6EF0,546943,3,4", "row 7, id_student: '0… (6 characters)' is not a whole number"),
    "a space": ("AAA,2013J, 28400,546943,3,4", "row 7, id_student: '… (6 characters)' is not a whole number"),
    "minus nought": ("AAA,2013J,28400,546943,-0,4", "row 7, date: '-0' is not a whole number"),
    "a decimal comma": ('AAA,2013J,28400,546943,3,"4,0"', "row 7, sum_click: '4,0' is not a whole number"),
    "a thousands comma": ('AAA,2013J,"28,400",546943,3,4', "row 7, id_student: '2… (6 characters)' is not a whole number"),
    "text after a quote": ('AAA,2013J,"284"00,546943,3,4', "row 7: has a quote that is not closed, or text after"),
    "a quote that stays open": ('AAA,2013J,28400,546943,"3,4', "row 7: has a quote that is not closed"),
    "a line break in quotes": ('AAA,2013J,28400,546943,"3\n",4', "row 7: has a quote that is not closed"),
    "a missing value": ("AAA,2013J,28400,?,3,4", "row 7, id_site: is missing, and this column may not be"),
    "a value out of bounds": ("AAA,2013J,28400,546943,1001,4", "row 7, date: '1001' is outside -1,000 to 1,000 days from start"),
    "an id of twenty digits": ("AAA,2013J,99999999999999999999,546943,3,4", "is outside 0 to 2,147,483,647"),
    "a negative count": ("AAA,2013J,28400,546943,3,-1", "row 7, sum_click: '-1' is outside 0 to"),
    "too few fields": ("AAA,2013J,28400,546943,3", "row 7: has 5 fields instead of 6"),
    "too many fields": ("AAA,2013J,28400,546943,3,4,5", "row 7: has 7 fields instead of 6"),
    "a blank line in the middle": ("\n" + CLICK_ROWS[0], "row 7: is blank"),
    "the header again": (HEADER, "row 7: repeats the header in the middle of the file"),
    "a NUL byte": ("AAA,2013J,28400,546943,3,4\0", "row 7: holds a NUL byte"),
    "an unknown presentation": ("CCC,2013J,28400,546943,3,4", "row 7, code_module + code_presentation: 'CCC, 2013J' is no"),
    "an unknown student": ("AAA,2013J,5,546943,3,4", "row 7, id_student: '… (1 character)' is not enrolled in AAA 2013J"),
    "a student of another presentation": (
        "BBB,2014B,11391,600,3,4",
        "row 7, id_student: '1… (5 characters)' is not enrolled in BBB 2014B",
    ),
    "an unknown site": ("AAA,2013J,28400,600,3,4", "row 7, id_site: '600' is no site of AAA 2013J"),
    "a code that is a path": ("../x,2013J,28400,546943,3,4", "row 7, code_module"),
}


@pytest.mark.fault("A2", "A4", "A7", "A16")
@pytest.mark.parametrize("case", BROKEN_FILES)
def test_a_broken_clicks_file_is_refused_before_any_row(tmp_path: Path, case: str) -> None:
    text, expected = BROKEN_FILES[case]
    message = refusal(campus(tmp_path, studentVle=text))
    assert message.startswith("studentVle.csv")
    assert expected in message


@pytest.mark.fault("A8", "A9", "A15", "A16", "A17", "A20", "A22", "A23")
@pytest.mark.parametrize("case", BROKEN_ROWS)
def test_broken_clicks_are_refused_by_row_column_and_value(tmp_path: Path, case: str) -> None:
    line, expected = BROKEN_ROWS[case]
    message = refusal(campus(tmp_path, studentVle=f"{PLAIN['studentVle']}{line}\n"))
    assert message.startswith("studentVle.csv")
    assert expected in message


CROSS = {
    "an unknown category": ("studentInfo", "Scotland", "Atlantis", "studentInfo.csv, row 2, region: 'Atlantis' is not one of"),
    "a band of another kind": ("studentInfo", "90-100%", "15-20", "studentInfo.csv, row 3, imd_band: '15-20%' is not one of"),
    "a score that is not a number": ("studentAssessment", ",70", ",nan", "row 2, score: 'nan' is not a number in plain digits"),
    "a score above the maximum": ("studentAssessment", ",70", ",101", "row 2, score: '101' is outside 0 to 100 percent"),
    "latin-1 text": ("studentInfo", "Wales", b"W\xe1les", "studentInfo.csv, row 4: is not UTF-8 at byte 20"),
    "a presentation courses do not have": ("courses", "BBB,2014B,240\n", "", "assessments.csv, row 4, code_module"),
    "an enrolment without its registration": (
        "studentRegistration",
        "AAA,2013J,11391,-159,12\n",
        "",
        "studentInfo.csv, row 3, code_module + code_presentation + id_student: 'AAA, 2013J, 1… (5 characters)' is not in",
    ),
    "a registration of nobody": (
        "studentRegistration",
        "28400,-53",
        "7,-53",
        "'AAA, 2013J, … (1 character)' is not in studentInfo.csv",
    ),
    "an unknown assessment": (
        "studentAssessment",
        "1752,28400",
        "9,28400",
        "row 2, id_assessment: '9' is not in assessments.csv",
    ),
    "a submission without enrolment": ("studentAssessment", "1752,11391", "1800,11391", "row 3, code_module + code_presentation"),
    "a repeated key": ("vle", "546712", "546943", "vle.csv, row 3, id_site: '546943' repeats the key of an earlier row"),
}


@pytest.mark.fault("A21", "A22", "A23")
@pytest.mark.parametrize("case", CROSS)
def test_broken_small_tables_are_refused_by_row_column_and_value(tmp_path: Path, case: str) -> None:
    stem, old, new, expected = CROSS[case]
    assert old in PLAIN[stem]
    text = PLAIN[stem].encode().replace(old.encode(), new if isinstance(new, bytes) else new.encode(), 1)
    assert expected in refusal(campus(tmp_path, **{stem: text}))


@pytest.mark.fault("A9", "A10")
@pytest.mark.parametrize("text", [PLAIN["studentVle"][:-1], PLAIN["studentVle"][:-3], quoted(PLAIN["studentVle"])[:-3]])
def test_a_file_cut_in_its_last_line_is_refused(tmp_path: Path, text: str) -> None:
    assert "studentVle.csv, row 6: is the last line and has no line end: the file is cut" in refusal(
        campus(tmp_path, studentVle=text)
    )


@pytest.mark.fault("A14")
def test_a_utf_16_file_is_refused_with_a_hint(tmp_path: Path) -> None:
    assert "is UTF-16; save it as UTF-8" in refusal(campus(tmp_path, vle=PLAIN["vle"].encode("utf-16")))
    assert "it is UTF-16 or damaged" in refusal(campus(tmp_path, vle=PLAIN["vle"].encode("utf-16-le")))


@pytest.mark.fault("A11")
def test_a_truncated_gzip_and_a_truncated_zip_are_refused(tmp_path: Path) -> None:
    files = campus(tmp_path)
    (tmp_path / "vle.csv").unlink()
    (tmp_path / "vle.csv.gz").write_bytes(gzip.compress(PLAIN["vle"].encode())[:-12])
    assert "vle.csv.gz: is cut or damaged" in refusal(files)
    (tmp_path / "all.zip").write_bytes(zipped(PLAIN)[:-40])
    assert "is cut or damaged" in refusal(OuladFiles(str(tmp_path / "all.zip")))


@pytest.mark.fault("A11")
@pytest.mark.parametrize("member", ["../evil.csv", "/etc/evil.csv", "a\\..\\..\\evil.csv", "C:/evil.csv"])
def test_a_zip_with_a_member_outside_itself_is_refused(tmp_path: Path, member: str) -> None:
    (tmp_path / "all.zip").write_bytes(zipped({**PLAIN, member: "x"}))
    assert "points outside the zip" in refusal(OuladFiles(str(tmp_path / "all.zip")))


@pytest.mark.fault("A25")
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_lines, "BLOCK_BYTES", 200)
    files = campus(tmp_path, studentVle=PLAIN["studentVle"] + (CLICK_ROWS[0] + "\n") * 50)
    chunks = files.clicks(files.tables())
    next(chunks)
    with (tmp_path / "studentVle.csv").open("a") as file:
        file.write(CLICK_ROWS[0] + "\n")
    with pytest.raises(ContractError, match=r"studentVle\.csv: changed while it was being read"):
        list(chunks)


@pytest.mark.parametrize(("limit", "expected"), [(5, 1), (6, 1), (7, 0)])
def test_a_row_count_at_the_limit_of_a_spreadsheet_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, expected: int
) -> None:
    monkeypatch.setattr(oulad, "SPREADSHEET_ROWS", limit)
    files = campus(tmp_path)
    read(files)
    assert [("studentVle.csv: has 5 rows, the limit of a spreadsheet" in warning) for warning in files.warnings] == [
        True
    ] * expected


@pytest.mark.fault("A1")
def test_a_bucket_reads_like_a_folder_and_names_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    expected, _ = read(campus(tmp_path))
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="campus")
        for stem, text in PLAIN.items():
            client.put_object(Bucket="campus", Key=f"raw data/{stem}.csv.gz", Body=gzip.compress(text.encode()))
        client.put_object(Bucket="campus", Key="all.zip", Body=zipped(PLAIN))
        for place in ("raw data", "all.zip"):
            tables, clicks = read(OuladFiles(f"s3://campus/{place}"))
            assert_same_tables(tables, expected)
            assert clicks == CLICKS
        client.delete_object(Bucket="campus", Key="raw data/vle.csv.gz")
        assert "vle.csv: is missing" in refusal(OuladFiles("s3://campus/raw data"))
        assert "s3://nobody" in refusal(OuladFiles("s3://nobody/here"))


edits = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "delete"]),
        st.integers(0, 10_000),
        st.one_of(st.integers(0, 255), st.sampled_from(list(b'",\n\r0?-.x A2'))),
    ),
    min_size=1,
    max_size=4,
)


def edited(data: bytes, changes: list[tuple[str, int, int]]) -> bytes:
    text = bytearray(data)
    for change, place, byte in changes:
        place %= len(text) or 1
        if change == "insert" or not text:
            text.insert(place, byte)
        elif change == "replace":
            text[place] = byte
        else:
            del text[place]
    return bytes(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("edited")


@pytest.mark.fault("property 2")
@settings(max_examples=300, deadline=None)
@given(stem=st.sampled_from(list(PLAIN)), quote=st.booleans(), changes=edits)
def test_edited_bytes_give_rows_or_a_contract_error(
    folder: Path, stem: str, quote: bool, changes: list[tuple[str, int, int]]
) -> None:
    text = quoted(PLAIN[stem]) if quote else PLAIN[stem]
    files = campus(folder, **{stem: edited(text.encode(), changes)})
    try:
        tables, clicks = read(files)
    except ContractError:
        return
    assert all(check_frame(tables[table.name], table) == [] for table in SMALL_TABLES)
    assert set(clicks) <= set(CLICKS)


@pytest.mark.fault("property 2")
@settings(max_examples=150, deadline=None)
@given(packed=st.sampled_from(["gz", "zip"]), changes=edits)
def test_edited_bytes_of_an_archive_give_the_same_rows_or_a_contract_error(
    folder: Path, packed: str, changes: list[tuple[str, int, int]]
) -> None:
    place = folder / packed
    if packed == "zip":
        place = folder / "all.zip"
        place.write_bytes(edited(zipped(PLAIN), changes))
    else:
        campus(place)
        (place / "studentVle.csv").unlink()
        (place / "studentVle.csv.gz").write_bytes(edited(gzip.compress(PLAIN["studentVle"].encode()), changes))
    try:
        _, clicks = read(OuladFiles(str(place)))
    except ContractError:
        return
    assert clicks == CLICKS


@pytest.fixture(scope="module")
def real() -> Iterator[OuladFiles]:
    source = Path(os.environ.get("OULAD_TEST_DATA", Path(__file__).parents[3] / "shared" / "oulad"))
    if not (source / "unpack.py").exists():
        pytest.skip("real OULAD tables are not here; name their folder in OULAD_TEST_DATA")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(source / "unpack.py"), folder, "--slice"], check=True, capture_output=True)
        yield OuladFiles(folder)


def test_the_real_slice_reads_without_a_warning(real: OuladFiles) -> None:
    tables = real.tables()
    assert tables["courses"]["start_date"].dt.strftime("%Y-%m-%d").tolist() == ["2013-10-01", "2013-02-01"]
    chunks = [chunk for _, chunk in real.clicks(tables)]
    clicks = pa.concat_tables(chunks)
    assert real.warnings == []
    assert len(clicks) > 0
