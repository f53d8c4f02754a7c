"""Enrolment counts, changes and persistence by day, for the whole institution, each division and each program.

Also the algebra these figures obey. Finding the changes is `enrollment.deltas`; drawing them is `enrollment.charts`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from oulad_platform.core.checks import Finding
from oulad_platform.enrollment.deltas import require_days, rows_by_day
from oulad_platform.enrollment.tables import ENROLLMENT_METRICS

ONE_DAY = pd.Timedelta(days=1)
SCOPES = ("total", "division", "program")
EVERYBODY = "all"
FLOWS = ("added", "returned", "dropped", "completed", "moved_in", "moved_out")
CHANGE_COLUMNS = ("new_students", "returned_students", "dropped_students", "completed_students", "moved_in", "moved_out")
ADDITIVE = ("total_enrollment", "new_students", "returned_students", "dropped_students", "completed_students")


def daily_metrics(snapshots: pd.DataFrame, deltas: pd.DataFrame, days: pd.DatetimeIndex) -> pd.DataFrame:
    """`enrollment_metrics`: one row per day of `days` and scope that has an enrolment on it or on the day before.

    `snapshots` holds each day of `days` and, where there is one, the day before it; `deltas` what `daily_deltas` says of
    them. Without the day before, a day is a baseline: its changes and rates are absent. Moves count in the scopes they
    enter and leave: a program for moves between programs, a division for moves between divisions, never the total.

    - retained = yesterday - dropped - completed - moved_out
    - retention_rate = 100 * retained / yesterday, the seed document's measure: completed enrolments count as not retained
    - persistence_rate = retained / (yesterday - completed): of the enrolments whose term goes on

    Each rate is absent where its denominator is 0.

    Raises ValueError naming a day of `days` that has no snapshot.
    """
    known = rows_by_day(snapshots)
    require_days(known, days)
    has_yesterday = [day for day in days if day - ONE_DAY in known]
    deltas = deltas[deltas["snapshot_date"].isin(has_yesterday)]
    program_moves, division_moves = _program_moves(snapshots, deltas), deltas[deltas["attribute"] == "division"]
    sizes = snapshots.groupby(["snapshot_date", "division", "program"]).size().reset_index(name="n")
    tables = []
    for scope in SCOPES:
        size = sizes["n"].groupby([sizes["snapshot_date"].rename("date"), _names(sizes, scope).rename("name")]).sum()
        flows = {str(kind): _count(rows["snapshot_date"], _names(rows, scope)) for kind, rows in deltas.groupby("change")}
        flows |= _moves(scope, program_moves, division_moves)
        tables.append(_scope_metrics(scope, size, flows, days, has_yesterday))
    return ENROLLMENT_METRICS.conform(pd.concat(tables, ignore_index=True))


def _names(frame: pd.DataFrame, scope: str) -> pd.Series:
    return pd.Series(EVERYBODY, index=frame.index, dtype="str") if scope == "total" else frame[scope]


def _count(days: pd.Series, names: pd.Series) -> pd.Series:
    """How many rows each date and name has."""
    return days.groupby([days.rename("date"), names.rename("name")]).size()


def _program_moves(snapshots: pd.DataFrame, deltas: pd.DataFrame) -> pd.DataFrame:
    """Moves between programs with the division that was left, which the move itself does not say."""
    moves = deltas[(deltas["change"] == "moved") & (deltas["attribute"] == "program")]
    left = snapshots.loc[
        snapshots["student_id"].isin(moves["student_id"]), ["snapshot_date", "student_id", "program", "division"]
    ]
    left = left.assign(snapshot_date=left["snapshot_date"] + ONE_DAY)
    left = left.rename(columns={"program": "from_value", "division": "from_division"})
    return moves.merge(left, on=["snapshot_date", "student_id", "from_value"], how="left", validate="one_to_one")


def _moves(scope: str, program_moves: pd.DataFrame, division_moves: pd.DataFrame) -> dict[str, pd.Series]:
    """Into and out of each name of the scope, by date."""
    day = program_moves["snapshot_date"]
    if scope == "program":
        return {"moved_in": _count(day, program_moves["to_value"]), "moved_out": _count(day, program_moves["from_value"])}
    if scope == "division":
        across = program_moves[program_moves["division"] != program_moves["from_division"]]
        across = across.assign(from_value=across["from_division"], to_value=across["division"])
        moves = pd.concat([across[division_moves.columns], division_moves], ignore_index=True)
        return {
            side: _count(moves["snapshot_date"], moves[end])
            for side, end in (("moved_in", "to_value"), ("moved_out", "from_value"))
        }
    return {}


def _scope_metrics(
    scope: str, size: pd.Series, flows: dict[str, pd.Series], days: pd.DatetimeIndex, has_yesterday: list[pd.Timestamp]
) -> pd.DataFrame:
    before = size.rename(index=lambda day: day + ONE_DAY, level="date")
    index = size.index.union(before.index)
    index = index[index.get_level_values("date").isin(days)]
    yesterday = before.reindex(index, fill_value=0)
    flow = {kind: flows[kind].reindex(index, fill_value=0) if kind in flows else yesterday * 0 for kind in FLOWS}
    eligible = yesterday - flow["completed"]
    retained = eligible - flow["dropped"] - flow["moved_out"]
    new = flow["added"] + flow["returned"]
    changes = pd.DataFrame(
        {
            "new_students": new,
            "returned_students": flow["returned"],
            "dropped_students": flow["dropped"],
            "completed_students": flow["completed"],
            "moved_in": flow["moved_in"],
            "moved_out": flow["moved_out"],
            "net_change": new - flow["dropped"] - flow["completed"] + flow["moved_in"] - flow["moved_out"],
            "retention_rate": 100 * retained / yesterday.where(yesterday > 0),
            "persistence_rate": retained / eligible.where(eligible > 0),
        }
    )
    changes = changes[index.get_level_values("date").isin(has_yesterday)].reindex(index)
    return changes.assign(total_enrollment=size.reindex(index, fill_value=0), scope=scope).reset_index()


def check_algebra(metrics: pd.DataFrame, days: pd.DatetimeIndex) -> list[Finding]:
    """Broken invariants of `enrollment_metrics` on `days`, naming day, scope and column; none when the figures agree.

    - net_change = new - dropped - completed + moved_in - moved_out
    - programs, and divisions, add up to the total: enrolments, new, returned, dropped, completed; moves cancel out
    - where the day before is in `metrics`: its enrolments + net_change = the day's, and no scope with enrolments vanishes
    """
    today = metrics[metrics["date"].isin(days)]
    findings = [Finding(f"enrollment_metrics {day.date()}", "has no row") for day in days[~days.isin(today["date"])]]
    return [*findings, *_check_flows(today), *_check_sums(today), *_check_yesterday(metrics, today)]


def _place(row: object) -> str:
    return f"enrollment_metrics {row.date.date()}, {row.scope} {row.name}"  # type: ignore[attr-defined]


def _net(frame: pd.DataFrame) -> pd.Series:
    new, _, dropped, completed, moved_in, moved_out = (frame[column] for column in CHANGE_COLUMNS)
    return new - dropped - completed + moved_in - moved_out


def _check_flows(today: pd.DataFrame) -> Iterator[Finding]:
    expected = _net(today)
    broken = today.assign(expected=expected)[(today["net_change"] != expected).fillna(False)]
    for row in broken.itertuples(index=False):
        rule = f"is not new - dropped - completed + moved in - moved out = {row.expected}"
        yield Finding(_place(row), rule, None, "net_change", str(row.net_change))


def _check_sums(today: pd.DataFrame) -> Iterator[Finding]:
    sums = today.groupby(["scope", "date"])[[*ADDITIVE, "moved_in", "moved_out"]].sum()
    total = sums.xs("total") if "total" in sums.index.unique("scope") else sums.iloc[:0]
    for scope in SCOPES[1:]:
        parts = sums.xs(scope) if scope in sums.index.unique("scope") else sums.iloc[:0].droplevel(0)
        parts = parts.reindex(total.index, fill_value=0)
        for column in ADDITIVE:
            for day in total.index[parts[column] != total[column]]:
                place, value = f"enrollment_metrics {day.date()}, every {scope}", str(parts.loc[day, column])
                yield Finding(place, f"is not the total, {total.loc[day, column]}", None, column, value)
        for day in total.index[parts["moved_in"] != parts["moved_out"]]:
            place, value = f"enrollment_metrics {day.date()}, every {scope}", str(parts.loc[day, "moved_in"])
            yield Finding(place, f"is not what moved out, {parts.loc[day, 'moved_out']}", None, "moved_in", value)


def _check_yesterday(metrics: pd.DataFrame, today: pd.DataFrame) -> Iterator[Finding]:
    before = metrics[["date", "scope", "name", "total_enrollment"]].rename(columns={"total_enrollment": "yesterday"})
    before = before.assign(date=before["date"] + ONE_DAY)
    before = before[before["date"].isin(today["date"])]
    linked = today[today["date"].isin(before["date"])].merge(before, on=["date", "scope", "name"], how="outer", indicator="side")
    linked["yesterday"] = linked["yesterday"].fillna(0).astype("int64")
    for row in linked[(linked["side"] == "right_only") & (linked["yesterday"] > 0)].itertuples(index=False):
        yield Finding(_place(row), f"has no row, and had {row.yesterday} enrolments the day before")
    linked = linked[linked["side"] != "right_only"]
    for row in linked[linked["net_change"].isna()].itertuples(index=False):
        rule = "is absent although the day before is known; materialize enrollment_deltas and enrollment_metrics of the day again"
        yield Finding(_place(row), rule, None, "net_change")
    expected = linked["yesterday"] + linked["net_change"]
    linked["total_enrollment"] = linked["total_enrollment"].astype("int64")
    broken = linked.assign(expected=expected)[(linked["total_enrollment"] != expected).fillna(False)]
    for row in broken.itertuples(index=False):
        rule = f"is not yesterday's {row.yesterday} and the net change of {row.net_change}"
        yield Finding(_place(row), rule, None, "total_enrollment", str(row.total_enrollment))
