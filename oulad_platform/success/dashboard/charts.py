"""The page's charts as SVG bytes in the house style, each for wide and for narrow screens; the same figures give the same bytes.

Panels stand at fixed places, since a lay-out solver's last digits differ from time to time. What is drawn may be shown to
many: small counts are withheld before.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oulad_platform.core.charts import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    SKY,
    VERMILION,
    count_axis,
    date_axis,
    fitted,
    house_style,
    whole_numbers,
)
from oulad_platform.success.dashboard.views import Picture
from oulad_platform.success.evaluation.charts import RUNG_LABELS
from oulad_platform.success.evaluation.ladder import HONEST

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

LEAST_SPAN = 0.05
WIDE, HALF, NARROW = 7.4, 4.6, 3.7
SMALL = 8
Box = tuple[float, float, float, float]
Draw = Callable[["Axes"], None]


def enrollment_chart(total: pd.DataFrame, colour: str, alt: str) -> Picture:
    """Enrolments by week with those of the year before. `total`: date, total_enrollment, last_year_enrollment, oldest first.

    The axis spans at least 5 % of the newest figure up and down, so that a change of a few does not look like a fall.
    """

    def draw(panel: Axes) -> None:
        panel.plot(total["date"], total["total_enrollment"], color=colour, linewidth=1.8, label="this year")
        before = total["last_year_enrollment"].to_numpy("float64", na_value=np.nan)
        if np.isfinite(before).any():
            panel.plot(total["date"], before, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label="a year before")
            panel.legend(frameon=False, fontsize=SMALL, loc="best")
        if len(total) == 1:
            panel.plot(total["date"], total["total_enrollment"], color=colour, marker="o")
        date_axis(panel, total["date"].iloc[0].date(), total["date"].iloc[-1].date())
        low, high = panel.get_ylim()
        newest = float(total["total_enrollment"].iloc[-1])
        panel.set_ylim(max(min(low, (1 - LEAST_SPAN) * newest), 0), max(high, (1 + LEAST_SPAN) * newest))
        count_axis(panel, "enrolments", SMALL)

    return _picture(alt, 1.9, [(draw, "")])


def honesty_chart(curve: pd.DataFrame, ladder: pd.DataFrame, alt: str) -> Picture:
    """Calibration (mean_risk, observed_rate, low, high) and leak ladder (evaluation, value, low, high); one may be empty."""
    drawn: list[tuple[Draw, str]] = []
    if not curve.empty:
        drawn.append((lambda panel: _calibration(panel, curve), "Failed or withdrew, over the risk given"))
    if not ladder.empty:
        drawn.append((lambda panel: _ladder(panel, ladder), "AUC: honest, and with leaks"))
    return _picture(alt, 2.5, drawn, named=not ladder.empty)


def return_chart(by_caseload: pd.DataFrame, drivers: pd.DataFrame, colour: str, alt: str) -> Picture:
    """Net benefit by number contacted with its 80 % band, beside the tornado of assumptions; one may be empty."""
    drawn: list[tuple[Draw, str]] = []
    if not by_caseload.empty:
        drawn.append((lambda panel: _by_caseload(panel, by_caseload, colour), "Net benefit by students contacted"))
    if not drivers.empty:
        drawn.append((lambda panel: _tornado(panel, drivers), "Net benefit at the low and the high value"))
    return _picture(alt, 2.4, drawn, named=not drivers.empty)


def gaps_chart(gaps: pd.DataFrame, alt: str) -> Picture:
    """Gaps of groups to everybody else in points: label, value, low, high, beyond; one line a group."""

    def draw(panel: Axes) -> None:
        place = np.arange(len(gaps))[::-1]
        colours = [VERMILION if beyond else BLUE for beyond in gaps["beyond"]]
        panel.hlines(place, 100 * gaps["low"], 100 * gaps["high"], color=colours, linewidth=1.3)
        panel.scatter(100 * gaps["value"], place, s=18, color=colours, zorder=3)
        panel.axvline(0, color=MUTED, linewidth=0.8)
        panel.set_yticks(place, [fitted(label, 1.4, SMALL) for label in gaps["label"]])
        panel.grid(visible=False, axis="y")
        panel.set_xlabel("points, against the others", fontsize=SMALL, color=INK)

    return _picture(alt, 0.75 + 0.17 * max(len(gaps), 4), [(draw, "Share reached of who failed or withdrew")], named=True)


def _calibration(panel: Axes, curve: pd.DataFrame) -> None:
    panel.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    error = [curve["observed_rate"] - curve["low"], curve["high"] - curve["observed_rate"]]
    panel.errorbar(curve["mean_risk"], curve["observed_rate"], error, fmt="none", elinewidth=1, ecolor=SKY)
    panel.plot(curve["mean_risk"], curve["observed_rate"], color=BLUE, marker="o", markersize=3.5, linewidth=1.2)
    panel.set_xlim(-0.03, 1.03)
    panel.set_ylim(-0.03, 1.03)
    for axis in (panel.set_xticks, panel.set_yticks):
        axis([0, 0.5, 1], ["0", "50 %", "100 %"])
    panel.set_xlabel("risk given", fontsize=SMALL, color=INK)


def _ladder(panel: Axes, ladder: pd.DataFrame) -> None:
    heights = np.arange(len(ladder))[::-1]
    colours = [BLUE if rung == HONEST else ORANGE for rung in ladder["evaluation"]]
    panel.barh(heights, ladder["value"] - 0.5, left=0.5, height=0.62, color=colours)
    error = np.abs(np.array([ladder["value"] - ladder["low"], ladder["high"] - ladder["value"]], dtype="float64"))
    panel.errorbar(ladder["value"], heights, xerr=error, fmt="none", ecolor=INK, elinewidth=1, capsize=2)
    for height, value, high in zip(heights, ladder["value"], ladder["high"].fillna(ladder["value"]), strict=True):
        panel.text(high + 0.02, height, f"{value:.2f}", va="center", fontsize=SMALL, color=INK)
    labels = [RUNG_LABELS[rung].split(":")[0] for rung in ladder["evaluation"]]
    panel.set_yticks(heights, labels)
    panel.set_xlim(0.5, 1.12)
    panel.set_xticks([0.5, 0.75, 1], ["0.5: chance", "0.75", "1"])
    panel.grid(visible=False, axis="y")


def _by_caseload(panel: Axes, rows: pd.DataFrame, colour: str) -> None:
    panel.fill_between(rows["n_contacted"], rows["net_benefit_low"], rows["net_benefit_high"], color=SKY, alpha=0.3, linewidth=0)
    panel.plot(rows["n_contacted"], rows["net_benefit"], color=colour, linewidth=1.8)
    panel.axhline(0, color=MUTED, linewidth=0.8)
    best = rows[rows["is_best"].astype("bool")]
    panel.scatter(best["n_contacted"], best["net_benefit"], s=34, color=VERMILION, zorder=3)
    for at in best.itertuples():
        panel.annotate(
            f"{at.n_contacted:,}", (at.n_contacted, at.net_benefit), (0, 6), textcoords="offset points", fontsize=SMALL
        )
    _money(panel.yaxis)
    whole_numbers(panel.xaxis)
    panel.set_xlabel("students contacted, highest risk first", fontsize=SMALL, color=INK)


def _tornado(panel: Axes, drivers: pd.DataFrame) -> None:
    place = np.arange(len(drivers))[::-1]
    ends = drivers[["net_benefit_at_low", "net_benefit_at_high"]].to_numpy("float64")
    middle = float(drivers["net_benefit"].iloc[0])
    for column, colour, label in ((0, ORANGE, "low value"), (1, GREEN, "high value")):
        panel.barh(place, ends[:, column] - middle, left=middle, height=0.6, color=colour, label=label)
    panel.axvline(0, color=MUTED, linewidth=0.8)
    panel.set_yticks(place, [fitted(name, 1.5, SMALL) for name in drivers["driver"]])
    panel.grid(visible=False, axis="y")
    panel.set_ylim(-0.6, len(drivers) - 0.1)
    panel.legend(frameon=False, fontsize=SMALL - 1, ncols=2, loc="upper center", bbox_to_anchor=(0.4, -0.13))
    _money(panel.xaxis)


def _money(axis: Axis) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(3))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}".replace("-", "−")))


def _picture(alt: str, height: float, drawn: list[tuple[Draw, str]], named: bool = False) -> Picture:
    """Panels beside each other on wide screens, below each other on narrow ones. `named`: the last has names at its left."""
    width = WIDE if len(drawn) > 1 else HALF
    wide = _svg(drawn, width, height, 1, named)
    narrow = _svg(drawn, NARROW, height * len(drawn), len(drawn), named)
    pixels = [(round(96 * width), round(96 * tall)) for width, tall in ((width, height), (NARROW, height * len(drawn)))]
    return Picture(alt, wide, narrow, *pixels)


def _svg(drawn: list[tuple[Draw, str]], width: float, height: float, n_lines: int, named: bool) -> bytes:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white")
    n_columns = len(drawn) // n_lines
    for number, (draw, title) in enumerate(drawn):
        column, line = number % n_columns, number // n_columns
        is_named = named and number == len(drawn) - 1
        panel = figure.add_axes(_box(figure, column, n_columns, line, n_lines, is_named, bool(title)))
        house_style(panel, SMALL)
        draw(panel)
        panel.set_title(title, loc="left", fontsize=SMALL + 1, color=INK, x=-_left(is_named) / panel.get_position().width / width)
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "oulad", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return buffer.getvalue()


def _left(is_named: bool) -> float:
    """Inches left of a panel for its labels."""
    return 1.9 if is_named else 0.72


def _box(figure: Figure, column: int, n_columns: int, line: int, n_lines: int, is_named: bool, titled: bool) -> Box:
    """Where a panel stands, in parts of the figure: inches kept for labels left and below, for the title above."""
    width, height = figure.get_size_inches()
    wide, tall = width / n_columns, height / n_lines
    left, below, above, right = _left(is_named), 0.45, 0.3 if titled else 0.1, 0.25
    bottom = height - (line + 1) * tall + below
    return ((column * wide + left) / width, bottom / height, (wide - left - right) / width, (tall - below - above) / height)
