"""Tests of core.reports: whatever the text, a table keeps its columns and a spreadsheet runs nothing."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oulad_platform.core.reports import csv_bytes, json_bytes, markdown_table, markdown_text

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
CELLS = re.compile(r"(?<!\\)(?:\\\\)*\|")


def cells_of(line: str) -> int:
    return len(CELLS.findall(line)) - 1


@pytest.mark.fault("H6")
def test_markdown_text_shows_every_mark_literally():
    assert markdown_text("a|b `c` <script> *d* _e_ [f](g) \\ ~h~ &amp;") == (
        r"a\|b \`c\` \<script\> \*d\* \_e\_ \[f\](g) \\ \~h\~ \&amp;"
    )


@pytest.mark.fault("H6")
def test_markdown_text_does_not_link_addresses():
    assert markdown_text("https://a.edu www.a.edu x@a.edu") == r"https\://a.edu www\.a.edu x\@a.edu"


def test_markdown_text_writes_numbers_days_flags_and_the_absent_for_people():
    values = [12345, 0.123456, 1234567.8, True, np.False_, pd.Timestamp("2014-05-20"), None, np.nan, pd.NA, pd.NaT]
    assert [markdown_text(value) for value in values] == [
        "12,345",
        "0.1235",
        "1,234,568",
        "yes",
        "no",
        "2014-05-20",
        "–",
        "–",
        "–",
        "–",
    ]


def test_a_table_is_one_line_a_row_with_numbers_to_the_right():
    frame = pd.DataFrame({"course": ["A|B", "C\nD"], "students": [1200, 3]})
    assert markdown_table(frame) == "| course | students |\n| --- | ---: |\n| A\\|B | 1,200 |\n| C D | 3 |\n"


@pytest.mark.fault("H6", "property 9")
@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5), TEXT)
@example([("|", "\\"), ("\\|", "\u2028\x85\x1c")], "\\")
def test_a_markdown_table_keeps_its_columns_and_rows_whatever_the_text(rows, name):
    lines = markdown_table(pd.DataFrame(rows, columns=[name, "other"])).splitlines()
    assert len(lines) == 2 + len(rows)
    assert {cells_of(line) for line in lines} == {2}


@pytest.mark.fault("H2")
def test_csv_defuses_what_a_spreadsheet_would_run_and_leaves_numbers_alone():
    frame = pd.DataFrame({"name": ["=1+1", "+x", "-x", "@x", "\tx", "\rx", "'t Hooft", "a,b"], "change": range(-4, 4)})
    assert csv_bytes(frame).decode() == (
        "name,change\r\n'=1+1,-4\r\n'+x,-3\r\n'-x,-2\r\n'@x,-1\r\n'\tx,0\r\n\"'\rx\",1\r\n't Hooft,2\r\n\"a,b\",3\r\n"
    )


def test_csv_writes_days_flags_and_the_absent():
    frame = pd.DataFrame({"day": pd.to_datetime(["2014-05-20", None]), "flag": [True, False], "risk": [0.5, None]})
    assert csv_bytes(frame) == b"day,flag,risk\r\n2014-05-20,True,0.5\r\n,False,\r\n"


@pytest.mark.fault("H2", "property 8")
@settings(max_examples=200, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=5), TEXT)
@example(["'=1", "''=1", "'", "=\r\n", "-"], "=name")
def test_csv_text_comes_back_when_the_apostrophe_is_taken_off_and_none_is_a_formula(texts, name):
    frame = pd.DataFrame({name: pd.Series(texts, dtype="object"), "n": range(len(texts))})
    rows = list(csv.reader(io.StringIO(csv_bytes(frame).decode(), newline="")))
    found = [rows[0][0], *(row[0] for row in rows[1:])]
    assert not any(text.startswith(("=", "+", "-", "@", "\t", "\r")) for text in found)
    assert [re.sub(r"^'(?='*[=+\-@\t\r\n＝＋－＠])", "", text) for text in found] == [name, *texts]
    assert [row[1] for row in rows[1:]] == [str(n) for n in range(len(texts))]


@pytest.mark.fault("C13")
def test_json_has_sorted_keys_and_null_for_what_is_no_number():
    value = {"b": np.float64("nan"), "a": [np.int8(3), float("inf"), None, True], "day": date(2014, 5, 20), "c": np.array([0.5])}
    assert json_bytes(value).decode() == (
        '{\n  "a": [\n    3,\n    null,\n    null,\n    true\n  ],\n'
        '  "b": null,\n  "c": [\n    0.5\n  ],\n  "day": "2014-05-20"\n}\n'
    )


def test_json_refuses_a_type_it_has_no_word_for():
    with pytest.raises(TypeError, match="bytes b'x' has no place in JSON"):
        json_bytes({"a": b"x"})


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
    )
)
def test_json_values_come_back(value):
    assert json.loads(json_bytes(value)) == value
