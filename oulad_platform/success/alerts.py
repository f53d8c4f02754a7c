"""Which alerts a day's course summary and drift raise. What becomes of an alert (episodes, delivery, wording) is `core.alerts`'.

Features compare a student with their cohort, so scores are half blind to what happens to everybody at once: when a whole
module of 2013J fell silent its mean risk rose by 5 %, under the usual spike limit of 10 %. The threshold rests on the same
scores and sees it only where the module was near its limit before. Drift sees it: clicks lost for two weeks move more than a
third of the features that matter (`oversight.drift`), though only for a module with a reference of its own. So threshold and
drift together suffice for a silence of two weeks in a known module, and nothing here sees a shorter one, or one in a module
new to the model; a feed that has stopped is for the freshness alert.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np
import pandas as pd

from oulad_platform.core.alerts import ALL, SEVERITIES, alert_id
from oulad_platform.core.reports import date_text
from oulad_platform.success.tables import RISK_ALERTS

MIN_COMPARED = 20
EXACTNESS = 1e-9
THRESHOLD, SPIKE, DRIFT = "threshold", "spike", "drift"
SENTENCES = {
    THRESHOLD: (
        "{who}: {n_high_risk:,} of {n_students:,} enrolments ({observed_value:.1%}) are at high risk on {day}, "
        "above the limit of {limit_value:.1%}."
    ),
    SPIKE: (
        "{who}: the mean risk of the same {n_students:,} enrolments rose by {observed_value:.1%} in a week, "
        "from {risk_before:.3f} to {risk_now:.3f} on {day}, above the limit of {limit_value:.1%}."
    ),
    DRIFT: "Drift on {day}: {reason}",
}


def risk_alerts(course_summary: pd.DataFrame, days: Iterable[date], *, share_limit: float, spike_limit: float) -> pd.DataFrame:
    """RISK_ALERTS of `days` from their COURSE_SUMMARY_DAILY rows; no row when nothing fires.

    `share_limit`: share at high risk (0-1), critical from half way between it and everybody. `spike_limit`: relative rise of the
    mean risk over 7 days (0.1 = 10 %), critical from twice that. Both fire strictly above their limit, for each course and for
    'all', whose figures are the courses' weighted by enrolments.
    A spike compares the same students, scored by the same model on both days (n_compared), of whom there must be 20 or more;
    'all' is about the compared of every course, also of those with fewer. Where too few were compared, or the mean a week ago
    is missing or 0, the spike is not evaluated; that there is no row then does not say that risk did not rise.
    """
    today = course_summary[course_summary["run_date"].isin(pd.DatetimeIndex(list(days)))]
    is_compared = today[["compared_risk", "compared_risk_7d_ago"]].notna().all(axis=1)
    n_compared = today["n_compared"].where(is_compared, 0)
    scoped = today.assign(
        scope=today["code_module"] + "-" + today["code_presentation"],
        n_compared=n_compared,
        total_now=today["compared_risk"].where(is_compared, 0) * n_compared,
        total_before=today["compared_risk_7d_ago"].where(is_compared, 0) * n_compared,
    )
    sums = ["student_count", "n_high_risk", "n_compared", "total_now", "total_before"]
    overall = scoped.groupby("run_date")[sums].sum().reset_index().assign(scope=ALL)
    rows = pd.concat([scoped[["run_date", "scope", *sums]], overall], ignore_index=True)
    return RISK_ALERTS.conform(pd.concat([_thresholds(rows, share_limit), _spikes(rows, spike_limit)], ignore_index=True))


def drift_alerts(model_drift: pd.DataFrame, days: Iterable[date]) -> pd.DataFrame:
    """RISK_ALERTS of `days` from their MODEL_DRIFT rows: one for each presentation and day with an alarm.

    Critical from twice the limit. The row of all presentations raises none of its own unless it is an alarm itself.
    """
    alarms = model_drift[model_drift["is_alarm"].astype("bool") & model_drift["run_date"].isin(pd.DatetimeIndex(list(days)))]
    scopes = (alarms["code_module"] + "-" + alarms["code_presentation"]).where(alarms["code_module"] != ALL, ALL)
    fired = alarms.assign(scope=scopes)[["run_date", "scope", "n_students", "observed_value", "limit_value", "reason"]]
    return RISK_ALERTS.conform(_alerts(fired, DRIFT, critical_from=2 * fired["limit_value"]))


def _thresholds(rows: pd.DataFrame, limit: float) -> pd.DataFrame:
    share = rows["n_high_risk"] / rows["student_count"]
    rows = rows.assign(observed_value=share, limit_value=limit, n_students=rows["student_count"])
    return _alerts(rows[share > limit + EXACTNESS], THRESHOLD, critical_from=(1 + limit) / 2)


def _spikes(rows: pd.DataFrame, limit: float) -> pd.DataFrame:
    rows = rows[(rows["n_compared"] >= MIN_COMPARED) & (rows["total_before"] > 0)]
    rows = rows.assign(
        risk_now=rows["total_now"] / rows["n_compared"],
        risk_before=rows["total_before"] / rows["n_compared"],
        observed_value=rows["total_now"] / rows["total_before"] - 1,
        limit_value=limit,
        n_students=rows["n_compared"],
    )
    return _alerts(rows[rows["observed_value"] > limit + EXACTNESS], SPIKE, critical_from=2 * limit)


def _alerts(fired: pd.DataFrame, kind: str, critical_from: float | pd.Series) -> pd.DataFrame:
    records = [{str(name): value for name, value in row.items()} for row in fired.to_dict("records")]
    who = ["All courses" if row["scope"] == ALL else row["scope"] for row in records]
    sentences = [
        SENTENCES[kind].format(**row, who=name, day=date_text(row["run_date"])) for row, name in zip(records, who, strict=True)
    ]
    severity = np.where(fired["observed_value"] >= critical_from - EXACTNESS, SEVERITIES[1], SEVERITIES[0])
    return pd.DataFrame(
        {
            "alert_id": pd.Series([alert_id(kind, row["scope"], row["run_date"]) for row in records], dtype="str"),
            "alert_date": fired["run_date"].to_numpy(),
            "alert_type": pd.Series(kind, range(len(fired)), dtype="str"),
            "scope": fired["scope"].to_numpy(),
            "severity": severity,
            "observed_value": fired["observed_value"].to_numpy(),
            "limit_value": fired["limit_value"].to_numpy(),
            "n_students": fired["n_students"].to_numpy(),
            "message": pd.Series(sentences, dtype="str"),
        }
    )
