"""The success line for BI tools: the newest rows of the marts, and facts and a dimension of models for a star schema.

`dim_course` is a table, `dim_date` a view of the enrollment line, `alert_log` one of `core.alerts`. Counts by course are those
that may be shown to many (`publication`). Reasons and contact texts are not in the facts; `student_risk_latest` and
`caseload_daily` have them.
"""

from __future__ import annotations

from oulad_platform.core.alert_views import TABLES as ALERT_TABLES
from oulad_platform.core.tables import Table, View, stored
from oulad_platform.success.caseload.tables import CASELOAD_DAILY
from oulad_platform.success.publication import COURSE_SUMMARY_PUBLISHED
from oulad_platform.success.tables import DIM_COURSE, STUDENT_RISK_DAILY

TEXTS = ("why", "why_now", "suggested_action", "other_modules")
OF_ALERTS = " UNION ALL ".join(
    f"SELECT alert_date, alert_id, alert_type, scope, severity FROM {table}"  # noqa: S608
    for table in ALERT_TABLES
)
OF_COURSE = "c.code_module = f.code_module AND c.code_presentation = f.code_presentation"
NEWEST = (
    "(SELECT code_module, code_presentation, MAX(run_date) AS run_date FROM course_summary_published "
    "GROUP BY code_module, code_presentation) AS newest"
)


def _everywhere(select: str) -> dict[str, str]:
    return dict.fromkeys(("postgresql", "sqlite"), select)


def _latest(table: Table) -> str:
    """The rows of each presentation's own newest day: the days come from the small table, the rows by index."""
    return (
        f"SELECT {', '.join(f'f.{name}' for name in stored(table).names)} FROM {NEWEST} JOIN {table.name} AS f "  # noqa: S608
        "ON f.code_module = newest.code_module AND f.code_presentation = newest.code_presentation "
        "AND f.run_date = newest.run_date"
    )


def _fact(table: Table, without: tuple[str, ...] = (), more: str = "") -> str:
    """The table's columns beside `date` and `course_key`, which the dimensions are joined by; `without` its texts."""
    own = [c.name for c in stored(table).columns if c.name not in (table.day, *DIM_COURSE.key, *without)]
    return (
        f"SELECT f.{table.day} AS date, c.course_key, {', '.join(f'f.{name}' for name in own)}{more} "  # noqa: S608
        f"FROM {table.name} AS f JOIN dim_course AS c ON {OF_COURSE}"
    )


STUDENT_RISK_LATEST = View(
    "student_risk_latest",
    "One row per enrolment of each presentation's own newest day, with reasons.",
    _everywhere(_latest(STUDENT_RISK_DAILY)),
)
COURSE_SUMMARY_LATEST = View(
    "course_summary_latest", "One row per presentation: its own newest day.", _everywhere(_latest(COURSE_SUMMARY_PUBLISHED))
)
FACT_RISK_DAILY = View(
    "fact_risk_daily",
    "One row per live enrolment and day: risk, band, change over seven days. Many rows: filter by date or course.",
    _everywhere(_fact(STUDENT_RISK_DAILY, ("reason_1", "reason_2", "reason_3"))),
)
FACT_COURSE_DAILY = View(
    "fact_course_daily",
    "One row per course and day: counts, rates, and the sum of risk, which may be added up; what is withheld is absent.",
    _everywhere(_fact(COURSE_SUMMARY_PUBLISHED, more=", f.student_count * f.avg_risk_score AS risk_total")),
)
FACT_ALERTS = View(
    "fact_alerts",
    "One row per alert, without its figures; course_key where it is about one course.",
    _everywhere(
        f"SELECT a.alert_date AS date, c.course_key, a.alert_id, a.alert_type, a.scope, a.severity FROM ({OF_ALERTS}) AS a "  # noqa: S608
        "LEFT JOIN dim_course AS c ON c.course_key = a.scope"
    ),
)
FACT_CASELOAD = View(
    "fact_caseload",
    "One row per day and student on an adviser's list.",
    _everywhere(_fact(CASELOAD_DAILY, TEXTS)),
)
DIM_MODEL = View(
    "dim_model",
    "One row per model version that may stand in a fact, and one for the rule.",
    _everywhere(
        "SELECT model_version, status, backend, learner, trained_from, champion_from, n_enrolments, base_rate, auc_difference, "
        "ece FROM model_registry UNION ALL "
        "SELECT 'rule', 'rule', 'none', 'rule', NULL, NULL, NULL, NULL, NULL, NULL"
    ),
)
SUCCESS_VIEWS = (
    STUDENT_RISK_LATEST,
    COURSE_SUMMARY_LATEST,
    FACT_RISK_DAILY,
    FACT_COURSE_DAILY,
    FACT_ALERTS,
    FACT_CASELOAD,
    DIM_MODEL,
)
