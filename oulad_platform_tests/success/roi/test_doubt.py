"""Tests of success.roi.doubt: figures worked out by hand, the laws of more and less, and the edges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from oulad_platform.core.checks import check_frame
from oulad_platform.core.privacy import Disclosure
from oulad_platform.success.roi.doubt import ReturnRules, roi_by_caseload, roi_drivers
from oulad_platform.success.roi.tables import ROI_BY_CASELOAD, ROI_DRIVERS

SURE = ReturnRules(effect_points=5, effect_sd_points=0)
RULES = ReturnRules(draws=1000)


def scored(scores: list[float], threshold: float = 0.25) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id_student": np.arange(len(scores), dtype="int32"),
            "code_module": "AAA",
            "code_presentation": "2014J",
            "risk_score": np.array(scores, dtype="float64"),
            "high_risk_flag": np.array(scores) > threshold,
            "model_version": "2013J",
        }
    )


RISKS = st.lists(st.integers(0, 1000).map(lambda thousandths: thousandths / 1000), min_size=1, max_size=60).map(scored)
VALUES = st.integers(0, 100_000)
COSTS = st.integers(0, 100_000).map(lambda cents: cents / 100)


def test_the_gain_is_in_proportion_to_risk_and_the_best_number_stops_where_a_contact_costs_more_than_it_gains():
    # Flagged: 0.8, 0.4, 0.3, mean 0.5; 5 points are a tenth of it, so the gains are 80, 40, 30 and 10 of a value of 1,000.
    table = roi_by_caseload(scored([0.3, 0.8, 0.1, 0.4]), 1000, 35, SURE, seed=1)
    assert table["n_contacted"].tolist() == [0, 1, 2, 3, 4]
    assert table["net_benefit"].tolist() == pytest.approx([0, 45, 50, 45, 20])
    assert table["net_benefit_low"].tolist() == pytest.approx([0, 45, 50, 45, 20])
    assert table["roi"].tolist() == pytest.approx([np.nan, 45 / 35, 50 / 70, 45 / 105, 20 / 140], nan_ok=True)
    assert table["mean_risk"].tolist() == pytest.approx([np.nan, 0.8, 0.6, 0.5, 0.4], nan_ok=True)
    assert table["break_even_points"].tolist() == pytest.approx([np.nan, 2.1875, 35 / 12, 3.5, 4.375], nan_ok=True)
    assert table["probability_of_profit"].tolist() == [0, 1, 1, 1, 1]
    assert table["is_flagged"].tolist() == [False, False, False, True, False]
    assert table["is_best"].tolist() == [False, False, True, False, False]
    assert table["best_size_low"].tolist() == table["best_size_high"].tolist() == [pd.NA, pd.NA, 2, pd.NA, pd.NA]


def test_interval_and_probability_of_profit_are_those_of_the_normal_prior():
    table = roi_by_caseload(scored([0.5] * 100), 1000, 10, ReturnRules(effect_points=1.5, effect_sd_points=2), seed=3)
    everyone = table.iloc[-1]
    assert everyone["net_benefit"] == pytest.approx(500, abs=5)
    assert everyone["net_benefit_low"] == pytest.approx(500 - 2000 * 1.2816, abs=20)
    assert everyone["net_benefit_high"] == pytest.approx(500 + 2000 * 1.2816, abs=20)
    assert everyone["probability_of_profit"] == pytest.approx(0.5987, abs=0.002)
    assert everyone["break_even_points"] == pytest.approx(1)
    best = table.query("is_best").iloc[0]
    assert [best["n_contacted"], best["best_size_low"], best["best_size_high"]] == [100, 0, 100]


def test_the_best_number_of_a_draw_ends_where_its_own_gain_ends():
    # Risks 0.01 to 1, all flagged, mean 0.505; at cost 10 and value 1,000 an effect of e points pays above a risk of 0.505 / e.
    rules = ReturnRules(effect_points=3, effect_sd_points=1)
    best = (
        roi_by_caseload(scored([k / 100 for k in range(1, 101)], threshold=0), 1000, 10, rules, seed=5).query("is_best").iloc[0]
    )
    assert best["n_contacted"] == 84  # above 0.505 / 3 = 0.168
    assert best["best_size_low"] == 71  # above 0.505 / 1.718 = 0.294
    assert best["best_size_high"] == 89  # above 0.505 / 4.282 = 0.118


def test_a_student_with_two_modules_is_contacted_once_for_the_higher_risk():
    twice = pd.concat([scored([0.3, 0.6]), scored([0.9, 0.1]).assign(code_module="BBB")], ignore_index=True)
    table = roi_by_caseload(twice, 1000, 10, SURE, seed=1)
    assert table["mean_risk"].tolist() == pytest.approx([np.nan, 0.9, 0.75], nan_ok=True)


def test_nobody_scored_gives_no_rows_and_nobody_flagged_states_the_effect_for_the_mean_student():
    assert roi_by_caseload(scored([]), 1000, 10, RULES, seed=1).empty
    assert roi_drivers(scored([]), 1000, 10, (10,), RULES, seed=1).empty
    unflagged = scored([0.1, 0.2])
    assert roi_drivers(unflagged, 1000, 10, (10,), RULES, seed=1).empty
    table = roi_by_caseload(unflagged, 1000, 10, SURE, seed=1)
    assert table["net_benefit"].tolist() == pytest.approx([0, 200 / 3 - 10, 80])
    assert table["is_flagged"].tolist() == [True, False, False]


def test_no_risk_no_value_and_an_effect_beyond_the_whole_risk_have_no_break_even():
    assert roi_by_caseload(scored([0.0]), 1000, 10, SURE, seed=1)["break_even_points"].isna().all()
    assert roi_by_caseload(scored([0.5]), 0, 10, SURE, seed=1)["break_even_points"].isna().all()
    assert roi_by_caseload(scored([0.5]), 19, 10, SURE, seed=1)["break_even_points"].isna().all()
    assert roi_by_caseload(scored([0.5]), 20, 10, SURE, seed=1)["break_even_points"].iloc[1] == pytest.approx(50)


def test_a_contact_lowers_no_risk_below_0():
    table = roi_by_caseload(scored([0.05], threshold=0), 1000, 10, ReturnRules(effect_points=20, effect_sd_points=0), seed=1)
    assert table["net_benefit"].tolist() == pytest.approx([0, 40])


def test_drivers_move_one_assumption_at_a_time():
    # As above: 5 points are a tenth of the risk of the three flagged, 1.5 in all, so 150 of value against 105 of cost.
    drivers = roi_drivers(scored([0.3, 0.8, 0.1, 0.4]), 1000, 35, (20, 50), SURE, seed=1).set_index("driver")
    assert drivers["net_benefit"].tolist() == pytest.approx([45] * 4)
    ends = ["base_value", "low_value", "high_value", "net_benefit_at_low", "net_benefit_at_high"]
    assert drivers.loc["effect of a contact", ends].tolist() == pytest.approx([5, 5, 5, 45, 45])
    assert drivers.loc["value of one more pass", ends].tolist() == pytest.approx([1000, 500, 1500, -30, 120])
    assert drivers.loc["cost of one contact", ends].tolist() == pytest.approx([35, 20, 50, 90, 0])
    assert drivers.loc["students contacted", ends].tolist() == pytest.approx([3, 1, 4, 45, 20])


def test_the_effects_bar_is_the_80_percent_interval_of_the_number_flagged():
    risk = scored(np.random.default_rng(1).beta(1, 3, 500).tolist())
    flagged = roi_by_caseload(risk, 3000, 50, RULES, seed=2).query("is_flagged").iloc[0]
    effect = roi_drivers(risk, 3000, 50, (25, 100), RULES, seed=2).set_index("driver").loc["effect of a contact"]
    assert effect["net_benefit"] == pytest.approx(flagged["net_benefit"])
    assert effect["net_benefit_at_low"] == pytest.approx(flagged["net_benefit_low"])
    assert effect["net_benefit_at_high"] == pytest.approx(flagged["net_benefit_high"])


@pytest.mark.parametrize(("value", "cost", "named"), [(-1, 1, "value_per_pass"), (1, float("nan"), "cost"), (1, np.inf, "cost")])
def test_negative_and_missing_amounts_are_refused_by_name(value, cost, named):
    with pytest.raises(ValueError, match=named):
        roi_by_caseload(scored([0.5]), value, cost, RULES, seed=1)
    with pytest.raises(ValueError, match=named):
        roi_drivers(scored([0.5]), value, cost, (1,), RULES, seed=1)


def test_several_days_of_an_enrolment_are_refused():
    with pytest.raises(ValueError, match="1 enrolments have several rows; pass the newest of each"):
        roi_by_caseload(pd.concat([scored([0.5]), scored([0.6])]), 1000, 10, RULES, seed=1)


@pytest.mark.parametrize("wrong", [{"draws": 10}, {"effect_sd_points": -1}, {"effect_points": 21}, {"uplift": 1}])
def test_rules_refuse_nonsense(wrong):
    with pytest.raises(ValidationError):
        ReturnRules(**wrong)


@pytest.mark.fault("I16", "property 14")
@settings(max_examples=30, deadline=None)
@given(RISKS, st.floats(-20, 19), st.floats(0, 10), st.floats(0, 5), VALUES, COSTS)
def test_a_larger_effect_never_lowers_a_net_benefit_nor_the_best_number(risk, points, more, sd, value, cost):
    small, large = (
        roi_by_caseload(risk, value, cost, ReturnRules(effect_points=effect, effect_sd_points=sd, draws=1000), seed=1)
        for effect in (points, min(points + more, 20))
    )
    both = small.merge(large, on="n_contacted")
    for column in ("net_benefit", "net_benefit_low", "net_benefit_high", "probability_of_profit"):
        assert (both[f"{column}_y"] >= both[f"{column}_x"] - 1e-6).all()
    assert large.loc[large["is_best"], "n_contacted"].item() >= small.loc[small["is_best"], "n_contacted"].item()


@settings(max_examples=30, deadline=None)
@given(RISKS, VALUES, COSTS, st.randoms())
def test_rows_conform_one_number_is_best_contacting_nobody_returns_0_and_row_order_does_not_matter(risk, value, cost, order):
    table = roi_by_caseload(risk, value, cost, RULES, seed=4)
    assert check_frame(table, ROI_BY_CASELOAD) == []
    assert len(table) <= 40
    assert table["n_contacted"].iloc[[0, -1]].tolist() == [0, len(risk)]
    assert table.iloc[0][["net_benefit", "net_benefit_low", "net_benefit_high", "probability_of_profit"]].tolist() == [0, 0, 0, 0]
    best = table[table["is_best"]]
    assert len(best) == table["is_flagged"].sum() == 1
    assert best["net_benefit"].item() >= table["net_benefit"].max() - 1e-6
    shuffled = risk.iloc[order.sample(range(len(risk)), len(risk))]
    pd.testing.assert_frame_equal(roi_by_caseload(shuffled, value, cost, RULES, seed=4), table)
    drivers = roi_drivers(risk, value, cost, (25, 50), RULES, seed=4)
    assert check_frame(drivers, ROI_DRIVERS) == []
    pd.testing.assert_frame_equal(roi_drivers(shuffled, value, cost, (25, 50), RULES, seed=4), drivers)


@pytest.mark.fault("I16")
@settings(max_examples=25, deadline=None)
@given(RISKS, st.integers(1, 100_000))
def test_what_costs_nothing_has_no_ratio_and_breaks_even_at_0_points(risk, value):
    table = roi_by_caseload(risk, value, 0, RULES, seed=4)
    assert table["roi"].isna().all()
    assert table["break_even_points"].dropna().eq(0).all()


def test_what_a_rule_says_is_no_probability_and_returns_nothing():
    by_rule = scored([0.75, 0.25]).assign(model_version="rule")
    assert roi_by_caseload(by_rule, 3000, 50, ReturnRules(), 7).empty
    assert roi_drivers(by_rule, 3000, 50, (25, 100), ReturnRules(), 7).empty


def test_numbers_of_few_have_no_row_though_flagged_or_best_and_the_others_stand_as_far_apart() -> None:
    risk = scored([0.9] * 6 + [0.01] * 194, threshold=0.5)
    table = roi_by_caseload(risk, 1000, 35, SURE, 1, Disclosure())
    assert (table["is_flagged"].any(), table["is_best"].any()) == (False, False)
    assert table["n_contacted"].head(3).tolist() == [0, 10, 20]
    assert table["n_contacted"].diff().min() == 10


def test_rounded_all_numbers_are_multiples_of_five_and_the_marked_ones_keep_their_marks() -> None:
    risk = scored([0.9] * 48 + [0.01] * 155, threshold=0.5)
    table = roi_by_caseload(risk, 1000, 35, SURE, 1, Disclosure(rounding="hesa"))
    assert set(table["n_contacted"] % 5) == {0}
    assert table.loc[table["is_flagged"] | table["is_best"], "n_contacted"].tolist() == [50]
    assert table["n_contacted"].iloc[[0, 1, -1]].tolist() == [0, 10, 200]
