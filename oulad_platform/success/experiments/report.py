"""Experiments in words: the simulation's report, and the live experiments' as they stand. Markdown; nothing is computed anew.

The design and what it can find stand before any result. Verdicts come from `simulation` and `analysis`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from oulad_platform.core.reports import date_text, markdown_table, markdown_text
from oulad_platform.core.sequential import confidence_at
from oulad_platform.core.stats import sample_size_per_arm
from oulad_platform.success.experiments.comparison import is_exact
from oulad_platform.success.experiments.simulation import ALPHA
from oulad_platform.success.experiments.tables import ARMS, CONTROL, EVERY_MODULE, PASSED, TREATMENT


def ab_test_report(results: pd.DataFrame, assignments: pd.DataFrame) -> str:
    """The simulation as a Markdown report: the design and what it can find first, then each scenario and its verdict."""
    title = "# A/B test: offline simulation\n\n"
    if assignments.empty:
        return f"{title}No simulation: nobody is scored yet, so nobody was assigned.\n"
    arms = assignments["arm"].value_counts().reindex(list(ARMS), fill_value=0)
    first = assignments.iloc[0]
    design = (
        "This is a **simulation, not causal proof**: no student was contacted. It shows what an experiment of this size could "
        "find.\n\n"
        f"## Design\n\nExperiment {markdown_text(first['experiment_id'])}, assigned on {date_text(first['assigned_date'])}: "
        f"{arms[CONTROL]:,} students in the control arm and {arms[TREATMENT]:,} in the treatment arm, stratified by module and "
        f"tenth of risk ({assignments['stratum'].nunique():,} strata), mean risk "
        f"{_mean_risk(assignments, CONTROL)} and {_mean_risk(assignments, TREATMENT)}.\n\n"
    )
    by_module = assignments.pivot_table(index="code_module", columns="arm", values="id_student", aggfunc="count", fill_value=0)
    modules = markdown_table(by_module.reindex(columns=list(ARMS), fill_value=0).reset_index())
    if results.empty:
        return (
            f"{title}{design}{modules}\nNo result: no closed cohort has comparable scores, so there is no real outcome to draw.\n"
        )
    return f"{title}{design}{modules}\n## Power\n\n{_power(results)}\n## Scenarios\n\n{_scenarios(results)}{_METHOD}"


_METHOD = """
Outcomes come from closed cohorts: each student passes as did the enrolments of the same module nearest in risk, with the same
draw in every scenario. Difference: treatment minus control, in percentage points, with Newcombe's and the BCa bootstrap's 95 %
interval. p: two-proportion z-test, pooled, two-sided, or Fisher's exact test where a cell is expected to hold fewer than 5;
beside it adjusted by Holm over the scenarios. An uplift below the detectable effect gets no verdict: it is under-powered.
"""


def _power(results: pd.DataFrame) -> str:
    detectable = results["minimum_detectable_points"].iloc[0]
    found = "No effect, however large," if np.isnan(detectable) else f"An effect of {detectable:.1f} percentage points or more"
    needed = sample_size_per_arm(results["pass_rate_control"], results["uplift_points"] / 100)
    table = pd.DataFrame(
        {
            "uplift": _signed(results["uplift_points"]),
            "students needed per arm": [f"{value:,.0f}" if np.isfinite(value) else None for value in needed],
            "students per arm": results[["n_control", "n_treatment"]].min(axis=1),
        }
    )
    return f"{found} would be found with 80 % power (two-sided, alpha {ALPHA}).\n\n{markdown_table(table)}"


def _scenarios(results: pd.DataFrame) -> str:
    exact = is_exact(*(results[name] for name in ("n_passed_treatment", "n_treatment", "n_passed_control", "n_control")))
    p_value = [f"{p} (Fisher)" if few and p else p for p, few in zip(_p_text(results["p_value"]), exact, strict=True)]
    shown = {
        "uplift": _signed(results["uplift_points"]),
        "passed, control": _of(results["n_passed_control"], results["n_control"]),
        "passed, treatment": _of(results["n_passed_treatment"], results["n_treatment"]),
        "difference": [None if np.isnan(value) else f"{100 * value:+.1f}" for value in results["difference"]],
        "Newcombe": _intervals(results["newcombe_low"], results["newcombe_high"]),
        "BCa": _intervals(results["bootstrap_low"], results["bootstrap_high"]),
        "p": p_value,
        "p (Holm)": _p_text(results["p_value_holm"]),
        "verdict": results["verdict"],
    }
    return markdown_table(pd.DataFrame(shown))


def live_report(designs: pd.DataFrame, looks: pd.DataFrame, arms: pd.DataFrame) -> str:
    """Every live experiment as it stands: what was registered, what it can find, who was contacted, what came of it.

    `designs`: EXPERIMENT_DESIGNS, `looks`: EXPERIMENT_LOOKS, `arms`: EXPERIMENT_ARMS. One registered just now has no look.
    """
    title = "# Live experiments\n\n"
    if designs.empty:
        return f"{title}No live experiment has been registered yet. `oulad experiment start` registers one.\n"
    by_name = looks.set_index("experiment_id")
    parts = []
    for _, design in designs.sort_values(["assigned_on", "experiment_id"], ascending=[False, True]).iterrows():
        name = design["experiment_id"]
        own = arms[arms["experiment_id"] == name]
        result = _standing(design, by_name.loc[name]) if name in by_name.index else "It has not been looked at yet.\n"
        parts.append(f"## {markdown_text(name)}\n\n{_registered(design, own)}\n{result}")
    return title + "\n".join(parts) + _LIVE_METHOD


_LIVE_METHOD = """
---

Every student counts in the arm they were drawn into, whoever was contacted (intention to treat); who has no result on record
counts as not succeeded. Differences are treatment minus control, in percentage points. The bound on z rises the earlier a look is
(O'Brien-Fleming), so that all looks together keep the registered error; the intervals are at the look's own level. CUPED: the
same difference, adjusted by the risk score before assignment.
"""


def _registered(design: pd.Series, arms: pd.DataFrame) -> str:
    counts = arms["arm"].value_counts().reindex(list(ARMS), fill_value=0)
    modules = "all modules" if design["modules"] == EVERY_MODULE else f"modules {design['modules'].replace(',', ', ')}"
    who = "students at high risk" if design["population"] == "high risk" else "all students"
    horizon = "" if pd.isna(design["horizon_days"]) else f" {design['horizon_days']:,} days after assignment"
    detectable = design["minimum_detectable_points"]
    found = "no effect, however large," if np.isnan(detectable) else f"an effect of {detectable:.1f} points or more"
    looks = "1 look" if design["n_looks"] == 1 else f"{design['n_looks']} looks"
    facts = [
        f"Hypothesis: {markdown_text(design['hypothesis'])}",
        f"Registered {design['registered_at']:%Y-%m-%d %H:%M} UTC by {markdown_text(design['registered_by'])}; assigned on "
        f"{date_text(design['assigned_on'])}.",
        f"Who: {who} of {markdown_text(modules)}: {counts[TREATMENT]:,} in the treatment arm, {counts[CONTROL]:,} in the control "
        f"arm, in {arms['stratum'].nunique():,} strata.",
        f"Outcome: {design['outcome']}{horizon}.",
        f"Power: with {100 * design['power']:.0f} % power it finds {found} at a base rate of {100 * design['base_rate']:.1f} %, "
        f"in {looks}, two-sided, alpha {design['alpha']:g}.",
        f"Guardrail: it is to stop if treatment does worse by more than {design['guardrail_points']:g} points.",
    ]
    return "".join(f"- {fact}\n" for fact in facts)


def _standing(design: pd.Series, look: pd.Series) -> str:
    verdict = f"**{look['verdict'].capitalize()}.** {_MEANING[look['verdict']].format(**_words(design, look))}"
    contacted = (
        f"{_percent(look['exposure_treatment'])} of the treatment arm and {_percent(look['exposure_control'])} of the control "
        "arm were contacted"
    )
    if look["exposure_control"] > 0:
        contacted += "; contacts of controls make the difference smaller than the effect"
    lines = [
        f"As of {date_text(look['as_of'])}: {verdict}",
        f"Exposure: {contacted}.",
        f"Outcomes known: {_percent(look['information'])} of the students.",
        f"Guardrail: {_GUARDED[look['guardrail']]}",
    ]
    text = "\n\n".join(lines) + "\n"
    if not look["look"]:
        return text
    lost = f", {look['n_lost']:,} of all without a result on record" if look["n_lost"] else ""
    level = f"{100 * confidence_at(look['boundary']):.4g} %"
    succeeded = "passed" if design["outcome"] == PASSED else "retained"
    figures = {
        f"{succeeded}, control": _of([look["n_success_control"]], [look["n_control"]]),
        f"{succeeded}, treatment": _of([look["n_success_treatment"]], [look["n_treatment"]]),
        "difference": [_points(look["difference"])],
        f"{level} interval": _intervals([look["interval_low"]], [look["interval_high"]]),
        "z": [_decimal(look["z"], 2)],
        "bound on z": [_decimal(look["boundary"], 2)],
        "p": _p_text([look["p_value"]]),
        "CUPED": [_points(look["cuped_difference"])],
        "its interval": _intervals([look["cuped_low"]], [look["cuped_high"]]),
    }
    held = f"Look {look['look']} of {design['n_looks']}, on {date_text(look['looked_on'])}{lost}:"
    return f"{text}\n{held}\n\n{markdown_table(pd.DataFrame(figures))}"


_MEANING = {
    "waiting for outcomes": "The first of the planned looks is not due yet; no figure is shown before it is.",
    "no decision yet": "The difference has not crossed this look's bound; the experiment goes on to the next look.",
    "effect": "More of the treatment arm succeeded, beyond what chance does in the registered error.",
    "harm": "Fewer of the treatment arm succeeded, beyond what chance does in the registered error.",
    "no effect shown": "The arms could have found an effect of {detectable} points; the difference did not cross the bound. "
    "That is no proof that there is none: see the interval.",
    "under-powered": "The arms as observed could not have found the registered effect of {detectable} points: nothing follows.",
    "stopped": "A person ended it before a look had decided; no outcome after that day is counted.",
}
_GUARDED = {
    "holds": "holds: treatment is not shown to do worse than allowed.",
    "broken": "**broken**: treatment does worse than allowed, with 97.5 % confidence. Stop it: `oulad experiment stop`.",
    "unknown": "unknown: no outcome is known yet.",
}


def _words(design: pd.Series, look: pd.Series) -> dict[str, str]:
    return {"detectable": _decimal(design["minimum_detectable_points"], 1) or "any number of"}


def _percent(share: float) -> str:
    return "nobody" if np.isnan(share) else f"{100 * share:.1f} %"


def _points(share: float) -> str | None:
    return None if np.isnan(share) else f"{100 * share:+.1f}"


def _decimal(value: float, places: int) -> str | None:
    return None if np.isnan(value) else f"{value:.{places}f}"


def _signed(points: pd.Series) -> list[str]:
    return [f"+{value:g}" for value in points]


def _of(passed: Iterable[int], n: Iterable[int]) -> list[str]:
    return [f"{some:,} of {every:,}" for some, every in zip(passed, n, strict=True)]


def _intervals(low: Iterable[float], high: Iterable[float]) -> list[str | None]:
    return [None if np.isnan(a) else f"{100 * a:+.1f} to {100 * b:+.1f}" for a, b in zip(low, high, strict=True)]


def _p_text(p_values: Iterable[float]) -> list[str | None]:
    return [None if np.isnan(value) else "below 0.0001" if value < 0.0001 else f"{value:.4f}" for value in p_values]


def _mean_risk(assignments: pd.DataFrame, arm: str) -> str:
    risk = assignments.loc[assignments["arm"] == arm, "risk_score"]
    return "none" if risk.empty else f"{risk.mean():.3f}"
