"""What each kind of database needs: its driver, reading only, a time limit, and telling what may pass from what will not."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection
    from sqlalchemy.exc import SQLAlchemyError

DRIVERS = {
    "postgres": "postgresql+psycopg2",
    "postgresql": "postgresql+psycopg2",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "mssql": "mssql+pyodbc",
}
EXTRAS = {"mysql": "mysql", "mariadb": "mysql", "mssql": "sqlserver"}
CONNECT_SECONDS = 10
SPARE_SECONDS = 30
SQLITE_STEPS = 10_000
_PASSING = re.compile(
    r"refused|timed? ?out|timeout expired|unreachable|no route|reset by peer|starting up|shutting down|too many"
    r"|can't connect|lost connection|closed the connection|temporarily|name resolution|broken pipe",
    re.IGNORECASE,
)


def normalised(url: URL) -> URL:
    """The URL with the driver of our extras where it names none, and an SQLite file to be opened for reading only."""
    url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    path = url.database
    if url.get_backend_name() == "sqlite" and path and path != ":memory:" and not path.startswith("file:"):
        return url.set(database=f"file:{quote(path)}", query={**url.query, "mode": "ro", "uri": "true"})
    return url


def connect_arguments(url: URL, timeout_seconds: int) -> dict[str, Any]:
    """Arguments of the driver so that a dead network is noticed; what the URL says goes before them."""
    arguments: dict[str, Any] = {
        "postgresql+psycopg2": {
            "connect_timeout": CONNECT_SECONDS,
            "keepalives_idle": SPARE_SECONDS,
            "keepalives_interval": CONNECT_SECONDS,
            "keepalives_count": 3,
        },
        "mysql+pymysql": {"connect_timeout": CONNECT_SECONDS, "read_timeout": timeout_seconds + SPARE_SECONDS},
        "mariadb+pymysql": {"connect_timeout": CONNECT_SECONDS, "read_timeout": timeout_seconds + SPARE_SECONDS},
        "mssql+pyodbc": {"timeout": CONNECT_SECONDS},
    }.get(url.drivername, {})
    return {name: value for name, value in arguments.items() if name not in url.query}


def prepare(connection: Connection, timeout_seconds: int) -> None:
    """Begins a transaction that reads one state of the database, cannot write, and gives a statement `timeout_seconds`."""
    import sqlalchemy as sa

    dialect: Any = connection.dialect
    statements: list[str] = []
    if dialect.name == "postgresql":
        statements = [
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
            f"SET LOCAL statement_timeout = {timeout_seconds * 1000}",
        ]
    elif dialect.name in ("mysql", "mariadb"):
        limit = (
            f"max_statement_time = {timeout_seconds}" if dialect.is_mariadb else f"max_execution_time = {timeout_seconds * 1000}"
        )
        statements = ["SET SESSION TRANSACTION READ ONLY", f"SET SESSION {limit}", "START TRANSACTION READ ONLY"]
    elif dialect.name == "sqlite":
        statements = ["PRAGMA query_only = ON"]
    elif dialect.name == "mssql":
        _driver(connection).timeout = timeout_seconds
    for text in statements:
        connection.execute(sa.text(text))


def restart_clock(connection: Connection, timeout_seconds: int) -> None:
    """Gives the next statement its time where the database itself does not count it (SQLite)."""
    if connection.dialect.name == "sqlite":
        deadline = time.monotonic() + timeout_seconds
        _driver(connection).set_progress_handler(lambda: time.monotonic() > deadline, SQLITE_STEPS)


def _driver(connection: Connection) -> Any:
    return connection.connection.dbapi_connection


def forget_unread(cursor: Any) -> None:
    """Keeps PyMySQL from reading the rest of a result from a connection that is lost, and from raising while it is collected."""
    unread: Any = getattr(cursor, "_result", None)
    if hasattr(unread, "unbuffered_active"):
        unread.unbuffered_active = False


def is_passing(error: SQLAlchemyError) -> bool:
    """Whether trying again may help: a lost or refused connection. A refused password never is, lest the account be locked."""
    import sqlalchemy as sa

    if not isinstance(error, sa.exc.DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    return error.statement is None and bool(_PASSING.search(str(error.orig)))
