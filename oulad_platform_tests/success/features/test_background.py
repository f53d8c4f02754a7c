"""Tests of success.features.background: what other presentations tell, from the day it is known, and protected codes."""

from __future__ import annotations

import pandas as pd
import pytest

from oulad_platform.success.features.assembly import daily_features
from oulad_platform_tests.success.campus import Tables, clicks, courses, tables
from oulad_platform_tests.success.features.one_day import NAN, THREE, features_on

ALL_THREE = [("AAA", "2013J", 130, "2013-10-01"), ("AAA", "2014B", 60, "2014-02-01"), ("BBB", "2014B", 60, "2014-02-15")]


def two_years(older: list, here: list, beside: list, regions: dict[int, str]) -> Tables:
    runs = [
        tables(older, code="2013J", length=130, start="2013-10-01"),
        tables(here),
        tables(beside, module="BBB", start="2014-02-15"),
    ]
    raw = {name: pd.concat([one[name] for one in runs], ignore_index=True) for name in runs[0]}
    raw["student_info"]["region"] = raw["student_info"]["id_student"].map(regions)
    return {**raw, "courses": courses(*ALL_THREE)}


def on(raw: Tables, *days: str) -> pd.DataFrame:
    return daily_features(raw, {}, pd.DatetimeIndex(days)).query("code_module == 'AAA' and code_presentation == '2014B'")


def test_own_earlier_outcomes_count_from_the_day_after_they_closed():
    raw = two_years([(1, -9, NAN, "Fail"), (2, -9, NAN, "Pass")], THREE, [], {})
    shown = on(raw, "2014-02-08", "2014-02-09")  # 2013J ends on 2014-02-08
    assert shown["earlier_failure_share"].fillna(-1).tolist() == [-1, -1, -1, 1, 0, -1]


def test_other_modules_count_while_they_run_and_the_student_is_registered():
    beside = [(1, -60.0, NAN, None), (2, 3, NAN, None), (3, -60.0, 5, None)]
    raw = two_years([], THREE, beside, {})
    days = ["2014-02-14", "2014-02-15", "2014-02-18", "2014-02-19", "2014-02-20", "2014-02-21"]
    shown = on(raw, *days).groupby("run_date")["n_other_modules"].agg(list)
    assert shown.tolist() == [[0, 0, 0], [1, 0, 1], [1, 0, 1], [1, 1, 1], [1, 1, 1], [1, 1, 0]]


def test_a_region_is_drawn_towards_all_by_two_hundred_enrolments():
    older = [(1, -9, NAN, "Fail"), (2, -9, NAN, "Pass"), (3, -9, NAN, "Pass"), (4, -9, NAN, "Pass")]
    regions = {1: "Wales", 2: "Scotland", 3: "Scotland", 4: "Scotland"}
    shown = on(two_years(older, THREE, [], regions), "2014-02-09")
    wales, scotland = (1 + 200 * 0.25) / 201, (0 + 200 * 0.25) / 203
    assert shown["region_risk_rate"].tolist() == pytest.approx([wales, scotland, scotland], rel=1e-6)
    assert shown["region"].tolist() == [10, 6, 6]


def test_who_had_left_the_module_by_the_same_day_before_is_known_once_it_closed():
    older = [(7, -9, 3, "Withdrawn"), (8, -9, 12, "Withdrawn"), (9, -9, NAN, "Pass"), (10, -9, NAN, "Fail")]
    shown = on(two_years(older, THREE[:1], [], {}), "2014-02-08", "2014-02-09", "2014-02-13", "2014-02-14")
    assert shown["module_left_share"].fillna(-1).tolist() == [-1, 0.25, 0.25, 0.5]  # days 7, 8, 12, 13


def test_protected_attributes_are_codes_and_missing_where_unknown():
    raw = tables(THREE)
    raw["student_info"] = raw["student_info"].assign(
        gender=["F", "M", "M"],
        age_band=["0-35", "35-55", "55<="],
        imd_band=["0-10%", None, "90-100%"],
        disability=["N", "Y", "N"],
    )
    shown = features_on(raw, clicks())
    assert shown["gender"].tolist() == [0, 1, 1]
    assert shown["age_band"].tolist() == [0, 1, 2]
    assert shown["imd_band"].fillna(-1).tolist() == [0, -1, 9]
    assert shown["disability"].tolist() == [0, 1, 0]
