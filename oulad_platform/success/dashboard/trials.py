"""The page's section on experiments: live ones and the simulation. An experiment with a small count shows its verdict only."""

from __future__ import annotations

from typing import Any

import pandas as pd

from oulad_platform.core.privacy import SHARE_FROM, Disclosure, is_open
from oulad_platform.success.dashboard.views import ABSENT, HIDDEN, Grid, Row, Section, listed, shown, signed, told
from oulad_platform.success.experiments.simulation import UNDER_POWERED


def experiments_section(looks: pd.DataFrame, results: pd.DataFrame, rule: Disclosure) -> Section:
    """Live experiments and what the simulation could have found. `looks`: EXPERIMENT_LOOKS, `results`: EXPERIMENT_RESULTS."""
    lines = []
    if looks.empty:
        lines.append("No live experiment has been registered yet.")
    else:
        verdicts = looks["verdict"].value_counts().sort_index()
        found = [f"{verdict} ({n:,})" if len(verdicts) > 1 else str(verdict) for verdict, n in verdicts.items()]
        lines.append(f"{len(looks):,} live experiment{'s' if len(looks) > 1 else ''}: {listed(found)}.")
    lines.append(power(results, rule))
    grids = (_live(looks, rule), _simulated(results, rule))
    return Section("experiments", "Experiments", tuple(lines), grids=tuple(grid for grid in grids if grid.rows))


def power(results: pd.DataFrame, rule: Disclosure) -> str:
    """What the simulated experiment could have found, against what was assumed: one sentence."""
    known = results.dropna(subset="minimum_detectable_points")
    if known.empty:
        return "No experiment has been simulated yet."
    first = known.sort_values(["experiment_id", "uplift_points"]).iloc[0]
    of_it = known[known["experiment_id"] == first["experiment_id"]].sort_values("uplift_points")
    weak = [f"{points:g}" for points in of_it.loc[of_it["verdict"] == UNDER_POWERED, "uplift_points"]]
    enough = rule.rounds or min(first["n_control"], first["n_treatment"]) >= rule.below
    treated, control = (told(first[name], rule) for name in ("n_treatment", "n_control"))
    arms = f"{treated} students treated and {control} not" if enough else f"fewer than {rule.below} in an arm"
    detectable = f"an effect of {first['minimum_detectable_points']:.1f} points is found with 80 % power"
    said = f"Simulated on closed cohorts, {arms}: {detectable}"
    if not weak:
        return f"{said}; every assumed effect is larger."
    return f"{said}; for {listed(weak)} points it is under-powered, and says so instead of a verdict."


def _live(looks: pd.DataFrame, rule: Disclosure) -> Grid:
    rows = []
    for _, look in looks.sort_values("experiment_id").iterrows():
        effect, arms = HIDDEN, HIDDEN
        if look["n_control"] + look["n_treatment"] == 0:
            effect, arms = ABSENT, "none"
        elif arms_open(look, "n_success_control", "n_success_treatment", rule):
            interval = _span(look["interval_low"], look["interval_high"])
            effect = f"{_points(look['difference'])} ({interval})"
            arms = f"{told(look['n_treatment'], rule)} and {told(look['n_control'], rule)}"
        if look["verdict"] == UNDER_POWERED:
            effect = ABSENT
        known = f"{100 * look['information']:.0f} %"
        cells = (shown(look["experiment_id"]), known, arms, effect, look["guardrail"], look["verdict"])
        rows.append(Row(cells))
    columns = ("Live experiment", "Outcomes known", "Treated, control", "Effect, points (interval)", "Guardrail", "Verdict")
    return Grid("Live experiments, by intention to treat", columns, tuple(rows), words=(4, 5), printed=5)


def _simulated(results: pd.DataFrame, rule: Disclosure) -> Grid:
    rows = []
    for _, one in results.sort_values(["experiment_id", "uplift_points"]).iterrows():
        effect, interval, p = HIDDEN, HIDDEN, HIDDEN
        if one["verdict"] == UNDER_POWERED:
            effect, interval, p = ABSENT, ABSENT, ABSENT
        elif arms_open(one, "n_passed_control", "n_passed_treatment", rule):
            effect, interval = _points(one["difference"]), _span(one["newcombe_low"], one["newcombe_high"])
            p = ABSENT if pd.isna(one["p_value_holm"]) else f"{one['p_value_holm']:.3f}"
        rows.append(Row((f"{shown(one['experiment_id'])}, {one['uplift_points']:g} points", effect, interval, p, one["verdict"])))
    columns = ("Assumed effect", "Found, points", "95 % interval", "p, Holm", "Verdict")
    return Grid("Simulated on outcomes of closed cohorts", columns, tuple(rows), words=(4,), printed=6)


def arms_open(row: Any, control: str, treatment: str, rule: Disclosure) -> bool:
    """Whether successes and failures of both arms may be shown: a difference of shares leads back to them.

    Where counts are rounded, whether both arms hold enough for a share.
    """
    if rule.rounds:
        return bool(min(row["n_control"], row["n_treatment"]) >= SHARE_FROM)
    below = rule.below
    return is_open(row[control], row["n_control"], below) and is_open(row[treatment], row["n_treatment"], below)


def _points(difference: float) -> str:
    return signed(100 * difference, 1)


def _span(low: float, high: float) -> str:
    return ABSENT if pd.isna(low) or pd.isna(high) else f"{_points(low)} to {_points(high)}"
