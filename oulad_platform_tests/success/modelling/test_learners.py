"""Tests of success.modelling.learners: what a margin is made of, and what a missing value does."""

from __future__ import annotations

import numpy as np
import pytest

from oulad_platform.success.modelling.learners import fit_boosting, fit_logistic, fit_scaling

NAN = float("nan")
LOGIT = np.array([0.8, -1.2, 0.0])


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(5)
    values = rng.normal(size=(30_000, 3))
    labels = (rng.random(30_000) < 1 / (1 + np.exp(-values @ LOGIT))).astype("int64")
    values[rng.random(30_000) < 0.1, 2] = NAN
    return values, labels


def test_scaled_values_are_distances_from_the_mean_in_standard_deviations():
    scaling = fit_scaling(np.array([[0.0, 5.0], [2.0, 5.0], [4.0, NAN], [2.0, 5.0]]), largest=1.0)
    raw = np.array([[2.0, 5.0], [2.5, 9.0], [NAN, NAN], [100.0, 5.0]])
    assert scaling.values(raw) == pytest.approx(np.array([[0, 0], [0.5 / 2**0.5, 0], [0, 0], [1, 0]]))
    assert scaling.absences(raw) == pytest.approx(np.array([[0, -(3**-0.5)], [0, -(3**-0.5)], [0, 3**0.5], [0, -(3**-0.5)]]))


def test_a_feature_missing_in_all_rows_says_nothing_when_it_appears():
    scaling = fit_scaling(np.array([[1.0, NAN], [3.0, NAN]]), largest=4.0)
    assert scaling.values(np.array([[3.0, 7.0]])).tolist() == [[1.0, 0.0]]
    assert scaling.absences(np.array([[3.0, 7.0]])).tolist() == [[0.0, 0.0]]


def test_the_logistic_model_finds_the_planted_weights(data):
    fitted = fit_logistic(*data, seed=7)
    assert fitted.weights / fitted.scaling.sd == pytest.approx(LOGIT, abs=0.12)


def test_what_the_logistic_models_features_add_makes_up_its_margin(data):
    values, labels = data
    fitted = fit_logistic(values, labels, seed=7)
    assert fitted.intercept + fitted.terms(values).sum(axis=1) == pytest.approx(fitted.margin(values), abs=1e-12)
    assert fitted.terms(values).mean(axis=0) == pytest.approx(np.zeros(3), abs=2e-3)


def test_the_margin_of_boosted_trees_is_the_mean_of_their_fits(data, monkeypatch):
    from oulad_platform.success.modelling import learners

    monkeypatch.setattr(learners, "BOOSTING", {**learners.BOOSTING, "n_seeds": 2, "max_iter": 10, "max_features": 0.5})
    values, labels = data
    fitted = fit_boosting(values, labels, 7)
    first, second = (one.decision_function(values) for one in fitted.estimators)
    assert (first != second).any()
    assert fitted.margin(values) == pytest.approx((first + second) / 2, abs=1e-12)


@pytest.mark.parametrize("fit", [fit_boosting, fit_logistic])
def test_margins_separate_the_outcomes_and_weights_count(data, fit):
    values, labels = data
    margin = fit(values, labels, 7).margin(values)
    assert margin[labels == 1].mean() > margin[labels == 0].mean() + 0.8
    heavier = fit(values, labels, 7, np.where(labels == 1, 3.0, 1.0)).margin(values)
    assert heavier.mean() - margin.mean() == pytest.approx(np.log(3), abs=0.3)


@pytest.mark.parametrize("fit", [fit_boosting, fit_logistic])
def test_nobody_has_no_margin(data, fit):
    assert fit(*data, 7).margin(np.empty((0, 3))).tolist() == []
