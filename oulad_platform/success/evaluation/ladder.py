"""The leak ladder: the same learner, tested as it should not be, so that a reader sees what figures of .95 are made of.

Each rung breaks one rule of the honest protocol, the last one all of them. Its figures are shown beside the honest ones and used
for nothing else. Every rung is a fresh blend of trees and a linear model on as many rows as the honest one has, uncalibrated.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.success.evaluation.protocol import (
    ENROLMENT,
    EVALUATION_DAYS,
    HEADLINE_DAY,
    NO_RULES,
    Trial,
    together,
    trials,
)
from oulad_platform.success.features.assembly import presentation_features
from oulad_platform.success.modelling.calibration import probability
from oulad_platform.success.modelling.cohorts import labelled
from oulad_platform.success.modelling.learners import fit_blend
from oulad_platform.success.modelling.model import CHALLENGER, RiskModel
from oulad_platform.success.presentation import elsewhere, presentations

HONEST, RANDOM_SPLIT, ROW_SPLIT = "ladder_honest", "ladder_random_split", "ladder_row_split"
WITHDRAWN_KEPT, END_OF_COURSE, ALL_LEAKS = "ladder_withdrawn_kept", "ladder_end_of_course", "ladder_all_leaks"
RUNGS = {
    HONEST: "trained on earlier cohorts, tested on a later one, live students only, features of the day",
    RANDOM_SPLIT: "enrolments of all these cohorts mixed, seven tenths learnt from, the others tested",
    ROW_SPLIT: "rows mixed, so that other days of a tested enrolment, with its outcome, are learnt from",
    WITHDRAWN_KEPT: "students who had already left are kept, in training and in the test",
    END_OF_COURSE: "features as of the last day of the course instead of the day of the score",
    ALL_LEAKS: "enrolments mixed, students who had left kept, features of the last day",
}
LEARNT_FROM = 0.7
Flags = npt.NDArray[np.bool_]


def ladder_risk(
    panel: Mapping[str, pd.DataFrame],
    models: Mapping[str, RiskModel],
    tables: Mapping[str, pd.DataFrame],
    clicks_parts: Mapping[str, pd.DataFrame],
    seed: int,
    days: Collection[int] = EVALUATION_DAYS,
) -> pd.DataFrame:
    """The risk of every rung of RUNGS on the newest tested cohort and the day nearest HEADLINE_DAY, as protocol.TESTED_RISK.

    `panel` holds the parts of the table `training_panel`, `tables` and `clicks_parts` the raw tables as for
    `presentation.presentations`. Learnt from are rows of `days` of the cohorts that the newest tested model learnt from; where
    two models were tested on that cohort, of the one with more. Known once every outcome used is. No row where no cohort can be
    tested.
    """
    rows = pd.concat([part[part["day"].isin(days)] for part in panel.values()], ignore_index=True) if panel else pd.DataFrame()
    trial = None if rows.empty else _newest(models, tables["courses"], set(rows["code_presentation"]))
    if trial is None:
        return together([])
    cohorts = [*trial.model.presentations, trial.tested_cohort]
    rows = rows[rows["code_presentation"].isin(cohorts)].reset_index(drop=True)
    at = min(rows["day"].unique(), key=lambda day: (abs(int(day) - HEADLINE_DAY), day))
    everyone, at_the_end = _leaking(tables, clicks_parts, cohorts, days, at)
    live = pd.MultiIndex.from_frame(rows.loc[rows["day"] == at, ENROLMENT])
    live_at_the_end = at_the_end[pd.MultiIndex.from_frame(at_the_end[ENROLMENT]).isin(live)].reset_index(drop=True)
    features, tested = list(trial.model.features), trial.tested_cohort
    n_learnt = int(rows["code_presentation"].ne(tested).sum())
    rungs: dict[str, tuple[pd.DataFrame, Flags]] = {
        HONEST: (rows, rows["code_presentation"].ne(tested).to_numpy()),
        RANDOM_SPLIT: (rows, _drawn(rows[ENROLMENT], seed)),
        ROW_SPLIT: (rows, _drawn(rows[[*ENROLMENT, "day"]], seed)),
        WITHDRAWN_KEPT: (everyone, everyone["code_presentation"].ne(tested).to_numpy()),
        END_OF_COURSE: (live_at_the_end, live_at_the_end["code_presentation"].ne(tested).to_numpy()),
        ALL_LEAKS: (at_the_end, _drawn(at_the_end[ENROLMENT], seed)),
    }
    known_from = max(rows["known_from"].max(), pd.Timestamp(trial.model.trained_from))
    found = []
    for rung, (of_rung, learn) in rungs.items():
        learnt = of_rung[learn]
        learnt = learnt.sample(min(n_learnt, len(learnt)), random_state=seed).sort_index()
        test = of_rung[of_rung["code_presentation"].eq(tested).to_numpy() & of_rung["day"].eq(at).to_numpy() & ~learn]
        if learnt["label"].nunique() == 2 and not test.empty:
            risk = _risk(learnt, test, features, seed)
            names = {"model_version": trial.model.version, "evaluation": rung, "tested_cohort": tested}
            found.append(test.assign(**names, risk_score=risk, known_from=known_from, **NO_RULES))
    return together(found)


def _newest(models: Mapping[str, RiskModel], courses: pd.DataFrame, codes: Collection[str]) -> Trial | None:
    """The trial of the cohort that began last, the challenger's aside, with the most cohorts to learn from."""
    began = courses.groupby("code_presentation")["start_date"].min()
    leading = [model for model in models.values() if model.learner.kind != CHALLENGER]
    planned = [trial for trial in trials(leading, courses, sorted(codes)) if set(trial.model.presentations) <= set(codes)]
    return max(planned, key=lambda trial: (began[trial.tested_cohort], len(trial.model.presentations)), default=None)


def _leaking(
    tables: Mapping[str, pd.DataFrame],
    clicks_parts: Mapping[str, pd.DataFrame],
    cohorts: Collection[str],
    days: Collection[int],
    at: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the cohorts with features and label, those who had left too: of `days`; and, called day `at`, of the last day."""
    courses = tables["courses"]
    wanted = {**tables, "courses": courses[courses["code_presentation"].isin(cohorts)]}
    others, everyone, at_the_end = elsewhere(tables), [], []
    for one in presentations(wanted, clicks_parts):
        rows = labelled(one, presentation_features(one, [*days, one.length], others, everyone=True))
        everyone.append(rows[rows["day"].isin(days)])
        at_the_end.append(rows[rows["day"] == one.length].assign(day=at))
    return pd.concat(everyone, ignore_index=True), pd.concat(at_the_end, ignore_index=True)


def _drawn(keys: pd.DataFrame, seed: int) -> Flags:
    """Whether a row is learnt from, by a hash of its key."""
    hashed = pd.util.hash_pandas_object(keys, index=False, hash_key=f"{seed:016d}"[-16:], categorize=False)
    return (hashed % 1000 < 1000 * LEARNT_FROM).to_numpy()


def _risk(learnt: pd.DataFrame, test: pd.DataFrame, features: list[str], seed: int) -> npt.NDArray[np.float64]:
    used = [name for name in features if learnt[name].notna().any()]
    values = learnt[used].to_numpy("float64")
    learner = fit_blend(values, learnt["label"].to_numpy("int64"), seed, names=used)
    return probability(learner.margin(test[used].to_numpy("float64")))
