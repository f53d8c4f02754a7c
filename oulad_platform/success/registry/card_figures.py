"""The figures of a model card: tests, rules beside, leak ladder, calibration, fairness, drift, each as parts of Markdown.

Rows come from the tables as they are; which of them were known on the card's day is decided in `card`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from oulad_platform.core.privacy import SHARE_FROM, Disclosure
from oulad_platform.core.reports import ABSENT, date_text, markdown_table, markdown_text
from oulad_platform.success.evaluation.ladder import HONEST, RUNGS
from oulad_platform.success.evaluation.protocol import EARLIER_COHORTS, HEADLINE_DAY, NEXT_COHORT, PROTOCOLS
from oulad_platform.success.evaluation.rules import IN_METRICS
from oulad_platform.success.oversight.fairness import CROSSED, harms, is_harm, spoken
from oulad_platform.success.publication import told_groups
from oulad_platform.success.registry.gates import FEWEST_OF_MODULE
from oulad_platform.success.tables import ALL

FIGURES = {
    "Enrolments": "n_students",
    "AUC": "auc",
    "Average precision": "pr_auc",
    "Brier": "brier",
    "ECE": "ece",
    "Mean risk": "mean_risk",
    "Observed rate": "base_rate",
    "Recall, 10 % contacted": "recall_at_10_pct",
    "Precision, 10 % contacted": "precision_at_10_pct",
    "Reach": "reach",
    "Lead, days": "lead_days",
}
RULES = {"missed_assessment": "missed a due assessment", "silent_7_days": "no visit for 7 days", "rule": "either of the two"}
GAPS = {"ABROCA": "abroca", "ABROCA by chance": "abroca_by_chance", "Reached (TPR) gap": "tpr_gap"}
GAPS |= {"False alarm (FPR) gap": "fpr_gap", "Risk against outcome": "mean_risk_gap"}
TEST = ["evaluation", "tested_cohort"]
WHOLE = ("n_flagged",)
SIGNED = ("_gap", "gain_over")


def tests(version: str, known: pd.DataFrame) -> Iterator[str]:
    yield "## How good it is, on cohorts it had not seen\n"
    tests = _pooled_tests(version, known)
    if tests.empty:
        yield "Unknown: no cohort that it could be tested on has closed by this day.\n"
        return
    found = tests[TEST].drop_duplicates().sort_values(TEST, ascending=[False, True])  # next_cohort first
    for evaluation, cohort in zip(found["evaluation"], found["tested_cohort"], strict=True):
        rows = known[known["evaluation"].eq(evaluation) & known["tested_cohort"].eq(cohort) & known["code_module"].eq(ALL)]
        own = rows[rows["model_version"].eq(version)]
        yield f"### Cohort {markdown_text(cohort)}: {markdown_text(PROTOCOLS[evaluation])}\n"
        yield markdown_table(_by_day(own, FIGURES).assign(**_beside(version, rows)))
        yield from _rules(own, rows)
    yield (
        "In brackets: 95 % bootstrap interval over the enrolments. Reach: share of the cohort's leavers who are still there on "
        "the day. Lead: median of the days until they left, of those contacted who left.\n"
    )


def _pooled_tests(version: str, known: pd.DataFrame) -> pd.DataFrame:
    is_test = known["evaluation"].isin([NEXT_COHORT, EARLIER_COHORTS]) & known["code_module"].eq(ALL)
    return known[is_test & known["model_version"].eq(version)]


def _beside(version: str, rows: pd.DataFrame) -> dict[str, pd.Series]:
    """The AUC of the other models on the same test, a column each."""
    others = sorted(set(rows["model_version"]) - {version, *RULES})
    of_version = rows[rows["model_version"].eq(version)]["day"].unique()
    found = {}
    for name in others:
        own = _by_day(rows[rows["model_version"].eq(name) & rows["day"].isin(of_version)], {"AUC": "auc"})
        if len(own) == len(of_version):
            found[f"AUC of {name}"] = own["AUC"]
    return found


def _rules(own: pd.DataFrame, rows: pd.DataFrame) -> Iterator[str]:
    found = []
    for rule, short in IN_METRICS.items():
        shown = {
            "Model's precision": f"precision_at_{short}_budget",
            "Gain": f"precision_gain_over_{short}",
        }
        flagged = _by_day(rows[rows["model_version"].eq(rule)], {"Flagged": "n_flagged", "Rule's precision": "precision"})
        beside = _by_day(own, shown)
        found.append(flagged.merge(beside, on="Day").assign(Rule=RULES[rule]))
    table = pd.concat(found, ignore_index=True)
    if not table.empty:
        yield "Beside the rules, as many contacted as the rule flags:\n"
        yield markdown_table(table[["Rule", "Day", "Flagged", "Rule's precision", "Model's precision", "Gain"]])


def ladder(version: str, known: pd.DataFrame) -> Iterator[str]:
    yield "## Leak ladder: what a careless test would say\n"
    rows = known[known["evaluation"].isin(list(RUNGS)) & known["model_version"].eq(version) & known["code_module"].eq(ALL)]
    if rows.empty:
        yield "Unknown: it was not climbed for this version by this day.\n"
        return
    climbed = _figures(rows, {"Enrolments": "n_students", "AUC": "auc", "Average precision": "pr_auc"}, "evaluation", "Rung")
    climbed = climbed.set_index("Rung").reindex([rung for rung in RUNGS if rung in set(rows["evaluation"])]).reset_index()
    what = climbed["Rung"].map(RUNGS)
    climbed["Rung"] = climbed["Rung"].str.removeprefix("ladder_").str.replace("_", " ")
    yield (
        f"Cohort {markdown_text(rows['tested_cohort'].iloc[0])}, day {rows['day'].iloc[0]}. What is above the "
        f"{HONEST.removeprefix('ladder_')} figure is not skill.\n"
    )
    yield markdown_table(climbed.assign(What=what))


def calibration(version: str, known: pd.DataFrame, row: pd.Series, pictures: Mapping[str, str]) -> Iterator[str]:
    yield "## Can the risks be taken at their word?\n"
    ece, gap = (markdown_text(round(float(row[name]), 3)) for name in ("ece", "largest_module_gap"))
    yield (
        f"On its newest training cohort, students held out: expected calibration error on the worst day {ece}, largest gap of "
        f"mean risk and observed rate in a module of {FEWEST_OF_MODULE} or more {gap}.\n"
    )
    tests = _pooled_tests(version, known)
    if tests.empty:
        return
    newest = tests.sort_values(["known_from", "evaluation"], ascending=[True, True]).iloc[-1]
    of_test = known["evaluation"].eq(newest["evaluation"]) & known["tested_cohort"].eq(newest["tested_cohort"])
    rows = known[of_test & known["model_version"].eq(version) & known["metric"].isin(["mean_risk", "base_rate"])]
    signed = rows.assign(gap=rows["value"].where(rows["metric"].eq("mean_risk"), -rows["value"]))
    gaps = signed.pivot_table(index="code_module", columns="day", values="gap", aggfunc="sum")
    gaps = gaps.map(lambda gap: ABSENT if np.isnan(gap) else f"{gap:+.3f}")
    gaps = gaps.rename(columns=lambda on: f"Day {on}").rename_axis(columns=None).reset_index(names="Module")
    yield f"Mean risk minus observed rate on cohort {markdown_text(newest['tested_cohort'])}:\n"
    yield markdown_table(gaps)
    yield from _picture("calibration", "Observed rate over the risk given, by tenths, for each day.", pictures)


def fairness(audited: pd.DataFrame, pictures: Mapping[str, str], rule: Disclosure) -> Iterator[str]:
    """`rule`: groups of few, and those that would lead to them, are left out; of the others sizes are told to the nearest ten."""
    yield "## Does it serve all groups alike?\n"
    if audited.empty:
        yield "Unknown: no group was large enough, or none was audited by this day.\n"
        return
    all_harms, n_all = harms(audited), len(audited)
    audited = told_groups(audited, rule)
    sentences = harms(audited)
    if not all_harms:
        sentences = ["No group is beyond a limit of the gate by more than chance (Holm)."]
    elif len(sentences) < len(all_harms):
        sentences.append(f"{len(all_harms) - len(sentences)} more beyond a limit, about groups too small to be told of.")
    yield "".join(f"- {markdown_text(sentence)}\n" for sentence in sentences)
    if len(audited) < n_all:
        least = SHARE_FROM if rule.rounds else rule.below
        yield f"Groups with counts under {least:g}, and those that would lead to them, are left out.\n"
    if audited.empty:
        return
    newest = audited.sort_values(["known_from", *TEST]).iloc[-1]
    rows = audited[audited["evaluation"].eq(newest["evaluation"]) & audited["tested_cohort"].eq(newest["tested_cohort"])]
    on = min(rows["day"].unique(), key=lambda one: abs(int(one) - HEADLINE_DAY))
    rows = rows[rows["day"].eq(on)]
    harmed = rows[is_harm(rows)]
    whom = rows["attribute"].str.contains(CROSSED, regex=False)
    crossed = rows.set_index(["attribute", "group_name"]).index.isin(harmed.set_index(["attribute", "group_name"]).index)
    rows = rows[~whom | crossed]
    group = pd.Series(map(spoken, rows["attribute"], rows["group_name"]), index=rows.index, dtype="str")
    sizes = rows.assign(Group=group).drop_duplicates("Group")[["Group", "n_students", "n_positive"]]
    sizes = sizes.rename(columns={"n_students": "Enrolments, about", "n_positive": "Failed or withdrew, about"}).round(-1)
    figures = _figures(rows.assign(group=group, metric=rows["measure"]), GAPS, "group", "Group")
    test = markdown_text(str(newest["evaluation"]).replace("_", " "))
    yield (
        f"Cohort {markdown_text(newest['tested_cohort'])} ({test}), day {on}; "
        "each group against everybody else in the same modules. Crossed groups are listed where they are harmed, beyond a limit "
        "and not by chance.\n"
    )
    yield markdown_table(sizes.merge(figures, on="Group"))
    yield from _picture("fairness", "Gaps of each group with their intervals, and ABROCA within modules.", pictures)


def drift(watched: pd.DataFrame) -> Iterator[str]:
    yield "## Is it still current?\n"
    if watched.empty:
        yield "Unknown: it has scored no day that was watched.\n"
        return
    overall = watched[watched["code_module"].eq(ALL)].sort_values("run_date")
    alarms = watched[watched["is_alarm"].astype(bool) & watched["code_module"].ne(ALL)].sort_values("run_date")
    if not overall.empty:
        newest = overall.iloc[-1]
        facts = {
            "Newest day watched": newest["run_date"],
            "Enrolments scored": int(newest["n_students"]),
            "Mean risk": float(newest["mean_risk"]),
            "AUC the scores promise": float(newest["estimated_auc"]),
            "AUC on held-out students, same course days": float(newest["reference_auc"]),
            "AUC on assessments missed since": float(newest["proxy_auc"]),
            "Days watched": watched["run_date"].nunique(),
            "Days with an alarm": alarms["run_date"].nunique(),
        }
        yield markdown_table(two_columns(facts))
    if not alarms.empty:
        last = alarms.iloc[-1]
        place = markdown_text(f"{last['code_module']} {last['code_presentation']}")
        yield f"Newest alarm: {place} on {date_text(last['run_date'])}: {markdown_text(last['reason'])}\n"


def two_columns(facts: Mapping[str, object]) -> pd.DataFrame:
    """Facts by name as a table of texts."""
    return pd.DataFrame({"What": list(facts), "Value": pd.Series(list(facts.values()), dtype="object")})


def _by_day(rows: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    return _figures(rows, columns, "day", "Day")


def _figures(rows: pd.DataFrame, columns: Mapping[str, str], key: str, title: str) -> pd.DataFrame:
    """A row for each value of `key`, named `title`; a column for each metric (n_students: the enrolments), with its interval."""
    texts = rows.assign(text=list(map(_figure, rows["metric"], rows["value"], rows["low"], rows["high"])))
    wide = texts.pivot_table(index=key, columns="metric", values="text", aggfunc="first")
    if "n_students" in columns.values():
        wide["n_students"] = rows[rows["metric"].eq("base_rate")].set_index(key)["n_students"]
    wide = wide.reindex(columns=list(columns.values())).astype("object").fillna(ABSENT)
    return wide.set_axis(list(columns), axis=1).rename_axis(title).reset_index()


def _figure(metric: str, value: float, low: float, high: float) -> str:
    if np.isnan(value):
        return ABSENT
    form = ".0f" if metric in WHOLE else ".1f" if metric == "lead_days" else ".3f"
    form = f"+{form}" if any(part in metric for part in SIGNED) else form
    return f"{value:{form}}" if np.isnan(low) else f"{value:{form}} ({low:{form}} to {high:{form}})"


def _picture(section: str, meaning: str, pictures: Mapping[str, str]) -> Iterator[str]:
    if section in pictures:
        yield f"![{meaning}]({pictures[section]})\n"
