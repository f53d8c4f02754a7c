"""Tests of success.modelling.model: honest rows, equal scores for equal data, unseen students, and who scores which day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from oulad_platform.core.checks import require
from oulad_platform.success.features.assembly import daily_features
from oulad_platform.success.features.catalogue import CATALOGUE
from oulad_platform.success.model_tables import HELD_OUT_RISK, TRAINING_PANEL
from oulad_platform.success.modelling import model as risk
from oulad_platform.success.modelling.calibration import Calibration
from oulad_platform.success.modelling.cohorts import Version, training_panel, versions
from oulad_platform_tests.success.campus import cohorts

UNTIL = date(2014, 12, 1)
RUNS = (("2013B", "2013-02-01"), ("2013J", "2013-10-01"), ("2014B", "2014-02-01"))
V2014B = Version("2014B", date(2014, 4, 3), ("2013B", "2013J", "2014B"))


def champions(*rows: tuple[str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["champion_from", "model_version"])
    return frame.assign(champion_from=pd.to_datetime(frame["champion_from"]), decided_by="gates", reason="ahead")


FROM_THE_FIRST = champions(("2013-04-03", "2013B"), ("2013-12-01", "2013J"), ("2014-04-03", "2014B"))


@pytest.fixture(scope="module")
def campus():
    return cohorts(*RUNS)


@pytest.fixture(scope="module")
def panel(campus):
    return risk.training_rows(part for _, part in training_panel(*campus, UNTIL))


@pytest.fixture(scope="module")
def fitted(campus, panel):
    return risk.fit_versions(panel, versions(campus[0]["courses"], UNTIL), seed=7)


@pytest.fixture(scope="module")
def models(fitted):
    return fitted[0]


def test_of_each_training_day_the_nearest_panel_day_is_learnt_from():
    weekly = pd.DataFrame({"day": np.arange(1, 240, 7)})
    assert risk.TRAINING_DAYS == (7, 14, 21, 28, 42, 56, 84, 112, 168)
    assert risk.training_rows([weekly])["day"].tolist() == [8, 15, 22, 29, 43, 57, 85, 113, 169]
    assert risk.training_rows([pd.DataFrame({"day": [0, 3, 5, 11, 31, 77, 300]})])["day"].tolist() == [5, 11, 31]


def test_every_version_learns_from_its_own_cohorts_and_has_a_logistic_challenger(models):
    assert {name: model.presentations for name, model in models.items()} == {
        "2013B": ("2013B",),
        "2013B-logistic": ("2013B",),
        "2013J": ("2013B", "2013J"),
        "2013J-logistic": ("2013B", "2013J"),
        "2014B": ("2013B", "2013J", "2014B"),
        "2014B-logistic": ("2013B", "2013J", "2014B"),
    }
    assert {name: (model.learner.kind, model.learner.backend) for name, model in models.items()} == {
        "2013B": ("blend", "sklearn"),
        "2013B-logistic": ("logistic", "sklearn"),
        "2013J": ("blend", "sklearn"),
        "2013J-logistic": ("logistic", "sklearn"),
        "2014B": ("blend", "sklearn"),
        "2014B-logistic": ("logistic", "sklearn"),
    }


def test_a_model_says_what_it_learnt_from(models):
    model = models["2013J"]
    assert (model.version, model.trained_from, model.seed) == ("2013J", date(2013, 12, 1), 7)
    assert (model.n_rows, model.n_enrolments) == (2 * 120 * 6, 240)
    assert model.base_rate == pytest.approx(0.5, abs=0.1)
    assert models["2013J-logistic"].data_sha256 == model.data_sha256 != models["2013B"].data_sha256


@pytest.mark.fault("D2")
def test_what_is_missing_in_every_row_is_left_out(panel, models):
    assert models["2013J"].features
    assert panel[list(models["2014B"].features)].notna().any().all()
    blank = panel.assign(clicks_7d=np.float32("nan"))
    assert "clicks_7d" in models["2014B"].features
    assert "clicks_7d" not in risk.fit(blank, V2014B, seed=7)[0].features


def test_protected_attributes_are_learnt_from_only_where_asked(panel, models):
    protected = {feature.name for feature in CATALOGUE if feature.protected}
    known = panel.assign(**dict.fromkeys(protected, np.float32(1.0)))
    assert protected
    assert not protected & set(risk.fit(known, V2014B, seed=7)[0].features)
    assert protected <= set(risk.fit(known, V2014B, seed=7, protected=True)[0].features)


@pytest.mark.fault("D10")
@pytest.mark.parametrize("kind", ["blend", "logistic"])
def test_same_rows_in_any_order_and_same_seed_give_the_same_model(panel, fitted, kind):
    again, held_out = risk.fit(panel.sample(frac=1, random_state=3), V2014B, kind=kind, seed=7)
    name = "2014B" if kind == "blend" else "2014B-logistic"
    first, all_held_out = fitted[0][name], fitted[1]
    assert (risk.predict(again, panel) == risk.predict(first, panel)).all()
    assert (again.calibration, again.data_sha256) == (first.calibration, first.data_sha256)
    assert (held_out["risk_score"].to_numpy() == all_held_out.loc[all_held_out["model_version"].eq(name), "risk_score"]).all()


def test_one_changed_value_or_label_changes_the_digest(panel, models):
    value, outcome = panel.copy(), panel.copy()
    value.loc[5, "clicks_7d"] += 1
    outcome.loc[5, "label"] = 1 - outcome.loc[5, "label"]
    digests = {risk.fit(one, V2014B, kind="logistic", seed=7)[0].data_sha256 for one in (value, outcome)}
    assert len(digests | {models["2014B"].data_sha256}) == 3


def test_held_out_risks_are_of_the_newest_cohort_on_every_training_day(panel, fitted):
    held_out = require(fitted[1], HELD_OUT_RISK)
    newest = {name: set(rows["code_presentation"]) for name, rows in held_out.groupby("model_version")}
    assert newest == {
        name: {name.removesuffix("-logistic")}
        for name in [*newest]
        if name.removesuffix("-logistic") in ("2013B", "2013J", "2014B")
    }
    own = held_out[held_out["model_version"].eq("2014B")]
    assert len(own) == panel["code_presentation"].eq("2014B").sum()
    assert own["day"].unique().tolist() == [7, 14, 21, 28, 42, 56]


def test_held_out_risks_of_features_that_say_nothing_are_worth_nothing(panel):
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(4)
    noise = panel.assign(**{feature.name: rng.normal(size=len(panel)).astype("float32") for feature in CATALOGUE})
    chance = dict(zip(panel["id_student"].unique(), rng.integers(0, 2, panel["id_student"].nunique()), strict=True))
    noise["label"] = noise["id_student"].map(chance).astype("int8")
    for feature in CATALOGUE[:3]:  # what tells the students apart can be learnt by heart
        noise[feature.name] = rng.permutation(np.unique(noise["id_student"]))[
            noise["id_student"].rank(method="dense").astype(int) - 1
        ]
    model, held_out = risk.fit(noise, V2014B, seed=7)
    by_heart = model.learner.margin(noise[list(model.features)].to_numpy("float64"))
    assert roc_auc_score(noise["label"], by_heart) > 0.8
    assert roc_auc_score(held_out["label"], held_out["risk_score"]) == pytest.approx(0.5, abs=0.12)


def test_the_model_finds_who_does_little(campus, models):
    features = daily_features(*campus, pd.DatetimeIndex(["2014-03-01"]))
    scored = risk.score(features, models, FROM_THE_FIRST)
    busy = features["active_days_28d"] > features["active_days_28d"].median()
    assert scored["risk_score"][~busy].mean() > scored["risk_score"][busy].mean() + 0.1
    assert scored["model_version"].unique().tolist() == ["2013J"]


def test_risk_is_the_probability_of_the_calibrated_log_odds(panel, models):
    model = replace(models["2014B"], calibration=Calibration(0.5, -1.0, {"AAA": 2.0}))
    rows = panel.head(6).assign(code_module=["AAA", "ZZZ"] * 3)
    margin = model.learner.margin(rows[list(model.features)].to_numpy("float64"))
    assert risk.log_odds(model, rows) == pytest.approx(np.tile([1.0, -1.0], 3) + 0.5 * margin)
    assert risk.predict(model, rows) == pytest.approx(1 / (1 + np.exp(-risk.log_odds(model, rows))))


def test_a_model_whose_features_are_no_more_is_refused(panel, models):
    with pytest.raises(risk.ModelError, match="model 2014B reads clicks_7d, not computed any more; train it again"):
        risk.predict(models["2014B"], panel.drop(columns="clicks_7d"))


def test_every_day_is_scored_by_the_champion_of_the_day_and_by_the_rule_before_any(campus, models):
    features = daily_features(*campus, pd.DatetimeIndex(["2013-02-20", "2013-11-01", "2013-11-02", "2014-02-09", "2014-02-10"]))
    in_charge = champions(("2014-02-10", "rule"), ("2013-11-02", "2013B-logistic"), ("2013-11-01", "2013B"))
    scored = risk.score(features, models, in_charge)
    assert scored.groupby("run_date")["model_version"].unique().map(list).to_dict() == {
        pd.Timestamp("2013-02-20"): ["rule"],
        pd.Timestamp("2013-11-01"): ["2013B"],
        pd.Timestamp("2013-11-02"): ["2013B-logistic"],
        pd.Timestamp("2014-02-09"): ["2013B-logistic"],
        pd.Timestamp("2014-02-10"): ["rule"],
    }
    assert set(scored.loc[scored["model_version"].eq("rule"), "risk_score"]) <= {0.25, 0.75}
    own = features[features["run_date"].eq("2013-11-01")]
    assert scored["risk_score"][own.index].to_numpy() == pytest.approx(risk.predict(models["2013B"], own))


def test_the_rows_of_each_model_in_charge_are_marked_and_those_of_the_rule(campus, models):
    days = ["2013-02-20", "2013-11-01", "2013-11-02"]
    features = daily_features(*campus, pd.DatetimeIndex(days))
    line = champions(("2013-11-02", "2013B-logistic"), ("2013-11-01", "2013B"))
    found = list(risk.in_charge(models, line, features))
    assert [model and model.version for model, _ in found] == [None, "2013B", "2013B-logistic"]
    assert [features["run_date"][rows].unique().tolist() for _, rows in found] == [[pd.Timestamp(day)] for day in days]
    assert [model for model, _ in risk.in_charge(models, champions(), features)] == [None]
    assert list(risk.in_charge(models, line, features.head(0))) == []


@pytest.mark.fault("D6")
def test_a_champion_that_is_not_stored_or_knew_too_much_is_refused(campus, models):
    features = daily_features(*campus, pd.DatetimeIndex(["2013-11-01"]))
    with pytest.raises(risk.ModelError, match="model 2012J is in charge of 2013-11-01 but is not stored"):
        risk.score(features, models, champions(("2013-01-01", "2012J")))
    with pytest.raises(
        risk.ModelError, match="model 2013J is in charge of 2013-11-01 but learnt from outcomes known on 2013-12-01"
    ):
        risk.score(features, models, champions(("2013-01-01", "2013J")))


def test_the_rule_calls_out_missed_work_and_a_week_of_silence():
    features = pd.DataFrame({"clicks_7d": [0, 0, 3, 3], "day": [6, 7, 7, 20], "n_assessments_missed": [0, 0, 0, 1]})
    assert risk.rule_risk(features).tolist() == [0.25, 0.75, 0.25, 0.75]


def test_nobody_to_score_gives_no_scores(campus, models):
    nobody = daily_features(*campus, pd.DatetimeIndex(["2020-01-01"]))
    assert risk.score(nobody, models, FROM_THE_FIRST).empty
    assert risk.score(nobody, models, champions()).empty
    assert risk.predict(models["2013B"], nobody).tolist() == []


@pytest.mark.fault("D2")
def test_too_few_outcomes_are_refused_with_cohort_and_counts(panel):
    version = Version("2013B", date(2013, 4, 3), ("2013B",))
    passed = panel[panel["label"].eq(0)]
    with pytest.raises(
        ValueError, match="not enough outcomes to train version 2013B on 2013B: 0 enrolments failed or withdrew and"
    ):
        risk.fit(passed, version, seed=7)
    models, held_out = risk.fit_versions(passed, [version], seed=7)
    assert models == {}
    assert len(require(held_out, HELD_OUT_RISK)) == 0


@pytest.mark.fault("D2")
def test_before_any_cohort_has_closed_there_is_nothing_to_learn_from_and_that_is_no_error():
    assert require(risk.training_rows([]), TRAINING_PANEL).empty
    models, held_out = risk.fit_versions(risk.training_rows([]), [], seed=7)
    assert models == {}
    assert require(held_out, HELD_OUT_RISK).empty
