"""What is known about an enrolment before a day: the feature catalogue and the one function that computes it.

Everything here holds point in time: features of day D use rows dated strictly before D, assessments by the day they were
handed in, never by their due date, and never `date_unregistration`. Gender, age, deprivation and disability are used to audit
a model, not to predict, and are absent here. Labels and dense cubes stand in `success.presentation`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core.calendar import end_dates, enrolled_on
from oulad_platform.success.features.catalogue import CATALOGUE, FEATURE_NAMES
from oulad_platform.success.presentation import (
    Floats,
    Integers,
    Presentation,
    closed_rates,
    events_by_day,
    floats,
    presentations,
    running,
)

EDUCATION_LEVELS = {
    "No Formal quals": 0,
    "Lower Than A Level": 1,
    "A Level or Equivalent": 2,
    "HE Qualification": 3,
    "Post Graduate Qualification": 4,
}
LONGEST_WINDOW = 28
RECORDED_SHARE, GRACE_DAYS = 0.1, 7


def presentation_features(presentation: Presentation, day_offsets: Sequence[int], closed: pd.Series) -> pd.DataFrame:
    """Features of every live enrolment on each of the days, in the columns of the table `features`, by day and student.

    Live: registered on or before the day, not unregistered before it; silent students are in, and those whose registration
    day is unknown are out. `closed` is `closed_rates` of the module. Days outside 0..length give no rows.
    """
    offsets = np.unique(np.asarray(day_offsets, dtype="int64"))
    offsets = offsets[(offsets >= 0) & (offsets <= presentation.length)]
    registered, unregistered = (presentation.days(f"date_{name}")[None, :] for name in ("registration", "unregistration"))
    which, student = np.nonzero(enrolled_on(registered, unregistered, offsets[:, None]))
    day = offsets[which]
    run_date = np.datetime64(presentation.start, "us") + day.astype("timedelta64[D]")
    known = {
        "day_in_course": day,
        **_activity(presentation, student, day),
        **_coursework(presentation, student, day),
        **_background(presentation, student),
        "module_risk_rate": _newest_known(closed, run_date),
    }
    values = np.empty((len(CATALOGUE), len(day)), dtype="float32")
    for row, name in enumerate(FEATURE_NAMES):
        values[row] = known[name]
    keys = pd.DataFrame(
        {
            "run_date": run_date,
            "code_module": pd.Series(presentation.module, index=range(len(day)), dtype="str"),
            "code_presentation": pd.Series(presentation.presentation, index=range(len(day)), dtype="str"),
            "id_student": presentation.enrolments["id_student"].to_numpy("int32")[student],
            "day": day.astype("int16"),
        }
    )
    return pd.concat([keys, pd.DataFrame(values.T, columns=list(FEATURE_NAMES), copy=False)], axis=1)


def daily_features(
    tables: Mapping[str, pd.DataFrame], clicks_parts: Mapping[str, pd.DataFrame], days: pd.DatetimeIndex
) -> pd.DataFrame:
    """Features of every live enrolment of every presentation on the calendar `days`, in the columns of the table `features`.

    Presentations that do not run on any of the days are not read. No row when none runs.
    """
    courses = tables["courses"]
    running_then = (courses["start_date"] <= days.max()) & (end_dates(courses) >= days.min())
    frames = [
        presentation_features(one, (days - pd.Timestamp(one.start)).days.tolist(), closed_rates(tables, one.module))
        for one in presentations({**tables, "courses": courses[running_then]}, clicks_parts)
    ]
    return pd.concat(frames, ignore_index=True) if frames else _no_rows()


def _activity(presentation: Presentation, student: Integers, day: Integers) -> dict[str, npt.NDArray[np.generic]]:
    rows = presentation.clicks
    dates = rows["date"].to_numpy("int64")
    first = min(-LONGEST_WINDOW, int(dates.min(initial=0)))
    shape = (len(presentation.enrolments), presentation.length - first)
    clicks = events_by_day(presentation.students(rows), dates, rows["sum_click"].to_numpy(), shape, first)
    active = clicks > 0
    last_visit = np.full((shape[0], shape[1] + 1), np.nan)
    last_visit[:, 1:] = _latest(np.where(active, np.arange(first, presentation.length), np.nan))
    clicks_before, active_before = running(clicks), running(active.astype("float64"))

    def within(before: Floats, window: int) -> Floats:
        return before[student, day - first] - before[student, day - window - first]

    def since_start(before: Floats) -> Floats:
        return before[student, day - first] - before[student, -first]

    known: dict[str, npt.NDArray[np.generic]] = {}
    for window in (7, 14, LONGEST_WINDOW):
        known[f"clicks_{window}d"] = within(clicks_before, window)
        known[f"active_days_{window}d"] = within(active_before, window)
    usual = pd.Series(known["clicks_28d"]).groupby(day).transform("median").to_numpy()
    return known | {
        "clicks_since_start": since_start(clicks_before),
        "active_days_since_start": since_start(active_before),
        "clicks_before_start": clicks_before[student, -first],
        "days_since_last_visit": day - last_visit[student, day - first],
        "clicks_vs_cohort_28d": _ratio(known["clicks_28d"], usual),
        "clicks_trend_7d": _ratio(known["clicks_7d"], known["clicks_14d"]),
    }


def _coursework(presentation: Presentation, student: Integers, day: Integers) -> dict[str, npt.NDArray[np.generic]]:
    rows = presentation.submissions
    handed_in, planned, score, weight = (floats(rows[name]) for name in ("date_submitted", "date", "score", "weight"))
    banked, person = rows["is_banked"].eq(1).to_numpy(), presentation.students(rows)
    due_days = _due_in_record(presentation)
    due = due_days[np.searchsorted(presentation.coursework["id_assessment"], rows["id_assessment"])]
    first = int(np.concatenate([[0.0], handed_in, due_days[~np.isnan(due_days)]]).min())
    shape = (len(presentation.enrolments), presentation.length - first)

    def so_far(rows_in: npt.NDArray[np.bool_], at: Floats, values: Floats | None = None) -> Floats:
        amounts = None if values is None else values[rows_in]
        return running(events_by_day(person[rows_in], at[rows_in], amounts, shape, first))[student, day - first]

    own, has_due, scored = ~banked, ~np.isnan(due), ~banked & ~np.isnan(score)
    settled = np.maximum(due, handed_in)
    all_due = np.searchsorted(np.sort(due_days[~np.isnan(due_days)]), day, side="left")
    n_due = all_due - so_far(banked & has_due, settled)
    n_missed = all_due - so_far(has_due, settled)
    return {
        "n_assessments_due": n_due,
        "n_assessments_submitted": so_far(own, handed_in),
        "n_assessments_missed": n_missed,
        "missed_share": _ratio(n_missed, n_due),
        "score_mean": _ratio(so_far(scored, handed_in, score), so_far(scored, handed_in)),
        "score_weighted": _ratio(so_far(scored, handed_in, score * weight), so_far(scored, handed_in, weight)),
        "last_score": _last_score(rows[scored], person[scored], shape, first)[student, day - first],
        "days_late_mean": _ratio(so_far(own & has_due, handed_in, handed_in - planned), so_far(own & has_due, handed_in)),
    }


def _due_in_record(presentation: Presentation) -> Floats:
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


def _last_score(rows: pd.DataFrame, person: Integers, shape: tuple[int, int], first: int) -> Floats:
    """The newest mark before each day; of two handed in on one day, that of the higher assessment number."""
    ordered = np.argsort(rows["id_assessment"].to_numpy(), kind="stable")
    column = rows["date_submitted"].to_numpy("int64")[ordered] - first + 1
    inside = column <= shape[1]
    marks = np.full((shape[0], shape[1] + 1), np.nan)
    marks[person[ordered][inside], column[inside]] = floats(rows["score"])[ordered][inside]
    return _latest(marks)


def _background(presentation: Presentation, student: Integers) -> dict[str, npt.NDArray[np.generic]]:
    people = presentation.enrolments
    return {
        "registration_lead": -presentation.days("date_registration")[student],
        "previous_attempts": floats(people["num_of_prev_attempts"])[student],
        "studied_credits": floats(people["studied_credits"])[student],
        "education_level": floats(people["highest_education"].map(EDUCATION_LEVELS))[student],
    }


def _latest(cube: Floats) -> Floats:
    """Each cell's newest value that is present, up to and including its own column."""
    column = np.maximum.accumulate(np.where(np.isnan(cube), 0, np.arange(cube.shape[1])), axis=1)
    return np.take_along_axis(cube, column, axis=1)


def _ratio(part: npt.NDArray[np.generic], whole: npt.NDArray[np.generic]) -> Floats:
    """part / whole, NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole != 0, dtype="float64", casting="unsafe")


def _newest_known(closed: pd.Series, run_date: npt.NDArray[np.datetime64]) -> Floats:
    place = np.searchsorted(closed.index.to_numpy().astype("datetime64[us]"), run_date, side="right")
    return np.concatenate([[np.nan], closed.to_numpy("float64")])[place]


def _no_rows() -> pd.DataFrame:
    keys = {"run_date": "datetime64[us]", "code_module": "str", "code_presentation": "str", "id_student": "int32", "day": "int16"}
    return pd.DataFrame(columns=[*keys, *FEATURE_NAMES]).astype(keys | dict.fromkeys(FEATURE_NAMES, "float32"))
