"""Inference on proportions: tests, intervals, corrections for many tests, and what a design can find at all. Vectorised.

Counts and sizes broadcast against each other; results have the broadcast shape. What cannot be computed (nobody in an arm,
no variation) is NaN, never 0. Which design is tested and what follows from it is decided in `success.experiments`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def two_proportion_z(
    successes_1: npt.ArrayLike, n_1: npt.ArrayLike, successes_2: npt.ArrayLike, n_2: npt.ArrayLike
) -> tuple[Floats, Floats]:
    """z and two-sided p of the first share minus the second: pooled variance, no continuity correction.

    Source: Fleiss, Levin, Paik, Statistical Methods for Rates and Proportions, 3rd ed. (2003), 3.2.
    NaN when an arm is empty, or nobody or everybody succeeded. Raises ValueError when successes are not from 0 to n.
    """
    from scipy.special import ndtr

    (x1, n1), (x2, n2) = _counts(successes_1, n_1), _counts(successes_2, n_2)
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (x1 + x2) / (n1 + n2)
        variance = pooled * (1 - pooled) * (1 / n1 + 1 / n2)
        z = np.where(variance > 0, (x1 / n1 - x2 / n2) / np.sqrt(variance), np.nan)
    return z, 2 * ndtr(-np.abs(z))


def wilson(successes: npt.ArrayLike, n: npt.ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Wilson score interval of one share, lower and upper end. NaN when n is 0.

    Source: Wilson, JASA 22:209 (1927).
    """
    x, size = _counts(successes, n)
    z = _quantile(confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = x / size
        centre = (share + z**2 / (2 * size)) / (1 + z**2 / size)
        half = z / (1 + z**2 / size) * np.sqrt(share * (1 - share) / size + z**2 / (4 * size**2))
    return np.clip(np.minimum(centre - half, share), 0, 1), np.clip(np.maximum(centre + half, share), 0, 1)


def newcombe(
    successes_1: npt.ArrayLike,
    n_1: npt.ArrayLike,
    successes_2: npt.ArrayLike,
    n_2: npt.ArrayLike,
    confidence: float = 0.95,
) -> tuple[Floats, Floats]:
    """Newcombe's hybrid score interval of the first share minus the second, lower and upper end. NaN when an arm is empty.

    Source: Newcombe, Statistics in Medicine 17:873 (1998), method 10.
    """
    (x1, n1), (x2, n2) = _counts(successes_1, n_1), _counts(successes_2, n_2)
    low_1, high_1 = wilson(x1, n1, confidence)
    low_2, high_2 = wilson(x2, n2, confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        p1, p2 = x1 / n1, x2 / n2
    difference = p1 - p2
    low = difference - np.sqrt((p1 - low_1) ** 2 + (high_2 - p2) ** 2)
    high = difference + np.sqrt((high_1 - p1) ** 2 + (p2 - low_2) ** 2)
    return low, high


def bootstrap_difference(
    successes_1: npt.ArrayLike,
    n_1: npt.ArrayLike,
    successes_2: npt.ArrayLike,
    n_2: npt.ArrayLike,
    *,
    seed: int,
    resamples: int = 10_000,
    confidence: float = 0.95,
) -> tuple[Floats, Floats]:
    """Percentile bootstrap interval of the first share minus the second, lower and upper end. NaN when an arm is empty.

    Resampling n yes-or-no outcomes with replacement is a binomial draw, so binomial draws are the bootstrap's exact law.
    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), 13.3.
    """
    (x1, n1), (x2, n2) = _counts(successes_1, n_1), _counts(successes_2, n_2)
    x1, n1, x2, n2 = np.broadcast_arrays(x1, n1, x2, n2)
    random = np.random.default_rng(seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn_1, drawn_2 = (
            random.binomial(n.astype("int64"), np.where(n > 0, x / np.maximum(n, 1), 0), (resamples, *n.shape)) / n
            for x, n in ((x1, n1), (x2, n2))
        )
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn_1 - drawn_2, [tail, 1 - tail], axis=0)
    return low, high


def holm(p_values: npt.ArrayLike) -> Floats:
    """p-values adjusted for their number by Holm's step-down; undefined ones (NaN) stay NaN and do not count.

    Source: Holm, Scandinavian Journal of Statistics 6:65 (1979).

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype="float64")
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p, kind="stable")[: np.count_nonzero(~np.isnan(p))]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1)
    return adjusted


def minimum_detectable_difference(
    base_rate: npt.ArrayLike, n_1: npt.ArrayLike, n_2: npt.ArrayLike, *, power: float = 0.8, alpha: float = 0.05
) -> Floats:
    """The smallest rise above `base_rate` (0-1, as a share) that two arms of these sizes find with the given power.

    Two-sided, on Cohen's arcsine scale h = 2 asin(sqrt(p2)) - 2 asin(sqrt(p1)). NaN when even a rise to 1 would go unseen.
    Source: Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd ed. (1988), ch. 6.
    """
    base, n1, n2 = (np.asarray(value, dtype="float64") for value in (base_rate, n_1, n_2))
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = (_quantile(1 - alpha) + _quantile(2 * power - 1)) * np.sqrt(1 / n1 + 1 / n2)
        angle = np.arcsin(np.sqrt(base)) + effect / 2
        return np.where(angle <= np.pi / 2, np.sin(angle) ** 2 - base, np.nan)


def sample_size_per_arm(
    base_rate: npt.ArrayLike, difference: npt.ArrayLike, *, power: float = 0.8, alpha: float = 0.05
) -> Floats:
    """How many in each of two equal arms find a rise of `difference` (a share) above `base_rate` with the given power.

    The inverse of `minimum_detectable_difference`, rounded up. NaN when the base and the rise together exceed 1, inf when
    there is no rise to find.

    >>> sample_size_per_arm(0.25, [0.02, 0.03, 0.05, 0.08]).tolist()
    [7549.0, 3395.0, 1250.0, 503.0]
    """
    base, rise = np.asarray(base_rate, dtype="float64"), np.asarray(difference, dtype="float64")
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = 2 * (np.arcsin(np.sqrt(base + rise)) - np.arcsin(np.sqrt(base)))
        return np.ceil(2 * ((_quantile(1 - alpha) + _quantile(2 * power - 1)) / effect) ** 2)


def _quantile(confidence: float) -> float:
    """The standard normal value that holds `confidence` between its negative and itself."""
    from scipy.special import ndtri

    return float(ndtri((1 + confidence) / 2))


def _counts(successes: npt.ArrayLike, n: npt.ArrayLike) -> tuple[Floats, Floats]:
    x, size = np.asarray(successes, dtype="float64"), np.asarray(n, dtype="float64")
    if np.any((x < 0) | (x > size)):
        raise ValueError(f"successes {x.tolist()} are not from 0 to n {size.tolist()}")
    return x, size
