from __future__ import annotations

import re
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oulad_platform.core.messages import (
    compose,
    covered,
    covering,
    dated,
    envelope,
    message_id_of,
    message_key,
    subject_and_text,
)

MORNING = datetime(2014, 5, 20, 8, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n picture"
LINE = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=200)


def composed(**changed: Any) -> bytes:
    given: dict[str, Any] = {
        "message_id": "daily_summary-2014-05-20",
        "sender": "Universität Köln <noreply@uni.example>",
        "recipients": ["dean@example.org"],
        "subject": "Enrolment on 20 May",
        "text": "2,201 students.",
        "sent_at": MORNING,
    }
    return compose(**(given | changed))


def read(message: bytes) -> EmailMessage:
    parsed = message_from_bytes(message, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def lines(text: str) -> list[str]:
    return re.split("\r\n|\r|\n", re.sub("(\r\n|\r|\n)$", "", text))


def test_a_mail_has_text_a_page_with_its_picture_and_the_attachments() -> None:
    mail = read(
        composed(
            html='<p>2,201 students ✓</p><img src="cid:trend" alt="">',
            images={"trend": PNG},
            attachments={"Müller.csv": "id,name\n1,Größe\n".encode(), "raw.bin": b"\x00\xff"},
        )
    )
    shape = [part.get_content_type() for part in mail.walk()]
    assert shape == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "text/csv",
        "application/octet-stream",
    ]
    parts = [part for part in mail.walk() if not part.is_multipart()]
    assert parts[0].get_content().splitlines() == ["2,201 students."]
    assert parts[1].get_content().splitlines() == ['<p>2,201 students ✓</p><img src="cid:trend" alt="">']
    assert (parts[2]["Content-ID"], parts[2].get_content_disposition(), parts[2].get_content()) == ("<trend>", "inline", PNG)
    assert (parts[3].get_filename(), parts[3].get_content()) == ("Müller.csv", "id,name\n1,Größe\n")
    assert (parts[4].get_filename(), parts[4].get_content()) == ("raw.bin", b"\x00\xff")


def test_headers_say_who_when_and_that_a_machine_wrote() -> None:
    mail = read(composed(recipients=["Dörte Öz <d@example.org>", "registrar@example.org"], subject="Größe: 5 % – ✓"))
    assert mail["From"] == "Universität Köln <noreply@uni.example>"
    assert mail["To"] == "Dörte Öz <d@example.org>, registrar@example.org"
    assert mail["Subject"] == "Größe: 5 % – ✓"
    assert mail["Date"] == "Tue, 20 May 2014 08:00:00 +0000"
    assert mail["Message-ID"] == "<e1ad8da0c3504297f514c86702c9dce3@uni.example>"
    assert mail["Auto-Submitted"] == "auto-generated"


@pytest.mark.fault("I10")
def test_the_same_input_gives_the_same_bytes_and_another_id_another_message_id() -> None:
    rich: dict[str, Any] = {"html": '<img src="cid:a">', "images": {"a": PNG}, "attachments": {"a.csv": b"a\n"}}
    assert composed(**rich) == composed(**rich)
    first, other = (read(composed(message_id=one))["Message-ID"] for one in ("threshold:AAA/2013J", "threshold:BBB/2013J"))
    assert first != other
    assert first == read(composed(message_id="threshold:AAA/2013J", text="Other words"))["Message-ID"]


@pytest.mark.fault("G9")
def test_nothing_in_a_mail_can_be_written_to_end_its_part() -> None:
    boundary = read(composed(html="<p></p>")).get_boundary()
    mail = read(composed(html=f"<p>\n--{boundary}--\n</p>", text=f"--{boundary}\nContent-Type: text/html\n\nforged"))
    assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]


@pytest.mark.fault("G10")
@given(subject=LINE, text=st.text(st.characters(exclude_categories=("Cs",)), max_size=300), name=LINE)
@example(subject="x" * 4000, text=".\r\n.\n\r..", name="RTL \u202e <script> 😀")
def test_any_text_travels_whole_in_lines_short_enough_for_every_server(subject: str, text: str, name: str) -> None:
    message = composed(subject=subject, text=text, html=f"<p>{name}</p>")
    assert message.isascii()
    assert max(map(len, message.split(b"\r\n"))) <= 998
    assert b"\n" not in message.replace(b"\r\n", b"")
    mail = read(message)
    assert mail["Subject"].split() == subject.split()
    plain, page = (part.get_content() for part in mail.iter_parts())
    assert lines(plain) == lines(text)
    assert lines(page) == [f"<p>{name}</p>"]


@pytest.mark.fault("G9")
@pytest.mark.parametrize("injected", ["\r\nBcc: thief@example.org", "\nX: y", "\r", "\x00", "\u2028Bcc: thief@example.org"])
@pytest.mark.parametrize("field", ["subject", "sender", "recipients", "message_id", "attachments"])
def test_a_line_break_in_a_header_is_refused_and_the_field_named(field: str, injected: str) -> None:
    value: Any = f"a@example.org{injected}"
    changed = (
        {"recipients": [value]} if field == "recipients" else {"attachments": {value: b""}} if field == "attachments" else {}
    )
    with pytest.raises(ValueError, match=f"^{field}: .* holds a line break or another control character"):
        composed(**(changed or {field: value}))


@pytest.mark.fault("G9")
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"recipients": ["dean"]}, "recipients: 'dean' is not one address"),
        ({"recipients": ["a@example.org, b@example.org"]}, "recipients: .* is not one address"),
        ({"recipients": [""]}, "recipients: '' is not one address"),
        ({"recipients": ["dörte@example.org"]}, "recipients: 'dörte@example.org' is not one address"),
        ({"sender": "a@köln.example"}, "sender: 'a@köln.example' is an address with letters outside ASCII"),
        ({"subject": "half \ud83d"}, "subject: sign 6 is half a character"),
        ({"text": "\ud83d"}, "text: sign 1 is half a character"),
        ({"sent_at": MORNING.replace(tzinfo=None)}, "sent_at has no time zone"),
        ({"images": {"a": PNG}}, "images: .'a'. must be shown in html as cid:<id> and be given"),
        ({"html": "<img src='cid:a'>"}, "images: .'a'. must be shown in html as cid:<id> and be given"),
        ({"html": '<img src="cid:a b">', "images": {"a b": PNG}}, "images: 'a b' is not an id"),
        ({"attachments": {"../x.csv": b""}}, "attachments: '../x.csv' is not a plain file name"),
    ],
)
def test_what_cannot_be_mailed_is_refused_by_the_field_s_name(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        composed(**changed)


def test_the_envelope_names_each_address_once() -> None:
    message = composed(recipients=["Dean <dean@example.org>", "dean@example.org", "r@example.org"])
    assert envelope(message) == ("noreply@uni.example", ["dean@example.org", "r@example.org"])
    assert dated(message) == MORNING
    assert envelope(composed(recipients=[])) == ("noreply@uni.example", [])
    with pytest.raises(ValueError, match="no sender"):
        envelope(b"Subject: none\r\n\r\n")
    assert dated(b"Subject: none\r\n\r\n") is None


def test_a_key_is_the_same_for_the_same_people_however_they_are_written() -> None:
    day = date(2014, 5, 20)
    key = message_key("daily_summary", day, ["dean@example.org", "registrar@example.org"])
    assert key == message_key("daily_summary", day, ["Registrar@example.org", " Dean@example.org", "dean@example.org"])
    others = {
        message_key("anomaly_detected", day, ["dean@example.org", "registrar@example.org"]),
        message_key("daily_summary", date(2014, 5, 21), ["dean@example.org", "registrar@example.org"]),
        message_key("daily_summary", day, ["dean@example.org"]),
        message_key("daily_summary", day, ["dean@example.org", "registrar@example.org"], extra="run 7"),
    }
    assert len(others | {key}) == 5


def test_a_message_names_what_it_covers_and_gives_subject_text_and_id_back() -> None:
    message = compose(
        message_id="digest-1",
        sender="platform@uni.example",
        recipients=["dean@example.org"],
        subject="Zwölf alerts",
        text="Grüße.\nTwo lines.\n",
        html="<p>Grüße.</p>",
        sent_at=datetime(2014, 5, 20, 8, tzinfo=UTC),
    )
    ids = ["threshold_A B é_2014-05-20", "x\r\nBcc: eve@example.org", "," * 300]
    named = covering(message, ids)
    assert covered(named) == ids
    assert named.endswith(message)
    assert (covering(message, []), covered(message)) == (message, [])
    assert subject_and_text(named) == ("Zwölf alerts", "Grüße.\nTwo lines.\n")
    assert envelope(named) == ("platform@uni.example", ["dean@example.org"])
    assert message_id_of(named) == message_id_of(message) == "b7257cc0dcb2dfea6cce40900e22970a@uni.example"
    with pytest.raises(ValueError, match="covers: an id is 1,000 letters long"):
        covering(message, ["a" * 1000])
