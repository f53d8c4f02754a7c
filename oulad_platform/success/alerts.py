"""Which alerts a day's course summary and drift raise, which of them are due for delivery, and how they read.

Sending is `storage.outbox`'s; asking for it, `defs/`'s. An alert is one row: type + scope + day, so a rerun changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from urllib.parse import quote

import numpy as np
import pandas as pd

from oulad_platform.core.reports import date_text, markdown_table, markdown_text
from oulad_platform.success.marts import with_week_before
from oulad_platform.success.tables import ALERT_LOG, ALL, SEVERITIES

MIN_STUDENTS = 20
EXACTNESS = 1e-9
THRESHOLD, SPIKE, DRIFT = "threshold", "spike", "drift"
RUN_GAP_DAYS, REMINDER_DAYS = 7, 28
SENTENCES = {
    THRESHOLD: (
        "{who}: {n_high_risk:,} of {student_count:,} enrolments ({observed_value:.1%}) are at high risk on {day}, "
        "above the limit of {limit:.1%}."
    ),
    SPIKE: (
        "{who}: mean risk of {student_count:,} enrolments rose by {observed_value:.1%} in a week, from {mean_risk_before:.3f} "
        "to {mean_risk:.3f} on {day}, above the limit of {limit:.1%}."
    ),
    DRIFT: "Drift on {day}: {reason}",
}


def daily_alerts(course_summary: pd.DataFrame, days: pd.DatetimeIndex, *, share_limit: float, spike_limit: float) -> pd.DataFrame:
    """ALERT_LOG of `days`: no row when nothing fires.

    `course_summary`: COURSE_SUMMARY_DAILY of the days and of the week before each. `share_limit`: share at high risk (0-1),
    `spike_limit`: relative rise of the mean risk over 7 days (0.1 = 10 %); both fire strictly above.
    A spike compares the same course, scored by the same model version, with 20 students or more on both days; 'all' is
    restricted to the courses this holds for, apart from their size. Where the day a week before is missing, the spike is
    not evaluated.
    """
    scoped = course_summary.assign(scope=course_summary["code_module"] + "-" + course_summary["code_presentation"])
    pairs = with_week_before(scoped)
    today, pairs = (frame[frame["run_date"].isin(days)] for frame in (scoped, pairs))
    fired = [_thresholds(today, share_limit), _spikes(pairs, spike_limit)]
    alerts = pd.concat([frame for frame in fired if not frame.empty] or [ALERT_LOG.empty()])
    return ALERT_LOG.conform(alerts)


def drift_alerts(model_drift: pd.DataFrame, days: pd.DatetimeIndex) -> pd.DataFrame:
    """ALERT_LOG of `days` from the alarms in MODEL_DRIFT rows of the days and of the 13 days before each (2 * RUN_GAP_DAYS - 1).

    An alarm of a presentation without another in the RUN_GAP_DAYS days before it begins a run and is an alert. A run that
    lasts is one again every REMINDER_DAYS: on the course days 0, 28, 56, ..., unless it has begun in the RUN_GAP_DAYS - 1 days
    before. So no two alerts of a presentation are less than a week apart, and any day can be made again on its own.
    """
    alarms = model_drift[model_drift["is_alarm"].astype("bool")]
    alarms = alarms.assign(scope=alarms["code_module"] + "-" + alarms["code_presentation"])
    alarms = alarms.sort_values(["scope", "run_date"], kind="stable", ignore_index=True)
    since_last = alarms.groupby("scope")["run_date"].diff()
    begins = since_last.isna() | (since_last > timedelta(days=RUN_GAP_DAYS))
    begun = alarms["run_date"].where(begins).groupby(alarms["scope"]).ffill()
    lasts = alarms["run_date"] - begun >= timedelta(days=RUN_GAP_DAYS)
    fired = alarms[(begins | (lasts & alarms["day"].mod(REMINDER_DAYS).eq(0))) & alarms["run_date"].isin(days)]
    fired = fired.rename(columns={"n_students": "student_count"})
    return ALERT_LOG.conform(_alerts(fired, DRIFT, fired["limit_value"], critical_from=2 * fired["limit_value"]))


def alerts_due(log: pd.DataFrame, delivered: Collection[str], newest_day: date, max_age_days: int = 2) -> pd.DataFrame:
    """The ALERT_LOG rows to deliver now, oldest first: not yet delivered, and at most `max_age_days` before `newest_day`.

    What a backfill writes about older days is on record and never delivered.
    """
    day = pd.Timestamp(newest_day)
    is_recent = log["alert_date"].between(day - timedelta(days=max_age_days), day)
    due = log[is_recent & ~log["alert_id"].isin(list(delivered))]
    return due.sort_values(["alert_date", "alert_id"], ignore_index=True)


def alert_markdown(alerts: pd.DataFrame, day: date) -> str:
    """The alerts of `day` as a Markdown page, critical ones first; says so when nothing fired."""
    title = f"# Alerts of {date_text(day)}\n\n"
    todays = alerts[alerts["alert_date"] == pd.Timestamp(day)].sort_values(["severity", "alert_type", "scope"])
    if todays.empty:
        return f"{title}No alert fired.\n"
    pairs = zip(todays["severity"], todays["message"], strict=True)
    sentences = "".join(f"- **{severity}**: {markdown_text(message)}\n" for severity, message in pairs)
    shown = todays[["severity", "alert_type", "scope", "observed_value", "limit_value", "n_students", "alert_id"]]
    return f"{title}{sentences}\n{markdown_table(shown)}"


def alert_message(alert: pd.DataFrame) -> tuple[str, str]:
    """Subject (one line) and plain-text body of one alert, given as its ALERT_LOG row. Raises ValueError unless it is one row."""
    if len(alert) != 1:
        raise ValueError(f"a message is about one alert, not {len(alert)}; look its alert_id up in {ALERT_LOG.name}")
    row = alert.iloc[0]
    day = date_text(row["alert_date"])
    subject = f"[{row['severity']}] {row['alert_type']} alert, {_scope_text(row['scope'])}, {day}"
    facts = {
        "Observed": f"{row['observed_value']:.4g}",
        "Limit": f"{row['limit_value']:.4g}",
        "Enrolments": f"{row['n_students']:,}",
    }
    lines = [row["message"], "", *(f"{name}: {value}" for name, value in facts.items()), f"Alert: {row['alert_id']}"]
    return " ".join(subject.split()), "\n".join(lines) + "\n"


def _thresholds(today: pd.DataFrame, limit: float) -> pd.DataFrame:
    counts = ["student_count", "n_high_risk"]
    overall = today.groupby("run_date")[counts].sum().reset_index().assign(scope=ALL)
    rows = pd.concat([today[["run_date", "scope", *counts]], overall], ignore_index=True)
    rows["observed_value"] = rows["n_high_risk"] / rows["student_count"]
    fired = rows[rows["observed_value"] > limit + EXACTNESS]
    return _alerts(fired, THRESHOLD, limit, critical_from=(1 + limit) / 2)


def _spikes(pairs: pd.DataFrame, limit: float) -> pd.DataFrame:
    pairs = pairs.assign(
        risk_total=pairs["avg_risk_score"] * pairs["student_count"],
        risk_total_before=pairs["avg_risk_score_before"] * pairs["student_count_before"],
    )
    sums = ["student_count", "risk_total", "student_count_before", "risk_total_before"]
    overall = pairs.groupby("run_date")[sums].sum().reset_index().assign(scope=ALL)
    rows = pd.concat([pairs[["run_date", "scope", *sums]], overall], ignore_index=True)
    rows = rows[(rows[["student_count", "student_count_before"]] >= MIN_STUDENTS).all(axis=1) & (rows["risk_total_before"] > 0)]
    rows["mean_risk"] = rows["risk_total"] / rows["student_count"]
    rows["mean_risk_before"] = rows["risk_total_before"] / rows["student_count_before"]
    rows["observed_value"] = rows["mean_risk"] / rows["mean_risk_before"] - 1
    fired = rows[rows["observed_value"] > limit + EXACTNESS]
    return _alerts(fired, SPIKE, limit, critical_from=2 * limit)


def _alerts(fired: pd.DataFrame, kind: str, limit: float | pd.Series, critical_from: float | pd.Series) -> pd.DataFrame:
    ids, messages = [], []
    for row in fired.to_dict("records"):
        day, scope = date_text(row["run_date"]), str(row["scope"])
        ids.append(f"{kind}_{quote(scope, safe='')}_{day}")
        figures = {str(name): value for name, value in row.items()} | {"who": _scope_text(scope), "day": day, "limit": limit}
        messages.append(SENTENCES[kind].format(**figures))
    severity = np.where(fired["observed_value"] >= critical_from - EXACTNESS, SEVERITIES[1], SEVERITIES[0])
    return pd.DataFrame(
        {
            "alert_id": pd.Series(ids, dtype="str"),
            "alert_date": fired["run_date"].to_numpy(),
            "alert_type": kind,
            "scope": fired["scope"].to_numpy(),
            "severity": severity,
            "observed_value": fired["observed_value"].to_numpy(),
            "limit_value": np.broadcast_to(limit, len(fired)),
            "n_students": fired["student_count"].to_numpy(),
            "message": pd.Series(messages, dtype="str"),
        }
    )


def _scope_text(scope: str) -> str:
    return "All courses" if scope == ALL else scope
