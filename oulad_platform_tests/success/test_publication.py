"""Counts by course and fairness by group that leave: what is withheld, rounded, or left out with what leads to it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.privacy import Disclosure
from oulad_platform.success.oversight.tables import MODEL_FAIRNESS
from oulad_platform.success.publication import COURSE, course_summary_published, fairness_published
from oulad_platform.success.tables import COURSE_SUMMARY_DAILY

DAY = pd.Timestamp("2014-05-20")
HESA = Disclosure(rounding="hesa")
NOBODY = pd.DataFrame(columns=COURSE)


def summary(*courses: tuple[str, int, int, int]) -> pd.DataFrame:
    """Module, enrolments scored, of these at high risk, and of these compared with a week ago."""
    frame = pd.DataFrame(courses, columns=["code_module", "student_count", "n_high_risk", "n_compared"])
    frame["high_risk_rate"] = frame["n_high_risk"] / frame["student_count"]
    figures = {"avg_risk_score": 0.25, "compared_risk": 0.25, "compared_risk_7d_ago": 0.5, "high_risk_rate_change_7d": 0.0625}
    same = {"run_date": DAY, "code_presentation": "2014B", "week": 3, "model_version": "2013J"}
    return COURSE_SUMMARY_DAILY.conform(frame.assign(**figures, **same))


def told(frame: pd.DataFrame, *columns: str) -> dict[str, list[float | None]]:
    values = frame.set_index("code_module")[list(columns)].astype("object")
    return {str(name): row.where(row.notna(), None).tolist() for name, row in values.iterrows()}


def test_a_course_of_few_goes_with_its_means_and_takes_the_next_one_along() -> None:
    shown = course_summary_published(summary(("A", 7, 2, 7), ("B", 60, 20, 60), ("C", 90, 40, 90)), NOBODY, Disclosure())
    assert told(shown, "student_count", "n_high_risk", "high_risk_rate", "avg_risk_score", "compared_risk") == {
        "A": [None, None, None, None, None],
        "B": [None, None, None, None, None],
        "C": [90, 40, pytest.approx(4 / 9), 0.25, 0.25],
    }


def test_few_at_high_risk_leave_the_size_and_the_mean_of_their_course() -> None:
    shown = course_summary_published(summary(("A", 50, 3, 50), ("B", 60, 20, 5), ("C", 90, 40, 90)), NOBODY, Disclosure())
    columns = ("student_count", "n_high_risk", "high_risk_rate", "avg_risk_score", "compared_risk", "high_risk_rate_change_7d")
    assert told(shown, *columns) == {
        "A": [50, None, None, 0.25, 0.25, None],
        "B": [60, None, None, 0.25, None, None],
        "C": [90, 40, pytest.approx(4 / 9), 0.25, 0.25, 0.06],
    }


def test_a_course_withheld_among_the_enrolments_is_withheld_here() -> None:
    hidden = pd.DataFrame({"run_date": [DAY], "code_module": ["B"], "code_presentation": ["2014B"]})
    courses = summary(("A", 50, 20, 50), ("B", 60, 20, 60), ("C", 90, 40, 90))
    shown = told(course_summary_published(courses, hidden, Disclosure()), "student_count")
    assert shown == {"A": [None], "B": [None], "C": [90]}
    assert told(course_summary_published(courses, NOBODY, Disclosure()), "student_count") == {"A": [50], "B": [60], "C": [90]}


def test_rounded_counts_withhold_shares_of_few_and_means_of_fewer() -> None:
    shown = course_summary_published(summary(("A", 7, 2, 7), ("B", 22, 13, 22), ("C", 23, 3, 23)), NOBODY, HESA)
    columns = ("student_count", "n_high_risk", "high_risk_rate", "avg_risk_score", "high_risk_rate_change_7d")
    assert told(shown, *columns) == {
        "A": [5, 0, None, None, None],
        "B": [20, 15, None, 0.25, None],
        "C": [25, 5, 0.2, 0.25, 0.06],
    }


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 60), st.floats(0, 1)), min_size=1, max_size=6))
def test_no_withheld_course_is_the_total_less_those_told(sizes: list[tuple[int, float]]) -> None:
    courses = [(f"M{at}", n, int(n * share), n) for at, (n, share) in enumerate(sizes)]
    shown = course_summary_published(summary(*courses), NOBODY, Disclosure())
    for column in ("student_count", "n_high_risk"):
        hidden = shown[column].isna().to_numpy()
        truth = np.array([course[1 if column == "student_count" else 2] for course in courses])
        assert (truth[~hidden] >= 10).all()
        assert hidden.sum() != 1 or truth.sum() < 10 or len(courses) == 1
    assert (shown["high_risk_rate"].isna() == shown["n_high_risk"].isna() | shown["student_count"].isna()).all()


def fairness(*groups: tuple[str, str, int, int]) -> pd.DataFrame:
    frame = pd.DataFrame(groups, columns=["attribute", "group_name", "n_students", "n_positive"])
    same = {"model_version": "2013J", "evaluation": "next_cohort", "tested_cohort": "2014B", "day": 60, "measure": "tpr_gap"}
    frame = frame.assign(**same, reference_group="everybody else", value=0.125, known_from=DAY)
    return MODEL_FAIRNESS.conform(frame.assign(**dict.fromkeys(("low", "high", "p_value", "p_value_holm"), np.nan)))


AUDIT = fairness(
    *(("gender", "F", 100, 9), ("gender", "M", 100, 50)),
    *(("age_band", "0-35", 100, 50), ("age_band", "35-55", 60, 30), ("age_band", "55<=", 22, 11)),
)


def test_of_two_groups_neither_is_told_when_one_has_few() -> None:
    shown = fairness_published(AUDIT, Disclosure())
    assert shown["group_name"].tolist() == ["0-35", "35-55", "55<="]
    assert not {"n_students", "n_positive"} & set(shown.columns)


def test_where_counts_are_rounded_a_group_needs_23_on_both_sides() -> None:
    assert fairness_published(AUDIT, HESA)["group_name"].tolist() == ["0-35"]
    assert fairness_published(AUDIT[:0], HESA).empty
