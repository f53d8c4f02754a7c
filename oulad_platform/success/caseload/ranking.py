"""Whom each adviser contacts on a day, in which order: who is eligible, whose list they are on, and how capacity is shared.

Order is by risk alone, since that is how the model was evaluated (recall at a budget). The words of a row are
`success.caseload.sentences`'; sending a list happens elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from oulad_platform.core.outreach import ALL_MODULES, NOT_REACHED
from oulad_platform.success.caseload.sentences import contacts_told, newly_enrolled, reasons_told, suggested_action, why_now
from oulad_platform.success.caseload.tables import CASELOAD_DAILY

TEAM = "student support"
COURSE = ["code_module", "code_presentation"]
OUTCOME_ORDER = {NOT_REACHED: 0}  # of several contacts on a day, the one that came to something is the last


class CaseloadRules(BaseModel):
    """How many students are contacted, and how soon again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    capacity: int = Field(45, ge=1, le=10_000, description="Students a day for modules that no adviser looks after. students")
    cooldown_days: int = Field(14, ge=0, le=365, description="Days without a contact after one was reached or declined. days")


def caseload(
    risk: pd.DataFrame,
    advisers: pd.DataFrame,
    interventions: pd.DataFrame,
    held_out: Collection[int],
    day: date,
    rules: CaseloadRules,
) -> pd.DataFrame:
    """CASELOAD_DAILY of `day`: one row per student to be contacted.

    `risk`: STUDENT_RISK_DAILY rows of the day; `advisers`: ADVISERS, `interventions`: INTERVENTIONS, of which those dated
    `day` or later are not known; `held_out`: students who are never listed, the controls of running experiments.

    Eligible is who is flagged, not held out, and was neither reached nor declined within `cooldown_days` before the day; an
    attempt that did not reach leaves the student on the list. A student stands there once, with the enrolment of highest risk.
    Of a module's several advisers each student has one, the same one day by day while the advisers stay, shares following
    their capacity. An adviser whose eligible students are more than the capacity shares it among the modules by `shares`;
    within a module the highest risks are listed, ties by id. Modules that nobody looks after go to the team "student
    support". Raises ValueError when `risk` has rows of another day.
    """
    if (risk["run_date"] != pd.Timestamp(day)).any():
        raise ValueError(f"risk has rows of other days than {day}; give the rows of that day")
    known = interventions[interventions["contacted_on"] < pd.Timestamp(day)]
    cooling = known["contacted_on"] >= pd.Timestamp(day - timedelta(days=rules.cooldown_days))
    resting = known.loc[cooling & (known["outcome"] != NOT_REACHED), "id_student"]
    flagged = risk[risk["high_risk_flag"].astype(bool)]
    left_out = flagged["id_student"].isin(resting) | flagged["id_student"].isin(list(held_out))
    ranked = flagged[~left_out].sort_values(["risk_score", "id_student", *COURSE], ascending=[False, True, True, True])
    students = ranked.drop_duplicates("id_student")
    owned = students.assign(adviser=_advisers_of(students, advisers, rules))
    chosen = _within_capacity(owned, _capacities(advisers, rules))
    chosen = chosen.assign(position=chosen.groupby("adviser").cumcount() + 1, caseload_date=pd.Timestamp(day))
    return CASELOAD_DAILY.conform(_told(chosen, flagged, risk, known, day)[CASELOAD_DAILY.names])


def shares(n_students: pd.Series, capacity: int) -> pd.Series:
    """Places of each module, by largest remainder in proportion to its students; they add up to `capacity`, or to all students.

    `n_students` counts the eligible students by module (index), all at least 1. Where capacity allows, each module has at
    least one place. Equal remainders go to the module with more students, then by code. No module has more places than students.

    >>> shares(pd.Series({"AAA": 2, "BBB": 60, "CCC": 38}), 10).to_dict()
    {'AAA': 1, 'BBB': 6, 'CCC': 3}
    """
    if n_students.sum() <= capacity:
        return n_students
    by_size = n_students.sort_index().sort_values(ascending=False, kind="stable")
    places = _largest_remainder(by_size, capacity)
    if capacity >= len(by_size):
        small = pd.Series(False, index=by_size.index)
        while (places == 0).any():
            small |= places == 0
            places = _largest_remainder(by_size[~small], capacity - int(small.sum())).reindex(by_size.index, fill_value=1)
    return places.reindex(n_students.index)


def _largest_remainder(by_size: pd.Series, capacity: int) -> pd.Series:
    quotas, total = by_size.astype("int64") * capacity, int(by_size.sum())
    places, remainders = quotas // total, quotas % total
    largest = remainders.sort_values(ascending=False, kind="stable").index[: capacity - int(places.sum())]
    places[largest] += 1
    return places


def _capacities(advisers: pd.DataFrame, rules: CaseloadRules) -> dict[str, int]:
    return {TEAM: rules.capacity} | dict(zip(advisers["adviser"], advisers["capacity"].astype(int), strict=True))


def _advisers_of(students: pd.DataFrame, advisers: pd.DataFrame, rules: CaseloadRules) -> pd.Series:
    """Each student's adviser, by weighted rendezvous hashing: the adviser with the highest keyed draw, weight the capacity.

    Somebody who joins or leaves moves nobody between the others (Thaler and Ravishankar 1998; weights -w / log u).
    """
    capacities = _capacities(advisers, rules)
    ids = students["id_student"].to_numpy("uint64")
    owner = pd.Series(TEAM, index=students.index, dtype="str")
    everywhere = advisers.loc[advisers["code_module"] == ALL_MODULES, "adviser"]
    for module, rows in students.groupby("code_module", sort=True).indices.items():
        names = sorted({*everywhere, *advisers.loc[advisers["code_module"] == module, "adviser"]})
        if names:
            draws = np.stack([capacities[name] / -np.log(_uniform(ids[rows], name)) for name in names])
            owner.iloc[rows] = np.array(names, dtype=object)[draws.argmax(axis=0)]
    return owner


def _uniform(ids: npt.NDArray[np.uint64], key: str) -> npt.NDArray[np.float64]:
    """A number in (0, 1) for each id under a key: the mixer of SplitMix64 (Steele, Lea and Flood 2014) over id and key."""
    salt = np.uint64(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]))
    mixed = (ids + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) ^ salt
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return ((mixed >> np.uint64(12)).astype("float64") + 0.5) / 2.0**52


def _within_capacity(owned: pd.DataFrame, capacities: dict[str, int]) -> pd.DataFrame:
    """The rows that have a place; `owned` is in order of risk, and stays so."""
    counts = owned.groupby(["adviser", "code_module"]).size()
    places = {
        (adviser, module): n
        for adviser, of_modules in counts.groupby(level="adviser")
        for module, n in shares(of_modules.droplevel("adviser"), capacities[str(adviser)]).items()
    }
    own = ["adviser", "code_module"]
    limit = pd.Series([places[key] for key in owned[own].itertuples(index=False, name=None)], index=owned.index, dtype="int64")
    return owned[owned.groupby(own).cumcount() < limit]


def _told(chosen: pd.DataFrame, flagged: pd.DataFrame, risk: pd.DataFrame, known: pd.DataFrame, day: date) -> pd.DataFrame:
    """The chosen rows with the words of the table: other modules, why, why now, last contact, suggested action.

    Words speak of contacts since the presentation began; the last contact is of any time.
    """
    ids = set(chosen["id_student"])
    high = flagged[flagged["id_student"].isin(ids)].sort_values("code_module")
    modules = high.groupby("id_student")["code_module"].agg(list).to_dict()
    own = known.merge(chosen[["id_student", "day"]], on="id_student", validate="many_to_one")
    came_to = own["outcome"].map(OUTCOME_ORDER).fillna(1)
    own = own.assign(came_to=came_to).sort_values(["contacted_on", "came_to", "contact_id"])
    ever = own.groupby("id_student")["contacted_on"].last().to_dict()
    since_start = own[own["contacted_on"] >= pd.Timestamp(day) - pd.to_timedelta(own["day"], unit="D")]
    last = since_start.drop_duplicates("id_student", keep="last").set_index("id_student").to_dict("index")
    attempts = contacts_told(since_start)
    reach = chosen.groupby(["adviser", "code_module"])["risk_score"].min().to_dict()
    fresh = newly_enrolled(chosen, risk)
    words = []
    for row, is_new in zip(chosen.to_dict("records"), fresh, strict=True):
        student = row["id_student"]
        contact = last.get(student)
        others = dict.fromkeys(module for module in modules[student] if module != row["code_module"])
        words.append(
            {
                "other_modules": ", ".join(others) or None,
                "why": reasons_told(row),
                "why_now": why_now(
                    row,
                    reach[row["adviser"], row["code_module"]],
                    bool(is_new),
                    contact,
                    attempts.get(student, 0),
                    ever.get(student),
                    day,
                ),
                "last_contact": ever.get(student, pd.NaT),
                "suggested_action": suggested_action(row, contact),
            }
        )
    empty = CASELOAD_DAILY.empty()[["other_modules", "why", "why_now", "last_contact", "suggested_action"]]
    told = pd.DataFrame(words, columns=empty.columns).astype(empty.dtypes.to_dict()) if words else empty
    return pd.concat([chosen.reset_index(drop=True), told], axis=1)
