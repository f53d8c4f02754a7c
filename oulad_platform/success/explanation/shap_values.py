"""Why the model says what it says: SHAP values of each student, their means, and the picture of both.

Reasons are the model's, not causes. Sentences for advisers are built from `features.CATALOGUE` elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core.charts import BLUE, GRID, INK, MUTED, ORANGE, SKY, VERMILION, figure, png
from oulad_platform.success.modelling.cohorts import version_for
from oulad_platform.success.modelling.model import RiskModel
from oulad_platform.success.tables import SHAP_VALUES

TOLERANCE = 1e-4
SHOWN_FEATURES, SHOWN_STUDENTS, N_PILES = 15, 1500, 120
STUDENT_KEYS = ["run_date", "code_module", "code_presentation", "id_student"]


class ExplanationError(ValueError):
    """SHAP values do not add up to the model's own margin."""


def shap_values(models: Sequence[RiskModel], features: pd.DataFrame) -> pd.DataFrame:
    """One row per row of `features` and feature of the model in charge of its day, in the columns of `shap_values`.

    Exact tree SHAP (Lundberg et al., Nature Machine Intelligence 2, 2020; shap.TreeExplainer, path dependent) on the margin, in
    log-odds. Rank 1 is the largest push in either direction; equal pushes keep the catalogue's order. Days that the rule scores
    have no rows. Raises ExplanationError when base value plus pushes misses a margin by more than TOLERANCE.
    """
    frames = [SHAP_VALUES.empty()]
    for day, rows in features.groupby("run_date", sort=True):
        model = version_for(pd.Timestamp(str(day)).date(), models)
        if model:
            frames.append(_explained(model, rows))
    return SHAP_VALUES.conform(pd.concat(frames, ignore_index=True))


def _explained(model: RiskModel, features: pd.DataFrame) -> pd.DataFrame:
    from shap import TreeExplainer

    values = features[list(model.features)].to_numpy("float64")
    explainer = TreeExplainer(model.estimator)
    pushes = np.asarray(explainer.shap_values(values), dtype="float64")
    gap = np.abs(pushes.sum(axis=1) + float(np.ravel(explainer.expected_value)[0]) - model.estimator.decision_function(values))
    if gap.max() > TOLERANCE:
        worst = features.iloc[int(gap.argmax())]
        raise ExplanationError(
            f"model {model.version}: SHAP values of student {worst['id_student']} in {worst['code_module']} miss the model's "
            f"margin by {gap.max():.2g}, more than {TOLERANCE:g}; check that shap supports this scikit-learn"
        )
    rank = np.argsort(np.argsort(-np.abs(pushes), axis=1, kind="stable"), axis=1) + 1
    n_rows, n_features = pushes.shape
    frame = features[STUDENT_KEYS].iloc[np.repeat(np.arange(n_rows), n_features)].reset_index(drop=True)
    return frame.assign(
        feature=pd.Series(list(model.features) * n_rows, dtype="str"),
        feature_value=values.ravel(),
        shap_value=pushes.ravel(),
        rank=rank.ravel(),
        model_version=pd.Series(model.version, index=frame.index, dtype="str"),
    )


def top_features(values: pd.DataFrame) -> dict[str, float]:
    """Mean |SHAP| (log-odds) of each feature, largest first, equal ones by name. Empty when nothing was explained."""
    means = values["shap_value"].abs().groupby(values["feature"]).mean().reset_index()
    ordered = means.sort_values(["shap_value", "feature"], ascending=[False, True])
    return dict(zip(ordered["feature"], ordered["shap_value"].astype(float), strict=True))


def summary_png(values: pd.DataFrame) -> bytes:
    """A beeswarm: for each of the strongest features one dot per student, push across, the student's own value as colour.

    At most SHOWN_STUDENTS students, evenly taken in key order, so that the same table gives the same picture.
    """
    from matplotlib.colors import LinearSegmentedColormap

    shown = list(top_features(values))[:SHOWN_FEATURES]
    drawn, (panel,) = figure("What moves the risk of failing or leaving", height=1.4 + 0.34 * max(len(shown), 3))
    if not shown:
        panel.set_axis_off()
        panel.text(0.5, 0.5, "No model has scored yet: no cohort had closed.", ha="center", va="center", color=MUTED)
        return png(drawn)
    colours = LinearSegmentedColormap.from_list("low to high", [BLUE, SKY, ORANGE, VERMILION])
    for row, name in enumerate(reversed(shown)):
        one = values[values["feature"].eq(name)]
        one = one.iloc[:: -(-len(one) // SHOWN_STUDENTS)]
        push, height = one["shap_value"].to_numpy(), (one["feature_value"].rank(pct=True) - 0.5 / len(one)).to_numpy()
        place = row + _spread(push)
        absent, size = np.isnan(height), np.clip(3000 / len(one), 4, 30)
        panel.scatter(push[absent], place[absent], s=size, color=GRID, linewidths=0)
        panel.scatter(push[~absent], place[~absent], s=size, c=height[~absent], cmap=colours, vmin=0, vmax=1, linewidths=0)
    panel.set_yticks(range(len(shown)), [name.replace("_", " ") for name in reversed(shown)])
    panel.axvline(0, color=MUTED, linewidth=0.8)
    panel.set_xlabel("push on the risk (log-odds), right raises it", fontsize=10, color=INK)
    scale = drawn.colorbar(panel.collections[1], ax=panel, aspect=40, pad=0.01)
    scale.set_ticks([0, 1], labels=["low", "high"])
    scale.set_label("the student's own value (grey: absent)", fontsize=9, color=INK)
    scale.outline.set_visible(False)
    return png(drawn)


def _spread(push: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Offsets in -0.4..0.4 that pile equal pushes up around the row's middle, wider where more students stand."""
    edges = np.linspace(push.min(), push.max() + 1e-9, N_PILES + 1)
    pile = pd.Series(np.digitize(push, edges))
    position, size = pile.groupby(pile).cumcount(), pile.groupby(pile).transform("size")
    offset = (position + 1) // 2 * np.where(position % 2, 1, -1) / size.max()
    return 0.8 * offset.to_numpy()
