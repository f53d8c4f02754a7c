"""A real `dagster dev` whose clock a test sets: libfaketime gives its processes another time, all of them the same one.

Only the wall clock is another; waiting takes as long as ever. The clock stands a few seconds before the end of a minute and is
set to the next minute from time to time: the scheduler sleeps to the end of the minute it reads, so it never sleeps long.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pandas as pd
import pytest

from oulad_platform.settings import Settings
from oulad_platform.sources.demo import DemoCampus
from oulad_platform.sources.oulad import CLICKS_FILE, NOT_IN_FILE, SMALL_FILES
from oulad_platform.sources.tables import STUDENT_ASSESSMENT, STUDENT_VLE

REPOSITORY = Path(__file__).parents[2]
START_SECONDS, STOP_SECONDS = 90, 20
POLL_SECONDS = 1
MINUTE_SECONDS = 4  # how long a simulated minute takes
# A server that hears nothing for a while by its clock ends itself; on a clock that leaps, every while is too long.
PATIENT = (
    "from dagster._cli import main, proxy_server_manager as servers; servers.WEBSERVER_GRPC_SERVER_HEARTBEAT_TTL = {0}; main()"
)
NEVER = 10**7
RUNS = "{ runsOrError(limit: 1000) { ... on Runs { results { runId jobName status creationTime tags { key value } } } } }"


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
        return self.tags.get("dagster/schedule_name")

    @property
    def day(self) -> str | None:
        return self.tags.get("dagster/partition")

    @property
    def is_over(self) -> bool:
        return self.status in ("SUCCESS", "FAILURE", "CANCELED")


@dataclass(frozen=True)
class LiveServer:
    """A running `dagster dev`, its clock and the file it logs to."""

    port: int
    process: subprocess.Popen[bytes]
    clock: Clock
    log: Path

    def ask(self, query: str) -> Any:
        request = Request(
            f"http://127.0.0.1:{self.port}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
        )
        with urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer
        return answer["data"]

    def runs(self) -> list[Run]:
        results = self.ask(RUNS)["runsOrError"]["results"]
        return [
            Run(
                one["runId"],
                one["jobName"],
                one["status"],
                datetime.fromtimestamp(one["creationTime"], UTC),
                {tag["key"]: tag["value"] for tag in one["tags"]},
            )
            for one in results
        ]

    def wait(self, what: str, is_done: Callable[[], bool], seconds: float, *, is_passing: bool = True) -> None:
        """Lets simulated minutes pass until it is done; fails with the end of the server's log when it takes too long."""
        begun = minute = time.monotonic()
        while time.monotonic() < begun + seconds and self.process.poll() is None:
            if is_done():
                return
            time.sleep(POLL_SECONDS)
            if is_passing and time.monotonic() > minute + MINUTE_SECONDS:
                self.clock.set(self.clock.now() + timedelta(minutes=1))
                minute = time.monotonic()
        pytest.fail(f"{what}: not within {seconds} s, at {self.clock.now()}\n{self.log.read_text()[-6000:]}")


@contextmanager
def dagster_dev(home: Path, clock: Clock) -> Iterator[LiveServer]:
    """`dagster dev` in a home with its configuration, killed with everything it started at the end."""
    port, log = _free_port(), home / "server.log"
    kept = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    environment = {
        **kept,
        **dict.fromkeys(("HOME", "OULAD_HOME", "DAGSTER_HOME"), str(home)),
        "PYTHONPATH": str(REPOSITORY),
        "DAGSTER_GRPC_PROXY_HEARTBEAT_TTL_SECONDS": str(NEVER),
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONPYCACHEPREFIX": str(home / "pycache"),
        **clock.environment,
    }
    command = [sys.executable, "-c", PATIENT.format(NEVER), "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        server = LiveServer(port, process, clock, log)
        server.wait("dagster dev answers", lambda: _answers(server), START_SECONDS, is_passing=False)
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)


def _answers(server: LiveServer) -> bool:
    with contextlib.suppress(OSError):
        return bool(server.ask("{ version }"))
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
