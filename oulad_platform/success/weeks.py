"""What each enrolment did in each completed week of its presentation, silent weeks included. No feature or label is made here."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from oulad_platform.core.calendar import DAYS_PER_WEEK, enrolled_on
from oulad_platform.success.presentation import Presentation, events_by_day, floats


def student_weeks(presentation: Presentation, before: date) -> pd.DataFrame:
    """One row per enrolment and week it was in force on at least one day of, in the columns of the table `student_weeks`.

    Week 0 holds days 0 to 6; the last week ends with the presentation. Only weeks whose last day is before `before`. Clicks
    before day 0 belong to no week; exams and banked assessments are not submissions. A registration without a date is never
    in force.
    """
    last_days = np.minimum(np.arange(0, presentation.length + 1, DAYS_PER_WEEK) + DAYS_PER_WEEK - 1, presentation.length)
    last_days = last_days[last_days < presentation.day_of(before)]
    shape = (len(last_days) * DAYS_PER_WEEK, len(presentation.enrolments))
    clicks, marks = presentation.clicks, presentation.submissions
    marks = marks[marks["is_banked"].ne(1)]
    scored = marks[marks["score"].notna()]

    def by_week(rows: pd.DataFrame, day: str, values: str | None = None) -> np.ndarray:
        inside = rows[rows[day].between(0, last_days.max(initial=-1))]
        amounts = None if values is None else floats(inside[values])
        return events_by_day(presentation.students(inside), inside[day].to_numpy(), amounts, shape, 0).reshape(
            len(last_days), DAYS_PER_WEEK, shape[1]
        )

    by_day = by_week(clicks, "date", "sum_click")
    submitted, n_scored = (by_week(rows, "date_submitted").sum(axis=1) for rows in (marks, scored))
    score = by_week(scored, "date_submitted", "score").sum(axis=1)
    registered, unregistered = (presentation.days(f"date_{name}") for name in ("registration", "unregistration"))
    first_days, last_days = (np.arange(len(last_days)) * DAYS_PER_WEEK)[:, None], last_days[:, None]
    in_force = enrolled_on(registered, unregistered, np.clip(registered, first_days, last_days))
    student, week = np.nonzero(in_force.T)

    def of_the_rows(by_week: np.ndarray) -> np.ndarray:
        return by_week.T[student, week]

    n_clicks, n_submissions = of_the_rows(by_day.sum(axis=1)), of_the_rows(submitted)
    return pd.DataFrame(
        {
            "code_module": pd.Series(presentation.module, index=range(len(week)), dtype="str"),
            "code_presentation": pd.Series(presentation.presentation, index=range(len(week)), dtype="str"),
            "id_student": presentation.enrolments["id_student"].to_numpy("int32")[student],
            "week": week.astype("int16"),
            "n_clicks": n_clicks.astype("int32"),
            "n_active_days": of_the_rows((by_day > 0).sum(axis=1)).astype("int8"),
            "n_submissions": n_submissions.astype("int16"),
            "score_mean": of_the_rows(np.divide(score, n_scored, out=np.full(score.shape, np.nan), where=n_scored > 0)).astype(
                "float32"
            ),
            "is_silent": (n_clicks == 0) & (n_submissions == 0),
        }
    )
