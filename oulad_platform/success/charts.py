"""Pictures of the success line, as PNG bytes in the house style of `core.charts`. The figures in them are made elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oulad_platform.core.charts import BLUE, DPI, INK, ORANGE, date_axis, house_style, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 3
MAX_COURSES = 15
PANEL_WIDTH, PANEL_HEIGHT, HEADER_HEIGHT = 3.0, 1.45, 0.95


def risk_by_course(course_summary: pd.DataFrame) -> bytes:
    """PNG of mean risk and share at high risk by day, one panel for each module and presentation, on common axes.

    `course_summary`: COURSE_SUMMARY_DAILY of any number of days. Above 15 courses, the 15 with the most students are drawn
    and the title says so. A picture without panels says that nothing was scored.
    """
    from matplotlib.figure import Figure

    course = course_summary["code_module"] + " " + course_summary["code_presentation"]
    students = course_summary.groupby(course)["student_count"].max().sort_values(ascending=False, kind="stable")
    shown = sorted(students.index[:MAX_COURSES])
    columns = max(1, min(COLUMNS, len(shown)))
    rows = max(1, -(-len(shown) // columns))
    height = HEADER_HEIGHT + PANEL_HEIGHT * rows
    drawn = Figure(figsize=(max(columns, 2) * PANEL_WIDTH, height), dpi=DPI, layout="constrained", facecolor="white")
    drawn.get_layout_engine().set(wspace=0.06)  # type: ignore[union-attr, call-arg]
    grid = drawn.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    drawn.suptitle(_title(len(shown), len(students)), x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    for panel in grid[len(shown) :]:
        panel.set_visible(False)
    for panel, name in zip(grid, shown, strict=False):
        _draw(panel, name, course_summary[course == name])
    if shown:
        for panel in grid[: len(shown)]:
            date_axis(panel, course_summary["run_date"].min().date(), course_summary["run_date"].max().date())
            _thin_labels(panel)
            panel.tick_params(labelbottom=panel in grid[max(0, len(shown) - columns) : len(shown)])
        handles, labels = grid[0].get_legend_handles_labels()
        drawn.legend(handles, labels, loc="outside lower left", ncols=2, frameon=False, fontsize=9)
    return png(drawn)


def _title(n_shown: int, n_courses: int) -> str:
    if not n_shown:
        return "No enrolment has been scored yet"
    return "Risk by course" if n_shown == n_courses else f"Risk by course: the {n_shown} largest of {n_courses:,}"


def _draw(panel: Axes, name: str, rows: pd.DataFrame) -> None:
    series = rows.sort_values("run_date").set_index("run_date")[["avg_risk_score", "high_risk_rate"]]
    marker = "o" if len(series) == 1 else None
    for column, color, label in (("high_risk_rate", ORANGE, "share at high risk"), ("avg_risk_score", BLUE, "mean risk")):
        panel.plot(series.index, series[column], color=color, linewidth=1.6, marker=marker, markersize=4, label=label)
    n_students = rows.sort_values("run_date")["student_count"].iloc[-1]
    panel.set_title(f"{name}, {n_students:,} students", loc="left", fontsize=9, color=INK)
    panel.set_ylim(-0.03, 1.03)
    panel.set_yticks(np.array([0, 0.5, 1]), ["0", "0.5", "1"])
    house_style(panel, labelsize=8)


def _thin_labels(panel: Axes) -> None:
    """Half of the labels, the newest kept: a panel of the grid is narrower than the charts that `date_axis` is made for."""
    labels = [tick.get_text() for tick in panel.get_xticklabels()]
    panel.set_xticks(panel.get_xticks()[::-2], labels[::-2])
