"""Whole files in a folder or an S3 bucket: put, get, list, remove; a reader sees the old file or the new one, never half.

What is in the files (parquet, JSON, charts) is for the modules that call this one. Credentials and endpoint come from
boto3's own conventions, AWS_ENDPOINT_URL among them.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote, urlsplit

from oulad_platform.storage.aside import aside, discard
from oulad_platform.storage.errors import StorageError, clear_errors

if TYPE_CHECKING:
    from cloudpathlib import S3Path

Location: TypeAlias = "Path | S3Path"

S3_ATTEMPTS = 5
S3_CONNECT_SECONDS = 5
S3_READ_SECONDS = 60
S3_BATCH = 1000


def location(uri: str, region: str | None = None) -> Location:
    """The folder of a URI: a local path, `file:///folder`, or `s3://bucket/prefix` (in `region`, else boto3's default).

    Nothing is opened or created. Raises StorageError for any other scheme and for an S3 URI without a bucket.
    """
    scheme, _, rest = uri.partition("://")
    if uri and scheme == uri:
        return Path(uri)
    if scheme == "file":
        return Path(unquote(urlsplit(uri).path))
    if scheme != "s3" or not rest.strip("/"):
        raise StorageError(f"'{scheme}://' is not a place to keep files, or names none; give a folder or s3://bucket/prefix")
    return _s3_path(f"s3://{rest.strip('/')}", region)


def _s3_path(uri: str, region: str | None) -> S3Path:
    import botocore.session
    from boto3 import Session
    from botocore.config import Config
    from cloudpathlib import S3Client, S3Path

    session = botocore.session.get_session()
    session.set_default_client_config(
        Config(
            connect_timeout=S3_CONNECT_SECONDS,
            read_timeout=S3_READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": S3_ATTEMPTS},
        )
    )
    with clear_errors(uri):
        return S3Path(uri, client=S3Client(boto3_session=Session(botocore_session=session, region_name=region)))


def safe_name(name: str) -> str:
    """The name, if it can be one file's or folder's own; StorageError when it could lead out of its folder."""
    if not name or name.startswith(".") or any(sign in name for sign in "/\\\0"):
        raise StorageError(f"{name!r} cannot be a file's name: it is empty, begins with a dot or holds a slash")
    return name


def write_whole(target: Location, data: bytes) -> None:
    """Puts the file whole, in place of any earlier one, and looks that all of it arrived; nothing where it is there already.

    Local: written aside in the same folder, flushed to disk, renamed. S3: one put. Raises StorageError naming the place.
    """
    with clear_errors(target):
        if isinstance(target, Path):
            if target.is_file() and target.stat().st_size == len(data) and target.read_bytes() == data:
                return
            with aside(target, folder=False) as temporary:
                temporary.write_bytes(data)
                _flush(temporary)
                temporary.replace(target)
        elif not _is_there(target, data):
            target.client.client.put_object(Bucket=target.bucket, Key=target.key, Body=data, ChecksumAlgorithm="SHA256")
            _require_size(target, len(data))


def write_once(target: Location, data: bytes) -> bool:
    """Puts the file unless there is one already; True for the one writer that made it, also when several try at once."""
    with clear_errors(target):
        if not isinstance(target, Path):
            return _put_once(target, data)
        with aside(target, folder=False) as temporary:
            temporary.write_bytes(data)
            _flush(temporary)
            try:
                target.hardlink_to(temporary)
            except FileExistsError:
                return False
    return True


def move_whole(source: Path, target: Location) -> None:
    """Moves a finished local file into place: renamed when the target is local (same file system), one put when on S3."""
    with clear_errors(target):
        if isinstance(target, Path):
            target.parent.mkdir(parents=True, exist_ok=True)
            _flush(source)
            source.replace(target)
        else:
            with source.open("rb") as finished:
                target.client.client.put_object(Bucket=target.bucket, Key=target.key, Body=finished)
            _require_size(target, source.stat().st_size)


def read_whole(target: Location) -> bytes:
    """The file's bytes. Raises MissingFileError when there is none, StorageError when it cannot be read."""
    with clear_errors(target):
        if isinstance(target, Path):
            return target.read_bytes()
        content: bytes = target.client.client.get_object(Bucket=target.bucket, Key=target.key)["Body"].read()
        return content


def stems(folder: Location, suffix: str) -> list[str]:
    """Names, less `suffix`, of the files directly in the folder that end with it, sorted; none where there is no folder."""
    with clear_errors(folder):
        if isinstance(folder, Path):
            names = [path.name for path in folder.glob(f"*{suffix}")]
        else:
            prefix = f"{folder.key}/" if folder.key else ""
            listing = folder.client.client.get_paginator("list_objects_v2")
            pages = listing.paginate(Bucket=folder.bucket, Prefix=prefix, Delimiter="/")
            names = [entry["Key"].removeprefix(prefix) for page in pages for entry in page.get("Contents", [])]
    return sorted(name.removesuffix(suffix) for name in names if name.endswith(suffix))


def remove(target: Location) -> None:
    """Removes the file; one that is already gone is no error."""
    with clear_errors(target):
        if isinstance(target, Path):
            target.unlink(missing_ok=True)
        else:
            target.client.client.delete_object(Bucket=target.bucket, Key=target.key)


def remove_all(folder: Location, last: str) -> None:
    """Removes everything below the folder, its subfolder `last` at the end; links go, what they lead to stays."""
    with clear_errors(folder):
        if not isinstance(folder, Path):
            _remove_objects(folder, last)
        elif folder.exists():
            for path in sorted(folder.iterdir(), key=lambda path: path.name == last):
                discard(path)


def probe(folder: Location) -> str:
    """Puts, reads and removes a small file; says that it worked. Raises StorageError with the reason when it does not."""
    target = folder / f"probe-{secrets.token_hex(8)}"
    write_whole(target, b"probe")
    read_whole(target)
    remove(target)
    return f"{folder} can be written and read"


@contextmanager
def staging(folder: Location) -> Iterator[Path]:
    """A local folder in which to prepare the files of `folder`, on the same file system if that is local; removed at the end."""
    if isinstance(folder, Path):
        with ExitStack() as stack:
            with clear_errors(folder):
                temporary = stack.enter_context(aside(folder, folder=True))
            yield temporary
    else:
        with tempfile.TemporaryDirectory() as name:
            yield Path(name)


def _flush(path: Path) -> None:
    with path.open("rb") as finished:
        os.fsync(finished.fileno())


def _put_once(target: S3Path, data: bytes) -> bool:
    from botocore.exceptions import ClientError

    for _ in range(S3_ATTEMPTS):
        try:
            target.client.client.put_object(Bucket=target.bucket, Key=target.key, Body=data, IfNoneMatch="*")
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in ("PreconditionFailed", "412"):
                return False
            if code not in ("ConditionalRequestConflict", "409"):
                raise
        else:
            return True
    raise StorageError(f"{target}: other writers kept putting the same file; run again")


def _is_there(target: S3Path, data: bytes) -> bool:
    """Whether the object holds these bytes: in a bucket with versions a put of equal ones would make another."""
    from botocore.exceptions import ClientError

    try:
        found = target.client.client.head_object(Bucket=target.bucket, Key=target.key, ChecksumMode="ENABLED")
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            return False
        raise
    return found.get("ChecksumSHA256") == base64.b64encode(hashlib.sha256(data).digest()).decode()


def _remove_objects(folder: S3Path, last: str) -> None:
    client = folder.client.client
    prefix = f"{folder.key}/" if folder.key else ""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=folder.bucket, Prefix=prefix)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    kept_to_the_end = [key for key in keys if key.startswith(f"{prefix}{last}/")]
    for group in (sorted(set(keys) - set(kept_to_the_end)), kept_to_the_end):
        for start in range(0, len(group), S3_BATCH):
            batch = group[start : start + S3_BATCH]
            answer = client.delete_objects(
                Bucket=folder.bucket, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True}
            )
            for refused in answer.get("Errors", []):
                raise StorageError(
                    f"{folder}: {refused['Key']} was not removed, the store answered {refused['Code']}; "
                    "look at the credentials and the bucket's policy, then run again"
                )


def _require_size(target: S3Path, size: int) -> None:
    stored = target.client.client.head_object(Bucket=target.bucket, Key=target.key)["ContentLength"]
    if stored != size:
        raise StorageError(f"{target}: {size:,} bytes were put but {stored:,} are there; run again")
