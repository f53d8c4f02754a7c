"""Tests of success.outputs: every file of the seed documents is there, about the newest day of the data."""

from __future__ import annotations

import io
from datetime import date

import pandas as pd
import pytest

from oulad_platform.core.alerts import ALERT_DECISIONS, OPERATION_ALERTS, episodes, failure_alert
from oulad_platform.core.pseudonyms import DEMO
from oulad_platform.success.experiments.assignment import assign
from oulad_platform.success.experiments.simulation import simulate
from oulad_platform.success.marts import course_summary, student_risk
from oulad_platform.success.outputs import files, latest
from oulad_platform.success.roi.sensitivity import roi_sensitivity
from oulad_platform.success.roi.tables import ROI_BY_CASELOAD
from oulad_platform.success.tables import EXECUTIVE_SUMMARY, STUDENT_RISK_DAILY

TODAY = date(2014, 5, 20)


def risk() -> pd.DataFrame:
    """AAA 2013J ended on the 19th; BBB 2014B goes on."""
    rows = [
        ("2014-05-18", "AAA", "2013J", 1, 0.3),
        ("2014-05-19", "AAA", "2013J", 1, 0.4),
        ("2014-05-19", "BBB", "2014B", 2, 0.1),
        ("2014-05-20", "BBB", "2014B", 2, 0.2),
        ("2014-05-20", "BBB", "2014B", 3, 0.9),
    ]
    frame = pd.DataFrame(rows, columns=["run_date", "code_module", "code_presentation", "id_student", "risk_score"])
    frame["run_date"] = pd.to_datetime(frame["run_date"]).astype("datetime64[us]")
    scored = frame.assign(day=100, model_version="2013B")
    submitted = frame.assign(n_assessments_submitted=2.0)
    marks = frame.iloc[:0].assign(weekly_score_mean=pd.Series(dtype="float64"))
    return STUDENT_RISK_DAILY.conform(student_risk(scored, scored.iloc[:0], submitted, REASONS, marks, threshold=0.25))


REASONS = pd.DataFrame(
    {
        "run_date": pd.Timestamp(TODAY).as_unit("us"),
        "code_module": "BBB",
        "code_presentation": "2014B",
        "id_student": [3, 3, 3, 2],
        "direction": ["raises", "raises", "lowers", "lowers"],
        "rank": [1, 2, 1, 1],
        "sentence": ["no visit for 12 days", "2 assessments missed", "mean mark of 80", "active on 6 of the last 7 days"],
    }
)


def made(scores: pd.DataFrame, alerts: pd.DataFrame | None = None, day: date = TODAY) -> dict[str, bytes]:
    alerts = OPERATION_ALERTS.empty() if alerts is None else alerts
    today = scores[scores["run_date"] == pd.Timestamp(TODAY)]
    assignments = assign(today, "trial", 10, seed=7)
    reference = pd.DataFrame({"code_module": "BBB", "risk_score": [0.1, 0.9], "passed": [True, False]})
    return files(
        pseudonyms=DEMO,
        institution="Demo University",
        day=day,
        metrics={"auc": float("nan")},
        risk=scores,
        course_summary=course_summary(scores, 0.25),
        reasons=REASONS,
        shap_top_features={"clicks_7d": 0.5},
        shap_features={"features": {"clicks_7d": {"importance": 0.5}}},
        shap_summary_png=b"png",
        alerts=alerts,
        episodes=episodes(alerts, ALERT_DECISIONS.empty(), day),
        assignments=assignments,
        results=simulate(assignments, reference, seed=7),
        live_experiments="# Live experiments\n",
        roi=roi_sensitivity(2, 3000, costs_per_student=(25,)),
        roi_by_caseload=ROI_BY_CASELOAD.empty(),
        summary=EXECUTIVE_SUMMARY.empty(),
        dashboard_html=b"<!doctype html>",
    )


def read(content: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(content))


def students(content: bytes) -> list[int]:
    """Who stands in a file, in its order: the numbers from 1 to 5000 whose pseudonyms it holds."""
    return [WHO[key] for key in read(content)["student_key"]]


WHO = {DEMO.one(number): number for number in range(5000)}


def test_latest_is_the_newest_day_of_each_presentation():
    assert latest(risk())["id_student"].tolist() == [1, 2, 3]
    assert latest(STUDENT_RISK_DAILY.empty()).empty


def test_every_file_of_the_seed_documents_is_made():
    assert sorted(made(risk())) == [
        "outputs/alerts/alert_latest.md",
        "outputs/experiments/assignment_latest.csv",
        "outputs/marts/course_summary_daily_sample.csv",
        "outputs/marts/course_summary_latest.csv",
        "outputs/marts/student_risk_daily_sample.csv",
        "outputs/marts/student_risk_latest.csv",
        "outputs/metrics_latest.json",
        "outputs/predictions_latest.csv",
        "outputs/shap_features.json",
        "outputs/shap_summary.png",
        "outputs/shap_top_features.json",
        "reports/ab_test_report.md",
        "reports/dashboard.html",
        "reports/executive_summary.md",
        "reports/live_experiments.md",
        "reports/roi_by_caseload.csv",
        "reports/roi_sensitivity.csv",
    ]


def test_predictions_are_those_of_the_day_at_highest_risk_first():
    content = made(risk())["outputs/predictions_latest.csv"]
    found = read(content)
    assert students(content) == [3, 2]
    assert found["run_date"].unique().tolist() == ["2014-05-20"]


def test_predictions_say_why_and_what_speaks_against():
    found = read(made(risk())["outputs/predictions_latest.csv"]).set_index("student_key")
    assert found.loc[DEMO.one(3), ["reason_1", "reason_2", "against_1"]].tolist() == [
        "no visit for 12 days",
        "2 assessments missed",
        "mean mark of 80",
    ]
    assert found["reason_3"].isna().all()
    assert found.loc[[DEMO.one(2)], "reason_1"].isna().all()


def test_samples_are_of_the_day_and_latest_of_each_presentation():
    outputs = made(risk())
    assert sorted(students(outputs["outputs/marts/student_risk_daily_sample.csv"])) == [2, 3]
    assert sorted(students(outputs["outputs/marts/student_risk_latest.csv"])) == [1, 2, 3]
    assert read(outputs["outputs/marts/course_summary_daily_sample.csv"])["code_module"].tolist() == ["BBB"]
    assert read(outputs["outputs/marts/course_summary_latest.csv"])["code_module"].tolist() == ["AAA", "BBB"]


def test_a_sample_stops_at_a_thousand_rows():
    many = pd.concat([risk().iloc[[4]]] * 1001).assign(id_student=range(1001))
    assert len(read(made(many)["outputs/marts/student_risk_daily_sample.csv"])) == 1000


FILES_OF_STUDENTS = (
    "outputs/experiments/assignment_latest.csv",
    "outputs/marts/student_risk_daily_sample.csv",
    "outputs/marts/student_risk_latest.csv",
    "outputs/predictions_latest.csv",
)


@pytest.mark.parametrize("path", FILES_OF_STUDENTS)
def test_files_name_students_by_pseudonym_and_their_order_tells_nobodys_number(path: str) -> None:
    alike = pd.concat([risk().iloc[[4]]] * 40, ignore_index=True).assign(id_student=range(4000, 4040))
    content = made(alike)[path]
    assert "id_student" not in read(content)
    assert set(students(content)) <= set(range(4000, 4040))
    assert students(content) != sorted(students(content))
    assert students(content) == students(made(alike.iloc[::-1])[path])


def test_no_other_file_holds_a_number_or_a_pseudonym_of_a_student() -> None:
    alike = pd.concat([risk().iloc[[4]]] * 40, ignore_index=True).assign(id_student=range(987654300, 987654340))
    outputs = made(alike)
    assert [path for path, content in outputs.items() if b"9876543" in content] == []
    assert {path for path, content in outputs.items() if b"demo-" in content} == set(FILES_OF_STUDENTS)


@pytest.mark.fault("I10")
def test_the_same_input_gives_the_same_bytes_and_undefined_metrics_are_null():
    assert made(risk()) == made(risk())
    assert made(risk())["outputs/metrics_latest.json"] == b'{\n  "auc": null\n}\n'


def test_the_alerts_are_those_of_the_day_of_the_data_though_nobody_was_scored_on_it():
    day = date(2014, 5, 22)
    page = made(risk(), failure_alert("enrollment_daily", "run7", [], day), day)["outputs/alerts/alert_latest.md"].decode()
    assert page.startswith("# Alerts of 2014-05-22\n\n- **critical**: Run of enrollment")
