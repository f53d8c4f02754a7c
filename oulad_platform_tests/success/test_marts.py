"""Tests of success.marts: flags, bands and sums on frames small enough to check by eye."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import ContractError, require
from oulad_platform.success import marts
from oulad_platform.success.marts import check_counts, check_student_risk, dim_course, week_marks
from oulad_platform.success.model_tables import RISK_REASONS
from oulad_platform.success.tables import COURSE_SUMMARY_DAILY, DIM_COURSE, STUDENT_RISK_DAILY

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


KEY = ["run_date", "code_module", "code_presentation", "id_student"]
NO_MARKS = pd.DataFrame(columns=[*KEY, "weekly_score_mean"]).astype({"run_date": "datetime64[us]", "id_student": "int32"})


def student_risk(rows: pd.DataFrame, threshold: float = 0.25, **others: pd.DataFrame) -> pd.DataFrame:
    """The mart of scored rows; what is not given of the week before, features, reasons and marks says nothing."""
    nothing = {
        "before": rows.head(0),
        "features": rows[KEY].assign(n_assessments_submitted=np.float32(0)),
        "reasons": RISK_REASONS.empty(),
        "marks": NO_MARKS,
    }
    return marts.student_risk(rows, **{**nothing, **others}, threshold=threshold)


def course_summary(risk: pd.DataFrame, threshold: float = 0.25) -> pd.DataFrame:
    return marts.course_summary(risk, threshold)


def reasons(*rows: tuple[pd.Timestamp, int, str, int, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["run_date", "id_student", "direction", "rank", "sentence"])
    frame = frame.assign(code_module="AAA", code_presentation="2014B", feature="x", push=1.0, model_version="2013J")
    return RISK_REASONS.conform(frame.assign(feature_value=np.nan, usual_value=np.nan))


@pytest.mark.fault("property 17")
def test_flagged_is_strictly_above_the_threshold_and_bands_follow_the_flag():
    risk = student_risk(scored([0.0, 0.125, 0.2, 0.25, 0.2500001, 1.0]), threshold=0.25)
    assert risk["high_risk_flag"].tolist() == [False, False, False, False, True, True]
    assert risk["risk_band"].tolist() == ["low", "low", "medium", "medium", "high", "high"]
    assert risk["week"].tolist() == [15] * 6
    assert check_student_risk(risk) == []
    assert list(require(risk, STUDENT_RISK_DAILY).columns) == STUDENT_RISK_DAILY.names


@pytest.mark.fault("property 17", "G1")
def test_a_missing_score_is_never_high_risk_and_cannot_be_stored():
    risk = student_risk(scored([0.9, np.nan]), threshold=0.25)
    assert risk["high_risk_flag"].tolist() == [True, False]
    assert risk["risk_band"].isna().tolist() == [False, True]
    with pytest.raises(ContractError, match="risk_score"):
        require(risk, STUDENT_RISK_DAILY)


def changes(risk: pd.DataFrame) -> list[float | None]:
    return [None if np.isnan(change) else round(change, 9) for change in risk["risk_change_7d"]]


def test_a_change_is_against_the_same_enrolment_scored_by_the_same_model_exactly_seven_days_before():
    before = pd.concat(
        [
            scored([0.2, 0.9], day=DAY - pd.Timedelta(days=7)),
            scored([0.1, 0.1, 0.1], day=DAY - pd.Timedelta(days=6)),
            scored([0.3, 0.3, 0.3], module="BBB", day=DAY - pd.Timedelta(days=7)),
            scored([0.3], day=DAY - pd.Timedelta(days=7)).assign(code_presentation="2013J", id_student=3),
        ],
        ignore_index=True,
    )
    risk = student_risk(scored([0.5, 0.5, 0.5]), before=before)
    assert changes(risk) == [0.3, -0.4, None]
    assert changes(student_risk(scored([0.5, 0.5, 0.5]), before=before.assign(model_version="rule"))) == [None, None, None]


def test_days_of_the_run_itself_are_the_week_before_of_its_later_days():
    rows = pd.concat([scored([0.5], day=DAY), scored([0.1], day=DAY - pd.Timedelta(days=7))], ignore_index=True)
    stored = scored([0.9], day=DAY - pd.Timedelta(days=7))
    assert changes(student_risk(rows, before=stored)) == [0.4, None]


def test_reasons_are_those_that_raise_the_risk_of_the_enrolment_that_day_by_rank():
    given = reasons(
        (DAY, 1, "raises", 1, "a"),
        (DAY, 1, "raises", 2, "b"),
        (DAY, 1, "raises", 3, "c"),
        (DAY, 1, "lowers", 1, "not this"),
        (DAY, 2, "lowers", 1, "nor this"),
        (DAY, 3, "raises", 1, "d"),
        (DAY - pd.Timedelta(days=1), 4, "raises", 1, "yesterday"),
        (DAY, 9, "raises", 1, "of somebody who is not scored"),
        (DAY, 9, "raises", 2, "too"),
    )
    columns = ["reason_1", "reason_2", "reason_3"]
    risk = student_risk(scored([0.5, 0.5, 0.5, 0.5]), reasons=given)
    told = [[None if pd.isna(text) else text for text in row] for row in risk[columns].to_numpy()]
    assert told == [["a", "b", "c"], [None] * 3, ["d", None, None], [None] * 3]
    backwards = scored([0.5, 0.5, 0.5, 0.5])[::-1]
    assert student_risk(backwards, reasons=given)["reason_1"].fillna("").tolist() == ["", "d", "", "a"]
    categories = given.assign(**{name: given[name].astype("category") for name in ("code_module", "direction", "sentence")})
    pd.testing.assert_frame_equal(student_risk(scored([0.5, 0.5, 0.5, 0.5]), reasons=categories), risk)


def test_what_was_handed_in_comes_from_the_features_of_the_day_and_the_mark_from_the_week():
    rows = scored([0.5, 0.5])
    features = pd.concat([rows, rows.assign(run_date=DAY - pd.Timedelta(days=1))])[KEY]
    features = features.assign(n_assessments_submitted=np.float32([3, 0, 9, 9]))[::-1]
    marks = rows[KEY].tail(1).assign(weekly_score_mean=62.5)
    risk = student_risk(rows, features=features, marks=marks)
    assert risk["cum_submissions"].tolist() == [3, 0]
    assert risk["weekly_score_mean"].fillna(-1).tolist() == [-1, 62.5]


def test_an_enrolment_without_features_or_twice_in_a_frame_is_refused():
    rows = scored([0.5, 0.5])
    features = rows[KEY].assign(n_assessments_submitted=np.float32(0))
    with pytest.raises(ValueError, match="1 scored enrolments have no row in features; make the features of their days"):
        student_risk(rows, features=features.head(1))
    with pytest.raises(ValueError, match="1 rows repeat an enrolment and day"):
        student_risk(rows, features=pd.concat([features, features.head(1)]))


COURSES = pd.DataFrame(
    {
        "code_module": ["AAA", "BBB"],
        "code_presentation": "2014B",
        "start_date": pd.to_datetime(["2014-02-01", "2014-02-03"]),
        "module_presentation_length": [10, 20],
    }
)


def test_a_week_s_mark_is_the_mean_of_what_was_handed_in_in_the_seven_days_before():
    assessments = pd.DataFrame(
        {
            "code_module": ["AAA", "AAA", "BBB", "AAA"],
            "code_presentation": "2014B",
            "id_assessment": [1, 2, 3, 4],
            "assessment_type": ["TMA", "CMA", "TMA", "Exam"],
        }
    )
    columns = ["id_assessment", "id_student", "date_submitted", "is_banked", "score"]
    handed_in = [(1, 7, 10, 0, 80.0), (2, 7, 13, 0, 50.0), (3, 7, 10, 0, 30.0), (4, 7, 12, 0, 0.0), (1, 8, 10, 1, 99.0)]
    handed_in += [(1, 9, 10, 0, None), (2, 8, 16, 0, 0.0)]
    tables = {
        "courses": COURSES,
        "assessments": assessments,
        "student_assessment": pd.DataFrame(handed_in, columns=columns),
    }
    days = pd.to_datetime(["2014-02-11", "2014-02-12", "2014-02-17", "2014-02-18", "2014-02-19"]).as_unit("us")
    marks = week_marks(tables, days)
    assert [(f"{row.run_date:%d}", row.code_module, row.id_student, row.weekly_score_mean) for row in marks.itertuples()] == [
        ("12", "AAA", 7, 80.0),
        ("17", "AAA", 7, 65.0),
        ("17", "BBB", 7, 30.0),
        ("18", "AAA", 7, 65.0),
        ("18", "AAA", 8, 0.0),
        ("18", "BBB", 7, 30.0),
        ("19", "AAA", 7, 50.0),
        ("19", "AAA", 8, 0.0),
        ("19", "BBB", 7, 30.0),
    ]
    assert len(week_marks(tables, days[:1])) == 0


def test_courses_that_are_gone_from_the_source_stay_and_others_take_its_dates():
    first = dim_course(COURSES, DIM_COURSE.empty())
    assert first.astype(str).to_numpy().tolist() == [
        ["AAA-2014B", "AAA", "2014B", "2014-02-01", "2014-02-11"],
        ["BBB-2014B", "BBB", "2014B", "2014-02-03", "2014-02-23"],
    ]
    later = dim_course(COURSES.tail(1).assign(start_date=pd.Timestamp("2014-02-04")), first)
    assert later["course_key"].tolist() == ["AAA-2014B", "BBB-2014B"]
    assert later["end_date"].astype(str).tolist() == ["2014-02-11", "2014-02-24"]


def test_a_course_is_compared_with_the_week_before_over_the_same_students_only():
    before = scored([0.125, 0.5, 0.25, 0.9], day=DAY - pd.Timedelta(days=7)).assign(id_student=[1, 2, 3, 9])
    rows = pd.concat([scored([0.375, 0.25, 0.5, 0.75]), scored([0.5], "BBB")], ignore_index=True)
    summary = course_summary(student_risk(rows, before=before))
    shown = ["student_count", "n_compared", "compared_risk", "compared_risk_7d_ago", "high_risk_rate_change_7d"]
    first, second = summary[shown].to_dict("records")
    assert first == {
        "student_count": 4,
        "n_compared": 3,
        "compared_risk": 0.375,
        "compared_risk_7d_ago": pytest.approx(0.875 / 3),
        "high_risk_rate_change_7d": pytest.approx(1 / 3),
    }
    assert second["n_compared"] == 0
    assert np.isnan([second[name] for name in shown[2:]]).all()


def test_a_score_that_was_exactly_the_threshold_was_not_flagged_whatever_rounding_does():
    scores = [0.1 * step for step in range(1, 10)]
    before = scored([0.3] * 9, day=DAY - pd.Timedelta(days=7))
    summary = course_summary(student_risk(scored(scores), 0.3, before=before), 0.3)
    flagged = sum(score > 0.3 for score in scores)
    assert summary["high_risk_rate_change_7d"].tolist() == [flagged / 9]


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


@pytest.mark.fault("property 17")
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
