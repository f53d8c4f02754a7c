"""Small raw tables for the tests of the success line: the smallest campus on which a rule can be seen, and a random one."""

from __future__ import annotations

import numpy as np
import pandas as pd

Tables = dict[str, pd.DataFrame]


def courses(*rows: tuple[str, str, int, str]) -> pd.DataFrame:
    """Rows of module, code, length in days, first day."""
    frame = pd.DataFrame(rows, columns=["code_module", "code_presentation", "module_presentation_length", "start_date"])
    return frame.assign(start_date=pd.to_datetime(frame["start_date"]).astype("datetime64[us]"))


def tables(
    students: list[tuple[int, float, float, str | None]],
    assessments: list[tuple[int, str, float, float]] = (),
    submissions: list[tuple[int, int, int, int, float]] = (),
    module: str = "AAA",
    code: str = "2014B",
    length: int = 60,
    start: str = "2014-02-01",
) -> Tables:
    """One presentation. Students: id, registered, unregistered, result. Assessments: id, type, due day, weight.

    Submissions: assessment, student, day, is_banked, score.
    """
    key = {"code_module": module, "code_presentation": code}
    people = pd.DataFrame(students, columns=["id_student", "date_registration", "date_unregistration", "final_result"])
    info = people[["id_student", "final_result"]].assign(
        **key, num_of_prev_attempts=1, studied_credits=60, highest_education="HE Qualification"
    )
    return {
        "courses": courses((module, code, length, start)),
        "student_info": info,
        "student_registration": people.drop(columns="final_result").assign(**key),
        "assessments": pd.DataFrame(assessments, columns=["id_assessment", "assessment_type", "date", "weight"]).assign(**key),
        "student_assessment": pd.DataFrame(
            submissions, columns=["id_assessment", "id_student", "date_submitted", "is_banked", "score"]
        ),
    }


def clicks(*rows: tuple[int, int, int]) -> pd.DataFrame:
    """Rows of student, day, clicks."""
    return pd.DataFrame(rows, columns=["id_student", "date", "sum_click"], dtype="int64")


def cohorts(*runs: tuple[str, str], n_students: int = 120, seed: int = 1) -> tuple[Tables, dict[str, pd.DataFrame]]:
    """One module over several codes (code, first day), 60 days each; students who click little mostly fail."""
    rng = np.random.default_rng(seed)
    whole, parts = [], {}
    for run, (code, start) in enumerate(runs):
        ids = np.arange(n_students) + 1000 * run
        effort = rng.uniform(0.05, 0.9, n_students)
        failed = rng.random(n_students) < 1 - effort
        people = [(int(one), -20.0, np.nan, "Fail" if bad else "Pass") for one, bad in zip(ids, failed, strict=True)]
        handed_in = [(10 * run + 1, int(one), 9, 0, 40 + 50 * good) for one, good in zip(ids, effort, strict=True) if good > 0.3]
        whole.append(tables(people, [(10 * run + 1, "TMA", 10, 100)], handed_in, code=code, start=start))
        student, day = np.nonzero(rng.random((n_students, 60)) < effort[:, None])
        parts[f"AAA_{code}"] = pd.DataFrame({"id_student": ids[student], "date": day, "sum_click": 3})
    return {name: pd.concat([one[name] for one in whole], ignore_index=True) for name in whole[0]}, parts
