"""The shift law, asked of stored features: without any row dated on or after the day, they would be the same.

`known_before` says what was known on a day; it is the one place that says so for whole raw tables. No feature is computed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

import numpy as np
import pandas as pd

from oulad_platform.core.calendar import end_dates
from oulad_platform.core.checks import Finding
from oulad_platform.success.features.assembly import daily_features
from oulad_platform.success.features.catalogue import FEATURE_NAMES
from oulad_platform.success.presentation import KEYS
from oulad_platform.success.tables import FEATURES

TOLERANCE = 1e-5


def known_before(tables: Mapping[str, pd.DataFrame], day: date) -> dict[str, pd.DataFrame]:
    """The raw tables (clicks aside, see `ClicksBefore`) without what was not known before `day`.

    Submissions dated on the day or later are gone, and registrations dated later: who registers on the day is enrolled on it, and
    is in nobody else's figures. Unregistrations on the day or later, and results of presentations that had not closed, are
    missing.
    """
    courses = tables["courses"]
    offset = (pd.Timestamp(day) - courses["start_date"]).dt.days
    by_course = courses[KEYS].assign(offset=offset, is_open=end_dates(courses) >= pd.Timestamp(day))

    def dated(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[KEYS].merge(by_course, on=KEYS, how="left").set_index(rows.index)

    info, registration, handed_in = (tables[name] for name in ("student_info", "student_registration", "student_assessment"))
    today = dated(registration)["offset"]
    of_assessment = dated(tables["assessments"])["offset"].set_axis(tables["assessments"]["id_assessment"])
    registration = registration.assign(
        date_unregistration=registration["date_unregistration"].where(registration["date_unregistration"] < today)
    )
    return {
        **tables,
        "student_info": info.assign(final_result=info["final_result"].mask(dated(info)["is_open"].eq(True))),
        "student_registration": registration[~(registration["date_registration"] > today).fillna(False)],
        "student_assessment": handed_in[
            ~(handed_in["date_submitted"] >= handed_in["id_assessment"].map(of_assessment)).fillna(False)
        ],
    }


class ClicksBefore(Mapping[str, pd.DataFrame]):
    """The parts of student_vle, each cut to the rows dated before a day when it is asked for."""

    def __init__(self, parts: Mapping[str, pd.DataFrame], courses: pd.DataFrame, day: date) -> None:
        names = courses["code_module"] + "_" + courses["code_presentation"]
        self._parts = parts
        self._offsets = dict(zip(names, (pd.Timestamp(day) - courses["start_date"]).dt.days, strict=True))

    def __getitem__(self, part: str) -> pd.DataFrame:
        rows = self._parts[part]
        return rows[rows["date"] < self._offsets[part]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)


def check_shift(
    tables: Mapping[str, pd.DataFrame], clicks_parts: Mapping[str, pd.DataFrame], day: date, stored: pd.DataFrame
) -> list[Finding]:
    """What `stored`, the features of `day`, would not hold if nothing dated on that day or later were there.

    `stored` is of the table `features`, with rows of this day alone. One finding for the rows that only one side has, and one
    for each feature that differs, with the first row; none when the law holds.
    """
    clicks = ClicksBefore(clicks_parts, tables["courses"], day)
    again = FEATURES.conform(daily_features(known_before(tables, day), clicks, pd.DatetimeIndex([day])))
    stored = FEATURES.conform(stored)
    keys = list(FEATURES.key)
    both = stored[keys].merge(again[keys], on=keys, how="outer", indicator="side")
    one_sided = both[both["side"] != "both"]
    if len(one_sided):
        where = "stored" if one_sided["side"].iloc[0] == "left_only" else "missing"
        rule = f"{len(one_sided):,} enrolments would not be the same without rows dated {day} or later; the first is {where}"
        return [Finding(FEATURES.name, f"{rule}, in {one_sided['code_module'].iloc[0]} {one_sided['code_presentation'].iloc[0]}")]
    return list(_differences(stored, again, day))


def _differences(stored: pd.DataFrame, again: pd.DataFrame, day: date) -> Iterator[Finding]:
    for name in FEATURE_NAMES:
        differs = ~np.isclose(stored[name], again[name], rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        if differs.any():
            first = int(differs.argmax())
            without = f"would be {again[name].iloc[first]:g} without rows dated {day} or later ({differs.sum():,} rows differ)"
            yield Finding(FEATURES.name, without, first + 1, name, f"{stored[name].iloc[first]:g}")
