"""Pictures of the evaluation as PNG bytes in the house style of `core.charts`. Every figure in them is in `model_evaluation`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oulad_platform.core.charts import (
    BLUE,
    DPI,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    figure,
    fitted,
    house_style,
    note,
    png,
)
from oulad_platform.success.evaluation.ladder import HONEST, RUNGS
from oulad_platform.success.evaluation.protocol import EARLIER_COHORTS, NEXT_COHORT, SPLIT_WEEK
from oulad_platform.success.evaluation.rules import MISSED, RULES, SILENT
from oulad_platform.success.modelling.cohorts import RULE
from oulad_platform.success.modelling.model import CHALLENGER
from oulad_platform.success.tables import ALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 3
PANEL_WIDTH, PANEL_HEIGHT, HEADER_HEIGHT = 3.0, 2.7, 0.6
RULE_LOOKS = {
    MISSED: ("missed a due assessment", VERMILION, "s"),
    SILENT: ("no visit for 7 days", GREEN, "^"),
    RULE: ("either of the two rules", PURPLE, "D"),
}
IN_WORDS = {NEXT_COHORT: "next cohort", EARLIER_COHORTS: "trained on the cohorts that began earlier", SPLIT_WEEK: "weekly split"}
RUNG_LABELS = {
    HONEST: "Honest: a later cohort, who is still there",
    "ladder_random_split": "Cohorts mixed by enrolment",
    "ladder_row_split": "Cohorts mixed by row",
    "ladder_withdrawn_kept": "Who has left is kept",
    "ladder_end_of_course": "Features of the last day",
    "ladder_all_leaks": "Mixed, kept and of the last day",
}


def calibration_chart(curve: pd.DataFrame, evaluation: str, tested_cohort: str, model_version: str) -> bytes:
    """PNG of the observed rate over the risk given, one panel for each day, by tenths with 95 % intervals.

    `curve`: CALIBRATION_CURVE. A picture without panels says that this model was not tested so.
    """
    from matplotlib.figure import Figure

    rows = curve[
        curve["evaluation"].eq(evaluation) & curve["tested_cohort"].eq(tested_cohort) & curve["model_version"].eq(model_version)
    ]
    days = sorted(rows["day"].unique())
    columns = max(1, min(COLUMNS, len(days)))
    lines = max(1, -(-len(days) // columns))
    size = (max(columns, 2) * PANEL_WIDTH, HEADER_HEIGHT + lines * PANEL_HEIGHT)
    drawn = Figure(figsize=size, dpi=DPI, layout="constrained", facecolor="white")
    title = f"Risk given and risk seen: model {model_version} on {_cohort(tested_cohort)}"
    if rows.empty:
        title = f"Model {model_version} has not been tested on {_cohort(tested_cohort)}, {IN_WORDS[evaluation]}"
    drawn.suptitle(fitted(title, size[0] - 0.2, 11, "bold"), x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK)
    grid = drawn.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for panel in grid[len(days) :]:
        panel.set_visible(False)
    for place, (panel, day) in enumerate(zip(grid, days, strict=False)):
        _calibration_panel(panel, int(day), rows[rows["day"] == day])
        panel.set_ylabel("observed rate" if place % columns == 0 else "", fontsize=9, color=INK)
        panel.set_xlabel("mean risk given" if place >= len(days) - columns else "", fontsize=9, color=INK)
        panel.tick_params(labelbottom=place >= len(days) - columns)
    return png(drawn)


def auc_chart(evaluation: pd.DataFrame, protocol: str, tested_cohort: str) -> bytes:
    """PNG of the AUC by day with 95 % intervals of the models and the rules tested on a cohort, all modules together.

    `evaluation`: MODEL_EVALUATION. A picture without lines says that nothing was tested so.
    """
    rows = evaluation[
        evaluation["evaluation"].eq(protocol)
        & evaluation["tested_cohort"].eq(tested_cohort)
        & evaluation["code_module"].eq(ALL)
        & evaluation["metric"].eq("auc")
    ]
    rows = rows.dropna(subset="value")
    drawn, (panel,) = figure(f"AUC by day on {_cohort(tested_cohort)}, {IN_WORDS[protocol]}", height=4.4)
    if rows.empty:
        note(panel, "no model has been tested on this cohort yet")
        return png(drawn)
    scorers = [name for name in dict.fromkeys(rows["model_version"]) if name not in RULES]
    looks = {name: _model_look(name) for name in sorted(scorers, key=len)} | RULE_LOOKS
    apart = 0.006 * max(1.0, float(rows["day"].max() - rows["day"].min()))
    shown = [name for name in looks if name in set(rows["model_version"])]
    for place, name in enumerate(shown):
        label, colour, marker = looks[name]
        own = rows[rows["model_version"] == name].sort_values("day")
        days = own["day"].to_numpy("float64") + (place - (len(shown) - 1) / 2) * apart
        error = _error(own)
        panel.errorbar(
            days,
            own["value"],
            error,
            color=colour,
            marker=marker,
            markersize=4.5,
            linewidth=1.6,
            elinewidth=1,
            capsize=2,
            label=label,
        )
    days = sorted(rows["day"].unique())
    panel.axhline(0.5, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    panel.annotate("chance", (1, 0.5), (-2, 3), panel.get_yaxis_transform(), "offset points", ha="right", fontsize=8, color=MUTED)
    panel.set_xticks(days, [f"day {day}" for day in days])
    panel.set_ylabel("AUC, 95 % interval", fontsize=10, color=INK)
    drawn.legend(loc="outside lower left", ncols=min(3, len(shown)), frameon=False, fontsize=9)
    return png(drawn)


def ladder_chart(evaluation: pd.DataFrame) -> bytes:
    """PNG of the AUC of each rung of the leak ladder, with its 95 % interval, the honest one first.

    `evaluation`: MODEL_EVALUATION. A picture without bars says that no cohort could be tested.
    """
    rows = evaluation[evaluation["evaluation"].isin(RUNGS) & evaluation["code_module"].eq(ALL) & evaluation["metric"].eq("auc")]
    rows = rows.dropna(subset="value").set_index("evaluation")
    shown = [rung for rung in RUNGS if rung in rows.index]
    if not shown:
        drawn, (panel,) = figure("What leaks are worth", height=2.4)
        note(panel, "no cohort has been tested yet")
        return png(drawn)
    rows = rows.loc[shown]
    first = rows.iloc[0]
    title = f"What leaks are worth: AUC on {first['tested_cohort']}, day {first['day']}, the same learner"
    drawn, (panel,) = figure(title, height=1.2 + 0.46 * len(shown))
    heights = np.arange(len(shown))[::-1]
    colours = [BLUE if rung == HONEST else ORANGE for rung in shown]
    panel.barh(heights, rows["value"] - 0.5, left=0.5, height=0.62, color=colours)
    panel.errorbar(rows["value"], heights, xerr=_error(rows), fmt="none", ecolor=INK, elinewidth=1, capsize=2.5)
    for height, value, high in zip(heights, rows["value"], rows["high"].fillna(rows["value"]), strict=True):
        panel.text(high + 0.006, height, f"{value:.3f}", va="center", fontsize=9, color=INK)
    panel.set_yticks(heights, [RUNG_LABELS[rung] for rung in shown])
    panel.set_xlim(0.5, 1.04)
    panel.set_xticks([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    panel.grid(visible=False, axis="y")
    panel.set_xlabel("AUC, 95 % interval; .5 is chance", fontsize=9, color=INK)
    return png(drawn)


def _calibration_panel(panel: Axes, day: int, rows: pd.DataFrame) -> None:
    rows = rows.sort_values("bin")
    panel.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    error = [rows["observed_rate"] - rows["low"], rows["high"] - rows["observed_rate"]]
    panel.errorbar(
        rows["mean_risk"],
        rows["observed_rate"],
        error,
        color=BLUE,
        marker="o",
        markersize=3.5,
        linewidth=1.2,
        elinewidth=1,
        ecolor=SKY,
    )
    panel.set_title(f"Day {day}, {rows['n_students'].sum():,} enrolments", loc="left", fontsize=9, color=INK)
    panel.set_xlim(-0.03, 1.03)
    panel.set_ylim(-0.03, 1.03)
    panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    panel.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    few, many = rows["n_students"].min(), rows["n_students"].max()
    counts = f"{few:,}" if few == many else f"{few:,} to {many:,}"
    panel.text(0.97, 0.04, f"{counts} a point", transform=panel.transAxes, ha="right", fontsize=8, color=MUTED)
    house_style(panel, labelsize=8)


def _error(rows: pd.DataFrame) -> np.ndarray:
    return np.abs(np.array([rows["value"] - rows["low"], rows["high"] - rows["value"]], dtype="float64"))


def _model_look(version: str) -> tuple[str, str, str]:
    challenger = version.endswith(f"-{CHALLENGER}")
    return (f"challenger {version}", SKY, "v") if challenger else (f"model {version}", BLUE, "o")


def _cohort(tested_cohort: str) -> str:
    return "all cohorts" if tested_cohort == ALL else f"cohort {tested_cohort}"
