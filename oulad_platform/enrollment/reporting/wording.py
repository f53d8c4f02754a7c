"""How the messages word figures, days and names, and what a section of one is. Which figures stand there is decided elsewhere."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

NAME_LETTERS, HEADER_LETTERS, REASON_LETTERS = 60, 9, 300
MOST_ROWS, MOST_PROGRAMS = 10, 5
ABSENT = "–"
TURNING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@dataclass(frozen=True)
class Section:
    """A heading with sentences, then a table whose first column names its rows, then a picture by its content id."""

    title: str
    lines: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    picture: str = ""
    alt: str = ""


def shown(text: object, letters: int = NAME_LETTERS) -> str:
    """The text on one line of at most so many letters, without characters that control a screen or turn the text around.

    >>> shown("Law\\r\\nand \\u202eorder"), shown("Nautical Engineering", 9)
    ('Law and order', 'Nautical…')
    """
    kept = (" " if letter.isspace() else letter for letter in str(text) if letter not in TURNING)
    line = " ".join("".join(letter for letter in kept if unicodedata.category(letter) not in ("Cc", "Cs")).split())
    if len(line) <= letters:
        return line
    end = letters - 1
    while end and (unicodedata.combining(line[end]) or line[end] in "\u200d\ufe0f" or line[end - 1] == "\u200d"):
        end -= 1
    return f"{line[:end].rstrip()}…"


def day_text(day: date) -> str:
    """The day as Monday 23 November 2026."""
    return f"{day:%A} {day.day} {day:%B %Y}"


def signed(value: Any) -> str:
    """A difference with its sign and thousands separators; a dash when it is unknown."""
    if pd.isna(value):
        return ABSENT
    return "0" if not value else f"{value:+,.0f}".replace("-", "−")


def count(value: Any, digits: int = 0) -> str:
    """A figure with thousands separators; a dash when it is unknown."""
    return ABSENT if pd.isna(value) else f"{value:,.{digits}f}"


def percent(rate: Any, digits: int = 2) -> str:
    """A rate from 0 to 1 in percent; a dash when it is unknown."""
    return ABSENT if pd.isna(rate) else f"{100 * rate:.{digits}f} %"


def header(word: str) -> str:
    """A column's name that leaves room for the others on a telephone."""
    return shown(word.capitalize(), HEADER_LETTERS)
