"""Assets that lead to action: the simulated experiment, its return, the summary, and the files people open."""

from datetime import UTC, date, datetime

import dagster as dg
import pandas as pd

from oulad_platform.defs.catalog import entry
from oulad_platform.defs.io_managers import NEWEST, NEWEST_WEEK
from oulad_platform.defs.metadata import preview, text
from oulad_platform.defs.models import EVALUATION, IMPORTANCE, MODEL_INS, PANEL, REASONS, RISK_MODEL, SUMMARY_PNG, Models
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.success import ALERTS, COURSES, RISK
from oulad_platform.storage.lake import Parts
from oulad_platform.success import experiments, outputs, roi, summary
from oulad_platform.success.evaluation import latest
from oulad_platform.success.explanation import top_features
from oulad_platform.success.modelling import model as risk

ASSIGNMENTS = entry("success", "experiment_assignments")
RESULTS = entry("success", "experiment_results")
ROI = entry("success", "roi_sensitivity")
SUMMARY = entry("success", "executive_summary")
ENROLLMENT = entry("enrollment", "enrollment_metrics")

NEWEST_RISK = {"student_risk": dg.AssetIn(RISK.key, metadata=NEWEST)}
NEWEST_TABLES = {
    "enrollment": dg.AssetIn(ENROLLMENT.key, metadata=NEWEST),
    "course_summary": dg.AssetIn(COURSES.key, metadata=NEWEST_WEEK),
    "alerts": dg.AssetIn(ALERTS.key, metadata=NEWEST_WEEK),
    "student_risk": dg.AssetIn(RISK.key, metadata=NEWEST_WEEK),
}


@dg.asset(**ASSIGNMENTS.spec(), ins=NEWEST_RISK)
def experiment_assignments(platform: dg.ResourceParam[Platform], student_risk: pd.DataFrame) -> pd.DataFrame:
    settings = platform.settings
    return experiments.assign(student_risk, settings.experiment_id, settings.experiment_top_k, settings.random_seed)


@dg.asset(
    **RESULTS.spec(),
    ins={
        "assignments": dg.AssetIn(ASSIGNMENTS.key),
        "training_panel": dg.AssetIn(PANEL.key),
        **MODEL_INS,
        **NEWEST_RISK,
    },
)
def experiment_results(
    context: dg.AssetExecutionContext,
    platform: dg.ResourceParam[Platform],
    assignments: pd.DataFrame,
    training_panel: Parts,
    risk_model: Models,
    model_champions: pd.DataFrame,
    student_risk: pd.DataFrame,
) -> pd.DataFrame:
    panel = risk.training_rows(training_panel.values())
    reference = experiments.reference_outcomes(panel, risk.score(panel, risk_model, model_champions), student_risk)
    results = experiments.simulate(assignments, reference, platform.settings.random_seed)
    context.add_asset_metadata({"report": text(experiments.ab_test_report(results, assignments))})
    return results


@dg.asset(**ROI.spec(), ins={"assignments": dg.AssetIn(ASSIGNMENTS.key)})
def roi_sensitivity(platform: dg.ResourceParam[Platform], assignments: pd.DataFrame) -> pd.DataFrame:
    settings = platform.settings
    return roi.roi_sensitivity(len(assignments), settings.value_per_pass, settings.intervention_costs)


@dg.asset(
    **SUMMARY.spec(),
    ins={
        **NEWEST_TABLES,
        "model_evaluation": dg.AssetIn(EVALUATION.key),
        "results": dg.AssetIn(RESULTS.key),
        "returns": dg.AssetIn(ROI.key),
    },
)
def executive_summary(
    context: dg.AssetExecutionContext,
    platform: dg.ResourceParam[Platform],
    enrollment: pd.DataFrame,
    student_risk: pd.DataFrame,
    course_summary: pd.DataFrame,
    alerts: pd.DataFrame,
    model_evaluation: pd.DataFrame,
    results: pd.DataFrame,
    returns: pd.DataFrame,
) -> pd.DataFrame:
    settings, day = platform.settings, _newest(enrollment, student_risk)
    sentences = summary.executive_summary(
        day=day,
        institution=settings.institution_name,
        semester=settings.enrollment_semester,
        enrollment=enrollment,
        risk=student_risk,
        course_summary=course_summary,
        model_evaluation=model_evaluation,
        alerts=alerts,
        experiments=results,
        roi=returns,
    )
    context.add_asset_metadata({"summary": text(summary.summary_markdown(sentences, settings.institution_name, day))})
    return sentences


@dg.asset(
    key=["success", "artifacts_manifest"],
    group_name="success_actions",
    owners=["team:student-success"],
    kinds={"json"},
    tags={"line": "success", "pii": "true"},
    description="One entry per file under outputs/ and reports/, with size, SHA-256 and URI; the files are written with it.",
    ins={
        **NEWEST_TABLES,
        "model_evaluation": dg.AssetIn(EVALUATION.key),
        "feature_importance": dg.AssetIn(IMPORTANCE.key),
        "reasons": dg.AssetIn(REASONS.key, metadata=NEWEST),
        "risk_model": dg.AssetIn(RISK_MODEL),
        "assignments": dg.AssetIn(ASSIGNMENTS.key),
        "results": dg.AssetIn(RESULTS.key),
        "returns": dg.AssetIn(ROI.key),
        "sentences": dg.AssetIn(SUMMARY.key),
    },
)
def artifacts_manifest(
    context: dg.AssetExecutionContext,
    platform: dg.ResourceParam[Platform],
    enrollment: pd.DataFrame,
    student_risk: pd.DataFrame,
    course_summary: pd.DataFrame,
    alerts: pd.DataFrame,
    model_evaluation: pd.DataFrame,
    feature_importance: pd.DataFrame,
    reasons: pd.DataFrame,
    risk_model: Models,
    assignments: pd.DataFrame,
    results: pd.DataFrame,
    returns: pd.DataFrame,
    sentences: pd.DataFrame,
) -> dg.MaterializeResult[None]:
    settings = platform.settings
    files = outputs.files(
        institution=settings.institution_name,
        day=_newest(enrollment, student_risk),
        metrics=latest.latest_metrics(model_evaluation, risk_model),
        risk=student_risk,
        course_summary=course_summary,
        reasons=reasons,
        shap_top_features=top_features.top_features(feature_importance),
        shap_features=top_features.shap_features(feature_importance),
        shap_summary_png=platform.artifacts.get(SUMMARY_PNG),
        alerts=alerts,
        assignments=assignments,
        results=results,
        roi=returns,
        summary=sentences,
    )
    about = {
        "run_id": context.run.run_id,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "model_backend": next((model.learner.backend for model in risk_model.values()), settings.model_backend),
        "database_kind": platform.database.kind,
    }
    kept = platform.artifacts.publish(files, about)
    table = pd.DataFrame(
        {"file": [one.path for one in kept], "bytes": [one.size for one in kept], "sha256": [one.sha256 for one in kept]}
    )
    return dg.MaterializeResult(metadata={"dagster/row_count": len(kept), "files": preview(table, len(table))})


def _newest(enrollment: pd.DataFrame, student_risk: pd.DataFrame) -> date:
    newest: pd.Timestamp = pd.concat([enrollment["date"], student_risk["run_date"]]).max()
    return newest.date()


ASSETS = [experiment_assignments, experiment_results, roi_sensitivity, executive_summary, artifacts_manifest]
