"""What the demo campus plans: its modules, terms, assessments and sites, and the events planted in them.

A pure function of the day the campus was founded (and, for sites, the seed). Who studies there is in `demo_people`, how
they fare in `demo_students`, where they click in `demo_clicks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core.calendar import DAYS_PER_WEEK, week_start
from oulad_platform.sources import tables as raw

SITES_OPEN = -21  # days from start: nobody can click earlier
N_TERMS = 4
TERM_SPACING = timedelta(weeks=26)
RUNNING_SINCE = timedelta(weeks=7)

MASS_WITHDRAWAL_SHARE = 0.12
MASS_WITHDRAWAL_CLOSED_DAY = 60
MASS_WITHDRAWAL_BEFORE_FOUNDING = 14
STUCK_BEFORE_FOUNDING = 9
FALL_WEEKS = 4
ACTIVITY_KEPT = (1.0, 0.90, 0.80, 0.55, 0.12, 0.30, 0.50, 0.65)  # before the fall, its four weeks, the weeks after
TRIAL_TERM = 1
SITE_PLAN = (
    ("homepage", (1, 1), 0.26),
    ("oucontent", (4, 6), 0.24),
    ("forumng", (3, 4), 0.16),
    ("subpage", (3, 5), 0.12),
    ("resource", (6, 8), 0.10),
    ("quiz", (2, 3), 0.08),
    ("url", (1, 2), 0.03),
    ("glossary", (1, 1), 0.01),
)  # activity type, fewest and most sites of it, share of the visits


@dataclass(frozen=True)
class DemoModule:
    """One module: enrolments a term, days a presentation, share leaving and share failing, and its assessments.

    `assessments` holds (type, due day or None, weight); an exam without a due day is never recorded as handed in.
    """

    code: str
    size: int
    length: int
    leave_share: float
    fail_share: float
    assessments: tuple[tuple[str, int | None, float], ...]


def _tmas(first: int, weights: tuple[float, ...]) -> tuple[tuple[str, int, float], ...]:
    return tuple(("TMA", first + 3 * DAYS_PER_WEEK * k, weight) for k, weight in enumerate(weights))


MODULES = (
    DemoModule("AAA", 110, 154, 0.15, 0.14, (*_tmas(19, (10, 15, 20, 20, 15, 20)), ("Exam", None, 100))),
    DemoModule(
        "BBB",
        220,
        147,
        0.20,
        0.15,
        (*_tmas(19, (5, 17, 18, 18, 18, 19)), ("CMA", 33, 1), ("CMA", 75, 2), ("CMA", 117, 2), ("Exam", None, 100)),
    ),
    DemoModule("DDD", 210, 154, 0.24, 0.20, (*_tmas(18, (10, 12.5, 17.5, 20, 20, 20)), ("Exam", 152, 100))),
    DemoModule(
        "FFF",
        210,
        147,
        0.23,
        0.19,
        (*_tmas(17, (10, 10, 20, 20, 20, 20)), ("CMA", 31, 0), ("CMA", 73, 0), ("CMA", 136, 0), ("Exam", 145, 100)),
    ),
)


@dataclass(frozen=True)
class DemoPresentation:
    """One module in one term. `*_day` and `falls_from` are day offsets of planted events; None where nothing is planted."""

    module: DemoModule
    term: int
    code: str
    start: date
    mass_withdrawal_day: int | None = None
    falls_from: int | None = None
    stuck_day: int | None = None
    is_trial: bool = False

    @property
    def part(self) -> str:
        return f"{self.module.code}_{self.code}"

    def activity_kept(self, days: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Share of its usual activity on each day: 1, but in a presentation that falls, lower week by week, then recovering."""
        if self.falls_from is None:
            return np.ones(np.shape(days))
        week = (np.asarray(days, dtype="float64") - self.falls_from) // DAYS_PER_WEEK + 1
        return np.array(ACTIVITY_KEPT)[np.clip(week, 0, len(ACTIVITY_KEPT) - 1).astype(int)]

    def rng(self, seed: int, purpose: int) -> np.random.Generator:
        """A generator of its own for this presentation and purpose, so that no block's draws move another's."""
        return np.random.default_rng([seed, purpose, self.term, MODULES.index(self.module)])


def presentations(founded: date) -> tuple[DemoPresentation, ...]:
    """Four terms of four modules, oldest term first; the last has run for seven to eight weeks on the day of founding.

    Terms start on Mondays, 26 weeks apart. Codes follow the running term's year and half (B: January to June, J: July to
    December) and alternate backwards; the days a term really starts stand in its `start`.
    """
    running = week_start(founded - RUNNING_SINCE)
    founded_day = (founded - running).days
    halves_since_year_0 = 2 * running.year + (running.month > 6)
    planned = []
    for term in range(N_TERMS):
        back = N_TERMS - 1 - term
        year, half = divmod(halves_since_year_0 - back, 2)
        for module in MODULES:
            mass_withdrawal_day = {
                ("FFF", 1): MASS_WITHDRAWAL_CLOSED_DAY,
                ("BBB", 0): founded_day - MASS_WITHDRAWAL_BEFORE_FOUNDING,
            }.get((module.code, back))
            planned.append(
                DemoPresentation(
                    module=module,
                    term=term,
                    code=f"{year}{'BJ'[half]}",
                    start=running - back * TERM_SPACING,
                    mass_withdrawal_day=mass_withdrawal_day,
                    falls_from=founded_day - FALL_WEEKS * DAYS_PER_WEEK if (module.code, back) == ("DDD", 0) else None,
                    stuck_day=founded_day - STUCK_BEFORE_FOUNDING if back == 0 else None,
                    is_trial=term == TRIAL_TERM,
                )
            )
    return tuple(planned)


def courses(plan: tuple[DemoPresentation, ...]) -> pd.DataFrame:
    """The raw table `courses`: one row per presentation."""
    frame = pd.DataFrame(
        {
            "code_module": [p.module.code for p in plan],
            "code_presentation": [p.code for p in plan],
            "module_presentation_length": [p.module.length for p in plan],
            "start_date": [pd.Timestamp(p.start) for p in plan],
        }
    )
    return raw.COURSES.conform(frame)


def assessments(plan: tuple[DemoPresentation, ...]) -> pd.DataFrame:
    """The raw table `assessments`: one row per assessment, with ids that count up through the plan."""
    rows = [(p.module.code, p.code, *assessment) for p in plan for assessment in p.module.assessments]
    frame = pd.DataFrame(rows, columns=["code_module", "code_presentation", "assessment_type", "date", "weight"])
    frame["id_assessment"] = 1750 + np.arange(len(frame))
    return raw.ASSESSMENTS.conform(frame)


def sites(plan: tuple[DemoPresentation, ...], seed: int) -> pd.DataFrame:
    """The raw table `vle`: 21 to 30 sites a presentation, a fifth of them with planned weeks."""
    blocks = []
    for number, presentation in enumerate(plan):
        rng = presentation.rng(seed, purpose=0)
        types = [kind for kind, (low, high), _ in SITE_PLAN for _ in range(rng.integers(low, high + 1))]
        week_from = pd.Series(rng.integers(1, 18, len(types)), dtype="Int16").mask(rng.random(len(types)) > 0.2)
        blocks.append(
            pd.DataFrame(
                {
                    "id_site": 546_000 + 100 * number + np.arange(len(types)),
                    "code_module": presentation.module.code,
                    "code_presentation": presentation.code,
                    "activity_type": types,
                    "week_from": week_from,
                    "week_to": week_from + rng.integers(0, 3, len(types)),
                }
            )
        )
    return raw.VLE.conform(pd.concat(blocks, ignore_index=True))
