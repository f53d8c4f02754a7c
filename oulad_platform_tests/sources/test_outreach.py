"""Contacts and advisers from files: what is taken, what is refused, and that every finding is named at once."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import boto3
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import ContractError, check_frame
from oulad_platform.core.outreach import ADVISERS, CHANNELS, INTERVENTIONS, OUTCOMES
from oulad_platform.core.pseudonyms import DEMO
from oulad_platform.sources.outreach import read_advisers, read_interventions, read_opt_outs

TODAY = date(2026, 11, 23)
HEAD = "id_student,contacted_on,adviser,channel,outcome\n"
ADA = "11391,2026-11-20,Ada Byron,call,reached\n"
PEOPLE = "adviser,email,code_module,capacity\n"


def contacts(folder: Path | str) -> pd.DataFrame:
    return read_interventions(str(folder), today=TODAY, pseudonyms=DEMO)


def put(folder: Path, content: str | bytes, name: str = "contacts.csv") -> Path:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def listed(frame: pd.DataFrame) -> list[list[object]]:
    return frame.assign(contacted_on=frame["contacted_on"].dt.strftime("%Y-%m-%d")).to_numpy().tolist()


def test_a_contact_without_an_id_gets_the_first_sixteen_digits_of_a_hash(tmp_path: Path) -> None:
    made = contacts(put(tmp_path, HEAD + ADA))
    assert listed(made) == [["3a68a69d00a197a9", 11391, "2026-11-20", "Ada Byron", "call", "reached"]]
    pd.testing.assert_frame_equal(made, INTERVENTIONS.conform(made))


@pytest.mark.parametrize(
    "content",
    [
        (HEAD + ADA).encode(),
        b"\xef\xbb\xbf" + (HEAD + ADA).encode(),
        (HEAD + ADA).replace("\n", "\r\n").encode(),
        (HEAD + ADA).replace("\n", "\r").encode(),
        (HEAD + ADA.replace("Ada Byron", '" Ada Byron "')).encode(),
        b"note,outcome,channel,adviser,contacted_on,id_student\n,reached,call,Ada Byron,2026-11-20,11391\n",
        b"contact_id," + HEAD.encode() + b"," + ADA.encode(),
    ],
    ids=["plain", "BOM", "CRLF", "CR", "quoted and padded", "other order and a surplus column", "blank id"],
)
def test_the_same_contact_is_read_however_the_file_is_written(tmp_path: Path, content: bytes) -> None:
    (row,) = listed(contacts(put(tmp_path, content)))
    assert row[1:] == [11391, "2026-11-20", "Ada Byron", "call", "reached"]
    assert row[0] == listed(contacts(put(tmp_path, HEAD + ADA)))[0][0]


def test_a_file_a_folder_and_gzip_read_alike_and_other_files_are_left_alone(tmp_path: Path) -> None:
    put(tmp_path, gzip.compress((HEAD + ADA).encode()), "a.csv.gz")
    put(tmp_path, "how to fill this in", "README.md")
    put(tmp_path, "", ".hidden.csv")
    expected = contacts(tmp_path)
    assert expected["id_student"].tolist() == [11391]
    pd.testing.assert_frame_equal(contacts(tmp_path / "a.csv.gz"), expected)


def test_equal_rows_count_once_across_files_and_say_how_many_they_were(tmp_path: Path) -> None:
    put(tmp_path, HEAD + ADA + ADA, "a.csv")
    made = contacts(put(tmp_path, HEAD + ADA + ADA.replace("call", "e-mail"), "b.csv"))
    assert sorted(made["channel"]) == ["call", "e-mail"]
    assert made.attrs["n_duplicates"] == 2


def test_the_same_contact_with_another_outcome_is_refused_naming_both_rows(tmp_path: Path) -> None:
    put(tmp_path, HEAD + ADA, "a.csv")
    put(tmp_path, HEAD + ADA.replace("reached", "declined"), "b.csv")
    with pytest.raises(ContractError, match=r"b.csv, row 2, contact_id: is told otherwise in a.csv, row 2: outcome; keep one"):
        contacts(tmp_path)


def test_the_same_id_with_another_student_is_refused_and_no_student_is_named(tmp_path: Path) -> None:
    put(tmp_path, "contact_id," + HEAD + "7," + ADA + "7," + ADA.replace("11391", "22002"))
    with pytest.raises(ContractError, match=r"row 3, contact_id: is told otherwise in contacts.csv, row 2: id_student") as told:
        contacts(tmp_path)
    assert "22002" not in str(told.value)


@pytest.mark.parametrize("content", [None, HEAD, HEAD.rstrip()], ids=["empty folder", "header alone", "header without line end"])
def test_nobody_contacted_is_an_empty_table(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        put(tmp_path, content)
    made = contacts(tmp_path)
    pd.testing.assert_frame_equal(made, INTERVENTIONS.empty())
    assert made.attrs["n_duplicates"] == 0


@pytest.mark.parametrize(
    ("row", "finding"),
    [
        ("1x,2026-11-20,Ada,call,reached", r"row 2, id_student: '.?… .*' is not a whole number"),
        ("1.0,2026-11-20,Ada,call,reached", r"row 2, id_student: '.?… .*' is not a whole number"),
        ("-1,2026-11-20,Ada,call,reached", r"row 2, id_student: '.?… .*' is outside 0 to 2,147,483,647"),
        ("99999999999,2026-11-20,Ada,call,reached", r"row 2, id_student: '.?… .*' is outside"),
        (",2026-11-20,Ada,call,reached", "row 2, id_student: is missing"),
        ("1,2026-02-30,Ada,call,reached", "row 2, contacted_on: '2026-02-30' is not a day such as 2026-11-20"),
        ("1,20.11.2026,Ada,call,reached", "row 2, contacted_on: '20.11.2026' is not a day"),
        ("1,20261120,Ada,call,reached", "row 2, contacted_on: '20261120' is not a day"),
        ("1,1026-11-20,Ada,call,reached", "row 2, contacted_on: '1026-11-20' is before 1990-01-01"),
        ("1,2026-11-24,Ada,call,reached", r"row 2, contacted_on: '2026-11-24' is in the future \(today is 2026-11-23\)"),
        ("1,,Ada,call,reached", "row 2, contacted_on: is missing"),
        ("1,2026-11-20, ,call,reached", "row 2, adviser: is missing"),
        (f"1,2026-11-20,{'A' * 101},call,reached", "row 2, adviser: .* has more than 100 letters"),
        ("1,2026-11-20,A\u202eda,call,reached", "row 2, adviser: .* a sign that cannot be printed"),
        ("1,2026-11-20,Ada,fax,reached", "row 2, channel: 'fax' is not one of call, e-mail, meeting, message"),
        ("1,2026-11-20,Ada,call,Reached", "row 2, outcome: 'Reached' is not one of reached, not reached, declined"),
        ("1,2026-11-20,Ada,call", "row 2: has 4 fields instead of 5"),
        (HEAD.strip(), "row 2: repeats the header"),
    ],
)
def test_what_is_wrong_in_a_row_is_named(tmp_path: Path, row: str, finding: str) -> None:
    with pytest.raises(ContractError, match=finding):
        contacts(put(tmp_path, f"{HEAD}{row}\n"))


def test_a_name_is_one_name_however_its_accents_are_stored(tmp_path: Path) -> None:
    made = contacts(put(tmp_path, HEAD + "1,2026-11-20,Zoe\u0308,call,reached\n1,2026-11-20,Zo\u00eb,call,reached\n"))
    assert made["adviser"].tolist() == ["Zo\u00eb"]


def test_a_contact_of_today_is_no_contact_of_the_future(tmp_path: Path) -> None:
    assert len(contacts(put(tmp_path, HEAD + "1,2026-11-23,Ada,call,reached\n"))) == 1


def test_all_findings_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    put(tmp_path, HEAD + "1,2026-11-20,Ada,fax,reached\nx,2027-01-01,,call,reached\n", "a.csv")
    put(tmp_path, HEAD.replace(",", ";"), "b.csv")
    put(tmp_path, HEAD + "1,2026-11-20,Ada,call,reached", "c.csv")
    with pytest.raises(ContractError) as told:
        contacts(tmp_path)
    places = [(finding.where, finding.row, finding.column) for finding in told.value.findings]
    assert places == [
        ("a.csv", 2, "channel"),
        ("a.csv", 3, "id_student"),
        ("a.csv", 3, "contacted_on"),
        ("a.csv", 3, "adviser"),
        *(("b.csv", 1, name) for name in ("id_student", "contacted_on", "adviser", "channel", "outcome")),
        ("c.csv", 2, None),
    ]
    assert "Nothing was stored" in str(told.value)


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (HEAD.replace(",", ";") + ADA, "fields are separated by ';' instead of a comma"),
        (HEAD.replace("outcome", "outcomes") + ADA, "outcome: column is missing; the nearest is 'outcomes'"),
        (HEAD.strip() + ",outcome\n" + ADA, "outcome: is in the header more than once"),
        ("", "is empty"),
        ("<html>Sign in</html>", "is a web page"),
        ((HEAD + ADA).encode("utf-16"), "is UTF-16"),
    ],
)
def test_a_file_that_is_no_such_csv_is_refused(tmp_path: Path, content: str | bytes, finding: str) -> None:
    with pytest.raises(ContractError, match=finding):
        contacts(put(tmp_path, content))


def test_a_place_that_is_not_there_is_an_error_and_not_an_empty_record(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"absent: does not exist\nName a .csv file, a folder or s3://bucket/prefix"):
        contacts(tmp_path / "absent")
    with pytest.raises(ContractError, match=r"absent.csv: does not exist"):
        contacts(tmp_path / "absent.csv")
    put(tmp_path, "", "notes.txt")
    with pytest.raises(ContractError, match=r"notes.txt: is neither a folder nor a .csv file"):
        contacts(tmp_path / "notes.txt")


def test_a_workbook_in_the_folder_is_refused_lest_its_contacts_be_overlooked(tmp_path: Path) -> None:
    put(tmp_path, HEAD + ADA)
    put(tmp_path, b"PK\x03\x04", "Contacts.XLSX")
    with pytest.raises(ContractError, match=r"Contacts.XLSX: is no CSV; save it as CSV"):
        contacts(tmp_path)


def test_a_bucket_reads_like_a_folder_and_an_absent_prefix_is_an_error(s3: str) -> None:
    bucket = boto3.session.Session().resource("s3").Bucket(s3)
    bucket.put_object(Key="outreach/contacts/2026-11.csv", Body=(HEAD + ADA).encode())
    expected = contacts(f"s3://{s3}/outreach/contacts")
    assert expected["id_student"].tolist() == [11391]
    pd.testing.assert_frame_equal(contacts(f"s3://{s3}/outreach/contacts/2026-11.csv"), expected)
    with pytest.raises(ContractError, match="absent: does not exist"):
        contacts(f"s3://{s3}/absent")
    with pytest.raises(ContractError, match="cannot be read"):
        contacts("s3://no-such-bucket-here/contacts")


ROWS = st.tuples(
    st.integers(0, 30),
    st.dates(date(2026, 10, 1), TODAY),
    st.sampled_from(["Ada", "Ada, B", 'O"Neil', "Zoë"]),
    st.sampled_from(CHANNELS),
    st.sampled_from(OUTCOMES),
)


@given(st.lists(ROWS, max_size=20, unique_by=lambda row: row[:4]), st.randoms())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_table_does_not_depend_on_the_order_of_rows_or_on_how_they_are_spread_over_files(
    tmp_path: Path, rows: list[tuple[object, ...]], random: object
) -> None:
    def write(name: str, some: list[tuple[object, ...]]) -> None:
        frame = pd.DataFrame(some, columns=["id_student", "contacted_on", "adviser", "channel", "outcome"])
        put(tmp_path, frame.to_csv(index=False), name)

    write("a.csv", rows)
    write("b.csv", [])
    expected = contacts(tmp_path)
    assert check_frame(expected, INTERVENTIONS) == []
    assert sorted(listed(expected)[i][1:] for i in range(len(rows))) == sorted([r[0], str(r[1]), *r[2:]] for r in rows)
    random.shuffle(rows)  # type: ignore[attr-defined]
    write("a.csv", rows[: len(rows) // 2])
    write("b.csv", rows[len(rows) // 3 :])
    pd.testing.assert_frame_equal(contacts(tmp_path), expected, check_flags=False)


def test_advisers_are_read_with_their_modules_and_may_have_no_address(tmp_path: Path) -> None:
    put(tmp_path, PEOPLE + "Ada,ada@example.org,AAA,20\nAda,ada@example.org,BBB,20\nTeam,,all,45\nTeam,,all,45\n")
    made = read_advisers(str(tmp_path))
    assert made.fillna("-").to_numpy().tolist() == [
        ["Ada", "ada@example.org", "AAA", "-", 20],
        ["Ada", "ada@example.org", "BBB", "-", 20],
        ["Team", "-", "all", "-", 45],
    ]
    assert made.attrs["n_duplicates"] == 1
    pd.testing.assert_frame_equal(made, ADVISERS.conform(made))


def test_the_column_of_addresses_may_be_left_out_and_no_adviser_is_an_empty_table(tmp_path: Path) -> None:
    pd.testing.assert_frame_equal(read_advisers(str(tmp_path)), ADVISERS.empty())
    made = read_advisers(str(put(tmp_path, "adviser,code_module,capacity\nAda,AAA,20\n")))
    assert made["email"].isna().all()


@pytest.mark.parametrize(
    ("rows", "finding"),
    [
        ("Ada,,AAA,20\nAda,,BBB,30\n", "row 3, adviser: is told otherwise in contacts.csv, row 2: capacity; keep one"),
        ("Ada,,AAA,20\nAda,,AAA,30\n", "row 3, adviser: is told otherwise in contacts.csv, row 2: capacity"),
        ("Ada,a@b.org,AAA,20\nAda,c@b.org,BBB,20\n", "row 3, adviser: is told otherwise in contacts.csv, row 2: email"),
        ("Ada,a@b.org,AAA,20\nAda,,BBB,20\n", "row 3, adviser: is told otherwise in contacts.csv, row 2: email"),
        ("Ada,ada,AAA,20\n", r"row 2, email: '.?… .*' is not one address such as ada@university.edu"),
        ("Ada,a@b.org b@b.org,AAA,20\n", r"row 2, email: '.?… .*' is not one address"),
        ("Ada,,AAA,0\n", "row 2, capacity: '0' is outside 1 to 32,767 students"),
        ("Ada,,AAA,many\n", "row 2, capacity: 'many' is not a whole number"),
        ("Ada,,AAA,\n", "row 2, capacity: is missing"),
        ("Ada,,,20\n", "row 2, code_module: is missing"),
        ("Ada,,AAA BBB,20\n", "row 2, code_module: 'AAA BBB' is not a code"),
        (",,AAA,20\n", "row 2, adviser: is missing"),
    ],
)
def test_what_is_wrong_with_an_adviser_is_named(tmp_path: Path, rows: str, finding: str) -> None:
    with pytest.raises(ContractError, match=finding) as told:
        read_advisers(str(put(tmp_path, PEOPLE + rows)))
    assert "@b.org" not in str(told.value)


OPT_OUT = "id_student,opted_out_on\n"


def test_opt_outs_are_read_once_each_and_may_lie_ahead(tmp_path: Path) -> None:
    made = read_opt_outs(str(put(tmp_path, OPT_OUT + "28400,2027-01-01\n11391,2026-11-20\n11391,2026-11-20\n")))
    assert made["id_student"].tolist() == [11391, 28400]
    assert made["opted_out_on"].dt.strftime("%Y-%m-%d").tolist() == ["2026-11-20", "2027-01-01"]
    assert made.attrs["n_duplicates"] == 1
    assert read_opt_outs(str(put(tmp_path, OPT_OUT))).empty


def test_every_broken_opt_out_is_named_at_once_and_nobodys_number_is_told(tmp_path: Path) -> None:
    put(tmp_path, OPT_OUT + "28400,\n,2026-11-20\n28400x,2026-11-20\n11391,1926-11-20\n")
    with pytest.raises(ContractError) as refused:
        read_opt_outs(str(tmp_path))
    assert [(one.row, one.column, one.rule) for one in refused.value.findings] == [
        (2, "opted_out_on", "is missing, and this column may not be"),
        (3, "id_student", "is missing, and this column may not be"),
        (4, "id_student", "is not a whole number in plain digits"),
        (5, "opted_out_on", "is before 1990-01-01; is the year right?"),
    ]
    assert "28400" not in str(refused.value)
