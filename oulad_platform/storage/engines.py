"""One engine for each kind of database: URLs, connections, locks, bulk copy, and what an error may say.

`postgresql+psycopg2` and `sqlite` are known. Which rows are replaced when is decided in `storage.database`.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from oulad_platform.core.tables import Column, Table
from oulad_platform.storage.errors import MissingTableError, StorageError
from oulad_platform.storage.schema import reference_name, sql_table

if TYPE_CHECKING:
    import sqlalchemy as sa

Kind = Literal["postgres", "sqlite"]

POSTGRES_SCHEMES = ("postgres", "postgresql", "postgresql+psycopg2")
RESTRICTED = "restricted"
CONNECT_SECONDS = 10
SQLITE_BUSY_SECONDS = 60
CHUNK_ROWS = 50_000
LOST = (
    "could not connect",
    "connection refused",
    "server closed the connection",
    "connection already closed",
    "terminating connection",
    "starting up",
    "shutting down",
    "timeout expired",
)


def parse_url(url: str) -> sa.URL:
    """The URL with psycopg2 as PostgreSQL's driver. Raises StorageError, without the URL in it, for any other form."""
    import sqlalchemy as sa

    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        parsed = None
    forms = "write postgresql://user:password@host:5432/name or sqlite:///folder/file.db"
    if parsed is None or "@" in (parsed.host or ""):
        raise StorageError(
            f"the database URL cannot be read; {forms}, and in the password @ as %40, : as %3A, / as %2F, % as %25"
        )
    if parsed.drivername == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed
    if parsed.drivername in POSTGRES_SCHEMES and parsed.database:
        query = {"connect_timeout": str(CONNECT_SECONDS), "application_name": "oulad_platform", **parsed.query}
        query["options"] = f"{parsed.query.get('options', '')} -csearch_path=public,{RESTRICTED}".strip()
        return parsed.set(drivername="postgresql+psycopg2", query=query)
    raise StorageError(f"the database URL begins with '{parsed.drivername}://' or names no database; {forms}")


def make_engine(url: sa.URL) -> sa.Engine:
    """An engine without a pool, whose transactions begin where `Database` says.

    SQLite: the file's folder is made, WAL and foreign keys are on, and a foreign key that stops a commit is named.
    """
    import sqlalchemy as sa

    if url.drivername != "sqlite":
        return sa.create_engine(url, poolclass=sa.NullPool, client_encoding="utf8")
    try:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{url}: its folder cannot be made: {error.strerror}") from error
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"timeout": SQLITE_BUSY_SECONDS})

    @sa.event.listens_for(engine, "connect")
    def _connected(connection: Any, _: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")

    @sa.event.listens_for(engine, "begin")
    def _begun(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")

    @sa.event.listens_for(engine, "commit")
    def _committing(connection: sa.Connection) -> None:
        driver: Any = connection.connection.driver_connection
        try:
            driver.commit()
        except driver.IntegrityError as error:
            for table, _, referred, _ in driver.execute("PRAGMA foreign_key_check"):
                raise type(error)(f"{error}: {reference_name(table, referred)} of {table}") from None
            raise

    return engine


def insert(connection: sa.Connection, table: Table, rows: pa.Table, known: Literal["refused", "kept"] = "refused") -> None:
    """Adds the rows inside the running transaction: COPY of CSV on PostgreSQL, executemany on SQLite; a chunk in memory.

    Rows whose key is there already are refused, or the stored ones are kept. COPY knows neither that nor row security: there the
    rows go into a temporary table first.
    """
    import sqlalchemy as sa

    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in table.names)
    prefix = "OR IGNORE" if known == "kept" else ""
    statement = str(sa.insert(sql_table(table)).prefix_with(prefix, dialect="sqlite").compile(dialect=connection.dialect))
    staged = table.restricted or table.row_security or known == "kept"
    target = quote(f"staged_{table.name}" if staged else table.name)
    cursor = connection.connection.cursor()
    try:
        if connection.dialect.name == "sqlite":
            for batch in rows.to_batches(max_chunksize=CHUNK_ROWS):
                cursor.executemany(statement, _tuples(table, batch))
            return
        if staged:
            cursor.execute(f"CREATE TEMPORARY TABLE {target} (LIKE {quote(table.name)}) ON COMMIT DROP")
        for batch in rows.to_batches(max_chunksize=CHUNK_ROWS):
            cursor.copy_expert(f"COPY {target} ({columns}) FROM STDIN WITH (FORMAT csv)", _csv(batch))
        if staged:
            conflict = " ON CONFLICT DO NOTHING" if known == "kept" else ""
            cursor.execute(f"INSERT INTO {quote(table.name)} ({columns}) SELECT {columns} FROM {target}{conflict}")  # noqa: S608 # nosec B608 - quoted
            cursor.execute(f"DROP TABLE {target}")
    finally:
        cursor.close()


def select(connection: sa.Connection, table: Table, query: sa.Select[Any]) -> pa.Table:
    """The query's rows in the table's Arrow schema: by COPY and the CSV reader on PostgreSQL, row by row on SQLite."""
    sql = str(query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(sql).fetchall()
        columns = list(zip(*rows, strict=True)) or [()] * len(table.columns)
        return pa.table(
            [_from_sqlite(column, values) for column, values in zip(table.columns, columns, strict=True)], table.arrow_schema()
        )
    buffer = io.BytesIO()
    cursor = connection.connection.cursor()
    try:
        cursor.copy_expert(f"COPY ({sql}) TO STDOUT WITH (FORMAT csv)", buffer)
    finally:
        cursor.close()
    return _from_csv(table, buffer)


def database_error(error: Exception, label: str) -> StorageError:
    """The driver's error in one sentence: constraint, column and code, never a row's values or a password."""
    original: Any = getattr(error, "orig", None) or error
    code = getattr(original, "pgcode", None)
    text = (str(original).strip().splitlines() or [""])[0]
    if code == "42P01" or text.startswith("no such table"):
        return MissingTableError(f"{label}: a table or view is not there: {text}. Materialize the asset that writes it first.")
    if code == "55P03":
        return StorageError(
            f"{label}: another session held a lock too long; end the transaction that is idle there, then run again"
        )
    if code == "57014":
        return StorageError(
            f"{label}: a statement ran into its time limit; look for a blocked or overloaded server, then run again"
        )
    if code and code.startswith("23"):
        rule = original.diag.constraint_name or f"NOT NULL of {original.diag.column_name}"
        if code == "23503":
            rule = f"{rule}: the row it refers to is not there"
        return StorageError(f"{label}, {original.diag.table_name}: a row breaks {rule}; nothing was changed; repair the rows")
    if code and code.startswith("22"):
        return StorageError(f"{label}: a value does not fit its column ({type(original).__name__}, code {code})")
    return StorageError(f"{label}: {type(original).__name__}: {text}")


def is_lost(error: Exception) -> bool:
    """Whether the connection was refused or dropped, so that the whole transaction may be tried again."""
    text = str(getattr(error, "orig", None) or error).lower()
    return any(words in text for words in LOST)


def _csv(batch: pa.RecordBatch) -> io.BytesIO:
    import pyarrow.csv

    buffer = io.BytesIO()
    pyarrow.csv.write_csv(batch, buffer, pyarrow.csv.WriteOptions(include_header=False))
    buffer.seek(0)
    return buffer


def _from_csv(table: Table, buffer: io.BytesIO) -> pa.Table:
    import pyarrow.csv

    schema = table.arrow_schema()
    if not buffer.tell():
        return schema.empty_table()
    buffer.seek(0)
    return pyarrow.csv.read_csv(
        buffer,
        pyarrow.csv.ReadOptions(column_names=table.names),
        pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        pyarrow.csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    ).cast(schema)


def _tuples(table: Table, batch: pa.RecordBatch) -> Any:
    columns = [
        batch[column.name].cast(pa.string()) if column.kind in ("date", "timestamp") else batch[column.name]
        for column in table.columns
    ]
    return zip(*(column.to_pylist() for column in columns), strict=True)


def _from_sqlite(column: Column, values: Any) -> pa.Array:
    target = Table("", "", (column,), ()).arrow_schema().field(0).type
    if column.kind in ("date", "timestamp"):
        return pa.array(values, pa.string()).cast(target)
    if column.kind == "bool":
        return pa.array(values, pa.int8()).cast(target)
    return pa.array(values, pa.float64()).cast(target) if column.kind == "float32" else pa.array(values, target)
