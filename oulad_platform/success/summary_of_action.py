"""What the summary says of action: contacts, alerts, experiments and return, each sentence with its number and its table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd

from oulad_platform.core.alerts import SEVERITIES
from oulad_platform.core.reports import date_text
from oulad_platform.success.caseload.tables import CASELOAD_DAILY
from oulad_platform.success.experiments.tables import EXPERIMENT_LOOKS, EXPERIMENT_RESULTS
from oulad_platform.success.roi.tables import ROI_BY_CASELOAD, ROI_SENSITIVITY
from oulad_platform.success.tables import RISK_ALERTS

SHOWN = 5


class Sentence(NamedTuple):
    """One line of the summary. `value` is NaN where the sentence says that something is missing."""

    heading: str
    sentence: str
    value: float
    source_table: str


def contacts(caseload: pd.DataFrame) -> Iterator[Sentence]:
    """Of CASELOAD_DAILY rows of one day: how many are to be contacted, by how many."""
    source = CASELOAD_DAILY.name
    if caseload.empty:
        yield Sentence("Contacts", "Nobody is to be contacted.", 0, source)
        return
    day, advisers = date_text(caseload["caseload_date"].iloc[0]), caseload["adviser"].nunique()
    never = caseload["last_contact"].isna().mean()
    sentence = (
        f"The lists of {day} hold {len(caseload):,} students for {_counted(advisers, 'adviser or team', 'advisers or teams')}; "
        f"{never:.0%} of them have no contact on record."
    )
    yield Sentence("Contacts", sentence, len(caseload), source)


def alerts_of_the_day(alerts: pd.DataFrame, day: date) -> Iterator[Sentence]:
    """Of RISK_ALERTS rows of `day`: how many, and the first of them in their own words."""
    source = RISK_ALERTS.name
    if alerts.empty:
        yield Sentence("Alerts", f"No alert fired on {date_text(day)}.", 0, source)
        return
    critical = int((alerts["severity"] == SEVERITIES[-1]).sum())
    alerts_word = "alert" if len(alerts) == 1 else "alerts"
    sentence = f"{len(alerts):,} {alerts_word} fired on {date_text(day)}, {critical:,} critical."
    yield Sentence("Alerts", sentence, len(alerts), source)
    shown = alerts.sort_values(["severity", "alert_id"]).head(SHOWN)
    for message, value in zip(shown["message"], shown["observed_value"], strict=True):
        yield Sentence("Alerts", message, float(value), source)


def simulated(results: pd.DataFrame) -> Iterator[Sentence]:
    """Of EXPERIMENT_RESULTS: what the simulated experiment could find."""
    source = EXPERIMENT_RESULTS.name
    if results.empty:
        yield Sentence("Experiment", "No experiment could be simulated yet.", np.nan, source)
        return
    first = results.iloc[0]
    detectable = float(first["minimum_detectable_points"])
    found = "no effect" if np.isnan(detectable) else f"only effects of {detectable:.1f} percentage points or more"
    verdicts = "; ".join(f"+{row.uplift_points:g} points: {row.verdict}" for row in results.itertuples())
    sentence = (
        f"In an offline simulation with {first['n_control']:,} and {first['n_treatment']:,} students an arm, which finds {found} "
        f"with 80 % power: {verdicts}."
    )
    yield Sentence("Experiment", sentence, detectable, source)


def live(looks: pd.DataFrame) -> Iterator[Sentence]:
    """Of EXPERIMENT_LOOKS: each live experiment with its difference and verdict."""
    source = EXPERIMENT_LOOKS.name
    for look in looks.to_dict("records"):
        name, difference = f"Live experiment {look['experiment_id']}", look["difference"]
        if pd.isna(difference):
            yield Sentence("Experiment", f"{name}: {look['verdict']}.", np.nan, source)
            continue
        told = (
            f"{name}: {look['n_success_treatment'] / look['n_treatment']:.1%} of {look['n_treatment']:,} treated and "
            f"{look['n_success_control'] / look['n_control']:.1%} of {look['n_control']:,} control students succeeded, a "
            f"difference of {100 * difference:+.1f} points (from {100 * look['interval_low']:+.1f} to "
            f"{100 * look['interval_high']:+.1f}); "
            f"verdict: {look['verdict']}."
        )
        yield Sentence("Experiment", told, difference, source)


def returns_by_number(by_caseload: pd.DataFrame) -> Iterator[Sentence]:
    """Of ROI_BY_CASELOAD: what contacting all flagged, and the best number, is expected to return."""
    source = ROI_BY_CASELOAD.name
    if by_caseload.empty:
        return
    flagged, best = (by_caseload[by_caseload[which]].iloc[0] for which in ("is_flagged", "is_best"))
    if flagged["n_contacted"]:
        told = f"Contacting all {flagged['n_contacted']:,} students at high risk is expected to return {_net_benefit(flagged)}."
        yield Sentence("Return", told, float(flagged["net_benefit"]), source)
    if not best["n_contacted"]:
        yield Sentence("Return", "By the assumed effect no number of contacts pays.", 0, source)
        return
    told = (
        f"It returns most to contact the {best['n_contacted']:,} at highest risk (80 % interval {best['best_size_low']:,} to "
        f"{best['best_size_high']:,} students): {_net_benefit(best)}; it breaks even at an effect of "
        f"{best['break_even_points']:.2f} points."
    )
    yield Sentence("Return", told, float(best["net_benefit"]), source)


def _net_benefit(row: pd.Series) -> str:
    return (
        f"a net benefit of {row['net_benefit']:,.0f} (80 % interval {row['net_benefit_low']:,.0f} to "
        f"{row['net_benefit_high']:,.0f}), above 0 with a probability of {row['probability_of_profit']:.0%}"
    )


def returns_by_assumption(roi: pd.DataFrame) -> Iterator[Sentence]:
    """Of ROI_SENSITIVITY: the middle assumption, and the range of all."""
    source = ROI_SENSITIVITY.name
    if roi.empty or roi["n_contacted"].max() == 0:
        yield Sentence("Return", "No return was computed: nobody would be contacted.", np.nan, source)
        return
    row = roi[
        (roi["uplift_points"] == _middle(roi["uplift_points"])) & (roi["cost_per_student"] == _middle(roi["cost_per_student"]))
    ]
    case = row.iloc[0]
    sentence = (
        f"If contacting {int(case['n_contacted']):,} students at {case['cost_per_student']:,.2f} each raised their pass rate by "
        f"{case['uplift_points']:g} points, {case['incremental_passes']:,.1f} more would pass, for a net benefit of "
        f"{case['net_benefit']:,.0f}."
    )
    yield Sentence("Return", sentence, float(case["net_benefit"]), source)
    low, high = roi["net_benefit"].min(), roi["net_benefit"].max()
    span = f"Over all {len(roi):,} assumptions the net benefit runs from {low:,.0f} to {high:,.0f}."
    yield Sentence("Return", span, float(low), source)


def _counted(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"


def _middle(values: pd.Series) -> float:
    distinct = np.unique(values)
    return float(distinct[len(distinct) // 2])
