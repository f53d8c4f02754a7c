"""`oulad erase`: one person is taken out of everything that is kept, what follows is made again, and the search is repeated.

What their rows and files are in each place is `storage.erasure`'s. The university's own files, its registrar's database and
backups are not the platform's; what is extracted about the person from then on is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

import pandas as pd
from rich.console import Console
from rich.table import Table as Grid

from oulad_platform.core.pseudonyms import ERASURES, STUDENT_KEYS, normalised
from oulad_platform.core.tables import Table, student_column
from oulad_platform.defs.catalog import CATALOG, entry, warehouse_tables
from oulad_platform.defs.jobs import ENROLLMENT_AGAIN, SUCCESS_DAILY
from oulad_platform.defs.local_run import materialize
from oulad_platform.defs.resources import ARTIFACT_FOLDERS, Platform, utc_now
from oulad_platform.enrollment.tables import HELD_EXTRACTS
from oulad_platform.storage import erasure
from oulad_platform.storage.files import location

SNAPSHOTS = entry("enrollment", "enrollment_snapshots")


def erase(platform: Platform, student: str, by: str, reason: str, *, apply: bool) -> bool:
    """Shows where the person is and, if `apply`, removes all of it and remakes what follows; True if nothing is left."""
    console, student = Console(), normalised(student)
    known = platform.database.read(STUDENT_KEYS)
    keys = sorted({*platform.settings.pseudonyms.every(student), *known.loc[known["student_id"] == student, "student_key"]})
    if not apply:
        found = _found(platform, student, keys)
        console.print(_grid(found, "found"))
        console.print(f"{sum(found.values()):,} rows and files; --apply removes them, for good", markup=False)
        return True
    begun = platform.database.read(ERASURES).query("student_key in @keys and finished_at.isna()")
    days = _days(platform, student, keys, begun)
    _remember(platform, keys, by, reason, days)
    removed = _found(platform, student, keys, apply=True)
    console.print(_grid(removed, "removed"))
    jobs = _jobs(platform, removed, goes_on=not begun.empty)
    made = [materialize(platform, *days, job) for job in jobs] if days else []
    left = _found(platform, student, keys)
    console.print(_grid(left, "left") if left else "nothing is left of them in what the platform keeps", markup=False)
    if all(made) and not left:
        erasures = platform.database.read(ERASURES)
        ended = erasures["finished_at"].mask(erasures["student_key"].isin(keys), utc_now())
        platform.database.replace(ERASURES, ERASURES.conform(erasures.assign(finished_at=ended)))
    return all(made) and not left


def _remember(platform: Platform, keys: list[str], by: str, reason: str, days: tuple[date, date] | None) -> None:
    """Written first, so that an extract that runs meanwhile leaves the person out, and a call that breaks off can go on.

    Of pseudonyms whose key is not configured any more nothing is remembered: no extract could be compared with them.
    """
    keys = [key for key in keys if key.partition("-")[0] in platform.settings.pseudonyms.keys]
    first, last = days or (None, None)
    rows = [(key, key.partition("-")[0], utc_now(), by, reason, first, last, None) for key in keys]
    others = platform.database.read(ERASURES).query("student_key not in @keys")
    made = ERASURES.conform(pd.DataFrame(rows, columns=ERASURES.names))
    platform.database.replace(ERASURES, ERASURES.conform(pd.concat([others, made], ignore_index=True)))


def _found(platform: Platform, student: str, keys: list[str], *, apply: bool = False) -> dict[str, int]:
    return {where: n for where, n in _places(platform, student, keys, apply) if n}


def _places(platform: Platform, student: str, keys: list[str], apply: bool) -> Iterator[tuple[str, int]]:
    """Rows or files about the person in each place, who is who last: it is what finds the rest again after a crash."""
    in_lake = [(of.line, of.table) for of in CATALOG.values() if of.store == "lake" and student_column(of.table)]
    for line, table in [*in_lake, ("enrollment", HELD_EXTRACTS)]:
        n_rows = erasure.erase_from_lake(platform.lake, line, table, student, apply=apply)
        yield _in_lake(line, table), n_rows
    for folder in ARTIFACT_FOLDERS:
        root = location(platform.artifacts.uri, platform.settings.aws_region) / folder
        for path, n in erasure.erase_from_files(root, student, keys, apply=apply).items():
            yield f"file: {folder}/{path}", n
    outbox = location(platform.outbox.uri, platform.settings.aws_region)
    yield "outbox: messages", erasure.erase_from_outbox(outbox, student, keys, apply=apply)
    named = [table for table in warehouse_tables() if student_column(table)]
    for tables in (named, [STUDENT_KEYS]):
        for name, n in erasure.erase_from_database(platform.database, tables, keys, apply=apply).items():
            yield _in_warehouse(name), n


def _days(platform: Platform, student: str, keys: list[str], begun: pd.DataFrame) -> tuple[date, date] | None:
    """From the first day that any table has of the person to the newest snapshot, with those of a call that broke off."""
    daily = [of.table for of in CATALOG.values() if of.store == "warehouse" and of.table.day and student_column(of.table)]
    firsts = [
        erasure.first_day_in_lake(platform.lake, SNAPSHOTS.line, SNAPSHOTS.table, student),
        *(erasure.first_day(platform.database, table, keys) for table in daily),
        *begun["first_date"].dropna().dt.date,
    ]
    first = min((day for day in firsts if day is not None), default=None)
    last = max(platform.stored_days(SNAPSHOTS), default=None)
    return (first, last) if first and last else None


def _jobs(platform: Platform, removed: Collection[str], *, goes_on: bool) -> list[str]:
    """What follows from tables that held the person: each line of its own, both from the raw tables and where a call goes on."""
    lines = {of.line for of in CATALOG.values() if {_in_lake(of.line, of.table), _in_warehouse(of.table.name)} & set(removed)}
    lines |= {"sources"} if goes_on else set()
    possible = {ENROLLMENT_AGAIN: "enrollment", **({SUCCESS_DAILY: "success"} if platform.settings.has_campus else {})}
    return [job for job, line in possible.items() if lines & {line, "sources"}]


def _in_lake(line: str, table: Table) -> str:
    return f"lake: {line}/{table.name}"


def _in_warehouse(name: str) -> str:
    return f"warehouse: {name}"


def _grid(found: dict[str, int], what: str) -> Grid:
    grid = Grid("where", what)
    grid.columns[1].justify = "right"
    for where, n in found.items():
        grid.add_row(where, f"{n:,}")
    return grid
