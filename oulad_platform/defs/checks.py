"""Asset checks: every table against its declaration, and the invariants between tables, on the days just made only.

The rows were validated before they were written; these checks read back what is stored, so that a fault of the storage,
or a hand in the database, is seen too. `oulad verify` asks the same questions of everything there is.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg
import pandas as pd

from oulad_platform.core.checks import SHOWN, Finding, check_frame
from oulad_platform.defs.catalog import CATALOG, Entry, entry
from oulad_platform.defs.metadata import preview
from oulad_platform.defs.partitions import days_of, in_pieces
from oulad_platform.defs.resources import Platform
from oulad_platform.enrollment.algebra import check_algebra
from oulad_platform.enrollment.tables import QUALITY_RULES
from oulad_platform.sources.tables import SMALL_TABLES, STUDENT_VLE
from oulad_platform.success.features.shift import check_shift
from oulad_platform.success.marts import check_counts, check_student_risk
from oulad_platform.success.presentation import CLICK_COLUMNS

DAYS_AT_ONCE = {"lake": 7, "warehouse": 31}  # the lake keeps the large tables
SNAPSHOTS = entry("enrollment", "enrollment_snapshots")
QUALITY = entry("enrollment", "data_quality_findings")
METRICS = entry("enrollment", "enrollment_metrics")
FEATURES = entry("success", "features")
RISK = entry("success", "student_risk_daily")
COURSES = entry("success", "course_summary_daily")


def read_days(platform: Platform, of: Entry, days: Sequence[date]) -> pd.DataFrame:
    if of.store == "lake":
        return platform.lake.read_days(of.line, of.table, days)
    return platform.database.read_days(of.table, days)


def stored_frames(platform: Platform, of: Entry, days: Sequence[date] | None) -> Iterator[pd.DataFrame]:
    """What is stored, in pieces that fit in memory: a week or month of days, one presentation, or the whole of a small table."""
    if of.parts:
        parts = platform.lake.parts(of.line, of.table)
        yield from (parts[name] for name in parts)
    elif days is not None:
        yield from (read_days(platform, of, piece) for piece in in_pieces(days, DAYS_AT_ONCE[of.store]))
    elif of.store == "lake":
        yield platform.lake.read(of.line, of.table)
    else:
        yield platform.database.read(of.table)


def contract_findings(platform: Platform, of: Entry, days: Sequence[date] | None) -> tuple[int, list[Finding]]:
    """How many rows are stored and what breaks the table's declaration. Batches of clicks may repeat: they have no key."""
    rows, findings = 0, []
    for frame in stored_frames(platform, of, days):
        rows += len(frame)
        findings += check_frame(frame, of.table) if len(frame) else []
    if not rows and not of.table.allow_empty:
        findings.append(Finding(of.table.name, "has no rows"))
    return rows, findings


def algebra_findings(platform: Platform, days: Sequence[date]) -> list[Finding]:
    """previous + new - dropped - completed + moved in - moved out = current = rows of the snapshot; parts add up to the total."""
    findings = []
    stored = platform.stored_days(METRICS)
    for piece in in_pieces(days, DAYS_AT_ONCE[METRICS.store]):
        before = max((day for day in stored if day < piece[0]), default=piece[0])
        metrics = platform.database.read_days(METRICS.table, [before, *piece])
        findings += check_algebra(metrics, days_of([day.isoformat() for day in piece]))
        findings += _counted_otherwise(platform, metrics, piece)
    return findings


def _counted_otherwise(platform: Platform, metrics: pd.DataFrame, days: Sequence[date]) -> Iterator[Finding]:
    """Metrics whose total is not the number of rows of the day's snapshot: the snapshot was replaced after they were made."""
    snapshots = platform.lake.daily(SNAPSHOTS.line, SNAPSHOTS.table, ["student_id"])
    totals = metrics[metrics["scope"] == "total"].set_index("date")["total_enrollment"]
    for day in sorted(set(days) & set(snapshots)):
        total, rows = totals.get(pd.Timestamp(day)), snapshots[day].num_rows
        if total is not None and total != rows:
            place, rule = (
                f"enrollment_metrics {day}, total all",
                f"is not the {rows:,} rows of the day's snapshot; make the day again",
            )
            yield Finding(place, rule, None, "total_enrollment", str(total))


def count_findings(platform: Platform, days: Sequence[date]) -> list[Finding]:
    """The students of the course summaries are those of the risk table."""
    findings = []
    for piece in in_pieces(days, DAYS_AT_ONCE[RISK.store]):
        findings += check_counts(read_days(platform, RISK, piece), read_days(platform, COURSES, piece))
    return findings


def risk_findings(platform: Platform, days: Sequence[date]) -> list[Finding]:
    """Every score lies from 0 to 1, and flag and band agree with it."""
    return [
        finding
        for piece in in_pieces(days, DAYS_AT_ONCE[RISK.store])
        for finding in check_student_risk(read_days(platform, RISK, piece))
    ]


def shift_findings(platform: Platform, days: Sequence[date]) -> list[Finding]:
    """The features of the newest day would be the same without any raw row dated on that day or later."""
    raw = {table.name: platform.lake.read("sources", table) for table in SMALL_TABLES}
    clicks = platform.lake.parts("sources", STUDENT_VLE, CLICK_COLUMNS)
    return check_shift(raw, clicks, days[-1], read_days(platform, FEATURES, days[-1:]))


INVARIANTS: dict[str, tuple[Entry, Callable[[Platform, Sequence[date]], list[Finding]]]] = {
    "changes_add_up": (METRICS, algebra_findings),
    "scores_flags_and_bands_agree": (RISK, risk_findings),
    "students_are_counted_once": (COURSES, count_findings),
}


def all_checks(daily: dg.PartitionsDefinition, *, has_campus: bool) -> list[dg.AssetChecksDefinition]:
    """The checks of every table in the graph; without raw tables that is the enrollment line."""
    tables = [of for of in CATALOG.values() if has_campus or of.line == "enrollment"]
    return [
        *(_contract(of, daily if of.table.day else None) for of in tables),
        *(_invariant(name, of, findings, daily) for name, (of, findings) in INVARIANTS.items() if of in tables),
        *([_invariant("nothing_from_later", FEATURES, shift_findings, daily)] if has_campus else []),
        *(_quality(rule, daily) for rule in QUALITY_RULES),
    ]


def _quality(rule: str, daily: dg.PartitionsDefinition) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=SNAPSHOTS.key,
        name=f"quality_{rule}",
        description=f"No more rows were left out for {rule} than `quality` in platform.yaml tolerates.",
        partitions_def=daily,
        additional_deps=[QUALITY.key],
    )
    def quality(context: dg.AssetCheckExecutionContext, platform: dg.ResourceParam[Platform]) -> dg.AssetCheckResult:
        found = platform.database.read_days(QUALITY.table, _days(context))
        found = found[found["rule"] == rule]
        held = found[found["is_blocking"]]
        blocking = held["snapshot_date"].astype("str") + ", row " + held["row"].astype("str") + ": " + held["message"]
        return _result(blocking, {"rows_left_out": len(found)})

    return quality


def _contract(of: Entry, partitions: dg.PartitionsDefinition | None) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=of.key, name="contract", description="The stored rows obey the table's declaration.", partitions_def=partitions
    )
    def contract(context: dg.AssetCheckExecutionContext, platform: dg.ResourceParam[Platform]) -> dg.AssetCheckResult:
        rows, findings = contract_findings(platform, of, _days(context) if partitions else None)
        return _result(findings, {"rows": rows})

    return contract


def _invariant(
    name: str, of: Entry, findings_of: Callable[[Platform, Sequence[date]], list[Finding]], daily: dg.PartitionsDefinition
) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=of.key, name=name, description=findings_of.__doc__, partitions_def=daily)
    def invariant(context: dg.AssetCheckExecutionContext, platform: dg.ResourceParam[Platform]) -> dg.AssetCheckResult:
        return _result(findings_of(platform, _days(context)), {})

    return invariant


def _days(context: dg.AssetCheckExecutionContext) -> list[date]:
    return [day.date() for day in days_of(context.partition_keys)]


def _result(findings: Iterable[Finding | str], figures: dict[str, int]) -> dg.AssetCheckResult:
    shown = [str(finding) for finding in findings]
    metadata: dict[str, Any] = {**figures, "findings": len(shown)}
    if shown:
        metadata["first_findings"] = preview(pd.DataFrame({"finding": shown[:SHOWN]}), SHOWN)
    return dg.AssetCheckResult(passed=not shown, metadata=metadata)
