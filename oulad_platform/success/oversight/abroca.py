"""ABROCA within modules: the area between the ROC curves of a group and of everybody else, and what chance alone gives.

Which groups are looked at, and what follows from it, is decided in `fairness`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Counter = Callable[[Integers], Integers]

FALSE_POSITIVE_RATES = (np.arange(100) + 0.5) / 100
FEWEST_OF_A_CLASS = 5
ENOUGH_EXCEEDANCES = 10
AT_ONCE = 100
ROUNDING = 1e-9


@dataclass(frozen=True)
class _Module:
    """One module's rows by outcome, the highest risk first.

    `above` and `from_`: for each negative, how many positives and how many negatives have a higher risk, and at least its risk.
    """

    positives: Integers
    negatives: Integers
    above: tuple[Integers, Integers]
    from_: tuple[Integers, Integers]


def abroca(
    risk: npt.ArrayLike,
    label: npt.ArrayLike,
    module: npt.ArrayLike,
    member: npt.ArrayLike,
    *,
    seed: int,
    permutations: int = 1_000,
    most_permutations: int = 10_000,
) -> tuple[Floats, Floats, Floats]:
    """ABROCA of each group within modules, its permutation p-value, and the 95th percentile that chance gives.

    One risk, label (0, 1) and module a row, and in `member` [rows, groups] who belongs to a group. In each module the area
    between the ROC curves of the group and of the rest (absolute, straight lines through ties, at 100 false-positive rates);
    their mean, weighted by the group's size. Modules with fewer than FEWEST_OF_A_CLASS of an outcome on either side have no
    curve worth the name and are left out; NaN where none remains.

    Membership is permuted within module and outcome: under the hypothesis of equal curves it says nothing about the risk of
    who has the same outcome, while base rates may differ. p = (1 + at least as large) / (1 + permutations). Groups with fewer
    than ENOUGH_EXCEEDANCES among the first `permutations` get `most_permutations`, without which no p would survive a correction
    for many tests; p stays valid, since it is only ever replaced where it was below any usual level.

    Sources: Gardner, Brooks, Baker, LAK (2019), for ABROCA; Besag and Clifford, Biometrika 78:301 (1991), for the p-value.
    """
    belongs: Flags = np.asarray(member, dtype=bool)
    positive: Flags = np.asarray(np.asarray(label) == 1, dtype=bool)
    modules = _modules(np.asarray(risk, dtype="float64"), positive, np.asarray(module))
    sizes: Integers = np.array([_sizes(one, belongs) for one in modules]).reshape(len(modules), 4, belongs.shape[1])
    usable: Flags = np.asarray((sizes >= FEWEST_OF_A_CLASS).all(axis=1))
    weights = np.where(usable, sizes[:, :2].sum(axis=1), 0).astype("float64")
    total = weights.sum(axis=0)
    with np.errstate(invalid="ignore"):
        weights /= total
    observed = np.full(belongs.shape[1], np.nan)
    for group in np.flatnonzero(total):
        areas = [
            weights[place, group] * _areas(one, belongs[one.positives, group][None], belongs[one.negatives, group][None])[0]
            for place, one in enumerate(modules)
            if usable[place, group]
        ]
        observed[group] = sum(areas)
    random = np.random.default_rng(seed)
    p_value, chance = np.full(len(observed), np.nan), np.full(len(observed), np.nan)
    tested = np.flatnonzero(total)
    by_chance = _by_chance(modules, sizes, weights, tested, permutations, random)
    exceeding = (by_chance >= observed[tested] - ROUNDING).sum(axis=0)
    p_value[tested], chance[tested] = (1 + exceeding) / (1 + permutations), np.quantile(by_chance, 0.95, axis=0)
    rare = exceeding < ENOUGH_EXCEEDANCES
    further = most_permutations - permutations
    if rare.any() and further > 0:
        again = _by_chance(modules, sizes, weights, tested[rare], further, random)
        exceeding = exceeding[rare] + (again >= observed[tested[rare]] - ROUNDING).sum(axis=0)
        p_value[tested[rare]] = (1 + exceeding) / (1 + most_permutations)
    return observed, p_value, chance


def _modules(risk: Floats, positive: Flags, module: npt.NDArray[np.generic]) -> list[_Module]:
    found = []
    for name in np.unique(module):
        rows = np.flatnonzero(module == name)
        rows = rows[np.argsort(-risk[rows], kind="stable")]
        is_positive = positive[rows]
        positives, negatives = rows[is_positive], rows[~is_positive]
        above = np.searchsorted(-risk[positives], -risk[negatives]), np.searchsorted(-risk[negatives], -risk[negatives])
        from_ = tuple(np.searchsorted(-risk[own], -risk[negatives], side="right") for own in (positives, negatives))
        found.append(_Module(positives, negatives, above, (from_[0], from_[1])))
    return found


def _sizes(module: _Module, belongs: Flags) -> list[Integers]:
    """Positives and negatives of each group, then of its rest."""
    own = [belongs[rows].sum(axis=0) for rows in (module.positives, module.negatives)]
    return [*own, len(module.positives) - own[0], len(module.negatives) - own[1]]


def _by_chance(
    modules: list[_Module],
    sizes: npt.NDArray[np.int64],
    weights: Floats,
    groups: Integers,
    permutations: int,
    random: np.random.Generator,
) -> Floats:
    """ABROCA [permutations, groups] of random groups of the same sizes in each module and outcome.

    The groups share one random order of each module's rows: a group is its first so many.
    """
    found = np.zeros((permutations, len(groups)))
    for place, one in enumerate(modules):
        for some in _slices(permutations):
            of_positives, of_negatives = (
                random.permuted(np.tile(np.arange(len(rows), dtype="int32"), (some.stop - some.start, 1)), axis=1)
                for rows in (one.positives, one.negatives)
            )
            for column, group in enumerate(groups):
                if weights[place, group] > 0:
                    n_positive, n_negative = sizes[place, :2, group]
                    areas = _areas(one, of_positives < n_positive, of_negatives < n_negative)
                    found[some, column] += weights[place, group] * areas
    return found


def _slices(n: int) -> Iterator[slice]:
    return (slice(first, min(first + AT_ONCE, n)) for first in range(0, n, AT_ONCE))


def _areas(module: _Module, positives: Flags, negatives: Flags) -> Floats:
    """Area between the ROC curves of the members and of the rest, for each row of [draws, positives] and [draws, negatives].

    Every draw has as many members as the first.
    """
    above_positive, above_negative = _counter(positives), _counter(negatives)
    own = _curve(module, negatives, int(positives[0].sum()), above_positive, above_negative)
    n_rest = int((~positives[0]).sum())
    rest = _curve(module, ~negatives, n_rest, lambda upto: upto - above_positive(upto), lambda upto: upto - above_negative(upto))
    areas: Floats = np.abs(own - rest).mean(axis=1)
    return areas


def _curve(module: _Module, negatives: Flags, n_positive: int, positives_in: Counter, negatives_in: Counter) -> Floats:
    """True-positive rate of one side at each of FALSE_POSITIVE_RATES, for each draw.

    A false-positive rate is reached at the side's negative of that place; where others share its risk, the curve is straight
    between who has a higher risk and who has at least that one.
    """
    draws, n_all = negatives.shape
    n = int(negatives[0].sum())
    places = np.flatnonzero(negatives).reshape(draws, n) - n_all * np.arange(draws)[:, None]
    wanted = n * FALSE_POSITIVE_RATES
    at = places[:, np.ceil(wanted).astype("int64") - 1]
    low = positives_in(module.above[0][at])
    if np.array_equal(module.above[0], module.from_[0]):
        rate: Floats = low / n_positive
        return rate
    high, first, last = positives_in(module.from_[0][at]), negatives_in(module.above[1][at]), negatives_in(module.from_[1][at])
    tied: Floats = (low + (high - low) * (wanted - first) / (last - first)) / n_positive
    return tied


def _counter(members: Flags) -> Counter:
    """How many of the first `upto` [draws, any] rows of each draw are members: words of 64 bits are counted, not rows."""
    draws, n = members.shape
    padded = np.zeros((draws, (n // 64 + 1) * 64), dtype=bool)
    padded[:, :n] = members
    words = np.packbits(padded, axis=1, bitorder="little").view("<u8")
    before = np.zeros(words.shape, dtype="int64")
    np.cumsum(np.bitwise_count(words[:, :-1]), axis=1, dtype="int64", out=before[:, 1:])
    row = np.arange(draws)[:, None] * words.shape[1]

    def count(upto: Integers) -> Integers:
        word = row + (upto >> 6)
        lower_bits = (np.uint64(1) << (upto & 63).astype("uint64")) - np.uint64(1)
        counted: Integers = before.take(word) + np.bitwise_count(words.take(word) & lower_bits)
        return counted

    return count
