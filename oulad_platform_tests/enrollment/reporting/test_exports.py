"""What analysts take away: the calendar of the export, change lists, connection file, and the star schema on both databases."""

from __future__ import annotations

import csv
import io
import json
from datetime import date

import pandas as pd

from oulad_platform.core.alerts import OPERATION_ALERTS
from oulad_platform.core.pseudonyms import DEMO
from oulad_platform.enrollment.bi_views import BI_VIEWS
from oulad_platform.enrollment.foresight_tables import FORECAST_ACCURACY, FORECAST_BACKTEST
from oulad_platform.enrollment.publication import ENROLLMENT_FORECAST_PUBLISHED, ENROLLMENT_METRICS_PUBLISHED
from oulad_platform.enrollment.reporting.exports import change_lists, connection_file, powerbi_files
from oulad_platform.enrollment.tables import ENROLLMENT_DELTAS, ENROLLMENT_METRICS, WEEKLY_ENROLLMENT_SUMMARY
from oulad_platform.storage.database import Database


def metrics(*rows: tuple[str, str, str, int | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["date", "scope", "name", "total_enrollment"])
    frame["date"] = pd.to_datetime(frame["date"])
    return ENROLLMENT_METRICS_PUBLISHED.conform(frame.reindex(columns=ENROLLMENT_METRICS_PUBLISHED.names))


def deltas(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["snapshot_date", "student_id", "program", "change"])
    frame["snapshot_date"] = pd.to_datetime(frame["snapshot_date"])
    return ENROLLMENT_DELTAS.conform(frame.assign(division="STEM", attribute="", from_value=None, to_value=None))


WEEK = metrics(("2026-11-20", "total", "all", 30), ("2026-11-22", "total", "all", 50), ("2026-11-22", "program", "BBB", None))


def test_the_export_has_the_calendar_that_power_bi_sorts_by_and_a_withheld_count_is_empty() -> None:
    (content,) = powerbi_files(WEEK, None).values()
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    shown = ["date", "scope", "total_enrollment", "YearMonth", "MonthName", "WeekStart", "DayOfWeek", "DayOfWeekNumber"]
    assert [[row[name] for name in shown] for row in rows] == [
        ["2026-11-20", "total", "30", "2026-11", "November", "2026-11-16", "Friday", "5"],
        ["2026-11-22", "program", "", "2026-11", "November", "2026-11-16", "Sunday", "7"],
        ["2026-11-22", "total", "50", "2026-11", "November", "2026-11-16", "Sunday", "7"],
    ]


def test_a_connection_file_comes_with_a_server_only() -> None:
    assert list(powerbi_files(WEEK, ("db:5432", "oulad"))) == [
        "outputs/enrollment/enrollment_powerbi_export.csv",
        "outputs/enrollment/oulad_platform.pbids",
    ]
    connection = json.loads(connection_file("db:5432", "oulad"))["connections"][0]
    assert connection["details"]["protocol"] == "postgresql"
    assert connection["details"]["address"] == {"server": "db:5432", "database": "oulad"}


def test_each_day_lists_who_came_and_who_left_by_pseudonym_and_formulas_are_defused() -> None:
    changes = deltas(
        ("2026-11-20", "00123", "BBB", "added"),
        ("2026-11-20", "=1+1", "=B", "returned"),
        ("2026-11-20", "7", "BBB", "dropped"),
        ("2026-11-20", "8", "BBB", "completed"),
        ("2026-11-20", "9", "BBB", "moved"),
        ("2026-11-19", "1", "BBB", "added"),
    )
    files = change_lists(changes, [date(2026, 11, 20), date(2026, 11, 21)], DEMO)
    header = "snapshot_date,student_key,program,division,change\r\n"
    came = sorted([f"2026-11-20,{DEMO.one('00123')},BBB,STEM,added", f"2026-11-20,{DEMO.one('=1+1')},'=B,STEM,returned"])
    left = sorted([f"2026-11-20,{DEMO.one('7')},BBB,STEM,dropped", f"2026-11-20,{DEMO.one('8')},BBB,STEM,completed"])
    assert {path.rpartition("/")[2]: content.decode() for path, content in files.items()} == {
        "added_2026-11-20.csv": header + "".join(f"{row}\r\n" for row in came),
        "dropped_2026-11-20.csv": header + "".join(f"{row}\r\n" for row in left),
        "added_2026-11-21.csv": header,
        "dropped_2026-11-21.csv": header,
    }


def test_the_star_schema_answers_alike_on_both_databases(database_url: str) -> None:
    database = Database(database_url)
    published = [ENROLLMENT_METRICS_PUBLISHED, ENROLLMENT_FORECAST_PUBLISHED]
    tables = [ENROLLMENT_METRICS, ENROLLMENT_DELTAS, FORECAST_BACKTEST, OPERATION_ALERTS, *published]
    database.create(tables, [WEEKLY_ENROLLMENT_SUMMARY, FORECAST_ACCURACY, *BI_VIEWS])
    after = WEEK.assign(previous_date=WEEK["date"].where(WEEK["date"] != "2026-11-22", pd.Timestamp("2026-11-20")))
    database.replace_days(ENROLLMENT_METRICS_PUBLISHED, after, [date(2026, 11, 20), date(2026, 11, 22)])
    gone = deltas(("2026-11-20", "1", "BBB", "dropped"), ("2026-11-20", "2", "BBB", "dropped"))
    database.replace_days(ENROLLMENT_DELTAS, gone, [date(2026, 11, 20)])

    import sqlalchemy as sa

    def ask(query: str) -> list[tuple[str, ...]]:
        with sa.create_engine(database_url.replace("postgresql://", "postgresql+psycopg2://")).connect() as connection:
            return [tuple(str(value) for value in row) for row in connection.execute(sa.text(query))]

    assert ask("SELECT date_key, year, month, year_month, week_start, day_of_week_number FROM dim_date ORDER BY date") == [
        ("20261120", "2026", "11", "2026-11", "2026-11-16", "5"),
        ("20261122", "2026", "11", "2026-11", "2026-11-16", "7"),
    ]
    assert ask("SELECT scope_key FROM dim_scope ORDER BY scope_key") == [("program:BBB",), ("total:all",)]
    joined = (
        "SELECT d.year_month, SUM(f.total_enrollment) FROM fact_enrollment_daily AS f JOIN dim_date AS d ON d.date = f.date "
        "WHERE f.scope_key = 'total:all' GROUP BY d.year_month"
    )
    assert ask(joined) == [("2026-11", "80")]
    newest = (
        "SELECT scope_key, total_enrollment, net_change FROM fact_enrollment_daily WHERE date = '2026-11-22' ORDER BY scope_key"
    )
    assert ask(newest) == [("program:BBB", "None", "None"), ("total:all", "50", "20")]
    assert ask("SELECT scope_key, change, n_changes FROM fact_enrollment_changes") == [("program:BBB", "dropped", "2")]
    assert ask("SELECT COUNT(*) FROM fact_enrollment_forecast") == [("0",)]
    assert ask("SELECT COUNT(*) FROM forecast_accuracy") == [("0",)]
