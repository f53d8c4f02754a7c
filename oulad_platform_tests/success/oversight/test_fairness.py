"""Tests of success.oversight.fairness: who is compared with whom, gaps against literals and fairlearn, the gate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from oulad_platform.core.checks import require
from oulad_platform.core.stats import holm, newcombe, two_proportion_z
from oulad_platform.success.oversight.fairness import audited, fairness_gate, harms, model_fairness
from oulad_platform.success.oversight.tables import MODEL_FAIRNESS


def campus(n: int = 1_000, seed: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One cohort of two modules on day 28, scored alike for every group, and who they are."""
    random = np.random.default_rng(seed)
    keys = pd.DataFrame({"code_module": random.choice(["AAA", "BBB"], n), "code_presentation": "2013J", "id_student": range(n)})
    risk = random.uniform(0.02, 0.98, n)
    scored = keys.assign(
        model_version="2013B",
        evaluation="next_cohort",
        tested_cohort="2013J",
        day=28,
        label=(random.random(n) < risk).astype("int8"),
        risk_score=risk,
        known_from=pd.Timestamp("2014-06-27"),
    )
    info = keys.assign(
        gender=random.choice(["F", "M"], n),
        age_band=random.choice(["0-35", "35-55"], n),
        imd_band=random.choice(["0-10%", "10-20%", None], n, p=[0.5, 0.3, 0.2]),
        disability=random.choice(["N", "Y"], n, p=[0.8, 0.2]),
    )
    return scored, info


def figure(fairness: pd.DataFrame, group_name: str, measure: str) -> pd.Series:
    (row,) = fairness[(fairness["group_name"] == group_name) & (fairness["measure"] == measure)].to_dict("records")
    return pd.Series(row)


def test_gaps_are_the_group_minus_the_rest_with_their_intervals_and_tests():
    scored, info = campus()
    fairness = require(model_fairness(scored, info, seed=1), MODEL_FAIRNESS)
    rows = scored.merge(info).sort_values("risk_score", ascending=False, ignore_index=True)
    rows["hit"] = rows.index < 100
    failed = rows[rows["label"] == 1].groupby("gender")["hit"].agg(["sum", "size"])
    counts = (*failed.loc["F"], *failed.loc["M"])
    shown = figure(fairness, "F", "tpr_gap")
    assert shown["value"] == pytest.approx(counts[0] / counts[1] - counts[2] / counts[3])
    assert (shown["low"], shown["high"]) == pytest.approx(tuple(map(float, newcombe(*counts))))
    assert shown["p_value"] == pytest.approx(float(two_proportion_z(*counts)[1]))
    excess = (rows["risk_score"] - rows["label"]).groupby(rows["gender"]).mean()
    assert figure(fairness, "F", "mean_risk_gap")["value"] == pytest.approx(excess["F"] - excess["M"])
    assert (shown["n_students"], shown["n_positive"]) == (int((rows["gender"] == "F").sum()), counts[1])


def test_gaps_are_those_of_fairlearn():
    metrics = pytest.importorskip("fairlearn.metrics", reason="fairlearn is not installed")
    scored, info = campus()
    fairness = model_fairness(scored, info, seed=1)
    contacted = scored["risk_score"].rank(ascending=False) <= 100
    by_gender = metrics.MetricFrame(
        metrics={"tpr_gap": metrics.true_positive_rate, "fpr_gap": metrics.false_positive_rate},
        y_true=scored["label"],
        y_pred=contacted.astype("int8"),
        sensitive_features=info["gender"],
    ).by_group
    for measure in ("tpr_gap", "fpr_gap"):
        expected = by_gender.loc["F", measure] - by_gender.loc["M", measure]
        assert figure(fairness, "F", measure)["value"] == pytest.approx(expected)


def test_welchs_interval_of_the_mean_gap_is_that_of_literals():
    scored, info = campus(100)
    scored = scored.assign(code_module="AAA", risk_score=np.tile([0.5, 0.25], 50), label=np.tile([1, 1, 0, 0], 25))
    info = info.assign(code_module="AAA", gender=np.tile(["F", "M"], 50), age_band="0-35", imd_band=None, disability="N")
    shown = figure(model_fairness(scored, info, seed=1), "F", "mean_risk_gap")
    assert shown["value"] == pytest.approx(0.25)
    error = np.sqrt(2 * 0.25 / 49)
    assert (shown["low"], shown["high"]) == pytest.approx((0.25 - 1.959964 * error, 0.25 + 1.959964 * error), abs=1e-6)


def test_blank_is_a_group_and_pairs_are_crossed_with_deprivation_in_fifths():
    shown = model_fairness(*campus(), seed=1)
    bands = set(shown.loc[shown["attribute"] == "imd_band", "group_name"])
    assert bands == {"0-10%", "10-20%", "unknown"}
    crossed = set(shown.loc[shown["attribute"] == "gender x imd_band", "group_name"])
    assert crossed == {"F x 0-20%", "F x unknown", "M x 0-20%", "M x unknown"}


def test_tenths_of_deprivation_are_joined_where_one_is_too_small():
    scored, info = campus()
    info.loc[info.index[info["imd_band"].eq("10-20%")][30:], "imd_band"] = "0-10%"
    shown = model_fairness(scored, info, seed=1)
    assert set(shown.loc[shown["attribute"] == "imd_band", "group_name"]) == {"0-20%", "unknown"}


def test_groups_below_fifty_are_not_shown_and_cannot_be_told_from_the_rest():
    scored, info = campus()
    info = info.assign(disability=np.where(np.arange(1_000) < 49, "Y", "N"))
    assert "disability" not in set(model_fairness(scored, info, seed=1)["attribute"])
    info = info.assign(disability=np.where(np.arange(1_000) < 50, "Y", "N"))
    shown = model_fairness(scored, info, seed=1)
    assert set(shown.loc[shown["attribute"] == "disability", "group_name"]) == {"N", "Y"}
    assert shown["n_students"].min() == 50


def test_a_group_with_one_outcome_only_is_not_shown():
    scored, info = campus()
    scored = scored.assign(label=np.where(info["gender"] == "F", 1, scored["label"]))
    assert set(model_fairness(scored, info, seed=1).query("attribute == 'gender'")["group_name"]) == {"M"}


def test_the_rest_are_those_in_the_modules_where_the_group_is():
    scored, info = campus()
    info = info.assign(disability=np.where(info["code_module"].eq("AAA"), info["disability"], "N"))
    rows = scored.assign(excess=scored["risk_score"] - scored["label"], disability=info["disability"])
    own = rows[rows["code_module"] == "AAA"].groupby("disability")["excess"].mean()
    shown = figure(model_fairness(scored, info, seed=1), "Y", "mean_risk_gap")
    assert shown["value"] == pytest.approx(own["Y"] - own["N"])


def test_holm_is_over_the_groups_of_a_measure_and_a_day():
    scored, info = campus()
    shown = model_fairness(pd.concat([scored, scored.assign(day=42)], ignore_index=True), info, seed=1)
    assert set(shown["day"]) == {28, 42}
    one = shown[(shown["day"] == 28) & (shown["measure"] == "fpr_gap")]
    assert one["p_value_holm"].tolist() == pytest.approx(holm(one["p_value"]).tolist())


def test_the_same_rows_give_the_same_figures_in_any_order():
    scored, info = campus()
    mixed = scored.sample(frac=1, random_state=2), info.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(model_fairness(scored, info, seed=1), model_fairness(*mixed, seed=1), check_exact=False)


def test_a_scored_student_nobody_knows_is_an_error_that_names_the_course():
    scored, info = campus()
    student = scored.iloc[0]
    named = f"1 scored rows, the first in {student['code_module']} 2013J, are not in student_info"
    with pytest.raises(ValueError, match=named):
        model_fairness(scored, info.iloc[1:], seed=1)


def test_nothing_scored_is_no_row():
    scored, info = campus()
    assert require(model_fairness(scored.iloc[:0], info, seed=1), MODEL_FAIRNESS).empty


def test_scores_that_treat_everybody_alike_pass_the_gate():
    assert harms(model_fairness(*campus(3_000), seed=1)) == []
    assert harms(MODEL_FAIRNESS.empty()) == []


def test_a_risk_given_too_low_for_a_group_closes_the_gate_in_words():
    scored, info = campus(3_000)
    lowered = scored.assign(risk_score=np.where(info["disability"] == "Y", scored["risk_score"] * 0.5, scored["risk_score"]))
    told = harms(model_fairness(lowered, info, seed=1))
    own = [one for one in told if one.startswith("disability declared (")]
    assert len(own) == 2
    assert any("points lower than elsewhere is reached at the 10% budget" in one for one in own)
    assert any("points too low compared with everybody else's (Holm p" in one for one in own)


def test_a_group_that_is_ranked_at_random_closes_the_gate():
    scored, info = campus(3_000)
    random = np.random.default_rng(5).uniform(0.02, 0.98, 3_000)
    blurred = scored.assign(risk_score=np.where(info["gender"] == "F", random, scored["risk_score"]))
    told = harms(model_fairness(blurred, info, seed=1))
    assert any(one.startswith("women (") and "ABROCA" in one for one in told)


def row(**values) -> dict:
    return {
        "model_version": "2013J",
        "evaluation": "held_out",
        "tested_cohort": "2013J",
        "day": 28,
        "attribute": "gender",
        "group_name": "F",
        "measure": "tpr_gap",
        "value": -0.12,
        "p_value_holm": 0.01,
        "n_students": 1_200,
    } | values


@pytest.mark.parametrize(
    ("values", "closes"),
    [
        ({}, True),
        ({"value": -0.10}, True),
        ({"value": -0.09}, False),
        ({"value": 0.30}, False),
        ({"p_value_holm": 0.05}, False),
        ({"p_value_holm": np.nan}, False),
        ({"measure": "mean_risk_gap", "value": -0.15}, True),
        ({"measure": "mean_risk_gap", "value": -0.14}, False),
        ({"measure": "mean_risk_gap", "value": 0.30}, False),
        ({"measure": "abroca", "value": 0.05}, True),
        ({"measure": "abroca", "value": 0.04}, False),
        ({"measure": "fpr_gap", "value": 0.50}, False),
        ({"measure": "abroca_by_chance", "value": 0.50}, False),
    ],
)
def test_the_gate_closes_for_harm_beyond_its_limit_and_beyond_chance(values, closes):
    assert bool(harms(pd.DataFrame([row(**values)]))) is closes


def test_of_several_days_the_worst_is_told_once():
    told = harms(pd.DataFrame([row(), row(day=42, value=-0.2), row(day=56)]))
    assert told == [
        "women (1,200 enrolments of 2013J, held_out): on day 42 of those who failed or withdrew, a share 20.0 points lower than "
        "elsewhere is reached at the 10% budget (Holm p 0.01; limit 0.1), as on 2 more of the days"
    ]


@pytest.mark.parametrize(("theirs", "closes"), [(-0.12, False), (-0.20, False), (-0.11, True), (0.30, True), (np.nan, True)])
def test_a_harm_that_the_scorer_in_charge_does_as_badly_is_no_reason_to_keep_it(theirs, closes):
    before = pd.DataFrame([row(model_version="rule", value=theirs, p_value_holm=1.0)])
    assert bool(fairness_gate(pd.DataFrame([row()]), before)) is closes
    assert fairness_gate(pd.DataFrame([row()]), before.iloc[:0])


def test_held_out_students_are_audited_with_the_rule_beside_their_version():
    scored, _ = campus()
    held_out = scored.drop(columns=["evaluation", "tested_cohort"])
    rows = audited(scored, held_out, {"2013J": ["2013B"]}, lambda version, own: np.full(len(own), 0.75), [28])
    counts = rows.groupby(["evaluation", "model_version"]).size()
    assert counts.loc["held_out", "rule"] == len(held_out)
    assert (rows.loc[rows["model_version"] == "rule", "risk_score"] == 0.75).all()
    assert audited(scored, held_out, {}, lambda version, own: np.full(len(own), 0.75), [14]).empty
