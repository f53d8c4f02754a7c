"""Code server, web server, daemon and PostgreSQL of docker-compose.yml, without an engine, make a day that the UI asked for."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

import psycopg2
import pytest

from oulad_platform_tests.deploy.containers import REPOSITORY, Machine, postgres, require_namespaces

RUN_SECONDS = 120
RAW = ("courses", "assessments", "vle", "student_info", "student_registration", "student_assessment", "student_vle")
DAILY = ("enrollment_snapshots", "data_quality_findings", "enrollment_deltas", "enrollment_metrics", "custom_metrics")
ASSETS = [*(("sources", name) for name in RAW), *(("enrollment", name) for name in DAILY)]
LAUNCH = """mutation($what: ExecutionParams!) { launchRun(executionParams: $what) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } ... on InvalidSubsetError { message } } }"""
STATE = """query($id: ID!) { runOrError(runId: $id) { ... on Run {
  status stats { ... on RunStatsSnapshot { enqueuedTime launchTime endTime } } } } }"""
LOCATIONS = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"
DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """The services of the profile production, and the viewer, in the order in which compose starts them."""
    require_namespaces()
    found = shutil.which("initdb") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), None)
    if found is None:
        pytest.skip("no PostgreSQL server binaries (initdb, pg_ctl) in PATH or /usr/lib/postgresql/*/bin")
    names = ("postgres", "code", "webserver", "viewer")
    root = Path(tempfile.mkdtemp(prefix="oulad-compose-", dir="/var/tmp"))
    machine = Machine(root, dict(zip(names, _free_ports(len(names)), strict=True)), {"AUTOMATION": "false"})
    try:
        with postgres(
            root / "cluster", machine.ports["postgres"], Path(found).parent, (machine.secrets / "postgres_password").read_text()
        ) as server:
            script = ["sh", REPOSITORY / "deploy/init_database.sh"]
            subprocess.run(script, check=True, env={**server, "SECRETS_DIR": str(machine.secrets)})
            try:
                yield machine
            finally:
                machine.stop()
    finally:
        shutil.rmtree(root)


@pytest.mark.fault("I9", "I12")
def test_a_day_launched_in_the_ui_is_in_the_warehouse(machine: Machine) -> None:
    """By a user without name or home, on a file system that is read-only, with each service's own secrets and no other."""
    migrated = machine.run("migrate")
    assert migrated.returncode == 0, migrated.stdout + migrated.stderr
    machine.start("code")
    machine.wait("the code server is healthy", lambda: machine.is_healthy("code"))
    for service in ("webserver", "daemon", "viewer"):
        machine.start(service)
    machine.wait("the web server answers", lambda: _answers(machine, "webserver"))
    day = datetime.now(ZoneInfo("Europe/London")).date().isoformat()

    launched = _ask(machine, "webserver", LAUNCH, what=_enrollment_of(day))["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run: dict[str, Any] = {}

    def is_over() -> bool:
        run.update(_ask(machine, "webserver", STATE, id=launched["run"]["runId"])["runOrError"])
        return run["status"] in ("SUCCESS", "FAILURE", "CANCELED")

    machine.wait("the run is over", is_over, RUN_SECONDS)

    assert run["status"] == "SUCCESS", machine.logs()
    assert run["stats"]["enqueuedTime"] <= run["stats"]["launchTime"]
    with psycopg2.connect((machine.secrets / "database_url").read_text()) as writer, writer.cursor() as cursor:
        cursor.execute("SELECT scope, total_enrollment FROM enrollment_metrics WHERE date = %s AND scope = 'total'", (day,))
        assert [(scope, total > 100) for scope, total in cursor.fetchall()] == [("total", True)]
    machine.wait("the viewer answers", lambda: _answers(machine, "viewer"))
    assert _ask(machine, "viewer", LAUNCH, what=_enrollment_of(day))["launchRun"]["__typename"] == "UnauthorizedError"
    daemons = _ask(machine, "viewer", DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
    assert {one["daemonType"] for one in daemons if one["required"] and not one["healthy"]} == set()
    assert {"QUEUED_RUN_COORDINATOR", "MONITORING", "SCHEDULER", "SENSOR"} <= {one["daemonType"] for one in daemons}


def test_a_service_cannot_write_beside_its_volumes_nor_read_anothers_secrets(machine: Machine) -> None:
    tried = machine.run(
        "webserver", "sh", "-c", "touch /srv/oulad/home/x; touch /etc/x; touch /srv/oulad/logs/x && ls /run/secrets; id -u"
    )

    assert tried.stderr.count("Read-only file system") == 2
    assert tried.stdout.split() == ["dagster_database_url", "10001"]


def _enrollment_of(day: str) -> dict[str, Any]:
    """What the button Materialize of these assets sends."""
    selected = [{"path": list(path)} for path in ASSETS]
    selector = {"repositoryLocationName": "oulad_platform", "repositoryName": "__repository__", "jobName": "__ASSET_JOB"}
    return {
        "selector": {**selector, "assetSelection": selected},
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": day}]},
    }


def _ask(machine: Machine, service: str, query: str, **variables: object) -> Any:
    body = json.dumps({"query": query, "variables": variables}).encode()
    url = f"http://127.0.0.1:{machine.ports[service]}/graphql"
    with urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=30) as response:
        answer = json.load(response)
    assert "errors" not in answer, answer
    return answer["data"]


def _answers(machine: Machine, service: str) -> bool:
    try:
        return bool(_ask(machine, service, LOCATIONS)["repositoriesOrError"]["nodes"])
    except OSError:
        return False


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports
