"""The success line for analysts: the star schema, the newest rows, and every query of sql/bi, on both databases."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from oulad_platform.core import alerts as core_alerts
from oulad_platform.core.alerts import ALERT_DECISIONS, OPERATION_ALERTS
from oulad_platform.core.tables import Table
from oulad_platform.enrollment.alerts import ENROLLMENT_ALERTS
from oulad_platform.enrollment.bi_views import BI_VIEWS
from oulad_platform.enrollment.publication import ENROLLMENT_FORECAST_PUBLISHED, ENROLLMENT_METRICS_PUBLISHED
from oulad_platform.enrollment.tables import ENROLLMENT_DELTAS
from oulad_platform.storage.database import Database
from oulad_platform.success.bi_views import SUCCESS_VIEWS
from oulad_platform.success.caseload.tables import CASELOAD_DAILY
from oulad_platform.success.experiments.tables import EXPERIMENT_DESIGNS, EXPERIMENT_LOOKS
from oulad_platform.success.model_tables import MODEL_REGISTRY
from oulad_platform.success.publication import COURSE_SUMMARY_PUBLISHED
from oulad_platform.success.roi.tables import ROI_BY_CASELOAD
from oulad_platform.success.tables import DIM_COURSE, RISK_ALERTS, STUDENT_RISK_DAILY

QUERIES = sorted((Path(__file__).resolve().parents[2] / "sql" / "bi").glob("*.sql"))
TABLES = [
    *(DIM_COURSE, STUDENT_RISK_DAILY, COURSE_SUMMARY_PUBLISHED, MODEL_REGISTRY, CASELOAD_DAILY, ROI_BY_CASELOAD),
    *(EXPERIMENT_DESIGNS, EXPERIMENT_LOOKS, RISK_ALERTS, ENROLLMENT_ALERTS, OPERATION_ALERTS, ALERT_DECISIONS),
    *(ENROLLMENT_METRICS_PUBLISHED, ENROLLMENT_DELTAS, ENROLLMENT_FORECAST_PUBLISHED),
]
VIEWS = [core_alerts.ALERT_LOG, core_alerts.ALERT_EPISODES, *BI_VIEWS, *SUCCESS_VIEWS]
ONE = "demo-fb157d740f3280a8ef9b6b0803f77d13"
MONDAY, TUESDAY = date(2014, 5, 19), date(2014, 5, 20)


def rows(table: Table, *given: dict[str, object]) -> pd.DataFrame:
    """Conforming rows: columns that are not given are absent where they may be, else the smallest value allowed."""
    frame = pd.DataFrame(list(given))
    for column in table.columns:
        if column.name not in frame:
            least = (column.allowed or ("x",))[0] if column.kind == "text" else max(column.minimum or 0, 0)
            least = pd.Timestamp(MONDAY) if column.kind in ("date", "timestamp") else least
            frame[column.name] = None if column.nullable else least
        if column.kind in ("date", "timestamp"):
            frame[column.name] = pd.to_datetime(frame[column.name])
    return table.conform(frame.astype({c.name: c.dtype for c in table.columns if c.nullable}))


def risk(day: date, module: str, student: int, score: float, **others: object) -> dict[str, object]:
    course = {"code_module": module, "code_presentation": "2014B"}
    flagged = {"risk_band": "high" if score > 0.25 else "low", "high_risk_flag": score > 0.25, "model_version": "2013J"}
    return {"run_date": day, **course, "id_student": student, "week": 15, "day": 108, "risk_score": score, **flagged, **others}


def course(day: date, module: str, n: int, mean: float, **others: object) -> dict[str, object]:
    figures = {"student_count": n, "avg_risk_score": mean, "n_high_risk": 1, "high_risk_rate": 1 / n}
    return {
        "run_date": day,
        "code_module": module,
        "code_presentation": "2014B",
        "week": 15,
        **figures,
        "model_version": "2013J",
        **others,
    }


@pytest.fixture
def warehouse(database_url: str) -> Database:
    database = Database(database_url)
    database.create(TABLES, VIEWS)
    courses = [
        {"course_key": f"{module}-2014B", "code_module": module, "code_presentation": "2014B"} for module in ("AAA", "BBB")
    ]
    database.replace(DIM_COURSE, rows(DIM_COURSE, *courses))
    days = [MONDAY, TUESDAY]
    students = [
        risk(MONDAY, "AAA", 1, 0.5, reason_1="never came"),
        risk(MONDAY, "BBB", 1, 0.75, reason_1="missed two"),
        risk(TUESDAY, "AAA", 1, 0.875, reason_1="never came", risk_change_7d=0.5),
        risk(TUESDAY, "AAA", 2, 0.125, risk_change_7d=-0.125),
    ]
    database.replace_days(STUDENT_RISK_DAILY, rows(STUDENT_RISK_DAILY, *students), days)
    compared = {"compared_risk": 0.5, "compared_risk_7d_ago": 0.3125, "high_risk_rate_change_7d": 0.5}
    summary = [course(MONDAY, "AAA", 1, 0.5), course(MONDAY, "BBB", 1, 0.75), course(TUESDAY, "AAA", 2, 0.5, **compared)]
    database.replace_days(COURSE_SUMMARY_PUBLISHED, rows(COURSE_SUMMARY_PUBLISHED, *summary), days)
    total = {"date": TUESDAY, "scope": "total", "name": "all", "total_enrollment": 3}
    database.replace_days(ENROLLMENT_METRICS_PUBLISHED, rows(ENROLLMENT_METRICS_PUBLISHED, total), [TUESDAY])
    listed = {"caseload_date": TUESDAY, "adviser": "ann", "position": 1, "id_student": 1, "code_module": "AAA"}
    listed |= {"code_presentation": "2014B", "risk_score": 0.875, "why": "never came", "why_now": "risk rose"}
    database.replace_days(CASELOAD_DAILY, rows(CASELOAD_DAILY, listed), [TUESDAY])
    alert = {"alert_id": "threshold_AAA-2014B_2014-05-20", "alert_date": TUESDAY, "scope": "AAA-2014B"}
    database.replace_days(RISK_ALERTS, rows(RISK_ALERTS, {**alert, "alert_type": "threshold", "observed_value": 0.5}), [TUESDAY])
    anomaly = {"alert_id": "anomaly_BBB_2014-05-19", "alert_date": MONDAY, "scope": "BBB", "alert_type": "anomaly"}
    database.replace_days(ENROLLMENT_ALERTS, rows(ENROLLMENT_ALERTS, anomaly), [MONDAY])
    database.replace(MODEL_REGISTRY, rows(MODEL_REGISTRY, {"model_version": "2013J", "status": "champion"}))
    database.replace(EXPERIMENT_DESIGNS, rows(EXPERIMENT_DESIGNS, {"experiment_id": "call", "n_looks": 3}))
    database.replace(EXPERIMENT_LOOKS, rows(EXPERIMENT_LOOKS, {"experiment_id": "call", "difference": 0.0625}))
    returns = [
        {"n_contacted": n, "mean_risk": 0.5, "net_benefit": benefit, "is_best": n == 45} for n, benefit in ((0, 0.0), (45, 90.0))
    ]
    database.replace(ROI_BY_CASELOAD, rows(ROI_BY_CASELOAD, *returns))
    return database


def ask(url: str, query: str) -> list[tuple[str, ...]]:
    """The answer as text, floats to nine digits, dates without a time: alike from both databases."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg2://"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        answer = connection.exec_driver_sql(query.replace("%", "%%") if engine.name == "postgresql" else query).fetchall()
    return [
        tuple("" if v is None else f"{float(v):.9g}" if isinstance(v, (int, float, Decimal)) else str(v) for v in row)
        for row in answer
    ]


EXPECTED: dict[str, list[tuple[str, ...]]] = {
    "risk_trend_by_module": [
        ("2014-05-19", "AAA", "1", "0.5", "1"),
        ("2014-05-20", "AAA", "2", "0.5", "0.5"),
        ("2014-05-19", "BBB", "1", "0.75", "1"),
    ],
    "risk_heatmap": [("AAA-2014B", "15", "2014-05-20", "2", "0.5"), ("BBB-2014B", "15", "2014-05-19", "1", "1")],
    "high_risk_students": [(ONE, "AAA", "2014B", "2014-05-20", "0.875", "0.5", "never came", "", "")],
    "risk_movers": [(ONE, "AAA", "2014B", "0.375", "0.875", "0.5", "", "0", "never came")],
    "week_over_week": [("AAA", "2014B", "2014-05-20", "0.3125", "0.5", "0.1875", "0.5")],
    "student_history": [
        ("2014-05-19", "AAA", "2014B", "15", "0.5", "high", "0", "2013J"),
        ("2014-05-20", "AAA", "2014B", "15", "0.875", "high", "0", "2013J"),
        ("2014-05-19", "BBB", "2014B", "15", "0.75", "high", "0", "2013J"),
    ],
    "risk_bands_by_week": [("15", "high", "1"), ("15", "low", "1")],
    "alerts_open": [
        ("anomaly", "BBB", "warning", "2014-05-19", "2014-05-19", "1"),
        ("threshold", "AAA-2014B", "warning", "2014-05-20", "2014-05-20", "1"),
    ],
    "caseload_today": [("ann", "1", ONE, "AAA", "2014B", "0.875", "never came", "risk rose", "", "x")],
    "caseload_reach": [
        ("2014-05-19", "AAA-2014B", "1", "0"),
        ("2014-05-19", "BBB-2014B", "1", "0"),
        ("2014-05-20", "AAA-2014B", "1", "1"),
    ],
    "enrolment_and_risk": [("2014-05-20", "3", "2", "0.5", "1")],
    "model_by_day": [("2013J", "champion", "2014-05-19", "2014-05-19", "2014-05-20", "2", "4")],
    "experiments": [
        ("call", "x", "2014-05-19", "", "2014-05-19", "0", "3", "0", "6.25", "", "", "", "", "holds", "waiting for outcomes")
    ],
    "how_many_to_contact": [
        ("0", "0.5", "0", "0", "0", "0", "0", "", "-90", "0"),
        ("45", "0.5", "0", "90", "0", "0", "0", "", "0", "1"),
    ],
}


def test_every_query_for_analysts_has_an_expected_answer() -> None:
    assert [query.stem for query in QUERIES] == sorted(EXPECTED)
    assert [query.stem for query in QUERIES if not query.read_text().startswith("-- ")] == []


@pytest.mark.usefixtures("warehouse")
def test_every_query_for_analysts_answers_alike_on_both_databases(database_url: str) -> None:
    assert {query.stem: ask(database_url, query.read_text()) for query in QUERIES} == EXPECTED


@pytest.mark.usefixtures("warehouse")
def test_the_newest_rows_are_those_of_each_presentation_s_own_newest_day(database_url: str) -> None:
    query = "SELECT run_date, code_module, risk_score, reason_1 FROM student_risk_latest ORDER BY run_date, risk_score"
    assert ask(database_url, query) == [
        ("2014-05-19", "BBB", "0.75", "missed two"),
        ("2014-05-20", "AAA", "0.125", ""),
        ("2014-05-20", "AAA", "0.875", "never came"),
    ]
    query = "SELECT run_date, code_module, student_count FROM course_summary_latest ORDER BY run_date"
    assert ask(database_url, query) == [("2014-05-19", "BBB", "1"), ("2014-05-20", "AAA", "2")]


@pytest.mark.usefixtures("warehouse")
def test_every_row_of_every_fact_finds_its_day_its_course_and_its_model(database_url: str) -> None:
    for fact, expected in {"fact_risk_daily": "4", "fact_course_daily": "3", "fact_caseload": "1", "fact_alerts": "2"}.items():
        joined = f"SELECT COUNT(*) FROM {fact} AS f JOIN dim_date AS d ON d.date = f.date"
        assert ask(database_url, joined) == [(expected,)]
    joined = (
        "SELECT m.status, SUM(f.student_count) FROM fact_course_daily AS f JOIN dim_course AS c ON c.course_key = f.course_key "
        "JOIN dim_model AS m ON m.model_version = f.model_version GROUP BY m.status"
    )
    assert ask(database_url, joined) == [("champion", "4")]
    assert ask(database_url, "SELECT model_version FROM dim_model ORDER BY model_version") == [("2013J",), ("rule",)]


@pytest.mark.usefixtures("warehouse")
def test_sums_of_risk_may_be_added_up_and_an_alert_about_no_course_has_no_course_key(database_url: str) -> None:
    query = "SELECT SUM(risk_total) FROM fact_course_daily"
    assert ask(database_url, query) == [("2.25",)]
    query = "SELECT scope, course_key FROM fact_alerts ORDER BY scope"
    assert ask(database_url, query) == [("AAA-2014B", "AAA-2014B"), ("BBB", "")]


@pytest.mark.usefixtures("warehouse")
def test_the_days_of_the_calendar_are_those_published_forecast_or_of_a_failed_job(warehouse: Database, database_url: str) -> None:
    forecast = {"as_of_date": TUESDAY, "target_date": date(2014, 6, 1), "scope": "total", "name": "all", "is_used": True}
    warehouse.replace(ENROLLMENT_FORECAST_PUBLISHED, rows(ENROLLMENT_FORECAST_PUBLISHED, forecast))
    warehouse.append({OPERATION_ALERTS: rows(OPERATION_ALERTS, {"alert_date": date(2014, 5, 25)})})
    query = "SELECT date, date_key, week_start, day_of_week_number FROM dim_date ORDER BY date"
    assert ask(database_url, query) == [
        ("2014-05-19", "20140519", "2014-05-19", "1"),
        ("2014-05-20", "20140520", "2014-05-19", "2"),
        ("2014-05-25", "20140525", "2014-05-19", "7"),
        ("2014-06-01", "20140601", "2014-05-26", "7"),
    ]


def test_an_empty_warehouse_answers_every_query_for_analysts(database_url: str) -> None:
    Database(database_url).create(TABLES, VIEWS)
    assert {query.stem for query in QUERIES if ask(database_url, query.read_text())} == set()


@pytest.mark.usefixtures("warehouse")
def test_a_sum_with_a_withheld_part_is_absent_and_a_share_is_of_the_courses_told(warehouse: Database, database_url: str) -> None:
    withheld = {"student_count": None, "n_high_risk": None, "avg_risk_score": None, "high_risk_rate": None}
    summary = [course(TUESDAY, "AAA", 20, 0.25), course(TUESDAY, "BBB", 1, 0.75, **withheld)]
    warehouse.replace_days(COURSE_SUMMARY_PUBLISHED, rows(COURSE_SUMMARY_PUBLISHED, *summary), [TUESDAY])
    answers = {query.stem: ask(database_url, query.read_text()) for query in QUERIES}
    assert answers["enrolment_and_risk"] == [("2014-05-20", "3", "", "0.25", "")]
    assert answers["model_by_day"][0][-1] == ""
    assert [row for row in answers["risk_trend_by_module"] if row[0] == "2014-05-20"] == [
        ("2014-05-20", "AAA", "20", "0.25", "0.05"),
        ("2014-05-20", "BBB", "", "", ""),
    ]


def test_what_changed_since_a_day_that_is_withheld_is_absent(database_url: str) -> None:
    database = Database(database_url)
    database.create(TABLES, VIEWS)
    days = [MONDAY, TUESDAY]
    compared = ("previous_date", "last_year_date")
    figures = [("AAA", MONDAY, 40), ("AAA", TUESDAY, 37), ("BBB", MONDAY, None), ("BBB", TUESDAY, 12)]
    frame = rows(
        ENROLLMENT_METRICS_PUBLISHED,
        *(
            {"date": day, "scope": "program", "name": name, "total_enrollment": n} | dict.fromkeys(compared, MONDAY)
            for name, day, n in figures
        ),
    )
    database.replace_days(ENROLLMENT_METRICS_PUBLISHED, frame, days)
    query = "SELECT scope_key, net_change, last_year_enrollment, last_year_difference FROM fact_enrollment_daily "
    assert ask(database_url, f"{query} WHERE date = '{TUESDAY}' ORDER BY scope_key") == [
        ("program:AAA", "-3", "40", "-3"),
        ("program:BBB", "", "", ""),
    ]
