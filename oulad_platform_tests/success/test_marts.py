"""Tests of success.marts: flags, bands and sums on frames small enough to check by eye."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import ContractError, require
from oulad_platform.success.marts import check_counts, check_student_risk, course_summary, student_risk, with_week_before
from oulad_platform.success.tables import COURSE_SUMMARY_DAILY, STUDENT_RISK_DAILY

DAY = pd.Timestamp("2014-05-20")


def scored(scores: list[float], module: str = "AAA", day: pd.Timestamp = DAY) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "run_date": day,
            "code_module": module,
            "code_presentation": "2014B",
            "id_student": range(1, len(scores) + 1),
            "day": 108,
            "risk_score": scores,
            "model_version": "2013J",
        }
    )


def test_flagged_is_strictly_above_the_threshold_and_bands_follow_the_flag():
    risk = student_risk(scored([0.0, 0.125, 0.2, 0.25, 0.2500001, 1.0]), threshold=0.25)
    assert risk["high_risk_flag"].tolist() == [False, False, False, False, True, True]
    assert risk["risk_band"].tolist() == ["low", "low", "medium", "medium", "high", "high"]
    assert risk["week"].tolist() == [15] * 6
    assert check_student_risk(risk) == []
    assert list(require(risk, STUDENT_RISK_DAILY).columns) == STUDENT_RISK_DAILY.names


def test_a_missing_score_is_never_high_risk_and_cannot_be_stored():
    risk = student_risk(scored([0.9, np.nan]), threshold=0.25)
    assert risk["high_risk_flag"].tolist() == [True, False]
    assert risk["risk_band"].isna().tolist() == [False, True]
    with pytest.raises(ContractError, match="risk_score"):
        require(risk, STUDENT_RISK_DAILY)


def test_a_course_is_compared_with_the_week_before_only_where_the_same_model_scored_it():
    before, day_between = DAY - pd.Timedelta(days=7), DAY - pd.Timedelta(days=1)
    frames = [
        scored([0.25, 0.25, 0.25], day=before),
        scored([0.5], day=DAY),
        scored([0.5], day=day_between),
        scored([0.25], module="BBB", day=before).assign(model_version="rule"),
        scored([0.5], module="BBB", day=DAY),
    ]
    pairs = with_week_before(course_summary(student_risk(pd.concat(frames, ignore_index=True), threshold=0.25)))
    shown = pairs[["run_date", "code_module", "student_count", "avg_risk_score", "student_count_before", "avg_risk_score_before"]]
    assert shown.to_numpy().tolist() == [[DAY, "AAA", 1, 0.5, 3, 0.25]]


def test_nobody_scored_gives_empty_marts():
    risk = student_risk(scored([]), threshold=0.25)
    assert len(require(risk, STUDENT_RISK_DAILY)) == 0
    assert len(course_summary(risk)) == 0
    assert check_counts(risk, course_summary(risk)) == []


def test_course_summary_counts_means_and_shares_by_course_and_day():
    frames = [scored([0.1, 0.3]), scored([0.5], "BBB"), scored([0.2], day=DAY - pd.Timedelta(days=1))]
    summary = course_summary(student_risk(pd.concat(frames), threshold=0.25))
    shown = [
        "run_date",
        "code_module",
        "student_count",
        "avg_risk_score",
        "n_high_risk",
        "high_risk_rate",
        "model_version",
        "week",
    ]
    assert summary[shown].to_dict("list") == {
        "run_date": [pd.Timestamp("2014-05-19"), DAY, DAY],
        "code_module": ["AAA", "AAA", "BBB"],
        "student_count": [1, 2, 1],
        "avg_risk_score": [0.2, 0.2, 0.5],
        "n_high_risk": [0, 1, 1],
        "high_risk_rate": [0.0, 0.5, 1.0],
        "model_version": ["2013J", "2013J", "2013J"],
        "week": [15, 15, 15],
    }


def test_checks_name_the_day_and_the_count_of_impossible_scores_and_contradictions():
    risk = student_risk(scored([0.1, 0.9]), threshold=0.25).assign(risk_score=[-0.1, np.nan], high_risk_flag=[True, True])
    assert [str(finding) for finding in check_student_risk(risk)] == [
        "student_risk_daily, risk_score: has 2 scores that are not from 0 to 1 on 2014-05-20",
        "student_risk_daily, risk_score: has 1 rows whose band and high_risk_flag contradict each other on 2014-05-20",
    ]


def test_a_summary_that_lost_a_student_or_a_day_is_found():
    risk = student_risk(pd.concat([scored([0.1, 0.9]), scored([0.4], day=DAY + pd.Timedelta(days=1))]), threshold=0.25)
    summary = course_summary(risk)
    lost = summary.assign(student_count=[1, 1])
    assert [str(finding) for finding in check_counts(risk, lost)] == [
        "course_summary_daily, student_count: adds up to 1 on 2014-05-20, student_risk_daily to 2",
        "course_summary_daily, student_count * avg_risk_score: adds up to 0.5 on 2014-05-20, student_risk_daily to 1",
    ]
    assert [finding.column for finding in check_counts(risk, summary.iloc[:1])] == [
        "student_count",
        "n_high_risk",
        "student_count * avg_risk_score",
    ]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 2), st.floats(0, 1)), min_size=1, max_size=30),
    st.floats(0.01, 0.99),
)
def test_summaries_always_obey_their_contract_and_add_up(rows, threshold):
    frames = [scored([risk], module, DAY + pd.Timedelta(days=later)) for module, later, risk in rows]
    risk = student_risk(pd.concat(frames).assign(id_student=range(len(rows))), threshold)
    summary = course_summary(risk)
    assert check_student_risk(risk) == []
    assert check_counts(risk, summary) == []
    require(summary, COURSE_SUMMARY_DAILY)
