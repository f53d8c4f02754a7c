"""The features about assessments: due, handed in, missed, how timely and with which marks. Exams are no coursework."""

from __future__ import annotations

import math

import numpy as np

from oulad_platform.core.calendar import enrolled_on
from oulad_platform.success.features.grid import Grid, ratio
from oulad_platform.success.features.standing import standing
from oulad_platform.success.presentation import Floats, Integers, Presentation, floats, positions

RECORDED_SHARE, GRACE_DAYS = 0.1, 7
EARLY_DAYS = 3


def coursework(grid: Grid) -> dict[str, Floats]:
    """The features of `catalogue.COURSEWORK`, `catalogue.MARKS` and the due days of `catalogue.CALENDAR` by name."""
    one = grid.presentation
    assessment = positions(one.coursework["id_assessment"].to_numpy(), one.submissions["id_assessment"].to_numpy())
    due = due_in_record(one)
    return {**_calendar(grid), **_work(grid, assessment, due), **_marks(grid), **standing(grid, assessment, due)}


def _calendar(grid: Grid) -> dict[str, Floats]:
    planned = np.sort(floats(grid.presentation.coursework["date"].dropna()))
    bounded = np.concatenate([[np.nan], planned, [np.nan]])
    passed = np.searchsorted(planned, grid.days, side="left")
    return {
        "days_since_due": (grid.days - bounded[passed])[:, None],
        "days_to_next_due": (bounded[passed + 1] - grid.days)[:, None],
    }


def _work(grid: Grid, assessment: Integers, due_days: Floats) -> dict[str, Floats]:
    one = grid.presentation
    rows, student = one.submissions, one.students(one.submissions)
    handed_in, planned, weight = (floats(rows[name]) for name in ("date_submitted", "date", "weight"))
    banked = rows["is_banked"].eq(1).to_numpy()
    due, weights = due_days[assessment], floats(one.coursework["weight"])
    own, has_due, late_by = ~banked, ~np.isnan(due), handed_in - planned

    def so_far(chosen: np.ndarray, at: Floats, values: Floats | None = None) -> Floats:
        return grid.so_far(student[chosen], at[chosen], None if values is None else values[chosen])

    is_due = due_days < grid.days[:, None]
    settled = np.maximum(due, handed_in)
    n_due = is_due.sum(axis=1)[:, None] - so_far(banked & has_due, settled)
    n_missed = is_due.sum(axis=1)[:, None] - so_far(has_due, settled)
    on_record = so_far(own | banked, handed_in)
    last_day = np.argsort(handed_in[own], kind="stable")
    return {
        "weight_due": (is_due @ weights)[:, None],
        "n_assessments_due": n_due,
        "n_assessments_submitted": so_far(own, handed_in),
        "n_assessments_missed": n_missed,
        "missed_share": ratio(n_missed, n_due),
        "submissions_vs_cohort": on_record - grid.mean(on_record),
        "weight_done_share": ratio(so_far(own | banked, handed_in, weight), weights.sum()),
        "n_assessments_banked": so_far(banked, handed_in),
        "n_assessments_late": so_far(own & (late_by > 0), handed_in),
        "n_assessments_early": so_far(own & (late_by <= -EARLY_DAYS), handed_in),
        "days_late_mean": ratio(so_far(own & has_due, handed_in, late_by), so_far(own & has_due, handed_in)),
        "days_since_last_submission": grid.days[:, None]
        - grid.latest(student[own][last_day], handed_in[own][last_day], handed_in[own][last_day]),
    }


def _marks(grid: Grid) -> dict[str, Floats]:
    """From marks of the student's own work, as known before each day; the newest of one day is that of the higher number."""
    one = grid.presentation
    rows = one.submissions[one.submissions["is_banked"].ne(1) & one.submissions["score"].notna()]
    rows = rows.sort_values(["id_student", "date_submitted", "id_assessment"], kind="stable")
    student, at, score, weight = one.students(rows), *(floats(rows[name]) for name in ("date_submitted", "score", "weight"))
    kind = rows["assessment_type"].to_numpy()

    def mean(chosen: np.ndarray | slice = slice(None)) -> Floats:
        sums, counts = (grid.so_far(student[chosen], at[chosen], values) for values in (score[chosen], None))
        return ratio(sums, counts)

    is_next = np.diff(student, prepend=-1) == 0
    change = np.diff(score, prepend=np.nan)[is_next]
    return {
        "score_mean": mean(),
        "score_weighted": ratio(grid.so_far(student, at, score * weight), grid.so_far(student, at, weight)),
        "score_tma": mean(kind == "TMA"),
        "score_cma": mean(kind == "CMA"),
        "last_score": grid.latest(student, at, score),
        "score_change": grid.latest(student[is_next], at[is_next], change),
    }


def due_in_record(presentation: Presentation) -> Floats:
    """For each assessment of `coursework`, the day from which its absence says something; NaN without a due day.

    That is its due day, or the later one on which a tenth of the live enrolments had it on record, at most GRACE_DAYS after: in
    OULAD the results of computer-marked tests arrive together, days after they were due, and until then nobody has missed them.
    Whether that day lies before D is known from rows dated before D.
    """
    registered, unregistered = (presentation.days(f"date_{name}") for name in ("registration", "unregistration"))
    own = presentation.submissions[presentation.submissions["is_banked"].ne(1)]
    on_record = {key: np.sort(floats(days)) for key, days in own.groupby("id_assessment")["date_submitted"]}
    from_day = floats(presentation.coursework["date"]).copy()
    for place, (key, due) in enumerate(zip(presentation.coursework["id_assessment"], from_day.tolist(), strict=True)):
        needed = math.ceil(RECORDED_SHARE * enrolled_on(registered, unregistered, due).sum())
        days = on_record.get(key, np.empty(0))
        enough = days[needed - 1] if 0 < needed <= len(days) else np.inf
        from_day[place] = min(max(due, enough), due + GRACE_DAYS)
    return from_day
