"""Tests of core.dictionary: every table, column and feature is said once, from its declaration."""

from __future__ import annotations

from dataclasses import dataclass

from oulad_platform.core.dictionary import data_dictionary
from oulad_platform.core.tables import Column, Table


@dataclass(frozen=True)
class Told:
    name: str
    meaning: str
    unit: str
    sentence: str
    protected: bool = False
    told: bool = True


VISITS = Table(
    "visits",
    "One row per student and day.",
    (
        Column("day", "date", "The day."),
        Column("student", "int32", "The student.", minimum=0),
        Column("gap", "float64", "|D - last|.", "days", nullable=True, minimum=0, maximum=300),
        Column("kind", "text", "How.", allowed=("web", "app")),
        Column("clicks_7d", "float32", "Clicks.", "clicks", nullable=True),
    ),
    key=("day", "student"),
    day="day",
)
EVENTS = Table("events", "One row per event.", (Column("n", "int8", "How many."),), key=())
CLICKS = Told("clicks_7d", "Clicks in the last 7 days.", "clicks", "{value:.0f} clicks")
GENDER = Told("gender", "0 = F, 1 = M.", "code", "unsaid {value}", protected=True, told=False)
DAY = Told("day_in_course", "Days since day 0.", "days", "unsaid {value}", told=False)


def test_a_table_is_told_with_grain_key_and_every_column():
    assert data_dictionary({"Visits": [VISITS]}) == (
        "# Data dictionary\n\n"
        "Made from the tables' declarations by `oulad dictionary`; change them there.\n\n"
        "## Visits\n\n"
        "### visits\n\n"
        "One row per student and day.\n\n"
        "Key: `day`, `student`. Kept day by day, by `day`.\n\n"
        "| column | type | unit | null | meaning |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| `day` | date |  |  | The day. |\n"
        "| `student` | int32 |  |  | The student. Values from 0. |\n"
        "| `gap` | float64 | days | yes | \\|D - last\\|. Values from 0 up to 300. |\n"
        "| `kind` | text |  |  | How. One of web, app. |\n"
        "| `clicks_7d` | float32 | clicks | yes | Clicks. |\n"
    )


def test_features_are_told_once_and_not_again_in_the_tables_that_hold_them():
    text = data_dictionary({"Visits": [VISITS], "Raw": [EVENTS]}, [DAY, CLICKS, GENDER])
    assert text.count("`clicks_7d`") == 1
    assert "And the 1 features below" in text
    assert "| `clicks_7d` | clicks | Clicks in the last 7 days. | [value] clicks |" in text


def test_what_no_adviser_is_told_has_no_sentence_in_the_dictionary():
    text = data_dictionary({}, [DAY, CLICKS, GENDER])
    assert "unsaid" not in text
    assert "| `gender` | code | 0 = F, 1 = M. | audit only |" in text
    assert "| `day_in_course` | days | Days since day 0. | not told |" in text


def test_rows_without_a_key_are_called_events():
    assert "Key: none; rows are events." in data_dictionary({"Raw": [EVENTS]})
