"""Old runs leave Dagster's own storage, SQLite and PostgreSQL; what its pages say about the assets stays."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from oulad_platform.defs.event_log import clean_instance

DAYS = dg.StaticPartitionsDefinition(["2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20"])
KEYS = [dg.AssetKey("daily"), dg.AssetKey("whole"), dg.AssetKey("seen")]


class Mood(dg.Config):
    fails: bool = False


@dg.asset(partitions_def=DAYS, check_specs=[dg.AssetCheckSpec("sound", asset="daily")])
def daily(context: dg.AssetExecutionContext, config: Mood) -> Iterator[Any]:
    """One row per day."""
    if config.fails:
        raise dg.Failure("no extract")
    context.log.info("x" * 2000)
    yield dg.MaterializeResult(metadata={"rows": 3}, check_results=[dg.AssetCheckResult(passed=True, check_name="sound")])


@dg.asset
def whole() -> None:
    """One row."""


@dg.op
def say() -> None:
    print("said")


@dg.job(executor_def=dg.in_process_executor)
def noise() -> None:
    say()


@pytest.fixture(params=["sqlite", "postgres"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """A stored instance of a temporary folder, whose runs print into files there."""
    storage: dict[str, Any] = {"sqlite": {"base_dir": str(tmp_path / "history")}}
    if request.param == "postgres":
        storage = {"postgres": {"postgres_url": request.getfixturevalue("postgres_database")}}
    logs = {"module": "dagster._core.storage.local_compute_log_manager", "class": "LocalComputeLogManager"}
    overrides = {
        "storage": storage,
        "compute_logs": {**logs, "config": {"base_dir": str(tmp_path / "logs")}},
        "telemetry": {"enabled": False},
    }
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides) as made:
        yield made


def make(instance: dg.DagsterInstance, asset: dg.AssetsDefinition, day: str | None = None, *, fails: bool = False) -> str:
    config = {"ops": {"daily": {"config": {"fails": fails}}}} if asset is daily else {}
    made = dg.materialize([asset], instance=instance, partition_key=day, run_config=config, raise_on_error=False)
    assert made.success is not fails
    return made.run_id


def state(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What the pages show of the assets: each day's status, the newest events, the latest check."""
    check = dg.AssetCheckKey(KEYS[0], "sound")
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key([check])[check]
    newest = {key: instance.get_latest_materialization_event(key) for key in KEYS}
    return {
        "days": instance.get_status_by_partition(KEYS[0], DAYS.get_partition_keys(), DAYS),
        "newest": {key: event and event.run_id for key, event in newest.items()},
        "observed": [record.run_id for record in instance.fetch_observations(KEYS[2], limit=1).records],
        "check": (latest.status, latest.run_id),
        "keys": set(instance.get_asset_keys()),
    }


def size(instance: dg.DagsterInstance, folder: Path) -> int:
    """Bytes of the event log: files of SQLite, rows of PostgreSQL."""
    files = sum(path.stat().st_size for path in (folder / "history").rglob("*") if path.is_file())
    if files:
        return files
    with instance.event_log_storage.index_connection() as connection:
        return int(connection.execute(sa.text("SELECT sum(length(event)) FROM event_logs")).scalar_one())


def test_runs_past_their_time_go_and_what_is_said_of_the_assets_stays(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    gone = [make(instance, daily, "2026-11-17"), make(instance, whole), make(instance, daily, "2026-11-18", fails=True)]
    stays = [
        make(instance, daily, "2026-11-17"),
        make(instance, daily, "2026-11-18"),
        make(instance, whole),
        make(instance, daily, "2026-11-19", fails=True),
    ]
    gone.append(noise.execute_in_process(instance=instance).run_id)
    instance.report_runless_asset_event(dg.AssetObservation("seen"))
    waiting = instance.create_run_for_job(noise, status=dg.DagsterRunStatus.STARTED).run_id
    limit = datetime.now(UTC) + timedelta(seconds=0.001)
    recent = [make(instance, daily, "2026-11-20"), noise.execute_in_process(instance=instance).run_id]
    before, bytes_before = state(instance), size(instance, tmp_path)
    assert [status and status.value for status in before["days"].values()] == [
        "MATERIALIZED",
        "MATERIALIZED",
        "FAILED",
        "MATERIALIZED",
    ]

    assert clean_instance(instance, limit, dry_run=True) == 4
    assert all(instance.has_run(run_id) for run_id in gone)
    assert clean_instance(instance, limit, dry_run=False) == 4
    assert [instance.has_run(run_id) for run_id in gone] == [False] * 4
    assert all(instance.has_run(run_id) for run_id in [*stays, waiting, *recent])
    assert state(instance) == before
    assert size(instance, tmp_path) < 0.8 * bytes_before
    assert {path.name for path in (tmp_path / "logs").iterdir()} == set(recent)
    assert clean_instance(instance, limit, dry_run=False) == 0


def test_the_last_attempt_at_a_check_without_a_result_stays(instance: dg.DagsterInstance) -> None:
    make(instance, daily, "2026-11-17")
    broken = make(instance, daily, "2026-11-18", fails=True)
    before = state(instance)
    assert before["check"][1] == broken
    assert clean_instance(instance, datetime.now(UTC), dry_run=False) == 0
    assert state(instance) == before
