"""Who looks after the demo campus's students, whom they contact, in the trial and in the running term, and who opts out.

A whole term's contacts are drawn at once, from the roster and the seed alone; which of them are known on a day is cut in
`demo`. Nobody here exists; the domain example.org is held by IANA for examples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from oulad_platform.core.calendar import DAYS_PER_WEEK
from oulad_platform.core.outreach import ADVISERS, DECLINED, INTERVENTIONS, NOT_REACHED, OPT_OUTS, REACHED, contact_ids
from oulad_platform.core.pseudonyms import DEMO
from oulad_platform.sources.demo_plan import N_TERMS, TRIAL_TERM, DemoPresentation

TRIAL_TEAM = "outreach team"
TRIAL_WEEKS = (1, 4)  # the trial's contacts fall on working days of the second to the fourth week
WORKING_DAYS = 5
CONTACTED_SHARE = 0.25
FIRST_DAY = 14
AGAIN_SHARE, AGAIN_DAYS = 0.6, (2, 7)
N_OPT_OUTS = 3
CHANNEL_SHARES = {"call": 0.5, "e-mail": 0.35, "message": 0.15}
OUTCOME_SHARES = {REACHED: 0.6, NOT_REACHED: 0.32, DECLINED: 0.08}
ADVISER_PLAN = (
    ("Morag Drummond", "morag.drummond@example.org", ("BBB",), 15),
    ("Tomos Bevan", "tomos.bevan@example.org", ("DDD",), 15),
    ("Yaw Asante", "yaw.asante@example.org", ("AAA", "FFF"), 20),
)


def advisers() -> pd.DataFrame:
    """ADVISERS of the demo campus: three invented people, one of whom looks after two modules."""
    rows = [(name, email, module, None, capacity) for name, email, modules, capacity in ADVISER_PLAN for module in modules]
    return ADVISERS.conform(pd.DataFrame(rows, columns=ADVISERS.names))


def contacts(plan: Sequence[DemoPresentation], roster: pd.DataFrame, seed: int) -> pd.DataFrame:
    """INTERVENTIONS of the trial term and the running one, past and future; `roster` as `demo_students.enrolments` has it."""
    starts = pd.DataFrame(
        {"code_module": p.module.code, "code_presentation": p.code, "start": pd.Timestamp(p.start), "length": p.module.length}
        for p in plan
    )
    enrolled = roster.merge(starts, on=["code_module", "code_presentation"], validate="many_to_one")
    rng = np.random.default_rng([seed, 3])
    trial = _trial(enrolled[(enrolled["term"] == TRIAL_TERM) & enrolled["contacted"]], rng)
    running = _running(enrolled[enrolled["term"] == N_TERMS - 1], rng)
    made = pd.concat([trial, running], ignore_index=True)
    made = made.assign(contacted_on=made["start"] + pd.to_timedelta(made["day"].astype("int64"), unit="D"))
    made = made.assign(contact_id=contact_ids(made, DEMO)).drop_duplicates("contact_id")
    return INTERVENTIONS.conform(made[INTERVENTIONS.names])


def opt_outs(contacts: pd.DataFrame) -> pd.DataFrame:
    """OPT_OUTS of INTERVENTIONS made so far: who first declined in the running term asks, the next day, not to be scored."""
    declined = contacts[(contacts["adviser"] != TRIAL_TEAM) & (contacts["outcome"] == DECLINED)]
    first = declined.sort_values(["contacted_on", "contact_id"]).drop_duplicates("id_student").head(N_OPT_OUTS)
    opted_out = first.assign(opted_out_on=first["contacted_on"] + pd.Timedelta(days=1))
    return OPT_OUTS.conform(opted_out[OPT_OUTS.names])


def _trial(contacted: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """One contact a student, after registration. Who has left by then is not reached."""
    rows = contacted.drop_duplicates("id_student")
    n = len(rows)
    drawn = DAYS_PER_WEEK * rng.integers(*TRIAL_WEEKS, n) + rng.integers(0, WORKING_DAYS, n)
    day = _on_working_day(np.maximum(drawn, rows["registered"].to_numpy("int64") + 1))
    has_left = rows["leaves"].to_numpy() <= day
    outcome = np.where(has_left, NOT_REACHED, _drawn(OUTCOME_SHARES, n, rng))
    return rows.assign(day=day, adviser=TRIAL_TEAM, channel=_drawn(CHANNEL_SHARES, n, rng), outcome=outcome)


def _running(enrolled: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Contacts with the least engaged of each presentation, on working days while they are enrolled; some are tried again."""
    by_module = {module: name for name, _, modules, _ in ADVISER_PLAN for module in modules}
    place = enrolled.groupby("code_module")["engagement"].rank(pct=True)
    rows = enrolled[place <= CONTACTED_SHARE].drop_duplicates("id_student")
    n = len(rows)
    day = FIRST_DAY + np.floor(rng.random(n) * (0.8 * rows["length"].to_numpy() - FIRST_DAY)).astype("int64")
    first = rows.assign(
        day=_on_working_day(day),
        adviser=rows["code_module"].map(by_module),
        channel=_drawn(CHANNEL_SHARES, n, rng),
        outcome=_drawn(OUTCOME_SHARES, n, rng),
    )
    tried_again = (first["outcome"] == NOT_REACHED).to_numpy() & (rng.random(n) < AGAIN_SHARE)
    second = first.assign(
        day=_on_working_day(first["day"].to_numpy() + rng.integers(*AGAIN_DAYS, n)),
        channel=np.where(first["channel"] == "call", "e-mail", "call"),
        outcome=_drawn(OUTCOME_SHARES, n, rng),
    )[tried_again]
    both = pd.concat([first, second], ignore_index=True)
    return both[(both["registered"] < both["day"]) & ~(both["leaves"] <= both["day"])]


def _on_working_day(day: np.ndarray) -> np.ndarray:
    """The day, or the Monday after it; presentations start on a Monday."""
    weekday = day % DAYS_PER_WEEK
    return np.where(weekday >= WORKING_DAYS, day + DAYS_PER_WEEK - weekday, day)


def _drawn(shares: dict[str, float], n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(list(shares), n, p=list(shares.values()))
