"""A live experiment before it begins: what is registered, who takes part, which arm each student is in.

Nothing here looks at an outcome of the experiment; that is `analysis`. Nothing is stored here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

import numpy as np
import pandas as pd

from oulad_platform.core.calendar import end_dates, enrolled_on
from oulad_platform.core.sequential import confidence_at, obrien_fleming_bounds
from oulad_platform.core.stats import minimum_detectable_difference
from oulad_platform.success.experiments.assignment import draw_in_strata, strata
from oulad_platform.success.experiments.simulation import pass_chances
from oulad_platform.success.experiments.tables import (
    ARMS,
    EVERY_MODULE,
    EXPERIMENT_ARMS,
    EXPERIMENT_DESIGNS,
    LIVE_OUTCOMES,
    PASSED,
    POPULATIONS,
    RETAINED,
)
from oulad_platform.success.presentation import KEYS, floats

HIGH_RISK, EVERYBODY = POPULATIONS
MOST_LOOKS = 10
LONGEST_HORIZON = 730
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class DesignError(ValueError):
    """A design that cannot be registered; `wrong` says of each field what it takes."""

    def __init__(self, experiment_id: str, wrong: Mapping[str, str]) -> None:
        self.wrong = dict(wrong)
        lines = "".join(f"\n- {field}: {takes}" for field, takes in wrong.items())
        super().__init__(f"experiment {experiment_id!r} cannot be registered:{lines}")


def new_design(
    experiment_id: str,
    *,
    registered_at: datetime,
    registered_by: str,
    hypothesis: str,
    assigned_on: date,
    population: str = HIGH_RISK,
    modules: Sequence[str] = (),
    outcome: str = PASSED,
    horizon_days: int | None = None,
    alpha: float = 0.05,
    power: float = 0.8,
    n_looks: int = 3,
    base_rate: float,
    guardrail_points: float = 5.0,
    n_students: int,
) -> pd.DataFrame:
    """EXPERIMENT_DESIGNS of one row, with the effect that its arms, half of `n_students` each, find with the given power.

    `registered_at` is UTC without a zone; no `modules` means every module; `base_rate` is a share (0-1), see `base_rate_of`.
    Raises DesignError naming every field that is wrong.
    """
    is_retained = outcome == RETAINED
    rules = {
        "experiment_id": (
            NAME.fullmatch(experiment_id) is not None,
            "1 to 64 letters, digits, dots, hyphens or underscores, the first a letter or digit",
        ),
        "registered_at": (registered_at.tzinfo is None, "a time in UTC, without a zone"),
        "registered_by": (bool(registered_by.strip()), "the name of who registers it"),
        "hypothesis": (bool(hypothesis.strip()), "what is done to the treatment arm, and what is expected of it"),
        "population": (population in POPULATIONS, f"one of {', '.join(POPULATIONS)}"),
        "modules": (all(module.strip() and "," not in module for module in modules), "codes of modules, without commas"),
        "outcome": (outcome in LIVE_OUTCOMES, f"one of {', '.join(LIVE_OUTCOMES)}"),
        "horizon_days": (
            (horizon_days is not None and 1 <= horizon_days <= LONGEST_HORIZON) if is_retained else horizon_days is None,
            f"from 1 to {LONGEST_HORIZON} days for {RETAINED}, nothing for {PASSED}",
        ),
        "alpha": (0 < alpha < 0.5, "above 0 and below 0.5, such as 0.05"),
        "power": (0.5 <= power < 1, "from 0.5 to below 1, such as 0.8"),
        "n_looks": (1 <= n_looks <= MOST_LOOKS, f"from 1 to {MOST_LOOKS}"),
        "base_rate": (0 < base_rate < 1, "above 0 and below 1; give it yourself where no closed cohort tells it"),
        "guardrail_points": (0 <= guardrail_points < 100, "percentage points from 0 to below 100"),
        "n_students": (
            n_students >= 2,
            "2 students or more, or there are no two arms; choose a wider population or more modules",
        ),
    }
    wrong = {field: takes for field, (is_right, takes) in rules.items() if not is_right}
    if wrong:
        raise DesignError(experiment_id, wrong)
    sizes = (n_students // 2, n_students - n_students // 2)
    row = {
        "experiment_id": experiment_id,
        "registered_at": registered_at,
        "registered_by": registered_by.strip(),
        "hypothesis": hypothesis.strip(),
        "assigned_on": pd.Timestamp(assigned_on),
        "population": population,
        "modules": ",".join(sorted(set(modules))) or EVERY_MODULE,
        "n_students": n_students,
        "outcome": outcome,
        "horizon_days": horizon_days,
        "alpha": alpha,
        "power": power,
        "n_looks": n_looks,
        "base_rate": base_rate,
        "minimum_detectable_points": detectable_points(base_rate, *sizes, alpha=alpha, power=power, n_looks=n_looks),
        "guardrail_points": guardrail_points,
    }
    return EXPERIMENT_DESIGNS.conform(pd.DataFrame([row]))


def detectable_points(base_rate: float, n_control: int, n_treatment: int, *, alpha: float, power: float, n_looks: int) -> float:
    """The rise, in percentage points, that arms of these sizes find with `power` at the last of `n_looks` equal looks.

    At the bound of the last look, a little stricter than `alpha`, so that looking early is paid for. NaN: no rise is found.
    """
    bounds = obrien_fleming_bounds([(look + 1) / n_looks for look in range(n_looks)], alpha)
    last = 1 - confidence_at(float(bounds[-1]))
    return float(100 * minimum_detectable_difference(base_rate, n_control, n_treatment, power=power, alpha=last))


def eligible(
    risk: pd.DataFrame, population: str = HIGH_RISK, modules: Sequence[str] = (), busy: Collection[int] = ()
) -> pd.DataFrame:
    """Of STUDENT_RISK_DAILY rows of one day, those of who may take part, one per student: the enrolment of highest risk.

    No `modules` means every module; `busy`: students in another running experiment, see `analysis.taking_part`.
    """
    is_in = ~risk["id_student"].isin(list(busy))
    if population == HIGH_RISK:
        is_in &= risk["high_risk_flag"]
    if modules:
        is_in &= risk["code_module"].isin(list(modules))
    ranked = risk[is_in].sort_values(["risk_score", *KEYS], ascending=[False, True, True])
    return ranked.drop_duplicates("id_student").sort_values("id_student", ignore_index=True)


def draw_arms(design: pd.DataFrame, risk: pd.DataFrame, seed: int, busy: Collection[int] = ()) -> pd.DataFrame:
    """EXPERIMENT_ARMS of a registered design: every eligible student, drawn within module and tenth of risk.

    `design`: one row of EXPERIMENT_DESIGNS; `risk`: STUDENT_RISK_DAILY rows of its day; `busy` as for `eligible`. The same
    students, seed and experiment give the same arms, whatever the order of rows; a student of another stratum changes none.
    Raises ValueError when the day differs, when the students are not as many as were registered, or when an arm is empty.
    """
    plan = design.iloc[0]
    name, assigned_on = str(plan["experiment_id"]), plan["assigned_on"]
    if not (risk["run_date"] == assigned_on).all():
        raise ValueError(f"experiment {name}: risk scores of another day than {assigned_on.date()} were given; pass that day's")
    modules = () if plan["modules"] == EVERY_MODULE else plan["modules"].split(",")
    students = eligible(risk, plan["population"], modules, busy)
    if len(students) != plan["n_students"]:
        raise ValueError(
            f"experiment {name}: {plan['n_students']:,} students were registered, {len(students):,} are eligible on "
            f"{assigned_on.date()}; register it anew"
        )
    students = students.assign(stratum=strata(students))
    students = students.assign(experiment_id=name, assigned_date=assigned_on, arm=draw_in_strata(students, f"{seed}:{name}"))
    if students["arm"].nunique() < len(ARMS):
        raise ValueError(f"experiment {name}: {len(students)} students left an arm empty; choose a wider population")
    return EXPERIMENT_ARMS.conform(students[EXPERIMENT_ARMS.names])


def base_rate_of(students: pd.DataFrame, reference: pd.DataFrame) -> float:
    """The share of these students who would pass by what became of closed cohorts; NaN without students or reference.

    `students`: as `eligible` gives them; `reference`: as `simulation.reference_outcomes` gives it.
    """
    if students.empty or reference.empty:
        return float("nan")
    return float(pass_chances(students, reference).mean())


def retention_of(students: pd.DataFrame, tables: Mapping[str, pd.DataFrame], assigned_on: date, horizon_days: int) -> float:
    """The share of closed cohorts still enrolled `horizon_days` later, from the day of the course on which these students stand.

    `students`: as `eligible` gives them (code_module, day); `tables`: raw courses and student_registration. Presentations that
    ended before `assigned_on` count, of each module as often as students are in it. Everybody enrolled then counts, whatever
    their risk, so for students at high risk it is too high. NaN where no presentation of their modules has closed.
    """
    courses = tables["courses"]
    closed = courses[end_dates(courses) < pd.Timestamp(assigned_on)]
    past = tables["student_registration"].merge(closed[[*KEYS, "module_presentation_length"]], on=KEYS)
    stands = students.groupby("code_module")["day"].agg(["median", "size"])
    past = past.merge(stands, left_on="code_module", right_index=True)
    registered, left = floats(past["date_registration"]), floats(past["date_unregistration"])
    day = floats(past["median"])
    here = enrolled_on(registered, left, day)
    horizon = np.minimum(day + horizon_days, floats(past["module_presentation_length"]))
    stays = pd.Series(enrolled_on(registered, left, horizon)[here]).groupby(past.loc[here, "code_module"].to_numpy()).mean()
    if stays.empty:
        return float("nan")
    return float(np.average(stays, weights=stands.loc[stays.index, "size"]))
