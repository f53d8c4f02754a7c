"""The tables of the student-success line. What each model feature means stands in the catalogue of `success.features`."""

from __future__ import annotations

from oulad_platform.core.tables import Column, Table
from oulad_platform.success.features.catalogue import CATALOGUE

MODULE = Column("code_module", "text", "Module.")
PRESENTATION = Column("code_presentation", "text", "Presentation, e.g. 2013J.")
STUDENT = Column("id_student", "int32", "The student.", minimum=0)
ENROLMENT = (MODULE, PRESENTATION, STUDENT)
WEEK = Column("week", "int16", "Week of the presentation, 0 = its first.", "weeks")
DAY = Column("day", "int16", "Day of the presentation, 0 = its first.", "days")
RUN_DATE = Column("run_date", "date", "The day the figure was made for; it uses nothing dated that day or later.")
RISK = Column("risk_score", "float64", "Probability of failing or withdrawing.", "probability", minimum=0, maximum=1)
VERSION = Column("model_version", "text", "Which model, or 'rule' before any cohort had closed.")
ALL = "all"

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
        VERSION,
    ),
    key=("run_date", "id_student", "code_module", "code_presentation"),
    day="run_date",
    allow_empty=True,
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
        VERSION,
    ),
    key=("run_date", "code_module", "code_presentation"),
    day="run_date",
    allow_empty=True,
)
ALERT_TYPES = ("threshold", "spike", "drift")
SEVERITIES = ("warning", "critical")
ALERT_LOG = Table(
    "alert_log",
    "One row per alert: its type, scope and day. No row when nothing fires.",
    (
        Column("alert_id", "text", "Type, scope and day, safe in a file name."),
        Column("alert_date", "date", "The day it is about."),
        Column(
            "alert_type",
            "text",
            "threshold: too many at high risk; spike: mean risk rose; drift: the model may rank worse.",
            allowed=ALERT_TYPES,
        ),
        Column("scope", "text", "'all', or module-presentation."),
        Column(
            "severity",
            "text",
            "critical: a rise or drift of twice its limit or more, a share half way or more from its limit to 1; else warning.",
            allowed=SEVERITIES,
        ),
        Column("observed_value", "float64", "What was measured."),
        Column("limit_value", "float64", "The limit it is above."),
        Column("n_students", "int32", "Enrolments it rests on.", "enrolments", minimum=0),
        Column("message", "text", "One sentence for a person."),
    ),
    key=("alert_id",),
    day="alert_date",
    allow_empty=True,
)
ARMS = ("control", "treatment")
VERDICTS = ("effect", "no effect shown", "under-powered")
EXPERIMENT_ASSIGNMENTS = Table(
    "experiment_assignments",
    "One row per experiment and student: the arm a keyed hash put them in.",
    (
        Column("experiment_id", "text", "The experiment."),
        Column("assigned_date", "date", "The day whose risk scores chose the population."),
        *(STUDENT, MODULE, PRESENTATION),
        RISK,
        Column("stratum", "text", "Module and tenth of risk within which students were randomised."),
        Column("arm", "text", "control or treatment.", allowed=ARMS),
    ),
    key=("experiment_id", "id_student"),
    allow_empty=True,
)
EXPERIMENT_RESULTS = Table(
    "experiment_results",
    "One row per experiment and scenario: an offline simulation on outcomes of closed cohorts.",
    (
        Column("experiment_id", "text", "The experiment."),
        Column("uplift_points", "float64", "Assumed effect on the pass rate.", "percentage points"),
        Column("n_control", "int32", "Students in the control arm.", "students", minimum=0),
        Column("n_treatment", "int32", "Students in the treatment arm.", "students", minimum=0),
        Column("n_passed_control", "int32", "Of the control arm, passed.", "students", minimum=0),
        Column("n_passed_treatment", "int32", "Of the treatment arm, passed in the simulation.", "students", minimum=0),
        Column("pass_rate_control", "float64", "Share passed.", "", True, minimum=0, maximum=1),
        Column("pass_rate_treatment", "float64", "Share passed.", "", True, minimum=0, maximum=1),
        Column("difference", "float64", "Treatment minus control.", "", True, minimum=-1, maximum=1),
        Column("newcombe_low", "float64", "95 % Newcombe interval, lower end.", "", True),
        Column("newcombe_high", "float64", "95 % Newcombe interval, upper end.", "", True),
        Column("bootstrap_low", "float64", "95 % bootstrap interval, lower end.", "", True),
        Column("bootstrap_high", "float64", "95 % bootstrap interval, upper end.", "", True),
        Column("z", "float64", "Two-proportion z, pooled, no continuity correction.", "", True),
        Column("p_value", "float64", "Two-sided.", "", True, minimum=0, maximum=1),
        Column("p_value_holm", "float64", "Holm over the scenarios.", "", True, minimum=0, maximum=1),
        Column("minimum_detectable_points", "float64", "Effect found with 80 % power.", "percentage points", True, minimum=0),
        Column("verdict", "text", "under-powered: the assumed uplift is below the detectable one.", allowed=VERDICTS),
    ),
    key=("experiment_id", "uplift_points"),
    allow_empty=True,
)
ROI_SENSITIVITY = Table(
    "roi_sensitivity",
    "One row per assumed uplift and cost per student.",
    (
        Column("uplift_points", "float64", "Assumed effect on the pass rate.", "percentage points"),
        Column("cost_per_student", "float64", "Cost of contacting one student.", "currency", minimum=0),
        Column("value_per_pass", "float64", "Value of one more student passing.", "currency", minimum=0),
        Column("n_contacted", "int32", "Students contacted.", "students", minimum=0),
        Column("incremental_passes", "float64", "Passes more than without contact.", "students"),
        Column("intervention_cost", "float64", "Students times cost.", "currency", minimum=0),
        Column("net_benefit", "float64", "incremental_passes * value_per_pass - intervention_cost.", "currency"),
        Column("roi", "float64", "Net benefit for each unit of cost; absent when nothing was spent.", "ratio", True),
    ),
    key=("uplift_points", "cost_per_student"),
    allow_empty=True,
)
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
