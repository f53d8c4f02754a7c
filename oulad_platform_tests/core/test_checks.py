"""Findings name the place, row, column and value; nothing personal is quoted."""

from datetime import date

import pandas as pd
import pytest

from oulad_platform.core.checks import ContractError, check_frame, require
from oulad_platform.core.tables import Column, Table

PEOPLE = Table(
    "people",
    "One row per person and day.",
    (
        Column("day", "date", "The day."),
        Column("person", "int32", "Who.", minimum=0),
        Column("name", "text", "Name.", personal=True),
        Column("risk", "float64", "Risk.", minimum=0, maximum=1),
        Column("band", "text", "Band.", nullable=True, allowed=("low", "high")),
    ),
    key=("day", "person"),
    day="day",
)


def frame(**changes: object) -> pd.DataFrame:
    rows: dict[str, object] = {
        "day": pd.to_datetime(["2014-01-01"] * 3),
        "person": [1, 2, 3],
        "name": ["Ann", "Bob", "Cem"],
        "risk": [0.0, 0.5, 1.0],
        "band": ["low", None, "high"],
    }
    return pd.DataFrame({**rows, **changes}).astype({"name": "str", "band": "str"})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"risk": [0.0, 1.5, 1.0]}, "people, row 2, risk: '1.5' is not a number from 0 up to 1"),
        ({"risk": [0.0, float("nan"), 1.0]}, "people, row 2, risk: 'nan' is missing, and this column may not be"),
        ({"risk": [0.0, float("inf"), 1.0]}, "people, row 2, risk: 'inf' is not a number from 0 up to 1"),
        ({"band": ["low", "middle", "high"]}, "people, row 2, band: 'middle' is not one of low, high"),
        ({"name": ["Ann", None, "Cem"]}, "people, row 2, name: 'nan' is missing, and this column may not be"),
        ({"person": [1, 1, 3]}, "people, row 2, day + person: '2014-01-01 00:00:00, 1' repeats a key"),
        ({"person": [1, -4, 3]}, "people, row 2, person: '-4' is not a number from 0"),
    ],
)
def test_a_broken_rule_is_named_with_row_column_and_value(changes: dict[str, object], sentence: str) -> None:
    assert [str(finding) for finding in check_frame(frame(**changes), PEOPLE)] == [sentence]


def test_a_good_frame_has_no_findings() -> None:
    assert check_frame(frame(), PEOPLE) == []


def test_rows_count_from_where_the_file_begins() -> None:
    (finding,) = check_frame(frame(risk=[0.0, 2.0, 1.0]), PEOPLE, where="people.csv", first_row=2)
    assert str(finding).startswith("people.csv, row 3, risk")


@pytest.mark.fault("G1")
def test_nothing_is_not_nobody() -> None:
    with pytest.raises(ContractError, match="an empty extract never means that nobody is there"):
        require(PEOPLE.empty(), PEOPLE)


@pytest.mark.fault("E7")
def test_a_day_without_rows_is_refused_where_the_table_may_not_be_empty() -> None:
    with pytest.raises(ContractError, match="has no rows for 2014-01-02"):
        require(frame(), PEOPLE, days=[date(2014, 1, 1), date(2014, 1, 2)])


def test_many_findings_are_counted_and_the_first_ten_shown() -> None:
    many = pd.concat([frame(person=[i, i + 1000, i + 2000], risk=[2.0, 2.0, 2.0]) for i in range(7)], ignore_index=True)
    with pytest.raises(ContractError, match="and 11 more findings"):
        require(many, PEOPLE)
