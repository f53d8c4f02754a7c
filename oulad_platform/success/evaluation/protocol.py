"""Which model is tested on which cohort: the protocols, and the risk that each model gives to enrolments it has not learnt from.

Fits no model but the one of the weekly split. How good the risks are is counted in `tabulation`; figures too good to be true
are made in `ladder`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from oulad_platform.core.calendar import DAYS_PER_WEEK
from oulad_platform.success.evaluation.rules import RULES
from oulad_platform.success.features.catalogue import CATALOGUE
from oulad_platform.success.modelling.cohorts import Version, version_for
from oulad_platform.success.modelling.model import CHALLENGER, RiskModel, fit, predict, shortfall
from oulad_platform.success.tables import ALL

EVALUATION_DAYS = (14, 28, 42, 56, 84)
HEADLINE_DAY = 28
SPLIT_EVERY_WEEKS = 4
NEXT_COHORT, EARLIER_COHORTS, SPLIT_WEEK = "next_cohort", "earlier_cohorts", "split_week"
PROTOCOLS = {
    NEXT_COHORT: "trained on presentations that had closed before the tested one began, the model's first sight of it",
    EARLIER_COHORTS: "trained on presentations that began before the tested one, as published studies do; "
    "some of their results were not yet known when it began",
    SPLIT_WEEK: "trained on earlier weeks of one half of the students, tested on later weeks of the other half",
}
TRIAL = ["evaluation", "tested_cohort", "model_version"]
ENROLMENT = ["code_module", "code_presentation", "id_student"]
TESTED_RISK = {
    "model_version": "str",
    "evaluation": "str",
    "tested_cohort": "str",
    "code_module": "str",
    "code_presentation": "str",
    "id_student": "int32",
    "day": "int16",
    "label": "int8",
    "risk_score": "float64",
    "known_from": "datetime64[us]",
    **dict.fromkeys(RULES, "bool"),
}
NO_RULES = dict.fromkeys(RULES, False)


@dataclass(frozen=True)
class Trial:
    """One model on one cohort, under one protocol."""

    evaluation: str
    tested_cohort: str
    model: RiskModel


def trials(models: Collection[RiskModel], courses: pd.DataFrame, codes: Collection[str]) -> Iterator[Trial]:
    """Every test that can be made on the closed presentation codes, for each kind of learner (the challenger has its own).

    next_cohort uses the newest model whose cohorts had all closed before the tested one began; earlier_cohorts the newest one
    whose cohorts had all begun before, where that is another model.
    """
    began = courses.groupby("code_presentation")["start_date"].min()
    for kind in dict.fromkeys(model.learner.kind for model in models):
        of_kind = [model for model in models if model.learner.kind == kind]
        for code in codes:
            strict = version_for(began[code].date(), of_kind)
            if strict:
                yield Trial(NEXT_COHORT, code, strict)
            earlier = [model for model in of_kind if began[list(model.presentations)].max() < began[code]]
            newest = max(earlier, key=lambda model: model.trained_from, default=None)
            if newest and newest is not strict:
                yield Trial(EARLIER_COHORTS, code, newest)


def trial_risk(
    panel: Mapping[str, pd.DataFrame],
    models: Mapping[str, RiskModel],
    courses: pd.DataFrame,
    days: Collection[int] = EVALUATION_DAYS,
) -> pd.DataFrame:
    """The risk of every trial: one row per model, protocol, tested enrolment and day, in the columns of TESTED_RISK.

    `panel` holds the parts of the table `training_panel`; cohorts are tested on those of its days that are in `days`. A row is
    known once the outcome is and those the model learnt from are. The columns named after RULES say whom each rule would contact.
    No row where nothing can be tested.
    """
    planned = list(trials(list(models.values()), courses, sorted(courses["code_presentation"].unique())))
    found = []
    for part in panel.values():
        rows = part[part["day"].isin(days)]
        found += [
            scored(own, trial.evaluation, trial.tested_cohort, trial.model)
            for trial in planned
            if not (own := rows[rows["code_presentation"] == trial.tested_cohort]).empty
        ]
    return together(found)


def split_risk(
    panel: Mapping[str, pd.DataFrame],
    models: Mapping[str, RiskModel],
    split_week: int,
    seed: int,
    days: Collection[int] = EVALUATION_DAYS,
) -> pd.DataFrame:
    """The split by week, in the columns of TESTED_RISK: trained before `split_week`, tested from it on.

    Tested on `days` and every SPLIT_EVERY_WEEKS weeks. A student is in one half only, chosen by a hash of the identifier, since
    the same enrolment on both sides would leak its own label. Week = day // 7. Known once the whole panel is. No row when a side
    has too little.
    """
    newest = newest_model(models)
    if newest is None:
        return together([])
    train, test = [], []
    for part in panel.values():
        week = part["day"].to_numpy() // DAYS_PER_WEEK
        half = pd.util.hash_array(part["id_student"].to_numpy("int64")) % 2 == 0
        shown = part["day"].isin(days).to_numpy() | ((week - split_week) % SPLIT_EVERY_WEEKS == 0)
        train.append(part[half & (week < split_week)])
        test.append(part[~half & (week >= split_week) & shown])
    rows, unseen = pd.concat(train, ignore_index=True), pd.concat(test, ignore_index=True)
    version = Version(f"{SPLIT_WEEK}_{split_week}", newest.trained_from, newest.presentations)
    if unseen.empty or shortfall(rows, version):
        return together([])
    protected = any(feature.protected for feature in CATALOGUE if feature.name in newest.features)
    learner = newest.learner
    model, _ = fit(rows, version, kind=learner.kind, backend=learner.backend, seed=seed, protected=protected)
    known_from = max(rows["known_from"].max(), unseen["known_from"].max())
    return together([scored(unseen.assign(known_from=known_from), SPLIT_WEEK, ALL, model)])


def scored(rows: pd.DataFrame, evaluation: str, tested_cohort: str, model: RiskModel) -> pd.DataFrame:
    """Rows of a `training_panel` as TESTED_RISK, with the risk that the model gives them."""
    known, learnt = rows["known_from"], pd.Timestamp(model.trained_from)
    return rows[[*ENROLMENT, "day", "label"]].assign(
        model_version=model.version,
        evaluation=evaluation,
        tested_cohort=tested_cohort,
        risk_score=predict(model, rows),
        known_from=known.where(known >= learnt, learnt),
        **{name: flags(rows) for name, flags in RULES.items()},
    )


def together(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The frames below each other in the columns of TESTED_RISK, by model, protocol, cohort, day and enrolment."""
    found = [pd.DataFrame(columns=list(TESTED_RISK)).astype(TESTED_RISK), *frames]
    rows = pd.concat([frame[list(TESTED_RISK)].astype(TESTED_RISK) for frame in found], ignore_index=True)
    return rows.sort_values([*TRIAL, "day", *ENROLMENT], kind="stable", ignore_index=True)


def newest_model(models: Mapping[str, RiskModel]) -> RiskModel | None:
    """The newest model that is not the standing challenger; None when there is none."""
    candidates = [model for model in models.values() if model.learner.kind != CHALLENGER]
    return max(candidates, key=lambda model: model.trained_from, default=None)
