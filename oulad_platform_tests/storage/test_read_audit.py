"""Who read who is who: one row for each statement and table, whoever reads, and no way to read without it."""

from __future__ import annotations

import io

import psycopg2
import pytest

from oulad_platform.core.outreach import ADVISERS
from oulad_platform.storage.database import Database
from oulad_platform.success.caseload.tables import CASELOAD_DAILY
from oulad_platform_tests.storage.accounts import Server, refused

WHO = "SELECT student_id FROM restricted.student_keys"


def new_reads(server: Server, account: str, statement: str) -> list[tuple[str, str]]:
    """Account and table of the reads that the statement leaves."""
    before = len(server.read())
    server.sql(account, statement)
    return server.read()[before:]


@pytest.mark.parametrize("account", ["login_writer", "login_registrar", "login_ada"])
@pytest.mark.parametrize(
    "statement", [WHO, f"COPY ({WHO}) TO STDOUT", "COPY restricted.student_keys TO STDOUT", f"{WHO} ORDER BY 1"]
)
def test_a_read_by_select_or_copy_leaves_one_row_with_account_and_table(server: Server, account: str, statement: str) -> None:
    session = psycopg2.connect(server.urls[account])
    before = len(server.read())
    with session, session.cursor() as cursor:
        if statement.startswith("COPY"):
            cursor.copy_expert(statement, io.StringIO())
        else:
            cursor.execute(statement)
    session.close()
    assert server.read()[before:] == [(account, "student_keys")]


def test_the_statement_is_kept_up_to_500_characters(server: Server) -> None:
    server.sql("login_registrar", f"{WHO} WHERE student_id <> '{'x' * 600}'")
    (kept,) = server.sql("login_owner", "SELECT statement FROM restricted.read_audit ORDER BY read_id DESC LIMIT 1")[0]
    assert len(kept) == 500
    assert kept.startswith(f"{WHO} WHERE student_id <> 'xxx")


def test_an_adviser_s_list_with_names_leaves_a_row_for_each_of_its_two_tables(server: Server) -> None:
    reads = new_reads(server, "login_ada", "SELECT * FROM restricted.my_caseload")
    assert sorted(reads) == [("login_ada", "caseload_daily"), ("login_ada", "student_keys")]


def test_the_platform_s_own_reads_of_who_is_who_are_noted_too_but_not_those_of_pseudonyms(server: Server) -> None:
    before = len(server.read())
    Database(server.urls["login_writer"]).read(ADVISERS)
    assert server.read()[before:] == [("login_writer", "advisers")]
    assert new_reads(server, "login_writer", "SELECT * FROM caseload_daily") == []
    assert new_reads(server, "login_bi", "SELECT * FROM caseload_daily") == []
    before = len(server.read())
    Database(server.urls["login_writer"]).read(CASELOAD_DAILY)
    assert server.read()[before:] == [("login_writer", "student_keys")]


@pytest.mark.parametrize("account", ["login_writer", "login_registrar", "login_ada"])
def test_a_read_that_cannot_be_noted_is_refused(server: Server, account: str) -> None:
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        server.sql(account, WHO, before="SET TRANSACTION READ ONLY; ")


def test_a_read_that_shows_no_row_leaves_none(server: Server) -> None:
    assert new_reads(server, "login_registrar", f"{WHO} WHERE student_key = 'nobody'") == []


def test_nobody_changes_what_was_noted_not_even_the_owner(server: Server) -> None:
    server.sql("login_registrar", WHO)
    for change in (
        "UPDATE restricted.read_audit SET account = 'x'",
        "DELETE FROM restricted.read_audit",
        "TRUNCATE restricted.read_audit",
    ):
        refused(server, "login_owner", change)
        for account in ("login_writer", "login_bi", "login_ada", "login_registrar"):
            refused(server, account, change)
    refused(
        server, "login_registrar", "INSERT INTO restricted.read_audit (account, table_name, statement) VALUES ('a', 'b', 'c')"
    )


def test_a_read_that_is_rolled_back_leaves_its_trace_in_the_server_s_log(server: Server) -> None:
    before = len(server.read())
    session = psycopg2.connect(server.urls["login_registrar"])
    with session.cursor() as cursor:
        cursor.execute("SET client_min_messages = log")
        cursor.execute(WHO)
    session.rollback()
    assert len(server.read()) == before
    assert session.notices == ["LOG:  oulad read audit: login_registrar reads student_keys\n"]
    session.close()
