"""Tests of success.oversight.drift: the estimate against simulation, what is an alarm, and that a day stands alone."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oulad_platform.core.checks import check_frame
from oulad_platform.success.oversight.drift import drift, estimated_auc, model_drift
from oulad_platform.success.oversight.drift_reference import ranking_auc
from oulad_platform.success.oversight.tables import FEATURE_DRIFT, MODEL_DRIFT

START = date(2014, 2, 1)
WANTED = ("clicks_7d", "n_assessments_due", "n_assessments_missed", "score_mean")
MODEL = SimpleNamespace(presentations=("2013B",), features=WANTED)


def campus(code: str, module: str, day: int, n: int = 600, seed: int = 1) -> pd.DataFrame:
    """Features, true risk and outcome of a course day: assessments are due on days 10, 24, 38 ..., effort decides."""
    random = np.random.default_rng(seed)
    effort = random.normal(0, 1, n)
    n_due = (day + 4) // 14
    start = START if code == "2014B" else date(2013, 2, 1)
    chance = np.random.default_rng(seed + 50).random((n, 20))[:, :n_due] if n_due else np.empty((n, 0))
    risk = 1 / (1 + np.exp(2 * effort))
    return pd.DataFrame(
        {
            "run_date": pd.Timestamp(start + timedelta(days=day)).as_unit("us"),
            "code_module": module,
            "code_presentation": code,
            "id_student": np.arange(n),
            "day": day,
            "clicks_7d": np.round(20 * np.exp(effort + np.random.default_rng(seed + day).normal(0, 0.5, n))),
            "n_assessments_due": float(n_due),
            "n_assessments_missed": (chance < risk[:, None]).sum(axis=1).astype("float64"),
            "score_mean": 60 + 15 * effort,
            "risk_score": risk,
            "label": (np.random.default_rng(seed + 99).random(n) < risk).astype("int8"),
            "model_version": "v",
        }
    )


def world(first: int = 28, last: int = 49, module: str = "AAA") -> dict[str, object]:
    """The arguments of `drift` for course days first..last of one presentation like the one the model learnt from."""
    past = pd.concat([campus("2013B", "AAA", day, seed=7) for day in range(0, 84, 7)], ignore_index=True)
    now = {START + timedelta(days=day): campus("2014B", module, day) for day in range(first - 14, last + 1)}
    return {
        "days": [START + timedelta(days=day) for day in range(first, last + 1)],
        "features": now,
        "scores": now,
        "panel": {"AAA_2013B": past},
        "held_out": past,
        "models": {"v": MODEL},
    }


def one(found: pd.DataFrame, module: str = "AAA") -> pd.DataFrame:
    return found[found["code_module"] == module].reset_index(drop=True)


def test_three_calibrated_scores_by_hand():
    # pairs of one who fails and one who passes: .9 over .5: .9 * .5, .9 over .1: .9 * .9, .5 over .1: .5 * .9; and the reverse
    right, wrong = 0.9 * 0.5 + 0.9 * 0.9 + 0.5 * 0.9, 0.1 * 0.5 + 0.1 * 0.1 + 0.5 * 0.1
    assert estimated_auc([0.5, 0.9, 0.1]) == pytest.approx(right / (right + wrong))
    assert estimated_auc([0.3, 0.3, 0.3]) == 0.5


def test_what_cannot_be_estimated_is_absent():
    assert all(np.isnan(estimated_auc(risk)) for risk in ([], [0.4], [0.0, 0.0], [1.0, 1.0, 1.0]))
    assert estimated_auc([0.0, 1.0]) == 1


@given(st.lists(st.floats(0.01, 0.99) | st.just(0.5), min_size=2, max_size=30))
def test_the_estimate_is_the_sum_over_all_pairs(risk):
    scores = np.array(risk)
    weight = scores[:, None] * (1 - scores[None, :]) * ~np.eye(len(scores), dtype=bool)
    right = np.sign(scores[:, None] - scores[None, :]) / 2 + 0.5
    assert estimated_auc(risk) == pytest.approx(float((weight * right).sum() / weight.sum()), abs=1e-9)


def test_the_estimate_is_what_calibrated_scores_reach_on_average():
    random = np.random.default_rng(4)
    risk = random.beta(1.5, 2.5, 800)
    reached = [ranking_auc(risk, (random.random(800) < risk).astype("float64")) for _ in range(400)]
    assert estimated_auc(risk) == pytest.approx(np.mean(reached), abs=3 * np.std(reached) / 20)


def test_a_presentation_like_the_one_learnt_from_raises_no_alarm_on_any_day():
    features, models = drift(**world())
    assert check_frame(features, FEATURE_DRIFT) == []
    assert check_frame(models, MODEL_DRIFT) == []
    assert not models["is_alarm"].any()
    assert (models["reason"] == "").all()
    assert len(features) == 22 * 4
    assert len(models) == 22 * 2
    mine = one(models)
    assert mine["estimated_auc"].to_numpy() == pytest.approx(mine["reference_auc"].to_numpy(), abs=0.05)
    assert mine["n_proxy"].tolist() == [600] * 22
    assert mine["proxy_auc"].between(0.7, 0.95).all()


def test_scores_that_promise_far_less_than_was_reached_are_an_alarm_with_a_sentence():
    given_ = world(28, 28)
    flat = {day: rows.assign(risk_score=0.4 + rows["risk_score"] / 10) for day, rows in given_["scores"].items()}
    _, found = drift(**{**given_, "scores": flat})
    row = one(found).iloc[0]
    assert row["is_alarm"]
    assert row["observed_value"] == pytest.approx(row["reference_auc"] - row["estimated_auc"])
    assert row["limit_value"] >= 0.05
    assert row["reason"].startswith(
        "AAA-2014B, course day 28, model v: the scores promise an AUC of 0.54; on held-out students of the module it was 0."
    )
    assert not one(found, "all")["is_alarm"].iloc[0]


def test_the_same_shortfall_is_noise_among_few_students():
    given_ = world(28, 28)
    few = {
        day: rows.iloc[:20].assign(risk_score=0.5 + (rows["risk_score"] - 0.5) * 0.6) for day, rows in given_["scores"].items()
    }
    row = one(drift(**{**given_, "scores": few})[1]).iloc[0]
    assert row["reference_auc"] - row["estimated_auc"] > 0.05
    assert not row["is_alarm"]


def test_scores_that_no_longer_rank_who_misses_the_next_assessment_are_an_alarm():
    given_ = world(28, 28)
    then = START + timedelta(days=14)
    random = np.random.default_rng(5)
    turned = given_["scores"][then].assign(risk_score=random.permutation(given_["scores"][then]["risk_score"]))
    row = one(drift(**{**given_, "scores": given_["scores"] | {then: turned}})[1]).iloc[0]
    assert row["proxy_auc"] == pytest.approx(0.5, abs=0.07)
    assert row["is_alarm"]
    assert "who missed an assessment in the last 14 days was ranked with an AUC of 0." in row["reason"]


def test_scores_of_another_version_are_no_proxy_for_this_one():
    given_ = world(28, 28)
    then = START + timedelta(days=14)
    other = given_["scores"] | {then: given_["scores"][then].assign(model_version="rule")}
    row = one(drift(**{**given_, "scores": other})[1]).iloc[0]
    assert np.isnan(row["proxy_auc"])
    assert row["n_proxy"] == 600


@pytest.mark.fault("D13")
def test_a_lost_feed_is_an_alarm_and_one_moved_feature_is_not():
    def judged(lost: list[str]) -> pd.Series:
        given_ = world(28, 28)
        now = {day: rows.assign(**dict.fromkeys(lost, 0.0)) for day, rows in given_["features"].items()}
        return one(drift(**{**given_, "features": now})[1]).iloc[0]

    one_lost, most_lost = judged(["score_mean"]), judged(["score_mean", "clicks_7d"])
    assert (one_lost["n_features_drifted"], one_lost["is_alarm"]) == (1, False)
    assert (most_lost["n_features_drifted"], most_lost["is_alarm"]) == (2, True)
    assert "2 of 3 features that matter lie far from those learnt from, most of all " in most_lost["reason"]
    assert (most_lost["observed_value"], most_lost["limit_value"]) == (pytest.approx(2 / 3), 1 / 3)


@pytest.mark.fault("D3")
def test_a_module_the_model_does_not_know_is_held_against_its_worst_one_and_never_by_its_features():
    given_ = world(28, 28, module="NEW")
    now = {day: rows.assign(clicks_7d=0.0, score_mean=0.0) for day, rows in given_["features"].items()}
    quiet = one(drift(**{**given_, "features": now})[1], "NEW").iloc[0]
    assert (quiet["n_features_drifted"], quiet["is_alarm"]) == (2, False)
    flat = {day: rows.assign(risk_score=0.45) for day, rows in given_["scores"].items()}
    assert "in a module new to the model" in one(drift(**{**given_, "scores": flat})[1], "NEW")["reason"].iloc[0]


def test_all_is_the_mean_of_the_presentations_weighted_by_size():
    runs = pd.DataFrame(
        {
            "run_date": pd.Timestamp(START),
            "code_module": ["AAA", "BBB", "CCC"],
            "code_presentation": "2014B",
            "day": [10, 10, 40],
            "model_version": "v",
            "n_students": [100, 300, 50],
            "mean_risk": [0.4, 0.6, 0.5],
            "n_expected": [40.0, 180.0, 25.0],
            "estimated_auc": [0.7, 0.8, np.nan],
        }
    )
    nobody = pd.DataFrame(columns=["run_date", "code_module", "code_presentation", "id_student", "model_version", "missed"])
    past = campus("2013B", "AAA", 7)
    found = model_drift(runs, nobody, FEATURE_DRIFT.empty(), {}, past.iloc[:0])
    whole = one(found, "all").iloc[0]
    assert (whole["n_students"], whole["day"]) == (450, 10)
    assert whole["estimated_auc"] == pytest.approx((70 + 240) / 400)
    assert whole["mean_risk"] == pytest.approx((40 + 180 + 25) / 450)
    assert np.isnan(whole["reference_auc"])
    assert not whole["is_alarm"]


def test_a_day_of_the_rule_has_no_estimate_for_its_figures_are_no_probabilities():
    given_ = world(28, 28)
    ruled = {day: rows.assign(model_version="rule") for day, rows in given_["scores"].items()}
    features, found = drift(**{**given_, "scores": ruled})
    assert features.empty
    assert found["mean_risk"].notna().all()
    assert found[["estimated_auc", "reference_auc"]].isna().all(axis=None)
    assert not found["is_alarm"].any()


def test_a_day_on_which_nobody_is_scored_has_no_row():
    given_ = world(28, 28)
    features, found = drift(**{**given_, "days": [START + timedelta(days=300)]})
    assert features.empty
    assert found.empty
    assert found.columns.tolist() == MODEL_DRIFT.names


def test_each_day_alone_gives_what_all_days_together_give():
    given_ = world(28, 40)
    together = drift(**given_)
    alone = [drift(**{**given_, "days": [day]}) for day in given_["days"]]
    for place, table in enumerate((FEATURE_DRIFT, MODEL_DRIFT)):
        pd.testing.assert_frame_equal(table.conform(pd.concat([found[place] for found in alone])), together[place])
