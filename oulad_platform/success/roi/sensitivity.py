"""What contacting a given number of students would return, over a grid of assumed effects and costs.

How sure one can be of the effect, and how many to contact, is `doubt`'s; whether there is an effect, `experiments`'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from oulad_platform.core.privacy import Disclosure
from oulad_platform.success.experiments.simulation import UPLIFTS
from oulad_platform.success.roi.tables import ROI_SENSITIVITY


def roi_sensitivity(
    n_contacted: int, value_per_pass: float, costs_per_student: Sequence[float], uplifts: Sequence[float] = UPLIFTS
) -> pd.DataFrame:
    """ROI_SENSITIVITY: one row per uplift (percentage points of the pass rate) and cost of contacting one student.

    incremental_passes = uplift / 100 * n_contacted; net_benefit = incremental_passes * value_per_pass - intervention_cost;
    roi = net_benefit / intervention_cost, absent when nothing was spent. Money is in the currency of `value_per_pass`.
    Raises ValueError when a number is negative or not finite.
    """
    refuse_negative(
        {
            "n_contacted": [n_contacted],
            "value_per_pass": [value_per_pass],
            "uplift": uplifts,
            "cost per student": costs_per_student,
        }
    )
    grid = pd.MultiIndex.from_product([uplifts, costs_per_student], names=ROI_SENSITIVITY.key).to_frame(index=False)
    passes = grid["uplift_points"] / 100 * n_contacted
    cost = grid["cost_per_student"] * n_contacted
    net_benefit = passes * value_per_pass - cost
    return ROI_SENSITIVITY.conform(
        grid.assign(
            value_per_pass=value_per_pass,
            n_contacted=n_contacted,
            incremental_passes=passes,
            intervention_cost=cost,
            net_benefit=net_benefit,
            roi=net_benefit / cost.where(cost > 0),
        )
    )


def told(sensitivity: pd.DataFrame, rule: Disclosure) -> pd.DataFrame:
    """ROI_SENSITIVITY as it may leave: no row where fewer would be contacted than may be counted. Nobody is told."""
    few = sensitivity["n_contacted"].between(1, rule.below - 1) & (not rule.rounds)
    return sensitivity[~few]


def refuse_negative(given: Mapping[str, Sequence[float]]) -> None:
    """Raises ValueError that names the first of the given numbers that is negative or not finite."""
    for name, values in given.items():
        bad = [value for value in values if not 0 <= value < np.inf]
        if bad:
            raise ValueError(f"return on intervention: {name} {bad[0]} is not a number of 0 or more")
