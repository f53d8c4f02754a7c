"""The words of a caseload row: why now, and what to do first."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from oulad_platform.success.caseload.ranking import CaseloadRules, caseload
from oulad_platform.success.caseload.sentences import NO_TOPIC, TOPICS
from oulad_platform.success.features.catalogue import CATALOGUE
from oulad_platform_tests.success.caseload.lists import DAY, advisers, contacts_by, risks

NONE: list[tuple[int, int, str, str]] = []


def row(
    score: float = 0.82, change: float | None = None, made: list[tuple[int, int, str, str]] = NONE, **given: object
) -> pd.Series:
    """Student 1 of AAA on the list of the day; student 2, at 0.48 and compared, is not flagged."""
    others = risks((2, "AAA", 0.48), risk_change_7d=0.0)
    one = risks((1, "AAA", score), risk_change_7d=float("nan") if change is None else change, **given)
    risk = pd.concat([others, one], ignore_index=True)
    return caseload(risk, advisers(), contacts_by(made), (), DAY, CaseloadRules()).iloc[0]


@pytest.mark.parametrize(
    ("score", "change", "told"),
    [
        (0.67, 0.19, "New on the list: 48 % a week ago, 67 % now. Not contacted yet."),
        (0.82, 0.04, "Steady at 82 %; not contacted yet."),
        (0.82, -0.04, "Steady at 82 %; not contacted yet."),
        (0.82, 0.0, "Steady at 82 %; not contacted yet."),
        (0.82, -0.1, "Risk fell by 10 points in a week, to 82 %. Not contacted yet."),
        (0.826, 0.122, "New on the list: 70 % a week ago, 83 % now. Not contacted yet."),
        (0.82, None, "Newly enrolled: not scored a week ago, 82 % now. Not contacted yet."),
    ],
)
def test_why_now_tells_what_changed_in_a_week(score: float, change: float | None, told: str) -> None:
    assert row(score, change)["why_now"] == told


def test_a_rise_of_somebody_who_was_within_the_advisers_reach_before_is_no_new_name() -> None:
    risk = risks((1, "AAA", 0.8), (2, "AAA", 0.6), (3, "BBB", 0.55), risk_change_7d=[0.12, 0.0, 0.0])
    who = advisers(("Ada", "all", 3))
    assert caseload(risk, who, contacts_by(NONE), (), DAY, CaseloadRules())["why_now"].iloc[0] == (
        "Risk rose by 12 points in a week, to 80 %. Not contacted yet."
    )
    # with room for one student of each module, 68 % was not enough a week ago
    who = advisers(("Ada", "all", 2))
    assert caseload(risk, who, contacts_by(NONE), (), DAY, CaseloadRules())["why_now"].tolist() == [
        "New on the list: 68 % a week ago, 80 % now. Not contacted yet.",
        "Steady at 55 %; not contacted yet.",
    ]


def test_where_nobody_of_the_presentation_was_compared_nothing_is_said_of_enrolling() -> None:
    risk = risks((1, "AAA", 0.82), (2, "AAA", 0.48))
    made = caseload(risk, advisers(), contacts_by(NONE), (), DAY, CaseloadRules())
    assert made["why_now"].tolist() == ["At 82 %; the same model did not score this presentation a week ago. Not contacted yet."]


@pytest.mark.parametrize(
    ("made", "told", "first_step"),
    [
        ([], "not contacted yet", "Call"),
        (
            [(1, 20, "reached", "call")],
            "reached 20 days ago",
            "Follow up on the call of 3 November",
        ),
        (
            [(1, 21, "declined", "meeting")],
            "declined 21 days ago",
            "E-mail only, no call, as the meeting of 2 November was declined",
        ),
        (
            [(1, 1, "not reached", "call")],
            "the last attempt, 1 day ago, got no answer",
            "Try an e-mail, as the call of 22 November got no answer",
        ),
        (
            [(1, 40, "reached", "call"), (1, 9, "not reached", "e-mail"), (1, 2, "not reached", "message")],
            "2 attempts in a row got no answer, the last 2 days ago",
            "Try a call, as the message of 21 November got no answer",
        ),
    ],
)
def test_what_is_known_of_contacts_decides_the_first_step(
    made: list[tuple[int, int, str, str]], told: str, first_step: str
) -> None:
    got = row(change=0.0, made=made)
    assert got["why_now"] == f"Steady at 82 %; {told}."
    assert got["suggested_action"] == f"{first_step}: ask how the course is going."


def test_another_students_contacts_say_nothing() -> None:
    assert row(made=[(2, 3, "reached", "call"), (3, 3, "not reached", "call")])["last_contact"] is pd.NaT


def test_the_first_reason_with_a_topic_decides_what_to_speak_about_and_all_stand_as_sentences() -> None:
    got = row(
        reason_1="place 3% in AAA", reason_2="mean mark of 41 so far; usual in AAA is 72", reason_3="never visited the course"
    )
    assert got["why"] == "Place 3% in AAA. Mean mark of 41 so far; usual in AAA is 72. Never visited the course."
    assert got["suggested_action"] == "Call: go through the marks, and offer help with what was hard."


def test_a_score_without_reasons_says_so() -> None:
    assert row(model_version="rule")["why"] == "rule scored this enrolment and gives no single reason."


@pytest.mark.parametrize(
    ("theme", "topic"),
    [
        ("missed work", "offer help with the work that is due"),
        ("last submission", "offer help with the work that is due"),
        ("punctuality", "offer help with the work that is due"),
        ("change of marks", "go through the marks, and offer help with what was hard"),
        ("activity", "ask what keeps the student from the course"),
        ("regularity", "ask what keeps the student from the course"),
        ("earlier attempts", "ask what was hard the last time"),
        ("study load", "talk about the study load"),
        ("registration", "ask whether the start went well"),
    ],
)
def test_the_sentences_of_each_theme_of_the_catalogue_lead_to_its_topic(theme: str, topic: str) -> None:
    of_theme = [feature for feature in CATALOGUE if feature.theme == theme and feature.told and not feature.protected]
    sentences = [text for feature in of_theme for text in (feature.sentence, feature.below) if text]
    assert sentences
    found = {next((offer for pattern, offer in TOPICS if re.search(pattern, text)), text) for text in sentences}
    assert found <= {topic}


def test_every_told_sentence_of_the_catalogue_has_a_topic() -> None:
    told = [feature for feature in CATALOGUE if feature.told and not feature.protected]
    sentences = [text for feature in told for text in (feature.sentence, feature.below, feature.absent) if text]
    assert [text for text in sentences if not any(re.search(pattern, text) for pattern, _ in TOPICS)] == []
    assert NO_TOPIC


def test_a_contact_before_the_presentation_began_is_the_last_contact_and_decides_nothing_now() -> None:
    got = row(change=0.0, made=[(1, 57, "not reached", "call")])
    assert got["last_contact"] == pd.Timestamp(2026, 9, 27)
    assert got["why_now"] == "Steady at 82 %; not contacted since the start, last on 27 September 2026."
    assert got["suggested_action"] == "Call: ask how the course is going."
    assert row(made=[(1, 56, "not reached", "call")])["suggested_action"].startswith("Try an e-mail")


def test_attempts_before_the_presentation_began_are_not_counted() -> None:
    got = row(change=0.0, made=[(1, 200, "not reached", "call"), (1, 9, "not reached", "e-mail")])
    assert got["why_now"] == "Steady at 82 %; the last attempt, 9 days ago, got no answer."
