"""A week of a live `dagster dev`: its clock goes from morning to morning, its schedules and sensors do the rest.

What is asked is what people would see: the tables of each day, the runs, and what a mail server was handed.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import yaml

from oulad_platform.core.messages import compose
from oulad_platform.storage.outbox import Outbox, OutboxStatus
from oulad_platform_tests.defs.live import REPOSITORY, Clock, LiveServer, Run, Silence, dagster_dev, faketime, write_campus
from oulad_platform_tests.storage.smtp_server import Mailbox, serving

FIRST = date(2026, 10, 22)  # a Thursday; summer time ends on the Sunday
DAYS = [FIRST + timedelta(days=day) for day in range(7)]
SUNDAY = date(2026, 10, 25)
LONDON = ZoneInfo("Europe/London")
EIGHT_O_CLOCK = "0 8 * * *"
SENDER, DEAN = "platform@uni.example", "dean@uni.example"
# The rule takes seven days without a visit for a high risk: of 68 in 100 on Saturday, of 80 on Sunday.
SILENCE, TOO_MANY, BEGINS = Silence("AAA", date(2026, 10, 18)), 0.74, SUNDAY
DAY_SECONDS = 400  # a day takes 15 s where nothing else runs
LOCATIONS = "{ repositoriesOrError { ... on RepositoryConnection { nodes { schedules { name cronSchedule } } } } }"
DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { daemonType healthy } } } }"
MADE = "{ assetNodes { assetKey { path } isPartitioned assetMaterializations(partitions: %s) { partition runId } } }"


pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Week:
    """What there was at the end of it. `made`: the runs that made each daily asset, by asset and day."""

    daily_schedules: set[str]
    runs: list[Run]
    made: dict[str, dict[str, set[str]]]
    mails: list[EmailMessage]
    recipients: list[list[str]]
    outbox: OutboxStatus
    alerts: pd.DataFrame

    def mails_of(self, alerts: pd.DataFrame) -> list[EmailMessage]:
        ids = set(map(message_id, alerts["alert_id"]))
        return [mail for mail in self.mails if mail["Message-ID"] in ids]


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


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Week:
    library = faketime()
    home = tmp_path_factory.mktemp("live")
    starts = write_campus(home / "campus", FIRST, ("AAA", "FFF"), SILENCE)
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(REPOSITORY / name, home)
    mailbox = Mailbox()
    with serving(mailbox) as port:
        settings = {
            "oulad_data": "campus",
            "start_dates": starts,
            "first_day": FIRST.isoformat(),
            "automation": True,
            "high_risk_share_limit": TOO_MANY,
            "smtp_host": "127.0.0.1",
            "smtp_port": port,
            "smtp_security": "none",
            "mail_sender": SENDER,
            "enrollment_email_recipients": [DEAN],
        }
        (home / "platform.yaml").write_text(yaml.safe_dump(settings))
        clock = Clock(home / "clock", library, at(FIRST, 6))
        with dagster_dev(home, clock) as server:
            return _live(server, home, mailbox)


def _live(server: LiveServer, home: Path, mailbox: Mailbox) -> Week:
    server.wait("the scheduler runs", lambda: _scheduler_runs(server), DAY_SECONDS, is_passing=False)
    (repository,) = server.ask(LOCATIONS)["repositoriesOrError"]["nodes"]
    daily = {one["name"] for one in repository["schedules"] if one["cronSchedule"] == EIGHT_O_CLOCK}
    outbox = Outbox(str(home / "data/outbox"))
    for day in DAYS:
        server.clock.set(at(day, 8))
        server.wait(f"the runs of {day}", _is_made(server, day, len(daily)), DAY_SECONDS)
        if day == BEGINS:
            server.wait("the mail of the alert", _is_quiet(server, outbox), DAY_SECONDS)
    server.wait("the last mail", _is_quiet(server, outbox), DAY_SECONDS)
    days = "[" + ", ".join(f'"{day}"' for day in DAYS) + "]"
    made: dict[str, dict[str, set[str]]] = {}
    for asset in server.ask(MADE % days)["assetNodes"]:
        if asset["isPartitioned"]:
            by_day = made.setdefault("/".join(asset["assetKey"]["path"]), {})
            for one in asset["assetMaterializations"]:
                by_day.setdefault(one["partition"], set()).add(one["runId"])
    warehouse = sqlite3.connect(f"file:{home}/data/oulad.db?mode=ro", uri=True)
    alerts = pd.read_sql("SELECT * FROM alert_log ORDER BY alert_date", warehouse, parse_dates=["alert_date"])
    warehouse.close()
    return Week(
        daily,
        server.runs(),
        made,
        [message_from_bytes(content, policy=policy.default) for _, content in mailbox.taken],
        [recipients for recipients, _ in mailbox.taken],
        outbox.status(),
        alerts,
    )


def _scheduler_runs(server: LiveServer) -> bool:
    daemons = server.ask(DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
    return {"SCHEDULER", "SENSOR"} <= {one["daemonType"] for one in daemons if one["healthy"]}


def _is_made(server: LiveServer, day: date, n_runs: int) -> Callable[[], bool]:
    def is_made() -> bool:
        runs = [run for run in server.runs() if run.day == day.isoformat()]
        return len(runs) >= n_runs and all(run.is_over for run in runs)

    return is_made


def _is_quiet(server: LiveServer, outbox: Outbox) -> Callable[[], bool]:
    """Nothing has run or waited for three minutes by the server's clock, in which every sensor has looked again."""
    since: list[datetime] = []

    def is_quiet() -> bool:
        if outbox.status().waiting or not all(run.is_over for run in server.runs()):
            since.clear()
            return False
        since.append(server.clock.now())
        return since[-1] - since[0] >= timedelta(minutes=3)

    return is_quiet


def test_the_schedules_ran_every_daily_job_once_a_day_and_housekeeping_on_sunday(week: Week) -> None:
    scheduled = Counter((run.schedule, run.day) for run in week.runs if run.schedule)
    assert len(week.daily_schedules) == 2
    weekly = [key for key in scheduled if key[0] not in week.daily_schedules]
    assert len(weekly) == 1
    assert scheduled == Counter([*((name, f"{day}") for name in week.daily_schedules for day in DAYS), *weekly])
    (sunday,) = [run for run in week.runs if run.schedule and run.schedule not in week.daily_schedules]
    assert sunday.created.astimezone(LONDON).date() == SUNDAY


def test_no_run_failed(week: Week) -> None:
    assert {run.job: run.status for run in week.runs if run.status != "SUCCESS"} == {}


def test_every_daily_asset_was_made_for_every_day_by_the_run_of_that_day(week: Week) -> None:
    day_of = {run.run_id: run.day for run in week.runs if run.schedule}
    assert len(week.made) > 10
    for asset, by_day in week.made.items():
        assert sorted(by_day) == [f"{day}" for day in DAYS], asset
        for day, run_ids in by_day.items():
            assert {day_of.get(run_id) for run_id in run_ids} == {day}, asset


def test_the_alert_of_the_week_arrived_once_on_the_day_it_began(week: Week) -> None:
    alerts = week.alerts
    fired = alerts[(alerts["alert_type"] == "threshold") & alerts["scope"].str.startswith(SILENCE.module)]
    assert [moment.date() for moment in fired["alert_date"]] == [day for day in DAYS if day >= BEGINS]
    (mail,) = week.mails_of(fired)
    assert mail["Message-ID"] == message_id(fired["alert_id"].iloc[0])
    assert local_day(mail) == BEGINS
    assert SILENCE.module in mail["Subject"]


def test_no_alert_was_told_twice_in_the_week(week: Week) -> None:
    for key, fired in week.alerts.groupby(["alert_type", "scope", "severity"]):
        assert len(week.mails_of(fired)) <= 1, key


def test_the_briefing_came_once_every_morning(week: Week) -> None:
    others = {mail["Message-ID"] for mail in week.mails_of(week.alerts)}
    briefings = [mail for mail in week.mails if mail["Message-ID"] not in others]
    assert [local_day(mail) for mail in briefings] == DAYS
    for mail, day in zip(briefings, DAYS, strict=True):
        assert mail["Subject"].endswith(f" on {day}")


def test_every_message_arrived_once_and_none_waits(week: Week) -> None:
    assert set(Counter(mail["Message-ID"] for mail in week.mails).values()) == {1}
    assert week.recipients == [[DEAN]] * len(week.mails)
    assert (week.outbox.sent, week.outbox.waiting, week.outbox.kept) == (len(week.mails), 0, 0)
