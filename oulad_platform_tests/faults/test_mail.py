"""Mail to a server nobody should trust, and lists far longer than a mail."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from oulad_platform.core.messages import compose
from oulad_platform.storage.mail import MailServerError, SmtpServer
from oulad_platform_tests.enrollment.reporting import figures
from oulad_platform_tests.enrollment.reporting.test_briefing import full
from oulad_platform_tests.storage.smtp_server import Mailbox, mail, serving
from oulad_platform_tests.storage.test_mail import PASSWORD, USER


@pytest.mark.fault("G8")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_expired_certificate_is_refused_before_the_password(
    security: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    now = datetime.now(UTC)
    expired = authority.issue_cert("127.0.0.1", not_before=now - timedelta(days=9), not_after=now - timedelta(days=1))
    expired.configure_cert(context)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    mailbox = Mailbox()
    options = {"tls_context" if security == "starttls" else "ssl_context": context}
    with (
        serving(mailbox, authenticator=mailbox.authenticate, auth_require_tls=False, **options) as port,
        pytest.raises(MailServerError, match=r"its certificate is not trusted \(certificate has expired"),
    ):
        SmtpServer("127.0.0.1", port, security, USER, PASSWORD).send(mail("m1"), ["dean@example.org"])
    assert (mailbox.passwords, mailbox.taken) == ([], [])


@pytest.mark.fault("G14")
def test_a_day_with_five_thousand_new_students_is_a_small_mail_with_a_cut_list() -> None:
    made = full(8, 3, deltas=figures.deltas(5_000, 600), include_student_lists=True)
    whole = compose(
        message_id="daily_summary-2026-11-23",
        sender="oulad@example.edu",
        recipients=["dean@example.org"],
        subject=made.subject,
        text=made.text,
        html=made.html,
        images=made.images,
        attachments=made.attachments,
        sent_at=datetime(2026, 11, 23, 8, tzinfo=UTC),
    )
    assert len(whole) < 1_000_000
    assert "4,500 more are in enrollment_deltas" in made.text
    assert "100 more are in enrollment_deltas" in made.text
