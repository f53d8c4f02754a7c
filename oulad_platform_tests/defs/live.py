"""A live installation whose clock a test sets: code server, daemon and web server, started and killed one by one.

libfaketime gives its processes another time, all of them the same one. Only the wall clock is another; waiting takes as long
as ever. The clock stands a few seconds before the end of a minute and is set to the next minute from time to time: the
scheduler sleeps to the end of the minute it reads, so it never sleeps long. The instance is that of deploy/dagster.yaml.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import dagster as dg
import pandas as pd
import psycopg2
import pytest
import yaml

from oulad_platform.defs.catalog import CATALOG
from oulad_platform.defs.checks import stored_frames
from oulad_platform.defs.resources import Platform
from oulad_platform.enrollment.tables import SNAPSHOT_VERSIONS
from oulad_platform.settings import Settings
from oulad_platform.sources.demo import DemoCampus
from oulad_platform.sources.oulad import CLICKS_FILE, NOT_IN_FILE, SMALL_FILES
from oulad_platform.sources.tables import STUDENT_ASSESSMENT, STUDENT_VLE

REPOSITORY = Path(__file__).parents[2]
START_SECONDS, STOP_SECONDS = 90, 20
POLL_SECONDS = 0.5
MINUTE_SECONDS = 3  # how long a simulated minute takes
PATIENCE_SECONDS = 1800  # a process takes many simulated minutes to start
# A run's process is forked from one that has its imports, which take longer than the run of so small a campus.
IMPORTED = [
    "dagster_postgres",
    "jinja2",
    "matplotlib.figure",
    "oulad_platform.definitions",
    "pandera.pandas",
    "statsmodels.tsa.api",
]
CODE_SERVER = f"""
import multiprocessing
forking = multiprocessing.get_context("forkserver")
forking.set_forkserver_preload({IMPORTED})
multiprocessing.get_context = lambda method=None: forking
from dagster._cli import main
main()
"""
# A backfill is looked at every 30 seconds of real time.
DAEMON = """
from dagster._daemon import controller
controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 2
from dagster._daemon.cli import main
main()
"""


class Clock:
    """The time that processes started with `environment` read: the file's, to the second. It stands still until it is set.

    A file whose text is read at every call would be the other way, but libfaketime has no lock around that.
    """

    def __init__(self, file: Path, library: Path, moment: datetime) -> None:
        file.touch()
        self._file, self._library = file, library
        self.set(moment)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME": "%",
            "FAKETIME_FOLLOW_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def now(self) -> datetime:
        return datetime.fromtimestamp(int(self._file.stat().st_mtime), UTC)

    def set(self, moment: datetime) -> None:
        os.utime(self._file, (moment.timestamp(), moment.timestamp()))


def faketime() -> Path:
    """The library that gives a process another time. Skips the test where there is none that works."""
    libfaketime = pytest.importorskip("libfaketime", reason="no libfaketime (pip install libfaketime)")
    found = sorted(Path(libfaketime.__file__).parent.rglob("libfaketime.so.1"))
    if not found or sys.platform != "linux":
        pytest.skip("libfaketime has no library for this system")
    environment = {**os.environ, "LD_PRELOAD": str(found[0]), "FAKETIME": "2001-02-03 04:05:06"}
    told = subprocess.run(
        [sys.executable, "-c", "import time; print(time.gmtime().tm_year)"], env=environment, capture_output=True, text=True
    )
    if told.stdout.strip() != "2001":
        pytest.skip(f"libfaketime does not work here: {told.stdout}{told.stderr}")
    return found[0]


@dataclass(frozen=True)
class Silence:
    """Seven in ten students of a module neither click nor hand anything in from a day on."""

    module: str
    first_day: date

    def spares(self, rows: pd.DataFrame, day: str) -> pd.Series:
        happened = rows["start_date"] + pd.to_timedelta(rows[day], unit="D")
        return (rows["code_module"] != self.module) | (happened < pd.Timestamp(self.first_day)) | (rows["id_student"] % 10 >= 7)


def write_campus(folder: Path, founded: date, modules: Collection[str], silence: Silence) -> dict[str, str]:
    """The seven official files of some of the demo campus's modules in its running term, told to the end.

    No cohort has closed, so the rule scores and no model is trained. Answers the first day of each presentation code, which
    the files do not tell.
    """
    folder.mkdir()
    campus = DemoCampus(founded, founded + timedelta(days=400))
    whole = campus.tables()
    courses = whole["courses"]
    courses = courses[courses["code_module"].isin(modules) & (courses["start_date"] == courses["start_date"].max())]
    key = ["code_module", "code_presentation"]
    names = ("assessments", "vle", "student_info", "student_registration")
    tables = {"courses": courses, **{name: whole[name].merge(courses[key]) for name in names}}
    handed_in = whole["student_assessment"].merge(
        tables["assessments"][["id_assessment", *key]].merge(courses), on="id_assessment"
    )
    tables["student_assessment"] = handed_in.loc[silence.spares(handed_in, "date_submitted"), STUDENT_ASSESSMENT.names]
    for stem, table in SMALL_FILES.items():
        tables[table.name].drop(columns=NOT_IN_FILE, errors="ignore").to_csv(folder / f"{stem}.csv", index=False)
    clicks = pd.concat([rows.to_pandas() for _, rows in campus.clicks(whole)]).astype(dict.fromkeys(key, "str")).merge(courses)
    clicks.loc[silence.spares(clicks, "date"), STUDENT_VLE.names].to_csv(folder / f"{CLICKS_FILE}.csv", index=False)
    return {code: f"{start:%Y-%m-%d}" for code, start in zip(courses["code_presentation"], courses["start_date"], strict=True)}


@dataclass(frozen=True)
class Run:
    run_id: str
    job: str
    status: str
    created: datetime
    tags: Mapping[str, str]

    @property
    def schedule(self) -> str | None:
        """The schedule that asked for it; None for what a person, a sensor or a retry began."""
        return None if self.parent else self.tags.get("dagster/schedule_name")

    @property
    def parent(self) -> str | None:
        return self.tags.get("dagster/parent_run_id")

    @property
    def day(self) -> str | None:
        return self.tags.get("dagster/partition")

    @property
    def is_over(self) -> bool:
        return self.status in ("SUCCESS", "FAILURE", "CANCELED")


@dataclass
class Installation:
    """The processes of an installation by name (code, daemon, web), its clock and the folder they log to."""

    home: Path
    clock: Clock
    environment: Mapping[str, str]
    ports: Mapping[str, int]
    instance: dg.DagsterInstance
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        port = str(self.ports.get(name, 0))
        arguments = {
            "code": ["-c", CODE_SERVER, "api", "grpc", "-m", "oulad_platform.definitions", "-h", "127.0.0.1", "-p", port],
            "daemon": ["-c", DAEMON, "run", "-w", "workspace.yaml"],
            "web": ["-m", "dagster_webserver", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", port],
        }
        with (self.home / f"{name}.log").open("ab") as output:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *arguments[name]],
                cwd=self.home,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """Kills the process with everything it started."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)

    def restart(self, name: str) -> None:
        """Kills and starts it, as a service manager does with what has ended."""
        self.kill(name)
        self.start(name)

    def has_code(self) -> bool:
        """Whether the code server listens."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.ports["code"])) == 0

    def ask(self, query: str) -> Any:
        address = f"http://127.0.0.1:{self.ports['web']}/graphql"
        request = Request(address, json.dumps({"query": query}).encode(), {"Content-Type": "application/json"})
        with urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer
        return answer["data"]

    def runs(self, newest: int = 40) -> list[Run]:
        return [
            Run(
                record.dagster_run.run_id,
                record.dagster_run.job_name,
                record.dagster_run.status.value,
                record.create_timestamp,
                record.dagster_run.tags,
            )
            for record in self.instance.get_run_records(limit=newest)
        ]

    def worker(self, run: Run) -> int:
        """The id of the process that makes the run."""
        told = [entry.message for entry in self.instance.all_logs(run.run_id)]
        (pid,) = {int(one) for message in told for one in re.findall(r"Started process for run \(pid: (\d+)\)", message)}
        return pid

    def wait(self, what: str, is_done: Callable[[], bool], seconds: float, *, is_passing: bool = True) -> None:
        """Lets simulated minutes pass until it is done; fails with the end of the logs when it takes too long."""
        begun = minute = time.monotonic()
        while time.monotonic() < begun + seconds:
            if is_done():
                return
            for name, process in list(self.processes.items()):
                if process.poll() is not None:
                    if not is_passing:
                        pytest.fail(f"{what}: {name} ended\n{(self.home / f'{name}.log').read_text()[-4000:]}")
                    self.restart(name)
            time.sleep(POLL_SECONDS)
            if is_passing and time.monotonic() > minute + MINUTE_SECONDS:
                self.clock.set(self.clock.now() + timedelta(minutes=1))
                minute = time.monotonic()
        logs = "\n".join(f"== {name}\n{(self.home / f'{name}.log').read_text()[-4000:]}" for name in self.processes)
        pytest.fail(f"{what}: not within {seconds} s, at {self.clock.now()}\n{logs}")


@contextmanager
def installed(home: Path, clock: Clock, settings: Mapping[str, Any], **secrets: str) -> Iterator[Installation]:
    """The three processes in a home with its configuration, killed with everything they started at the end.

    `secrets` go into their environment.
    """
    (home / "platform.yaml").write_text(yaml.safe_dump(dict(settings)))
    ports = {"code": _free_port(), "web": _free_port()}
    server = {"grpc_server": {"host": "127.0.0.1", "port": ports["code"], "location_name": "oulad_platform"}}
    (home / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [server]}))
    instance = yaml.safe_load((REPOSITORY / "deploy/dagster.yaml").read_text())
    embedded = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())
    instance |= {name: embedded[name] for name in LOCAL}
    instance["local_artifact_storage"]["config"]["base_dir"] = str(home / "data")
    instance["run_monitoring"]["start_timeout_seconds"] = PATIENCE_SECONDS
    (home / "dagster.yaml").write_text(yaml.safe_dump(instance))
    environment = {**clean_environment(home), **secrets, **clock.environment}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_DATABASE_URL", secrets["DAGSTER_DATABASE_URL"])
        storage = dg.DagsterInstance.from_config(str(home))
    installation = Installation(home, clock, environment, ports, storage)
    try:
        installation.start("code")
        installation.wait("the code server listens", installation.has_code, START_SECONDS, is_passing=False)
        installation.start("web")
        installation.start("daemon")
        installation.wait("the web server answers", lambda: _answers(installation), START_SECONDS, is_passing=False)
        yield installation
    finally:
        for name in list(installation.processes):
            installation.kill(name)
        storage.dispose()


LOCAL = ("compute_logs", "local_artifact_storage")


def clean_environment(home: Path) -> dict[str, str]:
    """The environment of a process whose home is this folder and whose settings are its platform.yaml's only."""
    kept = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    places = dict.fromkeys(("HOME", "OULAD_HOME", "DAGSTER_HOME"), str(home))
    return {**kept, **places, "PYTHONPATH": str(REPOSITORY), "OMP_WAIT_POLICY": "PASSIVE"}


@contextmanager
def databases(server_url: str, *names: str) -> Iterator[list[str]]:
    """The URLs of new databases of a server, dropped at the end."""
    server = psycopg2.connect(server_url)
    server.autocommit = True
    for name in names:
        server.cursor().execute(f"CREATE DATABASE {name}")
    server.close()
    try:
        yield [server_url.rsplit("/", 1)[0] + f"/{name}" for name in names]
    finally:
        server = psycopg2.connect(server_url)
        server.autocommit = True
        for name in names:
            server.cursor().execute(f"DROP DATABASE {name} WITH (FORCE)")
        server.close()


def tables_of(platform: Platform) -> dict[str, pd.DataFrame]:
    """Every table as stored, in key order, but for what says when and by which run it was made."""
    tables = {"snapshot_versions": platform.database.read(SNAPSHOT_VERSIONS)[["snapshot_date", "version", "state", "n_rows"]]}
    for of in CATALOG.values():
        days = None
        if of.table.day is not None and not of.parts:
            days = platform.stored_days(of)
        frames = [frame for frame in stored_frames(platform, of, days) if len(frame)]
        made = pd.concat(frames, ignore_index=True) if frames else of.table.empty()
        tables[of.key.to_user_string()] = made.drop(columns=[name for name in made if name.endswith("_at") or name == "run_id"])
    return tables


def crash_postgres(server_url: str) -> None:
    """Stops the server as a power cut does and starts it as it was started."""
    with contextlib.closing(psycopg2.connect(server_url)) as server, server.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        folder = cursor.fetchone()[0]
    program, *_ = shlex.split((Path(folder) / "postmaster.opts").read_text())
    unprivileged = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    command = [*unprivileged, str(Path(program).parent / "pg_ctl"), "-D", folder, "-m", "immediate", "-w", "restart"]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(command, check=True, cwd=folder, timeout=60, **quiet)  # type: ignore[call-overload]


def _answers(installation: Installation) -> bool:
    with contextlib.suppress(OSError):
        return bool(installation.ask("{ version }"))
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
