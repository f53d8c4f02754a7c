"""A real SMTP server on loopback that keeps what it takes, and refuses, breaks off or kills as a test tells it.

As a program, `python -m oulad_platform_tests.storage.smtp_server PORT FOLDER STAGE N`: keeps what it takes as files of the
folder, and kills itself when it reaches the stage (RCPT or TAKEN) for the Nth time.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from oulad_platform.core.messages import compose

ACCOUNT = LoginPassword(b"platform", b"s3cret-Passw0rd")


class Mailbox:
    """The messages taken. `answers` are what DATA says first, one each (`abort`: take the mail, then cut the line)."""

    def __init__(self, refused: dict[str, str] | None = None, answers: list[str] | None = None, seconds: float = 0) -> None:
        self.refused, self.answers, self.seconds = refused or {}, answers or [], seconds
        self.taken: list[tuple[list[str], bytes]] = []
        self.passwords: list[bytes] = []

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else "250 OK"
        await asyncio.sleep(self.seconds)
        if answer.startswith("250") or answer == "abort":
            assert isinstance(envelope.original_content, bytes)
            self.taken.append((envelope.rcpt_tos, envelope.original_content))
        if answer == "abort":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return answer

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        self.passwords.append(given.password)
        return AuthResult(success=given == ACCOUNT, handled=False)

    def message_ids(self) -> Counter[str]:
        return Counter(message_from_bytes(message, policy=policy.default)["Message-ID"] for _, message in self.taken)


class Deadly(Mailbox):
    """Calls `strike` at its stages: RCPT, a recipient was named; TAKEN, it has the message and has not said so."""

    def __init__(self, strike: Callable[[str], None], folder: Path | None = None) -> None:
        super().__init__()
        self.strike, self.folder = strike, folder

    async def handle_RCPT(self, *args: Any) -> str:  # noqa: N802
        self.strike("RCPT")
        return await super().handle_RCPT(*args)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = await super().handle_DATA(server, session, envelope)
        if self.folder is not None:
            _keep(self.folder, self.taken[-1][1])
        self.strike("TAKEN")
        return answer


def _keep(folder: Path, message: bytes) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{len(list(folder.iterdir())):04}.eml").write_bytes(message)


class _Server(Controller):
    def _trigger_server(self) -> None:
        """The usual one speaks TLS as a server to itself."""
        with socket.create_connection((self.hostname, self.port), 5):
            pass


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def serving(mailbox: Mailbox, port: int | None = None, **options: Any) -> Iterator[int]:
    """The server's port while it runs; `options` are aiosmtpd's."""
    server = _Server(mailbox, hostname="127.0.0.1", port=port or free_port(), **options)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


def authority(folder: Path, *hosts: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate authority's file, and the context of a server that it vouches for; by default one on loopback."""
    maker = trustme.CA()
    maker.cert_pem.write_to_path(str(folder / "authority.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    maker.issue_cert(*(hosts or ("127.0.0.1", "localhost"))).configure_cert(context)
    return folder / "authority.pem", context


def mail(message_id: str, *recipients: str, text: str = "2,201 students.\n.\n..\n") -> bytes:
    """A message of 20 May 2014."""
    return compose(
        message_id=message_id,
        sender="Platform <platform@uni.example>",
        recipients=recipients or ("dean@example.org",),
        subject="Enrolment",
        text=text,
        sent_at=datetime(2014, 5, 20, 8, tzinfo=UTC),
    )


def main(port: int, folder: Path, stage: str, times: int) -> None:
    """Serves until it is killed."""
    seen = Counter[str]()

    def strike(now: str) -> None:
        seen[now] += 1
        if now == stage and seen[now] == times:
            os.kill(os.getpid(), signal.SIGKILL)

    with serving(Deadly(strike, folder), port):
        print("serving", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
