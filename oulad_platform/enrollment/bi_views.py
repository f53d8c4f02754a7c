"""The star schema for BI tools: dimensions of days and scopes, facts by day, change and forecast. No row names anybody.

All but the facts of changes read what may be shown to many (`publication`); those count single events, for the registry.
"""

from __future__ import annotations

from oulad_platform.core.tables import View

SCOPE_KEY = "scope || ':' || name"
_DATES = {
    "postgresql": (
        "CAST(TO_CHAR(date, 'YYYYMMDD') AS integer)",
        "CAST(EXTRACT(year FROM date) AS integer)",
        "CAST(EXTRACT(month FROM date) AS integer)",
        "TO_CHAR(date, 'YYYY-MM')",
        "CAST(DATE_TRUNC('week', date) AS date)",
        "CAST(EXTRACT(isodow FROM date) AS integer)",
    ),
    "sqlite": (
        "CAST(STRFTIME('%Y%m%d', date) AS integer)",
        "CAST(STRFTIME('%Y', date) AS integer)",
        "CAST(STRFTIME('%m', date) AS integer)",
        "STRFTIME('%Y-%m', date)",
        "DATE(date, 'weekday 0', '-6 days')",
        "CASE STRFTIME('%w', date) WHEN '0' THEN 7 ELSE CAST(STRFTIME('%w', date) AS integer) END",
    ),
}
_NAMES = ("date_key", "year", "month", "year_month", "week_start", "day_of_week_number")


def _everywhere(select: str) -> dict[str, str]:
    return dict.fromkeys(("postgresql", "sqlite"), select)


DIM_DATE = View(
    "dim_date",
    "One row per day that any table was published for, that a forecast is about, or on which a job failed.",
    {
        dialect: f"SELECT date, {', '.join(f'{expression} AS {name}' for expression, name in zip(of, _NAMES, strict=True))} "  # noqa: S608
        "FROM (SELECT day AS date FROM published_days UNION SELECT target_date FROM enrollment_forecast_published "
        "UNION SELECT alert_date FROM operation_alerts) AS days"
        for dialect, of in _DATES.items()
    },
)
DIM_SCOPE = View(
    "dim_scope",
    "One row per scope and name that enrolment is counted for.",
    _everywhere(f"SELECT {SCOPE_KEY} AS scope_key, scope, name FROM enrollment_metrics_published GROUP BY scope, name"),  # noqa: S608
)
FACT_ENROLLMENT_DAILY = View(
    "fact_enrollment_daily",
    "One row per day and scope: counts, and the difference to the day before and to last year's; what is withheld is absent.",
    _everywhere(
        "SELECT m.date, m.scope || ':' || m.name AS scope_key, m.total_enrollment, m.new_students, m.returned_students, "
        "m.dropped_students, m.completed_students, m.baseline_students, m.moved_in, m.moved_out, "
        "m.total_enrollment - p.total_enrollment AS net_change, m.days_to_term_start, m.days_to_census, "
        "y.total_enrollment AS last_year_enrollment, m.total_enrollment - y.total_enrollment AS last_year_difference "
        "FROM enrollment_metrics_published AS m "
        "LEFT JOIN enrollment_metrics_published AS p ON p.date = m.previous_date AND p.scope = m.scope AND p.name = m.name "
        "LEFT JOIN enrollment_metrics_published AS y ON y.date = m.last_year_date AND y.scope = m.scope AND y.name = m.name"
    ),
)
FACT_ENROLLMENT_CHANGES = View(
    "fact_enrollment_changes",
    "One row per day, program, kind of change and attribute: how many.",
    _everywhere(
        "SELECT snapshot_date AS date, 'program:' || program AS scope_key, change, attribute, COUNT(*) AS n_changes "
        "FROM enrollment_deltas GROUP BY snapshot_date, program, change, attribute"
    ),
)
FACT_ENROLLMENT_FORECAST = View(
    "fact_enrollment_forecast",
    "One row per scope and target day: the forecast in use.",
    _everywhere(
        f"SELECT as_of_date, target_date AS date, {SCOPE_KEY} AS scope_key, lead_days, is_census, method, expected, lower_80, "  # noqa: S608
        "upper_80, lower_95, upper_95 FROM enrollment_forecast_published WHERE is_used"
    ),
)
BI_VIEWS = (DIM_DATE, DIM_SCOPE, FACT_ENROLLMENT_DAILY, FACT_ENROLLMENT_CHANGES, FACT_ENROLLMENT_FORECAST)
