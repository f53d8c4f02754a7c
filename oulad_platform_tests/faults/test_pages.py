"""Lists of twenty thousand students, and files that are replaced while somebody reads them."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from oulad_platform.core.house import House
from oulad_platform.storage import artifacts as artifacts_module
from oulad_platform.storage.artifacts import Artifacts
from oulad_platform.storage.errors import StorageError
from oulad_platform.success.caseload.mail import caseload_mail
from oulad_platform.success.caseload.ranking import CaseloadRules, caseload
from oulad_platform_tests.success.caseload.lists import DAY, advisers, contacts, risks


@pytest.mark.fault("H7", "H8")
def test_twenty_thousand_students_on_one_list_are_a_small_page_in_seconds() -> None:
    risk = risks(*((n, "AAA", 0.6 + n / 100_000) for n in range(20_000)))
    began = time.process_time()
    rows = caseload(risk, advisers(("Ada", "AAA", 20_000)), contacts(), (), DAY, CaseloadRules())
    made = caseload_mail("Ada", rows, DAY, House())
    assert time.process_time() - began < 3
    assert len(rows) == 20_000
    assert len(made.html.encode()) < 100_000
    assert len(made.attachments["contact_list_2026-11-23.csv"]) < 10_000_000, "a mail server takes it"


class Killed(BaseException):
    """The publisher's process ends here."""


class Publications(RuleBasedStateMachine):
    """Publishers who may be killed before any write, and a reader who goes by the manifest."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.artifacts = Artifacts(self.folder.name)
        self.published: list[dict[str, bytes]] = []
        self.whole = False

    @rule(contents=st.lists(st.sampled_from([b"", b"x", b"y"]), min_size=2, max_size=2), writes=st.integers(0, 3))
    def publish(self, contents: list[bytes], writes: int) -> None:
        files = {f"reports/{name}.md": content for name, content in zip("ab", contents, strict=True)}
        write, left = artifacts_module.write_whole, [writes]

        def until_killed(target: Any, data: bytes) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            write(target, data)

        artifacts_module.write_whole = until_killed
        try:
            self.artifacts.publish(files, {"run_id": "r1"})
            self.published.append(files)
            self.whole = True
        except Killed:
            self.whole = False
        finally:
            artifacts_module.write_whole = write

    @invariant()
    def what_the_manifest_lists_is_whole_or_refused(self) -> None:
        if not getattr(self, "published", None):
            return
        listed = json.loads(self.artifacts.get("outputs/artifacts_manifest.json"))["files"]
        newest = {path: hashlib.sha256(content).hexdigest() for path, content in self.published[-1].items()}
        assert {one["path"]: one["sha256"] for one in listed} == newest
        try:
            read = {one["path"]: self.artifacts.get(one["path"], one["sha256"]) for one in listed}
        except StorageError:
            assert not self.whole
        else:
            assert read == self.published[-1]

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()


TestPublications: Any = Publications.TestCase
TestPublications.settings = settings(max_examples=12, stateful_step_count=8, deadline=None)
TestPublications.pytestmark = [pytest.mark.fault("property 13")]
