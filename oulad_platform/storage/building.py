"""Tables and views made in a database from their declarations, inside a running transaction; and who waits for whom.

How a warehouse gets from one version of the platform to the next is `storage.migrations`'.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from oulad_platform.core.tables import Table, View
from oulad_platform.storage.engines import RESTRICTED
from oulad_platform.storage.errors import SchemaMismatchError, StorageError
from oulad_platform.storage.schema import difference, missing_indexes, sql_table

if TYPE_CHECKING:
    import sqlalchemy as sa

LOCK_SECONDS = 10
PUBLISH_SECONDS = 600
OLDEST_POSTGRES = 15
OTHER_COLUMNS = "42P16"


def lock(connection: sa.Connection, *names: str, shared: Collection[str] = ()) -> None:
    """One writer of a table at a time, none while a table that refers to it is written; SQLite has locked the whole file."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{PUBLISH_SECONDS}s'")
        for name in sorted({*names, *shared}):
            function = "pg_advisory_xact_lock" if name in names else "pg_advisory_xact_lock_shared"
            key = int.from_bytes(hashlib.sha256(f"oulad_platform {name}".encode()).digest()[:8], "big", signed=True)
            connection.exec_driver_sql(f"SELECT {function}(%s)", (key,))
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")


def create_tables(connection: sa.Connection, label: str, tables: Sequence[Table]) -> None:
    """Creates the stored tables, and indexes of theirs, that are missing; each table comes after those it refers to.

    Raises SchemaMismatchError, before any change, when a table is there with other columns, types or keys than declared.
    """
    import sqlalchemy as sa

    inspector = sa.inspect(connection)
    there = [table for table in tables if inspector.has_table(table.name)]
    require_declared(inspector, label, [sql_table(table) for table in there])
    missing = [index for table in there for index in missing_indexes(inspector, sql_table(table))]
    for table in tables:
        if table not in there:
            with _in_its_schema(connection, table):
                sql_table(table).create(connection)
    for index in missing:
        index.create(connection)


@contextmanager
def _in_its_schema(connection: sa.Connection, table: Table) -> Iterator[None]:
    """On PostgreSQL a restricted table is created in the schema of that name; SQLite has no schemas."""
    if not table.restricted or connection.dialect.name == "sqlite":
        yield
        return
    connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {RESTRICTED}")
    connection.exec_driver_sql(f"SET LOCAL search_path = {RESTRICTED}, public")
    yield
    connection.exec_driver_sql(f"SET LOCAL search_path = public, {RESTRICTED}")


def require_declared(inspector: sa.Inspector, label: str, declared: Iterable[sa.Table]) -> None:
    """Raises SchemaMismatchError for a table that is there otherwise than declared."""
    for table in declared:
        differs = difference(inspector, table)
        if differs:
            raise SchemaMismatchError(
                f"{label}: table {table.name} is not as declared: {differs}; nothing was changed; "
                "migrate it, or drop it and materialize it again"
            )


def require_server(connection: sa.Connection, label: str) -> None:
    """Raises StorageError for a PostgreSQL whose views cannot run with their reader's rights."""
    version = connection.dialect.server_version_info or (0,)
    if connection.dialect.name == "postgresql" and version[0] < OLDEST_POSTGRES:
        raise StorageError(
            f"{label}: the server is PostgreSQL {version[0]}; views with their reader's rights (security_invoker), without which "
            f"a view would show what its reader may not see, need PostgreSQL {OLDEST_POSTGRES} or newer"
        )


def view_statement(dialect: sa.Dialect, view: View) -> str:
    """What makes the view, with the rights of who reads it."""
    name, select = dialect.identifier_preparer.quote(view.name), view.select[dialect.name].strip()
    if dialect.name == "sqlite":
        return f"CREATE VIEW {name} AS {select}"
    return f"CREATE OR REPLACE VIEW {name} WITH (security_invoker = true) AS {select}"


def view_mark(dialect: sa.Dialect, view: View) -> str:
    """What says in the database which statement made the view: the statement on SQLite, a comment with its hash elsewhere."""
    statement = view_statement(dialect, view)
    return statement if dialect.name == "sqlite" else f"{view.grain} [{hashlib.sha256(statement.encode()).hexdigest()[:12]}]"


def view_marks(connection: sa.Connection) -> dict[str, str]:
    """`view_mark` of each view that is there, by name."""
    query = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'view'"
        if connection.dialect.name == "sqlite"
        else "SELECT relname, obj_description(oid, 'pg_class') FROM pg_class "
        "WHERE relkind = 'v' AND relnamespace = to_regnamespace('public')"
    )
    return dict(connection.exec_driver_sql(query).tuples().all())


def create_views(connection: sa.Connection, views: Sequence[View]) -> list[str]:
    """Makes anew the views whose statement changed, and says which; nobody is waited for without need.

    Grants stay where a view is replaced in place. PostgreSQL does that only while its columns stay as they are: else all views
    are dropped and made, and grants have to be given again.
    """
    import sqlalchemy as sa

    known, dialect = view_marks(connection), connection.dialect
    made = [view for view in views if known.get(view.name) != view_mark(dialect, view)]
    names = [dialect.identifier_preparer.quote(view.name) for view in views]
    if dialect.name == "sqlite":
        for view in made:
            connection.exec_driver_sql(f"DROP VIEW IF EXISTS {dialect.identifier_preparer.quote(view.name)}")
            connection.exec_driver_sql(view_statement(dialect, view))
        return [view.name for view in made]
    in_place = connection.begin_nested()
    try:
        _replace_views(connection, made)
        in_place.commit()
    except sa.exc.DBAPIError as error:
        in_place.rollback()
        if getattr(error.orig, "pgcode", None) != OTHER_COLUMNS:
            raise
        made = list(views)
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {', '.join(names)}")
        _replace_views(connection, made)
    return [view.name for view in made]


def _replace_views(connection: sa.Connection, views: Iterable[View]) -> None:
    for view in views:
        name = connection.dialect.identifier_preparer.quote(view.name)
        connection.exec_driver_sql(view_statement(connection.dialect, view).replace("%", "%%"))
        connection.exec_driver_sql(f"COMMENT ON VIEW {name} IS %s", (view_mark(connection.dialect, view),))


def ddl(tables: Sequence[Table], dialect: str) -> str:
    """The script that creates these stored tables in an empty database: what `create_tables` would run there."""
    import sqlalchemy as sa

    statements: list[str] = []

    def note(statement: sa.ExecutableDDLElement, *_: object, **__: object) -> None:
        text = str(statement.compile(dialect=connection.dialect)).strip()
        statements.append(text.replace("%%", "%"))  # doubled for the driver's placeholders

    connection = sa.create_mock_engine(f"{dialect}://", note)
    has_schemas = dialect == "postgresql"
    if has_schemas:
        statements.append(f"CREATE SCHEMA IF NOT EXISTS {RESTRICTED}")
    for table in tables:
        schema = RESTRICTED if table.restricted and has_schemas else None
        if schema:
            statements.append(f"SET LOCAL search_path = {schema}, public")
        sql_table(table).create(connection, checkfirst=False)
        if schema:
            statements.append(f"SET LOCAL search_path = public, {schema}")
    return ";\n".join(statements) + ";\n"
