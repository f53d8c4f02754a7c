"""The log of alerts and their episodes as SQL, for people with a BI tool. The same episodes as frames are `core.alerts`'."""

from __future__ import annotations

from oulad_platform.core.tables import View

GAP_DAYS = 7
TABLES = ("risk_alerts", "enrollment_alerts", "operation_alerts")
_COLUMNS = "alert_id, alert_date, alert_type, scope, severity, observed_value, limit_value, n_students, message"
_DIALECTS = {
    "postgresql": ("{0} - {1}", "CAST(SUBSTR(alert_id, LENGTH(alert_id) - 9) AS date)"),
    "sqlite": ("JULIANDAY({0}) - JULIANDAY({1})", "SUBSTR(alert_id, LENGTH(alert_id) - 9)"),
}
_EPISODES = """
WITH logged AS (
  SELECT {columns}, SUBSTR(alert_id, 1, LENGTH(alert_id) - 11) AS series FROM alert_log
), stepped AS (
  SELECT logged.*, LAG(alert_date) OVER (PARTITION BY series ORDER BY alert_date) AS day_before FROM logged
), begun AS (
  SELECT stepped.*, CASE WHEN {since} <= {gap} THEN 0 ELSE 1 END AS begins FROM stepped
), in_runs AS (
  SELECT begun.*, SUM(begins) OVER (PARTITION BY series ORDER BY alert_date) AS run FROM begun
), runs AS (
  SELECT series, run, MIN(alert_date) AS first_day, MAX(alert_date) AS last_day FROM in_runs GROUP BY series, run
), known AS (
  SELECT MAX(day) AS day FROM (
    SELECT day FROM published_days WHERE table_name IN ({tables}) UNION ALL SELECT alert_date AS day FROM alert_log
  ) AS days
), decided AS (
  SELECT DISTINCT runs.series, runs.run, named.decision, named.day
  FROM (SELECT SUBSTR(alert_id, 1, LENGTH(alert_id) - 11) AS series, {day} AS day, decision FROM alert_decisions) AS named
  JOIN runs ON runs.series = named.series AND {after} <= {gap} AND {ahead} <= {gap}
  JOIN known ON named.day <= known.day
), in_parts AS (
  SELECT in_runs.*, (
    SELECT COUNT(*) FROM decided WHERE decided.series = in_runs.series AND decided.run = in_runs.run
    AND decided.decision = 'resolved' AND decided.day < in_runs.alert_date
  ) AS part FROM in_runs
), acknowledged AS (
  SELECT DISTINCT one.series, one.run, (
    SELECT COUNT(*) FROM decided WHERE decided.series = one.series AND decided.run = one.run
    AND decided.decision = 'resolved' AND decided.day < one.day
  ) AS part FROM decided AS one WHERE one.decision = 'acknowledged'
), spans AS (
  SELECT series, run, part, MIN(alert_date) AS first_seen, MAX(alert_date) AS last_seen, COUNT(*) AS n_days,
  MIN(alert_id) AS first_alert_id, MAX(CASE severity WHEN 'critical' THEN 1 ELSE 0 END) AS is_critical
  FROM in_parts GROUP BY series, run, part
)
SELECT newest.alert_type, newest.scope, spans.first_seen, spans.last_seen, spans.n_days,
CASE spans.is_critical WHEN 1 THEN 'critical' ELSE 'warning' END AS severity,
newest.observed_value, newest.limit_value, newest.n_students, newest.message,
CASE
  WHEN {silent} > {gap} OR EXISTS (
    SELECT 1 FROM decided WHERE decided.series = spans.series AND decided.run = spans.run
    AND decided.decision = 'resolved' AND decided.day >= spans.last_seen
  ) THEN 'resolved'
  WHEN acknowledged.series IS NOT NULL THEN 'acknowledged'
  ELSE 'open'
END AS state,
spans.first_alert_id, newest.alert_id AS last_alert_id
FROM spans
JOIN in_parts AS newest ON newest.series = spans.series AND newest.alert_date = spans.last_seen
LEFT JOIN acknowledged
ON acknowledged.series = spans.series AND acknowledged.run = spans.run AND acknowledged.part = spans.part
CROSS JOIN known
"""


def _select(difference: str, day: str) -> str:
    return _EPISODES.format(
        columns=_COLUMNS,
        day=day,
        gap=GAP_DAYS,
        tables=", ".join(f"'{table}'" for table in TABLES),
        since=difference.format("alert_date", "day_before"),
        after=difference.format("named.day", "runs.last_day"),
        ahead=difference.format("runs.first_day", "named.day"),
        silent=difference.format("known.day", "spans.last_seen"),
    )


ALERT_LOG = View(
    "alert_log",
    "One row per alert: its type, scope and day, whatever raised it.",
    dict.fromkeys(_DIALECTS, " UNION ALL ".join(f"SELECT {_COLUMNS} FROM {table}" for table in TABLES)),  # noqa: S608
)
ALERT_EPISODES = View(
    "alert_episodes",
    "One row per episode: days on which the same type and scope fired, 7 silent days or more end it; state as of the newest day "
    "that alerts were made for.",
    {dialect: _select(*words) for dialect, words in _DIALECTS.items()},
)
