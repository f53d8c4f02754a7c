"""Tests of success.modelling.calibration: risks that come true, by module, and nothing that small numbers could upset."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.success.modelling.calibration import SHRINKAGE, UNCALIBRATED, Calibration, calibrate, probability, start_month

FITTED = Calibration(slope=2.0, intercept=-1.0, by_module={"AAA": 0.5}, by_month={10: 0.25})


def enrolments(module: str, labels, first: int = 0, start: str = "2013-10-01", day: int = 28) -> pd.DataFrame:
    ids = np.arange(len(labels)) + first
    code = {"code_module": module, "code_presentation": start[:4] + "ABCDEFGHIJKL"[int(start[5:7]) - 1]}
    run_date = pd.Timestamp(start) + pd.Timedelta(days=day)
    return pd.DataFrame({**code, "id_student": ids, "label": labels, "run_date": run_date, "day": day})


def at_even_odds(labels) -> float:
    """The risk that a calibration of margins 0 gives the module BBB, beside nine large ones at even odds."""
    others = [enrolments(f"A{place}", [0, 1] * 1000) for place in range(9)]
    rows = pd.concat([*others, enrolments("BBB", labels)], ignore_index=True)
    fitted = calibrate(np.zeros(len(rows)), rows)
    return float(probability(fitted.log_odds(np.zeros(1), rows.tail(1)))[0])


def test_log_odds_are_the_intercept_the_offsets_of_module_and_month_and_slope_times_margin():
    rows = pd.concat([enrolments("AAA", [1]), enrolments("AAA", [1], start="2013-02-01")])
    assert FITTED.log_odds(np.array([1.0, -1.0]), rows).tolist() == [1.75, -2.5]


@pytest.mark.fault("D3")
def test_a_module_or_month_never_seen_has_no_offset():
    assert FITTED.intercepts(pd.concat([enrolments("ZZZ", [1]), enrolments("ZZZ", [1], start="2014-03-01")])).tolist() == [
        -0.75,
        -1,
    ]
    assert UNCALIBRATED.log_odds(np.array([0.3]), enrolments("ZZZ", [1])).tolist() == [0.3]


def test_the_month_is_that_of_the_first_day_however_late_the_row():
    rows = pd.concat([enrolments("AAA", [1], day=0), enrolments("AAA", [1], day=200), enrolments("AAA", [1], day=-20)])
    assert start_month(rows).tolist() == [10, 10, 10]


def test_margins_that_claim_twice_too_much_are_halved():
    rng = np.random.default_rng(3)
    truth = rng.normal(0.5, 1.5, 40_000)
    fitted = calibrate(2 * truth, enrolments("AAA", (rng.random(40_000) < probability(truth)).astype(int)))
    assert fitted.slope == pytest.approx(0.5, abs=0.02)
    assert fitted.intercept == pytest.approx(0.0, abs=0.04)


def test_a_module_moves_to_its_own_rate_as_far_as_its_enrolments_carry():
    assert SHRINKAGE == 300
    small, large = at_even_odds([1] * 48 + [0] * 12), at_even_odds([1] * 4800 + [0] * 1200)
    # four fifths failed: of log 4 above the common log-odds, 60 enrolments keep about 60 / (60 + 300)
    assert np.log(small / (1 - small)) == pytest.approx(np.log(4) * 60 / 360, abs=0.06)
    assert large == pytest.approx(0.8, abs=0.015)


def test_the_days_of_an_enrolment_count_as_one_together():
    once = pd.concat([enrolments("AAA", [0, 1] * 500), enrolments("BBB", [1] * 160 + [0] * 40, 2000)], ignore_index=True)
    often = pd.concat([once.assign(day=day, run_date=once["run_date"] + pd.Timedelta(days=day - 28)) for day in (14, 28, 42, 56)])
    first, second = (calibrate(np.zeros(len(rows)), rows) for rows in (once, often))
    assert second.by_module["BBB"] == pytest.approx(first.by_module["BBB"], abs=1e-9)


def test_a_shift_that_all_modules_of_a_month_share_is_the_months():
    spring, autumn = [1] * 700 + [0] * 300, [1] * 400 + [0] * 600
    rows = pd.concat(
        [
            enrolments(module, labels, 1000 * place, start)
            for place, (module, labels, start) in enumerate(
                [("AAA", spring, "2013-02-01"), ("BBB", spring, "2013-02-01"), ("AAA", autumn, "2013-10-01")]
            )
        ],
        ignore_index=True,
    )
    fitted = calibrate(np.zeros(len(rows)), rows)
    assert fitted.by_month[2] - fitted.by_month[10] > 0.7
    new = enrolments("ZZZ", [0, 0]).assign(run_date=pd.to_datetime(["2014-03-01", "2014-10-29"]))
    low, high = sorted(probability(fitted.log_odds(np.zeros(2), new)))
    assert (low, high) == pytest.approx((0.45, 0.65), abs=0.06)


def test_days_late_in_the_course_do_not_count():
    early, late = enrolments("AAA", [0, 1] * 500), enrolments("AAA", [1] * 1000, day=91)
    rows = pd.concat([early, late], ignore_index=True)
    assert calibrate(np.zeros(2000), rows) == calibrate(np.zeros(1000), early)


def test_margins_that_point_the_wrong_way_are_not_turned_round():
    labels = np.array([0, 1] * 50)
    fitted = calibrate(np.where(labels == 1, -1.0, 1.0), enrolments("AAA", labels))
    assert fitted.slope == 0
    assert probability(fitted.log_odds(np.array([3.0]), enrolments("AAA", [1])))[0] == pytest.approx(0.5, abs=1e-6)


def test_margins_that_separate_the_outcomes_stay_finite():
    labels = np.array([0, 1] * 50)
    risk = probability(
        calibrate(np.where(labels == 1, 9.0, -9.0), enrolments("AAA", labels)).log_odds(np.array([9.0]), enrolments("AAA", [1]))
    )
    assert 0.9 < risk[0] < 0.999


@pytest.mark.fault("D2")
def test_few_rows_or_one_outcome_change_nothing():
    assert calibrate(np.empty(0), enrolments("AAA", [])) == UNCALIBRATED
    assert calibrate(np.zeros(200), enrolments("AAA", [1] * 200)) == UNCALIBRATED
    assert calibrate(np.zeros(59), enrolments("AAA", [1] * 40 + [0] * 19)) == UNCALIBRATED


@pytest.mark.fault("D2")
@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ABC"), st.floats(-30, 30), st.integers(0, 1)), max_size=60),
    st.floats(-50, 50),
)
def test_whatever_the_modules_hold_the_map_is_finite_and_never_falls(extra, at):
    base = pd.concat([enrolments("A", [0, 1] * 20), enrolments("B", [1], 40)], ignore_index=True)
    more = pd.concat([enrolments(module, [label], 100 + place) for place, (module, _, label) in enumerate(extra)] or [base[:0]])
    margin = np.concatenate([np.tile([-1.0, 1.0], 20), [0.0], [one for _, one, _ in extra]])
    fitted = calibrate(margin, pd.concat([base, more], ignore_index=True).astype({"label": "int8"}))
    low, high = fitted.log_odds(np.array([at, at + 1]), enrolments("B", [1, 1]))
    assert np.isfinite([low, high]).all()
    assert low <= high


def test_probability_of_extreme_log_odds_is_a_number():
    assert probability(np.array([-800.0, 0.0, 800.0])).tolist() == [0.0, 0.5, 1.0]
