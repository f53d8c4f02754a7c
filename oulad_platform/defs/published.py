"""Assets of what may leave: the aggregates for many, small counts withheld or all rounded."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg
import pandas as pd

from oulad_platform.defs.catalog import entry
from oulad_platform.defs.enrollment import METRICS, SNAPSHOTS
from oulad_platform.defs.io_managers import Days
from oulad_platform.defs.models import A_WEEK, FAIRNESS, dates, later_days
from oulad_platform.defs.outlook import ALL_METRICS, FORECAST, RETENTION
from oulad_platform.defs.partitions import SINGLE_RUN
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.success import COURSES
from oulad_platform.enrollment import publication as enrolment
from oulad_platform.enrollment.history import days_touched
from oulad_platform.success import publication as success

ENROLLMENT = entry("enrollment", enrolment.ENROLLMENT_METRICS_PUBLISHED.name)
WEEKS = entry("enrollment", enrolment.ENROLLMENT_WEEKS_PUBLISHED.name)
COHORTS = entry("enrollment", enrolment.COHORT_RETENTION_PUBLISHED.name)
FORECASTS = entry("enrollment", enrolment.ENROLLMENT_FORECAST_PUBLISHED.name)
BY_COURSE = entry("success", success.COURSE_SUMMARY_PUBLISHED.name)
BY_GROUP = entry("success", success.MODEL_FAIRNESS_PUBLISHED.name)


def enrollment_assets(days: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The enrolment line's, by day."""

    @dg.asset(**ENROLLMENT.spec(), partitions_def=days, backfill_policy=SINGLE_RUN, deps=[METRICS.key, SNAPSHOTS.key])
    def enrollment_metrics_published(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> Days:
        """Also the stored days whose metrics were made again with the run's."""
        own, is_replay = dates(context), platform.settings.registrar_kind == "replay"
        others = days_touched(platform.stored_days(ENROLLMENT), own, returns_are_recorded=is_replay).changes
        made = [*own, *others]
        metrics = platform.database.read_days(METRICS.table, made)
        return Days(enrolment.metrics_published(metrics, _parts(platform, made), platform.settings.disclosure), others)

    return [enrollment_metrics_published]


def success_assets(days: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The success line's, by day."""

    @dg.asset(**BY_COURSE.spec(), partitions_def=days, backfill_policy=SINGLE_RUN, deps=[COURSES.key, ENROLLMENT.key])
    def course_summary_published(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> Days:
        """Also the stored days a week later, whose comparison was made again with the run's."""
        own = dates(context)
        others = later_days(platform, BY_COURSE, own, (A_WEEK,))
        made = [*own, *others]
        summary, enrolled = (platform.database.read_days(of.table, made) for of in (COURSES, ENROLLMENT))
        return Days(success.course_summary_published(summary, _hidden(summary, enrolled), platform.settings.disclosure), others)

    return [course_summary_published]


@dg.asset(**WEEKS.spec(), ins=ALL_METRICS)
def enrollment_weeks_published(platform: dg.ResourceParam[Platform], metrics: pd.DataFrame) -> pd.DataFrame:
    return enrolment.weeks_published(metrics, platform.settings.disclosure)


@dg.asset(**COHORTS.spec(), ins={"retention": dg.AssetIn(RETENTION.key)})
def cohort_retention_published(platform: dg.ResourceParam[Platform], retention: pd.DataFrame) -> pd.DataFrame:
    return enrolment.retention_published(retention, platform.settings.disclosure)


@dg.asset(**FORECASTS.spec(), ins={"forecast": dg.AssetIn(FORECAST.key)}, deps=[ENROLLMENT.key])
def enrollment_forecast_published(platform: dg.ResourceParam[Platform], forecast: pd.DataFrame) -> pd.DataFrame:
    told = platform.database.read_days(ENROLLMENT.table, sorted(set(forecast["as_of_date"].dt.date)))
    return enrolment.forecast_published(forecast, told, platform.settings.disclosure)


@dg.asset(**BY_GROUP.spec(), ins={"fairness": dg.AssetIn(FAIRNESS.key)})
def model_fairness_published(platform: dg.ResourceParam[Platform], fairness: pd.DataFrame) -> pd.DataFrame:
    return success.fairness_published(fairness, platform.settings.disclosure)


def _parts(platform: Platform, days: Sequence[date]) -> dict[date, pd.DataFrame]:
    """Of each day's snapshot that is still there, the enrolments by division, program and term."""
    snapshots: Any = platform.lake.daily(SNAPSHOTS.line, SNAPSHOTS.table, enrolment.PARTS, enrolment.PARTS)
    kept = set(snapshots)
    return {
        day: snapshots[day]
        .group_by(enrolment.PARTS)
        .aggregate([([], "count_all")])
        .to_pandas()
        .set_axis([*enrolment.PARTS, "n"], axis=1)
        for day in days
        if day in kept
    }


def _hidden(summary: pd.DataFrame, enrolled: pd.DataFrame) -> pd.DataFrame:
    """The courses of the days whose enrolments are withheld, by the name that the replay gives them."""
    secret = enrolled.loc[enrolled["total_enrollment"].isna(), ["date", "scope", "name"]].rename(columns={"date": "run_date"})
    names = {"program": summary["code_module"], "term": summary["code_module"] + " " + summary["code_presentation"]}
    found = [
        summary.assign(scope=scope, name=name).merge(secret, on=["run_date", "scope", "name"]) for scope, name in names.items()
    ]
    return pd.concat(found)[success.COURSE].drop_duplicates()


ENROLLMENT_ASSETS = [enrollment_weeks_published, cohort_retention_published, enrollment_forecast_published]
SUCCESS_ASSETS = [model_fairness_published]
