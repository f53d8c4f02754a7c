"""E-mail as bytes: plain text, HTML with pictures, attachments; the same input gives the same bytes. Pure.

What a message says is decided by the module that owns it; keeping and sending it is `storage`'s.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from hashlib import sha256
from pathlib import PurePath
from urllib.parse import quote, unquote

COVERS = "X-Covers"
LONGEST_LINE = 998  # RFC 5322, 2.1.1
MAIL = policy.SMTP.clone(cte_type="7bit")
FILE_TYPES = {
    ".csv": ("text", "csv"),
    ".html": ("text", "html"),
    ".json": ("application", "json"),
    ".md": ("text", "markdown"),
    ".pdf": ("application", "pdf"),
    ".png": ("image", "png"),
    ".txt": ("text", "plain"),
    ".xlsx": ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}
_CID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
_SHOWN_CID = re.compile(r"""src=["']cid:([^"']*)""")


def message_key(trigger: str, day: date, recipients: Sequence[str], extra: str = "") -> str:
    """The id under which a message is put once: one per trigger, day and set of recipients, whatever their order and case.

    `extra` tells apart what may happen several times a day, such as the run that failed.

    >>> message_key("daily_summary", date(2014, 5, 20), ["Dean@example.org", "registrar@example.org"])
    'daily_summary-2014-05-20-fd1dce4d7a00cc81'
    """
    people = sorted({recipient.strip().lower() for recipient in recipients})
    told_apart = json.dumps([trigger, day.isoformat(), people, extra])
    return f"{trigger}-{day}-{sha256(told_apart.encode()).hexdigest()[:16]}"


def compose(
    *,
    message_id: str,
    sender: str,
    recipients: Sequence[str],
    subject: str,
    text: str,
    sent_at: datetime,
    html: str | None = None,
    images: Mapping[str, bytes] | None = None,
    attachments: Mapping[str, bytes] | None = None,
) -> bytes:
    """One message as RFC 5322 bytes of 7-bit text with CRLF line ends.

    `sender` and each recipient are `name@host` or `Some Name <name@host>`; no recipient gives a message without `To`.
    `images` are PNG by content id, each shown in `html` as `src="cid:<id>"`; `attachments` are files by name. The Message-ID
    follows from `message_id` and the sender's host. Raises ValueError naming the field: a line break or another control
    character in a header, no address, an image that is not shown or not there, a time without its zone.
    """
    images, attachments = images or {}, attachments or {}
    if sent_at.tzinfo is None:
        raise ValueError("sent_at has no time zone; give a time in UTC")
    message = EmailMessage(policy=MAIL)
    author = _address("sender", sender)
    message["From"] = author
    if recipients:
        message["To"] = [_address("recipients", recipient) for recipient in recipients]
    message["Subject"] = _one_line("subject", subject)
    message["Date"] = sent_at
    message["Message-ID"] = f"<{sha256(_one_line('message_id', message_id).encode()).hexdigest()[:32]}@{author.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: out-of-office replies stay away
    message.set_content(_encodable("text", text))
    if html is not None:
        message.add_alternative(_encodable("html", html), subtype="html")
    _add_images(message, html, images)
    for name, content in attachments.items():
        if _one_line("attachments", name) != PurePath(name).name or "\\" in name:
            raise ValueError(f"attachments: {name!r} is not a plain file name")
        maintype, subtype = FILE_TYPES.get(PurePath(name).suffix.lower(), ("application", "octet-stream"))
        params = {"charset": "utf-8"} if maintype == "text" else {}
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name, params=params)
    _fix_boundaries(message, message_id, [text, html or "", *images, *attachments])
    return message.as_bytes()


def envelope(message: bytes) -> tuple[str, list[str]]:
    """Sender's address and the recipients' addresses of a message, as a mail server needs them; each recipient once.

    Raises ValueError when there is no sender, or an address with letters outside ASCII.
    """
    headers = _headers(message)
    if not headers["From"] or not headers["From"].addresses:
        raise ValueError("the message has no sender (From); compose it again")
    recipients = [address.addr_spec for header in headers.get_all("To", []) for address in header.addresses]
    sender = headers["From"].addresses[0].addr_spec
    if not "".join([sender, *recipients]).isascii():
        raise ValueError("the message has an address with letters outside ASCII; compose it again")
    return sender, list(dict.fromkeys(recipients))


def covering(message: bytes, ids: Sequence[str]) -> bytes:
    """The message with a header that names the ids of what it tells together, one a line; as it is when there are none.

    Raises ValueError for an id that no header line can hold.
    """
    lines = [quote(one, safe="") for one in ids]
    longest = max(map(len, lines), default=0)
    if longest + len(COVERS) + 2 > LONGEST_LINE:
        raise ValueError(f"covers: an id is {longest:,} letters long; a line of a header holds {LONGEST_LINE}")
    folded = "\r\n ".join(lines)
    return f"{COVERS}: {folded}\r\n".encode() + message if lines else message


def covered(message: bytes) -> list[str]:
    """The ids that `covering` put into the message."""
    return [unquote(one) for one in str(_headers(message)[COVERS] or "").split()]


def subject_and_text(message: bytes) -> tuple[str, str]:
    """The message's subject and its plain text, empty where there is none."""
    parsed = BytesParser(EmailMessage, policy=MAIL).parsebytes(message)
    text = parsed.get_body(("plain",))
    return str(parsed["Subject"] or ""), str(text.get_content()).replace("\r\n", "\n") if text is not None else ""


def message_id_of(message: bytes) -> str:
    """The Message-ID header without its angle brackets, empty where there is none."""
    return str(_headers(message)["Message-ID"] or "").strip().strip("<>")


def dated(message: bytes) -> datetime | None:
    """The time in the message's Date header, in UTC; None when there is none."""
    header = _headers(message)["Date"]
    return header.datetime.astimezone(UTC) if header and header.datetime else None


def _headers(message: bytes) -> EmailMessage:
    return BytesParser(EmailMessage, policy=MAIL).parsebytes(message, headersonly=True)


def _add_images(message: EmailMessage, html: str | None, images: Mapping[str, bytes]) -> None:
    shown = set(_SHOWN_CID.findall(html or ""))
    if shown != set(images):
        raise ValueError(f"images: {sorted(shown ^ set(images))} must be shown in html as cid:<id> and be given in images, both")
    for cid, content in images.items():
        if not _CID.fullmatch(cid):
            raise ValueError(f"images: {cid!r} is not an id of letters, digits, dots and hyphens")
        page = list(message.iter_parts())[1]
        assert isinstance(page, EmailMessage)
        page.add_related(content, maintype="image", subtype="png", cid=f"<{cid}>", disposition="inline", filename=f"{cid}.png")


def _fix_boundaries(message: EmailMessage, message_id: str, contents: Sequence[str]) -> None:
    """Boundaries that follow from what is in the message, so that nothing in it can be written to equal one."""
    seed = sha256(json.dumps([message_id, *contents]).encode()).hexdigest()[:32]
    for number, part in enumerate(message.walk()):
        if part.is_multipart():
            part.set_boundary(f"=_{seed}_{number}")


def _address(field: str, value: str) -> Address:
    header = MAIL.header_factory("To", _one_line(field, value))
    if len(header.addresses) != 1 or header.defects or not header.addresses[0].domain or not header.addresses[0].username:
        raise ValueError(f"{field}: {value!r} is not one address such as registrar@university.edu")
    address: Address = header.addresses[0]
    if not address.addr_spec.isascii():
        raise ValueError(f"{field}: {value!r} is an address with letters outside ASCII; give its xn-- form or another one")
    return address


def _one_line(field: str, value: str) -> str:
    if any(unicodedata.category(sign) in ("Cc", "Zl", "Zp") for sign in value):
        raise ValueError(f"{field}: {value!r} holds a line break or another control character; remove it")
    return _encodable(field, value)


def _encodable(field: str, value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{field}: sign {error.start + 1} is half a character; repair the text") from None
    return value
