"""The tables of the enrollment line. What follows from the figures (trend, forecast, anomalies) is in `foresight_tables`."""

from __future__ import annotations

from oulad_platform.core.tables import Column, Table, View

CHANGES = ("added", "dropped", "returned", "moved", "completed")
SCOPES = ("total", "division", "program", "level", "term")
SCOPE = Column("scope", "text", "total, division, program, level or term (a program's part in one term).", allowed=SCOPES)
NAME = Column("name", "text", "Which division, program, level, or program and term; 'all' for the total.")

ENROLLMENT_SNAPSHOTS = Table(
    "enrollment_snapshots",
    "One row per student, program and day: who was enrolled at the start of that day.",
    (
        Column("snapshot_date", "date", "The day the snapshot describes."),
        Column("student_id", "text", "The student's identifier, as text.", personal=True, student=True),
        Column("student_name", "text", "The student's name.", nullable=True, personal=True),
        Column("division", "text", "Division or faculty that owns the program."),
        Column("program", "text", "Program; for OULAD the module."),
        Column("level", "text", "Level of study; for OULAD the highest education on entry."),
        Column("status", "text", "registered: before the term's first day; active: from that day on."),
        Column("term", "text", "Term; for OULAD the presentation."),
        Column("term_start_date", "date", "First day of the term; absent when the registrar does not say.", nullable=True),
        Column("term_end_date", "date", "Last day of the term; absent when the registrar does not say.", nullable=True),
        Column("first_enrolled_date", "date", "First day ever in this program, if the registrar knows.", nullable=True),
    ),
    key=("snapshot_date", "student_id", "program"),
    day="snapshot_date",
    allow_empty=True,
)
HELD_EXTRACTS = Table(
    "held_extracts",
    "One row per row of an extract that was held back, as the registrar's system gave it: evidence, never used in figures.",
    (
        Column("snapshot_date", "date", "The day the extract was taken for."),
        Column("row", "int32", "Row in the extract, the first is 1.", minimum=1),
        *(
            Column(c.name, "text", c.meaning, nullable=True, personal=c.personal, student=c.student)
            for c in ENROLLMENT_SNAPSHOTS.columns[1:]
        ),
    ),
    key=("snapshot_date", "row"),
    day="snapshot_date",
    allow_empty=True,
)
STATES = ("current", "superseded", "quarantined", "removed")
SNAPSHOT_VERSIONS = Table(
    "snapshot_versions",
    "One row per day and version of its snapshot: when it came, who let it in, and what became of it.",
    (
        Column("snapshot_date", "date", "The day the snapshot describes."),
        Column("version", "int16", "1 = the first extract of that day.", minimum=1),
        Column(
            "state",
            "text",
            "current: in use; superseded: corrected by a later version; quarantined: held back; removed: file deleted by "
            "housekeeping, metrics kept.",
            allowed=STATES,
        ),
        Column("n_rows", "int32", "Rows of the extract.", "rows", minimum=0),
        Column("previous_date", "date", "The snapshot it was compared with before it was let in.", nullable=True),
        Column("change_pct", "float64", "Change of the terms that go on, against that day.", "percent", nullable=True),
        Column("reason", "text", "Why it was held back, or let in all the same, and when its file was removed; empty otherwise."),
        Column("sha256", "text", "Hash of its rows."),
        Column("recorded_at", "timestamp", "When (UTC)."),
        Column("recorded_by", "text", "The run, or the person who accepted it."),
    ),
    key=("snapshot_date", "version"),
    day="snapshot_date",
    allow_empty=True,
)
QUALITY_RULES = ("duplicate_id", "missing_required", "invalid_format", "count_limit")
DATA_QUALITY_FINDINGS = Table(
    "data_quality_findings",
    "One row per broken rule, row and column of a day's extract; none when the extract is clean.",
    (
        Column("snapshot_date", "date", "The day the extract was taken for."),
        Column("rule", "text", "Which kind of rule.", allowed=QUALITY_RULES),
        Column("row", "int32", "Row in the extract, the first is 1; 0 when the rule is about the extract as a whole.", minimum=0),
        Column("column", "text", "The column, or empty."),
        Column("value", "text", "The value, masked; absent when it is missing.", nullable=True),
        Column("message", "text", "What is wrong, in words."),
        Column("is_blocking", "bool", "The day was held back for this rule; otherwise the row was left out."),
    ),
    key=("snapshot_date", "rule", "row", "column"),
    day="snapshot_date",
    allow_empty=True,
)
ENROLLMENT_DELTAS = Table(
    "enrollment_deltas",
    "One row per student, program, day and kind of change since the snapshot before.",
    (
        Column("snapshot_date", "date", "The later of the two days compared."),
        Column("student_id", "text", "The student's identifier, as text.", personal=True, student=True),
        Column("program", "text", "Program; for a move between programs the new one."),
        Column("division", "text", "Division of that program."),
        Column(
            "change",
            "text",
            "added: new; returned: enrolled before, absent in the snapshot before; dropped: left before the term's end; "
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


def _count(name: str, meaning: str) -> Column:
    return Column(name, "int32", meaning, "enrolments", nullable=True, minimum=0)


ENROLLMENT_METRICS = Table(
    "enrollment_metrics",
    "One row per day and scope: the whole institution, each division, program and level, each program's part in a term.",
    (
        Column("date", "date", "The day."),
        SCOPE,
        NAME,
        Column("total_enrollment", "int32", "Enrolments (student and program) in the snapshot.", "enrolments", minimum=0),
        Column(
            "previous_date", "date", "The snapshot compared with: the last one before; absent on a baseline day.", nullable=True
        ),
        _count("new_students", "Added or returned; absent on a baseline day."),
        _count("returned_students", "Of these, returned."),
        _count("dropped_students", "Left before their term's end."),
        _count("completed_students", "Left because their term ended."),
        _count("baseline_students", "Came with the first snapshot of their term: counted, not as new."),
        _count("moved_in", "Came from another name of this scope; 0 for the total."),
        _count("moved_out", "Went to another name of this scope; 0 for the total."),
        Column(
            "net_change", "int32", "new + baseline - dropped - completed + moved in - moved out.", "enrolments", nullable=True
        ),
        Column(
            "retention_rate",
            "float64",
            "Of all enrolments of the snapshot before, those still here; completed ones count as not retained.",
            "percent",
            True,
            minimum=0,
            maximum=100,
        ),
        Column(
            "persistence_rate",
            "float64",
            "Of the enrolments of the snapshot before whose term goes on, the share still here; completed ones are left out.",
            "",
            True,
            minimum=0,
            maximum=1,
        ),
        Column(
            "growth_rate",
            "float64",
            "(new - dropped + moved in - moved out) / enrolments of the snapshot before whose term goes on.",
            "share",
            True,
        ),
        Column(
            "average_7_days", "float64", "Mean enrolment of the snapshots of this and the 6 days before.", "enrolments", minimum=0
        ),
        Column("term", "text", "The term the day is counted towards: the next to reach its census day.", nullable=True),
        Column("days_to_term_start", "int32", "Days until that term's first day; negative after it.", "days", True),
        Column("days_to_census", "int32", "Days until that term's census day; negative after it.", "days", True),
        Column("last_year_date", "date", "The day a year ago that was as many days before its term's start.", nullable=True),
        _count("last_year_enrollment", "Enrolments of the same scope and name on that day."),
        Column("last_year_difference", "int32", "Enrolments more than on that day.", "enrolments", nullable=True),
    ),
    key=("date", "scope", "name"),
    day="date",
)
COHORT_RETENTION = Table(
    "cohort_retention",
    "One row per term, program and week after the term's census day: how many of its census cohort are still here.",
    (
        Column("term", "text", "The term."),
        Column("program", "text", "The program, or 'all'."),
        Column("week", "int16", "Weeks after the census day; 0 = the census day.", "weeks", minimum=0),
        Column("date", "date", "The day of that week."),
        Column("census_date", "date", "The day on which the cohort was counted."),
        Column("n_cohort", "int32", "Enrolments in the term's census snapshot.", "enrolments", minimum=1),
        Column("n_retained", "int32", "Of these, still enrolled in the same program, or completed it.", "enrolments", minimum=0),
        Column("retention_rate", "float64", "n_retained / n_cohort.", "", minimum=0, maximum=1),
    ),
    key=("term", "program", "week"),
    allow_empty=True,
)
CUSTOM_METRICS = Table(
    "custom_metrics",
    "One row per day, metric and name: figures from functions of the institution's own (entry point oulad_platform.metrics).",
    (
        Column("date", "date", "The day of the snapshot it was computed from."),
        Column("metric", "text", "The entry point's name."),
        Column("name", "text", "What the figure is about, as the function says."),
        Column("value", "float64", "The figure; absent where the function has none.", nullable=True),
    ),
    key=("date", "metric", "name"),
    day="date",
    allow_empty=True,
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
