"""Code server, web server, daemon and PostgreSQL of docker-compose.yml, without an engine, make a day that the UI asked for."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
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
PUBLISHED = [("enrollment", "enrollment_metrics_published")]
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
    superuser = (
        f"postgresql://postgres:{(machine.secrets / 'postgres_password').read_text()}@127.0.0.1:{machine.ports['postgres']}"
    )
    with closing(psycopg2.connect(f"{superuser}/oulad")) as server, server, server.cursor() as cursor:
        cursor.execute("CREATE ROLE analyst LOGIN PASSWORD 'of-this-test' IN ROLE oulad_bi_reader")
    machine.start("code")
    machine.wait("the code server is healthy", lambda: machine.is_healthy("code"))
    for service in ("webserver", "daemon", "viewer"):
        machine.start(service)
    machine.wait("the web server answers", lambda: _answers(machine, "webserver"))
    day = datetime.now(ZoneInfo("Europe/London")).date().isoformat()

    launched = _ask(machine, "webserver", LAUNCH, what=_materialize(day, ASSETS))["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    machine.wait(
        "the first run is launched", lambda: _state(machine, launched)["status"] not in ("NOT_STARTED", "QUEUED"), RUN_SECONDS
    )
    beside = _ask(machine, "webserver", LAUNCH, what=_materialize(day, PUBLISHED))["launchRun"]
    runs: list[dict[str, Any]] = []

    def are_over() -> bool:
        runs[:] = [_state(machine, one) for one in (launched, beside)]
        return all(run["status"] in ("SUCCESS", "FAILURE", "CANCELED") for run in runs)

    machine.wait("both runs are over", are_over, RUN_SECONDS)

    assert [run["status"] for run in runs] == ["SUCCESS", "SUCCESS"], machine.logs()
    first, second = (run["stats"] for run in runs)
    assert first["enqueuedTime"] < second["enqueuedTime"] < first["endTime"] <= second["launchTime"]  # they write one pool
    assert [told["run_id"] for told in _told(machine, "run_succeeded")] == [one["run"]["runId"] for one in (launched, beside)]
    total = "SELECT scope, total_enrollment > 100 FROM enrollment_metrics WHERE date = %s AND scope = 'total'"
    assert _read((machine.secrets / "database_url").read_text(), total, day) == [("total", True)]
    analyst = f"postgresql://analyst:of-this-test@127.0.0.1:{machine.ports['postgres']}/oulad"
    assert _read(
        analyst, "SELECT total_enrollment > 100 FROM fact_enrollment_daily WHERE scope_key = 'total:all' AND date = %s", day
    ) == [(True,)]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        _read(analyst, "SELECT student_id FROM restricted.student_keys")
    machine.wait("the viewer answers", lambda: _answers(machine, "viewer"))
    assert _ask(machine, "viewer", LAUNCH, what=_materialize(day, ASSETS))["launchRun"]["__typename"] == "UnauthorizedError"
    daemons = _ask(machine, "viewer", DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
    assert {one["daemonType"] for one in daemons if one["required"] and not one["healthy"]} == set()
    assert {"QUEUED_RUN_COORDINATOR", "MONITORING", "SCHEDULER", "SENSOR"} <= {one["daemonType"] for one in daemons}


def test_a_service_cannot_write_beside_its_volumes_nor_read_anothers_secrets(machine: Machine) -> None:
    tried = machine.run(
        "webserver", "sh", "-c", "touch /srv/oulad/home/x; touch /etc/x; touch /srv/oulad/logs/x && ls /run/secrets; id -u"
    )

    assert tried.stderr.count("Read-only file system") == 2
    assert tried.stdout.split() == ["dagster_database_url", "10001"]


def _materialize(day: str, assets: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """What the button Materialize of these assets sends."""
    selected = [{"path": list(path)} for path in assets]
    selector = {"repositoryLocationName": "oulad_platform", "repositoryName": "__repository__", "jobName": "__ASSET_JOB"}
    return {
        "selector": {**selector, "assetSelection": selected},
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": day}]},
    }


def _state(machine: Machine, launched: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = _ask(machine, "webserver", STATE, id=launched["run"]["runId"])["runOrError"]
    return answer


def _read(url: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(url)) as session, session.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def _told(machine: Machine, event: str) -> list[dict[str, Any]]:
    """The JSON lines of the code server, which runs start from, about this event."""
    lines = [line for line in (machine.root / "code.log").read_text().splitlines() if line.startswith("{")]
    return [told for told in map(json.loads, lines) if told.get("event") == event]


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
