"""Enrolment as pictures: right for a day, a month and years, small, legible, and without the dates it does not have."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from functools import cache
from itertools import combinations
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from oulad_platform.core import charts
from oulad_platform.core.house import House, Words
from oulad_platform.enrollment.reporting.charts import cohort_retention, daily_changes, enrollment_trend, retention
from oulad_platform.enrollment.reporting.dashboard import executive_dashboard
from oulad_platform_tests.enrollment.reporting.figures import anomalies, cohorts, forecast, metrics, trends

HOUSE = House()
BLUE, GREEN, VERMILION = (0, 114, 178), (0, 158, 115), (213, 94, 0)
LONG = "Bachelor of Applied Nautical Engineering with Oceanography (Honours), part-time evening track WWWW"
LENGTHS = [1, 7, 30, 300]


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures drawn in the test."""
    seen: list[Figure] = []
    png = charts.png

    def remembered(drawn: Figure) -> bytes:
        seen.append(drawn)
        return png(drawn)

    monkeypatch.setattr(charts, "png", remembered)
    return seen


def shares(picture: bytes, *colours: tuple[int, int, int]) -> list[float]:
    """Which share of the picture is within 12 steps a channel of each colour."""
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    return [float((np.abs(pixels - colour).max(axis=2) <= 12).mean()) for colour in colours]


def texts(drawn: Figure) -> list[tuple[str, Bbox]]:
    """Every text as it is drawn, with its place in pixels."""
    seen: list[tuple[str, Bbox]] = []
    draw = Text.draw

    def remembered(text: Text, renderer: Any) -> None:
        if text.get_visible() and text.get_text().strip():
            seen.append((text.get_text(), text.get_window_extent(renderer)))
        draw(text, renderer)

    with patch.object(Text, "draw", remembered):
        FigureCanvasAgg(drawn).draw()
    return seen


def assert_legible(drawn: Figure) -> None:
    """No text lies outside the picture or on another text."""
    page = drawn.bbox
    seen = texts(drawn)
    for text, box in seen:
        inside = page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
        assert inside, f"{text!r} leaves the picture: {box} in {page}"
    for (one, box), (other, its_box) in combinations(seen, 2):
        overlap = Bbox.intersection(box, its_box)
        if overlap is not None and min(overlap.width, overlap.height) > 1:
            raise AssertionError(f"{one!r} lies on {other!r}")


def assert_all_inside(panel: Axes) -> None:
    """No value drawn lies above or below its axis."""
    low, high = sorted(panel.get_ylim())
    for line in panel.lines:
        heights = np.asarray(line.get_ydata(), dtype="float64")
        if line.get_transform().contains_branch(panel.transData) and len(heights) != 2:
            assert low <= np.nanmin([low, *heights])
            assert np.nanmax([high, *heights]) <= high
    for bar in panel.patches:
        assert low <= np.nanmin([high, bar.get_bbox().y0, bar.get_bbox().y1])
        assert np.nanmax([low, bar.get_bbox().y0, bar.get_bbox().y1]) <= high


known = cache(metrics)


@cache
def ahead(n_days: int, n_programs: int) -> pd.DataFrame:
    return forecast(known(n_days, n_programs))


DRAWINGS: dict[str, Callable[[int, int], bytes]] = {
    "trend": lambda n_days, n: enrollment_trend(known(n_days, n), HOUSE),
    "trend with forecast": lambda n_days, n: enrollment_trend(known(n_days, n), HOUSE, ahead(n_days, n)),
    "changes": lambda n_days, n: daily_changes(known(n_days, n), HOUSE),
    "persistence": lambda n_days, n: retention(known(n_days, n), HOUSE, 0.995),
    "dashboard": lambda n_days, n: executive_dashboard(known(n_days, n), HOUSE),
    "dashboard with all": lambda n_days, n: executive_dashboard(
        known(n_days, n, prefix=LONG),
        HOUSE,
        ahead(n_days, n),
        trends(),
        anomalies(2),
        cohorts=cohorts(5),
        target_rate=0.9,
    ),
}


@pytest.mark.parametrize("n_programs", [1, 40])
@pytest.mark.parametrize("n_days", LENGTHS)
@pytest.mark.parametrize("kind", DRAWINGS)
def test_every_chart_is_legible_for_a_day_and_for_a_year_with_one_program_and_with_forty(
    figures: list[Figure], kind: str, n_days: int, n_programs: int
) -> None:
    picture = DRAWINGS[kind](n_days, n_programs)
    (drawn,) = figures
    assert_legible(drawn)
    for panel in drawn.findobj(Axes):
        assert_all_inside(panel)
    assert len(picture) <= 60_000


@pytest.mark.parametrize("kind", DRAWINGS)
def test_a_chart_takes_less_than_a_second_of_cpu(kind: str) -> None:
    DRAWINGS[kind](300, 40)
    begin = time.process_time()
    DRAWINGS[kind](300, 40)
    assert time.process_time() - begin < 1


@pytest.mark.parametrize("kind", DRAWINGS)
def test_the_same_figures_give_the_same_bytes(kind: str) -> None:
    assert DRAWINGS[kind](30, 3) == DRAWINGS[kind](30, 3)


@pytest.mark.parametrize("n_days", [7, 30, 120, 600])
def test_line_adds_and_drops_are_drawn_in_900_pixels(n_days: int) -> None:
    picture = enrollment_trend(metrics(n_days), HOUSE)
    assert Image.open(io.BytesIO(picture)).size == (900, 720)
    line, adds, drops = shares(picture, BLUE, GREEN, VERMILION)
    assert line > 0.00005
    assert adds > drops > 0.001


def test_a_baseline_day_shows_its_count_and_no_bars(figures: list[Figure]) -> None:
    enrollment_trend(metrics(1), HOUSE)
    level, change = figures[0].axes
    assert [list(line.get_ydata()) for line in level.lines if line.get_marker() == "o"] == [[100.0]]
    assert all(np.isnan(bar.get_height()) for bar in change.patches)
    assert "No day before to compare with" in [text.get_text() for text in change.texts]


def test_a_day_without_a_row_is_a_gap_in_the_line() -> None:
    whole = metrics(30)
    with_gap = whole[~whole["date"].isin(pd.date_range("2026-11-05", periods=10))]
    assert shares(enrollment_trend(with_gap, HOUSE), BLUE)[0] < 0.95 * shares(enrollment_trend(whole, HOUSE), BLUE)[0]


def test_a_day_without_any_enrolment_is_drawn_as_zero(figures: list[Figure]) -> None:
    empty = metrics(1)
    empty["total_enrollment"] = empty["total_enrollment"] * 0
    enrollment_trend(empty, HOUSE)
    assert figures[0].axes[0].get_ylim()[0] <= 0 < figures[0].axes[0].get_ylim()[1]


def test_the_order_of_rows_and_other_scopes_change_nothing() -> None:
    total = metrics(30)
    total = total[total["scope"] == "total"]
    program = total.assign(scope="program", name="AAA", total_enrollment=1)
    assert enrollment_trend(pd.concat([program, total.iloc[::-1]]), HOUSE) == enrollment_trend(total, HOUSE)


def test_without_a_row_of_the_total_there_is_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="no row of the total to draw"):
        enrollment_trend(metrics(3).assign(scope="program"), HOUSE)


def test_the_fan_holds_the_used_forecast_of_the_total_only(figures: list[Figure]) -> None:
    shown = metrics(30)
    enrollment_trend(shown, HOUSE, forecast(shown, wide=20))
    level = figures[0].axes[0]
    dashed = next(line for line in level.lines if line.get_linestyle() == "--")
    newest = shown.loc[shown["scope"] == "total", "total_enrollment"].iloc[-1]
    assert list(dashed.get_ydata()) == [newest + 2 * lead for lead in range(31)]
    assert level.get_ylim()[1] > newest + 60 + 2 * 20 * 40
    assert level.get_ylim()[0] == 0


def test_a_forecast_made_after_the_newest_day_is_not_drawn() -> None:
    later = forecast(metrics(30))
    shown = metrics(30)
    shown = shown[shown["date"] < "2026-11-20"]
    assert enrollment_trend(shown, HOUSE, later) == enrollment_trend(shown, HOUSE)


def test_adds_drops_and_their_difference_stand_in_the_changes(figures: list[Figure]) -> None:
    daily_changes(metrics(8), HOUSE)
    (panel,) = figures[0].axes
    came = [bar.get_height() for bar in panel.patches][1:8]
    left = [bar.get_height() for bar in panel.patches][9:]
    net = next(line for line in panel.lines if line.get_label() == "Net").get_ydata()
    assert came == [3, 3, 3, 3, 0, 0, 3]
    assert left == [-1, -1, -1, -1, 0, 0, -1]
    assert list(np.asarray(net)[1:]) == [2, 2, 2, 2, 0, 0, 2]


def test_cohorts_take_the_place_of_persistence_and_the_target_is_seen(figures: list[Figure]) -> None:
    retention(metrics(8), HOUSE, 0.95, cohorts(7))
    (panel,) = figures[0].axes
    by_label = {str(line.get_label()): list(line.get_ydata()) for line in panel.lines}
    assert list(by_label) == ["2022S", "2023S", "2024S", "2025S", "2026S", "Target 95 %"]
    assert by_label["2026S"] == pytest.approx([100, 98, 96, 94, 92, 90])
    assert panel.get_ylim()[0] < 90
    assert_legible(figures[0])


def test_cohort_names_of_any_length_stay_in_the_picture(figures: list[Figure]) -> None:
    cohort_retention(cohorts(5, name=LONG), HOUSE, 0.9)
    assert_legible(figures[0])


def test_persistence_without_a_target_has_no_target_line(figures: list[Figure]) -> None:
    retention(metrics(8), HOUSE, None)
    assert [str(line.get_label()) for line in figures[0].axes[0].lines] == ["Persistence"]


@pytest.mark.parametrize("target", [-0.1, 85])
def test_a_target_that_is_no_share_is_refused(target: float) -> None:
    with pytest.raises(ValueError, match="is not a share from 0 to 1"):
        retention(metrics(8), HOUSE, target)


def test_without_a_cohort_there_is_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="no cohort to draw"):
        cohort_retention(cohorts().assign(program="Law"), HOUSE, 0.9)


def test_the_dashboard_shows_the_ten_largest_programs_and_what_the_others_are_together(figures: list[Figure]) -> None:
    shown = metrics(8, 12)
    shown.loc[shown["name"] == "Program 11", "total_enrollment"] = 500
    executive_dashboard(shown, HOUSE)
    size, changed = figures[0].axes[2:4]
    names = [label.get_text() for label in size.get_yticklabels()]
    assert names[0] == "Program 11"
    assert names[-1] == "2 others"
    assert len(names) == 11
    assert [text.get_text() for text in size.texts] == ["500", *["110"] * 9, "220"]
    assert [text.get_text() for text in changed.texts] == [*["+2"] * 10, "+4"]


def test_the_dashboard_calls_unknown_what_it_was_not_given(figures: list[Figure]) -> None:
    executive_dashboard(metrics(8), HOUSE)
    executive_dashboard(metrics(8), HOUSE, forecast(metrics(8)), trends(), anomalies(2))
    figure_texts = [{text for text, _ in texts(drawn)} for drawn in figures]
    assert "unknown" in figure_texts[0]
    assert figure_texts[1] >= {"rising", "2 of 15", "170 (130 to 210)", "+20"}


def test_names_are_letters_never_formulas_and_words_and_colours_are_the_houses(figures: list[Figure]) -> None:
    words = Words(added="signed up", dropped="cancelled", holdings="subscriptions")
    house = House(institution=r"$\frac{Shop" + "\u202e\n" + "W" * 200, up_colour="#112233", words=words)
    picture = daily_changes(metrics(30), house)
    executive_dashboard(metrics(30, 3, prefix=r"$x^2$ $\bad"), house)
    enrollment_trend(metrics(30), house)
    for drawn in figures:
        assert_legible(drawn)
    assert shares(picture, (0x11, 0x22, 0x33))[0] > 0.01
    assert "Signed up and cancelled by day" in {text for text, _ in texts(figures[0])}
    assert any("subscriptions on" in text for text, _ in texts(figures[2]))
