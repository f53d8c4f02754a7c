"""Figures of a made-up university for charts and messages: a weekly rhythm, growth, and everything known on 23 November 2026."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from oulad_platform.enrollment.foresight_tables import (
    ENROLLMENT_ANOMALIES,
    ENROLLMENT_FORECAST,
    ENROLLMENT_TRENDS,
    FORECAST_BACKTEST,
)
from oulad_platform.enrollment.tables import COHORT_RETENTION, ENROLLMENT_DELTAS, ENROLLMENT_METRICS, SNAPSHOT_VERSIONS

DAY = date(2026, 11, 23)
TODAY = pd.Timestamp(DAY)
COUNTS = ("returned_students", "completed_students", "baseline_students", "moved_in", "moved_out")


def metrics(n_days: int, n_programs: int = 1, *, prefix: str = "Program") -> pd.DataFrame:
    """ENROLLMENT_METRICS of `n_days` up to DAY: weekdays bring 3 and lose 1 in every program, the first day is a baseline."""
    days = pd.date_range(end=TODAY, periods=n_days, unit="us")
    is_change = (days.day_of_week < 5) & (np.arange(n_days) > 0)
    programs = [series(days, is_change, "program", f"{prefix} {number:02d}", 1, 100) for number in range(n_programs)]
    total = series(days, is_change, "total", "all", n_programs, 100)
    return ENROLLMENT_METRICS.conform(pd.concat([total, *programs], ignore_index=True))


def series(days: pd.DatetimeIndex, is_change: np.ndarray, scope: str, name: str, times: int, start: int) -> pd.DataFrame:
    came, left = 3 * times * is_change, times * is_change
    size = times * start + np.cumsum(came - left)
    frame = pd.DataFrame({"date": days, "scope": scope, "name": name, "total_enrollment": size})
    frame["previous_date"] = days - pd.Timedelta(days=1)
    frame = frame.assign(new_students=came, dropped_students=left, **dict.fromkeys(COUNTS, 0), net_change=came - left)
    rate = 1 - left / np.maximum(size - came + left, 1)
    frame = frame.assign(retention_rate=100 * rate, persistence_rate=rate, growth_rate=0.01)
    frame["average_7_days"] = frame["total_enrollment"].rolling(7, min_periods=1).mean()
    frame = frame.assign(term="2027S", days_to_term_start=(pd.Timestamp("2027-01-18") - days).days)
    frame["days_to_census"] = frame["days_to_term_start"] + 14
    frame = frame.assign(last_year_date=days - pd.Timedelta(days=364), last_year_enrollment=size - 20 * times)
    frame["last_year_difference"] = 20 * times
    first = frame.index[:1]
    frame.loc[first, "previous_date"] = pd.NaT
    unknown = ["new_students", "dropped_students", *COUNTS, "net_change", "retention_rate", "persistence_rate", "growth_rate"]
    return frame.astype(dict.fromkeys(unknown, "Float64")).mask(
        frame.index.isin(first)[:, None] & frame.columns.isin(unknown)[None, :]
    )


def forecast(newest: pd.DataFrame, *, wide: float = 1.0) -> pd.DataFrame:
    """ENROLLMENT_FORECAST of the total for 30 days, two a day more, and of one program's census day."""
    total = newest[newest["scope"] == "total"].sort_values("date").iloc[-1]
    rows = []
    for lead in range(1, 31):
        for method, is_used, expected in (("pickup", True, 2 * lead), ("naive", False, 0)):
            middle, half = total["total_enrollment"] + expected, wide * (10 + lead)
            rows.append(("total", "all", lead, method, is_used, False, middle, half))
    rows.append(("term", "Program 00 2027S", 58, "pickup", True, True, 300, 20))
    columns = ["scope", "name", "lead_days", "method", "is_used", "is_census", "expected", "half"]
    frame = pd.DataFrame(rows, columns=columns).assign(as_of_date=total["date"])
    frame["target_date"] = frame["as_of_date"] + pd.to_timedelta(frame["lead_days"], unit="D")
    for level, times in ((80, 1), (95, 2)):
        frame[f"lower_{level}"] = np.maximum(0, frame["expected"] - times * frame["half"])
        frame[f"upper_{level}"] = frame["expected"] + times * frame["half"]
    return ENROLLMENT_FORECAST.conform(frame.drop(columns="half"))


def backtest() -> pd.DataFrame:
    """FORECAST_BACKTEST: 20 forecasts of the total 30 days ahead, each 4 % too high, 16 of them inside the 80 % interval."""
    frame = pd.DataFrame({"target_date": pd.date_range(end=TODAY, periods=20, freq="7D", unit="us")})
    frame = frame.assign(scope="total", name="all", lead_days=30, method="pickup", is_census=False, actual=500.0, expected=520.0)
    frame["lower_80"] = np.where(np.arange(20) < 16, 490.0, 510.0)
    return FORECAST_BACKTEST.conform(frame.assign(upper_80=550.0, lower_95=400.0, upper_95=600.0))


def trends(direction: str = "rising") -> pd.DataFrame:
    row = {"as_of_date": TODAY, "scope": "total", "name": "all", "window_days": 28, "n_days": 28, "direction": direction}
    slopes = {"slope_per_day": 1.5, "slope_lower": 1.0, "slope_upper": 2.0, "p_value": 0.001}
    return ENROLLMENT_TRENDS.conform(pd.DataFrame([{**row, **slopes, "average_3_days": 130.0, "average_7_days": 128.0}]))


def anomalies(n_unusual: int, n_judged: int = 15, *, name: str = "Program", reason: str = "four times as many") -> pd.DataFrame:
    rows = [
        {"name": f"{name} {number:02d}", "score": 9.0 - number / 10, "is_anomaly": number < n_unusual}
        for number in range(n_judged)
    ]
    frame = pd.DataFrame(rows).assign(date=TODAY, scope="program", measure="new_students", observed=40.0, expected=8.0)
    frame["reason"] = np.where(frame["is_anomaly"], reason, "")
    return ENROLLMENT_ANOMALIES.conform(frame.assign(lower=-2.0, upper=20.0))


def versions() -> pd.DataFrame:
    columns = ["snapshot_date", "version", "state", "n_rows", "reason", "recorded_at"]
    rows = [
        ("2026-11-20", 1, "current", 990, "", "2026-11-20 08:00"),
        ("2026-11-20", 2, "quarantined", 0, "the extract is empty", "2026-11-20 12:00"),
        ("2026-11-23", 1, "superseded", 1004, "", "2026-11-23 08:00"),
        ("2026-11-23", 2, "current", 1005, "", "2026-11-23 09:30"),
    ]
    frame = pd.DataFrame(rows, columns=columns).assign(previous_date=pd.NaT, change_pct=0.1, sha256="ab", recorded_by="run 7")
    for name in ("snapshot_date", "recorded_at"):
        frame[name] = pd.to_datetime(frame[name])
    return SNAPSHOT_VERSIONS.conform(frame)


def cohorts(n_terms: int = 2, n_weeks: int = 6, *, name: str = "20") -> pd.DataFrame:
    """COHORT_RETENTION: 200 at the census day, 4 fewer each week; the newest term's last week is DAY."""
    rows = []
    for term in range(n_terms):
        census = TODAY - pd.Timedelta(weeks=n_weeks - 1 + 26 * (n_terms - 1 - term))
        for week in range(n_weeks):
            when = {"census_date": census, "date": census + pd.Timedelta(weeks=week), "week": week}
            rows.append({"term": f"{name}{20 + term}S", "program": "all", **when, "n_retained": 200 - 4 * week})
    frame = pd.DataFrame(rows).assign(n_cohort=200)
    return COHORT_RETENTION.conform(frame.assign(retention_rate=frame["n_retained"] / 200))


def deltas(n_added: int = 3, n_dropped: int = 2, *, student: str = "00") -> pd.DataFrame:
    changes = ["added"] * n_added + ["dropped"] * n_dropped + ["moved"] * 4
    frame = pd.DataFrame({"change": changes}).assign(snapshot_date=TODAY, program="Program 00", division="D")
    frame["student_id"] = [f"{student}{number:04d}" for number in range(len(frame))]
    frame["attribute"] = np.where(frame["change"] == "moved", "level", "")
    return ENROLLMENT_DELTAS.conform(frame.assign(from_value=None, to_value=None))
