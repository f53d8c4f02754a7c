"""One page for leadership: every sentence computed, with its number and the table the number comes from.

Figures come from the other modules' tables; nothing is estimated here. What is missing is said, not left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from oulad_platform.core.calendar import DAYS_PER_WEEK
from oulad_platform.core.reports import date_text, markdown_text
from oulad_platform.success.evaluation.protocol import NEXT_COHORT
from oulad_platform.success.evaluation.rules import RULES
from oulad_platform.success.marts import with_week_before
from oulad_platform.success.model_tables import MODEL_EVALUATION
from oulad_platform.success.modelling.model import CHALLENGER
from oulad_platform.success.tables import (
    ALERT_LOG,
    ALL,
    COURSE_SUMMARY_DAILY,
    EXECUTIVE_SUMMARY,
    EXPERIMENT_RESULTS,
    ROI_SENSITIVITY,
    SEVERITIES,
    STUDENT_RISK_DAILY,
)

ENROLLMENT_TABLE = "enrollment_metrics"
SHOWN_ALERTS = 5


class Sentence(NamedTuple):
    """One line of the summary. `value` is NaN where the sentence says that something is missing."""

    heading: str
    sentence: str
    value: float
    source_table: str


def executive_summary(
    *,
    day: date,
    institution: str,
    semester: str,
    enrollment: pd.DataFrame,
    risk: pd.DataFrame,
    course_summary: pd.DataFrame,
    model_evaluation: pd.DataFrame,
    alerts: pd.DataFrame,
    experiments: pd.DataFrame,
    roi: pd.DataFrame,
) -> pd.DataFrame:
    """EXECUTIVE_SUMMARY as of `day`, the newest day of the data; any frame may be empty.

    `enrollment`: enrollment_metrics rows (all scopes); `risk`: STUDENT_RISK_DAILY; `course_summary`: COURSE_SUMMARY_DAILY,
    of the newest scored day and, for the change, of the week before; `model_evaluation`: MODEL_EVALUATION, of which only what was
    known on `day` is told; `alerts`: ALERT_LOG. Of each, the newest day is told, with its date: between terms nobody is
    scored. `semester` may be empty.
    """
    name = f"{institution}, {semester}," if semester else institution
    scored = risk[risk["run_date"] == risk["run_date"].max()]
    scored_on = day if scored.empty else scored["run_date"].iloc[0].date()
    in_charge = set() if scored.empty else set(scored["model_version"])
    sentences = [
        *_enrollment(enrollment[enrollment["date"] == enrollment["date"].max()], day, name),
        *_risk(scored, scored_on),
        *_courses(course_summary, scored_on),
        *_model(model_evaluation[model_evaluation["known_from"] <= pd.Timestamp(day)], in_charge),
        *_alerts(alerts[alerts["alert_date"] == pd.Timestamp(scored_on)], scored_on),
        *_experiments(experiments),
        *_return(roi),
    ]
    frame = pd.DataFrame(sentences, columns=list(Sentence._fields))
    return EXECUTIVE_SUMMARY.conform(frame.assign(position=np.arange(1, len(frame) + 1)))


def summary_markdown(summary: pd.DataFrame, institution: str, day: date) -> str:
    """EXECUTIVE_SUMMARY as a Markdown page: a section for each heading, a bullet for each sentence, its table in brackets."""
    sections = [f"# Executive summary: {markdown_text(institution)}, {date_text(day)}\n"]
    for heading, rows in summary.groupby("heading", sort=False):
        bullets = [f"- {markdown_text(row.sentence)} (`{row.source_table}`)\n" for row in rows.itertuples()]
        sections.append(f"\n## {markdown_text(heading)}\n\n{''.join(bullets)}")
    return "".join(sections)


def _enrollment(metrics: pd.DataFrame, day: date, name: str) -> Iterator[Sentence]:
    total = metrics[metrics["scope"] == "total"]
    if total.empty:
        yield Sentence("Enrolment", f"No enrolment figures for {name} on {date_text(day)}.", np.nan, ENROLLMENT_TABLE)
        return
    row = total.iloc[0]
    current = int(row["total_enrollment"])
    yield Sentence("Enrolment", f"{name} had {current:,} enrolments on {date_text(row['date'])}.", current, ENROLLMENT_TABLE)
    if pd.isna(row["net_change"]):
        yield Sentence("Enrolment", "There is no day before to compare with.", np.nan, ENROLLMENT_TABLE)
        return
    change = (
        f"Since the day before: {row['new_students']:,} new, {row['dropped_students']:,} dropped, "
        f"{row['completed_students']:,} completed; net change {row['net_change']:+,}."
    )
    yield Sentence("Enrolment", change, float(row["net_change"]), ENROLLMENT_TABLE)


def _risk(risk: pd.DataFrame, day: date) -> Iterator[Sentence]:
    source = STUDENT_RISK_DAILY.name
    if risk.empty:
        yield Sentence("Risk", f"No enrolment was scored on {date_text(day)}.", np.nan, source)
        return
    flagged = int(risk["high_risk_flag"].sum())
    students = risk.loc[risk["high_risk_flag"], "id_student"].nunique()
    sentence = (
        f"On {date_text(day)}, {flagged:,} of {len(risk):,} scored enrolments ({flagged / len(risk):.1%}) are at high risk of "
        f"failing or withdrawing; students concerned: {students:,}."
    )
    yield Sentence("Risk", sentence, flagged, source)


def _courses(course_summary: pd.DataFrame, day: date) -> Iterator[Sentence]:
    source = COURSE_SUMMARY_DAILY.name
    today = course_summary[course_summary["run_date"] == pd.Timestamp(day)]
    if today.empty:
        return
    mean = _weighted_mean(today)
    yield Sentence("Risk", f"Their mean risk is {mean:.3f}; {_change(course_summary, day)}.", mean, source)
    worst = today.sort_values(["high_risk_rate", "student_count", "code_module"], ascending=[False, False, True]).iloc[0]
    sentence = (
        f"The largest share at high risk is in {worst['code_module']} {worst['code_presentation']}: "
        f"{worst['high_risk_rate']:.1%} of {worst['student_count']:,} students."
    )
    yield Sentence("Risk", sentence, float(worst["high_risk_rate"]), source)


def _change(course_summary: pd.DataFrame, day: date) -> str:
    is_today = course_summary["run_date"] == pd.Timestamp(day)
    if not (course_summary["run_date"] == pd.Timestamp(day - timedelta(days=DAYS_PER_WEEK))).any():
        return "there is no week before to compare with"
    pairs = with_week_before(course_summary)
    pairs = pairs[pairs["run_date"] == pd.Timestamp(day)]
    if pairs.empty:
        return "it is not comparable with the week before: no course was scored by the same model on both days"
    change = f"{_weighted_mean(pairs) - _weighted_mean(pairs, '_before'):+.3f} since the week before"
    if len(pairs) == is_today.sum():
        return change
    return f"{change} in the {len(pairs):,} of {is_today.sum():,} courses scored by the same model on both days"


def _model(evaluation: pd.DataFrame, in_charge: set[str]) -> Iterator[Sentence]:
    """The newest test of a model in charge; of another one where none in charge was tested on a later cohort."""
    source = MODEL_EVALUATION.name
    beside = evaluation["model_version"].isin(RULES) | evaluation["model_version"].str.endswith(f"-{CHALLENGER}")
    tested = evaluation[(evaluation["evaluation"] == NEXT_COHORT) & (evaluation["code_module"] == ALL) & ~beside]
    tested = tested.dropna(subset="value")
    own = tested["model_version"].isin(in_charge)
    tested = tested[own] if own.any() else tested
    newest = tested.sort_values(["known_from", "tested_cohort"])["tested_cohort"].tail(1)
    figures = tested[tested["tested_cohort"].isin(newest)].sort_values("day")
    auc = figures[figures["metric"] == "auc"]
    if auc.empty:
        yield Sentence("Model", "The model has not been tested on a later cohort yet: too few have closed.", np.nan, source)
        return
    listed = ", ".join(f"{row.value:.3f} on day {row.day}" for row in auc.itertuples())
    cohort = auc["tested_cohort"].iloc[0]
    latest = float(auc["value"].iloc[-1])
    version = auc["model_version"].iloc[0]
    role = "in charge" if version in in_charge else "not in charge"
    told = f"Model {version}, {role}, was tested on cohort {cohort}, which it had not seen: AUC {listed}."
    yield Sentence("Model", told, latest, source)
    recall = figures[figures["metric"] == "recall_at_10_pct"]
    if not recall.empty:
        last = recall.iloc[-1]
        sentence = (
            f"Contacting the 10 % at highest risk on day {last['day']} would have reached {last['value']:.1%} of those who "
            "then failed or withdrew."
        )
        yield Sentence("Model", sentence, float(last["value"]), source)


def _alerts(alerts: pd.DataFrame, day: date) -> Iterator[Sentence]:
    source = ALERT_LOG.name
    if alerts.empty:
        yield Sentence("Alerts", f"No alert fired on {date_text(day)}.", 0, source)
        return
    critical = int((alerts["severity"] == SEVERITIES[-1]).sum())
    alerts_word = "alert" if len(alerts) == 1 else "alerts"
    sentence = f"{len(alerts):,} {alerts_word} fired on {date_text(day)}, {critical:,} critical."
    yield Sentence("Alerts", sentence, len(alerts), source)
    shown = alerts.sort_values(["severity", "alert_id"]).head(SHOWN_ALERTS)
    for message, value in zip(shown["message"], shown["observed_value"], strict=True):
        yield Sentence("Alerts", message, float(value), source)


def _experiments(results: pd.DataFrame) -> Iterator[Sentence]:
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


def _return(roi: pd.DataFrame) -> Iterator[Sentence]:
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


def _weighted_mean(summary: pd.DataFrame, suffix: str = "") -> float:
    return float(np.average(summary[f"avg_risk_score{suffix}"], weights=summary[f"student_count{suffix}"]))


def _middle(values: pd.Series) -> float:
    distinct = np.unique(values)
    return float(distinct[len(distinct) // 2])
