from __future__ import annotations

import base64
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from oulad_platform.core.messages import compose
from oulad_platform.storage import mail as mail_module
from oulad_platform.storage.errors import StorageError
from oulad_platform.storage.mail import MailServerError, SmtpServer
from oulad_platform_tests.storage.smtp_server import ACCOUNT, Mailbox, authority, free_port, mail, serving

USER, PASSWORD = ACCOUNT.login.decode(), ACCOUNT.password.decode()
PNG = b"\x89PNG\r\n\x1a\n picture"


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The TLS context of a server whose authority this process trusts."""
    file, context = authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return context


def plain(port: int, **settings: Any) -> SmtpServer:
    return SmtpServer("127.0.0.1", port, "none", **settings)


@contextmanager
def saying(*answers: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A server that greets with the first answer and gives the next one for each thing it hears; then it is silent."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def talk() -> None:
            line, _ = listening.accept()
            with line:
                for answer in answers:
                    line.sendall(answer)
                    heard.append(line.recv(65536))
                while line.recv(65536):
                    pass

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        yield listening.getsockname()[1], heard


def test_a_mail_arrives_as_it_was_composed() -> None:
    message = compose(
        message_id="daily_summary-2014-05-20",
        sender="Universität Köln <platform@uni.example>",
        recipients=["Dörte <dean@example.org>", "registrar@example.org"],
        subject="Größe",
        text="2,201 students.\n.\n..two dots\n",
        html='<p>2,201 students</p><img src="cid:trend">',
        images={"trend": PNG},
        attachments={"added.csv": b"id\n1\n"},
        sent_at=datetime(2014, 5, 20, 8, tzinfo=UTC),
    )
    mailbox = Mailbox()
    with serving(mailbox) as port:
        assert plain(port).send(message, ["dean@example.org", "registrar@example.org"]) == {}
    [(recipients, arrived)] = mailbox.taken
    assert recipients == ["dean@example.org", "registrar@example.org"]
    assert arrived == message
    received = message_from_bytes(arrived, policy=policy.default)
    assert isinstance(received, EmailMessage)
    text, page, picture, attached = (part for part in received.walk() if not part.is_multipart())
    assert received["Subject"] == "Größe"
    assert text.get_content().splitlines() == ["2,201 students.", ".", "..two dots"]
    assert '<img src="cid:trend">' in page.get_content()
    assert (picture["Content-ID"], picture.get_content()) == ("<trend>", PNG)
    assert (attached.get_filename(), attached.get_content()) == ("added.csv", "id\n1\n")


def test_starttls_and_sign_in(trusted: Any) -> None:
    mailbox = Mailbox()
    with serving(
        mailbox, tls_context=trusted, require_starttls=True, authenticator=mailbox.authenticate, auth_required=True
    ) as port:
        server = SmtpServer("localhost", port, user=USER, password=PASSWORD)
        assert server.send(mail("m1"), ["dean@example.org"]) == {}
        assert re.fullmatch(r"mail server localhost:\d+ answers, TLSv1\.[23], signed in as platform", server.check())
    assert len(mailbox.taken) == 1


def test_tls_from_the_first_byte_and_sign_in(trusted: Any) -> None:
    mailbox = Mailbox()
    with serving(mailbox, ssl_context=trusted, authenticator=mailbox.authenticate, auth_require_tls=False) as port:
        server = SmtpServer("127.0.0.1", port, "tls", USER, PASSWORD)
        assert server.send(mail("m1"), ["dean@example.org"]) == {}
        assert re.fullmatch(r"mail server 127.0.0.1:\d+ answers, TLSv1\.[23], signed in as platform", server.check())
    assert len(mailbox.taken) == 1


@pytest.mark.fault("G8")
def test_a_wrong_password_is_said_without_it(trusted: Any) -> None:
    mailbox = Mailbox()
    with (
        serving(mailbox, tls_context=trusted, authenticator=mailbox.authenticate, auth_required=True) as port,
        pytest.raises(MailServerError, match=r"refused user and password \(535 5\.7\.8\)$"),
    ):
        SmtpServer("127.0.0.1", port, user=USER, password="not-this").check()
    assert b"not-this" in mailbox.passwords


@pytest.mark.fault("G8")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_of_an_unknown_authority_is_refused_before_the_password(security: Any, tmp_path: Path) -> None:
    mailbox, (_, context) = Mailbox(), authority(tmp_path)
    options = {"tls_context" if security == "starttls" else "ssl_context": context}
    with (
        serving(mailbox, authenticator=mailbox.authenticate, auth_require_tls=False, **options) as port,
        pytest.raises(MailServerError, match=r"its certificate is not trusted \(.*\), nothing was sent; .* SSL_CERT_FILE"),
    ):
        SmtpServer("127.0.0.1", port, security, USER, PASSWORD).send(mail("m1"), ["dean@example.org"])
    assert (mailbox.passwords, mailbox.taken) == ([], [])


@pytest.mark.fault("G8")
def test_a_certificate_of_another_host_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, context = authority(tmp_path, "mail.example.org")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with (
        serving(Mailbox(), tls_context=context) as port,
        pytest.raises(MailServerError, match=r"its certificate is not trusted \(IP address mismatch"),
    ):
        SmtpServer("127.0.0.1", port).check()


@pytest.mark.fault("G8")
def test_without_starttls_there_is_no_plaintext_fallback() -> None:
    mailbox = Mailbox()
    with (
        serving(mailbox, authenticator=mailbox.authenticate, auth_require_tls=False) as port,
        pytest.raises(MailServerError, match="offers no STARTTLS; nothing was sent to it"),
    ):
        SmtpServer("127.0.0.1", port, user=USER, password=PASSWORD).send(mail("m1"), ["dean@example.org"])
    assert (mailbox.passwords, mailbox.taken) == ([], [])


@pytest.mark.fault("G8")
def test_a_server_that_repeats_the_password_does_not_bring_it_into_the_message() -> None:
    echo = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode())
    with saying(b"220 hi\r\n", b"250-hi\r\n250 AUTH PLAIN\r\n", b"500 5.5.1 unknown: AUTH PLAIN " + echo + b"\r\n") as (
        port,
        heard,
    ):
        with pytest.raises(MailServerError) as refused:
            plain(port, user=USER, password=PASSWORD, timeout_seconds=2).check()
        assert echo in heard[1]
    assert str(refused.value) == f"mail server 127.0.0.1:{port}: refused user and password (500 5.5.1)"
    assert refused.value.__suppress_context__


def test_a_server_that_repeats_the_message_does_not_bring_it_into_the_reason() -> None:
    mailbox = Mailbox(answers=["554 5.7.1 spam: Anna Smith failed"])
    with serving(mailbox) as port, pytest.raises(StorageError) as refused:
        plain(port).send(mail("m1"), ["dean@example.org"])
    assert str(refused.value) == f"mail server 127.0.0.1:{port}: refused the message for good (554 5.7.1)"


@pytest.mark.fault("G6")
def test_a_refusal_for_now_is_told_from_one_for_good() -> None:
    with serving(Mailbox(answers=["451 4.3.0 busy"])) as port, pytest.raises(StorageError, match=r"for now \(451 4\.3\.0\)$"):
        plain(port).send(mail("m1"), ["dean@example.org"])


def test_refused_recipients_are_answered_and_the_others_get_the_mail() -> None:
    mailbox = Mailbox(refused={"gone@example.org": "550 5.1.1 no such user"})
    with serving(mailbox) as port:
        assert plain(port).send(mail("m1"), ["dean@example.org", "gone@example.org"]) == {
            "gone@example.org": "550 5.1.1 no such user"
        }
        assert plain(port).send(mail("m1"), ["gone@example.org"]) == {"gone@example.org": "550 5.1.1 no such user"}
    assert [recipients for recipients, _ in mailbox.taken] == [["dean@example.org"]]


@pytest.mark.fault("G5")
def test_a_line_cut_after_the_message_says_that_it_may_come_twice() -> None:
    mailbox = Mailbox(answers=["abort"])
    with serving(mailbox) as port, pytest.raises(StorageError, match=r"broke the connection; .* may have the message already"):
        plain(port).send(mail("m1"), ["dean@example.org"])
    assert len(mailbox.taken) == 1


@pytest.mark.fault("G5")
def test_a_line_cut_after_the_server_took_the_message_is_no_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def take() -> None:
            line, _ = listening.accept()
            with line, line.makefile("rb") as words:
                line.sendall(b"220 hi\r\n")
                for word in words:
                    if word == b".\r\n":
                        line.sendall(b"250 taken\r\n")
                        return
                    if word[:4].upper() in (b"EHLO", b"MAIL", b"RCPT"):
                        line.sendall(b"250 ok\r\n")
                    elif word.upper() == b"DATA\r\n":
                        line.sendall(b"354 go\r\n")

        thread = threading.Thread(target=take)
        thread.start()
        assert plain(listening.getsockname()[1]).send(mail("m1"), ["dean@example.org"]) == {}
        thread.join()


def test_a_server_that_is_slow_to_take_the_message_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_module, "DATA_SECONDS", 0.5)
    mailbox = Mailbox(seconds=1.0)
    with serving(mailbox) as port:
        assert plain(port, timeout_seconds=0.5).send(mail("m1"), ["dean@example.org"]) == {}
    assert len(mailbox.taken) == 1


def test_a_server_too_slow_before_the_message_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_module, "BEFORE_DATA_SECONDS", 0)
    mailbox = Mailbox()
    with serving(mailbox) as port, pytest.raises(StorageError, match="took longer than 0 s before it wanted the message"):
        plain(port).send(mail("m1"), ["dean@example.org"])
    assert mailbox.taken == []


def test_the_longest_attempt_ends_before_it_counts_as_crashed() -> None:
    from oulad_platform.storage.outbox import CRASHED_AFTER

    waits = (mail_module.LONGEST_TIMEOUT_SECONDS, mail_module.DATA_SECONDS, mail_module.ANSWER_SECONDS)
    assert mail_module.BEFORE_DATA_SECONDS + sum(waits) < CRASHED_AFTER.total_seconds()


def test_lone_line_ends_reach_the_server_as_line_ends() -> None:
    mailbox = Mailbox()
    smuggled = b"From: a@uni.example\nSubject: x\n\nbody\n.\nMAIL FROM:<b@uni.example>\r.\r\nend"
    with serving(mailbox) as port:
        plain(port).send(smuggled, ["dean@example.org"])
    assert [message for _, message in mailbox.taken] == [
        b"From: a@uni.example\r\nSubject: x\r\n\r\nbody\r\n.\r\nMAIL FROM:<b@uni.example>\r\n.\r\nend\r\n"
    ]


@pytest.mark.fault("G6")
def test_a_dead_server_a_silent_one_and_an_unknown_name_are_told_apart() -> None:
    with pytest.raises(MailServerError, match="Connection refused; look at host and port"):
        plain(free_port()).check()
    with saying() as (port, _), pytest.raises(MailServerError, match="did not answer in time"):
        plain(port, timeout_seconds=0.3).check()
    with pytest.raises(MailServerError, match="its name is not known"):
        SmtpServer("mail.invalid", 587).check()
    with pytest.raises(MailServerError, match="its name is not known"):
        SmtpServer("mail..example", 587).check()
    with saying(b"554 5.3.2 closed\r\n") as (port, _), pytest.raises(MailServerError, match=r"answered 554 5\.3\.2$"):
        plain(port).check()


def test_a_server_with_another_way_of_signing_in_only_and_one_with_none_are_told_apart() -> None:
    with (
        saying(b"220 hi\r\n", b"250-hi\r\n250 AUTH GSSAPI\r\n") as (port, _),
        pytest.raises(MailServerError, match="offers no way of signing in that is known here"),
    ):
        plain(port, user=USER, password=PASSWORD).check()
    with serving(Mailbox()) as port, pytest.raises(MailServerError, match="offers no sign-in; unset user and password"):
        plain(port, user=USER, password=PASSWORD).check()


@pytest.mark.fault("G8")
def test_a_plain_server_where_tls_was_expected_gets_nothing() -> None:
    mailbox = Mailbox()
    with serving(mailbox) as port, pytest.raises(MailServerError, match="encryption failed"):
        SmtpServer("127.0.0.1", port, "tls", USER, PASSWORD).send(mail("m1"), ["dean@example.org"])
    assert mailbox.passwords == []


@pytest.mark.fault("G8")
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"host": "mail.example.org", "security": "none"}, "mail to mail.example.org must be encrypted"),
        ({"host": "10.0.0.5", "security": "none"}, "mail to 10.0.0.5 must be encrypted"),
        ({"host": "localhost.example.org", "security": "none"}, "must be encrypted"),
        ({"host": "mail.example.org", "security": "ssl"}, "'ssl' is not one of starttls, tls, none"),
        ({"host": "", "security": "tls"}, "host is empty"),
        ({"host": "mail.example.org", "timeout_seconds": 0}, "mail timeout 0 s must be above 0 and at most 50 s"),
        ({"host": "mail.example.org", "timeout_seconds": 51}, "mail timeout 51 s must be above 0"),
        ({"host": "mail.example.org", "user": "me"}, "user and password go together"),
        ({"host": "mail.example.org", "user": "me", "password": "pässword"}, "must be ASCII; choose another password"),
    ],
)
def test_settings_that_would_send_unprotected_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SmtpServer(port=25, **settings)


@pytest.mark.fault("I8")
def test_the_password_is_not_shown() -> None:
    server = SmtpServer("mail.example.org", 587, "starttls", "me", "s3cret")
    assert "s3cret" not in repr(server) + str(server)
