"""The neural network: one small Keras model for the backends pytorch and tensorflow.

Keras is needed to fit it, not to use it: what is kept are its weights as plain arrays, so a stored network scores, and is
explained, where neither library is installed, and equally for both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from oulad_platform.success.modelling.learners import Floats, Labels, Scaling, Settings, fit_scaling, one_thread

NETWORK: Settings = {
    "hidden": (32, 16),
    "dropout": 0.2,
    "weight_decay": 0.01,
    "learning_rate": 0.002,
    "batch_size": 512,
    "epochs": 8,
    "largest": 4.0,
}
KERAS_NAMES = {"pytorch": "torch", "tensorflow": "tensorflow"}


class BackendError(RuntimeError):
    """The library that should fit the network cannot be used."""


@dataclass(frozen=True)
class Network:
    """A fitted network on `Scaling`: dense layers with rectified units, the last one a single unit that gives the log-odds."""

    scaling: Scaling
    kernels: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    backend: str
    hyperparameters: Settings
    kind: ClassVar[str] = "network"

    def margin(self, values: Floats) -> Floats:
        state = inputs(self.scaling, values)
        with one_thread("blas"):
            for kernel, bias in zip(self.kernels[:-1], self.biases[:-1], strict=True):
                state = np.maximum(state @ kernel + bias, 0.0)
            margin: Floats = (state @ self.kernels[-1] + self.biases[-1])[:, 0]
        return margin


def inputs(scaling: Scaling, values: Floats) -> Floats:
    """What the first layer sees: each feature's scaled value, then each one's scaled absence."""
    return np.hstack([scaling.values(values), scaling.absences(values)])


def fit_network(values: Floats, labels: Labels, seed: int, backend: str, weights: Floats | None = None) -> Network:
    """A network on labels 0 and 1, fitted with the library named by `backend`: "pytorch" or "tensorflow".

    Same rows, seed and versions give the same weights. Sets the random seeds of Python, numpy and the library. Raises
    BackendError when Keras or the library is not installed, or when Keras runs on another one in this process.
    """
    scaling = fit_scaling(values, NETWORK["largest"])
    model = trained(inputs(scaling, values), labels, seed, backend, weights)
    dense = [layer.get_weights() for layer in model.layers if layer.get_weights()]
    kernels, biases = (tuple(one[place].astype("float64") for one in dense) for place in (0, 1))
    return Network(scaling, kernels, biases, backend, NETWORK)


def trained(scaled: Floats, labels: Labels, seed: int, backend: str, weights: Floats | None = None) -> Any:
    """The Keras model itself, fitted on scaled inputs."""
    keras = _keras(backend)
    keras.utils.set_random_seed(seed)
    with _deterministic(backend):
        hidden = [
            layer
            for units in NETWORK["hidden"]
            for layer in (keras.layers.Dense(units, activation="relu"), keras.layers.Dropout(NETWORK["dropout"]))
        ]
        model = keras.Sequential([keras.layers.Input((scaled.shape[1],)), *hidden, keras.layers.Dense(1)])
        model.compile(
            optimizer=keras.optimizers.AdamW(NETWORK["learning_rate"], weight_decay=NETWORK["weight_decay"]),
            loss=keras.losses.BinaryCrossentropy(from_logits=True),
        )
        model.fit(
            scaled.astype("float32"),
            labels.astype("float32")[:, None],
            sample_weight=weights,
            batch_size=NETWORK["batch_size"],
            epochs=NETWORK["epochs"],
            verbose=0,
        )
    return model


def _keras(backend: str) -> Any:
    """Keras on the wanted library. Which one it runs on is read from KERAS_BACKEND at its first import, in the whole process."""
    wanted = KERAS_NAMES[backend]
    if find_spec("keras") is None or find_spec(wanted) is None:
        raise BackendError(f"MODEL_BACKEND={backend} needs Keras and {wanted}: pip install 'oulad-platform[{backend}]'")
    advice = f"start the process with KERAS_BACKEND={wanted}"
    try:
        import keras
    except ImportError as error:
        raise BackendError(f"Keras cannot be loaded ({error}); {advice}") from error
    if keras.backend.backend() != wanted:
        raise BackendError(f"Keras runs on {keras.backend.backend()} in this process, MODEL_BACKEND={backend}; {advice}")
    return keras


@contextmanager
def _deterministic(backend: str) -> Iterator[None]:
    """One thread and no operation whose sums depend on timing."""
    if backend == "pytorch":
        import torch

        threads, before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(before)
    else:
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        with suppress(RuntimeError):  # TensorFlow that has run before keeps its threads
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        yield
