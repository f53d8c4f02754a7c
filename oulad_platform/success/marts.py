"""The marts people query: risk by student and day, its summary by course and day, and the sums that must agree.

Scores come from `success.modelling`; what a mart makes somebody do is in `alerts`, `experiments` and `summary`.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from oulad_platform.core.calendar import DAYS_PER_WEEK
from oulad_platform.core.checks import Finding
from oulad_platform.success.tables import BANDS, COURSE_SUMMARY_DAILY, STUDENT_RISK_DAILY

COURSE_DAY = list(COURSE_SUMMARY_DAILY.key)
RISK_TOTAL = "student_count * avg_risk_score"


def student_risk(scored: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """STUDENT_RISK_DAILY of scored enrolments, one row each in the order given.

    `scored`: run_date, code_module, code_presentation, id_student, day (of the presentation), risk_score (0-1),
    model_version. Flagged is strictly above `threshold`; a missing score is never flagged and has no band, so that the
    table's contract refuses it.
    """
    risk = scored["risk_score"].to_numpy(dtype="float64")
    flagged = risk > threshold
    band = np.where(np.isnan(risk), -1, (risk > threshold / 2).astype("int8") + flagged)
    mart = scored.assign(
        week=(scored["day"] // DAYS_PER_WEEK).astype("int16"),
        risk_band=pd.Series(pd.Categorical.from_codes(band, pd.Index(BANDS)), index=scored.index).astype("str"),
        high_risk_flag=flagged,
    )
    return mart[STUDENT_RISK_DAILY.names].reset_index(drop=True)


def course_summary(risk: pd.DataFrame) -> pd.DataFrame:
    """COURSE_SUMMARY_DAILY of STUDENT_RISK_DAILY rows of any number of days: counts, mean risk, share flagged."""
    names = {name: risk[name].astype("category") for name in COURSE_DAY[1:]}
    summary = (
        risk.assign(**names)
        .groupby(COURSE_DAY, observed=True, sort=False)
        .agg(
            week=("week", "first"),
            student_count=("id_student", "size"),
            avg_risk_score=("risk_score", "mean"),
            n_high_risk=("high_risk_flag", "sum"),
            model_version=("model_version", "first"),
        )
        .reset_index()
    )
    summary["avg_risk_score"] = summary["avg_risk_score"].clip(0, 1)
    return COURSE_SUMMARY_DAILY.conform(summary.assign(high_risk_rate=summary["n_high_risk"] / summary["student_count"]))


def with_week_before(course_summary: pd.DataFrame) -> pd.DataFrame:
    """The COURSE_SUMMARY_DAILY rows whose course was scored 7 days before by the same model version, with that day's figures.

    Adds student_count_before and avg_risk_score_before. Scores of two models, and of two sets of courses, do not compare.
    """
    same = [*COURSE_DAY, "model_version"]
    before = course_summary[[*same, "student_count", "avg_risk_score"]]
    before = before.assign(run_date=before["run_date"] + timedelta(days=DAYS_PER_WEEK))
    return course_summary.merge(before, on=same, suffixes=("", "_before"), validate="one_to_one")


def check_student_risk(risk: pd.DataFrame) -> list[Finding]:
    """Scores outside 0-1 or missing, and flags and bands that contradict each other: a finding for each rule and day broken."""
    scores, high = risk["risk_score"], (risk["risk_band"] == BANDS[-1]).fillna(False)
    rules = {
        "scores that are not from 0 to 1": ~scores.between(0, 1),
        "rows whose band and high_risk_flag contradict each other": high != risk["high_risk_flag"],
    }
    return [
        Finding(STUDENT_RISK_DAILY.name, f"has {count:,} {rule} on {day:%Y-%m-%d}", column="risk_score")
        for rule, broken in rules.items()
        for day, count in risk.loc[broken.to_numpy(), "run_date"].value_counts(sort=False).sort_index().items()
    ]


def check_counts(risk: pd.DataFrame, summary: pd.DataFrame) -> list[Finding]:
    """Whether the summary adds up to the student rows of the same days: a finding for each day and sum that does not.

    On every day, student_count over modules is the number of student rows, n_high_risk the number flagged, and
    student_count * avg_risk_score the sum of the scores (to 1e-6 a student).
    """
    risk_total = summary["avg_risk_score"] * summary["student_count"]
    made = summary.assign(**{RISK_TOTAL: risk_total}).groupby("run_date")[["student_count", "n_high_risk", RISK_TOTAL]].sum()
    by_day = risk.groupby("run_date")
    wanted = pd.DataFrame(
        {
            "student_count": by_day.size(),
            "n_high_risk": by_day["high_risk_flag"].sum(),
            RISK_TOTAL: by_day["risk_score"].sum(),
        }
    )
    made, wanted = made.align(wanted, join="outer", fill_value=0)
    tolerance = 1e-6 * wanted["student_count"].clip(lower=1)
    broken = {name: (made[name] - wanted[name]).abs() > (tolerance if name == RISK_TOTAL else 0) for name in wanted}
    return [
        Finding(
            COURSE_SUMMARY_DAILY.name,
            f"adds up to {made[name][day]:,.6g} on {day:%Y-%m-%d}, {STUDENT_RISK_DAILY.name} to {wanted[name][day]:,.6g}",
            column=str(name),
        )
        for name in wanted
        for day in wanted.index[broken[name]]
    ]
