"""Assets of the student-success line: who needs help, why, and whether helping pays."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pandas as pd

from oulad_platform.defs.catalog import entry
from oulad_platform.defs.io_managers import NEWEST
from oulad_platform.defs.metadata import picture
from oulad_platform.defs.partitions import A_WEEK_BACK, SINGLE_RUN, days_of
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.sources import CLICKS, SMALL
from oulad_platform.storage.lake import Parts
from oulad_platform.success import alerts, charts, marts, weeks
from oulad_platform.success.evaluation import protocol
from oulad_platform.success.explanation import shap_values as explain
from oulad_platform.success.features.assembly import daily_features
from oulad_platform.success.modelling import cohorts
from oulad_platform.success.modelling import model as risk
from oulad_platform.success.presentation import Presentation, presentations

Models = Mapping[str, risk.RiskModel]

RAW = {**{name: dg.AssetIn(key) for name, key in SMALL.items()}, "student_vle": dg.AssetIn(CLICKS)}
WEEKS = entry("success", "student_weeks")
FEATURES = entry("success", "features")
PANEL = entry("success", "training_panel")
MODEL_METRICS = entry("success", "model_metrics")
SHAP = entry("success", "shap_values")
RISK = entry("success", "student_risk_daily")
COURSES = entry("success", "course_summary_daily")
ALERTS = entry("success", "alert_log")
RISK_MODEL = dg.AssetKey(["success", "risk_model"])


@dg.asset(**WEEKS.spec(), ins=RAW)
def student_weeks(platform: dg.ResourceParam[Platform], student_vle: Parts, **tables: pd.DataFrame) -> Any:
    """A stream of one frame per presentation: no more than one is held in memory."""
    today = platform.today()

    def part(one: Presentation) -> tuple[str, pd.DataFrame]:
        return one.name, weeks.student_weeks(one, today)

    return map(part, presentations(tables, student_vle))  # Dagster would take a generator for events


@dg.asset(**PANEL.spec(), ins=RAW)
def training_panel(platform: dg.ResourceParam[Platform], student_vle: Parts, **tables: pd.DataFrame) -> pd.DataFrame:
    return cohorts.training_panel(tables, student_vle, platform.today())


@dg.asset(
    key=RISK_MODEL,
    group_name="success_model",
    owners=["team:student-success"],
    kinds={"scikitlearn"},
    tags={"line": "success", "pii": "false"},
    description="One model per day on which cohorts closed, fitted on every cohort closed by then; stored as skops.",
    io_manager_key="model_io_manager",
    ins={"training_panel": dg.AssetIn(PANEL.key), "courses": dg.AssetIn(SMALL["courses"])},
)
def risk_model(
    context: dg.AssetExecutionContext,
    platform: dg.ResourceParam[Platform],
    training_panel: pd.DataFrame,
    courses: pd.DataFrame,
) -> dict[str, risk.RiskModel]:
    versions = cohorts.versions(courses, platform.today())
    models = risk.fit_versions(training_panel, versions, platform.settings.random_seed)
    for left_out in versions:
        if left_out.name not in models:
            context.log.warning(risk.shortfall(training_panel, left_out))
    return models


@dg.asset(
    **MODEL_METRICS.spec(),
    ins={"training_panel": dg.AssetIn(PANEL.key), "risk_model": dg.AssetIn(RISK_MODEL), "courses": dg.AssetIn(SMALL["courses"])},
)
def model_metrics(
    platform: dg.ResourceParam[Platform], training_panel: pd.DataFrame, risk_model: Models, courses: pd.DataFrame
) -> pd.DataFrame:
    settings = platform.settings
    return protocol.model_metrics(training_panel, risk_model, courses, settings.split_week, settings.random_seed)


def assets(days: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The line's assets, the daily ones partitioned by `days`."""
    daily: dict[str, Any] = {"partitions_def": days, "backfill_policy": SINGLE_RUN}

    @dg.asset(**FEATURES.spec(), **daily, ins=RAW)
    def features(context: dg.AssetExecutionContext, student_vle: Parts, **tables: pd.DataFrame) -> pd.DataFrame:
        return daily_features(tables, student_vle, days_of(context.partition_keys))

    @dg.multi_asset(
        name="risk_marts",
        outs={of.table.name: dg.AssetOut(**of.spec()) for of in (RISK, COURSES)},
        **daily,
        ins={"features": dg.AssetIn(FEATURES.key), "risk_model": dg.AssetIn(RISK_MODEL)},
    )
    def risk_marts(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform], features: pd.DataFrame, risk_model: Models
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        scored = risk.score(features, list(risk_model.values()))
        by_student = marts.student_risk(scored, platform.settings.high_risk_threshold)
        by_course = marts.course_summary(by_student)
        trend = charts.risk_by_course(platform.with_last_month(COURSES, by_course))
        chart = picture(trend, "Mean risk and high-risk share by course")
        context.add_asset_metadata({"risk_by_course": chart}, asset_key=COURSES.key, partition_key=context.partition_keys[-1])
        return by_student, by_course

    @dg.asset(**ALERTS.spec(), **daily, ins={"courses": dg.AssetIn(COURSES.key, partition_mapping=A_WEEK_BACK)})
    def alert_log(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform], courses: pd.DataFrame) -> pd.DataFrame:
        settings = platform.settings
        return alerts.daily_alerts(
            courses,
            days_of(context.partition_keys),
            share_limit=settings.high_risk_share_limit,
            spike_limit=settings.risk_spike_threshold_pct,
        )

    @dg.asset(**SHAP.spec(), ins={"features": dg.AssetIn(FEATURES.key, metadata=NEWEST), "risk_model": dg.AssetIn(RISK_MODEL)})
    def shap_values(context: dg.AssetExecutionContext, features: pd.DataFrame, risk_model: Models) -> pd.DataFrame:
        values = explain.shap_values(list(risk_model.values()), features)
        context.add_asset_metadata({"summary": picture(explain.summary_png(values), "What moves the risk, student by student")})
        return values

    return [student_weeks, training_panel, risk_model, model_metrics, features, risk_marts, alert_log, shap_values]
