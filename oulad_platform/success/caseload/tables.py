"""The table of whom to contact."""

from __future__ import annotations

from oulad_platform.core.tables import Column, Table
from oulad_platform.success.tables import MODULE, OF_COURSE, PRESENTATION, RISK, STUDENT, VERSION

CASELOAD_DAILY = Table(
    "caseload_daily",
    "One row per day and student to be contacted: by whom, in which place of their list, why, and why now.",
    (
        Column("caseload_date", "date", "The day of the list; it uses nothing dated that day or later."),
        Column("adviser", "text", "Adviser or team whose list it is."),
        Column("position", "int16", "Place in the adviser's list, 1 = first.", minimum=1),
        STUDENT,
        MODULE,
        PRESENTATION,
        Column("other_modules", "text", "The student's other modules at high risk, comma-separated.", nullable=True),
        RISK,
        Column("risk_change_7d", "float64", "Change of the risk in seven days.", "probability", True, minimum=-1, maximum=1),
        Column("why", "text", "The strongest reasons, in sentences."),
        Column("why_now", "text", "What changed in the last days, in a sentence."),
        Column("last_contact", "date", "Day of the last contact of any outcome; absent: none on record.", nullable=True),
        Column("suggested_action", "text", "What to do first."),
        VERSION,
    ),
    key=("caseload_date", "id_student"),
    day="caseload_date",
    allow_empty=True,
    references=(OF_COURSE,),
    row_security=True,
)
