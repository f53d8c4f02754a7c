"""Tests of enrollment.alerts: one alert for each scope and day with an unusual figure."""

from __future__ import annotations

from datetime import date

import pandas as pd

from oulad_platform.core.checks import check_frame
from oulad_platform.enrollment.alerts import ENROLLMENT_ALERTS, anomaly_alerts
from oulad_platform.enrollment.foresight_tables import ENROLLMENT_ANOMALIES

DAY = date(2014, 5, 20)


def anomaly(
    scope: str,
    name: str,
    measure: str,
    observed: float,
    score: float,
    *,
    unusual: bool = True,
    day: date = DAY,
    reason: str = "why",
) -> dict:
    """A figure of which 10 were expected, and 5 to 15 usual."""
    figures = {"observed": observed, "expected": 10, "lower": 5, "upper": 15, "score": score}
    about = {"date": pd.Timestamp(day), "scope": scope, "name": name, "measure": measure}
    return about | figures | {"is_anomaly": unusual, "reason": reason if unusual else ""}


def alerts(*rows: dict) -> pd.DataFrame:
    frame = ENROLLMENT_ANOMALIES.conform(pd.DataFrame(rows, columns=ENROLLMENT_ANOMALIES.names))
    return anomaly_alerts(frame, [DAY])


def test_a_program_warns_and_the_total_is_critical():
    found = alerts(
        anomaly("total", "all", "total_enrollment", 3, -9.0, reason="70 % below the 10 expected"),
        anomaly("program", "B/B", "new_students", 20, 6.0, reason="20 new, more than the 5 to 15 expected"),
    )
    assert check_frame(found, ENROLLMENT_ALERTS) == []
    assert found.drop(columns=["alert_date", "n_students"]).to_dict("records") == [
        {
            "alert_id": "anomaly_program%20B%2FB_2014-05-20",
            "alert_type": "anomaly",
            "scope": "program B/B",
            "severity": "warning",
            "observed_value": 20,
            "limit_value": 15,
            "message": "Program B/B, new students on 2014-05-20: 20 new, more than the 5 to 15 expected.",
        },
        {
            "alert_id": "anomaly_total_2014-05-20",
            "alert_type": "anomaly",
            "scope": "total",
            "severity": "critical",
            "observed_value": 3,
            "limit_value": 5,
            "message": "Total, total enrollment on 2014-05-20: 70 % below the 10 expected.",
        },
    ]


def test_several_figures_of_one_scope_are_one_alert_about_the_farthest():
    found = alerts(
        anomaly("total", "all", "new_students", 20, 6.0),
        anomaly("total", "all", "dropped_students", 0, -8.0),
        anomaly("total", "all", "total_enrollment", 2, -7.0),
    )
    assert found["message"].tolist() == ["Total, dropped students on 2014-05-20: why. 2 more of its figures are unusual."]


def test_a_feed_that_is_stuck_has_no_limit_it_is_beyond():
    found = alerts(anomaly("total", "all", "total_enrollment", 10, 0.0))
    assert found["limit_value"].isna().tolist() == [True]


def test_what_is_usual_and_what_is_of_another_day_raises_nothing():
    found = alerts(
        anomaly("total", "all", "new_students", 12, 1.0, unusual=False),
        anomaly("total", "all", "dropped_students", 20, 6.0, day=date(2014, 5, 19)),
    )
    assert found.columns.tolist() == ENROLLMENT_ALERTS.names
    assert found.empty
    assert alerts().empty
