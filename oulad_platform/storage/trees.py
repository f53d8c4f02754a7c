"""All files below a folder or S3 prefix: listed with what tells whether they changed, hashed and copied in pieces.

What the files are is for the callers; one file by its name is `storage.files`'.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from oulad_platform.storage.errors import StorageError, clear_errors
from oulad_platform.storage.files import Location, move_whole, staging

PIECE = 1 << 20


@dataclass(frozen=True)
class Stamp:
    """Size in bytes, and the time or tag that the store gave the file when it was last written."""

    size: int
    written: str


@dataclass(frozen=True)
class Content:
    """Size in bytes and SHA-256 in hex."""

    size: int
    sha256: str


def tree(folder: Location) -> dict[str, Stamp]:
    """Every file below the folder by its path there, sorted; none where there is no folder. Hidden ones are left out: unfinished.

    Raises StorageError when the place cannot be read.
    """
    with clear_errors(folder):
        found = _local(folder) if isinstance(folder, Path) else _objects(folder)
        return dict(sorted((path, stamp) for path, stamp in found if not any(part.startswith(".") for part in path.split("/"))))


def below(folder: Location, path: str) -> Location:
    """The place of a path as `tree` gives it. Raises StorageError for one that would lead out of the folder."""
    parts = path.split("/")
    if any(not part or part.startswith(".") or "\\" in part or "\0" in part for part in parts):
        raise StorageError(f"{path!r} is no path below a folder: a part of it is empty or begins with a dot")
    return folder.joinpath(*parts)


def digest(place: Location) -> Content:
    """Size and hash of a file. Raises MissingFileError, StorageError."""
    size, sha256 = 0, hashlib.sha256()
    for piece in _pieces(place):
        size += len(piece)
        sha256.update(piece)
    return Content(size, sha256.hexdigest())


def fetch(place: Location, target: Path) -> Content:
    """Copies a file to a new local one that its owner alone may read; what was copied. Raises MissingFileError, StorageError."""
    size, sha256 = 0, hashlib.sha256()
    with clear_errors(target):
        target.touch(mode=0o600, exist_ok=False)
        with target.open("wb") as copy:
            for piece in _pieces(place):
                copy.write(piece)
                size += len(piece)
                sha256.update(piece)
    return Content(size, sha256.hexdigest())


def put(source: Location, target: Location, expected: Content) -> None:
    """Copies a file whole, in place of any earlier one. Raises StorageError, and changes nothing, when it is another."""
    with staging(target) as aside:
        copy = aside / "copy"
        found = fetch(source, copy)
        if found != expected:
            raise StorageError(f"{source}: {told(found)}, where {told(expected)} was expected; it was changed or is damaged")
        move_whole(copy, target)


def told(content: Content) -> str:
    return f"{content.size:,} bytes of SHA-256 {content.sha256[:16]}…"


def _local(folder: Path) -> Iterator[tuple[str, Stamp]]:
    for path in folder.rglob("*"):
        if path.is_file():
            status = path.stat()
            yield path.relative_to(folder).as_posix(), Stamp(status.st_size, str(status.st_mtime_ns))


def _objects(folder: Location) -> Iterator[tuple[str, Stamp]]:
    assert not isinstance(folder, Path)
    prefix = f"{folder.key.rstrip('/')}/" if folder.key else ""
    pages = folder.client.client.get_paginator("list_objects_v2").paginate(Bucket=folder.bucket, Prefix=prefix)
    for page in pages:
        for entry in page.get("Contents", []):
            path = entry["Key"].removeprefix(prefix)
            if path and not path.endswith("/"):
                yield path, Stamp(entry["Size"], entry["ETag"])


def _pieces(place: Location) -> Iterator[bytes]:
    with clear_errors(place):
        if isinstance(place, Path):
            with place.open("rb") as file:
                while piece := file.read(PIECE):
                    yield piece
        else:
            body = place.client.client.get_object(Bucket=place.bucket, Key=place.key)["Body"]
            yield from body.iter_chunks(PIECE)
