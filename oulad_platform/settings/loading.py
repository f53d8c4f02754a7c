"""Reads the settings of this process, and refuses what cannot be used: all at once, each by its name.

A setting's environment name is its field name in capitals; inside a section, SECTION__FIELD. The environment goes before a
file of the folder of secrets, that before `platform.yaml`, and that before the default.
"""

from __future__ import annotations

import os

import yaml
from pydantic import SecretStr, ValidationError
from pydantic_settings import SettingsError as SourceError

from oulad_platform.core.environment import unknown_names
from oulad_platform.settings.model import Settings
from oulad_platform.settings.places import CONFIG_FILE, SettingsError, home, secrets_folder

# Read by the test suite, the Makefile or `places`, not part of the model.
OTHER_NAMES = frozenset({"OULAD_HOME", "OULAD_TEST_DATA", "SECRETS_DIR"})
KERAS_BACKENDS = {"pytorch": "torch", "tensorflow": "tensorflow"}


def load() -> Settings:
    """The settings of this process. Raises SettingsError naming every unknown or unusable one, and where it came from."""
    complaints = unknown_names(os.environ, {name.upper() for name in Settings.model_fields}, OTHER_NAMES)
    try:
        complaints += _secrets_in_file()
        settings = Settings()
    except SettingsError as error:
        complaints.append(str(error))
    except ValidationError as error:
        for problem in error.errors():
            name = "__".join(str(part) for part in problem["loc"])
            place = _place(name)
            what = (
                "there is no such setting"
                if problem["type"] == "extra_forbidden"
                else problem["msg"].removeprefix("Value error, ")
            )
            complaints.append(f"{name.upper()} ({place}): {what}" if name else what)
    except SourceError as error:
        complaints.append(f"{error}: {error.__cause__}")
    except (yaml.YAMLError, ValueError) as error:
        complaints.append(f"{home() / CONFIG_FILE} is not a YAML mapping of settings: {error}")
    if complaints:
        raise SettingsError("Settings cannot be used:\n  " + "\n  ".join(complaints))
    if settings.model_backend in KERAS_BACKENDS:
        os.environ["KERAS_BACKEND"] = KERAS_BACKENDS[settings.model_backend]  # Keras reads it when it is first imported
    return settings


def _place(name: str) -> str:
    folder = secrets_folder()
    if name.upper() in os.environ:
        return "environment"
    return str(folder) if folder and (folder / name).exists() else CONFIG_FILE


def _secrets_in_file() -> list[str]:
    """Secrets that stand in platform.yaml, where everybody who reads the repository would see them."""
    file = home() / CONFIG_FILE
    written = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else None
    secret = {name for name, field in Settings.model_fields.items() if field.annotation == SecretStr | None}
    found = sorted(secret & set(written)) if isinstance(written, dict) else []
    rule = "a secret only ever comes from the environment or the folder of secrets; remove it there"
    return [f"{name.upper()} ({CONFIG_FILE}): {rule}" for name in found]
