"""The drill: an installation is backed up, destroyed, restored elsewhere, and goes on as if nothing had been."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from oulad_platform.cli_backup import backup, restore
from oulad_platform.core.pseudonyms import ERASURES
from oulad_platform.defs.io_managers import ModelIOManager, stored_models
from oulad_platform.defs.local_run import materialize
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.warehouse import warehouse
from oulad_platform.settings import load
from oulad_platform.storage import dump
from oulad_platform.success.modelling.model import predict
from oulad_platform_tests.success.modelling.test_codec import ROWS, model

EXAMPLES = Path(__file__).parents[2] / "examples"
KEPT = ("data/lake", "data/outbox", "models", "outputs", "reports")
KEY = "a key of the drill that is long enough to be one"


class OnAFriday(Platform):
    """The installation on 2026-11-20, whatever the clock says."""

    def today(self) -> date:
        return date(2026, 11, 20)


def oulad(command: Any, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with extracts of 16 to 20 November 2026, four days made, with a model and a briefing in the outbox."""
    folder = tmp_path_factory.mktemp("made") / "shop"
    shutil.copytree(EXAMPLES / "retail", folder)
    with pytest.MonkeyPatch.context() as patch:
        settle(patch, folder)
        platform = installed()
        assert materialize(platform, date(2026, 11, 16), date(2026, 11, 19))
        output = SimpleNamespace(add_output_metadata=lambda _: None)
        ModelIOManager(platform).handle_output(output, {"2013J": model("logistic")})
    return folder


@pytest.fixture
def home(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shop of this test's own."""
    settle(monkeypatch, shutil.copytree(shop, tmp_path / "shop"))
    return tmp_path / "shop"


def settle(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setenv("OULAD_HOME", str(folder))
    patch.setenv("PSEUDONYM_KEY", KEY)
    patch.setenv("ENROLLMENT_EMAIL_RECIPIENTS", "registrar@shop.org")


def installed() -> Platform:
    return OnAFriday(load())


def destroy(home: Path) -> None:
    for place in KEPT:
        shutil.rmtree(home / place)
    for file in (home / "data").glob("oulad.db*"):
        file.unlink()


def tables(platform: Platform) -> dict[str, pd.DataFrame]:
    read = dump.read_out(platform.settings.warehouse, warehouse().tables)
    return {f"{table.name} {part}": rows.to_pandas() for table, part, rows in read}


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for place in KEPT
        for path in sorted((folder / place).rglob("*"))
        if path.is_file()
    }


def test_what_was_destroyed_is_restored_and_the_next_day_runs_and_tells_nothing_twice(
    home: Path, tmp_path: Path, postgres_database: str, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From SQLite by a bucket to PostgreSQL, from there by a folder to SQLite."""
    platform = installed()
    before, told, stored = tables(platform), platform.outbox.ids(), files(home)
    assert (len(told), len(before["enrollment_metrics 2026-11"])) == (1, 52)
    sqlite = f"sqlite:///{home}/data/oulad.db"
    for target, url in ((f"s3://{s3}/backups", postgres_database), (str(tmp_path / "backups"), sqlite)):
        assert "this is backup 20" in oulad(backup, target).output
        destroy(home)
        monkeypatch.setenv("DATABASE_URL", url)
        restored = oulad(restore, target)
        assert restored.exit_code == 0, restored.output
        assert "is whole: " in restored.output
        assert "enrollment/enrollment_metrics" in restored.output
        platform = installed()
        after = tables(platform)
        assert after.keys() == before.keys()
        for name, rows in before.items():
            pd.testing.assert_frame_equal(after[name], rows)
        assert files(home) == stored
        assert (predict(stored_models(platform)["2013J"], ROWS) == predict(model("logistic"), ROWS)).all()
    assert materialize(platform, date(2026, 11, 19), date(2026, 11, 20))
    assert told < platform.outbox.ids()
    assert len(platform.outbox.ids()) == 2


def test_a_restore_gives_up_no_data_unless_told_and_wants_the_same_key(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, before = str(tmp_path / "backups"), files(home)
    assert oulad(backup, target).exit_code == 0
    again = oulad(backup, target)
    assert "0.0 MB were new" in again.output
    refused = oulad(restore, target)
    assert refused.exit_code == 1
    assert "there is data here already: table " in refused.output
    assert "say --replace" in refused.output
    assert oulad(restore, target, "--check").output.count("is whole") == 1
    (home / "data/lake/enrollment/later.txt").write_text("later")
    monkeypatch.setenv("PSEUDONYM_KEY", KEY[::-1])
    foreign = oulad(restore, target, "--replace")
    assert foreign.exit_code == 1
    assert "the pseudonym key k1 configured here is not the one of backup" in foreign.output
    assert KEY[::-1] not in foreign.output
    monkeypatch.setenv("PSEUDONYM_KEY", KEY)
    rows = [("k1-since", "k1", pd.Timestamp("2026-11-20"), "Ann", "asked", pd.NaT, pd.NaT, pd.NaT)]
    installed().database.append({ERASURES: ERASURES.conform(pd.DataFrame(rows, columns=ERASURES.names))})
    restored = oulad(restore, target, "--replace")
    assert restored.exit_code == 0
    assert "k1-since was erased since that backup" in restored.output
    assert list(installed().database.read(ERASURES)["student_key"]) == ["k1-since"]
    assert files(home) == before
