"""Looking at an experiment before its end: bounds that keep the error of the first kind over all looks.

When to look, and what follows, is decided in `success.experiments`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
LARGEST_BOUND = 8.0  # beyond it lies 1.2e-15 of a normal distribution
LEAST_STEP = 0.0001


def obrien_fleming_bounds(information: Sequence[float], alpha: float = 0.05) -> Floats:
    """The bound on |z| at each look, two-sided, by alpha spending of O'Brien-Fleming type; the error over all looks is alpha.

    `information`: share of the planned information at each look so far, ascending, the last planned look at 1. A bound rests
    on the looks up to its own, so later looks may come when they like. Each side has spent 2 - 2 Phi(z(1 - alpha / 4) /
    sqrt(t)) at share t. Bounds above 8 are given as 8.
    Source: Lan and DeMets, Biometrika 70:659 (1983); recursive integration of Armitage, McPherson and Rowe, JRSS A 132:235
    (1969), as in Jennison and Turnbull, Group Sequential Methods (2000), ch. 19.
    Raises ValueError when shares do not ascend within 0 to 1 by 0.0001 or more, or alpha is not above 0 and below 1.

    >>> obrien_fleming_bounds([0.5, 1]).round(4).tolist()
    [2.9626, 1.9686]
    >>> obrien_fleming_bounds([0.5, 0.5])
    Traceback (most recent call last):
    ...
    ValueError: information [0.5, 0.5] must ascend from above 0 to at most 1, by 0.0001 or more
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr, ndtri

    shares = np.asarray(information, dtype="float64")
    steps = np.diff(shares, prepend=0.0)
    if not (steps >= LEAST_STEP).all() or not (shares <= 1).all():
        raise ValueError(f"information {shares.tolist()} must ascend from above 0 to at most 1, by {LEAST_STEP} or more")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha {alpha} must lie above 0 and below 1")
    spent = 2 * ndtr(ndtri(alpha / 4) / np.sqrt(shares))
    # Brownian motion: where it may stand (nodes) without a bound crossed so far, and with which probability (masses).
    nodes, masses = np.zeros(1), np.ones(1)
    bounds = np.empty(len(shares))
    for look, (share, step, allowed) in enumerate(zip(shares, steps, np.diff(spent, prepend=0.0), strict=True)):
        crossing = partial(_crossing, nodes=nodes, masses=masses, root=share**0.5, sd=step**0.5, less=allowed)
        bounds[look] = LARGEST_BOUND if crossing(LARGEST_BOUND) >= 0 else brentq(crossing, 0, LARGEST_BOUND, xtol=1e-10)
        finest = np.sqrt(steps[look : look + 2].min())
        nodes, masses = _step(nodes, masses, step**0.5, bounds[look] * share**0.5, finest)
    return bounds


def confidence_at(bound: float) -> float:
    """The level of a confidence interval at a look with this bound: such intervals at all looks hold the truth together.

    Estimate +- bound * standard error is the repeated confidence interval; at a level, any interval may take its place.
    Source: Jennison and Turnbull, JRSS B 51:305 (1989).

    >>> round(confidence_at(1.959964), 4)
    0.95
    """
    from scipy.special import ndtr

    return float(1 - 2 * ndtr(-bound))


def _crossing(bound: float, nodes: Floats, masses: Floats, root: float, sd: float, less: float) -> float:
    """The probability to be above the bound (of z = S / root) one step of standard deviation `sd` later, less so much."""
    from scipy.special import ndtr

    return float(masses @ ndtr((nodes - bound * root) / sd) - less)


def _step(nodes: Floats, masses: Floats, sd: float, limit: float, finest: float) -> tuple[Floats, Floats]:
    """Nodes and masses one step of standard deviation `sd` later, within the limit; nodes dense enough for steps so fine."""
    from scipy.special import roots_legendre

    abscissae, weights = roots_legendre(64 + int(np.ceil(8 * limit / finest)))
    later = abscissae * limit
    distance = (later[:, None] - nodes[None, :]) / sd
    density = np.exp(-(distance**2) / 2) @ masses / (sd * np.sqrt(2 * np.pi))
    return later, weights * limit * density
