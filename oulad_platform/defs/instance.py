"""`oulad move`: a local installation's warehouse and what Dagster knows of its assets, from SQLite into PostgreSQL.

Files (lake, reports, models, outbox) are not touched here: a folder is copied, or is the same one.
"""

import hashlib
import io
from collections import defaultdict
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import dagster as dg
import pyarrow as pa

from oulad_platform.core.pseudonyms import DEMO_KEYS, STUDENT_KEYS
from oulad_platform.core.tables import Table
from oulad_platform.defs.backup import warehouse_shapes
from oulad_platform.defs.resources import Platform
from oulad_platform.storage import dump
from oulad_platform.storage.database import Database
from oulad_platform.storage.errors import StorageError

PAGE = 1000
LOCAL_WAREHOUSE = "data/oulad.db"
Told = tuple[dg.AssetMaterialization, float]


def move_warehouse(platform: Platform, folder: Path) -> dict[str, int]:
    """Copies the tables of the folder's SQLite warehouse into the configured PostgreSQL, in one transaction; rows per table.

    Where the same rows are there already, nothing is done. Raises StorageError, and changes nothing, where other rows are, or
    where production would take over pseudonyms that were made with the published key, or the warehouse was not migrated.
    """
    file, there = folder / LOCAL_WAREHOUSE, platform.settings.warehouse
    local, configured = f"sqlite:///{file}", Database(there)
    if configured.kind != "postgres":
        raise StorageError(
            f"the configured warehouse is {configured.label}; set DATABASE_URL to the PostgreSQL that is to receive it"
        )
    if not file.is_file():
        raise StorageError(f"{file}: there is no local warehouse; name the folder in which `oulad run` was started")
    if platform.settings.oulad_env == "production":
        _refuse_published_keys(Database(local))
    target = platform.database
    if dump.revision(local) != dump.revision(there):
        raise StorageError(
            f"{file} and {target.label} have different revisions of the schema; run `oulad migrate` for each first"
        )
    tables = warehouse_shapes()
    rows, before = digests(local, tables), digests(there, tables)
    if before == rows:
        return {}
    if before:
        raise StorageError(
            f"{target.label} is not empty: {', '.join(sorted(before)[:5])}{' and more' if len(before) > 5 else ''}; nothing was "
            "changed; move into an empty database"
        )
    counted = dump.counts(local, tables)
    dump.read_in(there, tables, ((table, part) for table, _, part in dump.read_out(local, tables)), counted)
    wrong = sorted(name for name, digest in digests(there, tables).items() if rows.get(name) != digest)
    if wrong:
        raise StorageError(f"{', '.join(wrong)}: other rows than in {file} are in {target.label}; empty it, and move again")
    return counted


def digests(url: str, tables: list[Table]) -> dict[str, str]:
    """SHA-256 of the rows of each stored table that has any, in key order."""
    hashes: dict[str, hashlib._Hash] = defaultdict(hashlib.sha256)
    for table, _, rows in dump.read_out(url, tables):
        hashes[table.name].update(_text(rows))
    return {name: each.hexdigest() for name, each in hashes.items()}


def move_history(folder: Path, receiving: Path | None) -> int:
    """Tells the receiving instance of every asset's newest materialization, by partition, with its metadata; how many were new.

    `receiving` holds the new dagster.yaml; None: DAGSTER_HOME. What the instance knows already is left alone, so a move that
    broke off is ended by another. Raises StorageError when both are one instance. Runs, ticks, evaluations of checks and
    switched schedules have no public way out of an instance; they stay where they are.
    """
    with (
        chdir(folder),
        dg.DagsterInstance.from_config(str(folder)) as local,
        dg.DagsterInstance.from_config(str(receiving)) if receiving else dg.DagsterInstance.get() as instance,
    ):
        if instance.get_ref().storage_data == local.get_ref().storage_data:
            raise StorageError(
                f"{folder} is the receiving instance itself; name the folder of the new dagster.yaml: --instance deploy"
            )
        unknown = [found for key in local.get_asset_keys() for found in _unknown(local, instance, key)]
        for materialization, seconds in sorted(unknown, key=lambda one: one[1]):
            when = {"materialized": dg.MetadataValue.timestamp(seconds)}
            instance.report_runless_asset_event(materialization.with_metadata({**materialization.metadata, **when}))
        return len(unknown)


def _unknown(local: dg.DagsterInstance, instance: dg.DagsterInstance, key: dg.AssetKey) -> list[Told]:
    known = _newest(instance, key).keys()
    return [found for partition, found in _newest(local, key).items() if partition not in known]


def _newest(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str | None, Told]:
    """The newest materialization of each partition, and when it was, in seconds since 1970."""
    return {
        record.partition_key: (record.asset_materialization, record.timestamp)
        for record in _materializations(instance, key)
        if record.asset_materialization
    }


def _materializations(instance: dg.DagsterInstance, key: dg.AssetKey) -> Iterator[dg.EventLogRecord]:
    cursor = None
    while True:
        page = instance.fetch_materializations(key, limit=PAGE, cursor=cursor, ascending=True)
        yield from page.records
        if not page.has_more:
            return
        cursor = page.cursor


def _refuse_published_keys(local: Database) -> None:
    names = set(local.read(STUDENT_KEYS)["key_id"]) & DEMO_KEYS.keys()
    if names:
        raise StorageError(
            f"{local.label}: its students have pseudonyms of the published key '{', '.join(sorted(names))}', which everybody can "
            "undo; in production make the days again: oulad run --first"
        )


def _text(rows: pa.Table) -> bytes:
    import pyarrow.csv

    buffer = io.BytesIO()
    pyarrow.csv.write_csv(rows, buffer, pyarrow.csv.WriteOptions(include_header=False))
    return buffer.getvalue()
