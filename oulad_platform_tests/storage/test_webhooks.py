from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from oulad_platform.core.messages import message_id_of
from oulad_platform.storage import webhooks
from oulad_platform.storage.errors import StorageError
from oulad_platform.storage.mail import MailServerError
from oulad_platform.storage.outbox import Outbox
from oulad_platform.storage.webhooks import Webhook
from oulad_platform_tests.storage.smtp_server import free_port, mail

pytest.importorskip("apprise", reason="the extra `webhooks` is not installed")
SECRET = "s3cretT0ken"
MORNING = datetime(2014, 5, 20, 8, tzinfo=UTC)


class Service:
    """What a webhook has received, as (path, headers, body); answers are given once each, then 200."""

    def __init__(self, *answers: int, seconds: float = 0) -> None:
        self.answers, self.seconds = list(answers), seconds
        self.received: list[tuple[str, dict[str, str], Any]] = []


@contextmanager
def listening(service: Service, port: int | None = None) -> Iterator[int]:
    """The port of a real HTTP server."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            threading.Event().wait(service.seconds)
            service.received.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(service.answers.pop(0) if service.answers else 200)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port or free_port()), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_webhook_gets_subject_text_and_the_message_id_as_idempotency_key() -> None:
    service, message = Service(), mail("m1", text="AAA-2014B: <b>70 of 100</b> & more.\n")
    with listening(service) as port:
        webhook = Webhook(f"json://127.0.0.1:{port}/hook/{SECRET}?+X-Team=risk")
        assert webhook.send(message, ["anybody@localhost"]) == {}
        webhook.send(message, [])
    (path, headers, body), (_, repeated, _) = service.received
    assert path.rstrip("/") == f"/hook/{SECRET}"
    assert (body["title"], body["message"]) == ("Enrolment", "AAA-2014B: <b>70 of 100</b> & more.")
    assert headers["X-Team"] == "risk"
    assert headers["Idempotency-Key"] == repeated["Idempotency-Key"] == message_id_of(message)
    assert len(headers["Idempotency-Key"]) > 30


def test_a_chat_service_gets_the_message_id_at_the_end_of_a_text_cut_to_its_length() -> None:
    service, message = Service(), mail("m1", text="word " * 3000)
    with listening(service) as port:
        Webhook(f"mmost://127.0.0.1:{port}/{SECRET * 3}").send(message, [])
    text = service.received[0][2]["text"]
    assert text.endswith(f"… (cut)\n\nMessage {message_id_of(message)}")
    assert 3500 < len(text) <= 4000


def test_what_the_service_does_not_take_is_said_with_its_name_and_never_the_url(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with listening(Service(500)) as port:
        webhook = Webhook(f"json://user:{SECRET}@127.0.0.1:{port}/hook/{SECRET}")
        with pytest.raises(StorageError) as refused:
            webhook.send(mail("m1"), [])
        assert webhook.send(mail("m1"), []) == {}
    with pytest.raises(StorageError) as away:
        webhook.send(mail("m1"), [])
    told = "webhook JSON did not take the message; look whether the service answers and at ALERT_URLS"
    assert [str(refused.value), str(away.value)] == [told, told]
    assert refused.value.__cause__ is None
    assert SECRET not in repr(webhook) + str(webhook)
    assert SECRET not in caplog.text
    assert "127.0.0.1" not in caplog.text


def test_what_breaks_in_the_library_is_said_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins.custom_json import NotifyJSON

    def broken(*args: Any, **kwargs: Any) -> bool:
        raise RuntimeError(f"https://host/{SECRET}")

    monkeypatch.setattr(NotifyJSON, "send", broken)
    with pytest.raises(StorageError, match=r"^webhook JSON failed \(RuntimeError\); look at ALERT_URLS$"):
        Webhook("json://127.0.0.1/x").send(mail("m1"), [])


def test_a_redirect_is_not_followed() -> None:
    service = Service(307)
    with listening(service) as port, pytest.raises(StorageError, match="did not take"):
        Webhook(f"json://127.0.0.1:{port}/hook").send(mail("m1"), [])
    assert len(service.received) == 1


def test_a_service_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "READ_SECONDS", 0.2)
    with listening(Service(seconds=1)) as port, pytest.raises(StorageError, match="did not take"):
        Webhook(f"json://127.0.0.1:{port}/hook?rto=60").send(mail("m1"), [])


@pytest.mark.fault("I8")
@pytest.mark.parametrize(
    ("url", "why"),
    [
        (f"json://example.org/{SECRET}", "JSON must be encrypted"),
        (f"mmost://example.org/{SECRET}", "must be encrypted"),
        (f"mailto://user:{SECRET}@example.org", "must be encrypted"),
        ("syslog://", "must be encrypted"),
        (f"jsons://example.org/{SECRET}?verify=no", "must verify certificates"),
        (f"slack://{SECRET}", "not one that apprise knows"),
        (f"https://example.org/{SECRET}", "not one that apprise knows"),
        (f"nonsense://{SECRET}", "not one that apprise knows"),
        (SECRET, "not one that apprise knows"),
        ("", "not one that apprise knows"),
    ],
)
def test_a_url_that_is_not_safe_or_not_known_is_refused_by_the_settings_name(
    url: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ValueError, match=why) as refused:
        Webhook(url).check()
    with pytest.raises(MailServerError, match=why) as delayed:
        Webhook(url).send(mail("m1"), [])
    assert str(refused.value) == str(delayed.value)
    assert str(refused.value).startswith("ALERT_URLS")
    assert SECRET not in str(refused.value) + caplog.text


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", "Slack"),
        ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "Slack"),
        ("workflows://prod-1.westus.logic.azure.com:443/643e69f83c8944/abcdef0123456789", "Power Automate"),
        ("jsons://example.org/hook", "JSON"),
    ],
)
def test_addresses_of_slack_teams_and_any_https_service_are_taken(url: str, name: str) -> None:
    assert Webhook(url).check().startswith(name)
    assert str(Webhook(url)).startswith(f"webhook {name}")


@pytest.mark.fault("I14")
def test_without_apprise_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ValueError, match=r"install oulad-platform\[webhooks\]"):
        Webhook("jsons://example.org/hook").check()


def test_an_outbox_delivers_to_a_webhook_that_was_away_once_under_one_key(tmp_path: Path) -> None:
    outbox, service, port = Outbox(str(tmp_path)), Service(503), free_port()
    webhook, message = Webhook(f"json://localhost:{port}/hook"), mail("m1", "webhook@localhost")
    outbox.put("m1", message)
    times = [MORNING + timedelta(minutes=minutes) for minutes in (0, 1, 3, 7)]
    assert outbox.deliver(webhook, lambda: times[0]).sent == []
    with listening(service, port):
        delivered = [outbox.deliver(webhook, lambda time=time: time).sent for time in times[1:]]  # type: ignore[misc]
    assert delivered == [[], ["m1"], []]
    assert {headers["Idempotency-Key"] for _, headers, _ in service.received} == {message_id_of(message)}
    assert len(service.received) == 2
