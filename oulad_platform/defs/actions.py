"""Assets that lead to action: what contacting returns, the summary, the page for leadership, and the files people open."""

from datetime import UTC, date, datetime

import dagster as dg
import pandas as pd

from oulad_platform.defs import delivery
from oulad_platform.defs.caseload import CASELOAD
from oulad_platform.defs.catalog import CATALOG, OWNERS, entry
from oulad_platform.defs.experiments import ARMS, ASSIGNMENTS, DESIGNS, LOOKS, NEWEST_RISK, RESULTS
from oulad_platform.defs.io_managers import ALL_DAYS, NEWEST, NEWEST_MADE, NEWEST_WEEK
from oulad_platform.defs.metadata import picture, preview, text
from oulad_platform.defs.models import CURVE, EVALUATION, FAIRNESS, IMPORTANCE, REASONS, RISK_MODEL, SUMMARY_PNG, Models
from oulad_platform.defs.outreach import INTERVENTIONS
from oulad_platform.defs.published import BY_COURSE
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.success import ALERTS, COURSES, RISK
from oulad_platform.success import outputs, summary
from oulad_platform.success.dashboard import page
from oulad_platform.success.dashboard import tables as page_tables
from oulad_platform.success.dashboard.views import nearest
from oulad_platform.success.evaluation import latest
from oulad_platform.success.experiments.report import live_report
from oulad_platform.success.explanation import top_features
from oulad_platform.success.roi import charts, doubt, sensitivity

ROI = entry("success", "roi_sensitivity")
BY_CASELOAD = entry("success", "roi_by_caseload")
DRIVERS = entry("success", "roi_drivers")
SUMMARY = entry("success", "executive_summary")
ENROLLMENT = entry("enrollment", "enrollment_metrics")
ENROLLMENT_ALERTS = entry("enrollment", "enrollment_alerts")
DASHBOARD = "reports/dashboard.html"

NEWEST_TABLES = {
    "enrollment": dg.AssetIn(ENROLLMENT.key, metadata=NEWEST),
    "course_summary": dg.AssetIn(COURSES.key, metadata=NEWEST_WEEK),
    "student_risk": dg.AssetIn(RISK.key, metadata=NEWEST_WEEK),
}


@dg.asset(**ROI.spec(), ins=NEWEST_RISK)
def roi_sensitivity(platform: dg.ResourceParam[Platform], student_risk: pd.DataFrame) -> pd.DataFrame:
    """As if everybody at high risk were contacted."""
    settings = platform.settings
    n_flagged = nearest(student_risk.loc[student_risk["high_risk_flag"], "id_student"].nunique(), platform.settings.disclosure)
    return sensitivity.roi_sensitivity(n_flagged, settings.value_per_pass, settings.intervention_costs)


@dg.multi_asset(
    name="roi_with_doubt",
    pool=DRIVERS.pool,
    outs={of.table.name: dg.AssetOut(**of.out()) for of in (BY_CASELOAD, DRIVERS)},
    ins=NEWEST_RISK,
)
def roi_with_doubt(
    context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform], student_risk: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    settings = platform.settings
    value, returns, seed = settings.value_per_pass, settings.returns, settings.random_seed
    costs = sorted(settings.intervention_costs)
    middle = costs[len(costs) // 2]
    by_caseload = doubt.roi_by_caseload(student_risk, value, middle, returns, seed, platform.settings.disclosure)
    drivers = doubt.roi_drivers(student_risk, value, middle, costs, returns, seed)
    for of, drawn, words in (
        (BY_CASELOAD, charts.caseload_chart(by_caseload), "Net benefit by number of students contacted"),
        (DRIVERS, charts.tornado_chart(drivers), "What the net benefit hangs on"),
    ):
        context.add_asset_metadata({"chart": picture(drawn, words)}, asset_key=of.key)
    return by_caseload, drivers


@dg.asset(
    **SUMMARY.spec(),
    ins={
        **NEWEST_TABLES,
        "caseload": dg.AssetIn(CASELOAD.key, metadata=NEWEST_MADE),
        "contacts": dg.AssetIn(INTERVENTIONS.key),
        "model_evaluation": dg.AssetIn(EVALUATION.key),
        "results": dg.AssetIn(RESULTS.key),
        "looks": dg.AssetIn(LOOKS.key),
        "returns": dg.AssetIn(ROI.key),
        "by_caseload": dg.AssetIn(BY_CASELOAD.key),
    },
    deps=[ALERTS.key, ENROLLMENT_ALERTS.key],
)
def executive_summary(
    context: dg.AssetExecutionContext,
    platform: dg.ResourceParam[Platform],
    enrollment: pd.DataFrame,
    student_risk: pd.DataFrame,
    course_summary: pd.DataFrame,
    caseload: pd.DataFrame,
    contacts: pd.DataFrame,
    model_evaluation: pd.DataFrame,
    results: pd.DataFrame,
    looks: pd.DataFrame,
    returns: pd.DataFrame,
    by_caseload: pd.DataFrame,
) -> pd.DataFrame:
    settings, day = platform.settings, _newest(enrollment, student_risk)
    sentences = summary.executive_summary(
        day=day,
        institution=settings.institution_name,
        semester=settings.enrollment_semester,
        enrollment=enrollment,
        risk=student_risk,
        course_summary=course_summary,
        reach=page_tables.reach(student_risk, caseload, contacts, listed_days=platform.stored_days(CASELOAD)),
        model_evaluation=model_evaluation,
        alerts=delivery.alert_log(platform, [day]),
        caseload=caseload,
        experiments=results,
        looks=looks,
        roi=returns,
        roi_by_caseload=by_caseload,
        effect_points=settings.returns.effect_points,
        rule=platform.settings.disclosure,
    )
    context.add_asset_metadata({"summary": text(summary.summary_markdown(sentences, settings.institution_name, day))})
    return sentences


@dg.asset(
    key=["success", "dashboard"],
    group_name="success_actions",
    owners=[OWNERS["success"]],
    kinds={"html"},
    tags={"line": "success", "pii": "false"},
    description="One entry per section of the page for leadership: one file that loads nothing, counts withheld or rounded.",
    ins={
        "enrollment": dg.AssetIn(ENROLLMENT.key, metadata=ALL_DAYS),
        "course_summary": dg.AssetIn(COURSES.key, metadata=ALL_DAYS),
        "caseload": dg.AssetIn(CASELOAD.key, metadata=NEWEST_MADE),
        "contacts": dg.AssetIn(INTERVENTIONS.key),
        "evaluation": dg.AssetIn(EVALUATION.key),
        "curve": dg.AssetIn(CURVE.key),
        "fairness": dg.AssetIn(FAIRNESS.key),
        "looks": dg.AssetIn(LOOKS.key),
        "results": dg.AssetIn(RESULTS.key),
        "roi_by_caseload": dg.AssetIn(BY_CASELOAD.key),
        "roi_drivers": dg.AssetIn(DRIVERS.key),
        **NEWEST_RISK,
    },
    deps=[ALERTS.key, ENROLLMENT_ALERTS.key],
)
def dashboard(
    platform: dg.ResourceParam[Platform],
    enrollment: pd.DataFrame,
    course_summary: pd.DataFrame,
    student_risk: pd.DataFrame,
    caseload: pd.DataFrame,
    contacts: pd.DataFrame,
    **frames: pd.DataFrame,
) -> dg.MaterializeResult[None]:
    settings, day = platform.settings, _newest(enrollment, student_risk)
    html = page.dashboard_html(
        house=settings.house,
        day=day,
        enrollment=enrollment,
        course_summary=course_summary,
        reach=page_tables.reach(student_risk, caseload, contacts, listed_days=platform.stored_days(CASELOAD)),
        contacts=contacts,
        alert_episodes=delivery.alert_episodes(platform, delivery.alert_log(platform), day),
        freshness=_freshness(platform),
        rule=platform.settings.disclosure,
        **frames,
    )
    kept = platform.artifacts.put(DASHBOARD, html.encode())
    return dg.MaterializeResult(metadata={"page": dg.MetadataValue.path(kept.path), "bytes": kept.size})


def _freshness(platform: Platform) -> pd.DataFrame:
    """The newest day of every table that has days."""
    daily = [of for of in CATALOG.values() if of.table.day]
    newest = [max(platform.stored_days(of), default=None) for of in daily]
    return page_tables.FRESHNESS.conform(pd.DataFrame({"table_name": [of.table.name for of in daily], "newest": newest}))


@dg.asset(
    key=["success", "artifacts_manifest"],
    group_name="success_actions",
    owners=[OWNERS["success"]],
    kinds={"json"},
    tags={"line": "success", "pii": "true"},
    description="One entry per file under outputs/ and reports/, with size, SHA-256 and URI; the files are written with it.",
    ins={
        **NEWEST_TABLES,
        "course_summary": dg.AssetIn(BY_COURSE.key, metadata=NEWEST_WEEK),
        "model_evaluation": dg.AssetIn(EVALUATION.key),
        "feature_importance": dg.AssetIn(IMPORTANCE.key),
        "reasons": dg.AssetIn(REASONS.key, metadata=NEWEST),
        "risk_model": dg.AssetIn(RISK_MODEL),
        "assignments": dg.AssetIn(ASSIGNMENTS.key),
        "results": dg.AssetIn(RESULTS.key),
        "looks": dg.AssetIn(LOOKS.key),
        "returns": dg.AssetIn(ROI.key),
        "by_caseload": dg.AssetIn(BY_CASELOAD.key),
        "sentences": dg.AssetIn(SUMMARY.key),
    },
    deps=[["success", "dashboard"], ALERTS.key, ENROLLMENT_ALERTS.key],
)
def artifacts_manifest(
    context: dg.AssetExecutionContext,
    platform: dg.ResourceParam[Platform],
    enrollment: pd.DataFrame,
    student_risk: pd.DataFrame,
    course_summary: pd.DataFrame,
    model_evaluation: pd.DataFrame,
    feature_importance: pd.DataFrame,
    reasons: pd.DataFrame,
    risk_model: Models,
    assignments: pd.DataFrame,
    results: pd.DataFrame,
    looks: pd.DataFrame,
    returns: pd.DataFrame,
    by_caseload: pd.DataFrame,
    sentences: pd.DataFrame,
) -> dg.MaterializeResult[None]:
    settings, day = platform.settings, _newest(enrollment, student_risk)
    alerts = delivery.alert_log(platform)
    files = outputs.files(
        pseudonyms=settings.pseudonyms,
        institution=settings.institution_name,
        day=day,
        metrics=latest.latest_metrics(model_evaluation, risk_model),
        risk=student_risk,
        course_summary=course_summary,
        reasons=reasons,
        shap_top_features=top_features.top_features(feature_importance),
        shap_features=top_features.shap_features(feature_importance),
        shap_summary_png=platform.artifacts.get(SUMMARY_PNG),
        alerts=alerts,
        episodes=delivery.alert_episodes(platform, alerts, day),
        assignments=assignments,
        results=results,
        live_experiments=live_report(platform.database.read(DESIGNS), looks, platform.database.read(ARMS)),
        roi=sensitivity.told(returns, platform.settings.disclosure),
        roi_by_caseload=by_caseload,
        summary=sentences,
        dashboard_html=platform.artifacts.get(DASHBOARD),
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


ASSETS = [roi_sensitivity, roi_with_doubt, executive_summary, dashboard, artifacts_manifest]
