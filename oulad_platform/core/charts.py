"""One house style for every picture: colours, date axes, labels that fit, deterministic PNG bytes. Each line draws its own."""

from __future__ import annotations

import io
import unicodedata
from bisect import bisect_right
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Okabe M., Ito K., Color Universal Design (2008): told apart with every common colour vision.
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7"
INK, MUTED, GRID = "#222222", "#5F6368", "#DDDDDD"
DPI = 100
MAX_TICKS = 7
MAX_LETTERS = 200
HINTING = 1.05  # letters are set up to so much wider where pixels are few


def figure(
    title: str, *, width: float = 9.0, height: float = 4.5, panels: Sequence[float] = (1,), dpi: int = DPI
) -> tuple[Figure, list[Axes]]:
    """A figure of `width` by `height` inches with panels above each other (relative heights) that share their x axis.

    The title stands left above the first panel; lay-out is constrained, so labels never leave the picture.
    """
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(width, height), dpi=dpi, layout="constrained", facecolor="white")
    axes = list(drawn.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=list(panels))[:, 0])
    for panel in axes:
        house_style(panel)
    axes[0].set_title(title, loc="left", fontsize=12, fontweight="bold", color=INK)
    return drawn, axes


def house_style(panel: Axes, labelsize: int = 9) -> None:
    """No box, quiet horizontal lines behind the data."""
    panel.spines[["top", "right"]].set_visible(False)
    panel.spines[["left", "bottom"]].set_color(MUTED)
    panel.grid(axis="y", color=GRID, linewidth=0.8)
    panel.set_axisbelow(True)
    panel.tick_params(labelsize=labelsize, colors=MUTED, labelcolor=INK)


def date_axis(panel: Axes, first: date, last: date) -> None:
    """Bounds the x axis to whole days from first to last and labels at most seven of them; right for a single day too."""
    from matplotlib.dates import date2num

    ticks = date_ticks(first, last)
    margin = max(0.6, (MAX_TICKS - (last - first).days) / 2)
    panel.set_xlim(date2num(first) - margin, date2num(last) + margin)
    panel.set_xticks([date2num(day) for day in ticks], [f"{day.day} {day:%b}\n{day.year}" for day in ticks])


def date_ticks(first: date, last: date) -> list[date]:
    """At most seven days to label, evenly apart: days, weeks or fortnights up to 14 weeks, first days of months beyond.

    >>> [day.isoformat() for day in date_ticks(date(2013, 12, 1), date(2014, 5, 30))]
    ['2013-12-01', '2014-01-01', '2014-02-01', '2014-03-01', '2014-04-01', '2014-05-01']
    """
    n_days = (last - first).days + 1
    for step in (1, 2, 7, 14):
        if n_days <= step * MAX_TICKS:
            return [first + timedelta(days=offset) for offset in range(0, n_days, step)]
    months = [day.date() for day in pd.date_range(first, last, freq="MS")]
    return months[:: -(-len(months) // MAX_TICKS)]


def count_axis(panel: Axes, label: str, fontsize: float = 10) -> None:
    """A y axis of counts: whole numbers with thousands separators, few ticks, no sign below zero."""
    from matplotlib.ticker import FuncFormatter

    panel.set_ylabel(label, fontsize=fontsize, color=INK)
    whole_numbers(panel.yaxis)
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):,.0f}"))


def whole_numbers(axis: Axis) -> None:
    """Few ticks, all of them whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(5, integer=True))


def masthead(drawn: Figure, institution: str, title: str, colour: str) -> None:
    """The institution's name in its colour above everything, and the title below it; lay-out keeps the panels off both."""
    height = drawn.get_figheight()
    drawn.text(0.015, 1 - 0.06 / height, institution, ha="left", va="top", fontsize=9, color=colour, in_layout=False)
    drawn.text(0.015, 1 - 0.25 / height, title, ha="left", va="top", fontsize=11, fontweight="bold", color=INK, in_layout=False)
    drawn.get_layout_engine().set(rect=(0, 0, 1, 1 - 0.46 / height))  # type: ignore[union-attr, call-arg]


def legend_above(panel: Axes, fontsize: float = 8, columns: int = 5) -> None:
    """The legend above the panel, right, in rows of so many; nothing where nothing is labelled."""
    handles, labels = panel.get_legend_handles_labels()
    if handles:
        panel.legend(
            handles,
            labels,
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=min(columns, len(handles)),
            frameon=False,
            fontsize=fontsize,
            borderaxespad=0.1,
            columnspacing=0.9,
            handlelength=1.4,
            handletextpad=0.4,
        )


def hold(panel: Axes, low: float, high: float, *, floor: float | None = None, least: float = 1.0) -> None:
    """Bounds the y axis so that low and high lie inside with room around them; not below `floor`, at least `least` apart."""
    room = 0.12 * max(high - low, least)
    middle, half = (low + high) / 2, max(high - low, least) / 2 + room
    bottom = middle - half if floor is None else max(floor, middle - half)
    panel.set_ylim(bottom, max(middle + half, bottom + least))


def note(panel: Axes, text: str) -> None:
    """Says in a panel's middle why nothing is drawn there."""
    panel.text(0.5, 0.75, text, transform=panel.transAxes, ha="center", va="center", fontsize=9, color=MUTED)


def fitted(text: str, inches: float, points: float = 9, weight: str = "normal") -> str:
    """The text on one line, shortened with an ellipsis to at most so many inches, and read as letters, never as a formula.

    Control and direction characters are dropped, so a name can neither break a line nor turn the text around it.

    >>> fitted("Nursing", 2), fitted("Bachelor of Applied Nautical Engineering", 1)
    ('Nursing', 'Bachelor of…')
    """
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    kept = (" " if letter.isspace() else letter for letter in text[:MAX_LETTERS])
    line = " ".join("".join(letter for letter in kept if unicodedata.category(letter)[0] != "C").split())
    renderer, font = RendererAgg(1, 1, 200), FontProperties(size=points, weight=weight)

    def width(letters: str) -> float:
        return float(renderer.get_text_width_height_descent(letters, font, ismath=False)[0]) / 200 * HINTING

    if len(text) > MAX_LETTERS or width(line) > inches:
        longest = bisect_right(range(len(line)), inches, key=lambda end: width(f"{line[:end]}…")) - 1
        line = f"{line[: max(longest, 0)].rstrip()}…"
    return line.replace("$", r"\$")


def png(drawn: Figure) -> bytes:
    """The figure as PNG of 256 colours, a third of the full size; the same figure gives the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(drawn)
    _settle(drawn)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    buffer = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def _settle(drawn: Figure) -> None:
    """Lays the figure out for good, rounded: the last digits that the lay-out's solver finds differ from time to time."""
    from matplotlib.transforms import Bbox

    engine = drawn.get_layout_engine()
    if engine is None:
        return
    engine.execute(drawn)
    drawn.set_layout_engine("none")
    for part in drawn.subfigs:
        part.bbox_relative.set_points(part.bbox_relative.get_points().round(6))
    for panel in drawn.axes:
        original, active = (Bbox(panel.get_position(original=which).get_points().round(6)) for which in (True, False))
        panel.set_position(original, which="original")
        panel.set_position(active, which="active")
