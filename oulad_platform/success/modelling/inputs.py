"""Which features of the catalogue a risk model reads, and in which form; measured on OULAD's cohorts 2013B and 2013J alone.

What the features are is said in `success.features.catalogue`, how they are learnt from in `learners`.
"""

from __future__ import annotations

from collections.abc import Sequence

from oulad_platform.success.features.catalogue import CATALOGUE

PROTECTED = frozenset(feature.name for feature in CATALOGUE if feature.protected)
NOT_FOR_TREES = frozenset(
    {
        # Totals since the start depend on the module's site; ranks in the cohort say the same. Without them trees lose nothing.
        *("clicks_since_start", "clicks_before_start", "active_days_since_start", "longest_gap"),
        *("site_visits_14d", "site_visits_since_start", "site_visits_before_start"),
        *("clicks_content", "clicks_forum", "clicks_quiz", "clicks_resource", "clicks_homepage"),
        # Facts of a module or a presentation tell which one it is; with few cohorts that is learnt by heart.
        *("module_risk_rate", "module_left_share", "course_elapsed", "region_risk_rate"),
        # Known for few or not in the oldest cohort. With them and the region's rate, AUC in 2013B fell by .0015.
        *("n_other_modules", "earlier_failure_share", "n_assessments_banked"),
    }
)
DAY, REGION = "day_in_course", "region"
LOGGED = ("clicks_before_start", "site_visits_before_start", "clicks_per_active_day", "studied_credits")
CHANGING = (  # what they are worth depends on the day
    "site_visits_since_start_rank",
    "active_days_since_start_rank",
    "clicks_since_start_rank",
    "site_visits_14d_rank",
    "site_visits_before_start_rank",
    "submissions_vs_cohort",
    "points_vs_cohort",
    "score_vs_cohort",
    "n_assessments_missed",
    "education_level",
    "previous_attempts",
    "studied_credits",
)
LINEAR = frozenset(
    {
        *(DAY, REGION, *LOGGED, *CHANGING),
        *("score_rank", "score_mean", "missed_share", "days_late_vs_cohort", "n_assessments_late", "registration_lead"),
    }
)


def for_trees(names: Sequence[str]) -> list[int]:
    """The places of the features that trees, and networks, read."""
    return [place for place, name in enumerate(names) if name not in NOT_FOR_TREES]


def for_linear(names: Sequence[str]) -> list[int]:
    """The places of the features that a linear model reads; protected ones too, where they are among `names`."""
    return [place for place, name in enumerate(names) if name in LINEAR | PROTECTED]


def read_by(kind: str, names: Sequence[str]) -> list[int]:
    """The places of the features that a learner of the kind reads; a blend what either of its parts does."""
    if kind == "logistic":
        return for_linear(names)
    return sorted({*for_trees(names), *for_linear(names)}) if kind == "blend" else for_trees(names)
