"""Counts by course, and fairness by group, as they may leave: small ones withheld or all rounded, with what leads to them."""

from __future__ import annotations

import pandas as pd

from oulad_platform.core.privacy import SHARE_FROM, Disclosure, published, rounded, share_of, suppress
from oulad_platform.success.oversight.tables import MODEL_FAIRNESS
from oulad_platform.success.tables import COURSE_SUMMARY_DAILY

COUNTS = ["student_count", "n_high_risk"]
MEANS = ["avg_risk_score"]
COMPARED = ["compared_risk", "compared_risk_7d_ago", "high_risk_rate_change_7d"]
COURSE = ["run_date", "code_module", "code_presentation"]
TEST = ["model_version", "evaluation", "tested_cohort", "day", "attribute"]

COURSE_SUMMARY_PUBLISHED = published(
    COURSE_SUMMARY_DAILY, COUNTS, without=("n_compared",), absent=(*MEANS, "high_risk_rate", *COMPARED)
)
MODEL_FAIRNESS_PUBLISHED = published(MODEL_FAIRNESS, (), without=("n_students", "n_positive"))


def course_summary_published(summary: pd.DataFrame, hidden: pd.DataFrame, rule: Disclosure) -> pd.DataFrame:
    """COURSE_SUMMARY_PUBLISHED of the days of `summary`, COURSE_SUMMARY_DAILY.

    `hidden`: the courses (columns COURSE) whose enrolments are withheld elsewhere; whoever is scored is as a rule who is
    enrolled, so they are withheld here too. Guarded within each day: the courses' sum, and that scored ones are those at
    high risk and the others. A mean goes with its count; what compares with a week ago needs enough compared. A change of a
    share is told to whole points.
    """
    compared = summary["n_compared"] >= rule.mean_from
    shown = summary.drop(columns="n_compared")
    if rule.rounds:
        shown = shown.assign(**{name: rounded(summary[name]) for name in COUNTS})
        shown["avg_risk_score"] = summary["avg_risk_score"].where(summary["student_count"] >= rule.mean_from)
        shown["high_risk_rate"] = share_of(shown["n_high_risk"], shown["student_count"], summary["student_count"])
        compared_share = summary["n_compared"] >= SHARE_FROM
    else:
        shown[COUNTS] = shown[COUNTS].astype("Int64")
        flagged = pd.MultiIndex.from_frame(summary[COURSE]).isin(pd.MultiIndex.from_frame(hidden[COURSE]))
        for _, rows in summary.groupby("run_date"):
            table = rows[COUNTS].assign(other=rows["student_count"] - rows["n_high_risk"])
            flags = pd.DataFrame({"student_count": flagged[summary.index.get_indexer(rows.index)]}, index=rows.index)
            sums = [("student_count", ("n_high_risk", "other"))]
            told = suppress(table, below=rule.below, sums=sums, unpublished=["other"], withhold=flags)
            shown.loc[rows.index, COUNTS] = told.loc[rows.index, COUNTS].to_numpy()
        is_counted = shown["student_count"].notna()
        shown["avg_risk_score"] = shown["avg_risk_score"].where(is_counted)
        shown["high_risk_rate"] = shown["high_risk_rate"].where(is_counted & shown["n_high_risk"].notna())
        compared &= is_counted
        compared_share = compared & shown["n_high_risk"].notna()
    shown[COMPARED] = shown[COMPARED].where(compared)
    shown["high_risk_rate_change_7d"] = shown["high_risk_rate_change_7d"].round(2).where(compared_share)
    return COURSE_SUMMARY_PUBLISHED.conform(shown)


def fairness_published(fairness: pd.DataFrame, rule: Disclosure) -> pd.DataFrame:
    """MODEL_FAIRNESS_PUBLISHED: no counts, and only the figures of `told_groups`."""
    return MODEL_FAIRNESS_PUBLISHED.conform(told_groups(fairness, rule).drop(columns=["n_students", "n_positive"]))


def told_groups(fairness: pd.DataFrame, rule: Disclosure) -> pd.DataFrame:
    """Of MODEL_FAIRNESS rows, those of groups in which enough failed or withdrew and enough did not.

    A group is compared with everybody else, so of two groups one tells of the other: where one of an attribute would be left out
    alone, the smallest other one is too.
    """
    fewest = fairness[["n_students", "n_positive"]].assign(others=fairness["n_students"] - fairness["n_positive"]).min(axis=1)
    groups = fairness.assign(is_small=fewest < (SHARE_FROM if rule.rounds else rule.below))
    groups = groups.groupby([*TEST, "group_name"], as_index=False).agg(n=("n_students", "min"), is_small=("is_small", "any"))
    alone = groups["is_small"].groupby([groups[name] for name in TEST]).transform("sum") == 1
    others = groups[alone & ~groups["is_small"]]
    smallest = others.groupby(TEST)["n"].idxmin()
    told = groups[~groups["is_small"] & ~groups.index.isin(smallest)]
    return fairness.merge(told[[*TEST, "group_name"]], on=[*TEST, "group_name"])
