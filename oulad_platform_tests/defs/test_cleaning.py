"""Old messages and leftovers go, what waits and what is held stays."""

from __future__ import annotations

import fcntl
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from oulad_platform.core.messages import compose
from oulad_platform.defs.cleaning import clean
from oulad_platform.defs.resources import Platform
from oulad_platform.settings import Settings
from oulad_platform.storage.files import location
from oulad_platform.storage.outbox import Outbox
from oulad_platform.storage.tidying import remove_messages, settled_before

TODAY = date(2026, 11, 20)
OLD, RECENT = datetime(2025, 11, 19, 23, tzinfo=UTC), datetime(2025, 11, 20, 1, tzinfo=UTC)


class OnAFriday(Platform):
    """The installation on 2026-11-20, whatever the clock says."""

    def today(self) -> date:
        return TODAY


class TakesAll:
    def send(self, message: bytes, recipients: object) -> dict[str, str]:
        return {}


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setenv("OULAD_HOME", str(tmp_path))
    places = {name: str(tmp_path / name.split("_")[0]) for name in ("lake_uri", "artifacts_uri", "outbox_uri")}
    registrar = {"kind": "files", "location": str(tmp_path)}
    return OnAFriday(Settings(**places, database_url=f"sqlite:///{tmp_path / 'w.db'}", registrar=registrar))


def put(outbox: Outbox, name: str, to: tuple[str, ...] = ("a@b.c",), covers: tuple[str, ...] = ()) -> None:
    message = compose(message_id=name, sender="us@here.org", recipients=to, subject="Day", text="Text", sent_at=datetime.now(UTC))
    assert outbox.put(name, message, covers)


def filled(uri: str) -> Outbox:
    """Three messages settled a year and a day ago, a digest and one to nobody among them; one sent a year ago; one that waits."""
    outbox = Outbox(uri)
    put(outbox, "old")
    put(outbox, "many", covers=("x", "y"))
    put(outbox, "file", to=())
    outbox.deliver(TakesAll(), lambda: OLD)
    put(outbox, "recent")
    outbox.deliver(TakesAll(), lambda: RECENT)
    put(outbox, "waits")
    return outbox


def test_messages_settled_longer_ago_than_reports_are_kept_go_with_their_notes(platform: Platform) -> None:
    outbox = filled(platform.outbox.uri)
    listed = clean(platform, "night", dry_run=True)
    assert listed == ["mail message file", "mail message many.digest", "mail message old"]
    assert outbox.ids() == {"old", "many", "x", "y", "file", "recent", "waits"}
    assert clean(platform, "night", dry_run=False) == listed
    assert outbox.ids() == {"recent", "waits"}
    names = sorted(path.name for path in Path(outbox.uri).iterdir())
    assert names == ["recent.1.claim", "recent.eml", "recent.sent", "waits.eml"]
    assert outbox.due(datetime.now(UTC)) == ["waits"]
    assert clean(platform, "night", dry_run=False) == []


def test_a_bucket_is_cleaned_as_a_folder_is(s3: str) -> None:
    outbox = filled(f"s3://{s3}/outbox")
    place = location(outbox.uri)
    names = settled_before(place, RECENT - timedelta(hours=1))
    assert names == ["file", "many.digest", "old"]
    remove_messages(place, names)
    assert outbox.ids() == {"recent", "waits"}


def test_a_cleaning_that_is_killed_sends_nothing_again(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = filled(platform.outbox.uri)
    from oulad_platform.storage import tidying

    whole, calls = tidying.remove, []

    def dies(place: Path) -> None:
        if len(calls) == 4:
            raise KeyboardInterrupt
        calls.append(place)
        whole(place)

    with monkeypatch.context() as patch:
        patch.setattr(tidying, "remove", dies)
        with pytest.raises(KeyboardInterrupt):
            clean(platform, "night", dry_run=False)
    assert outbox.due(datetime.now(UTC)) == ["waits"]
    clean(platform, "night", dry_run=False)
    assert sorted(path.name for path in Path(outbox.uri).iterdir()) == [
        "recent.1.claim",
        "recent.eml",
        "recent.sent",
        "waits.eml",
    ]


def test_what_a_killed_process_left_goes_and_what_one_still_writes_stays(platform: Platform, tmp_path: Path) -> None:
    folder = tmp_path / "lake/enrollment"
    folder.mkdir(parents=True)
    left, folder_left, held = (folder / f".x.{name}.aside" for name in ("1", "2", "3"))
    left.touch()
    folder_left.mkdir()
    held.touch()
    with held.open() as writer:
        fcntl.flock(writer, fcntl.LOCK_SH)
        assert clean(platform, "night", dry_run=False) == [f"leftover {left}", f"leftover {folder_left}"]
    assert [left.exists(), folder_left.exists(), held.exists()] == [False, False, True]
