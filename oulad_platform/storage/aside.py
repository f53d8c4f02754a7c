"""Local files while they are written, beside their place; locks on them and on folders tell who is still at work."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

ASIDE = ".aside"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Other processes of this machine that want to be alone in the folder wait."""
    lock = _lock(folder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


@contextmanager
def aside(target: Path, *, folder: bool) -> Iterator[Path]:
    """An empty file or folder beside the target. While in use it is locked; what killed processes left has no lock and goes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for remains in target.parent.glob(f".{escape(target.name)}.*{ASIDE}"):
        remove_unheld(remains)
    held = None
    while held is None:
        temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}{ASIDE}")
        temporary.mkdir() if folder else temporary.touch(exist_ok=False)
        held = _lock(temporary, fcntl.LOCK_SH)
    try:
        yield temporary
    finally:
        discard(temporary)
        os.close(held)


def remove_unheld(remains: Path) -> None:
    """Removes what a killed process left aside; what another holds stays."""
    held = _lock(remains, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if held is not None:
        discard(remains)
        os.close(held)


def discard(path: Path) -> None:
    """Removes a file, a link or a folder with all that is in it; nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _lock(path: Path, mode: int) -> int | None:
    """A descriptor that holds the lock; None when another process has the lock or has removed the path."""
    try:
        held = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(held, mode)
        if os.fstat(held).st_nlink:
            return held
    except BlockingIOError:
        pass
    os.close(held)
    return None
