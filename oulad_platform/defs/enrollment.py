"""Assets of the enrollment line: who is here today, who came and left, and how that adds up."""

from collections.abc import Iterator
from datetime import date, timedelta
from importlib.metadata import entry_points
from typing import Any

import dagster as dg
import pandas as pd

from oulad_platform.defs.catalog import entry
from oulad_platform.defs.io_managers import Days, lazily
from oulad_platform.defs.metadata import picture
from oulad_platform.defs.partitions import SINGLE_RUN, YESTERDAY_AND_TODAY, days_of
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.snapshots import Gate
from oulad_platform.defs.sources import SMALL
from oulad_platform.enrollment import custom
from oulad_platform.enrollment.numbered import LABELS, SNAPSHOT_COLUMNS
from oulad_platform.enrollment.rebuild import rebuild
from oulad_platform.enrollment.reporting import charts
from oulad_platform.enrollment.tables import SNAPSHOT_VERSIONS

SNAPSHOTS = entry("enrollment", "enrollment_snapshots")
FINDINGS = entry("enrollment", "data_quality_findings")
DELTAS = entry("enrollment", "enrollment_deltas")
METRICS = entry("enrollment", "enrollment_metrics")
CUSTOM = entry("enrollment", "custom_metrics")
A_MONTH = timedelta(days=30)
EVERY_FUNCTION_RAN = "every_function_ran"


def assets(days: dg.PartitionsDefinition, *, is_replay: bool) -> list[dg.AssetsDefinition]:
    """The line's assets, partitioned by `days`; without a replay nothing is read from the raw tables."""
    daily: dict[str, Any] = {"partitions_def": days, "backfill_policy": SINGLE_RUN}
    raw = ("courses", "student_info", "student_registration") if is_replay else ()
    lazy_snapshots = dg.AssetIn(SNAPSHOTS.key, partition_mapping=YESTERDAY_AND_TODAY, metadata=lazily(SNAPSHOT_COLUMNS, LABELS))

    @dg.multi_asset(
        name="registrar_extract",
        pool=FINDINGS.pool,
        outs={of.table.name: dg.AssetOut(**of.out()) for of in (SNAPSHOTS, FINDINGS)},
        ins={name: dg.AssetIn(SMALL[name]) for name in raw},
        **daily,
    )
    def registrar_extract(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform], **tables: pd.DataFrame
    ) -> Iterator[dg.Output[Any]]:
        """The snapshots pass the gate while they are stored; what it found is known once the last one has."""
        gate = Gate(platform, context.run.run_id)
        yield dg.Output(gate.snapshots(_dates(context), tables), SNAPSHOTS.table.name)
        yield dg.Output(pd.concat(gate.findings, ignore_index=True), FINDINGS.table.name)

    @dg.multi_asset(
        name="enrollment_changes",
        pool=METRICS.pool,
        outs={of.table.name: dg.AssetOut(**of.out(), is_required=False) for of in (DELTAS, METRICS)},
        ins={"snapshots": lazy_snapshots},
        can_subset=True,
        **daily,
    )
    def enrollment_changes(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform], snapshots: Any
    ) -> Iterator[dg.Output[Days]]:
        """Also the stored days whose rows follow from the run's: so the order in which days are made does not matter."""
        settings, made = platform.settings, _dates(context)
        known = platform.database.read(METRICS.table)
        rebuilt = rebuild(
            snapshots,
            made,
            known,
            removed=_removed_days(platform),
            attributes=settings.compared_attributes,
            census_days=settings.census_days,
            left_before=None if is_replay else platform.database.read(DELTAS.table),
        )
        if DELTAS.table.name in context.op_execution_context.selected_output_names:
            yield dg.Output(Days(rebuilt.deltas, rebuilt.other_deltas_days), DELTAS.table.name)
        if METRICS.table.name in context.op_execution_context.selected_output_names:
            month = known["date"].between(pd.Timestamp(made[0] - A_MONTH), pd.Timestamp(made[0]), inclusive="left")
            trend = charts.enrollment_trend(pd.concat([known[month], rebuilt.metrics], ignore_index=True), settings.house)
            context.add_asset_metadata(
                {"trend": picture(trend, "Enrolments and changes by day")},
                asset_key=METRICS.key,
                partition_key=context.partition_keys[-1],
            )
            yield dg.Output(Days(rebuilt.metrics, rebuilt.other_metrics_days), METRICS.table.name)

    @dg.asset(
        **CUSTOM.spec(),
        **daily,
        ins={"snapshots": dg.AssetIn(SNAPSHOTS.key, metadata=lazily(SNAPSHOTS.table.names))},
        check_specs=[
            dg.AssetCheckSpec(EVERY_FUNCTION_RAN, asset=CUSTOM.key, description="No function of the institution's own failed.")
        ],
    )
    def custom_metrics(context: dg.AssetExecutionContext, snapshots: Any) -> Iterator[Any]:
        """One function that fails leaves its own rows out, and the check says so; all others are kept."""
        functions, failures = _functions()
        of_the_run = ((day, SNAPSHOTS.table.from_arrow(snapshots[day])) for day in (_dates(context) if functions else ()))
        rows, failed = custom.custom_metrics(functions, of_the_run)
        failures += failed
        yield dg.Output(rows)
        yield dg.AssetCheckResult(
            passed=not failures,
            check_name=EVERY_FUNCTION_RAN,
            metadata={"functions": len(functions), "failures": "\n".join(failures) or "none"},
        )

    return [registrar_extract, enrollment_changes, custom_metrics]


def _removed_days(platform: Platform) -> list[date]:
    register = platform.database.read(SNAPSHOT_VERSIONS)
    days: list[date] = register.loc[register["state"] == "removed", "snapshot_date"].dt.date.unique().tolist()
    return days


def _functions() -> tuple[dict[str, custom.Metric], list[str]]:
    """The institution's own metric functions by entry point, and those that could not be loaded."""
    functions, failures = {}, []
    for point in entry_points(group=custom.ENTRY_POINTS):
        try:
            functions[point.name] = point.load()
        except Exception as error:
            failures.append(f"{point.name} cannot be loaded: {type(error).__name__}: {error}")
    return functions, failures


def _dates(context: dg.AssetExecutionContext) -> list[date]:
    return [day.date() for day in days_of(context.partition_keys)]
