"""The quick way through a block is the exact way, or it steps aside."""

from __future__ import annotations

import csv
import io

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import ContractError
from oulad_platform.sources.csv_fields import parse_exactly
from oulad_platform.sources.csv_lines import Block, Layout, count_marks
from oulad_platform.sources.csv_quick import parse_quickly
from oulad_platform.sources.tables import STUDENT_VLE

LAYOUT = Layout("studentVle.csv", STUDENT_VLE.columns, tuple(STUDENT_VLE.names), {})
PLAIN = b"AAA,2013J,28400,546943,-10,4\nAAA,2013J,11391,546712,0,12\r\nBBB,2014B,28400,600,30,100\n"
QUOTED = b'"AAA","2013J","28400","546943","-10","4"\n"BBB","2014B","28400","600","30","100"\n'


def block(text: bytes) -> Block:
    return Block(text, 2, LAYOUT)


def plain_texts(table: pa.Table) -> pa.Table:
    return table.cast(STUDENT_VLE.arrow_schema())


@pytest.mark.parametrize("text", [PLAIN.replace(b"\r", b""), PLAIN.replace(b"\r", b"").replace(b"\n", b"\r\n"), QUOTED])
def test_plain_blocks_go_the_quick_way(text: bytes) -> None:
    quick = parse_quickly(block(text))
    assert quick is not None
    assert plain_texts(quick).equals(parse_exactly(block(text)))


@pytest.mark.parametrize(
    "field", [b"028400", b" 28400", b"28400 ", b"0x6EF0", b"0x7FFFFFF0", b"+28400", b'"284"00', b"28400.0", b"", b"?", b"-0"]
)
def test_what_arrow_would_take_liberties_with_is_left_to_the_exact_way(field: bytes) -> None:
    assert parse_quickly(block(b"AAA,2013J," + field + b",546943,3,4\n")) is None


def test_quotes_before_a_separator_are_told_from_other_quotes() -> None:
    marks = count_marks(b'"a",b\n"c"d,"e"\r\n')
    assert (marks.quotes, marks.closing, marks.line_feeds, marks.carriage_returns) == (6, 2, 2, 1)


fields = st.one_of(
    st.integers(-(10**10), 10**10).map(str), st.text('0123456789xX-+ ?".eE', max_size=6), st.sampled_from(["AAA", "2013J", ""])
)
rows = st.lists(st.tuples(*[fields] * 6), min_size=1, max_size=3)
good = st.tuples(
    st.sampled_from(["AAA", "BBB"]),
    st.just("2013J"),
    *[st.integers(0, 2**31 - 1).map(str)] * 2,
    st.integers(-1000, 1000).map(str),
    st.integers(0, 10**9).map(str),
)


@pytest.mark.fault("property 2")
@settings(max_examples=300, deadline=None)
@given(
    rows=st.one_of(rows, st.lists(good, min_size=1, max_size=5)), quote=st.booleans(), feed=st.sampled_from(["\n", "\r\n", "\r"])
)
def test_whatever_the_quick_way_takes_the_exact_way_and_the_csv_module_read_alike(
    rows: list[tuple[str, ...]], quote: bool, feed: str
) -> None:
    text = "".join(",".join(f'"{field}"' if quote else field for field in row) + feed for row in rows)
    quick = parse_quickly(block(text.encode()))
    try:
        exact = parse_exactly(block(text.encode()))
    except ContractError:
        assert quick is None
        return
    assert quick is None or plain_texts(quick).equals(exact)
    read = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert [list(map(str, row.values())) for row in exact.to_pylist()] == read
