"""The picture of what moves the risk: a beeswarm of the newest day's students, feature by feature."""

from __future__ import annotations

import numpy as np
import pandas as pd

from oulad_platform.core.charts import BLUE, GRID, INK, MUTED, ORANGE, SKY, VERMILION, figure, note, png
from oulad_platform.success.explanation.pushes import Floats
from oulad_platform.success.explanation.top_features import Explained

SHOWN_FEATURES, SHOWN_STUDENTS, N_PILES = 20, 1500, 120


def summary_png(explained: Explained | None) -> bytes:
    """For each of the features with the largest mean |push| one dot per student: the push across, their own value as colour.

    At most SHOWN_STUDENTS students, evenly taken in the order of the rows, so that the same rows give the same picture.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap

    title = "What moves the risk of failing or leaving"
    if explained is None:
        drawn, (panel,) = figure(title, height=2.4)
        panel.set_axis_off()
        note(panel, "No model has scored yet: no cohort had closed.")
        return png(drawn)
    names, push = explained.pushes.features, explained.pushes.by_feature
    strongest = np.argsort(-np.abs(push).mean(axis=0), kind="stable")[:SHOWN_FEATURES]
    values = explained.features[[names[place] for place in strongest]].rank(pct=True).to_numpy("float64")
    drawn, (panel,) = figure(title, height=1.4 + 0.3 * max(len(strongest), 3))
    colours = LinearSegmentedColormap.from_list("low to high", [BLUE, SKY, ORANGE, VERMILION])
    shown = slice(None, None, -(-len(push) // SHOWN_STUDENTS))
    size = float(np.clip(3000 / len(push[shown]), 4, 30))
    for row, place in enumerate(strongest):
        across, colour = push[shown, place], values[shown, row]
        up, absent = _spread(across) - row, np.isnan(colour)
        panel.scatter(across[absent], up[absent], s=size, color=GRID, linewidths=0)
        panel.scatter(across[~absent], up[~absent], s=size, c=colour[~absent], cmap=colours, vmin=0, vmax=1, linewidths=0)
    panel.set_yticks(-np.arange(len(strongest)), [names[place].replace("_", " ") for place in strongest])
    panel.set_ylim(-len(strongest) + 0.4, 0.6)
    panel.axvline(0, color=MUTED, linewidth=0.8)
    sample = f"{len(push):,} students on {explained.day}, model {explained.model.version}"
    panel.set_xlabel(f"push on the risk (log-odds), right raises it\n{sample}", fontsize=10, color=INK)
    scale = drawn.colorbar(ScalarMappable(cmap=colours), ax=panel, aspect=40, pad=0.01)
    scale.set_ticks([0, 1], labels=["low", "high"])
    scale.set_label("the student's own value (grey: absent)", fontsize=9, color=INK)
    scale.outline.set_visible(False)
    return png(drawn)


def _spread(push: Floats) -> Floats:
    """Offsets in -0.4..0.4 that pile equal pushes up around the row's middle, wider where more students stand."""
    edges = np.linspace(push.min(), push.max() + 1e-9, N_PILES + 1)
    pile = pd.Series(np.digitize(push, edges))
    position, size = pile.groupby(pile).cumcount(), pile.groupby(pile).transform("size")
    offset = (position + 1) // 2 * np.where(position % 2, 1, -1) / size.max()
    return 0.8 * offset.to_numpy("float64")
