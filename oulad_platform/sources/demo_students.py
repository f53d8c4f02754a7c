"""How the invented people fare: who enrols, who leaves and when, who passes, what is handed in.

Every presentation is drawn whole, from its first registration to its results, with a generator of its own; what can be
seen of it on a day is cut in `demo`. Days are offsets from the presentation's start.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.sources.demo_plan import MASS_WITHDRAWAL_SHARE, SITES_OPEN, DemoPresentation

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

SILENT_DAYS = 10
NEVER = 9_999.0
TRIAL_EFFECT_POINTS = 6.0
FALL_EXTRA_FAIL_SHARE = 0.08
REPEAT_SHARE, CONTINUE_SHARE, SECOND_MODULE_SHARE = 0.15, 0.06, 0.04
LEAVE_BEFORE_START_SHARE, LEAVE_UNRECORDED_SHARE, UNKNOWN_REGISTRATION_SHARE = 0.10, 0.03, 0.006
DISTINCTION_SHARE, MISSING_SCORE_SHARE = 0.15, 0.006
PASSED = ("Pass", "Distinction")


def sigmoid(logit: npt.ArrayLike) -> Floats:
    return 1 / (1 + np.exp(-np.asarray(logit, dtype="float64")))


def enrolments(plan: Sequence[DemoPresentation], people: pd.DataFrame, seed: int) -> pd.DataFrame:
    """One row per enrolment, hidden truth included, presentations in the plan's order.

    Columns: code_module, code_presentation, id_student, num_of_prev_attempts, studied_credits; `registered` (the real
    day) and `registration_recorded`; `leaves` (day or NaN) and `leaving_recorded`; `silent_from` and `fades_from` (first
    day without any click or work, first day with less of it; NEVER if there is none); `engagement`, `ability`,
    `never_clicks`, `contacted`; `final_result`. People are taken in order; `people` must hold one for each enrolment.
    """
    history: list[pd.DataFrame] = []
    n_taken = 0
    for presentation in plan:
        rng = presentation.rng(seed, purpose=1)
        known = _known_students(presentation, history, rng)
        newcomers = people["id_student"].to_numpy()[n_taken : n_taken + presentation.module.size - len(known)]
        n_taken += len(newcomers)
        fresh = pd.DataFrame({"id_student": newcomers, "num_of_prev_attempts": 0, "is_known": False})
        members = pd.concat([known, fresh], ignore_index=True)
        history.append(_fare(presentation, members, people, rng))
    return pd.concat(history, ignore_index=True)


def _known_students(presentation: DemoPresentation, history: list[pd.DataFrame], rng: np.random.Generator) -> pd.DataFrame:
    """Students met before who enrol here: repeaters, those who go on after passing, and second modules of the same term.

    Repeaters and those who go on have seen last term's results: only the term before this one supplies them.
    """
    if not history:
        return pd.DataFrame({"id_student": [], "num_of_prev_attempts": [], "is_known": []}).astype(
            {"id_student": "int32", "num_of_prev_attempts": "int64", "is_known": "bool"}
        )
    past = pd.concat(history, ignore_index=True)
    is_here = past["code_module"] == presentation.module.code
    is_last_term = past["term"] == presentation.term - 1
    has_passed = past["final_result"].isin(PASSED)
    draw = rng.random(len(past))
    repeats = is_last_term & is_here & ~has_passed & (draw < REPEAT_SHARE)
    goes_on = is_last_term & ~is_here & has_passed & (draw < CONTINUE_SHARE)
    second = (past["term"] == presentation.term) & ~past["is_known"] & (draw < SECOND_MODULE_SHARE)
    chosen = past[repeats | ((goes_on | second) & ~past["id_student"].isin(past.loc[is_here, "id_student"]))]
    return pd.DataFrame(
        {
            "id_student": chosen["id_student"],
            "num_of_prev_attempts": np.where(repeats[chosen.index], chosen["num_of_prev_attempts"] + 1, 0),
            "is_known": True,
        }
    ).drop_duplicates("id_student", ignore_index=True)


def _fare(presentation: DemoPresentation, members: pd.DataFrame, people: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    n, length = len(members), presentation.module.length
    traits = people.set_index("id_student").loc[members["id_student"]]
    ability = traits["ability"].to_numpy()
    engagement = 0.8 * traits["diligence"].to_numpy() + 0.6 * rng.standard_normal(n)
    registered, is_recorded = _registrations(members["is_known"].to_numpy(), rng)
    leaves, silent_from = _departures(presentation, engagement, registered, rng)
    leaving_recorded = rng.random(n) >= LEAVE_UNRECORDED_SHARE
    if presentation.mass_withdrawal_day is not None:
        mass = _mass_withdrawal(registered, leaves, presentation.mass_withdrawal_day, rng)
        silent_from[mass] = presentation.mass_withdrawal_day - SILENT_DAYS - rng.integers(0, 4, mass.sum())
        leaves[mass], leaving_recorded[mass] = presentation.mass_withdrawal_day, True
    margin = 0.85 * engagement + 0.45 * ability + 0.8 * rng.standard_normal(n)
    margin[~np.isnan(leaves)] -= 100  # whoever left ranks below everybody who stayed
    result, contacted = _results(presentation, margin, np.isnan(leaves), rng)
    fades = rng.random(n) < np.where(result == "Fail", 0.5, 0.12)
    return pd.DataFrame(
        {
            "code_module": presentation.module.code,
            "code_presentation": presentation.code,
            "term": presentation.term,
            "id_student": members["id_student"].to_numpy(),
            "is_known": members["is_known"].to_numpy(),
            "num_of_prev_attempts": members["num_of_prev_attempts"].to_numpy(),
            "studied_credits": rng.choice([30, 60, 90, 120], n, p=[0.15, 0.55, 0.1, 0.2]),
            "registered": registered,
            "registration_recorded": is_recorded,
            "leaves": leaves,
            "leaving_recorded": leaving_recorded,
            "silent_from": silent_from,
            "fades_from": np.where(fades, rng.integers(10, int(0.8 * length), n), NEVER),
            "engagement": engagement,
            "ability": ability,
            "never_clicks": rng.random(n) < sigmoid(-4.4 - 1.2 * engagement),
            "contacted": contacted,
            "final_result": result,
        }
    )


def _registrations(is_known: Flags, rng: np.random.Generator) -> tuple[Floats, Flags]:
    """Registration days and whether the record holds them. An unrecorded registration is seen once the sites open."""
    n = len(is_known)
    early = np.clip(-8 - rng.gamma(2.0, 28.0, n), -150, -8)
    early = np.where(rng.random(n) < 0.07, rng.integers(-7, 13, n), early)
    day = np.floor(np.where(is_known, rng.integers(-22, -3, n), early))
    is_recorded = rng.random(n) >= UNKNOWN_REGISTRATION_SHARE
    return np.where(is_recorded, day, SITES_OPEN), is_recorded


def _departures(
    presentation: DemoPresentation, engagement: Floats, registered: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Day of leaving (NaN: stays) and first silent day, at least SILENT_DAYS earlier. The less engaged leave more often."""
    n = len(engagement)
    tendency = -0.8 * engagement + 1.0 * rng.logistic(size=n)
    is_leaver = _highest(tendency, round(presentation.module.leave_share * n))
    leaves = np.floor(5 + rng.beta(1.1, 1.6, n) * (0.85 * presentation.module.length - 5))
    leaves = np.maximum(leaves, registered + SILENT_DAYS + 1)
    before_start = (rng.random(n) < LEAVE_BEFORE_START_SHARE) & (registered < -4)
    leaves = np.where(before_start, np.floor(registered + 1 + rng.random(n) * (-2 - registered)), leaves)
    silent_from = leaves - SILENT_DAYS - np.floor(rng.exponential(6.0, n))
    return np.where(is_leaver, leaves, np.nan), np.where(is_leaver, silent_from, NEVER)


def _mass_withdrawal(registered: Floats, leaves: Floats, day: int, rng: np.random.Generator) -> Flags:
    is_here = (registered < day - SILENT_DAYS) & ~(leaves <= day)
    return _highest(np.where(is_here, rng.random(len(leaves)), -1.0), round(MASS_WITHDRAWAL_SHARE * is_here.sum()))


def _results(
    presentation: DemoPresentation, margin: Floats, stays: Flags, rng: np.random.Generator
) -> tuple[npt.NDArray[np.str_], Flags]:
    """Final results, and who was contacted where the presentation belongs to the trial.

    In the trial, neighbours in outcome margin form pairs and a coin chooses one of each to be contacted; of the contacted,
    those nearest below the pass line, TRIAL_EFFECT_POINTS per cent of them all, pass after all.
    """
    n = len(margin)
    fail_share = presentation.module.fail_share + (FALL_EXTRA_FAIL_SHARE if presentation.falls_from is not None else 0)
    fails = stays & _highest(np.where(stays, -margin, -np.inf), round(fail_share * n))
    contacted = np.zeros(n, dtype=bool)
    if presentation.is_trial:
        order = np.argsort(margin)
        pairs = order[: n - n % 2].reshape(-1, 2)
        contacted[pairs[np.arange(len(pairs)), rng.integers(0, 2, len(pairs))]] = True
        saved = _highest(np.where(fails & contacted, margin, -np.inf), round(TRIAL_EFFECT_POINTS / 100 * contacted.sum()))
        fails &= ~saved
    excels = _highest(margin, round(DISTINCTION_SHARE * stays.sum()))
    result = np.select([~stays, fails, excels], ["Withdrawn", "Fail", "Distinction"], "Pass")
    return result, contacted


def _highest(score: Floats, n: int) -> Flags:
    flags = np.zeros(len(score), dtype=bool)
    flags[np.argsort(-score, kind="stable")[:n]] = True
    return flags


def submissions(presentation: DemoPresentation, roster: pd.DataFrame, assessments: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The raw table `student_assessment` of one presentation: what its whole `roster` hands in until the end.

    `assessments` are its own, in the plan's order. Repeaters may carry the first piece of work over (banked, day -1). An
    exam is recorded where it has a date.
    """
    rng = presentation.rng(seed, purpose=2)
    n, length = len(roster), presentation.module.length
    column = {name: roster[name].to_numpy() for name in roster.columns}
    banks = (column["num_of_prev_attempts"] > 0) & (rng.random(n) < 0.4)
    is_first = True
    blocks = []
    ids = assessments["id_assessment"].to_numpy()
    for id_assessment, (kind, due, _) in zip(ids, presentation.module.assessments, strict=True):
        if due is None:
            continue
        is_exam = kind == "Exam"
        drive = column["engagement"] - 1.1 * (column["fades_from"] <= due) - 2.0 * column["never_clicks"]
        drive = drive - 1.8 * (1 - presentation.activity_kept(due))
        lateness = np.where(rng.random(n) < 0.12, rng.integers(1, 10, n), -np.floor(rng.exponential(2.0, n)))
        day = np.where(is_exam, due, np.clip(due + lateness, 0, length))
        hands_in = rng.random(n) < sigmoid(2.5 + 1.3 * drive - 1.5 * (is_exam & (column["final_result"] == "Fail")))
        hands_in &= (day < column["silent_from"]) & (day > column["registered"])
        score = 76 + 7 * column["ability"] + 5 * drive + 11 * rng.standard_normal(n)
        is_banked = banks & is_first & (column["registered"] < -1)
        is_first = False
        kept = hands_in | is_banked
        blocks.append(
            pd.DataFrame(
                {
                    "id_assessment": id_assessment,
                    "id_student": column["id_student"],
                    "date_submitted": np.where(is_banked, -1, day),
                    "is_banked": is_banked,
                    "score": np.where(rng.random(n) < MISSING_SCORE_SHARE, np.nan, np.clip(np.round(score), 0, 100)),
                }
            )[kept]
        )
    return pd.concat(blocks, ignore_index=True)
