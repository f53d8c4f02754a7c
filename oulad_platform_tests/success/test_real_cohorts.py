"""The success line on the real OULAD cohorts, where they are at hand: who is scored, weeks, and a model of 2013B on 2013J.

Cohort 2014B is kept for the one reading that docs/evaluation.md reports; nothing here looks at how well it is predicted.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from oulad_platform.core.calendar import start_date
from oulad_platform.core.checks import require
from oulad_platform.success.evaluation.ladder import ladder_risk
from oulad_platform.success.evaluation.protocol import together, trial_risk
from oulad_platform.success.evaluation.tabulation import calibration_curve, model_evaluation
from oulad_platform.success.features.assembly import daily_features
from oulad_platform.success.model_tables import CALIBRATION_CURVE, MODEL_CHAMPIONS, MODEL_EVALUATION
from oulad_platform.success.modelling.cohorts import training_panel, versions
from oulad_platform.success.modelling.model import TRAINING_DAYS, fit, score
from oulad_platform.success.presentation import presentations
from oulad_platform.success.tables import FEATURES, STUDENT_WEEKS
from oulad_platform.success.weeks import student_weeks

DATA = Path(os.environ.get("OULAD_TEST_DATA", Path(__file__).parents[3] / "shared" / "oulad"))
FILES = {
    "courses": "courses",
    "assessments": "assessments",
    "vle": "vle",
    "student_info": "studentInfo",
    "student_registration": "studentRegistration",
    "student_assessment": "studentAssessment",
}
DAYS = (15, 29, 43, 57)
pytestmark = pytest.mark.skipif(
    not (DATA / "studentVle.parquet").exists(), reason=f"no OULAD tables in {DATA}; set OULAD_TEST_DATA"
)


@pytest.fixture(scope="module")
def raw():
    frames = {name: pd.read_parquet(DATA / f"{file}.parquet") for name, file in FILES.items()}
    starts = pd.to_datetime(frames["courses"]["code_presentation"].map(start_date)).astype("datetime64[us]")
    return {**frames, "courses": frames["courses"].assign(start_date=starts)}


@pytest.fixture(scope="module")
def parts():
    rows = pd.read_parquet(
        DATA / "studentVle.parquet", columns=["code_module", "code_presentation", "id_student", "id_site", "date", "sum_click"]
    )
    return {"_".join(key): part for key, part in rows.groupby(["code_module", "code_presentation"])}


def test_who_is_live_on_a_day_is_scored_whether_or_not_there_ever_was_a_click(raw, parts):
    features = require(daily_features(raw, parts, pd.DatetimeIndex(["2014-03-03"])), FEATURES)
    assert len(features) == 13_349
    assert features["days_since_last_visit"].isna().sum() == 343
    left = raw["student_registration"].query("date_unregistration < 30 and code_presentation == '2014B'")
    assert not set(left["id_student"]) & set(features.query("code_presentation == '2014B'")["id_student"]) - stayed(raw)
    assert score(features, {}, MODEL_CHAMPIONS.empty())["model_version"].unique().tolist() == ["rule"]


def stayed(raw) -> set[int]:
    """Students who left one module of 2014B and take another."""
    rows = raw["student_registration"].query("code_presentation == '2014B'")
    return set(rows.loc[~(rows["date_unregistration"] < 30), "id_student"])


def test_weeks_keep_every_click_of_who_was_enrolled_and_silent_weeks(raw, parts):
    shown = pd.concat([student_weeks(one, date(2015, 1, 1)) for one in presentations(raw, parts)])
    assert len(require(shown, STUDENT_WEEKS)) == 607_025
    assert shown["is_silent"].mean() == pytest.approx(0.2432, abs=1e-4)


@pytest.fixture(scope="module")
def evaluation(raw, parts):
    """2013B alone is learnt from, 2013J tested, as of days that carry real click totals; the other cohort is left aside."""
    seen = {name: rows[rows["code_presentation"] != "2014B"] for name, rows in raw.items() if "code_presentation" in rows}
    tables = {**raw, **seen}
    tables["student_assessment"] = raw["student_assessment"].merge(seen["assessments"]["id_assessment"])
    panel = dict(training_panel(tables, parts, date(2014, 7, 1), [day + 1 for day in TRAINING_DAYS]))
    (version,) = versions(tables["courses"], date(2014, 1, 1))
    model, _ = fit(pd.concat([rows for name, rows in panel.items() if name.endswith("2013B")]), version, seed=7)
    models = {model.version: model}
    trials = trial_risk(panel, models, tables["courses"], DAYS)
    tested = together([trials, ladder_risk(panel, models, tables, parts, 7, DAYS)])
    require(calibration_curve(tested), CALIBRATION_CURVE)
    people = tables["student_info"], tables["student_registration"]
    return require(model_evaluation(tested, *people, seed=7, resamples=200), MODEL_EVALUATION)


def pooled(evaluation: pd.DataFrame, scorer: str, metric: str, protocol: str = "next_cohort") -> pd.DataFrame:
    rows = evaluation.query("code_module == 'all' and model_version == @scorer and metric == @metric and evaluation == @protocol")
    return rows.set_index("day").loc[[day for day in DAYS if day in set(rows["day"])]]


def test_the_next_cohort_is_ranked_far_better_than_by_chance_and_better_as_it_goes_on(evaluation):
    auc = pooled(evaluation, "2013B", "auc")
    assert (auc["value"].to_numpy() > [0.69, 0.74, 0.77, 0.80]).all()
    assert auc["value"].is_monotonic_increasing
    assert auc["n_students"].tolist() == [7_752, 7_679, 7_563, 7_463]
    assert (auc["high"] - auc["low"]).between(0.01, 0.03).all()
    assert set(auc["known_from"].dt.date) == {date(2014, 6, 27)}


def test_a_rule_at_equal_budget_is_beaten_on_the_next_cohort(evaluation):
    gain = pooled(evaluation, "2013B", "precision_gain_over_silent")
    assert (gain["low"] > 0).all()


def test_reach_falls_as_students_leave(evaluation):
    reach = pooled(evaluation, "2013B", "reach")
    assert reach["value"].round(3).tolist() == [0.545, 0.512, 0.463, 0.420]
    assert set(reach["n_students"]) == {2_369}


def test_leaks_make_figures_that_are_too_good_to_be_true(evaluation):
    rungs = evaluation.query("metric == 'auc' and evaluation.str.startswith('ladder_')").set_index("evaluation")["value"]
    assert rungs["ladder_withdrawn_kept"] > rungs["ladder_honest"] + 0.03
    assert rungs["ladder_random_split"] > rungs["ladder_honest"]
    assert rungs["ladder_end_of_course"] > 0.93
    assert rungs["ladder_all_leaks"] > 0.95
