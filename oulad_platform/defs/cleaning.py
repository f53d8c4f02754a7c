"""Housekeeping: what `enrollment.housekeeping` lets go is removed, and the register of snapshots says so."""

from oulad_platform.defs.enrollment import METRICS, SNAPSHOTS
from oulad_platform.defs.resources import DATED_FILES, Platform, utc_now
from oulad_platform.enrollment import versions
from oulad_platform.enrollment.housekeeping import removable_reports, removable_snapshots
from oulad_platform.enrollment.retention import census_days_of
from oulad_platform.enrollment.tables import HELD_EXTRACTS, SNAPSHOT_VERSIONS


def clean(platform: Platform, by: str, *, dry_run: bool) -> list[str]:
    """Removes old snapshot files and reports, and returns what was removed; with `dry_run`, what would be."""
    settings, stored = platform.settings, platform.stored_days(SNAPSHOTS)
    newest = platform.newest_stored_day(METRICS)
    if newest is None:
        return []
    days = removable_snapshots(
        stored,
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
