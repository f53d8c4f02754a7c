"""The picture of a fairness audit, as PNG bytes in the house style of `core.charts`. The figures come from `fairness`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oulad_platform.core.charts import BLUE, DPI, GRID, INK, MUTED, VERMILION, fitted, house_style, png
from oulad_platform.success.oversight.fairness import ALPHA, ATTRIBUTES, BUDGET, CROSSED, HARM, TEST, is_harm, spoken

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CROSSED = 10
WIDTH, ROW_HEIGHT, HEADER_HEIGHT = 10.0, 0.23, 1.75
NAME_INCHES = 2.4
PANELS = {
    "tpr_gap": f"Among the top {BUDGET:.0%}, of\nwho failed or withdrew",
    "fpr_gap": f"Among the top {BUDGET:.0%},\nof who passed",
    "mean_risk_gap": "Risk given minus\nobserved rate",
    "abroca": "Ranked unlike the rest\nof the module (ABROCA)",
}


def fairness_by_group(fairness: pd.DataFrame) -> bytes:
    """PNG of the gaps of each group to everybody else with their intervals, and of ABROCA beside what chance gives.

    `fairness`: rows of `model_fairness` of one test and day. Of the crossed groups those MOST_CROSSED that differ most are
    drawn, and the title says so. Raises ValueError for several tests or days.
    """
    from matplotlib.figure import Figure

    tests = fairness[[*TEST, "day"]].drop_duplicates()
    if len(tests) > 1:
        raise ValueError(f"the picture is about one test and day, not {len(tests)}; choose the rows of one")
    groups = _shown(fairness)
    names = [f"{fitted(spoken(*key), NAME_INCHES, 8)} ({n:,})" for key, n in zip(groups.index, groups, strict=True)]
    height = HEADER_HEIGHT + ROW_HEIGHT * max(len(names), 3)
    drawn = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained", facecolor="white")
    drawn.suptitle(_title(fairness, len(names)), x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    if names:
        axes = drawn.subplots(1, len(PANELS), sharey=True)
        for panel, (measure, title) in zip(axes, PANELS.items(), strict=True):
            _draw(panel, fairness, groups.index, measure)
            panel.set_title(title, loc="left", fontsize=9, color=INK)
        axes[0].set_yticks(range(len(names)), names)
        axes[0].set_ylim(len(names) - 0.5, -0.5)
        _legend(drawn)
    else:
        drawn.subplots().set_axis_off()
    return png(drawn)


def _shown(fairness: pd.DataFrame) -> pd.Series:
    """Enrolments by attribute and group in the order drawn: attribute by attribute, then the crossed groups."""
    sizes = fairness.groupby(["attribute", "group_name"])["n_students"].first()
    single = [key for name in ATTRIBUTES for key in sizes.index if key[0] == name]
    tested = fairness.assign(p=fairness["p_value"].fillna(1)).groupby(["attribute", "group_name"])["p"].min()
    crossed = tested[tested.index.get_level_values("attribute").str.contains(CROSSED, regex=False)]
    return sizes.loc[[*single, *crossed.sort_values(kind="stable").index[:MOST_CROSSED]]]


def _title(fairness: pd.DataFrame, n_shown: int) -> str:
    if fairness.empty:
        return "No group is large enough to be compared"
    row = fairness.iloc[0]
    n_groups = len(fairness[["attribute", "group_name"]].drop_duplicates())
    several = "" if n_shown == n_groups else f", {n_shown} of {n_groups} groups"
    return f"Each group against everybody else: model {row['model_version']} on {row['tested_cohort']}, day {row['day']}{several}"


def _draw(panel: Axes, fairness: pd.DataFrame, groups: pd.Index, measure: str) -> None:
    in_points = measure != "abroca"
    scale = 100 if in_points else 1
    of_measure = fairness[fairness["measure"] == measure]
    harmed = is_harm(of_measure)
    rows = of_measure.assign(harmed=harmed).set_index(["attribute", "group_name"]).loc[groups]
    value, low, high = (scale * rows[name].to_numpy("float64") for name in ("value", "low", "high"))
    place, sure = np.arange(len(rows)), (rows["p_value_holm"] < ALPHA).to_numpy()
    bad = rows["harmed"].to_numpy()
    for those, colour in ((~sure, MUTED), (sure & ~bad, BLUE), (bad, VERMILION)):
        panel.hlines(place[those], low[those], high[those], color=colour, linewidth=1.3)
        panel.scatter(value[those], place[those], s=20, color=colour, zorder=3)
    house_style(panel, labelsize=8)
    panel.grid(axis="y", visible=False)
    panel.grid(axis="x", color=GRID, linewidth=0.8)
    if in_points:
        panel.axvline(0, color=MUTED, linewidth=0.8)
        panel.set_xlabel("points, group minus rest", fontsize=8, color=INK)
    else:
        chance = fairness[fairness["measure"] == "abroca_by_chance"].set_index(["attribute", "group_name"]).loc[groups, "value"]
        panel.scatter(chance, place, marker="|", s=60, color=INK, linewidth=1.2, zorder=2)
        panel.set_xlim(left=0)
        panel.set_xlabel("area between curves", fontsize=8, color=INK)
    if measure in HARM:
        panel.axvline(scale * HARM[measure], color=VERMILION, linewidth=0.9, linestyle=":")
    for border in _borders(groups):
        panel.axhline(border, color=MUTED, linewidth=0.5)


def _borders(groups: pd.Index) -> list[float]:
    """Where one attribute ends and the next begins; the crossed ones count as one."""
    kinds = ["crossed" if CROSSED in attribute else attribute for attribute, _ in groups]
    return [place - 0.5 for place in range(1, len(kinds)) if kinds[place] != kinds[place - 1]]


def _legend(drawn: Figure) -> None:
    from matplotlib.lines import Line2D

    dots = [
        Line2D([], [], color=colour, marker="o", markersize=4.5, linewidth=1.3, label=label)
        for colour, label in (
            (MUTED, "may be chance"),
            (BLUE, "not chance (Holm p < .05)"),
            (VERMILION, "not chance and beyond the gate"),
        )
    ]
    gate = Line2D([], [], color=VERMILION, linestyle=":", linewidth=1, label="gate")
    chance = Line2D([], [], color=INK, marker="|", linestyle="", markersize=8, label="ABROCA: 19 of 20 random groups lie left")
    drawn.legend(handles=[*dots, gate, chance], loc="outside lower left", ncols=5, frameon=False, fontsize=8, columnspacing=1.2)
