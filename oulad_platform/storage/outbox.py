"""The outbox: messages kept as files until a mail server has taken them. What is in them, and when, is decided elsewhere.

Every file is written once and never changed, so several processes may drain one folder or bucket at the same time:
`<id>.eml` the message (`<id>.digest.eml` one that names the ids of what it tells; an id too long for a file's name is cut
and named so), `<id>.<n>.claim` attempt n has begun, `<id>.<n>.failed` it has failed, `<id>.sent` the server has the message,
`<id>.kept` it has no recipients, `<id>.<n>.dead` it was put aside at attempt n, `<id>.<n>.retry` a person made it due again. Who
writes a claim first makes the attempt. A claim without an outcome is a crash: the server may or may not have the message, so it
is handed over again, with the same Message-ID.

A message is put aside (dead letter) after so many failed attempts, for a reason of its own. A server that takes no mail at all
(MailServerError) never counts, however long it is away, and neither does a crash. Answers that begin with 4 mean *later*: they
count, but for them a message is put aside no earlier than five days after the first failure (RFC 5321, 4.5.4.1).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import quote, unquote

from oulad_platform.core.messages import covered, covering, dated, envelope
from oulad_platform.storage.errors import MissingFileError, StorageError
from oulad_platform.storage.files import location, probe, read_whole, safe_name, stems, write_once
from oulad_platform.storage.mail import MailServerError, RefusedForNowError

CRASHED_AFTER = timedelta(minutes=15)
LONGEST_WAIT_MINUTES = 60
GIVE_UP_AFTER = timedelta(days=5)
ATTEMPTS = 72
LONGEST_NAME, PREFIX = 200, 120
MESSAGE, CLAIM, FAILED, SENT, KEPT, DEAD, RETRY = ".eml", ".claim", ".failed", ".sent", ".kept", ".dead", ".retry"
DIGEST, SHORTENED = ".digest", "+"
Record = Mapping[str, Any]


class Transport(Protocol):
    """What hands a message over, such as `storage.mail.SmtpServer`."""

    def send(self, message: bytes, recipients: Sequence[str]) -> Mapping[str, str]:
        """Answers who was refused and the server's words, a reason that may pass beginning with 4; raises StorageError."""


@dataclass(frozen=True)
class Delivery:
    """What became of the messages not sent before: ids sent now, refused addresses by id, reason by id of those that wait.

    `dead`: reason by id of those put aside now.
    """

    sent: list[str] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)
    refused: dict[str, dict[str, str]] = field(default_factory=dict)
    dead: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class OutboxStatus:
    """Number of messages sent, waiting, kept only as files for want of recipients, put aside; date of the oldest that waits."""

    sent: int
    waiting: int
    kept: int
    oldest_waiting: datetime | None
    dead: int = 0


@dataclass(frozen=True)
class _Files:
    """What lies there for each message, by file name less suffix: number of the last claim, failure, putting aside, retry."""

    messages: list[str]
    sent: set[str]
    kept: set[str]
    claims: dict[str, int]
    failures: dict[str, int]
    deaths: dict[str, int]
    retries: dict[str, int]

    def dead(self) -> list[str]:
        done = self.sent | self.kept
        return [name for name in self.messages if name not in done and self.deaths.get(name, 0) > self.retries.get(name, 0)]

    def open(self) -> list[str]:
        done = self.sent | self.kept | set(self.dead())
        return [name for name in self.messages if name not in done]


class Outbox:
    """Messages under a URI: a folder or `s3://bucket/prefix`. Every method raises StorageError when it cannot be used.

    After `attempts` failed attempts a message is put aside.
    """

    def __init__(self, uri: str, region: str | None = None, attempts: int = ATTEMPTS) -> None:
        if attempts < 1:
            raise ValueError(f"attempts {attempts} must be 1 or more")
        self.uri, self.attempts = uri, attempts
        self._root = location(uri, region)

    def probe(self) -> str:
        """Tries the place with a small file and says that it worked. Raises StorageError with the reason when it does not."""
        return probe(self._root)

    def put(self, message_id: str, message: bytes, covers: Sequence[str] = ()) -> bool:
        """Keeps the message unless its id was put before; True for the one call, also among several at once, that kept it.

        `covers`: ids of what the message tells together; they stand in a header of it, so that both are kept or neither.
        Raises ValueError when the message names no sender, or an id is too long for a header.
        """
        envelope(message)
        name = safe_name(_name(message_id))
        if SHORTENED in name:
            covers = [*covers, message_id]
        if self._is_there(f"{name}{'' if covers else DIGEST}{MESSAGE}"):
            return False
        return write_once(self._root / f"{name}{DIGEST if covers else ''}{MESSAGE}", covering(message, covers))

    def ids(self) -> set[str]:
        """The ids of all messages ever put, and those that they cover; reads the messages that do."""
        names = stems(self._root, MESSAGE)
        digests = [read_whole(self._root / f"{name}{MESSAGE}") for name in names if name.endswith(DIGEST)]
        return {self._id(name) for name in names} | {one for message in digests for one in covered(message)}

    def dead(self) -> dict[str, str]:
        """The messages that were put aside: why, by id."""
        files = self._files()
        return {self._id(name): self._read(name, files.deaths[name], DEAD)["reason"] for name in files.dead()}

    def retry(self, message_id: str) -> bool:
        """Makes a message that was put aside due again, with as many attempts as a new one; False when it was not aside."""
        files = self._files()
        found = [f"{name}.{files.deaths[name]}{RETRY}" for name in files.dead() if self._id(name) == message_id]
        return any(write_once(self._root / file, b"") for file in found)

    def status(self) -> OutboxStatus:
        """How much was sent and how much waits; reads each message that waits."""
        files = self._files()
        kept, dates = len(files.kept), []
        for name in files.open():
            message = read_whole(self._root / f"{name}{MESSAGE}")
            with suppress(ValueError):
                if not envelope(message)[1]:
                    kept += 1
                    continue
            dates.append(dated(message))
        oldest = min((day for day in dates if day is not None), default=None)
        return OutboxStatus(len(files.sent), len(dates), kept, oldest, len(files.dead()))

    def due(self, now: datetime) -> list[str]:
        """The ids of the messages that `deliver` would try at this time, in their order."""
        files = self._files()
        return [self._id(name) for name in files.open() if self._not_due(name, files, now) is None]

    def deliver(self, transport: Transport | None, now: Callable[[], datetime]) -> Delivery:
        """Hands over every message that is due, in the order of their ids, each by one process only.

        `now` gives the time with its zone. After a failed attempt a message waits 1, 2, 4 ... 60 minutes, until it is put aside.
        After 15 minutes without an outcome an attempt counts as crashed and is made again. Recipients refused for now are tried
        again, those who were reached are not. When the server takes no mail at all, the rest is left for the next call. A message
        without recipients stays a file, which is said once; so do all messages while `transport` is None.
        """
        delivery, files = Delivery(), self._files()
        stopped = None if transport is not None else "no mail server is configured"
        for name in files.open():
            reason = stopped or self._not_due(name, files, now())
            if reason is None and transport is not None:
                try:
                    reason = self._attempt(transport, name, files, now, delivery)
                except MailServerError as error:
                    reason = stopped = str(error)
            if reason is not None and self._id(name) not in delivery.dead:
                delivery.waiting[self._id(name)] = reason
        return delivery

    def _id(self, name: str) -> str:
        """The id that a message's file is named for; where the name is shortened, the last of those that the message covers."""
        named = covered(read_whole(self._root / f"{name}{MESSAGE}")) if SHORTENED in name else []
        return named[-1] if named else unquote(name.removesuffix(DIGEST))

    def _files(self) -> _Files:
        names = stems(self._root, "")
        return _Files(
            [name.removesuffix(MESSAGE) for name in names if name.endswith(MESSAGE)],
            {name.removesuffix(SENT) for name in names if name.endswith(SENT)},
            {name.removesuffix(KEPT) for name in names if name.endswith(KEPT)},
            _newest(names, CLAIM),
            _newest(names, FAILED),
            _newest(names, DEAD),
            _newest(names, RETRY),
        )

    def _not_due(self, name: str, files: _Files, now: datetime) -> str | None:
        """Why the message is not to be tried at this time; None when it is."""
        last = files.claims.get(name, 0)
        if not last:
            return None
        if files.failures.get(name, 0) < last:
            begun = datetime.fromisoformat(self._read(name, last, CLAIM)["at"])
            return None if now >= begun + CRASHED_AFTER else f"another run has been sending it since {begun:%Y-%m-%d %H:%M} UTC"
        if files.retries.get(name, 0) >= last:
            return None
        failure = self._read(name, last, FAILED)
        due = datetime.fromisoformat(failure["at"]) + timedelta(minutes=min(2 ** min(last - 1, 10), LONGEST_WAIT_MINUTES))
        return None if now >= due else f"{failure['reason']}; attempt {last} failed, the next is due {due:%Y-%m-%d %H:%M} UTC"

    def _attempt(
        self, transport: Transport, name: str, files: _Files, now: Callable[[], datetime], delivery: Delivery
    ) -> str | None:
        """Claims and makes one attempt. None when the message is sent, else why it waits."""
        message = read_whole(self._root / f"{name}{MESSAGE}")
        try:
            _, recipients = envelope(message)
        except ValueError as error:
            return str(error)
        if not recipients:
            self._write(f"{name}{KEPT}", now(), {})
            return "no recipients"
        number = files.claims.get(name, 0) + 1
        if not self._write(f"{name}.{number}{CLAIM}", now(), {}):
            return "another run is sending it"
        if self._is_there(f"{name}{SENT}"):
            return None
        before = self._read(name, files.failures[name], FAILED) if name in files.failures else {}
        left, reached, refused = before.get("left", recipients), before.get("reached", False), before.get("refused", {})
        goes_on = files.failures.get(name, 0) > files.retries.get(name, 0)
        counted = {key: before[key] for key in ("counted", "since") if goes_on and key in before}
        try:
            answers = dict(transport.send(message, left))
        except StorageError as error:
            outcome = {"reason": str(error), "left": left, "reached": reached, "refused": refused}
            if isinstance(error, MailServerError):
                self._write(f"{name}.{number}{FAILED}", now(), {**counted, **outcome})
                raise
            self._fail(name, number, now(), counted, outcome, isinstance(error, RefusedForNowError), delivery)
            return str(error)
        reached = reached or len(answers) < len(left)
        later = [recipient for recipient in left if answers.get(recipient, "").startswith("4")]
        refused = refused | {recipient: words for recipient, words in answers.items() if recipient not in later}
        if reached and not later:
            self._write(f"{name}{SENT}", now(), {"attempt": number, "refused": refused})
            delivery.sent.append(self._id(name))
            if refused:
                delivery.refused[self._id(name)] = refused
            return None
        reason = "refused " + ", ".join(f"{recipient}: {words}" for recipient, words in sorted(answers.items()))
        rest = later if reached else left
        outcome = {"reason": reason, "left": rest, "reached": reached, "refused": refused if reached else {}}
        self._fail(name, number, now(), counted, outcome, bool(later), delivery)
        return reason

    def _fail(
        self, name: str, number: int, now: datetime, before: Record, outcome: Record, may_pass: bool, delivery: Delivery
    ) -> None:
        """Records the failed attempt. When it was one too many the message is put aside first, so a crash undoes neither."""
        since, n = before.get("since", now.astimezone(UTC).isoformat()), before.get("counted", 0) + 1
        if n >= self.attempts and not (may_pass and now < datetime.fromisoformat(since) + GIVE_UP_AFTER):
            reason = f"{outcome['reason']}; put aside after {n} failed attempts"
            self._write(f"{name}.{number}{DEAD}", now, {"reason": reason})
            delivery.dead[self._id(name)] = reason
        self._write(f"{name}.{number}{FAILED}", now, {"counted": n, "since": since, **outcome})

    def _is_there(self, file: str) -> bool:
        try:
            read_whole(self._root / file)
        except MissingFileError:
            return False
        return True

    def _read(self, name: str, number: int, suffix: str) -> Record:
        record: Record = json.loads(read_whole(self._root / f"{name}.{number}{suffix}"))
        return record

    def _write(self, file: str, now: datetime, record: Record) -> bool:
        text = json.dumps({"at": now.astimezone(UTC).isoformat(), **record}, indent=2, ensure_ascii=False)
        return write_once(self._root / file, f"{text}\n".encode())


def _name(message_id: str) -> str:
    """The id as a file's name, in which the end that marks a digest does not occur; a long one ends as one that covers its id."""
    name = quote(message_id, safe=" @")
    if len(name) > LONGEST_NAME:
        return f"{name[:PREFIX]}{SHORTENED}{sha256(message_id.encode()).hexdigest()[:32]}"
    return f"{name.removesuffix(DIGEST)}%2E{DIGEST[1:]}" if name.endswith(DIGEST) else name


def _newest(names: Sequence[str], suffix: str) -> dict[str, int]:
    """The highest attempt number of each message among the files with this suffix."""
    newest: dict[str, int] = {}
    for name in names:
        if name.endswith(suffix):
            message, _, number = name.removesuffix(suffix).rpartition(".")
            if number.isdecimal():
                newest[message] = max(newest.get(message, 0), int(number))
    return newest
