"""The test of one arm's share against the other's, for simulated and live experiments alike. Formulas are in `core.stats`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from oulad_platform.core.stats import Floats, fisher_exact, smallest_expected_cell, two_proportion_z

LEAST_EXPECTED = 5


def compared(
    successes_1: npt.ArrayLike, n_1: npt.ArrayLike, successes_2: npt.ArrayLike, n_2: npt.ArrayLike
) -> tuple[Floats, Floats]:
    """z and two-sided p of the first share minus the second; p is Fisher's where `is_exact`. NaN when an arm is empty."""
    counts = np.broadcast_arrays(successes_1, n_1, successes_2, n_2)
    z, p_value = two_proportion_z(*counts)
    few = is_exact(*counts)
    if few.any():
        p_value = np.where(few, np.nan, p_value)
        p_value[few] = fisher_exact(*(values[few] for values in counts))
    return z, p_value


def is_exact(
    successes_1: npt.ArrayLike, n_1: npt.ArrayLike, successes_2: npt.ArrayLike, n_2: npt.ArrayLike
) -> npt.NDArray[np.bool_]:
    """Whether a cell is expected to hold fewer than 5, so that Fisher's exact test takes the place of the z-test."""
    return np.asarray(smallest_expected_cell(successes_1, n_1, successes_2, n_2) < LEAST_EXPECTED)
