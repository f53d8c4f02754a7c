"""What an extract is, and how a source's columns and values become its rows: found by name, kept as text, never guessed.

Nothing here knows where rows come from, and nothing judges them: blank, padded and repeated values stay as they are.
"""

from __future__ import annotations

import difflib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from oulad_platform.sources.registrar.config import RegistrarConfig

REQUIRED = ("student_id", "program", "division", "level")
COLUMN_NAMES = ("student_name", "status", "term", "term_start_date", "term_end_date", "first_enrolled_date")
JOINED_BY = "-"
Places = Mapping[str, Sequence[int]]


class RegistrarError(RuntimeError):
    """The registrar's system could not say who is enrolled; nothing was stored and nobody counts as having left."""


@dataclass(frozen=True)
class Extract:
    """What the registrar's system said about one day.

    `rows` has one row per row of the source, in its order, with a RangeIndex and those columns of `enrollment_snapshots` that
    the source has (no snapshot_date): text as it was given or absent, not trimmed, not deduplicated. Dates are ISO text, from
    the replay datetime64. `where` names the extract in messages.
    """

    day: date
    rows: pd.DataFrame
    where: str


class Registrar(Protocol):
    """Whoever can say who is enrolled on a day."""

    def extract(self, days: Sequence[date], tables: Mapping[str, pd.DataFrame]) -> Iterator[Extract]:
        """One Extract per day of `days`, in order, each read when it is asked for; an empty one is an answer.

        `tables` are the small raw tables, for registrars that derive their answer from them. Raises RegistrarError when the
        source cannot answer in full.
        """
        ...


def refuse_other_days(days: Sequence[date], today: date, what: str, remedy: str) -> None:
    """Raises RegistrarError when a source that describes now is asked about another day."""
    if other := [day for day in days if day != today]:
        raise RegistrarError(f"{what} describes now ({today}) and says nothing about {other[0]}; {remedy}")


def find_columns(names: Sequence[str], config: RegistrarConfig, where: str) -> Places:
    """The positions in `names` of the source columns of each column of an extract; surplus names are ignored.

    A name is found as written, else whatever its capitals. Raises RegistrarError naming each required or mapped column that is
    not there, with the nearest that is, and each that is there twice.
    """
    found: dict[str, list[int]] = {}
    complaints = []
    for column in (*REQUIRED, *COLUMN_NAMES):
        if column in config.constants:
            continue
        wanted = config.columns.get(column, (column,))
        places = [_position(name, names) for name in wanted]
        for name, at in zip(wanted, places, strict=True):
            if len(at) > 1:
                complaints.append(f"column {name!r} is there {len(at)} times; keep one")
            elif not at and (column in REQUIRED or column in config.columns):
                complaints.append(_missing(name, column, names))
        if all(len(at) == 1 for at in places):
            found[column] = [at[0] for at in places]
    if complaints:
        raise RegistrarError(
            f"{where}: {'; '.join(complaints)}; name the columns so, or map them under registrar.columns or registrar.constants"
        )
    return found


def _position(wanted: str, names: Sequence[str]) -> list[int]:
    exact = [place for place, name in enumerate(names) if name == wanted]
    return exact or [place for place, name in enumerate(names) if name.strip().casefold() == wanted.strip().casefold()]


def _missing(wanted: str, column: str, names: Sequence[str]) -> str:
    asked = f"column {wanted!r}" + (f" (for {column})" if wanted != column else "") + " is missing"
    separator = next((mark for mark in ";\t|" if len(names) == 1 and mark in names[0]), None)
    if separator:
        return f"{asked}: fields are separated by {separator!r} instead of a comma"
    spoken = {name.strip().casefold(): name for name in names}
    nearest = difflib.get_close_matches(wanted.casefold(), spoken, n=1)
    return f"{asked}, the nearest is {spoken[nearest[0]]!r}" if nearest else f"{asked}, there are {', '.join(names) or 'none'}"


def positions(places: Places) -> list[int]:
    """Every position that is read, once, in order."""
    return sorted({place for several in places.values() for place in several})


def to_text(values: Sequence[Any], name: str, where: str, first_row: int) -> pa.Array:
    """Values of one column as text: text stays, whole numbers become their digits, dates ISO text, None stays absent.

    Raises RegistrarError naming the row for any other type: `12.0` is not known to be the identifier 12.
    """
    try:
        if {type(value) for value in values} <= {str, type(None)}:
            return pa.array(values, pa.string())
        return pa.array([_text(value) for value in values], pa.string())
    except (TypeError, UnicodeEncodeError):
        row, value = next((place, value) for place, value in enumerate(values) if not _is_text(value))
        raise RegistrarError(f"{where}, row {first_row + row:,}, {name}: {_unfit(type(value).__name__)}") from None


def _unfit(kind: str) -> str:
    return "holds half a character; repair it" if kind == "str" else f"is of type {kind}, neither text nor whole; CAST it to text"


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, uuid.UUID) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    raise TypeError(type(value).__name__)


def _is_text(value: Any) -> bool:
    try:
        (_text(value) or "").encode()
    except (TypeError, UnicodeEncodeError):
        return False
    return True


def arrow_text(values: pa.Array, name: str, where: str, first_row: int) -> pa.Array:
    """An Arrow column as text, by the rules of `to_text`; a moment with a time zone becomes its wall clock's text."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        values = pc.local_timestamp(values)
    elif not (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_date(kind)
        or pa.types.is_timestamp(kind)
        or values.null_count == len(values)
    ):
        row = values.is_valid().to_pylist().index(True)
        raise RegistrarError(f"{where}, row {first_row + row:,}, {name}: {_unfit(str(kind))}")
    return values.cast(pa.string())


def rows_of(batches: Sequence[pa.Table], places: Places, config: RegistrarConfig) -> pd.DataFrame:
    """The extract's rows from batches of text columns that are named by their position in the source.

    Several source columns are joined trimmed with a hyphen, absent where one of them is absent or blank; constants and, where
    nothing says the term, the configured one are added.
    """
    whole = pa.concat_tables(batches, promote_options="default") if batches else pa.table({})
    n_rows = whole.num_rows
    none = pa.nulls(n_rows, pa.string())
    columns: dict[str, Any] = {}
    for column, several in places.items():
        parts = [whole[str(place)] if str(place) in whole.column_names else none for place in several]
        columns[column] = parts[0] if len(parts) == 1 else _joined(parts)
    constants = dict(config.constants)
    if "term" not in columns:
        constants.setdefault("term", config.term)
    columns |= {column: pa.repeat(pa.scalar(text, pa.string()), n_rows) for column, text in constants.items()}
    ordered = {column: columns[column] for column in (*REQUIRED, *COLUMN_NAMES) if column in columns}
    return pd.DataFrame({name: pd.Series(texts.to_pandas(), dtype="str") for name, texts in ordered.items()})


def _joined(parts: Sequence[Any]) -> Any:
    trimmed = [pc.utf8_trim_whitespace(part) for part in parts]
    present = [pc.if_else(pc.equal(part, ""), pa.scalar(None, pa.string()), part) for part in trimmed]
    return pc.binary_join_element_wise(*present, JOINED_BY)
