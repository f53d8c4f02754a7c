"""The mail server: hands one message over by SMTP, encrypted or to this machine only. When to try again is the outbox's."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from time import monotonic
from typing import Literal

from oulad_platform.core.messages import envelope
from oulad_platform.storage.errors import StorageError

LONGEST_TIMEOUT_SECONDS = 50
# With it together less than the outbox's CRASHED_AFTER, so that no second drainer sends what this one still sends.
BEFORE_DATA_SECONDS = 120
DATA_SECONDS = 120
ANSWER_SECONDS = 600  # RFC 5321, 4.5.3.2.6: a shorter wait for the last answer makes double deliveries
QUIT_SECONDS = 5
SHOWN_CHARACTERS = 200
_ENHANCED_CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")


class MailServerError(StorageError):
    """The server cannot be reached or trusted, or lets nobody in: no message can be handed over now."""


class RefusedForNowError(StorageError):
    """The server did not take this message with an answer that begins with 4: it may do so later."""


@dataclass(frozen=True)
class SmtpServer:
    """A server to hand mail to. Raises ValueError for settings that would send a password or a message unprotected.

    `starttls` (port 587) refuses a server that does not offer it, `tls` (port 465) is encrypted from the first byte, `none`
    is for a server on this machine. Certificates are verified against the system's authorities or SSL_CERT_FILE.
    `timeout_seconds` is the wait for each answer but the last.
    """

    host: str
    port: int
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_seconds: float = 30

    def __post_init__(self) -> None:
        if self.security not in ("starttls", "tls", "none"):
            raise ValueError(f"mail security {self.security!r} is not one of starttls, tls, none")
        if not self.host:
            raise ValueError("the mail server's host is empty; name it or unset it")
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError(f"mail to {self.host} must be encrypted; set starttls or tls (none is for a server on this machine)")
        if not 0 < self.timeout_seconds <= LONGEST_TIMEOUT_SECONDS:
            raise ValueError(f"mail timeout {self.timeout_seconds} s must be above 0 and at most {LONGEST_TIMEOUT_SECONDS} s")
        if (self.user is None) != (self.password is None):
            raise ValueError("mail user and password go together; set both or neither")
        if not ((self.user or "") + (self.password or "")).isascii():
            raise ValueError("mail user and password must be ASCII; choose another password")

    def send(self, message: bytes, recipients: Sequence[str]) -> dict[str, str]:
        """Hands the message over for the recipients; answers who was refused and why, such as `550 5.1.1 no such user`.

        A reason that begins with 4 may pass, one with 5 stays. When all are refused nothing is sent. Raises MailServerError
        when the server takes no mail at all now, StorageError when it does not take this message.
        """
        sender, _ = envelope(message)
        started = monotonic()
        with self._session() as server:
            handed_over = False
            try:
                options = [f"size={len(message)}"] if server.has_extn("size") else []
                self._require(server.mail(sender, options), 250, "the sender")
                refused = self._refused(server, recipients)
                if len(refused) < len(set(recipients)):
                    if monotonic() - started > BEFORE_DATA_SECONDS:
                        raise StorageError(f"{self}: took longer than {BEFORE_DATA_SECONDS} s before it wanted the message")
                    self._require(server.docmd("DATA"), 354, "the message", quoted=False)
                    handed_over = True
                    self._hand_over(server, message)
            except (smtplib.SMTPException, OSError) as error:
                late = "; it may have the message already, which then comes twice" if handed_over else ""
                raise StorageError(f"{self}: {_reason(error)}{late}") from None
        return refused

    def check(self) -> str:
        """Connects, encrypts, signs in and says so. Raises MailServerError with the reason when one of them fails."""
        with self._session() as server:
            try:
                self._require(server.noop(), 250, "NOOP")
            except smtplib.SMTPException as error:
                raise MailServerError(f"{self}: {_reason(error)}") from None
            version = server.sock.version() if isinstance(server.sock, ssl.SSLSocket) else "no encryption"
        return f"{self} answers, {version}, {f'signed in as {self.user}' if self.user else 'no sign-in'}"

    def __str__(self) -> str:
        return f"mail server {self.host}:{self.port}"

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        try:
            server = self._connect()
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            raise MailServerError(f"{self}: {_reason(error)}") from None
        try:
            self._enter(server)
            yield server
            _wait_at_most(server, QUIT_SECONDS)
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
        finally:
            server.close()

    def _connect(self) -> smtplib.SMTP:
        if self.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout_seconds, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=self.timeout_seconds)

    def _enter(self, server: smtplib.SMTP) -> None:
        try:
            server.ehlo_or_helo_if_needed()
            if self.security == "starttls":
                if not server.has_extn("starttls"):
                    raise MailServerError(f"{self}: offers no STARTTLS; nothing was sent to it. Look at port and security")
                server.starttls(context=ssl.create_default_context())
                server.ehlo_or_helo_if_needed()
            if self.user is not None and self.password is not None:
                server.login(self.user, self.password)
        except smtplib.SMTPAuthenticationError as error:
            raise MailServerError(f"{self}: refused user and password ({_said(error.smtp_code, error.smtp_error)})") from None
        except smtplib.SMTPNotSupportedError:
            raise MailServerError(f"{self}: offers no sign-in; unset user and password or look at port and security") from None
        except (smtplib.SMTPException, OSError) as error:
            raise MailServerError(f"{self}: {_reason(error)}") from None

    def _refused(self, server: smtplib.SMTP, recipients: Sequence[str]) -> dict[str, str]:
        refused = {}
        for recipient in dict.fromkeys(recipients):
            code, reply = server.rcpt(recipient)
            if code not in (250, 251, 252):
                refused[recipient] = _said(code, reply, quoted=True)
        return refused

    def _hand_over(self, server: smtplib.SMTP, message: bytes) -> None:
        """The content with CRLF line ends and doubled first dots (RFC 5321, 4.5.2), then the server's last word."""
        lines = re.sub(rb"\r\n|\r|\n", b"\r\n", message).removesuffix(b"\r\n") + b"\r\n"
        _wait_at_most(server, DATA_SECONDS)
        server.send(re.sub(rb"(?m)^\.", b"..", lines) + b".\r\n")
        _wait_at_most(server, ANSWER_SECONDS)
        self._require(server.getreply(), 250, "the message", quoted=False)

    def _require(self, answer: tuple[int, bytes], code: int, what: str, *, quoted: bool = True) -> None:
        if answer[0] != code:
            error, kind = (RefusedForNowError, "for now") if str(answer[0]).startswith("4") else (StorageError, "for good")
            raise error(f"{self}: refused {what} {kind} ({_said(*answer, quoted=quoted)})")


def _wait_at_most(server: smtplib.SMTP, seconds: float) -> None:
    if server.sock is not None:
        server.sock.settimeout(seconds)


def is_loopback(host: str) -> bool:
    """Whether the host is this machine itself, so that nothing sent to it passes a network."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _said(code: int, reply: bytes | str, *, quoted: bool = False) -> str:
    """The server's answer in one line; unquoted only its codes, where the words may repeat a password or the message."""
    words = (reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply).split()
    shown = words if quoted else [word for word in words[:1] if _ENHANCED_CODE.fullmatch(word)]
    text = "".join(sign for sign in " ".join([str(code), *shown]) if sign.isprintable())
    return text[:SHOWN_CHARACTERS]


def _reason(error: Exception) -> str:
    """What went wrong with a connection and the next step; holds nothing that was sent."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message.rstrip(".")
        return (
            f"its certificate is not trusted ({why}), nothing was sent; correct the host or name its authority in SSL_CERT_FILE"
        )
    if isinstance(error, ssl.SSLError):
        return f"encryption failed ({error.reason}); look at port and security (starttls: 587, tls: 465)"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"answered {_said(error.smtp_code, error.smtp_error)}"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "did not answer in time or broke the connection; look at port and security if it stays"
    if isinstance(error, socket.gaierror | UnicodeError):
        return "its name is not known; look at the host in the settings and at the network"
    if isinstance(error, TimeoutError):
        return "did not answer in time; look at host, port and firewall"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}; look at host and port, and whether the server runs"
    return "offers no way of signing in that is known here; look at its documentation"
