"""The files of the success line, by path: what stands under outputs/ and reports/, made of frames as bytes.

They leave the restricted zone: students have their pseudonyms in them, and rows an order that follows from nobody's identifier.
Writing them, and the manifest that lists them, is `storage.artifacts`'.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pandas as pd

from oulad_platform.core.alerts import alert_markdown
from oulad_platform.core.pseudonyms import Pseudonyms
from oulad_platform.core.reports import csv_bytes, json_bytes
from oulad_platform.core.tables import STUDENT_KEY, Table, stored, student_column
from oulad_platform.success.experiments.report import ab_test_report
from oulad_platform.success.experiments.tables import EXPERIMENT_ASSIGNMENTS
from oulad_platform.success.summary import summary_markdown
from oulad_platform.success.tables import STUDENT_RISK_DAILY

SAMPLE_ROWS = 1000


def latest(daily: pd.DataFrame) -> pd.DataFrame:
    """Of STUDENT_RISK_DAILY or COURSE_SUMMARY_DAILY rows, those of each module and presentation's own newest day."""
    newest = daily.groupby(["code_module", "code_presentation"])["run_date"].transform("max")
    return daily[daily["run_date"] == newest].reset_index(drop=True)


def with_counter_reasons(risk: pd.DataFrame, reasons: pd.DataFrame) -> pd.DataFrame:
    """STUDENT_RISK_DAILY rows with against_1 to against_3, what speaks against a high risk; absent ones are empty.

    `reasons`: RISK_REASONS. The order of the rows stays.
    """
    key = ["run_date", "code_module", "code_presentation", "id_student"]
    against = reasons[reasons["direction"] == "lowers"]
    wide = against.pivot_table(index=key, columns="rank", values="sentence", aggfunc="first").reindex(columns=[1, 2, 3])
    return risk.merge(wide.add_prefix("against_").reset_index(), on=key, how="left", validate="one_to_one")


def pseudonymous(frame: pd.DataFrame, table: Table, pseudonyms: Pseudonyms) -> pd.DataFrame:
    """Rows of `table`, with further columns or not, as `stored(table)` names students, and in the order of its key."""
    name = str(student_column(table))
    named = frame.assign(**{name: pseudonyms.of(frame[name])}).rename(columns={name: STUDENT_KEY.name})
    return named.sort_values(list(stored(table).key), kind="stable", ignore_index=True)


def files(
    *,
    pseudonyms: Pseudonyms,
    institution: str,
    day: date,
    metrics: Mapping[str, object],
    risk: pd.DataFrame,
    course_summary: pd.DataFrame,
    reasons: pd.DataFrame,
    shap_top_features: Mapping[str, float],
    shap_features: Mapping[str, object],
    shap_summary_png: bytes,
    alerts: pd.DataFrame,
    episodes: pd.DataFrame,
    assignments: pd.DataFrame,
    results: pd.DataFrame,
    live_experiments: str,
    roi: pd.DataFrame,
    roi_by_caseload: pd.DataFrame,
    summary: pd.DataFrame,
    dashboard_html: bytes,
) -> dict[str, bytes]:
    """Every output file, by its path; `day` is the newest day of the data.

    `risk` and `course_summary` hold any number of days; samples and predictions are those of the newest scored one,
    the `latest` files those of each presentation's own newest day among the rows given. `reasons`: RISK_REASONS of the newest
    day; `alerts`: all alerts, of which those of `day` are told, `episodes`: theirs. The same input gives the same bytes.
    """
    reasoned = with_counter_reasons(risk[risk["run_date"] == risk["run_date"].max()], reasons)
    named = pseudonymous(reasoned, STUDENT_RISK_DAILY, pseudonyms)
    sample = named[stored(STUDENT_RISK_DAILY).names].head(SAMPLE_ROWS)
    newest_courses = course_summary[course_summary["run_date"] == course_summary["run_date"].max()]
    return {
        "outputs/metrics_latest.json": json_bytes(metrics),
        "outputs/predictions_latest.csv": csv_bytes(named.sort_values("risk_score", ascending=False, kind="stable")),
        "outputs/shap_top_features.json": json_bytes(shap_top_features),
        "outputs/shap_features.json": json_bytes(shap_features),
        "outputs/shap_summary.png": shap_summary_png,
        "outputs/marts/student_risk_daily_sample.csv": csv_bytes(sample),
        "outputs/marts/course_summary_daily_sample.csv": csv_bytes(newest_courses.head(SAMPLE_ROWS)),
        "outputs/marts/student_risk_latest.csv": csv_bytes(pseudonymous(latest(risk), STUDENT_RISK_DAILY, pseudonyms)),
        "outputs/marts/course_summary_latest.csv": csv_bytes(latest(course_summary)),
        "outputs/alerts/alert_latest.md": alert_markdown(alerts, episodes, day).encode(),
        "outputs/experiments/assignment_latest.csv": csv_bytes(pseudonymous(assignments, EXPERIMENT_ASSIGNMENTS, pseudonyms)),
        "reports/ab_test_report.md": ab_test_report(results, assignments).encode(),
        "reports/live_experiments.md": live_experiments.encode(),
        "reports/roi_sensitivity.csv": csv_bytes(roi),
        "reports/roi_by_caseload.csv": csv_bytes(roi_by_caseload),
        "reports/executive_summary.md": summary_markdown(summary, institution, day).encode(),
        "reports/dashboard.html": dashboard_html,
    }
