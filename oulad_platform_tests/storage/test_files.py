from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest

from oulad_platform.storage.errors import MissingFileError, StorageError
from oulad_platform.storage.files import Location, location, read_whole, remove, stems, write_once, write_whole

ROOT = Path(__file__).resolve().parents[2]


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.fixture(params=["folder", "s3"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    return location(str(tmp_path / "place") if request.param == "folder" else f"s3://{request.getfixturevalue('s3')}/place")


def test_a_file_is_put_replaced_listed_and_removed(folder: Location) -> None:
    assert stems(folder, ".txt") == []
    write_whole(folder / "b.txt", b"old")
    write_whole(folder / "b.txt", b"new")
    write_whole(folder / "a.txt", b"")
    write_whole(folder / "deeper" / "c.txt", b"c")
    assert read_whole(folder / "b.txt") == b"new"
    assert stems(folder, ".txt") == ["a", "b"]
    remove(folder / "b.txt")
    remove(folder / "b.txt")
    assert stems(folder, ".txt") == ["a"]


@pytest.mark.fault("F3")
def test_of_writers_who_want_to_be_first_at_once_one_is(folder: Location) -> None:
    with ThreadPoolExecutor(6) as pool:
        first = list(pool.map(lambda writer: write_once(folder / "once", b"%d" % writer), range(6)))
    assert sorted(first) == [False] * 5 + [True]
    assert read_whole(folder / "once") == b"%d" % first.index(True)


def test_a_file_that_is_not_there_is_named(folder: Location) -> None:
    with pytest.raises(MissingFileError, match=r"place/none\.txt is not there; materialize"):
        read_whole(folder / "none.txt")


def test_a_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_whole(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


WRITER = """
import os, sys, time
from pathlib import Path
from oulad_platform.storage import files

def hang(descriptor):
    print("written aside", flush=True)
    time.sleep(60)
os.fsync = hang
files.write_whole(Path(sys.argv[1]), b"half")
"""


@pytest.mark.fault("F1")
def test_a_writer_killed_in_the_middle_leaves_the_old_file_and_the_next_one_sweeps_its_remains(tmp_path: Path) -> None:
    target = tmp_path / "marts[1].csv"
    write_whole(target, b"old")
    with subprocess.Popen([sys.executable, "-c", WRITER, str(target)], cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written aside\n"
        writer.kill()
    assert target.read_bytes() == b"old"
    assert len(names(tmp_path)) == 2
    write_whole(target, b"new")
    assert names(tmp_path) == ["marts[1].csv"]


@pytest.mark.fault("F1")
def test_a_disk_that_refuses_leaves_the_old_file_and_no_remains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    write_whole(target, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="file: No space left on device; look at permission and free space"):
        write_whole(target, b"new")
    assert names(tmp_path) == ["file"]
    assert target.read_bytes() == b"old"


@pytest.mark.fault("A26")
def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "lake").touch()
    with pytest.raises(StorageError, match=r"lake/x\.txt"):
        write_whole(tmp_path / "lake" / "x.txt", b"")


@pytest.mark.fault("F7")
def test_more_than_a_thousand_objects_are_all_listed(s3: str) -> None:
    client = boto3.client("s3")
    for number in range(1001):
        client.put_object(Bucket=s3, Key=f"many/{number:04}.json", Body=b"")
    listed = stems(location(f"s3://{s3}/many"), ".json")
    assert len(listed) == 1001
    assert listed[-1] == "1000"


def test_a_bucket_without_prefix_is_a_place_too(s3: str) -> None:
    write_whole(location(f"s3://{s3}") / "x.json", b"{}")
    assert stems(location(f"s3://{s3}/"), ".json") == ["x"]


@pytest.mark.fault("F6")
@pytest.mark.usefixtures("s3")
def test_a_missing_bucket_is_named_with_what_to_do() -> None:
    for call in (lambda at: write_whole(at, b"x"), read_whole, lambda at: stems(at, "")):
        with pytest.raises(StorageError, match=r"s3://no-such-bucket/x: the bucket does not exist; create it"):
            call(location("s3://no-such-bucket/x"))


@pytest.mark.fault("F4", "F6")
@pytest.mark.usefixtures("s3")
def test_an_endpoint_that_cannot_be_reached_is_said_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("oulad_platform.storage.files.S3_ATTEMPTS", 1)
    with pytest.raises(StorageError, match="s3://bucket/x: the endpoint cannot be reached; look at AWS_ENDPOINT_URL") as caught:
        read_whole(location("s3://bucket/x"))
    assert "testing" not in str(caught.value)


@pytest.mark.fault("F6")
@pytest.mark.parametrize("uri", ["", "s3://", "gs://bucket/prefix", "https://me:hunter2@host/x"])
def test_a_uri_of_another_kind_is_refused_without_its_secrets(uri: str) -> None:
    with pytest.raises(StorageError, match=r"give a folder or s3://bucket/prefix") as caught:
        location(uri)
    assert "hunter2" not in str(caught.value)


def test_a_file_uri_is_a_folder() -> None:
    assert location("file:///srv/a%20b") == Path("/srv/a b")
