"""The days asked for and a presentation's students as a dense grid, and the few operations features are made of.

Every array is of shape (days, students) or broadcasts to it. Which features there are is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from oulad_platform.core.calendar import enrolled_on
from oulad_platform.success.presentation import Floats, Integers, Presentation

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Grid:
    """`days`: offsets, ascending. `live`: whose features are wanted. `cohort`: with whom they are compared.

    The cohort had registered before the day and had not left before it. Who registers on the day has features but is nobody's
    yardstick, so that no row dated on the day or later changes a figure.
    """

    presentation: Presentation
    days: Integers
    live: Flags
    cohort: Flags

    @classmethod
    def of(cls, presentation: Presentation, day_offsets: Sequence[int], everyone: bool) -> Grid:
        """Those of the days on which the presentation runs. `everyone`: also who has left already."""
        days = np.unique(np.asarray(day_offsets, dtype="int64"))
        days = days[(days >= 0) & (days <= presentation.length)]
        registered, unregistered = (presentation.days(f"date_{name}") for name in ("registration", "unregistration"))
        live = enrolled_on(registered, np.nan if everyone else unregistered, days[:, None])
        cohort = enrolled_on(registered, unregistered, days[:, None]) & (registered < days[:, None])
        return cls(presentation, days, live, cohort)

    @property
    def shape(self) -> tuple[int, int]:
        return self.live.shape[0], self.live.shape[1]

    def first_after(self, at: npt.NDArray[np.generic]) -> Integers:
        """The place of the first day later than `at`: from there on an event of that day is known. NaN is never known."""
        return np.searchsorted(self.days, at, side="right")

    def so_far(self, student: Integers, at: npt.NDArray[np.generic], values: npt.NDArray[np.generic] | None = None) -> Floats:
        """Sums over each student's events dated before each day. `values` None counts them."""
        n_days, n_students = self.shape
        cell = self.first_after(at) * n_students + student
        sums = np.bincount(cell, weights=values, minlength=(n_days + 1) * n_students).reshape(n_days + 1, n_students)
        return np.cumsum(sums[:n_days], axis=0, dtype="float64")

    def latest(self, student: Integers, at: npt.NDArray[np.generic], values: npt.NDArray[np.generic]) -> Floats:
        """Each student's newest value dated before each day, NaN before any. The rows are in order of time."""
        n_days, n_students = self.shape
        newest = np.full((n_days + 1, n_students), np.nan)
        newest[self.first_after(at), student] = values
        for before, now in pairwise(newest[:n_days]):
            np.copyto(now, before, where=np.isnan(now))
        return newest[:n_days]

    def median(self, values: Floats) -> Floats:
        """The cohort's median on each day, as a column; NaN for no cohort."""
        return self._per_day(values, lambda group: float(np.median(group)))

    def mean(self, values: Floats) -> Floats:
        """The cohort's mean on each day, as a column; NaN for no cohort."""
        return self._per_day(values, lambda group: float(group.mean()))

    def rank(self, values: Floats) -> Floats:
        """Share of the cohort below each value, equals counted half; NaN where the value is, or without a cohort."""
        ranks = np.full(self.shape, np.nan)
        for rank, row, group in zip(ranks, values, self._groups(values), strict=True):
            if len(group):
                ordered, order = np.sort(group), np.argsort(row)  # bisection is three times as fast for sorted values
                below, up_to = ordered.searchsorted(row[order], "left"), ordered.searchsorted(row[order], "right")
                rank[order] = (below + up_to) / (2 * len(group))
        ranks[np.isnan(values)] = np.nan
        return ranks

    def _groups(self, values: Floats) -> list[Floats]:
        chosen = self.cohort & ~np.isnan(values)
        return [row[those] for row, those in zip(values, chosen, strict=True)]

    def _per_day(self, values: Floats, figure: Callable[[Floats], float]) -> Floats:
        return np.array([[figure(group) if len(group) else np.nan] for group in self._groups(values)]).reshape(-1, 1)


def ratio(part: npt.NDArray[np.generic], whole: npt.NDArray[np.generic]) -> Floats:
    """part / whole, NaN where the whole is 0 or either is NaN."""
    part, whole = np.broadcast_arrays(part, whole)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole != 0, dtype="float64", casting="unsafe")
