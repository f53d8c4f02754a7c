"""Every knob once: name, default, bounds, unit. The only module that reads the environment.

A setting's environment name is its field name in capitals. The environment goes before `platform.yaml`, which goes before
the default. A value that cannot be used, and a name that does not exist, is refused; all at once, each by its name.
"""

from __future__ import annotations

import difflib
import os
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)
from pydantic_settings import SettingsError as SourceError

from oulad_platform.core.calendar import timezone

CONFIG_FILE = "platform.yaml"
# Read by the test suite, the Makefile or `home()`, not part of the model.
OTHER_NAMES = frozenset({"OULAD_HOME", "OULAD_TEST_DATA"})
SHORTEST_MISSPELT = 10


class SettingsError(ValueError):
    """One or more settings cannot be used. Lists every one by name with what it takes."""


def home() -> Path:
    """The folder that relative paths and `platform.yaml` are looked up in: OULAD_HOME, else the working directory."""
    return Path(os.environ.get("OULAD_HOME", ".")).resolve()


class Settings(BaseSettings):
    """The platform's settings; frozen. See `load`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", case_sensitive=False, env_ignore_empty=True)

    institution_name: str = Field("Demo University", min_length=1, description="Name in reports and charts.")
    institution_timezone: str = Field("Europe/London", description="IANA time zone in which a day begins and 08:00 is 08:00.")
    enrollment_semester: str = Field("", description="Label of the current semester in reports.")

    oulad_data: str | None = Field(None, description="Folder, .zip or s3://bucket/prefix with the seven OULAD CSVs.")
    pipeline_demo_mode: bool = Field(False, description="Use the demo campus when OULAD_DATA is not set.")
    demo_seed: int = Field(2024, ge=0, description="Seed of the demo campus.")
    oulad_replay_today: date | None = Field(None, description="Historical day that is taken as today when first run.")
    start_dates: dict[str, date] = Field({}, description="First day of presentations whose code does not tell it.")
    divisions: dict[str, str] = Field({}, description="Division of each program, over the ones known for OULAD.")
    first_day: date | None = Field(None, description="First daily partition; unset: 2013-01-01, for the demo campus 2025-01-01.")

    enrollment_db_url: SecretStr | None = Field(None, description="Registrar's database (SQLAlchemy URL); replaces the replay.")
    enrollment_sql_query: str | None = Field(None, description="SELECT for one day's snapshot; binds :snapshot_date.")
    enrollment_email_recipients: Annotated[tuple[str, ...], NoDecode] = Field((), description="Addresses, comma-separated.")

    database_url: SecretStr | None = Field(None, description="Warehouse: a PostgreSQL URL; unset: SQLite in data/oulad.db.")
    storage_backend: Literal["local", "s3"] = Field("local", description="Where lake and artifacts are kept.")
    aws_region: str | None = Field(None, description="Region of the bucket; unset: as boto3 finds it.")
    s3_bucket: str | None = Field(None, description="Bucket for STORAGE_BACKEND=s3.")
    s3_prefix: str = Field("oulad-artifacts", description="Prefix in the bucket.")
    lake_uri: str = Field("data/lake", description="Folder or s3:// address of the lake.")
    artifacts_uri: str = Field(".", description="Folder or s3:// address that receives outputs/ and reports/.")
    outbox_uri: str = Field("data/outbox", description="Folder or s3:// address that receives alert messages.")
    smtp_host: str | None = Field(None, description="Mail server that `oulad doctor` tries to reach.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")

    model_backend: Literal["sklearn"] = Field("sklearn", description="Library that fits the risk model.")
    random_seed: int = Field(7, ge=0, description="Seed of model, resampling and experiment.")
    split_week: int = Field(7, ge=1, le=40, description="Weekly evaluation: train before this week, test from it on. weeks")
    high_risk_threshold: float = Field(0.25, gt=0, lt=1, description="Score above which a student is high risk. 0-1")
    high_risk_share_limit: float = Field(
        0.60, gt=0, lt=1, description="Share of high-risk students above which an alert fires. 0-1"
    )
    risk_spike_threshold_pct: float = Field(
        0.10, gt=0, le=5, description="Relative rise of mean risk in a week that alerts. 0.10 = 10 %"
    )

    experiment_id: str = Field("outreach", pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Name of the simulated experiment.")
    experiment_top_k: int = Field(400, ge=2, description="Students at highest risk in the simulated experiment.")
    value_per_pass: float = Field(3000.0, ge=0, description="Value of one more student passing. currency")
    intervention_costs: Annotated[tuple[float, ...], NoDecode] = Field(
        (25.0, 50.0, 100.0), min_length=1, description="Cost of one contact. currency"
    )

    executor: Literal["in_process", "multiprocess"] = Field("in_process", description="How a run executes its steps.")
    automation: bool = Field(False, description="Schedules and sensors start switched on.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, yaml_file=home() / CONFIG_FILE)

    @field_validator("enrollment_email_recipients", "intervention_costs", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("enrollment_email_recipients")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [address for address in value if address.count("@") != 1 or any(c.isspace() or c in ",;<>" for c in address)]
        if wrong:
            raise ValueError(f"{wrong} are not e-mail addresses such as registrar@university.edu")
        return value

    @field_validator("institution_timezone")
    @classmethod
    def _timezone(cls, value: str) -> str:
        timezone(value)
        return value

    @model_validator(mode="after")
    def _belongs_together(self) -> Settings:
        if self.storage_backend == "s3" and not self.s3_bucket:
            raise ValueError("STORAGE_BACKEND=s3 needs S3_BUCKET")
        if bool(self.enrollment_db_url) != bool(self.enrollment_sql_query):
            raise ValueError("ENROLLMENT_DB_URL and ENROLLMENT_SQL_QUERY go together; set both or neither")
        if self.oulad_replay_today and not self.oulad_data:
            raise ValueError("OULAD_REPLAY_TODAY replays real files; set OULAD_DATA")
        return self

    @property
    def first_partition(self) -> date:
        return self.first_day or (date(2013, 1, 1) if self.oulad_data else date(2025, 1, 1))

    @property
    def lake(self) -> str:
        return self._address("lake_uri", "lake")

    @property
    def artifacts(self) -> str:
        return self._address("artifacts_uri", "")

    @property
    def outbox(self) -> str:
        return self._address("outbox_uri", "outbox")

    @property
    def warehouse(self) -> str:
        """The warehouse's URL, secret included: for the engine only."""
        url = self.database_url.get_secret_value() if self.database_url else "sqlite:///data/oulad.db"
        file = url.removeprefix("sqlite:///")
        return f"sqlite:///{home() / file}" if file != url else url

    @property
    def data(self) -> str | None:
        return None if self.oulad_data is None else _absolute(self.oulad_data)

    def _address(self, field: str, folder: str) -> str:
        if self.storage_backend == "s3" and field not in self.model_fields_set:
            return "/".join(part for part in (f"s3://{self.s3_bucket}", self.s3_prefix.strip("/"), folder) if part)
        return _absolute(getattr(self, field))


def _absolute(address: str) -> str:
    return address if "://" in address else str((home() / address).resolve())


def load() -> Settings:
    """The settings of this process. Raises SettingsError naming every unknown or unusable one, and where it came from."""
    complaints = _unknown_names()
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = str(problem["loc"][0]) if problem["loc"] else ""
            place = "environment" if name.upper() in os.environ else CONFIG_FILE
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
    return settings


def _unknown_names() -> list[str]:
    """Names in the environment that look like a setting and are none: our prefix, or a misspelling of a long name."""
    known = {name.upper() for name in Settings.model_fields}
    complaints = []
    for name in sorted(set(os.environ) - known - OTHER_NAMES):
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.9) if len(name) >= SHORTEST_MISSPELT else []
        if nearest or name.startswith("OULAD_"):
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            complaints.append(f"{name} (environment): there is no such setting{hint}")
    return complaints
