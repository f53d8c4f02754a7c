from __future__ import annotations

import json
from pathlib import Path

import pytest

from oulad_platform.storage.errors import StorageError
from oulad_platform.storage.outbox import FileOutbox


@pytest.fixture(params=["folder", "s3"])
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> FileOutbox:
    return FileOutbox(str(tmp_path / "outbox") if request.param == "folder" else f"s3://{request.getfixturevalue('s3')}/outbox")


def test_a_message_is_delivered_once_and_remembered_by_its_id(outbox: FileOutbox) -> None:
    assert outbox.delivered() == set()
    assert outbox.deliver("threshold:AAA/2013J:2014-05-20", "Alert", "Too many.", ["dean@example.org"])
    assert not outbox.deliver("threshold:AAA/2013J:2014-05-20", "Alert", "Again.", ["dean@example.org"])
    assert outbox.deliver("<spike@50%>", "Alert", "Rose.", [])
    assert outbox.delivered() == {"threshold:AAA/2013J:2014-05-20", "<spike@50%>"}


def test_the_first_text_of_a_message_stays(tmp_path: Path) -> None:
    outbox = FileOutbox(str(tmp_path))
    outbox.deliver("m1", "Größer", "Text", ["a@example.org"])
    outbox.deliver("m1", "Other", "Other", [])
    assert json.loads((tmp_path / "m1.json").read_text(encoding="utf-8")) == {
        "message_id": "m1",
        "subject": "Größer",
        "body": "Text",
        "recipients": ["a@example.org"],
    }


@pytest.mark.parametrize("message_id", ["", "../x"])
def test_an_id_that_cannot_name_a_file_is_refused(message_id: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be a file's name"):
        FileOutbox(str(tmp_path)).deliver(message_id, "", "", [])
