"""A bucket that misbehaves: answers are put in place of the server's by botocore's own hook, everything else is a real server."""

from __future__ import annotations

import socket
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import date
from io import BytesIO
from typing import Any

import boto3
import pandas as pd
import pytest
from botocore.awsrequest import AWSResponse

from oulad_platform.core.tables import Column, Table
from oulad_platform.storage import files
from oulad_platform.storage.artifacts import Artifacts
from oulad_platform.storage.errors import MissingFileError, StorageError
from oulad_platform.storage.files import Location, location, read_whole, stems, write_once, write_whole
from oulad_platform.storage.lake import Lake
from oulad_platform.storage.outbox import Outbox

MONDAY = date(2014, 5, 19)
VISITS = Table(
    "visits",
    "One row per student and day.",
    (Column("student", "text", "The student."), Column("day", "date", "The day.")),
    key=("student", "day"),
    day="day",
)
MAIL = b"From: a@uni.example\nTo: b@uni.example\nMessage-ID: <1@uni.example>\n\nText\n"
CALLS: dict[str, Callable[[Location], object]] = {
    "put": lambda folder: write_whole(folder / "file", b"new"),
    "get": lambda folder: read_whole(folder / "file"),
    "list": lambda folder: stems(folder, ""),
}


def visits(*students: str) -> pd.DataFrame:
    rows = pd.DataFrame({"student": students, "day": pd.Timestamp(MONDAY).as_unit("us")}, columns=VISITS.names)
    return VISITS.conform(rows.astype({"day": "datetime64[us]"}))


class _Body(BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def answering(folder: Location, status: int, code: str, times: int, event: str = "before-send.s3") -> list[str]:
    """Has the server seem to refuse the first `times` requests to this folder; the list grows by each refused request's URL."""
    refused: list[str] = []

    def answer(request: Any, **_: Any) -> AWSResponse | None:
        if len(refused) >= times:
            return None
        refused.append(request.url)
        body = f"<Error><Code>{code}</Code><Message>key hunter2secret was refused</Message></Error>".encode()
        return AWSResponse(request.url, status, {"content-type": "application/xml"}, _Body(body))

    folder.client.client.meta.events.register(event, answer)  # type: ignore[union-attr]
    return refused


@pytest.fixture
def folder(s3: str) -> Location:
    folder = location(f"s3://{s3}/place")
    write_whole(folder / "file", b"old")
    return folder


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What would have been slept between attempts. seconds"""
    slept: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", slept.append)
    return slept


@pytest.mark.fault("F3")
def test_who_loses_the_race_says_so_and_the_winners_file_stays(folder: Location) -> None:
    assert not write_once(folder / "file", b"mine")
    refused = answering(folder, 412, "PreconditionFailed", times=1, event="before-send.s3.PutObject")
    assert not write_once(folder / "other", b"mine")
    assert len(refused) == 1, "a lost race is not tried again"
    assert read_whole(folder / "file") == b"old"


@pytest.mark.fault("F3")
def test_a_version_lost_to_another_writer_gets_the_next_number_unless_its_rows_are_the_same(s3: str) -> None:
    lake = Lake(f"s3://{s3}/lake")
    assert lake.replace_day_versioned("enrollment", VISITS, visits("a"), MONDAY) == 1
    refused = answering(lake._root, 412, "PreconditionFailed", times=1, event="before-send.s3.PutObject")
    version = lake.replace_day_versioned("enrollment", VISITS, visits("a", "b"), MONDAY)
    assert len(refused) == 1
    assert lake.read_version("enrollment", VISITS, MONDAY, version)["student"].tolist() == ["a", "b"]
    assert lake.read_version("enrollment", VISITS, MONDAY, 1)["student"].tolist() == ["a"]
    assert lake.read_days("enrollment", VISITS, [MONDAY])["student"].tolist() == ["a", "b"]


@pytest.mark.fault("F3")
@pytest.mark.parametrize(("conflicts", "attempts"), [(2, 3), (99, 5)])
def test_a_conflict_is_tried_again_and_five_of_them_are_an_error(conflicts: int, attempts: int, folder: Location) -> None:
    refused = answering(folder, 409, "ConditionalRequestConflict", conflicts, "before-send.s3.PutObject")
    if conflicts < attempts:
        assert write_once(folder / "new", b"x")
    else:
        with pytest.raises(StorageError, match="place/new: other writers kept putting the same file; run again"):
            write_once(folder / "new", b"x")
    assert len(refused) == min(conflicts, attempts)


@pytest.mark.fault("F4")
@pytest.mark.parametrize("call", CALLS)
def test_a_store_that_asks_to_slow_down_twice_is_asked_again(call: str, folder: Location, slept: list[float]) -> None:
    refused = answering(folder, 503, "SlowDown", times=2)
    CALLS[call](folder)
    assert len(refused) == 2
    assert len(slept) == 2


@pytest.mark.fault("F4")
@pytest.mark.parametrize("call", CALLS)
def test_a_store_that_never_recovers_is_given_up_after_five_attempts(call: str, folder: Location, slept: list[float]) -> None:
    refused = answering(folder, 503, "SlowDown", times=99)
    with pytest.raises(StorageError, match=r"s3://oulad-test/place\S*: the store answered SlowDown; run again"):
        CALLS[call](folder)
    assert len(refused) == 5
    assert sum(slept) <= 15  # seconds: 1 + 2 + 4 + 8
    assert boto3.client("s3").get_object(Bucket="oulad-test", Key="place/file")["Body"].read() == b"old"


@pytest.mark.fault("F4")
@pytest.mark.usefixtures("s3")
def test_an_endpoint_that_is_down_is_given_up_in_bounded_time(monkeypatch: pytest.MonkeyPatch, slept: list[float]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(StorageError, match="s3://bucket/x: the endpoint cannot be reached"):
        read_whole(location("s3://bucket/x"))
    assert len(slept) == 4


@pytest.mark.fault("F4")
@pytest.mark.usefixtures("s3")
def test_an_endpoint_that_takes_the_request_and_never_answers_is_given_up(
    monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    monkeypatch.setattr(files, "S3_READ_SECONDS", 0.1)
    monkeypatch.setattr(files, "S3_ATTEMPTS", 2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(StorageError, match=r"s3://bucket/x: .*run again"):
            read_whole(location("s3://bucket/x"))
    assert time.monotonic() - began < 5
    assert len(slept) == 1


@pytest.mark.fault("F6")
@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (403, "AccessDenied", "access is denied; the credentials need to list, get, put and delete objects here"),
        (400, "ExpiredToken", "the credentials have expired; renew them"),
        (403, "InvalidAccessKeyId", "the access key is unknown to this endpoint"),
        (403, "SignatureDoesNotMatch", "the secret key does not fit the access key"),
        (404, "NoSuchBucket", "the bucket does not exist; create it or correct its name"),
    ],
)
def test_a_refusal_says_what_to_do_and_no_secret(
    status: int, code: str, remedy: str, folder: Location, slept: list[float]
) -> None:
    answering(folder, status, code, times=99)
    for call in CALLS.values():
        with pytest.raises(StorageError, match=remedy) as caught:
            call(folder)
        shown = "".join(traceback.format_exception(caught.value))
        assert str(caught.value).startswith("s3://oulad-test/place")
        assert "hunter2secret" not in shown
        assert "testing" not in shown  # the access key and the secret key of the tests


@pytest.mark.fault("F7")
def test_a_prefix_with_blanks_signs_and_letters_of_any_script_holds_everything(s3: str) -> None:
    uri = f"s3://{s3}/Universität & Co/a+b 50%/学生"
    lake, artifacts, outbox = Lake(f"{uri}/lake"), Artifacts(uri), Outbox(f"{uri}/outbox")
    lake.replace_days("success", VISITS, visits("a"), [MONDAY])
    lake.replace_day_versioned("success", VISITS, visits("a", "b"), MONDAY)
    (published,) = artifacts.publish({"reports/für alle.html": b"<p>"}, {"run": "1"})
    assert lake.versions("success", VISITS, MONDAY) == [1, 2]
    assert artifacts.get(published.path, published.sha256) == b"<p>"
    assert artifacts.names("reports", ".html") == ["für alle"]
    assert outbox.put("ä/ö", MAIL)
    assert outbox.ids() == {"ä/ö"}
    lake.clear()
    assert lake.days("success", VISITS) == []
    assert artifacts.names("reports", ".html") == ["für alle"]


@pytest.mark.fault("F8")
def test_no_name_leads_out_of_its_folder_in_a_bucket(s3: str) -> None:
    lake, artifacts, outbox = Lake(f"s3://{s3}/prod/lake"), Artifacts(f"s3://{s3}/prod"), Outbox(f"s3://{s3}/prod/outbox")
    chunk = VISITS.to_arrow(visits("a"))
    for name in ("../other", "..", "a/b", "a\\b", ".hidden", "", "a\0b"):
        with pytest.raises(StorageError, match=r"cannot be a file's name"):
            lake.replace_parts("success", VISITS, [(name, chunk)])
        with pytest.raises(StorageError, match=r"cannot be a file's name"):
            lake.remember(name, "x")
        with pytest.raises(StorageError, match=r"cannot be a file's name"):
            artifacts.put(f"outputs/{name}/../x", b"x")
        assert outbox.put(f"freshness_{name}_2014-05-19", MAIL)
    stored = [entry["Key"] for entry in boto3.client("s3").list_objects_v2(Bucket=s3)["Contents"]]
    assert len(stored) == 7
    assert all(key.startswith("prod/outbox/freshness_") and key.count("/") == 2 for key in stored)


@pytest.mark.fault("F9")
def test_two_installations_in_one_bucket_see_and_clear_only_their_own(s3: str) -> None:
    ours, theirs = Lake(f"s3://{s3}/prod"), Lake(f"s3://{s3}/prod2")
    for lake, student in ((ours, "a"), (theirs, "b")):
        lake.replace_days("success", VISITS, visits(student), [MONDAY])
        assert lake.remember("source", student) == student
    assert stems(location(f"s3://{s3}/prod"), "") == []
    ours.clear()
    assert ours.days("success", VISITS) == []
    assert theirs.read_days("success", VISITS, [MONDAY])["student"].tolist() == ["b"]
    assert theirs.remember("source", "c") == "b"
    with pytest.raises(MissingFileError):
        read_whole(location(f"s3://{s3}/prod/facts/source.txt"))


@pytest.mark.fault("F10")
def test_the_same_published_again_is_the_same_version_the_same_manifest_and_no_other_object(s3: str) -> None:
    lake, artifacts = Lake(f"s3://{s3}/lake"), Artifacts(f"s3://{s3}")
    client = boto3.client("s3")

    def publish() -> dict[str, str]:
        assert lake.replace_day_versioned("enrollment", VISITS, visits("a"), MONDAY) == 1
        lake.replace_days("success", VISITS, visits("a"), [MONDAY])
        artifacts.publish({"outputs/caseload.csv": b"1"}, {"run": "1"})
        return {entry["Key"]: entry["ETag"] for entry in client.list_objects_v2(Bucket=s3)["Contents"]}

    first = publish()
    assert sorted(first) == [
        "lake/enrollment/visits/2014-05-19.parquet",
        "lake/success/visits/2014-05-19.parquet",
        "outputs/artifacts_manifest.json",
        "outputs/caseload.csv",
    ]
    assert publish() == first
