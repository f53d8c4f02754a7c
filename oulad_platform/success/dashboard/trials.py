"""The page's section on experiments: live ones and the simulation. An experiment with a small count shows its verdict only."""

from __future__ import annotations

from typing import Any

import pandas as pd

from oulad_platform.core.privacy import is_open
from oulad_platform.success.dashboard.views import ABSENT, HIDDEN, Grid, Row, Section, listed, shown, signed
from oulad_platform.success.experiments.simulation import UNDER_POWERED


def experiments_section(looks: pd.DataFrame, results: pd.DataFrame, below: int) -> Section:
    """Live experiments and what the simulation could have found. `looks`: EXPERIMENT_LOOKS, `results`: EXPERIMENT_RESULTS."""
    lines = []
    if looks.empty:
        lines.append("No live experiment has been registered yet.")
    else:
        verdicts = looks["verdict"].value_counts().sort_index()
        told = [f"{verdict} ({n:,})" if len(verdicts) > 1 else str(verdict) for verdict, n in verdicts.items()]
        lines.append(f"{len(looks):,} live experiment{'s' if len(looks) > 1 else ''}: {listed(told)}.")
    lines.append(power(results, below))
    grids = (_live(looks, below), _simulated(results, below))
    return Section("experiments", "Experiments", tuple(lines), grids=tuple(grid for grid in grids if grid.rows))


def power(results: pd.DataFrame, below: int) -> str:
    """What the simulated experiment could have found, against what was assumed: one sentence."""
    known = results.dropna(subset="minimum_detectable_points")
    if known.empty:
        return "No experiment has been simulated yet."
    first = known.sort_values(["experiment_id", "uplift_points"]).iloc[0]
    of_it = known[known["experiment_id"] == first["experiment_id"]].sort_values("uplift_points")
    weak = [f"{points:g}" for points in of_it.loc[of_it["verdict"] == UNDER_POWERED, "uplift_points"]]
    enough = min(first["n_control"], first["n_treatment"]) >= below
    arms = (
        f"{first['n_treatment']:,} students treated and {first['n_control']:,} not" if enough else f"fewer than {below} in an arm"
    )
    detectable = f"an effect of {first['minimum_detectable_points']:.1f} points is found with 80 % power"
    said = f"Simulated on closed cohorts, {arms}: {detectable}"
    if not weak:
        return f"{said}; every assumed effect is larger."
    return f"{said}; for {listed(weak)} points it is under-powered, and says so instead of a verdict."


def _live(looks: pd.DataFrame, below: int) -> Grid:
    rows = []
    for _, look in looks.sort_values("experiment_id").iterrows():
        effect, arms = HIDDEN, HIDDEN
        if look["n_control"] + look["n_treatment"] == 0:
            effect, arms = ABSENT, "none"
        elif arms_open(look, "n_success_control", "n_success_treatment", below):
            interval = _span(look["interval_low"], look["interval_high"])
            effect = f"{_points(look['difference'])} ({interval})"
            arms = f"{look['n_treatment']:,} and {look['n_control']:,}"
        if look["verdict"] == UNDER_POWERED:
            effect = ABSENT
        known = f"{100 * look['information']:.0f} %"
        cells = (shown(look["experiment_id"]), known, arms, effect, look["guardrail"], look["verdict"])
        rows.append(Row(cells))
    columns = ("Live experiment", "Outcomes known", "Treated, control", "Effect, points (interval)", "Guardrail", "Verdict")
    return Grid("Live experiments, by intention to treat", columns, tuple(rows), words=(4, 5), printed=5)


def _simulated(results: pd.DataFrame, below: int) -> Grid:
    rows = []
    for _, one in results.sort_values(["experiment_id", "uplift_points"]).iterrows():
        effect, interval, p = HIDDEN, HIDDEN, HIDDEN
        if one["verdict"] == UNDER_POWERED:
            effect, interval, p = ABSENT, ABSENT, ABSENT
        elif arms_open(one, "n_passed_control", "n_passed_treatment", below):
            effect, interval = _points(one["difference"]), _span(one["newcombe_low"], one["newcombe_high"])
            p = ABSENT if pd.isna(one["p_value_holm"]) else f"{one['p_value_holm']:.3f}"
        rows.append(Row((f"{shown(one['experiment_id'])}, {one['uplift_points']:g} points", effect, interval, p, one["verdict"])))
    columns = ("Assumed effect", "Found, points", "95 % interval", "p, Holm", "Verdict")
    return Grid("Simulated on outcomes of closed cohorts", columns, tuple(rows), words=(4,), printed=6)


def arms_open(row: Any, control: str, treatment: str, below: int) -> bool:
    """Whether successes and failures of both arms may be shown: a difference of shares leads back to them."""
    return is_open(row[control], row["n_control"], below) and is_open(row[treatment], row["n_treatment"], below)


def _points(difference: float) -> str:
    return signed(100 * difference, 1)


def _span(low: float, high: float) -> str:
    return ABSENT if pd.isna(low) or pd.isna(high) else f"{_points(low)} to {_points(high)}"
