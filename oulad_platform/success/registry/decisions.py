"""Taking a decision about the model in charge, and telling who is: what `oulad promote`, `rollback` and `models` need.

Pure: the row to append is checked and returned here. What follows from it is computed in `champions`.
"""

from __future__ import annotations

from datetime import date, datetime

import pandas as pd

from oulad_platform.core.reports import ABSENT, date_text
from oulad_platform.success.model_tables import DECISIONS, MODEL_DECISIONS
from oulad_platform.success.modelling.cohorts import RULE
from oulad_platform.success.modelling.model import CHALLENGER
from oulad_platform.success.registry.champions import (
    PROMOTE,
    ROLLBACK,
    Arrival,
    DecisionError,
    champion_on,
    check_known,
    line_of_changes,
    plain_words,
)
from oulad_platform.success.registry.gates import in_words


def decide(
    registry: pd.DataFrame,
    decisions: pd.DataFrame,
    decision: str,
    version: str,
    effective_from: date,
    by: str,
    reason: str,
    *,
    at: datetime,
    today: date,
) -> pd.DataFrame:
    """One row of MODEL_DECISIONS to append: 'promote' `version` from a day on, or 'rollback' it.

    `registry`: MODEL_REGISTRY as stored; `decisions`: all taken so far, also those the registry does not know yet. `at` is the
    time of the decision (with a zone), `today` the platform's day: what was scored before stays as it was scored. Raises
    DecisionError naming the next step: an unknown version, one that may not score yet on that day, one that is already in charge
    (promote) or is not (rollback), a day that has passed, no name, no reason.
    """
    if decision not in DECISIONS:
        raise DecisionError(f"decision {decision!r} is not one of {', '.join(DECISIONS)}")
    if at.tzinfo is None:
        raise DecisionError("the time of a decision has no time zone; give a time in UTC")
    if effective_from < today:
        raise DecisionError(f"{effective_from} has passed, and its scores stay as they were; give {today} or a later day")
    by, reason = plain_words("name", by), plain_words("reason", reason)
    taken_at = pd.Timestamp(at).tz_convert("UTC").tz_localize(None)
    if decisions["decided_at"].eq(taken_at).any():
        raise DecisionError(f"another decision was taken at {taken_at} UTC; list the models and decide again")
    trained_from = dict(zip(registry["model_version"], registry["trained_from"].dt.date, strict=True))
    check_known(version, trained_from)
    if effective_from < trained_from[version]:
        raise DecisionError(
            f"version {version} may not score before {trained_from[version]}: outcomes it learnt from were not known on "
            f"{effective_from}; give {trained_from[version]} or a later day"
        )
    champion = _in_charge(registry, decisions, effective_from)
    if decision == PROMOTE and champion == version:
        raise DecisionError(f"version {version} is in charge on {effective_from} already; nothing to decide")
    if decision == ROLLBACK and champion != version:
        raise DecisionError(
            f"version {version} is not in charge on {effective_from}, {in_words(champion)} is; "
            "give the version that is, or the day it is"
        )
    row = (taken_at, decision, version, effective_from, by, reason)
    return MODEL_DECISIONS.conform(pd.DataFrame([row], columns=MODEL_DECISIONS.names))


def models_listed(registry: pd.DataFrame) -> pd.DataFrame:
    """MODEL_REGISTRY as texts for a terminal, newest version first, with names a person reads."""
    newest = registry.sort_values(["trained_from", "model_version"], ascending=[False, True], ignore_index=True)

    def number(column: str, form: str = ".3f") -> pd.Series:
        return newest[column].map(lambda value: ABSENT if pd.isna(value) else format(value, form)).astype("str")

    interval = number("difference_low", "+.3f") + " to " + number("difference_high", "+.3f")
    difference = number("auc_difference", "+.3f") + (" (" + interval + ")").where(newest["difference_low"].notna(), "")
    return pd.DataFrame(
        {
            "Version": newest["model_version"],
            "Status": newest["status"],
            "In charge from": newest["champion_from"].dt.strftime("%Y-%m-%d").fillna(ABSENT),
            "Learner": newest["learner"].str.replace("_", " "),
            "Usable from": newest["trained_from"].dt.strftime("%Y-%m-%d"),
            "Learnt from": newest["presentations"].str.replace(",", ", "),
            "AUC against": difference + " " + newest["champion_version"],
            "ECE": number("ece"),
            "Module gap": number("largest_module_gap"),
            "Gates failed": newest["gates_failed"].str.replace(",", ", ").replace("", "none"),
            "Decided by": newest["decided_by"],
            "Why": newest["reason"],
        }
    ).astype("str")


def in_charge(champions: pd.DataFrame, today: date) -> str:
    """Who is in charge today, since when and by whom, as a sentence, and who will be where that is decided already."""
    ordered = champions.sort_values("champion_from")
    is_ahead = ordered["champion_from"] > pd.Timestamp(today)
    until, ahead = ordered[~is_ahead], ordered[is_ahead]
    sentence = f"In charge on {today}: {in_words(champion_on(champions, today))}"
    if not until.empty:
        newest = until.iloc[-1]
        sentence += f", since {date_text(newest['champion_from'])}, decided by {newest['decided_by']}"
    later = (
        f" From {date_text(row['champion_from'])}: {in_words(row['model_version'])}, decided by {row['decided_by']}."
        for row in ahead.to_dict("records")
    )
    return "".join([f"{sentence}.", *later])


def _in_charge(registry: pd.DataFrame, decisions: pd.DataFrame, day: date) -> str:
    """Who is in charge on a day by all decisions, also those the stored registry does not know yet."""
    arrivals = [
        Arrival(row["model_version"], row["trained_from"].date(), row["learner"] == CHALLENGER)
        for row in registry.to_dict("records")
    ]
    failed = dict(zip(registry["model_version"], registry["gates_failed"], strict=True))
    changes = line_of_changes(arrivals, decisions, lambda version, _: not failed[version])
    return next((change.version for change in reversed(changes) if change.day <= day), RULE)
