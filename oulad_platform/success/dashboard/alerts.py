"""The page's section on alerts, and which figures of an alert may be shown to many, here and in the summary."""

from __future__ import annotations

from typing import Any

import pandas as pd

from oulad_platform.core.alert_messages import KINDS
from oulad_platform.core.privacy import TOTAL, Disclosure
from oulad_platform.success.dashboard.counts import CourseCounts
from oulad_platform.success.dashboard.views import ABSENT, HIDDEN, Grid, Row, Section, each, named, nearest, plain, shown

MOST_ALERTS = 40
EVERYTHING = ("all", "total")
ANOMALY = "anomaly"
COUNTED = (ANOMALY, "data_quality")


def alerts_section(episodes: pd.DataFrame, counts: CourseCounts, rule: Disclosure) -> Section:
    """The open episodes of alerts, critical ones first. `episodes`: one row an episode, as core.alerts.episodes gives them."""
    title = "Open alerts"
    current = episodes[episodes["state"] != "resolved"]
    n_resolved = len(episodes) - len(current)
    ended = f"Over: {n_resolved:,}." if n_resolved else ""
    if current.empty:
        return Section("alerts", title, tuple(line for line in ("No alert is open.", ended) if line))
    n_critical = int((current["severity"] == "critical").sum())
    lines = [f"{len(current):,} open, {n_critical:,} of them critical. {ended}".strip()]
    current = current.sort_values(["severity", "last_seen", "alert_type", "scope"], ascending=[True, False, True, True])
    if len(current) > MOST_ALERTS:
        lines.append(f"The first {MOST_ALERTS} are listed; all are in alert_episodes.")
    courses = {f"{name[0]}-{name[1]}": name for name in counts.courses.index if name != TOTAL}
    courses |= {f"program {module}": (module, "") for module, _ in list(courses.values())}
    secret = secret_scopes(counts)
    rows = []
    for alert in each(current.head(MOST_ALERTS)):
        name = courses.get(alert.scope)
        what = KINDS[alert.alert_type]
        about = "everything" if alert.scope in EVERYTHING else shown(alert.scope)
        since = f"{alert.first_seen.day} {alert.first_seen:%b}"
        cells = (about, what, f"{alert.severity}, {alert.state}", since, f"{alert.n_days:,}", measured(alert, secret, rule))
        rows.append(Row(cells, *(name or ("", ""))))
    columns = ("About", "What", "State", "Since", "Days", "Measured (limit)")
    return Section(
        "alerts",
        title,
        tuple(lines),
        grids=(Grid("Critical ones first, newest first", columns, tuple(rows), words=(1, 2), printed=8),),
    )


def secret_scopes(counts: CourseCounts) -> set[str]:
    """The scopes of alerts about courses with a withheld count."""
    courses = [name for name, row in named(counts.courses) if name != TOTAL and (pd.isna(row.scored) or pd.isna(row.high))]
    return {f"{module}-{presentation}" for module, presentation in courses}


def measured(alert: Any, secret: set[str], rule: Disclosure) -> str:
    """What was measured and its limit; HIDDEN where it leads to a count that is withheld, ABSENT where there is no figure.

    `alert`: a row of alert_log or an episode; `secret`: of `secret_scopes`. The share of a threshold is that of counts as they
    may be shown (`success.alerts`).
    """
    kind, observed, limit, n = alert.alert_type, alert.observed_value, alert.limit_value, alert.n_students
    if pd.isna(observed):
        return ABSENT
    if alert.scope in secret:
        return HIDDEN
    if kind == ANOMALY and rule.rounds:
        known = [f"{nearest(value, rule):,}" for value in (observed, limit) if pd.notna(value)]
        return known[0] if len(known) == 1 else f"{known[0]} ({known[1]})"
    if kind in COUNTED:  # an earlier day's count beside today's tells a change of a few
        return HIDDEN
    is_share = kind == "threshold" and not rule.rounds
    counted = [] if pd.isna(n) else [n, n * observed, n * (1 - observed)] if is_share else [n]
    if min(counted, default=rule.mean_from) < rule.mean_from:
        return HIDDEN
    if kind in ("threshold", "spike"):
        return f"{100 * observed:.0f}\u00a0% ({100 * limit:.0f}\u00a0%)" if pd.notna(limit) else f"{100 * observed:.0f}\u00a0%"
    return f"{plain(observed, 2)} ({plain(limit, 2)})"
