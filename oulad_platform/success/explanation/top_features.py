"""Which features move the risk most: the newest day's live students explained, the table of it and its two JSON forms.

The picture of the same students is drawn in `picture`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from oulad_platform.success.explanation.pushes import Floats, Pushes, pushes
from oulad_platform.success.features.catalogue import CATALOGUE
from oulad_platform.success.model_tables import FEATURE_IMPORTANCE
from oulad_platform.success.modelling.model import RiskModel, in_charge

MEAN_SHAP = "mean |SHAP|"
PERMUTATION = "permutation importance: mean |change of the log-odds| when the values are shuffled among the students"


@dataclass(frozen=True)
class Explained:
    """The live enrolments of one day, `features` with n rows, and what the model in charge of it makes of them."""

    day: date
    model: RiskModel
    features: pd.DataFrame
    pushes: Pushes


def explain_newest(models: Mapping[str, RiskModel], champions: pd.DataFrame, features: pd.DataFrame) -> Explained | None:
    """The newest day of `features` explained; None when there are no rows or the rule scores that day.

    Raises ModelError as `in_charge` does, ExplanationError as `pushes` does.
    """
    newest = features[features["run_date"].eq(features["run_date"].max())].reset_index(drop=True)
    for model, own in in_charge(models, champions, newest):
        if model is not None:
            rows = newest[own]
            return Explained(rows["run_date"].iloc[0].date(), model, rows, pushes(model, rows))
    return None


def feature_importance(explained: Explained | None) -> pd.DataFrame:
    """The rows of `feature_importance`: one for each feature of the model in charge, none where nothing was explained.

    Importance is the mean |SHAP|; for a network, whose SHAP values are sampled, it is the permutation importance. Correlation is
    Spearman's, of the students' values and pushes, absent where either does not vary.
    """
    if explained is None:
        return FEATURE_IMPORTANCE.empty()
    found = explained.pushes
    is_network = explained.model.learner.kind == "network"
    importance = _permuted(explained.model, explained.features) if is_network else np.abs(found.by_feature).mean(axis=0)
    values = explained.features[list(found.features)].astype("float64")
    frame = pd.DataFrame(
        {
            "model_version": explained.model.version,
            "feature": list(found.features),
            "importance": importance,
            "correlation": _correlations(values, pd.DataFrame(found.by_feature, columns=values.columns)),
            "missing_rate": values.isna().mean().to_numpy(),
            "n_students": len(values),
            "run_date": pd.Timestamp(explained.day),
            "method": PERMUTATION if is_network else f"{MEAN_SHAP}; {found.method}",
        }
    )
    place = frame.sort_values(["importance", "feature"], ascending=[False, True]).index
    return FEATURE_IMPORTANCE.conform(frame.assign(rank=pd.Series(range(1, len(frame) + 1), index=place)))


def top_features(importance: pd.DataFrame) -> dict[str, float]:
    """shap_top_features.json: feature -> importance (log-odds), largest first, equal ones by name. Empty where there is none."""
    ordered = importance.sort_values("rank")
    return dict(zip(ordered["feature"], ordered["importance"].astype(float), strict=True))


def shap_features(importance: pd.DataFrame) -> dict[str, object]:
    """shap_features.json: day, model, method and sample once, then for each feature what the short file leaves out.

    `sign` is 1 where larger values go with a higher risk, -1 where with a lower one, None where neither can be said.
    """
    if importance.empty:
        return {"features": {}}
    ordered = importance.sort_values("rank")
    first = ordered.iloc[0]
    described = {feature.name: feature for feature in CATALOGUE}
    return {
        "run_date": first["run_date"].date().isoformat(),
        "model_version": first["model_version"],
        "method": first["method"],
        "unit": "log-odds",
        "n_students": first["n_students"],
        "features": {
            row["feature"]: {
                "importance": row["importance"],
                "sign": None if np.isnan(row["correlation"]) else int(np.sign(row["correlation"])),
                "correlation": None if np.isnan(row["correlation"]) else row["correlation"],
                "missing_rate": row["missing_rate"],
                "unit": described[row["feature"]].unit,
                "meaning": described[row["feature"]].meaning,
            }
            for row in ordered.to_dict("records")
        },
    }


def _permuted(model: RiskModel, features: pd.DataFrame) -> Floats:
    values = features[list(model.features)].to_numpy("float64")
    order = np.random.default_rng(model.seed).permutation(len(values))
    margin = model.learner.margin(values)
    changes = []
    for place in range(values.shape[1]):
        shuffled = values.copy()
        shuffled[:, place] = values[order, place]
        changes.append(np.abs(model.learner.margin(shuffled) - margin).mean())
    return model.calibration.slope * np.array(changes)


def _correlations(values: pd.DataFrame, moves: pd.DataFrame) -> Floats:
    ranks = values.rank()
    moved = moves.set_axis(values.index).where(values.notna()).rank()
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(np.asarray(ranks.corrwith(moved), dtype="float64"), -1, 1)  # rounding goes beyond 1
