"""What can go wrong with keeping things. Messages name the place and the next step; they hold no secret and no row's values."""

from __future__ import annotations


class StorageError(RuntimeError):
    """Something could not be stored or read."""


class MissingFileError(StorageError):
    """The file asked for is not there."""


class MissingTableError(StorageError, LookupError):
    """The table asked for was never written."""


class SchemaMismatchError(StorageError):
    """What is stored has other columns than the table declares."""
