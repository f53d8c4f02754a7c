"""The feature catalogue: what each feature is called, means and is measured in, and how an adviser reads it.

Features about visits stand in `catalogue_activity`; how each figure is computed, in `activity`, `coursework` and `background`.
"The cohort" is everybody of the presentation who had registered before the day and had not left before it.
"""

from __future__ import annotations

from oulad_platform.success.features.catalogue_activity import ACTIVITY
from oulad_platform.success.features.feature import Feature

CALENDAR = (
    Feature("day_in_course", "Days since the presentation began.", "days", "the course is on day {value:.0f}", told=False),
    Feature(
        "course_elapsed",
        "Share of the presentation's days that have passed.",
        "share",
        "{value:.0%} of the course is over",
        told=False,
    ),
    Feature(
        "days_since_due",
        "Days since the newest due day; absent before any.",
        "days",
        "the last due day was {value:.0f} days ago",
        told=False,
    ),
    Feature(
        "days_to_next_due",
        "Days to the next due day, the day itself counted as 0; absent after the last.",
        "days",
        "the next due day is in {value:.0f} days",
        told=False,
    ),
    Feature(
        "weight_due",
        "Weight of the assessments whose absence says something by now (see n_assessments_due).",
        "percent",
        "assessments worth {value:.0f} % of the coursework were due",
        told=False,
    ),
)
COURSEWORK = (
    Feature(
        "n_assessments_due",
        "Assessments whose due day has passed and whose results have begun to arrive (or a week later), banked ones aside.",
        "assessments",
        "{value:.0f} assessments were due; usual in {module} are {usual:.0f}",
        theme="missed work",
        told=False,
    ),
    Feature(
        "n_assessments_submitted",
        "Assessments handed in.",
        "assessments",
        "{value:.0f} assessments handed in; usual in {module} are {usual:.0f}",
        theme="missed work",
    ),
    Feature(
        "n_assessments_missed",
        "Due and not handed in.",
        "assessments",
        "{value:.0f} due assessments not handed in; usual in {module} are {usual:.0f}",
        theme="missed work",
    ),
    Feature(
        "missed_share",
        "Missed over due; absent before any was due.",
        "share",
        "{value:.0%} of due assessments not handed in; usual in {module} are {usual:.0%}",
        theme="missed work",
    ),
    Feature(
        "submissions_vs_cohort",
        "Assessments handed in or banked, minus their mean in the cohort.",
        "assessments",
        "{value:.1f} assessments more handed in than the mean in {module}",
        below="{value:.1f} assessments fewer handed in than the mean in {module}",
        theme="missed work",
    ),
    Feature(
        "weight_done_share",
        "Share of the coursework's weight handed in or banked; absent where the coursework has no weight.",
        "share",
        "assessments worth {value:.0%} of the coursework handed in; usual in {module} are {usual:.0%}",
        theme="missed work",
    ),
    Feature(
        "n_assessments_banked",
        "Assessments carried over from an earlier attempt, known by the day.",
        "assessments",
        "{value:.0f} assessments carried over from an earlier attempt",
        theme="earlier attempts",
    ),
    Feature(
        "n_assessments_late",
        "Assessments handed in after their due day.",
        "assessments",
        "{value:.0f} assessments handed in late; usual in {module} are {usual:.0f}",
        theme="punctuality",
    ),
    Feature(
        "n_assessments_early",
        "Assessments handed in three or more days before their due day.",
        "assessments",
        "{value:.0f} assessments handed in three or more days early; usual in {module} are {usual:.0f}",
        theme="punctuality",
    ),
    Feature(
        "days_late_mean",
        "Mean of day handed in minus due day; absent before any.",
        "days",
        "hands in {value:.1f} days after the due day",
        below="hands in {value:.1f} days before the due day",
        absent="nothing handed in yet",
        theme="punctuality",
    ),
    Feature(
        "days_late_vs_cohort",
        "Mean of day handed in minus the median day on which the same assessment was handed in so far; absent before any.",
        "days",
        "hands in {value:.1f} days later than usual in {module}",
        below="hands in {value:.1f} days earlier than usual in {module}",
        absent="nothing handed in yet",
        theme="punctuality",
    ),
    Feature(
        "days_since_last_submission",
        "Days since an assessment was last handed in; absent before any.",
        "days",
        "nothing handed in for {value:.0f} days; most in {module} last did {usual:.0f} days ago",
        "nothing handed in yet",
        "last submission",
    ),
)
MARKS = (
    Feature(
        "score_mean",
        "Mean mark so far; absent before any.",
        "percent",
        "mean mark of {value:.0f} so far; usual in {module} is {usual:.0f}",
        "no mark yet",
        "marks",
    ),
    Feature(
        "score_weighted",
        "Weighted mean mark so far; absent without weight.",
        "percent",
        "weighted mark of {value:.0f} so far; usual in {module} is {usual:.0f}",
        "no mark that counts yet",
        "marks",
    ),
    Feature(
        "score_tma",
        "Mean mark of tutor-marked assessments so far; absent before any.",
        "percent",
        "mean mark of {value:.0f} in tutor-marked work; usual in {module} is {usual:.0f}",
        "no mark in tutor-marked work yet",
        "marks",
    ),
    Feature(
        "score_cma",
        "Mean mark of computer-marked assessments so far; absent before any.",
        "percent",
        "mean mark of {value:.0f} in computer-marked work; usual in {module} is {usual:.0f}",
        "no mark in computer-marked work yet",
        "marks",
    ),
    Feature(
        "last_score",
        "Mark of the latest assessment handed in; absent before any.",
        "percent",
        "latest mark {value:.0f}; usual in {module} is {usual:.0f}",
        "no mark yet",
        "marks",
    ),
    Feature(
        "score_change",
        "Latest mark minus the one before; absent before two.",
        "points",
        "latest mark {value:.0f} points above the one before",
        below="latest mark {value:.0f} points below the one before",
        theme="change of marks",
    ),
    Feature(
        "score_vs_cohort",
        "Mean of own mark minus the mean mark of the same assessment so far; absent before any mark.",
        "points",
        "marks {value:.0f} points above the mean of the same assessments in {module}",
        below="marks {value:.0f} points below the mean of the same assessments in {module}",
        absent="no mark yet",
        theme="marks",
    ),
    Feature(
        "score_rank",
        "Share of the marks of the same assessment so far that are below the own, equals counted half, mean over own marks.",
        "share",
        "marks better than {value:.0%} of those of the same assessments in {module}",
        below="marks worse than {value:.0%} of those of the same assessments in {module}",
        turn=0.5,
        absent="no mark yet",
        theme="marks",
    ),
    Feature(
        "points_vs_cohort",
        "Mark (0 if not handed in) minus the cohort's mean of the same, mean over the assessments due; absent before any is.",
        "points",
        "{value:.0f} points above the mean of {module} over all assessments due, those not handed in counted as 0",
        below="{value:.0f} points below the mean of {module} over all assessments due, those not handed in counted as 0",
        theme="missed work",
    ),
)
BACKGROUND = (
    Feature(
        "registration_lead",
        "Days between registering and day 0.",
        "days",
        "registered {value:.0f} days before the start; usual in {module} are {usual:.0f}",
        below="registered {value:.0f} days after the start",
        theme="registration",
    ),
    Feature(
        "previous_attempts",
        "Earlier attempts at this module.",
        "attempts",
        "{value:.0f} earlier attempts at this module",
        theme="earlier attempts",
    ),
    Feature(
        "studied_credits",
        "Credits studied at the time.",
        "credits",
        "studies {value:.0f} credits; usual in {module} are {usual:.0f}",
        theme="study load",
    ),
    Feature(
        "n_other_modules",
        "Other presentations running on the day in which the student is enrolled since before it.",
        "modules",
        "takes {value:.0f} other modules at the same time; usual in {module} are {usual:.0f}",
        theme="study load",
    ),
    Feature(
        "earlier_failure_share",
        "Share of the student's own presentations closed before the day that were failed or left; absent without any.",
        "share",
        "failed or left {value:.0%} of earlier modules; usual in {module} are {usual:.0%}",
        theme="earlier attempts",
    ),
    Feature(
        "education_level",
        "Highest education, 0 = none to 4 = postgraduate.",
        "level",
        "education level {value:.0f} of 4",
        told=False,
    ),
    Feature("region", "Region, numbered by name from 0.", "number", "lives in region number {value:.0f}", told=False),
    Feature(
        "region_risk_rate",
        "Share failed or withdrawn in the region over all closed presentations, drawn towards all regions'; absent before any.",
        "share",
        "{value:.0%} in this region failed or left before",
        told=False,
    ),
    Feature(
        "module_risk_rate",
        "Share failed or withdrawn in the module's presentations that had closed; absent before any.",
        "share",
        "{value:.0%} failed or left this module before",
        told=False,
    ),
    Feature(
        "module_left_share",
        "Share of the enrolments of the module's closed presentations that had left before this day; absent before any closed.",
        "share",
        "{value:.0%} had left this module by this day before",
        told=False,
    ),
)
PROTECTED = (
    Feature("gender", "0 = F, 1 = M.", "code", "gender code {value:.0f}", protected=True, told=False),
    Feature(
        "age_band", "0 = up to 35, 1 = 35 to 55, 2 = 55 and over.", "level", "age band {value:.0f}", protected=True, told=False
    ),
    Feature(
        "imd_band",
        "Tenth of the index of multiple deprivation, 0 = most deprived to 9; absent where unknown.",
        "level",
        "deprivation band {value:.0f}",
        protected=True,
        told=False,
    ),
    Feature("disability", "1 = declared, 0 = not.", "code", "disability code {value:.0f}", protected=True, told=False),
)
CATALOGUE: tuple[Feature, ...] = (*CALENDAR, *ACTIVITY, *COURSEWORK, *MARKS, *BACKGROUND, *PROTECTED)
FEATURE_NAMES = tuple(feature.name for feature in CATALOGUE)
__all__ = ["CATALOGUE", "FEATURE_NAMES", "Feature"]
