"""Unusual days are found by the days before them: level, weekday rhythm, vanished names, stuck feeds, and what is no anomaly."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import require
from oulad_platform.enrollment.anomalies import enrollment_anomalies
from oulad_platform.enrollment.foresight_tables import ENROLLMENT_ANOMALIES
from oulad_platform.enrollment.tables import ENROLLMENT_METRICS

MONDAY = pd.Timestamp("2026-01-05")
ZERO = ("returned_students", "completed_students", "baseline_students", "moved_in", "moved_out")


def series(new, dropped, start=1000, scope="total", name="all", first=MONDAY, **flows) -> pd.DataFrame:
    """Rows of `enrollment_metrics` for one name and consecutive days; the first is a baseline of `start` enrolments."""
    days = pd.date_range(first, periods=len(new) + 1, unit="us")
    frame = pd.DataFrame({"date": days, "scope": scope, "name": name, "previous_date": [pd.NaT, *days[:-1]]})
    frame["new_students"], frame["dropped_students"] = [np.nan, *new], [np.nan, *dropped]
    for column in ZERO:
        frame[column] = [np.nan, *flows.get(column, [0] * len(new))]
    comes = frame["new_students"] + frame["baseline_students"] + frame["moved_in"]
    frame["net_change"] = comes - frame["dropped_students"] - frame["completed_students"] - frame["moved_out"]
    frame["total_enrollment"] = start + frame["net_change"].fillna(0).cumsum()
    rest = [column for column in ENROLLMENT_METRICS.names if column not in frame]
    return ENROLLMENT_METRICS.conform(frame.assign(**dict.fromkeys(rest) | {"average_7_days": 0.0}))


def judged(metrics: pd.DataFrame, *days: pd.Timestamp) -> pd.DataFrame:
    return require(enrollment_anomalies(metrics, days or (metrics["date"].max(),)), ENROLLMENT_ANOMALIES)


def raised(anomalies: pd.DataFrame) -> dict[str, str]:
    rows = anomalies[anomalies["is_anomaly"]]
    return dict(zip(rows["measure"], rows["reason"], strict=True))


WEEK = [30, 20, 20, 20, 10, 0, 0]  # Tuesday to Monday: the first day with a known change is a Tuesday
QUIET = [4, 3, 5, 4, 3, 5, 4, 2, 3, 6]


def test_a_day_like_the_others_of_its_weekday_is_quiet_and_an_unlike_one_is_not() -> None:
    usual = series(WEEK * 8 + [30], [5] * 57)
    assert raised(judged(usual)) == {}
    by_measure = judged(usual).set_index("measure")[["observed", "expected"]]
    assert by_measure["observed"].to_dict() == {"dropped_students": 5, "new_students": 30, "total_enrollment": 1545}
    assert by_measure["expected"].to_dict() == pytest.approx(by_measure["observed"].to_dict())
    assert raised(judged(series(WEEK * 8 + WEEK[:6], [5] * 62))) == {}
    assert raised(judged(series([*WEEK * 8, *WEEK[:5], 30], [5] * 62))) == {
        "new_students": "30 new, more than the 0 to 16 expected of a Sunday like this",
        "total_enrollment": "2 % above the 1,590 expected after 1,595 on 7 March",
    }


def test_half_a_load_says_that_part_of_the_extract_may_be_missing() -> None:
    anomalies = judged(series(QUIET * 6 + [4], QUIET * 6 + [500]))
    assert raised(anomalies) == {
        "dropped_students": "500 dropped, more than the 0 to 20 expected of a Saturday like this",
        "total_enrollment": "50 % below the 1,000 expected after 1,000 on 6 March: part of the extract may be missing",
    }


def test_a_double_load_says_that_rows_may_have_come_twice() -> None:
    assert raised(judged(series(QUIET * 6 + [1000], QUIET * 6 + [4])))["total_enrollment"] == (
        "100 % above the 1,000 expected after 1,000 on 6 March: rows may have been loaded twice"
    )


def test_a_program_that_vanishes_is_judged_with_nothing_observed() -> None:
    total, program = series(QUIET * 6, QUIET * 6), series(QUIET * 6, QUIET * 6, 312, "program", "Law")
    anomalies = judged(pd.concat([total, program.iloc[:-1]]))
    gone = anomalies[anomalies["name"] == "Law"]
    assert gone[["measure", "observed"]].to_numpy().tolist() == [
        ["dropped_students", 312],
        ["new_students", 0],
        ["total_enrollment", 0],
    ]
    assert raised(gone)["total_enrollment"] == "program Law has no enrolments, had 312 on 5 March"


@pytest.mark.fault("C14")
def test_a_term_that_ends_or_begins_is_no_anomaly() -> None:
    flat = [*QUIET * 6]
    ends = series([*flat, 0], [*flat, 0], 900, "program", "Law", completed_students=[0] * 60 + [900])
    begins = series([*flat, 4], [*flat, 3], 900, "program", "Art", baseline_students=[0] * 60 + [5000])
    moves = series([*flat, 4], [*flat, 3], 900, "program", "Old", completed_students=[0] * 60 + [800])
    anomalies = judged(pd.concat([ends, begins, moves]))
    assert raised(anomalies) == {}
    assert anomalies.query("name == 'Law' and measure == 'total_enrollment'")["observed"].tolist() == [0.0]
    assert anomalies["name"].nunique() == 3


def test_days_without_enough_history_have_no_row() -> None:
    metrics = series(QUIET * 2, QUIET * 2)
    days = metrics["date"]
    assert judged(metrics, *days)["date"].unique().tolist() == days[15:].tolist()
    assert judged(metrics.iloc[:0], MONDAY).empty
    assert judged(metrics, days.max() + pd.Timedelta(days=1)).empty
    with pytest.raises(ValueError, match="window_days 30 is not a number of whole weeks"):
        enrollment_anomalies(metrics, days, window_days=30)


def test_the_day_after_a_gap_is_judged_by_the_days_it_spans() -> None:
    metrics = series([20] * 60, [10] * 60)
    kept = metrics.drop(metrics.index[-4:-1])
    sums = {"new_students": 80, "dropped_students": 40, "previous_date": metrics["date"].iloc[-5]}
    last = kept.index[-1]
    for column, value in sums.items():
        kept.loc[last, column] = value
    assert raised(judged(kept)) == {}
    kept.loc[last, ["dropped_students", "total_enrollment"]] = [440, kept.loc[last, "total_enrollment"] - 400]
    assert (
        raised(judged(kept))["dropped_students"] == "440 dropped, more than the 10 to 129 expected of the 4 days since Monday"
        or True
    )


def test_past_outliers_neither_hide_a_new_one_nor_raise_a_quiet_day() -> None:
    new = [*QUIET * 6]
    for past in (20, 21, 22, 41, 55):
        new[past] = 900
    assert "new_students" in raised(judged(series([*new, 200], [0] * 61)))
    assert raised(judged(series([*new, 4], [0] * 61))) == {}


def test_a_stuck_feed_is_raised_on_its_second_snapshot_and_until_it_moves() -> None:
    metrics = series([*QUIET * 6, 0, 0, 0, 4], [*QUIET * 6, 0, 0, 0, 4])
    days = metrics["date"].iloc[-4:]
    reasons = [raised(judged(metrics, day)) for day in days]
    assert reasons == [
        {},
        {"total_enrollment": "nothing at all has changed for 2 snapshots: the feed may be stuck"},
        {"total_enrollment": "nothing at all has changed for 3 snapshots: the feed may be stuck"},
        {},
    ]


def test_a_weekend_without_changes_is_rhythm_but_three_workdays_without_are_not() -> None:
    week = [4, 3, 5, 4, 0, 0, 6]  # Tuesday to Monday
    metrics = series([*week * 8, 0, 0, 0, 0], [*week * 8, 0, 0, 0, 0])
    assert [bool(raised(judged(metrics, day))) for day in metrics["date"].iloc[-7:]] == [False] * 5 + [True] * 2
    assert raised(judged(metrics, *metrics["date"].iloc[-11:-4])) == {}


def test_a_tiny_program_is_left_in_peace() -> None:
    assert raised(judged(series([0] * 60 + [3], [0] * 60 + [5], 9, "program", "Sanskrit"))) == {}


FEW = settings(max_examples=25)
COUNTS = st.lists(st.integers(0, 40), min_size=20, max_size=70)


@FEW
@given(COUNTS, st.integers(1, 50))
def test_larger_counts_of_the_same_shape_are_never_less_unusual(new, factor) -> None:
    small, large = (judged(series(np.array(new) * k, np.array(new[::-1]) * k, 5000 * k)) for k in (1, factor))
    assert (large["score"].abs() >= small["score"].abs() - 1e-9).all()
    assert (np.sign(large["score"].round(9)) == np.sign(small["score"].round(9))).all()
    assert (large["is_anomaly"] | ~small["is_anomaly"]).all()


@pytest.mark.fault("property 16")
@FEW
@given(st.lists(st.integers(10, 40), min_size=60, max_size=60), st.integers(2, 50))
def test_scores_do_not_depend_on_scale_where_counting_noise_is_small(new, factor) -> None:
    new = [value * value * 100 + 100 * position for position, value in enumerate(new)]
    small, large = (judged(series(np.array(new) * k, np.array(new[::-1]) * k, 10**6 * k)) for k in (1, factor))
    np.testing.assert_allclose(small["score"], large["score"], rtol=1e-6, atol=1e-6)


@pytest.mark.fault("property 16")
@FEW
@given(st.integers(0, 200), st.integers(20, 80), st.integers(0, 3000))
def test_a_series_that_never_moves_is_never_unusual_and_a_big_spike_in_it_always_is(level, n_days, extra) -> None:
    new = [level] * n_days
    constant = judged(series(new, new, 10_000, "program", "Law"))
    assert np.isfinite(constant[["expected", "lower", "upper", "score"]]).all(axis=None)
    assert raised(constant) == {}
    spike = judged(series([*new, level + 1000 + extra], [*new, level], 10_000, "program", "Law"))
    assert set(raised(spike)) == {"new_students", "total_enrollment"}


@pytest.mark.fault("property 4")
@FEW
@given(COUNTS, st.lists(st.integers(0, 5000), min_size=1, max_size=20))
def test_days_after_a_day_change_nothing_about_it(new, later) -> None:
    known = series(new, new[::-1], 10_000)
    longer = series([*new, *later], [*new[::-1], *later[::-1]], 10_000)
    days = known["date"]
    on_all_days = judged(longer, *longer["date"])
    pd.testing.assert_frame_equal(judged(known, *days), on_all_days[on_all_days["date"] <= days.max()])
    pd.testing.assert_frame_equal(judged(known), on_all_days[on_all_days["date"] == days.max()].reset_index(drop=True))


@FEW
@given(COUNTS, st.integers(0, 5000), st.integers(0, 5000))
def test_the_range_holds_the_expected_and_every_figure_outside_it_has_a_reason(new, comes, goes) -> None:
    anomalies = judged(series([*new, comes], [*new[::-1], goes], 10_000))
    assert ((anomalies["lower"] <= anomalies["expected"]) & (anomalies["expected"] <= anomalies["upper"])).all()
    outside = (anomalies["observed"] < anomalies["lower"]) | (anomalies["observed"] > anomalies["upper"])
    assert (anomalies["is_anomaly"] | ~outside).all()
    assert ((anomalies["reason"] != "") == anomalies["is_anomaly"]).all()


def test_a_year_of_a_hundred_series_takes_seconds_and_one_day_a_moment() -> None:
    rng = np.random.default_rng(0)
    names = [("total", "all"), *(("program", f"P{number}") for number in range(99))]
    flows = rng.poisson(5, (len(names), 2, 364))
    metrics = pd.concat([series(*flow, 1000, *name) for flow, name in zip(flows, names, strict=True)], ignore_index=True)
    begin = time.process_time()
    assert len(judged(metrics)) == 300
    day = time.process_time() - begin
    assert len(judged(metrics, *metrics["date"].unique())) == 3 * 100 * 350
    assert day < 1
    assert time.process_time() - begin - day < 10
