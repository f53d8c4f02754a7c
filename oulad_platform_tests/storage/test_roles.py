"""What each account of the warehouse can and cannot do, with a real login of each role."""

from __future__ import annotations

from pathlib import Path

import psycopg2
import pytest

from oulad_platform.core.outreach import ADVISERS
from oulad_platform.core.pseudonyms import DEMO
from oulad_platform.defs.warehouse import warehouse
from oulad_platform.storage.database import Database
from oulad_platform.storage.errors import StorageError
from oulad_platform.storage.migrations import running
from oulad_platform.storage.migrations.access import ROLES, place
from oulad_platform.success.caseload.tables import CASELOAD_DAILY
from oulad_platform_tests.storage.accounts import Server, fill, refused

WAREHOUSE = warehouse()
QUERIES = sorted((Path(__file__).parents[2] / "sql" / "bi").glob("*.sql"))


def test_the_writer_writes_and_reads_students_by_their_identifiers_and_changes_no_table(server: Server) -> None:
    database = Database(server.urls["login_writer"])
    running.require_current(database, WAREHOUSE, with_roles=True)
    assert database.read(CASELOAD_DAILY)["id_student"].tolist() == [101, 102, 103]
    fill(database)
    assert database.read(ADVISERS)["email"].tolist() == ["ada@example.org", "bob@example.org"]
    refused(
        server,
        "login_writer",
        "CREATE TABLE mine (x int)",
        "ALTER TABLE caseload_daily ADD COLUMN x int",
        "DROP TABLE dim_course",
        "TRUNCATE dim_course",
        "CREATE VIEW mine AS SELECT 1",
        "ALTER TABLE restricted.student_keys DISABLE ROW LEVEL SECURITY",
        "SELECT * FROM restricted.read_audit",
        "DELETE FROM alembic_version",
    )


def test_an_adviser_sees_their_own_students_by_name_and_nobody_else_s(server: Server) -> None:
    query = "SELECT student_id FROM restricted.my_caseload ORDER BY student_id"
    assert server.sql("login_ada", query) == [("101",), ("102",)]
    assert server.sql("login_bob", query) == [("103",)]
    assert server.sql("login_ada", "SELECT DISTINCT adviser FROM caseload_daily") == [("Ada",)]
    assert server.sql("login_ada", "SELECT contact_id FROM interventions") == [("a",)]
    assert server.sql("login_bob", "SELECT contact_id FROM interventions") == [("b",)]
    assert server.sql("login_ada", "SELECT student_id FROM restricted.student_keys ORDER BY 1") == [("101",), ("102",)]


def test_an_adviser_neither_writes_nor_reads_anything_else_nor_becomes_another(server: Server) -> None:
    refused(
        server,
        "login_ada",
        "UPDATE caseload_daily SET adviser = 'Ada'",
        "DELETE FROM interventions",
        "INSERT INTO restricted.student_keys VALUES ('k', 'k', '1')",
        "SELECT * FROM restricted.advisers",
        "SELECT * FROM restricted.opt_outs",
        "SELECT * FROM student_risk_daily",
        "SELECT * FROM restricted.read_audit",
        "CREATE TABLE mine (x int)",
        "CREATE TEMPORARY TABLE mine (x int)",
        "SET ROLE oulad_writer",
    )
    tricked = "SET row_security = off; SELECT * FROM caseload_daily"
    refused(server, "login_ada", tricked)
    pried = "CREATE OR REPLACE FUNCTION pg_temp.pry(text) RETURNS boolean LANGUAGE sql AS 'SELECT true'"
    refused(server, "login_ada", pried)


def test_bi_reads_marts_and_aggregates_under_pseudonyms_and_never_who_is_who(server: Server) -> None:
    keys = server.sql("login_bi", "SELECT student_key FROM caseload_daily ORDER BY 1")
    assert keys == sorted((DEMO.one(who),) for who in (101, 102, 103))
    for table in WAREHOUSE.tables:
        columns = WAREHOUSE.bi.get(table.name) or [column.name for column in table.columns if not column.personal]
        if table.name in WAREHOUSE.bi:
            server.sql("login_bi", f"SELECT {', '.join(columns)} FROM {table.name} LIMIT 1")
        if table.name not in WAREHOUSE.bi or len(columns) < len(table.columns):
            refused(server, "login_bi", f"SELECT * FROM {place(table)}")
    for view in WAREHOUSE.views:
        if view.name in WAREHOUSE.bi:
            server.sql("login_bi", f"SELECT * FROM {view.name} LIMIT 1")
        else:
            refused(server, "login_bi", f"SELECT * FROM {view.name}")
    refused(
        server,
        "login_bi",
        "SELECT registered_by FROM experiment_designs",
        "SELECT restricted.note_read('x')",
        "SELECT * FROM restricted.my_caseload",
        "DELETE FROM dim_course",
        "CREATE TABLE mine (x int)",
        "SELECT * FROM alembic_version",
    )


@pytest.mark.parametrize("query", QUERIES, ids=[query.stem for query in QUERIES])
def test_every_query_for_bi_runs_with_bi_s_rights(server: Server, query: Path) -> None:
    server.sql("login_bi", query.read_text(encoding="utf-8"), before="SET TRANSACTION READ ONLY; ")


def test_the_registrar_reads_enrollment_and_who_is_who_and_writes_nothing(server: Server) -> None:
    assert len(server.sql("login_registrar", "SELECT student_id FROM restricted.student_keys")) == 4
    server.sql("login_registrar", "SELECT * FROM enrollment_deltas, snapshot_versions, data_quality_findings LIMIT 1")
    refused(
        server,
        "login_registrar",
        "SELECT * FROM student_risk_daily",
        "SELECT * FROM caseload_daily",
        "SELECT * FROM restricted.advisers",
        "DELETE FROM restricted.read_audit",
        "DELETE FROM enrollment_deltas",
    )


def test_row_security_holds_for_the_owner_of_the_tables_too(server: Server) -> None:
    for table in ("restricted.student_keys", "restricted.advisers", "caseload_daily", "interventions"):
        assert server.sql("login_owner", f"SELECT * FROM {table}") == []
    assert server.sql("login_owner", "SELECT restricted.own_students()") == []
    owners = server.sql(
        "superuser",
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relkind IN ('r', 'v') "
        "AND relnamespace IN ('public'::regnamespace, 'restricted'::regnamespace)",
    )
    assert owners == [("oulad_owner",)]


def test_who_is_in_no_role_can_do_nothing(server: Server) -> None:
    for table in WAREHOUSE.tables:
        refused(server, "login_nobody", f"SELECT 1 FROM {'restricted.' if table.restricted else 'public.'}{table.name}")
    refused(
        server,
        "login_nobody",
        "SELECT * FROM public.fact_risk_daily",
        "SELECT restricted.own_students()",
        "SELECT restricted.note_read('x')",
        "CREATE TABLE public.mine (x int)",
        "CREATE TEMPORARY TABLE mine (x int)",
        "CREATE SCHEMA mine",
    )


def test_what_the_owner_makes_later_is_the_writer_s_and_closed_to_all_others(server: Server) -> None:
    server.sql("login_owner", "CREATE TABLE later (x int)")
    try:
        server.sql("login_writer", "INSERT INTO later VALUES (1)")
        for account in ("login_bi", "login_ada", "login_registrar", "login_nobody"):
            refused(server, account, "SELECT * FROM public.later")
    finally:
        server.sql("login_owner", "DROP TABLE later")


@pytest.mark.fault("E10")
def test_two_databases_of_one_cluster_share_the_roles(server: Server, postgres_database: str) -> None:
    server.sql("superuser", "SELECT 1")
    assert "roles, grants and row security set" in running.bring_up(Database(postgres_database), WAREHOUSE, with_roles=True)
    assert running.migrate(Database(server.urls["login_owner"]), WAREHOUSE, alone=False, with_roles=True) == []


def test_an_account_that_may_not_make_roles_works_without_them_and_is_refused_in_production(
    postgres_url: str, postgres_database: str
) -> None:
    name = postgres_database.rpartition("/")[2]
    session = psycopg2.connect(postgres_url)
    session.autocommit = True
    cursor = session.cursor()
    cursor.execute("CREATE ROLE login_plain LOGIN")
    cursor.execute(f"ALTER DATABASE {name} OWNER TO login_plain")
    database = Database(postgres_database.replace("postgres@", "login_plain@"))
    with pytest.raises(StorageError, match="may not make itself one; OULAD_ENV=production needs roles; nothing was changed"):
        running.bring_up(database, WAREHOUSE, with_roles=True)
    done = running.bring_up(database, WAREHOUSE)
    assert done[-1].startswith("warning: this account is not a member of oulad_owner")
    assert running.bring_up(database, WAREHOUSE) == []
    fill(database)
    assert database.read(CASELOAD_DAILY)["id_student"].tolist() == [101, 102, 103]
    assert str(running.warning(database)).startswith("no roles: ")
    cursor.execute("GRANT oulad_owner, oulad_writer TO login_plain")
    assert running.migrate(database, WAREHOUSE, alone=True) == ["roles, grants and row security set"]
    fill(database)
    assert database.read(CASELOAD_DAILY)["id_student"].tolist() == [101, 102, 103]
    assert running.warning(database) is None
    cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    cursor.execute("DROP ROLE login_plain")
    cursor.execute(f"CREATE DATABASE {name}")
    session.close()


def test_the_roles_are_five_that_nobody_logs_in_as(server: Server) -> None:
    found = server.sql("superuser", f"SELECT rolname, rolcanlogin, rolsuper FROM pg_roles WHERE rolname IN {ROLES}")
    assert sorted(found) == [(name, False, False) for name in sorted(ROLES)]


def test_what_bi_may_read_is_declared_and_holds_no_exact_daily_count() -> None:
    declared = {each.name for each in (*WAREHOUSE.tables, *WAREHOUSE.views)}
    assert set(WAREHOUSE.bi) <= declared
    exact = {"course_summary_daily", "enrollment_metrics", "enrollment_deltas", "cohort_retention", "model_fairness", "alert_log"}
    assert exact & set(WAREHOUSE.bi) == set()
    assert {table.name for table in WAREHOUSE.tables if table.restricted} & set(WAREHOUSE.bi) == set()
