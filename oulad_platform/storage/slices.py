"""A frame made ready to store: as Arrow, and cut by its table's day column. Shared by lake and database; stores nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa

from oulad_platform.core.tables import Table
from oulad_platform.storage.errors import StorageError


def day_column(table: Table) -> str:
    """The column the table is sliced by. Raises StorageError when the table is only ever replaced whole."""
    if table.day is None:
        raise StorageError(f"table {table.name} has no day column; replace it whole")
    return table.day


def rows_by_day(table: Table, frame: pd.DataFrame, days: Sequence[date]) -> tuple[pd.DataFrame, dict[date, slice]]:
    """The frame in day order (rows of a day keep theirs), and for each of `days`, sorted, where its rows stand in it.

    A day without rows has an empty slice. Raises StorageError when there are rows of a day that is not among `days`.
    """
    column = day_column(table)
    stamps = frame[column].to_numpy().astype("datetime64[D]")
    if (stamps[1:] < stamps[:-1]).any():
        order = np.argsort(stamps, kind="stable")
        frame, stamps = frame.iloc[order], stamps[order]
    wanted = np.unique(np.array(list(days), dtype="datetime64[D]"))
    foreign = np.setdiff1d(stamps, wanted)
    if len(foreign):
        raise StorageError(
            f"table {table.name}, {column}: rows of {foreign[0]} ({len(foreign)} such days), but {len(wanted)} other days "
            "were to be replaced; nothing was written; give all days that the rows speak of"
        )
    starts, ends = np.searchsorted(stamps, wanted), np.searchsorted(stamps, wanted, side="right")
    return frame, {day: slice(int(a), int(b)) for day, a, b in zip(wanted.tolist(), starts, ends, strict=True)}


def arrow_rows(table: Table, frame: pd.DataFrame) -> pa.Table:
    """The conforming frame in the table's Arrow schema, without metadata. Raises StorageError when a required value is absent."""
    absent = [column.name for column in table.columns if not column.nullable and frame[column.name].isna().any()]
    if absent:
        raise StorageError(f"table {table.name}: {', '.join(absent)} may not be absent; nothing was written; repair the rows")
    return table.to_arrow(frame).replace_schema_metadata(None)
