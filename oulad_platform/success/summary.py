"""One page for leadership: every sentence computed, with its number and the table the number comes from.

Figures come from the other modules' tables; nothing is estimated here. What is missing is said, not left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from oulad_platform.core.privacy import SHARE_FROM, TOTAL, Disclosure, is_open, rounded
from oulad_platform.core.reports import date_text, markdown_text
from oulad_platform.success.dashboard.alerts import secret_scopes
from oulad_platform.success.dashboard.counts import HIGH, SCORED, CourseCounts, course_counts, current_enrollment, programs_of
from oulad_platform.success.dashboard.page import PURPOSE
from oulad_platform.success.dashboard.views import each, nearest, share_from, told
from oulad_platform.success.evaluation.protocol import NEXT_COHORT
from oulad_platform.success.evaluation.rules import RULES
from oulad_platform.success.model_tables import MODEL_EVALUATION
from oulad_platform.success.modelling.model import CHALLENGER
from oulad_platform.success.summary_of_action import (
    Sentence,
    alerts_of_the_day,
    contacts,
    live,
    returns,
    simulated,
)
from oulad_platform.success.tables import ALL, COURSE_SUMMARY_DAILY, EXECUTIVE_SUMMARY, STUDENT_RISK_DAILY

ENROLLMENT_TABLE = "enrollment_metrics"


def executive_summary(
    *,
    day: date,
    institution: str,
    semester: str,
    enrollment: pd.DataFrame,
    risk: pd.DataFrame,
    course_summary: pd.DataFrame,
    reach: pd.DataFrame,
    model_evaluation: pd.DataFrame,
    alerts: pd.DataFrame,
    caseload: pd.DataFrame,
    experiments: pd.DataFrame,
    looks: pd.DataFrame,
    roi: pd.DataFrame,
    roi_by_caseload: pd.DataFrame,
    effect_points: float,
    rule: Disclosure,
) -> pd.DataFrame:
    """EXECUTIVE_SUMMARY as of `day`, the newest day of the data; any frame may be empty.

    `enrollment`: enrollment_metrics rows (all scopes); `risk`: STUDENT_RISK_DAILY; `course_summary`: COURSE_SUMMARY_DAILY,
    of the newest scored day and, for the change, of the week before; `reach`: REACH of that day; `model_evaluation`:
    MODEL_EVALUATION, of which only what was known on `day` is told; `caseload`: CASELOAD_DAILY; `experiments`:
    EXPERIMENT_RESULTS, `looks`: EXPERIMENT_LOOKS; `roi`: ROI_SENSITIVITY, `roi_by_caseload`: ROI_BY_CASELOAD, made for an
    expected effect of `effect_points`. Of each, the newest day is told, with its date: between terms nobody is scored.
    `alerts`: rows of alert_log, whatever raised them; those of `day` are told. `semester` may be empty.

    Counts of persons are withheld, or rounded, by `rule` from the counts of the page for leadership (`dashboard.counts`), so that
    the two do not lead to one another; `value` is absent, or rounded, with them.
    """
    name = f"{institution}, {semester}," if semester else institution
    scored = risk[risk["run_date"] == risk["run_date"].max()]
    scored_on = day if scored.empty else scored["run_date"].iloc[0].date()
    in_charge = set() if scored.empty else set(scored["model_version"])
    todays = course_summary[course_summary["run_date"] == pd.Timestamp(scored_on)]
    counts = course_counts(todays, reach, programs_of(enrollment), rule)
    of_the_day = alerts[alerts["alert_date"] == pd.Timestamp(day)]
    sentences = [
        *_enrollment(enrollment[enrollment["date"] == enrollment["date"].max()], day, name, counts, rule),
        *_risk(scored, scored_on, counts, rule),
        *_courses(course_summary, scored_on, counts, rule),
        *contacts(caseload[caseload["caseload_date"] == caseload["caseload_date"].max()], counts, rule),
        *_model(model_evaluation[model_evaluation["known_from"] <= pd.Timestamp(day)], in_charge),
        *alerts_of_the_day(of_the_day, day, secret_scopes(counts), rule),
        *simulated(experiments, rule),
        *live(looks, rule),
        *returns(roi_by_caseload, roi, effect_points, rule),
    ]
    frame = pd.DataFrame(sentences, columns=list(Sentence._fields))
    return EXECUTIVE_SUMMARY.conform(frame.assign(position=np.arange(1, len(frame) + 1)))


def summary_markdown(summary: pd.DataFrame, institution: str, day: date) -> str:
    """EXECUTIVE_SUMMARY as a Markdown page: what it is for, a section for each heading, a bullet for each
    sentence, its table in brackets."""
    sections = [f"# Executive summary: {markdown_text(institution)}, {date_text(day)}\n\n{PURPOSE}\n"]
    for heading, rows in summary.groupby("heading", sort=False):
        bullets = [f"- {markdown_text(row.sentence)} (`{row.source_table}`)\n" for row in rows.itertuples()]
        sections.append(f"\n## {markdown_text(heading)}\n\n{''.join(bullets)}")
    return "".join(sections)


def _enrollment(metrics: pd.DataFrame, day: date, name: str, counts: CourseCounts, rule: Disclosure) -> Iterator[Sentence]:
    total = metrics[metrics["scope"] == "total"]
    if total.empty:
        yield Sentence("Enrolment", f"No enrolment figures for {name} on {date_text(day)}.", np.nan, ENROLLMENT_TABLE)
        return
    row = total.iloc[0]
    current = current_enrollment(total, counts, rule)
    on = date_text(row["date"])
    if pd.isna(current):
        hidden = f"The number of enrolments of {name} on {on} is not told: it, or a part of it, is under {rule.below}."
        yield Sentence("Enrolment", hidden, np.nan, ENROLLMENT_TABLE)
        return
    yield Sentence("Enrolment", f"{name} had {current:,} enrolments on {on}.", current, ENROLLMENT_TABLE)
    if pd.isna(row["net_change"]):
        yield Sentence("Enrolment", "There is no day before to compare with.", np.nan, ENROLLMENT_TABLE)
        return
    flows = [int(row[name]) for name in ("new_students", "dropped_students", "completed_students")]
    came, dropped, completed = (told(n, rule) for n in flows)
    change = f"Since the day before: {came} new, {dropped} dropped, {completed} completed"
    if max(flows) < rule.below and not rule.rounds:
        change = f"Since the day before fewer than {rule.below} each were new, dropped or completed"
    if min(flows) < rule.below or rule.rounds:  # a net change would lead back to the small one
        yield Sentence("Enrolment", f"{change}.", np.nan, ENROLLMENT_TABLE)
        return
    yield Sentence("Enrolment", f"{change}; net change {row['net_change']:+,}.", float(row["net_change"]), ENROLLMENT_TABLE)


def _risk(risk: pd.DataFrame, day: date, counts: CourseCounts, rule: Disclosure) -> Iterator[Sentence]:
    source = STUDENT_RISK_DAILY.name
    if risk.empty:
        yield Sentence("Risk", f"No enrolment was scored on {date_text(day)}.", np.nan, source)
        return
    flagged = int(risk["high_risk_flag"].sum())
    is_withheld = len(counts.courses) and counts.courses.loc[TOTAL, [SCORED, HIGH]].isna().any()
    if is_withheld or not (rule.rounds or is_open(flagged, len(risk), rule.below)):
        few = f"fewer than {rule.below} are at high risk, or not at high risk"
        hidden = f"On {date_text(day)}, {told(len(risk), rule)} enrolments were scored; {few}."
        yield Sentence("Risk", hidden, np.nan, source)
        return
    students = risk.loc[risk["high_risk_flag"], "id_student"].nunique()
    flagged, scored = nearest(flagged, rule), nearest(len(risk), rule)
    share = f" ({flagged / scored:.1%})" if scored >= share_from(rule) else ""
    sentence = (
        f"On {date_text(day)}, {flagged:,} of {scored:,} scored enrolments{share} are at high risk of failing or withdrawing; "
        f"students concerned: {told(students, rule)}."
    )
    yield Sentence("Risk", sentence, flagged, source)


def _courses(course_summary: pd.DataFrame, day: date, counts: CourseCounts, rule: Disclosure) -> Iterator[Sentence]:
    source = COURSE_SUMMARY_DAILY.name
    today = course_summary[course_summary["run_date"] == pd.Timestamp(day)]
    if today.empty:
        return
    if today["student_count"].sum() < rule.mean_from:
        return
    mean = _weighted_mean(today)
    yield Sentence("Risk", f"Their mean risk is {mean:.3f}; {_change(today, rule)}.", mean, source)
    secret = secret_scopes(counts)
    is_told = [_is_share_told(row, rule) and f"{row.code_module}-{row.code_presentation}" not in secret for row in each(today)]
    if not any(is_told):
        return
    told_of = today[is_told]
    if rule.rounds:
        told_of = told_of.assign(**{name: rounded(told_of[name]) for name in ("n_high_risk", "student_count")})
        told_of["high_risk_rate"] = (told_of["n_high_risk"] / told_of["student_count"]).clip(upper=1)
    worst = told_of.sort_values(["high_risk_rate", "student_count", "code_module"], ascending=[False, False, True]).iloc[0]
    sentence = (
        f"The largest share at high risk is in {worst['code_module']} {worst['code_presentation']}: "
        f"{worst['high_risk_rate']:.1%} of {worst['student_count']:,} students."
    )
    yield Sentence("Risk", sentence, float(worst["high_risk_rate"]), source)


def _is_share_told(course: Any, rule: Disclosure) -> bool:
    if rule.rounds:
        return bool(course.student_count >= SHARE_FROM)
    return is_open(course.n_high_risk, course.student_count, rule.below)


def _change(today: pd.DataFrame, rule: Disclosure) -> str:
    compared = today[today["n_compared"] > 0]
    n_compared, n_scored = compared["n_compared"].sum(), today["student_count"].sum()
    if n_compared == 0:
        return "it is not comparable with the week before: no enrolment was scored by the same model on both days"
    rise = compared["compared_risk"] - compared["compared_risk_7d_ago"]
    if n_compared < rule.mean_from:
        few = f"fewer than {rule.mean_from} were scored by the same model on both days"
        return f"it is not comparable with the week before: {few}"
    change = f"{np.average(rise, weights=compared['n_compared']):+.3f} since the week before"
    if n_compared == n_scored:
        return change
    if n_scored - n_compared < rule.below:
        return f"{change} for those scored by the same model on both days"
    counted = f"the {told(n_compared, rule)} of {told(n_scored, rule)} enrolments"
    return f"{change} for {counted} scored by the same model on both days"


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
    tested_on = f"Model {version}, {role}, was tested on cohort {cohort}, which it had not seen: AUC {listed}."
    yield Sentence("Model", tested_on, latest, source)
    recall = figures[figures["metric"] == "recall_at_10_pct"]
    if not recall.empty:
        last = recall.iloc[-1]
        sentence = (
            f"Contacting the 10 % at highest risk on day {last['day']} would have reached {last['value']:.1%} of those who "
            "then failed or withdrew."
        )
        yield Sentence("Model", sentence, float(last["value"]), source)


def _weighted_mean(summary: pd.DataFrame) -> float:
    return float(np.average(summary["avg_risk_score"], weights=summary["student_count"]))
