"""Log lines for who collects and searches them: one JSON object a line on standard output, or plain text as Python writes it.

What happens in a run is turned into lines by `defs/logs.py`.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

LOGGER = logging.getLogger("oulad_platform")
LONGEST = 2000
MASKED = "password|passwd|pwd|token|secret|signature|access_key|api_key|pseudonym_(?:old_)?keys?"
SECRETS = (
    (re.compile(r"(://[^\s:/?#@]*):\S+@"), r"\1:***@"),
    (re.compile(rf"(?i)((?:{MASKED})['\"]?\s*[=:]\s*['\"]?)[^\s&;,'\"]+"), r"\1***"),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), "***"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "***@***"),
)


def configure(log_format: Literal["text", "json"], stream: TextIO | None = None) -> None:
    """Has this process write the platform's lines as JSON, from level info on, to `stream` (None: standard output).

    `text` leaves them to Python's logging: warnings and worse on standard error. The last call holds.
    """
    for handler in list(LOGGER.handlers):
        LOGGER.removeHandler(handler)
    LOGGER.propagate = log_format == "text"
    LOGGER.setLevel(logging.NOTSET if log_format == "text" else logging.INFO)
    if log_format == "json":
        lines = logging.StreamHandler(stream or sys.stdout)
        lines.setFormatter(json_formatter())
        LOGGER.addHandler(lines)


def is_json() -> bool:
    """Whether this process writes JSON lines."""
    return bool(LOGGER.handlers)


def tell(event: str, level: int = logging.INFO, **fields: object) -> None:
    """One line: the event's name and what belongs to it (names, counts, days; never a student's identifier)."""
    write(event, level, fields)


def write(event: str, level: int, fields: Mapping[str, object], created: float | None = None) -> None:
    """`tell` with the fields as a mapping, at the time `created` (seconds since 1970 UTC; None: now)."""
    if not LOGGER.isEnabledFor(level):
        return
    text = " ".join([event, *(f"{name}={value}" for name, value in fields.items())])
    record = LOGGER.makeRecord(LOGGER.name, level, "", 0, redacted(text), (), None, extra={"line": {"event": event, **fields}})
    if created is not None:
        record.created = created
    LOGGER.handle(record)


def redacted(text: str) -> str:
    """The text without passwords, tokens and mail addresses, cut to 2,000 characters.

    >>> redacted("postgresql://oulad:a@b/c@db:5432/oulad refused password=x7 for ann@uni.example")
    'postgresql://oulad:***@db:5432/oulad refused password=*** for ***@***'
    """
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."


def json_formatter() -> logging.Formatter:
    """Formats a record as one JSON object: timestamp (UTC), level, logger, event and the event's fields, all redacted.

    Of an exception stands the class; its words may quote data.
    """
    import structlog

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_described, _redact],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
    )


def _described(_: Any, __: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    record: logging.LogRecord = event["_record"]
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    head = {"timestamp": at, "level": record.levelname.lower(), "logger": record.name}
    line = getattr(record, "line", {"event": record.getMessage()})
    error = {"error": record.exc_info[0].__name__} if record.exc_info and record.exc_info[0] else {}
    marks = {name: event[name] for name in ("_record", "_from_structlog")}
    return {**marks, **head, **line, **error}


def _redact(_: Any, __: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    return {name: value if name.startswith("_") else _cleaned(value) for name, value in event.items()}


def _cleaned(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_cleaned(one) for one in value]
    return redacted(value) if isinstance(value, str) else value
