"""Artifacts: charts, reports, JSON, CSV and models as whole files, and the manifest that lists what a run published.

What the files say is computed elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from oulad_platform.storage.errors import StorageError
from oulad_platform.storage.files import Location, location, probe, read_whole, remove, safe_name, stems, write_whole

MANIFEST = "outputs/artifacts_manifest.json"


@dataclass(frozen=True)
class Artifact:
    """One published file: its path below the artifacts' URI, size in bytes, SHA-256 in hex, and full URI."""

    path: str
    size: int
    sha256: str
    uri: str


class Artifacts:
    """Files under a URI: a folder or `s3://bucket/prefix`. Every method raises StorageError when the place cannot be used."""

    def __init__(self, uri: str, region: str | None = None) -> None:
        self.uri = uri
        self._root = location(uri, region)

    def probe(self) -> str:
        """Tries the place with a small file and says that it worked. Raises StorageError with the reason when it does not."""
        return probe(self._root)

    def put(self, path: str, data: bytes) -> Artifact:
        """Puts one file whole, in place of any earlier one. Raises StorageError for a path that leads out of the folder."""
        target = self._target(path)
        write_whole(target, data)
        uri = target.absolute().as_uri() if isinstance(target, Path) else str(target)
        return Artifact(path, len(data), hashlib.sha256(data).hexdigest(), uri)

    def get(self, path: str, sha256: str | None = None) -> bytes:
        """The file's bytes. Raises MissingFileError when there is none, StorageError when they are not those of `sha256`."""
        data = read_whole(self._target(path))
        found = hashlib.sha256(data).hexdigest()
        if sha256 is not None and found != sha256:
            raise StorageError(f"{self._target(path)}: SHA-256 is {found}, not {sha256}; the file was changed; publish it again")
        return data

    def names(self, folder: str, suffix: str) -> list[str]:
        """The names, less `suffix`, of the files directly in a folder, sorted; none where there is no folder."""
        return stems(self._target(folder), suffix)

    def remove(self, path: str) -> None:
        """Removes one file; one that is already gone is no error."""
        remove(self._target(path))

    def publish(self, files: Mapping[str, bytes], about: Mapping[str, object], manifest_path: str = MANIFEST) -> list[Artifact]:
        """Puts all files, then the manifest: JSON of `about` and, under `files`, each file's path, size, SHA-256 and URI.

        The manifest comes last, so that it only ever lists files that are there. Artifacts in path order, without the manifest.
        """
        if manifest_path in files or "files" in about:
            raise StorageError(f"{manifest_path} and its entry 'files' are the manifest's own; rename what you publish")
        for path in (*files, manifest_path):
            self._target(path)
        artifacts = [self.put(path, files[path]) for path in sorted(files)]
        manifest = {**about, "files": [asdict(artifact) for artifact in artifacts]}
        text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        self.put(manifest_path, f"{text}\n".encode())
        return artifacts

    def _target(self, path: str) -> Location:
        target = self._root
        for name in path.split("/"):
            target = target / safe_name(name)
        return target
