"""A server that stops in the middle of a publish, addresses with awkward letters, and any sequence of publishes at all."""

from __future__ import annotations

import os
import subprocess
import tempfile
from datetime import date
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from oulad_platform.core.tables import Table
from oulad_platform.storage import database as warehouse
from oulad_platform.storage.database import Database
from oulad_platform.storage.errors import StorageError
from oulad_platform_tests.conftest import _binary
from oulad_platform_tests.storage.test_database import MONDAY, RISK, TUESDAY, WEDNESDAY, published, risks

STUDENTS = ("a", "b", "c")


def pg_ctl(data: str, *command: str) -> None:
    unprivileged = ["runuser", "-u", "postgres", "--"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
    subprocess.run([*unprivileged, str(_binary("pg_ctl")), "-D", data, "-w", *command], cwd=data, check=True, **quiet)


def administered(url: str, change: str, question: str) -> str:
    """Makes a change outside a transaction; the answer to the question."""
    with sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql(change)
        return str(connection.exec_driver_sql(question).scalar_one())


@pytest.mark.fault("E2", "E13")
def test_a_server_that_stops_at_once_in_the_middle_of_a_publish_keeps_the_old_rows_and_gets_the_new_ones_once_it_is_back(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may restart the tests' server as its user")
    data = administered(postgres_url, "CREATE DATABASE stopped", "SHOW data_directory")
    database = Database(postgres_url.rsplit("/", 1)[0] + "/stopped")
    database.create([RISK])
    database.replace_days(RISK, risks(TUESDAY, ("a", 0.1)), [TUESDAY])
    insert, seen = warehouse.engines.insert, []

    def stop(connection: Any, table: Table, rows: Any, **how: Any) -> None:
        insert(connection, table, rows, **how)
        if table.name == RISK.name and not seen:
            pg_ctl(data, "-m", "immediate", "restart")
            seen.append(database.read(RISK)["risk"].tolist())

    monkeypatch.setattr(warehouse.engines, "insert", stop)
    monkeypatch.setattr(warehouse, "RETRY_WAITS", (0.1, 0.5, 1, 2))
    assert database.replace_days(RISK, risks(TUESDAY, ("b", 0.2), ("c", 0.3)), [TUESDAY]) == {TUESDAY: 2}
    assert seen == [[0.1]]
    assert database.read(RISK)["risk"].tolist() == [0.2, 0.3]
    assert published(database) == [["risk", "2014-05-20", 2]]
    administered(postgres_url, "DROP DATABASE stopped WITH (FORCE)", "SHOW data_directory")


@pytest.mark.fault("E16")
def test_a_password_of_awkward_letters_signs_in(postgres_database: str) -> None:
    password = "p@ss:w/o%rd?#&"
    with sa.create_engine(postgres_database, poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql("DROP ROLE IF EXISTS awkward")
        connection.execute(sa.text("CREATE ROLE awkward LOGIN SUPERUSER PASSWORD 'p@ss:w/o%rd?#&'"))
    own = sa.make_url(postgres_database).set(username="awkward", password=password)
    database = Database(own.render_as_string(hide_password=False).replace("postgresql://", "postgres://"))
    assert database._url.password == password
    assert "p@ss" not in database.ping()
    with sa.create_engine(postgres_database, poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql("DROP ROLE awkward")


class Publishing(RuleBasedStateMachine):
    """Any publishes of any days, good ones and refused ones, against a dict from day to rows."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database(f"sqlite:///{self.folder.name}/oulad.db")
        self.database.create([RISK])
        self.model: dict[date, dict[str, float]] = {}

    @rule(
        days=st.sets(st.sampled_from((MONDAY, TUESDAY, WEDNESDAY)), min_size=1),
        rows=st.dictionaries(st.sampled_from(STUDENTS), st.sampled_from([0.0, 0.25, 1.0])),
        times=st.integers(1, 2),
    )
    def publish(self, days: set[date], rows: dict[str, float], times: int) -> None:
        frame = pd.concat([risks(day, *rows.items()) for day in days], ignore_index=True)
        for _ in range(times):
            assert self.database.replace_days(RISK, RISK.conform(frame), sorted(days)) == dict.fromkeys(sorted(days), len(rows))
        self.model |= dict.fromkeys(days, rows)

    @rule(day=st.sampled_from((MONDAY, TUESDAY, WEDNESDAY)), rows=st.sampled_from([[("a", 2.0)], [("a", 0.1), ("a", 0.2)]]))
    def be_refused(self, day: date, rows: list[tuple[str, float]]) -> None:
        with pytest.raises(StorageError):
            self.database.replace_days(RISK, risks(day, *rows), [day])

    @invariant()
    def the_table_is_the_last_writers_day_by_day(self) -> None:
        if hasattr(self, "database"):
            stored = self.database.read(RISK)
            found = list(zip(stored["run_date"].dt.date, stored["student"], stored["risk"], strict=True))
            assert found == [(day, *row) for day in sorted(self.model) for row in sorted(self.model[day].items())]
            assert self.database.days(RISK) == sorted(self.model)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.database._engine.dispose()
            self.folder.cleanup()


TestPublishing: Any = Publishing.TestCase
TestPublishing.settings = settings(max_examples=15, stateful_step_count=8, deadline=None)
TestPublishing.pytestmark = [pytest.mark.fault("property 5")]
