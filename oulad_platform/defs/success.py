"""Assets of the student-success line by day: what students do, how likely they are to fail or leave, and what is alarming."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import dagster as dg
import pandas as pd

from oulad_platform.defs.catalog import entry
from oulad_platform.defs.io_managers import DAY_BY_DAY, Days
from oulad_platform.defs.metadata import picture
from oulad_platform.defs.models import (
    A_WEEK,
    DRIFT,
    FEATURES,
    RAW,
    REASONS,
    SCORING_INS,
    Frames,
    Models,
    dates,
    later_days,
    of_scored,
)
from oulad_platform.defs.partitions import A_WEEK_BACK, SINGLE_RUN, in_pieces
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.sources import SMALL
from oulad_platform.storage.lake import Parts
from oulad_platform.success import alerts, charts, marts, weeks
from oulad_platform.success.features.assembly import daily_features
from oulad_platform.success.modelling import model as risk
from oulad_platform.success.presentation import Presentation, presentations

A_MONTH, TWO_MONTHS = 31, 62
SUBMITTED = ["run_date", "code_module", "code_presentation", "id_student", "n_assessments_submitted"]

WEEKS = entry("success", "student_weeks")
RISK = entry("success", "student_risk_daily")
COURSES = entry("success", "course_summary_daily")
ALERTS = entry("success", "risk_alerts")
DIM_COURSE = entry("success", "dim_course")


@dg.asset(**WEEKS.spec(), ins=RAW)
def student_weeks(platform: dg.ResourceParam[Platform], student_vle: Parts, **tables: pd.DataFrame) -> Any:
    """A stream of one frame per presentation: no more than one is held in memory."""
    today = platform.today()

    def part(one: Presentation) -> tuple[str, pd.DataFrame]:
        return one.name, weeks.student_weeks(one, today)

    return map(part, presentations(tables, student_vle))  # Dagster would take a generator for events


@dg.asset(**DIM_COURSE.spec(), ins={"courses": dg.AssetIn(SMALL["courses"])})
def dim_course(platform: dg.ResourceParam[Platform], courses: pd.DataFrame) -> pd.DataFrame:
    return marts.dim_course(courses, platform.database.read(DIM_COURSE.table))


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
        pool=RISK.pool,
        outs={of.table.name: dg.AssetOut(**of.out()) for of in (RISK, COURSES)},
        **daily,
        ins={
            "features": dg.AssetIn(FEATURES.key, metadata=DAY_BY_DAY, partition_mapping=A_WEEK_BACK),
            "reasons": dg.AssetIn(REASONS.key, metadata=DAY_BY_DAY),
            **{name: dg.AssetIn(SMALL[name]) for name in ("courses", "assessments", "student_assessment")},
            **SCORING_INS,
        },
        deps=[DIM_COURSE.key],
    )
    def risk_marts(
        context: dg.AssetExecutionContext,
        platform: dg.ResourceParam[Platform],
        features: Frames,
        reasons: Frames,
        risk_model: Models,
        model_champions: pd.DataFrame,
        opt_outs: pd.DataFrame,
        **tables: pd.DataFrame,
    ) -> Iterator[dg.Output[Any]]:
        """The students stream out a month at a time; the courses are summed on the way.

        A risk is compared with that of a week before, so the stored days a week after the run's are made again.
        """
        own, threshold = dates(context), platform.settings.high_risk_threshold
        features = of_scored(features, opt_outs)
        others = [day for day in later_days(platform, RISK, own, (A_WEEK,)) if day in features and day in reasons]
        days_made = sorted([*own, *others])
        marks = marts.week_marks(tables, pd.DatetimeIndex(days_made).as_unit("us"))
        by_course = []

        @lru_cache(A_MONTH + A_WEEK)
        def scored(day: date) -> tuple[pd.DataFrame, pd.DataFrame]:
            rows = features[day]
            return risk.score(rows, risk_model, model_champions), rows[SUBMITTED]

        def made(days: Sequence[date]) -> tuple[Sequence[date], pd.DataFrame]:
            week_before = [day for day in (day - timedelta(days=A_WEEK) for day in days) if day not in days and day in features]
            scores, submitted = (pd.concat(frames, ignore_index=True) for frames in zip(*map(scored, days), strict=True))
            before = [scored(day)[0] for day in week_before]
            by_student = marts.student_risk(
                scores,
                pd.concat([*before, scores.iloc[:0]], ignore_index=True),
                submitted,
                pd.concat([_why(reasons[day]) for day in days], ignore_index=True),
                marks,
                threshold,
            )
            by_course.append(marts.course_summary(by_student, threshold))
            return days, by_student

        yield dg.Output(map(made, in_pieces(days_made, A_MONTH)), output_name=RISK.table.name)
        summary = COURSES.table.conform(pd.concat(by_course))
        trend = charts.risk_by_course(platform.with_last_month(COURSES, summary[summary["run_date"].dt.date.isin(own)]))
        chart = picture(trend, "Mean risk and high-risk share by course")
        context.add_asset_metadata({"risk_by_course": chart}, asset_key=COURSES.key, partition_key=context.partition_keys[-1])
        yield dg.Output(Days(summary, others), output_name=COURSES.table.name)

    @dg.asset(**ALERTS.spec(), **daily, deps=[COURSES.key, DRIFT.key])
    def risk_alerts(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> Days:
        """Course summaries and drift of later days may have been made again with the run's; so are their alerts."""
        settings, own = platform.settings, dates(context)
        others = later_days(platform, ALERTS, own)
        days = sorted([*own, *others])
        courses, drifted = (platform.database.read_days(of.table, days) for of in (COURSES, DRIFT))
        of_courses = alerts.risk_alerts(
            courses,
            days,
            share_limit=settings.high_risk_share_limit,
            spike_limit=settings.risk_spike_threshold_pct,
            rule=settings.disclosure,
        )
        of_drift = alerts.drift_alerts(drifted, days, settings.disclosure)
        return Days(ALERTS.table.conform(pd.concat([of_courses, of_drift])), others)

    return [student_weeks, dim_course, features, risk_marts, risk_alerts]


def _why(reasons: pd.DataFrame) -> pd.DataFrame:
    """What a mart needs of a day's reasons, so that a month of them fits in memory."""
    return reasons.loc[reasons["direction"] == "raises", [*SUBMITTED[:-1], "direction", "rank", "sentence"]]
