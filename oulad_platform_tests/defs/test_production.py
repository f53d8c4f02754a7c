"""Keys of pseudonyms as an installation meets them: production refuses a bad one at its start, a new one loses no old day."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from oulad_platform.cli import main
from oulad_platform.core.pseudonyms import DEMO_KEYS, STUDENT_KEYS, PseudonymError, Pseudonyms
from oulad_platform.enrollment.tables import ENROLLMENT_DELTAS
from oulad_platform.settings import SettingsError, load
from oulad_platform.storage.database import Database

GOOD = "a key that only this test ever uses"
NEEDS = "OULAD_ENV=production needs PSEUDONYM_KEY, a secret of 32 characters or more"
BAD = [
    pytest.param({}, NEEDS, id="missing"),
    pytest.param({"PSEUDONYM_KEY": DEMO_KEYS["demo"].decode()}, NEEDS, id="the published one"),
    pytest.param({"PSEUDONYM_KEY": GOOD[:31]}, "PSEUDONYM_KEY", id="short"),
    pytest.param(
        {"PSEUDONYM_KEY": GOOD, "PSEUDONYM_OLD_KEYS": "k0=short"}, "the pseudonym key k0 is shorter", id="short old one"
    ),
]


@pytest.fixture
def production(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("OULAD_HOME", str(tmp_path))
    monkeypatch.setenv("OULAD_ENV", "production")
    for name in ("PSEUDONYM_KEY", "PSEUDONYM_OLD_KEYS"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.fault("H10")
@pytest.mark.parametrize(("keys", "told"), BAD)
def test_production_without_a_key_of_its_own_does_not_start(
    keys: dict[str, str], told: str, production: pytest.MonkeyPatch
) -> None:
    for name, value in keys.items():
        production.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load()
    doctor = CliRunner().invoke(main, ["doctor"])
    assert doctor.exit_code != 0
    for said in (str(refused.value), doctor.output):
        assert told in said
        assert not any(value in said for value in keys.values())


@pytest.mark.fault("H10")
def test_production_with_a_key_starts_and_its_definitions_without_one_do_not_load(production: pytest.MonkeyPatch) -> None:
    production.setenv("PSEUDONYM_KEY", GOOD)
    assert load().pseudonyms.one(1).startswith("k1-")
    production.delenv("PSEUDONYM_KEY")
    loaded = subprocess.run(
        [sys.executable, "-c", "import oulad_platform.definitions"], env=os.environ, capture_output=True, text=True, check=False
    )
    assert loaded.returncode != 0
    assert NEEDS in loaded.stderr


def changes(day: date, *students: str) -> pd.DataFrame:
    rows = pd.DataFrame({"student_id": students, "snapshot_date": pd.Timestamp(day)})
    return ENROLLMENT_DELTAS.conform(
        rows.assign(program="BBB", division="STEM", change="added", attribute="", from_value=None, to_value=None)
    )


@pytest.mark.fault("H10", "H11")
def test_after_a_rotation_old_days_are_read_by_their_own_keys_and_new_days_have_the_new_one(database_url: str) -> None:
    first, second = date(2026, 11, 20), date(2026, 11, 21)
    before = Pseudonyms({"k1": GOOD.encode()}, "k1")
    after = Pseudonyms({"k1": GOOD.encode(), "k2": GOOD[::-1].encode()}, "k2")
    database = Database(database_url, before)
    database.create([ENROLLMENT_DELTAS])
    database.replace_days(ENROLLMENT_DELTAS, changes(first, "S001", "S002"), [first])
    rotated = Database(database_url, after)
    rotated.replace_days(ENROLLMENT_DELTAS, changes(second, "S002"), [second])
    for reader in (database, rotated, Database(database_url, Pseudonyms({"k2": GOOD[::-1].encode()}, "k2"))):
        found = reader.read_days(ENROLLMENT_DELTAS)
        assert list(zip(found["snapshot_date"].dt.day, found["student_id"], strict=True)) == [
            (20, "S001"),
            (20, "S002"),
            (21, "S002"),
        ]
    who = rotated.read(STUDENT_KEYS)
    assert sorted(zip(who["key_id"], who["student_id"], strict=True)) == [("k1", "S001"), ("k1", "S002"), ("k2", "S002")]
    rotated.replace_days(ENROLLMENT_DELTAS, changes(first, "S001", "S002"), [first])
    assert sorted(rotated.read(STUDENT_KEYS)["key_id"]) == ["k1", "k1", "k2", "k2"]


def test_a_key_of_another_name_is_not_guessed() -> None:
    with pytest.raises(PseudonymError, match="k7 is not configured"):
        Pseudonyms({"k1": GOOD.encode()}, "k1").one(1, "k7")
