"""Bytes that people and spreadsheets open: Markdown tables, CSV and JSON, safe whatever the text in them.

What a report says is decided by the module that owns it; writing the bytes somewhere is `storage`'s.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~&$@]|(?<=\w):(?=//)|(?<=\bwww)\.)", re.IGNORECASE)
_FORMULA = re.compile(r"(?='*[=+\-@\t\r\n＝＋－＠])")
ABSENT = "–"


def markdown_text(value: Any) -> str:
    """One value as inline Markdown that shows literally: nothing bold, linked, or taken for a cell's end; absent is a dash.

    >>> markdown_text("a|b\\n<i>*c*")
    'a\\\\|b \\\\<i\\\\>\\\\*c\\\\*'
    """
    if _is_absent(value):
        return ABSENT
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        return f"{value:,.4g}" if -1000 < float(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, date):
        return date_text(value)
    printable = "".join(" " if character.isspace() or not character.isprintable() else character for character in str(value))
    return _MARKDOWN.sub(r"\\\1", " ".join(printable.split()))


def markdown_table(frame: pd.DataFrame) -> str:
    """The frame as a Markdown table, one line a row, with a final newline; numbers are right-aligned."""
    rules = ["---:" if pd.api.types.is_numeric_dtype(dtype) and dtype != "bool" else "---" for dtype in frame.dtypes]
    rows = (map(markdown_text, row) for row in frame.itertuples(index=False, name=None))
    lines = [map(markdown_text, frame.columns), rules, *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def date_text(day: date) -> str:
    """The day as 2014-05-20, of a date, datetime or pandas Timestamp."""
    return day.date().isoformat() if isinstance(day, datetime) else day.isoformat()


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """The frame as CSV (RFC 4180: UTF-8, CRLF, header first, absent = blank) that no spreadsheet takes for formulas.

    Text that begins with = + - @ (also full-width), tab, CR or LF gets a leading apostrophe, and so does text that already
    has apostrophes before one of these; so taking one apostrophe off again gives the original. Numbers stay as they are.
    """
    safe = {name: frame[name] if _is_plain(frame[name].dtype) else frame[name].map(_defused) for name in frame.columns}
    columns = pd.DataFrame(safe, index=frame.index).set_axis([_defused(name) for name in frame.columns], axis=1)
    return columns.to_csv(index=False, lineterminator="\r\n").encode()


def json_bytes(value: object) -> bytes:
    """The value as indented UTF-8 JSON with sorted keys and a final newline; dates are ISO text, NaN and infinity null.

    Takes numpy and pandas scalars. Raises TypeError naming a type that JSON has no word for.
    """
    return (json.dumps(_plain(value), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _is_plain(dtype: Any) -> bool:
    return bool(pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_datetime64_any_dtype(dtype))


def _defused(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def _is_absent(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if _is_absent(value) or (isinstance(value, float) and math.isinf(value)):
        return None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"{type(value).__name__} {value!r:.80} has no place in JSON; turn it into text or a number first")
