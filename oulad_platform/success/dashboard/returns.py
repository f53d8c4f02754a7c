"""The page's sections on what contacting students returns and on how fresh the tables are."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from oulad_platform.core.house import House
from oulad_platform.success.dashboard import charts
from oulad_platform.success.dashboard.views import ABSENT, Grid, Row, Section, day_text, each, plain, short_day, shown

CASELOADS_LISTED = 8


def return_section(by_caseload: pd.DataFrame, drivers: pd.DataFrame, house: House, below: int) -> Section:
    """Net benefit by number of students contacted and what drives it. `by_caseload`: ROI_BY_CASELOAD, `drivers`: ROI_DRIVERS."""
    title = "What contacting students returns"
    if by_caseload.empty:
        return Section("return", title, ("No return has been estimated yet.",))
    ordered = by_caseload.sort_values("n_contacted")
    best = ordered[ordered["is_best"].astype("bool")]
    ordered = ordered[ordered["is_best"].astype("bool") | ~ordered["is_flagged"].astype("bool")]
    lines = [_best(row, below) for _, row in best.iterrows()]
    apart = _apart(ordered["n_contacted"].to_numpy(), below, set(best["n_contacted"]))
    drawn = ordered[apart]
    swing = (drivers["net_benefit_at_high"] - drivers["net_benefit_at_low"]).abs()
    drivers = drivers.loc[swing.sort_values(ascending=False, kind="stable").index]
    if drivers.empty:
        lines.append("Which assumption weighs most has not been computed yet.")
    else:
        most = drivers.iloc[0]
        ends = sorted((most["net_benefit_at_low"], most["net_benefit_at_high"]))
        lines.append(f"{shown(most['driver'])} weighs most: between {plain(ends[0])} and {plain(ends[1])}.")
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
        Row(
            (
                shown(row["driver"]),
                f"{row['low_value']:g} to {row['high_value']:g} {shown(row['unit'])}".strip(),
                plain(row["net_benefit_at_low"]),
                plain(row["net_benefit_at_high"]),
            )
        )
        for _, row in drivers.iterrows()
    )
    driver_columns = ("Assumption", "From low to high", "Net benefit at low", "Net benefit at high")
    grids = (
        Grid("Net benefit by students contacted", columns, rows, folded=True),
        Grid("Assumptions, the most weighty first", driver_columns, of_drivers, folded=True),
    )
    alt = " ".join(lines)
    picture = charts.return_chart(drawn, drivers, house.main_colour, alt) if len(drawn) or len(drivers) else None
    return Section("return", title, tuple(lines), picture, tuple(grid for grid in grids if grid.rows))


def freshness_section(freshness: pd.DataFrame, day: date) -> Section:
    """The newest day of each table and how far it lies behind. `freshness`: FRESHNESS."""
    title = "How fresh the data are"
    if freshness.empty:
        return Section("freshness", title, ("The newest days of the tables are not known.",))
    age = (pd.Timestamp(day) - freshness["newest"]).dt.days.rename("age")
    table = freshness.join(age).sort_values(["age", "table_name"], ascending=[False, True], na_position="first")
    behind, never = int((age > 0).sum()), int(freshness["newest"].isna().sum())
    lines = [f"{len(freshness) - behind - never:,} of {len(freshness):,} tables hold {day_text(day)}."]
    if never:
        lines.append(f"Without any day yet: {never:,}.")
    rows = []
    for row in each(table):
        late = "up to date" if row.age <= 0 else "1 day behind" if row.age == 1 else f"{row.age:,.0f} days behind"
        known = (ABSENT, "never") if pd.isna(row.age) else (short_day(row.newest), late)
        rows.append(Row((shown(row.table_name), *known)))
    grid = Grid("Newest day of each table, the oldest first", ("Table", "Newest day", "Age"), tuple(rows), (2,), printed=10)
    return Section("freshness", title, tuple(lines), grids=(grid,))


def _best(row: pd.Series, below: int) -> str:
    whom = f"{row['n_contacted']:,}" if row["n_contacted"] >= below else f"fewer than {below}"
    interval = f"80 % interval {plain(row['net_benefit_low'])} to {plain(row['net_benefit_high'])}"
    if row["n_contacted"] == 0:
        return "Under these assumptions contacting nobody pays best: no number of students has a positive mean net benefit."
    ends = row[["best_size_low", "best_size_high"]]
    span = f", 80 % interval {plain(ends.iloc[0])} to {plain(ends.iloc[1])}" if ends.notna().all() and ends.min() >= below else ""
    return (
        f"Contacting {whom} students{span}, those at highest risk first, pays best: net benefit {plain(row['net_benefit'])} "
        f"({interval}); it is above 0 with a probability of {100 * row['probability_of_profit']:.0f} %."
    )


def _apart(sizes: np.ndarray, below: int, best: set[int]) -> np.ndarray:
    """Which caseloads to show: each at least `below` students from the one before, so that no difference is about a few."""
    kept, last = np.zeros(len(sizes), dtype=bool), 0
    for place, size in enumerate(sizes):
        nearest_best = min((abs(size - one) for one in best if one >= below), default=below)
        if size - last >= below and (nearest_best >= below or size in best):
            kept[place], last = True, size
    return kept
