"""What the summary says of action: contacts, alerts, experiments and return, each sentence with its number and its table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd

from oulad_platform.core.alerts import ALERT_LOG, KINDS, SEVERITIES
from oulad_platform.core.privacy import SHARE_FROM, TOTAL, Disclosure, is_open
from oulad_platform.core.reports import date_text
from oulad_platform.success.caseload.tables import CASELOAD_DAILY
from oulad_platform.success.dashboard.alerts import ANOMALY, measured
from oulad_platform.success.dashboard.counts import LISTED, CourseCounts
from oulad_platform.success.dashboard.trials import arms_open
from oulad_platform.success.dashboard.views import HIDDEN, each, nearest, told
from oulad_platform.success.experiments.tables import EXPERIMENT_LOOKS, EXPERIMENT_RESULTS
from oulad_platform.success.roi.tables import ROI_BY_CASELOAD, ROI_SENSITIVITY

SHOWN = 5


class Sentence(NamedTuple):
    """One line of the summary. `value` is NaN where the sentence says that something is missing."""

    heading: str
    sentence: str
    value: float
    source_table: str


def contacts(caseload: pd.DataFrame, counts: CourseCounts, rule: Disclosure) -> Iterator[Sentence]:
    """Of CASELOAD_DAILY rows of one day: how many are to be contacted, by how many. `counts`: what the page may show."""
    source = CASELOAD_DAILY.name
    if caseload.empty:
        yield Sentence("Contacts", "Nobody is to be contacted.", 0, source)
        return
    n, day = len(caseload), date_text(caseload["caseload_date"].iloc[0])
    by_whom = _counted(caseload["adviser"].nunique(), "adviser or team", "advisers or teams")
    is_withheld = LISTED in counts.courses and counts.courses.loc[[TOTAL], LISTED].isna().any()
    if not rule.rounds and (n < rule.below or is_withheld):
        text = f"fewer than {rule.below} students" if n < rule.below else "students"
        yield Sentence("Contacts", f"The lists of {day} hold {text} for {by_whom}.", np.nan, source)
        return
    never = int(caseload["last_contact"].isna().sum())
    is_told = n >= SHARE_FROM if rule.rounds else is_open(never, n, rule.below)
    n, never = nearest(n, rule), nearest(never, rule)
    on_record = f"; {never / n:.0%} of them have no contact on record" if is_told else ""
    yield Sentence("Contacts", f"The lists of {day} hold {n:,} students for {by_whom}{on_record}.", n, source)


def alerts_of_the_day(alerts: pd.DataFrame, day: date, secret: set[str], rule: Disclosure) -> Iterator[Sentence]:
    """Of alert_log rows of `day`: how many, and the first of them in their own words, or without them where these would tell of a
    few persons. `secret`: scopes with a withheld count."""
    source = ALERT_LOG.name
    if alerts.empty:
        yield Sentence("Alerts", f"No alert fired on {date_text(day)}.", 0, source)
        return
    critical = int((alerts["severity"] == SEVERITIES[-1]).sum())
    alerts_word = "alert" if len(alerts) == 1 else "alerts"
    sentence = f"{len(alerts):,} {alerts_word} fired on {date_text(day)}, {critical:,} critical."
    yield Sentence("Alerts", sentence, len(alerts), source)
    for alert in each(alerts.sort_values(["severity", "alert_id"]).head(SHOWN)):
        kind, figure = KINDS[str(alert.alert_type)], measured(alert, secret, rule)
        if figure == HIDDEN:
            few = f"Its figures are withheld, since they could tell of fewer than {rule.mean_from} persons."
            yield Sentence("Alerts", f"{kind}: {alert.scope}. {few}", np.nan, source)
        elif rule.rounds and alert.alert_type == ANOMALY and pd.notna(alert.observed_value):
            text = f"{kind}: {alert.scope}, {figure}; its limit, where it has one, in brackets."
            yield Sentence("Alerts", text, nearest(alert.observed_value, rule), source)
        else:
            yield Sentence("Alerts", alert.message, float(alert.observed_value), source)


def simulated(results: pd.DataFrame, rule: Disclosure) -> Iterator[Sentence]:
    """Of EXPERIMENT_RESULTS: what the simulated experiment could find."""
    source = EXPERIMENT_RESULTS.name
    if results.empty:
        yield Sentence("Experiment", "No experiment could be simulated yet.", np.nan, source)
        return
    first = results.iloc[0]
    detectable = float(first["minimum_detectable_points"])
    found = "no effect" if np.isnan(detectable) else f"only effects of {detectable:.1f} percentage points or more"
    verdicts = "; ".join(f"+{row.uplift_points:g} points: {row.verdict}" for row in results.itertuples())
    control, treatment = (told(first[name], rule) for name in ("n_control", "n_treatment"))
    sentence = (
        f"In an offline simulation with {control} and {treatment} students an arm, which finds {found} with 80 % power: "
        f"{verdicts}."
    )
    yield Sentence("Experiment", sentence, detectable, source)


def live(looks: pd.DataFrame, rule: Disclosure) -> Iterator[Sentence]:
    """Of EXPERIMENT_LOOKS: each live experiment with its verdict, and its difference where that tells of no few persons."""
    source = EXPERIMENT_LOOKS.name
    for look in looks.to_dict("records"):
        name, difference = f"Live experiment {look['experiment_id']}", look["difference"]
        if pd.isna(difference) or not arms_open(look, "n_success_control", "n_success_treatment", rule):
            yield Sentence("Experiment", f"{name}: {look['verdict']}.", np.nan, source)
            continue
        treated, control = (told(look[arm], rule) for arm in ("n_treatment", "n_control"))
        text = (
            f"{name}: {look['n_success_treatment'] / look['n_treatment']:.1%} of {treated} treated and "
            f"{look['n_success_control'] / look['n_control']:.1%} of {control} control students succeeded, a difference of "
            f"{100 * difference:+.1f} points (from {100 * look['interval_low']:+.1f} to {100 * look['interval_high']:+.1f}); "
            f"verdict: {look['verdict']}."
        )
        yield Sentence("Experiment", text, difference, source)


def returns(by_caseload: pd.DataFrame, roi: pd.DataFrame, effect_points: float, rule: Disclosure) -> Iterator[Sentence]:
    """What contacting all flagged returns under the expected effect and under a larger one, and which number returns most.

    `by_caseload`: ROI_BY_CASELOAD, made for an effect of `effect_points`; `roi`: ROI_SENSITIVITY.
    """
    if by_caseload.empty:
        yield from _assumed(roi, rule)
        return
    source = ROI_BY_CASELOAD.name
    flagged, best = (by_caseload[by_caseload[which]] for which in ("is_flagged", "is_best"))
    fewest = rule.mean_from
    effect = f"If a contact is worth {effect_points:g} points, as expected,"
    is_told = bool((flagged["n_contacted"] >= fewest).any())
    if is_told:
        of_all = flagged.iloc[0]
        n = int(of_all["n_contacted"])
        text = (
            f"{effect} contacting all {n:,} at high risk is expected to return {of_all['net_benefit']:,.0f} net "
            f"({_doubt(of_all)})"
        )
        case = None if roi.empty else _middle_case(roi)
        if case is not None and case["n_contacted"] == n:
            text += f"; at {case['uplift_points']:+g} points it would return {case['net_benefit']:,.0f}"
        yield Sentence("Return", f"{text}.", float(of_all["net_benefit"]), source)
        effect = "At the expected effect"
    n_best = None if best.empty else int(best["n_contacted"].iloc[0])
    if n_best == 0:
        yield Sentence("Return", f"{effect} no number of contacts pays.", 0, source)
    elif n_best is None or n_best < fewest:
        few = f"{effect} it returns most to contact {told(fewest - 1, rule)} students."
        yield Sentence("Return", few, np.nan, source)
    else:
        row = best.iloc[0]
        low, high = ("none" if end == 0 else told(end, rule) for end in (row["best_size_low"], row["best_size_high"]))
        text = (
            f"{effect} it returns most to contact the {n_best:,} at highest risk, {row['net_benefit']:,.0f} net "
            f"({_doubt(row)}); the best number may be anything from {low} to {high}. It breaks even at an effect of "
            f"{row['break_even_points']:.2f} points."
        )
        yield Sentence("Return", text, float(row["net_benefit"]), source)
    if is_told:
        yield from _span(roi)


def _assumed(roi: pd.DataFrame, rule: Disclosure) -> Iterator[Sentence]:
    """Of ROI_SENSITIVITY: the middle assumption, and the range of all."""
    source = ROI_SENSITIVITY.name
    if roi.empty or roi["n_contacted"].max() == 0:
        yield Sentence("Return", "No return was computed: nobody would be contacted.", np.nan, source)
        return
    case = _middle_case(roi)
    if case["n_contacted"] < rule.below and not rule.rounds:
        yield Sentence("Return", f"No return is told: fewer than {rule.below} would be contacted.", np.nan, source)
        return
    n = told(case["n_contacted"], rule)
    sentence = (
        f"If contacting {n} students at {case['cost_per_student']:,.2f} each raised their pass rate by "
        f"{case['uplift_points']:g} points, {case['incremental_passes']:,.1f} more would pass, for a net benefit of "
        f"{case['net_benefit']:,.0f}."
    )
    yield Sentence("Return", sentence, float(case["net_benefit"]), source)
    yield from _span(roi)


def _span(roi: pd.DataFrame) -> Iterator[Sentence]:
    if roi.empty or roi["n_contacted"].max() == 0:
        return
    effects, costs = (_ends(roi[name]) for name in ("uplift_points", "cost_per_student"))
    text = (
        f"With an effect of {effects} points and a cost of {costs} a contact, contacting all at high risk would return "
        f"{_ends(roi['net_benefit'])}."
    )
    yield Sentence("Return", text, float(roi["net_benefit"].min()), ROI_SENSITIVITY.name)


def _doubt(row: pd.Series) -> str:
    return (
        f"80 % interval {row['net_benefit_low']:,.0f} to {row['net_benefit_high']:,.0f}; above 0 with a probability of "
        f"{row['probability_of_profit']:.0%}"
    )


def _ends(values: pd.Series) -> str:
    low, high = (
        f"{end:,.0f}" if end == round(end) or abs(end) >= 1000 else f"{end:,.2f}" for end in (values.min(), values.max())
    )
    return low if low == high else f"{low} to {high}"


def _middle_case(roi: pd.DataFrame) -> pd.Series:
    points, cost = (_middle(roi[name]) for name in ("uplift_points", "cost_per_student"))
    return roi[(roi["uplift_points"] == points) & (roi["cost_per_student"] == cost)].iloc[0]


def _counted(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"


def _middle(values: pd.Series) -> float:
    distinct = np.unique(values)
    return float(distinct[len(distinct) // 2])
