"""Snapshots in a line each, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa

from oulad_platform.enrollment.numbered import LABELS, SNAPSHOT_COLUMNS
from oulad_platform.enrollment.tables import ENROLLMENT_SNAPSHOTS

DIVISIONS = {"Nursing": "Health", "Pharmacy": "Health", "Law": "Arts", "History": "Arts"}
Row = Mapping[str, str | None]


def enrolment(day: str, student: str, program: str, **other: str | None) -> dict[str, str | None]:
    row = {
        "snapshot_date": day,
        "student_id": student,
        "student_name": f"Name of {student}",
        "division": DIVISIONS[program],
        "program": program,
        "level": "Bachelor",
        "status": "active",
        "term": "2026A",
        "term_start_date": "2026-01-05",
        "term_end_date": "2026-06-30",
        "first_enrolled_date": "2026-01-05",
    }
    return row | other


def snapshots(*rows: Row) -> pd.DataFrame:
    return ENROLLMENT_SNAPSHOTS.conform(pd.DataFrame(rows, columns=ENROLLMENT_SNAPSHOTS.names))


def stored(rows: Iterable[Row] | pd.DataFrame, *empty: str, shuffled: int | None = None) -> dict[date, pa.Table]:
    """The days as a lake gives them, with further days that are stored without rows; rows in a random order if wanted."""
    frame = rows if isinstance(rows, pd.DataFrame) else snapshots(*rows)
    if shuffled is not None:
        frame = frame.iloc[np.random.default_rng(shuffled).permutation(len(frame))]
    days = {day.date(): as_stored(of_day) for day, of_day in frame.groupby("snapshot_date")}
    return days | {date.fromisoformat(day): as_stored(ENROLLMENT_SNAPSHOTS.empty()) for day in empty}


def as_stored(frame: pd.DataFrame) -> pa.Table:
    table = ENROLLMENT_SNAPSHOTS.to_arrow(frame).select(list(SNAPSHOT_COLUMNS))
    for label in LABELS:
        at = table.column_names.index(label)
        table = table.set_column(at, label, table[label].dictionary_encode())
    return table


def days(*texts: str) -> list[date]:
    return [date.fromisoformat(text) for text in texts]
