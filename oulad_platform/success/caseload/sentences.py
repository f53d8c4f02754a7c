"""The words of a caseload row: why, why now, what to do first. Who is listed is decided in `success.caseload.ranking`.

What to do first follows from the last contact on record, then from the first reason that has a topic (TOPICS):

| last contact since the presentation began | what to do first |
|---|---|
| none | call |
| not reached | the channel that NEXT_CHANNEL names after the one that failed |
| declined | an e-mail, no call |
| reached | follow up on that contact |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core.outreach import DECLINED, NOT_REACHED

NEXT_CHANNEL = {"call": "e-mail", "e-mail": "message", "message": "call", "meeting": "call"}
TOPICS = (
    (r"hand(ed|s) in|assessments due|no mark", "offer help with the work that is due"),
    (r"\bmarks?\b", "go through the marks, and offer help with what was hard"),
    (r"click|visit|\bactive\b|stayed away", "ask what keeps the student from the course"),
    (r"earlier (attempt|module)", "ask what was hard the last time"),
    (r"credits|other modules?\b", "talk about the study load"),
    (r"\bregistered\b", "ask whether the start went well"),
)
STEADY_POINTS = 5  # a smaller change is what scores do from week to week
NO_TOPIC = "ask how the course is going"
SAME = ["code_module", "code_presentation", "model_version"]


def percent(score: float) -> int:
    """A probability as whole percent, halves up as readers round.

    >>> [percent(score) for score in (0.005, 0.125, 0.994)]
    [1, 13, 99]
    """
    return int(np.floor(100 * score + 0.5 + 1e-9))


def points(score: float, change: float) -> int:
    """The change as the difference of the two figures a reader sees.

    >>> points(0.826, 0.122)
    13
    """
    return percent(score) - percent(score - change)


def day_text(day: date) -> str:
    """The day as 2 November 2026."""
    return f"{day.day} {day:%B %Y}"


def reasons_told(row: Mapping[Any, Any]) -> str:
    """reason_1 to reason_3 as sentences, strongest first."""
    reasons = [row[f"reason_{rank}"] for rank in (1, 2, 3) if not pd.isna(row[f"reason_{rank}"])]
    if not reasons:
        return f"{row['model_version']} scored this enrolment and gives no single reason."
    return " ".join(f"{reason[:1].upper()}{reason[1:]}." for reason in reasons)


def why_now(
    row: Mapping[Any, Any],
    reach: float,
    is_new: bool,
    contact: Mapping[Any, Any] | None,
    attempts: int,
    before: pd.Timestamp | None,
    day: date,
) -> str:
    """What changed in the last seven days, and what is known of contacts.

    `reach` is the lowest risk of the module on the adviser's list: who was below it seven days ago, and rose by STEADY_POINTS or
    more, is new there. `contact`: the last since the presentation began; `before`: the day of the last one before that.
    """
    change, contacted = _change(row, reach, is_new), _contact(contact, attempts, before, day)
    if change.startswith("Steady"):
        return f"{change}; {contacted}."
    return f"{change}. {contacted[:1].upper()}{contacted[1:]}."


def _change(row: Mapping[Any, Any], reach: float, is_new: bool) -> str:
    now = percent(row["risk_score"])
    if pd.isna(row["risk_change_7d"]):
        if is_new:
            return f"Newly enrolled: not scored a week ago, {now} % now"
        return f"At {now} %; the same model did not score this presentation a week ago"
    before = row["risk_score"] - row["risk_change_7d"]
    change = points(row["risk_score"], row["risk_change_7d"])
    if abs(change) < STEADY_POINTS:
        return f"Steady at {now} %"
    if before < reach:
        return f"New on the list: {percent(before)} % a week ago, {now} % now"
    return f"Risk {'rose' if change > 0 else 'fell'} by {abs(change)} points in a week, to {now} %"


def _contact(contact: Mapping[Any, Any] | None, attempts: int, before: pd.Timestamp | None, day: date) -> str:
    if contact is None:
        return "not contacted yet" if before is None else f"not contacted since the start, last on {day_text(before)}"
    ago = days_ago(contact["contacted_on"], day)
    if attempts == 1:
        return f"the last attempt, {ago}, got no answer"
    if attempts:
        return f"{attempts} attempts in a row got no answer, the last {ago}"
    return f"{contact['outcome']} {ago}"


def days_ago(then: Any, day: date) -> str:
    """How long ago, as in 1 day ago."""
    days = (pd.Timestamp(day) - then).days
    return f"{days} day{'s' if days > 1 else ''} ago"


def contacts_told(contacts: pd.DataFrame) -> dict[int, int]:
    """By student, how many contacts at the end of the record did not reach. `contacts` is in order of time."""
    newest_first = contacts[["id_student", "outcome"]].iloc[::-1]
    came_to = (newest_first["outcome"] != NOT_REACHED).astype("int64")
    trailing = newest_first[came_to.groupby(newest_first["id_student"]).cumsum() == 0]
    return dict(trailing["id_student"].value_counts())


def newly_enrolled(chosen: pd.DataFrame, risk: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Whether each chosen enrolment was not scored seven days ago while others of its presentation were, by the same model."""
    compared = pd.MultiIndex.from_frame(risk.loc[risk["risk_change_7d"].notna(), SAME].drop_duplicates())
    is_new: npt.NDArray[np.bool_] = chosen["risk_change_7d"].isna().to_numpy() & pd.MultiIndex.from_frame(chosen[SAME]).isin(
        compared
    )
    return is_new


def suggested_action(row: Mapping[Any, Any], contact: Mapping[Any, Any] | None) -> str:
    """What to do first, by the table at the top of this module, and what to speak about."""
    reasons = [row[f"reason_{rank}"] for rank in (1, 2, 3) if not pd.isna(row[f"reason_{rank}"])]
    topics = (offer for reason in reasons for pattern, offer in TOPICS if re.search(pattern, reason))
    return f"{_first_step(contact)}: {next(topics, NO_TOPIC)}."


def _first_step(contact: Mapping[Any, Any] | None) -> str:
    if contact is None:
        return "Call"
    then = contact["contacted_on"]
    before = f"{contact['channel']} of {then.day} {then:%B}"
    if contact["outcome"] == NOT_REACHED:
        return f"Try {_a(NEXT_CHANNEL[contact['channel']])}, as the {before} got no answer"
    if contact["outcome"] == DECLINED:
        return f"E-mail only, no call, as the {before} was declined"
    return f"Follow up on the {before}"


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
