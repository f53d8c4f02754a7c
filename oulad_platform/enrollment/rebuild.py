"""Making days, and whatever follows from them: any order of making gives the same changes and metrics.

Comparing and counting is `enrollment.metrics`, looking back `enrollment.history`; here is which days a run is about.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import NamedTuple

import pandas as pd
import pyarrow as pa

from oulad_platform.enrollment.history import days_touched, with_history
from oulad_platform.enrollment.housekeeping import cut_off
from oulad_platform.enrollment.metrics import daily_changes


class SnapshotRemovedError(LookupError):
    """The snapshot that a day is to be compared with was removed by housekeeping."""


class Rebuilt(NamedTuple):
    """`enrollment_deltas` and `enrollment_metrics` of the days asked for and of others that follow from those, by table."""

    deltas: pd.DataFrame
    metrics: pd.DataFrame
    other_deltas_days: list[date]
    other_metrics_days: list[date]


def rebuild(
    snapshots: Mapping[date, pa.Table],
    days: Sequence[date],
    known: pd.DataFrame,
    *,
    removed: Collection[date] = (),
    attributes: Sequence[str],
    census_days: Mapping[str, date],
    left_before: pd.DataFrame | None,
) -> Rebuilt:
    """Changes and metrics of `days`, and of the stored days whose rows follow from them.

    `snapshots`, `attributes`, `census_days` and `left_before` are explained at `metrics.daily_changes`; `left_before` is None
    where the registrar records first_enrolled_date. `known` is the `enrollment_metrics` of all days made so far; `removed` are
    days whose snapshots housekeeping removed: days compared with one of these keep what they have.

    Raises SnapshotRemovedError when one of `days` is, ValueError naming one that has no snapshot.
    """
    stored = list(snapshots)
    if lost := cut_off(days, stored=stored, removed=removed):
        raise SnapshotRemovedError(
            f"the snapshot before {lost[0]} was removed by housekeeping; its changes cannot be made again, its metrics stand"
        )
    touched = days_touched(stored, days, returns_are_recorded=left_before is None)
    lost = cut_off(touched.changes, stored=stored, removed=removed)
    others = [day for day in touched.changes if day not in lost]
    deltas, base = daily_changes(
        snapshots, [*days, *others], attributes=attributes, census_days=census_days, left_before=left_before
    )
    metrics = pd.concat([known[~known["date"].isin(base["date"])], base], ignore_index=True)
    looking_back = sorted({*others, *touched.history})
    return Rebuilt(deltas, with_history(metrics, [*days, *looking_back]), others, looking_back)
