"""The first half of the page: who is here, who is at risk, who is reached, which alerts are open. Small counts are withheld in
`counts`; this module chooses and words the figures.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from oulad_platform.core.house import House
from oulad_platform.core.outreach import OUTCOMES
from oulad_platform.core.privacy import BASE, TOTAL, Disclosure
from oulad_platform.success.dashboard import charts
from oulad_platform.success.dashboard.counts import (
    HIGH,
    LISTED,
    REACHED,
    SCORED,
    CourseCounts,
    contact_counts,
    current_enrollment,
    newest,
)
from oulad_platform.success.dashboard.tables import CONTACT_DAYS
from oulad_platform.success.dashboard.views import (
    ABSENT,
    HIDDEN,
    Grid,
    Row,
    Section,
    count,
    day_text,
    each,
    named,
    nearest,
    share,
    shown,
    signed,
    told,
)

WEEKS = 12
WEEKS_OF_YEAR = 53


def enrollment_section(enrollment: pd.DataFrame, counts: CourseCounts, house: House, day: date, rule: Disclosure) -> Section:
    """Enrolments today, a week ago and a year ago; by program. `enrollment`: enrollment_metrics rows up to the day."""
    words = house.words
    title = f"{words.holdings.capitalize()} today"
    total = enrollment[enrollment["scope"] == "total"].sort_values("date")
    if total.empty:
        return Section("enrollment", title, (f"No figure of {words.holdings} has been made yet.",))
    now = total.iloc[-1]
    current = current_enrollment(total, counts, rule)
    if pd.isna(current):
        return Section("enrollment", title, (f"The number of {words.holdings} is hidden: a part of it is under {rule.below}.",))
    lines = [f"{count(current)} {words.holdings} on {day_text(now['date'])}, {_compared(total, now, rule)}."]
    flows = total[total["date"] > now["date"] - pd.Timedelta(days=7)][["new_students", "dropped_students"]]
    came, left = (flows[name].sum() for name in flows)
    if flows.isna().to_numpy().any() or len(flows) < 7:
        lines.append("New and dropped of the last 7 days are not known: a day of them has nothing before it to compare with.")
    elif min(came, left) < rule.below and not rule.rounds:
        lines.append(
            f"In the last 7 days fewer than {rule.below} were {words.added}, or fewer than {rule.below} {words.dropped}."
        )
    else:
        lines.append(f"In the last 7 days {told(came, rule)} were {words.added} and {told(left, rule)} {words.dropped}.")
    grids: tuple[Grid, ...] = ()
    if len(counts.programs):
        sizes = {str(name): n for name, n in counts.programs.items() if name != TOTAL}
        rows = [Row((shown(name), count(n), share(n, current, rule)), module=name) for name, n in sizes.items()]
        rows.append(Row((f"All {words.program}s", count(current), share(current, current, rule)), is_total=True))
        columns = (words.program.capitalize(), words.holdings.capitalize(), "Share")
        grids = (Grid(f"{words.holdings.capitalize()} by {words.program}", columns, tuple(rows), printed=12),)
    year = total[(now["date"] - total["date"]).dt.days % 7 == 0].tail(WEEKS_OF_YEAR)
    year = year if rule.rounds else year[year["total_enrollment"] >= rule.below]
    step, counted = _step(rule), ["total_enrollment", "last_year_enrollment"]
    year = year.assign(**{name: step * (year[name].astype("Float64") / step).round() for name in counted})
    swing = year["total_enrollment"].max() - year["total_enrollment"].min()
    if len(year) < 2 or (year["last_year_enrollment"].isna().all() and swing < 2 * step):
        if len(year) > 1:
            since = day_text(year["date"].iloc[0])
            lines.append(f"Since {since} it has stayed within {swing + step:,.0f} all the time, so no line is drawn.")
        return Section("enrollment", title, tuple(lines), grids=grids)
    alt = f"Line of {words.holdings} by week, rounded to {step}: {_points(year)}."
    return Section("enrollment", title, tuple(lines), charts.enrollment_chart(year, house.main_colour, alt), grids)


def risk_section(course_summary: pd.DataFrame, counts: CourseCounts, rule: Disclosure) -> Section:
    """Who is at high risk, and mean risk by course and week. `course_summary`: COURSE_SUMMARY_DAILY up to the day."""
    title = "Risk by module and week"
    if course_summary.empty:
        return Section("risk", title, ("Nobody has been scored yet, so no risk is known.",))
    scored_on = course_summary["run_date"].max()
    total, version = counts.courses.loc[TOTAL], sorted(set(newest(course_summary, "run_date")["model_version"]))
    lines = [
        f"On {day_text(scored_on)}, {count(total[HIGH])} of {count(total[SCORED])} enrolments scored are at high risk of failing "
        f"or withdrawing ({share(total[HIGH], total[SCORED], rule)}), by model {', '.join(map(shown, version))}.",
        "Each figure is the mean risk in percent of a course on one day of the week; darker is higher.",
    ]
    days = pd.date_range(end=scored_on, periods=WEEKS, freq="7D")
    weekly = course_summary[course_summary["run_date"].isin(days)]
    days = days[days >= weekly["run_date"].min()]
    keys = zip(weekly["code_module"], weekly["code_presentation"], weekly["run_date"], strict=True)
    risks = dict(zip(keys, (100 * weekly["avg_risk_score"]).where(weekly["student_count"] >= rule.mean_from), strict=True))
    todays = dict(named(counts.courses))
    rows = []
    for name in sorted({(module, presentation) for module, presentation, _ in risks}):
        today = todays.get(name)
        if today is not None and pd.isna(today.scored):
            risks[*name, scored_on] = np.nan
        values = {at: risks[*name, at] for at in days if (*name, at) in risks}
        first = (
            (ABSENT,) * 3 if today is None else (count(today.scored), count(today.high), share(today.high, today.scored, rule))
        )
        cells = ["" if at not in values else HIDDEN if np.isnan(values[at]) else f"{values[at]:.0f}" for at in days]
        shades = tuple(-1 if np.isnan(values.get(at, np.nan)) else min(int(values[at] // 10), 9) for at in days)
        rows.append(Row((course_name(name), *first, *cells), name[0], name[1], shades=shades))
    bottom = (count(total[SCORED]), count(total[HIGH]), share(total[HIGH], total[SCORED], rule), *[""] * len(days))
    rows.append(Row(("All courses", *bottom), is_total=True))
    columns = ("Course", "Scored", "High risk", "Share", *(f"{at.day} {at:%b}" for at in days))
    return Section(
        "risk", title, tuple(lines), grids=(Grid("Mean risk, percent, by course and day", columns, tuple(rows), plain=4),)
    )


def reach_section(counts: CourseCounts, contacts: pd.DataFrame, day: date, rule: Disclosure) -> Section:
    """Whom the contacts reach. `contacts`: INTERVENTIONS up to the day."""
    title, courses = "Who is reached", counts.courses
    lines, grids = [], []
    if REACHED not in courses:
        lines.append("How many of the enrolments at high risk were contacted is not known: it has not been counted for this day.")
    else:
        total = courses.loc[TOTAL]
        lines.append(
            f"Of {count(total[HIGH])} enrolments at high risk, {count(total[REACHED])} "
            f"({share(total[REACHED], total[HIGH], rule)}) were reached in the last {CONTACT_DAYS} days."
        )
        if LISTED in courses:
            lines.append(f"On the caseload of the day: {count(total[LISTED])}.")
        else:
            lines.append("No caseload has been made for this day.")
        rows = [_reach_row(name, row, rule) for name, row in named(courses)]
        columns = ("Course", "High risk", "On the list", "Reached", "Tried only", "Reached, share")
        grids.append(Grid(f"Reached in {CONTACT_DAYS} days, by course", columns, tuple(rows)))
    if contacts.empty:
        lines.append("No contact is on record yet.")
    else:
        weeks = contact_counts(contacts, pd.Timestamp(day), rule)
        starts = [f"Week to {at.day} {at:%b}" for at in weeks.index[:-1]] + [f"All {CONTACT_DAYS} days"]
        outcomes = [outcome for outcome in OUTCOMES if weeks[outcome].iloc[:-1].isna().mean() <= 0.5]
        counted = each(weeks[["contacts", *outcomes]])
        rows = [Row((start, *map(count, row))) for start, row in zip(starts, counted, strict=True)]
        names = ("Week", "Contacts", *(outcome.capitalize() for outcome in outcomes))
        grids.append(Grid(f"Contacts by week{' and outcome' if outcomes else ''}, all courses", names, tuple(rows)))
    return Section("reach", title, tuple(lines), grids=tuple(grids))


def _compared(total: pd.DataFrame, now: pd.Series, rule: Disclosure) -> str:
    """Differences of counts as they are shown; small ones are not told exactly."""
    current, step = nearest(now["total_enrollment"], rule), _step(rule)
    before = total[total["date"] == now["date"] - pd.Timedelta(days=7)]["total_enrollment"]
    week = "with no day a week before to compare with"
    if len(before):
        change = current - nearest(before.iloc[0], rule)
        close = f"within {step - 1} of the week before"
        week = close if abs(change) < step else f"{signed(change)} since the week before"
    if pd.isna(now["last_year_difference"]):
        return f"{week}; the year before is not known"
    change = current - nearest(now["total_enrollment"] - now["last_year_difference"], rule)
    return f"{week}, " + (
        f"within {step - 1} of the year before" if abs(change) < step else f"{signed(change)} on the year before"
    )


def _step(rule: Disclosure) -> int:
    """What a line is rounded to, and under which a difference is not told exactly."""
    return BASE if rule.rounds else rule.below


def _points(year: pd.DataFrame) -> str:
    """First, lowest, highest and last figure of the line, for who cannot see it."""
    sizes = year["total_enrollment"]
    first, last = year.iloc[0], year.iloc[-1]
    ends = [f"{row['total_enrollment']:,.0f} on {day_text(row['date'])}" for row in (first, last)]
    return f"{ends[0]}, {ends[1]}; lowest {sizes.min():,.0f}, highest {sizes.max():,.0f}"


def course_name(name: tuple[str, str]) -> str:
    """Module and presentation on one line."""
    return f"{shown(name[0])}\u00a0{shown(name[1])}"


def _reach_row(name: Any, row: Any, rule: Disclosure) -> Row:
    on_list = count(row.listed) if hasattr(row, LISTED) else ABSENT
    cells = (count(row.high), on_list, count(row.reached), count(row.attempted), share(row.reached, row.high, rule))
    if name == TOTAL:
        return Row(("All courses", *cells), is_total=True)
    return Row((course_name(name), *cells), *name)
