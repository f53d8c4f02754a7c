"""The register of snapshots: for each day what is used, since when and by whom, and what was held back. Pure.

Functions about a day take the register's rows (of that day, or of all days) and return the new rows of the day. The numbers
are the lake's. A held extract has the number it would get if it were let in, always the one after the newest version; when
another extract comes in before it, it moves up a number and stays as it is otherwise: that it was held back, when and why.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd

from oulad_platform.enrollment.quality import Admission
from oulad_platform.enrollment.tables import SNAPSHOT_VERSIONS

HELD_BEFORE = "held back before"
Row = dict[str, Any]


def let_in(
    register: pd.DataFrame, day: date, version: int, admission: Admission, sha256: str, at: datetime, by: str, reason: str = ""
) -> pd.DataFrame:
    """The day's rows once `version` of the lake is current; the one before is superseded. `at` is UTC, with or without a zone.

    Letting the current version in again changes nothing, nor does it when the lake gives an older number than the current
    one: whoever wrote the newer has registered it. A held extract with the same `sha256` is thereby let in and its row goes.
    A row whose file housekeeping removed gives its number to a file that came back.
    """
    rows = [row for row in _rows(register, day) if not (row["state"] == "quarantined" and row["sha256"] == sha256)]
    current = max((row["version"] for row in rows if row["state"] == "current"), default=0)
    if version <= current:
        return _table(_numbered(rows))
    kept = [row for row in rows if row["version"] != version or row["state"] == "quarantined"]
    for row in kept:
        if row["state"] == "current":
            row["state"] = "superseded"
    kept.append(_row(day, version, "current", admission.n_rows, admission, reason, sha256, at, by))
    return _table(_numbered(kept))


def held_back(
    register: pd.DataFrame, day: date, n_rows: int, admission: Admission, sha256: str, at: datetime, by: str
) -> pd.DataFrame:
    """The day's rows once an extract of `n_rows` rows was held back; an extract held before it is replaced.

    The same rows held back again for the same reasons change nothing.
    """
    rows, reason = _rows(register, day), "; ".join(admission.reasons)
    for row in rows:
        if row["state"] == "quarantined" and (row["sha256"], row["reason"], row["n_rows"]) == (sha256, reason, n_rows):
            return _table(rows)
    let_in_before = [row for row in rows if row["state"] != "quarantined"]
    held = _row(day, 1, "quarantined", n_rows, admission, reason, sha256, at, by)
    return _table(_numbered([*let_in_before, held]))


def accepted(
    register: pd.DataFrame, day: date, version: int, admission: Admission, sha256: str, at: datetime, by: str, reason: str = ""
) -> pd.DataFrame:
    """The day's rows once the held extract was let in by a person as `version`; why it had been held back stays readable.

    Raises ValueError when nothing is held back, unless these rows are current already: accepting twice changes nothing.
    """
    rows = _rows(register, day)
    held = next((row for row in rows if row["state"] == "quarantined"), None)
    if held is None:
        if sha256 == current_hash(_table(rows)):
            return _table(rows)
        raise ValueError(f"nothing is held back for {day}; look at the table {SNAPSHOT_VERSIONS.name} for what is")
    rest = _table([row for row in rows if row is not held])
    words = [reason or "accepted", f"{HELD_BEFORE}: {held['reason']}"]
    return let_in(rest, day, version, admission, sha256, at, by, "; ".join(words))


def removed(register: pd.DataFrame, at: datetime, by: str) -> pd.DataFrame:
    """The register's rows, of any days, once housekeeping has removed their snapshots: every version let in is `removed`.

    When it came and who let it in stay; `reason` also says when (UTC) and by whom its file was removed. What was removed
    before stays as it is, and so does a held extract, whose file is not a snapshot.
    """
    is_gone = register["state"].isin(("current", "superseded"))
    note = f"file removed {_utc(at):%Y-%m-%d} by {by}"
    noted = (register["reason"] + "; ").where(register["reason"] != "", "") + note
    states, reasons = register["state"].mask(is_gone, "removed"), register["reason"].mask(is_gone, noted)
    return SNAPSHOT_VERSIONS.conform(register.assign(state=states, reason=reasons))


def current_hash(register: pd.DataFrame) -> str | None:
    """`sha256` of the current version, from the register's rows of one day; None when there is none."""
    current = register.loc[register["state"] == "current", "sha256"]
    return None if current.empty else str(current.iloc[0])


def content_hash(frame: pd.DataFrame) -> str:
    """SHA-256 of the frame's columns and values as canonical text, the same with any version of pandas or Arrow.

    The text is one JSON array a column, name first: dates and times in ISO form, numbers as Python writes them, absent
    values as null. Row order counts; a frame that conforms to its table is in key order.
    """
    digest = hashlib.sha256()
    for name in frame:
        digest.update(json.dumps([name, *_plain(frame[name])], separators=(",", ":")).encode())
    return digest.hexdigest()


def _plain(values: pd.Series) -> list[Any]:
    if values.dtype.kind == "M":
        codes, moments = pd.factorize(values)
        spelled = [*np.datetime_as_string(moments.to_numpy().astype("datetime64[us]")).tolist(), None]
        return [spelled[code] for code in codes.tolist()]
    absent = values.isna().to_numpy()
    plain = values.tolist()
    return [None if gone else value for value, gone in zip(plain, absent.tolist(), strict=True)] if absent.any() else plain


def _rows(register: pd.DataFrame, day: date) -> list[Row]:
    of_day = register[register["snapshot_date"] == pd.Timestamp(day)]
    return [{str(name): value for name, value in row.items()} for row in of_day.to_dict("records")]


def _row(
    day: date, version: int, state: str, n_rows: int, admission: Admission, reason: str, sha256: str, at: datetime, by: str
) -> Row:
    return {
        "snapshot_date": pd.Timestamp(day),
        "version": version,
        "state": state,
        "n_rows": n_rows,
        "previous_date": pd.NaT if admission.previous_date is None else pd.Timestamp(admission.previous_date),
        "change_pct": admission.change_pct,
        "reason": reason,
        "sha256": sha256,
        "recorded_at": _utc(at),
        "recorded_by": by,
    }


def _utc(at: datetime) -> pd.Timestamp:
    return pd.Timestamp(at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at)


def _numbered(rows: list[Row]) -> list[Row]:
    """The held extract, if there is one, after the newest version."""
    newest = max((row["version"] for row in rows if row["state"] != "quarantined"), default=0)
    return [{**row, "version": newest + 1} if row["state"] == "quarantined" else row for row in rows]


def _table(rows: list[Row]) -> pd.DataFrame:
    if not rows:
        return SNAPSHOT_VERSIONS.empty()
    return SNAPSHOT_VERSIONS.conform(pd.DataFrame(rows, columns=SNAPSHOT_VERSIONS.names))
