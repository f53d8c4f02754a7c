"""Assets that people receive: exports for analysts, and the daily briefing by mail."""

from datetime import date, timedelta
from typing import Any

import dagster as dg
import pandas as pd

from oulad_platform.defs import delivery
from oulad_platform.defs.catalog import OWNERS
from oulad_platform.defs.enrollment import DELTAS, SNAPSHOTS
from oulad_platform.defs.io_managers import ALL_DAYS, NEWEST
from oulad_platform.defs.metadata import picture, preview
from oulad_platform.defs.outlook import ALL_METRICS, ANOMALIES, BACKTEST, FORECAST, RETENTION, TRENDS
from oulad_platform.defs.partitions import SINGLE_RUN, days_of
from oulad_platform.defs.resources import REPORTS, Platform
from oulad_platform.enrollment.history import days_touched
from oulad_platform.enrollment.reporting import briefing, exports
from oulad_platform.enrollment.reporting.dashboard import executive_dashboard
from oulad_platform.enrollment.tables import SNAPSHOT_VERSIONS

DASHBOARD = timedelta(days=120)


def _spec(name: str, kinds: set[str], description: str, *, pii: bool) -> dict[str, Any]:
    return {
        "key": dg.AssetKey(["enrollment", name]),
        "group_name": "enrollment_actions",
        "owners": [OWNERS["enrollment"]],
        "kinds": kinds,
        "tags": {"line": "enrollment", "pii": "true" if pii else "false"},
        "description": description,
    }


def daily_assets(days: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The lists of who came and who left, a file each for every day."""

    @dg.asset(
        **_spec(
            "change_lists", {"csv"}, "One entry per day and file: who was added or returned, who dropped or completed.", pii=True
        ),
        partitions_def=days,
        backfill_policy=SINGLE_RUN,
        ins={"changes": dg.AssetIn(DELTAS.key)},
    )
    def change_lists(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform], changes: pd.DataFrame
    ) -> dg.MaterializeResult[None]:
        """The lists of the days too whose changes were made again with these."""
        made, is_replay = list(days_of(context.partition_keys).date), platform.settings.registrar_kind == "replay"
        others = days_touched(platform.stored_days(DELTAS), made, returns_are_recorded=is_replay).changes
        known = pd.concat([changes, platform.database.read_days(DELTAS.table, others)], ignore_index=True)
        files = exports.change_lists(known, [*made, *others], platform.settings.pseudonyms)
        for path, content in files.items():
            platform.artifacts.put(path, content)
        return dg.MaterializeResult(metadata={"files": len(files)})

    return [change_lists]


@dg.asset(
    **_spec(
        "powerbi_export",
        {"csv", "powerbi"},
        "One row per row of enrollment_metrics_published, with a calendar for Power BI.",
        pii=False,
    ),
    ins={"metrics": dg.AssetIn(dg.AssetKey(["enrollment", "enrollment_metrics_published"]), metadata=ALL_DAYS)},
)
def powerbi_export(platform: dg.ResourceParam[Platform], metrics: pd.DataFrame) -> dg.MaterializeResult[None]:
    """With a connection file where the warehouse is a PostgreSQL server."""
    files = exports.powerbi_files(metrics, platform.database.server)
    kept = [platform.artifacts.put(path, content) for path, content in files.items()]
    table = pd.DataFrame({"file": [one.path for one in kept], "bytes": [one.size for one in kept]})
    return dg.MaterializeResult(metadata={"dagster/row_count": len(metrics), "files": preview(table)})


@dg.asset(
    **_spec(
        "enrollment_briefing",
        {"html"},
        "One entry per day: the briefing about the newest one as a page, its dashboard, and a mail to the recipients.",
        pii=True,
    ),
    ins={
        **ALL_METRICS,
        "changes": dg.AssetIn(DELTAS.key, metadata=NEWEST),
        "trends": dg.AssetIn(TRENDS.key),
        "forecast": dg.AssetIn(FORECAST.key),
        "backtest": dg.AssetIn(BACKTEST.key),
        "anomalies": dg.AssetIn(ANOMALIES.key, metadata=NEWEST),
        "retention": dg.AssetIn(RETENTION.key),
    },
    deps=[SNAPSHOTS.key],
)
def enrollment_briefing(
    context: dg.AssetExecutionContext,
    platform: dg.ResourceParam[Platform],
    metrics: pd.DataFrame,
    changes: pd.DataFrame,
    trends: pd.DataFrame,
    forecast: pd.DataFrame,
    backtest: pd.DataFrame,
    anomalies: pd.DataFrame,
    retention: pd.DataFrame,
) -> dg.MaterializeResult[None]:
    settings, day = platform.settings, metrics["date"].max().date()
    anomalies = anomalies[anomalies["date"] == pd.Timestamp(day)]
    listed = settings.include_student_lists
    made = briefing.briefing(
        house=settings.house,
        day=day,
        metrics=metrics,
        deltas=changes,
        trends=trends,
        forecast=forecast,
        backtest=backtest,
        anomalies=anomalies,
        versions=platform.database.read(SNAPSHOT_VERSIONS),
        retention=retention,
        retention_target=settings.retention_target,
        students=_names_around(platform, day) if listed else None,
        include_student_lists=listed,
    )
    dashboard = executive_dashboard(
        metrics[metrics["date"] > pd.Timestamp(day - DASHBOARD)],
        settings.house,
        forecast,
        trends,
        anomalies,
        cohorts=retention,
        target_rate=None if retention.empty else settings.retention_target,
    )
    page = platform.artifacts.put(f"{REPORTS}/briefing_{day}.html", briefing.page(made))
    platform.artifacts.put(f"{REPORTS}/dashboard_{day}.png", dashboard)
    mailed = delivery.notify(platform, "daily_summary", day, made)
    return dg.MaterializeResult(
        metadata={
            "dashboard": picture(dashboard, f"Enrolment on {day}"),
            "page": dg.MetadataValue.path(page.path),
            "mail": "put into the outbox" if mailed else "not mailed: mailed before, about the past, or not wanted",
        }
    )


def _names_around(platform: Platform, day: date) -> pd.DataFrame:
    """Names of those who are in the day's snapshot and, since they have left it, in the one before."""
    stored = [one for one in platform.stored_days(SNAPSHOTS) if one <= day]
    return platform.lake.read_days(SNAPSHOTS.line, SNAPSHOTS.table, stored[-2:])


ASSETS = [powerbi_export, enrollment_briefing]
