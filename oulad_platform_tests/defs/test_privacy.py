"""Invented persons and passwords go through whole runs, failures included, and are searched for where nobody may find them."""

from __future__ import annotations

import contextlib
import email
import email.policy
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import psycopg2
import pytest
from pydantic import SecretStr

from oulad_platform.core.pseudonyms import STUDENT_KEYS
from oulad_platform.defs import delivery, erasure
from oulad_platform.defs.jobs import EVERYTHING
from oulad_platform.defs.local_run import materialize
from oulad_platform.defs.resources import Platform
from oulad_platform.enrollment.tables import ENROLLMENT_METRICS, ENROLLMENT_SNAPSHOTS
from oulad_platform.settings import Settings
from oulad_platform_tests.defs.live import Silence, write_campus

FOUNDED, TODAY = date(2025, 10, 22), date(2025, 11, 20)
BROKEN, GOOD = TODAY, (TODAY - timedelta(days=2), TODAY - timedelta(days=1))
PERSON, NAME, STUDENT, SLIPPED = "ZQ-770911", "Zaphira Quillfeather", "987654321", "887766551"
ADVISER = "hidden.adviser@canary.example"
SECRETS = {
    "database": "pw-canary-db-5521",
    "mail": "pw-canary-smtp-7719",
    "webhook": "pw-canary-hook-9910",
    "key": "pw-canary-key-0123456789-0123456789",
}
HEAD = "student_id,student_name,division,program,level,term,term_start_date\n"
RESTRICTED = ("campus", "registrar", "lake", "outbox", "outputs/caseload", "interventions.csv", "advisers.csv")


class OnThatDay(Platform):
    def today(self) -> date:
        return TODAY


@dataclass(frozen=True)
class House:
    home: Path
    platform: Platform
    url: str
    said: str

    def files(self) -> dict[str, bytes]:
        """Every file outside the restricted zone, and every message but an adviser's own list, by path."""
        found = {}
        for path in (path for path in self.home.rglob("*") if path.is_file()):
            place = path.relative_to(self.home).as_posix()
            if not place.startswith(RESTRICTED):
                found[place] = path.read_bytes()
            elif place.startswith("outbox") and "caseload" not in path.name:
                found[place] = b"\n".join(_texts(path.read_bytes())) if path.suffix == ".eml" else path.read_bytes()
        return found

    def tables(self, schema: str) -> dict[str, str]:
        with psycopg2.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = %s", (schema,))
            names = [name for (name,) in cursor.fetchall()]
            rows = {}
            for name in names:
                cursor.execute(f'SELECT CAST(t AS text) FROM "{schema}"."{name}" AS t')
                rows[name] = "\n".join(row for (row,) in cursor.fetchall())
        return rows


def _texts(message: bytes) -> Iterator[bytes]:
    yield message
    for part in email.message_from_bytes(message, policy=email.policy.default).walk():
        content = part.get_payload(decode=True)
        yield content if isinstance(content, bytes) else b""


def _write_registrar(folder: Path) -> None:
    """Two good days, the person coming on the second; on the third a broken row holds the extract back."""
    folder.mkdir()
    people = "".join(f"S{n:05d},Person {n},Science,Physics,Bachelor,autumn,2025-10-01\n" for n in range(60))
    person = f"{PERSON},{NAME},Science,Physics,Bachelor,autumn,2025-10-01\n"
    (folder / f"census_{GOOD[0]}.csv").write_text(HEAD + people)
    (folder / f"census_{GOOD[1]}.csv").write_text(HEAD + people + person)
    (folder / f"census_{BROKEN}.csv").write_text(
        HEAD + people + person + f"{PERSON}-2,{NAME},Science,,Bachelor,autumn,2025-10-01\n"
    )


def _rename_student(folder: Path) -> None:
    """One of the silent students gets the number that is searched for."""
    info = pd.read_csv(folder / "studentInfo.csv")
    silent = info.loc[(info["code_module"] == "AAA") & (info["id_student"] % 10 < 7), "id_student"].iloc[0]
    for name in ("studentInfo", "studentRegistration", "studentAssessment", "studentVle"):
        rows = pd.read_csv(folder / f"{name}.csv", dtype="str", keep_default_na=False)
        rows["id_student"] = rows["id_student"].replace(str(silent), STUDENT)
        rows.to_csv(folder / f"{name}.csv", index=False)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[House]:
    home = tmp_path_factory.mktemp("house")
    server = psycopg2.connect(postgres_url)
    server.autocommit = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OULAD_HOME", str(home))
        server.cursor().execute("CREATE DATABASE sweep")
        starts = write_campus(home / "campus", FOUNDED, ("AAA",), Silence("AAA", FOUNDED))
        _rename_student(home / "campus")
        _write_registrar(home / "registrar")
        (home / "advisers.csv").write_text(f"adviser,email,code_module,capacity\nAda,{ADVISER},AAA,2000\n")
        (home / "interventions.csv").write_text(
            f"id_student,contacted_on,adviser,channel,outcome\n{STUDENT},2025-11-01,Ada,call,{SLIPPED}\n"
        )
        url = postgres_url.replace("postgres@", f"postgres:{SECRETS['database']}@").rsplit("/", 1)[0]
        given = {
            "oulad_data": str(home / "campus"),
            "start_dates": starts,
            "first_day": FOUNDED,
            "registrar": {"kind": "files", "location": str(home / "registrar"), "file_pattern": "census_{date}.csv"},
            "advisers": str(home / "advisers.csv"),
            "interventions": str(home / "interventions.csv"),
            "lake_uri": str(home / "lake"),
            "artifacts_uri": str(home),
            "outbox_uri": str(home / "outbox"),
            "enrollment_email_recipients": "registrar@example.org",
            "mail_sender": "platform@example.org",
            "smtp_host": "127.0.0.1",
            "smtp_port": 1,
            "smtp_security": "none",
            "smtp_user": "platform",
            "smtp_password": SecretStr(SECRETS["mail"]),
            "alert_urls": SecretStr(f"json://someone:{SECRETS['webhook']}@127.0.0.1:1/hook"),
            "pseudonym_key": SecretStr(SECRETS["key"]),
        }
        platform = OnThatDay(Settings(**given, database_url=SecretStr(f"{url}/sweep")))
        absent = OnThatDay(Settings(**given, database_url=SecretStr(f"{url}/absent")))
        with pytest.MonkeyPatch.context() as console:
            console.setenv("COLUMNS", "200")
            said = _said(lambda: _live_through(platform, absent))
        yield House(home, platform, f"{url}/sweep", said)
        server.cursor().execute("DROP DATABASE sweep WITH (FORCE)")


def _said(work: Callable[[], None]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        work()
    return out.getvalue()


def _live_through(platform: Platform, absent: Platform) -> None:
    """Good days, a held-back one, a broken record of contacts, a mail server and a webhook that are away, an unknown database."""
    assert not materialize(platform, GOOD[0], GOOD[1], EVERYTHING)
    assert not materialize(platform, BROKEN, BROKEN, EVERYTHING)
    with pytest.raises(Exception, match="absent"):
        materialize(absent, BROKEN, BROKEN, EVERYTHING)
    delivery.queue_alerts(platform)


def _holding(needles: Mapping[str, str], places: Mapping[str, bytes]) -> list[str]:
    return [f"{what} in {place}" for place, content in places.items() for what, one in needles.items() if one.encode() in content]


NEEDLES = {"person": PERSON, "name": NAME, "student": STUDENT, "slipped id": SLIPPED, "adviser's address": ADVISER, **SECRETS}


def test_the_runs_went_through_the_persons_and_failed_where_they_should(house: House) -> None:
    snapshots = house.platform.lake.read_days("enrollment", ENROLLMENT_SNAPSHOTS, list(GOOD))
    assert NAME in set(snapshots["student_name"])
    assert {PERSON, STUDENT} <= set(house.platform.database.read(STUDENT_KEYS)["student_id"])
    assert STUDENT in (house.home / "outputs/caseload/Ada.csv").read_text()
    assert "held back" in house.said
    assert "every_file_was_read" in house.said
    assert "waiting" in house.said


def test_no_file_metadata_event_log_or_mail_names_a_person_or_holds_a_secret(house: House) -> None:
    assert _holding(NEEDLES, house.files()) == []


def test_no_word_on_the_terminal_names_a_person_or_holds_a_secret(house: House) -> None:
    assert _holding(NEEDLES, {"terminal": house.said.encode()}) == []


def test_no_table_outside_the_restricted_schema_names_a_student_or_holds_a_secret(house: House) -> None:
    tables = house.tables("public")
    assert "student_risk_daily" in tables
    assert _holding(NEEDLES, {name: rows.encode() for name, rows in tables.items()}) == []
    assert PERSON in "".join(house.tables("restricted").values())


def test_erased_persons_are_nowhere_and_do_not_come_back(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OULAD_HOME", str(house.home))
    for person in (PERSON, STUDENT):
        erasure.erase(house.platform, person, "DPO", "asked for it", apply=True)
        assert "nothing is left" in capsys.readouterr().out
    materialize(house.platform, GOOD[1], GOOD[1], EVERYTHING)
    everywhere = {
        **{path.relative_to(house.home).as_posix(): path.read_bytes() for path in (house.home / "outputs").rglob("*.csv")},
        **{name: rows.encode() for schema in ("public", "restricted") for name, rows in house.tables(schema).items()},
        "snapshots": house.platform.lake.read_days("enrollment", ENROLLMENT_SNAPSHOTS, list(GOOD)).to_csv().encode(),
    }
    assert _holding({"person": PERSON, "student": STUDENT}, everywhere) == []
    metrics = house.platform.database.read(ENROLLMENT_METRICS)
    assert metrics.loc[metrics["scope"] == "total", "total_enrollment"].tolist() == [60, 60]
