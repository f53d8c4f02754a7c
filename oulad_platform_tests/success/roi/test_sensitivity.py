"""Tests of success.roi: the seed's formula to the unit, and what happens at the edges."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import check_frame
from oulad_platform.core.privacy import Disclosure
from oulad_platform.success.roi.sensitivity import roi_sensitivity, told
from oulad_platform.success.roi.tables import ROI_SENSITIVITY


def test_net_benefit_is_passes_times_value_minus_cost_and_roi_is_its_ratio_to_the_cost():
    grid = roi_sensitivity(200, 3000, costs_per_student=(25, 100), uplifts=(5,))
    assert grid.to_dict("list") == {
        "uplift_points": [5.0, 5.0],
        "cost_per_student": [25.0, 100.0],
        "value_per_pass": [3000.0, 3000.0],
        "n_contacted": [200, 200],
        "incremental_passes": [10.0, 10.0],
        "intervention_cost": [5000.0, 20000.0],
        "net_benefit": [25000.0, 10000.0],
        "roi": [5.0, 0.5],
    }


def test_the_grid_has_the_three_uplifts_of_the_experiment_for_each_cost():
    grid = roi_sensitivity(10, 100, costs_per_student=(10, 25, 50, 100))
    assert grid.groupby("uplift_points").size().to_dict() == {3.0: 4, 5.0: 4, 8.0: 4}


@pytest.mark.fault("I16")
def test_no_cost_has_no_ratio():
    grid = pd.concat([roi_sensitivity(10, 100, costs_per_student=(0,)), roi_sensitivity(0, 100, costs_per_student=(10,))])
    assert grid["roi"].isna().all()
    assert grid["net_benefit"].tolist() == pytest.approx([30, 50, 80, 0, 0, 0])


@pytest.mark.fault("I16")
@pytest.mark.parametrize(
    ("given_values", "named"),
    [
        ((-1, 1, (1,)), "n_contacted"),
        ((1, -1, (1,)), "value_per_pass"),
        ((1, 1, (-1,)), "cost"),
        ((1, float("nan"), (1,)), "value"),
    ],
)
def test_negative_and_missing_numbers_are_refused_by_name(given_values, named):
    with pytest.raises(ValueError, match=named):
        roi_sensitivity(*given_values)


@pytest.mark.fault("I16", "property 14")
@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1e6), st.lists(st.floats(0.01, 1e4), min_size=1, max_size=5, unique=True))
def test_net_benefit_rises_with_the_uplift_and_falls_with_the_cost(n, value, costs):
    grid = roi_sensitivity(n, value, costs)
    assert check_frame(grid, ROI_SENSITIVITY) == []
    table = grid.pivot_table(index="uplift_points", columns="cost_per_student", values="net_benefit")
    assert (table.diff().iloc[1:] >= -1e-6).all(axis=None)
    assert (table.diff(axis=1).iloc[:, 1:] <= 1e-6).all(axis=None)


def test_the_return_of_contacting_a_few_does_not_leave() -> None:
    assert [len(told(roi_sensitivity(n, 1000, (10,)), Disclosure())) for n in (0, 9, 10)] == [3, 0, 3]
    assert len(told(roi_sensitivity(5, 1000, (10,)), Disclosure(rounding="hesa"))) == 3
