"""The lines that the platform's sensors write when something is wrong, as JSON: what operators search for and AWS alarms of."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import time_machine

from oulad_platform.core import logs
from oulad_platform.definitions import build_defs
from oulad_platform.defs import delivery
from oulad_platform.defs.resources import Platform
from oulad_platform.settings import Settings

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@contextmanager
def json_lines() -> Iterator[list[dict[str, Any]]]:
    """What the platform writes inside, parsed, once it is over."""
    stream, lines = io.StringIO(), []
    logs.configure("json", stream)
    try:
        yield lines
    finally:
        logs.configure("text")
        lines += [json.loads(line) for line in stream.getvalue().splitlines()]


def troubled(home: Path) -> list[dict[str, Any]]:
    """The lines of one tick of each sensor where nothing was made, a message waits for seven hours and a run has failed."""

    @dg.op
    def fails() -> None:
        raise KeyError("student 11391, postgresql://oulad:hunter2secret@db/oulad")

    @dg.job
    def nightly() -> None:
        fails()

    places = {name: str(home / name.split("_")[0]) for name in ("lake_uri", "artifacts_uri", "outbox_uri")}
    platform = Platform(
        Settings(
            **places,
            database_url=f"sqlite:///{home / 'oulad.db'}",
            enrollment_db_url="sqlite://",
            first_day=date(2026, 11, 1),
            enrollment_email_recipients="dean@uni.example",
        )
    )
    repository = build_defs(platform.settings, platform=platform).get_repository_def()
    with dg.DagsterInstance.ephemeral() as instance:
        with time_machine.travel(NOON - timedelta(hours=7)):
            delivery.post(platform, "one", "Subject", "Text")
        result = nightly.execute_in_process(instance=instance, raise_on_error=False)
        (failure,) = [event for event in result.all_events if event.event_type == dg.DagsterEventType.RUN_FAILURE]
        with json_lines() as lines, time_machine.travel(NOON, tick=False):
            for name in ("waiting_messages", "stale_tables"):
                context = dg.build_sensor_context(instance=instance, repository_def=repository, resources={"platform": platform})
                repository.get_sensor_def(name).evaluate_tick(context)
            about = dg.build_run_status_sensor_context(
                sensor_name="failed_runs",
                dagster_instance=instance,
                dagster_run=result.dagster_run,
                dagster_event=failure,
                resources={"platform": platform},
            )
            repository.get_sensor_def("failed_runs")(about.for_run_failure())
    for line in lines:
        line["run_id"] = line.get("run_id") == result.run_id
    return lines
