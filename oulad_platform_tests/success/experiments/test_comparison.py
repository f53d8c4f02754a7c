"""Tests of success.experiments.comparison."""

from __future__ import annotations

import numpy as np
import pytest

from oulad_platform.success.experiments.comparison import compared, is_exact


def test_p_is_that_of_z_where_cells_are_large_enough_and_fishers_where_not():
    z, p_value = compared([56, 8, 0], [70, 10, 10], [48, 3, 0], [80, 10, 10])
    assert z[0] == pytest.approx(2.6501720, abs=1e-7)
    assert p_value == pytest.approx([0.0080451, 0.0697785, 1.0], abs=1e-6)
    assert is_exact([56, 8, 0], [70, 10, 10], [48, 3, 0], [80, 10, 10]).tolist() == [False, True, True]


@pytest.mark.fault("I15")
def test_an_empty_arm_cannot_be_compared():
    z, p_value = compared([0, 5], [0, 10], [5, 0], [10, 0])
    assert np.isnan(z).all()
    assert np.isnan(p_value).all()
