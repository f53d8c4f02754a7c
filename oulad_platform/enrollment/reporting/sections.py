"""What the briefing says of today, section by section, as text. How it looks is the templates'; what lies ahead is `outlook`'s.

Every section reads only rows of its day or before, and tells "nothing" from "unknown".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd

from oulad_platform.core.house import House
from oulad_platform.enrollment.reporting.dashboard import largest
from oulad_platform.enrollment.reporting.outlook import trend_sentence
from oulad_platform.enrollment.reporting.wording import (
    ABSENT,
    MOST_PROGRAMS,
    REASON_LETTERS,
    Section,
    count,
    day_text,
    header,
    percent,
    shown,
    signed,
)

HELD_DAYS = 30


def row_of_total(metrics: pd.DataFrame, day: date) -> pd.Series:
    """The total's row of ENROLLMENT_METRICS on that day. Raises ValueError when there is none."""
    rows = metrics[(metrics["scope"] == "total") & (metrics["date"] == pd.Timestamp(day))]
    if rows.empty:
        raise ValueError(f"enrollment_metrics has no row of the total on {day}; materialize it for that day first")
    return rows.iloc[0]


def numbers(metrics: pd.DataFrame, day: date, house: House) -> tuple[Section, Section]:
    """Today's figures against the snapshot before, the mean of 7 days and the same day before last year's term start."""
    today, words = row_of_total(metrics, day), house.words
    total = metrics[(metrics["scope"] == "total") & (metrics["date"] <= pd.Timestamp(day))].set_index("date").sort_index()
    size, known = today["total_enrollment"], pd.notna(today["previous_date"])
    before = size - today["net_change"] if known else pd.NA
    against = [("7-day average", today["average_7_days"]), ("Last year", today["last_year_enrollment"])]
    against = (
        [(f"{today['previous_date']:%a} {today['previous_date'].day} {today['previous_date']:%b}", before), *against]
        if known
        else against
    )
    rows = [(label, count(then), _difference(size, then)) for label, then in against]
    figures = Section("Today's numbers", (), (shown(words.holdings.capitalize(), 20), "Then", "Difference"), tuple(rows))
    if not known:
        return figures, Section("Who came and left", ("There is no snapshot before to compare with.",))
    week = total[total.index > pd.Timestamp(day - timedelta(days=7))]
    columns = [today, _row(total, today["previous_date"]), None, _row(total, today["last_year_date"])]
    measures = (
        (words.added, "new_students", count, 1),
        (words.returned, "returned_students", count, 1),
        (words.dropped, "dropped_students", count, 1),
        (words.completed, "completed_students", count, 1),
        ("net", "net_change", signed, 0),
        ("persistence, %", "persistence_rate", _hundredths, 2),
    )
    flows = []
    for label, name, form, digits in measures:
        mean = week[name].astype("float64").mean()
        cells = [form(one[name]) if one is not None else ABSENT for one in columns]
        cells[2] = count(mean, digits) if form is count else form(mean)
        flows.append((shown(label.capitalize()), *cells))
    return figures, Section("Who came and left", (), ("Figure", "Today", "Before", "7 days", "Last year"), tuple(flows))


def changes(metrics: pd.DataFrame, day: date, house: House, deltas: pd.DataFrame | None, trends: pd.DataFrame | None) -> Section:
    """What changed and what it means: net change, term, last year, trend, moves."""
    today, words = row_of_total(metrics, day), house.words
    lines = [_net_sentence(today, house)]
    if pd.notna(today["baseline_students"]) and today["baseline_students"]:
        counted = f"{today['baseline_students']:,} {words.holdings} came with the first snapshot of their {words.term}"
        lines.append(f"{counted}: counted, not as {words.added}.")
    if pd.notna(today["completed_students"]) and today["completed_students"]:
        ended = f"{today['completed_students']:,} {words.holdings} ended with their {words.term}"
        lines.append(f"{ended}: {words.completed}, not {words.dropped}.")
    lines += _term_sentences(today, house)
    if pd.notna(today["last_year_difference"]):
        last_year = f"As many days before last year's {words.term} start, on {day_text(today['last_year_date'])}, there were"
        difference = _difference(today["total_enrollment"], today["last_year_enrollment"])
        lines.append(f"{last_year} {today['last_year_enrollment']:,}; the difference is {difference}.")
    lines.append(trend_sentence(trends, day, house))
    if deltas is None:
        lines.append("Moves are not known today: the list of changes is missing.")
    else:
        moved = deltas[(deltas["snapshot_date"] == pd.Timestamp(day)) & (deltas["change"] == "moved")]["attribute"].value_counts()
        if len(moved):
            kinds = ", ".join(f"{n:,} to another {getattr(words, str(kind), str(kind))}" for kind, n in sorted(moved.items()))
            lines.append(f"{words.moved.capitalize()}: {kinds}.")
    return Section("What changed and why it matters", tuple(line for line in lines if line))


def programs(metrics: pd.DataFrame, day: date, house: House) -> Section:
    """The programs that changed most since the snapshot before, up and down, and the others together."""
    words = house.words
    rows = metrics[(metrics["scope"] == "program") & (metrics["date"] == pd.Timestamp(day))].set_index("name")
    net = rows["net_change"].astype("float64").dropna()
    top, rest, n_others = largest(net[net != 0], 2 * MOST_PROGRAMS)
    title = f"{words.program.capitalize()}s that changed most"
    if top.empty:
        unknown = (
            "There is no snapshot before to compare with." if net.empty and len(rows) else f"No {words.program} changed its size."
        )
        return Section(title, (unknown,))
    cells = [
        (
            shown(name),
            count(one["total_enrollment"]),
            count(one["new_students"]),
            count(one["dropped_students"]),
            signed(one["net_change"]),
        )
        for name, one in rows.loc[top.index].iterrows()
    ]
    note = (f"{n_others:,} more changed by {signed(rest)} together.",) if n_others else ()
    return Section(title, note, (header(words.program), "Now", header(words.added), header(words.dropped), "Net"), tuple(cells))


def retention(cohorts: pd.DataFrame | None, day: date, house: House, target_rate: float | None) -> Section:
    """Who of the three latest terms' census cohorts is still here, and the target; says when none was counted."""
    known = None if cohorts is None else cohorts[(cohorts["program"] == "all") & (cohorts["date"] <= pd.Timestamp(day))]
    title = "Still here since the census day"
    if known is None:
        return Section(title, ("Unknown: the table of cohorts is missing.",))
    if known.empty:
        return Section(title, (f"There is no snapshot of a {house.words.term}'s census day yet.",))
    newest = known.sort_values("week").groupby("term").tail(1).sort_values(["census_date", "term"], ascending=False)
    rows = tuple(
        (shown(one.term), str(one.week), f"{one.n_retained:,} of {one.n_cohort:,}", percent(one.retention_rate, 1))
        for one in newest.head(3).itertuples(index=False)
    )
    target = () if target_rate is None else (f"The target is {percent(target_rate, 1)}.",)
    return Section(title, target, (header(house.words.term), "Weeks", "Still here", "Share"), rows)


def freshness(versions: pd.DataFrame | None, day: date, missing: Sequence[str]) -> Section:
    """Which snapshot the figures come from, which days were held back in the last 30, and what this message lacks."""
    lines = []
    if versions is None:
        lines.append("Unknown: the register of snapshots is missing.")
    else:
        in_use = versions[versions["state"].isin(("current", "removed"))]
        current = in_use[in_use["snapshot_date"] == pd.Timestamp(day)]
        for one in current.sort_values("version").tail(1).itertuples(index=False):
            where = f"Snapshot of {day_text(day)}, version {one.version}, {one.n_rows:,} rows"
            lines.append(f"{where}, recorded {one.recorded_at:%Y-%m-%d %H:%M} UTC by {shown(one.recorded_by)}.")
        if current.empty:
            lines.append(f"The register has no snapshot in use for {day_text(day)}.")
        first = pd.Timestamp(day - timedelta(days=HELD_DAYS))
        held = versions[(versions["state"] == "quarantined") & versions["snapshot_date"].between(first, pd.Timestamp(day))]
        for one in held.sort_values(["snapshot_date", "version"]).itertuples(index=False):
            instead = in_use["version"][in_use["snapshot_date"] == one.snapshot_date]
            which = f"version {int(instead.max())} is in use" if len(instead) else "no snapshot of that day is in use"
            lines.append(
                f"Held back: {one.snapshot_date:%Y-%m-%d}, version {one.version}: {shown(one.reason, REASON_LETTERS)}; {which}."
            )
        if held.empty:
            lines.append(f"No extract of the last {HELD_DAYS} days is held back.")
    return Section("Where the figures come from", (*lines, *missing))


def _hundredths(rate: object) -> str:
    return percent(rate).removesuffix(" %")


def _difference(now: Any, then: Any) -> str:
    if pd.isna(then):
        return ABSENT
    share = f" ({100 * (now - then) / then:+.1f} %)".replace("-", "−") if then else ""
    return f"{signed(now - then)}{share}"


def _row(total: pd.DataFrame, day: Any) -> pd.Series | None:
    return total.loc[day] if pd.notna(day) and day in total.index else None


def _net_sentence(today: pd.Series, house: House) -> str:
    words = house.words
    if pd.isna(today["previous_date"]):
        none_before = "This is the first snapshot: there is none before to compare with"
        return f"{none_before}, so nobody counts as {words.added} or {words.dropped}."
    returned = today["returned_students"]
    back = f" ({returned:,} {words.returned})" if pd.notna(returned) and returned else ""
    came = f"Since {day_text(today['previous_date'])}, {today['new_students']:,} {words.added}{back}"
    left = f"{today['dropped_students']:,} {words.dropped}"
    return f"{came} and {left}: {signed(today['net_change'])} {words.holdings} in all."


def _term_sentences(today: pd.Series, house: House) -> list[str]:
    if pd.isna(today["term"]):
        return []
    parts = []
    for name, what in (("days_to_term_start", "starts"), ("days_to_census", "has its census day")):
        days = today[name]
        if pd.notna(days):
            past = {"starts": "started", "has its census day": "had its census day"}[what]
            plural = "day" if abs(days) == 1 else "days"
            parts.append(
                f"{what} today" if days == 0 else f"{what} in {days} {plural}" if days > 0 else f"{past} {-days} {plural} ago"
            )
    return [f"{house.words.term.capitalize()} {shown(today['term'])} {' and '.join(parts)}."] if parts else []
