"""The success line on the real OULAD cohorts 2013B, 2013J and 2014B, where they are at hand."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from oulad_platform.core.calendar import start_date
from oulad_platform.core.checks import require
from oulad_platform.success.evaluation.protocol import latest_metrics, model_metrics
from oulad_platform.success.features.assembly import daily_features
from oulad_platform.success.modelling.cohorts import training_panel, versions
from oulad_platform.success.modelling.model import fit_versions, score
from oulad_platform.success.presentation import presentations
from oulad_platform.success.tables import FEATURES, STUDENT_WEEKS, TRAINING_PANEL
from oulad_platform.success.weeks import student_weeks

DATA = Path(os.environ.get("OULAD_TEST_DATA", Path(__file__).parents[3] / "shared" / "oulad"))
FILES = {
    "courses": "courses",
    "assessments": "assessments",
    "student_info": "studentInfo",
    "student_registration": "studentRegistration",
    "student_assessment": "studentAssessment",
}
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
        DATA / "studentVle.parquet", columns=["code_module", "code_presentation", "id_student", "date", "sum_click"]
    )
    return {"_".join(key): part for key, part in rows.groupby(["code_module", "code_presentation"])}


def test_who_is_live_on_a_day_is_scored_whether_or_not_there_ever_was_a_click(raw, parts):
    features = require(daily_features(raw, parts, pd.DatetimeIndex(["2014-03-03"])), FEATURES)
    assert len(features) == 13_349
    assert features["days_since_last_visit"].isna().sum() == 343
    left = raw["student_registration"].query("date_unregistration < 30 and code_presentation == '2014B'")
    assert not set(left["id_student"]) & set(features.query("code_presentation == '2014B'")["id_student"]) - stayed(raw)
    assert score(features, [])["model_version"].unique().tolist() == ["rule"]


def stayed(raw) -> set[int]:
    """Students who left one module of 2014B and take another."""
    rows = raw["student_registration"].query("code_presentation == '2014B'")
    return set(rows.loc[~(rows["date_unregistration"] < 30), "id_student"])


def test_weeks_keep_every_click_of_who_was_enrolled_and_silent_weeks(raw, parts):
    shown = pd.concat([student_weeks(one, date(2015, 1, 1)) for one in presentations(raw, parts)])
    assert len(require(shown, STUDENT_WEEKS)) == 607_025
    assert shown["is_silent"].mean() == pytest.approx(0.2432, abs=1e-4)


def test_the_next_cohort_is_ranked_far_better_than_by_chance_and_better_as_it_goes_on(raw, parts):
    panel = require(training_panel(raw, parts, date(2014, 10, 1)), TRAINING_PANEL)
    models = fit_versions(panel, versions(raw["courses"], date(2014, 6, 27)), 7)
    latest = latest_metrics(model_metrics(panel, models, raw["courses"], 7, 7), list(models.values()))
    assert (latest["tested_cohort"], latest["trained_on"], latest["n_students"]) == ("2014B", ["2013B"], 6_511)
    trained_on_both = [row["auc"] for row in latest["by_day"] if row["evaluation"] == "earlier_cohorts"]
    assert trained_on_both == pytest.approx([0.719, 0.783, 0.807, 0.826, 0.908], abs=0.004)
