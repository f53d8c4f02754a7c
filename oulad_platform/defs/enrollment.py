"""Assets of the enrollment line: who is here today?"""

from typing import Any

import dagster as dg
import pandas as pd

from oulad_platform.defs.catalog import entry
from oulad_platform.defs.metadata import picture
from oulad_platform.defs.partitions import SINGLE_RUN, YESTERDAY_AND_TODAY, days_of
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.sources import SMALL
from oulad_platform.enrollment.charts import enrollment_trend
from oulad_platform.enrollment.deltas import daily_deltas
from oulad_platform.enrollment.metrics import daily_metrics

SNAPSHOTS = entry("enrollment", "enrollment_snapshots")
DELTAS = entry("enrollment", "enrollment_deltas")
METRICS = entry("enrollment", "enrollment_metrics")


def assets(days: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The line's assets, partitioned by `days`."""
    daily: dict[str, Any] = {"partitions_def": days, "backfill_policy": SINGLE_RUN}

    @dg.asset(
        **SNAPSHOTS.spec(),
        **daily,
        ins={name: dg.AssetIn(SMALL[name]) for name in ("courses", "student_info", "student_registration")},
    )
    def enrollment_snapshots(
        context: dg.AssetExecutionContext,
        platform: dg.ResourceParam[Platform],
        courses: pd.DataFrame,
        student_info: pd.DataFrame,
        student_registration: pd.DataFrame,
    ) -> pd.DataFrame:
        tables = {"courses": courses, "student_info": student_info, "student_registration": student_registration}
        return platform.registrar().snapshots(days_of(context.partition_keys), tables)

    @dg.asset(**DELTAS.spec(), **daily, ins={"snapshots": dg.AssetIn(SNAPSHOTS.key, partition_mapping=YESTERDAY_AND_TODAY)})
    def enrollment_deltas(context: dg.AssetExecutionContext, snapshots: pd.DataFrame) -> pd.DataFrame:
        return daily_deltas(snapshots, days_of(context.partition_keys))

    @dg.asset(
        **METRICS.spec(),
        **daily,
        ins={
            "snapshots": dg.AssetIn(SNAPSHOTS.key, partition_mapping=YESTERDAY_AND_TODAY),
            "deltas": dg.AssetIn(DELTAS.key),
        },
    )
    def enrollment_metrics(
        context: dg.AssetExecutionContext,
        platform: dg.ResourceParam[Platform],
        snapshots: pd.DataFrame,
        deltas: pd.DataFrame,
    ) -> pd.DataFrame:
        metrics = daily_metrics(snapshots, deltas, days_of(context.partition_keys))
        trend = enrollment_trend(platform.with_last_month(METRICS, metrics))
        context.add_asset_metadata(
            {"trend": picture(trend, "Enrolments and changes by day")}, partition_key=context.partition_keys[-1]
        )
        return metrics

    return [enrollment_snapshots, enrollment_deltas, enrollment_metrics]
