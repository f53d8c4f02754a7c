"""Tests of success.modelling.network: the same arithmetic as Keras without Keras, and equal weights for equal data.

Keras reads its backend once in a process, so the fits run in processes of their own; they are skipped where it is not installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from oulad_platform.success.modelling import network
from oulad_platform.success.modelling.learners import Scaling

PROGRAM = """
import json, sys
from importlib.machinery import PathFinder
import numpy as np
from oulad_platform.success.modelling.network import KERAS_NAMES, fit_network, inputs, trained
class OneLibrary(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = {library for backend, library in KERAS_NAMES.items() if backend != sys.argv[1]}
        return None if name.split(".")[0] in hidden else super().find_spec(name, path, target)
sys.meta_path = [OneLibrary if one is PathFinder else one for one in sys.meta_path]
rng = np.random.default_rng(5)
values = rng.normal(size=(4000, 3))
labels = (rng.random(4000) < 1 / (1 + np.exp(-2 * values[:, 0]))).astype("int64")
values[rng.random(4000) < 0.1, 2] = float("nan")
first, again, other = (fit_network(values, labels, seed, sys.argv[1]) for seed in (7, 7, 8))
keras = trained(inputs(first.scaling, values), labels, 7, sys.argv[1]).predict(inputs(first.scaling, values), verbose=0)[:, 0]
margin = first.margin(values)
print(json.dumps({
    "backend": first.backend,
    "shapes": [list(one.shape) for one in first.kernels],
    "equal": all((a == b).all() for a, b in zip(first.kernels + first.biases, again.kernels + again.biases)),
    "other_seed_equal": bool((first.kernels[0] == other.kernels[0]).all()),
    "largest_gap_to_keras": float(np.abs(margin - keras).max()),
    "gap_between_outcomes": float(margin[labels == 1].mean() - margin[labels == 0].mean()),
}))
"""


@pytest.fixture(scope="module", params=["pytorch", "tensorflow"])
def trial(request):
    name = network.KERAS_NAMES[request.param]
    if not (find_spec("keras") and find_spec(name)):
        pytest.skip(f"the extra '{request.param}' is not installed: keras and {name}")
    made = subprocess.run(
        [sys.executable, "-c", PROGRAM, request.param],
        env={**os.environ, "KERAS_BACKEND": name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout) | {"wanted": request.param}


@pytest.mark.fault("D10")
def test_same_rows_and_seed_give_the_same_weights_and_another_seed_others(trial):
    assert trial["equal"]
    assert not trial["other_seed_equal"]


def test_the_margin_without_keras_is_keras_own(trial):
    assert trial["largest_gap_to_keras"] < 1e-5


def test_the_network_is_small_knows_its_backend_and_learns(trial):
    assert trial["backend"] == trial["wanted"]
    assert trial["shapes"] == [[6, 32], [32, 16], [16, 1]]
    assert trial["gap_between_outcomes"] > 1.5


def test_a_margin_is_the_layers_arithmetic():
    scaling = Scaling(median=np.array([1.0]), mean=np.array([1.0]), sd=np.array([2.0]), absent=np.array([0.5]), largest=4.0)
    kernels = (np.array([[1.0, -1.0], [0.5, 0.5]]), np.array([[2.0], [3.0]]))
    fitted = network.Network(scaling, kernels, (np.array([0.0, 1.0]), np.array([-1.0])), "pytorch", {})
    # 3 -> scaled 1, present -> -1: units 1 - 0.5 = 0.5 and max(0, -1 - 0.5 + 1) = 0; 2 x 0.5 - 1 = 0
    # missing -> scaled 0, absent -> 1: units 0.5 and 0.5 + 1 = 1.5; 2 x 0.5 + 3 x 1.5 - 1 = 4.5
    assert fitted.margin(np.array([[3.0], [float("nan")]])).tolist() == [0.0, 4.5]


@pytest.mark.fault("I14")
def test_an_absent_extra_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(network, "find_spec", lambda name: None)
    with pytest.raises(network.BackendError, match=r"MODEL_BACKEND=pytorch needs .*: pip install 'oulad-platform\[pytorch\]'"):
        network.fit_network(np.zeros((2, 1)), np.array([0, 1]), 7, "pytorch")


@pytest.mark.skipif(
    not (find_spec("keras") and find_spec("torch") and find_spec("tensorflow")), reason="needs keras and both libraries"
)
def test_keras_on_another_library_is_refused_with_what_to_set():
    made = subprocess.run(
        [sys.executable, "-c", "from oulad_platform.success.modelling.network import _keras; _keras('tensorflow')"],
        env={**os.environ, "KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
        check=False,
    )
    wanted = "Keras runs on torch in this process, MODEL_BACKEND=tensorflow; start the process with KERAS_BACKEND=tensorflow"
    assert wanted in made.stderr
