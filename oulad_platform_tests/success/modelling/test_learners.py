"""Tests of success.modelling.learners: what a margin is made of, and what a missing value does."""

from __future__ import annotations

import numpy as np
import pytest

from oulad_platform.success.modelling.learners import SMALLEST_LEAF, fit_blend, fit_boosting, fit_logistic, fit_scaling

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


@pytest.mark.fault("D2")
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


NAMES = ("clicks_7d", "score_mean", "clicks_since_start", "day_in_course", "region", "points_vs_cohort", "clicks_before_start")


@pytest.fixture(scope="module")
def named():
    """Rows in which marks, points (more by the day), regions and the logarithm of the clicks before the start have an effect."""
    rng = np.random.default_rng(6)
    n = 30_000
    values = rng.normal(size=(n, len(NAMES)))
    values[:, 3] = rng.choice([1, 15, 29, 57, 113], n)
    values[:, 4] = rng.integers(0, 3, n)
    values[:, 6] = rng.lognormal(3, 1.5, n).round()
    late = (np.minimum(values[:, 3], 85) - 29) / 14
    logit = 0.8 * values[:, 1] + 0.5 * late * values[:, 5] + np.array([-0.6, 0.0, 0.6])[values[:, 4].astype(int)]
    logit -= 0.5 * (np.log1p(values[:, 6]) - 3)
    labels = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype("int64")
    return values, labels


def test_weights_that_change_by_the_day_regions_and_logarithms_are_found(named):
    values, labels = named
    fitted = fit_logistic(values, labels, seed=7, names=NAMES)
    assert fitted.drifts / fitted.scaling.sd[list(fitted.changing)] == pytest.approx([0.5], abs=0.05)
    assert fitted.weights[5] == pytest.approx(0, abs=0.05)
    assert fitted.region_weights == pytest.approx([-0.6, 0, 0.6], abs=0.1)
    assert fitted.weights[6] / fitted.scaling.sd[6] == pytest.approx(-0.5, abs=0.05)
    assert fitted.intercept + fitted.terms(values).sum(axis=1) == pytest.approx(fitted.margin(values), abs=1e-12)


@pytest.mark.fault("D3")
def test_what_a_region_adds_is_counted_from_the_mean_student_and_0_where_it_is_unknown_or_new(named):
    values, labels = named
    fitted = fit_logistic(values, labels, seed=7, names=NAMES)
    assert fitted.terms(values)[:, 4].mean() == pytest.approx(0, abs=1e-9)
    elsewhere = np.repeat(values[:1], 3, axis=0)
    elsewhere[:, 4] = [NAN, 9, 1]
    assert fitted.terms(elsewhere)[:, 4].tolist() == [0, 0, fitted.region_weights[1]]
    unknown = np.where(np.arange(len(NAMES)) == 4, NAN, values)
    assert fit_logistic(unknown, labels, seed=7, names=NAMES).region_weights.tolist() == []


def test_after_the_last_such_day_weights_change_no_more(named):
    fitted = fit_logistic(*named, seed=7, names=NAMES)
    rows = np.repeat(named[0][:1], 3, axis=0)
    rows[:, 3] = [71, 85, 240]
    of_points = fitted.terms(rows)[:, 5]
    assert of_points[1] == of_points[2] != of_points[0]


def test_a_blend_is_the_mean_of_its_parts_which_read_their_own_features(named):
    values, labels = named
    fitted = fit_blend(values, labels, 7, names=NAMES)
    assert fitted.of_trees == (0, 1, 3, 4, 5)  # no total since the start, no clicks before it
    assert fitted.of_linear == (1, 3, 4, 5, 6)  # of clicks only those before the start
    trees, linear = fitted.trees.margin(values[:, fitted.of_trees]), fitted.linear.margin(values[:, fitted.of_linear])
    assert fitted.margin(values) == pytest.approx((trees + linear) / 2, abs=1e-12)
    assert fitted.margin(values[:0]).tolist() == []


def test_in_few_rows_leaves_may_be_small(data):
    values, labels = data
    assert SMALLEST_LEAF == 50
    assert fit_boosting(values, labels, 7).hyperparameters["min_samples_leaf"] == 200
    few = fit_boosting(values[:400], labels[:400], 7)
    assert few.hyperparameters["min_samples_leaf"] == 8
    margin = few.margin(values[400:2000])
    assert margin[labels[400:2000] == 1].mean() > margin[labels[400:2000] == 0].mean() + 0.5


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
