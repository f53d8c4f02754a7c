"""The broken rows of an extract: a field that is missing or cannot be read, a student and program that come twice. Pure.

What an extract is and how many broken rows hold its day back is in `enrollment.quality`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from oulad_platform.core.checks import masked
from oulad_platform.enrollment.tables import DATA_QUALITY_FINDINGS, ENROLLMENT_SNAPSHOTS

COLUMNS = ENROLLMENT_SNAPSHOTS.columns[1:]
NAMES = [column.name for column in COLUMNS]
DATES = [column.name for column in COLUMNS if column.kind == "date"]
REQUIRED = [column.name for column in COLUMNS if not column.nullable]
KEY = ["student_id", "program"]
DEFAULT_STATUS = "active"
ANY_TEXT = ".+"
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")
UNPRINTABLE = {name: r"[\p{Cc}\p{Cf}]" if name in KEY else r"\p{Cc}" for name in NAMES}

Positions = npt.NDArray[np.int64]


class Breach(NamedTuple):
    """One rule broken in one column, by the rows at these positions."""

    rule: str
    column: str
    rows: Positions
    messages: Sequence[str]


def clean_rows(rows: pd.DataFrame, student_id_pattern: str) -> tuple[pd.DataFrame, list[Breach]]:
    """Every column of a snapshot but the day, typed, in the extract's order; and what is missing or cannot be read."""
    clean = pd.DataFrame({c.name: pd.Series(np.nan, rows.index, dtype=c.dtype) for c in COLUMNS})
    clean["status"] = DEFAULT_STATUS
    breaches = []
    for name in (name for name in NAMES if name in rows):
        if name in DATES:
            clean[name], unread = _dates(rows[name])
            breaches.append(_breach("invalid_format", name, unread, "is not a date such as 2026-10-01"))
            continue
        text = _normal(rows[name])
        missing = text.isna().to_numpy()
        if name in REQUIRED:
            breaches.append(_breach("missing_required", name, missing, "is missing, and every row needs it"))
        unprintable = _matches(text, UNPRINTABLE[name])
        breaches.append(_breach("invalid_format", name, unprintable, "holds a character that cannot be seen"))
        if name == "student_id" and student_id_pattern != ANY_TEXT:
            whole = re.compile(student_id_pattern).fullmatch
            foreign = np.fromiter((isinstance(one, str) and whole(one) is None for one in text.tolist()), bool, len(text))
            breaches.append(_breach("invalid_format", name, foreign & ~unprintable, "does not match student_id_pattern"))
        clean[name] = text
    reversed_term = (clean["term_end_date"] < clean["term_start_date"]).to_numpy()
    breaches.append(_breach("invalid_format", "term_end_date", reversed_term, "lies before the term's first day"))
    return clean, [breach for breach in breaches if len(breach.rows)]


def _breach(rule: str, column: str, is_broken: npt.NDArray[np.bool_], message: str) -> Breach:
    rows = np.flatnonzero(is_broken)
    return Breach(rule, column, rows, [message] * len(rows))


def as_text(values: pd.Series) -> pd.Series:
    return values.dt.strftime("%Y-%m-%d").astype("str") if values.dtype.kind == "M" else values.astype("str")


def _normal(values: pd.Series) -> pd.Series:
    """NFC, without space around it; blank is absent."""
    text = pa.array(values.astype("str"), type=pa.large_string(), from_pandas=True)
    trimmed = pc.utf8_trim_whitespace(pc.utf8_normalize(text, form="NFC"))
    kept = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
    return kept.to_pandas().astype("str").set_axis(values.index)


def _matches(text: pd.Series, pattern: str) -> npt.NDArray[np.bool_]:
    found = pc.match_substring_regex(pa.array(text, type=pa.large_string(), from_pandas=True), pattern)
    return np.asarray(pc.fill_null(found, False).to_numpy(zero_copy_only=False), dtype=bool)


def _dates(values: pd.Series) -> tuple[pd.Series, npt.NDArray[np.bool_]]:
    """The calendar days of ISO text, moments or dates, and where there is text that is none. Each spelling is read once."""
    if values.dtype.kind == "M":
        return values.dt.normalize().astype("datetime64[us]"), np.zeros(len(values), dtype=bool)
    codes, spelled = pd.factorize(values)
    texts = _normal(pd.Series(spelled, dtype="str"))
    iso = pd.Series([text[:10] if isinstance(text, str) and ISO_DATE.fullmatch(text) else None for text in texts], dtype="str")
    read = pd.to_datetime(iso, format="%Y-%m-%d", errors="coerce").astype("datetime64[us]")
    is_unread = np.append(texts.notna().to_numpy() & read.isna().to_numpy(), False)
    days = np.append(read.to_numpy(), np.datetime64("NaT"))[codes]
    return pd.Series(days, index=values.index, dtype="datetime64[us]"), is_unread[codes]


def repeats(good: pd.DataFrame) -> Breach | None:
    """Rows after the first of the same student and program; positions are the frame's index."""
    again = good.duplicated(KEY).to_numpy()
    if not again.any():
        return None
    keys = good.groupby(KEY, sort=False).ngroup().to_numpy()
    later = good[again]
    firsts = good[~again].iloc[keys[again]]  # groups are numbered in the order of their first rows
    differs = {
        name: (
            (later[name].to_numpy() != firsts[name].to_numpy())
            & (later[name].notna().to_numpy() | firsts[name].notna().to_numpy())
        )
        for name in NAMES
        if name not in KEY
    }
    messages = []
    for position, first in enumerate(firsts.index):
        other = [name for name, differ in differs.items() if differ[position]]
        said = f"with another {', '.join(other)}" if other else "in every column"
        messages.append(f"repeats student and program of row {first + 1:,} {said}")
    return Breach("duplicate_id", "student_id", later.index.to_numpy(dtype="int64"), messages)


def findings(rows: pd.DataFrame, day: date, breaches: list[Breach], limits: list[str], blocking: set[str]) -> pd.DataFrame:
    """`data_quality_findings` of the extract: the breaches row by row, and the limits in one row about the whole.

    `blocking` are the rules for which the day is held back.
    """
    frames = [
        pd.DataFrame(
            {
                "rule": breach.rule,
                "row": breach.rows + 1,
                "column": breach.column,
                "value": None
                if breach.rule == "missing_required"
                else [masked(value) for value in as_text(rows[breach.column].iloc[breach.rows])],
                "message": breach.messages,
            }
        )
        for breach in breaches
    ]
    if limits:
        whole = {"rule": "count_limit", "row": 0, "column": "", "value": None, "message": "; ".join(limits)}
        frames.append(pd.DataFrame([whole]))
    if not frames:
        return DATA_QUALITY_FINDINGS.empty()
    found = pd.concat(frames, ignore_index=True)
    return DATA_QUALITY_FINDINGS.conform(found.assign(snapshot_date=pd.Timestamp(day), is_blocking=found["rule"].isin(blocking)))
