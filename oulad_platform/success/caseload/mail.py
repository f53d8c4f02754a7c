"""The adviser's daily list as a message: HTML that reads on a phone, plain text with the same figures, and a CSV to work in.

Who is listed and why is decided in `success.caseload.ranking`; making a mail of it and sending it happens elsewhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pandas as pd

from oulad_platform.core.alert_messages import one_line
from oulad_platform.core.house import House
from oulad_platform.core.reports import csv_bytes
from oulad_platform.success.caseload.sentences import day_text, percent
from oulad_platform.success.caseload.tables import CASELOAD_DAILY

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_SHOWN = 60
NAME_LETTERS, SENTENCE_LETTERS, SUBJECT_LETTERS = 60, 400, 150
FOOTER = (
    "In order of risk, the probability of failing or leaving the module, as estimated from what was known before today.",
    "An estimate is no verdict: it says whom to speak to first, and no decision about a student may follow from it alone.",
    "Enter each contact, and what came of it, in the record of contacts: who was reached rests for a while, others stay here.",
)


@dataclass(frozen=True)
class CaseloadMail:
    """One message: subject on one line, the same figures as plain text and as HTML, files by name."""

    subject: str
    text: str
    html: str
    attachments: dict[str, bytes]


def caseload_mail(adviser: str, rows: pd.DataFrame, day: date, house: House) -> CaseloadMail:
    """The list of one adviser and day, from CASELOAD_DAILY rows of any advisers and days; others' rows are left out.

    At most MOST_SHOWN students stand in the message, in their order, with the number of those left out; the attached CSV
    holds all of them. Without a student the message says so and has no attachment.
    """
    from css_inline import CSSInliner

    own = rows[(rows["adviser"] == adviser) & (rows["caseload_date"] == pd.Timestamp(day))].sort_values("position")
    people = house.words.person if len(own) == 1 else house.words.people
    headline = f"{len(own):,} {people} to contact" if len(own) else f"No {people} to contact"
    file_name = f"contact_list_{day}.csv"
    given = {
        "house": house,
        "institution": one_line(house.institution, NAME_LETTERS),
        "subject": one_line(f"{one_line(house.institution, NAME_LETTERS)}: {headline} on {day}", SUBJECT_LETTERS),
        "headline": headline,
        "when": f"{day:%A} {day_text(day)}",
        "adviser": one_line(adviser, NAME_LETTERS),
        "students": [_entry(row) for row in own.head(MOST_SHOWN).to_dict("records")],
        "more": max(len(own) - MOST_SHOWN, 0),
        "file_name": file_name,
        "footer": FOOTER,
    }
    html = CSSInliner(load_remote_stylesheets=False).inline(_templates().get_template("contact_list.html").render(given))
    text = _templates().get_template("contact_list.txt").render(given)
    attachments = {file_name: csv_bytes(own[CASELOAD_DAILY.names])} if len(own) else {}
    return CaseloadMail(str(given["subject"]), text, html, attachments)


def _entry(row: Mapping[Any, Any]) -> dict[str, str]:
    """What the message says of one student, each on one line."""
    others = "" if pd.isna(row["other_modules"]) else f"; also at high risk in {row['other_modules']}"
    return {
        "position": f"{row['position']}",
        "student": f"{row['id_student']}",
        "module": one_line(f"{row['code_module']} {row['code_presentation']}{others}", SENTENCE_LETTERS),
        "risk": f"{percent(row['risk_score'])} %",
        "why": one_line(row["why"], SENTENCE_LETTERS),
        "why_now": one_line(row["why_now"], SENTENCE_LETTERS),
        "action": one_line(row["suggested_action"], SENTENCE_LETTERS),
    }


def file_stem(adviser: str) -> str:
    """The adviser's name as a file's, at most 60 plain letters; where it is another than the name, a hash keeps it distinct.

    >>> file_stem("Ada Byron"), file_stem("Zoë Çelik")
    ('Ada Byron', 'Zoe Celik-c065dc2f')
    """
    plain = unicodedata.normalize("NFKD", adviser).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9 _-]+", "-", plain)[:NAME_LETTERS].strip(" -")
    return stem if stem == adviser else f"{stem or 'adviser'}-{sha256(adviser.encode()).hexdigest()[:8]}"


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=PackageLoader("oulad_platform.success.caseload"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
