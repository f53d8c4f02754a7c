"""The picture of drift, as PNG bytes in the house style of `core.charts`. The figures in it are made in `drift`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oulad_platform.core.charts import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    VERMILION,
    date_axis,
    figure,
    fitted,
    hold,
    legend_above,
    note,
    png,
)
from oulad_platform.success.oversight.drift import PSI_LIMIT
from oulad_platform.success.tables import ALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

N_FEATURES = 12
LABEL_INCHES = 1.9


def drift_chart(model_drift: pd.DataFrame, feature_drift: pd.DataFrame) -> bytes:
    """PNG of the AUC the scores promise by day against the one reached on held-out students, and of what drifted most.

    `model_drift`: MODEL_DRIFT and `feature_drift`: FEATURE_DRIFT of any number of days. The upper panel shows all presentations
    together, each one as a thin line, and alarms as dots. The lower one shows for the N_FEATURES with the highest PSI its mean
    over the presentations, weighted by enrolments; modules new to the model, which nothing like was learnt from, are left out.
    A picture without figures says so.
    """
    if len(feature_drift):
        feature_drift = feature_drift[feature_drift["reference_module"].ne(ALL)]
    n_shown = min(N_FEATURES, max(feature_drift["feature"].nunique(), 2))
    heights = (2.1, 0.21 * n_shown)
    drawn, (upper, lower) = figure("Drift: what the scores promise, and what moved", height=1.3 + sum(heights), panels=heights)
    upper.set_title(upper.get_title("left"), loc="left", fontsize=12, fontweight="bold", color=INK, pad=24)
    _promises(upper, model_drift)
    _strip(lower, feature_drift)
    known = pd.concat([model_drift["run_date"], feature_drift["run_date"]])
    if known.empty:
        lower.set_xticks([])
    else:
        date_axis(lower, known.min().date(), known.max().date())
    return png(drawn)


def _promises(panel: Axes, rows: pd.DataFrame) -> None:
    panel.set_ylabel("AUC", fontsize=10, color=INK)
    rows = rows.sort_values("run_date", kind="stable")
    if rows["estimated_auc"].isna().all():
        panel.set_yticks([])
        note(panel, "No day has been scored by a model yet")
        return
    overall, single = rows[rows["code_module"].eq(ALL)], rows[rows["code_module"].ne(ALL)]
    for place, (_, one) in enumerate(single.groupby(["code_module", "code_presentation"])):
        label = "single presentations" if place == 0 else None
        panel.plot(one["run_date"], one["estimated_auc"], color=BLUE, alpha=0.3, linewidth=0.8, label=label)
    marker = "o" if len(overall) == 1 else None
    lines = (("reference_auc", ORANGE, "reached on held-out students"), ("estimated_auc", BLUE, "promised by the scores"))
    for column, colour, label in lines:
        panel.plot(overall["run_date"], overall[column], color=colour, linewidth=2, marker=marker, markersize=4, label=label)
    alarms = single[single["is_alarm"] & single["estimated_auc"].notna()]
    if len(alarms):
        panel.plot(alarms["run_date"], alarms["estimated_auc"], ".", color=VERMILION, markersize=4, label="alarm")
    values = np.concatenate([overall["reference_auc"].to_numpy("float64"), rows["estimated_auc"].to_numpy("float64")])
    hold(panel, float(np.nanmin(values)), float(np.nanmax(values)), least=0.1)
    legend_above(panel)


def _strip(panel: Axes, rows: pd.DataFrame) -> None:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.dates import date2num

    panel.grid(visible=False)
    if rows.empty:
        panel.set_yticks([])
        note(panel, "No feature has been compared yet")
        return
    weighted = rows.assign(total=rows["psi"] * rows["n_students"])
    totals, n = (
        weighted.pivot_table(index="feature", columns="run_date", values=name, aggfunc="sum") for name in ("total", "n_students")
    )
    by_day = totals / n
    shown = by_day.max(axis=1).sort_values(ascending=False, kind="stable").index[:N_FEATURES]
    days = pd.date_range(by_day.columns.min(), by_day.columns.max(), freq="D")
    cells = by_day.loc[shown, :].reindex(columns=days).to_numpy("float64")
    edges = date2num([*days.to_pydatetime(), (days[-1] + timedelta(days=1)).to_pydatetime()]) - 0.5
    colours = LinearSegmentedColormap.from_list("drift", ["#F3F3F3", ORANGE, VERMILION])
    mesh = panel.pcolormesh(edges, np.arange(len(shown) + 1), cells, cmap=colours, vmin=0, vmax=2 * PSI_LIMIT)
    panel.set_yticks(np.arange(len(shown)) + 0.5, [fitted(str(name), LABEL_INCHES, 8) for name in shown], fontsize=8)
    panel.tick_params(axis="y", length=0)
    panel.invert_yaxis()
    bar = panel.figure.colorbar(mesh, ax=panel, pad=0.01, aspect=18, ticks=[0, PSI_LIMIT, 2 * PSI_LIMIT])
    bar.ax.set_yticklabels(["0", f"{PSI_LIMIT:g}", f"≥ {2 * PSI_LIMIT:g}"], fontsize=8, color=INK)
    bar.set_label("mean PSI", fontsize=8, color=MUTED)
    bar.outline.set_visible(False)
