"""Prediction intervals from the errors a method has made: how wide they must be at each lead to hold what they say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
LEVELS = (80, 95)
MIN_ERRORS = 3
MIN_LEVEL, MAX_LEVEL = 0.05, 0.995


def relative_error(actual: pd.Series, expected: pd.Series) -> pd.Series:
    """(actual - expected) / expected, as a share of at least one enrolment, so that an empty series has an error too."""
    return (actual - expected) / expected.clip(lower=1)


def half_width(errors: npt.ArrayLike, level: float) -> float:
    """Half the width (in the errors' unit) of an interval that holds the share `level` of what comes; NaN under 3 errors.

    The ceil((n + 1) level)-th smallest absolute error, which holds its level in finite samples when errors are exchangeable.
    Source: split conformal prediction, Lei et al., JASA 113:1094 (2018). Where n is too small for that, the normal-theory
    interval of a new draw around 0, t(n) * rms, if that is wider than the largest error.

    >>> half_width([0.01, -0.02, 0.03, -0.04, 0.05, 0.06, 0.07, 0.08, 0.09], 0.8)
    0.08
    """
    sizes = np.sort(np.abs(np.asarray(errors, dtype="float64")))
    n = len(sizes)
    if n < MIN_ERRORS:
        return float("nan")
    rank = int(np.ceil((n + 1) * level - 1e-9))
    if rank <= n:
        return float(sizes[rank - 1])
    from scipy.special import stdtrit

    return float(max(sizes[-1], stdtrit(n, (1 + level) / 2) * np.sqrt(np.mean(sizes**2))))


def rolling_widths(errors: pd.DataFrame, leads: tuple[int, ...], origins: Iterable[int]) -> Mapping[int, Mapping[int, Floats]]:
    """By origin and level, the half width at each of `leads` that follows from what was known on that origin.

    `errors` are one method's: columns origin, target (days as whole numbers), lead_days, error. On an origin only errors of
    targets up to it count. The level asked of `half_width` rises after misses and falls after hits, by lead, so that coverage
    comes back to what is promised when a term behaves unlike the ones before: a_next = a + g (missed - (1 - level)), where
    missed is the share of a day's series outside, and the step g is 1 - level, half of it where one series speaks alone.
    Widths never fall with the lead; NaN where too few errors are known.
    Source: adaptive conformal inference, Gibbs and Candès, NeurIPS 34 (2021).
    """
    by_lead = {lead: rows.sort_values("target") for lead, rows in errors.groupby("lead_days")}
    widths: dict[int, dict[int, Floats]] = {
        origin: {level: np.full(len(leads), np.nan) for level in LEVELS} for origin in origins
    }
    for position, lead in enumerate(leads):
        if lead not in by_lead:
            continue
        rows = by_lead[lead]
        target, size = rows["target"].to_numpy(), rows["error"].abs().to_numpy()
        batches = np.split(np.arange(len(rows)), np.flatnonzero(np.diff(target)) + 1)
        for level in LEVELS:
            promised = level / 100
            asked, settled = promised, 0
            given: dict[int, float] = {}
            for origin in sorted(widths):
                while settled < len(batches) and target[batches[settled][0]] <= origin:
                    batch = batches[settled]
                    width = given.get(target[batch[0]] - lead, np.nan)
                    if not np.isnan(width):
                        missed = float(np.mean(size[batch] > width * (1 + 1e-9)))
                        step = (1 - promised) * (1.0 if len(batch) > 1 else 0.5)
                        asked += step * (missed - (1 - promised))
                        asked = min(max(asked, MIN_LEVEL), MAX_LEVEL)
                    settled += 1
                width = half_width(size[: np.searchsorted(target, origin, side="right")], asked)
                given[origin] = widths[origin][level][position] = width
    for levels in widths.values():
        for level, found in levels.items():
            levels[level] = np.where(np.isnan(found), np.nan, np.fmax.accumulate(found))
        levels[95] = np.fmax(levels[95], levels[80])
    return widths


def with_intervals(forecasts: pd.DataFrame, widths: Mapping[int, Floats], leads: tuple[int, ...]) -> pd.DataFrame:
    """`forecasts` with lower_80 to upper_95: expected ± width, between leads by straight line; NaN where no width is known.

    Needs columns lead_days and expected. No lower end is negative.
    """
    scale = forecasts["expected"].clip(lower=1)
    at, ends = np.array(leads), {}
    for level, width in widths.items():
        known = ~np.isnan(width)
        half = scale * (np.interp(forecasts["lead_days"], at[known], width[known], right=np.nan) if known.any() else np.nan)
        ends[f"lower_{level}"] = (forecasts["expected"] - half).clip(lower=0)
        ends[f"upper_{level}"] = forecasts["expected"] + half
    return forecasts.assign(**ends)
