"""The tables of what contacting students returns."""

from __future__ import annotations

from oulad_platform.core.tables import Column, Table

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
ROI_BY_CASELOAD = Table(
    "roi_by_caseload",
    "One row per number of students contacted, those at highest risk first: what it returns, with its doubt.",
    (
        Column("n_contacted", "int32", "Students contacted.", "students", minimum=0),
        Column("mean_risk", "float64", "Mean risk of those contacted.", "probability", True, minimum=0, maximum=1),
        Column("cost", "float64", "What contacting them costs.", "currency", minimum=0),
        Column("net_benefit", "float64", "Mean over the draws of the effect.", "currency"),
        Column("net_benefit_low", "float64", "80 % interval, lower end.", "currency"),
        Column("net_benefit_high", "float64", "80 % interval, upper end.", "currency"),
        Column("roi", "float64", "Mean net benefit for each unit of cost; absent when nothing was spent.", "ratio", True),
        Column(
            "probability_of_profit",
            "float64",
            "Share of the draws in which the net benefit is above 0.",
            "",
            minimum=0,
            maximum=1,
        ),
        Column(
            "break_even_points",
            "float64",
            "Effect on the mean flagged student at which the net benefit is 0; absent where no effect pays.",
            "percentage points",
            True,
            minimum=0,
        ),
        Column("is_flagged", "bool", "The number flagged high risk."),
        Column("is_best", "bool", "The number with the largest mean net benefit."),
        Column(
            "best_size_low",
            "int32",
            "In the row of the best number: its 80 % interval over the draws, lower end.",
            "students",
            True,
            minimum=0,
        ),
        Column("best_size_high", "int32", "The same, upper end.", "students", True, minimum=0),
    ),
    key=("n_contacted",),
    allow_empty=True,
)
ROI_DRIVERS = Table(
    "roi_drivers",
    "One row per assumption: the net benefit at its low and its high value, the others staying (a tornado chart's bars).",
    (
        Column("driver", "text", "The assumption."),
        Column("base_value", "float64", "The value it has in roi_by_caseload."),
        Column("low_value", "float64", "Its low value."),
        Column("high_value", "float64", "Its high value."),
        Column("unit", "text", "Unit of the three."),
        Column(
            "net_benefit", "float64", "Net benefit of contacting all who are flagged, each assumption at its base.", "currency"
        ),
        Column("net_benefit_at_low", "float64", "Net benefit at the low value.", "currency"),
        Column("net_benefit_at_high", "float64", "Net benefit at the high value.", "currency"),
    ),
    key=("driver",),
    allow_empty=True,
)
