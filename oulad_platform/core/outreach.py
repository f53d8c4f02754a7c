"""Outreach: who may contact students, and who was contacted. The tables and a contact's id; reading files is `sources`'."""

from __future__ import annotations

import hashlib

import pandas as pd

from oulad_platform.core.pseudonyms import Pseudonyms
from oulad_platform.core.tables import Column, Table

CHANNELS = ("call", "e-mail", "meeting", "message")
REACHED, NOT_REACHED, DECLINED = OUTCOMES = ("reached", "not reached", "declined")
ALL_MODULES = "all"
STUDENT = Column("id_student", "int32", "The student.", minimum=0, personal=True, student=True)
INTERVENTIONS = Table(
    "interventions",
    "One row per contact, or attempt at one, with a student.",
    (
        Column("contact_id", "text", "The contact; made of student, day, adviser and channel where the source has none."),
        STUDENT,
        Column("contacted_on", "date", "The day."),
        Column("adviser", "text", "Who made it."),
        Column("channel", "text", "How.", allowed=CHANNELS),
        Column("outcome", "text", "What came of it.", allowed=OUTCOMES),
    ),
    key=("contact_id",),
    allow_empty=True,
    row_security=True,
)
ADVISERS = Table(
    "advisers",
    "One row per adviser, or module team, and module they look after.",
    (
        Column("adviser", "text", "Adviser or team; the file of their list is named after it."),
        Column("email", "text", "Where their list is mailed; absent: it stays a file.", nullable=True, personal=True),
        Column("code_module", "text", "Module they look after; 'all': every module."),
        Column("login", "text", "Their account in the warehouse; absent: none.", nullable=True, personal=True),
        Column("capacity", "int16", "Students they can contact a day, all their modules together.", "students", minimum=1),
    ),
    key=("adviser", "code_module"),
    allow_empty=True,
    restricted=True,
    row_security=True,
)
OPT_OUTS = Table(
    "opt_outs",
    "One row per student who is not to be scored, from a day on.",
    (STUDENT, Column("opted_out_on", "date", "From this day on nobody scores or lists them.")),
    key=("id_student",),
    allow_empty=True,
    restricted=True,
)


def contact_ids(contacts: pd.DataFrame, pseudonyms: Pseudonyms) -> list[str]:
    """An id for each row: 16 hexadecimal digits of the SHA-256 of the student's pseudonym, day (ISO), adviser and channel.

    `contacts` has these columns of INTERVENTIONS. Two attempts of one adviser on one day by one channel are one contact.

    >>> from oulad_platform.core.pseudonyms import DEMO
    >>> day = pd.Timestamp("2026-11-20")
    >>> row = {"id_student": 11391, "contacted_on": day, "adviser": "Ada", "channel": "call"}
    >>> contact_ids(pd.DataFrame([row]), DEMO)
    ['ec73f9889552f273']
    """
    days = contacts["contacted_on"].dt.strftime("%Y-%m-%d")
    rows = zip(pseudonyms.of(contacts["id_student"]), days, contacts["adviser"], contacts["channel"], strict=True)
    return [hashlib.sha256("\x1f".join(map(str, row)).encode()).hexdigest()[:16] for row in rows]
