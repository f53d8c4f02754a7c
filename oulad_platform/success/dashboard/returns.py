"""The page's sections on what contacting students returns and on how fresh the tables are."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from oulad_platform.core.house import House
from oulad_platform.core.privacy import Disclosure
from oulad_platform.success.dashboard import charts
from oulad_platform.success.dashboard.views import (
    ABSENT,
    Grid,
    Row,
    Section,
    day_text,
    each,
    nearest,
    plain,
    short_day,
    shown,
    told,
)

CASELOADS_LISTED = 8
COUNTED = "students"


def return_section(by_caseload: pd.DataFrame, drivers: pd.DataFrame, house: House, rule: Disclosure) -> Section:
    """Net benefit by number of students contacted and what drives it. `by_caseload`: ROI_BY_CASELOAD, `drivers`: ROI_DRIVERS."""
    title = "What contacting students returns"
    if by_caseload.empty:
        return Section("return", title, ("No return has been estimated yet.",))
    ordered = by_caseload.sort_values("n_contacted")
    best = ordered[ordered["is_best"].astype("bool")]
    ordered = ordered[ordered["is_best"].astype("bool") | ~ordered["is_flagged"].astype("bool")]
    lines = [_best(row, rule) for _, row in best.iterrows()]
    if best.empty:
        lines.append(f"Contacting {told(rule.mean_from - 1, rule)} students pays best.")
    apart = _apart(ordered["n_contacted"].to_numpy(), rule.mean_from, set(best["n_contacted"]))
    drawn = ordered[apart]
    drivers = _of_persons(drivers, rule)
    swing = (drivers["net_benefit_at_high"] - drivers["net_benefit_at_low"]).abs()
    drivers = drivers.loc[swing.sort_values(ascending=False, kind="stable").index]
    if drivers.empty:
        lines.append("Which assumption weighs most has not been computed yet.")
    else:
        most = drivers.iloc[0]
        ends = f"{plain(most['net_benefit_at_low'])} to {plain(most['net_benefit_at_high'])}"
        name = shown(most["driver"])
        lines.append(
            f"Of the assumptions, {name} weighs most: {_range(most)} would move the net benefit of contacting all at high risk "
            f"from {ends}."
        )
    places = np.unique(np.linspace(0, len(drawn) - 1, min(CASELOADS_LISTED, len(drawn))).round().astype("int64"))
    rows = tuple(
        Row(
            (
                f"{row['n_contacted']:,}",
                plain(row["net_benefit"]),
                f"{plain(row['net_benefit_low'])} to {plain(row['net_benefit_high'])}",
                f"{100 * row['probability_of_profit']:.0f} %",
                plain(row["break_even_points"], 1),
            )
        )
        for _, row in drawn.iloc[places].iterrows()
    )
    columns = ("Contacted", "Net benefit", "80 % interval", "Profit likely", "Break-even, points")
    of_drivers = tuple(
        Row((shown(row.driver), _range(row), plain(row.net_benefit_at_low), plain(row.net_benefit_at_high)))
        for row in each(drivers)
    )
    driver_columns = ("Assumption", "Low to high", "Benefit at low", "At high")
    grids = (
        Grid("Net benefit by students contacted", columns, rows, folded=True),
        Grid("Assumptions, the most weighty first", driver_columns, of_drivers, folded=True),
    )
    alt = " ".join(lines)
    picture = charts.return_chart(drawn, drivers, house.main_colour, alt) if len(drawn) or len(drivers) else None
    return Section("return", title, tuple(lines), picture, tuple(grid for grid in grids if grid.rows))


def freshness_section(freshness: pd.DataFrame, day: date) -> Section:
    """Whether each daily table holds the day; those that do not by name, the oldest first. `freshness`: FRESHNESS."""
    title = "How fresh the data are"
    if freshness.empty:
        return Section("freshness", title, ("The newest days of the tables are not known.",))
    age = (pd.Timestamp(day) - freshness["newest"]).dt.days.rename("age")
    table = freshness.join(age).sort_values(["age", "table_name"], ascending=[False, True], na_position="first")
    late = table[~(table["age"] <= 0)]
    if late.empty:
        return Section("freshness", title, (f"All {len(table):,} daily tables are of {day_text(day)}.",))
    rows = []
    for row in each(late):
        behind = "1 day behind" if row.age == 1 else f"{row.age:,.0f} days behind"
        known = (ABSENT, "no day yet") if pd.isna(row.age) else (short_day(row.newest), behind)
        rows.append(Row((shown(row.table_name), *known)))
    grid = Grid("Tables that are late, the oldest first", ("Table", "Newest day", "Age"), tuple(rows), (2,), printed=10)
    line = f"{len(table) - len(late):,} of {len(table):,} daily tables are of {day_text(day)}."
    return Section("freshness", title, (line,), grids=(grid,))


def _of_persons(drivers: pd.DataFrame, rule: Disclosure) -> pd.DataFrame:
    """The assumptions, a number of students rounded, or left out where it may be a few."""
    is_count, ends = drivers["unit"] == COUNTED, ["low_value", "high_value"]
    if not rule.rounds:
        return drivers[~(is_count & (drivers[ends].min(axis=1) < rule.below))]
    return drivers.assign(**{name: drivers[name].mask(is_count, drivers[name].map(lambda n: nearest(n, rule))) for name in ends})


def _best(row: pd.Series, rule: Disclosure) -> str:
    interval = f"80 % interval {plain(row['net_benefit_low'])} to {plain(row['net_benefit_high'])}"
    if row["n_contacted"] == 0:
        return "Under these assumptions contacting nobody pays best: no number of students has a positive mean net benefit."
    low, high = ("none" if end == 0 else told(end, rule) for end in (row["best_size_low"], row["best_size_high"]))
    return (
        f"Contacting {told(row['n_contacted'], rule)} students, those at highest risk first, pays best: net benefit "
        f"{plain(row['net_benefit'])} ({interval}); it is above 0 with a probability of "
        f"{100 * row['probability_of_profit']:.0f} %. The best number may be anything from {low} to {high}."
    )


def _range(row: Any) -> str:
    """From the low to the high value of an assumption, with the unit where it is one to be read after a number."""
    unit = {"currency": "", "percentage points": " points"}.get(row.unit, f" {shown(row.unit)}")
    return f"{_number(row.low_value)} to {_number(row.high_value)}{unit}"


def _number(value: float) -> str:
    return plain(value, 0 if value == round(value) or abs(value) >= 100 else 1)


def _apart(sizes: np.ndarray, below: int, best: set[int]) -> np.ndarray:
    """Which caseloads to show: each at least `below` students from the one before, so that no difference is about a few."""
    kept, last = np.zeros(len(sizes), dtype=bool), 0
    for place, size in enumerate(sizes):
        nearest_best = min((abs(size - one) for one in best if one >= below), default=below)
        if size - last >= below and (nearest_best >= below or size in best):
            kept[place], last = True, size
    return kept
