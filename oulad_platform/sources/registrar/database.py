"""Extracts from any database that SQLAlchemy speaks to: one SELECT a day, in one transaction that cannot write.

The text of the query is made safe in `sql`; what a dialect needs for reading only, for its time limit and for telling a lost
connection is here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from oulad_platform.sources.registrar.config import RegistrarConfig
from oulad_platform.sources.registrar.dialects import (
    EXTRAS,
    connect_arguments,
    forget_unread,
    is_passing,
    normalised,
    prepare,
    restart_clock,
)
from oulad_platform.sources.registrar.extract import (
    Extract,
    RegistrarError,
    find_columns,
    positions,
    refuse_other_days,
    rows_of,
    to_text,
)
from oulad_platform.sources.registrar.query import bound_names, statement

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, Engine

WAITS_SECONDS = (0.5, 2.0)


@dataclass(frozen=True)
class DatabaseRegistrar:
    """One SELECT a day on the database at `url`, streamed in batches. `:snapshot_date` in the query stands for the day.

    A query without it describes now: it can be asked about `today` only. SQL Server has no transaction that cannot write, and
    other databases may have none either: use an account that may only read; nothing is ever committed.
    """

    url: str = field(repr=False)
    query: str
    config: RegistrarConfig
    today: date

    def extract(self, days: Sequence[date], tables: Mapping[str, pd.DataFrame]) -> Iterator[Extract]:
        """The query's rows for each day; `tables` are not used.

        A connection that cannot be made or is lost is tried again twice, then the day is read anew as a whole. Raises
        RegistrarError when the database cannot be asked, takes too long, or the query is unfit. The time limit is for a
        statement; PostgreSQL counts it for each batch.
        """
        import sqlalchemy as sa

        try:
            given = sa.make_url(self.url)
        except sa.exc.ArgumentError:
            raise RegistrarError("the registrar's database URL is not one; write dialect://user@host/database") from None
        url = normalised(given)
        place = f"{url.get_backend_name()} database {given.database!r} on {given.host or 'this machine'}"
        asked = bound_names(self.query)
        if not asked:
            refuse_other_days(
                days,
                self.today,
                "the registrar query has no :snapshot_date, so it",
                "bind :snapshot_date to ask about other days",
            )
        engine = self._engine(url, place)
        connection: Connection | None = None
        try:
            for day in days:
                where = f"registrar query for {day}"
                for wait in (*WAITS_SECONDS, None):
                    try:
                        with _in_plain_words(url, f"{where}, {place}"):
                            connection = connection or self._connected(engine)
                            rows = self._ask(connection, day if asked else None, where)
                        break
                    except _LostError as lost:
                        _close(connection)
                        connection = None
                        if wait is None:
                            raise RegistrarError(f"{lost} (tried {len(WAITS_SECONDS) + 1} times); run again") from None
                        time.sleep(wait)
                yield Extract(day, rows, where)
        finally:
            _close(connection)
            engine.dispose()

    def _engine(self, url: URL, place: str) -> Engine:
        import sqlalchemy as sa

        try:
            arguments = connect_arguments(url, self.config.statement_timeout_seconds)
            return sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True, connect_args=arguments)
        except ImportError as error:
            extra = EXTRAS.get(url.get_backend_name())
            remedy = f"pip install 'oulad-platform[{extra}]'" if extra else f"install the Python package {error.name!r}"
            raise RegistrarError(f"{place}: its driver {error.name!r} is not installed; {remedy}") from None
        except sa.exc.ArgumentError:
            raise RegistrarError(
                f"{place}: no dialect {url.drivername!r} is known; install its SQLAlchemy package or correct the URL"
            ) from None

    def _connected(self, engine: Engine) -> Connection:
        connection = engine.connect()
        try:
            prepare(connection, self.config.statement_timeout_seconds)
        except BaseException:
            _close(connection)
            raise
        return connection

    def _ask(self, connection: Connection, day: date | None, where: str) -> pd.DataFrame:
        import sqlalchemy as sa

        restart_clock(connection, self.config.statement_timeout_seconds)
        reading = connection.execution_options(stream_results=True, max_row_buffer=self.config.batch_rows)
        with reading.execute(statement(self.query), {"snapshot_date": day} if day else {}) as result:
            if not result.returns_rows:
                raise RegistrarError(f"{where}: returns no rows by nature; it has to be a SELECT")
            names = list(result.keys())
            places = find_columns(names, self.config, where)
            batches, row, cursor = [], 1, result.cursor
            try:
                for batch in result.partitions(self.config.batch_rows):
                    columns = list(zip(*batch, strict=True))
                    batches.append(pa.table({str(at): to_text(columns[at], names[at], where, row) for at in positions(places)}))
                    row += len(batch)
            except sa.exc.DBAPIError:
                forget_unread(cursor)
                raise
        return rows_of(batches, places, self.config)


class _LostError(Exception):
    """The connection could not be made or was lost, in a way that may pass."""


@contextmanager
def _in_plain_words(url: URL, place: str) -> Iterator[None]:
    """What SQLAlchemy or a driver raises, as a RegistrarError without secrets, or as _LostError when it may pass."""
    import sqlalchemy as sa

    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        cause: Any = getattr(error, "orig", None) or error
        said = " ".join(str(cause).split())[:300]
        for secret in (
            url.password,
            *(value for key, value in url.query.items() if "pass" in key.lower() or "pwd" in key.lower()),
        ):
            if secret:
                said = said.replace(str(secret), "***")
        if is_passing(error):
            raise _LostError(f"{place}: {said}") from None
        raise RegistrarError(f"{place}: {said}; check URL, rights and query") from None


def _close(connection: Connection | None) -> None:
    """Ends the transaction without a commit, also of a connection that is lost."""
    import sqlalchemy as sa

    if connection is not None:
        try:
            connection.close()
        except sa.exc.SQLAlchemyError:
            connection.invalidate()
