"""Assets of the risk models: what they learn from, how good, fair and current they are, and which is in charge."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import dagster as dg
import pandas as pd

from oulad_platform.defs.catalog import Entry, entry
from oulad_platform.defs.io_managers import DAY_BY_DAY, NEWEST, Days, lazily
from oulad_platform.defs.metadata import picture
from oulad_platform.defs.outreach import OPT_OUTS
from oulad_platform.defs.partitions import A_FORTNIGHT_BACK, SINGLE_RUN, days_of, in_pieces
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.sources import CLICKS, SMALL
from oulad_platform.storage.lake import Parts
from oulad_platform.success.evaluation import charts, ladder, latest, protocol, tabulation
from oulad_platform.success.explanation import picture as beeswarm
from oulad_platform.success.explanation import reasons, top_features
from oulad_platform.success.model_tables import MODEL_DECISIONS
from oulad_platform.success.modelling import cohorts
from oulad_platform.success.modelling import model as risk
from oulad_platform.success.opt_outs import still_scored
from oulad_platform.success.oversight import drift, drift_charts, fairness, fairness_charts
from oulad_platform.success.oversight.drift_reference import PROXY_DAYS as A_FORTNIGHT
from oulad_platform.success.presentation import CLICK_COLUMNS
from oulad_platform.success.registry import champions, gates

Models = Mapping[str, risk.RiskModel]
Frames = Any  # a mapping of days to frames, read on demand; Dagster would want a dict

RAW = {name: dg.AssetIn(key) for name, key in SMALL.items()}
RAW["student_vle"] = dg.AssetIn(CLICKS, metadata=lazily(CLICK_COLUMNS))
FEATURES = entry("success", "features")
PANEL = entry("success", "training_panel")
HELD_OUT = entry("success", "held_out_risk")
EVALUATION = entry("success", "model_evaluation")
CURVE = entry("success", "calibration_curve")
FAIRNESS = entry("success", "model_fairness")
REGISTRY = entry("success", "model_registry")
CHAMPIONS = entry("success", "model_champions")
IMPORTANCE = entry("success", "feature_importance")
REASONS = entry("success", "risk_reasons")
DRIFTED = entry("success", "feature_drift")
DRIFT = entry("success", "model_drift")
RISK_MODEL = dg.AssetKey(["success", "risk_model"])
MODEL_INS = {"risk_model": dg.AssetIn(RISK_MODEL), "model_champions": dg.AssetIn(CHAMPIONS.key)}
SCORING_INS = {**MODEL_INS, "opt_outs": dg.AssetIn(OPT_OUTS.key)}
A_WEEK, TWO_WEEKS = 7, 14
SUMMARY_PNG = "outputs/shap_summary.png"


@dg.asset(**PANEL.spec(), ins=RAW)
def training_panel(platform: dg.ResourceParam[Platform], student_vle: Parts, **tables: pd.DataFrame) -> Any:
    """A stream of one frame per presentation: no more than one is held in memory."""
    return cohorts.training_panel(tables, student_vle, platform.today())


@dg.multi_asset(
    name="risk_models",
    outs={
        "risk_model": dg.AssetOut(
            key=RISK_MODEL,
            group_name="success_model",
            owners=["team:student-success"],
            kinds={"scikitlearn"},
            tags={"line": "success", "pii": "false"},
            description="One model per day on which cohorts closed, fitted on every cohort closed by then, and its challenger.",
            io_manager_key="model_io_manager",
        ),
        "held_out_risk": dg.AssetOut(**HELD_OUT.out()),
    },
    ins={"training_panel": dg.AssetIn(PANEL.key), "courses": dg.AssetIn(SMALL["courses"])},
)
def risk_models(
    context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform], training_panel: Parts, courses: pd.DataFrame
) -> tuple[Models, pd.DataFrame]:
    settings = platform.settings
    versions = cohorts.versions(courses, platform.today())
    panel = risk.training_rows(training_panel.values())
    for too_few in filter(None, (risk.shortfall(panel, version) for version in versions)):
        context.log.warning(too_few)
    return risk.fit_versions(
        panel, versions, backend=settings.model_backend, seed=settings.random_seed, protected=settings.predict_with_protected
    )


@dg.multi_asset(
    name="model_tests",
    pool=EVALUATION.pool,
    outs={of.table.name: dg.AssetOut(**of.out()) for of in (EVALUATION, CURVE, FAIRNESS)},
    ins={
        **RAW,
        "training_panel": dg.AssetIn(PANEL.key),
        "risk_model": dg.AssetIn(RISK_MODEL),
        "held_out_risk": dg.AssetIn(HELD_OUT.key),
    },
)
def model_tests(
    context: dg.AssetExecutionContext,
    platform: dg.ResourceParam[Platform],
    training_panel: Parts,
    risk_model: Models,
    held_out_risk: pd.DataFrame,
    student_vle: Parts,
    **tables: pd.DataFrame,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    settings = platform.settings
    tried = protocol.trial_risk(training_panel, risk_model, tables["courses"])
    tested = protocol.together(
        [
            tried,
            protocol.split_risk(training_panel, risk_model, settings.split_week, settings.random_seed),
            ladder.ladder_risk(training_panel, risk_model, tables, student_vle, settings.random_seed),
        ]
    )
    evaluation = tabulation.model_evaluation(tested, tables["student_info"], tables["student_registration"], settings.random_seed)
    curve = tabulation.calibration_curve(tested)
    scores = gates.scores_of(training_panel, risk_model)
    rows = fairness.audited(tried, held_out_risk, champions.older_versions(risk_model), scores)
    audited = fairness.model_fairness(rows, tables["student_info"], seed=settings.random_seed)
    _show_tests(context, evaluation, curve, audited, risk_model)
    return evaluation, curve, audited


def _show_tests(
    context: dg.AssetExecutionContext, evaluation: pd.DataFrame, curve: pd.DataFrame, audited: pd.DataFrame, models: Models
) -> None:
    shown = latest.headline(evaluation, models)
    if not shown:
        return
    test = (str(shown["evaluation"]), str(shown["tested_cohort"]))
    pictures = {
        EVALUATION: {
            "auc": picture(charts.auc_chart(evaluation, *test), "AUC by day with intervals"),
            "leak_ladder": picture(charts.ladder_chart(evaluation), "What leaks are worth"),
        },
        CURVE: {"curves": picture(charts.calibration_chart(curve, *test, str(shown["model_version"])), "Calibration by day")},
        FAIRNESS: {"groups": picture(fairness_charts.fairness_by_group(fairness.headline(audited, shown)), "Gaps by group")},
    }
    for of, metadata in pictures.items():
        context.add_asset_metadata(metadata, asset_key=of.key)


@dg.multi_asset(
    name="registered_models",
    pool=REGISTRY.pool,
    outs={of.table.name: dg.AssetOut(**of.out()) for of in (REGISTRY, CHAMPIONS)},
    ins={
        "risk_model": dg.AssetIn(RISK_MODEL),
        "held_out_risk": dg.AssetIn(HELD_OUT.key),
        "model_fairness": dg.AssetIn(FAIRNESS.key),
        "training_panel": dg.AssetIn(PANEL.key),
    },
)
def registered_models(
    platform: dg.ResourceParam[Platform],
    risk_model: Models,
    held_out_risk: pd.DataFrame,
    model_fairness: pd.DataFrame,
    training_panel: Parts,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The gates decide, and persons over them: see `oulad models`."""
    return champions.model_registry(
        risk_model,
        held_out_risk,
        model_fairness,
        platform.database.read(MODEL_DECISIONS),
        scores=gates.scores_of(training_panel, risk_model),
        today=platform.today(),
    )


@dg.asset(**IMPORTANCE.spec(), ins={"features": dg.AssetIn(FEATURES.key, metadata=NEWEST), **SCORING_INS})
def feature_importance(
    context: dg.AssetExecutionContext,
    platform: dg.ResourceParam[Platform],
    features: pd.DataFrame,
    risk_model: Models,
    model_champions: pd.DataFrame,
    opt_outs: pd.DataFrame,
) -> pd.DataFrame:
    explained = top_features.explain_newest(risk_model, model_champions, still_scored(features, opt_outs))
    png = beeswarm.summary_png(explained)
    platform.artifacts.put(SUMMARY_PNG, png)
    context.add_asset_metadata({"summary": picture(png, "What moves the risk, student by student")})
    return top_features.feature_importance(explained)


def daily_assets(days: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Reasons and drift, partitioned by `days`."""
    daily: dict[str, Any] = {"partitions_def": days, "backfill_policy": SINGLE_RUN}

    @dg.asset(**REASONS.spec(), **daily, ins={"features": dg.AssetIn(FEATURES.key, metadata=DAY_BY_DAY), **SCORING_INS})
    def risk_reasons(
        context: dg.AssetExecutionContext,
        features: Frames,
        risk_model: Models,
        model_champions: pd.DataFrame,
        opt_outs: pd.DataFrame,
    ) -> Any:
        """A stream of two weeks at a time: preparing a model's trees costs more than explaining a day."""
        features = of_scored(features, opt_outs)

        def made(days: Sequence[date]) -> tuple[Sequence[date], pd.DataFrame]:
            rows = pd.concat([features[day] for day in days], ignore_index=True)
            return days, reasons.risk_reasons(risk_model, model_champions, rows)

        return map(made, in_pieces(dates(context), TWO_WEEKS))

    @dg.multi_asset(
        name="drift",
        pool=DRIFT.pool,
        outs={of.table.name: dg.AssetOut(**of.out()) for of in (DRIFTED, DRIFT)},
        **daily,
        ins={
            "features": dg.AssetIn(FEATURES.key, metadata=DAY_BY_DAY, partition_mapping=A_FORTNIGHT_BACK),
            "training_panel": dg.AssetIn(PANEL.key),
            "held_out_risk": dg.AssetIn(HELD_OUT.key),
            **SCORING_INS,
        },
    )
    def drifts(
        context: dg.AssetExecutionContext,
        platform: dg.ResourceParam[Platform],
        features: Frames,
        training_panel: Parts,
        held_out_risk: pd.DataFrame,
        risk_model: Models,
        model_champions: pd.DataFrame,
        opt_outs: pd.DataFrame,
    ) -> tuple[Days, Days]:
        """Drift looks a fortnight back, so stored days that look back on one of the run's are made again."""
        own = dates(context)
        others = later_days(platform, DRIFT, own)
        features = of_scored(features, opt_outs)

        @lru_cache(A_FORTNIGHT + 2)
        def scored(day: date) -> pd.DataFrame:
            return risk.score(features[day], risk_model, model_champions)

        scores = Parts(lambda: list(features), scored, "features has no day")
        by_feature, by_model = drift.drift(sorted([*own, *others]), features, scores, training_panel, held_out_risk, risk_model)
        shown = picture(drift_charts.drift_chart(platform.with_last_month(DRIFT, by_model), by_feature), "AUC promised by day")
        context.add_asset_metadata({"drift": shown}, asset_key=DRIFT.key, partition_key=context.partition_keys[-1])
        return Days(by_feature, others), Days(by_model, others)

    return [risk_reasons, drifts]


def of_scored(features: Frames, opt_outs: pd.DataFrame) -> Parts[date, pd.DataFrame]:
    """The features of each stored day without those of students who had opted out by then."""
    return Parts(lambda: list(features), lambda day: still_scored(features[day], opt_outs), "features has no day")


def dates(context: dg.AssetExecutionContext) -> list[date]:
    return [day.date() for day in days_of(context.partition_keys)]


def later_days(
    platform: Platform, of: Entry, made: Sequence[date], ahead: Iterable[int] = range(1, A_FORTNIGHT + 1)
) -> list[date]:
    """The stored days of a table that look back on one of the days just made, by one of `ahead` days, themselves aside."""
    back = {day + timedelta(days=n) for day in made for n in ahead} - set(made)
    return sorted(back & set(platform.stored_days(of)))


ASSETS = [training_panel, risk_models, model_tests, registered_models, feature_importance]
