"""The enrollment line as an institution without OULAD files runs it: its own registrar, its mail server, its presets."""

from __future__ import annotations

import email
import email.policy
import shutil
import sys
import textwrap
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
import sqlalchemy as sa
import time_machine
import yaml
from click.testing import CliRunner, Result

from oulad_platform.cli import main
from oulad_platform.core.alerts import OPERATION_ALERTS, alert_id, failure_alert
from oulad_platform.core.messages import envelope
from oulad_platform.definitions import build_defs
from oulad_platform.defs import alert_desk, delivery, inspection, snapshots
from oulad_platform.defs.catalog import entry
from oulad_platform.defs.cleaning import clean
from oulad_platform.defs.jobs import ENROLLMENT_AGAIN
from oulad_platform.defs.local_run import materialize
from oulad_platform.defs.resources import Platform
from oulad_platform.enrollment.tables import (
    COHORT_RETENTION,
    CUSTOM_METRICS,
    DATA_QUALITY_FINDINGS,
    ENROLLMENT_DELTAS,
    ENROLLMENT_METRICS,
    ENROLLMENT_SNAPSHOTS,
    SNAPSHOT_VERSIONS,
)
from oulad_platform.settings import Settings, load
from oulad_platform_tests.storage.smtp_server import Mailbox, free_port, serving

EXAMPLES = Path(__file__).parents[2] / "examples"
TODAY = date(2026, 11, 20)
SNAPSHOTS = entry("enrollment", "enrollment_snapshots")


class OnAFriday(Platform):
    """The installation on 2026-11-20, whatever the clock says."""

    def today(self) -> date:
        return TODAY


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No platform.yaml but what a test puts there."""
    monkeypatch.setenv("OULAD_HOME", str(tmp_path))


def at(home: Path, **settings: object) -> Platform:
    places = {name: str(home / name.split("_")[0]) for name in ("lake_uri", "artifacts_uri", "outbox_uri")}
    common = {"database_url": f"sqlite:///{home / 'oulad.db'}", "first_day": date(2026, 11, 1)}
    return OnAFriday(Settings(**{**places, **common, **settings}))


def run(platform: Platform, first: int, last: int, job: str = "everything") -> bool:
    return materialize(platform, date(2026, 11, first), date(2026, 11, last), job)


def totals(platform: Platform, column: str) -> dict[str, str]:
    metrics = platform.database.read(ENROLLMENT_METRICS)
    total = metrics[metrics["scope"] == "total"]
    return dict(zip(total["date"].dt.strftime("%d"), total[column].astype("object").fillna("").astype("str"), strict=True))


def register(platform: Platform) -> list[tuple[str, int, str]]:
    rows = platform.database.read(SNAPSHOT_VERSIONS)
    return list(zip(rows["snapshot_date"].dt.strftime("%d"), rows["version"], rows["state"], strict=True))


class Sis:
    """A student information system on PostgreSQL that remembers who was enrolled from when to when."""

    QUERY = (
        "SELECT student_id, name AS student_name, faculty AS division, course AS program, level, 'autumn' AS term, "
        "DATE '2026-10-01' AS term_start_date FROM enrolled "
        "WHERE since <= :snapshot_date AND (until IS NULL OR until > :snapshot_date)"
    )

    def __init__(self, url: str) -> None:
        self.url = url
        self.execute(
            "CREATE TABLE enrolled (student_id text, name text, faculty text, course text, level text, since date, until date)"
        )

    def execute(self, statement: str, rows: Any = None) -> None:
        engine = sa.create_engine(self.url.replace("postgresql://", "postgresql+psycopg2://"))
        with engine.begin() as connection:
            connection.execute(sa.text(statement), rows)
        engine.dispose()

    def enrol(self, first: int, last: int, since: str, until: str | None = None, course: str = "Physics") -> None:
        statement = (
            "INSERT INTO enrolled VALUES (:id, :name, 'Science', :course, 'Bachelor', CAST(:since AS date), CAST(:until AS date))"
        )
        people = [
            {"id": f"{n:05d}", "name": f"Person {n}", "course": course, "since": since, "until": until}
            for n in range(first, last + 1)
        ]
        self.execute(statement, people)


@pytest.fixture
def sis(postgres_database: str) -> Sis:
    sis = Sis(postgres_database)
    sis.enrol(1, 90, "2026-10-01")
    sis.enrol(91, 94, "2026-10-01", "2026-11-17")
    sis.enrol(95, 100, "2026-11-18", course="Chemistry")
    return sis


def test_a_registrars_database_becomes_changes_and_metrics(sis: Sis, tmp_path: Path) -> None:
    platform = at(tmp_path, enrollment_db_url=sis.url, enrollment_sql_query=sis.QUERY)
    assert run(platform, 16, 20)
    assert totals(platform, "total_enrollment") == {"16": "94", "17": "90", "18": "96", "19": "96", "20": "96"}
    assert totals(platform, "dropped_students") == {"16": "", "17": "4", "18": "0", "19": "0", "20": "0"}
    assert totals(platform, "new_students") == {"16": "", "17": "0", "18": "6", "19": "0", "20": "0"}
    deltas = platform.database.read(ENROLLMENT_DELTAS)
    assert deltas.loc[deltas["change"] == "dropped", "student_id"].tolist() == ["00091", "00092", "00093", "00094"]
    assert {path.name for path in (tmp_path / "artifacts/outputs/enrollment").glob("*.*")} == {"enrollment_powerbi_export.csv"}
    assert (tmp_path / "artifacts/reports/enrollment/briefing_2026-11-20.html").stat().st_size > 10_000


@pytest.mark.fault("B4", "I3")
def test_an_empty_or_shrunken_extract_is_held_back_until_it_is_accepted(sis: Sis, tmp_path: Path) -> None:
    platform = at(
        tmp_path, enrollment_db_url=sis.url, enrollment_sql_query=sis.QUERY, enrollment_email_recipients="r@example.org"
    )
    assert run(platform, 18, 19)
    sis.execute("UPDATE enrolled SET until = DATE '2026-11-20' WHERE student_id > '00050'")
    assert not run(platform, 20, 20)
    assert platform.lake.days(SNAPSHOTS.line, ENROLLMENT_SNAPSHOTS) == [date(2026, 11, 18), date(2026, 11, 19)]
    assert totals(platform, "total_enrollment") == {"18": "96", "19": "96"}
    assert register(platform) == [("18", 1, "current"), ("19", 1, "current"), ("20", 1, "quarantined")]
    (reason,) = platform.database.read_days(SNAPSHOT_VERSIONS, [TODAY])["reason"]
    assert "47.9 % fewer than the 96 of 2026-11-19" in reason
    finding = platform.database.read(DATA_QUALITY_FINDINGS).iloc[0]
    assert (finding["rule"], finding["is_blocking"]) == ("count_limit", True)
    assert sorted(name.split("2026")[0] for name in platform.outbox.ids()) == [
        "daily_summary-",
        "data_quality_enrollment_snapshots_",
    ]
    assert platform.database.read(OPERATION_ALERTS)["alert_type"].tolist() == ["data_quality"]

    assert snapshots.accept(platform, TODAY, "a faculty closed") == 50
    assert run(platform, 20, 20, ENROLLMENT_AGAIN)
    assert totals(platform, "dropped_students")["20"] == "46"
    assert register(platform)[-1] == ("20", 1, "current")
    assert run(platform, 20, 20), "the same extract was accepted before"
    sis.execute("DELETE FROM enrolled")
    assert not run(platform, 20, 20)
    assert totals(platform, "total_enrollment")["20"] == "50"


@pytest.mark.fault("C6")
def test_a_late_correction_becomes_version_2_and_moves_the_days_after_it(sis: Sis, tmp_path: Path) -> None:
    platform = at(tmp_path, enrollment_db_url=sis.url, enrollment_sql_query=sis.QUERY)
    assert run(platform, 17, 20)
    sis.enrol(101, 103, "2026-11-18", "2026-11-19")
    assert run(platform, 18, 18)
    assert register(platform) == [
        ("17", 1, "current"),
        ("18", 1, "superseded"),
        ("18", 2, "current"),
        ("19", 1, "current"),
        ("20", 1, "current"),
    ]
    assert len(platform.lake.read_version(SNAPSHOTS.line, ENROLLMENT_SNAPSHOTS, date(2026, 11, 18), 1)) == 96
    assert totals(platform, "total_enrollment") == {"17": "90", "18": "99", "19": "96", "20": "96"}
    assert totals(platform, "dropped_students")["19"] == "3", "the day after was compared again"
    fresh = at(tmp_path / "fresh", enrollment_db_url=sis.url, enrollment_sql_query=sis.QUERY)
    assert run(fresh, 17, 20)
    for table in (ENROLLMENT_DELTAS, ENROLLMENT_METRICS, COHORT_RETENTION):
        pd.testing.assert_frame_equal(platform.database.read(table), fresh.database.read(table), obj=table.name)


@pytest.mark.fault("G2")
def test_the_briefing_is_mailed_once_a_day_however_often_the_asset_runs(sis: Sis, tmp_path: Path) -> None:
    mail = {
        "smtp_host": "127.0.0.1",
        "smtp_security": "none",
        "mail_sender": "platform@example.org",
        "enrollment_email_recipients": "r@example.org, dean@example.org",
    }
    source = {"enrollment_db_url": sis.url, "enrollment_sql_query": sis.QUERY, "include_student_lists": True}
    sis.enrol(104, 105, "2026-11-20")
    away = at(tmp_path, **source, **mail, smtp_port=free_port())
    assert run(away, 17, 20), "a mail server that is away delays a mail, not a run"
    (waiting,) = away.outbox.ids()
    mailbox = Mailbox()
    with serving(mailbox) as port, time_machine.travel(datetime.now(UTC) + timedelta(hours=1)):
        platform = at(tmp_path, **source, **mail, smtp_port=port)
        assert run(platform, 17, 20)
        assert run(platform, 20, 20)
    assert platform.outbox.ids() == {waiting}
    ((envelope, raw),) = mailbox.taken
    assert sorted(envelope) == ["dean@example.org", "r@example.org"]
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert "98 enrolments" in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "Person" not in message.get_body(("html",)).get_content()  # type: ignore[union-attr]
    names = [part.get_filename() for part in message.iter_attachments()]
    assert [name for name in names if name and name.endswith(".csv")] == ["added_2026-11-20.csv"]


@pytest.mark.parametrize("preset", ["retail", "saas", "healthcare", "workforce"])
def test_each_preset_runs_through_the_same_assets(preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / preset
    shutil.copytree(EXAMPLES / preset, home)
    monkeypatch.setenv("OULAD_HOME", str(home))
    platform = OnAFriday(load())
    assert run(platform, 16, 20)
    assert (home / "dagster.yaml").read_text() == (EXAMPLES.parent / "dagster.yaml").read_text(), "no telemetry from a new home"
    rows = [len(list(open(file))) - 1 for file in sorted((home / "extracts").iterdir())]  # noqa: PTH123, SIM115
    assert list(totals(platform, "total_enrollment").values()) == [str(n) for n in rows]
    changes = platform.database.read(ENROLLMENT_DELTAS)["change"].value_counts()
    assert changes[["dropped", "returned"]].min() >= 1
    assert changes["moved"] >= 4
    words = yaml.safe_load((home / "platform.yaml").read_text())["vocabulary"]
    page = (home / "reports/enrollment/briefing_2026-11-20.html").read_text()
    assert words["holdings"] in page
    assert "enrolment" not in page
    if preset == "healthcare":
        assert platform.database.read(ENROLLMENT_DELTAS)["student_id"].str.fullmatch(r"\d{2}-\d{6}").all()


def test_a_metric_of_another_package_is_run_and_a_broken_one_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    shutil.copytree(EXAMPLES / "retail", home)
    monkeypatch.setenv("OULAD_HOME", str(home))
    site = tmp_path / "site"
    info = site / "our_metrics-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: our-metrics\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[oulad_platform.metrics]\ngold_share = our_metrics:gold_share\n"
        "broken = our_metrics:broken\nabsent = our_metrics:absent\n"
    )
    (site / "our_metrics.py").write_text(
        textwrap.dedent(
            """
            def gold_share(snapshot):
                share = (snapshot["level"] == "Gold").groupby(snapshot["division"]).mean()
                return share.rename_axis("name").reset_index(name="value")

            def broken(snapshot):
                raise RuntimeError("no idea")
            """
        )
    )
    monkeypatch.syspath_prepend(site)
    platform = OnAFriday(load())
    assert not run(platform, 19, 20), "a broken metric is loud"
    metrics = platform.database.read(CUSTOM_METRICS)
    assert metrics["metric"].unique().tolist() == ["gold_share"]
    assert metrics.loc[metrics["date"] == "2026-11-20", "name"].tolist() == ["North", "Online", "South"]
    assert totals(platform, "total_enrollment").keys() == {"19", "20"}
    sys.modules.pop("our_metrics", None)


@pytest.mark.fault("C15")
def test_housekeeping_removes_old_snapshots_whose_metrics_stand(sis: Sis, tmp_path: Path) -> None:
    old = {"first_day": date(2026, 6, 1), "enrollment_db_url": sis.url, "enrollment_sql_query": sis.QUERY}
    sis.execute("UPDATE enrolled SET since = DATE '2026-06-01'")
    platform = at(tmp_path, **old, quality={"max_change_pct": 1000})
    assert materialize(platform, date(2026, 7, 30), date(2026, 8, 4), "everything")
    assert run(platform, 19, 20)
    before = platform.database.read(ENROLLMENT_METRICS)
    listed = clean(platform, "night", dry_run=True)
    assert [line for line in listed if "snapshots" in line] == [
        f"enrollment/enrollment_snapshots {day}" for day in ("2026-07-31", "2026-08-02", "2026-08-03", "2026-08-04")
    ]
    assert len(platform.stored_days(SNAPSHOTS)) == 8
    assert clean(platform, "night", dry_run=False) == listed
    assert clean(platform, "night", dry_run=False) == []
    assert [day.isoformat() for day in platform.stored_days(SNAPSHOTS)] == [
        "2026-07-30",
        "2026-08-01",
        "2026-11-19",
        "2026-11-20",
    ]
    assert ("02", 1, "removed") in register(platform)
    assert run(platform, 20, 20)
    pd.testing.assert_frame_equal(platform.database.read(ENROLLMENT_METRICS), before)


def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The retail preset in a folder of its own; its extracts are of 16 to 20 November 2026."""
    home = tmp_path / "shop"
    shutil.copytree(EXAMPLES / "retail", home)
    monkeypatch.setenv("OULAD_HOME", str(home))
    return home


def cut(home: Path, day: int, rows: int) -> str:
    """Leaves `rows` of a day's file and returns what it was."""
    file = home / f"extracts/customers_2026-11-{day}.csv"
    whole = file.read_text()
    file.write_text("".join(whole.splitlines(keepends=True)[: rows + 1]))
    return whole


def test_the_good_days_of_a_run_with_a_held_one_wait_for_it_and_are_made_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = shop(tmp_path, monkeypatch)
    cut(home, 18, 0)
    (home / "extracts/customers_2026-11-20.csv").rename(home / "late.csv")
    assert oulad("run", "--first", "2026-11-16", "--last", "2026-11-20").exit_code == 1, "18 is empty, 20 is not there"
    platform = OnAFriday(load())
    assert register(platform) == [
        ("16", 1, "current"), ("17", 1, "current"), ("18", 1, "quarantined"), ("19", 1, "current")
    ]  # fmt: skip
    told = oulad("verify").output
    assert "held back: 2026-11-18: the extract has no rows" in told
    assert "snapshots without metrics: 2026-11-16 to 2026-11-17" in told
    accepted = oulad("accept", "--date", "2026-11-18")
    assert accepted.exit_code == 0, accepted.output
    assert list(totals(platform, "total_enrollment").values()) == ["60", "61", "0", "65"]
    assert totals(platform, "dropped_students")["18"] == "61"
    assert totals(platform, "returned_students")["19"] == totals(platform, "new_students")["19"] != "0"
    assert oulad("accept", "--date", "2026-11-18").exit_code == 0, "accepting again changes nothing"
    assert "without metrics" not in oulad("verify").output


def test_a_repaired_source_settles_what_was_held_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = shop(tmp_path, monkeypatch)
    whole = cut(home, 20, 5)
    assert oulad("run", "--first", "2026-11-19", "--last", "2026-11-20").exit_code == 1
    (home / "extracts/customers_2026-11-20.csv").write_text(whole)
    assert oulad("run", "--first", "2026-11-19", "--last", "2026-11-20").exit_code == 0
    assert "held back" not in oulad("verify").output
    refused = oulad("accept", "--date", "2026-11-20")
    assert (refused.exit_code, "Nothing is held back" in refused.output) == (1, True)


def test_a_late_correction_rewrites_the_lists_of_the_day_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = shop(tmp_path, monkeypatch)
    whole = cut(home, 18, 58)
    assert oulad("run", "--first", "2026-11-17", "--last", "2026-11-19").exit_code == 0
    lists = home / "outputs/enrollment/changes"
    before = (lists / "added_2026-11-19.csv").read_text()
    (home / "extracts/customers_2026-11-18.csv").write_text(whole)
    assert oulad("run", "--first", "2026-11-18", "--last", "2026-11-18").exit_code == 0
    after = (lists / "added_2026-11-19.csv").read_text()
    assert len(after.splitlines()) < len(before.splitlines())


@pytest.mark.fault("C3", "C6")
def test_days_made_late_leave_the_lists_that_days_made_in_order_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = shop(tmp_path, monkeypatch)
    lists = home / "outputs/enrollment/changes"
    for day in ("18", "19"):  # C00005 leaves on 18 and is back on 20
        file = home / f"extracts/customers_2026-11-{day}.csv"
        file.write_text("".join(line for line in file.read_text().splitlines(keepends=True) if not line.startswith("C00005,")))
    assert oulad("run", "--first", "2026-11-16", "--last", "2026-11-20").exit_code == 0
    in_order = {file.name: file.read_text() for file in lists.iterdir()}
    assert "returned" in in_order["added_2026-11-20.csv"]
    for made in ("data", "outputs", "reports"):
        shutil.rmtree(home / made)
    for first, last in (("19", "20"), ("16", "18")):
        assert oulad("run", "--first", f"2026-11-{first}", "--last", f"2026-11-{last}").exit_code == 0
    assert {file.name: file.read_text() for file in lists.iterdir()} == in_order


def test_the_demos_mail_goes_to_nobody(tmp_path: Path) -> None:
    platform = at(tmp_path, pipeline_demo_mode=True, enrollment_email_recipients="dean@example.org")
    assert delivery.post(platform, "summary", "Subject", "Text")
    assert envelope((tmp_path / "outbox_demo/summary.eml").read_bytes()) == ("oulad-platform@localhost", [])
    real = at(tmp_path, enrollment_db_url="sqlite://")
    assert real.outbox.ids() == set(), "what the demo has said does not count as told"


@pytest.mark.fault("G6")
def test_a_message_that_cannot_be_put_keeps_no_other_from_it(tmp_path: Path) -> None:
    platform = at(tmp_path, enrollment_db_url="sqlite://")
    scopes = ["Ж" * 200, "Ж" * 45, "nightly"]
    for scope in scopes:
        delivery.record(platform, failure_alert(scope, "r1", [], TODAY))
    with pytest.raises(ExceptionGroup, match="could not be put into an outbox") as raised:
        delivery.queue_alerts(platform)
    assert [type(error) for error in raised.value.exceptions] == [ValueError]
    assert platform.outbox.ids() == {alert_id("run_failure", scope, TODAY) for scope in scopes[1:]}


def test_an_alert_of_today_is_listed_as_of_one_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    platform = at(tmp_path, enrollment_db_url="sqlite://")
    delivery.record(platform, failure_alert("nightly", "r1", [], TODAY))
    alert_desk.show(platform, resolved=False)
    assert capsys.readouterr().out.startswith("critical, open: 1 day, 2026-11-20 to 2026-11-20, run_failure_nightly_2026-11-20\n")


@pytest.mark.fault("G6")
def test_an_alert_url_that_cannot_be_used_keeps_its_own_messages_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mailbox = Mailbox()
    with serving(mailbox) as port:
        platform = at(tmp_path, enrollment_db_url="sqlite://", alert_urls="nonsense://s3cret", **mail_to(port))
        assert delivery.post(platform, "one", "Subject", "Text")
        delivery.record(platform, failure_alert("nightly", "r1", [], TODAY))
        told = alert_id("run_failure", "nightly", TODAY)
        assert delivery.queue_alerts(platform) == [f"mail: {told}", f"webhook_1: {told}"]
        made = delivery.deliver(platform)
    assert (made["mail"].sent, list(made["webhook_1"].waiting), len(mailbox.taken)) == (["one", told], [told], 2)
    assert not inspection.examine(platform)
    shown = capsys.readouterr().out
    assert "wrong webhook_1: ALERT_URLS:" in shown
    assert "s3cret" not in shown


def test_the_log_and_the_doctor_tell_what_is_undeliverable_without_addresses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mailbox = Mailbox(refused={"dean@example.org": "550 5.1.1 <dean@example.org> no such user"})
    with serving(mailbox) as port, dg.DagsterInstance.ephemeral() as instance:
        platform = at(tmp_path, enrollment_db_url="sqlite://", delivery_attempts=1, **mail_to(port))
        delivery.post(platform, "one", "Subject", "Text")
        job = build_defs(platform.settings, platform=platform).resolve_job_def("deliver_messages")
        run_id = job.execute_in_process(instance=instance).run_id
        logged = " ".join(entry.user_message for entry in instance.all_logs(run_id))
    assert "mail: one is undeliverable: refused (address): 550 5.1.1 <(address)> no such user" in logged
    assert "dean@example.org" not in logged
    inspection.examine(platform)
    assert "1 undeliverable; `oulad outbox` says why" in capsys.readouterr().out


@pytest.mark.fault("G6")
def test_a_run_that_fails_while_the_warehouse_is_away_is_mailed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oulad_platform.storage.database.RETRY_WAITS", (0,))
    mailbox = Mailbox()

    @dg.op
    def fails() -> None:
        raise RuntimeError("no warehouse")

    @dg.job
    def nightly() -> None:
        fails()

    with serving(mailbox) as port, dg.DagsterInstance.ephemeral() as instance:
        away = f"postgresql://nobody@127.0.0.1:{free_port()}/warehouse"
        platform = at(tmp_path, enrollment_db_url="sqlite://", database_url=away, **mail_to(port))
        defs = build_defs(platform.settings, platform=platform)
        sensor = defs.get_repository_def().get_sensor_def("failed_runs")
        result = nightly.execute_in_process(instance=instance, raise_on_error=False)
        (failure,) = [event for event in result.all_events if event.event_type == dg.DagsterEventType.RUN_FAILURE]
        for _ in range(2):
            context = dg.build_run_status_sensor_context(
                sensor_name="failed_runs",
                dagster_instance=instance,
                dagster_run=result.dagster_run,
                dagster_event=failure,
                resources={"platform": platform},
            )
            sensor(context.for_run_failure())
        assert platform.outbox.ids() == {alert_id("run_failure", "nightly", TODAY)}
        job = defs.resolve_job_def("deliver_messages")
        assert not job.execute_in_process(instance=instance, raise_on_error=False).success, "the alerts could not be read"
    assert len(mailbox.taken) == 1


def mail_to(port: int) -> dict[str, Any]:
    """The settings of mail to the dean through a server on this port."""
    server = {"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_security": "none", "mail_sender": "platform@example.org"}
    return server | {"enrollment_email_recipients": "dean@example.org"}


def test_a_run_from_the_command_line_tells_a_held_extract_to_a_webhook_without_a_mail_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("apprise", reason="the extra `webhooks` is not installed")
    from oulad_platform_tests.storage.test_webhooks import Service, listening

    cut(shop(tmp_path, monkeypatch), 20, 30)
    service = Service()
    with listening(service) as port:
        monkeypatch.setenv("ALERT_URLS", f"json://127.0.0.1:{port}/hook")
        shown = oulad("run", "--first", "2026-11-19", "--last", "2026-11-20").output
    assert "webhook_1 1 sent, 0 waiting" in shown
    ((_, _, body),) = service.received
    assert "oulad accept --date 2026-11-20" in body["message"]
    assert "% fewer than the" in body["message"]


def oulad(*arguments: str) -> Result:
    with time_machine.travel(datetime(2026, 11, 20, 9, tzinfo=UTC)):
        return CliRunner().invoke(main, arguments)


def test_the_command_line_lists_what_is_held_back_lets_it_in_and_keeps_house(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(shop(tmp_path, monkeypatch), 20, 30)
    assert oulad("run", "--first", "2026-11-18", "--last", "2026-11-20").exit_code == 1
    held = oulad("verify")
    assert "held back: 2026-11-20: " in held.output
    assert "oulad accept --date 2026-11-20" in held.output
    accepted = oulad("accept", "--date", "2026-11-20", "--reason", "a shop closed")
    assert accepted.exit_code == 0, accepted.output
    assert "2026-11-20: 30 rows let in" in accepted.output
    assert "held back" not in oulad("verify").output
    wrong = oulad("accept", "--date", "2026-11-19")
    assert (wrong.exit_code, "Nothing is held back for 2026-11-19" in wrong.output) == (1, True)
    assert oulad("housekeeping").output == "0 files and 0 runs of Dagster's log would be removed; --apply removes them\n"
    past = oulad("run", "--first", "2026-11-01", "--last", "2026-11-02")
    assert past.exit_code != 0
    assert "FIRST_DAY" in past.output


@pytest.mark.fault("B6")
def test_an_interrupted_source_is_told_in_words_and_changes_nothing(sis: Sis, tmp_path: Path) -> None:
    platform = at(tmp_path, enrollment_db_url=sis.url, enrollment_sql_query=sis.QUERY)
    assert run(platform, 19, 19)
    before = platform.database.read(ENROLLMENT_METRICS)
    sis.execute("ALTER TABLE enrolled RENAME TO gone")
    assert not run(platform, 19, 20)
    pd.testing.assert_frame_equal(platform.database.read(ENROLLMENT_METRICS), before)
    assert platform.lake.days(SNAPSHOTS.line, ENROLLMENT_SNAPSHOTS) == [date(2026, 11, 19)]


def test_a_query_that_describes_now_is_refused_for_a_past_day(sis: Sis, tmp_path: Path) -> None:
    now = "SELECT student_id, faculty AS division, course AS program, level FROM enrolled"
    platform = at(tmp_path, enrollment_db_url=sis.url, enrollment_sql_query=now)
    assert not run(platform, 19, 19)
    assert platform.lake.days(SNAPSHOTS.line, ENROLLMENT_SNAPSHOTS) == []
    assert run(platform, 20, 20)
    assert totals(platform, "total_enrollment") == {"20": "100"}


def test_the_sensor_asks_for_a_run_while_mail_is_due_and_the_job_sends_it(sis: Sis, tmp_path: Path) -> None:
    mailbox = Mailbox()
    with serving(mailbox) as port:
        platform = at(tmp_path, enrollment_db_url=sis.url, enrollment_sql_query=sis.QUERY, **mail_to(port))
        repository = build_defs(platform.settings, platform=platform).get_repository_def()
        sensor = repository.get_sensor_def("waiting_messages")

        def tick(instance: dg.DagsterInstance) -> list[dg.RunRequest]:
            context = dg.build_sensor_context(instance=instance, repository_def=repository, resources={"platform": platform})
            return list(sensor.evaluate_tick(context).run_requests or [])

        with dg.DagsterInstance.ephemeral() as instance:
            assert tick(instance) == []
            assert delivery.post(platform, "one", "Subject", "Text")
            assert len(tick(instance)) == 1
            cut_off = instance.create_run_for_job(repository.get_job("deliver_messages"), status=dg.DagsterRunStatus.STARTED)
            assert tick(instance) == [], "another run is delivering"
            with time_machine.travel(datetime.now(UTC) + timedelta(minutes=16)):
                assert len(tick(instance)) == 1, "a power cut ended that run"
            instance.delete_run(cut_off.run_id)
            assert repository.get_job("deliver_messages").execute_in_process(instance=instance).success
            assert tick(instance) == []
    assert [envelope for envelope, _ in mailbox.taken] == [["dean@example.org"]]


@pytest.mark.parametrize(("statement", "told"), [("DROP TABLE enrolled", True), ("DELETE FROM enrolled", False)])
def test_a_failed_run_is_mailed_once_and_a_held_extract_by_its_own_message(
    statement: str, told: bool, sis: Sis, tmp_path: Path
) -> None:
    platform = at(
        tmp_path, enrollment_db_url=sis.url, enrollment_sql_query=sis.QUERY, enrollment_email_recipients="r@example.org"
    )
    sis.execute(statement)
    defs = build_defs(platform.settings, platform=platform)
    job, sensor = defs.resolve_job_def("enrollment_daily"), defs.get_repository_def().get_sensor_def("failed_runs")
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(partition_key="2026-11-20", instance=instance, raise_on_error=False)
        (failure,) = [event for event in result.all_events if event.event_type == dg.DagsterEventType.RUN_FAILURE]
        for _ in range(2):
            context = dg.build_run_status_sensor_context(
                sensor_name="failed_runs",
                dagster_instance=instance,
                dagster_run=result.dagster_run,
                dagster_event=failure,
                resources={"platform": platform},
            )
            sensor(context.for_run_failure())
    raised = platform.database.read(OPERATION_ALERTS)
    assert raised["alert_type"].tolist() == (["run_failure"] if told else ["data_quality"])
    assert platform.outbox.ids() == set()
    assert len(delivery.queue_alerts(platform)) == 1
    assert platform.outbox.ids() == set(raised["alert_id"])


@pytest.mark.fault("B1", "I8")
def test_nothing_personal_or_secret_reaches_dagsters_event_log(sis: Sis, tmp_path: Path) -> None:
    sis.execute("UPDATE enrolled SET name = 'Zanzibara Quillfeather', student_id = 'QX' || student_id")
    url = sis.url.replace("postgres@", "postgres:hunter2secret@")
    platform = at(tmp_path, enrollment_db_url=url, enrollment_sql_query=sis.QUERY, include_student_lists=True)
    assert run(platform, 16, 20)
    sis.execute("DELETE FROM enrolled WHERE student_id > 'QX00040'")
    assert not run(platform, 20, 20)
    logged = b"".join(path.read_bytes() for path in tmp_path.rglob("*.db") if path.name != "oulad.db")
    assert b"registrar_extract" in logged
    for secret in (b"Quillfeather", b"hunter2secret", b"QX000"):
        assert secret not in logged


def test_a_table_without_today_alerts_once_after_the_hour_it_was_expected_by(sis: Sis, tmp_path: Path) -> None:
    platform = at(tmp_path, enrollment_db_url=sis.url, enrollment_sql_query=sis.QUERY)
    assert run(platform, 19, 19)
    repository = build_defs(platform.settings, platform=platform).get_repository_def()
    sensor = repository.get_sensor_def("stale_tables")

    def tick(hour: int) -> list[str]:
        context = dg.build_sensor_context(repository_def=repository, resources={"platform": platform})
        with time_machine.travel(datetime(2026, 11, 20, hour, tzinfo=UTC)):
            sensor.evaluate_tick(context)
        return platform.database.read(OPERATION_ALERTS)["alert_id"].tolist()

    assert tick(9) == []
    assert tick(10) == tick(11) == ["freshness_enrollment_snapshots_2026-11-20"]
    assert run(platform, 20, 20)
    assert tick(12) == ["freshness_enrollment_snapshots_2026-11-20"]
