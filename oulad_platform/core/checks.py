"""Pure data checks: a frame against its table, answered with findings that name the table, row, column and value.

What is checked is declared in `core.tables`; reading files and deciding what to do about a finding live elsewhere.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd

from oulad_platform.core.tables import Column, Table

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema

SHOWN = 10


@dataclass(frozen=True)
class Finding:
    """One broken rule. `where` is a file or table; `row` counts from 1 and is None when the rule is about a whole column."""

    where: str
    rule: str
    row: int | None = None
    column: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        place = self.where
        if self.row is not None:
            place += f", row {self.row:,}"
        if self.column is not None:
            place += f", {self.column}"
        return f"{place}: {self.rule}" if self.value is None else f"{place}: {self.value!r} {self.rule}"


class ContractError(ValueError):
    """Data broke its contract; nothing was stored. Lists the first findings, how many there are, and the next step."""

    def __init__(self, findings: Sequence[Finding], remedy: str = "") -> None:
        self.findings = tuple(findings)
        lines = [str(finding) for finding in self.findings[:SHOWN]]
        if len(self.findings) > SHOWN:
            lines.append(f"... and {len(self.findings) - SHOWN:,} more findings")
        if remedy:
            lines.append(remedy)
        super().__init__("\n".join(lines))


def check_frame(frame: pd.DataFrame, table: Table, *, where: str | None = None, first_row: int = 1) -> list[Finding]:
    """Every rule of `table` that a conforming `frame` breaks: empty, null, out of bounds, unknown value, repeated key.

    `where` names the file (default: the table); `first_row` is the number a person would give to the frame's first row.
    Infinite floats count as out of bounds, NaN as null.
    """
    from pandera.errors import SchemaErrors  # imported late: definitions load without it

    place = where or table.name
    if frame.empty:
        return (
            [] if table.allow_empty else [Finding(place, "has no data rows; an empty extract never means that nobody is there")]
        )
    try:
        _schema(table).validate(frame, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases.drop_duplicates(["index", "check"]).sort_values(["index", "column"], kind="stable")
        return [_finding(case, frame, table, place, first_row) for case in cases.itertuples()]
    return []


def _schema(table: Table) -> DataFrameSchema:
    from pandera.pandas import Check, Column, DataFrameSchema

    columns = {}
    for column in table.columns:
        rules = []
        if column.allowed is not None:
            rules.append(Check.isin(column.allowed, error=f"is not one of {', '.join(column.allowed)}"))
        if column.kind.startswith(("int", "float")):
            rules.append(Check.in_range(*column.bounds, error=f"is not a number {column.range_in_words}"))
        columns[column.name] = Column(nullable=column.nullable, checks=rules)
    return DataFrameSchema(columns, unique=list(table.key) or None, report_duplicates="exclude_first")


def _finding(case: Any, frame: pd.DataFrame, table: Table, place: str, first_row: int) -> Finding:
    rule = {"not_nullable": "is missing, and this column may not be", "multiple_fields_uniqueness": "repeats a key"}.get(
        case.check, case.check
    )
    columns = list(table.key) if rule == "repeats a key" else [case.column]
    row = int(case.index)
    found = {name: frame[name].iloc[row] for name in columns}
    values = [str(one) if pd.isna(one) else str(shown(table.column(name), str(one))) for name, one in found.items()]
    return Finding(place, rule, row + first_row, " + ".join(columns), ", ".join(values))


def require(frame: pd.DataFrame, table: Table, *, days: Sequence[date] = ()) -> pd.DataFrame:
    """The frame, conformed to its table, with rows for each of `days` where the table may not be empty.

    Raises ContractError with the findings, or TableError if the shape is wrong.
    """
    conformed = table.conform(frame)
    findings = check_frame(conformed, table)
    if not findings and table.day and not table.allow_empty:
        present = set(conformed[table.day].dt.date)
        findings = [
            Finding(table.name, f"has no rows for {day}; an empty extract never means nobody")
            for day in days
            if day not in present
        ]
    if findings:
        raise ContractError(findings, f"Nothing was written to {table.name}; repair the rows above and run again.")
    return conformed


def shown(column: Column, value: str | None) -> str | None:
    """A value as a message may hold it: that of a personal column is masked."""
    return masked(value) if column.personal and value else value


def masked(value: str) -> str:
    """The first character and the length, which is enough to find the row and not enough to know the person.

    >>> masked("S00123"), masked("7"), masked("\\0A")
    ('S… (6 characters)', '… (1 character)', '… (2 characters)')
    """
    shows = len(value) > 1 and not value[0].isspace() and unicodedata.category(value[0])[0] not in "CMZ"
    return f"{value[0] if shows else ''}… ({len(value)} character{'' if len(value) == 1 else 's'})"
