"""Where and when the invented people click: one presentation at a time, as events in the shape of `student_vle`.

Everybody's chance to visit on a day is a dense student x day grid; each visit then spreads over sites. A site met twice
on one visit makes two rows, as in the published data.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from oulad_platform.core.calendar import DAYS_PER_WEEK
from oulad_platform.sources import tables as raw
from oulad_platform.sources.demo_plan import SITE_PLAN, SITES_OPEN, DemoPresentation
from oulad_platform.sources.demo_students import Floats, sigmoid

WEEKDAY_LOGIT = np.array([0.15, 0.20, 0.15, 0.05, -0.15, -0.40, -0.10])  # Monday first: every term starts on a Monday


def visit_chances(presentation: DemoPresentation, roster: pd.DataFrame, days: Floats) -> Floats:
    """Probability that each student (row) visits on each day (column); 0 before registration, in silence, and when stuck."""
    column = {name: roster[name].to_numpy()[:, None] for name in roster.columns}
    due = np.array([day for kind, day, _ in presentation.module.assessments if kind != "Exam" and day is not None])
    is_before_deadline = ((days[:, None] <= due) & (days[:, None] > due - 4)).any(axis=1)
    rhythm = WEEKDAY_LOGIT[days.astype(int) % DAYS_PER_WEEK] + 0.6 * is_before_deadline - 0.004 * np.maximum(days, 0)
    rhythm = rhythm + np.where(days < 0, -1.5, 0.5 * np.exp(-np.maximum(days, 0) / 14))
    is_leaving_soon = days >= column["silent_from"] - 14
    is_fading = days >= column["fades_from"]
    chance = presentation.activity_kept(days) * sigmoid(
        -0.85 + 0.75 * column["engagement"] + rhythm - 0.7 * is_leaving_soon - 1.5 * is_fading
    )
    can_click = (days > column["registered"]) & (days < column["silent_from"]) & ~column["never_clicks"]
    return np.where(can_click & (days != presentation.stuck_day), chance, 0.0)


def clicks(presentation: DemoPresentation, roster: pd.DataFrame, sites: pd.DataFrame, seed: int, before: int) -> pa.Table:
    """All click events of one presentation dated before the day offset `before`, ordered by day, in STUDENT_VLE's schema."""
    rng = presentation.rng(seed, purpose=3)
    days = np.arange(SITES_OPEN, presentation.module.length + 1, dtype="float64")
    chance = visit_chances(presentation, roster, days)
    day_index, student_index = np.nonzero(rng.random(chance.shape).T < chance.T)
    engagement = roster["engagement"].to_numpy()[student_index]
    n_events = 1 + rng.poisson(np.exp(0.15 + 0.3 * engagement))
    day_index, student_index = np.repeat(day_index, n_events), np.repeat(student_index, n_events)
    shares = {kind: share for kind, _, share in SITE_PLAN}
    n_of_type = sites.groupby("activity_type")["id_site"].transform("size")
    popularity = (sites["activity_type"].map(shares) / n_of_type).to_numpy(dtype="float64")
    site = rng.choice(sites["id_site"].to_numpy(), len(day_index), p=popularity / popularity.sum())
    sum_click = rng.geometric(0.35, len(day_index))
    seen = days[day_index] < before
    arrays = {
        "code_module": np.full(seen.sum(), presentation.module.code),
        "code_presentation": np.full(seen.sum(), presentation.code),
        "id_student": roster["id_student"].to_numpy()[student_index][seen],
        "id_site": site[seen],
        "date": days[day_index][seen],
        "sum_click": sum_click[seen],
    }
    schema = raw.STUDENT_VLE.arrow_schema()
    return pa.table({field.name: pa.array(arrays[field.name]).cast(field.type) for field in schema}, schema=schema)
