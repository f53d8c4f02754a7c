"""Withheld counts: what is under the limit, what could lead there, and an attacker who knows every sum."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from oulad_platform.core.privacy import TOTAL, Disclosure, PrivacyError, is_open, rounded, share_of, suppress, withheld

Floats = npt.NDArray[np.float64]
COUNTS = st.one_of(st.integers(0, 12), st.integers(0, 400))


def cells(shown: pd.DataFrame) -> list[list[int | None]]:
    return [[None if pd.isna(value) else int(value) for value in row] for row in shown.to_numpy(dtype="object")]


def two_way(rows: list[list[int]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=[f"c{number}" for number in range(len(rows[0]))])
    table.index = pd.Index([f"r{number}" for number in range(len(rows))])
    table["sum"] = table.sum(axis=1)
    return table


def known_sums(n_rows: int, n_columns: int) -> Floats:
    """What everybody knows of a two-way table with its margins: each row and each column, of totals too, adds up."""
    place = np.arange(n_rows * n_columns).reshape(n_rows, n_columns)
    lines = np.zeros((n_rows + n_columns, place.size))
    for number, row in enumerate(place):
        lines[number, row[:-1]], lines[number, row[-1]] = 1, -1
    for number, column in enumerate(place.T):
        lines[n_rows + number, column[:-1]], lines[n_rows + number, column[-1]] = 1, -1
    return lines


def worked_out(hidden: npt.NDArray[np.bool_], lines: Floats) -> list[int]:
    """The hidden cells that some linear combination of the shown ones gives: exactly those that the sums determine."""
    unknown = lines[:, hidden]
    rank = np.linalg.matrix_rank(unknown)
    unit = np.eye(unknown.shape[1])
    return [
        place for place, row in zip(np.flatnonzero(hidden), unit, strict=True) if np.linalg.matrix_rank([*unknown, row]) == rank
    ]


def span(cell: int, truth: Floats, hidden: npt.NDArray[np.bool_], lines: Floats) -> float:
    """How far apart the smallest and the largest value are that the attacker, who knows that no count is negative, must allow."""
    bounds = [(0, None) if is_hidden else (value, value) for value, is_hidden in zip(truth, hidden, strict=True)]
    ends = []
    for sign in (1, -1):
        aim = np.zeros(len(truth))
        aim[cell] = sign
        found = linprog(aim, A_eq=lines, b_eq=np.zeros(len(lines)), bounds=bounds, method="highs")
        ends.append(np.inf if found.status == 3 else abs(found.fun))
    return ends[1] - ends[0]


def test_a_small_count_takes_the_next_smallest_with_it() -> None:
    shown = suppress(pd.DataFrame({"students": [120, 85, 7, 41]}, index=["AAA", "BBB", "CCC", "DDD"]))
    assert cells(shown) == [[120], [85], [None], [None], [253]]
    assert shown.index[-1] == TOTAL


def test_two_small_counts_that_are_safe_together_take_nobody_along() -> None:
    assert cells(suppress(pd.DataFrame({"students": [120, 8, 9]}, index=["AAA", "BBB", "CCC"]))) == [[120], [None], [None], [137]]


def test_two_counts_whose_sum_gives_them_away_take_a_third_along() -> None:
    """0 + 3 = 3: each lies between 0 and 3, which is as good as told."""
    shown = suppress(pd.DataFrame({"students": [120, 0, 3]}, index=["AAA", "BBB", "CCC"]))
    assert cells(shown) == [[None], [None], [None], [123]]


def test_a_two_way_table_hides_a_rectangle() -> None:
    shown = suppress(two_way([[50, 4, 60], [70, 30, 90], [80, 20, 100]]), sums=[("sum", ("c0", "c1", "c2"))])
    assert cells(shown) == [[None, None, 60, 114], [70, 30, 90, 190], [None, None, 100, 200], [200, 54, 250, 504]]


def test_a_share_near_everybody_is_hidden_though_its_complement_is_never_shown() -> None:
    table = pd.DataFrame({"scored": [100, 90, 80], "high": [97, 40, 30]}, index=["AAA", "BBB", "CCC"])
    table["other"] = table["scored"] - table["high"]
    shown = suppress(table, sums=[("scored", ("high", "other"))], unpublished=["other"])
    assert cells(shown) == [[100, None, None], [90, 40, None], [80, None, None], [270, 167, None]]


def test_zero_is_a_small_count_too() -> None:
    assert cells(suppress(pd.DataFrame({"students": [0, 50, 60]}, index=["AAA", "BBB", "CCC"]))) == [[None], [None], [60], [110]]


def test_a_table_under_the_limit_as_a_whole_is_hidden_as_a_whole() -> None:
    assert cells(suppress(pd.DataFrame({"students": [3, 4]}, index=["AAA", "BBB"]))) == [[None], [None], [None]]


def test_a_cell_flagged_by_another_table_is_guarded_like_a_small_one() -> None:
    table = pd.DataFrame({"students": [120, 85, 60]}, index=["AAA", "BBB", "CCC"])
    flags = pd.DataFrame({"students": [True, False, False]}, index=table.index)
    assert cells(suppress(table, withhold=flags)) == [[None], [85], [None], [265]]


def test_a_table_without_rows_stays_empty_and_one_without_small_counts_is_shown_whole() -> None:
    assert suppress(pd.DataFrame({"students": pd.Series([], dtype="int64")})).empty
    assert cells(suppress(pd.DataFrame({"students": [10, 11]}, index=["AAA", "BBB"]))) == [[10], [11], [21]]


@pytest.mark.parametrize("wrong", [[-1.0, 20.0], [np.nan, 20.0], [10.5, 20.0]])
def test_what_is_no_count_is_refused(wrong: list[float]) -> None:
    with pytest.raises(PrivacyError, match="whole numbers from 0"):
        suppress(pd.DataFrame({"students": wrong}, index=["AAA", "BBB"]))


def test_parts_that_do_not_add_up_and_rows_named_twice_are_refused() -> None:
    with pytest.raises(PrivacyError, match="add up"):
        suppress(pd.DataFrame({"n": [30], "a": [10], "b": [10]}, index=["AAA"]), sums=[("n", ("a", "b"))])
    with pytest.raises(PrivacyError, match="AAA"):
        suppress(pd.DataFrame({"students": [10, 20]}, index=["AAA", "AAA"]))


def test_the_attacker_of_these_tests_does_work_out_a_cell_that_is_hidden_alone() -> None:
    truth = np.array([[50, 4, 54], [70, 30, 100], [120, 34, 154]], dtype="float64")
    assert worked_out(truth.ravel() < 10, known_sums(3, 3)) == [1]


@pytest.mark.fault("property 20")
@given(st.lists(COUNTS, min_size=1, max_size=9))
def test_no_combination_of_a_row_and_its_total_gives_a_hidden_count(counts: list[int]) -> None:
    shown = suppress(pd.DataFrame({"n": counts}, index=[f"r{number}" for number in range(len(counts))]))
    hidden = shown["n"].isna().to_numpy()
    truth = np.array([*counts, sum(counts)], dtype="float64")
    line = np.array([[*[1.0] * len(counts), -1.0]])
    assert hidden[truth < 10].all()
    assert worked_out(hidden, line) == []
    assert all(span(int(cell), truth, hidden, line) >= 10 - 1e-6 for cell in np.flatnonzero(truth < 10))


@pytest.mark.fault("property 20")
@settings(max_examples=60)
@given(st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(COUNTS, min_size=n, max_size=n), min_size=1, max_size=5)))
def test_no_combination_of_a_two_way_table_and_its_margins_gives_a_hidden_count(rows: list[list[int]]) -> None:
    table = two_way(rows)
    shown = suppress(table, sums=[("sum", tuple(table.columns[:-1]))])
    hidden = shown.isna().to_numpy().ravel()
    truth = np.vstack([table.to_numpy("float64"), table.sum().to_numpy("float64")]).ravel()
    lines = known_sums(len(rows) + 1, table.shape[1])
    assert hidden[truth < 10].all()
    assert worked_out(hidden, lines) == []
    for cell in np.flatnonzero(truth < 10)[:6]:
        assert span(int(cell), truth, hidden, lines) >= 10 - 1e-6
    assert (shown.to_numpy("float64", na_value=np.nan).ravel()[~hidden] == truth[~hidden]).all()


@given(st.lists(COUNTS, min_size=2, max_size=6), st.integers(2, 40))
def test_the_limit_is_the_institutions(counts: list[int], below: int) -> None:
    line = np.array([[*[1.0] * len(counts), -1.0]])
    truth = np.array([*counts, sum(counts)], dtype="float64")
    hidden = withheld(truth, line, below=below)
    assert hidden[truth < below].all()
    assert hidden.any() == bool((truth < below).any())


@pytest.mark.parametrize(
    ("part", "whole", "shown"), [(10, 20, True), (9, 20, False), (11, 20, False), (0, 20, False), (7, 7, False)]
)
def test_a_part_is_open_when_it_and_the_rest_reach_the_limit(part: int, whole: int, shown: bool) -> None:
    assert is_open(part, whole, 10) is shown


def test_counts_are_rounded_to_five_and_the_smallest_to_none() -> None:
    counts = pd.Series([0, 1, 2, 3, 4, 5, 7, 8, 12, 13, 1002, None], dtype="Int64")
    shown = [0, 0, 0, 5, 5, 5, 5, 10, 10, 15, 1000, None]
    assert [None if pd.isna(value) else int(value) for value in rounded(counts)] == shown


def test_a_share_of_rounded_counts_is_withheld_where_it_rests_on_fewer_than_22_and_a_half() -> None:
    part, whole = pd.Series([20, 20, 25, 0]), pd.Series([20, 25, 25, 0])
    shares = share_of(part, whole, pd.Series([22, 23, 26, 30]))
    assert [None if pd.isna(value) else value for value in shares] == [None, 0.8, 1.0, None]


def test_a_mean_needs_eight_persons_where_counts_are_rounded_and_the_limit_where_they_are_withheld() -> None:
    assert (Disclosure(12).mean_from, Disclosure(12, "hesa").mean_from) == (12, 8)


@given(st.lists(st.integers(0, 100_000), min_size=1))
def test_a_rounded_count_is_a_multiple_of_five_at_most_two_away(counts: list[int]) -> None:
    shown = rounded(pd.Series(counts)).to_numpy("int64")
    assert (shown % 5 == 0).all()
    assert (np.abs(shown - np.array(counts)) <= 2).all()
