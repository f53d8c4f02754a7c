"""The tables about the risk models: what they learn from, how good, how fair and how current they are, and which is in charge."""

from __future__ import annotations

from oulad_platform.core.tables import Column, Table
from oulad_platform.success.tables import DAY, ENROLMENT, FEATURES, RISK, RUN_DATE, VERSION

EVALUATION = Column(
    "evaluation",
    "text",
    "next_cohort, earlier_cohorts, split_week, or a rung of the leak ladder, as described in success.evaluation.",
)
TESTED = Column("tested_cohort", "text", "The presentation code that was tested, or 'all'.")
SCOPE = Column("code_module", "text", "Module, or 'all'.")
KNOWN_FROM = Column("known_from", "date", "First day on which the figure was known: every outcome it rests on was.")
N_STUDENTS = Column("n_students", "int32", "Enrolments it rests on.", "enrolments", minimum=0)
VALUE = Column("value", "float64", "The figure; absent where it is undefined (one class only).", nullable=True)
LOW = Column("low", "float64", "95 % interval, lower end; absent where none is given.", nullable=True)
HIGH = Column("high", "float64", "95 % interval, upper end; absent where none is given.", nullable=True)
LABEL = Column("label", "int8", "1: failed or withdrew; 0: passed.", minimum=0, maximum=1)

TRAINING_PANEL = Table(
    "training_panel",
    "One row per enrolment of a closed presentation and training day: the features of that day and the outcome.",
    (
        *FEATURES.columns,
        LABEL,
        Column("known_from", "date", "First day on which the outcome was known: the day after the presentation code had ended."),
    ),
    key=FEATURES.key,
    allow_empty=True,
)
HELD_OUT_RISK = Table(
    "held_out_risk",
    "One row per model version, enrolment of its newest cohort and training day: the risk from a fit that never saw the student.",
    (VERSION, *ENROLMENT, DAY, RISK, LABEL, KNOWN_FROM),
    key=("model_version", "code_module", "code_presentation", "id_student", "day"),
    allow_empty=True,
)
MODEL_EVALUATION = Table(
    "model_evaluation",
    "One row per scorer, evaluation, tested cohort, module, day and metric.",
    (
        Column(
            "model_version", "text", "Which model, or the rule to beat: 'missed_assessment', 'silent_7_days', 'rule' (either)."
        ),
        EVALUATION,
        TESTED,
        SCOPE,
        DAY,
        Column(
            "metric", "text", "auc, pr_auc, brier, ece, precision_at_10_pct, recall_at_10_pct, reach, lead_days, base_rate, ..."
        ),
        VALUE,
        LOW,
        HIGH,
        N_STUDENTS,
        KNOWN_FROM,
    ),
    key=("model_version", "evaluation", "tested_cohort", "code_module", "day", "metric"),
    allow_empty=True,
)
CALIBRATION_CURVE = Table(
    "calibration_curve",
    "One row per model version, evaluation, tested cohort, day and tenth of the enrolments by risk.",
    (
        VERSION,
        EVALUATION,
        TESTED,
        DAY,
        Column("bin", "int8", "Tenth, 1 = the lowest risks.", minimum=1, maximum=10),
        Column("mean_risk", "float64", "Mean risk given.", "probability", minimum=0, maximum=1),
        Column("observed_rate", "float64", "Share that failed or withdrew.", "share", minimum=0, maximum=1),
        Column("low", "float64", "95 % Wilson interval of it, lower end.", "share", minimum=0, maximum=1),
        Column("high", "float64", "95 % Wilson interval of it, upper end.", "share", minimum=0, maximum=1),
        N_STUDENTS,
        KNOWN_FROM,
    ),
    key=("model_version", "evaluation", "tested_cohort", "day", "bin"),
    allow_empty=True,
)
STATUSES = ("candidate", "champion", "retired")
MODEL_REGISTRY = Table(
    "model_registry",
    "One row per model version: what it learnt from, how it did against the champion, and whether it is in charge.",
    (
        VERSION,
        Column("status", "text", "candidate: trained; champion: in charge now; retired: was once.", allowed=STATUSES),
        Column("backend", "text", "sklearn, pytorch or tensorflow."),
        Column("learner", "text", "blend (trees and a logistic model), logistic, or network."),
        Column("trained_from", "date", "First day it may score: every outcome it learnt from was known."),
        Column("presentations", "text", "Presentation codes it learnt from, comma-separated."),
        Column("n_rows", "int32", "Training rows (enrolments x days).", "rows", minimum=0),
        Column("n_enrolments", "int32", "Enrolments among them.", "enrolments", minimum=0),
        Column("base_rate", "float64", "Share failed or withdrawn among the rows.", "share", minimum=0, maximum=1),
        Column("seed", "int64", "Seed of the fit."),
        Column("data_sha256", "text", "SHA-256 of the training rows."),
        Column("champion_version", "text", "The version it was compared with; 'rule' before any."),
        Column(
            "auc_difference",
            "float64",
            "Its AUC minus the champion's on its newest cohort, nobody scored that it learnt from.",
            nullable=True,
        ),
        Column("difference_low", "float64", "95 % paired bootstrap interval, lower end.", nullable=True),
        Column("difference_high", "float64", "95 % paired bootstrap interval, upper end.", nullable=True),
        Column(
            "ece",
            "float64",
            "Largest expected calibration error of a course day there.",
            "probability",
            True,
            minimum=0,
            maximum=1,
        ),
        Column(
            "largest_module_gap",
            "float64",
            "Largest |mean risk - observed rate| of a module with 200 enrolments or more there.",
            "probability",
            True,
            minimum=0,
        ),
        Column("gates_failed", "text", "Gates that do not hold: difference, calibration, fairness; empty when all do."),
        Column("decided_by", "text", "Who promoted, rolled back or waived: a name, or 'gates'."),
        Column("reason", "text", "Why it is, or is not, in charge: a sentence."),
        Column("champion_from", "date", "First day it is or was in charge; absent if never.", nullable=True),
    ),
    key=("model_version",),
    allow_empty=True,
)
MODEL_CHAMPIONS = Table(
    "model_champions",
    "One row per day on which the model in charge changed: a score dated D uses the newest row not after D, the rule before any.",
    (
        Column("champion_from", "date", "First day it is in charge."),
        Column("model_version", "text", "The version, or 'rule'."),
        Column("decided_by", "text", "A name, or 'gates'."),
        Column("reason", "text", "Why, a sentence."),
    ),
    key=("champion_from",),
    allow_empty=True,
)
DECISIONS = ("promote", "rollback")
MODEL_DECISIONS = Table(
    "model_decisions",
    "One row per decision of a person about who is in charge; appended by `oulad promote` and `oulad rollback`, never changed.",
    (
        Column("decided_at", "timestamp", "When, UTC."),
        Column(
            "decision",
            "text",
            "promote: in charge from effective_from; rollback: the version before is again.",
            allowed=DECISIONS,
        ),
        Column("model_version", "text", "The version promoted, or the one rolled back."),
        Column("effective_from", "date", "First day that is scored accordingly."),
        Column("decided_by", "text", "Name of the person."),
        Column("reason", "text", "Why, in their words; a promotion against a failed gate is a waiver."),
    ),
    key=("decided_at",),
    allow_empty=True,
)
RISK_REASONS = Table(
    "risk_reasons",
    "One row per live enrolment and day that a model scored, direction and rank: the three strongest pushes up and down.",
    (
        RUN_DATE,
        *ENROLMENT,
        Column("direction", "text", "raises or lowers the risk.", allowed=("raises", "lowers")),
        Column("rank", "int8", "1 = the strongest in its direction.", minimum=1, maximum=3),
        Column("feature", "text", "Feature of the catalogue."),
        Column("feature_value", "float32", "The student's own value; absent where the feature is.", nullable=True),
        Column("usual_value", "float32", "Median of the live enrolments of the presentation that day.", nullable=True),
        Column("push", "float32", "Push on the risk of this feature and the others of its theme: above 0 raises it.", "log-odds"),
        Column("sentence", "text", "The reason for an adviser, with the student's own figures."),
        VERSION,
    ),
    key=("run_date", "code_module", "code_presentation", "id_student", "direction", "rank"),
    day="run_date",
    allow_empty=True,
)
FEATURE_IMPORTANCE = Table(
    "feature_importance",
    "One row per feature of the model in charge on the newest scored day: how much it moves the risk of the live enrolments.",
    (
        VERSION,
        Column("feature", "text", "Feature of the catalogue."),
        Column("rank", "int16", "1 = the most important.", minimum=1),
        Column(
            "importance",
            "float64",
            "Mean over the students of how far it moves the risk, as `method` says.",
            "log-odds",
            minimum=0,
        ),
        Column(
            "correlation",
            "float64",
            "Rank correlation of value and push: above 0, larger values raise the risk; absent without variety.",
            nullable=True,
            minimum=-1,
            maximum=1,
        ),
        Column("missing_rate", "float64", "Share of the students without a value.", "share", minimum=0, maximum=1),
        Column("n_students", "int32", "Live enrolments it rests on.", "enrolments", minimum=1),
        Column("method", "text", "mean |SHAP| and how it was computed, or permutation importance for a network."),
        RUN_DATE,
    ),
    key=("model_version", "feature"),
    allow_empty=True,
)
