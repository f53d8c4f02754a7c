"""A local installation of two days moves to PostgreSQL: tables, published days, and what Dagster shows of its assets."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import chdir
from datetime import date
from pathlib import Path

import dagster as dg
import psycopg2
import pytest
from click.testing import CliRunner, Result

from oulad_platform.cli_instance import move
from oulad_platform.definitions import build_defs
from oulad_platform.defs import instance
from oulad_platform.defs.backup import warehouse_shapes
from oulad_platform.defs.local_run import QUIET
from oulad_platform.defs.resources import Platform
from oulad_platform.enrollment.tables import ENROLLMENT_METRICS
from oulad_platform.settings import load

REPOSITORY = Path(__file__).parents[2]
LINE = [
    dg.AssetKey(["enrollment", name])
    for name in ("enrollment_snapshots", "data_quality_findings", "enrollment_deltas", "custom_metrics", "enrollment_metrics")
]
METRICS = LINE[-1]
DAYS = {"dagster/asset_partition_range_start": "2026-11-19", "dagster/asset_partition_range_end": "2026-11-20"}
KEY = "a key of this test that is long enough to be one"


class OnAFriday(Platform):
    """The installation on 2026-11-20, whatever the clock says."""

    def today(self) -> date:
        return date(2026, 11, 20)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A shop's folder after two days with SQLite alone."""
    folder = tmp_path_factory.mktemp("move") / "shop"
    shutil.copytree(REPOSITORY / "examples/retail", folder)
    shutil.copy(REPOSITORY / "dagster.yaml", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OULAD_HOME", str(folder))
        patch.setenv("PSEUDONYM_KEY", KEY)
        platform = OnAFriday(load())
        job = build_defs(platform.settings, platform=platform).resolve_implicit_global_asset_job_def()
        with chdir(folder), dg.DagsterInstance.from_config(str(folder)) as local:
            assert job.execute_in_process(asset_selection=LINE, instance=local, tags=DAYS, run_config=QUIET).success
    return folder


@pytest.fixture
def folder(made: Path, monkeypatch: pytest.MonkeyPatch, postgres_database: str) -> Path:
    """The same, with the addresses of an empty PostgreSQL database for the warehouse and for Dagster."""
    monkeypatch.setenv("OULAD_HOME", str(made))
    monkeypatch.setenv("PSEUDONYM_KEY", KEY)
    monkeypatch.setenv("DATABASE_URL", postgres_database)
    monkeypatch.setenv("DAGSTER_DATABASE_URL", f"{postgres_database}?options=-csearch_path%3Ddagster")
    with psycopg2.connect(postgres_database) as connection:
        connection.cursor().execute("CREATE SCHEMA dagster")
    return made


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


def test_a_local_installation_moves_to_postgresql_and_a_second_move_changes_nothing(folder: Path, receiving: Path) -> None:
    first = moved(folder, receiving)
    again = moved(folder, receiving)

    assert first.exit_code == 0, first.output
    assert "rows moved" in first.output
    assert not first.output.endswith("\n0 materializations told to the new instance\n")
    assert again.output == "the warehouse had been moved before\n0 materializations told to the new instance\n"
    platform = OnAFriday(load())
    assert platform.database.kind == "postgres"
    assert platform.database.days(ENROLLMENT_METRICS) == [date(2026, 11, 19), date(2026, 11, 20)]
    local_file = f"sqlite:///{folder}/data/oulad.db"
    rows = [instance.digests(url, warehouse_shapes()) for url in (local_file, platform.settings.warehouse)]
    assert rows[0] == rows[1]
    assert rows[0].keys() >= {"enrollment_metrics", "enrollment_deltas", "student_keys", "published_days"}
    local, there = newest(folder, folder), newest(folder, receiving)
    assert list(there) == ["2026-11-19", "2026-11-20"]
    assert [{**one, "materialized": None} for one in there.values()] == [{**one, "materialized": None} for one in local.values()]


def test_a_move_into_a_warehouse_with_other_rows_changes_nothing(folder: Path, receiving: Path) -> None:
    platform = OnAFriday(load())
    assert moved(folder, receiving).exit_code == 0
    rows = platform.database.read(ENROLLMENT_METRICS)
    platform.database.replace_days(ENROLLMENT_METRICS, rows[rows["date"] == "2026-11-20"], [date(2026, 11, 20)])
    platform.database.replace_days(ENROLLMENT_METRICS, rows.iloc[:0], [date(2026, 11, 19)])

    refused = moved(folder, receiving)

    assert refused.exit_code == 1
    assert "is not empty" in refused.output
    assert set(platform.database.read(ENROLLMENT_METRICS)["date"].dt.day) == {20}


def test_an_instance_is_not_moved_into_itself(folder: Path) -> None:
    refused = moved(folder, folder)

    assert refused.exit_code == 1
    assert "is the receiving instance itself" in refused.output


@pytest.mark.fault("H10")
def test_production_does_not_take_over_pseudonyms_of_the_published_key(
    folder: Path, receiving: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(folder / "data/oulad.db") as local:
        local.execute("INSERT INTO student_keys VALUES ('demo-0', 'demo', 'somebody')")
    monkeypatch.setenv("OULAD_ENV", "production")

    refused = moved(folder, receiving)

    with sqlite3.connect(folder / "data/oulad.db") as local:
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
