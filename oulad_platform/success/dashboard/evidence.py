"""The page's sections on the model: how far it can be trusted and whom it serves worse. Figures are chosen and worded here, none
is estimated.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from oulad_platform.core.privacy import SHARE_FROM, Disclosure
from oulad_platform.core.stats import wilson
from oulad_platform.success.dashboard import charts
from oulad_platform.success.dashboard.counts import coarser
from oulad_platform.success.dashboard.views import (
    ABSENT,
    HIDDEN,
    Grid,
    Row,
    Section,
    each,
    listed,
    named,
    plain,
    shown,
    signed,
    told,
)
from oulad_platform.success.evaluation.charts import RUNG_LABELS
from oulad_platform.success.evaluation.ladder import HONEST, RUNGS
from oulad_platform.success.evaluation.protocol import HEADLINE_DAY, NEXT_COHORT
from oulad_platform.success.evaluation.rules import RULES
from oulad_platform.success.modelling.model import CHALLENGER
from oulad_platform.success.oversight.fairness import CROSSED, is_harm, spoken
from oulad_platform.success.tables import ALL

GROUP = ["attribute", "group_name"]
RATES = ("value", "low", "high")
UNTESTED = "No model has been tested yet: no cohort had closed before another closed one began."


def honesty_section(evaluation: pd.DataFrame, curve: pd.DataFrame, in_charge: set[str], day: date, rule: Disclosure) -> Section:
    """AUC by day, calibration, the leak ladder. `evaluation`: MODEL_EVALUATION, `curve`: CALIBRATION_CURVE; known on the day."""
    title = "How honest the model is"
    known, bins = (frame[frame["known_from"] <= pd.Timestamp(day)] for frame in (evaluation, curve))
    known = known[known["n_students"] >= rule.mean_from]
    tests = _newest_test(_models(known[known["evaluation"] == NEXT_COHORT]), in_charge)
    if tests.empty:
        return Section("honesty", title, (UNTESTED,))
    first = tests.iloc[0]
    auc = tests[(tests["metric"] == "auc") & tests["value"].notna()].sort_values(["code_module", "day"])
    pooled = auc[auc["code_module"] == ALL]
    by_day = [f"{_interval(row)} on day {row.day}" for row in each(pooled)]
    ranked = listed(by_day) if by_day else "undefined, as the cohort had one outcome only"
    lines = [
        f"Model {shown(first['model_version'])}, tested on cohort {shown(first['tested_cohort'])}, which it had never seen. "
        f"AUC (0.5 is chance, 1 is perfect; 95 % interval in brackets): {ranked}."
    ]
    ladder = known[known["evaluation"].isin(RUNGS) & (known["metric"] == "auc") & (known["code_module"] == ALL)]
    ladder = _newest_test(_models(ladder), in_charge).set_index("evaluation").reindex(list(RUNGS)).dropna(subset="value")
    ladder = ladder.reset_index()
    same = bins[["model_version", "evaluation", "tested_cohort"]].eq(first[["model_version", "evaluation", "tested_cohort"]])
    points = _nearest_day(bins[same.all(axis=1)])
    joined = coarser(points, rule)
    if joined.empty:
        lines.append("Calibration is not shown: too few students, or none tested.")
    else:
        low, high = wilson(joined["n_observed"], joined["n_students"])
        joined = joined.assign(low=low, high=high)
        gap = np.average((joined["mean_risk"] - joined["observed_rate"]).abs(), weights=joined["n_students"])
        lines.append(
            f"On day {points.iloc[0]['day']} risks given and rates observed are {100 * gap:.1f} points apart on average; "
            "dots on the dashed line would be perfect."
        )
    if ladder.empty:
        lines.append("The leak ladder has not been made yet.")
    else:
        honest = ladder.loc[ladder["evaluation"] == HONEST, "value"]
        best = ladder["value"].max()
        if len(honest):
            on = f"on cohort {shown(ladder.iloc[0]['tested_cohort'])}, day {ladder.iloc[0]['day']}"
            lines.append(
                f"With leaks the same learner would claim an AUC of up to {best:.2f} instead of {honest.iloc[0]:.2f} {on}."
            )
    picture = charts.honesty_chart(joined, ladder, _honesty_alt(joined, ladder)) if len(joined) or len(ladder) else None
    grids = [_calibration_grid(joined, rule), _ladder_grid(ladder), _modules_grid(_nearest_day(tests), rule)]
    return Section("honesty", title, tuple(lines), picture, tuple(grid for grid in grids if grid.rows))


def fairness_section(fairness: pd.DataFrame, in_charge: set[str], day: date, rule: Disclosure) -> Section:
    """Gaps of groups to everybody else on the newest audited cohort. `fairness`: MODEL_FAIRNESS."""
    title = "Fairness to groups"
    known = fairness[fairness["known_from"] <= pd.Timestamp(day)]
    rows = _nearest_day(_newest_test(_models(known), in_charge))
    if rows.empty:
        return Section("fairness", title, ("No model has been audited for fairness yet.",))
    first = rows.iloc[0]
    groups = _groups(rows)
    fewest = groups[["n_students", "n_positive"]].assign(others=groups["n_students"] - groups["n_positive"]).min(axis=1)
    least = SHARE_FROM if rule.rounds else rule.below
    withheld = _with_complements(fewest < least, groups)
    groups = groups[~withheld]
    n_harmed = int(groups["beyond"].sum())
    listed_groups = groups[~groups["attribute"].str.contains(CROSSED, regex=False) | groups["beyond"]]
    lines = [
        f"Audit of model {shown(first['model_version'])} on cohort {shown(first['tested_cohort'])}, day {first['day']}: "
        f"{len(groups):,} groups compared with everybody else, {len(listed_groups):,} shown; "
        + ("none is beyond a limit of the gate." if not n_harmed else f"{n_harmed:,} beyond a limit of the gate, marked below.")
    ]
    if withheld.any():
        lines.append(f"Groups with counts under {least:g}, and those that would lead to them, are left out.")
    grid_rows = tuple(
        Row(
            (
                g.label,
                f"about {round(g.n_students, -1):,}",
                g.reached,
                g.given,
                plain(g.abroca, 3),
                "beyond" if g.beyond else "within",
            )
        )
        for g in each(listed_groups)
    )
    columns = ("Group", "Size", "Share reached, gap", "Risk given, gap", "ABROCA", "Limits")
    gaps = listed_groups.dropna(subset=list(RATES))
    alt = f"Gaps in the share reached, in points: {'; '.join(f'{g.label} {100 * g.value:+.1f}' for g in each(gaps))}."
    picture = charts.gaps_chart(gaps, alt) if len(gaps) else None
    note = "Gaps in points, group minus everybody else; sizes to the nearest ten"
    return Section("fairness", title, tuple(lines), picture, (Grid(note, columns, grid_rows, words=(5,), folded=True),))


def _models(rows: pd.DataFrame) -> pd.DataFrame:
    """Without the rules beside the model and without the challenger."""
    return rows[~rows["model_version"].isin(RULES) & ~rows["model_version"].str.endswith(f"-{CHALLENGER}")]


def _newest_test(rows: pd.DataFrame, in_charge: set[str]) -> pd.DataFrame:
    """The rows of the test known last: of a model in charge where one was tested, else of another."""
    own = rows["model_version"].isin(in_charge)
    rows = rows[own] if own.any() else rows
    latest = rows.sort_values(["known_from", "tested_cohort", "model_version"])[["tested_cohort", "model_version"]].tail(1)
    return rows.merge(latest, on=["tested_cohort", "model_version"])


def _nearest_day(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the course day nearest the headline's; of the newest evaluation by name where there are several."""
    if rows.empty:
        return rows
    rows = rows[rows["evaluation"] == rows["evaluation"].max()]
    return rows[rows["day"] == min(rows["day"].unique(), key=lambda day: (abs(int(day) - HEADLINE_DAY), day))]


def _interval(row: Any) -> str:
    interval = "" if pd.isna(row.low) or pd.isna(row.high) else f" ({row.low:.2f} to {row.high:.2f})"
    return f"{row.value:.2f}{interval}"


def _honesty_alt(joined: pd.DataFrame, ladder: pd.DataFrame) -> str:
    dots = [f"{100 * row.mean_risk:.0f} % given, {100 * row.observed_rate:.0f} % observed" for row in each(joined)]
    rungs = [f"{RUNG_LABELS[row.evaluation]} {row.value:.2f}" for row in each(ladder)]
    parts = [f"Calibration: {'; '.join(dots)}." if dots else "", f"Leak ladder, AUC: {'; '.join(rungs)}." if rungs else ""]
    return " ".join(part for part in parts if part)


def _calibration_grid(joined: pd.DataFrame, rule: Disclosure) -> Grid:
    rows = tuple(
        Row(
            (
                f"{100 * r.mean_risk:.0f} %",
                f"{100 * r.observed_rate:.0f} %",
                f"{100 * r.low:.0f} to {100 * r.high:.0f} %",
                told(r.n_students, rule),
            )
        )
        for r in each(joined)
    )
    return Grid("Calibration", ("Risk given", "Observed", "95 % interval", "Enrolments"), rows, folded=True)


def _ladder_grid(ladder: pd.DataFrame) -> Grid:
    rows = tuple(Row((RUNG_LABELS[row.evaluation], _interval(row), RUNGS[row.evaluation])) for row in each(ladder))
    return Grid("Leak ladder", ("Test", "AUC (95 %)", "How it is tested"), rows, (2,), folded=True)


def _modules_grid(tests: pd.DataFrame, rule: Disclosure) -> Grid:
    """AUC by module; withheld where few failed or withdrew, or few did not."""
    rates = tests[tests["metric"] == "base_rate"].set_index("code_module")
    few = np.minimum(rates["value"], 1 - rates["value"]) * rates["n_students"] < rule.mean_from
    intervals = {row.code_module: _interval(row) for row in each(tests[(tests["metric"] == "auc") & tests["value"].notna()])}
    rows = [
        Row((shown(name), HIDDEN if few.get(name, True) else intervals.get(name, ABSENT)), module=str(name))
        for name in sorted(tests["code_module"].unique())
        if name != ALL
    ]
    day = f", day {tests.iloc[0]['day']}" if len(tests) else ""
    return Grid(f"AUC by module{day}", ("Module", "AUC (95 %)"), tuple(rows), folded=True)


def _groups(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per group: its size, value, low and high of its gap in the share reached, all gaps in words, beyond a limit."""
    beyond = rows.assign(beyond=is_harm(rows)).groupby(GROUP)["beyond"].any()
    sizes = rows.groupby(GROUP)[["n_students", "n_positive"]].max()
    of = {measure: found.set_index(GROUP) for measure, found in rows.groupby("measure")}
    none = rows.head(0).set_index(GROUP)
    share_reached, given = (of.get(measure, none)[list(RATES)].reindex(sizes.index) for measure in ("tpr_gap", "mean_risk_gap"))
    worded: dict[str, Any] = {
        "reached": [_gap(row) for row in each(share_reached)],
        "given": [_gap(row) for row in each(given)],
        "abroca": of.get("abroca", none)["value"].reindex(sizes.index),
        "beyond": beyond,
        "label": [shown(spoken(*name)) for name, _ in named(sizes)],
    }
    return sizes.join(share_reached).assign(**worded).reset_index()


def _with_complements(small: pd.Series, groups: pd.DataFrame) -> pd.Series:
    """The small groups and, where one of an attribute would be withheld alone, the smallest other one."""
    alone = small & (small.groupby(groups["attribute"]).transform("sum") == 1)
    others = groups[~small & groups["attribute"].isin(groups.loc[alone, "attribute"])]
    return small | groups.index.isin(others.groupby("attribute")["n_students"].idxmin())


def _gap(row: Any) -> str:
    if pd.isna(row.value):
        return ABSENT
    interval = "" if pd.isna(row.low) else f" ({signed(100 * row.low, 1)} to {signed(100 * row.high, 1)})"
    return f"{signed(100 * row.value, 1)}{interval}"
