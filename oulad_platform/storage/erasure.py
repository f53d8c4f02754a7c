"""One person's rows and files, counted or removed, in each place where results are kept.

Who is to be erased, what is said of it and what is made again afterwards is `defs.erasure`'s.
"""

from __future__ import annotations

import csv
import email
import email.policy
import io
from collections.abc import Collection, Sequence
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa

from oulad_platform.core.pseudonyms import STUDENT_KEYS, normalised
from oulad_platform.core.tables import STUDENT_KEY, Table, stored, student_column
from oulad_platform.storage.building import lock
from oulad_platform.storage.database import Database
from oulad_platform.storage.files import Location, location, read_whole, remove, stems, write_whole
from oulad_platform.storage.lake import VERSIONS, Lake
from oulad_platform.storage.parquet import SUFFIX, encoding
from oulad_platform.storage.schema import sql_table
from oulad_platform.storage.slices import day_column
from oulad_platform.storage.trees import below, tree

if TYPE_CHECKING:
    import sqlalchemy as sa

IDENTIFIERS = ("id_student", "student_id", STUDENT_KEY.name)
MESSAGE = ".eml"


def erase_from_lake(lake: Lake, line: str, table: Table, student: str, *, apply: bool) -> int:
    """Rows of the table about the student, in every day, part and version; removed if `apply`, one file after the other."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    n_rows = 0
    for suffix in ("", VERSIONS):
        folder = location(lake.uri) / line / f"{table.name}{suffix}"
        for file in (folder / f"{stem}{SUFFIX}" for stem in stems(folder, SUFFIX)):
            content = pa.BufferReader(read_whole(file))
            is_theirs = _about(content, table, student)
            n_rows += pc.sum(is_theirs).as_py() or 0
            if apply and pc.any(is_theirs).as_py():
                left = pq.ParquetFile(content).read(use_threads=False).filter(pc.invert(is_theirs))
                sink = pa.BufferOutputStream()
                pq.write_table(left.replace_schema_metadata(None), sink, **encoding(table))
                write_whole(file, sink.getvalue().to_pybytes())
    return n_rows


def first_day_in_lake(lake: Lake, line: str, table: Table, student: str) -> date | None:
    """The first stored day of a daily table with a row about the student; None without any."""
    import pyarrow.compute as pc

    folder = location(lake.uri) / line / table.name
    contents = ((day, pa.BufferReader(read_whole(folder / f"{day}{SUFFIX}"))) for day in lake.days(line, table))
    return next((day for day, content in contents if pc.any(_about(content, table, student)).as_py()), None)


def _about(content: pa.BufferReader, table: Table, student: str) -> pa.ChunkedArray:
    """Whether each row of a parquet file is about the student."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    name = str(student_column(table))
    persons = pq.ParquetFile(content).read([name], use_threads=False)[name]
    known = [one for one in pc.unique(persons).to_pylist() if one is not None and normalised(one) == student]
    return pc.is_in(persons, pa.array(known, persons.type))


def erase_from_database(database: Database, tables: Sequence[Table], keys: Collection[str], *, apply: bool) -> dict[str, int]:
    """Rows with one of the pseudonyms, by table, for the tables that hold any; removed, all in one transaction, if `apply`."""

    def work(connection: sa.Connection) -> dict[str, int]:
        import sqlalchemy as sa

        found = {}
        if apply:
            lock(connection, STUDENT_KEYS.name)
        for table in map(stored, tables):
            declared = sql_table(table)
            theirs = declared.c[STUDENT_KEY.name].in_(list(keys))
            n_rows = connection.execute(sa.select(sa.func.count()).select_from(declared).where(theirs)).scalar_one()
            if n_rows:
                found[table.name] = int(n_rows)
            if apply and n_rows:
                connection.execute(sa.delete(declared).where(theirs))
        return found

    return database.transaction(work, writes=apply)


def first_day(database: Database, table: Table, keys: Collection[str]) -> date | None:
    """The first day of which a daily table has a row with one of the pseudonyms; None without any."""

    def work(connection: sa.Connection) -> date | None:
        import sqlalchemy as sa

        declared = sql_table(stored(table)).c
        found: date | None = connection.execute(
            sa.select(sa.func.min(declared[day_column(table)])).where(declared[STUDENT_KEY.name].in_(list(keys)))
        ).scalar_one()
        return found

    return database.transaction(work, writes=False)


def erase_from_files(folder: Location, student: str, keys: Collection[str], *, apply: bool) -> dict[str, int]:
    """Lines about the student in CSV files below the folder, by path, and 1 for another file that names a pseudonym.

    If `apply`, lines are taken out of CSV files, and other files that name the person are removed: the next run makes them anew.
    """
    found = {}
    for path in tree(folder):
        content = read_whole(below(folder, path))
        if path.endswith(".csv"):
            n_lines, left = _without(content, student, keys)
            if n_lines:
                found[path] = n_lines
            if n_lines and apply:
                write_whole(below(folder, path), left)
        elif any(key.encode() in content for key in keys):
            found[path] = 1
            if apply:
                remove(below(folder, path))
    return found


def erase_from_outbox(folder: Location, student: str, keys: Collection[str], *, apply: bool) -> int:
    """Messages with the student in a list that is attached; removed with what is noted about them if `apply`."""
    paths, n_messages = list(tree(folder)), 0
    for path in (path for path in paths if path.endswith(MESSAGE)):
        message = email.message_from_bytes(read_whole(below(folder, path)), policy=email.policy.default)
        lists = [part.get_payload(decode=True) for part in message.walk() if part.get_content_type() == "text/csv"]
        if not any(_without(content, student, keys)[0] for content in lists if isinstance(content, bytes)):
            continue
        n_messages += 1
        if apply:
            name = path.removesuffix(MESSAGE)
            for other in sorted(one for one in paths if one.startswith(f"{name}.")):
                remove(below(folder, other))
    return n_messages


def _without(content: bytes, student: str, keys: Collection[str]) -> tuple[int, bytes]:
    """How many lines of a CSV are about the student, and the file without them; 0 where no column holds students."""
    text = content.decode("utf-8", errors="surrogateescape")
    lines = text.splitlines(keepends=True)
    rows = list(csv.reader(io.StringIO(text, newline="")))
    columns = [place for place, name in enumerate(rows[0]) if name.lstrip("\ufeff") in IDENTIFIERS] if rows else []
    names = {student, *keys}
    theirs = {n for n, row in enumerate(rows) for place in columns if place < len(row) and normalised(row[place]) in names}
    if not theirs:
        return 0, content
    if len(lines) == len(rows):
        left = "".join(line for n, line in enumerate(lines) if n not in theirs)
    else:
        sink = io.StringIO(newline="")
        csv.writer(sink).writerows(row for n, row in enumerate(rows) if n not in theirs)
        left = sink.getvalue()
    return len(theirs), left.encode("utf-8", errors="surrogateescape")
