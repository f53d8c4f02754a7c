"""What happens in a run, as JSON lines: one for each start, end, failure, materialization, check and message.

`dagster.yaml` names the handler under `python_logs`; it writes only where LOG_FORMAT=json. Other events (inputs, outputs, engine)
are left out: they stand in the event log.
"""

import logging
import time
from typing import Any

import dagster as dg

from oulad_platform.core import logs

PARTITION = "dagster/partition"
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
OWN_ERRORS = "oulad_platform."
ROW_COUNTS = ("dagster/partition_row_count", "dagster/row_count")
TOLD = {
    dg.DagsterEventType.RUN_START: "run_started",
    dg.DagsterEventType.RUN_SUCCESS: "run_succeeded",
    dg.DagsterEventType.RUN_FAILURE: "run_ended_in_failure",
    dg.DagsterEventType.RUN_CANCELED: "run_canceled",
    dg.DagsterEventType.STEP_START: "step_started",
    dg.DagsterEventType.STEP_SUCCESS: "step_succeeded",
    dg.DagsterEventType.STEP_FAILURE: "step_failed",
    dg.DagsterEventType.STEP_SKIPPED: "step_skipped",
    dg.DagsterEventType.STEP_UP_FOR_RETRY: "step_waits_for_retry",
    dg.DagsterEventType.ASSET_MATERIALIZATION: "asset_materialized",
    dg.DagsterEventType.ASSET_CHECK_EVALUATION: "asset_checked",
}
ENDS = (dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_CANCELED)


class RunLines(logging.Handler):
    """Turns the records of one run's log into lines. Dagster makes one for each process that takes part in a run."""

    def __init__(self, level: int | str = logging.NOTSET) -> None:
        super().__init__(level)
        self._began = time.time()

    def emit(self, record: logging.LogRecord) -> None:
        """One line, or none. What cannot be told must not end the run: it goes to `logging.Handler.handleError`."""
        if not logs.is_json():
            return
        try:
            meta: dict[str, Any] = getattr(record, "dagster_meta", {})
            event: dg.DagsterEvent | None = meta.get("dagster_event")
            if event is not None and event.event_type not in TOLD:
                return
            told = TOLD[event.event_type] if event else "message"
            level = record.levelno if event is None else max(record.levelno, logging.INFO)
            fields = {**_about(meta), **({"text": meta.get("orig_message", "")} if event is None else self._of(event, record))}
            logs.write(told, level, {name: value for name, value in fields.items() if value is not None}, record.created)
        except Exception:
            self.handleError(record)

    def _of(self, event: dg.DagsterEvent, record: logging.LogRecord) -> dict[str, Any]:
        if event.event_type in ENDS:
            return {"duration_seconds": round(record.created - self._began, 3), **_error(event)}
        if event.event_type == dg.DagsterEventType.STEP_SUCCESS:
            return {"duration_seconds": round(event.step_success_data.duration_ms / 1000, 3)}
        if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
            return _made(event)
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            asset = check.asset_key.to_user_string()
            return {"asset": asset, "check": check.check_name, "passed": check.passed, "severity": check.severity.value.lower()}
        return _error(event)


def _about(meta: dict[str, Any]) -> dict[str, Any]:
    tags = meta.get("job_tags") or {}
    days = tags.get(PARTITION) or " to ".join(tags[name] for name in RANGE if name in tags)
    return {"run_id": meta.get("run_id"), "job": meta.get("job_name"), "step": meta.get("step_key"), "partition": days or None}


def _made(event: dg.DagsterEvent) -> dict[str, Any]:
    made = event.step_materialization_data.materialization
    counted = next((made.metadata[name].value for name in ROW_COUNTS if name in made.metadata), None)
    day = {"partition": made.partition} if made.partition else {}
    return {"asset": made.asset_key.to_user_string(), **day, "n_rows": counted}


def _error(event: dg.DagsterEvent) -> dict[str, Any]:
    """The class of what went wrong; its words only where they are the platform's own, which quote no data."""
    error = getattr(event.event_specific_data, "error", None)
    cause = error and (error.cause or error)
    if not cause:
        return {}
    is_own = cause.message.startswith(OWN_ERRORS)
    return {"error": cause.cls_name, "reason": cause.message.partition(": ")[2].strip() if is_own else None}
