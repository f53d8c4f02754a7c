"""A warehouse comes to this version's schema: from nothing, once, and never over what is not known."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from oulad_platform import cli_admin
from oulad_platform.core.tables import View, stored
from oulad_platform.defs.warehouse import opened, warehouse
from oulad_platform.settings import load
from oulad_platform.storage import building
from oulad_platform.storage.database import Database
from oulad_platform.storage.errors import SchemaMismatchError, StorageError
from oulad_platform.storage.migrations import running
from oulad_platform.storage.migrations.access import Warehouse
from oulad_platform.storage.schema import difference, sql_table
from oulad_platform.success.caseload.tables import CASELOAD_DAILY
from oulad_platform_tests.storage.accounts import Server

WAREHOUSE = warehouse()


def _plain(url: str) -> sa.Engine:
    return sa.create_engine(url, poolclass=sa.NullPool)


def _run(url: str, *statements: str) -> None:
    with _plain(url).begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def _facts(database: Database) -> dict[str, object]:
    """Everything about each table that a declaration says, read from the database."""

    def work(connection: sa.Connection) -> dict[str, object]:
        inspector = sa.inspect(connection)
        return {
            table.name: (
                [(c["name"], str(c["type"]), c["nullable"], c.get("comment")) for c in inspector.get_columns(table.name)],
                inspector.get_pk_constraint(table.name)["constrained_columns"],
                sorted((c["name"], c["sqltext"]) for c in inspector.get_check_constraints(table.name)),
                sorted((i["name"], i["column_names"]) for i in inspector.get_indexes(table.name)),
                sorted(
                    (f["name"], f["constrained_columns"], f["referred_table"], f["referred_columns"], f["options"])
                    for f in inspector.get_foreign_keys(table.name)
                ),
            )
            for table in WAREHOUSE.tables
        }

    return database.transaction(work, writes=False)


def test_the_newest_revision_is_the_one_that_this_version_needs() -> None:
    assert running.known_revisions()[0] == running.HEAD


@pytest.mark.fault("E9")
def test_migrating_an_empty_database_gives_the_tables_as_they_are_declared(
    database_url: str, postgres_url: str, tmp_path: Path
) -> None:
    database = Database(database_url)
    done = running.bring_up(database, WAREHOUSE)
    assert done[0] == f"from an empty database to revision {running.HEAD}"
    declared = Database(f"sqlite:///{tmp_path}/declared.db")
    if database.kind == "postgres":
        _run_alone(postgres_url, "DROP DATABASE IF EXISTS declared", "CREATE DATABASE declared")
        declared = Database(postgres_url.rsplit("/", 1)[0] + "/declared")
    declared.transaction(lambda c: building.create_tables(c, "declared", WAREHOUSE.tables), writes=True)
    assert _facts(database) == _facts(declared), "declarations changed: add a revision in storage/migrations/versions"
    inspected = database.transaction(
        lambda c: [difference(sa.inspect(c), sql_table(table)) for table in WAREHOUSE.tables], writes=False
    )
    assert set(inspected) == {None}


def _run_alone(url: str, *statements: str) -> None:
    with _plain(url).execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.mark.fault("E10")
def test_a_warehouse_as_this_version_needs_it_is_left_alone_and_alembic_is_not_even_loaded(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/oulad.db"
    running.bring_up(Database(url), WAREHOUSE)
    assert running.bring_up(Database(url), WAREHOUSE) == []
    code = (
        "import sys; from oulad_platform.defs.warehouse import warehouse; from oulad_platform.storage.migrations import running; "
        f"from oulad_platform.storage.database import Database; print(running.bring_up(Database('{url}'), warehouse()), "
        "'alembic' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[] False"


@pytest.mark.fault("E10")
def test_four_at_once_migrate_once(database_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: running.migrate(Database(database_url), WAREHOUSE, alone=True), range(4)))
    assert sorted(bool(each and each[0].startswith("from an empty database")) for each in done) == [False, False, False, True]
    assert running.bring_up(Database(database_url), WAREHOUSE) == []


@pytest.mark.fault("E9")
def test_where_an_owner_migrates_the_writer_is_told_how_far_the_warehouse_is(database_url: str) -> None:
    database = Database(database_url)
    with pytest.raises(SchemaMismatchError, match="without a revision, this version needs 0001: run `oulad migrate`"):
        running.require_current(database, WAREHOUSE)
    running.migrate(database, WAREHOUSE, alone=False)
    running.require_current(database, WAREHOUSE)
    wider = Warehouse(WAREHOUSE.tables, (*WAREHOUSE.views, View("one", "One row.", _everywhere("SELECT 1 AS x"))))
    with pytest.raises(SchemaMismatchError, match="views of the warehouse are not those of this version"):
        running.require_current(database, wider)


def _everywhere(select: str) -> dict[str, str]:
    return dict.fromkeys(("postgresql", "sqlite"), select)


@pytest.mark.fault("E9")
def test_tables_of_a_version_before_migrations_are_refused_by_name_and_stay(database_url: str) -> None:
    _run(database_url, *_old_tables(database_url))
    with pytest.raises(SchemaMismatchError, match=r"caseload_daily is not as declared.*make the days again"):
        running.bring_up(Database(database_url), WAREHOUSE)
    with _plain(database_url).connect() as connection:
        assert connection.exec_driver_sql("SELECT id_student FROM caseload_daily").scalars().all() == [7]


def _old_tables(url: str) -> list[str]:
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return ["CREATE TABLE caseload_daily (id_student integer PRIMARY KEY)", "INSERT INTO caseload_daily VALUES (7)"]


def test_tables_that_are_as_declared_but_were_made_without_a_revision_get_one_and_keep_their_rows(database_url: str) -> None:
    database = Database(database_url)
    building_some = [table for table in WAREHOUSE.tables if table.name in ("dim_course", "published_days")]
    database.transaction(lambda c: building.create_tables(c, "some", building_some), writes=True)
    _run(database_url, "INSERT INTO published_days VALUES ('x', '2026-01-01', 0)")
    assert running.bring_up(database, WAREHOUSE)[0] == "from tables as declared to revision 0001"
    assert database.days(CASELOAD_DAILY) == []
    with _plain(database_url).connect() as connection:
        assert connection.exec_driver_sql("SELECT table_name FROM published_days").scalars().all() == ["x"]
    assert running.bring_up(database, WAREHOUSE) == []


@pytest.mark.fault("E9")
@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "at revision 9999, which this version .* does not know"),
        ("INSERT INTO alembic_version VALUES ('0009')", "names 2 revisions, 0001 and 0009"),
    ],
)
def test_a_warehouse_of_a_newer_version_or_of_two_is_refused(tmp_path: Path, statement: str, told: str) -> None:
    url = f"sqlite:///{tmp_path}/oulad.db"
    running.bring_up(Database(url), WAREHOUSE)
    _run(url, statement)
    with pytest.raises(SchemaMismatchError, match=told):
        running.bring_up(Database(url), WAREHOUSE)


@pytest.mark.fault("E9")
def test_an_installation_with_two_newest_revisions_is_broken(tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    for name in ("0001", "0002a", "0002b"):
        before = None if name == "0001" else "0001"
        (tmp_path / "versions" / f"r{name}.py").write_text(f"revision = {name!r}\ndown_revision = {before!r}\n")
    with pytest.raises(StorageError, match="this installation has 2 newest revisions, 0002a and 0002b; install one version anew"):
        running.known_revisions(tmp_path)


@pytest.mark.fault("E9")
def test_there_is_no_way_back_but_a_backup(tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    database = Database(f"sqlite:///{tmp_path}/oulad.db")
    running.bring_up(database, WAREHOUSE)

    def down(connection: sa.Connection) -> None:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(running.FOLDER))
        config.set_main_option("path_separator", "os")
        command.downgrade(config, "base")

    with pytest.raises(StorageError, match="there is no way back to an earlier revision; restore the backup"):
        database.transaction(down, writes=True)
    assert running.bring_up(database, WAREHOUSE) == []


@pytest.mark.fault("E5")
def test_a_reader_who_is_idle_in_a_transaction_stops_a_migration_within_seconds(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "LOCK_SECONDS", 1)
    database = Database(postgres_database)
    database.transaction(lambda c: building.create_tables(c, "before", WAREHOUSE.tables), writes=True)
    with psycopg2.connect(postgres_database) as session, session.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM caseload_daily")
        began = time.monotonic()
        with pytest.raises(StorageError, match="another session held a lock too long; end the transaction that is idle there"):
            running.bring_up(database, WAREHOUSE)
        assert time.monotonic() - began < 8
    session.close()
    assert running.bring_up(database, WAREHOUSE)[0] == "from tables as declared to revision 0001"


@pytest.mark.fault("E11")
def test_a_hand_made_view_and_its_grants_survive_a_migration_of_views_and_access(postgres_database: str) -> None:
    database = Database(postgres_database)
    running.bring_up(database, WAREHOUSE)
    name = f"bi_{abs(hash(postgres_database))}"
    _run(
        postgres_database,
        f"CREATE ROLE {name} LOGIN",
        f"GRANT USAGE ON SCHEMA public TO {name}",
        "CREATE VIEW of_their_own AS SELECT course_key, count(*) AS n FROM fact_risk_daily GROUP BY course_key",
        f"GRANT SELECT ON of_their_own, enrollment_metrics TO {name}",
        "GRANT SELECT ON of_their_own TO oulad_bi_reader",
        "COMMENT ON SCHEMA restricted IS 'rules of an earlier version'",
        "COMMENT ON VIEW fact_risk_daily IS 'an earlier statement'",
    )
    with pytest.raises(SchemaMismatchError, match="views of the warehouse"):
        running.require_current(database, WAREHOUSE)
    assert "views made: fact_risk_daily" in running.bring_up(database, WAREHOUSE)
    with _plain(postgres_database).begin() as connection:
        allowed = "SELECT has_table_privilege(%s, %s, 'SELECT')"
        asked = [(name, "of_their_own"), (name, "enrollment_metrics"), ("oulad_bi_reader", "of_their_own")]
        assert [connection.exec_driver_sql(allowed, each).scalar_one() for each in asked] == [True, True, True]
        connection.exec_driver_sql(f"DROP OWNED BY {name}")
        connection.exec_driver_sql(f"DROP ROLE {name}")


def test_an_older_server_is_refused_by_name_with_the_reason() -> None:
    connection = sa.create_mock_engine("postgresql://", lambda *_: None)
    connection.dialect.server_version_info = (14, 9)
    with pytest.raises(StorageError, match=r"PostgreSQL 14; .*security_invoker.* need PostgreSQL 15 or newer"):
        building.require_server(connection, "host/name")  # type: ignore[arg-type]


def test_the_scripts_are_of_the_stored_shape() -> None:
    assert "student_key" in {column.name for column in stored(CASELOAD_DAILY).columns}
    scripts = {each.stem: each.read_text() for each in sorted((running.FOLDER / "baseline").glob("*.sql"))}
    assert sorted(scripts) == ["postgresql", "sqlite"]
    assert not [name for name, text in scripts.items() if "id_student" in text]


def test_oulad_migrate_says_what_it_did_and_that_there_is_nothing_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OULAD_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    first, second, roles = (CliRunner().invoke(cli_admin.migrate, options) for options in ([], [], ["--roles-sql"]))
    assert first.output.startswith("from an empty database to revision 0001\nviews made: ")
    assert second.output == "nothing to do\n"
    assert roles.output.count("CREATE ROLE oulad_") == 5


@pytest.mark.fault("E9")
def test_with_an_owner_s_account_the_platform_migrates_nothing_by_itself(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OULAD_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_OWNER_URL", server.urls["login_owner"])
    monkeypatch.setenv("DATABASE_URL", server.urls["login_writer"])
    assert opened(load()).days(CASELOAD_DAILY) == [date(2026, 11, 20)]
    assert CliRunner().invoke(cli_admin.migrate).output == "nothing to do\n"
    server.sql("login_owner", "COMMENT ON VIEW fact_caseload IS 'an earlier statement'")
    with pytest.raises(SchemaMismatchError, match=r"views of the warehouse .*: run `oulad migrate`"):
        opened(load())
    assert CliRunner().invoke(cli_admin.migrate).output == "views made: fact_caseload\n"
    assert opened(load()).days(CASELOAD_DAILY) == [date(2026, 11, 20)]


def test_a_view_whose_columns_change_is_made_anew_with_its_grants(server: Server) -> None:
    """PostgreSQL replaces no view that loses or renames a column."""
    renamed = [
        replace(view, select={dialect: text.replace("AS risk_total", "AS risk_sum") for dialect, text in view.select.items()})
        for view in WAREHOUSE.views
    ]
    assert renamed != list(WAREHOUSE.views)
    later = replace(WAREHOUSE, views=tuple(renamed))
    database = Database(server.urls["login_owner"])
    assert any("fact_course_daily" in line for line in running.migrate(database, later, alone=False))
    server.sql("login_bi", "SELECT risk_sum FROM fact_course_daily LIMIT 1")
    assert running.migrate(database, WAREHOUSE, alone=False)
    server.sql("login_bi", "SELECT risk_total FROM fact_course_daily LIMIT 1")


def test_the_newest_revision_in_the_folder_is_the_one_this_version_needs() -> None:
    assert max(running.known_revisions()) == running.HEAD
