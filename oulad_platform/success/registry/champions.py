"""Which version was in charge on which day, and why: the gates decide when a version is trained, named persons may overrule.

A pure function of the trained versions, their held-out scores, their audits and the decisions people took, so that a rerun
gives the same. What a version must show is in `gates`, taking a decision in `decisions`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import pandas as pd

from oulad_platform.success.model_tables import DECISIONS, MODEL_CHAMPIONS, MODEL_REGISTRY
from oulad_platform.success.modelling.cohorts import RULE, champion_by_day
from oulad_platform.success.modelling.model import CHALLENGER, RiskModel
from oulad_platform.success.registry.gates import Judgement, ScoresOf, judge

GATES = "gates"
PROMOTE, ROLLBACK = DECISIONS
MOST_LETTERS = {"name": 100, "reason": 500}


class DecisionError(ValueError):
    """A person's decision about the model in charge cannot be followed."""


class Change(NamedTuple):
    """From `day` on `version` is in charge instead of `before`; `words` are the person's, empty for the gates."""

    day: date
    version: str
    before: str
    decision: str
    decided_by: str
    words: str


@dataclass(frozen=True)
class Arrival:
    """A version on the first day it may score. A challenger is compared, and promoted by persons only."""

    version: str
    day: date
    is_challenger: bool


def model_registry(
    models: Mapping[str, RiskModel],
    held_out: pd.DataFrame,
    fairness: pd.DataFrame,
    decisions: pd.DataFrame,
    *,
    scores: ScoresOf,
    today: date,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """MODEL_REGISTRY and MODEL_CHAMPIONS of the trained versions.

    `held_out`: HELD_OUT_RISK of the versions; `fairness`: MODEL_FAIRNESS, of which an audit counts that was known when its
    version was trained; `decisions`: MODEL_DECISIONS; `scores`: `gates.scores_of`. `today` only tells who is in charge now.

    On the day a version is trained it is judged against the champion of the day before and, when all gates hold, is in charge
    from that day; a logistic challenger is judged too but waits for a person. Then the decisions of that day follow in the order
    they were taken: a promotion waives the gates; a rollback puts the champion before back, until a newer version passes or a
    person decides. A decision counts no earlier than its version may score. One about a version that is not there any more, and
    the rollback of one that is not in charge, change nothing now, so that a retraining on corrected data stops no run; but what
    was rolled back is in charge again only when a person promotes it. Raises DecisionError for a decision without name or reason.
    """
    judged: dict[str, Judgement] = {}

    def passes(version: str, champion: str) -> bool:
        model = models[version]
        known = fairness[fairness["known_from"].le(pd.Timestamp(model.trained_from))]
        own = held_out[held_out["model_version"].eq(version)]
        audit, before = (known[known["model_version"].eq(name)] for name in (version, champion))
        judged[version] = judge(own, audit, before, champion, scores, model.seed)
        return not judged[version].failed

    arrivals = [Arrival(name, model.trained_from, model.learner.kind == CHALLENGER) for name, model in models.items()]
    changes = line_of_changes(arrivals, decisions, passes)
    champions = _champions(changes, judged)
    rows = [_row(models[name], judged[name], changes, champions, today) for name in sorted(models)]
    return MODEL_REGISTRY.conform(pd.DataFrame(rows, columns=MODEL_REGISTRY.names)), champions


def older_versions(models: Mapping[str, RiskModel]) -> dict[str, list[str]]:
    """For the newest cohort of each version, the versions that might be in charge when it is judged: older ones, not challengers.

    None of them learnt from that cohort.
    """
    leading = [model for model in models.values() if model.learner.kind != CHALLENGER]
    return {
        model.presentations[-1]: [one.version for one in leading if one.trained_from < model.trained_from] for model in leading
    }


def champion_on(champions: pd.DataFrame, day: date) -> str:
    """The version in charge on `day` by MODEL_CHAMPIONS; 'rule' before any."""
    return str(champion_by_day(champions, pd.DatetimeIndex([pd.Timestamp(day)]))[0])


def line_of_changes(arrivals: Iterable[Arrival], decisions: pd.DataFrame, passes: Callable[[str, str], bool]) -> list[Change]:
    """Every change of who is in charge, in order. `passes(version, champion)` is asked once for each arrival, in order."""
    by_day: dict[date, tuple[list[Arrival], list[dict[Hashable, Any]]]] = {}
    trained_from = {}
    for one in sorted(arrivals, key=lambda one: (one.is_challenger, one.version)):
        trained_from[one.version] = one.day
        by_day.setdefault(one.day, ([], []))[0].append(one)
    for taken in decisions[decisions["model_version"].isin(list(trained_from))].sort_values("decided_at").to_dict("records"):
        plain_words("name", taken["decided_by"]), plain_words("reason", taken["reason"])
        day = max(taken["effective_from"].date(), trained_from[taken["model_version"]])
        by_day.setdefault(day, ([], []))[1].append(taken)
    changes, line = [], [RULE]
    for day, (arrived, taken_then) in sorted(by_day.items(), key=lambda entry: entry[0]):
        before = line[-1]
        for one in arrived:
            if passes(one.version, before) and not one.is_challenger:
                changes.append(Change(day, one.version, line[-1], PROMOTE, GATES, ""))
                line.append(one.version)
        for taken in taken_then:
            top, about = line[-1], taken["model_version"]
            if taken["decision"] == PROMOTE and top != about:
                line.append(about)
            elif taken["decision"] == ROLLBACK:
                line = [one for one in line if one != about]
            if line[-1] == top:
                continue
            changes.append(Change(day, line[-1], top, taken["decision"], taken["decided_by"], taken["reason"]))
    return changes


def _champions(changes: list[Change], judged: Mapping[str, Judgement]) -> pd.DataFrame:
    """The last change of each day on which another version was in charge at its end than at its beginning."""
    rows, before = [], RULE
    for change in {change.day: change for change in changes}.values():
        if change.version != before:
            rows.append((change.day, change.version, change.decided_by, _why(change, judged)))
            before = change.version
    return MODEL_CHAMPIONS.conform(pd.DataFrame(rows, columns=MODEL_CHAMPIONS.names))


def _why(change: Change, judged: Mapping[str, Judgement]) -> str:
    if change.decision == ROLLBACK:
        return f"{change.before} was rolled back: {change.words}"
    judgement = judged[change.version]
    if change.decided_by == GATES:
        return f"All gates hold. {judgement.figures}"
    waived = f", who waives the gates that do not hold ({', '.join(judgement.failed)})" if judgement.failed else ""
    return f"Promoted by a person{waived}: {change.words}"


def _row(
    model: RiskModel, judgement: Judgement, changes: list[Change], champions: pd.DataFrame, today: date
) -> dict[str, object]:
    name = model.version
    own = champions[champions["model_version"].eq(name) & champions["champion_from"].le(pd.Timestamp(today))]
    status = "champion" if champion_on(champions, today) == name else "candidate" if own.empty else "retired"
    concerned = [change for change in changes if name in (change.version, change.before)]
    until_now = [change for change in concerned if change.day <= today]
    sentences = [judgement.figures]
    if judgement.failed:
        sentences.append(f"Not promoted by the gates: {'; '.join(judgement.failed.values())}.")
    elif model.learner.kind == CHALLENGER:
        sentences.append("All gates hold, but it is a standing challenger: a person may promote it.")
    else:
        sentences.append("All gates hold.")
    sentences += [_event(change, name) for change in concerned[max(len(until_now) - 1, 0) : len(until_now) + 1]]
    calibration = judgement.calibration
    return {
        "model_version": name,
        "status": status,
        "backend": model.learner.backend,
        "learner": model.learner.kind,
        "trained_from": model.trained_from,
        "presentations": ",".join(model.presentations),
        "n_rows": model.n_rows,
        "n_enrolments": model.n_enrolments,
        "base_rate": model.base_rate,
        "seed": model.seed,
        "data_sha256": model.data_sha256,
        "champion_version": judgement.champion,
        "auc_difference": judgement.difference,
        "difference_low": judgement.low,
        "difference_high": judgement.high,
        "ece": calibration.ece,
        "largest_module_gap": calibration.module_gap,
        "gates_failed": ",".join(judgement.failed),
        "decided_by": until_now[-1].decided_by if until_now else GATES,
        "reason": " ".join(sentences),
        "champion_from": pd.NaT if own.empty else own["champion_from"].min(),
    }


def _event(change: Change, version: str) -> str:
    """What a change did to the version, as a sentence."""
    if change.version == version:
        if change.decision == ROLLBACK:
            return f"In charge again from {change.day}: {change.decided_by} rolled {change.before} back: {change.words}"
        if change.decided_by == GATES:
            return f"In charge from {change.day}."
        return f"Promoted from {change.day} by {change.decided_by}: {change.words}"
    if change.decision == ROLLBACK:
        return f"Rolled back from {change.day} by {change.decided_by}: {change.words}"
    return f"Replaced from {change.day} by {change.version} ({change.decided_by})."


def check_known(version: str, trained: Iterable[str]) -> None:
    """Raises DecisionError where the version is not among the trained ones."""
    if version not in trained:
        listed = ", ".join(sorted(trained)) or "none yet"
        raise DecisionError(f"version {version!r} is not trained (trained: {listed}); materialize risk_model to train more")


def plain_words(what: str, text: str) -> str:
    """A person's `name` or `reason` on one line. Raises DecisionError when it is empty, too long or not a person's."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    if not line:
        raise DecisionError(f"a decision needs the {what} of the person who decides; give one")
    if len(line) > MOST_LETTERS[what]:
        raise DecisionError(f"the {what} has {len(line):,} letters; give at most {MOST_LETTERS[what]}")
    if what == "name" and line.lower() in (GATES, RULE):
        raise DecisionError(f"{line!r} is not a person; give the name of the person who decides")
    return line
