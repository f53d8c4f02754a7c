"""Assets of the student-success line by day: what students do, how likely they are to fail or leave, and what is alarming."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg
import pandas as pd

from oulad_platform.defs.catalog import entry
from oulad_platform.defs.io_managers import DAY_BY_DAY, Days
from oulad_platform.defs.metadata import picture
from oulad_platform.defs.models import A_FORTNIGHT, DRIFT, FEATURES, MODEL_INS, RAW, Frames, Models, dates, later_days
from oulad_platform.defs.partitions import A_FORTNIGHT_BACK, A_WEEK_BACK, SINGLE_RUN, in_pieces
from oulad_platform.defs.resources import Platform
from oulad_platform.storage.lake import Parts
from oulad_platform.success import alerts, charts, marts, weeks
from oulad_platform.success.features.assembly import daily_features
from oulad_platform.success.modelling import model as risk
from oulad_platform.success.presentation import Presentation, presentations

A_MONTH, TWO_MONTHS = 31, 62

WEEKS = entry("success", "student_weeks")
RISK = entry("success", "student_risk_daily")
COURSES = entry("success", "course_summary_daily")
ALERTS = entry("success", "alert_log")


@dg.asset(**WEEKS.spec(), ins=RAW)
def student_weeks(platform: dg.ResourceParam[Platform], student_vle: Parts, **tables: pd.DataFrame) -> Any:
    """A stream of one frame per presentation: no more than one is held in memory."""
    today = platform.today()

    def part(one: Presentation) -> tuple[str, pd.DataFrame]:
        return one.name, weeks.student_weeks(one, today)

    return map(part, presentations(tables, student_vle))  # Dagster would take a generator for events


def assets(days: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The line's assets, the daily ones partitioned by `days`."""
    daily: dict[str, Any] = {"partitions_def": days, "backfill_policy": SINGLE_RUN}

    @dg.asset(**FEATURES.spec(), **daily, ins=RAW)
    def features(context: dg.AssetExecutionContext, student_vle: Parts, **tables: pd.DataFrame) -> Any:
        """A stream of two months at a time, so that memory does not grow with the range."""

        def made(days: Sequence[date]) -> tuple[Sequence[date], pd.DataFrame]:
            return days, daily_features(tables, student_vle, pd.DatetimeIndex(list(days)).as_unit("us"))

        return map(made, in_pieces(dates(context), TWO_MONTHS))

    @dg.multi_asset(
        name="risk_marts",
        outs={of.table.name: dg.AssetOut(**of.spec()) for of in (RISK, COURSES)},
        **daily,
        ins={"features": dg.AssetIn(FEATURES.key, metadata=DAY_BY_DAY), **MODEL_INS},
    )
    def risk_marts(
        context: dg.AssetExecutionContext,
        platform: dg.ResourceParam[Platform],
        features: Frames,
        risk_model: Models,
        model_champions: pd.DataFrame,
    ) -> Iterator[dg.Output[Any]]:
        """The students stream out a month at a time; the courses are summed on the way."""
        by_course = []

        def made(days: Sequence[date]) -> tuple[Sequence[date], pd.DataFrame]:
            scored = pd.concat([risk.score(features[day], risk_model, model_champions) for day in days], ignore_index=True)
            by_student = marts.student_risk(scored, platform.settings.high_risk_threshold)
            by_course.append(marts.course_summary(by_student))
            return days, by_student

        yield dg.Output(map(made, in_pieces(dates(context), A_MONTH)), output_name=RISK.table.name)
        summary = COURSES.table.conform(pd.concat(by_course))
        trend = charts.risk_by_course(platform.with_last_month(COURSES, summary))
        chart = picture(trend, "Mean risk and high-risk share by course")
        context.add_asset_metadata({"risk_by_course": chart}, asset_key=COURSES.key, partition_key=context.partition_keys[-1])
        yield dg.Output(summary, output_name=COURSES.table.name)

    @dg.asset(
        **ALERTS.spec(),
        **daily,
        deps=[
            dg.AssetDep(COURSES.key, partition_mapping=A_WEEK_BACK),
            dg.AssetDep(DRIFT.key, partition_mapping=A_FORTNIGHT_BACK),
        ],
    )
    def alert_log(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> Days:
        """An alert looks back on up to a fortnight, so stored days that look back on one of the run's are made again."""
        settings, own = platform.settings, dates(context)
        others = later_days(platform, ALERTS, own)
        made = pd.DatetimeIndex(sorted([*own, *others])).as_unit("us")
        span = list(pd.date_range(made.min() - timedelta(days=A_FORTNIGHT), made.max()).date)
        courses, drifted = (platform.database.read_days(of.table, span) for of in (COURSES, DRIFT))
        of_courses = alerts.daily_alerts(
            courses, made, share_limit=settings.high_risk_share_limit, spike_limit=settings.risk_spike_threshold_pct
        )
        return Days(ALERTS.table.conform(pd.concat([of_courses, alerts.drift_alerts(drifted, made)])), others)

    return [student_weeks, features, risk_marts, alert_log]
