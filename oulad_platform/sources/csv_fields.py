"""The fields of a block of CSV lines, read exactly: a typed Arrow table, or every finding with its row, column and value.

A number is plain digits, a missing value is blank or `?`, a field holds no line break. Whatever Arrow's reader would take
beyond that is refused here. The quick way with the same result is `sources.csv_quick`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from oulad_platform.core.checks import ContractError, Finding, shown
from oulad_platform.core.tables import ARROW_TYPES, Column
from oulad_platform.sources.csv_lines import Block, Layout
from oulad_platform.sources.files import REMEDY

MISSING = ["", "?"]
WHOLE_NUMBER = r"^(0|-?[1-9][0-9]*)$"
DECIMAL = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"
CODE = r"^[A-Za-z0-9][A-Za-z0-9.-]*$"


def parse_exactly(block: Block) -> pa.Table:
    """The block as a typed Arrow table of the layout's columns. Raises ContractError with every finding in the block."""
    layout = block.layout
    texts = texts_of(block)
    broken = [
        (place, column, rule, texts[column.name][place].as_py())
        for column in layout.columns
        for rule, mask in broken_rules(texts[column.name], column)
        for place in np.flatnonzero(mask.to_numpy(zero_copy_only=False)).tolist()
    ]
    if broken:
        headers = repeated_headers(texts, layout)
        findings = [
            Finding(layout.where, rule, block.first_row + place, column.name, shown(column, value))
            for place, column, rule, value in broken
            if place not in headers
        ]
        rule = "repeats the header in the middle of the file; were two files joined?"
        findings += [Finding(layout.where, rule, block.first_row + place) for place in headers]
        raise ContractError(sorted(findings, key=lambda finding: finding.row or 0), REMEDY)
    fields = [pa.field(c.name, ARROW_TYPES[c.kind], c.nullable) for c in layout.columns]
    return pa.table([pc.cast(texts[field.name], field.type) for field in fields], pa.schema(fields))


def texts_of(block: Block) -> dict[str, pa.Array]:
    """Each wanted column of the block as text, missing values as null."""
    layout = block.layout
    marks = block.marks
    texts = None
    if marks.regular and b"\0" not in block.text and is_utf8(block.text):
        texts = _regular_texts(block)
    if texts is None or len(texts) != marks.lines:
        texts = pa.table(dict(zip(layout.positions, strict_columns(block), strict=True)))
    return {
        column.name: _spelled(texts[column.name].combine_chunks(), layout.spellings.get(column.name)) for column in layout.columns
    }


def _spelled(text: pa.Array, spelling: tuple[str, str] | None) -> pa.Array:
    text = pc.if_else(pc.is_in(text, pa.array(MISSING)), pa.scalar(None, pa.string()), text)
    return pc.replace_substring_regex(text, *spelling) if spelling else text


def is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _regular_texts(block: Block) -> pa.Table | None:
    """The block's fields where its structure is beyond doubt; None when a row is too short or too long, or blank."""
    return read_arrow(block, {column.name: pa.string() for column in block.layout.columns})


def read_arrow(block: Block, types: Mapping[str, pa.DataType]) -> pa.Table | None:
    """The block by Arrow's own reader, which takes more than it should: the caller checks. None where Arrow refuses."""
    try:
        return arrow_csv.read_csv(
            pa.BufferReader(block.text),
            arrow_csv.ReadOptions(column_names=block.layout.positions, block_size=len(block.text) + 1, use_threads=False),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, include_columns=list(types), null_values=MISSING, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None


def strict_columns(block: Block) -> list[pa.Array]:
    """The block's fields, line by line by the letter of RFC 4180, without line breaks in a field; row by row findings."""
    layout, findings, rows = block.layout, [], []
    lines = re.split(rb"\r\n|\n|\r", block.text)[:-1]
    for row, line in enumerate(lines, start=block.first_row):
        fields: list[str] = []
        try:
            fields = next(csv.reader([line.decode()], strict=True), [])
            rule = _line_rule(line, len(fields), len(layout.names))
        except UnicodeDecodeError as error:
            rule = f"is not UTF-8 at byte {error.start + 1} of the line"
        except csv.Error:
            rule = "has a quote that is not closed, or text after a closing quote"
        if rule:
            findings.append(Finding(layout.where, rule, row))
        rows.append(fields)
    if findings:
        raise ContractError(findings, REMEDY)
    return [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]


def _line_rule(line: bytes, n_fields: int, expected: int) -> str:
    if b"\0" in line:
        return "holds a NUL byte"
    if not line:
        return "is blank"
    return "" if n_fields == expected else f"has {n_fields} fields instead of {expected}"


def repeated_headers(texts: Mapping[str, pa.Array], layout: Layout) -> set[int]:
    """Places of the rows whose every field is its column's name."""
    same = [pc.fill_null(pc.equal(texts[column.name], column.name), False) for column in layout.columns]
    return set(np.flatnonzero(np.logical_and.reduce([mask.to_numpy(zero_copy_only=False) for mask in same])).tolist())


def broken_rules(text: pa.Array, column: Column) -> Iterator[tuple[str, pa.BooleanArray]]:
    """Each rule of the column with the mask of the values that break it; a missing value breaks no other rule."""
    if not column.nullable:
        yield "is missing, and this column may not be", pc.is_null(text)
    if column.allowed is not None:
        unknown = pc.and_(pc.is_valid(text), pc.invert(pc.is_in(text, pa.array(column.allowed))))
        yield f"is not one of {', '.join(column.allowed)}", unknown
    elif column.kind == "text":
        yield "is not a code of letters, digits, dot and hyphen", _fails(pc.match_substring_regex(text, CODE))
    else:
        whole = column.kind.startswith("int")
        plain = pc.match_substring_regex(text, WHOLE_NUMBER if whole else DECIMAL)
        yield f"is not a {'whole ' if whole else ''}number in plain digits", _fails(plain)
        low, high = number_range(column)
        number = pc.cast(pc.if_else(plain, text, None), pa.float64())
        inside = pc.and_(pc.greater_equal(number, low), pc.less_equal(number, high))
        yield f"is outside {low:,.10g} to {high:,.10g} {column.unit}".rstrip(), _fails(inside)


def _fails(passes: pa.BooleanArray) -> pa.BooleanArray:
    return pc.fill_null(pc.invert(passes), False)


def number_range(column: Column) -> tuple[float, float]:
    """The column's bounds, no wider than its type."""
    low, high = column.bounds
    limits = np.iinfo(column.kind) if column.kind.startswith("int") else np.finfo(column.kind)
    return max(low, float(limits.min)), min(high, float(limits.max))
