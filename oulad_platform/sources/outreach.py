"""Contacts, advisers, opt-outs from a CSV file, a folder of them or s3://bucket/prefix: strict, every finding at once.

Where files are opened is `sources.files`, how CSV lines are read `sources.csv_lines` and `sources.csv_fields`. Columns are
found by name; surplus ones are ignored. What follows from a contact is decided in `success`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from oulad_platform.core.checks import ContractError, Finding, shown
from oulad_platform.core.outreach import ADVISERS, INTERVENTIONS, OPT_OUTS, contact_ids
from oulad_platform.core.pseudonyms import Pseudonyms
from oulad_platform.core.tables import Column, Table
from oulad_platform.sources.csv_fields import MISSING, broken_rules, repeated_headers, texts_of
from oulad_platform.sources.csv_lines import Block, read_blocks
from oulad_platform.sources.files import ENDINGS, REMEDY, SourceFile, place_of, readable

OPTIONAL = ("contact_id", "email", "login")
FREE_TEXT = ("contact_id", "adviser", "email", "login")
MOST_LETTERS = 100
EARLIEST = date(1990, 1, 1)
NOT_CSV = (".xlsx", ".xls", ".ods", ".tsv", ".zip", ".parquet")
EMAIL = re.compile(r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
NEXT_STEP = "Name a .csv file, a folder or s3://bucket/prefix of .csv files; where there is nobody, a header alone."


def read_interventions(uri: str, region: str | None = None, *, today: date, pseudonyms: Pseudonyms) -> pd.DataFrame:
    """INTERVENTIONS of all files: id_student, contacted_on, adviser, channel, outcome and, where there is one, contact_id.

    Exact duplicate rows count once; how many were dropped stands in `attrs["n_duplicates"]`. An empty folder, or a header
    alone, is no contact. A contact without an id gets that of `contact_ids`. Raises ContractError naming file, row and column
    of everything that breaks the table, is dated after `today`, or is a contact that another row tells otherwise.
    """
    rows = _rows(uri, INTERVENTIONS, region, today)
    made = rows["contact_id"].isna().to_numpy()
    rows.loc[made, "contact_id"] = contact_ids(rows[made], pseudonyms)
    kept = rows.drop_duplicates(INTERVENTIONS.names)
    findings = list(_contradictions(kept, "contact_id", [name for name in INTERVENTIONS.names if name != "contact_id"]))
    return _conformed(kept, len(rows), INTERVENTIONS, findings)


def read_advisers(uri: str, region: str | None = None) -> pd.DataFrame:
    """ADVISERS of all files: adviser, code_module ('all' for every one), capacity and, where there is one, email and login.

    Exact duplicate rows count once, as in `read_interventions`; an empty folder is no adviser. Raises ContractError naming
    file, row and column of everything that breaks the table, and of an adviser with two capacities, addresses or logins.
    """
    rows = _rows(uri, ADVISERS, region, None)
    kept = rows.drop_duplicates(ADVISERS.names)
    findings = list(_contradictions(kept, "adviser", ["email", "login", "capacity"]))
    return _conformed(kept, len(rows), ADVISERS, findings)


def read_opt_outs(uri: str, region: str | None = None) -> pd.DataFrame:
    """OPT_OUTS of all files: id_student and opted_out_on, which may lie ahead.

    Exact duplicate rows count once, as in `read_interventions`; an empty folder, or a header alone, is nobody. Raises
    ContractError naming file, row and column of everything that breaks the table, and of a student with two days.
    """
    rows = _rows(uri, OPT_OUTS, region, None)
    kept = rows.drop_duplicates(OPT_OUTS.names)
    return _conformed(kept, len(rows), OPT_OUTS, list(_contradictions(kept, "id_student", ["opted_out_on"])))


def _conformed(kept: pd.DataFrame, n_rows: int, table: Table, findings: list[Finding]) -> pd.DataFrame:
    if findings:
        raise ContractError(findings, REMEDY)
    frame = table.conform(kept[table.names])
    frame.attrs["n_duplicates"] = n_rows - len(kept)
    return frame


def _contradictions(rows: pd.DataFrame, name: str, columns: list[str]) -> Iterator[Finding]:
    """A finding for each row that differs in `columns` from the first row with the same `name`."""
    first = rows.groupby(name, sort=False).head(1).set_index(name)
    for row in rows[rows.duplicated(name)].to_dict("records"):
        other = first.loc[row[name]]
        differing = [column for column in columns if not _same(row[column], other[column])]
        if differing:
            rule = f"is told otherwise in {other['where']}, row {other['row']:,}: {' and '.join(differing)}; keep one"
            yield Finding(row["where"], rule, row["row"], name)


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) or bool(pd.isna(one) and pd.isna(other))


def _rows(uri: str, table: Table, region: str | None, today: date | None) -> pd.DataFrame:
    """The rows of all files in the order of names and rows, in the table's types, with `where` and `row`."""
    findings: list[Finding] = []
    frames = [table.empty().assign(where=pd.Series([], dtype="str"), row=pd.Series([], dtype="int64"))]
    required = tuple(column for column in table.columns if column.name not in OPTIONAL)
    for file in _csv_files(uri, region):
        try:
            with file.opened() as stream:
                for block in read_blocks(stream, file.name, required, {}):
                    try:
                        frames.append(_typed(block, table, today))
                    except ContractError as error:
                        findings += error.findings
        except ContractError as error:
            findings += error.findings
    if findings:
        raise ContractError(findings, REMEDY)
    return pd.concat(frames, ignore_index=True)


def _csv_files(uri: str, region: str | None) -> list[SourceFile]:
    with readable(uri):
        path = place_of(uri, region)
        if path.is_dir():
            found = sorted((SourceFile(one.name, one) for one in path.iterdir()), key=lambda one: one.name)
        elif path.name.lower().endswith(ENDINGS) and path.exists():
            found = [SourceFile(path.name, path)]
        else:
            rule = "is neither a folder nor a .csv file" if path.exists() else "does not exist"
            raise ContractError([Finding(uri, rule)], NEXT_STEP)
    other = [Finding(one.name, "is no CSV; save it as CSV") for one in found if one.name.lower().endswith(NOT_CSV)]
    if other:
        raise ContractError(other, f"Looked in {uri}; nothing was read, lest somebody be overlooked.")
    return [one for one in found if one.name.lower().endswith(ENDINGS) and not one.name.startswith(".")]


def _typed(block: Block, table: Table, today: date | None) -> pd.DataFrame:
    """The block's rows in the table's types. Raises ContractError with every finding in the block."""
    present = tuple(column for column in table.columns if column.name in block.layout.names)
    block = replace(block, layout=replace(block.layout, columns=present))
    texts = {name: _plain(text) if name in FREE_TEXT else text for name, text in texts_of(block).items()}
    where = block.layout.where
    headers = repeated_headers(texts, block.layout)
    findings = [
        Finding(where, "repeats the header in the middle of the file; were two files joined?", block.first_row + place)
        for place in headers
    ]
    for column in present:
        for rule, broken in _rules(texts[column.name], column, today):
            for place in sorted(set(np.flatnonzero(broken).tolist()) - headers):
                value = texts[column.name][place].as_py()
                findings.append(Finding(where, rule, block.first_row + place, column.name, shown(column, value)))
    if findings:
        raise ContractError(sorted(findings, key=lambda finding: finding.row or 0), REMEDY)
    return _frame(texts, table).assign(where=where, row=block.first_row + np.arange(len(next(iter(texts.values())))))


def _plain(text: pa.Array) -> pa.Array:
    trimmed = pc.utf8_normalize(pc.utf8_trim_whitespace(text), "NFC")
    return pc.if_else(pc.is_in(trimmed, pa.array(MISSING)), pa.scalar(None, pa.string()), trimmed)


def _rules(text: pa.Array, column: Column, today: date | None) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """Each rule of the column with the mask of the values that break it; a missing value breaks no other rule."""
    if column.kind != "date" and column.name not in FREE_TEXT:
        for rule, mask in broken_rules(text, column):
            yield rule, mask.to_numpy(zero_copy_only=False)
        return
    values = text.to_pylist()
    if column.name not in OPTIONAL:
        yield "is missing, and this column may not be", np.array([value is None for value in values], dtype=bool)
    if column.kind == "date":
        days = {value: _day(value) for value in set(values) if value is not None}
        given = [(value is not None, days.get(value)) for value in values]
        yield "is not a day such as 2026-11-20", np.array([told and day is None for told, day in given], dtype=bool)
        early = [day is not None and day < EARLIEST for _, day in given]
        yield f"is before {EARLIEST}; is the year right?", np.array(early, dtype=bool)
        late = [day is not None and today is not None and day > today for _, day in given]
        yield f"is in the future (today is {today}); a contact is told when it has been made", np.array(late, dtype=bool)
    elif column.name == "email":
        wrong = [value is not None and not EMAIL.fullmatch(value) for value in values]
        yield "is not one address such as ada@university.edu", np.array(wrong, dtype=bool)
    else:
        odd = [value is not None and not (value.isprintable() and len(value) <= MOST_LETTERS) for value in values]
        yield f"has more than {MOST_LETTERS} letters, or a sign that cannot be printed", np.array(odd, dtype=bool)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if ISO_DAY.fullmatch(text) else None
    except ValueError:
        return None


def _frame(texts: Mapping[str, pa.Array], table: Table) -> pd.DataFrame:
    none = pa.nulls(len(next(iter(texts.values()))), pa.string())
    columns = {column.name: texts.get(column.name, none).to_pandas().astype("str") for column in table.columns}
    for column in table.columns:
        if column.kind == "date":
            columns[column.name] = pd.to_datetime(columns[column.name], format="%Y-%m-%d")
        elif column.kind != "text":
            columns[column.name] = columns[column.name].astype("int64")
    return pd.DataFrame(columns)
