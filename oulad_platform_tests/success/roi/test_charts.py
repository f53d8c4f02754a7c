"""Tests of success.roi.charts: a picture for every kind of figures, small, and the same bytes every time."""

from __future__ import annotations

import struct

import numpy as np
import pandas as pd
import pytest

from oulad_platform.success.roi.charts import caseload_chart, tornado_chart
from oulad_platform.success.roi.doubt import ReturnRules, roi_by_caseload, roi_drivers

KINDS = {
    "usual": (1200, 3000, 50, ReturnRules()),
    "one student": (1, 3000, 50, ReturnRules()),
    "all negative": (300, 0, 50, ReturnRules()),
    "harm": (300, 3000, 50, ReturnRules(effect_points=-5)),
    "free": (300, 3000, 0, ReturnRules()),
    "sums of millions": (300, 5e7, 50, ReturnRules()),
    "no doubt": (300, 3000, 50, ReturnRules(effect_sd_points=0)),
    "nobody": (0, 3000, 50, ReturnRules()),
}


def scored(n: int) -> pd.DataFrame:
    scores = np.random.default_rng(1).beta(1, 3, n)
    return pd.DataFrame(
        {
            "id_student": np.arange(n),
            "code_module": "AAA",
            "code_presentation": "2014J",
            "risk_score": scores,
            "high_risk_flag": scores > 0.1,
            "model_version": "2013J",
        }
    )


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG")
    return struct.unpack(">II", png[16:24])


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_900_wide_and_at_most_40_kb(kind):
    n, value, cost, rules = KINDS[kind]
    pictures = (
        caseload_chart(roi_by_caseload(scored(n), value, cost, rules, seed=1)),
        tornado_chart(roi_drivers(scored(n), value, cost, (25, 50, 100), rules, seed=1)),
    )
    assert [size(picture) for picture in pictures] == ([(900, 450), (900, 360)] if n else [(900, 120)] * 2)
    assert max(map(len, pictures)) <= 40_000


def test_the_same_figures_give_the_same_bytes():
    by_caseload = roi_by_caseload(scored(100), 3000, 50, ReturnRules(), seed=1)
    assert caseload_chart(by_caseload) == caseload_chart(by_caseload.copy())
    drivers = roi_drivers(scored(100), 3000, 50, (25, 100), ReturnRules(), seed=1)
    assert tornado_chart(drivers) == tornado_chart(drivers.sample(frac=1, random_state=1))
