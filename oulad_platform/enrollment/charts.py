"""Pictures of enrolment, as PNG bytes in the house style. The figures they show come from `enrollment.metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core import charts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BARS = 120


def enrollment_trend(metrics: pd.DataFrame) -> bytes:
    """PNG of the whole institution by day: enrolments as a line, below it who came (up) and who dropped (down).

    Takes `enrollment_metrics` of any days; a day without a row leaves a gap. Dotted lines mark the days after a term's last
    day, whose completed enrolments are no drops. Raises ValueError when there is no row of the total.
    """
    total = metrics[metrics["scope"] == "total"].set_index("date").sort_index()
    if total.empty:
        raise ValueError("there is no row of the total to draw; materialize enrollment_metrics first")
    first, last = total.index[0], total.index[-1]
    title = f"Enrolment: {total['total_enrollment'].iloc[-1]:,} on {last.day} {last:%B %Y}"
    total = total.reindex(pd.date_range(first, last, freq="D", unit="us"))
    drawn, (level, change) = charts.figure(title, panels=(3, 2))
    _draw_level(level, total)
    _draw_changes(change, total)
    charts.date_axis(change, first.date(), last.date())
    drawn.align_ylabels([level, change])
    return charts.png(drawn)


def _floats(values: pd.Series) -> npt.NDArray[np.float64]:
    return values.to_numpy(dtype="float64", na_value=np.nan)


def _draw_level(panel: Axes, total: pd.DataFrame) -> None:
    size = _floats(total["total_enrollment"])
    neighbours = np.isfinite(np.concatenate([[np.nan], size, [np.nan]]))
    is_alone = neighbours[1:-1] & ~neighbours[:-2] & ~neighbours[2:]
    panel.plot(total.index, size, color=charts.BLUE, linewidth=2)
    panel.plot(total.index[is_alone], size[is_alone], "o", color=charts.BLUE)
    low, high = np.nanmin(size), np.nanmax(size)
    half = 0.65 * max(high - low, 0.05 * high, 4)
    panel.set_ylim(max(0, (low + high) / 2 - half), (low + high) / 2 + half)
    charts.count_axis(panel, "Enrolments")


def _draw_changes(panel: Axes, total: pd.DataFrame) -> None:
    came, dropped = _floats(total["new_students"]), _floats(total["dropped_students"])
    for heights, colour, label in ((came, charts.GREEN, "New or returned"), (-dropped, charts.VERMILION, "Dropped")):
        if len(total) <= MOST_BARS:
            panel.bar(total.index, heights, 0.8, color=colour, label=label)
        else:
            panel.fill_between(total.index, np.nan_to_num(heights), step="mid", color=colour, label=label, linewidth=0)
    panel.axhline(0, color=charts.MUTED, linewidth=0.8)
    if np.isnan(came).all():
        panel.text(0.5, 0.6, "No day before to compare with", transform=panel.transAxes, ha="center", color=charts.MUTED)
    panel.set_ylim(min(-1.0, -1.1 * np.nanmax([0, *dropped])), max(1.0, 1.1 * np.nanmax([0, *came])))
    ends = total.index[_floats(total["completed_students"]) > 0]
    for number, day in enumerate(ends):
        for axes in panel.figure.axes:
            name = "Term over" if number == 0 and axes is panel else None
            axes.axvline(day, label=name, color=charts.PURPLE, linestyle=":", linewidth=1.5)
    panel.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, fontsize=9, borderaxespad=0.1)
    charts.count_axis(panel, "Changes a day")
