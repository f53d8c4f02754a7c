"""`oulad backup` and `oulad restore`: what belongs into a backup, and when one may be put in place of what is there."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version

from oulad_platform.core.pseudonyms import ERASURES, STUDENT_KEYS
from oulad_platform.core.tables import Table
from oulad_platform.defs.resources import ARTIFACT_FOLDERS, Platform
from oulad_platform.defs.warehouse import warehouse
from oulad_platform.settings import absolute
from oulad_platform.storage import backup, dump
from oulad_platform.storage.backup import Backup
from oulad_platform.storage.errors import StorageError
from oulad_platform.storage.files import Location, location
from oulad_platform.storage.slices import arrow_rows
from oulad_platform.storage.trees import tree

LAKE, OUTBOX = "lake", "outbox"


def back_up(platform: Platform, target: str) -> Backup:
    """Makes one backup of everything that this installation could not make again. Raises StorageError."""
    _ = platform.database  # has the tables made, as every command does
    places = _places(platform)
    begun = backup.unfinished(places[LAKE])
    if begun:
        raise StorageError(f"the restore of {begun} was not ended here; run it again before anything is backed up")
    return backup.make(
        _location(platform, target),
        platform.settings.warehouse,
        warehouse_shapes(),
        places,
        version=version("oulad_platform"),
        about={"source": platform.source(), "pseudonym_key_id": platform.settings.pseudonyms.current},
        now=datetime.now(UTC),
        moving=[name for name in places if name.startswith(OUTBOX)],
    )


def checked(platform: Platform, source: str, name: str | None) -> Backup:
    """The backup of that name, or the newest one, every file of it read and found whole. Raises StorageError."""
    place = _location(platform, source)
    found = backup.read(place, name)
    backup.check(place, found)
    return found


def restore(platform: Platform, source: str, found: Backup, *, replace: bool) -> list[str]:
    """Puts a checked backup here; the pseudonyms of those who were erased here since, whose data are back.

    That they were erased stays known. Raises StorageError when the backup does not fit, or when there is data and `replace` is
    not said.
    """
    place, places, database = _location(platform, source), _places(platform), platform.database
    here = dump.revision(platform.settings.warehouse)
    if found.revision != here:
        raise StorageError(
            f"backup {found.name} is of version {found.platform}, schema {found.revision or 'without a revision'}; the warehouse "
            f"here has schema {here or 'without a revision'}: restore it with that version, then upgrade"
        )
    _require_key(platform, place, found)
    if not replace and backup.unfinished(places[LAKE]) != found.name:
        data = [*_with_rows(platform), *(str(folder) for folder in places.values() if _has_data(folder))]
        if data:
            raise StorageError(
                f"there is data here already: {', '.join(data[:5])}{' and more' if len(data) > 5 else ''}; restore into an empty "
                f"installation, or say --replace: then what is in {database.label} and in these folders is given up"
            )
    known = {key for rows in backup.rows_of(place, found, ERASURES) for key in rows["student_key"].to_pylist()}
    erasures = database.read(ERASURES)
    later = erasures[~erasures["student_key"].isin(known)]
    places |= _others(platform, found)
    stay = {ERASURES: arrow_rows(ERASURES, later)}
    backup.restore(place, found, platform.settings.warehouse, warehouse_shapes(), places, LAKE, stay)
    return list(later["student_key"])


def warehouse_shapes() -> list[Table]:
    """The tables as the warehouse holds them, each after those it refers to."""
    return list(warehouse().tables)


def _location(platform: Platform, uri: str) -> Location:
    return location(absolute(uri), platform.settings.aws_region)


def _places(platform: Platform) -> dict[str, Location]:
    """Where files are kept that belong into a backup; the outboxes, so that nothing is told twice, with those of the webhooks."""
    settings = platform.settings
    artifacts = location(settings.artifacts, settings.aws_region)
    outboxes = [OUTBOX, f"{OUTBOX}_demo", *(f"{OUTBOX}_webhook_{place}" for place, _ in enumerate(settings.webhooks, 1))]
    return {
        LAKE: location(settings.lake, settings.aws_region),
        **{folder: artifacts / folder for folder in ARTIFACT_FOLDERS},
        **{name: _outbox(platform, name) for name in outboxes},
    }


def _outbox(platform: Platform, name: str) -> Location:
    return location(f"{platform.settings.outbox}{name.removeprefix(OUTBOX)}", platform.settings.aws_region)


def _others(platform: Platform, found: Backup) -> dict[str, Location]:
    """The outboxes of the backup that the settings here do not name."""
    return {name: _outbox(platform, name) for name in {file.partition("/")[0] for file in found.files} if name.startswith(OUTBOX)}


def _has_data(folder: Location) -> bool:
    """Whether there are files, besides what any command remembers about a new installation."""
    return any(not path.startswith(("facts/", backup.MARKER)) for path in tree(folder))


def _with_rows(platform: Platform) -> list[str]:
    return [f"table {name}" for name, rows in dump.counts(platform.settings.warehouse, warehouse_shapes()).items() if rows]


def _require_key(platform: Platform, place: Location, found: Backup) -> None:
    """The key configured under an id must be the one that the backup's students have their names from."""
    for rows in backup.rows_of(place, found, STUDENT_KEYS):
        others = platform.settings.pseudonyms.other_keys(rows.to_pandas())
        if others:
            raise StorageError(
                f"the pseudonym key {', '.join(others)} configured here is not the one of backup {found.name}: students would "
                "get second names; set PSEUDONYM_KEY and PSEUDONYM_OLD_KEYS as they were, from where your secrets are kept"
            )
