from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from oulad_platform.storage import outbox as outbox_module
from oulad_platform.storage.errors import MissingFileError, StorageError
from oulad_platform.storage.mail import MailServerError, RefusedForNowError, SmtpServer
from oulad_platform.storage.outbox import Outbox, OutboxStatus
from oulad_platform_tests.storage.smtp_server import Mailbox, free_port, mail, serving

ROOT = Path(__file__).resolve().parents[2]
MORNING = datetime(2014, 5, 20, 8, tzinfo=UTC)


@pytest.fixture(params=["folder", "s3"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "outbox") if request.param == "folder" else f"s3://{request.getfixturevalue('s3')}/outbox"


def at(minutes: float) -> Callable[[], datetime]:
    """The time so many minutes after 08:00."""
    return lambda: MORNING + timedelta(minutes=minutes)


def plain(port: int) -> SmtpServer:
    return SmtpServer("127.0.0.1", port, "none", timeout_seconds=5)


class Fake:
    """A transport that says what it is told to, once each, and notes whom it sent to."""

    def __init__(self, *answers: Mapping[str, str] | Exception) -> None:
        self.answers, self.calls = list(answers), list[tuple[str, ...]]()

    def send(self, message: bytes, recipients: Sequence[str]) -> Mapping[str, str]:
        self.calls.append(tuple(recipients))
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_message_is_kept_once_and_remembered_by_its_id(uri: str) -> None:
    outbox = Outbox(uri)
    assert outbox.ids() == set()
    assert outbox.put("threshold:AAA/2013J:2014-05-20", mail("one"))
    assert not outbox.put("threshold:AAA/2013J:2014-05-20", mail("one", text="Again."))
    assert outbox.put("<spike@50%>.3", mail("two"))
    assert outbox.ids() == {"threshold:AAA/2013J:2014-05-20", "<spike@50%>.3"}
    assert "can be written and read" in outbox.probe()


@pytest.mark.fault("F8")
@pytest.mark.parametrize("message_id", ["", "../x"])
def test_an_id_that_cannot_name_a_file_is_refused(message_id: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be a file's name"):
        Outbox(str(tmp_path)).put(message_id, mail("one"))


def test_a_message_without_a_sender_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no sender"):
        Outbox(str(tmp_path)).put("m1", b"Subject: x\r\n\r\n")
    assert Outbox(str(tmp_path)).ids() == set()


@pytest.mark.fault("G11")
def test_what_was_put_is_sent_once_however_often_the_outbox_is_drained(uri: str) -> None:
    outbox, mailbox = Outbox(uri), Mailbox(refused={"gone@example.org": "550 5.1.1 no such user"})
    outbox.put("b:1", mail("b:1", "dean@example.org", "gone@example.org"))
    outbox.put("a.1", mail("a.1", text="First.\n"))
    assert outbox.due(MORNING) == ["a.1", "b:1"]
    with serving(mailbox) as port:
        delivery = outbox.deliver(plain(port), at(0))
        assert not outbox.put("a.1", mail("a.1", text="First, again.\n"))
        again = outbox.deliver(plain(port), at(600))
    assert delivery.sent == ["a.1", "b:1"]
    assert delivery.refused == {"b:1": {"gone@example.org": "550 5.1.1 no such user"}}
    assert (delivery.waiting, again.sent, again.waiting, outbox.due(MORNING)) == ({}, [], {}, [])
    assert mailbox.taken == [
        (["dean@example.org"], mail("a.1", text="First.\n")),
        (["dean@example.org"], mail("b:1", "dean@example.org", "gone@example.org")),
    ]
    assert outbox.status() == OutboxStatus(2, 0, 0, None)


def test_what_was_sent_is_on_record_with_the_refused_addresses(tmp_path: Path) -> None:
    outbox = Outbox(str(tmp_path))
    outbox.put("m1", mail("m1", "dean@example.org", "gone@example.org"))
    outbox.deliver(Fake({"gone@example.org": "550 5.1.1 no such user"}), at(0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m1.1.claim", "m1.eml", "m1.sent"]
    assert json.loads((tmp_path / "m1.sent").read_text()) == {
        "at": "2014-05-20T08:00:00+00:00",
        "attempt": 1,
        "refused": {"gone@example.org": "550 5.1.1 no such user"},
    }


@pytest.mark.fault("G12")
def test_without_a_mail_server_or_recipients_messages_stay_files(uri: str) -> None:
    outbox, fake = Outbox(uri), Fake()
    outbox.put("m1", mail("m1"))
    outbox.put("m2", _to_nobody())
    assert outbox.deliver(None, at(0)).waiting == {
        "m1": "no mail server is configured",
        "m2": "no mail server is configured",
    }
    assert outbox.status() == OutboxStatus(0, 1, 1, MORNING)
    assert outbox.deliver(fake, at(0)).waiting == {"m2": "no recipients"}
    assert outbox.deliver(fake, at(1)).waiting == {}
    assert fake.calls == [("dean@example.org",)]
    assert outbox.due(MORNING) == []
    assert outbox.status() == OutboxStatus(1, 0, 1, None)


def _to_nobody() -> bytes:
    return mail("m2").replace(b"To: dean@example.org\r\n", b"")


@pytest.mark.fault("G6")
def test_a_server_that_is_down_delays_and_then_gets_the_message_once(uri: str) -> None:
    outbox, mailbox, port = Outbox(uri), Mailbox(), free_port()
    outbox.put("m1", mail("m1"))
    waits = outbox.deliver(plain(port), at(0)).waiting["m1"]
    assert waits == f"mail server 127.0.0.1:{port}: Connection refused; look at host and port, and whether the server runs"
    with serving(mailbox, port):
        later = outbox.deliver(plain(port), at(0.9))
        assert later.waiting["m1"].endswith("; attempt 1 failed, the next is due 2014-05-20 08:01 UTC")
        assert outbox.due(at(0.9)()) == []
        assert outbox.due(at(1)()) == ["m1"]
        assert outbox.deliver(plain(port), at(1)).sent == ["m1"]
        assert outbox.deliver(plain(port), at(100)).sent == []
    assert len(mailbox.taken) == 1


@pytest.mark.fault("G6")
def test_a_server_that_is_busy_gets_the_message_later(tmp_path: Path) -> None:
    outbox, mailbox = Outbox(str(tmp_path)), Mailbox(answers=["451 4.3.0 busy", "250 OK"])
    outbox.put("m1", mail("m1"))
    with serving(mailbox) as port:
        assert outbox.deliver(plain(port), at(0)).waiting["m1"].endswith("refused the message for now (451 4.3.0)")
        assert outbox.deliver(plain(port), at(1)).sent == ["m1"]
    assert len(mailbox.taken) == 1


@pytest.mark.fault("G6")
def test_failed_attempts_are_further_and_further_apart_up_to_an_hour(tmp_path: Path) -> None:
    outbox, fake = Outbox(str(tmp_path)), Fake(*[MailServerError("no")] * 2000)
    outbox.put("m1", mail("m1"))
    tried = []
    for minute in range(400):
        if outbox.due(at(minute)()):
            tried.append(minute)
            outbox.deliver(fake, at(minute))
    assert tried == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363]
    assert outbox.deliver(Fake(), at(423)).sent == ["m1"]


def tried_until_dead(outbox: Outbox, fake: Fake, minutes: Iterable[int]) -> list[int]:
    """The minutes in which an attempt was made, up to the one that put the message aside."""
    tried = []
    for minute in minutes:
        if outbox.due(at(minute)()):
            tried.append(minute)
            if outbox.deliver(fake, at(minute)).dead:
                break
    return tried


def test_after_twelve_failed_attempts_a_message_is_put_aside_with_the_reason_and_no_longer_tried(uri: str) -> None:
    outbox, fake = Outbox(uri, attempts=12), Fake(*[StorageError("552 too large")] * 12)
    outbox.put("m/1", mail("m1"))
    minutes = [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363]
    assert tried_until_dead(outbox, fake, [*minutes, 364]) == minutes
    assert outbox.dead() == {"m/1": "552 too large; put aside after 12 failed attempts"}
    assert outbox.due(at(5000)()) == []
    later = outbox.deliver(fake, at(5000))
    assert (later.sent, later.waiting, later.dead, len(fake.calls)) == ([], {}, {}, 12)
    assert outbox.status() == OutboxStatus(0, 0, 0, None, 1)
    assert outbox.ids() == {"m/1"}


def test_a_message_that_was_put_aside_is_due_again_when_somebody_says_so(tmp_path: Path) -> None:
    outbox, fake = Outbox(str(tmp_path), attempts=2), Fake(*[StorageError("no")] * 4)
    outbox.put("m1", mail("m1"))
    assert not outbox.retry("m1")
    assert tried_until_dead(outbox, fake, range(9)) == [0, 1]
    assert outbox.retry("m1")
    assert not outbox.retry("m1")
    assert not outbox.retry("m2")
    assert (outbox.dead(), outbox.status()) == ({}, OutboxStatus(0, 1, 0, MORNING, 0))
    assert tried_until_dead(outbox, fake, range(9, 99)) == [9, 13], "with as many attempts as a new one"
    assert outbox.dead() == {"m1": "no; put aside after 2 failed attempts"}
    outbox.retry("m1")
    assert outbox.deliver(fake, at(99)).sent == ["m1"]
    assert outbox.status() == OutboxStatus(1, 0, 0, None, 0)
    kinds = sorted(path.suffix for path in tmp_path.iterdir())
    assert kinds == [".claim"] * 5 + [".dead"] * 2 + [".eml"] + [".failed"] * 4 + [".retry"] * 2 + [".sent"]


def test_an_id_too_long_for_a_files_name_gets_a_short_one_and_stays_the_id(uri: str) -> None:
    ids = [f"anomaly_{quote('program ' + 'Ж' * 45, safe='')}{n}_2014-05-20" for n in range(2)]
    outbox, fake = Outbox(uri, attempts=1), Fake(StorageError("no"))
    assert [outbox.put(one, mail(one)) for one in (*ids, ids[0])] == [True, True, False]
    assert not outbox.put(ids[0], mail("again"), ["x"])
    assert outbox.ids() == set(ids)
    assert sorted(outbox.due(MORNING)) == ids
    made = outbox.deliver(fake, at(0))
    assert sorted([*made.sent, *made.dead]) == ids
    assert list(outbox.dead()) == list(made.dead)
    assert outbox.retry(*made.dead)
    assert outbox.deliver(fake, at(1)).sent == list(made.dead)
    assert outbox.put("digest+1", mail("digest"), ids), "a plus of one's own is another name"
    assert outbox.ids() == {*ids, "digest+1"}


def test_a_files_name_that_looks_shortened_is_read_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "a+b.eml").write_bytes(mail("m1"))
    assert Outbox(str(tmp_path)).ids() == {"a+b"}


def test_a_server_that_is_away_for_a_week_puts_no_message_aside(tmp_path: Path) -> None:
    outbox, fake = (
        Outbox(str(tmp_path), attempts=3),
        Fake(StorageError("no"), *[MailServerError("away")] * 170, StorageError("no")),
    )
    outbox.put("m1", mail("m1"))
    hours = range(0, 8 * 24 * 60, 60)
    assert [outbox.deliver(fake, at(minutes)).dead for minutes in hours[:172]] == [{}] * 172
    assert outbox.deliver(fake, at(hours[172])).sent == ["m1"]


def test_a_message_refused_for_now_is_put_aside_after_five_days_at_the_earliest(tmp_path: Path) -> None:
    outbox, later = Outbox(str(tmp_path), attempts=3), {"dean@example.org": "451 4.7.1 greylisted"}
    fake = Fake(*[RefusedForNowError("452 full"), later] * 200)
    outbox.put("m1", mail("m1"))
    tried = tried_until_dead(outbox, fake, range(0, 6 * 24 * 60, 20))
    assert tried[-1] - tried[0] == pytest.approx(5 * 24 * 60, abs=60)
    assert tried[-1] - tried[0] >= 5 * 24 * 60
    assert outbox.dead()["m1"].endswith(f"put aside after {len(tried)} failed attempts")


def test_what_is_refused_for_good_after_it_was_refused_for_now_is_put_aside_at_once(tmp_path: Path) -> None:
    outbox = Outbox(str(tmp_path), attempts=2)
    outbox.put("m1", mail("m1"))
    assert tried_until_dead(outbox, Fake(RefusedForNowError("452"), StorageError("552")), range(9)) == [0, 1]


def test_real_answers_of_a_server_are_for_now_or_for_good(tmp_path: Path) -> None:
    outbox, mailbox = Outbox(str(tmp_path), attempts=1), Mailbox(answers=["452 4.3.1 full", "552 5.3.4 too large"])
    outbox.put("m1", mail("m1"))
    with serving(mailbox) as port:
        assert outbox.deliver(plain(port), at(0)).dead == {}
        gone = outbox.deliver(plain(port), at(1))
    where = f"mail server 127.0.0.1:{port}"
    assert gone.dead == {"m1": f"{where}: refused the message for good (552 5.3.4); put aside after 2 failed attempts"}
    assert gone.waiting == {}


def test_a_death_between_putting_aside_and_the_record_of_the_failure_undoes_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox, fake, write = Outbox(str(tmp_path), attempts=1), Fake(StorageError("no")), outbox_module.write_once
    outbox.put("m1", mail("m1"))

    def die(target: Path, data: bytes) -> bool:
        if target.name.endswith(".failed"):
            raise Crash
        return write(target, data)

    monkeypatch.setattr(outbox_module, "write_once", die)
    with pytest.raises(Crash):
        outbox.deliver(fake, at(0))
    monkeypatch.undo()
    assert outbox.dead() == {"m1": "no; put aside after 1 failed attempts"}
    outbox.retry("m1")
    assert outbox.deliver(fake, at(14)).waiting == {"m1": "another run has been sending it since 2014-05-20 08:00 UTC"}
    assert outbox.deliver(fake, at(15)).sent == ["m1"]


def test_attempts_must_be_one_or_more(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="attempts 0 must be 1 or more"):
        Outbox(str(tmp_path), attempts=0)


def test_a_digest_names_what_it_covers_in_the_one_file_and_these_ids_count_as_put(uri: str) -> None:
    outbox, mailbox = Outbox(uri), Mailbox()
    ids = ["threshold_..%2FAé B_2014-05-20", "x\r\nBcc: eve@example.org", *(f"drift_{'M' * 60}{n}_2014-05-20" for n in range(40))]
    assert outbox.put("digest-1", mail("digest-1"), ids)
    assert outbox.put("m1", mail("m1"))
    assert outbox.ids() == {"digest-1", "m1", *ids}
    assert outbox.due(MORNING) == ["digest-1", "m1"]
    with serving(mailbox) as port:
        assert outbox.deliver(plain(port), at(0)).sent == ["digest-1", "m1"]
    assert [recipients for recipients, _ in mailbox.taken] == [["dean@example.org"]] * 2
    arrived = message_from_bytes(mailbox.taken[0][1])
    assert arrived["Bcc"] is None
    assert len(str(arrived["X-Covers"]).split()) == 42
    assert max(map(len, mailbox.taken[0][1].splitlines())) < 998


def test_an_id_is_put_once_whether_it_covers_others_or_not_and_whatever_it_ends_with(tmp_path: Path) -> None:
    outbox = Outbox(str(tmp_path))
    assert outbox.put("one", mail("one"), ["a"])
    assert not outbox.put("one", mail("one"), ["b"])
    assert not outbox.put("one", mail("one"))
    assert outbox.put("two.digest", mail("two"))
    assert not outbox.put("two.digest", mail("two"), ["c"])
    assert outbox.ids() == {"one", "a", "two.digest"}
    assert outbox.deliver(Fake(), at(0)).sent == ["one", "two.digest"]


def test_an_id_that_no_header_can_hold_is_refused_before_anything_is_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="covers: an id is 1,200 letters long"):
        Outbox(str(tmp_path)).put("one", mail("one"), ["a" * 1200])
    assert Outbox(str(tmp_path)).ids() == set()


@pytest.mark.fault("G5")
def test_a_line_cut_after_the_message_repeats_it_once_under_the_same_id(tmp_path: Path) -> None:
    outbox, mailbox = Outbox(str(tmp_path)), Mailbox(answers=["abort"])
    outbox.put("m1", mail("m1"))
    with serving(mailbox) as port:
        for minutes in (0, 1, 20, 90):
            outbox.deliver(plain(port), at(minutes))
    assert [*mailbox.message_ids().values()] == [2]


def test_who_was_refused_for_now_is_tried_again_and_who_has_it_is_not(tmp_path: Path) -> None:
    outbox = Outbox(str(tmp_path))
    outbox.put("m1", mail("m1", "a@example.org", "b@example.org", "c@example.org"))
    fake = Fake({"b@example.org": "451 4.2.0 later", "c@example.org": "550 gone"}, StorageError("down"), {})
    assert outbox.deliver(fake, at(0)).waiting == {"m1": "refused b@example.org: 451 4.2.0 later, c@example.org: 550 gone"}
    outbox.deliver(fake, at(1))
    assert outbox.deliver(fake, at(3)).refused == {"m1": {"c@example.org": "550 gone"}}
    assert fake.calls == [("a@example.org", "b@example.org", "c@example.org"), ("b@example.org",), ("b@example.org",)]


def test_a_message_that_every_recipient_refuses_for_good_waits_with_the_reason(tmp_path: Path) -> None:
    outbox, fake = Outbox(str(tmp_path)), Fake({"dean@example.org": "550 5.1.1 no such user"})
    outbox.put("m1", mail("m1"))
    assert outbox.deliver(fake, at(0)).waiting == {"m1": "refused dean@example.org: 550 5.1.1 no such user"}
    assert outbox.status() == OutboxStatus(0, 1, 0, MORNING)
    assert outbox.deliver(fake, at(1)).sent == ["m1"]


def test_when_the_server_takes_no_mail_the_rest_is_not_tried(tmp_path: Path) -> None:
    outbox, fake = Outbox(str(tmp_path)), Fake(StorageError("bad message"), MailServerError("server is down"))
    for name in ("a", "b", "c"):
        outbox.put(name, mail(name))
    assert outbox.deliver(fake, at(0)).waiting == {"a": "bad message", "b": "server is down", "c": "server is down"}
    assert len(fake.calls) == 2
    assert outbox.due(MORNING) == ["c"]


def test_a_file_that_is_no_message_keeps_no_other_from_being_sent(tmp_path: Path) -> None:
    outbox = Outbox(str(tmp_path))
    (tmp_path / "a.eml").write_bytes(b"scribble")
    (tmp_path / "scribble.claim").touch()
    outbox.put("b", mail("b"))
    delivery = outbox.deliver(Fake(), at(0))
    assert delivery.sent == ["b"]
    assert delivery.waiting == {"a": "the message has no sender (From); compose it again"}
    assert outbox.status() == OutboxStatus(1, 1, 0, None)


def test_what_a_run_finished_that_was_taken_for_dead_is_not_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox, fake = Outbox(str(tmp_path)), Fake()
    outbox.put("m1", mail("m1"))
    (tmp_path / "m1.1.claim").write_text(json.dumps({"at": MORNING.isoformat()}))
    write_once = outbox_module.write_once

    def finished_meanwhile(target: Path, data: bytes) -> bool:
        (tmp_path / "m1.sent").touch()
        return write_once(target, data)

    monkeypatch.setattr(outbox_module, "write_once", finished_meanwhile)
    delivery = outbox.deliver(fake, at(15))
    assert (delivery.sent, delivery.waiting, fake.calls) == ([], {}, [])


DRAIN = """
import sys, time
from datetime import UTC, datetime
from oulad_platform.storage import outbox
from oulad_platform.storage.mail import SmtpServer

uri, port, hang = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if hang == "hang":
    write = outbox.write_once
    def write_once(target, data):
        if target.name.endswith(".sent"):
            print("taken", flush=True)
            time.sleep(60)
        return write(target, data)
    outbox.write_once = write_once
else:
    print("ready", flush=True)
    sys.stdin.readline()
server = SmtpServer("127.0.0.1", port, "none")
print(*outbox.Outbox(uri).deliver(server, lambda: datetime(2014, 5, 20, 8, tzinfo=UTC)).sent)
"""


def drainer(uri: str, port: int, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", DRAIN, uri, str(port), how]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ.copy())


@pytest.mark.fault("G5")
def test_a_process_killed_after_the_server_took_the_message_repeats_it_at_most_once(uri: str) -> None:
    outbox, mailbox = Outbox(uri), Mailbox()
    outbox.put("m1", mail("m1"))
    with serving(mailbox) as port:
        with drainer(uri, port, "hang") as killed:
            assert killed.stdout is not None
            assert killed.stdout.readline() == "taken\n"
            killed.kill()
        soon = outbox.deliver(plain(port), at(14))
        assert soon.waiting == {"m1": "another run has been sending it since 2014-05-20 08:00 UTC"}
        assert outbox.deliver(plain(port), at(15)).sent == ["m1"]
        assert outbox.deliver(plain(port), at(60)).sent == []
    assert [*mailbox.message_ids().values()] == [2]


@pytest.mark.fault("G11")
def test_two_processes_that_drain_at_once_send_each_message_once(uri: str) -> None:
    outbox, mailbox = Outbox(uri), Mailbox(seconds=0.01)
    names = [f"m{number:02}" for number in range(20)]
    for name in names:
        outbox.put(name, mail(name))
    with serving(mailbox) as port:
        both = [drainer(uri, port, "wait") for _ in range(2)]
        for one in both:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        for one in both:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        sent = [one.communicate()[0].split() for one in both]
    assert all(one.returncode == 0 for one in both)
    assert sorted(sent[0] + sent[1]) == names
    assert [*mailbox.message_ids().values()] == [1] * 20


class Crash(BaseException):
    """The process is gone."""


class Delivering(RuleBasedStateMachine):
    """Files and server in memory. At any step of a drain the process may die, or another one drain the same outbox."""

    @initialize()
    def begin(self) -> None:
        self.files: dict[str, bytes] = {}
        self.now = MORNING
        self.steps_left: int | None = None
        self.at_the_step: Callable[[], None] = lambda: None
        self.server = "up"
        self.taken: Counter[tuple[str, str]] = Counter()
        self.message_ids: dict[str, set[str]] = {}
        self.put_so_far: set[str] = set()
        self.faults: Counter[str] = Counter()
        self.claimed: str | None = None
        self.in_hand: str | None = None
        self.patches = patch.multiple(outbox_module, write_once=self.write_once, read_whole=self.read_whole, stems=self.stems)
        self.patches.start()
        self.outbox = Outbox("memory", attempts=3)

    def step(self) -> None:
        if self.steps_left is None:
            return
        self.steps_left -= 1
        if self.steps_left == 0:
            self.steps_left = None
            self.at_the_step()

    def write_once(self, target: Path, data: bytes) -> bool:
        self.step()
        new = target.name not in self.files
        self.files.setdefault(target.name, data)
        if target.name.endswith((".sent", ".failed")):
            self.claimed = self.in_hand = None
        if target.name.endswith(".claim") and new:
            self.claimed = target.name.rsplit(".", 2)[0]
        self.step()
        return new

    def read_whole(self, target: Path) -> bytes:
        self.step()
        if target.name not in self.files:
            raise MissingFileError(target.name)
        return self.files[target.name]

    def stems(self, folder: Path, suffix: str) -> list[str]:
        names = sorted(name.removesuffix(suffix) for name in self.files if name.endswith(suffix))
        self.step()
        return names

    def send(self, message: bytes, recipients: Sequence[str]) -> Mapping[str, str]:
        header = message_from_bytes(message)
        name = header["Subject"]
        self.step()
        if self.server == "down":
            raise MailServerError("down")
        if self.server == "busy":
            raise StorageError("451")
        refused = {"b@example.org": "451 later"} if self.server == "picky" and "b@example.org" in recipients else {}
        self.taken.update((name, recipient) for recipient in recipients if recipient not in refused)
        self.message_ids.setdefault(name, set()).add(header["Message-ID"])
        if self.server == "cut":
            self.faults[name] += 1
            raise StorageError("cut")
        self.in_hand = name  # from here to the record of it, a death leaves open whether the server has it
        self.step()
        return refused

    def drain(self) -> None:
        self.outbox.deliver(self, lambda: self.now)

    @rule(name=st.sampled_from(["m1", "m2", "m.2"]), words=st.text(max_size=2))
    def put(self, name: str, words: str) -> None:
        message = mail(name, "a@example.org", "b@example.org").replace(b"Subject: Enrolment", f"Subject: {name}".encode())
        assert self.outbox.put(name, message) == (name not in self.put_so_far)
        self.put_so_far.add(name)

    @rule(server=st.sampled_from(["up", "up", "down", "busy", "cut", "picky"]))
    def change_server(self, server: str) -> None:
        self.server = server

    @precondition(lambda self: self.put_so_far)
    @rule(name=st.sampled_from(["m1", "m2", "m.2"]))
    def retry(self, name: str) -> None:
        was_dead = name in self.outbox.dead()
        assert self.outbox.retry(name) == was_dead
        assert name not in self.outbox.dead()

    @rule(minutes=st.sampled_from([1, 5, 15, 60]))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @precondition(lambda self: self.put_so_far)
    @rule()
    def drain_alone(self) -> None:
        self.drain()

    @precondition(lambda self: self.put_so_far)
    @rule(steps=st.integers(1, 30))
    def die_while_draining(self, steps: int) -> None:
        def die() -> None:
            if self.in_hand is not None:
                self.faults[self.in_hand] += 1
            raise Crash

        self.in_hand = None
        self.steps_left, self.at_the_step = steps, die
        with suppress(Crash):
            self.drain()
        self.steps_left = None

    @precondition(lambda self: self.put_so_far)
    @rule(steps=st.integers(1, 30))
    def stop_for_a_while_when_draining(self, steps: int) -> None:
        def stop() -> None:
            if self.claimed is not None:
                self.faults[self.claimed] += 1
            self.now += timedelta(minutes=16)
            self.drain()

        self.claimed = None
        self.steps_left, self.at_the_step = steps, stop
        self.drain()
        self.steps_left = None

    @precondition(lambda self: self.put_so_far)
    @rule(steps=st.integers(1, 30))
    def drain_while_draining(self, steps: int) -> None:
        self.steps_left, self.at_the_step = steps, self.drain
        self.drain()
        self.steps_left = None

    @invariant()
    def nobody_gets_a_message_more_often_than_once_and_once_for_each_crash(self) -> None:
        for (name, _), times in getattr(self, "taken", Counter()).items():
            assert times <= 1 + self.faults[name]

    @invariant()
    def a_message_keeps_its_message_id(self) -> None:
        assert all(len(one) == 1 for one in getattr(self, "message_ids", {}).values())

    @invariant()
    def no_message_is_lost(self) -> None:
        if hasattr(self, "outbox"):
            status = self.outbox.status()
            assert status.sent + status.waiting + status.dead == len(self.put_so_far)
            assert len(self.outbox.dead()) == status.dead

    def teardown(self) -> None:
        if not hasattr(self, "patches"):
            return
        try:
            self.server = "up"
            for name in self.outbox.dead():
                self.outbox.retry(name)
            for _ in range(2):
                self.now += timedelta(minutes=61)
                self.drain()
            assert {name for name, _ in self.taken} == self.put_so_far
            assert len(self.taken) == 2 * len(self.put_so_far)
            assert self.outbox.due(self.now + timedelta(days=1)) == []
            self.nobody_gets_a_message_more_often_than_once_and_once_for_each_crash()
        finally:
            self.patches.stop()


TestDelivering: Any = Delivering.TestCase
TestDelivering.settings = settings(stateful_step_count=20)
TestDelivering.pytestmark = [pytest.mark.fault("property 12")]
