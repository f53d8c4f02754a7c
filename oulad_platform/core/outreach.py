"""Outreach: who may contact students, and who was contacted. The tables and a contact's id; reading files is `sources`'."""

from __future__ import annotations

import hashlib

import pandas as pd

from oulad_platform.core.tables import Column, Table

CHANNELS = ("call", "e-mail", "meeting", "message")
REACHED, NOT_REACHED, DECLINED = OUTCOMES = ("reached", "not reached", "declined")
ALL_MODULES = "all"
STUDENT = Column("id_student", "int32", "The student.", minimum=0, personal=True)
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
)
ADVISERS = Table(
    "advisers",
    "One row per adviser, or module team, and module they look after.",
    (
        Column("adviser", "text", "Adviser or team; the file of their list is named after it."),
        Column("email", "text", "Where their list is mailed; absent: it stays a file.", nullable=True, personal=True),
        Column("code_module", "text", "Module they look after; 'all': every module."),
        Column("capacity", "int16", "Students they can contact a day, all their modules together.", "students", minimum=1),
    ),
    key=("adviser", "code_module"),
    allow_empty=True,
)


def contact_ids(contacts: pd.DataFrame) -> list[str]:
    """An id for each row: 16 hexadecimal digits of the SHA-256 of student, day (ISO), adviser and channel.

    `contacts` has these columns of INTERVENTIONS. Two attempts of one adviser on one day by one channel are one contact.

    >>> day = pd.Timestamp("2026-11-20")
    >>> row = {"id_student": 11391, "contacted_on": day, "adviser": "Ada", "channel": "call"}
    >>> contact_ids(pd.DataFrame([row]))
    ['deae492a0f0b8ca0']
    """
    days = contacts["contacted_on"].dt.strftime("%Y-%m-%d")
    rows = zip(contacts["id_student"], days, contacts["adviser"], contacts["channel"], strict=True)
    return [hashlib.sha256("\x1f".join(map(str, row)).encode()).hexdigest()[:16] for row in rows]
