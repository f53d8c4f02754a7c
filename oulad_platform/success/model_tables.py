"""The tables about the risk models: what they learn from, how good, how fair and how current they are, and which is in charge."""

from __future__ import annotations

from oulad_platform.core.tables import Column, Table
from oulad_platform.success.tables import DAY, ENROLMENT, FEATURES, MODULE, PRESENTATION, RISK, RUN_DATE, VERSION

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
MODEL_FAIRNESS = Table(
    "model_fairness",
    "One row per model version, evaluation, tested cohort, day, attribute, group and measure.",
    (
        VERSION,
        Column("evaluation", "text", "next_cohort, earlier_cohorts, or held_out (fits that never saw the student)."),
        TESTED,
        DAY,
        Column("attribute", "text", "gender, age_band, imd_band, disability, or two joined by ' x '."),
        Column("group_name", "text", "The group."),
        Column("reference_group", "text", "What it is compared with: everybody else in the same modules."),
        Column("measure", "text", "abroca, tpr_gap, fpr_gap, mean_risk_gap; gaps are group minus reference."),
        VALUE,
        LOW,
        HIGH,
        Column("p_value", "float64", "Two-sided; by permutation within modules for abroca.", nullable=True, minimum=0, maximum=1),
        Column("p_value_holm", "float64", "Holm over the groups and measures of a test.", nullable=True, minimum=0, maximum=1),
        Column("n_students", "int32", "Enrolments of the group.", "enrolments", minimum=0),
        Column("n_positive", "int32", "Of these, failed or withdrew.", "enrolments", minimum=0),
        KNOWN_FROM,
    ),
    key=("model_version", "evaluation", "tested_cohort", "day", "attribute", "group_name", "measure"),
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
        Column("learner", "text", "gradient_boosting, logistic or network."),
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
        Column("ece", "float64", "Expected calibration error there.", "probability", True, minimum=0, maximum=1),
        Column(
            "largest_module_gap",
            "float64",
            "Largest |mean risk - observed rate| of a module there.",
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
        Column("push", "float32", "Push on the risk: above 0 raises it.", "log-odds"),
        Column("sentence", "text", "The reason for an adviser, with the student's own figures."),
        VERSION,
    ),
    key=("run_date", "code_module", "code_presentation", "id_student", "direction", "rank"),
    day="run_date",
    allow_empty=True,
)
FEATURE_DRIFT = Table(
    "feature_drift",
    "One row per day, running presentation and feature: how far its values lie from those learnt from at that course day.",
    (
        RUN_DATE,
        MODULE,
        PRESENTATION,
        Column("feature", "text", "Feature of the catalogue."),
        Column("psi", "float64", "Population stability index over the tenths of the reference.", nullable=True, minimum=0),
        Column("ks", "float64", "Two-sample Kolmogorov-Smirnov distance.", nullable=True, minimum=0, maximum=1),
        Column("ks_p_value", "float64", "Its p-value.", nullable=True, minimum=0, maximum=1),
        Column("missing_rate", "float64", "Share of enrolments without a value.", "share", minimum=0, maximum=1),
        Column("missing_rate_reference", "float64", "The same in the reference.", "share", minimum=0, maximum=1),
        N_STUDENTS,
        Column("n_reference", "int32", "Enrolments of the reference.", "enrolments", minimum=0),
        VERSION,
    ),
    key=("run_date", "code_module", "code_presentation", "feature"),
    day="run_date",
    allow_empty=True,
)
MODEL_DRIFT = Table(
    "model_drift",
    "One row per day and running presentation, and for all: how good the champion seems before any outcome is known.",
    (
        RUN_DATE,
        Column("code_module", "text", "Module, or 'all'."),
        Column("code_presentation", "text", "Presentation, or 'all'."),
        DAY,
        N_STUDENTS,
        Column("mean_risk", "float64", "Mean risk given.", "probability", minimum=0, maximum=1),
        Column("estimated_auc", "float64", "AUC the scores promise if they are calibrated.", nullable=True, minimum=0, maximum=1),
        Column(
            "reference_auc",
            "float64",
            "AUC on the held-out students of the champion's newest cohort, same course day.",
            nullable=True,
            minimum=0,
            maximum=1,
        ),
        Column(
            "proxy_auc",
            "float64",
            "AUC of the scores of 14 days ago on who has missed an assessment due since.",
            nullable=True,
            minimum=0,
            maximum=1,
        ),
        Column("n_proxy", "int32", "Enrolments with an assessment due since then.", "enrolments", minimum=0),
        Column("n_features_drifted", "int32", "Features above the PSI limit.", "features", minimum=0),
        Column("is_alarm", "bool", "An alert is raised: the reason says why."),
        Column("reason", "text", "What drifted, a sentence; empty when nothing did."),
        VERSION,
    ),
    key=("run_date", "code_module", "code_presentation"),
    day="run_date",
    allow_empty=True,
)
