"""Tests of success.registry.gates: paired differences and their coverage, calibration and its limits, what fails and why."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pandas as pd
import pytest

from oulad_platform.success.evaluation.figures import calibration_error
from oulad_platform.success.registry import gates

NO_AUDIT = pd.DataFrame({"measure": []})
AUDIT = pd.DataFrame({"measure": ["abroca"]})


def held_out(risk, label, day=14, module="AAA", first=0):
    n = len(risk)
    columns = {"code_module": module, "code_presentation": "2013J", "id_student": np.arange(first, first + n), "day": day}
    return pd.DataFrame({"risk_score": risk, "label": label, **columns})


def calibrated(n, seed=3, spread=1.5, **more):
    random = np.random.default_rng(seed)
    risk = 1 / (1 + np.exp(-random.normal(0, spread, n)))
    return held_out(risk, (random.random(n) < risk).astype("int8"), **more)


def test_a_difference_is_the_mean_over_days_of_the_difference_within_the_day():
    label = [0, 0, 1, 1]
    rows = pd.concat([held_out([0.1, 0.2, 0.3, 0.4], label), held_out([0.1, 0.3, 0.2, 0.4], label, day=28)], ignore_index=True)
    rival = np.array([0.4, 0.3, 0.2, 0.1, 0.5, 0.5, 0.5, 0.5])
    assert gates.paired_difference(rows, rival, 1)[0] == pytest.approx(((1 - 0) + (0.75 - 0.5)) / 2)


def test_the_same_scores_differ_by_nothing_in_every_resample():
    rows = calibrated(200)
    assert gates.paired_difference(rows, rows["risk_score"].to_numpy(), 1) == (0, 0, 0)


def test_a_day_with_one_outcome_does_not_count_and_none_at_all_is_undefined():
    one_sided = held_out([0.1, 0.9], [1, 1], day=84)
    both = held_out([0.1, 0.9], [0, 1])
    rows = pd.concat([both, one_sided], ignore_index=True)
    assert gates.paired_difference(rows, np.full(4, 0.5), 1)[0] == 0.5
    assert np.isnan(gates.paired_difference(one_sided, np.full(2, 0.5), 1)).all()
    assert np.isnan(gates.paired_difference(one_sided.iloc[:0], np.empty(0), 1)).all()


def test_the_interval_does_not_depend_on_the_order_of_rows_and_repeats_with_its_seed():
    rows = calibrated(300)
    rival = pd.Series(np.random.default_rng(2).random(300))
    order = np.random.default_rng(9).permutation(300)
    first = gates.paired_difference(rows, rival.to_numpy(), 7)
    assert gates.paired_difference(rows.iloc[order].reset_index(drop=True), rival.iloc[order].to_numpy(), 7) == first
    assert gates.paired_difference(rows, rival.to_numpy(), 8) != first


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says():
    covered = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        label = np.repeat([0, 1], 60)
        good, poor = random.normal(label, 1), random.normal(0.5 * label, 1)
        _, low, high = gates.paired_difference(held_out(good, label), poor, seed, resamples=200)
        covered += low <= 0.760250 - 0.638163 <= high  # normal scores a standard deviations apart: Phi(a / sqrt(2))
    assert 53 <= covered <= 60


def test_days_of_one_enrolment_are_no_more_evidence_than_one_day():
    rows = calibrated(300)
    rival = np.random.default_rng(1).random(300)
    one = gates.paired_difference(rows, rival, 4)
    many = pd.concat([rows.assign(day=day) for day in range(10)], ignore_index=True)
    assert gates.paired_difference(many, np.tile(rival, 10), 4) == pytest.approx(one)


def test_what_calibrated_risks_show_by_chance_is_what_simulated_outcomes_show():
    risk, random = np.linspace(0.1, 0.7, 400), np.random.default_rng(6)
    simulated = [calibration_error(1.0 * (random.random(400) < risk), risk) for _ in range(3_000)]
    assert gates.calibration_error_by_chance(risk) == pytest.approx(np.mean(simulated) + 3 * np.std(simulated), rel=0.02)


def test_calibrated_risks_hold_in_a_large_and_in_a_small_cohort():
    assert gates.calibration(calibrated(5_000)).failed == ()
    assert [gates.calibration(calibrated(100, seed)).failed for seed in range(20)] == [()] * 20


def test_the_check_does_not_depend_on_the_order_of_equal_risks():
    rows = calibrated(2_000)
    rows = rows.assign(risk_score=rows["risk_score"].round(1))
    found = [gates.calibration(rows.sort_values("label", ascending=rising, kind="stable")) for rising in (True, False)]
    assert found[0].ece == pytest.approx(found[1].ece, abs=1e-12)


def test_a_day_on_which_risks_are_too_bold_fails_with_its_figure():
    rows = calibrated(5_000)
    odds = np.log(rows["risk_score"] / (1 - rows["risk_score"]))
    bold = rows.assign(risk_score=1 / (1 + np.exp(-2 * odds)), day=28)
    found = gates.calibration(pd.concat([rows, bold], ignore_index=True))
    assert found.ece == pytest.approx(0.0984, abs=5e-5)
    assert found.failed == ("expected calibration error 0.098 on course day 28, above 0.050",)


def test_a_module_whose_risks_are_too_high_fails_and_a_small_one_is_not_judged():
    good, off = calibrated(3_000), calibrated(1_000, 4, module="BBB", first=5_000)
    small = calibrated(199, 5, module="CCC", first=9_000)
    off, small = (rows.assign(risk_score=(rows["risk_score"] + 0.08).clip(upper=1)) for rows in (off, small))
    found = gates.calibration(pd.concat([good, off, small], ignore_index=True))
    assert found.module == "BBB"
    assert found.module_gap == pytest.approx(0.0732, abs=5e-5)
    assert found.failed == ("mean risk +0.073 from the observed rate in BBB, beyond 0.050",)


def test_without_a_module_of_200_no_module_is_judged():
    found = gates.calibration(calibrated(150))
    assert np.isnan(found.module_gap)
    assert found.module == ""


def test_a_module_gap_counts_enrolments_and_not_their_days():
    rows = calibrated(250, 8)
    rows = rows.assign(risk_score=(rows["risk_score"] + 0.06).clip(upper=1))
    many = pd.concat([rows.assign(day=day) for day in range(40)], ignore_index=True)
    once, often = (gates._module_gaps(frame).loc["AAA"] for frame in (rows, many))
    assert often["gap"] == pytest.approx(once["gap"])
    assert often["error"] == pytest.approx(once["error"])


def judged(rows, *, scores=lambda version, rows: np.full(len(rows), 0.5), audit=AUDIT, unfair=()):
    with mock.patch.object(gates, "fairness_gate", return_value=list(unfair)):
        return gates.judge(rows, audit, audit.iloc[:0], "rule", scores, 7)


def test_a_better_calibrated_and_fair_version_passes_and_says_how_good_it_is():
    found = judged(calibrated(2_000))
    assert found.failed == {}
    assert found.figures == (
        "On 2013J (2,000 enrolments, 1 course day) its AUC is 0.301 above that of the rule (95 % interval of the difference "
        "+0.282 to +0.319); expected calibration error at most 0.015, largest gap of a module 0.004 (AAA)."
    )


@pytest.mark.fault("D9")
def test_each_gate_that_does_not_hold_is_named_with_its_reason():
    rows = calibrated(2_000)
    assert judged(rows, scores=lambda version, rows: rows["risk_score"].to_numpy()).failed == {
        "difference": "its AUC is not above that of the rule beyond chance"
    }
    assert list(judged(rows.assign(risk_score=rows["risk_score"] / 2)).failed) == ["calibration"]
    assert judged(rows, unfair=["women: ABROCA .09.", "under 35: gap .2."]).failed == {
        "fairness": "women: ABROCA .09; under 35: gap .2"
    }


@pytest.mark.fault("D9")
def test_what_was_not_audited_is_not_taken_for_fair():
    assert judged(calibrated(2_000), audit=NO_AUDIT).failed == {"fairness": "no group of students could be audited"}


def test_a_version_without_held_out_scores_fails_with_words_and_does_not_break():
    found = judged(calibrated(10).iloc[:0])
    assert list(found.failed) == ["difference", "calibration"]
    assert found.figures == "It could not be compared with the rule: no held-out enrolments of both outcomes."


def parts():
    columns = {"code_module": "AAA", "code_presentation": "2013J"}
    days = pd.DataFrame({"id_student": [1, 1, 2], "day": [7, 14, 7], "clicks_7d": [3, 0, 5], "n_assessments_missed": [0, 0, 1]})
    return {"AAA_2013J": days.assign(**columns)}


def test_scores_of_a_version_are_found_again_in_the_panel_in_the_order_asked_for(monkeypatch):
    monkeypatch.setattr(gates, "predict", lambda model, features: features["clicks_7d"].to_numpy("float64") / model)
    scores = gates.scores_of(parts(), {"2013B": 10.0})
    rows = held_out([0.1, 0.1, 0.1], [0, 1, 0]).assign(id_student=[2, 1, 1], day=[7, 14, 7])
    assert scores("2013B", rows).tolist() == [0.5, 0, 0.3]
    assert scores("rule", rows).tolist() == [0.75, 0.75, 0.25]


def test_scores_of_a_version_that_is_not_stored_or_a_row_that_is_not_there_are_refused():
    scores = gates.scores_of(parts(), {})
    rows = held_out([0.1], [0]).assign(id_student=9, day=7)
    with pytest.raises(KeyError, match="version '2013B' is not stored; materialize risk_model again"):
        scores("2013B", rows)
    with pytest.raises(ValueError, match="training_panel AAA_2013J has not exactly one row of each held-out enrolment and day"):
        scores("rule", rows)
