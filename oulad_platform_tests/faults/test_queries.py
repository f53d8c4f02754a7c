"""A configured query, or a column name in the settings, that would do more than read."""

from __future__ import annotations

from datetime import date

import pytest
import sqlalchemy as sa

from oulad_platform.sources.registrar import RegistrarConfig, RegistrarError
from oulad_platform.sources.registrar.database import DatabaseRegistrar

DAY = date(2026, 3, 2)
COLUMNS = "id AS student_id, 'Law' AS program, 'Arts' AS division, 'BA' AS level"


@pytest.fixture
def enrolled(postgres_database: str) -> str:
    with sa.create_engine(postgres_database, poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE enrolled (id text)")
        connection.exec_driver_sql("CREATE SEQUENCE numbers")
        connection.exec_driver_sql("INSERT INTO enrolled VALUES ('1'), ('2')")
        connection.exec_driver_sql("CREATE FUNCTION wipe() RETURNS text LANGUAGE sql AS $$ DELETE FROM enrolled RETURNING id $$")
    return postgres_database


def asked(url: str, query: str, **settings: object) -> list[str]:
    config = RegistrarConfig(kind="database", **settings)
    (extract,) = DatabaseRegistrar(url, query, config, DAY).extract([DAY], {})
    return list(extract.rows["student_id"])


@pytest.mark.fault("B2")
@pytest.mark.parametrize(
    "query",
    [
        "COPY (SELECT 1) TO PROGRAM 'touch {file}'",
        "COPY enrolled TO '{file}'",
        "UPDATE enrolled SET id = 'x'",
        f"WITH gone AS (DELETE FROM enrolled RETURNING id) SELECT {COLUMNS} FROM gone",
        "SELECT * INTO stolen FROM enrolled",
        f"SELECT {COLUMNS.replace('id AS', 'wipe() AS')} FROM enrolled",
        f"SELECT {COLUMNS.replace('id AS', 'nextval($$numbers$$) AS')} FROM enrolled",
        f"SELECT {COLUMNS.replace('id AS', 'set_config($$transaction_read_only$$, $$off$$, true) AS')} FROM enrolled",
        "DO $$ BEGIN DELETE FROM enrolled; END $$",
        "COMMIT",
        "SET TRANSACTION READ WRITE",
    ],
)
def test_a_query_that_would_do_more_than_read_is_refused_and_changes_nothing(query: str, enrolled: str, tmp_path) -> None:
    with pytest.raises(RegistrarError):
        asked(enrolled, query.format(file=tmp_path / "written") if "{file}" in query else query)
    assert asked(enrolled, f"SELECT {COLUMNS} FROM enrolled ORDER BY id") == ["1", "2"]
    with sa.create_engine(enrolled, poolclass=sa.NullPool).connect() as connection:
        assert connection.exec_driver_sql("SELECT is_called FROM numbers").scalar_one() is False
        assert connection.exec_driver_sql("SELECT to_regclass('stolen')").scalar_one() is None
    assert not (tmp_path / "written").exists()


@pytest.mark.fault("B3")
@pytest.mark.parametrize("name", ['id"; DROP TABLE enrolled; --', "id'); DELETE FROM enrolled; --", "id\0"])
def test_a_configured_column_name_is_looked_for_in_the_result_and_never_executed(name: str, enrolled: str) -> None:
    with pytest.raises(RegistrarError, match="is missing"):
        asked(enrolled, f"SELECT {COLUMNS} FROM enrolled", columns={"student_id": name})
    odd = COLUMNS.replace("id AS student_id", 'id AS "id\'); --"')
    assert asked(enrolled, f"SELECT {odd} FROM enrolled ORDER BY 1", columns={"student_id": "id'); --"}) == ["1", "2"]
