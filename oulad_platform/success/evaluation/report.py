"""All figures of the evaluation as Markdown tables, for docs/evaluation.md. Every number comes from the tables it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from oulad_platform.core.reports import ABSENT, date_text, markdown_table, markdown_text
from oulad_platform.success.evaluation.figures import BUDGETS, CONFUSION
from oulad_platform.success.evaluation.ladder import HONEST, RUNGS
from oulad_platform.success.evaluation.protocol import EARLIER_COHORTS, NEXT_COHORT, PROTOCOLS, SPLIT_WEEK
from oulad_platform.success.evaluation.rules import IN_METRICS, RULES
from oulad_platform.success.modelling.cohorts import RULE
from oulad_platform.success.modelling.model import RiskModel
from oulad_platform.success.tables import ALL

TITLES = {
    NEXT_COHORT: "the next cohort",
    EARLIER_COHORTS: "earlier cohorts",
    SPLIT_WEEK: "weekly split",
}
RULE_WORDS = {"missed_assessment": "missed a due assessment", "silent_7_days": "no visit for 7 days", RULE: "either of the two"}
QUALITY = {
    "AUC": "auc",
    "Average precision": "pr_auc",
    "Brier": "brier",
    "ECE": "ece",
    "AUC estimated without labels": "estimated_auc",
}
Cell = Mapping[str, pd.Series]
Cells = Mapping[tuple[str, str, int], Cell]
INTRODUCTION = """\
A figure in brackets is a 95 % interval of 1,000 bootstrap resamples of the enrolments. Label 1 is an enrolment that failed or
withdrew. Tested on a day is who had registered by then and had not left. AUC is the chance that of two enrolments the one that
did not succeed has the higher risk; average precision is the area under precision and recall; Brier is the mean squared error of
the risk; ECE is the mean distance of risk and outcome over ten equally large groups by risk. Interval of the ECE: it reaches down
to where the true error may lie, since noise only ever raises it.
"""


def evaluation_markdown(
    evaluation: pd.DataFrame, curve: pd.DataFrame, models: Mapping[str, RiskModel], title: str, command: str
) -> str:
    """The report: the models, each test by day, budget, rule and module, the weekly split and the leak ladder.

    `evaluation`: MODEL_EVALUATION, `curve`: CALIBRATION_CURVE, `models` those tested, by name. `command` is how to make the
    report again. What was not tested has no section.
    """
    parts = [f"# {title}\n", f"Made by `{command}`.\n", INTRODUCTION, "## Models\n", markdown_table(_models(models))]
    pooled = evaluation[evaluation["evaluation"].isin(PROTOCOLS)]
    for protocol in PROTOCOLS:
        for cohort in sorted(pooled.loc[pooled["evaluation"] == protocol, "tested_cohort"].unique()):
            rows, of_test = (of[of["evaluation"].eq(protocol) & of["tested_cohort"].eq(cohort)] for of in (pooled, curve))
            parts += _test(protocol, cohort, rows, of_test)
    parts += _ladder(evaluation[evaluation["evaluation"].isin(RUNGS)])
    return "\n".join(parts)


def _models(models: Mapping[str, RiskModel]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Model": model.version,
            "Learner": f"{model.learner.kind} ({model.learner.backend})",
            "Learnt from": ", ".join(model.presentations),
            "May score from": date_text(model.trained_from),
            "Enrolments": model.n_enrolments,
            "Rows": model.n_rows,
            "Features": len(model.features),
            "Base rate": f"{model.base_rate:.3f}",
        }
        for model in models.values()
    )


def _test(protocol: str, cohort: str, rows: pd.DataFrame, curve: pd.DataFrame) -> Iterator[str]:
    cells = _cells(rows)
    scorers = sorted(set(rows["model_version"]) - set(RULES), key=lambda name: (len(name), name))
    days = sorted(int(day) for day in rows["day"].unique())
    name = "Weekly split" if protocol == SPLIT_WEEK else f"Cohort {cohort}, {TITLES[protocol]}"
    yield f"## {name}\n"
    yield f"Models {', '.join(scorers)}: {PROTOCOLS[protocol]}. Known from {date_text(rows['known_from'].max())}.\n"
    for title, columns in (
        ("How good the ranking and the risks are", QUALITY),
        ("Whom a budget reaches: share of all who did not succeed (ceiling), and hits among those contacted", None),
    ):
        yield f"### {title}\n"
        made = _table(cells, scorers, days, [ALL], _quality(columns) if columns else _budgets)
        yield markdown_table(made.drop(columns="Module"))
    yield "### Beside the rules, as many contacted as the rule flags\n"
    yield markdown_table(_against_rules(cells, scorers, days))
    if protocol != SPLIT_WEEK:
        yield "### In time? Leavers still there, and days between contact and leaving (median, of the top tenth)\n"
        yield markdown_table(_table(cells, scorers, days, [ALL], _in_time).drop(columns="Module"))
    yield "### At a risk of .5\n"
    yield markdown_table(_table(cells, scorers, days, [ALL], _at_cut).drop(columns="Module"))
    modules = sorted(set(rows["code_module"]) - {ALL})
    yield "### By module\n"
    yield markdown_table(_table(cells, scorers, days, modules, _by_module))
    yield "### Calibration: risk given and outcome seen, by tenth\n"
    yield markdown_table(_calibration(curve))


def _cells(rows: pd.DataFrame) -> Cells:
    """The metrics of each scorer, module and day: metric -> its row."""
    found: dict[tuple[str, str, int], dict[str, pd.Series]] = {}
    for _, row in rows.iterrows():
        found.setdefault((row["model_version"], row["code_module"], row["day"]), {})[row["metric"]] = row
    return found


def _table(
    cells: Cells,
    scorers: Sequence[str],
    days: Sequence[int],
    modules: Sequence[str],
    columns: Callable[[Cell], Mapping[str, object]],
) -> pd.DataFrame:
    found = [
        {"Model": scorer, "Day": day, "Module": module, **columns(cells[scorer, module, day])}
        for scorer in scorers
        for day in days
        for module in modules
        if (scorer, module, day) in cells
    ]
    return pd.DataFrame(found) if found else pd.DataFrame(columns=["Model", "Day", "Module"])


def _quality(columns: Mapping[str, str]) -> Callable[[Cell], Mapping[str, object]]:
    def made(cell: Cell) -> Mapping[str, object]:
        rates = {"Base rate": _figure(cell, "base_rate"), "Mean risk": _figure(cell, "mean_risk")}
        return {"Enrolments": _n(cell)} | {title: _figure(cell, metric) for title, metric in columns.items()} | rates

    return made


def _budgets(cell: Cell) -> Mapping[str, object]:
    found = {}
    for name, share in BUDGETS.items():
        recall, ceiling = _figure(cell, f"recall_at_{name}"), _figure(cell, f"ceiling_recall_at_{name}")
        found[f"Recall, {share * 100:.0f} % contacted"] = f"{recall}, ceiling {ceiling}"
        found[f"Precision, {share * 100:.0f} % contacted"] = _figure(cell, f"precision_at_{name}")
    return found


def _in_time(cell: Cell) -> Mapping[str, object]:
    return {
        "Reach": _figure(cell, "reach"),
        "Leavers of the cohort": _n(cell, "reach"),
        "Lead, days": _figure(cell, "lead_days", 1),
        "Contacted who left": _n(cell, "lead_days"),
    }


def _at_cut(cell: Cell) -> Mapping[str, object]:
    counts = [name for row in CONFUSION for name in row]
    shares = {"Precision": _figure(cell, "precision_at_0_5"), "Recall": _figure(cell, "recall_at_0_5")}
    return shares | {name.replace("_", " ").capitalize(): int(cell[name]["value"]) for name in counts}


def _by_module(cell: Cell) -> Mapping[str, object]:
    gap = float(cell["mean_risk"]["value"] - cell["base_rate"]["value"])
    return {
        "Enrolments": _n(cell),
        "Base rate": _figure(cell, "base_rate"),
        "Mean risk less base rate": f"{gap:+.3f}",
        **{title: _figure(cell, metric) for title, metric in QUALITY.items() if metric != "estimated_auc"},
        "Recall, 10 % contacted": _figure(cell, "recall_at_10_pct"),
    }


def _against_rules(cells: Cells, scorers: Sequence[str], days: Sequence[int]) -> pd.DataFrame:
    found = []
    for rule, short in IN_METRICS.items():
        for day in days:
            own = cells[rule, ALL, day]
            seen = {
                "Rule": RULE_WORDS[rule],
                "Day": day,
                "Flagged": int(own["n_flagged"]["value"]),
                "Its AUC": _figure(own, "auc"),
                "Its recall": _figure(own, "recall"),
                "Its precision": _figure(own, "precision"),
                "Its lead, days": _figure(own, "lead_days", 1),
            }
            for scorer in scorers:
                cell = cells[scorer, ALL, day]
                seen[f"Precision of {scorer}"] = _figure(cell, f"precision_at_{short}_budget")
                seen[f"Gain of {scorer}"] = _figure(cell, f"precision_gain_over_{short}", sign="+")
            found.append(seen)
    return pd.DataFrame(found)


def _calibration(curve: pd.DataFrame) -> pd.DataFrame:
    seen = {
        "Model": curve["model_version"],
        "Day": curve["day"],
        "Tenth": curve["bin"],
        "Enrolments": curve["n_students"],
        "Mean risk": curve["mean_risk"].map("{:.3f}".format),
        "Observed rate": [f"{row.observed_rate:.3f} ({row.low:.3f} to {row.high:.3f})" for row in curve.itertuples()],
    }
    return pd.DataFrame(seen)


def _ladder(rows: pd.DataFrame) -> Iterator[str]:
    if rows.empty:
        return
    first = rows.iloc[0]
    yield f"## Leak ladder: cohort {markdown_text(first['tested_cohort'])}, day {first['day']}\n"
    yield (
        "The same blend of trees and a linear model with the same number of training rows, tested as it should not be. What is "
        "above the honest figure is not skill.\n"
    )
    honest = rows[rows["evaluation"].eq(HONEST)]
    base = honest.loc[honest["metric"].eq("auc"), "value"].max()
    found = []
    for rung, meaning in RUNGS.items():
        cell = {row["metric"]: row for _, row in rows[rows["evaluation"] == rung].iterrows()}
        if cell:
            above = float(cell["auc"]["value"]) - base
            figures = {title: _figure(cell, metric) for title, metric in QUALITY.items() if metric != "estimated_auc"}
            auc = {"AUC above the honest": f"{above:+.3f}" if rung != HONEST and not np.isnan(above) else ABSENT}
            name = rung.removeprefix("ladder_").replace("_", " ")
            found.append({"Rung": name, "What": meaning, "Enrolments": _n(cell), **figures, **auc})
    yield markdown_table(pd.DataFrame(found))


def _figure(cell: Cell, metric: str, digits: int = 3, sign: str = "") -> str:
    """The figure with its interval, or a dash where it is undefined."""
    row = cell.get(metric)
    if row is None or np.isnan(row["value"]):
        return ABSENT
    value = f"{row['value']:{sign}.{digits}f}"
    return value if np.isnan(row["low"]) else f"{value} ({row['low']:{sign}.{digits}f} to {row['high']:{sign}.{digits}f})"


def _n(cell: Cell, metric: str = "base_rate") -> int:
    return int(cell[metric]["n_students"]) if metric in cell else 0
