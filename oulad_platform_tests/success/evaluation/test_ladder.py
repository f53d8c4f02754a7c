"""Tests of success.evaluation.ladder: what each rung breaks, and that the honest one breaks nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from oulad_platform.success.evaluation.ladder import RUNGS, ladder_risk
from oulad_platform.success.modelling.cohorts import training_panel, versions
from oulad_platform.success.modelling.model import fit_versions, training_rows
from oulad_platform_tests.success.campus import cohorts
from oulad_platform_tests.success.evaluation.run import THREE, UNTIL


@pytest.fixture(scope="module")
def campus():
    """Half of those who do not succeed leave on day 20."""
    raw, parts = cohorts(*THREE, n_students=600)
    info, registration = raw["student_info"], raw["student_registration"]
    leaves = info["final_result"].eq("Fail") & (info["id_student"] % 2 == 0)
    raw["student_info"] = info.assign(final_result=info["final_result"].mask(leaves, "Withdrawn"))
    raw["student_registration"] = registration.assign(date_unregistration=np.where(leaves, 20.0, np.nan))
    gone = set(info.loc[leaves, "id_student"])
    parts = {name: rows[~(rows["id_student"].isin(gone) & (rows["date"] >= 20))] for name, rows in parts.items()}
    return raw, parts


@pytest.fixture(scope="module")
def models_of(campus):
    raw, parts = campus
    panel = dict(training_panel(raw, parts, UNTIL))
    models, _ = fit_versions(training_rows(panel.values()), versions(raw["courses"], UNTIL), seed=7)
    return panel, models


@pytest.fixture(scope="module")
def rungs(campus, models_of):
    return ladder_risk(*models_of, *campus, seed=7)


def auc(rows: pd.DataFrame) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(rows["label"], rows["risk_score"]))


def test_every_rung_is_tested_on_the_newest_cohort_on_the_headline_day(rungs):
    assert set(rungs["evaluation"]) == set(RUNGS)
    assert rungs[["tested_cohort", "code_presentation", "day", "model_version"]].drop_duplicates().to_numpy().tolist() == [
        ["2014B", "2014B", 28, "2013J"]
    ]


def test_only_the_rungs_that_keep_them_test_who_has_left(campus, rungs):
    registration = campus[0]["student_registration"]
    left = set(registration.loc[registration["date_unregistration"] < 28, "id_student"])
    has_left = rungs["id_student"].isin(left).groupby(rungs["evaluation"]).any()
    assert set(has_left.index[has_left]) == {"ladder_withdrawn_kept", "ladder_all_leaks"}


def test_mixed_rungs_test_the_three_tenths_they_did_not_learn_from(rungs):
    sizes = rungs["evaluation"].value_counts()
    live = sizes["ladder_honest"]
    assert sizes["ladder_end_of_course"] == live
    for rung in ("ladder_random_split", "ladder_row_split"):
        assert 0.15 * live < sizes[rung] < 0.45 * live


def test_keeping_who_has_left_looks_better_than_it_is(rungs):
    by_rung = {rung: auc(rows) for rung, rows in rungs.groupby("evaluation")}
    assert by_rung["ladder_withdrawn_kept"] > by_rung["ladder_honest"]
    assert by_rung["ladder_all_leaks"] > by_rung["ladder_honest"]


def test_the_ladder_is_the_same_again(campus, models_of, rungs):
    pd.testing.assert_frame_equal(ladder_risk(*models_of, *campus, seed=7), rungs)


def test_without_a_cohort_that_can_be_tested_there_is_no_ladder(campus, models_of):
    panel, models = models_of
    first = {"AAA_2013B": panel["AAA_2013B"]}
    assert ladder_risk(first, {"2013B": models["2013B"]}, *campus, seed=7).empty
    assert ladder_risk({}, {}, *campus, seed=7).empty
