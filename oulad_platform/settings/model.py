"""Every knob once: name, default, bounds, unit. Sections are described in the rooms that obey them.

Where the values come from, and what is refused, is in `loading`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from oulad_platform.core.alerts import AlertRules
from oulad_platform.core.calendar import timezone
from oulad_platform.core.house import Colour, House, Words
from oulad_platform.core.privacy import Disclosure
from oulad_platform.core.pseudonyms import DEMO, Pseudonyms
from oulad_platform.enrollment.quality import QualityRules
from oulad_platform.settings.places import CONFIG_FILE, SettingsError, absolute, home, secrets_folder
from oulad_platform.sources.registrar.config import RegistrarConfig
from oulad_platform.success.caseload.ranking import CaseloadRules
from oulad_platform.success.roi.doubt import ReturnRules


class Settings(BaseSettings):
    """The platform's settings; frozen. See `load`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", case_sensitive=False, env_ignore_empty=True, env_nested_delimiter="__"
    )

    oulad_env: Literal["development", "production"] = Field("development", description="production: no demo key is accepted.")
    institution_name: str = Field("Demo University", min_length=1, description="Name in reports and charts.")
    institution_timezone: str = Field("Europe/London", description="IANA time zone in which a day begins and 08:00 is 08:00.")
    enrollment_semester: str = Field("", description="Label of the current semester in reports.")
    vocabulary: Words = Field(Words(), description="What a person, a holding, a program is called in reports, charts and mail.")
    main_colour: Colour = Field("#0072B2", description="Lines and headings. #rrggbb")
    up_colour: Colour = Field("#009E73", description="Who came, in charts. #rrggbb")
    down_colour: Colour = Field("#D55E00", description="Who left, in charts. #rrggbb")

    oulad_data: str | None = Field(None, description="Folder, .zip or s3://bucket/prefix with the seven OULAD CSVs.")
    pipeline_demo_mode: bool = Field(False, description="Use the demo campus when OULAD_DATA is not set.")
    demo_seed: int = Field(2024, ge=0, description="Seed of the demo campus.")
    oulad_replay_today: date | None = Field(None, description="Historical day that is taken as today when first run.")
    start_dates: dict[str, date] = Field({}, description="First day of presentations and terms whose source does not tell it.")
    divisions: dict[str, str] = Field({}, description="Division of each program, over the ones known for OULAD.")
    first_day: date | None = Field(None, description="First daily partition; unset: 2013-01-01, for the demo campus 2025-01-01.")

    registrar: RegistrarConfig = Field(RegistrarConfig(), description="Where snapshots come from.")
    enrollment_db_url: SecretStr | None = Field(None, description="Registrar's database (SQLAlchemy URL); makes it the source.")
    enrollment_sql_query: str | None = Field(None, description="SELECT for one day's snapshot, instead of REGISTRAR__QUERY_FILE.")
    enrollment_api_token: SecretStr | None = Field(None, description="Bearer token of the registrar's HTTPS endpoint.")
    quality: QualityRules = Field(QualityRules(), description="When an extract is held back.")
    compared_attributes: Annotated[tuple[Literal["division", "level", "status"], ...], NoDecode] = Field(
        ("division", "level", "status"), description="What counts as a move when it changes, besides the program."
    )
    census_days: dict[str, date] = Field({}, description="Census day of each term; unset: 14 days after its start.")
    retention_target: float = Field(0.85, gt=0, le=1, description="Share of a census cohort that should stay. 0-1")
    snapshot_days_kept: int = Field(90, ge=8, description="Days after which housekeeping removes a snapshot file. days")
    report_days_kept: int = Field(365, ge=8, description="Days after which housekeeping removes a day's report. days")

    enrollment_email_recipients: Annotated[tuple[str, ...], NoDecode] = Field((), description="Addresses, comma-separated.")
    mail_triggers: Annotated[tuple[Literal["daily_summary", "anomaly_detected", "error_occurred"], ...], NoDecode] = Field(
        ("daily_summary", "anomaly_detected", "error_occurred"), description="What is mailed."
    )
    include_student_lists: bool = Field(False, description="Attach who came and who left, with names, to the daily mail.")
    mail_sender: str = Field("oulad-platform@localhost", description="Address that mail comes from.")
    smtp_host: str | None = Field(None, description="Mail server; unset: messages stay in the outbox.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    smtp_security: Literal["starttls", "tls", "none"] = Field("starttls", description="none: loopback only.")
    smtp_user: str | None = Field(None, description="Account at the mail server.")
    smtp_password: SecretStr | None = Field(None, description="Its password.")
    alert_urls: SecretStr | None = Field(None, description="Webhooks, Slack, Teams: apprise URLs, separated by spaces.")
    alerts: AlertRules = Field(AlertRules(), description="When an alert is told, and when again.")
    delivery_attempts: int = Field(72, ge=1, le=1000, description="Refusals until a message is put aside; 72: about three days.")
    stale_after_hour: int = Field(10, ge=1, le=23, description="Hour after which a daily table without today alerts. hour")

    database_url: SecretStr | None = Field(None, description="Warehouse: a PostgreSQL URL; unset: SQLite in data/oulad.db.")
    database_owner_url: SecretStr | None = Field(None, description="Account that migrates; unset: DATABASE_URL's does.")
    pseudonym_key: SecretStr | None = Field(None, description="Key of pseudonyms, 32 characters or more; unset: a published one.")
    pseudonym_key_id: str = Field("k1", pattern=r"^[a-z0-9]{1,12}$", description="Name of that key, in every pseudonym.")
    pseudonym_old_keys: SecretStr | None = Field(None, description="Earlier keys, `id=key` separated by spaces.")
    storage_backend: Literal["local", "s3"] = Field("local", description="Where lake and artifacts are kept.")
    aws_region: str | None = Field(None, description="Region of the bucket; unset: as boto3 finds it.")
    s3_bucket: str | None = Field(None, description="Bucket for STORAGE_BACKEND=s3.")
    s3_prefix: str = Field("oulad-artifacts", description="Prefix in the bucket.")
    lake_uri: str = Field("data/lake", description="Folder or s3:// address of the lake.")
    artifacts_uri: str = Field(".", description="Folder or s3:// address that receives outputs/ and reports/.")
    outbox_uri: str = Field("data/outbox", description="Folder or s3:// address that keeps every message until it is sent.")
    interventions: str | None = Field(None, description="CSV file, folder or s3:// address of the contacts made with students.")
    advisers: str | None = Field(None, description="CSV file, folder or s3:// address: who contacts whom, and how many a day.")
    opt_outs: str | None = Field(None, description="CSV file, folder or s3:// address: who is not to be scored, from which day.")

    model_backend: Literal["sklearn", "pytorch", "tensorflow"] = Field("sklearn", description="Library that fits the risk model.")
    predict_with_protected: bool = Field(False, description="Let the model read gender, age, deprivation and disability.")
    random_seed: int = Field(7, ge=0, description="Seed of model, resampling and experiment.")
    split_week: int = Field(7, ge=1, le=40, description="Weekly evaluation: train before this week, test from it on. weeks")
    high_risk_threshold: float = Field(0.25, gt=0, lt=1, description="Score above which a student is high risk. 0-1")
    high_risk_share_limit: float = Field(
        0.60, gt=0, lt=1, description="Share of high-risk students above which an alert fires. 0-1"
    )
    risk_spike_threshold_pct: float = Field(
        0.10, gt=0, le=5, description="Relative rise of mean risk in a week that alerts. 0.10 = 10 %"
    )

    caseload: CaseloadRules = Field(CaseloadRules(), description="How many are contacted, and how soon again.")
    experiment_id: str = Field("outreach", pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Name of the simulated experiment.")
    experiment_top_k: int = Field(400, ge=2, description="Students at highest risk in the simulated experiment.")
    value_per_pass: float = Field(3000.0, ge=0, description="Value of one more student passing. currency")
    intervention_costs: Annotated[tuple[float, ...], NoDecode] = Field(
        (25.0, 50.0, 100.0), min_length=1, description="Cost of one contact. currency"
    )

    returns: ReturnRules = Field(ReturnRules(), description="What is assumed about the effect of a contact.")
    suppress_below: int = Field(10, ge=1, description="Counts of students below this are not shown on pages. students")
    count_rounding: Literal["none", "hesa"] = Field("none", description="hesa: counts to the nearest 5, instead of withholding.")

    event_days_kept: int = Field(90, ge=8, description="Days after which housekeeping removes runs from Dagster's log. days")
    log_format: Literal["text", "json"] = Field("text", description="How log lines are written to standard output.")
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
        secrets = [SecretsSettingsSource(settings_cls, secrets_dir=folder) for folder in (secrets_folder(),) if folder]
        return init_settings, env_settings, *secrets, YamlConfigSettingsSource(settings_cls, yaml_file=home() / CONFIG_FILE)

    @field_validator("enrollment_email_recipients", "intervention_costs", "mail_triggers", "compared_attributes", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("enrollment_email_recipients", "mail_sender")
    @classmethod
    def _addresses(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        addresses = (value,) if isinstance(value, str) else value
        wrong = [one for one in addresses if one.count("@") != 1 or any(c.isspace() or c in ",;<>" for c in one)]
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
        if self.smtp_host and "mail_sender" not in self.model_fields_set:
            raise ValueError("SMTP_HOST needs MAIL_SENDER, the address that mail comes from")
        if bool(self.smtp_user) != bool(self.smtp_password):
            raise ValueError("SMTP_USER and SMTP_PASSWORD go together; set both or neither")
        if self.registrar.kind == "database" and not self.enrollment_db_url:
            raise ValueError("REGISTRAR__KIND=database needs ENROLLMENT_DB_URL")
        if self.enrollment_sql_query and not self.enrollment_db_url:
            raise ValueError("ENROLLMENT_SQL_QUERY asks a database; set ENROLLMENT_DB_URL")
        if self.enrollment_db_url and self.registrar.kind in ("files", "https"):
            raise ValueError(f"ENROLLMENT_DB_URL and REGISTRAR__KIND={self.registrar.kind} name two sources; keep one")
        keys = self.pseudonyms
        if self.oulad_env == "production" and keys.keys[keys.current] in DEMO.keys.values():
            raise ValueError("OULAD_ENV=production needs PSEUDONYM_KEY, a secret of 32 characters or more")
        if self.oulad_replay_today and not self.oulad_data:
            raise ValueError("OULAD_REPLAY_TODAY replays real files; set OULAD_DATA")
        return self

    @property
    def first_partition(self) -> date:
        return self.first_day or (date(2013, 1, 1) if self.oulad_data else date(2025, 1, 1))

    @property
    def registrar_kind(self) -> str:
        """Where snapshots come from; a database as soon as its URL is set."""
        return "database" if self.enrollment_db_url else self.registrar.kind

    @property
    def registrar_source(self) -> RegistrarConfig:
        """The section `registrar` with the kind that holds and the location in full."""
        location = self.registrar.location and absolute(self.registrar.location)
        return self.registrar.model_copy(update={"kind": self.registrar_kind, "location": location})

    @property
    def has_campus(self) -> bool:
        """Whether there are the seven raw tables; an institution with a registrar alone has the enrollment line only.

        A registrar of its own is real, so the demo campus does not stand beside it.
        """
        return bool(self.oulad_data) or self.registrar_kind == "replay"

    @property
    def query(self) -> str | None:
        """The registrar's query: the setting's, else the file's text. Raises SettingsError when the file cannot be read."""
        if self.enrollment_sql_query:
            return self.enrollment_sql_query
        file = home() / self.registrar.query_file
        try:
            return file.read_text(encoding="utf-8") if self.registrar_kind == "database" else None
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"REGISTRAR__QUERY_FILE: {file} cannot be read: {error}") from error

    @property
    def webhooks(self) -> list[str]:
        """The URLs of ALERT_URLS, secrets included: for the channels only."""
        return self.alert_urls.get_secret_value().split() if self.alert_urls else []

    @property
    def pseudonyms(self) -> Pseudonyms:
        """The keys of students' pseudonyms. Raises ValueError for old keys that cannot be read."""
        if self.pseudonym_key is None:
            return DEMO
        old = self.pseudonym_old_keys.get_secret_value().split() if self.pseudonym_old_keys else []
        keys = {self.pseudonym_key_id: self.pseudonym_key.get_secret_value()}
        for one in old:
            name, is_pair, key = one.partition("=")
            if not is_pair or name in keys:
                raise ValueError("PSEUDONYM_OLD_KEYS holds `id=key`, separated by spaces, each id once and none the current one")
            keys[name] = key
        return Pseudonyms({name: key.encode() for name, key in keys.items()}, self.pseudonym_key_id)

    @property
    def disclosure(self) -> Disclosure:
        """How counts of students leave."""
        return Disclosure(self.suppress_below, self.count_rounding)

    @property
    def house(self) -> House:
        colours = {"main_colour": self.main_colour, "up_colour": self.up_colour, "down_colour": self.down_colour}
        return House(institution=self.institution_name, words=self.vocabulary, **colours)

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
        return None if self.oulad_data is None else absolute(self.oulad_data)

    def _address(self, field: str, folder: str) -> str:
        if self.storage_backend == "s3" and field not in self.model_fields_set:
            return "/".join(part for part in (f"s3://{self.s3_bucket}", self.s3_prefix.strip("/"), folder) if part)
        return absolute(getattr(self, field))
