"""Tests of success.features.activity: kinds of sites, gaps, regularity and ranks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from oulad_platform_tests.success.campus import clicks, tables
from oulad_platform_tests.success.features.one_day import DAY, NAN, THREE, features_on


def test_clicks_are_told_apart_by_what_the_site_is_for_and_unlisted_sites_are_in_no_group():
    raw = tables([(1, -10.0, NAN, None)])
    kinds = ["quiz", "forumng", "homepage", "oucontent", "url", "subpage"]
    raw["vle"] = pd.DataFrame(
        {"code_module": "AAA", "code_presentation": "2014B", "id_site": range(11, 17), "activity_type": kinds}
    )
    visits = [(11, 1, 1), (12, 2, 2), (13, 3, 4), (14, 4, 8), (15, 5, 16), (16, 6, 32), (99, 7, 64), (11, -1, 100), (11, 30, 100)]
    rows = pd.DataFrame(visits, columns=["id_site", "date", "sum_click"]).assign(id_student=1)
    row = features_on(raw, rows).iloc[0]
    names = ["clicks_quiz", "clicks_forum", "clicks_homepage", "clicks_content", "clicks_resource", "clicks_since_start"]
    assert row[names].tolist() == [1, 2, 4, 8, 16, 127]


@pytest.mark.parametrize(
    ("visited", "registered", "gap"),
    [([], -10, 30), ([-3], -10, 30), ([0, 29], -10, 28), ([5, 10, 20], -10, 9), ([25], 20, 5), ([], 20, 10), ([], 30, -1)],
)
def test_the_longest_gap_runs_from_the_start_or_registering_to_the_day_before(visited, registered, gap):
    raw = tables([(1, registered, NAN, None)])
    shown = features_on(raw, clicks(*((1, day, 1) for day in visited)))
    assert shown["longest_gap"].fillna(-1).item() == gap


def test_regularity_looks_at_completed_weeks_since_registering():
    raw = tables([(1, -10.0, NAN, None), (2, 8, NAN, None), (3, -10.0, NAN, None), (4, 27.0, NAN, None)])
    rows = clicks((1, 0, 2), (1, 8, 4), (1, 28, 50), (2, 15, 3), (2, 22, 3), (3, -1, 5))
    shown = features_on(raw, rows)
    assert shown["weeks_active_share"].fillna(-1).tolist() == [0.5, 1, 0, -1]
    # weeks of 2, 4, 0, 0 clicks: standard deviation sqrt(20 / 4 - 1.5 ** 2) over the mean 1.5
    assert shown["clicks_variation"].fillna(-1).tolist() == pytest.approx([np.sqrt(2.75) / 1.5, 0, -1, -1])


def test_ranks_compare_with_who_registered_before_the_day_and_is_still_there():
    raw = tables([*THREE, (4, -10.0, 12, None), (5, DAY, NAN, None)])
    rows = clicks((1, 3, 5), (2, 3, 9), (3, 3, 9), (4, 3, 100))
    shown = features_on(raw, rows)
    assert shown["clicks_since_start_rank"].tolist() == pytest.approx([1 / 6, 4 / 6, 4 / 6, 0])


def test_everyone_adds_rows_of_who_has_left_and_changes_none():
    raw = tables([*THREE, (4, -10.0, 12, None)])
    rows = clicks((1, 3, 5), (4, 3, 100))
    with_all = features_on(raw, rows, everyone=True)
    assert with_all.index.tolist() == [1, 2, 3, 4]
    pd.testing.assert_frame_equal(with_all.drop(index=4), features_on(raw, rows))
