"""CSV text as a header and blocks of whole lines, so that memory is bounded and every row keeps its number (header: row 1).

Nothing here opens a file (`sources.files`) or reads a field of a data row (`sources.csv_fields`).
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

import numpy as np

from oulad_platform.core.checks import ContractError, Finding
from oulad_platform.core.tables import Column
from oulad_platform.sources.files import REMEDY

BLOCK_BYTES = 2 << 20
SLICE_BYTES = 1 << 17  # small enough that the counting passes stay in the processor's cache
NOT_CSV = {
    b"\xff\xfe": "is UTF-16; save it as UTF-8",
    b"\xfe\xff": "is UTF-16; save it as UTF-8",
    b"PK\x03\x04": "is a zip or an Excel workbook, not a CSV; unpack it or save it as CSV",
    b"\x1f\x8b": "is gzipped; name it .csv.gz",
}


@dataclass(frozen=True)
class Layout:
    """One file's columns: `names` as its header has them, `columns` as its table wants them.

    `spellings` maps a column to a pattern and its replacement, for values written in another way in circulating copies.
    """

    where: str
    columns: tuple[Column, ...]
    names: tuple[str, ...]
    spellings: Mapping[str, tuple[str, str]]

    @property
    def positions(self) -> list[str]:
        """A unique name for each position of the file: a column's own, or a number for the columns that are ignored."""
        known = {column.name for column in self.columns}
        return [name if name in known else f"#{place}" for place, name in enumerate(self.names)]

    @property
    def extra(self) -> list[str]:
        return [name for name in self.names if name not in {column.name for column in self.columns}]


@dataclass(frozen=True)
class Marks:
    """Counts of the bytes that give a block its structure. `closing` quotes are those right before a comma or line end."""

    quotes: int
    closing: int
    line_feeds: int
    carriage_returns: int

    @property
    def regular(self) -> bool:
        """Every quoted field is one opening quote, a text without quotes and one closing quote, and lines end in one way."""
        return self.quotes == 2 * self.closing and (self.carriage_returns in (0, self.line_feeds) or self.line_feeds == 0)

    @property
    def lines(self) -> int:
        return max(self.line_feeds, self.carriage_returns)


@dataclass(frozen=True)
class Block:
    """Whole lines of a file; `first_row` is the number of the first one. `layout` says what they hold."""

    text: bytes
    first_row: int
    layout: Layout

    @cached_property
    def marks(self) -> Marks:
        return count_marks(self.text)


def count_marks(text: bytes) -> Marks:
    """The structural bytes of a block that ends with a line end."""
    quotes = closing = line_feeds = carriage_returns = 0
    codes = np.frombuffer(text, np.uint8)
    has_returns = b"\r" in text
    scratch = np.empty((3, SLICE_BYTES + 1), np.bool_)
    for start in range(0, len(codes), SLICE_BYTES):
        piece = codes[start : start + SLICE_BYTES + 1]  # one byte of the next slice, to see what follows the last of this one
        is_quote, is_end, is_mark = scratch[:, : len(piece)]
        np.equal(piece, ord('"'), out=is_quote)
        quotes += int(np.count_nonzero(is_quote[:SLICE_BYTES]))
        np.equal(piece, ord("\n"), out=is_end)
        line_feeds += int(np.count_nonzero(is_end[:SLICE_BYTES]))
        if has_returns:
            np.equal(piece, ord("\r"), out=is_mark)
            carriage_returns += int(np.count_nonzero(is_mark[:SLICE_BYTES]))
            is_end |= is_mark
        np.equal(piece, ord(","), out=is_mark)
        is_end |= is_mark
        is_end[1:] &= is_quote[:-1]
        closing += int(np.count_nonzero(is_end[1:]))
    return Marks(quotes, closing, line_feeds, carriage_returns)


def read_blocks(
    stream: BinaryIO, where: str, columns: tuple[Column, ...], spellings: Mapping[str, tuple[str, str]]
) -> Iterator[Block]:
    """Blocks of whole lines of at most about BLOCK_BYTES, in order; a file with a header alone gives none.

    Raises ContractError for a file that is empty, no CSV, without the columns, or cut in the middle of a line.
    """
    text = stream.read(BLOCK_BYTES).removeprefix(b"\xef\xbb\xbf")
    _refuse_other_formats(text, where)
    line_end = b"\n" if b"\n" in text else b"\r"
    header, _, text = text.partition(line_end)
    layout = read_header(header.rstrip(b"\r"), where, columns, spellings)
    row, begun = 2, b""
    while more := stream.read(BLOCK_BYTES):
        cut = text.rfind(line_end) + 1
        if cut:
            block = Block(b"".join((begun, memoryview(text)[:cut])), row, layout)
            yield block
            row += block.marks.lines
            begun = text[cut:]
        else:
            begun += text
        if len(begun) > BLOCK_BYTES:
            raise ContractError([Finding(where, f"has a line longer than {BLOCK_BYTES:,} bytes", row)], REMEDY)
        text = more
    text = _last_lines(begun + text, row, line_end, layout)
    if text:
        yield Block(text, row, layout)


def _last_lines(text: bytes, row: int, line_end: bytes, layout: Layout) -> bytes:
    """The end of a file, ending in one line end; blank lines after the last row are dropped."""
    last = text.rstrip(b"\r\n")
    if last and not text.endswith((b"\n", b"\r")):
        line = last[last.rfind(line_end) + 1 :]
        if not re.fullmatch(rb'(?:"[^"]*",){%d}"[^"]*"' % (len(layout.names) - 1), line):
            rule = "is the last line and has no line end: the file is cut"
            raise ContractError([Finding(layout.where, rule, row + last.count(line_end))], REMEDY)
    if not last:
        return b""
    return last + (b"\r\n" if line_end == b"\n" and b"\r\n" in last else line_end)


def _refuse_other_formats(text: bytes, where: str) -> None:
    rule = next((rule for start, rule in NOT_CSV.items() if text.startswith(start)), None)
    if not text.strip():
        rule = "is empty"
    elif text.lstrip().startswith(b"<"):
        rule = "is a web page or XML, not a CSV"
    elif rule is None and b"\0" in text[:200]:
        rule = "holds NUL bytes: it is UTF-16 or damaged; save it as UTF-8"
    if rule:
        raise ContractError([Finding(where, rule)], REMEDY)


def read_header(line: bytes, where: str, columns: tuple[Column, ...], spellings: Mapping[str, tuple[str, str]]) -> Layout:
    """The layout of a file with this first line. Raises ContractError naming each missing, doubled or damaged column."""
    try:
        names = tuple(next(csv.reader([line.decode()], strict=True), []))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ContractError([Finding(where, f"has a damaged header: {error}", 1)], REMEDY) from error
    findings = [_missing_column(column.name, names, where) for column in columns if column.name not in names]
    findings += [
        Finding(where, "is in the header more than once", 1, name)
        for name in dict.fromkeys(names)
        if name and names.count(name) > 1
    ]
    if findings:
        raise ContractError(findings, "Columns are found by name, never by position; repair the header and run again.")
    return Layout(where, columns, names, spellings)


def _missing_column(wanted: str, names: Sequence[str], where: str) -> Finding:
    separator = next((mark for mark in ";\t|" if len(names) == 1 and mark in names[0]), None)
    if separator:
        return Finding(where, f"column is missing: fields are separated by {separator!r} instead of a comma", 1, wanted)
    spoken = {name.strip().lower(): name for name in names}
    nearest = difflib.get_close_matches(wanted, spoken, n=1)
    hint = f"; the nearest is {spoken[nearest[0]]!r}" if nearest else f"; there are {', '.join(names)}"
    return Finding(where, f"column is missing{hint}", 1, wanted)
