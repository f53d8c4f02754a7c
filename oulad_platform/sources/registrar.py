"""The registrar: who is enrolled on which day, from registrations (OULAD and demo) or from a university's own database.

Every registrar answers with rows in the shape of the table `enrollment_snapshots`, one per student, program and day. Here
are the interface and two thin extracts. Storing and validating snapshots, and what changed between them, live elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core.calendar import end_dates, enrolled_on
from oulad_platform.core.checks import ContractError, Finding

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection

OULAD_DIVISIONS: Mapping[str, str] = {
    **dict.fromkeys(("AAA", "BBB", "GGG"), "Social Sciences"),
    **dict.fromkeys(("CCC", "DDD", "EEE", "FFF"), "STEM"),
}
STATUSES = pd.Series(["registered", "active"], dtype="str")
UNASSIGNED = "Unassigned"
ENROLMENT = ["code_module", "code_presentation", "id_student"]

REQUIRED = ("student_id", "student_name", "division", "program", "level")
OPTIONAL = ("status", "term", "term_end_date", "first_enrolled_date")
DATES = ("term_end_date", "first_enrolled_date")
READ_ONLY = {"postgresql": "SET TRANSACTION READ ONLY", "sqlite": "PRAGMA query_only = ON"}


class RegistrarError(RuntimeError):
    """The registrar's system could not say who is enrolled; nothing was stored and nobody counts as having left."""


class Registrar(Protocol):
    """Whoever can say who is enrolled on a day."""

    def snapshots(self, days: pd.DatetimeIndex, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """One row per day of `days`, student and program, with the columns of `enrollment_snapshots`.

        `tables` are the small raw tables, for registrars that derive their answer from them.
        """
        ...


@dataclass(frozen=True)
class ReplayRegistrar:
    """Snapshots derived from registrations: what a registrar would have said on each day of the past.

    `names` (id_student, student_name) gives people's names; without it everybody is `Student <id>`. `divisions` maps a
    module to its division, over those known for OULAD; an unlisted module is `Unassigned`.
    """

    names: pd.DataFrame | None = None
    divisions: Mapping[str, str] = field(default_factory=dict)

    def snapshots(self, days: pd.DatetimeIndex, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """Rows in force at the start of each day and not past the term's last day; nothing dated after a day changes it.

        Reads courses (with start_date), student_info and student_registration. A student in several presentations of one
        module has one row: the latest that has started, else the latest to come. `status` is `registered` before the
        term's first day, `active` from it on. `first_enrolled_date` is the earliest registration in that module.
        """
        people = self._registrations(tables)
        pair, n_pairs = _pairs(people)
        start, end = people["start_date"].to_numpy("datetime64[D]"), people["term_end_date"].to_numpy("datetime64[D]")
        registered, unregistered = people["date_registration"].to_numpy(), people["date_unregistration"].to_numpy()
        chosen: list[npt.NDArray[np.int64]] = []
        started: list[npt.NDArray[np.bool_]] = []
        for day in days.to_numpy("datetime64[D]"):
            present = enrolled_on(registered, unregistered, (day - start).astype("int64")) & (day <= end)
            rows = np.flatnonzero(present)
            is_started = start[rows] <= day
            latest = np.full(n_pairs, -1)
            for group in (rows[~is_started], rows[is_started]):
                latest[pair[group]] = group
            chosen.append(latest[latest >= 0])
            started.append(start[chosen[-1]] <= day)
        rows = np.concatenate(chosen) if chosen else np.array([], dtype="int64")
        known = ["student_id", "student_name", "division", "program", "level", "term", *DATES]
        frame = people[known].take(rows).reset_index(drop=True)
        frame["snapshot_date"] = np.repeat(days.to_numpy("datetime64[us]"), [len(c) for c in chosen])
        is_active = np.concatenate(started) if started else np.array([], dtype=bool)
        frame["status"] = STATUSES.take(is_active.astype("int64")).reset_index(drop=True)
        return frame[["snapshot_date", *REQUIRED, *OPTIONAL]]

    def _registrations(self, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """One row per registration with a known date, in order of term start, in the words of a snapshot."""
        courses = tables["courses"].assign(term_end_date=end_dates(tables["courses"]))
        info = tables["student_info"][[*ENROLMENT, "highest_education"]]
        people = tables["student_registration"].dropna(subset=["date_registration"])
        people = people.merge(courses, on=ENROLMENT[:2], validate="many_to_one")
        people = people.merge(info, on=ENROLMENT, how="left", validate="one_to_one")
        people = people.astype({"date_registration": "float64", "date_unregistration": "float64"})
        people = people.sort_values(["start_date", *ENROLMENT], kind="stable", ignore_index=True)
        people["student_id"] = people["id_student"].astype("str")
        people["student_name"] = self._student_names(people)
        people["division"] = people["code_module"].map({**OULAD_DIVISIONS, **self.divisions}).fillna(UNASSIGNED).astype("str")
        first = people["start_date"] + pd.to_timedelta(people["date_registration"], unit="D")
        people["first_enrolled_date"] = first.groupby([people["id_student"], people["code_module"]]).transform("min")
        return people.rename(columns={"code_module": "program", "code_presentation": "term", "highest_education": "level"})

    def _student_names(self, people: pd.DataFrame) -> pd.Series:
        unnamed = "Student " + people["student_id"]
        if self.names is None:
            return unnamed
        named = people[["id_student"]].merge(self.names, on="id_student", how="left", validate="many_to_one")
        return named["student_name"].fillna(unnamed).astype("str")


def _pairs(people: pd.DataFrame) -> tuple[npt.NDArray[np.int64], int]:
    """A number for each student and program, in the order of their text, and how many there are."""
    grouped = people.groupby(["student_id", "program"], sort=True)
    return grouped.ngroup().to_numpy().astype("int64"), grouped.ngroups


@dataclass(frozen=True)
class DatabaseRegistrar:
    """Snapshots selected from any database that SQLAlchemy speaks to; one SELECT a day, in one transaction that cannot write.

    The query selects student_id, student_name, division, program and level, and may select status, term, term_end_date and
    first_enrolled_date. Without a status column everybody is `active`, without a term column in `term`; a value that is
    absent inside a column stays absent. `:snapshot_date` in the query stands for the day. A query without it describes now:
    it can be asked about `today` only. Beyond PostgreSQL and SQLite use an account that may only read.
    """

    url: str = field(repr=False)
    query: str
    today: date | None = None
    term: str = "current"

    def snapshots(self, days: pd.DatetimeIndex, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """One row per day, student and program; `tables` are not used.

        Raises RegistrarError when the database cannot be asked, the query is unfit, or a day has no rows; ContractError
        naming day and row when an identifier is blank, not text or whole, or repeated.
        """
        import sqlalchemy as sa

        try:
            url = _normalised(sa.make_url(self.url))
        except sa.exc.ArgumentError:
            raise RegistrarError("the registrar's database URL is not one; write dialect://user@host/database") from None
        place = f"{url.get_backend_name()} database {url.database!r} on {url.host or 'this machine'}"
        bound = set(sa.text(self.query).compile().params)
        self._refuse_unfit(bound, days)
        statement = sa.text(self.query)
        if bound:
            statement = statement.bindparams(sa.bindparam("snapshot_date", type_=sa.Date))
        engine = sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True)
        try:
            with engine.connect() as connection:
                if engine.dialect.name in READ_ONLY:
                    connection.execute(sa.text(READ_ONLY[engine.dialect.name]))
                return pd.concat([self._ask(connection, statement, day, bound, place) for day in days], ignore_index=True)
        except sa.exc.SQLAlchemyError as error:
            said = str(getattr(error, "orig", None) or error).splitlines()[0]
            if url.password:
                said = said.replace(url.password, "***")
            raise RegistrarError(f"{place}: {said}; check URL, rights and query") from None

    def _refuse_unfit(self, bound: set[str], days: pd.DatetimeIndex) -> None:
        if unknown := sorted(bound - {"snapshot_date"}):
            raise RegistrarError(f"the registrar query binds {unknown}; only :snapshot_date is known")
        other = [] if bound else [day.date() for day in days if day.date() != self.today]
        if other:
            raise RegistrarError(
                f"the registrar query has no :snapshot_date, so it describes now ({self.today or 'day not given'}) and says "
                f"nothing about {other[0]}; bind :snapshot_date to ask about other days"
            )

    def _ask(self, connection: Connection, statement: Any, day: pd.Timestamp, bound: set[str], place: str) -> pd.DataFrame:
        where = f"registrar query for {day.date()}"
        result = connection.execute(statement, {"snapshot_date": day.date()} if bound else {})
        if not result.returns_rows:
            raise RegistrarError(f"{where}: returns no rows by nature; it has to be a SELECT")
        names = [name.lower() for name in result.keys()]  # noqa: SIM118 - a result iterates over rows
        missing = [name for name in REQUIRED if name not in names]
        surplus = [name for name in names if name not in (*REQUIRED, *OPTIONAL)]
        if missing or surplus:
            raise RegistrarError(f"{where}: missing columns {missing}, unexpected columns {surplus}; rename them with AS")
        rows = [tuple(row) for row in result]
        if not rows:
            raise RegistrarError(f"{where}: {place} has no rows; an empty extract never means that everybody left")
        frame = pd.DataFrame.from_records(rows, columns=names).astype("object")
        frame["student_id"] = _identifiers(frame["student_id"].tolist(), where)
        frame["program"] = frame["program"].astype("str").str.strip()
        _refuse_repeats(frame, where)
        defaults = {"status": "active", "term": self.term, "term_end_date": None, "first_enrolled_date": None}
        frame = frame.assign(**{name: value for name, value in defaults.items() if name not in names}, snapshot_date=day)
        frame = frame[["snapshot_date", *REQUIRED, *OPTIONAL]]
        kinds = {"snapshot_date": "datetime64[us]"} | dict.fromkeys((*REQUIRED, "status", "term"), "str")
        return frame.assign(**{name: _dates(frame[name], where) for name in DATES}).astype(kinds)


def _normalised(url: URL) -> URL:
    """The URL with the driver that is installed for PostgreSQL, whose short names mean different drivers by version."""
    return url.set(drivername="postgresql+psycopg2") if url.drivername in ("postgres", "postgresql") else url


def _identifiers(values: Sequence[Any], where: str) -> list[str]:
    """Identifiers as text, leading zeros kept, padding removed."""
    findings = []
    for row, value in enumerate(values, start=1):
        if value is None or (isinstance(value, str) and not value.strip()):
            findings.append(Finding(where, "is blank, and a student needs an identifier", row, "student_id", str(value)))
        elif not isinstance(value, str | int):
            findings.append(Finding(where, "is neither text nor whole; CAST it to text", row, "student_id", str(value)))
    if findings:
        raise ContractError(findings, "Repair these rows in the registrar's system, or leave them out of the query by rule.")
    return [str(value).strip() for value in values]


def _refuse_repeats(frame: pd.DataFrame, where: str) -> None:
    repeats = np.flatnonzero(frame.duplicated(["student_id", "program"]))
    if repeats.size:
        keys = (frame["student_id"] + ", " + frame["program"]).tolist()
        findings = [Finding(where, "repeats an earlier row", int(i) + 1, "student_id + program", str(keys[i])) for i in repeats]
        raise ContractError(findings, "A student has one row per program and day; narrow the query's joins.")


def _dates(values: pd.Series, where: str) -> pd.Series:
    """The calendar days that the database wrote, be they dates, moments or ISO text."""
    days = pd.to_datetime(values.astype("str").str.slice(0, 10), format="%Y-%m-%d", errors="coerce")
    unread = np.flatnonzero(values.notna() & days.isna())
    if unread.size:
        name = str(values.name)
        findings = [Finding(where, "is not a date", int(i) + 1, name, str(values.iloc[i])) for i in unread]
        raise ContractError(findings, "Select dates, or text as 2026-10-01.")
    return days.astype("datetime64[us]")
