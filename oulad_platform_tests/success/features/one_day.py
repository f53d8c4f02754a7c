"""The features of one presentation on one day, for the tests."""

from __future__ import annotations

import pandas as pd

from oulad_platform.success.features.assembly import presentation_features
from oulad_platform.success.presentation import elsewhere, presentations
from oulad_platform_tests.success.campus import Tables

NAN = float("nan")
DAY = 30
THREE = [(1, -10.0, NAN, None), (2, -10.0, NAN, None), (3, -10.0, NAN, None)]


def features_on(raw: Tables, rows: pd.DataFrame, day: int = DAY, everyone: bool = False) -> pd.DataFrame:
    (one,) = presentations(raw, {"AAA_2014B": rows})
    return presentation_features(one, [day], elsewhere(raw), everyone=everyone).set_index("id_student")
