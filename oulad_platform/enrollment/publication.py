"""Enrolment counts as they may leave the registry: small ones withheld or all rounded, with what leads from one to another.

How a small count is guarded is `core.privacy`'s. The daily flows of parts are told only as rounded counts: nearly all are small.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd

from oulad_platform.core.privacy import (
    Disclosure,
    Flags,
    PrivacyError,
    published,
    rounded,
    share_of,
    suppress,
    withheld,
)
from oulad_platform.core.tables import Column, Table
from oulad_platform.enrollment.foresight_tables import ENROLLMENT_FORECAST
from oulad_platform.enrollment.metrics import EVERYBODY
from oulad_platform.enrollment.tables import COHORT_RETENTION, ENROLLMENT_METRICS, SCOPES

FLOWS = (
    *("new_students", "returned_students", "dropped_students", "completed_students"),
    *("baseline_students", "moved_in", "moved_out"),
)
FROM_OTHERS = (
    *("net_change", "retention_rate", "persistence_rate", "growth_rate", "average_7_days"),
    *("last_year_enrollment", "last_year_difference"),
)
PARTS = ["division", "program", "term"]
FORECASTS = ("expected", "lower_80", "upper_80", "lower_95", "upper_95")
A_WEEK = pd.Timedelta(days=7)

ENROLLMENT_METRICS_PUBLISHED = published(ENROLLMENT_METRICS, ("total_enrollment", *FLOWS), without=FROM_OTHERS)
COHORT_RETENTION_PUBLISHED = published(COHORT_RETENTION, ("n_cohort", "n_retained"), absent=("retention_rate",))
ENROLLMENT_FORECAST_PUBLISHED = published(ENROLLMENT_FORECAST, ())
ENROLLMENT_WEEKS_PUBLISHED = Table(
    "enrollment_weeks_published",
    "One row per week that is over: who came to and left the whole institution, as it may be shown to many.",
    (
        Column("week_start", "date", "Its Monday."),
        Column("n_days", "int8", "Days with a snapshot to compare with.", "days", minimum=0, maximum=7),
        Column("new_students", "int32", "Added or returned in the week. Absent: withheld.", "enrolments", True, minimum=0),
        Column("dropped_students", "int32", "Left before their term's end. Absent: withheld.", "enrolments", True, minimum=0),
    ),
    key=("week_start",),
    allow_empty=True,
)


def metrics_published(metrics: pd.DataFrame, parts: Mapping[date, pd.DataFrame], rule: Disclosure) -> pd.DataFrame:
    """ENROLLMENT_METRICS_PUBLISHED of the days of `metrics`, ENROLLMENT_METRICS.

    `parts`: of each day's snapshot the enrolments by division, program and term (columns PARTS and `n`). A total is guarded
    within its day: the whole is the sum of the divisions, of the programs and of the levels, a division that of its programs, a
    program that of its terms. Of a day whose snapshot is gone, divisions and terms are withheld. Flows are absent unless
    counts are rounded. Raises PrivacyError where metrics and snapshot do not agree.

    A name that nobody is left in has no row: it has none on the days after either.
    Days are not guarded against one another: who reads two of them learns by how much a shown total has changed.
    """
    shown = metrics.drop(columns=list(FROM_OTHERS))
    if rule.rounds:
        return ENROLLMENT_METRICS_PUBLISHED.conform(
            shown.assign(**{name: rounded(shown[name]) for name in ("total_enrollment", *FLOWS)})
        )
    shown = shown[(shown["total_enrollment"] > 0) | (shown["scope"] == "total")]
    hidden = pd.Series(False, shown.index)
    for day, rows in shown.groupby("date"):
        hidden[rows.index] = _withheld(rows, parts.get(pd.Timestamp(str(day)).date()), rule.below)
    absent = pd.Series(pd.NA, shown.index, dtype="Int32")
    shown = shown.assign(total_enrollment=shown["total_enrollment"].astype("Int32").mask(hidden), **dict.fromkeys(FLOWS, absent))
    return ENROLLMENT_METRICS_PUBLISHED.conform(shown)


def weeks_published(metrics: pd.DataFrame, rule: Disclosure) -> pd.DataFrame:
    """ENROLLMENT_WEEKS_PUBLISHED from ENROLLMENT_METRICS: weeks whose Sunday is not after the newest day.

    Both figures or neither: the change of the total, which is shown, would lead from one to the other.
    """
    total = metrics[metrics["scope"] == "total"]
    monday = total["date"] - pd.to_timedelta(total["date"].dt.day_of_week, unit="D")
    is_over = monday + A_WEEK <= metrics["date"].max() + pd.Timedelta(days=1)
    flows = ["new_students", "dropped_students", "completed_students", "baseline_students"]
    weeks = total[is_over].groupby(monday[is_over].rename("week_start"))[flows].sum()
    weeks["n_days"] = total[is_over].groupby(monday[is_over])["previous_date"].count()
    told = ["new_students", "dropped_students"]
    if rule.rounds:
        weeks = weeks.assign(**{name: rounded(weeks[name]) for name in told})
    else:
        is_few = (weeks[told] < rule.below).any(axis=1) | ((weeks[flows[2:]] > 0) & (weeks[flows[2:]] < rule.below)).any(axis=1)
        weeks[told] = weeks[told].astype("Int32").mask(is_few)
    return ENROLLMENT_WEEKS_PUBLISHED.conform(weeks.reset_index()[ENROLLMENT_WEEKS_PUBLISHED.names])


def retention_published(retention: pd.DataFrame, rule: Disclosure) -> pd.DataFrame:
    """COHORT_RETENTION_PUBLISHED from COHORT_RETENTION.

    Guarded within each term and week: all programs are the sum of the programs, a cohort the sum of those still here and of
    those who are not.
    """
    counts = ["n_cohort", "n_retained"]
    if rule.rounds:
        shown = retention.assign(**{name: rounded(retention[name]) for name in counts})
        shown["retention_rate"] = share_of(shown["n_retained"], shown["n_cohort"], retention["n_cohort"])
        return COHORT_RETENTION_PUBLISHED.conform(shown)
    shown = retention.astype(dict.fromkeys(counts, "Int32"))
    for _, rows in retention.groupby(["term", "week"]):
        programs = rows[rows["program"] != EVERYBODY].set_index("program")[counts]
        table = programs.assign(lost=programs["n_cohort"] - programs["n_retained"])
        open_ = suppress(table, below=rule.below, sums=[("n_cohort", ("n_retained", "lost"))], unpublished=["lost"])
        wanted = [name if name != EVERYBODY else open_.index[-1] for name in rows["program"]]
        shown.loc[rows.index, counts] = open_.loc[wanted, counts].to_numpy()
    shown["retention_rate"] = shown["retention_rate"].mask(shown[counts].isna().any(axis=1))
    return COHORT_RETENTION_PUBLISHED.conform(shown)


def forecast_published(forecast: pd.DataFrame, metrics: pd.DataFrame, rule: Disclosure) -> pd.DataFrame:
    """ENROLLMENT_FORECAST_PUBLISHED: the rows about scopes whose total of the day they were made on is told.

    `metrics`: ENROLLMENT_METRICS_PUBLISHED of that day. A forecast starts from that total, so it would tell it.
    """
    told = metrics.loc[metrics["total_enrollment"].notna(), ["date", "scope", "name"]]
    rows = forecast.merge(told.rename(columns={"date": "as_of_date"}), on=["as_of_date", "scope", "name"])
    if rule.rounds:
        rows = rows.assign(**{name: rounded(rows[name].round()).astype("float64") for name in FORECASTS})
    return ENROLLMENT_FORECAST_PUBLISHED.conform(rows)


def _withheld(rows: pd.DataFrame, parts: pd.DataFrame | None, below: int) -> Flags:
    """Which totals of one day to withhold."""
    names = list(zip(rows["scope"], rows["name"], strict=True))
    place = {name: at for at, name in enumerate(names)}
    of_scope = {scope: [at for at, (own, _) in enumerate(names) if own == scope] for scope in SCOPES}
    counts = rows["total_enrollment"].astype("float64").tolist()
    whole = place["total", EVERYBODY]
    sums = [(whole, of_scope["program"]), (whole, of_scope["level"])]
    never = np.zeros(len(names), dtype=bool)
    if parts is None:
        never[of_scope["division"] + of_scope["term"]] = True
    else:
        by_pair = parts.groupby(["division", "program"], as_index=False)["n"].sum()
        pairs = list(zip(by_pair["division"], by_pair["program"], strict=True))
        is_split = by_pair["program"].duplicated(keep=False)
        split = [pair for pair, many in zip(pairs, is_split, strict=True) if many]
        cells = {pair: len(counts) + at for at, pair in enumerate(split)}  # such a part is in no table, and guarded all the same
        counts += by_pair.loc[is_split, "n"].astype("float64").tolist()
        try:
            cells |= {pair: place["program", pair[1]] for pair in pairs if pair not in cells}
            sums += [(whole, of_scope["division"])]
            for scope, side, divided in (("division", 0, pairs), ("program", 1, split)):
                for name in dict.fromkeys(pair[side] for pair in divided):
                    sums.append((place[scope, name], [cells[pair] for pair in divided if pair[side] == name]))
            for program, own in parts.groupby("program"):
                terms = [place["term", f"{program} {term}"] for term in own["term"].unique()]
                sums.append((place["program", str(program)], terms))
        except KeyError as error:
            raise PrivacyError(f"metrics have no row of {error}, which stands in the snapshot; make the metrics again") from error
    sums = [(total, within) for total, within in sums if within]  # of a day with nobody there are no parts
    relations = np.zeros((len(sums), len(counts)))
    for line, (total, within) in zip(relations, sums, strict=True):
        line[within] = 1
        line[total] -= 1
    unpublished = np.concatenate([never, np.ones(len(counts) - len(names), dtype=bool)])
    return withheld(np.array(counts), relations, below=below, unpublished=unpublished)[: len(names)]
