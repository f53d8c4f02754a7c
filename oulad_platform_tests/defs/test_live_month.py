"""A live installation from morning to morning, on PostgreSQL, with both schedules, all sensors and one misfortune after another.

What is asked is what people would see: the tables of each day, the runs, and what a mail server was handed. Eight days in
every test run; LIVE_DAYS=30 lets a month pass, in which each misfortune happens three times.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import psycopg2
import pytest
import yaml

from oulad_platform.core.messages import compose
from oulad_platform.defs import delivery
from oulad_platform.defs.local_run import RANGE_END, RANGE_START
from oulad_platform.defs.resources import Platform
from oulad_platform.settings import Settings
from oulad_platform.storage.outbox import OutboxStatus
from oulad_platform_tests.defs import live
from oulad_platform_tests.defs.live import Clock, Installation, Run, Silence
from oulad_platform_tests.storage.smtp_server import Mailbox, free_port, serving

FIRST = date(2026, 10, 22)  # a Thursday; summer time ends on the Sunday
DAYS = [FIRST + timedelta(days=day) for day in range(int(os.environ.get("LIVE_DAYS", "8")))]
SUNDAY = date(2026, 10, 25)
LONDON = ZoneInfo("Europe/London")
EIGHT_O_CLOCK = "0 8 * * *"
SENDER, DEAN = "platform@uni.example", "dean@uni.example"
# The rule takes seven days without a visit for a high risk: of 68 in 100 on Saturday, of 80 on Sunday.
SILENCE, TOO_MANY, BEGINS = Silence("AAA", date(2026, 10, 18)), 0.74, SUNDAY
DAY_SECONDS = 400  # a day takes some 7 s where nothing else runs
DISK_MB = 48
KILLED, MAIL_DIES, TERMINATED, POSTGRES_DIES, DISK_FULL, SERVER_KILLED = 1, 2, 3, 4, 5, 6  # which of CYCLE mornings
CYCLE = 11
AGAIN = DAYS[1:4]  # made again as a backfill
LOCATIONS = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name schedules { name cronSchedule } } } } }"
DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { daemonType healthy } } } }"
MADE = "{ assetNodes { assetKey { path } isPartitioned assetMaterializations(partitions: %s) { partition runId } } }"
REEXECUTE = """mutation { launchRunReexecution(reexecutionParams: {parentRunId: "%s", strategy: FROM_FAILURE}) {
  __typename ... on PythonError { message } } }"""
BACKFILL = """mutation { launchPartitionBackfill(backfillParams: {partitionNames: %s, selector: {
  partitionSetName: "enrollment_from_snapshots_partition_set",
  repositorySelector: {repositoryName: "%s", repositoryLocationName: "oulad_platform"}}}) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
BACKFILL_STATUS = '{ partitionBackfillOrError(backfillId: "%s") { ... on PartitionBackfill { status } } }'


pytestmark = [pytest.mark.timeout(600 + 60 * len(DAYS))]


@dataclass
class Month:
    """What there was at the end of it. `made`: the runs that made each daily asset, by asset and day."""

    schedules: set[str] = field(default_factory=set)
    runs: list[Run] = field(default_factory=list)
    made: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    outbox: OutboxStatus | None = None
    told: set[str] = field(default_factory=set)
    alerts: pd.DataFrame = field(default_factory=pd.DataFrame)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    clean: dict[str, pd.DataFrame] = field(default_factory=dict)
    killed: set[str] = field(default_factory=set)
    half_written: dict[str, int] = field(default_factory=dict)
    terminated: set[str] = field(default_factory=set)
    broken_by_postgres: set[str] = field(default_factory=set)
    broken_by_disk: set[str] = field(default_factory=set)
    waited_in_outbox: int = 0
    backfilled: str = ""

    def mails_of(self, alerts: pd.DataFrame) -> list[EmailMessage]:
        ids = set(map(message_id, alerts["alert_id"]))
        return [mail for mail in self.mails if mail["Message-ID"] in ids]

    def made_good(self, run_id: str) -> bool:
        """Whether the run, or one that repeats it, succeeded."""
        status = {run.run_id: run.status for run in self.runs}
        children = [run.run_id for run in self.runs if run.parent == run_id]
        return status[run_id] == "SUCCESS" or any(map(self.made_good, children))


def message_id(name: str) -> str:
    """The Message-ID of the message that was put into the outbox under this name."""
    message = compose(message_id=name, sender=SENDER, recipients=(), subject="-", text="-", sent_at=datetime.now(UTC))
    return str(message_from_bytes(message, policy=policy.default)["Message-ID"])


def at(day: date, hour: int) -> datetime:
    """Just before the first minute of the hour is over, in London."""
    return datetime(day.year, day.month, day.day, hour, 0, 57, tzinfo=LONDON)


def local_day(mail: EmailMessage) -> date:
    sent: datetime = mail["Date"].datetime
    return sent.astimezone(LONDON).date()


class MailServer:
    """A mail server that dies and comes back on the same port, with what it took."""

    def __init__(self) -> None:
        self.mailbox, self.port, self._running = Mailbox(), free_port(), ExitStack()

    def start(self) -> None:
        self._running.enter_context(serving(self.mailbox, self.port))

    def die(self) -> None:
        self._running.close()


@dataclass
class Life:
    """The installation, what it stands on, and what becomes of it."""

    installation: Installation
    platform: Platform
    server_url: str
    mail: MailServer
    disk: Path | None
    month: Month

    def live(self) -> None:
        self.installation.wait("the scheduler runs", self.scheduler_runs, DAY_SECONDS, is_passing=False)
        (repository,) = self.installation.ask(LOCATIONS)["repositoriesOrError"]["nodes"]
        self.month.schedules = {one["name"] for one in repository["schedules"] if one["cronSchedule"] == EIGHT_O_CLOCK}
        for number, day in enumerate(DAYS):
            self.morning(number % CYCLE, day)
            if day == DAYS[0]:
                # the first runs also make what every later run finds
                self.installation.wait("the first mail", self.quiet(), DAY_SECONDS)
        self.backfill(repository["name"])
        self.installation.wait("the last mail", self.quiet(), DAY_SECONDS)

    def morning(self, misfortune: int, day: date) -> None:
        began = time.monotonic()
        if misfortune == MAIL_DIES:
            self.mail.die()
        if misfortune == POSTGRES_DIES:
            self.month.waited_in_outbox = self.platform.outbox.status().waiting
            self.mail.start()
        is_full = misfortune == DISK_FULL and self.disk is not None
        if is_full:
            self.fill()
        with closing(psycopg2.connect(self.platform.settings.warehouse)) as gate:
            if misfortune == KILLED:
                gate.cursor().execute("LOCK TABLE published_days IN EXCLUSIVE MODE")
            self.installation.clock.set(at(day, 8))
            if misfortune == KILLED:
                self.kill_a_writer(day, gate)
        if misfortune == TERMINATED:
            self.installation.wait("a run has begun", lambda: bool(self.of(day, "STARTED")), DAY_SECONDS)
            run = self.of(day, "STARTED")[0]
            os.kill(self.installation.worker(run), signal.SIGTERM)
            self.month.terminated.add(run.run_id)
        if misfortune == POSTGRES_DIES:
            self.installation.wait("a run has begun", lambda: len(self.of(day, "STARTED")) == 2, DAY_SECONDS)
            broken = self.of(day, "STARTED")
            time.sleep(1)
            live.crash_postgres(self.server_url)
            self.month.broken_by_postgres |= {run.run_id for run in broken}
        if misfortune == SERVER_KILLED:
            self.installation.wait("a run has begun", lambda: bool(self.of(day, "STARTED")), DAY_SECONDS)
            self.installation.kill("code")
            killed = {run.run_id for run in self.of(day, "STARTED")}
            self.month.killed |= killed
            self.installation.start("code")
            self.installation.wait("what was not killed ends", lambda: self.are_alone(day, killed), DAY_SECONDS)
            self.installation.clock.set(at(day, 10) + timedelta(minutes=10))
        if is_full:
            self.installation.wait("both runs and their repetitions failed", lambda: self.has_failed(day, 4), DAY_SECONDS)
            self.free()
            last = {run.job: run for run in self.of(day, "FAILURE") if run.parent}
            for run in last.values():
                answer = self.installation.ask(REEXECUTE % run.run_id)["launchRunReexecution"]
                assert answer["__typename"] == "LaunchRunSuccess", answer
            self.month.broken_by_disk |= {run.run_id for run in self.of(day, "FAILURE")}
        self.installation.wait(f"the runs of {day}", self.is_made(day), DAY_SECONDS)
        print(f"{day} {misfortune:2} {time.monotonic() - began:5.1f} s", file=sys.stderr)

    def of(self, day: date, *statuses: str) -> list[Run]:
        """The newest runs of the day in one of these states."""
        return [run for run in self.installation.runs() if run.day == f"{day}" and run.status in statuses]

    def has_failed(self, day: date, n_runs: int) -> bool:
        return len(self.of(day, "FAILURE")) >= n_runs

    def are_alone(self, day: date, killed: set[str]) -> bool:
        """Whether each line has been asked for and all of its runs have ended, but for those of killed processes."""
        runs = [run for run in self.installation.runs() if run.day == f"{day}"]
        unfinished = {run.run_id for run in self.installation.runs() if not run.is_over}
        return len({run.job for run in runs}) == len(self.month.schedules) and unfinished <= killed

    def is_made(self, day: date) -> Callable[[], bool]:
        def is_made() -> bool:
            if self.of(day, "QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING"):
                return False
            return len({run.job for run in self.of(day, "SUCCESS")}) >= len(self.month.schedules)

        return is_made

    def kill_a_writer(self, day: date, gate: Any) -> None:
        """Kills the first run that has written a day's rows and stands before its last statement, which the gate holds."""
        waiting = """SELECT client_port, pid FROM pg_stat_activity JOIN pg_locks USING (pid)
                     WHERE NOT granted AND relation = 'published_days'::regclass"""
        written = """SELECT relname FROM pg_locks JOIN pg_class c ON c.oid = relation
                     WHERE pid = %s AND mode = 'RowExclusiveLock' AND relkind = 'r' AND relname <> 'published_days'"""
        recorded = "SELECT count(*) FROM published_days WHERE table_name = %s AND day = %s"
        found: list[tuple[int, int]] = []
        with closing(psycopg2.connect(self.platform.settings.warehouse)) as observer, observer.cursor() as cursor:
            observer.autocommit = True

            def is_writing() -> bool:
                cursor.execute(waiting)
                found.extend(cursor.fetchall())
                return bool(found)

            self.installation.wait("a run writes", is_writing, DAY_SECONDS)
            port, backend = found[0]
            cursor.execute(written, (backend,))
            tables = [name for (name,) in cursor.fetchall()]
            worker = process_at(port)
            os.kill(worker, signal.SIGKILL)
            self.month.killed |= {run.run_id for run in self.of(day, "STARTED") if self.installation.worker(run) == worker}
            gate.rollback()
            for name in tables:
                cursor.execute(recorded, (name, day))
                self.month.half_written[f"{name} {day}"] = cursor.fetchone()[0]

    def fill(self) -> None:
        assert self.disk is not None
        with (self.disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while filler.write(bytes(2**12)):
                pass

    def free(self) -> None:
        assert self.disk is not None
        (self.disk / "filler").unlink()

    def backfill(self, repository: str) -> None:
        """Three days again, in one run; the daemon is killed as soon as that is asked for, and again while it runs."""
        names = "[" + ", ".join(f'"{day}"' for day in AGAIN) + "]"
        answer = self.installation.ask(BACKFILL % (names, repository))["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        backfill = self.month.backfilled = answer["backfillId"]
        self.installation.restart("daemon")
        self.installation.wait(
            "the backfill runs", lambda: any(run.status == "STARTED" for run in self.of_backfill(backfill)), DAY_SECONDS
        )
        self.installation.restart("daemon")

        def is_over() -> bool:
            status = self.installation.ask(BACKFILL_STATUS % backfill)["partitionBackfillOrError"]["status"]
            return status.startswith("COMPLETED")

        self.installation.wait("the backfill ends", is_over, DAY_SECONDS)

    def of_backfill(self, backfill: str) -> list[Run]:
        return [run for run in self.installation.runs() if run.tags.get("dagster/backfill") == backfill]

    def scheduler_runs(self) -> bool:
        daemons = self.installation.ask(DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
        return {"SCHEDULER", "SENSOR"} <= {one["daemonType"] for one in daemons if one["healthy"]}

    def quiet(self) -> Callable[[], bool]:
        """Nothing has run or waited for three minutes by the installation's clock, in which every sensor has looked again."""
        since: list[datetime] = []

        def is_quiet() -> bool:
            if self.platform.outbox.status().waiting or not all(run.is_over for run in self.installation.runs()):
                since.clear()
                return False
            since.append(self.installation.clock.now())
            return since[-1] - since[0] >= timedelta(minutes=3)

        return is_quiet

    def remember(self) -> None:
        month = self.month
        days = "[" + ", ".join(f'"{day}"' for day in DAYS) + "]"
        for asset in self.installation.ask(MADE % days)["assetNodes"]:
            if asset["isPartitioned"]:
                by_day = month.made.setdefault("/".join(asset["assetKey"]["path"]), {})
                for one in asset["assetMaterializations"]:
                    by_day.setdefault(one["partition"], set()).add(one["runId"])
        month.runs = self.installation.runs(10_000)
        month.mails = [message_from_bytes(content, policy=policy.default) for _, content in self.mail.mailbox.taken]
        month.recipients = [recipients for recipients, _ in self.mail.mailbox.taken]
        month.outbox, month.told = self.platform.outbox.status(), self.platform.outbox.ids()
        month.alerts = delivery.alert_log(self.platform).sort_values("alert_date", ignore_index=True)
        month.tables = live.tables_of(self.platform)


def process_at(port: int) -> int:
    """The process that holds the local port."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (socket,) = {line[9] for line in lines if int(line[1].split(":")[1], 16) == port}
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if f"{handle.readlink()}" == f"socket:[{socket}]":
                return int(handle.parts[2])
    raise LookupError(f"no process at port {port}")


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """The folder on a disk of its own that a test can fill, where one may be mounted (root on Linux)."""
    folder.mkdir()
    mounted = (
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", folder], capture_output=True).returncode == 0
    )
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Month]:
    library = live.faketime()
    home, mail = tmp_path_factory.mktemp("live"), MailServer()
    starts = live.write_campus(home / "campus", FIRST, ("AAA", "FFF"), SILENCE)
    common = {
        "oulad_data": str(home / "campus"),
        "start_dates": starts,
        "first_day": FIRST.isoformat(),
        "high_risk_share_limit": TOO_MANY,
    }
    names = ("live_instance", "live_warehouse", "clean_warehouse")
    with live.databases(postgres_url, *names) as (instance, warehouse, clean_url), small_disk(home / "disk") as disk:
        settings = common | {
            **{f"{name}_uri": str(home / "disk" / name) for name in ("lake", "artifacts", "outbox")},
            "automation": True,
            "smtp_host": "127.0.0.1",
            "smtp_port": mail.port,
            "smtp_security": "none",
            "mail_sender": SENDER,
            "enrollment_email_recipients": [DEAN],
        }
        month, platform = Month(), Platform(Settings(**settings, database_url=warehouse))
        clock = Clock(home / "clock", library, at(FIRST, 6))
        mail.start()
        try:
            with live.installed(home, clock, settings, DATABASE_URL=warehouse, DAGSTER_DATABASE_URL=instance) as installation:
                life = Life(installation, platform, postgres_url, mail, disk, month)
                life.live()
                life.remember()
        finally:
            mail.die()
        month.clean = clean_build(home / "clean", clock, common, clean_url)
        if disk is None:
            month.broken_by_disk.clear()
        yield month


def clean_build(home: Path, clock: Clock, settings: dict[str, Any], database_url: str) -> dict[str, pd.DataFrame]:
    """The tables of one run over all days in an installation of its own."""
    home.mkdir()
    settings |= {f"{name}_uri": str(home / name) for name in ("lake", "artifacts", "outbox")}
    (home / "platform.yaml").write_text(yaml.safe_dump(settings))
    (home / "dagster.yaml").write_text((live.REPOSITORY / "dagster.yaml").read_text())
    command = [sys.executable, "-m", "oulad_platform.cli", "run", "--first", f"{DAYS[0]}", "--last", f"{DAYS[-1]}"]
    environment = {**live.clean_environment(home), "DATABASE_URL": database_url, **clock.environment}
    made = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    return live.tables_of(Platform(Settings(**settings, database_url=database_url)))


@pytest.mark.fault("C5")
def test_the_tables_are_those_of_one_undisturbed_backfill(month: Month) -> None:
    assert set(month.tables) == set(month.clean)
    differing = []
    for name, frame in month.clean.items():
        try:
            pd.testing.assert_frame_equal(month.tables[name], frame, obj=name)
        except AssertionError as error:
            differing.append(str(error))
    assert differing == []


def test_the_schedules_ran_every_daily_job_once_a_day_and_housekeeping_on_sundays(month: Month) -> None:
    scheduled = Counter((run.schedule, run.day) for run in month.runs if run.schedule)
    assert len(month.schedules) == 2
    daily = {key: n for key, n in scheduled.items() if key[0] in month.schedules}
    assert daily == {(name, f"{day}"): 1 for name in month.schedules for day in DAYS}
    weekly = [run.created.astimezone(LONDON).date() for run in month.runs if run.schedule and run.schedule not in month.schedules]
    assert sorted(weekly) == [day for day in DAYS if day.weekday() == 6]


@pytest.mark.fault("E2", "I1", "I11")
def test_only_what_was_disturbed_failed_and_all_of_it_was_made_good(month: Month) -> None:
    state = {run.run_id: run.status for run in month.runs}
    assert {state[run_id] for run_id in month.killed} == {"FAILURE"}
    assert {state[run_id] for run_id in month.terminated} <= {"FAILURE", "CANCELED"}
    disturbed = month.killed | month.terminated | month.broken_by_postgres | month.broken_by_disk
    failed = [run for run in month.runs if run.status != "SUCCESS"]
    assert [run for run in failed if run.schedule and run.run_id not in disturbed and run.day] == []
    assert [run for run in month.runs if not run.is_over] == []
    assert [run.run_id for run in month.runs if run.schedule and not month.made_good(run.run_id)] == []


@pytest.mark.fault("E1")
def test_a_run_killed_in_its_write_left_no_half_day(month: Month) -> None:
    assert month.half_written
    assert set(month.half_written.values()) == {0}


@pytest.mark.fault("F1")
def test_a_full_disk_stopped_the_day_until_there_was_room(month: Month) -> None:
    if not month.broken_by_disk:
        pytest.skip("a disk to be filled cannot be mounted here: needs root on Linux")
    assert len(month.broken_by_disk) >= 4


def test_every_daily_asset_was_made_for_every_day(month: Month) -> None:
    assert len(month.made) > 10
    for asset, by_day in month.made.items():
        assert sorted(by_day) == [f"{day}" for day in DAYS], asset


@pytest.mark.fault("I2")
def test_a_backfill_whose_daemon_was_killed_made_each_day_once(month: Month) -> None:
    runs = [run for run in month.runs if run.tags.get("dagster/backfill") == month.backfilled]
    (asked,) = [run for run in runs if run.parent is None]
    assert (asked.tags[RANGE_START], asked.tags[RANGE_END]) == (f"{AGAIN[0]}", f"{AGAIN[-1]}")
    assert [run.status for run in runs].count("SUCCESS") == 1


@pytest.mark.fault("G2", "G6")
def test_the_alert_of_the_week_arrived_once_though_no_mail_server_answered_when_it_began(month: Month) -> None:
    alerts = month.alerts
    fired = alerts[(alerts["alert_type"] == "threshold") & alerts["scope"].str.startswith(SILENCE.module)]
    assert [moment.date() for moment in fired["alert_date"]] == [day for day in DAYS if day >= BEGINS]
    assert month.waited_in_outbox > 0
    first = [mail for mail in month.mails if mail["Message-ID"] == message_id(fired["alert_id"].iloc[0])]
    assert [local_day(mail) for mail in first] == [BEGINS]
    assert SILENCE.module in first[0]["Subject"]


def test_every_alert_that_began_something_was_told(month: Month) -> None:
    begins = month.alerts.assign(series=month.alerts["alert_id"].str[:-11]).drop_duplicates("series")
    assert len(begins) > 1
    assert set(begins["alert_id"]) - month.told == set()


@pytest.mark.fault("G2")
def test_no_alert_was_told_again_within_a_week(month: Month) -> None:
    for key, fired in month.alerts.groupby(["alert_type", "scope", "severity"]):
        told = sorted(local_day(mail) for mail in month.mails_of(fired))
        assert all(later - earlier >= timedelta(days=7) for earlier, later in itertools.pairwise(told)), key


def test_the_briefing_came_once_every_morning(month: Month) -> None:
    others = {mail["Message-ID"] for mail in month.mails_of(month.alerts)}
    briefings = sorted(
        (mail for mail in month.mails if mail["Message-ID"] not in others and " on 2026-" in mail["Subject"]), key=local_day
    )
    assert [local_day(mail) for mail in briefings] == DAYS


def test_every_message_arrived_once_and_none_waits(month: Month) -> None:
    assert set(Counter(mail["Message-ID"] for mail in month.mails).values()) == {1}
    assert month.recipients == [[DEAN]] * len(month.mails)
    assert month.outbox is not None
    assert (month.outbox.sent, month.outbox.waiting, month.outbox.kept, month.outbox.dead) == (len(month.mails), 0, 0, 0)
