"""Backups: warehouse, lake, models, reports and outboxes as files in a folder or bucket, and the way back.

Layout: `objects/<first two digits>/<SHA-256>` holds a file's bytes once, whatever backups it is in; `backups/<time>-<hash>.json`
is a backup: the manifest of its files. The manifest comes last, so a backup that was killed is none. Files are for their owner's
eyes alone, not encrypted: that is the store's part. What belongs into a backup is for the caller to say.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import chain
from typing import Any

import pyarrow as pa

from oulad_platform.core.tables import Table
from oulad_platform.storage import dump
from oulad_platform.storage.errors import MissingFileError, StorageError
from oulad_platform.storage.files import Location, move_whole, read_whole, remove, staging, stems, write_whole
from oulad_platform.storage.parquet import SUFFIX, encoding
from oulad_platform.storage.trees import Content, Stamp, below, digest, fetch, put, told, tree

FORMAT = 1
WAREHOUSE = "warehouse"
MANIFESTS, OBJECTS, JSON = "backups", "objects", ".json"
MARKER = "restoring.json"
PASSES = 3
COPIERS = 8
REMEDY = "take an earlier backup, or copy it again from where it came"


@dataclass(frozen=True)
class Backup:
    """One backup: when it was made and by which version, the schema's revision, rows by table, and contents by file.

    A file is named by its place and the path there: `lake/enrollment/...`, `warehouse/<table>/<part>.parquet`. `new_bytes` is
    what this backup added to its target.
    """

    name: str
    made_at: str
    platform: str
    revision: str | None
    about: Mapping[str, str]
    tables: Mapping[str, int]
    files: Mapping[str, Content]
    new_bytes: int = 0

    @property
    def size(self) -> int:
        return sum(content.size for content in self.files.values())

    def paths(self, place: str) -> dict[str, Content]:
        """The files of one place by their path there."""
        return {name.removeprefix(f"{place}/"): of for name, of in self.files.items() if name.startswith(f"{place}/")}


def names(target: Location) -> list[str]:
    """The complete backups at the target, oldest first."""
    return stems(target / MANIFESTS, JSON)


def make(
    target: Location,
    url: str,
    tables: Sequence[Table],
    places: Mapping[str, Location],
    *,
    version: str,
    about: Mapping[str, str],
    now: datetime,
    moving: Sequence[str] = (),
) -> Backup:
    """Makes a backup of stored `tables` of the warehouse at `url` and of everything in `places`.

    The tables are read in one transaction, before the files, which are behind them in no case: what a killed run leaves looks
    the same, and is made good by the next run. When a file changes meanwhile everything is looked at again, unless its place is
    `moving`. Contents that the target has are not copied again. Raises StorageError, and leaves no backup, when files change
    again and again.
    """
    store = _Store(target)
    for _ in range(PASSES):
        kept = _copied(store, url, tables, places, moving)
        if kept is not None:
            break
    else:
        raise StorageError(f"files went on changing while {PASSES} backups were begun; back up when no run writes them")
    files, n_rows = kept
    content = {
        "format": FORMAT,
        "made_at": now.isoformat(timespec="seconds"),
        "platform": version,
        "revision": dump.revision(url),
        "about": dict(about),
        "tables": n_rows,
        "files": {name: asdict(files[name]) for name in sorted(files)},
    }
    data = f"{json.dumps(content, indent=1, ensure_ascii=False)}\n".encode()
    name = f"{now:%Y-%m-%dT%H%M%SZ}-{hashlib.sha256(data).hexdigest()[:16]}"
    place = target / MANIFESTS / f"{name}{JSON}"
    with staging(place) as aside:
        manifest = aside / "manifest"
        manifest.touch(mode=0o600)
        manifest.write_bytes(data)
        move_whole(manifest, place)
    return _parsed(name, content, store.new_bytes)


def read(source: Location, name: str | None = None) -> Backup:
    """A backup's manifest, the newest one's unless named. Raises StorageError for one that is damaged, unknown or too new."""
    found = names(source)
    if not found or (name is not None and name not in found):
        there = f"there are {', '.join(found)}" if found else "one is complete once its manifest is written"
        raise StorageError(f"{source}: no {'backup' if name is None else f'backup {name}'} is there; {there}")
    name = name or found[-1]
    place = source / MANIFESTS / f"{name}{JSON}"
    data = read_whole(place)
    if hashlib.sha256(data).hexdigest()[:16] != name.rpartition("-")[2]:
        raise StorageError(f"{place}: the manifest was changed or is damaged; {REMEDY}")
    content = json.loads(data)
    if content["format"] > FORMAT:
        raise StorageError(
            f"{place}: made by version {content['platform']} in a form unknown to this version; install that one first"
        )
    return _parsed(name, content)


def check(source: Location, backup: Backup) -> None:
    """Reads every file of the backup. Raises StorageError naming those that are missing or are not what was kept."""

    def wrong(name: str) -> str | None:
        expected = backup.files[name]
        try:
            found = digest(_object(source, expected))
        except MissingFileError:
            return f"{name} is missing ({OBJECTS}/{expected.sha256[:2]}/{expected.sha256})"
        return None if found == expected else f"{name} is damaged: {told(found)}, where {told(expected)} was kept"

    with ThreadPoolExecutor(COPIERS) as readers:
        damaged = [words for words in readers.map(wrong, backup.files) if words]
    if damaged:
        more = f" and {len(damaged) - 5:,} more" if len(damaged) > 5 else ""
        raise StorageError(f"{source}, backup {backup.name}: {'; '.join(damaged[:5])}{more}; {REMEDY}; nothing was restored")


def restore(
    source: Location,
    backup: Backup,
    url: str,
    tables: Sequence[Table],
    places: Mapping[str, Location],
    marked: str,
    stay: Mapping[Table, pa.Table],
) -> None:
    """Puts everything of a checked backup in place of what is in `places` and in `tables`, in an order that can be repeated.

    First a mark in the place `marked` that says which backup is being restored; then files, those that the backup does not hold
    going; then the whole warehouse, with the rows that are to `stay`, in one transaction; then the mark goes.
    Raises StorageError.
    """
    mark = places[marked] / MARKER
    write_whole(mark, f"{backup.name}\n".encode())
    for place, folder in places.items():
        _replace_files(source, backup.paths(place), folder)
    expected = dict(backup.tables) | {
        table.name: backup.tables.get(table.name, 0) + rows.num_rows for table, rows in stay.items()
    }
    dump.read_in(url, tables, chain(_rows(source, backup, tables), stay.items()), expected)
    remove(mark)


def unfinished(marked: Location) -> str | None:
    """The backup whose restore was begun and not ended; None when there is none."""
    try:
        return read_whole(marked / MARKER).decode().strip()
    except MissingFileError:
        return None


def rows_of(source: Location, backup: Backup, table: Table) -> Iterator[pa.Table]:
    """The backed-up rows of a stored table, part by part. Raises StorageError when they have another shape than it has now."""
    import pyarrow.parquet as pq

    for path, expected in backup.paths(f"{WAREHOUSE}/{table.name}").items():
        rows = pq.read_table(pa.BufferReader(read_whole(_object(source, expected))), use_threads=False)
        if not rows.schema.equals(table.arrow_schema()):
            raise StorageError(
                f"{WAREHOUSE}/{table.name}/{path}: other columns than table {table.name} has in this version; restore with "
                f"version {backup.platform}, then upgrade"
            )
        yield rows


class ChangedError(StorageError):
    """A file changed while it was read."""


class _Store:
    """The contents at a target, and what this backup adds to them."""

    def __init__(self, target: Location) -> None:
        self._target, self.new_bytes = target, 0
        self._sizes = {path.rpartition("/")[2]: stamp.size for path, stamp in tree(target / OBJECTS).items()}

    def keep_all(self, folder: Location) -> list[tuple[str, Content]]:
        paths = list(tree(folder))
        with ThreadPoolExecutor(COPIERS) as copiers:
            return list(zip(paths, copiers.map(lambda path: self._keep(below(folder, path)), paths), strict=True))

    def keep_rows(self, table: Table, rows: pa.Table) -> Content:
        import pyarrow.parquet as pq

        with staging(self._target / OBJECTS) as aside:
            file = aside / "rows"
            file.touch(mode=0o600)
            pq.write_table(rows, file, **encoding(table))
            return self._keep(file)

    def _keep(self, source: Location) -> Content:
        content = digest(source)
        if self._sizes.get(content.sha256) == content.size:
            return content
        place = _object(self._target, content)
        with staging(place) as aside:
            copy = aside / "copy"
            if fetch(source, copy) != content:
                raise ChangedError(f"{source} changed while it was read")
            move_whole(copy, place)
        self._sizes[content.sha256] = content.size
        self.new_bytes += content.size
        return content


def _object(target: Location, content: Content) -> Location:
    return target / OBJECTS / content.sha256[:2] / content.sha256


def _copied(
    store: _Store, url: str, tables: Sequence[Table], places: Mapping[str, Location], moving: Sequence[str]
) -> tuple[dict[str, Content], dict[str, int]] | None:
    """Contents by file and rows by table; None when a file changed meanwhile."""
    before = _stamps(places, moving)
    files, n_rows = {}, dict.fromkeys((table.name for table in tables), 0)
    with closing(dump.read_out(url, tables)) as parts:
        for table, part, rows in parts:
            files[f"{WAREHOUSE}/{table.name}/{part}{SUFFIX}"] = store.keep_rows(table, rows)
            n_rows[table.name] += rows.num_rows
    try:
        for place, folder in places.items():
            files |= {f"{place}/{path}": content for path, content in store.keep_all(folder)}
    except (MissingFileError, ChangedError):
        return None
    return (files, n_rows) if _stamps(places, moving) == before else None


def _stamps(places: Mapping[str, Location], moving: Sequence[str]) -> dict[str, dict[str, Stamp]]:
    return {name: tree(folder) for name, folder in places.items() if name not in moving}


def _replace_files(source: Location, wanted: Mapping[str, Content], folder: Location) -> None:
    gone = sorted(set(tree(folder)) - {*wanted, MARKER})
    with ThreadPoolExecutor(COPIERS) as copiers:
        list(copiers.map(lambda path: put(_object(source, wanted[path]), below(folder, path), wanted[path]), wanted))
        list(copiers.map(lambda path: remove(below(folder, path)), gone))


def _rows(source: Location, backup: Backup, tables: Sequence[Table]) -> Iterator[tuple[Table, pa.Table]]:
    return ((table, rows) for table in tables for rows in rows_of(source, backup, table))


def _parsed(name: str, content: Mapping[str, Any], new_bytes: int = 0) -> Backup:
    files = {path: Content(**of) for path, of in content["files"].items()}
    about = {key: content[key] for key in ("made_at", "platform", "revision", "about", "tables")}
    return Backup(name, **about, files=files, new_bytes=new_bytes)
