"""The platform's parts, opened from its settings: campus, registrar, lake, database, artifacts, outbox, mail server.

Assets, IO managers, sensors and the command line all get their parts here; nothing is opened before it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import pandas as pd
import pyarrow as pa

from oulad_platform.core import calendar
from oulad_platform.core.pseudonyms import ERASURES
from oulad_platform.core.tables import Table, student_column
from oulad_platform.defs.catalog import Entry, warehouse_tables
from oulad_platform.enrollment.reporting.exports import CHANGES_FOLDER
from oulad_platform.settings import CONFIG_FILE, Settings, SettingsError, absolute
from oulad_platform.sources.registrar import Registrar, ReplayRegistrar, open_registrar

if TYPE_CHECKING:
    from oulad_platform.sources.demo import DemoCampus
    from oulad_platform.storage.artifacts import Artifacts
    from oulad_platform.storage.database import Database
    from oulad_platform.storage.lake import Lake
    from oulad_platform.storage.mail import SmtpServer
    from oulad_platform.storage.outbox import Outbox


class Campus(Protocol):
    """A source of the seven raw tables: the six small ones as frames, the clicks as typed chunks, one part a presentation."""

    @property
    def warnings(self) -> Sequence[str]: ...

    def tables(self) -> dict[str, pd.DataFrame]: ...

    def clicks(self, tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, pa.Table]]: ...


DEMO = "demo campus"
REGISTRARS = {"database": "registrar's database", "files": "registrar's files", "https": "registrar's endpoint"}
REPORTS = "reports/enrollment"
ARTIFACT_FOLDERS = ("models", "outputs", "reports")
DATED_FILES = ((CHANGES_FOLDER, ".csv"), (REPORTS, ".html"), (REPORTS, ".png"))


@dataclass(frozen=True)
class Platform:
    """Everything this installation is made of."""

    settings: Settings

    @cached_property
    def lake(self) -> Lake:
        from oulad_platform.storage.lake import Lake

        return Lake(self.settings.lake, self.settings.aws_region)

    @cached_property
    def database(self) -> Database:
        from oulad_platform.defs.warehouse import opened

        return opened(self.settings)

    @cached_property
    def artifacts(self) -> Artifacts:
        from oulad_platform.storage.artifacts import Artifacts

        return Artifacts(self.settings.artifacts, self.settings.aws_region)

    @cached_property
    def outbox(self) -> Outbox:
        """Mail; the demo campus has an outbox of its own, so that nothing real counts as told because the demo said it."""
        from oulad_platform.storage.outbox import Outbox

        uri = f"{self.settings.outbox}_demo" if self.source() == DEMO else self.settings.outbox
        return Outbox(uri, self.settings.aws_region, attempts=self.settings.delivery_attempts)

    @cached_property
    def mail_server(self) -> SmtpServer | None:
        """Where mail goes out; None when none is configured, and messages stay in the outbox."""
        from oulad_platform.storage.mail import SmtpServer

        settings = self.settings
        if settings.smtp_host is None:
            return None
        password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
        return SmtpServer(settings.smtp_host, settings.smtp_port, settings.smtp_security, settings.smtp_user, password)

    def today(self) -> date:
        """The calendar day it is at the institution now."""
        return datetime.now(calendar.timezone(self.settings.institution_timezone)).date()

    def newest_day(self, today: date) -> date:
        """The newest day the data can speak of: today from a registrar's own source, else while a presentation runs."""
        return today if self.settings.registrar_kind != "replay" else self.calendar_day(today)

    def calendar_day(self, today: date) -> date:
        """The last day of the campus's calendar, or today while it runs and where there are no raw tables."""
        return today if not self.settings.has_campus else calendar.newest_day(self.campus().tables()["courses"], today)

    def newest_stored_day(self, of: Entry) -> date | None:
        """The newest day of a day-partitioned table that has rows, None before the first."""
        if of.store == "warehouse":
            return self.database.newest_day(of.table)
        return self.lake.newest_day(of.line, of.table)

    def stored_days(self, of: Entry) -> list[date]:
        """The days of a day-partitioned table that have been made, those without rows too."""
        return self.database.days(of.table) if of.store == "warehouse" else self.lake.days(of.line, of.table)

    def with_last_month(self, of: Entry, made: pd.DataFrame) -> pd.DataFrame:
        """Warehouse rows just made, after those of the 30 days before the first of them: what a chart of a trend shows."""
        if made.empty or of.table.day is None:
            return made
        first = made[of.table.day].min().date()
        before = calendar.days_between(first - timedelta(days=30), first - timedelta(days=1))
        return pd.concat([self.database.read_days(of.table, list(before.date)), made], ignore_index=True)

    def claim(self) -> None:
        """Makes this installation's tables those of the configured source; another source's must not mix with them.

        A demo campus gives way: its tables and its files by day are removed. Real ones never do: raises SettingsError with
        what to do.
        """
        source = self.source()
        holder = self.lake.remember("source", source)
        if holder == source:
            return
        if holder != DEMO:
            raise SettingsError(
                f"{self.settings.lake} holds tables of the {holder}, and the {source} would mix with them: "
                "set OULAD_HOME to another folder, or remove data/ here"
            )
        self.database.clear(warehouse_tables())
        for folder, suffix in DATED_FILES:
            for name in self.artifacts.names(folder, suffix):
                self.artifacts.remove(f"{folder}/{name}{suffix}")
        self.lake.clear()
        self.lake.remember("source", source)

    def source(self) -> str:
        """Where this installation's tables come from, in words."""
        settings = self.settings
        replayed = f" from {settings.oulad_replay_today}" if settings.oulad_replay_today else ""
        campus = f"OULAD files{replayed}" if settings.data else DEMO if settings.has_campus else ""
        return " and ".join(part for part in (campus, REGISTRARS.get(settings.registrar_kind, "")) if part)

    def campus(self) -> Campus:
        """The source of raw tables as it stands today. Raises SettingsError when none is configured."""
        settings = self.settings
        if settings.data:
            from oulad_platform.sources.oulad import OuladFiles

            shift = 0
            if settings.oulad_replay_today:
                began = self._first_run(f"replay_of_{settings.oulad_replay_today}")
                shift = (began - settings.oulad_replay_today).days
            return OuladFiles(settings.data, settings.start_dates, shift, settings.aws_region)
        if settings.pipeline_demo_mode:
            return self._demo()
        raise SettingsError(
            "No data is configured: set OULAD_DATA to the folder, zip or bucket with the seven OULAD files, "
            f"or PIPELINE_DEMO_MODE=true (environment or {CONFIG_FILE}) for the demo campus"
        )

    def registrar(self) -> Registrar:
        """Who says which students are enrolled: the configured source, else the registrations themselves."""
        settings = self.settings
        people = self._demo().people() if settings.registrar_kind == "replay" and not settings.data else None
        return open_registrar(
            settings.registrar_source,
            url=settings.enrollment_db_url.get_secret_value() if settings.enrollment_db_url else None,
            query=settings.query,
            token=settings.enrollment_api_token.get_secret_value() if settings.enrollment_api_token else None,
            today=self.today(),
            region=settings.aws_region,
            replay=ReplayRegistrar(names=people, divisions=settings.divisions),
        )

    def interventions(self) -> pd.DataFrame | None:
        """The contacts made with students, as dropped files say now, or the demo campus; None: the stored table is the record."""
        from oulad_platform.sources.outreach import read_interventions

        if self.settings.interventions:
            settings = self.settings
            where = absolute(str(settings.interventions))
            return read_interventions(where, settings.aws_region, today=self.today(), pseudonyms=settings.pseudonyms)
        return self._demo().contacts() if self.source() == DEMO else None

    def advisers(self) -> pd.DataFrame | None:
        """Who may contact students, likewise; None: the stored table is the record."""
        from oulad_platform.sources.outreach import read_advisers

        if self.settings.advisers:
            return read_advisers(absolute(self.settings.advisers), self.settings.aws_region)
        return self._demo().advisers() if self.source() == DEMO else None

    def without_erased(self, frame: pd.DataFrame, table: Table) -> pd.DataFrame:
        """The rows of a table that are about nobody who was erased."""
        return frame[~self.erased(frame[str(student_column(table))])].reset_index(drop=True)

    def erased(self, students: pd.Series) -> pd.Series:
        """Whether each of these identifiers is of somebody who was erased."""
        return self.settings.pseudonyms.known_as(students, self.database.read(ERASURES)["student_key"])

    def _demo(self) -> DemoCampus:
        from oulad_platform.sources.demo import DemoCampus

        return DemoCampus(self._first_run("demo_campus"), self.today(), self.settings.demo_seed)

    def _first_run(self, what: str) -> date:
        """The day on which this installation first did something: from then on its calendar runs with the real one."""
        return date.fromisoformat(self.lake.remember(what, self.today().isoformat()))


def utc_now() -> datetime:
    """The time as `timestamp` columns hold it: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)
