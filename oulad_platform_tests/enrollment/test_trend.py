"""Trends: slope on dates, an interval that knows that days follow one another, short averages."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import require
from oulad_platform.enrollment.foresight_tables import ENROLLMENT_TRENDS
from oulad_platform.enrollment.trend import enrollment_trends

TODAY = date(2026, 3, 1)


def metrics(counts: dict[int, float], name: str = "all", scope: str = "total") -> pd.DataFrame:
    """Rows by days before TODAY."""
    days = [pd.Timestamp(TODAY) - pd.Timedelta(days=ago) for ago in counts]
    return pd.DataFrame({"date": days, "scope": scope, "name": name, "total_enrollment": list(counts.values())})


def trend(frame: pd.DataFrame, **options) -> dict:
    return require(enrollment_trends(frame, TODAY, **options), ENROLLMENT_TRENDS).iloc[0].to_dict()


def test_a_straight_line_has_its_slope_and_no_doubt():
    found = trend(metrics({ago: 100 - 2 * ago for ago in range(28)}))
    assert found["slope_per_day"] == pytest.approx(2.0)
    assert (found["slope_lower"], found["slope_upper"]) == (pytest.approx(2.0), pytest.approx(2.0))
    assert (found["direction"], found["p_value"], found["n_days"], found["window_days"]) == ("rising", 0.0, 28, 28)
    assert (found["average_3_days"], found["average_7_days"]) == (98.0, 94.0)


def test_the_slope_is_on_dates_so_a_gap_leaves_it_where_it_is():
    seen = [0, 1, 2, 12, 13, 20, 27]
    found = trend(metrics({ago: 100 - 2 * ago for ago in seen}))
    assert found["slope_per_day"] == pytest.approx(2.0)
    assert found["n_days"] == 7


def test_averages_are_over_dates_not_over_rows():
    found = trend(metrics({0: 10, 2: 20, 6: 60, 7: 1000, 20: 1000}))
    assert (found["average_3_days"], found["average_7_days"]) == (15.0, 30.0)


def test_a_constant_series_is_steady():
    found = trend(metrics(dict.fromkeys(range(28), 500)))
    assert (found["slope_per_day"], found["p_value"], found["direction"]) == (0.0, 1.0, "steady")


def test_under_five_days_the_direction_is_unknown():
    found = trend(metrics({0: 40, 1: 30, 2: 20, 3: 10}))
    assert (found["direction"], found["slope_per_day"]) == ("unknown", pytest.approx(10.0))
    assert pd.isna(found["slope_lower"])
    assert pd.isna(found["p_value"])
    assert pd.isna(trend(metrics({0: 40}))["slope_per_day"])


def test_a_bend_and_a_fall_are_told_from_noise():
    assert trend(metrics({ago: 1000 + ago * 3 + (ago % 7) for ago in range(28)}))["direction"] == "falling"
    assert trend(metrics({ago: 1000 + [0, 5, -3, 2, -6, 4, -2][ago % 7] for ago in range(28)}))["direction"] == "steady"


def test_days_that_follow_one_another_do_not_make_a_trend_of_chance():
    random = np.random.default_rng(5)
    shocks = random.normal(size=(500, 78))
    series = np.zeros_like(shocks)
    for day in range(1, 78):
        series[:, day] = 0.5 * series[:, day - 1] + shocks[:, day]
    frames = [metrics(dict(enumerate(500 + 10 * row[50:])), f"P{i}", "program") for i, row in enumerate(series)]
    directions = enrollment_trends(pd.concat(frames), TODAY)["direction"]
    assert len(directions) == 500
    assert 0.03 < (directions != "steady").mean() < 0.13


def test_every_name_of_the_day_has_a_trend_and_no_other():
    here, gone = metrics({0: 5, 1: 5}, "here", "program"), metrics({1: 5, 2: 5}, "gone", "program")
    assert enrollment_trends(pd.concat([here, gone]), TODAY)["name"].tolist() == ["here"]


def test_a_day_without_a_snapshot_has_no_trend():
    with pytest.raises(ValueError, match="no row for 2026-03-01; a trend ends on a day that has a snapshot"):
        enrollment_trends(metrics({1: 5, 2: 5}), TODAY)
    with pytest.raises(ValueError, match="window_days is 0"):
        enrollment_trends(metrics({0: 5}), TODAY, window_days=0)


def test_rows_after_the_day_change_nothing():
    past = metrics({ago: 100 + ago**2 for ago in range(20)})
    future = metrics({-1: 10_000, -2: 0})
    pd.testing.assert_frame_equal(enrollment_trends(past, TODAY), enrollment_trends(pd.concat([past, future]), TODAY))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 100_000), min_size=5, max_size=28), st.integers(1, 1000), st.integers(2, 9))
def test_a_shift_leaves_the_slope_and_a_factor_multiplies_it(counts, shift, factor):
    plain, moved, scaled = (
        trend(metrics({ago: change(count) for ago, count in enumerate(counts)}))
        for change in (lambda count: count, lambda count: count + shift, lambda count: count * factor)
    )
    close = {"rel": 1e-6, "abs": 1e-5}
    assert plain["slope_lower"] <= plain["slope_per_day"] <= plain["slope_upper"]
    for column in ("slope_per_day", "slope_lower", "slope_upper"):
        assert moved[column] == pytest.approx(plain[column], **close)
        assert scaled[column] == pytest.approx(plain[column] * factor, **close)
