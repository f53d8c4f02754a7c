"""Live experiments as they stand on a day: planned looks, by intention to treat, and whom a running one keeps off the caseload.

A student is analysed in the arm they were drawn into, whoever was contacted. Formulas are in `core.stats` and
`core.sequential`; designs and arms come from `design`, words for people from `report`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from oulad_platform.core.calendar import end_dates
from oulad_platform.core.outreach import NOT_REACHED
from oulad_platform.core.sequential import confidence_at, obrien_fleming_bounds
from oulad_platform.core.stats import cuped_difference, newcombe, wilson
from oulad_platform.success.experiments.comparison import compared
from oulad_platform.success.experiments.design import detectable_points
from oulad_platform.success.experiments.tables import (
    CONTROL,
    EXPERIMENT_LOOKS,
    FINAL_VERDICTS,
    GUARDRAILS,
    LIVE_VERDICTS,
    RETAINED,
    TREATMENT,
)
from oulad_platform.success.presentation import KEYS, NOT_SUCCEEDED, floats

WAITING, UNDECIDED, EFFECT, NO_EFFECT, HARM, UNDER_POWERED, STOPPED = LIVE_VERDICTS
HOLDS, BROKEN, UNKNOWN = GUARDRAILS
LEAST_STEP = 0.01
A_DAY = pd.Timedelta(days=1)


def looks(
    designs: pd.DataFrame,
    arms: pd.DataFrame,
    stops: pd.DataFrame,
    interventions: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    as_of: date,
) -> pd.DataFrame:
    """EXPERIMENT_LOOKS: each experiment assigned by `as_of`, at its newest look; the look that decided is the last.

    `designs`, `arms`, `stops`, `interventions`: their tables; `tables`: raw courses, student_info and student_registration.
    Nothing dated `as_of` or later is used, but a stop holds from its own day. `passed` is known of a whole presentation at once,
    the day after its end, if its results are in: never of those first who withdrew early. `retained` is known the day after
    the horizon, or after the presentation's end. Who has no result on record by then counts as not succeeded, in both arms.

    Look k is held on the first day on which k of `n_looks` parts of the students have a known outcome, at the bound of
    O'Brien-Fleming type for the information there really is; so outcomes between looks decide nothing. Looks that
    would be less than 1 % of the students apart are one.
    """
    now = pd.Timestamp(as_of)
    begun = designs[designs["assigned_on"] <= now]
    students = _followed(begun, arms, tables)
    by_name = dict(list(students.groupby("experiment_id")))
    contacts = interventions[(interventions["contacted_on"] < now) & (interventions["outcome"] != NOT_REACHED)]
    stopped_on = stops.set_index("experiment_id")["stopped_on"]
    rows = []
    for _, design in begun.iterrows():
        name = design["experiment_id"]
        stopped = stopped_on.get(name, pd.NaT)
        look = _look(design, by_name.get(name, students.iloc[:0]), contacts, now, stopped if stopped <= now else None)
        rows.append({**look, "experiment_id": name, "as_of": now})
    return EXPERIMENT_LOOKS.conform(pd.DataFrame(rows, columns=EXPERIMENT_LOOKS.names))


def held_out(designs: pd.DataFrame, arms: pd.DataFrame, stops: pd.DataFrame, looks: pd.DataFrame, as_of: date) -> set[int]:
    """The controls of the experiments that run on `as_of`: to be kept off the caseload.

    They are kept off from the day after assignment, for the lists of that day are out when arms are drawn, until the day on which
    the experiment was stopped or a look decided. `looks`: EXPERIMENT_LOOKS as of that day or later.
    """
    begun = designs[designs["assigned_on"] < pd.Timestamp(as_of)]
    taking = arms[arms["experiment_id"].isin(_running(begun, stops, looks, as_of)) & (arms["arm"] == CONTROL)]
    return set(taking["id_student"].tolist())


def taking_part(designs: pd.DataFrame, arms: pd.DataFrame, stops: pd.DataFrame, looks: pd.DataFrame, as_of: date) -> set[int]:
    """The students of both arms of the experiments that run on `as_of`, the day of assignment included: they join no other one.

    Arguments as for `held_out`.
    """
    return set(arms.loc[arms["experiment_id"].isin(_running(designs, stops, looks, as_of)), "id_student"].tolist())


def _running(designs: pd.DataFrame, stops: pd.DataFrame, looks: pd.DataFrame, as_of: date) -> set[str]:
    now = pd.Timestamp(as_of)
    begun = designs.loc[designs["assigned_on"] <= now, "experiment_id"]
    stopped = stops.loc[stops["stopped_on"] <= now, "experiment_id"]
    decided = looks.loc[looks["verdict"].isin(FINAL_VERDICTS) & (looks["looked_on"] <= now), "experiment_id"]
    return set(begun) - set(stopped) - set(decided)


def _followed(designs: pd.DataFrame, arms: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Per student of each experiment: arm, risk, `judged_on` (absent: not known when), `is_in`, `on_record`, `succeeded`.

    `is_in`: the presentation's results are there, that is, somebody of it passed or failed; withdrawals alone come too early.
    """
    courses, info = tables["courses"], tables["student_info"]
    ends = courses[KEYS].assign(ends_on=end_dates(courses), start=courses["start_date"])
    marked = info[info["final_result"].notna() & (info["final_result"] != "Withdrawn")]
    students = arms.merge(designs[["experiment_id", "outcome", "assigned_on", "horizon_days"]], on="experiment_id")
    students = students.merge(ends, on=KEYS, how="left").merge(
        marked[KEYS].drop_duplicates().assign(is_in=True), on=KEYS, how="left"
    )
    keys = [*KEYS, "id_student"]
    students = students.merge(info[[*keys, "final_result"]], on=keys, how="left")
    left = tables["student_registration"][[*keys, "date_unregistration"]]
    students = students.merge(left.assign(is_registered=True), on=keys, how="left")
    is_retained = students["outcome"] == RETAINED
    horizon = students["assigned_on"] + pd.to_timedelta(floats(students["horizon_days"]), unit="D")
    judged_on = students["ends_on"].where(~is_retained, np.minimum(students["ends_on"], horizon))
    left_on = students["start"] + pd.to_timedelta(floats(students["date_unregistration"]), unit="D")
    stays = students["is_registered"].notna() & ~(left_on < judged_on)
    passes = students["final_result"].notna() & ~students["final_result"].isin(NOT_SUCCEEDED)
    on_record = students["is_registered"].notna().where(is_retained, students["final_result"].notna())
    return students[["experiment_id", "id_student", "arm", "risk_score", "assigned_on"]].assign(
        judged_on=judged_on,
        is_in=(is_retained | students["is_in"].notna()).astype("bool"),
        on_record=on_record.astype("bool"),
        succeeded=stays.where(is_retained, passes).astype("bool"),
    )


def _look(
    design: pd.Series, students: pd.DataFrame, contacts: pd.DataFrame, now: pd.Timestamp, stopped: pd.Timestamp | None
) -> dict[str, Any]:
    until = now if stopped is None else min(now, stopped)
    overdue = students.loc[~students["is_in"] & (students["judged_on"] < until), "judged_on"]
    known_before = until if overdue.empty else overdue.min()
    known = students[students["judged_on"] < known_before]
    held = _schedule(known, len(students), int(design["n_looks"]))
    figures: dict[str, Any] = dict(_NO_LOOK)
    verdict = WAITING if held.empty else UNDECIDED
    if not held.empty:
        held = _tested(held, known, float(design["alpha"]))
        place = int(np.argmax(held["crossed"])) if held["crossed"].any() else len(held) - 1
        last = held.iloc[place]
        seen = known[known["judged_on"] < last["looked_on"]]
        figures = {**{name: last[name] for name in _TESTED}, **_estimates(seen, last), "n_lost": int((~seen["on_record"]).sum())}
        if last["crossed"]:
            verdict = EFFECT if last["difference"] > 0 else HARM
        elif last["information"] == 1:
            verdict = NO_EFFECT if _could_find(design, last) else UNDER_POWERED
        if verdict in FINAL_VERDICTS:
            known, until = seen, last["looked_on"]
    if stopped is not None and verdict not in FINAL_VERDICTS:
        verdict = STOPPED
    return {
        **figures,
        **_exposure(students, contacts, until),
        "information": len(known) / len(students) if len(students) else 0.0,
        "guardrail": _guardrail(known, float(design["guardrail_points"])),
        "verdict": verdict,
    }


_TESTED = (
    "look",
    "looked_on",
    "n_control",
    "n_treatment",
    "n_success_control",
    "n_success_treatment",
    "difference",
    "z",
    "boundary",
    "p_value",
)
_COUNTS = ("n_control", "n_treatment", "n_success_control", "n_success_treatment", "n_lost")
_NO_LOOK = {**dict.fromkeys(EXPERIMENT_LOOKS.names, np.nan), "look": 0, "looked_on": pd.NaT, **dict.fromkeys(_COUNTS, 0)}


def _schedule(known: pd.DataFrame, n_students: int, n_looks: int) -> pd.DataFrame:
    """The looks held so far: `looked_on`, `information` (share of the students known by then) and `look`, which planned one."""
    totals = known.groupby("judged_on").size().cumsum()
    last_look, last_share, held = 0, 0.0, []
    for looked_on, total in zip(pd.DatetimeIndex(totals.index) + A_DAY, totals.tolist(), strict=True):
        look, share = total * n_looks // n_students, total / n_students
        if total == n_students or (look > last_look and last_share + LEAST_STEP <= share <= 1 - LEAST_STEP):
            held.append((looked_on, share, look))
            last_look, last_share = look, share
    return pd.DataFrame(held, columns=["looked_on", "information", "look"])


def _tested(held: pd.DataFrame, known: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """The looks with the counts of each arm by then, the test, the bound, and whether the test has crossed it."""
    days = known["judged_on"].to_numpy()[:, None] < held["looked_on"].to_numpy()[None, :]
    succeeded, treated = known["succeeded"].to_numpy()[:, None], (known["arm"] == TREATMENT).to_numpy()[:, None]
    held = held.assign(
        n_control=(days & ~treated).sum(axis=0),
        n_treatment=(days & treated).sum(axis=0),
        n_success_control=(days & ~treated & succeeded).sum(axis=0),
        n_success_treatment=(days & treated & succeeded).sum(axis=0),
        boundary=obrien_fleming_bounds(held["information"].tolist(), alpha),
    )
    z, p_value = compared(*_arms(held))
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = held["n_success_treatment"] / held["n_treatment"] - held["n_success_control"] / held["n_control"]
    level = np.array([confidence_at(bound) for bound in held["boundary"]])
    return held.assign(z=z, p_value=p_value, difference=difference, level=level, crossed=p_value <= 1 - level)


def _arms(counts: pd.DataFrame | pd.Series) -> tuple[Any, Any, Any, Any]:
    """Successes and size of the treatment arm, then of the control arm."""
    return counts["n_success_treatment"], counts["n_treatment"], counts["n_success_control"], counts["n_control"]


def _estimates(seen: pd.DataFrame, look: pd.Series) -> dict[str, float]:
    """Newcombe's interval and CUPED with its own, both at the look's level; who was not scored has the mean score."""
    low, high = newcombe(*_arms(look), confidence=look["level"])
    risk = seen["risk_score"].fillna(seen["risk_score"].mean())
    adjusted = (np.nan,) * 3
    if risk.notna().all():
        adjusted = cuped_difference(seen["succeeded"], risk, seen["arm"] == TREATMENT, confidence=look["level"])[:3]
    names = ("interval_low", "interval_high", "cuped_difference", "cuped_low", "cuped_high")
    return dict(zip(names, (float(low), float(high), *adjusted), strict=True))


def _could_find(design: pd.Series, look: pd.Series) -> bool:
    """Whether the arms as observed find the registered effect: at the registered base rate, or the nearest that is tenable.

    Tenable is what lies within the Wilson interval of the control arm's share.
    """
    low, high = wilson(look["n_success_control"], look["n_control"])
    base_rate = float(np.clip(design["base_rate"], low, high))
    finds = detectable_points(
        base_rate,
        int(look["n_control"]),
        int(look["n_treatment"]),
        alpha=design["alpha"],
        power=design["power"],
        n_looks=int(design["n_looks"]),
    )
    return bool(finds <= design["minimum_detectable_points"] * 1.01)


def _exposure(students: pd.DataFrame, contacts: pd.DataFrame, until: pd.Timestamp) -> dict[str, float]:
    """Share of each arm contacted on the day of assignment or later, before the outcome was judged and before `until`."""
    made = contacts[contacts["contacted_on"] < until].merge(students, on="id_student")
    made = made[(made["contacted_on"] >= made["assigned_on"]) & ~(made["contacted_on"] > made["judged_on"])]
    is_contacted = students["id_student"].isin(made["id_student"])
    return {f"exposure_{arm}": float(is_contacted[students["arm"] == arm].mean()) for arm in (CONTROL, TREATMENT)}


def _guardrail(known: pd.DataFrame, points: float) -> str:
    arms = known.groupby("arm")["succeeded"].agg(["sum", "size"]).reindex([TREATMENT, CONTROL], fill_value=0)
    _, high = newcombe(*arms.loc[TREATMENT], *arms.loc[CONTROL])
    if np.isnan(high):
        return UNKNOWN
    return BROKEN if 100 * high < -points else HOLDS
