"""Tests of success.evaluation.tabulation: reach and lead against literals, which figures there are, and that a rerun is equal."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from oulad_platform.success.evaluation.protocol import NO_RULES, together
from oulad_platform.success.evaluation.tabulation import calibration_curve, model_evaluation
from oulad_platform_tests.success.evaluation.run import RESAMPLES, run

KEY = {"code_module": "AAA", "code_presentation": "2014B"}
INFO = pd.DataFrame({"id_student": [1, 2, 3, 4, 5, 6], "final_result": ["Withdrawn"] * 4 + ["Fail", "Pass"]}).assign(**KEY)
REGISTRATION = pd.DataFrame({"id_student": [1, 2, 3, 4, 5, 6], "date_unregistration": [20, 50, np.nan, 5, 70, np.nan]}).assign(
    **KEY
)
SCORED = pd.DataFrame({"id_student": [1, 2, 3, 5, 6], "label": [1, 1, 1, 1, 0], "risk_score": [0.6, 0.9, 0.4, 0.7, 0.1]})


def risks(evaluation: str = "next_cohort", **columns: object) -> pd.DataFrame:
    names = {"model_version": "2013J", "evaluation": evaluation, "tested_cohort": "2014B", "day": 14}
    known = {"known_from": pd.Timestamp("2014-10-01"), **NO_RULES}
    return together([SCORED.assign(**KEY, **names, **(known | columns))])


def told(rows: pd.DataFrame, scorer: str = "2013J", module: str = "all") -> dict[str, float]:
    found = model_evaluation(rows, INFO, REGISTRATION, seed=7, resamples=20)
    own = found[found["model_version"].eq(scorer) & found["code_module"].eq(module)]
    return dict(zip(own["metric"], zip(own["value"], own["n_students"], strict=True), strict=True))


def test_reach_is_the_share_of_those_who_withdrew_that_are_still_there():
    assert told(risks())["reach"] == (3 / 4, 4)
    assert told(risks(), module="AAA")["reach"] == (3 / 4, 4)


def test_lead_is_the_median_of_days_until_those_contacted_withdrew():
    assert told(risks())["lead_days"] == (36.0, 1)
    flagged = risks(missed_assessment=[True, True, True, True, True])
    assert told(flagged, "missed_assessment")["lead_days"] == (21.0, 2)
    nobody_left = risks(risk_score=[0.6, 0.2, 0.4, 0.9, 0.1])
    assert told(nobody_left)["lead_days"] == (pytest.approx(np.nan, nan_ok=True), 0)


def test_the_estimate_without_labels_stands_beside_the_auc():
    rows = told(risks())
    risk = SCORED["risk_score"].to_numpy()
    above = sum(p * (1 - q) * (p > q) for p in risk for q in risk)
    pairs = sum(p * (1 - q) for i, p in enumerate(risk) for j, q in enumerate(risk) if i != j)
    assert rows["estimated_auc"][0] == pytest.approx(above / pairs)
    assert rows["auc"] == (1.0, 5)


def test_a_rung_of_the_ladder_has_no_modules_rules_reach_or_calibration():
    rows = risks("ladder_random_split")
    found = model_evaluation(rows, INFO, REGISTRATION, seed=7, resamples=20)
    assert set(found["code_module"]) == {"all"}
    assert set(found["model_version"]) == {"2013J"}
    assert "reach" not in set(found["metric"])
    assert calibration_curve(rows).empty


def test_nothing_tested_gives_no_figures():
    assert model_evaluation(together([]), INFO, REGISTRATION, seed=7).empty
    assert calibration_curve(together([])).empty


def test_every_test_has_figures_by_module_and_day_beside_the_rules():
    found = run().evaluation.query("evaluation == 'next_cohort' and tested_cohort == '2014B'")
    scorers = {"2013J", "2013J-logistic", "missed_assessment", "silent_7_days", "rule"}
    assert {(row.model_version, row.code_module, row.day) for row in found.itertuples()} == {
        (scorer, module, day) for scorer in scorers for module in ("all", "AAA") for day in (14, 28, 42, 56)
    }
    bounded = found.dropna(subset=["value", "low", "high"])
    assert (bounded["low"] <= bounded["high"]).all()
    assert {"auc", "pr_auc", "brier", "ece", "recall_at_5_pct", "precision_gain_over_missed"} <= set(bounded["metric"])
    assert found.query("metric == 'auc' and model_version == '2013J'")["value"].min() > 0.6


def test_a_figure_is_the_same_again_whatever_else_is_asked_for():
    whole = run()
    alone = whole.tested.query("evaluation == 'next_cohort' and tested_cohort == '2014B' and day == 28")
    people = whole.raw["student_info"], whole.raw["student_registration"]
    again = model_evaluation(alone, *people, seed=7, resamples=RESAMPLES)
    found = whole.evaluation.query("evaluation == 'next_cohort' and tested_cohort == '2014B' and day == 28")
    pd.testing.assert_frame_equal(again, found.reset_index(drop=True))


def test_the_calibration_curve_has_ten_tenths_that_add_up_to_everybody():
    curve = run().curve.query("evaluation == 'next_cohort' and tested_cohort == '2014B' and model_version == '2013J'")
    assert curve.groupby("day")["n_students"].sum().unique().tolist() == [120]
    assert curve.groupby("day")["bin"].agg(list).map(tuple).unique().tolist() == [tuple(range(1, 11))]
    assert curve["observed_rate"].between(curve["low"], curve["high"]).all()
