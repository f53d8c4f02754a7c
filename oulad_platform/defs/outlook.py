"""Assets about what the figures mean: who stays, trend, forecast and its backtest, unusual days and how well they are found."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import pandas as pd

from oulad_platform.defs.catalog import entry
from oulad_platform.defs.enrollment import DELTAS, METRICS, SNAPSHOTS
from oulad_platform.defs.io_managers import ALL_DAYS, Days
from oulad_platform.defs.metadata import picture, preview
from oulad_platform.defs.partitions import SINGLE_RUN, days_of
from oulad_platform.defs.resources import Platform
from oulad_platform.enrollment import anomalies, anomaly_benchmark, retention, trend
from oulad_platform.enrollment.alerts import anomaly_alerts
from oulad_platform.enrollment.forecasting import backtest, forecast, pickup
from oulad_platform.enrollment.reporting import charts

RETENTION = entry("enrollment", "cohort_retention")
TRENDS = entry("enrollment", "enrollment_trends")
FORECAST = entry("enrollment", "enrollment_forecast")
BACKTEST = entry("enrollment", "forecast_backtest")
ANOMALIES = entry("enrollment", "enrollment_anomalies")
BENCHMARK = entry("enrollment", "anomaly_benchmark")
ALERTS = entry("enrollment", "enrollment_alerts")
ALL_METRICS = {"metrics": dg.AssetIn(METRICS.key, metadata=ALL_DAYS)}


@dg.asset(
    **RETENTION.spec(),
    deps=[SNAPSHOTS.key],
    ins={name: dg.AssetIn(of.key, metadata=ALL_DAYS) for name, of in (("changes", DELTAS), ("figures", METRICS))},
)
def cohort_retention(
    context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform], changes: pd.DataFrame, figures: pd.DataFrame
) -> pd.DataFrame:
    """Reads the snapshots of census days only, so that old ones may go."""
    settings = platform.settings
    days = retention.census_days_of(figures)
    census = platform.lake.read_days(SNAPSHOTS.line, SNAPSHOTS.table, days)
    made = retention.cohort_retention(census, changes, figures["date"].max().date(), settings.census_days)
    if not made.empty:
        drawn = charts.cohort_retention(made, settings.house, settings.retention_target)
        context.add_asset_metadata({"retention": picture(drawn, "Share of each census cohort still here, by week")})
    return made


@dg.asset(**TRENDS.spec(), ins=ALL_METRICS)
def enrollment_trends(metrics: pd.DataFrame) -> pd.DataFrame:
    return trend.enrollment_trends(metrics, metrics["date"].max().date())


@dg.multi_asset(
    name="forecasts",
    pool=BACKTEST.pool,
    outs={of.table.name: dg.AssetOut(**of.out()) for of in (BACKTEST, FORECAST)},
    ins=ALL_METRICS,
)
def forecasts(
    context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform], metrics: pd.DataFrame
) -> Iterator[dg.Output[pd.DataFrame]]:
    """The backtest comes first: it says which method is used, and how wide its intervals are."""
    as_of = metrics["date"].max().date()
    ends = _term_ends(platform, as_of)
    tested = backtest.forecast_backtest(metrics, as_of, ends)
    if BACKTEST.table.name in context.op_execution_context.selected_output_names:
        accuracy = backtest.accuracy(tested)
        context.add_asset_metadata({"accuracy": preview(accuracy, len(accuracy))}, asset_key=BACKTEST.key)
        yield dg.Output(tested, BACKTEST.table.name)
    if FORECAST.table.name in context.op_execution_context.selected_output_names:
        made = forecast.enrollment_forecast(metrics, as_of, tested, ends=ends)
        drawn = charts.enrollment_trend(metrics, platform.settings.house, made)
        context.add_asset_metadata({"forecast": picture(drawn, "Enrolments and forecast")}, asset_key=FORECAST.key)
        yield dg.Output(made, FORECAST.table.name)


def _term_ends(platform: Platform, as_of: date) -> dict[str, date]:
    """Terms' last days, said by the first snapshot of each month, which housekeeping keeps, and by the newest."""
    snapshots = platform.lake.daily(SNAPSHOTS.line, SNAPSHOTS.table, ["program", "term", "term_end_date"])
    days = [day for day in snapshots if day <= as_of]
    monthly = {(day.year, day.month): day for day in reversed(days)}
    return pickup.ends_of(snapshots[day].to_pandas() for day in sorted({*monthly.values(), *days[-1:]}))


@dg.asset(**BENCHMARK.spec(), ins=ALL_METRICS)
def benchmark_of_anomalies(
    context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform], metrics: pd.DataFrame
) -> pd.DataFrame:
    made = anomaly_benchmark.anomaly_benchmark(metrics, platform.settings.random_seed)
    context.add_asset_metadata({"detectors": preview(made, len(made))})
    return made


def daily_assets(days: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The line's assets that judge each day by the days before it."""
    daily: dict[str, Any] = {"partitions_def": days, "backfill_policy": SINGLE_RUN}

    @dg.asset(**ANOMALIES.spec(), **daily, deps=[METRICS.key])
    def enrollment_anomalies(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> Days:
        """Stored days that look back on the run's are judged again, so that the order in which days are made does not matter."""
        made = [day.date() for day in days_of(context.partition_keys)]
        stored = platform.stored_days(METRICS)
        last = min((day for day in stored if day > made[-1]), default=made[-1]) + anomalies.WINDOW
        later = [day for day in stored if made[0] < day <= last and day not in made]
        metrics = platform.database.read(METRICS.table)
        judged = anomalies.enrollment_anomalies(metrics, [*made, *later])
        return Days(judged, later)

    @dg.asset(**ALERTS.spec(), **daily, ins={"anomalies": dg.AssetIn(ANOMALIES.key)})
    def enrollment_alerts(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform], anomalies: pd.DataFrame
    ) -> Days:
        """Days that were judged again with the run's are told again."""
        own = [day.date() for day in days_of(context.partition_keys)]
        later = [day for day in platform.stored_days(ALERTS) if day > own[0] and day not in own]
        judged = pd.concat([anomalies, platform.database.read_days(ANOMALIES.table, later)], ignore_index=True)
        return Days(anomaly_alerts(judged, sorted([*own, *later])), later)

    return [enrollment_anomalies, enrollment_alerts]


ASSETS = [cohort_retention, enrollment_trends, forecasts, benchmark_of_anomalies]
