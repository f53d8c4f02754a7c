"""A local installation of two days moves to PostgreSQL: tables, published days, what Dagster shows; and goes on there."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import chdir, closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg2
import pytest
from click.testing import CliRunner, Result

from oulad_platform import cli
from oulad_platform.cli_instance import move
from oulad_platform.definitions import build_defs
from oulad_platform.defs import instance
from oulad_platform.defs.backup import warehouse_shapes
from oulad_platform.defs.jobs import EVERYTHING
from oulad_platform.defs.local_run import QUIET
from oulad_platform.defs.resources import Platform
from oulad_platform.enrollment.tables import ENROLLMENT_METRICS
from oulad_platform.settings import load
from oulad_platform.storage.migrations.access import ROLES_SQL

REPOSITORY = Path(__file__).parents[2]
METRICS = dg.AssetKey(["enrollment", "enrollment_metrics"])
TODAY = datetime.now(UTC).date() - timedelta(days=1)
BEFORE = [TODAY - timedelta(days=2), TODAY - timedelta(days=1)]
KEY = "a key of this test that is long enough to be one"
HEAD = "student_id,student_name,division,program,level,term,term_start_date"
CONFIGURATION = f"""
first_day: {BEFORE[0]}
pipeline_demo_mode: false
registrar: {{kind: files, location: extracts, file_pattern: "census_{{date}}.csv"}}
"""


def write_extract(folder: Path, day: date, n_people: int) -> None:
    people = [f"S{n:05d},Person {n},Science,Physics,Bachelor,autumn,{BEFORE[0]}" for n in range(n_people)]
    (folder / "extracts" / f"census_{day}.csv").write_text("\n".join([HEAD, *people, ""]))


def oulad(*words: object) -> Result:
    return CliRunner().invoke(cli.main, [str(word) for word in words])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A university's folder after two days with SQLite alone; a third extract has come."""
    folder = tmp_path_factory.mktemp("move") / "home"
    (folder / "extracts").mkdir(parents=True)
    (folder / "platform.yaml").write_text(CONFIGURATION)
    shutil.copy(REPOSITORY / "dagster.yaml", folder)
    for n_people, day in zip((60, 61, 63), [*BEFORE, TODAY], strict=True):
        write_extract(folder, day, n_people)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OULAD_HOME", str(folder))
        patch.setenv("PSEUDONYM_KEY", KEY)
        ran = oulad("run", "--first", BEFORE[0], "--last", BEFORE[1])
    assert ran.exit_code == 0, ran.output
    return folder


@pytest.fixture
def folder(made: Path, monkeypatch: pytest.MonkeyPatch, postgres_database: str) -> Path:
    """The same, with the addresses of an empty PostgreSQL database for the warehouse and for Dagster."""
    monkeypatch.setenv("OULAD_HOME", str(made))
    monkeypatch.setenv("PSEUDONYM_KEY", KEY)
    monkeypatch.setenv("DATABASE_URL", postgres_database)
    monkeypatch.setenv("DAGSTER_DATABASE_URL", f"{postgres_database}?options=-csearch_path%3Ddagster")
    with closing(psycopg2.connect(postgres_database)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA dagster")
    return made


@pytest.fixture
def in_production(folder: Path, monkeypatch: pytest.MonkeyPatch, postgres_database: str) -> Iterator[None]:
    """The owner's account migrates, the writer's does everything else."""
    monkeypatch.setenv("OULAD_ENV", "production")
    monkeypatch.setenv("DATABASE_OWNER_URL", postgres_database)
    monkeypatch.setenv("DATABASE_URL", postgres_database.replace("postgres@", "mover@"))
    with closing(psycopg2.connect(postgres_database)) as server:
        server.autocommit = True
        with server.cursor() as cursor:
            cursor.execute(ROLES_SQL)
            cursor.execute("CREATE ROLE mover LOGIN IN ROLE oulad_writer")
            yield
            cursor.execute("DROP ROLE mover")


@pytest.fixture
def receiving(tmp_path: Path) -> Path:
    """A folder with deploy/dagster.yaml, its paths put under the test's."""
    text = (REPOSITORY / "deploy/dagster.yaml").read_text()
    (tmp_path / "dagster.yaml").write_text(text.replace("/srv/oulad", str(tmp_path)))
    return tmp_path


def moved(folder: Path, receiving: Path) -> Result:
    return CliRunner().invoke(move, [str(folder), "--instance", str(receiving)])


def newest(folder: Path, where: Path) -> dict[str | None, dict[str, object]]:
    with chdir(folder), dg.DagsterInstance.from_config(str(where)) as opened:
        found = opened.fetch_materializations(METRICS, limit=100, ascending=True).records
        return {
            one.partition_key: {name: value.value for name, value in one.asset_materialization.metadata.items()}
            for one in found
            if one.asset_materialization
        }


@pytest.mark.usefixtures("in_production")
def test_a_local_installation_moves_to_postgresql_is_whole_there_and_goes_on(folder: Path, receiving: Path) -> None:
    too_early = moved(folder, receiving)
    assert too_early.exit_code == 1
    assert "run `oulad migrate` with the account of DATABASE_OWNER_URL" in too_early.output
    assert oulad("migrate").exit_code == 0

    first = moved(folder, receiving)
    again = moved(folder, receiving)

    assert first.exit_code == 0, first.output
    assert "rows moved" in first.output
    assert not first.output.endswith("\n0 materializations told to the new instance\n")
    assert again.output == "the warehouse had been moved before\n0 materializations told to the new instance\n"
    platform = Platform(load())
    assert platform.database.kind == "postgres"
    assert platform.database.days(ENROLLMENT_METRICS) == BEFORE
    local_file = f"sqlite:///{folder}/data/oulad.db"
    rows = [instance.digests(url, warehouse_shapes()) for url in (local_file, platform.settings.warehouse)]
    assert rows[0] == rows[1]
    assert rows[0].keys() >= {"enrollment_metrics", "enrollment_deltas", "student_keys", "published_days"}
    local, there = newest(folder, folder), newest(folder, receiving)
    assert list(there) == [str(day) for day in BEFORE]
    assert [{**one, "materialized": None} for one in there.values()] == [{**one, "materialized": None} for one in local.values()]
    assert_verified()

    job = build_defs(platform.settings, platform=platform).resolve_job_def(EVERYTHING)
    with dg.DagsterInstance.from_config(str(receiving)) as now:
        assert job.execute_in_process(instance=now, partition_key=str(TODAY), run_config=QUIET).success

    assert_verified()
    metrics = platform.database.read(ENROLLMENT_METRICS)
    total = metrics[metrics["scope"] == "total"].set_index("date").sort_index()
    assert total["total_enrollment"].tolist() == [60, 61, 63]
    assert total["new_students"].tolist()[1:] == [1, 2]
    assert list(newest(folder, receiving)) == [*map(str, BEFORE), str(TODAY)]


def assert_verified() -> None:
    verified = oulad("verify")
    assert verified.exit_code == 0, verified.output
    assert "postgresql://mover@" in verified.output


def test_a_move_into_a_warehouse_with_other_rows_changes_nothing(folder: Path, receiving: Path) -> None:
    platform = Platform(load())
    assert moved(folder, receiving).exit_code == 0
    rows = platform.database.read(ENROLLMENT_METRICS)
    platform.database.replace_days(ENROLLMENT_METRICS, rows[rows["date"] == str(BEFORE[1])], [BEFORE[1]])
    platform.database.replace_days(ENROLLMENT_METRICS, rows.iloc[:0], [BEFORE[0]])

    refused = moved(folder, receiving)

    assert refused.exit_code == 1
    assert "is not empty" in refused.output
    assert set(platform.database.read(ENROLLMENT_METRICS)["date"].dt.date) == {BEFORE[1]}


def test_an_instance_is_not_moved_into_itself(folder: Path) -> None:
    refused = moved(folder, folder)

    assert refused.exit_code == 1
    assert "is the receiving instance itself" in refused.output


@pytest.mark.fault("H10")
def test_production_does_not_take_over_pseudonyms_of_the_published_key(
    folder: Path, receiving: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(folder / "data/oulad.db")) as local, local:
        local.execute("INSERT INTO student_keys VALUES ('demo-0', 'demo', 'somebody')")
    monkeypatch.setenv("OULAD_ENV", "production")

    refused = moved(folder, receiving)

    with closing(sqlite3.connect(folder / "data/oulad.db")) as local, local:
        local.execute("DELETE FROM student_keys WHERE key_id = 'demo'")
    assert refused.exit_code == 1
    assert "pseudonyms of the published key 'demo'" in refused.output
    assert "somebody" not in refused.output


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DATABASE_URL", "", "set DATABASE_URL to the PostgreSQL that is to receive it"),
        ("OULAD_HOME", "nowhere", "there is no local warehouse"),
    ],
)
def test_what_cannot_be_moved_is_refused(
    name: str, value: str, told: str, folder: Path, receiving: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "OULAD_HOME":
        folder = receiving
    else:
        monkeypatch.setenv(name, value)

    refused = moved(folder, receiving)

    assert refused.exit_code == 1
    assert told in refused.output
