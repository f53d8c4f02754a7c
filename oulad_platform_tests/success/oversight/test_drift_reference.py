"""Tests of success.oversight.drift_reference: AUCs against scikit-learn and literals, and the proxy label."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oulad_platform.success.oversight.drift_reference import (
    Reached,
    held_out_proxies,
    proxies,
    ranking_auc,
    reached_aucs,
    reached_proxies,
    standard_error,
)

THEN, NOW = date(2014, 3, 1), date(2014, 3, 15)


def coursework(day: int, *rows: tuple[int, float, float]) -> pd.DataFrame:
    """Rows of student, assessments due and missed, of AAA 2014B."""
    frame = pd.DataFrame(rows, columns=["id_student", "n_assessments_due", "n_assessments_missed"])
    return frame.assign(code_module="AAA", code_presentation="2014B", day=day)


def held_out(module: str, day: int, n: int, shift: float, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    positive = np.arange(n) % 2
    keys = {"model_version": "v", "code_module": module, "day": day, "id_student": np.arange(n)}
    return pd.DataFrame(keys).assign(positive=positive, risk_score=random.normal(shift * positive, 1))


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=50))
def test_with_certain_outcomes_the_auc_is_that_of_scikit_learn(rows):
    from sklearn.metrics import roc_auc_score

    values, positive = (np.array(column, dtype="float64") for column in zip(*rows, strict=True))
    if 0 < positive.sum() < len(positive):
        assert ranking_auc(values, positive) == pytest.approx(roc_auc_score(positive, values), abs=1e-12)
    else:
        assert np.isnan(ranking_auc(values, positive))


def test_the_standard_error_is_hanley_and_mcneils_by_hand():
    # Q1 = .893 / 1.107, Q2 = 2 * .893^2 / 1.893; (.095551 + 50 * .009235 + 57 * .045075) / (51 * 58) = .001057
    assert standard_error(0.893, 51, 58) == pytest.approx(0.03251, abs=0.00002)
    assert not np.isfinite(standard_error(0.8, 0, 50))


def test_between_two_known_days_the_reference_is_linear_and_before_the_first_there_is_none():
    reached = Reached(np.array([14.0, 28.0]), np.array([0.7, 0.8]), np.array([0.02, 0.01]))
    assert reached.on(21) == pytest.approx((0.75, 0.015))
    assert reached.on(200) == (0.8, 0.01)
    assert np.isnan(reached.on(13)).all()


def test_a_module_is_known_from_fifty_of_either_kind_and_others_are_held_against_the_worst_one():
    rows = pd.concat([held_out("AAA", 14, 100, 2.0), held_out("BBB", 14, 400, 1.0), held_out("CCC", 14, 99, 0.0)])
    reached = reached_aucs(rows)
    assert sorted(reached) == [("v", "AAA"), ("v", "BBB"), ("v", "all")]
    assert reached["v", "all"].on(14) == reached["v", "BBB"].on(14)
    assert reached["v", "AAA"].on(14)[0] > reached["v", "BBB"].on(14)[0]
    assert reached_aucs(rows.iloc[:0]) == {}


def test_the_usual_proxy_needs_five_assessments():
    rows = [held_out("AAA", day, 200, 1.0, day) for day in (0, 7, 14, 21, 28)]
    mean, spread = reached_proxies(pd.concat(rows))["v"]
    assert mean == pytest.approx(0.76, abs=0.03)
    assert 0 < spread < 0.05
    assert reached_proxies(pd.concat(rows[1:])) == {}


def test_the_proxy_label_is_a_missed_assessment_among_those_due_since_of_who_is_live_on_both_days():
    then = coursework(28, (1, 1, 0), (2, 1, 1), (3, 1, 0), (4, 1, 0), (5, 1, 0))
    now = coursework(42, (1, 2, 1), (2, 2, 1), (3, 1, 0), (4, 2, 0), (6, 2, 2))
    keys = ["code_module", "code_presentation", "id_student"]
    scores = {THEN: then[keys].assign(risk_score=0.5, model_version="v")}
    found = proxies([NOW], {THEN: then, NOW: now}, scores)
    assert dict(zip(found["id_student"], found["missed"], strict=True)) == {1: True, 2: False, 4: False}
    assert proxies([NOW], {NOW: now}, scores).empty
    panel = {"AAA_2014B": pd.concat([then, now])}
    known = scores[THEN].assign(day=28, label=1)
    assert held_out_proxies(panel, known)["positive"].tolist() == [True, False, False]
