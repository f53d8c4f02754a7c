"""The data dictionary: what tables and features mean, as Markdown made from where they are declared.

Nothing is described here; a text that is wrong in the dictionary is wrong in its table or catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from oulad_platform.core.tables import Column, Table


class Described(Protocol):
    """A feature of a catalogue, as far as the dictionary speaks of it."""

    @property
    def name(self) -> str: ...
    @property
    def meaning(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def sentence(self) -> str: ...
    @property
    def protected(self) -> bool: ...
    @property
    def told(self) -> bool: ...


def data_dictionary(sections: Mapping[str, Sequence[Table]], features: Sequence[Described] = ()) -> str:
    """Markdown of every table under its section's heading, and of the features.

    Columns that are features are not repeated in each table that holds them; the table says how many there are.
    """
    named = {feature.name for feature in features}
    parts = ["# Data dictionary", "Made from the tables' declarations by `oulad dictionary`; change them there."]
    for heading, tables in sections.items():
        parts += [f"## {heading}", *(part for table in tables for part in _table(table, named))]
    if features:
        parts += ["## Features", _features(features)]
    return "\n\n".join(parts) + "\n"


def _table(table: Table, features: set[str]) -> list[str]:
    own = [column for column in table.columns if column.name not in features]
    key = ", ".join(f"`{name}`" for name in table.key) or "none; rows are events"
    by_day = f" Kept day by day, by `{table.day}`." if table.day else ""
    rows = [(f"`{one.name}`", one.kind, one.unit, "yes" if one.nullable else "", _meaning(one)) for one in own]
    described = [
        f"### {table.name}",
        table.grain,
        f"Key: {key}.{by_day}",
        grid(("column", "type", "unit", "null", "meaning"), rows),
    ]
    n_features = len(table.columns) - len(own)
    return (
        [*described, f"And the {n_features} features below, each `float32` and absent where unknown."]
        if n_features
        else described
    )


def _meaning(column: Column) -> str:
    bounds = [f"{word} {value:g}" for word, value in (("from", column.minimum), ("up to", column.maximum)) if value is not None]
    allowed = f"One of {', '.join(column.allowed)}." if column.allowed else ""
    return " ".join(part for part in (column.meaning, allowed, f"Values {' '.join(bounds)}." if bounds else "") if part)


def _features(features: Iterable[Described]) -> str:
    rows = [
        (
            f"`{one.name}`",
            one.unit,
            one.meaning,
            "audit only" if one.protected else _spoken(one.sentence) if one.told else "not told",
        )
        for one in features
    ]
    return grid(("feature", "unit", "meaning", "to an adviser"), rows)


def _spoken(sentence: str) -> str:
    """The sentence with its figures named: `{value:.0f} clicks` is [value] clicks."""
    return re.sub(r"\{(\w+)[^}]*\}", r"[\1]", sentence)


def grid(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; a bar in a cell does not end it."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
