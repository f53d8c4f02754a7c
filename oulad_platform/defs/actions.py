"""Assets that lead to action: the simulated experiment, its return, the summary, and the files people open."""

from datetime import UTC, date, datetime

import dagster as dg
import pandas as pd

from oulad_platform.defs.catalog import entry
from oulad_platform.defs.io_managers import NEWEST, NEWEST_WEEK
from oulad_platform.defs.metadata import preview, text
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.success import ALERTS, COURSES, MODEL_METRICS, PANEL, RISK, RISK_MODEL, SHAP, Models
from oulad_platform.success import experiments, outputs, roi, summary
from oulad_platform.success.evaluation import protocol
from oulad_platform.success.explanation import shap_values as explain
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
        "risk_model": dg.AssetIn(RISK_MODEL),
        **NEWEST_RISK,
    },
)
def experiment_results(
    context: dg.AssetExecutionContext,
    platform: dg.ResourceParam[Platform],
    assignments: pd.DataFrame,
    training_panel: pd.DataFrame,
    risk_model: Models,
    student_risk: pd.DataFrame,
) -> pd.DataFrame:
    reference = experiments.reference_outcomes(
        training_panel, risk.score(training_panel, list(risk_model.values())), student_risk
    )
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
        "model_metrics": dg.AssetIn(MODEL_METRICS.key),
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
    model_metrics: pd.DataFrame,
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
        model_metrics=model_metrics,
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
        "model_metrics": dg.AssetIn(MODEL_METRICS.key),
        "shap_values": dg.AssetIn(SHAP.key),
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
    model_metrics: pd.DataFrame,
    shap_values: pd.DataFrame,
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
        metrics=protocol.latest_metrics(model_metrics, list(risk_model.values())),
        risk=student_risk,
        course_summary=course_summary,
        shap_top_features=explain.top_features(shap_values),
        shap_summary_png=explain.summary_png(shap_values),
        alerts=alerts,
        assignments=assignments,
        results=results,
        roi=returns,
        summary=sentences,
    )
    about = {
        "run_id": context.run.run_id,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "model_backend": settings.model_backend,
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
