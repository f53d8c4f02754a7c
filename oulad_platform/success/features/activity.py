"""The features about visits: clicks, active days and page visits by window, week and kind of site, their rhythm and pace."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from oulad_platform.core.calendar import DAYS_PER_WEEK
from oulad_platform.success.features.catalogue_activity import ACTIVITY_GROUPS, EARLIER_WEEKS, WINDOWS
from oulad_platform.success.features.grid import Flags, Grid, ratio
from oulad_platform.success.presentation import Floats, Integers, events_by_day, positions, running

FARTHEST_BACK = 28


def activity(grid: Grid) -> dict[str, Floats]:
    """The features of `catalogue_activity.ACTIVITY` by name, from clicks dated before each day."""
    one, days = grid.presentation, grid.days
    last = int(days[-1])
    rows = one.clicks if one.clicks["date"].max() < last else one.clicks[one.clicks["date"] < last]
    student, at, n_clicks = one.students(rows), rows["date"].to_numpy("int64"), rows["sum_click"].to_numpy()
    first = min(-FARTHEST_BACK, int(at.min(initial=0)))
    shape = (last - first, grid.shape[1])
    clicks = events_by_day(student, at, n_clicks, shape, first)
    active = clicks > 0
    before = {
        "clicks": running(clicks),
        "active_days": running(active.astype("float64")),
        "site_visits": running(events_by_day(student, at, None, shape, first)),
    }

    def within(name: str, since: int, until: int = 0) -> Floats:
        return before[name][days - until - first] - before[name][days - since - first]

    since_start = {name: sums[days - first] - sums[-first] for name, sums in before.items()}
    windows = {f"{name}_{window}d": within(name, window) for name in ("clicks", "active_days") for window in WINDOWS}
    weeks = {
        f"{name}_week_{week}": within(name, DAYS_PER_WEEK * week, DAYS_PER_WEEK * (week - 1))
        for name in ("clicks", "active_days")
        for week in EARLIER_WEEKS
    }
    visits = {
        "site_visits_14d": within("site_visits", 14),
        "site_visits_before_start": np.broadcast_to(before["site_visits"][-first], grid.shape),
        "site_visits_per_active_day": ratio(since_start["site_visits"], since_start["active_days"]),
        "clicks_per_active_day": ratio(since_start["clicks"], since_start["active_days"]),
    }
    totals = {f"{name}_since_start": sums for name, sums in since_start.items()}
    ranked = ("clicks_since_start", "active_days_since_start", "site_visits_since_start", *visits)
    return {
        **windows,
        **weeks,
        **visits,
        **totals,
        "clicks_before_start": before["clicks"][-first],
        **_by_kind(grid, rows["id_site"].to_numpy(), student, at, n_clicks),
        **_silence(grid, active, first),
        **_rhythm(grid, before["clicks"][-first:]),
        "clicks_trend_7d": ratio(windows["clicks_7d"], windows["clicks_14d"]),
        "clicks_vs_cohort_28d": ratio(windows["clicks_28d"], grid.median(windows["clicks_28d"])),
        **{f"{name}_rank": grid.rank((totals | visits)[name]) for name in ranked if name != "site_visits_per_active_day"},
    }


def _by_kind(
    grid: Grid, sites: npt.NDArray[np.generic], student: Integers, at: Integers, n_clicks: Integers
) -> dict[str, Floats]:
    """Clicks since day 0 by group of activity types; those on other sites, or on sites nobody listed, are in none."""
    listed = grid.presentation.sites
    group_of = {kind: number for number, kinds in enumerate(ACTIVITY_GROUPS.values()) for kind in kinds}
    none, (n_days, n_students) = len(ACTIVITY_GROUPS), grid.shape
    groups = np.append(listed["activity_type"].map(group_of).fillna(none).to_numpy("int64"), none)  # the last is met as -1
    group = groups[positions(listed["id_site"].to_numpy(), sites)]
    days = np.arange(int(at.min(initial=0)), int(grid.days[-1]) + 1)
    known_at = np.where(days < 0, n_days, grid.first_after(days))[at - days[0]]
    cell = (group * (n_days + 1) + known_at) * n_students + student
    sums = np.bincount(cell, weights=n_clicks, minlength=(none + 1) * (n_days + 1) * n_students)
    by_group = sums.reshape(none + 1, n_days + 1, n_students)[:none, :n_days].cumsum(axis=1)
    return {f"clicks_{group}": by_group[number] for number, group in enumerate(ACTIVITY_GROUPS)}


def _silence(grid: Grid, active: Flags, first: int) -> dict[str, Floats]:
    """Days since the last visit, and the longest run without one since day 0 or registering."""
    registered = grid.presentation.days("date_registration")
    last_visit = np.full(grid.shape[1], np.nan)
    silent, longest = np.zeros(grid.shape[1]), np.zeros(grid.shape[1])
    since, gap = np.full(grid.shape, np.nan), np.full(grid.shape, np.nan)
    wanted = {day: place for place, day in enumerate(grid.days.tolist())}
    for day in range(first, int(grid.days[-1]) + 1):
        if (place := wanted.get(day)) is not None:
            since[place] = day - last_visit
            gap[place] = np.where(np.maximum(registered, 0) < day, longest, np.nan)
        if day == grid.days[-1]:
            break
        np.copyto(last_visit, day, where=active[day - first])
        if day >= 0:
            silent += 1
            silent[active[day - first] | (registered > day)] = 0
            np.maximum(longest, silent, out=longest)
    return {"days_since_last_visit": since, "longest_gap": gap}


def _rhythm(grid: Grid, clicks_before: Floats) -> dict[str, Floats]:
    """Share of the completed weeks with a visit, and how much clicks vary between them, since day 0 or registering.

    `clicks_before` holds the sums before each day, from day 0 on.
    """
    by_week = np.diff(clicks_before[::DAYS_PER_WEEK], axis=0)
    completed = (grid.days // DAYS_PER_WEEK)[:, None]
    registered = np.nan_to_num(grid.presentation.days("date_registration"))
    joined = np.minimum(np.ceil(np.maximum(registered, 0) / DAYS_PER_WEEK).astype("int64"), completed)
    n_weeks = completed - joined

    def over_weeks(weekly: Floats) -> Floats:
        sums = running(weekly)
        return sums[completed[:, 0]] - np.take_along_axis(sums, joined, axis=0)

    mean = ratio(over_weeks(by_week), n_weeks)
    spread = np.sqrt(np.maximum(ratio(over_weeks(by_week**2), n_weeks) - mean**2, 0))
    return {
        "weeks_active_share": ratio(over_weeks((by_week > 0).astype("float64")), n_weeks),
        "clicks_variation": np.where(n_weeks > 1, ratio(spread, mean), np.nan),
    }
