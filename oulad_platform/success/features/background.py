"""The features about who a student is, what they study beside, and how the module and the region did before.

Gender, age, deprivation and disability are here to audit the models; whether one predicts with them is settled elsewhere.
"""

from __future__ import annotations

import numpy as np

from oulad_platform.success.features.grid import Grid, ratio
from oulad_platform.success.presentation import Elsewhere, Floats, Integers, floats, positions

EDUCATION_LEVELS = {
    "No Formal quals": 0,
    "Lower Than A Level": 1,
    "A Level or Equivalent": 2,
    "HE Qualification": 3,
    "Post Graduate Qualification": 4,
}
REGIONS = (
    "East Anglian Region",
    "East Midlands Region",
    "Ireland",
    "London Region",
    "North Region",
    "North Western Region",
    "Scotland",
    "South East Region",
    "South Region",
    "South West Region",
    "Wales",
    "West Midlands Region",
    "Yorkshire Region",
)
CODES = {
    "highest_education": EDUCATION_LEVELS,
    "region": {region: number for number, region in enumerate(REGIONS)},
    "gender": {"F": 0, "M": 1},
    "age_band": {"0-35": 0, "35-55": 1, "55<=": 2},
    "imd_band": {f"{low}-{low + 10}{sign}": low // 10 for low in range(0, 100, 10) for sign in ("%", "")},  # OULAD has both
    "disability": {"N": 0, "Y": 1},
}
REGION_PRIOR = 200


def background(grid: Grid, others: Elsewhere) -> dict[str, Floats]:
    """The features of `catalogue.BACKGROUND` and `catalogue.PROTECTED` by name."""
    people = grid.presentation.enrolments
    codes = {
        column: np.array([code.get(value, np.nan) for value in people[column].tolist()], dtype="float64")
        if column in people
        else np.full(len(people), np.nan)
        for column, code in CODES.items()
    }
    return {
        "registration_lead": -grid.presentation.days("date_registration"),
        "previous_attempts": floats(people["num_of_prev_attempts"]),
        "studied_credits": floats(people["studied_credits"]),
        "education_level": codes.pop("highest_education"),
        **codes,
        **_own_enrolments(grid, others),
        **_rates(grid, others, codes["region"]),
    }


def _days_since_1970(grid: Grid) -> Integers:
    return grid.days + np.datetime64(grid.presentation.start, "D").astype("int64")


def _own_enrolments(grid: Grid, others: Elsewhere) -> dict[str, Floats]:
    """What the students take at the same time, and how what they took before ended."""
    rows = others.enrolments
    student = positions(grid.presentation.enrolments["id_student"].to_numpy(), rows["id_student"].to_numpy())
    is_other = (student >= 0) & (np.array(others.names) != grid.presentation.name)[rows["course"]]
    rows, student = rows[is_other], student[is_other]
    calendar = Grid(grid.presentation, _days_since_1970(grid), grid.live, grid.cohort)
    registered, unregistered, start, end, known_from, label = (
        floats(rows[name]) for name in ("registered", "unregistered", "start", "end", "known_from", "label")
    )
    joined, left = np.maximum(registered, start - 1), np.fmin(unregistered, end)
    is_registered, has_result = joined <= left, ~np.isnan(label)
    at = (known_from - 1)[has_result]
    n_closed, n_failed = (calendar.so_far(student[has_result], at, values) for values in (None, label[has_result]))
    n_joined, n_left = (calendar.so_far(student[is_registered], when[is_registered]) for when in (joined, left))
    return {"n_other_modules": n_joined - n_left, "earlier_failure_share": ratio(n_failed, n_closed)}


def _rates(grid: Grid, others: Elsewhere, region: Floats) -> dict[str, Floats]:
    """Share that failed or left in closed presentations, by module and by region, as known on each day."""
    today, rows = _days_since_1970(grid), others.enrolments
    label, known_from = (rows[name].to_numpy() for name in ("label", "known_from"))
    is_module = (np.array(others.modules) == grid.presentation.module)[rows["course"]]
    region_of = floats(rows["region"].map(CODES["region"]))
    left_on = floats(rows["unregistered"] - rows["start"])
    by_module, left, by_region = (np.full((len(today), width), np.nan) for width in (1, 1, len(REGIONS)))
    closings = np.unique(known_from[~np.isnan(label)])
    n_closed = np.searchsorted(closings, today, side="right")
    for count in np.unique(n_closed[n_closed > 0]):
        days, known = n_closed == count, (known_from <= closings[count - 1]) & ~np.isnan(label)
        here = known & is_module
        if here.any():
            by_module[days] = label[here].mean()
            left[days, 0] = np.searchsorted(np.sort(left_on[here]), grid.days[days], side="left") / here.sum()
        somewhere = known & ~np.isnan(region_of)
        failed, n = (
            np.bincount(region_of[somewhere].astype("int64"), weights, len(REGIONS)) for weights in (label[somewhere], None)
        )
        by_region[days] = (failed + REGION_PRIOR * label[known].mean()) / (n + REGION_PRIOR)
    lives_in = np.nan_to_num(region).astype("int64")
    return {
        "module_risk_rate": by_module,
        "module_left_share": left,
        "region_risk_rate": np.where(np.isnan(region), np.nan, by_region[:, lives_in]),
    }
