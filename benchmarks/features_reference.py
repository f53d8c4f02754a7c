"""The features as a pandas user would compute them: group-bys on integer keys over a dense grid of students and weeks.

One presentation after the other, since small frames group faster; keys are integers, sites' kinds are mapped to small codes, no
group-by sorts strings or calls a Python function per group. Only `benchmarks/features.py` calls this.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

KEYS = ["code_module", "code_presentation"]
KINDS = {
    **dict.fromkeys(("oucontent", "htmlactivity", "dataplus", "dualpane", "page", "glossary", "repeatactivity"), 0),
    **dict.fromkeys(("forumng", "oucollaborate", "ouelluminate", "ouwiki"), 1),
    **dict.fromkeys(("quiz", "externalquiz", "questionnaire"), 2),
    **dict.fromkeys(("resource", "url", "folder"), 3),
    "homepage": 4,
}
KIND_NAMES = ("content", "forum", "quiz", "resource", "homepage")
EDUCATION = ("No Formal quals", "Lower Than A Level", "A Level or Equivalent", "HE Qualification", "Post Graduate Qualification")
RANKED = (
    "clicks_since_start",
    "active_days_since_start",
    "site_visits_since_start",
    "site_visits_14d",
    "site_visits_before_start",
    "clicks_per_active_day",
)


def panel(lake: str, chosen: list[str]) -> tuple[int, dict[str, float]]:
    """How many rows the panel of the presentations has, and the sum of each feature."""
    folder = Path(lake, "sources")
    tables = {path.name: pd.read_parquet(path / "all.parquet") for path in folder.iterdir() if (path / "all.parquet").exists()}
    tables["vle"]["kind"] = tables["vle"]["activity_type"].map(KINDS).fillna(len(KIND_NAMES)).astype("int8")
    info = tables["student_info"].merge(tables["student_registration"], on=[*KEYS, "id_student"], how="left")
    courses = tables["courses"].assign(start_date=pd.to_datetime(tables["courses"]["start_date"]))
    courses["end"] = courses["start_date"] + pd.to_timedelta(courses["module_presentation_length"], unit="D")
    info = info.merge(courses, on=KEYS)
    info["label"] = info["final_result"].isin(["Fail", "Withdrawn"]).astype("float64")
    work = tables["assessments"][tables["assessments"]["assessment_type"] != "Exam"]
    submissions = tables["student_assessment"].merge(work, on="id_assessment")
    n_rows, sums = 0, {}
    for course in courses.to_dict("records"):
        name = f"{course['code_module']}_{course['code_presentation']}"
        if name not in chosen:
            continue
        mine = [
            frame[(frame["code_module"] == course["code_module"]) & (frame["code_presentation"] == course["code_presentation"])]
            for frame in (info, work, submissions, tables["vle"])
        ]
        columns = ["id_student", "id_site", "date", "sum_click"]
        clicks = pd.read_parquet(folder / "student_vle" / f"{name}.parquet", columns=columns)
        rows = features(course, *mine, clicks, info)
        n_rows += len(rows)
        for feature in rows:
            sums[feature] = sums.get(feature, 0.0) + float(np.nansum(rows[feature].to_numpy("float32"), dtype="float64"))
    return n_rows, sums


def features(course: dict, people, work, submissions, sites, clicks, info) -> pd.DataFrame:
    people = people.sort_values("id_student", ignore_index=True)
    number = pd.Series(people.index, index=people["id_student"])
    last_week = int(course["module_presentation_length"]) // 7
    grid = on_grid(clicks, number, sites.set_index("id_site")["kind"], last_week, people)
    grid = grid.join(people.drop(columns="id_student"), on="student")
    live = (grid["date_registration"] <= grid["day"]) & ~(grid["date_unregistration"] < grid["day"])
    rows = grid[live].reset_index(drop=True)
    rows["cohort"] = rows["date_registration"] < rows["day"]
    of_cohort = rows[rows["cohort"]].groupby("week")
    rows["clicks_vs_cohort_28d"] = ratio(rows["clicks_28d"], rows["week"].map(of_cohort["clicks_28d"].median()))
    by_week = rows.groupby("week")
    for name in RANKED:
        rows[f"{name}_rank"] = (by_week[name].rank() - 0.5) / rows["week"].map(by_week[name].count())
    rows = coursework(rows, people, work, submissions, number, last_week)
    rows = background(rows, course, people, info)
    return rows.drop(columns=["week", "cohort", "student", "seen", *people.columns.difference(["id_student"])], errors="ignore")


def on_grid(clicks: pd.DataFrame, number: pd.Series, kind: pd.Series, last_week: int, people: pd.DataFrame) -> pd.DataFrame:
    """One row per student and week, with what the days before the week's first held."""
    clicks = clicks.assign(student=clicks["id_student"].map(number), week=clicks["date"] // 7)
    clicks = clicks[clicks["week"] < last_week]
    daily = clicks.groupby(["student", "date"])["sum_click"].agg(["sum", "size"]).reset_index()
    daily.columns = ["student", "date", "clicks", "site_visits"]
    daily["active_days"] = (daily["clicks"] > 0).astype("int64")
    daily["week"] = daily["date"] // 7
    seen = daily[daily["active_days"] > 0].copy()
    joined = people["date_registration"].clip(lower=0).reindex(seen["student"]).to_numpy() - 1
    in_course = seen[(seen["date"] > joined)].copy()
    before = in_course.groupby("student")["date"].shift(1)
    in_course["gap"] = (
        in_course["date"]
        - before.fillna(people["date_registration"].clip(lower=0).reindex(in_course["student"]).set_axis(in_course.index) - 1)
        - 1
    )
    weekly = daily.groupby(["student", "week"])[["clicks", "site_visits", "active_days"]].sum()
    first_week = min(-4, int(clicks["week"].min()))
    index = pd.MultiIndex.from_product([range(len(number)), range(first_week, last_week + 1)], names=["student", "week"])
    dense = weekly.reindex(index, fill_value=0).astype("float64")
    dense["seen"] = seen.groupby(["student", "week"])["date"].max()
    dense["gap"] = in_course.groupby(["student", "week"])["gap"].max()
    dense["course_seen"] = in_course.groupby(["student", "week"])["date"].max()
    started = clicks[clicks["week"] >= 0].assign(
        kind=lambda rows: rows["id_site"].map(kind).fillna(len(KIND_NAMES)).astype("int8")
    )
    kinds = started.groupby(["student", "week", "kind"])["sum_click"].sum().unstack("kind")  # noqa: PD010
    week = dense.index.get_level_values("week").to_numpy()
    joined_week = (
        np.ceil(people["date_registration"].clip(lower=0) / 7).reindex(dense.index.get_level_values("student")).to_numpy()
    )
    counted = (week >= 0) & (week >= joined_week)
    dense["weeks"], dense["weeks_active"] = counted.astype("float64"), (counted & (dense["active_days"] > 0)).astype("float64")
    dense["in_weeks"], dense["squares"] = dense["clicks"].where(counted, 0), dense["clicks"].where(counted, 0) ** 2
    for place, name in enumerate(KIND_NAMES):
        dense[f"clicks_{name}"] = kinds[place].reindex(index).fillna(0) if place in kinds else 0.0
    by_student = dense.groupby(level="student", sort=False)
    names = ["clicks", "site_visits", "active_days"]
    summed = [*names, "weeks", "weeks_active", "in_weeks", "squares", *(f"clicks_{name}" for name in KIND_NAMES)]
    until = by_student[summed].cumsum().groupby(level="student", sort=False).shift(1, fill_value=0)
    back = {k: by_student[names].shift(k) for k in (1, 2, 3, 4)}
    at_start = until.loc[week == 0, names].droplevel("week")
    start = at_start.reindex(dense.index.get_level_values("student")).to_numpy()
    found = {"day": 7 * week, "week": week}
    for place, name in enumerate(names):
        found[f"{name}_since_start"] = until[name] - start[:, place]
        found[f"{name}_before_start"] = start[:, place]
    for name in ("clicks", "active_days"):
        found |= {f"{name}_week_{k}": back[k][name] for k in (2, 3, 4)}
        found[f"{name}_7d"] = back[1][name]
        found[f"{name}_14d"] = back[1][name] + back[2][name]
        found[f"{name}_28d"] = found[f"{name}_14d"] + back[3][name] + back[4][name]
    found["site_visits_14d"] = back[1]["site_visits"] + back[2]["site_visits"]
    found |= {f"clicks_{name}": until[f"clicks_{name}"] for name in KIND_NAMES}
    latest = (
        dense[["seen", "course_seen"]].groupby(level="student", sort=False).ffill().groupby(level="student", sort=False).shift(1)
    )
    found["days_since_last_visit"] = 7 * week - latest["seen"]
    longest = dense["gap"].groupby(level="student", sort=False).cummax()
    longest = longest.groupby(level="student", sort=False).ffill().groupby(level="student", sort=False).shift(1).fillna(0)
    registered = people["date_registration"].clip(lower=0).reindex(dense.index.get_level_values("student")).to_numpy()
    current = 7 * week - 1 - latest["course_seen"].fillna(pd.Series(registered - 1, index=dense.index))
    found["longest_gap"] = np.maximum(longest, current).where(7 * week > registered)
    found["clicks_trend_7d"] = ratio(found["clicks_7d"], found["clicks_14d"])
    found["site_visits_per_active_day"] = ratio(found["site_visits_since_start"], found["active_days_since_start"])
    found["clicks_per_active_day"] = ratio(found["clicks_since_start"], found["active_days_since_start"])
    mean = ratio(until["in_weeks"], until["weeks"])
    found["weeks_active_share"] = ratio(until["weeks_active"], until["weeks"])
    spread = np.sqrt((ratio(until["squares"], until["weeks"]) - mean**2).clip(lower=0))
    found["clicks_variation"] = ratio(spread, mean).where(until["weeks"] > 1)
    frame = pd.DataFrame(found).drop(columns="active_days_before_start")
    frame["student"] = dense.index.get_level_values("student")
    return frame[frame["week"] >= 0].reset_index(drop=True)


def coursework(rows, people, work, submissions, number, last_week) -> pd.DataFrame:
    rows = rows.copy()
    sent = submissions.assign(student=submissions["id_student"].map(number))
    sent["week"] = (sent["date_submitted"] // 7 + 1).clip(lower=0)  # the first panel day after it
    sent["late"] = sent["date_submitted"] - sent["date"]
    own = sent[sent["is_banked"] != 1].sort_values(["student", "date_submitted", "id_assessment"])
    due = due_days(people, work, own)
    marks = own[own["score"].notna()]
    cells = pd.MultiIndex.from_product([range(len(number)), range(last_week + 1)], names=["student", "week"])

    def so_far(events: pd.DataFrame, **figures) -> pd.DataFrame:
        events = events[["student", "week"]].assign(**figures)
        sums = events[events["week"] <= last_week].groupby(["student", "week"])[list(figures)].sum()
        return sums.reindex(cells, fill_value=0).groupby(level="student", sort=False).cumsum()

    def newest(events: pd.DataFrame, column: str) -> pd.Series:
        last = events[events["week"] <= last_week].groupby(["student", "week"])[column].last()
        return last.reindex(cells).groupby(level="student", sort=False).ffill()

    has_due = own["id_assessment"].map(due).notna()
    early = own["late"] <= -3
    sums = so_far(
        own,
        n=1,
        late=(own["late"] > 0).astype(int),
        early=early.astype(int),
        n_due=has_due.astype(int),
        days=own["late"].where(has_due, 0),
    )
    tma, cma = (marks["assessment_type"] == kind for kind in ("TMA", "CMA"))
    scores = so_far(
        marks, n=1, score=marks["score"], weight=marks["weight"], weighted=marks["score"] * marks["weight"],
        tma=marks["score"].where(tma, 0), n_tma=tma.astype(int), cma=marks["score"].where(cma, 0), n_cma=cma.astype(int),
    )  # fmt: skip
    settled = sent.assign(due=sent["id_assessment"].map(due))
    settled = settled[settled["due"].notna()]
    settled["week"] = (settled[["due", "date_submitted"]].max(axis=1) // 7 + 1).clip(lower=0).astype("int64")
    done = so_far(settled, n=1, banked=settled["is_banked"].eq(1).astype(int))
    record = so_far(sent, n=1, banked=sent["is_banked"].eq(1).astype(int), weight=sent["weight"])
    dated = pd.Series(due.dropna())
    n_due = pd.Series([(dated < 7 * week).sum() for week in range(last_week + 1)])
    weight_due = pd.Series(
        [work.set_index("id_assessment")["weight"].reindex(dated.index[dated < 7 * w]).sum() for w in range(last_week + 1)]
    )
    planned = np.sort(work["date"].dropna())
    at = pd.MultiIndex.from_frame(rows[["student", "week"]])
    sums, scores, done, record = (frame.reindex(at).set_axis(rows.index) for frame in (sums, scores, done, record))
    rows["n_assessments_due"] = rows["week"].map(n_due) - done["banked"]
    rows["n_assessments_missed"] = rows["week"].map(n_due) - done["n"]
    rows["missed_share"] = ratio(rows["n_assessments_missed"], rows["n_assessments_due"])
    rows["weight_due"] = rows["week"].map(weight_due)
    rows["n_assessments_submitted"], rows["n_assessments_banked"] = sums["n"], record["banked"]
    rows["n_assessments_late"], rows["n_assessments_early"] = sums["late"], sums["early"]
    rows["days_late_mean"] = ratio(sums["days"], sums["n_due"])
    usual = record["n"][rows["cohort"]].groupby(rows["week"]).mean()
    rows["submissions_vs_cohort"] = record["n"] - rows["week"].map(usual)
    rows["weight_done_share"] = ratio(record["weight"], pd.Series(work["weight"].sum(), index=rows.index))
    rows["days_since_last_submission"] = rows["day"] - newest(own, "date_submitted").reindex(at).to_numpy()
    rows["score_mean"], rows["score_weighted"] = ratio(scores["score"], scores["n"]), ratio(scores["weighted"], scores["weight"])
    rows["score_tma"], rows["score_cma"] = ratio(scores["tma"], scores["n_tma"]), ratio(scores["cma"], scores["n_cma"])
    rows["last_score"] = newest(marks, "score").reindex(at).to_numpy()
    marks = marks.assign(change=marks.groupby("student")["score"].diff())
    rows["score_change"] = newest(marks[marks["change"].notna()], "change").reindex(at).to_numpy()
    by_assessment = marks[marks["week"] <= last_week].groupby(["id_assessment", "week"])["score"].agg(["sum", "size"])
    every = pd.MultiIndex.from_product([work["id_assessment"], range(last_week + 1)], names=["id_assessment", "week"])
    known = by_assessment.reindex(every, fill_value=0).groupby(level=0, sort=False).cumsum()
    mean = (known["sum"] / known["size"]).rename("usual").reset_index()
    pairs = marks[["student", "id_assessment", "score", "week"]].rename(columns={"week": "since"}).merge(mean, on="id_assessment")
    pairs = pairs[pairs["week"] >= pairs["since"]]
    pairs["above"] = pairs["score"] - pairs["usual"]
    rows["score_vs_cohort"] = pairs.groupby(["student", "week"])["above"].mean().reindex(at).to_numpy()
    passed = np.searchsorted(planned, rows["day"], side="left")
    bounded = np.concatenate([[np.nan], planned, [np.nan]])
    rows["days_since_due"], rows["days_to_next_due"] = rows["day"] - bounded[passed], bounded[passed + 1] - rows["day"]
    return rows


def due_days(people, work, own) -> pd.Series:
    """The day from which an assessment's absence says something, by assessment."""
    found = {}
    for key, due in zip(work["id_assessment"], work["date"], strict=True):
        live = ((people["date_registration"] <= due) & ~(people["date_unregistration"] < due)).sum()
        days, needed = np.sort(own.loc[own["id_assessment"] == key, "date_submitted"]), int(np.ceil(0.1 * live))
        enough = days[needed - 1] if 0 < needed <= len(days) else np.inf
        found[key] = np.nan if pd.isna(due) else min(max(due, enough), due + 7)
    return pd.Series(found, dtype="float64")


def background(rows, course, people, info) -> pd.DataFrame:
    rows["day_in_course"], rows["course_elapsed"] = rows["day"], rows["day"] / course["module_presentation_length"]
    rows["registration_lead"] = -rows["date_registration"]
    rows["previous_attempts"] = rows["num_of_prev_attempts"]
    rows["education_level"] = rows["highest_education"].map({name: place for place, name in enumerate(EDUCATION)})
    rows["gender_code"] = rows["gender"].map({"F": 0, "M": 1})
    rows["disability_code"] = rows["disability"].map({"N": 0, "Y": 1})
    today = course["start_date"] + pd.to_timedelta(rows["day"], unit="D")
    closed = info[(info["code_module"] == course["code_module"])].sort_values("end")
    by_end = closed.groupby("end")["label"].agg(["sum", "size"]).cumsum()
    place = np.searchsorted(by_end.index, today, side="left")
    rows["module_risk_rate"] = np.concatenate([[np.nan], by_end["sum"] / by_end["size"]])[place]
    credits = rows["studied_credits"].copy()
    named = {"gender_code": "gender", "disability_code": "disability"}
    kept = rows.drop(columns=[*people.columns.difference(["id_student"])], errors="ignore").rename(columns=named)
    return kept.assign(studied_credits_=credits).rename(columns={"studied_credits_": "studied_credits"}).drop(columns="day")


def ratio(part: pd.Series, whole: pd.Series) -> pd.Series:
    return part / whole.where(whole != 0)
