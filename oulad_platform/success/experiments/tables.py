"""The tables of experiments, simulated and live."""

from __future__ import annotations

from oulad_platform.core.tables import Column, Table
from oulad_platform.success.tables import MODULE, PRESENTATION, RISK, STUDENT

CONTROL, TREATMENT = ARMS = ("control", "treatment")
VERDICTS = ("effect", "no effect shown", "under-powered")
P_VALUE = "Two-sided, of z; Fisher's exact where a cell is expected to hold fewer than 5."
EXPERIMENT_ASSIGNMENTS = Table(
    "experiment_assignments",
    "One row per experiment and student: the arm a keyed hash put them in. A simulation: nobody is contacted by it.",
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
        Column("bootstrap_low", "float64", "95 % BCa bootstrap interval, lower end.", "", True),
        Column("bootstrap_high", "float64", "95 % BCa bootstrap interval, upper end.", "", True),
        Column("z", "float64", "Two-proportion z, pooled, no continuity correction.", "", True),
        Column("p_value", "float64", P_VALUE, "", True, minimum=0, maximum=1),
        Column("p_value_holm", "float64", "Holm over the scenarios.", "", True, minimum=0, maximum=1),
        Column("minimum_detectable_points", "float64", "Effect found with 80 % power.", "percentage points", True, minimum=0),
        Column("verdict", "text", "under-powered: the assumed uplift is below the detectable one.", allowed=VERDICTS),
    ),
    key=("experiment_id", "uplift_points"),
    allow_empty=True,
)
POPULATIONS = ("high risk", "all")
EVERY_MODULE = "all"
PASSED, RETAINED = LIVE_OUTCOMES = ("passed", "retained")
EXPERIMENT_DESIGNS = Table(
    "experiment_designs",
    "One row per live experiment, written before anybody is assigned and never changed.",
    (
        Column("experiment_id", "text", "The experiment."),
        Column("registered_at", "timestamp", "When it was registered, UTC."),
        Column("registered_by", "text", "Who.", personal=True),
        Column("hypothesis", "text", "What is done to the treatment arm and what is expected of it."),
        Column("assigned_on", "date", "The day whose risk scores chose the population."),
        Column("population", "text", "Who takes part.", allowed=POPULATIONS),
        Column("modules", "text", "Modules it is limited to, comma-separated; 'all'."),
        Column("n_students", "int32", "Students who take part, both arms together.", "students", minimum=2),
        Column("outcome", "text", "passed: final result; retained: still enrolled at the horizon.", allowed=LIVE_OUTCOMES),
        Column(
            "horizon_days",
            "int16",
            "Days from assignment at which retained is judged, or the presentation's end if that is sooner; for passed, none.",
            "days",
            True,
            minimum=1,
        ),
        Column("alpha", "float64", "Two-sided error of the first kind, over all looks.", "", minimum=0, maximum=1),
        Column("power", "float64", "Power the detectable effect is computed for.", "", minimum=0, maximum=1),
        Column("n_looks", "int8", "Planned analyses, the last one included.", "", minimum=1),
        Column("base_rate", "float64", "Expected share in the control arm.", "", minimum=0, maximum=1),
        Column("minimum_detectable_points", "float64", "Effect found with that power.", "percentage points", True, minimum=0),
        Column(
            "guardrail_points",
            "float64",
            "The experiment is to stop if treatment is this much worse.",
            "percentage points",
            minimum=0,
        ),
    ),
    key=("experiment_id",),
    allow_empty=True,
)
EXPERIMENT_ARMS = Table(
    "experiment_arms",
    "One row per live experiment and student, written once, before anybody of it is contacted.",
    (
        Column("experiment_id", "text", "The experiment."),
        Column("assigned_date", "date", "The day whose risk scores chose the population."),
        *(STUDENT, MODULE, PRESENTATION),
        Column("risk_score", "float64", "Risk before assignment; absent: not scored.", "probability", True, minimum=0, maximum=1),
        Column("stratum", "text", "Module, and tenth of risk where scored, within which arms were drawn."),
        Column("arm", "text", "treatment: to be contacted; control: off the caseload while it runs.", allowed=ARMS),
    ),
    key=("experiment_id", "id_student"),
    allow_empty=True,
)
EXPERIMENT_STOPS = Table(
    "experiment_stops",
    "One row per live experiment that a person ended.",
    (
        Column("experiment_id", "text", "The experiment."),
        Column("stopped_at", "timestamp", "When, UTC."),
        Column("stopped_on", "date", "The day of the data: from it on controls may be contacted, and no outcome counts."),
        Column("stopped_by", "text", "Who.", personal=True),
        Column("reason", "text", "Why, in their words."),
    ),
    key=("experiment_id",),
    allow_empty=True,
)
LIVE_VERDICTS = ("waiting for outcomes", "no decision yet", "effect", "no effect shown", "harm", "under-powered", "stopped")
FINAL_VERDICTS = ("effect", "no effect shown", "harm", "under-powered")
GUARDRAILS = ("holds", "broken", "unknown")
EXPERIMENT_LOOKS = Table(
    "experiment_looks",
    "One row per live experiment: its newest look, by intention to treat; the look that decided, once one has.",
    (
        Column("experiment_id", "text", "The experiment."),
        Column("as_of", "date", "Outcomes known by this day."),
        Column("information", "float64", "Share of the assigned whose outcome is known.", "", minimum=0, maximum=1),
        Column("look", "int8", "Which planned analysis this is; 0 before the first.", "", minimum=0),
        Column("looked_on", "date", "The day of that analysis; the figures are those of this day.", nullable=True),
        Column("n_control", "int32", "Of the control arm, outcome known at the look.", "students", minimum=0),
        Column("n_treatment", "int32", "Of the treatment arm, outcome known at the look.", "students", minimum=0),
        Column("n_success_control", "int32", "Of these, passed or retained.", "students", minimum=0),
        Column("n_success_treatment", "int32", "Of these, passed or retained.", "students", minimum=0),
        Column("n_lost", "int32", "Of both, without a result on record; counted as not succeeded.", "students", minimum=0),
        Column("exposure_control", "float64", "Share of the control arm contacted since.", "", True, minimum=0, maximum=1),
        Column("exposure_treatment", "float64", "Share of the treatment arm contacted since.", "", True, minimum=0, maximum=1),
        Column("difference", "float64", "Treatment minus control.", "", True, minimum=-1, maximum=1),
        Column("interval_low", "float64", "Newcombe interval at the look's level, lower end.", "", True),
        Column("interval_high", "float64", "Newcombe interval at the look's level, upper end.", "", True),
        Column("cuped_difference", "float64", "Difference adjusted by the risk score before assignment.", "", True),
        Column("cuped_low", "float64", "Its interval at the look's level, lower end.", "", True),
        Column("cuped_high", "float64", "Its interval at the look's level, upper end.", "", True),
        Column("z", "float64", "Two-proportion z, pooled, no continuity correction.", "", True),
        Column("boundary", "float64", "Group-sequential bound on z at this look.", "", True),
        Column("p_value", "float64", f"{P_VALUE} Not adjusted for looks.", "", True, minimum=0, maximum=1),
        Column(
            "guardrail",
            "text",
            "broken: of all outcomes known, treatment does worse than allowed, with 97.5 % confidence.",
            allowed=GUARDRAILS,
        ),
        Column("verdict", "text", "What may be concluded.", allowed=LIVE_VERDICTS),
    ),
    key=("experiment_id",),
    allow_empty=True,
)
