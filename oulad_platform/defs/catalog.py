"""Where each table stands in the graph: its line, its group, and whether the lake or the warehouse keeps it.

Asset specs, IO managers, checks and `oulad verify` are all derived from this one list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import dagster as dg

from oulad_platform.core import alerts, outreach
from oulad_platform.core.dictionary import data_dictionary
from oulad_platform.core.pseudonyms import ERASURES, STUDENT_KEYS
from oulad_platform.core.tables import Table, stored
from oulad_platform.enrollment import foresight_tables as foresight
from oulad_platform.enrollment import publication as enrollment_published
from oulad_platform.enrollment import tables as enrollment
from oulad_platform.enrollment.alerts import ENROLLMENT_ALERTS
from oulad_platform.enrollment.bi_views import BI_VIEWS
from oulad_platform.sources import tables as sources
from oulad_platform.success import model_tables as models
from oulad_platform.success import publication as success_published
from oulad_platform.success import tables as success
from oulad_platform.success.bi_views import SUCCESS_VIEWS
from oulad_platform.success.caseload.tables import CASELOAD_DAILY
from oulad_platform.success.experiments import tables as experiments
from oulad_platform.success.features.catalogue import CATALOGUE
from oulad_platform.success.oversight import tables as oversight
from oulad_platform.success.roi import tables as roi

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

    @property
    def pool(self) -> str | None:
        """Steps of one pool wait for one another where an instance says so: those of a line that write the warehouse."""
        return self.line if self.store == "warehouse" else None

    def spec(self) -> dict[str, Any]:
        """Arguments of the asset decorator that follow from the table."""
        return {**self.out(), "pool": self.pool}

    def out(self) -> dict[str, Any]:
        """Those of one output of a step that makes several."""
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
        Entry("sources", "sources_outreach", outreach.INTERVENTIONS, "warehouse", pii=True),
        Entry("sources", "sources_outreach", outreach.ADVISERS, "warehouse", pii=True),
        Entry("sources", "sources_outreach", outreach.OPT_OUTS, "warehouse", pii=True),
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
        Entry("enrollment", "enrollment_actions", ENROLLMENT_ALERTS, "warehouse"),
        Entry("enrollment", "enrollment_actions", enrollment_published.ENROLLMENT_METRICS_PUBLISHED, "warehouse"),
        Entry("enrollment", "enrollment_actions", enrollment_published.ENROLLMENT_WEEKS_PUBLISHED, "warehouse"),
        Entry("enrollment", "enrollment_actions", enrollment_published.COHORT_RETENTION_PUBLISHED, "warehouse"),
        Entry("enrollment", "enrollment_actions", enrollment_published.ENROLLMENT_FORECAST_PUBLISHED, "warehouse"),
        Entry("success", "success_features", success.STUDENT_WEEKS, "lake", pii=True, parts=True),
        Entry("success", "success_features", success.FEATURES, "lake", pii=True),
        Entry("success", "success_model", models.TRAINING_PANEL, "lake", pii=True, parts=True),
        Entry("success", "success_model", models.HELD_OUT_RISK, "lake", pii=True),
        Entry("success", "success_model", models.MODEL_EVALUATION, "warehouse"),
        Entry("success", "success_model", models.CALIBRATION_CURVE, "warehouse"),
        Entry("success", "success_model", oversight.MODEL_FAIRNESS, "warehouse"),
        Entry("success", "success_model", models.MODEL_REGISTRY, "warehouse", pii=True),
        Entry("success", "success_model", models.MODEL_CHAMPIONS, "warehouse", pii=True),
        Entry("success", "success_model", models.FEATURE_IMPORTANCE, "warehouse"),
        Entry("success", "success_model", oversight.FEATURE_DRIFT, "warehouse"),
        Entry("success", "success_model", oversight.MODEL_DRIFT, "warehouse"),
        Entry("success", "success_marts", success.DIM_COURSE, "warehouse"),
        Entry("success", "success_marts", success.STUDENT_RISK_DAILY, "warehouse", pii=True),
        Entry("success", "success_marts", success.COURSE_SUMMARY_DAILY, "warehouse"),
        Entry("success", "success_marts", models.RISK_REASONS, "lake", pii=True),
        Entry("success", "success_actions", success.RISK_ALERTS, "warehouse"),
        Entry("success", "success_actions", success_published.COURSE_SUMMARY_PUBLISHED, "warehouse"),
        Entry("success", "success_actions", success_published.MODEL_FAIRNESS_PUBLISHED, "warehouse"),
        Entry("success", "success_actions", CASELOAD_DAILY, "warehouse", pii=True),
        Entry("success", "success_actions", experiments.EXPERIMENT_ASSIGNMENTS, "warehouse", pii=True),
        Entry("success", "success_actions", experiments.EXPERIMENT_RESULTS, "warehouse"),
        Entry("success", "success_actions", experiments.EXPERIMENT_LOOKS, "warehouse"),
        Entry("success", "success_actions", roi.ROI_SENSITIVITY, "warehouse"),
        Entry("success", "success_actions", roi.ROI_BY_CASELOAD, "warehouse"),
        Entry("success", "success_actions", roi.ROI_DRIVERS, "warehouse"),
        Entry("success", "success_actions", success.EXECUTIVE_SUMMARY, "warehouse"),
    )
}
BESIDE = (
    STUDENT_KEYS,
    ERASURES,
    enrollment.SNAPSHOT_VERSIONS,
    models.MODEL_DECISIONS,
    alerts.OPERATION_ALERTS,
    alerts.ALERT_DECISIONS,
    experiments.EXPERIMENT_DESIGNS,
    experiments.EXPERIMENT_ARMS,
    experiments.EXPERIMENT_STOPS,
)
VIEWS = (
    enrollment.WEEKLY_ENROLLMENT_SUMMARY,
    foresight.FORECAST_ACCURACY,
    *BI_VIEWS,
    alerts.ALERT_LOG,
    alerts.ALERT_EPISODES,
    *SUCCESS_VIEWS,
)


def entry(line: str, name: str) -> Entry:
    return CATALOG[dg.AssetKey([line, name])]


def warehouse_tables() -> list[Table]:
    """What the warehouse holds: the assets' tables, and what persons and sensors record beside them."""
    return [*(entry.table for entry in CATALOG.values() if entry.store == "warehouse"), *BESIDE]


def dictionary_markdown() -> str:
    """docs/data_dictionary.md: every table of the graph by group, the tables beside it, and the features."""
    groups = {
        group: [stored(of.table) if of.store == "warehouse" else of.table for of in CATALOG.values() if of.group == group]
        for group in dict.fromkeys(o.group for o in CATALOG.values())
    }
    beside = {"Beside the assets": [stored(table) for table in BESIDE]}
    return data_dictionary(groups | beside, CATALOGUE)


def of_group(group: str) -> Iterator[Entry]:
    return (entry for entry in CATALOG.values() if entry.group == group)
