"""Where settings are looked for, and relative addresses lie: the home folder, platform.yaml, the folder of secrets."""

from __future__ import annotations

import os
from pathlib import Path

CONFIG_FILE = "platform.yaml"
MOUNTED_SECRETS = Path("/run/secrets")
STARTED_IN = Path.cwd()


class SettingsError(ValueError):
    """One or more settings cannot be used. Lists every one by name with what it takes."""


def home() -> Path:
    """The folder that relative paths and `platform.yaml` are looked up in: OULAD_HOME, else where the process was started."""
    return (STARTED_IN / os.environ.get("OULAD_HOME", ".")).resolve()


def instance_folder() -> Path:
    """The folder of the dagster.yaml that holds here: DAGSTER_HOME's where there is one, else `home()`."""
    named = Path(os.environ.get("DAGSTER_HOME") or home())
    return named if (named / "dagster.yaml").is_file() else home()


def secrets_folder() -> Path | None:
    """The folder with one file per secret, named like its setting: SECRETS_DIR, else where containers mount theirs, if there.

    Raises SettingsError when SECRETS_DIR names no folder.
    """
    named = os.environ.get("SECRETS_DIR")
    if not named:
        return MOUNTED_SECRETS if MOUNTED_SECRETS.is_dir() else None
    if not Path(named).is_dir():
        raise SettingsError(f"SECRETS_DIR (environment): {named} is no folder")
    return Path(named)


def absolute(address: str) -> str:
    """A folder as its full path from `home()`; an address with a scheme as it is."""
    return address if "://" in address else str((home() / address).resolve())
