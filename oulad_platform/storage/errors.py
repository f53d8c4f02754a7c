"""What can go wrong with keeping things. Messages name the place and the next step; they hold no secret and no row's values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oulad_platform.storage.files import Location


class StorageError(RuntimeError):
    """Something could not be stored or read."""


class MissingFileError(StorageError):
    """The file asked for is not there."""


class MissingTableError(StorageError, LookupError):
    """The table asked for was never written."""


class SchemaMismatchError(StorageError):
    """What is stored has other columns than the table declares."""


@contextmanager
def clear_errors(place: Location | str) -> Iterator[None]:
    """What went wrong at a place, in one sentence with the next step; keys and tokens stay out of it."""
    s3_errors = () if isinstance(place, Path) else _s3_errors()
    try:
        yield
    except FileNotFoundError as error:
        raise MissingFileError(_missing(place)) from error
    except s3_errors as error:  # some of them are OSErrors
        raise _s3_error(place, error) from None
    except OSError as error:
        raise StorageError(
            f"{place}: {error.strerror or error}; look at permission and free space there, then run again"
        ) from error


def _missing(place: Location | str) -> str:
    return f"{place} is not there; materialize what writes it first"


def _s3_errors() -> tuple[type[Exception], ...]:
    from botocore.exceptions import BotoCoreError, ClientError

    return BotoCoreError, ClientError


def _s3_error(place: Location | str, error: Any) -> StorageError:
    response = getattr(error, "response", None)
    code = response["Error"]["Code"] if response else type(error).__name__
    if code in ("NoSuchKey", "404"):
        return MissingFileError(_missing(place))
    remedies = {
        "NoSuchBucket": "the bucket does not exist; create it or correct its name in the settings",
        **dict.fromkeys(
            ("AccessDenied", "403"), "access is denied; the credentials need to list, get, put and delete objects here"
        ),
        "ExpiredToken": "the credentials have expired; renew them",
        "InvalidAccessKeyId": "the access key is unknown to this endpoint; look at the credentials and AWS_ENDPOINT_URL",
        "SignatureDoesNotMatch": "the secret key does not fit the access key; look at the credentials",
        "NoCredentialsError": "no credentials found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role",
        **dict.fromkeys(
            ("ReadTimeoutError", "ConnectTimeoutError"), "the endpoint does not answer; look at its status, then run again"
        ),
        "EndpointConnectionError": "the endpoint cannot be reached; look at AWS_ENDPOINT_URL, the region and the network",
    }
    return StorageError(
        f"{place}: {remedies.get(code, f'the store answered {code}; run again, and look at its status if it stays')}"
    )
