"""The file outbox: messages delivered as files, each once. Which messages are due is decided elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import quote, unquote

from oulad_platform.storage.files import location, probe, safe_name, stems, write_once

SUFFIX = ".json"


class FileOutbox:
    """Messages under a URI: a folder or `s3://bucket/prefix`. Every method raises StorageError when it cannot be used."""

    def __init__(self, uri: str, region: str | None = None) -> None:
        self.uri = uri
        self._root = location(uri, region)

    def probe(self) -> str:
        """Tries the place with a small file and says that it worked. Raises StorageError with the reason when it does not."""
        return probe(self._root)

    def deliver(self, message_id: str, subject: str, body: str, recipients: Sequence[str]) -> bool:
        """Writes `<message_id>.json` unless it is there; True for the one call, also among several at once, that wrote it."""
        message = {"message_id": message_id, "subject": subject, "body": body, "recipients": list(recipients)}
        text = json.dumps(message, indent=2, sort_keys=True, ensure_ascii=False)
        return write_once(self._root / f"{safe_name(quote(message_id, safe=' @'))}{SUFFIX}", f"{text}\n".encode())

    def delivered(self) -> set[str]:
        """The ids of all messages written so far."""
        return {unquote(name) for name in stems(self._root, SUFFIX)}
