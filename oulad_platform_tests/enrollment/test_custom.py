"""Functions of the institution's own: rows, refusals, and that each fails alone."""

from datetime import date
from typing import Any

import pandas as pd
import pytest

from oulad_platform.enrollment.custom import custom_metrics

DAY = date(2026, 11, 20)
SNAPSHOT = pd.DataFrame({"student_id": ["1", "2", "3"], "division": ["STEM", "STEM", "Arts"], "level": ["A", "B", "A"]})


def by_division(snapshot: pd.DataFrame) -> pd.DataFrame:
    counts = snapshot.groupby("division").size()
    return counts.rename_axis("name").reset_index(name="value")


def broken(snapshot: pd.DataFrame) -> pd.DataFrame:
    return snapshot[["no such column"]]


def test_a_function_gives_rows_of_its_metric_and_day() -> None:
    rows, failures = custom_metrics({"by_division": by_division}, [(DAY, SNAPSHOT)])
    assert failures == []
    assert rows.astype("str").to_numpy().tolist() == [
        ["2026-11-20", "by_division", "Arts", "1.0"],
        ["2026-11-20", "by_division", "STEM", "2.0"],
    ]


def test_a_broken_function_fails_alone_and_is_named() -> None:
    rows, failures = custom_metrics({"broken": broken, "by_division": by_division}, [(DAY, SNAPSHOT)])
    assert rows["metric"].unique().tolist() == ["by_division"]
    (failure,) = failures
    assert failure.startswith("broken on 2026-11-20: KeyError")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"a": 1}, "gave dict; return a DataFrame with the columns ['name', 'value']"),
        (pd.DataFrame({"name": ["a"]}), "gave ['name']; return a DataFrame"),
        (pd.DataFrame({"name": ["a"], "value": ["many"]}), "column value: not float64"),
        (pd.DataFrame({"name": ["a", "a"], "value": [1.0, 2.0]}), "repeats a key"),
        (pd.DataFrame({"name": ["a"], "value": [float("inf")]}), "is not a number that is finite"),
    ],
)
def test_what_is_not_rows_of_name_and_value_is_refused_in_words(given: Any, said: str) -> None:
    rows, (failure,) = custom_metrics({"odd": lambda _: given}, [(DAY, SNAPSHOT)])
    assert rows.empty
    assert said in failure


def test_a_function_cannot_change_the_snapshot_for_the_next() -> None:
    def greedy(snapshot: pd.DataFrame) -> pd.DataFrame:
        snapshot["division"] = "mine"
        return pd.DataFrame({"name": ["done"], "value": [1.0]})

    rows, _ = custom_metrics({"greedy": greedy, "later": by_division}, [(DAY, SNAPSHOT)])
    assert rows.loc[rows["metric"] == "later", "name"].tolist() == ["Arts", "STEM"]
