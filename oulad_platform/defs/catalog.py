"""Where each table stands in the graph: its line, its group, and whether the lake or the warehouse keeps it.

Asset specs, IO managers, checks and `oulad verify` are all derived from this one list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import dagster as dg

from oulad_platform.core.tables import Table
from oulad_platform.enrollment import foresight_tables as foresight
from oulad_platform.enrollment import tables as enrollment
from oulad_platform.enrollment.bi_views import BI_VIEWS
from oulad_platform.sources import tables as sources
from oulad_platform.success import tables as success

OWNERS = {"sources": "team:data-engineering", "enrollment": "team:registry", "success": "team:student-success"}
Store = Literal["lake", "warehouse"]


@dataclass(frozen=True)
class Entry:
    """One table's place.

    `parts` marks a table kept as one lake file per presentation, `versioned` one whose corrected days keep what was there before.
    """

    line: str
    group: str
    table: Table
    store: Store
    pii: bool = False
    parts: bool = False
    versioned: bool = False

    @property
    def key(self) -> dg.AssetKey:
        return dg.AssetKey([self.line, self.table.name])

    def spec(self) -> dict[str, Any]:
        """Arguments of the asset decorator that follow from the table."""
        return {
            "key": self.key,
            "group_name": self.group,
            "owners": [OWNERS[self.line]],
            "kinds": {"parquet"} if self.store == "lake" else {"sql"},
            "tags": {"line": self.line, "pii": "true" if self.pii else "false"},
            "description": describe(self.table),
            "metadata": {"dagster/column_schema": column_schema(self.table), "dagster/table_name": self.table.name},
        }


def describe(table: Table) -> str:
    key = ", ".join(f"`{name}`" for name in table.key) or "none, rows are events"
    return f"{table.grain}\n\nKey: {key}."


def column_schema(table: Table) -> dg.TableSchema:
    columns = []
    for column in table.columns:
        rules = [] if column.nullable else ["never absent"]
        if column.allowed:
            rules.append("one of " + ", ".join(column.allowed))
        if column.minimum is not None or column.maximum is not None:
            rules.append(column.range_in_words)
        meaning = f"{column.meaning} ({column.unit})" if column.unit else column.meaning
        constraints = dg.TableColumnConstraints(
            nullable=column.nullable, unique=table.key == (column.name,), other=rules[0 if column.nullable else 1 :]
        )
        columns.append(dg.TableColumn(column.name, column.kind, description=meaning, constraints=constraints))
    return dg.TableSchema(columns)


CATALOG: dict[dg.AssetKey, Entry] = {
    entry.key: entry
    for entry in (
        *(Entry("sources", "sources", table, "lake", pii="id_student" in table.names) for table in sources.SMALL_TABLES),
        Entry("sources", "sources", sources.STUDENT_VLE, "lake", pii=True, parts=True),
        Entry("enrollment", "enrollment", enrollment.ENROLLMENT_SNAPSHOTS, "lake", pii=True, versioned=True),
        Entry("enrollment", "enrollment", enrollment.DATA_QUALITY_FINDINGS, "warehouse", pii=True),
        Entry("enrollment", "enrollment", enrollment.ENROLLMENT_DELTAS, "warehouse", pii=True),
        Entry("enrollment", "enrollment", enrollment.ENROLLMENT_METRICS, "warehouse"),
        Entry("enrollment", "enrollment", enrollment.CUSTOM_METRICS, "warehouse"),
        Entry("enrollment", "enrollment_outlook", enrollment.COHORT_RETENTION, "warehouse"),
        Entry("enrollment", "enrollment_outlook", foresight.ENROLLMENT_TRENDS, "warehouse"),
        Entry("enrollment", "enrollment_outlook", foresight.FORECAST_BACKTEST, "warehouse"),
        Entry("enrollment", "enrollment_outlook", foresight.ENROLLMENT_FORECAST, "warehouse"),
        Entry("enrollment", "enrollment_outlook", foresight.ENROLLMENT_ANOMALIES, "warehouse"),
        Entry("enrollment", "enrollment_outlook", foresight.ANOMALY_BENCHMARK, "warehouse"),
        Entry("success", "success_features", success.STUDENT_WEEKS, "lake", pii=True, parts=True),
        Entry("success", "success_features", success.FEATURES, "lake", pii=True),
        Entry("success", "success_model", success.TRAINING_PANEL, "lake", pii=True),
        Entry("success", "success_model", success.MODEL_METRICS, "warehouse"),
        Entry("success", "success_model", success.SHAP_VALUES, "warehouse", pii=True),
        Entry("success", "success_marts", success.STUDENT_RISK_DAILY, "warehouse", pii=True),
        Entry("success", "success_marts", success.COURSE_SUMMARY_DAILY, "warehouse"),
        Entry("success", "success_actions", success.ALERT_LOG, "warehouse"),
        Entry("success", "success_actions", success.EXPERIMENT_ASSIGNMENTS, "warehouse", pii=True),
        Entry("success", "success_actions", success.EXPERIMENT_RESULTS, "warehouse"),
        Entry("success", "success_actions", success.ROI_SENSITIVITY, "warehouse"),
        Entry("success", "success_actions", success.EXECUTIVE_SUMMARY, "warehouse"),
    )
}
VIEWS = (enrollment.WEEKLY_ENROLLMENT_SUMMARY, foresight.FORECAST_ACCURACY, *BI_VIEWS)


def entry(line: str, name: str) -> Entry:
    return CATALOG[dg.AssetKey([line, name])]


def warehouse_tables() -> list[Table]:
    """What the warehouse holds: the assets' tables, and the register of snapshot versions, which every extract writes to."""
    return [*(entry.table for entry in CATALOG.values() if entry.store == "warehouse"), enrollment.SNAPSHOT_VERSIONS]


def of_line(line: str) -> Iterator[Entry]:
    return (entry for entry in CATALOG.values() if entry.line == line)
