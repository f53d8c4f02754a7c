"""The feature catalogue: what each feature is called, means and is measured in, and how an adviser reads it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """One feature: column name, meaning, unit, and a sentence for advisers with `{value}` where the student's figure goes."""

    name: str
    meaning: str
    unit: str
    sentence: str


CATALOGUE: tuple[Feature, ...] = (
    Feature("day_in_course", "Days since the presentation began.", "days", "the course is on day {value:.0f}"),
    Feature("clicks_7d", "Clicks in the last 7 days.", "clicks", "{value:.0f} clicks in the last 7 days"),
    Feature("clicks_14d", "Clicks in the last 14 days.", "clicks", "{value:.0f} clicks in the last 14 days"),
    Feature("clicks_28d", "Clicks in the last 28 days.", "clicks", "{value:.0f} clicks in the last 28 days"),
    Feature("clicks_since_start", "Clicks since day 0.", "clicks", "{value:.0f} clicks since the course began"),
    Feature("clicks_before_start", "Clicks before day 0.", "clicks", "{value:.0f} clicks before the course began"),
    Feature("active_days_7d", "Days with a click in the last 7.", "days", "active on {value:.0f} of the last 7 days"),
    Feature("active_days_14d", "Days with a click in the last 14.", "days", "active on {value:.0f} of the last 14 days"),
    Feature("active_days_28d", "Days with a click in the last 28.", "days", "active on {value:.0f} of the last 28 days"),
    Feature("active_days_since_start", "Days with a click since day 0.", "days", "active on {value:.0f} days of the course"),
    Feature("days_since_last_visit", "Days since the last click; absent before any.", "days", "last visit {value:.0f} days ago"),
    Feature(
        "clicks_vs_cohort_28d",
        "Clicks in the last 28 days over the median of the presentation's live enrolments; absent while that is 0.",
        "ratio",
        "{value:.0%} of the usual activity in this module over 28 days",
    ),
    Feature(
        "clicks_trend_7d",
        "Share of the last 14 days' clicks that fell into the last 7; absent without clicks.",
        "share",
        "{value:.0%} of the last two weeks' activity was in the last 7 days",
    ),
    Feature(
        "n_assessments_due",
        "Assessments whose due day has passed and whose results have begun to arrive (or a week later).",
        "assessments",
        "{value:.0f} assessments were due",
    ),
    Feature("n_assessments_submitted", "Assessments handed in.", "assessments", "{value:.0f} assessments handed in"),
    Feature("n_assessments_missed", "Due and not handed in.", "assessments", "{value:.0f} due assessments not handed in"),
    Feature("missed_share", "Missed over due; absent before any was due.", "share", "{value:.0%} of due assessments missed"),
    Feature("score_mean", "Mean mark so far; absent before any.", "percent", "mean mark of {value:.0f} so far"),
    Feature(
        "score_weighted", "Weighted mean mark so far; absent without weight.", "percent", "weighted mark of {value:.0f} so far"
    ),
    Feature("last_score", "Mark of the latest assessment handed in.", "percent", "latest mark {value:.0f}"),
    Feature("days_late_mean", "Mean of day handed in minus due day.", "days", "hands in {value:+.1f} days from the due day"),
    Feature("registration_lead", "Days between registering and day 0.", "days", "registered {value:.0f} days before the start"),
    Feature("previous_attempts", "Earlier attempts at this module.", "attempts", "{value:.0f} earlier attempts at this module"),
    Feature("studied_credits", "Credits studied at the time.", "credits", "studies {value:.0f} credits"),
    Feature("education_level", "Highest education, 0 = none to 4 = postgraduate.", "level", "education level {value:.0f} of 4"),
    Feature(
        "module_risk_rate",
        "Share failed or withdrawn in the module's presentations that had closed; absent before any.",
        "share",
        "{value:.0%} failed or left this module before",
    ),
)
FEATURE_NAMES = tuple(feature.name for feature in CATALOGUE)
