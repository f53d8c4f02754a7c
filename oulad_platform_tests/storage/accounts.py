"""A warehouse with a login of each role: who they are, what is in it, and one statement as one of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pandas as pd
import psycopg2
import pytest

from oulad_platform.core.outreach import ADVISERS, INTERVENTIONS
from oulad_platform.core.tables import Column, Table
from oulad_platform.defs.warehouse import warehouse
from oulad_platform.storage.database import Database
from oulad_platform.storage.migrations import running
from oulad_platform.storage.migrations.access import ROLES_SQL
from oulad_platform.success.caseload.tables import CASELOAD_DAILY
from oulad_platform.success.tables import DIM_COURSE

DENIED = psycopg2.errors.InsufficientPrivilege
ACCOUNTS = {
    "login_owner": "CREATEROLE",
    "login_writer": "IN ROLE oulad_writer",
    "login_bi": "IN ROLE oulad_bi_reader",
    "login_ada": "IN ROLE oulad_adviser",
    "login_bob": "IN ROLE oulad_adviser",
    "login_registrar": "IN ROLE oulad_registrar",
    "login_nobody": "",
}


def row(table: Table, **values: Any) -> dict[str, Any]:
    """A row with something allowed in every required column that is not given."""

    def filled(column: Column) -> Any:
        if column.kind in ("date", "timestamp"):
            return pd.Timestamp("2026-11-20")
        if column.allowed:
            return column.allowed[0]
        return "x" if column.kind == "text" else (column.minimum or 0)

    return {c.name: values.get(c.name, None if c.nullable else filled(c)) for c in table.columns}


def fill(database: Database) -> None:
    """Ada has students 101 and 102, Bob 103; a colleague of Ada's contacted 101, Bob 104."""
    course = row(DIM_COURSE, code_module="AAA", code_presentation="2026J", course_key="AAA-2026J")
    database.replace(DIM_COURSE, DIM_COURSE.conform(pd.DataFrame([course])))
    advisers = [
        row(ADVISERS, adviser="Ada", code_module="AAA", login="login_ada", email="ada@example.org", capacity=5),
        row(ADVISERS, adviser="Bob", code_module="BBB", login="login_bob", email="bob@example.org", capacity=5),
    ]
    database.replace(ADVISERS, ADVISERS.conform(pd.DataFrame(advisers)))
    lists = [("Ada", 101), ("Ada", 102), ("Bob", 103)]
    caseload = [
        row(CASELOAD_DAILY, adviser=name, id_student=who, position=1, code_module="AAA", code_presentation="2026J")
        for name, who in lists
    ]
    database.replace_days(CASELOAD_DAILY, CASELOAD_DAILY.conform(pd.DataFrame(caseload)), [pd.Timestamp("2026-11-20").date()])
    contacts = [("a", "Cyd", 101), ("b", "Bob", 104)]
    rows = [row(INTERVENTIONS, contact_id=one, adviser=name, id_student=who) for one, name, who in contacts]
    database.replace(INTERVENTIONS, INTERVENTIONS.conform(pd.DataFrame(rows)))


class Server(SimpleNamespace):
    """The warehouse with its accounts; `sql` runs one statement as one of them."""

    urls: dict[str, str]

    def sql(self, account: str, statement: str, before: str = "") -> list[tuple[Any, ...]]:
        session = psycopg2.connect(self.urls[account])
        try:
            with session, session.cursor() as cursor:
                cursor.execute(before + statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            session.close()

    def read(self) -> list[tuple[Any, ...]]:
        """Account and table of each noted read, oldest first."""
        return self.sql("login_owner", "SELECT account, table_name FROM restricted.read_audit ORDER BY read_id")


@pytest.fixture(scope="session")
def server(postgres_url: str) -> Iterator[Server]:
    accounts = [f"CREATE ROLE {name} LOGIN {options}" for name, options in ACCOUNTS.items()]
    _as_superuser(postgres_url, ROLES_SQL, *accounts, "CREATE DATABASE roles OWNER login_owner")
    at = postgres_url.rpartition("@")[2].rpartition("/")[0]
    urls = {name: f"postgresql://{name}@{at}/roles" for name in ACCOUNTS}
    urls["superuser"] = f"postgresql://postgres@{at}/roles"
    running.migrate(Database(urls["login_owner"]), warehouse(), alone=False, with_roles=True)
    fill(Database(urls["login_writer"]))
    yield Server(urls=urls)
    _as_superuser(postgres_url, "DROP DATABASE roles WITH (FORCE)", *(f"DROP ROLE {name}" for name in ACCOUNTS))


def _as_superuser(url: str, *statements: str) -> None:
    """In a session of its own: a test may have restarted the server."""
    with contextlib.closing(psycopg2.connect(url)) as session:
        session.autocommit = True
        for statement in statements:
            session.cursor().execute(statement)


def refused(server: Server, account: str, *statements: str) -> None:
    for statement in statements:
        with pytest.raises(DENIED):
            server.sql(account, statement)
