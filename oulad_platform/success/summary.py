"""One page for leadership: every sentence computed, with its number and the table the number comes from.

Figures come from the other modules' tables; nothing is estimated here. What is missing is said, not left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd

from oulad_platform.core.privacy import TOTAL, is_open
from oulad_platform.core.reports import date_text, markdown_text
from oulad_platform.success.dashboard.alerts import secret_scopes
from oulad_platform.success.dashboard.counts import HIGH, SCORED, CourseCounts, course_counts, current_enrollment, programs_of
from oulad_platform.success.dashboard.views import each, told
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
    suppress_below: int,
) -> pd.DataFrame:
    """EXECUTIVE_SUMMARY as of `day`, the newest day of the data; any frame may be empty.

    `enrollment`: enrollment_metrics rows (all scopes); `risk`: STUDENT_RISK_DAILY; `course_summary`: COURSE_SUMMARY_DAILY,
    of the newest scored day and, for the change, of the week before; `reach`: REACH of that day; `model_evaluation`:
    MODEL_EVALUATION, of which only what was known on `day` is told; `caseload`: CASELOAD_DAILY; `experiments`:
    EXPERIMENT_RESULTS, `looks`: EXPERIMENT_LOOKS; `roi`: ROI_SENSITIVITY, `roi_by_caseload`: ROI_BY_CASELOAD, made for an
    expected effect of `effect_points`. Of each, the newest day is told, with its date: between terms nobody is scored.
    `alerts`: rows of alert_log, whatever raised them; those of `day` are told. `semester` may be empty.

    Counts of persons under `suppress_below` are withheld by the rules, and from the counts, of the page for leadership
    (`dashboard.counts`), so that the two do not lead to one another; `value` is absent with them.
    """
    name = f"{institution}, {semester}," if semester else institution
    below = suppress_below
    scored = risk[risk["run_date"] == risk["run_date"].max()]
    scored_on = day if scored.empty else scored["run_date"].iloc[0].date()
    in_charge = set() if scored.empty else set(scored["model_version"])
    todays = course_summary[course_summary["run_date"] == pd.Timestamp(scored_on)]
    counts = course_counts(todays, reach, programs_of(enrollment), below)
    of_the_day = alerts[alerts["alert_date"] == pd.Timestamp(day)]
    sentences = [
        *_enrollment(enrollment[enrollment["date"] == enrollment["date"].max()], day, name, counts, below),
        *_risk(scored, scored_on, counts, below),
        *_courses(course_summary, scored_on, counts, below),
        *contacts(caseload[caseload["caseload_date"] == caseload["caseload_date"].max()], counts, below),
        *_model(model_evaluation[model_evaluation["known_from"] <= pd.Timestamp(day)], in_charge),
        *alerts_of_the_day(of_the_day, day, secret_scopes(counts), below),
        *simulated(experiments, below),
        *live(looks, below),
        *returns(roi_by_caseload, roi, effect_points, below),
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


def _enrollment(metrics: pd.DataFrame, day: date, name: str, counts: CourseCounts, below: int) -> Iterator[Sentence]:
    total = metrics[metrics["scope"] == "total"]
    if total.empty:
        yield Sentence("Enrolment", f"No enrolment figures for {name} on {date_text(day)}.", np.nan, ENROLLMENT_TABLE)
        return
    row = total.iloc[0]
    current = current_enrollment(total, counts, below)
    on = date_text(row["date"])
    if pd.isna(current):
        hidden = f"The number of enrolments of {name} on {on} is not told: it, or a part of it, is under {below}."
        yield Sentence("Enrolment", hidden, np.nan, ENROLLMENT_TABLE)
        return
    yield Sentence("Enrolment", f"{name} had {current:,} enrolments on {on}.", current, ENROLLMENT_TABLE)
    if pd.isna(row["net_change"]):
        yield Sentence("Enrolment", "There is no day before to compare with.", np.nan, ENROLLMENT_TABLE)
        return
    flows = [int(row[name]) for name in ("new_students", "dropped_students", "completed_students")]
    came, dropped, completed = (told(n, below) for n in flows)
    change = f"Since the day before: {came} new, {dropped} dropped, {completed} completed"
    if max(flows) < below:
        change = f"Since the day before fewer than {below} each were new, dropped or completed"
    if min(flows) < below:  # a net change would lead back to the small one
        yield Sentence("Enrolment", f"{change}.", np.nan, ENROLLMENT_TABLE)
        return
    yield Sentence("Enrolment", f"{change}; net change {row['net_change']:+,}.", float(row["net_change"]), ENROLLMENT_TABLE)


def _risk(risk: pd.DataFrame, day: date, counts: CourseCounts, below: int) -> Iterator[Sentence]:
    source = STUDENT_RISK_DAILY.name
    if risk.empty:
        yield Sentence("Risk", f"No enrolment was scored on {date_text(day)}.", np.nan, source)
        return
    flagged = int(risk["high_risk_flag"].sum())
    is_withheld = len(counts.courses) and counts.courses.loc[TOTAL, [SCORED, HIGH]].isna().any()
    if is_withheld or not is_open(flagged, len(risk), below):
        few = f"fewer than {below} are at high risk, or not at high risk"
        hidden = f"On {date_text(day)}, {told(len(risk), below)} enrolments were scored; {few}."
        yield Sentence("Risk", hidden, np.nan, source)
        return
    students = risk.loc[risk["high_risk_flag"], "id_student"].nunique()
    sentence = (
        f"On {date_text(day)}, {flagged:,} of {len(risk):,} scored enrolments ({flagged / len(risk):.1%}) are at high risk of "
        f"failing or withdrawing; students concerned: {students:,}."
    )
    yield Sentence("Risk", sentence, flagged, source)


def _courses(course_summary: pd.DataFrame, day: date, counts: CourseCounts, below: int) -> Iterator[Sentence]:
    source = COURSE_SUMMARY_DAILY.name
    today = course_summary[course_summary["run_date"] == pd.Timestamp(day)]
    if today.empty:
        return
    if today["student_count"].sum() < below:
        return
    mean = _weighted_mean(today)
    yield Sentence("Risk", f"Their mean risk is {mean:.3f}; {_change(today, below)}.", mean, source)
    secret = secret_scopes(counts)
    is_told = [
        is_open(row.n_high_risk, row.student_count, below) and f"{row.code_module}-{row.code_presentation}" not in secret
        for row in each(today)
    ]
    if not any(is_told):
        return
    worst = today[is_told].sort_values(["high_risk_rate", "student_count", "code_module"], ascending=[False, False, True]).iloc[0]
    sentence = (
        f"The largest share at high risk is in {worst['code_module']} {worst['code_presentation']}: "
        f"{worst['high_risk_rate']:.1%} of {worst['student_count']:,} students."
    )
    yield Sentence("Risk", sentence, float(worst["high_risk_rate"]), source)


def _change(today: pd.DataFrame, below: int) -> str:
    compared = today[today["n_compared"] > 0]
    n_compared, n_scored = compared["n_compared"].sum(), today["student_count"].sum()
    if n_compared == 0:
        return "it is not comparable with the week before: no enrolment was scored by the same model on both days"
    rise = compared["compared_risk"] - compared["compared_risk_7d_ago"]
    if n_compared < below:
        return f"it is not comparable with the week before: fewer than {below} were scored by the same model on both days"
    change = f"{np.average(rise, weights=compared['n_compared']):+.3f} since the week before"
    if n_compared == n_scored:
        return change
    if n_scored - n_compared < below:
        return f"{change} for those scored by the same model on both days"
    return f"{change} for the {n_compared:,} of {n_scored:,} enrolments scored by the same model on both days"


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
