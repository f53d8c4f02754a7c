"""Settings from every place they may come from, secrets in them, and processes of another language, time zone and hash seed."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value
from packaging.requirements import Requirement
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from oulad_platform.definitions import build_defs
from oulad_platform.settings import Settings, SettingsError, load

ROOT = Path(__file__).resolve().parents[2]
CANDIDATES = (
    *(
        "true",
        "false",
        "2",
        "3",
        "4",
        "0.3",
        "0.4",
        "50",
        "60",
        "200",
        "300",
        "3000",
        "4000",
        "1.5",
        "2014-05-20",
        "2014-05-21",
        "7,8",
        "9,1",
    ),
    *(
        "a@example.org",
        "b@example.org",
        "Asia/Tokyo",
        "Asia/Kolkata",
        "#010203",
        "#040506",
        "x1",
        "x2",
        "d{date}.csv",
        "{date}.csv",
    ),
    *("s3", "local", "https", "files", "starttls", "tls", "pytorch", "tensorflow", "production", "development", "hesa", "none"),
    *("json", "text", "multiprocess", "in_process", "daily_summary", "error_occurred", "division", "level"),
    *(
        '{"AAA": "2014-05-20"}',
        '{"AAA": "2014-05-21"}',
        '{"program": "x"}',
        '{"program": "y"}',
        '{"program": ["x"]}',
        '{"program": ["y"]}',
    ),
    *(f"k8={'a' * 40}", f"k9={'b' * 40}"),
)
BESIDE_IN_FILE = {
    "storage_backend": {"s3_bucket": "campus"},
    "registrar__kind": {"registrar": {"location": "https://sis.example.org/x"}},
    "oulad_replay_today": {"oulad_data": "campus"},
    "smtp_host": {"mail_sender": "a@example.org"},
    "smtp_password": {"smtp_user": "campus"},
}
BESIDE_IN_ENVIRONMENT = {
    "oulad_env": {"PSEUDONYM_KEY": "k" * 40},
    "smtp_user": {"SMTP_PASSWORD": "x"},
    "enrollment_sql_query": {"ENROLLMENT_DB_URL": "sqlite:////a"},
    "pseudonym_old_keys": {"PSEUDONYM_KEY": "k" * 40},
}


def leaves(model: type[BaseModel], section: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every setting as the environment names it, in small letters, with its declaration."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from leaves(field.annotation, f"{section}{name}__")
        else:
            yield f"{section}{name}", field


LEAVES = dict(leaves(Settings))


def fitting(field: FieldInfo) -> Iterator[str]:
    """Candidates of the setting's type; its model may refuse them still."""
    takes: TypeAdapter[Any] = TypeAdapter(Annotated[(field.annotation, *field.metadata, "any")])
    for text in CANDIDATES:
        for given in (text, text.split(","), json.loads(text) if text[0] == "{" and text[-1] == "}" else None):
            with suppress(ValidationError):
                if given is not None:
                    takes.validate_python(given)
                    yield text
                    break


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation's home without settings, with a folder of secrets."""
    for name in os.environ:
        if name.lower().split("__")[0] in Settings.model_fields:
            monkeypatch.delenv(name)
    (tmp_path / "secrets").mkdir()
    monkeypatch.setenv("OULAD_HOME", str(tmp_path))
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path / "secrets"))
    return tmp_path


def put(place: Path, leaf: str, text: str | None) -> None:
    """Writes a setting to platform.yaml, a secret to the folder of secrets; takes it away for None."""
    secret, content = place / "secrets" / leaf, deepcopy(BESIDE_IN_FILE.get(leaf, {}))
    secret.unlink(missing_ok=True)
    if text is not None and LEAVES[leaf].annotation == SecretStr | None:
        secret.write_text(text)
    elif text is not None:
        inner, (*sections, last) = content, leaf.split("__")
        for name in sections:
            inner = inner.setdefault(name, {})
        inner[last] = json.loads(text) if text[0] == "{" and text[-1] == "}" else text
    (place / "platform.yaml").write_text(yaml.safe_dump(content))


def read(leaf: str) -> Any:
    """The setting as it is loaded; None where it cannot be used."""
    try:
        value: Any = load()
    except SettingsError:
        return None
    for name in leaf.split("__"):
        value = getattr(value, name)
    return value.get_secret_value() if isinstance(value, SecretStr) else value


@pytest.mark.fault("I7", "property 19")
@pytest.mark.parametrize("leaf", LEAVES)
def test_the_environment_goes_before_the_file_and_the_file_before_the_default(
    leaf: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(place, leaf, None)
    default = read(leaf)
    for name, value in BESIDE_IN_ENVIRONMENT.get(leaf, {}).items():
        monkeypatch.setenv(name, value)
    found: dict[str, Any] = {}
    for text in fitting(LEAVES[leaf]):
        put(place, leaf, text)
        value = read(leaf)
        if value is not None and value not in found.values() and (found or value != default):
            found[text] = value
        if len(found) == 2:
            break
    (in_file, from_file), (in_environment, from_environment) = found.items()
    put(place, leaf, in_file)
    assert read(leaf) == from_file != default
    monkeypatch.setenv(leaf.upper(), in_environment)
    assert read(leaf) == from_environment != from_file


@pytest.mark.fault("I6", "property 19")
@pytest.mark.parametrize("section", ["", *sorted({leaf.rpartition("__")[0] for leaf in LEAVES} - {""})])
def test_an_unknown_name_is_refused_in_every_section(section: str, place: Path) -> None:
    content: dict[str, Any] = {"misspelt": 1}
    for name in reversed(section.split("__") if section else []):
        content = {name: content}
    (place / "platform.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(SettingsError, match=r"(?i)misspelt \(platform.yaml\): there is no such setting"):
        load()


@pytest.mark.fault("I8")
def test_nothing_that_dagster_shows_of_the_definitions_holds_a_secret(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        leaf: f"k{n}=canary{n}{'x' * 40}" for n, (leaf, field) in enumerate(LEAVES.items()) if "Secret" in str(field.annotation)
    }
    secrets |= {"database_url": "sqlite:////canary-a", "enrollment_db_url": "sqlite:////canary-b"}
    secrets |= {"database_owner_url": "sqlite:////canary-c", "alert_urls": "json://canary-d.example.org"}
    for leaf, value in {**secrets, "smtp_user": "campus", "enrollment_sql_query": "SELECT 1"}.items():
        monkeypatch.setenv(leaf.upper(), value)
    settings = load()
    shown = serialize_value(RepositorySnap.from_def(build_defs(settings).get_repository_def()))
    assert "platform" in shown
    assert len(secrets) == 8
    assert "canary" not in shown
    assert "canary" not in repr(settings)


@pytest.mark.fault("I5")
def test_the_definitions_load_without_settings_database_or_bucket(place: Path) -> None:
    assert len(list(build_defs(load()).resolve_all_asset_keys())) > 10
    assert sorted(path.name for path in place.iterdir()) == ["secrets"]


@pytest.mark.fault("I13")
def test_sqlalchemy_is_held_below_the_version_that_changes_the_driver() -> None:
    wanted = [Requirement(one) for one in importlib.metadata.requires("oulad-platform") or []]
    [sqlalchemy] = [one for one in wanted if one.name.lower() == "sqlalchemy"]
    assert "2.0.46" in sqlalchemy.specifier
    assert "2.1.0" not in sqlalchemy.specifier


OUTPUTS = """
import hashlib, sys, tempfile
from datetime import date
import pandas as pd
from pathlib import Path
from oulad_platform.core.house import House
from oulad_platform.storage.lake import Lake
from oulad_platform.success.caseload.mail import caseload_mail
from oulad_platform_tests.enrollment.reporting import figures
from oulad_platform_tests.enrollment.reporting.test_briefing import full
from oulad_platform.success.caseload.ranking import CaseloadRules, caseload
from oulad_platform_tests.success.caseload.lists import DAY, advisers, contacts, risks
from oulad_platform.enrollment.tables import ENROLLMENT_METRICS

risk = risks((1, "AAA", 0.9), (2, "AAA", 0.8), (3, "BBB", 0.8))
rows = caseload(risk, advisers(("Ada", "all", 9)), contacts(), (), DAY, CaseloadRules())
made, listed = full(8, 1), caseload_mail("Ada", rows, DAY, House(institution="Universit\u00e4t"))
with tempfile.TemporaryDirectory() as folder:
    Lake(folder).replace("enrollment", ENROLLMENT_METRICS, figures.metrics(8, 3))
    lake = b"".join(path.read_bytes() for path in sorted(Path(folder).rglob("*.parquet")))
parts = [made.text.encode(), made.html.encode(), *made.images.values(), listed.html.encode(), *listed.attachments.values(), lake]
print(*(hashlib.sha256(part).hexdigest()[:12] for part in parts))
"""


@pytest.mark.fault("I10")
def test_language_time_zone_and_hash_seed_of_the_process_change_no_byte(tmp_path: Path) -> None:
    worlds = (
        {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "1"},
        {"LC_ALL": "C", "LANG": "C", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "2"},
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", OUTPUTS], cwd=ROOT, env={**os.environ, **world}, stdout=subprocess.PIPE, text=True
        )
        for world in worlds
    ]
    first, second = (process.communicate()[0].split() for process in running)
    assert len(first) == 8
    assert first == second
