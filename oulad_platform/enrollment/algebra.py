"""The algebra that `enrollment_metrics` obeys, checked on the figures alone. Computing them is `enrollment.metrics`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from oulad_platform.core.checks import Finding
from oulad_platform.enrollment.tables import SCOPES

CHANGE_COLUMNS = (
    "new_students",
    "returned_students",
    "dropped_students",
    "completed_students",
    "baseline_students",
    "moved_in",
    "moved_out",
)
ADDITIVE = ("total_enrollment", *CHANGE_COLUMNS[:5])
AGAIN = "materialize enrollment_deltas and enrollment_metrics of the day again"


def check_algebra(metrics: pd.DataFrame, days: pd.DatetimeIndex) -> list[Finding]:
    """Broken invariants of `enrollment_metrics` on `days`, naming day, scope and column; none when the figures agree.

    - net_change = new + baseline - dropped - completed + moved_in - moved_out
    - divisions, programs, levels, and parts in terms, add up to the total: enrolments and changes; moves cancel out
    - a day is compared with the last one before it in `metrics`, or with a later one that `metrics` does not hold
    - where that day is in `metrics`: its enrolments + net_change = the day's, and no name with enrolments vanishes
    """
    today = metrics[metrics["date"].isin(days)]
    findings = [Finding(f"enrollment_metrics {day.date()}", "has no row") for day in days[~days.isin(today["date"])]]
    return [*findings, *_check_flows(today), *_check_sums(today), *_check_order(metrics, today), *_check_previous(metrics, today)]


def _place(row: Any) -> str:
    return f"enrollment_metrics {row.date.date()}, {row.scope} {row.name}"


def _check_flows(today: pd.DataFrame) -> Iterator[Finding]:
    new, _, dropped, completed, baseline, moved_in, moved_out = (today[column] for column in CHANGE_COLUMNS)
    expected = new + baseline - dropped - completed + moved_in - moved_out
    broken = today.assign(expected=expected)[(today["net_change"] != expected).fillna(False)]
    for row in broken.itertuples(index=False):
        rule = f"is not new + baseline - dropped - completed + moved in - moved out = {row.expected}"
        yield Finding(_place(row), rule, None, "net_change", str(row.net_change))


def _check_sums(today: pd.DataFrame) -> Iterator[Finding]:
    sums = today.groupby(["scope", "date"])[[*ADDITIVE, "moved_in", "moved_out"]].sum()
    total = sums.xs("total") if "total" in sums.index.unique("scope") else sums.iloc[:0].droplevel(0)
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


def _check_order(metrics: pd.DataFrame, today: pd.DataFrame) -> Iterator[Finding]:
    known = metrics[["date"]].drop_duplicates().sort_values("date")
    compared = today.groupby("date", as_index=False)["previous_date"].max()
    newest = pd.merge_asof(
        compared, known.rename(columns={"date": "newest"}), left_on="date", right_on="newest", allow_exact_matches=False
    )
    stale = newest[newest["newest"].notna() & ~(newest["previous_date"] >= newest["newest"])]
    for day, previous, left_out in zip(
        stale["date"].dt.date, stale["previous_date"].dt.date, stale["newest"].dt.date, strict=True
    ):
        value = None if pd.isna(previous) else str(previous)
        yield Finding(f"enrollment_metrics {day}", f"leaves out {left_out}; {AGAIN}", None, "previous_date", value)


def _check_previous(metrics: pd.DataFrame, today: pd.DataFrame) -> Iterator[Finding]:
    compared = today[["date", "previous_date"]].dropna().drop_duplicates()
    before = metrics[["date", "scope", "name", "total_enrollment"]].rename(
        columns={"date": "previous_date", "total_enrollment": "previous"}
    )
    before = compared.merge(before, on="previous_date")
    linked = today[today["date"].isin(before["date"])].merge(
        before.drop(columns="previous_date"), on=["date", "scope", "name"], how="outer", indicator="side"
    )
    linked["previous"] = linked["previous"].fillna(0).astype("int64")
    for row in linked[(linked["side"] == "right_only") & (linked["previous"] > 0)].itertuples(index=False):
        yield Finding(_place(row), f"has no row, and had {row.previous} enrolments in the snapshot before")
    linked = linked[linked["side"] != "right_only"]
    for row in linked[linked["net_change"].isna()].itertuples(index=False):
        rule = f"is absent although the day has a snapshot before; {AGAIN}"
        yield Finding(_place(row), rule, None, "net_change")
    linked = linked.astype({"total_enrollment": "int64"})
    expected = linked["previous"] + linked["net_change"]
    broken = linked.assign(expected=expected)[(linked["total_enrollment"] != expected).fillna(False)]
    for row in broken.itertuples(index=False):
        rule = f"is not the {row.previous} of the snapshot before and the net change of {row.net_change}"
        yield Finding(_place(row), rule, None, "total_enrollment", str(row.total_enrollment))
