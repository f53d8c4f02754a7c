"""The tables of the enrollment line."""

from __future__ import annotations

from oulad_platform.core.tables import Column, Table, View

ENROLLMENT_SNAPSHOTS = Table(
    "enrollment_snapshots",
    "One row per student, program and day: who was enrolled at the start of that day.",
    (
        Column("snapshot_date", "date", "The day the snapshot describes."),
        Column("student_id", "text", "The student's identifier, as text."),
        Column("student_name", "text", "The student's name.", nullable=True, personal=True),
        Column("division", "text", "Division or faculty that owns the program."),
        Column("program", "text", "Program; for OULAD the module."),
        Column("level", "text", "Level of study; for OULAD the highest education on entry."),
        Column("status", "text", "registered: before the term's first day; active: from that day on."),
        Column("term", "text", "Term; for OULAD the presentation."),
        Column("term_end_date", "date", "Last day of the term; absent when the registrar does not say.", nullable=True),
        Column("first_enrolled_date", "date", "First day ever in this program, if the registrar knows.", nullable=True),
    ),
    key=("snapshot_date", "student_id", "program"),
    day="snapshot_date",
)
CHANGES = ("added", "dropped", "returned", "moved", "completed")
ENROLLMENT_DELTAS = Table(
    "enrollment_deltas",
    "One row per student, program, day and kind of change since the day before.",
    (
        Column("snapshot_date", "date", "The later of the two days compared."),
        Column("student_id", "text", "The student's identifier, as text."),
        Column("program", "text", "Program; for a move between programs the new one."),
        Column("division", "text", "Division of that program."),
        Column(
            "change",
            "text",
            "added: new; returned: enrolled before, absent yesterday; dropped: left before the term's end; "
            "completed: the term ended; moved: an attribute changed.",
            allowed=CHANGES,
        ),
        Column("attribute", "text", "What a move changed (program, division, level, status); empty for other changes."),
        Column("from_value", "text", "The attribute before a move.", nullable=True),
        Column("to_value", "text", "The attribute after a move.", nullable=True),
    ),
    key=("snapshot_date", "student_id", "program", "change", "attribute"),
    day="snapshot_date",
    allow_empty=True,
)
ENROLLMENT_METRICS = Table(
    "enrollment_metrics",
    "One row per day and scope: the whole institution, each division, each program.",
    (
        Column("date", "date", "The day."),
        Column("scope", "text", "total, division or program.", allowed=("total", "division", "program")),
        Column("name", "text", "Which division or program; 'all' for the total."),
        Column("total_enrollment", "int32", "Enrolments (student and program) in the snapshot.", "enrolments", minimum=0),
        Column("new_students", "int32", "Added or returned; absent on a baseline day.", "enrolments", True, minimum=0),
        Column("returned_students", "int32", "Of these, returned.", "enrolments", True, minimum=0),
        Column("dropped_students", "int32", "Left before their term's end.", "enrolments", True, minimum=0),
        Column("completed_students", "int32", "Left because their term ended.", "enrolments", True, minimum=0),
        Column("moved_in", "int32", "Came from another program or division; 0 for the total.", "enrolments", True, minimum=0),
        Column("moved_out", "int32", "Went to another program or division; 0 for the total.", "enrolments", True, minimum=0),
        Column("net_change", "int32", "new - dropped - completed + moved in - moved out.", "enrolments", True),
        Column(
            "retention_rate",
            "float64",
            "Of all of yesterday's enrolments, those still here today; completed ones count as not retained.",
            "percent",
            True,
            minimum=0,
            maximum=100,
        ),
        Column(
            "persistence_rate",
            "float64",
            "Of yesterday's enrolments whose term goes on, the share still here today; completed ones are left out.",
            "",
            True,
            minimum=0,
            maximum=1,
        ),
    ),
    key=("date", "scope", "name"),
    day="date",
)
WEEKLY_ENROLLMENT_SUMMARY = View(
    "weekly_enrollment_summary",
    "One row per week (Monday): average enrolment, adds, drops and day-over-day retention of the whole institution.",
    {
        dialect: f"""
        SELECT {week} AS week_start,
               AVG(total_enrollment) AS avg_enrollment,
               SUM(new_students) AS weekly_adds,
               SUM(dropped_students) AS weekly_drops,
               AVG(retention_rate) AS avg_retention
        FROM enrollment_metrics WHERE scope = 'total' GROUP BY 1"""  # noqa: S608 - the expressions stand below
        for dialect, week in {
            "postgresql": "CAST(DATE_TRUNC('week', date) AS date)",
            "sqlite": "DATE(date, 'weekday 0', '-6 days')",
        }.items()
    },
)
