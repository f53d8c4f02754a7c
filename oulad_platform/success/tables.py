"""The tables of the student-success line. What each model feature means stands in the catalogue of `success.features`."""

from __future__ import annotations

from oulad_platform.core.alerts import ALL as ALL
from oulad_platform.core.alerts import alert_table
from oulad_platform.core.tables import Column, Reference, Table
from oulad_platform.success.features.catalogue import CATALOGUE

MODULE = Column("code_module", "text", "Module.")
PRESENTATION = Column("code_presentation", "text", "Presentation, e.g. 2013J.")
STUDENT = Column("id_student", "int32", "The student.", minimum=0, personal=True, student=True)
ENROLMENT = (MODULE, PRESENTATION, STUDENT)
WEEK = Column("week", "int16", "Week of the presentation, 0 = its first.", "weeks")
DAY = Column("day", "int16", "Day of the presentation, 0 = its first.", "days")
RUN_DATE = Column("run_date", "date", "The day the figure was made for; it uses nothing dated that day or later.")
RISK = Column("risk_score", "float64", "Probability of failing or withdrawing.", "probability", minimum=0, maximum=1)
VERSION = Column("model_version", "text", "Which model, or 'rule' before any cohort had closed.")

STUDENT_WEEKS = Table(
    "student_weeks",
    "One row per enrolment in force and week, silent weeks too.",
    (
        *ENROLMENT,
        WEEK,
        Column("n_clicks", "int32", "Clicks in the week.", "clicks", minimum=0),
        Column("n_active_days", "int8", "Days with a click.", "days", minimum=0, maximum=7),
        Column("n_submissions", "int16", "Assessments handed in, exams and banked ones aside.", "assessments", minimum=0),
        Column("score_mean", "float32", "Mean mark of those.", "percent", True, minimum=0, maximum=100),
        Column("is_silent", "bool", "No click and nothing handed in."),
    ),
    key=("code_module", "code_presentation", "id_student", "week"),
    allow_empty=True,
)
FEATURES = Table(
    "features",
    "One row per live enrolment and day, from what was known before that day.",
    (RUN_DATE, *ENROLMENT, DAY, *(Column(f.name, "float32", f.meaning, f.unit, nullable=True) for f in CATALOGUE)),
    key=("run_date", "code_module", "code_presentation", "id_student"),
    day="run_date",
    allow_empty=True,
)
DIM_COURSE = Table(
    "dim_course",
    "One row per module and presentation ever seen; rows stay, since the marts refer to them.",
    (
        Column("course_key", "text", "Module and presentation, e.g. AAA-2013J."),
        MODULE,
        PRESENTATION,
        Column("start_date", "date", "First day."),
        Column("end_date", "date", "Last day."),
    ),
    key=("code_module", "code_presentation"),
    allow_empty=True,
)
OF_COURSE = Reference(("code_module", "code_presentation"), DIM_COURSE)
BANDS = ("low", "medium", "high")
STUDENT_RISK_DAILY = Table(
    "student_risk_daily",
    "One row per live enrolment and day: the risk of failing or withdrawing.",
    (
        RUN_DATE,
        STUDENT,
        MODULE,
        PRESENTATION,
        WEEK,
        DAY,
        RISK,
        Column("risk_band", "text", "high: flagged; medium: above half of HIGH_RISK_THRESHOLD; low: the rest.", allowed=BANDS),
        Column("high_risk_flag", "bool", "The score is above HIGH_RISK_THRESHOLD."),
        Column(
            "risk_change_7d",
            "float64",
            "Risk less that of seven days before; absent unless the same model scored the enrolment then.",
            "probability",
            True,
            minimum=-1,
            maximum=1,
        ),
        *(
            Column(f"reason_{rank}", "text", "Why the risk is high, strongest first; absent: no such reason.", nullable=True)
            for rank in (1, 2, 3)
        ),
        Column(
            "weekly_score_mean",
            "float64",
            "Mean mark of what was handed in in the seven days before, exams and banked ones aside; absent: no mark.",
            "percent",
            True,
            minimum=0,
            maximum=100,
        ),
        Column(
            "cum_submissions", "int16", "Assessments handed in so far, exams and banked ones aside.", "assessments", minimum=0
        ),
        VERSION,
    ),
    key=("run_date", "id_student", "code_module", "code_presentation"),
    day="run_date",
    allow_empty=True,
    references=(OF_COURSE,),
    indexes=(("id_student", "run_date"), ("code_module", "code_presentation", "run_date")),
)
COURSE_SUMMARY_DAILY = Table(
    "course_summary_daily",
    "One row per module, presentation and day.",
    (
        RUN_DATE,
        MODULE,
        PRESENTATION,
        WEEK,
        Column("student_count", "int32", "Live enrolments scored.", "enrolments", minimum=1),
        Column("avg_risk_score", "float64", "Their mean risk.", "probability", minimum=0, maximum=1),
        Column("n_high_risk", "int32", "Of these, flagged high risk.", "enrolments", minimum=0),
        Column("high_risk_rate", "float64", "Share flagged high risk.", "", minimum=0, maximum=1),
        Column("n_compared", "int32", "Of these, scored by the same model seven days before.", "enrolments", minimum=0),
        Column("compared_risk", "float64", "Mean risk of the compared.", "probability", True, minimum=0, maximum=1),
        Column(
            "compared_risk_7d_ago", "float64", "Their mean risk seven days before.", "probability", True, minimum=0, maximum=1
        ),
        Column(
            "high_risk_rate_change_7d",
            "float64",
            "Share of the compared flagged now less seven days before.",
            "",
            True,
            minimum=-1,
            maximum=1,
        ),
        VERSION,
    ),
    key=("run_date", "code_module", "code_presentation"),
    day="run_date",
    allow_empty=True,
    references=(OF_COURSE,),
)
RISK_ALERTS = alert_table("risk_alerts", "One row per risk or drift alert: its type, scope and day. No row when nothing fires.")
EXECUTIVE_SUMMARY = Table(
    "executive_summary",
    "One row per sentence of the summary, each with its number and the table it comes from.",
    (
        Column("position", "int16", "Order in the summary.", minimum=1),
        Column("heading", "text", "Section."),
        Column("sentence", "text", "The sentence, with its number."),
        Column("value", "float64", "The number itself.", nullable=True),
        Column("source_table", "text", "Table the number comes from."),
    ),
    key=("position",),
)
