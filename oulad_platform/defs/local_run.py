"""One run of a job in this process: progress on the terminal, then a table of what was made, and mail that is due."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from datetime import date
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from oulad_platform.definitions import build_defs
from oulad_platform.defs import delivery
from oulad_platform.defs.jobs import EVERYTHING
from oulad_platform.defs.resources import Platform
from oulad_platform.settings import instance_folder
from oulad_platform.storage.aside import alone_in

POLL_SECONDS = 0.5
EMBEDDED = Path(__file__).parents[2] / "dagster.yaml"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@contextmanager
def local_instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's instance of this installation; its dagster.yaml may hold relative paths, which are meant from its own folder.

    A new home gets a copy of the repository's dagster.yaml, since Dagster's own defaults send telemetry. Processes open the
    instance one after another: two that make its SQLite tables at once break one another.
    """
    folder = instance_folder()
    with chdir(folder):
        with alone_in(folder):
            is_new = not (folder / EMBEDDED.name).exists() and not (folder / "history").exists()
            if is_new and EMBEDDED.is_file():
                shutil.copyfile(EMBEDDED, folder / EMBEDDED.name)
            instance = dg.DagsterInstance.from_config(str(folder))
        with instance:
            yield instance


def materialize(platform: Platform, first: date, last: date, job_name: str = EVERYTHING) -> bool:
    """Materialize a job's assets for the days first to last in one run. True if every step and every check passed.

    The run is in the calling thread, so that an interrupt ends its step, and the run as failed.
    """
    console = Console()
    console.print(f"{platform.source()}: {first} to {last}, {(last - first).days + 1} days", markup=False)
    job = build_defs(platform.settings, platform=platform).resolve_job_def(job_name)
    run_id = str(uuid4())
    with local_instance() as instance, _progress(console, instance, run_id, len(job.nodes)):
        result = job.execute_in_process(
            run_config=QUIET,
            instance=instance,
            raise_on_error=False,
            run_id=run_id,
            tags={RANGE_START: first.isoformat(), RANGE_END: last.isoformat()},
        )
    failures = [*_failed_steps(result), *_failed_checks(result)]
    console.print(_made(result))
    for failure in failures:
        console.print(failure, style="bold red", markup=False, soft_wrap=True)
    try:
        delivery.queue_alerts(platform)
    finally:
        if any(channel.transport for channel in delivery.channels(platform)):
            for name, made in delivery.deliver(platform).items():
                console.print(f"{name:<9} {len(made.sent)} sent, {len(made.waiting)} waiting", markup=False)
    console.print(_where_to_look(platform), markup=False, soft_wrap=True)
    return not failures


@contextmanager
def _progress(console: Console, instance: dg.DagsterInstance, run_id: str, n_steps: int) -> Iterator[None]:
    """Shows the step and how many have ended, from a thread beside the run."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    ended = Event()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting", total=n_steps)

        def look() -> None:
            while not ended.wait(POLL_SECONDS):
                if not instance.has_run(run_id):
                    continue
                steps = instance.get_run_step_stats(run_id)
                current = next((step.step_key for step in steps if not step.end_time), "")
                n_ended = sum(1 for step in steps if step.end_time)
                progress.update(task, completed=n_ended, description=current.replace("__", "/") or "starting")

        looking = Thread(target=look)
        looking.start()
        try:
            yield
        finally:
            ended.set()
            looking.join()


def _made(result: dg.ExecuteInProcessResult) -> Table:
    rows: dict[str, int] = {}
    days: dict[str, int] = defaultdict(int)
    step_of: dict[str, str | None] = {}
    for event in _events(result, dg.DagsterEventType.ASSET_MATERIALIZATION):
        made = event.step_materialization_data.materialization
        name = made.asset_key.to_user_string()
        step_of[name] = event.step_key
        counted = made.metadata.get("dagster/partition_row_count") or made.metadata.get("dagster/row_count")
        if isinstance(counted, dg.IntMetadataValue):
            rows[name] = rows.get(name, 0) + (counted.value or 0)
        days[name] += 1 if made.partition else 0
    seconds = {
        event.step_key: event.step_success_data.duration_ms / 1000 for event in _events(result, dg.DagsterEventType.STEP_SUCCESS)
    }
    table = Table("asset", "days", "rows", "seconds", title="What was made")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, step in step_of.items():
        shown = f"{rows[name]:,}" if name in rows else ""
        table.add_row(name, str(days[name] or ""), shown, f"{seconds.get(step, 0):.1f}")
    return table


def _events(result: dg.ExecuteInProcessResult, kind: dg.DagsterEventType) -> list[dg.DagsterEvent]:
    return [event for event in result.all_events if event.event_type == kind]


def _failed_steps(result: dg.ExecuteInProcessResult) -> list[str]:
    failures = []
    for event in _events(result, dg.DagsterEventType.STEP_FAILURE):
        error = event.step_failure_data.error
        cause = error.cause or error if error else None
        if cause and cause.cls_name == dg.DagsterExecutionInterruptedError.__name__:
            failures.append(f"{event.step_key} was stopped; run the same command again")
        else:
            failures.append(f"{event.step_key} failed: {cause.message.strip() if cause else 'see the run'}")
    if not failures and not result.success:
        failures = [
            f"the run failed: {event.job_failure_data.error}" for event in _events(result, dg.DagsterEventType.RUN_FAILURE)
        ]
    return failures


def _failed_checks(result: dg.ExecuteInProcessResult) -> list[str]:
    return [
        f"check {check.check_name} of {check.asset_key.to_user_string()} failed"
        for check in result.get_asset_check_evaluations()
        if not check.passed
    ]


def _where_to_look(platform: Platform) -> str:
    settings = platform.settings
    return (
        f"Tables    {platform.database.label}\n"
        f"Lake      {settings.lake}\n"
        f"Reports   {settings.artifacts}: {_reports(platform)}, outputs/\n"
        "Graph     make ui, then http://127.0.0.1:3000"
    )


def _reports(platform: Platform) -> str:
    return "reports/enrollment/" if not platform.settings.has_campus else "reports/executive_summary.md, reports/enrollment/"
