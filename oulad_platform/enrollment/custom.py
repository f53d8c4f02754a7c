"""Metrics of the institution's own: functions of a snapshot that live in other packages, each run so that it can only fail alone.

Finding the functions (entry points of the group `oulad_platform.metrics`) is done in `defs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date

import pandas as pd

from oulad_platform.core.checks import check_frame
from oulad_platform.core.tables import TableError
from oulad_platform.enrollment.tables import CUSTOM_METRICS

ENTRY_POINTS = "oulad_platform.metrics"
Metric = Callable[[pd.DataFrame], pd.DataFrame]
COLUMNS = ["name", "value"]


class CustomMetricError(ValueError):
    """A function of the institution's own gave something that is not rows of name and value."""


def custom_metrics(
    functions: Mapping[str, Metric], snapshots: Iterable[tuple[date, pd.DataFrame]]
) -> tuple[pd.DataFrame, list[str]]:
    """CUSTOM_METRICS of every day and function, and what went wrong in words.

    A function takes one day's `enrollment_snapshots` (a copy) and returns a frame with the columns name (text, each once) and
    value (number). Whatever one of them raises on a day leaves that day without its rows; all others are kept.
    """
    made, failures = [CUSTOM_METRICS.empty()], []
    for day, snapshot in snapshots:
        for metric, function in functions.items():
            try:
                made.append(_rows(metric, day, function(snapshot.copy())))
            except Exception as error:
                failures.append(f"{metric} on {day}: {type(error).__name__}: {error}")
    return CUSTOM_METRICS.conform(pd.concat(made, ignore_index=True)), failures


def _rows(metric: str, day: date, given: object) -> pd.DataFrame:
    if not isinstance(given, pd.DataFrame) or list(given.columns) != COLUMNS:
        found = list(given.columns) if isinstance(given, pd.DataFrame) else type(given).__name__
        raise CustomMetricError(f"gave {found}; return a DataFrame with the columns {COLUMNS}")
    try:
        rows = CUSTOM_METRICS.conform(given.assign(date=pd.Timestamp(day), metric=metric))
    except TableError as error:
        raise CustomMetricError(str(error)) from error
    findings = check_frame(rows, CUSTOM_METRICS)
    if findings:
        raise CustomMetricError(str(findings[0]))
    return rows
