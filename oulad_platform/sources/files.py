"""Where source files are: a folder, a zip or a bucket, plain or gzipped, opened as one stream of bytes.

What the bytes mean is the business of `sources.csv_lines` and `sources.csv_fields`; nothing is written or unpacked to disk.
"""

from __future__ import annotations

import difflib
import gzip
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from oulad_platform.core.checks import ContractError, Finding

if TYPE_CHECKING:
    from cloudpathlib import CloudPath

ENDINGS = (".csv", ".csv.gz")
MOST_TIMES_PACKED = 200  # the official zip unpacks to 11 times its size
FREE_BYTES = 64 << 20
REMEDY = "Nothing was stored; repair or fetch the file again, then run again."
TOO_LARGE = f"unpacks to more than {MOST_TIMES_PACKED} times its size: it is damaged or meant to do harm"


@dataclass(frozen=True)
class SourceFile:
    """One file: its own name, the path that holds it, and the member when that path is a zip."""

    name: str
    path: Path | CloudPath
    member: str | None = None

    def version(self) -> tuple[int, float]:
        """Size in bytes and time of the last change of what is on disk or in the bucket."""
        status = self.path.stat()
        return status.st_size, status.st_mtime

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The decompressed bytes. Raises ContractError when they are unreadable, cut, or change while being read."""
        with readable(self.name):
            before = self.version()
            try:
                with ExitStack() as stack:
                    stream: Any = stack.enter_context(self.path.open("rb"))
                    if self.member is not None:
                        stream = stack.enter_context(stack.enter_context(zipfile.ZipFile(stream)).open(self.member))
                    if self.name.endswith(".gz"):
                        stream = stack.enter_context(_BoundedGzip(stream, self.name, most_unpacked(before[0])))
                    yield stream
            finally:
                if self.version() != before:
                    changed = Finding(self.name, "changed while it was being read")
                    raise ContractError([changed], "Nothing was stored; run again when whoever writes it has finished.")


class _BoundedGzip(gzip.GzipFile):
    """Unpacks at most `most` bytes; a file that goes on raises ContractError."""

    def __init__(self, stream: BinaryIO, name: str, most: int) -> None:
        super().__init__(fileobj=stream)
        self._where, self._most = name, most

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if self.tell() > self._most:
            raise ContractError([Finding(self._where, TOO_LARGE)], REMEDY)
        return data


def most_unpacked(packed: int) -> int:
    """The largest size in bytes that is taken for honest of a file of so many packed bytes."""
    return max(FREE_BYTES, MOST_TIMES_PACKED * packed)


def find_files(uri: str, stems: Sequence[str], region: str | None = None) -> dict[str, SourceFile]:
    """The file of each stem (`courses` -> courses.csv or courses.csv.gz) in the folder, zip or bucket prefix.

    Names are matched exactly, capitals included. Raises ContractError naming every missing file and every file that is
    there twice, and when the place itself is missing, unreadable, damaged or holds unsafe names.
    """
    with readable(uri):
        path = place_of(uri, region)
        found = _zip_members(path) if uri.lower().endswith(".zip") else files_in(path)
    wanted = {stem: [file for file in found if file.name in {stem + ending for ending in ENDINGS}] for stem in stems}
    findings = [_missing(stem, uri, found) for stem, files in wanted.items() if not files]
    findings += [
        Finding(stem, f"is there more than once in {uri}: {', '.join(file.member or file.name for file in files)}; keep one")
        for stem, files in wanted.items()
        if len(files) > 1
    ]
    if findings:
        raise ContractError(findings, f"Looked in {uri}. Put the official OULAD files there, as .csv or .csv.gz, and run again.")
    return {stem: files[0] for stem, files in wanted.items()}


@contextmanager
def readable(where: str) -> Iterator[None]:
    """Turns every way in which a file, archive or bucket cannot be read into a ContractError in plain words."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, UnicodeDecodeError, NotImplementedError) as error:
        raise ContractError([Finding(where, f"is cut or damaged: {error}")], REMEDY) from error
    except OSError as error:
        raise ContractError([Finding(where, f"cannot be read: {error.strerror or error}")], REMEDY) from error
    except _bucket_errors() as error:
        raise ContractError([Finding(where, f"cannot be read: {error}")], "Check bucket, prefix and credentials.") from error


def _bucket_errors() -> tuple[type[Exception], ...]:
    """What a bucket raises, once one is in use; a folder does not pay for the import."""
    if "cloudpathlib" not in sys.modules:
        return ()
    from botocore.exceptions import BotoCoreError, ClientError
    from cloudpathlib.exceptions import CloudPathException

    return BotoCoreError, ClientError, CloudPathException


def place_of(uri: str, region: str | None) -> Path | CloudPath:
    if "://" not in uri:
        return Path(uri)
    from boto3 import Session
    from cloudpathlib import S3Client, S3Path
    from cloudpathlib.exceptions import CloudPathException

    try:
        return S3Path(uri, client=S3Client(boto3_session=Session(region_name=region)))
    except CloudPathException as error:
        raise ContractError([Finding(uri, "is not a folder, a .zip file or s3://bucket/prefix")], REMEDY) from error


def files_in(root: Path | CloudPath) -> list[SourceFile]:
    if isinstance(root, Path) and not root.is_dir():
        rule = "is neither a folder nor a .zip file" if root.exists() else "does not exist"
        raise ContractError([Finding(str(root), rule)], "Name a folder, a .zip file or s3://bucket/prefix.")
    return [SourceFile(path.name, path) for path in root.iterdir()]


def _zip_members(path: Path | CloudPath) -> list[SourceFile]:
    with path.open("rb") as stream, zipfile.ZipFile(cast(Any, stream)) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
    findings = [Finding(path.name, rule, value=member.filename) for member in members for rule in _member_rules(member)]
    if findings:
        raise ContractError(findings, "Nothing was read; fetch the official zip again.")
    places = [(PurePosixPath(member.filename.replace("\\", "/")), member.filename) for member in members]
    return [SourceFile(place.name, path, name) for place, name in places if "__MACOSX" not in place.parts]


def _member_rules(member: zipfile.ZipInfo) -> Iterator[str]:
    place = PurePosixPath(member.filename.replace("\\", "/"))
    if place.is_absolute() or ".." in place.parts or ":" in place.parts[0]:
        yield "points outside the zip"
    if member.flag_bits & 0x1:
        yield "is encrypted"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        yield "is packed by a method other than deflate"
    if member.file_size > most_unpacked(member.compress_size):
        yield TOO_LARGE


def _missing(stem: str, uri: str, found: Sequence[SourceFile]) -> Finding:
    names = {file.name.lower(): file.name for file in found}
    nearest = difflib.get_close_matches(f"{stem}.csv".lower(), names, n=1, cutoff=0.75)
    hint = f"; there is {names[nearest[0]]!r}, rename it if it is this file" if nearest else ""
    return Finding(f"{stem}.csv", f"is missing{hint}")
