"""The house style: date axes with few labels and pictures that are the same bytes every time."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oulad_platform.core.charts import count_axis, date_axis, date_ticks, figure, fitted, hold, png


@pytest.mark.parametrize(
    ("last", "labelled"),
    [
        ("2013-02-01", ["2013-02-01"]),
        ("2013-02-07", [f"2013-02-0{day}" for day in range(1, 8)]),
        ("2013-03-02", ["2013-02-01", "2013-02-08", "2013-02-15", "2013-02-22", "2013-03-01"]),
        ("2014-09-30", ["2013-02-01", "2013-05-01", "2013-08-01", "2013-11-01", "2014-02-01", "2014-05-01", "2014-08-01"]),
    ],
)
def test_labelled_days_are_few_and_regular(last: str, labelled: list[str]) -> None:
    assert [day.isoformat() for day in date_ticks(date(2013, 2, 1), date.fromisoformat(last))] == labelled


@given(st.dates(date(2000, 1, 1), date(2050, 1, 1)), st.integers(0, 8000))
def test_every_span_has_one_to_seven_labels_inside_it(first: date, n_days: int) -> None:
    last = first + timedelta(days=n_days)
    ticks = date_ticks(first, last)
    assert 1 <= len(ticks) <= 7
    assert first <= min(ticks) <= max(ticks) <= last


@pytest.mark.parametrize("n_days", [1, 2, 7, 30, 90, 600, 4000])
def test_date_labels_never_overlap(n_days: int) -> None:
    drawn, (panel,) = figure("Dates")
    date_axis(panel, date(2013, 2, 1), date(2013, 2, 1) + timedelta(days=n_days - 1))
    png(drawn)
    boxes = [label.get_window_extent() for label in panel.get_xticklabels()]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


@pytest.mark.fault("I10")
def test_the_same_figure_gives_the_same_png_and_another_gives_another() -> None:
    def picture(value: int) -> bytes:
        drawn, (panel,) = figure("Counts")
        panel.bar([1, 2], [value, -2000])
        count_axis(panel, "Students")
        return png(drawn)

    assert picture(3).startswith(b"\x89PNG\r\n")
    assert picture(3) == picture(3)
    assert picture(3) != picture(4)


def test_counts_are_labelled_whole_with_separators_and_without_sign() -> None:
    drawn, (panel,) = figure("Counts")
    panel.set_ylim(-2000, 2000)
    count_axis(panel, "Students")
    png(drawn)
    assert {label.get_text() for label in panel.get_yticklabels()} >= {"0", "1,600", "800"}


@pytest.mark.parametrize("text", ["Law", "Nautical Engineering", "W" * 4000, "i" * 4000, "Recht und Wirtschaft " * 50])
@pytest.mark.parametrize("inches", [0.5, 1.3, 4.0])
def test_a_fitted_text_is_never_wider_than_its_room(text: str, inches: float) -> None:
    drawn, (panel,) = figure("", dpi=200)
    label = panel.text(0, 0, fitted(text, inches, 9), fontsize=9)
    png(drawn)
    assert label.get_window_extent().width / 200 <= inches + 0.04


def test_a_fitted_text_keeps_what_fits_and_drops_what_turns_the_line() -> None:
    assert fitted("Law", 1) == "Law"
    assert fitted("a\n\u202eb\x00 c", 1) == "a b c"
    assert fitted("cost: $5 or $6", 2) == r"cost: \$5 or \$6"
    assert fitted("W" * 300, 1).endswith("…")


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_held_values_lie_inside_the_axis(low: float, span: float) -> None:
    _, (panel,) = figure("")
    hold(panel, low, low + span)
    bottom, top = panel.get_ylim()
    assert bottom < low
    assert low + span < top


def test_an_axis_with_a_floor_starts_there() -> None:
    _, (panel,) = figure("")
    hold(panel, 0, 3, floor=0)
    assert panel.get_ylim() == pytest.approx((0, 3.36))
