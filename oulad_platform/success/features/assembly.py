"""What is known about an enrolment before a day: the one function that computes the features, and its use on calendar days.

Everything here holds point in time: features of day D use rows dated strictly before D, assessments by the day they were
handed in, never by their due date, and never `date_unregistration`. Labels and dense cubes stand in `success.presentation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from oulad_platform.core.calendar import end_dates
from oulad_platform.success.features.activity import activity
from oulad_platform.success.features.background import background
from oulad_platform.success.features.catalogue import FEATURE_NAMES
from oulad_platform.success.features.coursework import coursework
from oulad_platform.success.features.grid import Grid
from oulad_platform.success.presentation import Elsewhere, Presentation, elsewhere, presentations


def presentation_features(
    presentation: Presentation, day_offsets: Sequence[int], others: Elsewhere, *, everyone: bool = False
) -> pd.DataFrame:
    """Features of every live enrolment on each of the days, in the columns of the table `features`, by day and student.

    Live: registered on or before the day, not unregistered before it; silent students are in, and those whose registration
    day is unknown are out. `others` is `elsewhere` of all tables. Days outside 0..length give no rows. `everyone` adds who had
    left before the day: rows that no score is made for, to show what counting them would feign.
    """
    grid = Grid.of(presentation, day_offsets, everyone)
    if not grid.live.any():
        return _no_rows()
    known = {
        "day_in_course": grid.days[:, None],
        "course_elapsed": (grid.days / presentation.length)[:, None],
        **activity(grid),
        **coursework(grid),
        **background(grid, others),
    }
    wanted = np.flatnonzero(grid.live)
    values = np.empty((len(FEATURE_NAMES), len(wanted)), dtype="float32")
    for row, name in enumerate(FEATURE_NAMES):
        values[row] = np.broadcast_to(known[name], grid.shape).ravel()[wanted]
    which, student = np.divmod(wanted, grid.shape[1])
    day = grid.days[which]
    keys = pd.DataFrame(
        {
            "run_date": np.datetime64(presentation.start, "us") + day.astype("timedelta64[D]"),
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
    others = elsewhere(tables)
    frames = [
        presentation_features(one, (days - pd.Timestamp(one.start)).days.tolist(), others)
        for one in presentations({**tables, "courses": courses[running_then]}, clicks_parts)
    ]
    return pd.concat(frames, ignore_index=True) if frames else _no_rows()


def _no_rows() -> pd.DataFrame:
    keys = {"run_date": "datetime64[us]", "code_module": "str", "code_presentation": "str", "id_student": "int32", "day": "int16"}
    return pd.DataFrame(columns=[*keys, *FEATURE_NAMES]).astype(keys | dict.fromkeys(FEATURE_NAMES, "float32"))
