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


def bca_difference(
    successes_1: npt.ArrayLike,
    n_1: npt.ArrayLike,
    successes_2: npt.ArrayLike,
    n_2: npt.ArrayLike,
    *,
    seed: int,
    resamples: int = 10_000,
    confidence: float = 0.95,
) -> tuple[Floats, Floats]:
    """BCa bootstrap interval of the first share minus the second, lower and upper end. NaN when an arm is empty.

    Resampling n yes-or-no outcomes with replacement is a binomial draw, so binomial draws are the bootstrap's exact law; the
    jackknife's influence of an outcome is its distance from its arm's share, which gives the acceleration in closed form.
    Every comparison starts from the same seed, so its interval does not depend on what else is compared. Where neither arm
    varies the interval is the difference itself. Memory grows with `resamples` alone.
    Source: Efron, JASA 82:171 (1987); Efron and Tibshirani, An Introduction to the Bootstrap (1993), 14.3.
    """
    from scipy.special import ndtr, ndtri

    arms = np.broadcast_arrays(*_counts(successes_1, n_1), *_counts(successes_2, n_2))
    ends = np.full((2, *arms[0].shape), np.nan)
    tails = float(ndtri((1 + confidence) / 2)) * np.array([-1.0, 1.0])
    for cell in np.ndindex(arms[0].shape):
        x1, n1, x2, n2 = (int(values[cell]) for values in arms)
        if not n1 or not n2:
            continue
        random = np.random.default_rng(seed)
        # Counts over the common denominator n1 * n2 are whole, so ties with the estimate are seen as ties.
        drawn = np.sort(random.binomial(n1, x1 / n1, resamples) * n2 - random.binomial(n2, x2 / n2, resamples) * n1)
        seen = x1 * n2 - x2 * n1
        bias = ndtri((np.searchsorted(drawn, seen, "left") + np.searchsorted(drawn, seen, "right")) / (2 * resamples))
        shifted = bias + tails
        levels = ndtr(bias + shifted / (1 - _acceleration(x1 / n1, n1, x2 / n2, n2) * shifted))
        ends[(slice(None), *cell)] = np.quantile(drawn, levels) / (n1 * n2)
    return ends[0], ends[1]


def fisher_exact(successes_1: npt.ArrayLike, n_1: npt.ArrayLike, successes_2: npt.ArrayLike, n_2: npt.ArrayLike) -> Floats:
    """Two-sided p of Fisher's exact test, for where `smallest_expected_cell` is under 5. NaN when an arm is empty.

    Two-sided: all tables that are at most as likely as the one seen. 1 when nobody or everybody succeeded. One comparison at
    a time, so for few of them. Source: Fisher, Journal of the Royal Statistical Society 98:39 (1935).
    """
    from scipy import stats

    arms = np.broadcast_arrays(*_counts(successes_1, n_1), *_counts(successes_2, n_2))
    p = np.full(arms[0].shape, np.nan)
    for cell in np.ndindex(p.shape):
        x1, n1, x2, n2 = (int(values[cell]) for values in arms)
        if n1 and n2:
            p[cell] = stats.fisher_exact([[x1, n1 - x1], [x2, n2 - x2]]).pvalue
    return p


def smallest_expected_cell(
    successes_1: npt.ArrayLike, n_1: npt.ArrayLike, successes_2: npt.ArrayLike, n_2: npt.ArrayLike
) -> Floats:
    """The least count expected in the four cells if both arms had one share; NaN when both arms are empty.

    Under 5 the normal approximation behind `two_proportion_z` is not trusted. Source: Cochran, Biometrics 10:417 (1954).
    """
    (x1, n1), (x2, n2) = _counts(successes_1, n_1), _counts(successes_2, n_2)
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (x1 + x2) / (n1 + n2)
    return np.minimum(n1, n2) * np.minimum(pooled, 1 - pooled)


def cuped_difference(
    outcome: npt.ArrayLike, covariate: npt.ArrayLike, is_treated: npt.ArrayLike, confidence: float = 0.95
) -> tuple[float, float, float, float]:
    """Mean outcome of the treated minus the others, adjusted by what was known before: difference, low, high, reduction.

    One row per student: outcome (0/1 or a number), covariate from before assignment, whether treated. The covariate's slope
    is pooled within the arms; the interval is Welch's (unequal variances) on the adjusted outcomes. The reduction is the share
    of the unadjusted difference's variance that the covariate took away, below 0 if it added some. A covariate that does not
    vary adjusts nothing. All NaN when an arm has fewer than two students; the reduction also when the outcome does not vary.
    Source: Deng, Xu, Kohavi, Walker, Improving the Sensitivity of Online Controlled Experiments (CUPED), WSDM (2013).
    Raises ValueError when an outcome or a covariate is missing or not finite.
    """
    from scipy.special import stdtrit

    y, x = np.asarray(outcome, dtype="float64"), np.asarray(covariate, dtype="float64")
    treated = np.asarray(is_treated, dtype="bool")
    for name, values in (("outcome", y), ("covariate", x)):
        if not np.isfinite(values).all():
            raise ValueError(f"CUPED: {np.count_nonzero(~np.isfinite(values))} students lack a finite {name}; leave them out")
    sizes = np.array([treated.sum(), (~treated).sum()])
    if sizes.min() < 2:
        return np.nan, np.nan, np.nan, np.nan
    within_x, within_y = (values - np.where(treated, values[treated].mean(), values[~treated].mean()) for values in (x, y))
    spread = within_x @ within_x
    slope = within_x @ within_y / spread if spread > 0 else 0.0
    adjusted = y - slope * (x - x.mean())
    parts, plain = (np.array([v[treated].var(ddof=1), v[~treated].var(ddof=1)]) / sizes for v in (adjusted, y))
    variance = parts.sum()
    freedom = variance**2 / (parts**2 / (sizes - 1)).sum() if variance > 0 else 1.0
    difference = float(adjusted[treated].mean() - adjusted[~treated].mean())
    half = float(stdtrit(freedom, (1 + confidence) / 2) * np.sqrt(variance))
    reduction = float(1 - variance / plain.sum()) if plain.sum() > 0 else np.nan
    return difference, difference - half, difference + half, reduction


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


def _acceleration(p1: float, n1: int, p2: float, n2: int) -> float:
    """BCa's acceleration of the first share minus the second: a sixth of the skewness of the jackknife's influences."""
    variances = np.array([p1 * (1 - p1) / n1, p2 * (1 - p2) / n2])
    if variances.sum() == 0:
        return 0.0
    third = variances[0] * (1 - 2 * p1) / n1 - variances[1] * (1 - 2 * p2) / n2
    return float(third / variances.sum() ** 1.5 / 6)


def _counts(successes: npt.ArrayLike, n: npt.ArrayLike) -> tuple[Floats, Floats]:
    x, size = np.asarray(successes, dtype="float64"), np.asarray(n, dtype="float64")
    if np.any((x < 0) | (x > size)):
        raise ValueError(f"successes {x.tolist()} are not from 0 to n {size.tolist()}")
    return x, size
