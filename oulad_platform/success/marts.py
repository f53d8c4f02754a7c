"""The marts people query: courses, risk by student and day, its summary by course and day, and the sums that must agree.

Scores come from `success.modelling`; what a mart makes somebody do is in `alerts`, `caseload`, `experiments` and `summary`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core.calendar import DAYS_PER_WEEK, end_dates
from oulad_platform.core.checks import Finding
from oulad_platform.success.tables import BANDS, COURSE_SUMMARY_DAILY, DIM_COURSE, STUDENT_RISK_DAILY

COURSE = list(DIM_COURSE.key)
COURSE_DAY = list(COURSE_SUMMARY_DAILY.key)
ENROLMENT_DAY = ["run_date", *COURSE, "id_student"]
RISK_TOTAL = "student_count * avg_risk_score"
DAY_BITS, STUDENT_BITS = 12, 31
NO_DAY = 1 << DAY_BITS + STUDENT_BITS  # later than any, so that without scored rows nothing is about them
DECIMALS = 12  # a score less its change is the score before, give or take rounding


def dim_course(courses: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """DIM_COURSE of the raw `courses`, and the rows of `known` (DIM_COURSE) that are gone from them: marts refer to them."""
    mine = pd.DataFrame(
        {
            "course_key": courses["code_module"] + "-" + courses["code_presentation"],
            **{name: courses[name] for name in [*COURSE, "start_date"]},
            "end_date": end_dates(courses),
        }
    )
    return DIM_COURSE.conform(pd.concat([mine, known]).drop_duplicates(COURSE))


def week_marks(tables: Mapping[str, pd.DataFrame], days: pd.DatetimeIndex) -> pd.DataFrame:
    """Mean mark (percent) of the coursework a student handed in in the seven days before each of `days`, banked one aside.

    `tables`: the raw courses, assessments and student_assessment. Columns run_date, code_module, code_presentation, id_student,
    weekly_score_mean; one row per student, presentation and day with a mark. A mark is known from the day after it was handed in.
    """
    coursework = tables["assessments"].loc[tables["assessments"]["assessment_type"] != "Exam", ["id_assessment", *COURSE]]
    coursework = coursework.merge(tables["courses"][[*COURSE, "start_date"]], on=COURSE, validate="m:1")
    marks = tables["student_assessment"]
    marks = marks[marks["is_banked"].ne(1) & marks["score"].notna() & marks["date_submitted"].notna()]
    marks = marks.merge(coursework, on="id_assessment", validate="m:1")
    handed_in = marks["start_date"] + pd.to_timedelta(marks["date_submitted"].astype("int64"), unit="D")
    frames = [
        marks.assign(run_date=handed_in + timedelta(days=later))[(handed_in + timedelta(days=later)).isin(days)]
        for later in range(1, DAYS_PER_WEEK + 1)
    ]
    means = pd.concat(frames).groupby(ENROLMENT_DAY, observed=True)["score"].mean()
    return means.astype("float64").rename("weekly_score_mean").reset_index()


def student_risk(
    scored: pd.DataFrame,
    before: pd.DataFrame,
    features: pd.DataFrame,
    reasons: pd.DataFrame,
    marks: pd.DataFrame,
    threshold: float,
) -> pd.DataFrame:
    """STUDENT_RISK_DAILY of scored enrolments, one row each in the order given.

    `scored`: run_date, code_module, code_presentation, id_student, day (of the presentation), risk_score (0-1),
    model_version. `before`: such rows of earlier days, a week before those that `scored` does not hold itself; may be empty.
    `features`: FEATURES rows, `reasons`: RISK_REASONS rows in the order of their key, and `marks`: `week_marks`, each of the days
    of `scored` or of more.
    Flagged is strictly above `threshold`; a missing score is never flagged and has no band, so that the table's contract
    refuses it. Raises ValueError where a scored enrolment has no features, or a frame holds an enrolment and day twice.
    """
    scored = scored.reset_index(drop=True)
    keys = _Keys(scored)
    risk = scored["risk_score"].to_numpy(dtype="float64")
    flagged = risk > threshold
    band = np.where(np.isnan(risk), -1, (risk > threshold / 2).astype("int8") + flagged)
    submitted = keys.found(features, "n_assessments_submitted")
    if np.isnan(submitted).any():
        raise ValueError(
            f"{np.isnan(submitted).sum():,} scored enrolments have no row in features; make the features of their days"
        )
    mart = scored.assign(
        week=(scored["day"] // DAYS_PER_WEEK).astype("int16"),
        risk_band=pd.Series(pd.Categorical.from_codes(band, pd.Index(BANDS)), index=scored.index).astype("str"),
        high_risk_flag=flagged,
        risk_change_7d=risk - _risk_before(keys, scored, before),
        weekly_score_mean=keys.found(marks, "weekly_score_mean"),
        cum_submissions=submitted.astype("int16"),
        **_reasons(keys, reasons),
    )
    return mart[STUDENT_RISK_DAILY.names]


def course_summary(risk: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """COURSE_SUMMARY_DAILY of STUDENT_RISK_DAILY rows of any number of days: counts, mean risk, share flagged.

    What is said about the week before is about the enrolments with a risk_change_7d, on both days. `threshold` is the one the
    rows were flagged by.
    """
    names = {name: risk[name].astype("category") for name in COURSE}
    risk_before = risk["risk_score"] - risk["risk_change_7d"]
    compared = risk_before.notna()
    flag_change = risk["high_risk_flag"].astype("int8") - (risk_before.round(DECIMALS) > threshold)
    summary = (
        risk.assign(**names, risk_before=risk_before, compared=compared)
        .assign(compared_risk=risk["risk_score"].where(compared), flag_change=flag_change.where(compared))
        .groupby(COURSE_DAY, observed=True, sort=False)
        .agg(
            week=("week", "first"),
            student_count=("id_student", "size"),
            avg_risk_score=("risk_score", "mean"),
            n_high_risk=("high_risk_flag", "sum"),
            n_compared=("compared", "sum"),
            compared_risk=("compared_risk", "mean"),
            compared_risk_7d_ago=("risk_before", "mean"),
            high_risk_rate_change_7d=("flag_change", "mean"),
            model_version=("model_version", "first"),
        )
        .reset_index()
    )
    means = ["avg_risk_score", "compared_risk", "compared_risk_7d_ago"]
    summary[means] = summary[means].clip(0, 1)
    return COURSE_SUMMARY_DAILY.conform(summary.assign(high_risk_rate=summary["n_high_risk"] / summary["student_count"]))


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


def _reasons(keys: _Keys, reasons: pd.DataFrame) -> dict[str, pd.Series]:
    """The sentences of what raises each scored risk; a row's second and third reason stand right after its first."""
    raises = (reasons["direction"] == "raises").to_numpy()
    student, rank = reasons["id_student"].to_numpy(), reasons["rank"].to_numpy()
    texts: Any = reasons["sentence"].array
    first = np.flatnonzero(raises & (rank == 1))
    place = keys.places(reasons[ENROLMENT_DAY].take(first))
    reasoned = np.flatnonzero(place >= 0)
    start = first[place[reasoned]]
    columns = {}
    for later in range(3):
        row = np.minimum(start + later, len(reasons) - 1)
        is_next = raises[row] & (rank[row] == later + 1) & (student[row] == student[start])
        chosen = np.full(len(place), -1)
        chosen[reasoned[is_next]] = row[is_next]
        columns[f"reason_{later + 1}"] = pd.Series(texts.take(chosen, allow_fill=True), dtype="str")
    return columns


def _risk_before(keys: _Keys, scored: pd.DataFrame, before: pd.DataFrame) -> npt.NDArray[np.float64]:
    """The risk seven days before each scored row, of the same enrolment by the same model version; NaN where there is none."""
    columns = [*ENROLMENT_DAY, "risk_score", "model_version"]
    others = before.loc[~before["run_date"].isin(scored["run_date"].unique()), columns]
    rows = pd.concat([scored[columns], others], ignore_index=True)
    places = keys.places(rows, DAYS_PER_WEEK)
    version = pd.factorize(rows["model_version"])[0]
    risk = rows["risk_score"].to_numpy("float64")
    return np.where(version[places] == version[: len(scored)], _taken(risk, places), np.nan) if len(rows) else risk


class _Keys:
    """The enrolments and days of a frame as numbers, so that the rows of other frames about them are found without a join."""

    def __init__(self, scored: pd.DataFrame) -> None:
        self._known = [pd.Index(scored[name].unique()) for name in COURSE]
        self._first = _day_numbers(scored).min(initial=NO_DAY) - DAYS_PER_WEEK
        self._own = self._of(scored)

    def places(self, frame: pd.DataFrame, days_before: int = 0) -> npt.NDArray[np.intp]:
        """For each scored row, the place of the frame's row about the same enrolment so many days before, or -1."""
        known = self._of(frame)
        about = np.flatnonzero(known >= 0)
        index = pd.Index(known[about])
        if not index.is_unique:
            raise ValueError(f"{index.duplicated().sum():,} rows repeat an enrolment and day; keep one of each")
        place = index.get_indexer(pd.Index(self._own - days_before))
        return np.where(place < 0, -1, about[place]) if len(about) else place

    def found(self, frame: pd.DataFrame, column: str) -> npt.NDArray[np.float64]:
        """The column's value for each scored row; NaN where the frame has no row about it."""
        return _taken(frame[column].to_numpy("float64"), self.places(frame))

    def _of(self, frame: pd.DataFrame) -> npt.NDArray[np.int64]:
        """Course, student and day in one number; -1 for a row about none of the scored courses, or a day far from theirs."""
        module, code = (_codes(frame[name], known) for name, known in zip(COURSE, self._known, strict=True))
        day = _day_numbers(frame) - self._first
        course = module * len(self._known[1]) + code
        number = (((course << STUDENT_BITS) | frame["id_student"].to_numpy("int64")) << DAY_BITS) | day
        return np.where((module < 0) | (code < 0) | (day < 0) | (day >= 1 << DAY_BITS), -1, number)


def _day_numbers(frame: pd.DataFrame) -> npt.NDArray[np.int64]:
    return frame["run_date"].to_numpy("datetime64[D]").astype("int64")


def _codes(texts: pd.Series, known: pd.Index) -> npt.NDArray[np.int64]:
    codes, distinct = pd.factorize(texts)
    return known.get_indexer(pd.Index(distinct)).astype("int64")[codes]


def _taken(values: npt.NDArray[np.float64], places: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    return np.where(places < 0, np.nan, values[places]) if len(values) else np.full(len(places), np.nan)
