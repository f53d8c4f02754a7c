"""Tests of explanation.pushes: equal to shap's own, adding up to the score, for every kind of learner."""

from __future__ import annotations

import dataclasses
from importlib.util import find_spec
from itertools import chain, combinations
from math import factorial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.success.explanation import pushes as module
from oulad_platform.success.explanation.pushes import ExplanationError, pushes
from oulad_platform.success.modelling.calibration import Calibration
from oulad_platform.success.modelling.learners import GradientBoosting, Logistic, Scaling, fit_scaling, one_thread
from oulad_platform.success.modelling.model import log_odds
from oulad_platform.success.modelling.network import Network, inputs
from oulad_platform_tests.success.explanation.students import CALIBRATION, LEARNT, live, model

KINDS = ("blend", "gradient_boosting", "logistic", "network")


@pytest.fixture(scope="module")
def models():
    return {kind: model(kind) for kind in KINDS}


@pytest.mark.fault("D11", "property 18")
@pytest.mark.parametrize("kind", KINDS)
def test_base_and_pushes_of_every_student_give_the_models_log_odds(models, kind):
    features = live(150)
    found = pushes(models[kind], features)
    assert found.base + found.by_feature.sum(axis=1) == pytest.approx(log_odds(models[kind], features), abs=1e-5)
    assert found.by_feature.shape == (150, len(LEARNT))
    in_aaa = features["code_module"].eq("AAA").to_numpy()
    assert np.unique(found.base[in_aaa]) - np.unique(found.base[~in_aaa]) == pytest.approx([0.2])  # the offset of AAA


@pytest.mark.parametrize("kind", KINDS)
def test_a_student_has_the_same_pushes_alone_as_among_others_and_nobody_has_none(models, kind):
    features = live(150)
    alone = pushes(models[kind], features.iloc[[40]])
    assert alone.by_feature[0] == pytest.approx(pushes(models[kind], features).by_feature[40], abs=1e-12)
    assert pushes(models[kind], features.head(0)).by_feature.shape == (0, len(LEARNT))


def shap_of_trees(learner: GradientBoosting, values: np.ndarray) -> tuple[float, np.ndarray]:
    from shap import TreeExplainer

    explainers = [TreeExplainer(one) for one in learner.estimators]
    base = np.mean([np.ravel(one.expected_value)[0] for one in explainers])
    return float(base), np.mean([one.shap_values(values) for one in explainers], axis=0)


def test_pushes_of_trees_are_shaps_times_the_slope(models):
    features = live(150)
    found = pushes(models["gradient_boosting"], features)
    base, values = shap_of_trees(models["gradient_boosting"].learner, features[list(LEARNT)].to_numpy("float64"))
    assert found.by_feature == pytest.approx(0.8 * values, abs=1e-5)
    assert found.base[features["code_module"].eq("AAA")] == pytest.approx(0.1 + 0.8 * base, abs=1e-6)


@pytest.mark.skipif(not find_spec("woodelf"), reason="woodelf-explainer is not installed; shap explains the trees")
@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), leaves=st.integers(2, 31), smallest=st.integers(1, 60), missing=st.sampled_from([0, 0.1, 0.6])
)
def test_the_fast_way_through_trees_equals_shap_to_1e_5(seed, leaves, smallest, missing):
    from sklearn.ensemble import HistGradientBoostingClassifier

    rng = np.random.default_rng(seed)
    values = np.round(rng.normal(size=(200, rng.integers(1, 7))), 1)
    labels = (values[:, 0] + rng.logistic(size=200) > 0).astype(int)
    values[rng.random(values.shape) < missing] = np.nan
    values[:, 0] = np.where(np.isnan(values).all(axis=0)[0], 0, values[:, 0])
    labels[:2] = 0, 1
    weights = rng.uniform(0.1, 3, 200)
    with one_thread():
        grown = HistGradientBoostingClassifier(max_iter=20, max_leaf_nodes=leaves, min_samples_leaf=smallest)
        fitted = grown.fit(values, labels, weights)
    learner = GradientBoosting((fitted,), {})
    values[:20, -1] = np.nan
    expected_base, expected = shap_of_trees(learner, values)
    base, found = module._of_trees(learner, values)
    assert found == pytest.approx(expected, abs=1e-5)
    assert base == pytest.approx(expected_base, abs=1e-5)


def test_trees_are_explained_by_shap_where_the_fast_way_is_not_installed(models, monkeypatch):
    features = live(40)
    usual = pushes(models["gradient_boosting"], features).by_feature
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert pushes(models["gradient_boosting"], features).by_feature == pytest.approx(usual, abs=1e-5)


def test_a_logistic_pushes_by_weight_times_distance_from_the_mean_and_by_the_weight_of_an_absence():
    scaling = Scaling(np.array([5.0, 1.0]), np.array([4.0, 1.0]), np.array([2.0, 1.0]), np.array([0.2, 0.5]), 4.0)
    learner = Logistic(scaling, -1.0, np.array([0.5, -2.0]), np.array([0.3, 0.1]), {})
    two = dataclasses.replace(model("logistic"), learner=learner, features=("clicks_7d", "score_mean"))
    features = pd.DataFrame(
        {"clicks_7d": [10.0, np.nan], "score_mean": [np.nan, 2.0], "code_module": "BBB", "id_student": [1, 2]}
    ).assign(run_date=pd.Timestamp("2014-03-01"), day=28)
    found = pushes(two, features)
    # clicks 10: 3 sd above the mean, present in a world where a fifth is absent (-.5); score absent at even odds: +1
    assert found.by_feature[0] == pytest.approx([0.8 * (0.5 * 3 + 0.3 * -0.5), 0.8 * (0 + 0.1 * 1)])
    # clicks absent count as the median, half an sd above the mean, and as an absence (+2); score 1 sd above, present (-1)
    assert found.by_feature[1] == pytest.approx([0.8 * (0.5 * 0.5 + 0.3 * 2), 0.8 * (-2 * 1 + 0.1 * -1)])
    assert found.base == pytest.approx([-0.1 + 0.8 * -1.0] * 2)


def test_pushes_of_a_blend_are_the_mean_of_those_of_its_parts(models):
    features, blend = live(60), models["blend"].learner
    values = features[list(LEARNT)].to_numpy("float64")
    found = pushes(models["blend"], features)
    base, of_trees = shap_of_trees(blend.trees, values[:, blend.of_trees])
    expected = np.zeros(values.shape)
    expected[:, blend.of_trees] = of_trees / 2
    expected[:, blend.of_linear] += blend.linear.terms(values[:, blend.of_linear]) / 2
    assert found.by_feature == pytest.approx(0.8 * expected, abs=1e-5)
    assert found.base[features["code_module"].eq("BBB")] == pytest.approx(
        -0.1 + 0.8 * (base + blend.linear.intercept) / 2, abs=1e-6
    )
    assert (found.by_feature[:, LEARNT.index("module_risk_rate")] == 0).all()


def test_sampled_pushes_of_a_network_are_close_to_its_shapley_values_by_definition(monkeypatch):
    rng, n = np.random.default_rng(2), 6
    values = live(20)[list(LEARNT[:n])].to_numpy("float64")
    kernels = tuple(rng.normal(0, inputs**-0.5, (inputs, units)) for inputs, units in ((12, 16), (16, 8), (8, 1)))
    learner = Network(fit_scaling(values, 4.0), kernels, (rng.normal(0, 0.1, 16), np.zeros(8), np.zeros(1)), "pytorch", {})

    def margin(known: tuple[int, ...]) -> np.ndarray:
        state = inputs(learner.scaling, values) * np.tile(np.isin(np.arange(n), known), 2)
        for kernel, bias in zip(learner.kernels[:-1], learner.biases[:-1], strict=True):
            state = np.maximum(state @ kernel + bias, 0)
        return (state @ learner.kernels[-1])[:, 0]

    expected = np.zeros((20, n))
    for j in range(n):
        others = [one for one in range(n) if one != j]
        for known in chain.from_iterable(combinations(others, size) for size in range(n)):
            weight = factorial(len(known)) * factorial(n - len(known) - 1) / factorial(n)
            expected[:, j] += weight * (margin((*known, j)) - margin(known))
    base, found = module._of_samples(learner, values)
    assert base == pytest.approx(margin(())[0])
    assert found.sum(axis=1) == pytest.approx(expected.sum(axis=1))
    assert np.abs(found - expected).mean() < 0.12 * np.abs(expected).mean()
    assert (module._of_samples(learner, values)[1] == found).all()
    monkeypatch.setattr(module, "PERMUTATION_PAIRS", 500)
    assert np.abs(module._of_samples(learner, values)[1] - expected).mean() < 0.03 * np.abs(expected).mean()


@pytest.mark.fault("D11")
def test_pushes_that_do_not_add_up_are_an_error(models):
    class Shifted(Logistic):
        def margin(self, values):
            return super().margin(values) + 0.01

    one = models["logistic"]
    shifted = dataclasses.replace(one, learner=Shifted(**vars(one.learner)))
    with pytest.raises(ExplanationError, match=r"model 2013J: the pushes of a student in BBB miss the model's log-odds by 0.008"):
        pushes(shifted, live(10))


@pytest.mark.fault("D11")
def test_scores_that_are_not_numbers_are_an_error_too(models):
    unsound = dataclasses.replace(models["logistic"], calibration=Calibration(1.0, np.nan, {}))
    with pytest.raises(ExplanationError, match="miss the model's log-odds by nan"):
        pushes(unsound, live(10))


def test_a_learner_of_an_unknown_kind_is_an_error(models):
    class Oracle(Logistic):
        kind = "oracle"

    odd = dataclasses.replace(models["logistic"], learner=Oracle(**vars(models["logistic"].learner)))
    with pytest.raises(
        ExplanationError, match="no explanation for a learner of kind 'oracle', only for blend, gradient_boosting, logistic"
    ):
        pushes(odd, live(3))


def test_the_slope_of_the_calibration_scales_every_push(models):
    features = live(20)
    steeper = dataclasses.replace(models["logistic"], calibration=dataclasses.replace(CALIBRATION, slope=1.6))
    assert pushes(steeper, features).by_feature == pytest.approx(2 * pushes(models["logistic"], features).by_feature)
