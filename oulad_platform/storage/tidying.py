"""What lies about in the stores and may go: settled messages of an outbox, and what killed processes left of unfinished files.

Which age is old is for the caller to say.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from oulad_platform.storage.aside import ASIDE, remove_unheld
from oulad_platform.storage.errors import MissingFileError
from oulad_platform.storage.files import Location, read_whole, remove, stems
from oulad_platform.storage.outbox import KEPT, MESSAGE, SENT

READERS = 8


def settled_before(outbox: Location, limit: datetime) -> list[str]:
    """The names of an outbox's messages that were sent, or kept for want of recipients, before `limit` (with its zone), sorted.

    What waits or was put aside is not among them. Raises StorageError.
    """

    def settled_at(file: str) -> datetime | None:
        try:
            return datetime.fromisoformat(json.loads(read_whole(outbox / file))["at"])
        except MissingFileError:
            return None

    files = [f"{name}{suffix}" for suffix in (SENT, KEPT) for name in stems(outbox, suffix)]
    with ThreadPoolExecutor(READERS) as readers:
        times = dict(zip(files, readers.map(settled_at, files), strict=True))
    return sorted({file.rpartition(".")[0] for file, at in times.items() if at is not None and at < limit})


def remove_messages(outbox: Location, names: list[str]) -> None:
    """Removes messages with all that is noted about them: the message first, so that a killed call sends none again."""
    for name in names:
        remove(outbox / f"{name}{MESSAGE}")
    gone = {*names}
    for file in stems(outbox, ""):
        name, _, suffix = file.rpartition(".")
        numbered, _, number = name.rpartition(".")
        if not file.endswith((SENT, KEPT)) and number.isdecimal() and numbered in gone:
            remove(outbox / file)
    for name in names:
        for suffix in (SENT, KEPT):
            remove(outbox / f"{name}{suffix}")


def leftovers(folder: Location) -> list[Path]:
    """What is prepared beside the files below a local folder, or was left there by a killed process, sorted; none on S3."""
    return sorted(folder.rglob(f".*{ASIDE}")) if isinstance(folder, Path) else []


def sweep(remains: list[Path]) -> list[Path]:
    """Removes what no running process holds; what went."""
    for one in remains:
        remove_unheld(one)
    return [one for one in remains if not one.exists()]
