"""What was planted is found: by the whole live analysis on invented experiments, and in the demo campus's own trial."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from oulad_platform.core.sequential import confidence_at, obrien_fleming_bounds
from oulad_platform.defs.experiments import trial_registration
from oulad_platform.sources.demo import DemoCampus
from oulad_platform.success.experiments.analysis import looks
from oulad_platform.success.experiments.comparison import compared
from oulad_platform_tests.success.experiments.trials import AFTER_ALL, NO_CONTACTS, NO_STOPS, arms, design, outcomes

N_STUDENTS, N_RUNS = 600, 150
FOUNDED = date(2026, 11, 20)
BOUNDS = obrien_fleming_bounds([1 / 3, 2 / 3, 1])


def crossed_at(passed: np.ndarray, treated: np.ndarray) -> np.ndarray:
    """By the formulas alone: at which of three looks (1 to 3; 0: none) each run crosses its bound.

    `passed`: runs x three modules x students of a module; `treated`: students of a module.
    """
    n_treated, n_control = treated.sum() * np.arange(1, 4), (~treated).sum() * np.arange(1, 4)
    _, p_value = compared(
        passed[:, :, treated].sum(axis=2).cumsum(axis=1), n_treated, passed[:, :, ~treated].sum(axis=2).cumsum(axis=1), n_control
    )
    crossed = p_value <= 1 - np.array([confidence_at(bound) for bound in BOUNDS])
    return np.where(crossed.any(axis=1), crossed.argmax(axis=1) + 1, 0)


def analysed(n_runs: int, points: float, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Looks of so many experiments with an effect of `points`, and at which look each crosses by the formulas alone."""
    rng = np.random.default_rng(seed)
    one, planned = arms(N_STUDENTS), design(n_students=N_STUDENTS)
    treated = (one["arm"] == "treatment").to_numpy()
    passed = rng.random((n_runs, N_STUDENTS)) < 0.5 + points / 100 * treated
    names = [f"run-{run:04d}" for run in range(n_runs)]
    drawn = pd.concat(
        [one.assign(experiment_id=name, id_student=one["id_student"] + N_STUDENTS * k) for k, name in enumerate(names)]
    )
    designs = pd.concat([planned.assign(experiment_id=name) for name in names])
    found = looks(designs, drawn, NO_STOPS, NO_CONTACTS, outcomes(drawn, passed.ravel()), AFTER_ALL)
    of_module = np.stack([passed[:, k::3] for k in range(3)], axis=1)
    return found, crossed_at(of_module, treated[::3])


def test_without_an_effect_4_to_6_percent_of_10_000_experiments_with_three_looks_find_one():
    rng = np.random.default_rng(11)
    treated = np.arange(200) % 2 == 1
    found = np.concatenate([crossed_at(rng.random((1000, 3, 200)) < 0.5, treated) for _ in range(10)])
    assert 0.04 <= (found > 0).mean() <= 0.06


@pytest.mark.parametrize("points", [0, 8])
def test_the_live_analysis_decides_as_the_formulas_do_and_its_interval_holds_the_planted_effect(points):
    found, crossed = analysed(N_RUNS, points, seed=points)
    decided = found["verdict"].isin(["effect", "harm"]).to_numpy()
    np.testing.assert_array_equal(np.where(decided, found["look"], 0), crossed)
    for low, high in (("interval_low", "interval_high"), ("cuped_low", "cuped_high")):
        holds = (found[low] <= points / 100) & (points / 100 <= found[high])
        assert holds.mean() >= 0.93
    assert found["cuped_difference"].mean() == pytest.approx(points / 100, abs=0.015)


def test_the_demo_campus_trial_is_recovered_within_its_interval():
    campus = DemoCampus(FOUNDED, FOUNDED)
    trial, tables = campus.truth().trial, campus.tables()
    planned, drawn = trial_registration(trial.arms, tables, registered_at=pd.Timestamp("2026-11-20 08:00"))
    row = looks(planned, drawn, NO_STOPS, campus.contacts(), tables, FOUNDED).iloc[0]
    assert row["interval_low"] < trial.effect_points / 100 < row["interval_high"]
    assert 100 * row["difference"] == pytest.approx(6, abs=2)
    assert row["information"] == 1
    assert row["exposure_control"] == 0
    assert 0.55 < row["exposure_treatment"] < 0.75  # three in ten were not reached
    assert row["guardrail"] == "holds"
    assert row["verdict"] == "no effect shown"  # 700 students find 10 points, not 6: so says the design


@pytest.mark.parametrize("today", [date(2025, 11, 1), date(2026, 3, 1), date(2026, 3, 3), date(2026, 9, 1)])
def test_on_the_demo_campus_a_look_uses_nothing_dated_that_day_or_later(today):
    later, then = DemoCampus(FOUNDED, FOUNDED), DemoCampus(FOUNDED, today)
    planned, drawn = trial_registration(later.truth().trial.arms, later.tables(), registered_at=pd.Timestamp("2026-11-20 08:00"))
    found = [looks(planned, drawn, NO_STOPS, campus.contacts(), campus.tables(), today) for campus in (later, then)]
    pd.testing.assert_frame_equal(found[0], found[1])
