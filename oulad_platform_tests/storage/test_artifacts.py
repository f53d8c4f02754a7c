from __future__ import annotations

import json
from pathlib import Path

import pytest

from oulad_platform.storage.artifacts import Artifact, Artifacts
from oulad_platform.storage.errors import MissingFileError, StorageError

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
ABOUT = {"run_id": "r1", "created_at": "2014-05-20T08:00:00Z", "model_backend": "sklearn", "database_kind": "sqlite"}


def test_an_artifact_is_put_and_got_by_its_hash(tmp_path: Path) -> None:
    artifacts = Artifacts(str(tmp_path))
    assert artifacts.put("outputs/a.txt", b"abc") == Artifact("outputs/a.txt", 3, ABC, f"file://{tmp_path}/outputs/a.txt")
    assert artifacts.get("outputs/a.txt", ABC) == b"abc"


@pytest.mark.fault("D6")
def test_a_changed_file_is_not_handed_out(tmp_path: Path) -> None:
    artifacts = Artifacts(str(tmp_path))
    artifacts.put("model.skops", b"abc")
    (tmp_path / "model.skops").write_bytes(b"abd")
    with pytest.raises(StorageError, match=r"model\.skops: SHA-256 is .*, not ba7816bf"):
        artifacts.get("model.skops", ABC)
    with pytest.raises(MissingFileError, match=r"none\.skops is not there"):
        artifacts.get("none.skops")


def test_a_run_publishes_its_files_and_then_the_manifest_that_lists_them(s3: str) -> None:
    artifacts = Artifacts(f"s3://{s3}/campus")
    published = artifacts.publish({"reports/b.md": b"abc", "outputs/a.json": b"{}"}, ABOUT)
    assert [artifact.path for artifact in published] == ["outputs/a.json", "reports/b.md"]
    manifest = json.loads(artifacts.get("outputs/artifacts_manifest.json"))
    assert manifest["run_id"] == "r1"
    assert manifest["files"][1] == {"path": "reports/b.md", "size": 3, "sha256": ABC, "uri": f"s3://{s3}/campus/reports/b.md"}


@pytest.mark.fault("F10")
def test_publishing_the_same_again_gives_the_same_manifest(tmp_path: Path) -> None:
    artifacts = Artifacts(str(tmp_path))
    manifests = []
    for files in ({"a": b"1", "b": b"2"}, {"b": b"2", "a": b"1"}):
        artifacts.publish(files, ABOUT, manifest_path="manifest.json")
        manifests.append(artifacts.get("manifest.json"))
    assert manifests[0] == manifests[1]


@pytest.mark.fault("F8")
@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "a//x", "", "a\\..\\x", ".x"])
def test_a_path_that_leads_out_is_refused_before_anything_is_put(path: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be a file's name"):
        Artifacts(str(tmp_path / "place")).publish({"good": b"", path: b""}, ABOUT)
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_cannot_be_published_as_a_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="are the manifest's own"):
        Artifacts(str(tmp_path)).publish({"outputs/artifacts_manifest.json": b""}, ABOUT)
