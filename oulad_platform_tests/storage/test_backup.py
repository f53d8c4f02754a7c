"""Backups on real databases, folders and buckets: what is in them, what is copied again, what is refused."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from oulad_platform.core.pseudonyms import STUDENT_KEYS
from oulad_platform.core.tables import Column, Reference, Table, stored
from oulad_platform.defs.backup import warehouse_shapes
from oulad_platform.storage import backup, trees
from oulad_platform.storage.database import PUBLISHED_DAYS, Database
from oulad_platform.storage.errors import StorageError
from oulad_platform.storage.files import Location, location
from oulad_platform.storage.schema import with_referred
from oulad_platform_tests.storage.accounts import Server

MODULES = Table("modules", "One row per module.", (Column("code", "text", "Code."),), key=("code",))
MARKS = Table(
    "marks",
    "One row per student, module and day.",
    (
        Column("student_id", "text", "The student.", personal=True, student=True),
        Column("code", "text", "Module."),
        Column("day", "date", "Day."),
        Column("mark", "float64", "Mark.", nullable=True, minimum=0, maximum=100),
        Column("is_late", "bool", "Whether it came late."),
        Column("seen_at", "timestamp", "When it was seen.", nullable=True),
    ),
    key=("student_id", "code", "day"),
    day="day",
    allow_empty=True,
    references=(Reference(("code",), MODULES),),
)
TABLES = with_referred([*map(stored, (MODULES, MARKS)), PUBLISHED_DAYS, STUDENT_KEYS])
NOW = datetime(2026, 11, 20, 3, 4, 5, tzinfo=UTC)
OCTOBER, NOVEMBER = date(2026, 10, 31), date(2026, 11, 1)


def marks(*rows: tuple[str, str, date, float | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["student_id", "code", "day", "mark"])
    return MARKS.conform(frame.assign(is_late=False, seen_at=pd.Timestamp("2026-11-02 10:11:12.345678")))


HELD = marks(("S1", 'a,"b"\n', OCTOBER, 50.5), ("S2", "", OCTOBER, None), ("S2", 'a,"b"\n', NOVEMBER, 0.1))


def warehouse(url: str, *, filled: bool = True) -> Database:
    database = Database(url)
    database.create([MODULES, MARKS])
    if filled:
        database.replace(MODULES, MODULES.conform(pd.DataFrame({"code": ["", 'a,"b"\n']})))
        database.replace_days(MARKS, HELD, [OCTOBER, NOVEMBER, date(2026, 11, 2)])
    return database


def lake(folder: Path) -> dict[str, Location]:
    """Two places with three files, one of them empty, one in a folder whose name has a blank."""
    files = {"lake/raw/2026-11-20.parquet": b"rows", "lake/two words/é.txt": b"", "outbox/one.eml": b"mail"}
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return {"lake": folder / "lake", "outbox": folder / "outbox"}


def contents(places: dict[str, Location]) -> dict[str, bytes]:
    return {
        f"{name}/{path}": trees.below(place, path).read_bytes() for name, place in places.items() for path in trees.tree(place)
    }


def make(target: Location, url: str, places: dict[str, Location], now: datetime = NOW) -> backup.Backup:
    about = {"source": "files"}
    return backup.make(target, url, TABLES, places, version="1.2", about=about, now=now, moving=["outbox"])


def put_back(target: Location, url: str, places: dict[str, Location]) -> None:
    found = backup.read(target)
    backup.check(target, found)
    backup.restore(target, found, url, TABLES, places, "lake", {})


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, str, dict[str, Location]]:
    """A target with one backup, and what it is of."""
    url, places = f"sqlite:///{tmp_path}/w.db", lake(tmp_path)
    warehouse(url)
    make(tmp_path / "target", url, places)
    return tmp_path / "target", url, places


@pytest.mark.parametrize("store", ["folder", "bucket"])
@pytest.mark.parametrize("way", ["sqlite to postgres", "postgres to sqlite"])
def test_what_is_restored_is_what_was_backed_up_also_into_the_other_database(
    store: str, way: str, tmp_path: Path, postgres_database: str, request: pytest.FixtureRequest
) -> None:
    urls = [f"sqlite:///{tmp_path}/w.db", postgres_database]
    origin, goal = urls if way == "sqlite to postgres" else reversed(urls)
    target = location(f"s3://{request.getfixturevalue('s3')}/b c" if store == "bucket" else str(tmp_path / "target"))
    warehouse(origin)
    places = lake(tmp_path / "before")
    made = make(target, origin, places)
    assert dict(made.tables) == {"modules": 2, "marks": 3, "published_days": 3, "student_keys": 2}
    assert [path for path in made.files if path.startswith("warehouse/marks")] == [
        "warehouse/marks/2026-10.parquet",
        "warehouse/marks/2026-11.parquet",
    ]
    restored = warehouse(goal, filled=False)
    after = {name: tmp_path / "after" / name for name in places}
    put_back(target, goal, after)
    pd.testing.assert_frame_equal(restored.read(MARKS), HELD)
    assert restored.days(MARKS) == [OCTOBER, NOVEMBER, date(2026, 11, 2)]
    assert contents(after) == {"lake/raw/2026-11-20.parquet": b"rows", "lake/two words/é.txt": b"", "outbox/one.eml": b"mail"}
    again = make(target, goal, after, datetime(2026, 11, 21, tzinfo=UTC))
    assert (again.files, again.new_bytes) == (made.files, 0)


def test_a_lake_in_a_bucket_comes_back_into_a_bucket(s3: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/w.db"
    warehouse(url)
    lake(tmp_path)
    places = {name: location(f"s3://{s3}/{name}") for name in ("lake", "outbox")}
    for name, place in places.items():
        for path in trees.tree(tmp_path / name):
            trees.put(tmp_path / name / path, trees.below(place, path), trees.digest(tmp_path / name / path))
    before = contents(places)
    assert len(before) == 3
    make(tmp_path / "target", url, places)
    trees.below(places["lake"], "raw/2026-11-20.parquet").unlink()
    trees.below(places["lake"], "raw/later.parquet").write_bytes(b"later")
    put_back(tmp_path / "target", url, places)
    assert contents(places) == before


def test_only_what_is_new_is_copied_again_and_each_backup_stays_whole(kept: tuple[Path, str, dict[str, Location]]) -> None:
    target, url, places = kept
    (places["lake"] / "raw/2026-11-21.parquet").write_bytes(b"seven b")
    second = make(target, url, places, datetime(2026, 11, 21, tzinfo=UTC))
    assert second.new_bytes == 7
    assert [name[:18] for name in backup.names(target)] == ["2026-11-20T030405Z", "2026-11-21T000000Z"]
    first = backup.read(target, backup.names(target)[0])
    assert set(second.files) - set(first.files) == {"lake/raw/2026-11-21.parquet"}
    backup.check(target, first)


def test_nobody_else_may_read_a_backups_files(kept: tuple[Path, str, dict[str, Location]]) -> None:
    files = [path for path in kept[0].rglob("*") if path.is_file()]
    assert len(files) == 9
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_a_backup_that_was_killed_before_its_manifest_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, places, target = f"sqlite:///{tmp_path}/w.db", lake(tmp_path), tmp_path / "target"
    warehouse(url)
    monkeypatch.setattr(backup.dump, "revision", _killed)
    with pytest.raises(KeyboardInterrupt):
        make(target, url, places)
    with pytest.raises(StorageError, match="no backup is there; one is complete once its manifest is written"):
        backup.read(target)
    monkeypatch.undo()
    assert make(target, url, places).new_bytes == 0


def _killed(*_: object, **__: object) -> str:
    raise KeyboardInterrupt


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("injury", "told"),
    [
        (
            damage,
            r"lake/raw/2026-11-20.parquet is damaged: 4 bytes of SHA-256 \w{16}…, where 4 bytes of SHA-256 \w{16}… was kept",
        ),
        (lambda file: os.truncate(file, 3), "lake/raw/2026-11-20.parquet is damaged: 3 bytes"),
        (Path.unlink, r"lake/raw/2026-11-20.parquet is missing \(objects/\w\w/\w{64}\)"),
    ],
)
def test_a_damaged_file_is_named_and_nothing_is_restored(
    injury: Callable[[Path], None], told: str, kept: tuple[Path, str, dict[str, Location]]
) -> None:
    target = kept[0]
    found = backup.read(target)
    sha256 = found.files["lake/raw/2026-11-20.parquet"].sha256
    injury(target / "objects" / sha256[:2] / sha256)
    with pytest.raises(StorageError, match=told + ".*nothing was restored"):
        backup.check(target, found)


def test_a_cut_off_object_is_put_again_by_the_next_backup(kept: tuple[Path, str, dict[str, Location]]) -> None:
    target, url, places = kept
    sha256 = backup.read(target).files["lake/raw/2026-11-20.parquet"].sha256
    os.truncate(target / "objects" / sha256[:2] / sha256, 3)
    second = make(target, url, places, datetime(2026, 11, 21, tzinfo=UTC))
    assert second.new_bytes == 4
    backup.check(target, second)


def test_a_damaged_manifest_and_one_of_a_later_form_are_refused_by_name(kept: tuple[Path, str, dict[str, Location]]) -> None:
    target = kept[0]
    (file,) = (target / "backups").iterdir()
    content = json.loads(file.read_text())
    file.write_text(file.read_text().replace('"marks": 3', '"marks": 2'))
    with pytest.raises(StorageError, match=f"{file.name}: the manifest was changed or is damaged"):
        backup.read(target)
    file.unlink()
    later = json.dumps({**content, "format": 2, "platform": "9.0"}).encode()
    name = f"2027-01-01T000000Z-{backup.hashlib.sha256(later).hexdigest()[:16]}"
    file.with_name(f"{name}.json").write_bytes(later)
    with pytest.raises(StorageError, match=f"{name}.json: made by version 9.0 in a form unknown to this version"):
        backup.read(target)
    with pytest.raises(StorageError, match="no backup 2026 is there; there are 2027-01-01T000000Z"):
        backup.read(target, "2026")


def test_a_file_that_changes_meanwhile_makes_it_look_again_and_at_last_give_up(
    kept: tuple[Path, str, dict[str, Location]], monkeypatch: pytest.MonkeyPatch
) -> None:
    target, url, places = kept
    changes = iter([b"other", b"other again", b"a third"])
    read_out = backup.dump.read_out

    def while_written(*arguments: object) -> object:
        yield from read_out(*arguments)
        content = next(changes, None)
        if content:
            (places["lake"] / "raw/2026-11-20.parquet").write_bytes(content)

    monkeypatch.setattr(backup.dump, "read_out", while_written)
    with pytest.raises(StorageError, match="files went on changing while 3 backups were begun"):
        make(target, url, places)
    assert len(backup.names(target)) == 1
    changes = iter([b"once more"])
    assert make(target, url, places).files["lake/raw/2026-11-20.parquet"].size == 9


def test_the_warehouse_is_read_as_of_one_moment(database_url: str, tmp_path: Path) -> None:
    database = warehouse(database_url)
    with closing(backup.dump.read_out(database_url, TABLES)) as parts:
        assert next(parts)[2].num_rows == 2
        database.replace_days(MARKS, HELD.head(0), [OCTOBER, NOVEMBER])
        assert sum(rows.num_rows for table, _, rows in parts if table.name == "marks") == 3


def test_a_restore_that_was_killed_is_repeated_and_the_warehouse_is_old_or_new(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, places, target = warehouse(database_url), lake(tmp_path), tmp_path / "target"
    make(target, database_url, places)
    database.replace_days(MARKS, HELD.head(1), [OCTOBER, NOVEMBER])
    (places["lake"] / "later.txt").write_bytes(b"later")
    with monkeypatch.context() as patch:
        patch.setattr(backup.dump, "_count", _killed)
        with pytest.raises(KeyboardInterrupt):
            put_back(target, database_url, places)
    assert len(database.read(MARKS)) == 1
    assert backup.unfinished(places["lake"]) == backup.names(target)[0]
    put_back(target, database_url, places)
    assert len(database.read(MARKS)) == 3
    assert backup.unfinished(places["lake"]) is None
    assert sorted(contents(places)) == ["lake/raw/2026-11-20.parquet", "lake/two words/é.txt", "outbox/one.eml"]


def test_an_account_that_owns_nothing_backs_up_and_restores_rows_under_row_security(server: Server, tmp_path: Path) -> None:
    url, tables = server.urls["login_writer"], warehouse_shapes()
    made = backup.make(tmp_path, url, tables, {"lake": tmp_path / "lake"}, version="1.2", about={}, now=NOW)
    assert {name: made.tables[name] for name in ("advisers", "caseload_daily", "interventions", "student_keys")} == {
        "advisers": 2,
        "caseload_daily": 3,
        "interventions": 2,
        "student_keys": 4,
    }
    before = server.sql("superuser", "SELECT * FROM restricted.student_keys ORDER BY student_key")
    backup.restore(tmp_path, made, url, tables, {"lake": tmp_path / "lake"}, "lake", {})
    assert server.sql("superuser", "SELECT * FROM restricted.student_keys ORDER BY student_key") == before
    assert made.revision == "0001"


def test_a_table_of_another_shape_is_refused(kept: tuple[Path, str, dict[str, Location]]) -> None:
    other = Table("modules", "Other.", (*MODULES.columns, Column("title", "text", "Title.")), key=("code",))
    with pytest.raises(StorageError, match=r"warehouse/modules/all.parquet: other columns than table modules has .* version 1.2"):
        list(backup.rows_of(kept[0], backup.read(kept[0]), other))
