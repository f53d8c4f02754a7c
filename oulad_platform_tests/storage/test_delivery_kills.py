"""Real processes killed with SIGKILL on both ends of a delivery: nothing is lost, nothing doubled beyond the one in flight."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import pytest

from oulad_platform.storage.mail import SmtpServer
from oulad_platform.storage.outbox import Outbox
from oulad_platform_tests.storage.smtp_server import Deadly, Mailbox, free_port, mail, serving

ROOT = Path(__file__).resolve().parents[2]
MORNING = datetime(2014, 5, 20, 8, tzinfo=UTC)
SENDER = """
import sys
from datetime import datetime, timedelta
from oulad_platform.storage.mail import SmtpServer
from oulad_platform.storage.outbox import Outbox

uri, port, minutes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
now = datetime.fromisoformat("2014-05-20T08:00:00+00:00") + timedelta(minutes=minutes)
Outbox(uri).deliver(SmtpServer("127.0.0.1", port, "none", timeout_seconds=5), lambda: now)
"""


def sender(uri: Path, port: int, minutes: int) -> subprocess.Popen[bytes]:
    """A process that drains the outbox as if it were so many minutes after 08:00."""
    return subprocess.Popen([sys.executable, "-c", SENDER, str(uri), str(port), str(minutes)], cwd=ROOT)


@contextmanager
def server(port: int, folder: Path, stage: str = "never", times: int = 0) -> Iterator[subprocess.Popen[str]]:
    """A mail server as a process of its own, killed at the end if it has not killed itself."""
    command = [sys.executable, "-m", "oulad_platform_tests.storage.smtp_server", str(port), str(folder), stage, str(times)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        try:
            yield process
        finally:
            process.kill()


def kept(folder: Path) -> Counter[str]:
    """How often each Message-ID was taken by a server process."""
    return Counter(str(message_from_bytes(path.read_bytes())["Message-ID"]) for path in folder.glob("*.eml"))


def put(outbox: Outbox, n: int) -> set[str]:
    """Puts so many messages; their Message-IDs."""
    messages = [mail(f"m{number:02}") for number in range(n)]
    assert all(outbox.put(f"m{number:02}", message) for number, message in enumerate(messages))
    return {str(message_from_bytes(message)["Message-ID"]) for message in messages}


@pytest.mark.fault("G5")
@pytest.mark.parametrize(("stage", "times"), [("RCPT", 1), ("TAKEN", 2)], ids=["before DATA", "server has it, sent is not noted"])
def test_a_sender_killed_in_a_delivery_loses_nothing_and_repeats_at_most_the_one_in_flight(
    stage: str, times: int, tmp_path: Path
) -> None:
    outbox, victims = Outbox(str(tmp_path)), list[subprocess.Popen[bytes]]()
    [message_id] = put(outbox, 1)

    def strike(now: str) -> None:
        if now == stage and victims:
            victims.pop().kill()

    mailbox = Deadly(strike)
    with serving(mailbox) as port:
        with sender(tmp_path, port, 0) as killed:
            victims.append(killed)
        assert killed.returncode == -signal.SIGKILL
        assert len(mailbox.taken) == times - 1
        with sender(tmp_path, port, 14):
            pass
        assert len(mailbox.taken) == times - 1, "the first may be sending still"
        for minutes in (15, 100):
            with sender(tmp_path, port, minutes) as later:
                pass
            assert later.returncode == 0
    assert mailbox.message_ids() == {message_id: times}
    assert outbox.status().sent == 1


@pytest.mark.fault("G5")
@pytest.mark.parametrize(("stage", "times"), [("RCPT", 1), ("TAKEN", 2)], ids=["before DATA", "after it took the message"])
def test_a_server_killed_in_a_delivery_and_started_again_gets_the_rest_once(stage: str, times: int, tmp_path: Path) -> None:
    outbox, folder, port = Outbox(str(tmp_path / "outbox")), tmp_path / "taken", free_port()
    message_ids = put(outbox, 3)
    with server(port, folder, stage, 2) as killed:
        first = outbox.deliver(SmtpServer("127.0.0.1", port, "none", timeout_seconds=5), lambda: MORNING)
        assert killed.wait(10) == -signal.SIGKILL
    assert first.sent == ["m00"]
    assert set(first.waiting) == {"m01", "m02"}
    with server(port, folder):
        later = outbox.deliver(SmtpServer("127.0.0.1", port, "none"), lambda: MORNING + timedelta(minutes=1))
    assert later.sent == ["m01", "m02"]
    assert set(kept(folder)) == message_ids
    assert sorted(kept(folder).values()) == [1, 1, times]


@pytest.mark.fault("G5", "G11")
def test_two_senders_at_once_under_kills_of_both_ends_deliver_everything_and_double_only_what_was_in_flight(
    tmp_path: Path,
) -> None:
    outbox, chance, port = Outbox(str(tmp_path)), random.Random(7), free_port()
    message_ids, victims, kills_in_flight = put(outbox, 20), list[subprocess.Popen[bytes]](), 0

    def strike(now: str) -> None:
        nonlocal kills_in_flight
        if victims and (chance.random() < 0.15 or (now == "TAKEN" and not kills_in_flight)):
            kills_in_flight += now == "TAKEN"
            victims.pop(chance.randrange(len(victims))).kill()

    mailbox, minutes, codes = Deadly(strike), 0, list[int]()
    for _ in range(12):
        with serving(mailbox, port):
            both = [sender(tmp_path, port, minutes) for _ in range(2)]
            victims[:] = both
            codes += [one.wait() for one in both]
        minutes += 61
        if outbox.status().waiting == 0:
            break
    assert set(codes) == {0, -signal.SIGKILL}
    assert outbox.status().sent == 20
    assert set(mailbox.message_ids()) == message_ids
    assert kills_in_flight > 0
    assert len(mailbox.taken) - 20 <= codes.count(-signal.SIGKILL)


@pytest.mark.fault("G6")
def test_a_server_that_was_never_there_delays_and_loses_nothing(tmp_path: Path) -> None:
    outbox, port, mailbox = Outbox(str(tmp_path)), free_port(), Mailbox()
    message_ids = put(outbox, 5)
    with sender(tmp_path, port, 0) as first:
        pass
    assert first.returncode == 0
    with serving(mailbox, port), sender(tmp_path, port, 1):
        pass
    assert mailbox.message_ids() == dict.fromkeys(message_ids, 1)
