"""The warehouse: declared tables in PostgreSQL or SQLite, replaced a slice at a time, each slice in one transaction.

A killed, failed or concurrent publish leaves one writer's rows whole. Frames arrive validated; the database's own constraints
are the last line. SQL of tables is in `storage.schema`, drivers and bulk copy in `storage.engines`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
import pyarrow as pa

from oulad_platform.core.pseudonyms import DEMO, ERASURES, STUDENT_KEYS, Pseudonyms
from oulad_platform.core.tables import Column, Table, View, stored, student_column
from oulad_platform.storage import building, engines
from oulad_platform.storage.errors import MissingTableError, StorageError
from oulad_platform.storage.identities import Identities, keys_of, note, pseudonymous
from oulad_platform.storage.schema import sql_table, with_referred
from oulad_platform.storage.slices import arrow_rows, day_column, rows_by_day

if TYPE_CHECKING:
    import sqlalchemy as sa

RETRY_WAITS = (0.5, 1, 2, 4, 8, 8)

PUBLISHED_DAYS = Table(
    "published_days",
    "One row per table and day that was published, also where the day has no rows: nothing is not unknown.",
    (
        Column("table_name", "text", "The table."),
        Column("day", "date", "The day that was published."),
        Column("n_rows", "int32", "Rows of the table on that day.", "rows", minimum=0),
    ),
    key=("table_name", "day"),
)

Result = TypeVar("Result")


class Database:
    """A warehouse by its URL: `postgresql://user:password@host/name` (or `postgres://`) or `sqlite:///folder/file.db`.

    Methods raise StorageError when the database cannot be used, without password and without any row's values; a refused or
    dropped connection is tried again for some 20 seconds. Raises StorageError for a URL of another form.
    Students are stored under their pseudonyms; frames hold their identifiers.
    """

    def __init__(self, url: str, pseudonyms: Pseudonyms = DEMO) -> None:
        self._url = engines.parse_url(url)
        self._pseudonyms = pseudonyms

    @property
    def kind(self) -> engines.Kind:
        return "sqlite" if self._url.drivername == "sqlite" else "postgres"

    @property
    def label(self) -> str:
        """The database for people: user, host and name, no password and no options."""
        url = self._url
        return str(url.create(url.drivername.split("+")[0], url.username, None, url.host, url.port, url.database))

    @property
    def dialect(self) -> sa.Dialect:
        """How SQL is written here."""
        return self._engine.dialect

    @property
    def server(self) -> tuple[str, str] | None:
        """host:port and name of a PostgreSQL database, for people's own tools; None for SQLite."""
        url = self._url
        return None if self.kind == "sqlite" else (f"{url.host or 'localhost'}:{url.port or 5432}", str(url.database))

    def create(self, tables: Sequence[Table], views: Sequence[View] = ()) -> None:
        """Creates what is missing: tables, those they refer to, indexes, PUBLISHED_DAYS; safe for several processes at once.

        Raises SchemaMismatchError, before any change, when a table is there with other columns, types or keys than declared.
        A view is made anew only when its statement changed, so that grants stay and readers are not waited for. A whole
        warehouse, with its revision and its roles, is `storage.migrations`'.
        """
        declared = with_referred([*map(stored, tables), PUBLISHED_DAYS, STUDENT_KEYS, ERASURES])

        def work(connection: sa.Connection) -> None:
            building.lock(connection, "create")
            building.create_tables(connection, self.label, declared)
            building.create_views(connection, views)

        self._write(work)

    def replace_days(self, table: Table, frame: pd.DataFrame, days: Sequence[date]) -> dict[date, int]:
        """Replaces the rows of `days` by the conforming frame's, in one transaction; rows per day, their sum counted afterwards.

        The same transaction records each of `days` as published, also one without rows.

        Raises StorageError, and changes nothing, for rows of another day, a broken constraint or a count that is off.
        """
        frame, slices = rows_by_day(table, frame, days)
        expected = {day: where.stop - where.start for day, where in slices.items()}
        day = sql_table(stored(table)).c[day_column(table)]
        self._replace(table, frame, _within(day, list(expected)), expected)
        return expected

    def replace(self, table: Table, frame: pd.DataFrame) -> int:
        """Replaces all rows of the table by the conforming frame's, in one transaction; the number of rows counted afterwards.

        No day is recorded as published.
        """
        import sqlalchemy as sa

        self._replace(table, frame, sa.true())
        return len(frame)

    def append(self, frames: Mapping[Table, pd.DataFrame]) -> None:
        """Adds conforming frames' rows to those that are there, in one transaction. Raises StorageError for a key that is."""
        new = {stored(table): self._rows(table, frame) for table, frame in frames.items()}
        persons = [found for table, frame in frames.items() if (found := self._persons(table, frame)) is not None]

        def work(connection: sa.Connection) -> None:
            import sqlalchemy as sa

            shared = [reference.table.name for table in new for reference in table.references]
            building.lock(connection, *(table.name for table in new), *([STUDENT_KEYS.name] if persons else []), shared=shared)
            building.require_declared(sa.inspect(connection), self.label, [sql_table(table) for table in new])
            for each in persons:
                note(connection, each, self._pseudonyms)
            for table, rows in new.items():
                engines.insert(connection, table, rows)

        self._write(work)

    def clear(self, tables: Sequence[Table]) -> None:
        """Deletes all rows of `tables` and every published day, in one transaction. Raises MissingTableError."""
        declared = [sql_table(stored(table)) for table in (*tables, PUBLISHED_DAYS)]

        def work(connection: sa.Connection) -> None:
            import sqlalchemy as sa

            building.lock(connection, *(table.name for table in declared))
            for table in declared:
                connection.execute(sa.delete(table))

        self._write(work)

    def read_days(self, table: Table, days: Sequence[date] | None = None) -> pd.DataFrame:
        """The rows of `days` (None: of all) as a conforming frame in key order. Raises MissingTableError."""
        declared = sql_table(stored(table))
        return self._select(table, None if days is None else _within(declared.c[day_column(table)], sorted(set(days))))

    def read(self, table: Table) -> pd.DataFrame:
        """All rows as a conforming frame in key order. Raises MissingTableError."""
        return self._select(table, None)

    def days(self, table: Table) -> list[date]:
        """The days that `replace_days` published, also those without rows, sorted. Raises MissingTableError without `create`."""
        import sqlalchemy as sa

        day_column(table)
        published = sql_table(PUBLISHED_DAYS).c
        query = sa.select(published.day).where(published.table_name == table.name).order_by(published.day)
        return self._read(lambda connection: list(connection.execute(query).scalars()))

    def newest_day(self, table: Table) -> date | None:
        """The latest day that has rows; None for an empty table. Raises MissingTableError."""
        import sqlalchemy as sa

        newest = sa.select(sa.func.max(sql_table(stored(table)).c[day_column(table)]))
        found: date | None = self._read(lambda connection: connection.execute(newest).scalar_one())
        return found

    def count(self, table: Table) -> int:
        """The number of rows. Raises MissingTableError."""
        import sqlalchemy as sa

        rows = sa.select(sa.func.count()).select_from(sql_table(stored(table)))
        return int(self._read(lambda connection: connection.execute(rows).scalar_one()))

    def ping(self) -> str:
        """Connects once, without a second try, and says that it worked. Raises StorageError saying why that fails."""
        self._run(lambda connection: connection.exec_driver_sql("SELECT 1"), writes=False, waits=())
        return f"{self.label} answers"

    @cached_property
    def _engine(self) -> sa.Engine:
        return engines.make_engine(self._url)

    def _replace(
        self, table: Table, frame: pd.DataFrame, where: sa.ColumnElement[bool], published: Mapping[date, int] | None = None
    ) -> None:
        rows, persons, table = self._rows(table, frame), self._persons(table, frame), stored(table)
        declared = sql_table(table)
        written = [declared] if published is None else [declared, sql_table(PUBLISHED_DAYS)]

        def work(connection: sa.Connection) -> None:
            import sqlalchemy as sa

            names = [table.name] if persons is None else [table.name, STUDENT_KEYS.name]
            building.lock(connection, *names, shared=[reference.table.name for reference in table.references])
            inspector = sa.inspect(connection)
            for name in (each.name for each in written):
                if not inspector.has_table(name):
                    raise MissingTableError(f"{self.label}: there is no table {name}; create the warehouse's tables first")
            building.require_declared(inspector, self.label, written)
            if persons is not None:
                note(connection, persons, self._pseudonyms)
            connection.execute(sa.delete(declared).where(where))
            engines.insert(connection, table, rows)
            counted = connection.execute(sa.select(sa.func.count()).select_from(declared).where(where)).scalar_one()
            if counted != len(frame):
                raise StorageError(
                    f"{self.label}, {table.name}: {len(frame):,} rows were written, {counted:,} are there; nothing was changed; "
                    "look for a trigger or rule on the table"
                )
            if published is not None:
                _record(connection, table, published)

        self._write(work)

    @cached_property
    def _identities(self) -> Identities:
        return Identities(lambda: self._select(STUDENT_KEYS, None))

    def _rows(self, table: Table, frame: pd.DataFrame) -> pa.Table:
        """The frame as it is stored."""
        shaped = pseudonymous(table, frame, self._pseudonyms) if student_column(table) else frame
        return arrow_rows(stored(table), shaped)

    def _persons(self, table: Table, frame: pd.DataFrame) -> pd.DataFrame | None:
        """STUDENT_KEYS of who is in the frame; None for a table that is about no single student."""
        person = student_column(table)
        return None if person is None else keys_of(frame[person], self._pseudonyms)

    def _select(self, table: Table, where: sa.ColumnElement[bool] | None) -> pd.DataFrame:
        """Rows of a table, its students by their identifiers."""
        import sqlalchemy as sa

        logical, table = table, stored(table)
        declared = sql_table(table)
        text_order = "C" if self.kind == "postgres" else "BINARY"
        order = [
            sa.collate(declared.c[name], text_order) if table.column(name).kind == "text" else declared.c[name]
            for name in table.key
        ]
        query = sa.select(declared).order_by(*order)
        query = query if where is None else query.where(where)
        frame = table.from_arrow(self._read(lambda connection: engines.select(connection, table, query)))
        return frame if table is logical else self._identities.of(logical, frame)

    def transaction(self, work: Callable[[sa.Connection], Result], *, writes: bool) -> Result:
        """What `work` makes of a connection, in one transaction; tried again when the connection was lost."""
        return self._run(work, writes=writes, waits=RETRY_WAITS)

    def _read(self, work: Callable[[sa.Connection], Result]) -> Result:
        return self._run(work, writes=False, waits=RETRY_WAITS)

    def _write(self, work: Callable[[sa.Connection], Result]) -> Result:
        return self._run(work, writes=True, waits=RETRY_WAITS)

    def _run(self, work: Callable[[sa.Connection], Result], *, writes: bool, waits: Sequence[float]) -> Result:
        import sqlalchemy as sa

        errors = (sa.exc.DBAPIError, self._engine.dialect.loaded_dbapi.Error)

        for wait in (*waits, None):
            try:
                with self._engine.connect().execution_options(writes=writes) as connection, connection.begin():
                    return work(connection)
            except errors as error:
                if wait is None or not engines.is_lost(error):
                    raise engines.database_error(error, self.label) from None
                time.sleep(wait)
        raise AssertionError("the last wait is None")


def _record(connection: sa.Connection, table: Table, published: Mapping[date, int]) -> None:
    import sqlalchemy as sa

    records = sql_table(PUBLISHED_DAYS)
    connection.execute(sa.delete(records).where(records.c.table_name == table.name, _within(records.c.day, list(published))))
    columns = [[table.name] * len(published), list(published), list(published.values())]
    engines.insert(connection, PUBLISHED_DAYS, pa.table(columns, PUBLISHED_DAYS.arrow_schema()))


def _within(column: sa.Column[Any], days: Sequence[date]) -> sa.ColumnElement[bool]:
    """Whether a day is among the sorted `days`; a range when they follow one another without a gap."""
    if len(days) > 1 and days[-1] - days[0] == timedelta(days=len(days) - 1):
        return column.between(days[0], days[-1])
    return column.in_(days)
