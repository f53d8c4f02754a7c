"""The page for leadership: all sections in one HTML file that loads nothing and in which no single student can be told.

What the sections say is decided in `sections`, `evidence`, `trials` and `returns`; writing the file is `storage.artifacts`'.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import date
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pandas as pd

from oulad_platform.core.house import House
from oulad_platform.core.privacy import BASE, MEAN_FROM, SHARE_FROM, Disclosure
from oulad_platform.success.dashboard.alerts import alerts_section
from oulad_platform.success.dashboard.counts import course_counts, newest, programs_of
from oulad_platform.success.dashboard.evidence import fairness_section, honesty_section
from oulad_platform.success.dashboard.returns import freshness_section, return_section
from oulad_platform.success.dashboard.sections import (
    enrollment_section,
    reach_section,
    risk_section,
)
from oulad_platform.success.dashboard.trials import experiments_section
from oulad_platform.success.dashboard.views import HIDDEN, Section, day_text, shown

if TYPE_CHECKING:
    from jinja2 import Environment

DEFAULT_RULE = Disclosure()
NO_FORM = "base-uri 'none'; form-action 'none'"
PURPOSE = (
    "For those who plan and run teaching. It describes groups; a score is a signal, and no decision about a single person "
    "follows from it."
)


@dataclass(frozen=True)
class Sheet:
    """One side of paper: its sections."""

    number: int
    sections: tuple[Section, ...]


def dashboard_html(
    *,
    house: House,
    day: date,
    enrollment: pd.DataFrame,
    course_summary: pd.DataFrame,
    reach: pd.DataFrame,
    contacts: pd.DataFrame,
    alert_episodes: pd.DataFrame,
    evaluation: pd.DataFrame,
    curve: pd.DataFrame,
    fairness: pd.DataFrame,
    looks: pd.DataFrame,
    results: pd.DataFrame,
    roi_by_caseload: pd.DataFrame,
    roi_drivers: pd.DataFrame,
    freshness: pd.DataFrame,
    rule: Disclosure = DEFAULT_RULE,
) -> str:
    """The page as of `day`, the newest day of the data: HTML text, the same for the same frames. Any frame may be empty.

    `enrollment`: enrollment_metrics rows of all scopes, a year of them for the chart. `course_summary`: COURSE_SUMMARY_DAILY of
    the last 12 weeks or more. `reach`: REACH of the newest scored day, as `tables.reach` counts it. `contacts`: INTERVENTIONS.
    `alert_episodes`: one row per episode, as `core.alerts.episodes` gives them. `evaluation`, `curve`, `fairness`:
    MODEL_EVALUATION, CALIBRATION_CURVE, MODEL_FAIRNESS; only what was known on `day` is shown. `looks`, `results`:
    EXPERIMENT_LOOKS, EXPERIMENT_RESULTS. `roi_by_caseload`, `roi_drivers`: ROI_BY_CASELOAD, ROI_DRIVERS. `freshness`: FRESHNESS.

    Rows dated after `day` are left out. `rule`: counts of persons under its limit are withheld with whatever leads to them
    (`core.privacy`), and so are the shares made of them; or all are rounded. A filter by module and presentation hides rows in
    the browser; its choices are those of `course_summary` and of the programs. What is missing is said.
    """
    at = pd.Timestamp(day)
    enrollment, contacts = enrollment[enrollment["date"] <= at], contacts[contacts["contacted_on"] <= at]
    course_summary, reach = course_summary[course_summary["run_date"] <= at], reach[reach["run_date"] <= at]
    today = newest(course_summary, "run_date")
    counts = course_counts(today, reach, programs_of(enrollment), rule)
    in_charge = set(today["model_version"])
    sheets = (
        Sheet(
            1,
            (
                enrollment_section(enrollment, counts, house, day, rule),
                alerts_section(alert_episodes, counts, rule),
                risk_section(course_summary, counts, rule),
                reach_section(counts, contacts, day, rule),
            ),
        ),
        Sheet(
            2,
            (
                honesty_section(evaluation, curve, in_charge, day, rule),
                return_section(roi_by_caseload, roi_drivers, house, rule),
                fairness_section(fairness, in_charge, day, rule),
                experiments_section(looks, results, rule),
                freshness_section(freshness, day),
            ),
        ),
    )
    rows = [row for sheet in sheets for section in sheet.sections for grid in section.grids for row in grid.rows]
    given: dict[str, Any] = {
        "institution": shown(house.institution),
        "day": day_text(day),
        "purpose": PURPOSE,
        "sheets": sheets,
        "modules": sorted({row.module for row in rows} - {""}),
        "presentations": sorted({row.presentation for row in rows} - {""}),
        "hidden": HIDDEN,
        "withheld": _withheld(rule),
    }
    style = _templates().get_template("dashboard.css").render(colour=house.main_colour)
    script = _templates().get_template("dashboard.js").render()
    policy = f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; {NO_FORM}"
    return _templates().get_template("dashboard.html").render(given, style=style, script=script, policy=policy) + "\n"


def _withheld(rule: Disclosure) -> str:
    """What is not told exactly on this page, for its foot."""
    if not rule.rounds:
        return f"a count of fewer than {rule.below} persons, or a figure from which one could be worked out"
    return (
        f"a share of fewer than {SHARE_FROM:g} persons, or a mean of fewer than {MEAN_FROM}. Counts of persons are rounded to "
        f"the nearest {BASE}; rounded parts need not add up to their rounded total"
    )


def _hash(inline: str) -> str:
    return f"sha256-{base64.b64encode(sha256(inline.encode()).digest()).decode()}"


def _data_uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    made = Environment(
        loader=PackageLoader("oulad_platform.success.dashboard"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["data_uri"] = _data_uri
    return made
