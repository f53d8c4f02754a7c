"""The lake: parquet files, one for each table and day or table and part, in a folder or an S3 bucket.

Layout: `<line>/<table>/<YYYY-MM-DD>.parquet` or `<line>/<table>/<part>.parquet`; a table kept whole is its part `all`. A file
without rows says that there was nothing; no file says that it is unknown. Frames arrive validated; no rule is checked here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from oulad_platform.core.tables import Table, TableError
from oulad_platform.storage.errors import MissingFileError, MissingTableError, SchemaMismatchError, StorageError
from oulad_platform.storage.files import (
    Location,
    location,
    move_whole,
    probe,
    read_whole,
    remove,
    remove_all,
    safe_name,
    staging,
    stems,
    write_once,
    write_whole,
)
from oulad_platform.storage.slices import arrow_rows, day_column, rows_by_day

if TYPE_CHECKING:
    import pyarrow.parquet as pq

SUFFIX = ".parquet"
WHOLE = "all"
FACTS = "facts"
READERS = 8


class Lake:
    """The lake under a URI: a folder or `s3://bucket/prefix`.

    Every method raises StorageError when the place cannot be used, and SchemaMismatchError when a file there has other
    columns than its table declares.
    """

    def __init__(self, uri: str, region: str | None = None) -> None:
        self.uri = uri
        self._root = location(uri, region)

    def probe(self) -> str:
        """Tries the place with a small file and says that it worked. Raises StorageError with the reason when it does not."""
        return probe(self._root)

    def replace_days(self, line: str, table: Table, frame: pd.DataFrame, days: Sequence[date]) -> dict[date, int]:
        """Replaces each of `days` by its rows of the conforming frame, an empty file where it has none; rows written per day.

        Each day is replaced whole, one after the other. Raises StorageError, before any write, for rows of another day.
        """
        ordered, slices = rows_by_day(table, frame, days)
        rows = arrow_rows(table, ordered)
        for day, where in slices.items():
            self._write(line, table, day.isoformat(), rows.slice(where.start, where.stop - where.start))
        return {day: where.stop - where.start for day, where in slices.items()}

    def read_days(self, line: str, table: Table, days: Sequence[date]) -> pd.DataFrame:
        """The rows of those of `days` that are stored, as one conforming frame; without rows when none is."""
        stored = sorted(set(days) & set(self.days(line, table)))
        with ThreadPoolExecutor(READERS) as readers:
            read = list(readers.map(lambda day: self._read(line, table, day.isoformat()), stored))
        if not read:
            return table.empty()
        frame = table.from_arrow(pa.concat_tables(read))
        in_key_order = not table.key or table.key[0] == table.day
        return frame if in_key_order else frame.sort_values(list(table.key), kind="stable", ignore_index=True)

    def days(self, line: str, table: Table) -> list[date]:
        """The days that are stored, sorted."""
        day_column(table)
        return [date.fromisoformat(name) for name in stems(self._folder(line, table), SUFFIX)]

    def newest_day(self, line: str, table: Table) -> date | None:
        """The latest stored day that has rows; None when there is none."""
        newest_first = reversed(self.days(line, table))
        return next((day for day in newest_first if self._open(line, table, day.isoformat()).metadata.num_rows), None)

    def replace(self, line: str, table: Table, frame: pd.DataFrame) -> int:
        """Replaces a table that is kept whole; the number of rows written."""
        self._write(line, table, WHOLE, arrow_rows(table, frame))
        return len(frame)

    def read(self, line: str, table: Table) -> pd.DataFrame:
        """A table that is kept whole, as a conforming frame. Raises MissingTableError when it was never written."""
        try:
            return table.from_arrow(self._read(line, table, WHOLE))
        except MissingFileError as error:
            raise MissingTableError(
                f"The {line}/{table.name} table is empty. Materialize the asset {line}/{table.name} first."
            ) from error

    def replace_parts(self, line: str, table: Table, chunks: Iterable[tuple[str, pa.Table]]) -> dict[str, int]:
        """Replaces all parts by the chunks; chunks of the same part are appended in the order given. Rows written per part.

        Memory holds one chunk. Everything is staged aside and moved into place, part by part, once the chunks are exhausted:
        when they raise, or the process is killed before that, all earlier parts stay. Parts that no chunk names are removed.
        Raises StorageError when there are no chunks and the table may not be empty.
        """
        folder = self._folder(line, table)
        with staging(folder) as aside:
            rows = _stage(table, chunks, aside)
            if not rows and not table.allow_empty:
                raise StorageError(f"{line}/{table.name}: no parts were given; an empty extract never replaces what is stored")
            obsolete = set(stems(folder, SUFFIX)) - set(rows)
            for part in rows:
                move_whole(aside / f"{part}{SUFFIX}", folder / f"{part}{SUFFIX}")
        for part in sorted(obsolete):
            remove(folder / f"{part}{SUFFIX}")
        return rows

    def parts(self, line: str, table: Table, columns: Sequence[str] | None = None) -> Parts:
        """The parts of a table by name, each read when it is asked for; only `columns`, in the table's order, if given."""
        return Parts(
            lambda: stems(self._folder(line, table), SUFFIX),
            lambda part: self._read(line, table, part, columns),
            _projected(table, columns),
        )

    def remember(self, fact: str, value: str) -> str:
        """The value first remembered for `fact`; the given one, now kept for good, if there was none."""
        target = self._root / FACTS / f"{safe_name(fact)}.txt"
        try:
            return read_whole(target).decode()
        except MissingFileError:
            write_once(target, value.encode())
            return read_whole(target).decode()

    def clear(self) -> None:
        """Removes everything below the lake's URI, nothing outside it; the facts last, so that a killed call can be repeated."""
        remove_all(self._root, last=FACTS)

    def _folder(self, line: str, table: Table) -> Location:
        return self._root / safe_name(line) / safe_name(table.name)

    def _write(self, line: str, table: Table, part: str, rows: pa.Table) -> None:
        import pyarrow.parquet as pq

        buffer = pa.BufferOutputStream()
        pq.write_table(rows, buffer, **_encoding(table))
        write_whole(self._folder(line, table) / f"{safe_name(part)}{SUFFIX}", buffer.getvalue().to_pybytes())

    def _read(self, line: str, table: Table, part: str, columns: Sequence[str] | None = None) -> pa.Table:
        names = None if columns is None else _projected(table, columns).names
        return self._open(line, table, part).read(names, use_threads=False)

    def _open(self, line: str, table: Table, part: str) -> pq.ParquetFile:
        import pyarrow.parquet as pq

        source = self._folder(line, table) / f"{safe_name(part)}{SUFFIX}"
        stored = pq.ParquetFile(pa.BufferReader(read_whole(source)))
        schema = table.arrow_schema()
        if not stored.schema_arrow.equals(schema):
            raise SchemaMismatchError(
                f"{source}: {_difference(stored.schema_arrow, schema)}; materialize {line}/{table.name} again in the new shape"
            )
        return stored


class Parts(Mapping[str, pd.DataFrame]):
    """The parts of a table, by name in sorted order. Each access reads one part anew, so that memory holds what is kept of it."""

    def __init__(self, names: Callable[[], list[str]], read: Callable[[str], pa.Table], table: Table) -> None:
        self._names, self._read, self._table = names, read, table

    def __getitem__(self, part: str) -> pd.DataFrame:
        try:
            return self._table.from_arrow(self._read(part))
        except MissingFileError as error:
            raise KeyError(f"{self._table.name} has no part {part!r}") from error

    def __contains__(self, part: object) -> bool:
        return part in self._names()

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())


def _encoding(table: Table) -> dict[str, Any]:
    """zstd, and dictionaries for text alone: 5 M risk rows in 600 files take 53 MB and .65 CPU s to decode, where the writer's
    defaults take 82 MB and .48, and numbers in dictionaries cost twice the time to write."""
    return {"compression": "zstd", "use_dictionary": [c.name for c in table.columns if c.kind == "text"]}


def _bulk_encoding(table: Table) -> dict[str, Any]:
    """For parts of millions of rows, which are read whole: snappy without statistics takes half the time to write and twice
    the space of zstd. The Arrow schema is not stored, so that dictionaries are read back as plain texts."""
    return {**_encoding(table), "compression": "snappy", "write_statistics": False, "store_schema": False}


def _projected(table: Table, columns: Sequence[str] | None) -> Table:
    if columns is None:
        return table
    unknown = sorted(set(columns) - set(table.names))
    if unknown:
        raise TableError(f"table {table.name} has no columns {unknown}")
    kept = tuple(column for column in table.columns if column.name in columns)
    names = [column.name for column in kept]
    return dataclasses.replace(
        table, columns=kept, key=tuple(k for k in table.key if k in names), day=table.day if table.day in names else None
    )


def _difference(stored: pa.Schema, declared: pa.Schema) -> str:
    missing = [name for name in declared.names if name not in stored.names]
    extra = [name for name in stored.names if name not in declared.names]
    if missing or extra:
        return f"lacks the columns {missing}, holds the undeclared {extra}"
    changed = [f"{f.name} is {stored.field(f.name)}" for f in declared if not stored.field(f.name).equals(f)]
    return f"declared otherwise: {', '.join(changed)}" if changed else "its columns stand in another order"


def _stage(table: Table, chunks: Iterable[tuple[str, pa.Table]], folder: Path) -> dict[str, int]:
    import pyarrow.parquet as pq

    schema = table.chunk_schema()
    writers: dict[str, pq.ParquetWriter] = {}
    rows: dict[str, int] = {}
    with ExitStack() as open_files:
        for part, chunk in chunks:
            if set(chunk.column_names) != set(schema.names):
                raise SchemaMismatchError(f"{table.name}, part {part}: {_difference(chunk.schema, schema)}")
            if part not in writers:
                writer = pq.ParquetWriter(folder / f"{safe_name(part)}{SUFFIX}", schema, **_bulk_encoding(table))
                writers[part], rows[part] = open_files.enter_context(writer), 0
            writers[part].write_table(chunk.select(schema.names).cast(schema))
            rows[part] += chunk.num_rows
    return rows
