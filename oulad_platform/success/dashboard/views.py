"""What a section of the page is, and how figures, days and names are worded. Which ones stand there is decided elsewhere."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from oulad_platform.core.privacy import BASE, SHARE_FROM, Disclosure

ABSENT, HIDDEN = "–", "hidden"
NAME_LETTERS = 80


@dataclass(frozen=True)
class Row:
    """A line of a table: its first cell names it. `module` and `presentation` are what the filter goes by; empty: always shown.

    `is_total` rows are shown while nothing is chosen. `shades` (-1: none, 0 to 9) colour the cells behind the first `plain` ones.
    """

    cells: tuple[str, ...]
    module: str = ""
    presentation: str = ""
    is_total: bool = False
    shades: tuple[int, ...] = ()


@dataclass(frozen=True)
class Grid:
    """A table: caption, column names, rows. `words` are places of columns that hold text. `folded`: opened by the reader.

    `plain`: 0, or how many columns stand before the coloured ones. `printed`: the most rows on paper.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    words: tuple[int, ...] = ()
    folded: bool = False
    plain: int = 0
    printed: int = 28

    @property
    def is_filtered(self) -> bool:
        return any(row.module for row in self.rows)

    @property
    def n_named(self) -> int:
        return sum(not row.is_total for row in self.rows)


@dataclass(frozen=True)
class Picture:
    """A chart for wide and for narrow screens as SVG, with its figures in words."""

    alt: str
    wide: bytes
    narrow: bytes
    wide_size: tuple[int, int]
    narrow_size: tuple[int, int]


@dataclass(frozen=True)
class Section:
    """A heading, sentences, a chart, tables."""

    key: str
    title: str
    lines: tuple[str, ...] = ()
    picture: Picture | None = None
    grids: tuple[Grid, ...] = ()


def each(frame: pd.DataFrame) -> Iterator[Any]:
    """The rows of a frame, one after the other, their values by the columns' names."""
    return frame.itertuples(index=False)


def named(frame: pd.DataFrame) -> Iterator[tuple[Any, Any]]:
    """The rows of a frame with what its index calls them."""
    return zip(frame.index, each(frame), strict=True)


def shown(text: object, letters: int = NAME_LETTERS) -> str:
    """The text on one line of at most so many letters, without control characters; the page isolates its direction.

    >>> shown("Law\\r\\nand order"), shown("Nautical Engineering", 9)
    ('Law and order', 'Nautical…')
    """
    kept = (" " if letter.isspace() else letter for letter in str(text))
    line = " ".join("".join(letter for letter in kept if unicodedata.category(letter) not in ("Cc", "Cs")).split())
    return line if len(line) <= letters else f"{line[: letters - 1].rstrip()}…"


def count(value: Any) -> str:
    """A count with thousands separators; withheld ones are absent."""
    return HIDDEN if pd.isna(value) else f"{int(value):,}"


def nearest(n: float, rule: Disclosure) -> int:
    """A count of persons, rounded where the rule rounds.

    >>> nearest(1234, Disclosure()), nearest(1234, Disclosure(rounding="hesa"))
    (1234, 1235)
    """
    return (int(n) + BASE // 2) // BASE * BASE if rule.rounds else int(n)


def told(n: float, rule: Disclosure) -> str:
    """A count of persons in a sentence, as it may be shown to many.

    >>> told(1234, Disclosure()), told(3, Disclosure()), told(3, Disclosure(rounding="hesa"))
    ('1,234', 'fewer than 10', '5')
    """
    return f"fewer than {rule.below}" if n < rule.below and not rule.rounds else f"{nearest(n, rule):,}"


def share_from(rule: Disclosure) -> float:
    """The fewest persons of whom a share may be shown; where small counts are withheld, the share goes with its counts."""
    return SHARE_FROM if rule.rounds else 1


def share(part: Any, whole: Any, rule: Disclosure) -> str:
    """A share in whole percent, at most 100, of counts as they are shown; hidden where one is, or the whole is too small.

    A rounded whole is under 22.5 exactly where the true one is.
    """
    if pd.isna(part) or pd.isna(whole) or whole < share_from(rule):
        return HIDDEN
    return f"{min(100 * part / whole, 100):.0f} %"


def signed(value: Any, digits: int = 0, unit: str = "") -> str:
    """A difference with its sign; a dash when it is unknown."""
    if pd.isna(value):
        return ABSENT
    return f"{value:+,.{digits}f}{unit}".replace("-", "−")


def plain(value: Any, digits: int = 0) -> str:
    """A figure with thousands separators and a proper minus; a dash when it is unknown."""
    return ABSENT if pd.isna(value) else f"{value:,.{digits}f}".replace("-", "−")


def day_text(day: date) -> str:
    """The day as 23 November 2026."""
    return f"{day.day} {day:%B %Y}"


def short_day(day: date) -> str:
    """The day as 23 Nov 2026."""
    return f"{day.day} {day:%b %Y}"


def listed(parts: list[str]) -> str:
    """Parts as 'a, b and c'.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
