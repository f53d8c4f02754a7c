"""The features about visits to the learning environment. All others, and the whole catalogue, stand in `catalogue`."""

from __future__ import annotations

from oulad_platform.success.features.feature import Feature

WINDOWS = (7, 14, 28)
EARLIER_WEEKS = {2: "8 to 14", 3: "15 to 21", 4: "22 to 28"}
ACTIVITY_GROUPS = {  # subpages and sites of unknown type are in no group
    "content": ("oucontent", "htmlactivity", "dataplus", "dualpane", "page", "glossary", "repeatactivity"),
    "forum": ("forumng", "oucollaborate", "ouelluminate", "ouwiki"),
    "quiz": ("quiz", "externalquiz", "questionnaire"),
    "resource": ("resource", "url", "folder"),
    "homepage": ("homepage",),
}
GROUPS_IN_WORDS = {
    "content": "course content",
    "forum": "forums and online meetings",
    "quiz": "quizzes",
    "resource": "files and links",
    "homepage": "the home page",
}

VOLUME = (
    *(
        Feature(
            f"clicks_{window}d",
            f"Clicks in the last {window} days.",
            "clicks",
            f"{{value:.0f}} clicks in the last {window} days; usual in {{module}} are {{usual:.0f}}",
            theme="activity",
        )
        for window in WINDOWS
    ),
    *(
        Feature(
            f"clicks_week_{week}",
            f"Clicks {days} days ago.",
            "clicks",
            f"{{value:.0f}} clicks {days} days ago; usual in {{module}} were {{usual:.0f}}",
            theme="activity",
        )
        for week, days in EARLIER_WEEKS.items()
    ),
    Feature(
        "clicks_since_start",
        "Clicks since day 0.",
        "clicks",
        "{value:.0f} clicks since the course began; usual in {module} are {usual:.0f}",
        theme="activity",
    ),
    Feature(
        "clicks_before_start",
        "Clicks before day 0.",
        "clicks",
        "{value:.0f} clicks before the course began; usual in {module} were {usual:.0f}",
        theme="before the start",
    ),
    *(
        Feature(
            f"active_days_{window}d",
            f"Days with a click in the last {window}.",
            "days",
            f"active on {{value:.0f}} of the last {window} days; usual in {{module}} are {{usual:.0f}}",
            theme="activity",
        )
        for window in WINDOWS
    ),
    *(
        Feature(
            f"active_days_week_{week}",
            f"Days with a click, {days} days ago.",
            "days",
            f"active on {{value:.0f}} days of the week {days} days ago; usual in {{module}} were {{usual:.0f}}",
            theme="activity",
        )
        for week, days in EARLIER_WEEKS.items()
    ),
    Feature(
        "active_days_since_start",
        "Days with a click since day 0.",
        "days",
        "active on {value:.0f} days of the course; usual in {module} are {usual:.0f}",
        theme="activity",
    ),
    Feature(
        "site_visits_14d",
        "Rows of student_vle in the last 14 days: visits to a page of the course on a day.",
        "visits",
        "{value:.0f} page visits in the last 14 days; usual in {module} are {usual:.0f}",
        theme="activity",
    ),
    Feature(
        "site_visits_since_start",
        "Page visits since day 0.",
        "visits",
        "{value:.0f} page visits since the course began; usual in {module} are {usual:.0f}",
        theme="activity",
    ),
    Feature(
        "site_visits_before_start",
        "Page visits before day 0.",
        "visits",
        "{value:.0f} page visits before the course began; usual in {module} were {usual:.0f}",
        theme="before the start",
    ),
    Feature(
        "site_visits_per_active_day",
        "Page visits on a day with a click, mean since day 0; absent before any.",
        "visits",
        "{value:.1f} page visits on an active day; usual in {module} are {usual:.1f}",
        "no visit since the course began",
        "depth of visits",
    ),
    Feature(
        "clicks_per_active_day",
        "Clicks on a day with a click, mean since day 0; absent before any.",
        "clicks",
        "{value:.1f} clicks on an active day; usual in {module} are {usual:.1f}",
        "no visit since the course began",
        "depth of visits",
    ),
)
KINDS = tuple(
    Feature(
        f"clicks_{group}",
        f"Clicks since day 0 on {GROUPS_IN_WORDS[group]}: sites of type {', '.join(types)}.",
        "clicks",
        f"{{value:.0f}} clicks on {GROUPS_IN_WORDS[group]}; usual in {{module}} are {{usual:.0f}}",
        theme=f"use of {GROUPS_IN_WORDS[group]}",
    )
    for group, types in ACTIVITY_GROUPS.items()
)
RHYTHM = (
    Feature(
        "days_since_last_visit",
        "Days since the last click; absent before any.",
        "days",
        "no visit for {value:.0f} days; most in {module} visited {usual:.0f} days ago",
        "never visited the course",
        "last visit",
    ),
    Feature(
        "longest_gap",
        "Longest run of days without a click since day 0, or since registering if that was later; absent on the first day.",
        "days",
        "stayed away for {value:.0f} days in a row; usual in {module} are {usual:.0f}",
        theme="regularity",
    ),
    Feature(
        "weeks_active_share",
        "Share of the completed weeks, since day 0 or registering, with a click; absent before one is complete.",
        "share",
        "visited in {value:.0%} of the weeks so far; usual in {module} are {usual:.0%}",
        theme="regularity",
    ),
    Feature(
        "clicks_variation",
        "Standard deviation over mean of the clicks of these weeks; absent before two are complete or without clicks.",
        "ratio",
        "clicks vary by {value:.0%} from week to week; usual in {module} are {usual:.0%}",
        "no visit in a completed week so far",
        "regularity",
    ),
    Feature(
        "clicks_trend_7d",
        "Share of the last 14 days' clicks that fell into the last 7; absent without clicks.",
        "share",
        "{value:.0%} of the last two weeks' clicks were in the last 7 days; usual in {module} are {usual:.0%}",
        "no visit in the last two weeks",
        "trend",
    ),
)
PACE = (
    Feature(
        "clicks_vs_cohort_28d",
        "Clicks in the last 28 days over their median in the cohort; absent while that is 0.",
        "ratio",
        "{value:.0%} of the usual clicks in {module} over 28 days",
        theme="activity",
    ),
    *(
        Feature(
            f"{name}_rank",
            f"Share of the cohort with less {words}, equals counted half.",
            "share",
            f"more {words} than {{value:.0%}} of {{module}}",
            below=f"fewer {words} than {{value:.0%}} of {{module}}",
            turn=0.5,
            theme="activity",
        )
        for name, words in (
            ("clicks_since_start", "clicks since the start"),
            ("active_days_since_start", "active days since the start"),
            ("site_visits_since_start", "page visits since the start"),
            ("site_visits_14d", "page visits in the last 14 days"),
            ("site_visits_before_start", "page visits before the start"),
            ("clicks_per_active_day", "clicks on an active day"),
        )
    ),
)
ACTIVITY = (*VOLUME, *KINDS, *RHYTHM, *PACE)
