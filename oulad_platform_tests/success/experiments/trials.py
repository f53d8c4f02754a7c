"""Invented students, experiments and outcomes for the tests of this room."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from oulad_platform.core.outreach import INTERVENTIONS, contact_ids
from oulad_platform.core.pseudonyms import DEMO
from oulad_platform.success.experiments.design import new_design
from oulad_platform.success.experiments.tables import EXPERIMENT_ARMS, EXPERIMENT_STOPS
from oulad_platform.success.tables import STUDENT_RISK_DAILY
from oulad_platform_tests.success.campus import courses

DAY = date(2014, 5, 20)
START = "2014-02-01"
NO_STOPS, NO_CONTACTS = EXPERIMENT_STOPS.empty(), INTERVENTIONS.empty()
MODULES = ("AAA", "BBB", "CCC")
COURSES = courses(("AAA", "2014B", 150, START), ("BBB", "2014B", 200, START), ("CCC", "2014B", 240, START))
AAA_ENDS, BBB_ENDS, CCC_ENDS = date(2014, 7, 1), date(2014, 8, 20), date(2014, 9, 29)
AFTER_ALL = date(2014, 12, 1)


def risk(n: int, *, modules: tuple[str, ...] = ("AAA", "BBB"), seed: int = 0, decimals: int = 6, first: int = 1) -> pd.DataFrame:
    """STUDENT_RISK_DAILY of one day: students `first` and on, each in one module, their risk between 0 and 1."""
    random = np.random.default_rng(seed)
    code_module, score = random.choice(modules, n), random.random(n).round(decimals)
    known = {
        "run_date": pd.Timestamp(DAY),
        "id_student": np.arange(first, first + n),
        "code_module": code_module,
        "code_presentation": "2014B",
        "day": 108,
        "week": 15,
        "risk_score": score,
        "risk_band": np.where(score > 0.25, "high", "low"),
        "high_risk_flag": score > 0.25,
        "cum_submissions": 0,
        "model_version": "2013J",
    }
    absent = {name: None for name in STUDENT_RISK_DAILY.names if name not in known}
    return STUDENT_RISK_DAILY.conform(pd.DataFrame({**known, **absent}))


def reference(n: int, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    scores = random.random(n)
    return pd.DataFrame(
        {"code_module": random.choice(["AAA", "BBB"], n), "risk_score": scores, "passed": random.random(n) > scores}
    )


def design(**changed: Any) -> pd.DataFrame:
    """A valid design of 120 students and three looks; `changed` replaces arguments of new_design."""
    given: dict[str, Any] = {
        "experiment_id": "calls",
        "registered_at": pd.Timestamp("2014-05-20 09:30"),
        "registered_by": "Ada",
        "hypothesis": "An adviser calls; more students pass.",
        "assigned_on": DAY,
        "population": "all",
        "base_rate": 0.5,
        "n_students": 120,
    }
    return new_design(**{**given, **changed})


def arms(n: int = 120, experiment_id: str = "calls") -> pd.DataFrame:
    """EXPERIMENT_ARMS: students 0 to n - 1; modules take turns, then arms do, so that all are balanced for n = 6, 12 ..."""
    ids = np.arange(n)
    frame = pd.DataFrame(
        {
            "experiment_id": experiment_id,
            "assigned_date": pd.Timestamp(DAY),
            "id_student": ids,
            "code_module": np.array(MODULES)[ids % 3],
            "code_presentation": "2014B",
            "risk_score": (ids % 10) / 10 + 0.05,
            "stratum": np.array(MODULES)[ids % 3],
            "arm": np.where(ids // 3 % 2 == 1, "treatment", "control"),
        }
    )
    return EXPERIMENT_ARMS.conform(frame)


def outcomes(drawn: pd.DataFrame, passed: np.ndarray) -> dict[str, pd.DataFrame]:
    """Raw tables in which the students of `drawn` passed or failed; nobody left."""
    students = drawn[["code_module", "code_presentation", "id_student"]]
    return {
        "courses": COURSES,
        "student_info": students.assign(final_result=np.where(passed, "Pass", "Fail")),
        "student_registration": students.assign(date_registration=-20.0, date_unregistration=np.nan),
    }


def first_passing(drawn: pd.DataFrame, treatment: int, control: int) -> np.ndarray:
    """Who passed if, of each arm and module, so many of the first did."""
    place = drawn.groupby(["code_module", "arm"]).cumcount()
    return (place < drawn["arm"].map({"treatment": treatment, "control": control})).to_numpy()


def contacts(*rows: tuple[int, str, str]) -> pd.DataFrame:
    """INTERVENTIONS from student, day and outcome."""
    made = pd.DataFrame(rows, columns=["id_student", "contacted_on", "outcome"]).assign(adviser="Ada", channel="call")
    made["contacted_on"] = pd.to_datetime(made["contacted_on"]).astype("datetime64[us]")
    return INTERVENTIONS.conform(made.assign(contact_id=contact_ids(made, DEMO)))


def stop(day: date, experiment_id: str = "calls") -> pd.DataFrame:
    row = {"experiment_id": experiment_id, "stopped_on": pd.Timestamp(day), "stopped_by": "Ada", "reason": "enough"}
    return EXPERIMENT_STOPS.conform(pd.DataFrame([{**row, "stopped_at": pd.Timestamp(day)}]))
