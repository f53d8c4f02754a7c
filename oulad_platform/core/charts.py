"""One house style for every picture: colours, date axes, deterministic PNG bytes. What is drawn lives with its line."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe M., Ito K., Color Universal Design (2008): told apart with every common colour vision.
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7"
INK, MUTED, GRID = "#222222", "#5F6368", "#DDDDDD"
DPI = 100
MAX_TICKS = 7


def figure(title: str, *, width: float = 9.0, height: float = 4.5, panels: Sequence[float] = (1,)) -> tuple[Figure, list[Axes]]:
    """A figure of `width` by `height` inches with panels above each other (relative heights) that share their x axis.

    The title stands left above the first panel; lay-out is constrained, so labels never leave the picture.
    """
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
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


def count_axis(panel: Axes, label: str) -> None:
    """A y axis of counts: whole numbers with thousands separators, few ticks, no sign below zero."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    panel.set_ylabel(label, fontsize=10, color=INK)
    panel.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):,.0f}"))


def png(drawn: Figure) -> bytes:
    """The figure as PNG of 256 colours, a third of the full size; the same figure gives the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    buffer = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(buffer, format="png", optimize=True)
    return buffer.getvalue()
