"""What was planted in the demo campus is among the reasons that its students are given."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from oulad_platform.sources import tables as raw
from oulad_platform.sources.demo import DemoCampus
from oulad_platform.success.explanation.reasons import risk_reasons
from oulad_platform.success.explanation.top_features import explain_newest, feature_importance
from oulad_platform.success.features.assembly import daily_features
from oulad_platform.success.features.catalogue import CATALOGUE
from oulad_platform.success.modelling.cohorts import training_panel, versions
from oulad_platform.success.modelling.model import fit
from oulad_platform_tests.success.explanation.students import champions

FOUNDED = date(2026, 11, 20)
EVE = "2026-11-05"  # the day before the planted mass withdrawal
STUDENT = ["code_module", "id_student"]
THEMES = {feature.name: feature.theme or feature.name for feature in CATALOGUE}


@pytest.fixture(scope="module")
def world():
    campus = DemoCampus(FOUNDED, FOUNDED)
    tables = campus.tables()
    clicks = {name: raw.STUDENT_VLE.from_arrow(part) for name, part in campus.clicks(tables)}
    version = versions(tables["courses"], FOUNDED)[-1]
    parts = training_panel(tables, clicks, FOUNDED, days=(14, 28, 42, 56, 84))
    model, _ = fit(pd.concat([part for _, part in parts]), version, seed=1)
    features = daily_features(tables, clicks, pd.DatetimeIndex([EVE, FOUNDED]))
    in_charge = champions((str(version.trained_from), version.name))
    reasons = risk_reasons({version.name: model}, in_charge, features)
    importance = feature_importance(explain_newest({version.name: model}, in_charge, features))
    return features, reasons.assign(theme=reasons["feature"].map(THEMES)), campus.truth(), importance


def share_told(world, students: pd.DataFrame, day: str, *themes: str) -> float:
    """Share of these students to whom one of the themes is a reason that raises the risk on the day."""
    reasons = world[1]
    chosen = reasons[reasons["run_date"].eq(day) & reasons["direction"].eq("raises") & reasons["theme"].isin(themes)]
    return len(students[STUDENT].merge(chosen[STUDENT].drop_duplicates())) / len(students)


def on(world, day: str) -> pd.DataFrame:
    return world[0][world[0]["run_date"].eq(day)]


def test_who_is_about_to_leave_has_the_silence_before_it_among_the_reasons(world):
    planted = next(one for one in world[2].mass_withdrawals if one.code_module == "BBB")
    leaving = on(world, EVE)[lambda rows: rows["code_module"].eq("BBB") & rows["id_student"].isin(planted.students)]
    assert len(leaving) == 23
    assert share_told(world, leaving, EVE, "last visit") > 0.8
    others = on(world, EVE)[lambda rows: rows["code_module"].eq("BBB") & ~rows["id_student"].isin(planted.students)]
    assert share_told(world, others, EVE, "last visit") < 0.25


def test_students_of_the_module_whose_activity_falls_are_told_so_and_few_others_are(world):
    today = str(FOUNDED)
    falling = on(world, today)["code_module"].eq(world[2].falling.code_module)
    assert share_told(world, on(world, today)[falling], today, "last visit", "activity", "trend") > 0.7
    assert share_told(world, on(world, today)[falling], today, "last visit") > 0.5
    assert share_told(world, on(world, today)[~falling], today, "last visit") < 0.25


def test_the_least_active_and_those_with_low_marks_are_told_so(world):
    today = str(FOUNDED)
    rows = on(world, today)
    assert share_told(world, rows[rows["clicks_since_start_rank"].lt(0.1)], today, "activity") > 0.9
    assert share_told(world, rows[rows["score_vs_cohort"].lt(-15)], today, "marks") > 0.8


def test_activity_silence_and_marks_are_among_the_features_that_move_the_risk_most(world):
    strongest = world[3].sort_values("rank").head(15)
    assert {"activity", "last visit", "marks"} <= set(strongest["feature"].map(THEMES))
    correlation = strongest.set_index("feature")["correlation"]
    assert correlation["days_since_last_visit"] > 0.5
