"""Housekeeping of Dagster's own records: runs past their time go, unless the state of an asset hangs on them.

An instance forgets nothing by itself but ticks. Deleting a run deletes its events, materializations among them, so a run stays
while it is the newest word on an asset, one of its days, or a check: what the pages say of them is the same before and after.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import dagster as dg

BATCH = 1000
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def clean_instance(instance: dg.DagsterInstance, before: datetime, *, dry_run: bool) -> int:
    """Removes the finished runs that were created before a time and that nothing hangs on, with their events; how many they are.

    What these and the runs that stay printed goes too. Nothing is removed with `dry_run`. A killed call can be repeated.
    """
    old = list(_finished(instance, before))
    needed = _needed(instance, old) if old else set()
    removable = [run for run in old if run.run_id not in needed]
    if not dry_run:
        for run in old:
            instance.compute_log_manager.delete_logs(prefix=[run.run_id])
        for run in removable:
            instance.delete_run(run.run_id)
            _remove_file(instance, run.run_id)
    return len(removable)


def _finished(instance: dg.DagsterInstance, before: datetime) -> Iterator[dg.DagsterRun]:
    filters, cursor = dg.RunsFilter(statuses=FINISHED, created_before=before), None
    while records := instance.get_run_records(filters, limit=BATCH, cursor=cursor):
        yield from (record.dagster_run for record in records)
        cursor = records[-1].dagster_run.run_id


def _needed(instance: dg.DagsterInstance, old: list[dg.DagsterRun]) -> set[str]:
    """The runs that hold the newest materialization or observation of an asset or of one of its days; or the newest attempt at
    an asset, at a day that was not made since, or at a check that has no result."""
    keys, storage = instance.get_asset_keys(), instance.event_log_storage
    needed = {str(record.asset_entry.last_run_id) for record in instance.get_asset_records(keys)}
    for key in keys:
        needed |= _newest(instance.fetch_materializations, key) | _newest(instance.fetch_observations, key)
        attempts = storage.get_latest_asset_partition_materialization_attempts_without_materializations(key)
        needed |= {run_id for run_id, _ in attempts.values()}
    planned = {
        record.event_log_entry.get_dagster_event().asset_check_planned_data.asset_check_key
        for run in old
        if run.status != dg.DagsterRunStatus.SUCCESS and run.run_id not in needed
        for record in instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED).records
    }
    return needed | {latest.run_id for latest in storage.get_latest_asset_check_execution_by_key(list(planned)).values()}


def _newest(fetch: Callable[..., dg.EventRecordsResult], key: dg.AssetKey) -> set[str]:
    """The runs of the newest event without a day, and of the newest of each day."""
    newest: dict[str | None, str] = {}
    cursor, has_more = None, True
    while has_more:
        found = fetch(key, limit=BATCH, cursor=cursor)
        for record in found.records:
            newest.setdefault(record.partition_key, record.run_id)
        cursor, has_more = found.cursor, found.has_more
    return set(newest.values())


def _remove_file(instance: dg.DagsterInstance, run_id: str) -> None:
    """On SQLite the events of each run have a file, which would stay, empty."""
    file_of = getattr(instance.event_log_storage, "path_for_shard", None)
    if file_of:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{file_of(run_id)}{suffix}").unlink(missing_ok=True)
