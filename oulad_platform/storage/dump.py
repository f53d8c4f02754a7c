"""The warehouse's tables out and in again, as they are stored: pseudonyms stay pseudonyms. Each way is one transaction.

Rows travel as Arrow tables, a table with a day column a month at a time, so that memory follows the month. Where they are kept
between is `storage.backup`'s.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from oulad_platform.core.tables import Table
from oulad_platform.storage import engines
from oulad_platform.storage.errors import StorageError
from oulad_platform.storage.schema import sql_table

if TYPE_CHECKING:
    import sqlalchemy as sa

LOCK_SECONDS = 10
WHOLE = "all"
Part = tuple[Table, str, pa.Table]


def revision(url: str) -> str | None:
    """The revision of the schema; None for a warehouse that was not made by migrations. Raises StorageError."""
    with _connection(url) as connection:
        return _revision(connection)


def counts(url: str, tables: Iterable[Table]) -> dict[str, int]:
    """Rows of each of `tables` that there is. Raises StorageError."""
    import sqlalchemy as sa

    with _connection(url) as connection:
        inspector = sa.inspect(connection)
        found = [table for table in tables if inspector.has_table(table.name)]
        return {table.name: _count(connection, table) for table in found}


def read_out(url: str, tables: Sequence[Table]) -> Generator[Part, None, None]:
    """The rows of stored `tables` as they are at one moment: table, part (a month, or the whole) and rows in key order.

    A table without rows has no part. Raises StorageError, MissingTableError.
    """
    import sqlalchemy as sa

    with _connection(url, isolation="REPEATABLE READ") as connection:
        for table in tables:
            query, n_rows = sa.select(sql_table(table)).order_by(*_order(connection, table)), 0
            for part, where in _parts(connection, table):
                rows = engines.select(connection, table, query.where(where))
                n_rows += rows.num_rows
                if rows.num_rows:
                    yield table, part, rows
            found = _count(connection, table)
            if n_rows != found:
                raise StorageError(
                    f"{table.name}: {found:,} rows are there, {n_rows:,} could be read; look for absent {table.day}"
                )


def read_in(url: str, tables: Sequence[Table], parts: Iterable[tuple[Table, pa.Table]], expected: Mapping[str, int]) -> None:
    """Replaces all rows of stored `tables` by those of the parts, counts them, and commits only then.

    Raises StorageError, and changes nothing, when a row is refused or a count is not the expected one.
    """
    import sqlalchemy as sa

    with _connection(url, writes=True) as connection:
        _lock(connection, tables)
        for table in reversed(tables):
            connection.execute(sa.delete(sql_table(table)))
        for table, rows in parts:
            engines.insert(connection, table, rows)
        for table in tables:
            found = _count(connection, table)
            if found != expected.get(table.name, 0):
                raise StorageError(
                    f"{table.name}: {expected.get(table.name, 0):,} rows were backed up, {found:,} are there now; nothing was "
                    "changed; look for a trigger or rule on the table, or for row security that keeps rows from this account"
                )


@contextmanager
def _connection(url: str, *, writes: bool = False, isolation: str | None = None) -> Iterator[sa.Connection]:
    import sqlalchemy as sa

    address = engines.parse_url(url)
    engine = engines.make_engine(address)
    label = str(address.set(password=None, query={}))
    options: dict[str, Any] = {"writes": writes}
    if isolation and engine.dialect.name == "postgresql":
        options["isolation_level"] = isolation
    try:
        with engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection
    except (sa.exc.DBAPIError, engine.dialect.loaded_dbapi.Error) as error:
        raise engines.database_error(error, label) from None


def _revision(connection: sa.Connection) -> str | None:
    import sqlalchemy as sa

    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _count(connection: sa.Connection, table: Table) -> int:
    import sqlalchemy as sa

    return int(connection.execute(sa.select(sa.func.count()).select_from(sql_table(table))).scalar_one())


def _order(connection: sa.Connection, table: Table) -> list[Any]:
    """The key; without one, all columns, so that equal rows make equal files."""
    import sqlalchemy as sa

    columns, text_order = sql_table(table).c, "C" if connection.dialect.name == "postgresql" else "BINARY"
    return [
        sa.collate(columns[name], text_order) if table.column(name).kind == "text" else columns[name]
        for name in table.key or table.names
    ]


def _parts(connection: sa.Connection, table: Table) -> list[tuple[str, sa.ColumnElement[bool]]]:
    import sqlalchemy as sa

    if table.day is None:
        return [(WHOLE, sa.true())]
    day = sql_table(table).c[table.day]
    days = sorted(connection.execute(sa.select(day).distinct()).scalars())
    months: dict[str, list[Any]] = {}
    for one in days:
        months.setdefault(f"{one:%Y-%m}", []).append(one)
    return [(month, day.between(of_month[0], of_month[-1])) for month, of_month in months.items()]


def _lock(connection: sa.Connection, tables: Sequence[Table]) -> None:
    """Nobody else writes meanwhile; SQLite has locked the whole file."""
    if connection.dialect.name == "postgresql":
        quote = connection.dialect.identifier_preparer.quote
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        connection.exec_driver_sql(f"LOCK TABLE {', '.join(quote(table.name) for table in tables)} IN EXCLUSIVE MODE")
