"""What a table is: its columns, key, unit and meaning, described once.

Everything that needs a table's shape asks here: parquet schemas, database DDL, data checks, Dagster column schemas and
the data dictionary. No data is touched in this module apart from casting a frame to its declared types.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import pandas as pd
import pyarrow as pa

Kind = Literal["text", "int8", "int16", "int32", "int64", "float32", "float64", "bool", "date", "timestamp"]

ARROW_TYPES: Mapping[str, pa.DataType] = {
    "text": pa.string(),
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}


class TableError(ValueError):
    """A frame does not have the shape its table declares."""


@dataclass(frozen=True)
class Column:
    """One column: name, type, meaning, and the values it may hold.

    `unit` is empty for text and flags. `allowed`, `minimum` and `maximum` bound the values that are present; whether a
    value may be absent is `nullable`. `personal` marks values that must not appear in messages or logs, `student` a student's
    identifier: the warehouse holds a pseudonym in its place, see `stored`.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    nullable: bool = False
    allowed: tuple[str, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    personal: bool = False
    student: bool = False

    @property
    def dtype(self) -> str:
        """The pandas dtype: nullable extension integers and booleans only where absence is allowed."""
        if self.kind == "text":
            return "str"
        if self.kind in ("date", "timestamp"):
            return "datetime64[us]"
        if self.kind == "bool":
            return "boolean" if self.nullable else "bool"
        if self.kind.startswith("int") and self.nullable:
            return self.kind.replace("int", "Int")
        return self.kind

    @property
    def bounds(self) -> tuple[float, float]:
        """The range a number must lie in; finite also where nothing is declared, so that infinity is never stored."""
        largest = 3.4e38 if self.kind == "float32" else sys.float_info.max
        return (-largest if self.minimum is None else self.minimum), (largest if self.maximum is None else self.maximum)

    @property
    def range_in_words(self) -> str:
        low = "" if self.minimum is None else f"from {self.minimum:g}"
        high = "" if self.maximum is None else f"up to {self.maximum:g}"
        return " ".join(part for part in (low, high, self.unit) if part) or "that is finite"


@dataclass(frozen=True)
class Reference:
    """A foreign key: `columns` hold the key of a row of `table`, in the order of that key."""

    columns: tuple[str, ...]
    table: Table


@dataclass(frozen=True)
class Table:
    """One table: its grain in a sentence, its columns in order, its key, and the column that says which day a row is of.

    `day` names the date column by which the table is replaced slice by slice; None means the table is replaced whole.
    Without a `key` the rows are events: equal ones may repeat, and their order is kept.
    `allow_empty` tells whether a day (or the whole table) without rows is a result rather than a failed extract.
    `references` and `indexes` (columns, beside those of the key) are the warehouse's; the lake has neither. So are `restricted`:
    kept in the schema of that name, which says who is who; and `row_security`: who reads it sees only their own rows.
    """

    name: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    day: str | None = None
    allow_empty: bool = False
    references: tuple[Reference, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    restricted: bool = False
    row_security: bool = False

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        referring = [name for reference in self.references for name in reference.columns]
        indexed = [name for index in self.indexes for name in index]
        unknown = sorted({*self.key, *([self.day] if self.day else []), *referring, *indexed} - set(names))
        if unknown or len(set(names)) != len(names):
            raise TableError(
                f"table {self.name}: key, day, reference or index names unknown columns {unknown}, or a column is named twice"
            )
        for reference in self.references:
            to = reference.table
            if [self.column(name).kind for name in reference.columns] != [to.column(name).kind for name in to.key]:
                raise TableError(f"table {self.name}: {reference.columns} do not fit the key of {to.name}")

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def arrow_schema(self) -> pa.Schema:
        return pa.schema([pa.field(c.name, ARROW_TYPES[c.kind], c.nullable) for c in self.columns])

    def chunk_schema(self) -> pa.Schema:
        """`arrow_schema` with texts as dictionaries: how the chunks of a large part travel, codes being few and long runs."""
        texts = pa.dictionary(pa.int32(), pa.string())
        return pa.schema([field.with_type(texts) if field.type == pa.string() else field for field in self.arrow_schema()])

    def empty(self) -> pd.DataFrame:
        """A frame without rows, with every column in its type."""
        return pd.DataFrame({c.name: pd.Series([], dtype=c.dtype) for c in self.columns})

    def conform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with exactly the declared columns, in order and in their types, sorted by key, index 0..n-1.

        Raises TableError when a column is missing or a value cannot take its type; extra columns are an error too, so
        that nothing is lost without a word.
        """
        missing = [name for name in self.names if name not in frame.columns]
        extra = [str(name) for name in frame.columns if name not in self.names]
        if missing or extra:
            raise TableError(f"table {self.name}: missing columns {missing}, unexpected columns {extra}")
        cast = {}
        for column in self.columns:
            try:
                cast[column.name] = _cast(frame[column.name], column)
            except (ValueError, TypeError, OverflowError, pa.ArrowInvalid) as error:
                what = f"table {self.name}, column {column.name}: not {column.kind}"
                raise TableError(what if column.personal else f"{what}: {error}") from None
        conformed = pd.DataFrame(cast)
        return (
            conformed.sort_values(list(self.key), kind="stable", ignore_index=True)
            if self.key
            else conformed.reset_index(drop=True)
        )

    def to_arrow(self, frame: pd.DataFrame) -> pa.Table:
        """The conforming frame as an Arrow table in the declared schema (dates as date32)."""
        return pa.Table.from_pandas(frame, schema=self.arrow_schema(), preserve_index=False)

    def from_arrow(self, table: pa.Table) -> pd.DataFrame:
        """The Arrow table as a conforming frame, in the row order it was stored in."""
        frame = table.to_pandas(date_as_object=False)
        return frame.astype({c.name: c.dtype for c in self.columns})


def _cast(values: pd.Series, column: Column) -> pd.Series:
    cast = values.astype(pd.api.types.pandas_dtype(column.dtype))
    if column.kind.startswith("int") and values.dtype != cast.dtype:  # pandas cuts fractions and wraps large numbers in silence
        changed = (cast.astype("Float64") != values.astype("Float64")).fillna(False)
        if changed.any():
            raise ValueError(f"{values[changed].iloc[0]} is not a whole number of this size")
    return cast


STUDENT_KEY = Column("student_key", "text", "The student's pseudonym; who that is says student_keys, to those who may know.")


def student_column(table: Table) -> str | None:
    """The column that holds a student's identifier, if there is one."""
    return next((column.name for column in table.columns if column.student), None)


@cache
def stored(table: Table) -> Table:
    """The table as the warehouse holds it: `student_key`, a pseudonym, in place of the student's identifier."""
    names = {column.name: STUDENT_KEY.name for column in table.columns if column.student}
    if not names:
        return table

    def renamed(columns: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(names.get(name, name) for name in columns)

    return replace(
        table,
        columns=tuple(replace(STUDENT_KEY, nullable=column.nullable) if column.student else column for column in table.columns),
        key=renamed(table.key),
        indexes=tuple(map(renamed, table.indexes)),
    )


@dataclass(frozen=True)
class View:
    """A named query over warehouse tables, for people with a BI tool. `select` holds one statement for each dialect."""

    name: str
    grain: str
    select: Mapping[str, str]
