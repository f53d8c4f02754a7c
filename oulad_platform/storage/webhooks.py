"""Webhooks and chat services (Slack, Teams, any https address) through apprise. When to try again is the outbox's.

A URL of apprise holds the service's secrets, so it stands in no message, no log and no `repr`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import get_ident
from typing import Any

from oulad_platform.core.messages import message_id_of, subject_and_text
from oulad_platform.storage.errors import StorageError
from oulad_platform.storage.mail import MailServerError, is_loopback

CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
IDEMPOTENCY_KEY = "Idempotency-Key"
GENERIC = ("json", "jsons", "xml", "xmls", "form", "forms")
LOGGERS = ("apprise", "urllib3.connectionpool")
SETTING = "ALERT_URLS"
CUT = "… (cut)"


@dataclass(frozen=True)
class Webhook:
    """A place to notify by its apprise URL, such as `slack://...`, `workflows://...` (Teams) or `jsons://host/path`.

    A URL that cannot be used keeps its messages waiting, and nobody else's: `check` says why.
    """

    url: str = field(repr=False)

    def check(self) -> str:
        """The name of the service; nothing is sent. Raises ValueError naming the setting, without the URL.

        Usable is a URL that apprise knows, encrypted or of this machine, that leaves certificates on; apprise is installed.
        """
        return f"{self._service().service_name}, a usable address; nothing was sent"

    def send(self, message: bytes, recipients: Sequence[str]) -> dict[str, str]:
        """Notifies the service with the message's subject and text; who its recipients are does not matter.

        The Message-ID tells a repeat: as the header Idempotency-Key of a json, xml or form webhook, at the end of the text
        elsewhere. A text too long for the service is cut. Raises StorageError with the service's name when it did not take it,
        MailServerError for a URL that cannot be used: that is no more the message's fault than a server that is away.
        """
        try:
            service = self._service()
        except ValueError as error:
            raise MailServerError(str(error)) from None
        key = message_id_of(message)
        subject, text = subject_and_text(message)
        end = ""
        if service.schema in GENERIC:
            service.headers[IDEMPOTENCY_KEY] = key
        else:
            end = f"\n\nMessage {key}"
        room = service.body_maxlen - len(end) - (0 if service.title_maxlen else len(subject) + 2)
        body = text.rstrip() if len(text.rstrip()) <= room else f"{text[: room - len(CUT)].rstrip()}{CUT}"
        try:
            with _nothing_logged():
                taken = service.notify(body=f"{body}{end}", title=subject, body_format="text")
        except Exception as error:  # of any of apprise's services; its words may hold the URL
            raise StorageError(f"{self} failed ({type(error).__name__}); look at {SETTING}") from None
        if not taken:
            raise StorageError(f"{self} did not take the message; look whether the service answers and at {SETTING}")
        return {}

    def __str__(self) -> str:
        return f"webhook {self._service().service_name}"

    def _service(self) -> Any:
        """A fresh service: one that is used again would wait between two messages."""
        try:
            import apprise
        except ImportError:
            raise ValueError(f"{SETTING} needs apprise; install oulad-platform[webhooks]") from None
        with _nothing_logged():
            service = apprise.Apprise.instantiate(self.url)
        if service is None:
            raise ValueError(
                f"{SETTING}: a URL is not one that apprise knows, such as slack://, workflows:// (Teams) or jsons://; "
                "look at its service's page in apprise's documentation"
            )
        is_plain = service.schema not in _several(service.secure_protocol)
        if is_plain and not is_loopback(str(service.host or "")):
            raise ValueError(f"{SETTING}: {service.service_name} must be encrypted; use its https form, such as jsons://")
        if not service.verify_certificate:
            raise ValueError(f"{SETTING}: {service.service_name} must verify certificates; take verify=no off")
        service.redirects = False  # a redirect could lead to an address that is not encrypted
        service.socket_connect_timeout, service.socket_read_timeout = CONNECT_SECONDS, READ_SECONDS
        return service


def _several(words: str | Sequence[str] | None) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else tuple(words or ())


@contextmanager
def _nothing_logged() -> Iterator[None]:
    """No record of apprise, and none of this thread's requests: both may hold the URL."""
    thread = get_ident()

    def is_other(record: logging.LogRecord) -> bool:
        return record.thread != thread

    for name in LOGGERS:
        logging.getLogger(name).addFilter(is_other)
    try:
        yield
    finally:
        for name in LOGGERS:
            logging.getLogger(name).removeFilter(is_other)
