"""Extracts from databases that can only be read: PostgreSQL, MariaDB and SQLite run; SQL Server's statement compiled."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from oulad_platform.sources.registrar import RegistrarConfig, RegistrarError
from oulad_platform.sources.registrar import database as database_module
from oulad_platform.sources.registrar.database import DatabaseRegistrar
from oulad_platform.sources.registrar.dialects import normalised
from oulad_platform.sources.registrar.query import one_statement, statement

QUERY = "SELECT id AS student_id, name AS student_name, division, program, level FROM enrolled WHERE day = :snapshot_date"
NOW = "SELECT id AS student_id, name AS student_name, division, program, level FROM enrolled"
DAY, NEXT = date(2026, 3, 2), date(2026, 3, 3)
SQL = Path(__file__).parents[2] / "sql"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    """The administrator's URL of a MariaDB server that lives as long as the test session."""
    server = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin")
    install = shutil.which("mariadb-install-db")
    if server is None or install is None:
        pytest.skip("no MariaDB server binaries (mariadbd, mariadb-install-db) in PATH or /usr/sbin")
    is_root = os.geteuid() == 0
    unprivileged = ["runuser", "-u", "mysql", "--"] if is_root else []
    folder = Path(tempfile.mkdtemp(prefix="oulad-mariadb-"))
    if is_root:
        shutil.chown(folder, "mysql")
    port = _free_port()
    quiet: dict[str, Any] = {
        "cwd": folder,
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    subprocess.run(
        [*unprivileged, install, "--no-defaults", f"--datadir={folder}/data", "--auth-root-authentication-method=normal"],
        check=True,
        **quiet,
    )
    options = [
        f"--datadir={folder}/data",
        f"--socket={folder}/socket",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        "--lock-wait-timeout=5",
        "--innodb-flush-log-at-trx-commit=0",
    ]
    process = subprocess.Popen([*unprivileged, server, "--no-defaults", *options], **quiet)
    url = f"mysql+pymysql://root@127.0.0.1:{port}/"
    try:
        _wait_for(url)
        yield url
    finally:
        with contextlib.suppress(sa.exc.OperationalError), sa.create_engine(url).connect() as connection:
            connection.execute(sa.text("SHUTDOWN"))
        process.wait(30)
        shutil.rmtree(folder)


def _wait_for(url: str) -> None:
    for _ in range(300):
        try:
            with sa.create_engine(url).connect():
                return
        except sa.exc.OperationalError:
            time.sleep(0.1)
    raise TimeoutError("MariaDB does not answer")


@pytest.fixture
def mariadb_database(mariadb_server: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty MariaDB database of this test's own, without naming a driver."""
    name = f"test_{abs(hash(request.node.nodeid))}"
    engine = sa.create_engine(mariadb_server)
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))
    yield mariadb_server.replace("mysql+pymysql", "mariadb") + name
    with engine.begin() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name}"))


@pytest.fixture(params=["postgresql", "mariadb", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind, as a user would write it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/registrar.db"
    fixture = {"postgresql": "postgres_database", "mariadb": "mariadb_database"}[request.param]
    return str(request.getfixturevalue(fixture))


def write(url: str, *statements: str) -> None:
    engine = sa.create_engine(url.replace("mariadb://", "mysql+pymysql://"), poolclass=sa.NullPool)
    with engine.begin() as connection:
        for text in statements:
            connection.execute(sa.text(text))


def seed(url: str, *rows: tuple[str, str, str, str], kind: str = "VARCHAR(20)") -> str:
    values = ", ".join(f"('{day}', {student}, '{name}', 'Arts', '{program}', 'BA')" for day, student, name, program in rows)
    write(
        url,
        f"CREATE TABLE enrolled (day DATE, id {kind}, name VARCHAR(50), division VARCHAR(9),"
        f" program VARCHAR(9), level VARCHAR(9))",
        f"INSERT INTO enrolled VALUES {values}",
    )
    return url


def registrar(url: str, query: str = QUERY, today: date = DAY, **settings: Any) -> DatabaseRegistrar:
    return DatabaseRegistrar(url, query, RegistrarConfig(kind="database", **settings), today)


def rows(extract: Any) -> list[list[object]]:
    assert (extract.rows.dtypes == "str").all()
    return extract.rows.astype("object").where(extract.rows.notna(), None).to_numpy().tolist()


@pytest.mark.fault("A17")
def test_each_day_is_selected_as_text_with_leading_zeros_padding_and_repeats_kept(url: str) -> None:
    seed(
        url, ("2026-03-02", "'00123'", "Ada ", "Law"), ("2026-03-02", "'00123'", "Ada ", "Law"), ("2026-03-03", "'12'", "", "Law")
    )
    extracts = list(registrar(url, batch_rows=1).extract([NEXT, DAY, date(2026, 3, 4)], {}))
    assert [(str(extract.day), extract.where) for extract in extracts[:1]] == [("2026-03-03", "registrar query for 2026-03-03")]
    assert list(extracts[0].rows) == ["student_id", "program", "division", "level", "student_name", "term"]
    assert rows(extracts[0]) == [["12", "Law", "Arts", "BA", "", "current"]]
    assert rows(extracts[1]) == [["00123", "Law", "Arts", "BA", "Ada ", "current"]] * 2
    assert extracts[2].rows.shape == (0, 6)


def test_whole_numbers_are_digits_dates_are_iso_and_an_absent_value_stays_absent(url: str) -> None:
    seed(url, ("2026-03-02", "12", "Ada", "Law"), kind="BIGINT")
    query = QUERY.replace("level", "level, day AS term_end_date, NULL AS status")
    (extract,) = registrar(url, query, constants={"term": "26S"}).extract([DAY], {})
    assert rows(extract) == [["12", "Law", "Arts", "BA", "Ada", None, "26S", "2026-03-02"]]


@pytest.mark.parametrize("kind", ["DECIMAL(9, 1)", "DOUBLE PRECISION"])
def test_a_decimal_or_float_identifier_is_refused_by_row(url: str, kind: str) -> None:
    seed(url, ("2026-03-02", "12", "Ada", "Law"), kind=kind.replace("DECIMAL(9, 1)", "REAL") if "sqlite" in url else kind)
    with pytest.raises(RegistrarError, match=r"row 1, student_id: is of type (float|Decimal), neither text nor whole; CAST it"):
        list(registrar(url).extract([DAY], {}))


@pytest.mark.fault("B2")
@pytest.mark.parametrize("text", ["DELETE FROM enrolled", "DROP TABLE enrolled", "CREATE TABLE stolen AS SELECT * FROM enrolled"])
def test_nothing_can_be_written(url: str, text: str) -> None:
    seed(url, ("2026-03-02", "'1'", "Ada", "Law"))
    with pytest.raises(RegistrarError, match=r"(?i)registrar query for 2026-03-02.*(read.?only|syntax error)"):
        list(registrar(url, text).extract([DAY], {}))
    write(url, "CREATE TABLE stolen (id INT)")
    assert len(next(registrar(url).extract([DAY], {})).rows) == 1


@pytest.mark.fault("B2")
@pytest.mark.parametrize("text", [f"{QUERY}; DROP TABLE enrolled", f"{QUERY} -- ' \n; DROP TABLE enrolled -- '", ";SELECT 1"])
def test_a_second_statement_is_refused_before_anything_is_asked(url: str, text: str) -> None:
    seed(url, ("2026-03-02", "'1'", "Ada", "Law"))
    with pytest.raises(RegistrarError, match="holds more than one statement; keep one SELECT"):
        list(registrar(url, text).extract([DAY], {}))
    assert len(next(registrar(url).extract([DAY], {})).rows) == 1


@pytest.mark.fault("B2")
def test_semicolons_and_colons_in_quotes_and_comments_are_only_text(url: str) -> None:
    seed(url, ("2026-03-02", "'1'", "Ada", "Law"))
    query = QUERY.replace("name AS", "'a; :b -- c' AS") + " -- at :noon; or /* so\n /* :never; */ ;"
    (extract,) = registrar(url, query).extract([DAY], {})
    assert extract.rows["student_name"].tolist() == ["a; :b -- c"]


SLOW = {
    "postgresql": "SELECT pg_sleep(9) AS student_id, 'P' AS program, 'D' AS division, 'L' AS level",
    "mariadb": "SELECT COUNT(*) AS student_id, 'P' AS program, 'D' AS division, 'L' AS level FROM seq_1_to_100000000000",
    "sqlite": (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT COUNT(*) AS student_id, 'P' AS program, 'D' AS division, 'L' AS level FROM n"
    ),
}


@pytest.mark.fault("B7")
def test_a_statement_that_takes_too_long_is_stopped(url: str) -> None:
    seed(url, ("2026-03-02", "'1'", "Ada", "Law"))
    query = SLOW[url.split(":")[0]]
    began = time.monotonic()
    with pytest.raises(RegistrarError, match=r"registrar query for 2026-03-02, .*(timeout|max_statement_time|interrupted)"):
        list(registrar(url, query, statement_timeout_seconds=1).extract([DAY], {}))
    assert time.monotonic() - began < 6


def test_a_query_without_a_date_speaks_of_today_only(url: str) -> None:
    seed(url, ("2026-03-02", "'1'", "Ada", "Law"))
    assert len(next(registrar(url, NOW).extract([DAY], {})).rows) == 1
    with pytest.raises(RegistrarError, match=r"describes now \(2026-03-03\) and says nothing about 2026-03-02; bind"):
        list(registrar(url, NOW, today=NEXT).extract([NEXT, DAY], {}))


@pytest.mark.fault("B5")
@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT id AS student_id, program, level FROM enrolled", "column 'division' is missing"),
        ("SELECT * FROM nowhere", "nowhere.*check URL, rights and query"),
        ("SELECT 1 WHERE :tomorrow", r"binds \['tomorrow'\]; only :snapshot_date is known"),
        (" -- nothing", "the registrar query is empty"),
    ],
)
def test_an_unfit_query_is_refused_with_its_reason(url: str, query: str, reason: str) -> None:
    seed(url, ("2026-03-02", "'1'", "Ada", "Law"))
    with pytest.raises(RegistrarError, match=reason):
        list(registrar(url, query).extract([DAY], {}))


def test_all_days_of_a_call_see_one_state_of_the_database(url: str) -> None:
    if url.startswith("sqlite"):
        pytest.skip("an SQLite reader keeps no state between statements of Python's driver")
    seed(url, ("2026-03-02", "'1'", "Ada", "Law"), ("2026-03-03", "'1'", "Ada", "Law"))
    days = registrar(url).extract([DAY, NEXT], {})
    assert len(next(days).rows) == 1
    write(url, "DELETE FROM enrolled")
    assert len(next(days).rows) == 1


def kill_once(monkeypatch: pytest.MonkeyPatch, url: str, kill: str, times: int) -> list[int]:
    """Has the server end the connection `times` times after the second batch; gives the list of batches' first rows."""
    seen: list[int] = []
    original = database_module.to_text

    def watched(values: Any, name: str, where: str, row: int) -> Any:
        if name == "student_id":
            seen.append(row)
            if row == 2001 and seen.count(row) <= times:
                write(url, kill)
        return original(values, name, where, row)

    monkeypatch.setattr(database_module, "to_text", watched)
    monkeypatch.setattr(database_module, "WAITS_SECONDS", (0.01, 0.01))
    return seen


def many(url: str) -> str:
    """100,000 rows: more than a server sends ahead."""
    write(url, "CREATE TABLE digits (d INT)", "INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)")
    number = "a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d"
    tables = "digits a, digits b, digits c, digits e, digits f"
    return f"SELECT {number} AS student_id, '{'p' * 200}' AS program, 'A' AS division, 'L' AS level FROM {tables}"


KILLS = {
    "postgresql": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE query LIKE 'FETCH%' AND datname = CURRENT_CATALOG",
    "mariadb": "KILL USER registrar",
}


@pytest.mark.fault("B6")
@pytest.mark.parametrize("times", [1, 3])
def test_a_connection_that_is_lost_in_mid_fetch_gives_the_whole_day_or_an_error(
    url: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if url.startswith("sqlite"):
        pytest.skip("SQLite has no connection to lose")
    query = many(url)
    asked = url
    if url.startswith("mariadb"):
        write(url, "CREATE OR REPLACE USER registrar@'%'", "GRANT SELECT ON *.* TO registrar@'%'")
        asked = url.replace("root@", "registrar@")
    seen = kill_once(monkeypatch, url, KILLS[url.split(":")[0]], times)
    days = registrar(asked, query, batch_rows=1000).extract([DAY], {})
    if times == 3:
        with pytest.raises(RegistrarError, match=r"registrar query for 2026-03-02, .* database .*\(tried 3 times\); run again"):
            next(days)
    else:
        assert next(days).rows["student_id"].nunique() == 100_000
        assert seen.count(2001) == 2


@pytest.mark.fault("B1")
def test_a_server_that_comes_back_is_asked_again_and_one_that_does_not_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "WAITS_SECONDS", (0.01, 0.01))
    port = _free_port()
    for url in (f"postgres://reader:s3cret@127.0.0.1:{port}/campus", f"mysql://reader:s3cret@127.0.0.1:{port}/campus"):
        asked = registrar(url)
        with pytest.raises(
            RegistrarError, match=r"database 'campus' on 127\.0\.0\.1: .*(refused|connect).*tried 3 times"
        ) as refused:
            list(asked.extract([DAY], {}))
        assert "s3cret" not in f"{refused.value} {asked!r}"


@pytest.mark.fault("B1")
def test_a_wrong_password_is_not_tried_again_and_in_no_message(mariadb_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "WAITS_SECONDS", (60.0,))
    write(mariadb_database, "CREATE OR REPLACE USER reader@'%' IDENTIFIED BY 'right'")
    with pytest.raises(RegistrarError, match=r"Access denied for user 'reader'.*check URL, rights and query") as refused:
        list(registrar(mariadb_database.replace("root@", "reader:s3cret@")).extract([DAY], {}))
    assert "s3cret" not in str(refused.value)


def test_a_url_that_is_none_is_refused_without_its_text_and_a_missing_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(RegistrarError, match="URL is not one") as refused:
        list(registrar("reader:s3cret@campus").extract([DAY], {}))
    assert "s3cret" not in str(refused.value)
    with pytest.raises(RegistrarError, match="unable to open database file"):
        list(registrar(f"sqlite:///{tmp_path}/typo.db").extract([DAY], {}))
    assert not list(tmp_path.iterdir())


@pytest.mark.fault("I14")
def test_a_missing_driver_is_named_with_what_installs_it() -> None:
    if importlib.util.find_spec("pyodbc"):
        pytest.skip("pyodbc is installed here")
    with pytest.raises(RegistrarError, match=r"driver 'pyodbc' is not installed; pip install 'oulad-platform\[sqlserver\]'"):
        list(registrar("mssql://reader:s3cret@campus/registrar").extract([DAY], {}))
    with pytest.raises(RegistrarError, match="no dialect 'access' is known"):
        list(registrar("access://campus/registrar").extract([DAY], {}))


def test_tls_parameters_of_the_url_reach_the_driver(tmp_path: Path) -> None:
    arguments = normalised(sa.make_url("mariadb://reader@campus/r?ssl_ca=/etc/ca.pem&ssl_check_hostname=true"))
    assert arguments.get_dialect()().create_connect_args(arguments)[1]["ssl"] == {"ca": "/etc/ca.pem", "check_hostname": True}
    arguments = normalised(sa.make_url("postgres://reader@campus/r?sslmode=verify-full&sslrootcert=/etc/ca.pem"))
    given = arguments.get_dialect()().create_connect_args(arguments)[1]
    assert (given["sslmode"], given["sslrootcert"]) == ("verify-full", "/etc/ca.pem")


def test_a_server_without_tls_is_refused_where_the_url_wants_tls(postgres_database: str) -> None:
    with pytest.raises(RegistrarError, match="server does not support SSL"):
        list(registrar(f"{postgres_database}?sslmode=require").extract([DAY], {}))


def test_the_statement_for_sql_server_is_its_own() -> None:
    from sqlalchemy.dialects import mssql

    text = str(statement(QUERY + ";").compile(dialect=mssql.dialect(paramstyle="qmark")))
    assert text == QUERY.replace(":snapshot_date", "?")
    for file in ("enrollment_query.sql", "enrollment_query_banner.sql", "enrollment_query_peoplesoft.sql"):
        assert "?" in str(statement((SQL / file).read_text()).compile(dialect=mssql.dialect(paramstyle="qmark")))
    assert one_statement("SELECT 1;\n") == "SELECT 1"


SCHEMAS = {
    "enrollment_query.sql": [
        "CREATE TABLE enrollments (student_id VARCHAR(9), student_name VARCHAR(9), division VARCHAR(9), program VARCHAR(9), "
        "level_of_study VARCHAR(9), term VARCHAR(9), term_start_date DATE, term_end_date DATE, enrolled_on DATE, left_on DATE)",
        "INSERT INTO enrollments VALUES "
        "('00123','Ada','Arts','LAW','BA','25F','2025-10-01','2026-03-10','2025-09-01',NULL),"
        "('00123','Ada','Arts','LAW','BA','26S','2026-03-05','2026-09-01','2026-02-01',NULL),"
        "('2','Bo','Arts','LAW','BA','26S','2026-03-05','2026-09-01','2026-02-01','2026-03-01'),"
        "('3','Cy','Arts','LAW','BA','26S','2026-03-05','2026-09-01','2026-02-01','2026-03-02'),"
        "('4','Di','Arts','LAW','BA','26S','2026-03-05','2026-09-01','2026-03-03',NULL)",
    ],
    "enrollment_query_banner.sql": [
        "CREATE TABLE SPRIDEN (SPRIDEN_PIDM INT, SPRIDEN_ID VARCHAR(9), SPRIDEN_LAST_NAME VARCHAR(9), "
        "SPRIDEN_CHANGE_IND VARCHAR(1), SPRIDEN_ENTITY_IND VARCHAR(1))",
        "INSERT INTO SPRIDEN VALUES (1,'OLD','Ada','I','P'),(1,'00123','Ada',NULL,'P'),(2,'2','Bo',NULL,'P'),"
        "(3,'3','Cy',NULL,'P'),(4,'4','Di',NULL,'P')",
        "CREATE TABLE SGBSTDN (SGBSTDN_PIDM INT, SGBSTDN_TERM_CODE_EFF VARCHAR(6), SGBSTDN_STST_CODE VARCHAR(2), "
        "SGBSTDN_LEVL_CODE VARCHAR(2), SGBSTDN_PROGRAM_1 VARCHAR(9), SGBSTDN_COLL_CODE_1 VARCHAR(2))",
        "INSERT INTO SGBSTDN VALUES (1,'202410','AS','BA','HIS','AR'),(1,'202510','AS','BA','LAW','AR'),"
        "(1,'202710','AS','BA','ART','AR'),(2,'202510','AS','BA','LAW','AR'),(3,'202510','AS','BA','LAW','AR'),"
        "(4,'202510','AS','BA','LAW','AR')",
        "CREATE TABLE STVTERM (STVTERM_CODE VARCHAR(6), STVTERM_START_DATE DATE, STVTERM_END_DATE DATE)",
        "INSERT INTO STVTERM VALUES ('202610','2025-10-01','2026-03-10'),('202620','2026-03-05','2026-09-01')",
        "CREATE TABLE STVRSTS (STVRSTS_CODE VARCHAR(2), STVRSTS_INCL_SECT_ENRL VARCHAR(1))",
        "INSERT INTO STVRSTS VALUES ('RE','Y'),('DD','N')",
        "CREATE TABLE STVCOLL (STVCOLL_CODE VARCHAR(2), STVCOLL_DESC VARCHAR(9))",
        "INSERT INTO STVCOLL VALUES ('AR','Arts')",
        "CREATE TABLE SFRSTCR (SFRSTCR_PIDM INT, SFRSTCR_TERM_CODE VARCHAR(6), SFRSTCR_CRN VARCHAR(5), "
        "SFRSTCR_RSTS_CODE VARCHAR(2), SFRSTCR_ADD_DATE DATE, SFRSTCR_RSTS_DATE DATE)",
        "INSERT INTO SFRSTCR VALUES (1,'202610','1','RE','2025-09-01','2025-09-01'),(1,'202610','2',"
        "'RE','2025-09-02','2025-09-02'),"
        "(1,'202620','3','RE','2026-02-01','2026-02-01'),(2,'202620','3','DD','2026-02-01','2026-03-01'),"
        "(3,'202620','3','DD','2026-02-01','2026-03-02'),(4,'202620','3','RE','2026-03-03','2026-03-03')",
    ],
    "enrollment_query_peoplesoft.sql": [
        "CREATE TABLE PS_STDNT_CAR_TERM (EMPLID VARCHAR(9), ACAD_CAREER VARCHAR(4), INSTITUTION VARCHAR(5), STRM VARCHAR(4), "
        "STDNT_CAR_NBR INT, WITHDRAW_CODE VARCHAR(3), WITHDRAW_DATE DATE)",
        "INSERT INTO PS_STDNT_CAR_TERM VALUES ('00123','BA','U','2610',0,'NWD',NULL),('00123','BA','U','2620',0,'NWD',NULL),"
        "('2','BA','U','2620',0,'WDR','2026-03-01'),('3','BA','U','2620',0,'NWD',NULL),('4','BA','U','2620',0,'NWD',NULL)",
        "CREATE TABLE PS_STDNT_ENRL (EMPLID VARCHAR(9), ACAD_CAREER VARCHAR(4), INSTITUTION VARCHAR(5), STRM VARCHAR(4), "
        "CLASS_NBR INT, STDNT_ENRL_STATUS VARCHAR(1), ENRL_ADD_DT DATE, ENRL_DROP_DT DATE)",
        "INSERT INTO PS_STDNT_ENRL VALUES ('00123','BA','U','2610',1,'E','2025-09-01',NULL),"
        "('00123','BA','U','2610',2,'E','2025-09-01',NULL),('00123','BA','U','2620',3,'E','2026-02-01',NULL),"
        "('2','BA','U','2620',3,'E','2026-02-01',NULL),('3','BA','U','2620',3,'D','2026-02-01','2026-03-02'),"
        "('4','BA','U','2620',3,'E','2026-03-03',NULL)",
        "CREATE TABLE PS_ACAD_PROG (EMPLID VARCHAR(9), ACAD_CAREER VARCHAR(4), STDNT_CAR_NBR INT, EFFDT DATE, EFFSEQ INT, "
        "INSTITUTION VARCHAR(5), ACAD_PROG VARCHAR(5), PROG_STATUS VARCHAR(2))",
        "INSERT INTO PS_ACAD_PROG VALUES ('00123','BA',0,'2024-09-01',0,'U','HIS','AC'),"
        "('00123','BA',0,'2025-09-01',0,'U','ART','AC'),('00123','BA',0,'2025-09-01',1,'U','LAW','AC'),"
        "('00123','BA',0,'2026-03-03',0,'U','LAW','DC'),('2','BA',0,'2025-09-01',0,'U','LAW','AC'),"
        "('3','BA',0,'2025-09-01',0,'U','LAW','AC'),('4','BA',0,'2025-09-01',0,'U','LAW','AC')",
        "CREATE TABLE PS_ACAD_PROG_TBL (INSTITUTION VARCHAR(5), ACAD_PROG VARCHAR(5), EFFDT DATE, ACAD_GROUP VARCHAR(5))",
        "INSERT INTO PS_ACAD_PROG_TBL VALUES ('U','LAW','1990-01-01','Old'),('U','LAW','2000-01-01','Arts')",
        "CREATE TABLE PS_NAMES (EMPLID VARCHAR(9), NAME_TYPE VARCHAR(3), EFFDT DATE,"
        " EFF_STATUS VARCHAR(1), NAME_DISPLAY VARCHAR(9))",
        "INSERT INTO PS_NAMES VALUES ('00123','PRI','2000-01-01','A','Ida'),('00123','PRI','2020-01-01','A','Ada'),"
        "('3','PRI','2020-01-01','A','Cy')",
        "CREATE TABLE PS_TERM_TBL (INSTITUTION VARCHAR(5), ACAD_CAREER VARCHAR(4), STRM VARCHAR(4),"
        " TERM_BEGIN_DT DATE, TERM_END_DT DATE)",
        "INSERT INTO PS_TERM_TBL VALUES ('U','BA','2610','2025-10-01','2026-03-10'),('U','BA','2620','2026-03-05','2026-09-01')",
    ],
}


@pytest.mark.parametrize("file", sorted(SCHEMAS))
def test_each_query_in_the_box_runs_on_its_schema_and_gives_one_row_per_student_and_program(url: str, file: str) -> None:
    write(url, *SCHEMAS[file])
    (extract,) = registrar(url, (SQL / file).read_text()).extract([DAY], {})
    columns = ["student_id", "student_name", "division", "program", "level", "status", "term_start_date", "term_end_date"]
    assert extract.rows[columns].to_numpy().tolist() == [
        ["00123", "Ada", "Arts", "LAW", "BA", "active", "2025-10-01", "2026-03-10"],
        ["3", "Cy", "Arts", "LAW", "BA", "registered", "2026-03-05", "2026-09-01"],
    ]
