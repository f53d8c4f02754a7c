"""Housekeeping: what `enrollment.housekeeping` lets go is removed, and the register of snapshots says so.

With it go messages long settled and what killed processes left. Dagster's own records are `event_log`'s.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from oulad_platform.defs.delivery import channels
from oulad_platform.defs.enrollment import METRICS, SNAPSHOTS
from oulad_platform.defs.event_log import clean_instance
from oulad_platform.defs.resources import ARTIFACT_FOLDERS, DATED_FILES, Platform, utc_now
from oulad_platform.enrollment import versions
from oulad_platform.enrollment.housekeeping import removable_reports, removable_snapshots
from oulad_platform.enrollment.retention import census_days_of
from oulad_platform.enrollment.tables import HELD_EXTRACTS, SNAPSHOT_VERSIONS

if TYPE_CHECKING:
    from oulad_platform.storage.files import Location


def clean(platform: Platform, by: str, *, dry_run: bool) -> list[str]:
    """Removes old files: snapshots, reports, settled messages, leftovers; what was removed, or with `dry_run` would be."""
    newest = platform.newest_stored_day(METRICS)
    tables = [] if newest is None else _tables_and_reports(platform, newest, by, dry_run=dry_run)
    return [*tables, *_messages(platform, dry_run=dry_run), *_leftovers(platform, dry_run=dry_run)]


def clean_event_log(platform: Platform, instance: dg.DagsterInstance, *, dry_run: bool) -> int:
    """Removes runs past `event_days_kept` that nothing hangs on; how many, or with `dry_run` would be."""
    return clean_instance(instance, datetime.now(UTC) - timedelta(days=platform.settings.event_days_kept), dry_run=dry_run)


def _tables_and_reports(platform: Platform, newest: date, by: str, *, dry_run: bool) -> list[str]:
    settings = platform.settings
    days = removable_snapshots(
        platform.stored_days(SNAPSHOTS),
        newest=newest,
        kept_days=settings.snapshot_days_kept,
        published=platform.stored_days(METRICS),
        census_days=census_days_of(platform.database.read(METRICS.table)),
    )
    reports = [
        f"{folder}/{name}{suffix}"
        for folder, suffix in DATED_FILES
        for name in removable_reports(
            platform.artifacts.names(folder, suffix), newest=newest, kept_days=settings.report_days_kept
        )
    ]
    held = [
        day for day in platform.lake.days(SNAPSHOTS.line, HELD_EXTRACTS) if (newest - day).days >= settings.snapshot_days_kept
    ]
    if not dry_run:
        platform.lake.remove_days(SNAPSHOTS.line, HELD_EXTRACTS, held)
        if days:
            register = platform.database.read_days(SNAPSHOT_VERSIONS, days)
            at = utc_now()
            platform.database.replace_days(SNAPSHOT_VERSIONS, versions.removed(register, at, by), days)
            platform.lake.remove_days(SNAPSHOTS.line, SNAPSHOTS.table, days)
        for path in reports:
            platform.artifacts.remove(path)
    return [
        *(f"{SNAPSHOTS.key.to_user_string()} {day}" for day in days),
        *(f"{HELD_EXTRACTS.name} {day}" for day in held),
        *reports,
    ]


def _messages(platform: Platform, *, dry_run: bool) -> list[str]:
    """Messages settled longer ago than reports are kept; nothing that old is told again, so its id need not be known."""
    from oulad_platform.storage.files import location
    from oulad_platform.storage.tidying import remove_messages, settled_before

    first = platform.today() - timedelta(days=platform.settings.report_days_kept)
    gone = []
    for channel in channels(platform):
        outbox = location(channel.outbox.uri, platform.settings.aws_region)
        names = settled_before(outbox, datetime.combine(first, time(), UTC))
        if not dry_run:
            remove_messages(outbox, names)
        gone += [f"{channel.name} message {name}" for name in names]
    return gone


def _leftovers(platform: Platform, *, dry_run: bool) -> list[str]:
    from oulad_platform.storage.tidying import leftovers, sweep

    found = [remains for folder in _places(platform) for remains in leftovers(folder)]
    return [f"leftover {remains}" for remains in (found if dry_run else sweep(found))]


def _places(platform: Platform) -> "list[Location]":
    from oulad_platform.storage.files import location

    settings = platform.settings
    artifacts = location(settings.artifacts, settings.aws_region)
    kept = [settings.lake, *(channel.outbox.uri for channel in channels(platform))]
    return [*(artifacts / folder for folder in ARTIFACT_FOLDERS), *(location(uri, settings.aws_region) for uri in kept)]
