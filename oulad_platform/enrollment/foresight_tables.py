"""Tables of what follows from the enrolment figures: trend, forecast and its backtest, anomalies and their benchmark."""

from __future__ import annotations

from oulad_platform.core.tables import Column, Table, View
from oulad_platform.enrollment.tables import NAME, SCOPE

AS_OF = Column("as_of_date", "date", "The newest day the figure knows of.")
METHODS = ("pickup", "naive", "linear_regression", "moving_average", "ets", "arima")
METHOD = Column("method", "text", "How it was forecast.", allowed=METHODS)
TARGET = Column("target_date", "date", "The day that is forecast.")
LEAD = Column("lead_days", "int16", "Days from the newest known day to the target.", "days", minimum=1)


def _number(name: str, meaning: str) -> Column:
    return Column(name, "float64", meaning, "enrolments", minimum=0)


def _intervals(nullable: bool) -> tuple[Column, ...]:
    absent = " Absent while fewer than 3 errors were known." if nullable else ""
    return tuple(
        Column(
            f"{side}_{level}",
            "float64",
            f"{side.capitalize()} end of the {level} % interval.{absent}",
            "enrolments",
            nullable,
            None,
            0,
        )
        for level in (80, 95)
        for side in ("lower", "upper")
    )


DIRECTIONS = ("rising", "falling", "steady", "unknown")
ENROLLMENT_TRENDS = Table(
    "enrollment_trends",
    "One row per scope and name: where its enrolment is heading, as of the newest day.",
    (
        AS_OF,
        SCOPE,
        NAME,
        Column("window_days", "int16", "Days back that the slope looks at.", "days", minimum=1),
        Column("n_days", "int16", "Days with a snapshot in the window.", "days", minimum=1),
        Column("slope_per_day", "float64", "Least-squares slope on dates.", "enrolments a day", nullable=True),
        Column("slope_lower", "float64", "Lower end of its 95 % interval.", "enrolments a day", nullable=True),
        Column("slope_upper", "float64", "Upper end of its 95 % interval.", "enrolments a day", nullable=True),
        Column(
            "p_value", "float64", "Of no slope; days follow one another, so autocorrelation is allowed for.", "", True, None, 0, 1
        ),
        Column("direction", "text", "rising or falling when the interval leaves 0 out, else steady.", allowed=DIRECTIONS),
        _number("average_3_days", "Mean of the last 3 days."),
        _number("average_7_days", "Mean of the last 7 days."),
    ),
    key=("scope", "name"),
)
ENROLLMENT_FORECAST = Table(
    "enrollment_forecast",
    "One row per scope, name, target day and method, made on the newest day; the method that is used is marked.",
    (
        AS_OF,
        SCOPE,
        NAME,
        TARGET,
        LEAD,
        METHOD,
        Column(
            "is_used",
            "bool",
            "Smallest error against naive in the backtest: at this lead, or over a daily path.",
        ),
        Column("is_census", "bool", "The target is the census day of the term."),
        _number("expected", "Expected enrolment."),
        *_intervals(nullable=False),
    ),
    key=("scope", "name", "target_date", "method"),
    allow_empty=True,
)
FORECAST_BACKTEST = Table(
    "forecast_backtest",
    "One row per series, target day, lead and method: what would have been forecast then, and what came.",
    (
        SCOPE,
        NAME,
        TARGET,
        LEAD,
        METHOD,
        Column("is_census", "bool", "The target was the census day of the term."),
        _number("actual", "What came."),
        _number("expected", "What would have been forecast, from what was known `lead_days` before."),
        *_intervals(nullable=True),
    ),
    key=("scope", "name", "target_date", "lead_days", "method"),
    allow_empty=True,
)
_ACCURACY = """
        SELECT b.scope, b.is_census, b.method, b.lead_days,
               COUNT(*) AS n_forecasts,
               SUM(ABS(b.expected - b.actual)) / NULLIF(SUM(b.actual), 0) AS wape,
               SUM(b.expected - b.actual) / NULLIF(SUM(b.actual), 0) AS bias,
               CASE WHEN SUM(ABS(b.expected - b.actual)) = 0 AND SUM(ABS(n.expected - n.actual)) = 0 THEN 1.0
                    ELSE SUM(ABS(b.expected - b.actual)) / NULLIF(SUM(ABS(n.expected - n.actual)), 0) END AS error_to_naive,
               COUNT(b.lower_80) AS n_intervals,
               AVG(CASE WHEN b.actual BETWEEN b.lower_80 AND b.upper_80 THEN 1.0
                        WHEN b.lower_80 IS NOT NULL THEN 0.0 END) AS coverage_80,
               AVG(CASE WHEN b.actual BETWEEN b.lower_95 AND b.upper_95 THEN 1.0
                        WHEN b.lower_95 IS NOT NULL THEN 0.0 END) AS coverage_95
        FROM forecast_backtest b
        LEFT JOIN forecast_backtest n ON n.scope = b.scope AND n.name = b.name AND n.target_date = b.target_date
             AND n.lead_days = b.lead_days AND n.method = 'naive'
        GROUP BY b.scope, b.is_census, b.method, b.lead_days"""
FORECAST_ACCURACY = View(
    "forecast_accuracy",
    "One row per scope, kind of target, method and lead: error (WAPE), bias, error against naive's, coverage in the backtest.",
    {"postgresql": _ACCURACY, "sqlite": _ACCURACY},
)
MEASURES = ("total_enrollment", "new_students", "dropped_students")
ENROLLMENT_ANOMALIES = Table(
    "enrollment_anomalies",
    "One row per day, scope, name and measure that could be judged: what was expected, and whether the day is unusual.",
    (
        Column("date", "date", "The day; it is judged by the days before it."),
        SCOPE,
        NAME,
        Column("measure", "text", "Which figure of enrollment_metrics.", allowed=MEASURES),
        Column("observed", "float64", "The day's figure.", "enrolments"),
        Column("expected", "float64", "What days like this had.", "enrolments"),
        Column("lower", "float64", "Lower end of the expected range.", "enrolments"),
        Column("upper", "float64", "Upper end of the expected range.", "enrolments"),
        Column("score", "float64", "Distance from the expected, in robust standard deviations of the square root.", ""),
        Column("is_anomaly", "bool", "Outside the expected range; for the total also: no figure has changed for too long."),
        Column("reason", "text", "Why it is unusual, in words; empty otherwise."),
    ),
    key=("date", "scope", "name", "measure"),
    day="date",
    allow_empty=True,
)
FAULTS = ("half_load", "double_load", "missing_program", "mass_drop", "stuck_feed", "none")
DETECTORS = ("robust_seasonal", "z_score", "fixed_percent")
ANOMALY_BENCHMARK = Table(
    "anomaly_benchmark",
    "One row per detector and injected fault: how many of the faults it finds in this institution's own history, one at a time.",
    (
        Column("detector", "text", "robust_seasonal is the one in use.", allowed=DETECTORS),
        Column("fault", "text", "What was injected; none: false alarms on the days as they were.", allowed=FAULTS),
        Column("n_injected", "int32", "Faults injected; for none, months (30 judged days) of a series.", "", minimum=0),
        Column("n_found", "int32", "Of these found; for none, days on which a series raised.", "", minimum=0),
        Column("rate", "float64", "Recall; for none, alarms a month and series.", "", nullable=True, minimum=0),
    ),
    key=("detector", "fault"),
    allow_empty=True,
)
