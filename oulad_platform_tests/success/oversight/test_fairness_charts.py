"""Tests of success.oversight.fairness_charts: one picture for one test and day, small enough for a run's metadata."""

from __future__ import annotations

import pandas as pd
import pytest

from oulad_platform.success.oversight.fairness import model_fairness
from oulad_platform.success.oversight.fairness_charts import fairness_by_group
from oulad_platform.success.oversight.tables import MODEL_FAIRNESS
from oulad_platform_tests.success.oversight.test_fairness import campus


@pytest.fixture(scope="module")
def fairness() -> pd.DataFrame:
    return model_fairness(*campus(), seed=1)


def test_the_picture_is_a_png_of_at_most_60_kb_the_same_in_any_row_order(fairness):
    png = fairness_by_group(fairness)
    assert png.startswith(b"\x89PNG")
    assert len(png) <= 60_000
    assert png == fairness_by_group(fairness.sample(frac=1, random_state=1))


def test_no_group_gives_a_picture_that_says_so():
    assert fairness_by_group(MODEL_FAIRNESS.empty()).startswith(b"\x89PNG")


def test_several_days_are_refused(fairness):
    with pytest.raises(ValueError, match="one test and day, not 2"):
        fairness_by_group(pd.concat([fairness, fairness.assign(day=42)]))
