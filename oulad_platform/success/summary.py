"""One page for leadership: every sentence computed, with its number and the table the number comes from.

Figures come from the other modules' tables; nothing is estimated here. What is missing is said, not left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd

from oulad_platform.core.reports import date_text, markdown_text
from oulad_platform.success.evaluation.protocol import NEXT_COHORT
from oulad_platform.success.evaluation.rules import RULES
from oulad_platform.success.model_tables import MODEL_EVALUATION
from oulad_platform.success.modelling.model import CHALLENGER
from oulad_platform.success.summary_of_action import (
    Sentence,
    alerts_of_the_day,
    contacts,
    live,
    returns_by_assumption,
    returns_by_number,
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
    model_evaluation: pd.DataFrame,
    alerts: pd.DataFrame,
    caseload: pd.DataFrame,
    experiments: pd.DataFrame,
    looks: pd.DataFrame,
    roi: pd.DataFrame,
    roi_by_caseload: pd.DataFrame,
    suppress_below: int,
) -> pd.DataFrame:
    """EXECUTIVE_SUMMARY as of `day`, the newest day of the data; any frame may be empty.

    `enrollment`: enrollment_metrics rows (all scopes); `risk`: STUDENT_RISK_DAILY; `course_summary`: COURSE_SUMMARY_DAILY,
    of the newest scored day and, for the change, of the week before; `model_evaluation`: MODEL_EVALUATION, of which only what was
    known on `day` is told; `alerts`: RISK_ALERTS; `caseload`: CASELOAD_DAILY; `experiments`: EXPERIMENT_RESULTS, `looks`:
    EXPERIMENT_LOOKS; `roi`: ROI_SENSITIVITY. Of each, the newest day is told, with its date: between terms nobody is scored.
    A course with fewer than `suppress_below` students, or as few at high risk, is not told of. `semester` may be empty.
    """
    name = f"{institution}, {semester}," if semester else institution
    scored = risk[risk["run_date"] == risk["run_date"].max()]
    scored_on = day if scored.empty else scored["run_date"].iloc[0].date()
    in_charge = set() if scored.empty else set(scored["model_version"])
    sentences = [
        *_enrollment(enrollment[enrollment["date"] == enrollment["date"].max()], day, name),
        *_risk(scored, scored_on),
        *_courses(course_summary, scored_on, suppress_below),
        *contacts(caseload[caseload["caseload_date"] == caseload["caseload_date"].max()]),
        *_model(model_evaluation[model_evaluation["known_from"] <= pd.Timestamp(day)], in_charge),
        *alerts_of_the_day(alerts[alerts["alert_date"] == pd.Timestamp(scored_on)], scored_on),
        *simulated(experiments),
        *live(looks),
        *returns_by_number(roi_by_caseload),
        *returns_by_assumption(roi),
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


def _courses(course_summary: pd.DataFrame, day: date, suppress_below: int) -> Iterator[Sentence]:
    source = COURSE_SUMMARY_DAILY.name
    today = course_summary[course_summary["run_date"] == pd.Timestamp(day)]
    if today.empty:
        return
    mean = _weighted_mean(today)
    yield Sentence("Risk", f"Their mean risk is {mean:.3f}; {_change(course_summary, day)}.", mean, source)
    told = today[today[["student_count", "n_high_risk"]].min(axis=1) >= suppress_below]
    if told.empty:
        return
    worst = told.sort_values(["high_risk_rate", "student_count", "code_module"], ascending=[False, False, True]).iloc[0]
    sentence = (
        f"The largest share at high risk is in {worst['code_module']} {worst['code_presentation']}: "
        f"{worst['high_risk_rate']:.1%} of {worst['student_count']:,} students."
    )
    yield Sentence("Risk", sentence, float(worst["high_risk_rate"]), source)


def _change(course_summary: pd.DataFrame, day: date) -> str:
    today = course_summary[course_summary["run_date"] == pd.Timestamp(day)]
    compared = today[today["n_compared"] > 0]
    if compared.empty:
        return "it is not comparable with the week before: no enrolment was scored by the same model on both days"
    rise = compared["compared_risk"] - compared["compared_risk_7d_ago"]
    change = f"{np.average(rise, weights=compared['n_compared']):+.3f} since the week before"
    n_compared, n_scored = compared["n_compared"].sum(), today["student_count"].sum()
    if n_compared == n_scored:
        return change
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


def _weighted_mean(summary: pd.DataFrame, suffix: str = "") -> float:
    return float(np.average(summary[f"avg_risk_score{suffix}"], weights=summary[f"student_count{suffix}"]))
