"""Tests of success.modelling.calibration: risks that come true, by module, and nothing that small numbers could upset."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.success.modelling.calibration import SHRINKAGE, UNCALIBRATED, Calibration, calibrate, probability

FITTED = Calibration(slope=2.0, intercept=-1.0, by_module={"AAA": 0.5})


def enrolments(module: str, labels, first: int = 0) -> pd.DataFrame:
    ids = np.arange(len(labels)) + first
    return pd.DataFrame({"code_module": module, "code_presentation": "2013J", "id_student": ids, "label": labels})


def test_log_odds_are_the_modules_intercept_plus_slope_times_margin():
    assert FITTED.log_odds(np.array([1.0, -1.0]), pd.Series(["AAA", "AAA"])).tolist() == [2.5, -1.5]


def test_a_module_never_seen_has_the_common_intercept():
    assert FITTED.intercept_of(pd.Series(["AAA", "ZZZ"], index=[7, 7])).tolist() == [0.5, -1.0]
    assert UNCALIBRATED.log_odds(np.array([0.3]), pd.Series(["ZZZ"])).tolist() == [0.3]


def test_margins_that_claim_twice_too_much_are_halved():
    rng = np.random.default_rng(3)
    truth = rng.normal(0.5, 1.5, 40_000)
    fitted = calibrate(2 * truth, enrolments("AAA", (rng.random(40_000) < probability(truth)).astype(int)))
    assert fitted.slope == pytest.approx(0.5, abs=0.02)
    assert fitted.intercept == pytest.approx(0.0, abs=0.04)


def test_a_module_moves_to_its_own_rate_as_far_as_its_enrolments_carry():
    half, often = [0, 1] * 5000, [1] * 160 + [0] * 40
    rows = pd.concat([enrolments("AAA", half), enrolments("BBB", often)], ignore_index=True)
    fitted = calibrate(np.zeros(len(rows)), rows)
    common = float(probability(np.array([fitted.intercept]))[0])
    assert SHRINKAGE == 200
    assert probability(np.array([fitted.by_module["BBB"]]))[0] == pytest.approx((0.8 + common) / 2, abs=1e-9)
    assert probability(np.array([fitted.by_module["AAA"]]))[0] == pytest.approx(0.5, abs=1e-3)


def test_rows_of_one_enrolment_on_many_days_count_once_in_the_shrinkage():
    rows = pd.concat([enrolments("AAA", [0, 1] * 5000), *[enrolments("BBB", [1] * 160 + [0] * 40)] * 5], ignore_index=True)
    fitted = calibrate(np.zeros(len(rows)), rows)
    common = float(probability(np.array([fitted.intercept]))[0])
    assert probability(np.array([fitted.by_module["BBB"]]))[0] == pytest.approx((0.8 + common) / 2, abs=1e-9)


def test_margins_that_point_the_wrong_way_are_not_turned_round():
    labels = np.array([0, 1] * 50)
    fitted = calibrate(np.where(labels == 1, -1.0, 1.0), enrolments("AAA", labels))
    assert fitted.slope == 0
    assert probability(fitted.log_odds(np.array([3.0]), pd.Series(["AAA"])))[0] == pytest.approx(0.5, abs=1e-6)


def test_margins_that_separate_the_outcomes_stay_finite():
    labels = np.array([0, 1] * 50)
    risk = probability(
        calibrate(np.where(labels == 1, 9.0, -9.0), enrolments("AAA", labels)).log_odds(np.array([9.0]), pd.Series(["AAA"]))
    )
    assert 0.9 < risk[0] < 0.999


def test_few_rows_or_one_outcome_change_nothing():
    assert calibrate(np.empty(0), enrolments("AAA", [])) == UNCALIBRATED
    assert calibrate(np.zeros(200), enrolments("AAA", [1] * 200)) == UNCALIBRATED
    assert calibrate(np.zeros(59), enrolments("AAA", [1] * 40 + [0] * 19)) == UNCALIBRATED


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
    low, high = fitted.log_odds(np.array([at, at + 1]), pd.Series(["B", "B"]))
    assert np.isfinite([low, high]).all()
    assert low <= high


def test_probability_of_extreme_log_odds_is_a_number():
    assert probability(np.array([-800.0, 0.0, 800.0])).tolist() == [0.0, 0.5, 1.0]
