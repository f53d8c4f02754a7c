"""Tests of success.oversight.drift_charts: a picture for nothing, a day and a year, small enough for a run's metadata."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from oulad_platform.success.oversight.drift_charts import drift_chart
from oulad_platform.success.oversight.tables import FEATURE_DRIFT, MODEL_DRIFT


def figures(n_days: int, n_features: int = 60) -> tuple[pd.DataFrame, pd.DataFrame]:
    random = np.random.default_rng(1)
    days = pd.date_range("2014-02-01", periods=n_days, unit="us")
    models = pd.MultiIndex.from_product([days, ["AAA", "BBB", "all"]], names=["run_date", "code_module"]).to_frame(index=False)
    models = models.assign(code_presentation="2014B", is_alarm=random.random(len(models)) < 0.1, reference_auc=0.8)
    names = [f"feature_with_a_rather_long_name_{place}" for place in range(n_features)]
    levels = [days, ["AAA", "NEW"], names]
    features = pd.MultiIndex.from_product(levels, names=["run_date", "code_module", "feature"]).to_frame(index=False)
    weekly = random.gamma(1, 0.1, (n_days // 7 + 1, 2 * n_features))
    features = features.assign(code_presentation="2014B", psi=np.repeat(weekly, 7, axis=0)[:n_days].ravel(), n_students=100)
    return (
        models.assign(estimated_auc=random.normal(0.8, 0.02, len(models))),
        features.assign(reference_module=features["code_module"].replace("NEW", "all")),
    )


@pytest.mark.parametrize("n_days", [1, 30, 365])
def test_a_picture_is_at_most_60_kb(n_days):
    picture = drift_chart(*figures(n_days))
    assert picture.startswith(b"\x89PNG")
    assert len(picture) <= 60_000


def test_nothing_yet_gives_a_picture_that_says_so():
    assert drift_chart(MODEL_DRIFT.empty(), FEATURE_DRIFT.empty()).startswith(b"\x89PNG")


def test_the_same_figures_give_the_same_bytes_in_any_row_order_and_modules_new_to_the_model_are_left_out():
    models, features = figures(10)
    picture = drift_chart(models, features)
    assert picture == drift_chart(*(frame.sample(frac=1, random_state=1) for frame in (models, features)))
    assert picture == drift_chart(models, features.assign(psi=features["psi"].where(features["code_module"].eq("AAA"), 9.0)))
