"""The lake: parquet files, one for each table and day or table and part, in a folder or an S3 bucket.

Layout: `<line>/<table>/<YYYY-MM-DD>.parquet` or `<line>/<table>/<part>.parquet`; a table kept whole is its part `all`. A file
without rows says that there was nothing; no file says that it is unknown. Frames arrive validated; no rule is checked here.
A day that was corrected has all its versions beside, written once: `<line>/<table>.versions/<YYYY-MM-DD>.v<n>.parquet`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import TYPE_CHECKING, TypeVar

import pandas as pd
import pyarrow as pa

from oulad_platform.core.tables import Table
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
from oulad_platform.storage.parquet import SUFFIX, difference, encoding, projected, stage
from oulad_platform.storage.slices import arrow_rows, day_column, rows_by_day

if TYPE_CHECKING:
    import pyarrow.parquet as pq

WHOLE = "all"
FACTS = "facts"
VERSIONS = ".versions"
READERS = 8

Name = TypeVar("Name")
Content = TypeVar("Content")


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

    def replace_day_versioned(self, line: str, table: Table, frame: pd.DataFrame, day: date) -> int:
        """Replaces the day by the conforming frame and keeps what was there before; the version that is current now.

        The first rows of a day are version 1. Equal rows are the same version, and nothing is written. Otherwise the new
        version is first kept, under a number that one writer alone can take, then made current; so a killed or simultaneous
        call neither loses nor doubles one, and calling again ends what was begun.
        """
        ordered, _ = rows_by_day(table, frame, [day])
        rows = arrow_rows(table, ordered)
        while True:
            kept = self._kept(line, table, day)
            newest = self._bytes(line, table, day, kept[-1] if kept else None)
            if newest is not None and _holds(newest, rows):
                break
            if newest is not None and not kept:
                write_once(self._day_file(line, table, day, 1), newest)
                continue
            version = kept[-1] + 1 if kept else None
            if write_once(self._day_file(line, table, day, version), _parquet(table, rows)):
                break
        return self._settle(line, table, day)

    def versions(self, line: str, table: Table, day: date) -> list[int]:
        """The versions of the day that can be read, oldest first; the last is the current one. None for a day not stored."""
        kept = self._kept(line, table, day)
        return kept or ([1] if day in self.days(line, table) else [])

    def read_version(self, line: str, table: Table, day: date, version: int) -> pd.DataFrame:
        """The rows of one version of the day. Raises MissingFileError when there is no such version."""
        is_only_one = version == 1 and not self._kept(line, table, day)
        source = self._day_file(line, table, day, None if is_only_one else version)
        return table.from_arrow(self._parse(line, table, source).read(use_threads=False))

    def remove_days(self, line: str, table: Table, days: Iterable[date]) -> None:
        """Removes the days with all their versions; a day that is not stored is no error. The current rows go first."""
        gone = {day.isoformat() for day in days}
        for name in sorted(gone):
            remove(self._file(line, table, name))
        folder = self._folder(line, table, VERSIONS)
        for name in stems(folder, SUFFIX):
            if name.rpartition(".v")[0] in gone:
                remove(folder / f"{name}{SUFFIX}")

    def daily(
        self, line: str, table: Table, columns: Sequence[str] | None = None, dictionary: Sequence[str] = ()
    ) -> Parts[date, pa.Table]:
        """The stored days, each read as an Arrow table when it is asked for; only `columns`, in the table's order, if given.

        The text columns named in `dictionary` are read as dictionaries of int32 codes.
        """
        names, as_codes = projected(table, columns).names, projected(table, dictionary).names

        def read(day: date) -> pa.Table:
            return self._parse(line, table, self._day_file(line, table, day), as_codes).read(names, use_threads=False)

        return Parts(lambda: self.days(line, table), read, f"{table.name} has no day")

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
            rows = stage(table, chunks, aside)
            if not rows and not table.allow_empty:
                raise StorageError(f"{line}/{table.name}: no parts were given; an empty extract never replaces what is stored")
            obsolete = set(stems(folder, SUFFIX)) - set(rows)
            for part in rows:
                move_whole(aside / f"{part}{SUFFIX}", folder / f"{part}{SUFFIX}")
        for part in sorted(obsolete):
            remove(folder / f"{part}{SUFFIX}")
        return rows

    def parts(self, line: str, table: Table, columns: Sequence[str] | None = None) -> Parts[str, pd.DataFrame]:
        """The parts of a table by name, each read when it is asked for; only `columns`, in the table's order, if given."""
        kept = projected(table, columns)
        return Parts(
            lambda: stems(self._folder(line, table), SUFFIX),
            lambda part: kept.from_arrow(self._read(line, table, part, columns)),
            f"{table.name} has no part",
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

    def _folder(self, line: str, table: Table, suffix: str = "") -> Location:
        return self._root / safe_name(line) / safe_name(f"{table.name}{suffix}")

    def _file(self, line: str, table: Table, part: str) -> Location:
        return self._folder(line, table) / f"{safe_name(part)}{SUFFIX}"

    def _day_file(self, line: str, table: Table, day: date, version: int | None = None) -> Location:
        if version is None:
            return self._file(line, table, day.isoformat())
        return self._folder(line, table, VERSIONS) / f"{day}.v{version}{SUFFIX}"

    def _kept(self, line: str, table: Table, day: date) -> list[int]:
        """Versions of the day that are kept beside, oldest first; none as long as there is only one."""
        names = (name.rpartition(".v") for name in stems(self._folder(line, table, VERSIONS), SUFFIX))
        return sorted(int(number) for stem, _, number in names if stem == day.isoformat())

    def _bytes(self, line: str, table: Table, day: date, version: int | None = None) -> bytes | None:
        try:
            return read_whole(self._day_file(line, table, day, version))
        except MissingFileError:
            return None

    def _settle(self, line: str, table: Table, day: date) -> int:
        """Makes the newest version the current one, until no other writer has come in between; its number."""
        while kept := self._kept(line, table, day):
            newest = self._bytes(line, table, day, kept[-1])
            if newest is not None and newest != self._bytes(line, table, day):
                write_whole(self._day_file(line, table, day), newest)
            elif newest is not None:
                return kept[-1]
        return 1

    def _write(self, line: str, table: Table, part: str, rows: pa.Table) -> None:
        write_whole(self._file(line, table, part), _parquet(table, rows))

    def _read(self, line: str, table: Table, part: str, columns: Sequence[str] | None = None) -> pa.Table:
        names = None if columns is None else projected(table, columns).names
        return self._open(line, table, part).read(names, use_threads=False)

    def _open(self, line: str, table: Table, part: str) -> pq.ParquetFile:
        return self._parse(line, table, self._file(line, table, part))

    def _parse(self, line: str, table: Table, source: Location, dictionary: Sequence[str] = ()) -> pq.ParquetFile:
        import pyarrow.parquet as pq

        stored = pq.ParquetFile(pa.BufferReader(read_whole(source)), read_dictionary=list(dictionary))
        schema = table.arrow_schema()
        found = pa.schema([f.with_type(pa.string()) if pa.types.is_dictionary(f.type) else f for f in stored.schema_arrow])
        if not found.equals(schema):
            raise SchemaMismatchError(
                f"{source}: {difference(found, schema)}; materialize {line}/{table.name} again in the new shape"
            )
        return stored


class Parts(Mapping[Name, Content]):
    """The parts of a table, by name in sorted order. Each access reads one part anew, so that memory holds what is kept of it."""

    def __init__(self, names: Callable[[], list[Name]], read: Callable[[Name], Content], missing: str) -> None:
        self._names, self._read, self._missing = names, read, missing

    def __getitem__(self, part: Name) -> Content:
        try:
            return self._read(part)
        except MissingFileError as error:
            raise KeyError(f"{self._missing} {part!r}") from error

    def __contains__(self, part: object) -> bool:
        return part in self._names()

    def __iter__(self) -> Iterator[Name]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())


def _parquet(table: Table, rows: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    buffer = pa.BufferOutputStream()
    pq.write_table(rows, buffer, **encoding(table))
    content: bytes = buffer.getvalue().to_pybytes()
    return content


def _holds(content: bytes, rows: pa.Table) -> bool:
    """Whether a file's bytes, also of an older shape, are these very rows."""
    import pyarrow.parquet as pq

    stored = pq.ParquetFile(pa.BufferReader(content))
    return stored.schema_arrow.equals(rows.schema) and stored.read(use_threads=False).equals(rows)
