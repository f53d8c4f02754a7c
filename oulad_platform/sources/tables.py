"""The seven raw tables, as every later step finds them: official OULAD names, narrow types, closed vocabularies.

Source: Kuzilek J., Hlosta M., Zdrahal Z., Open University Learning Analytics dataset, Scientific Data 4:170171 (2017).
Days are offsets from the presentation's `start_date` (0 = its first day). Blank and `?` are absent values.
"""

from __future__ import annotations

from oulad_platform.core.tables import Column, Table

MODULE = Column("code_module", "text", "Module: the course a student takes.")
PRESENTATION = Column("code_presentation", "text", "Presentation: year and starting month of one run of a module, e.g. 2013J.")
STUDENT = Column("id_student", "int32", "The student, by the publisher's pseudonym.", minimum=0, personal=True, student=True)

FIRST_DAY, LAST_DAY = -1000, 1000

EDUCATION = (
    "No Formal quals",
    "Lower Than A Level",
    "A Level or Equivalent",
    "HE Qualification",
    "Post Graduate Qualification",
)
IMD_BANDS = tuple(f"{low}-{low + 10}%" for low in range(0, 100, 10))
REGIONS = (
    "East Anglian Region",
    "East Midlands Region",
    "Ireland",
    "London Region",
    "North Region",
    "North Western Region",
    "Scotland",
    "South East Region",
    "South Region",
    "South West Region",
    "Wales",
    "West Midlands Region",
    "Yorkshire Region",
)
ACTIVITY_TYPES = (
    "dataplus",
    "dualpane",
    "externalquiz",
    "folder",
    "forumng",
    "glossary",
    "homepage",
    "htmlactivity",
    "oucollaborate",
    "oucontent",
    "ouelluminate",
    "ouwiki",
    "page",
    "questionnaire",
    "quiz",
    "repeatactivity",
    "resource",
    "sharedsubpage",
    "subpage",
    "url",
)
RESULTS = ("Distinction", "Pass", "Fail", "Withdrawn")

COURSES = Table(
    "courses",
    "One row per module and presentation.",
    (
        MODULE,
        PRESENTATION,
        Column("module_presentation_length", "int16", "How long the presentation runs.", "days", minimum=1, maximum=LAST_DAY),
        Column("start_date", "date", "Calendar date of day 0, from the code, platform.yaml or the replay."),
    ),
    key=("code_module", "code_presentation"),
)
ASSESSMENTS = Table(
    "assessments",
    "One row per assessment of a presentation.",
    (
        MODULE,
        PRESENTATION,
        Column("id_assessment", "int32", "The assessment.", minimum=0),
        Column("assessment_type", "text", "Tutor-marked, computer-marked or exam.", allowed=("TMA", "CMA", "Exam")),
        Column("date", "int16", "Due day; absent for some exams.", "days from start", True, minimum=FIRST_DAY, maximum=LAST_DAY),
        Column("weight", "float32", "Share of the final mark.", "percent", minimum=0, maximum=100),
    ),
    key=("id_assessment",),
)
VLE = Table(
    "vle",
    "One row per site of the virtual learning environment.",
    (
        Column("id_site", "int32", "The site.", minimum=0),
        MODULE,
        PRESENTATION,
        Column("activity_type", "text", "What the site is for.", allowed=ACTIVITY_TYPES),
        Column("week_from", "int16", "First week of planned use.", "weeks", True, minimum=0, maximum=60),
        Column("week_to", "int16", "Last week of planned use.", "weeks", True, minimum=0, maximum=60),
    ),
    key=("id_site",),
)
STUDENT_INFO = Table(
    "student_info",
    "One row per enrolment: student, module and presentation.",
    (
        MODULE,
        PRESENTATION,
        STUDENT,
        Column("gender", "text", "Gender on record.", allowed=("F", "M")),
        Column("region", "text", "Where the student lived.", allowed=REGIONS),
        Column("highest_education", "text", "Highest education on entry.", allowed=EDUCATION),
        Column("imd_band", "text", "Index of multiple deprivation of the home area.", nullable=True, allowed=IMD_BANDS),
        Column("age_band", "text", "Age group.", allowed=("0-35", "35-55", "55<=")),
        Column("num_of_prev_attempts", "int8", "Earlier attempts at this module.", minimum=0, maximum=50),
        Column("studied_credits", "int16", "Credits studied at the time.", "credits", minimum=0, maximum=2000),
        Column("disability", "text", "Declared disability.", allowed=("N", "Y")),
        Column("final_result", "text", "Outcome; absent while the presentation runs.", nullable=True, allowed=RESULTS),
    ),
    key=("code_module", "code_presentation", "id_student"),
)
STUDENT_REGISTRATION = Table(
    "student_registration",
    "One row per registration: student, module and presentation.",
    (
        MODULE,
        PRESENTATION,
        STUDENT,
        Column(
            "date_registration", "int16", "Day of registration.", "days from start", True, minimum=FIRST_DAY, maximum=LAST_DAY
        ),
        Column("date_unregistration", "int16", "Day of leaving.", "days from start", True, minimum=FIRST_DAY, maximum=LAST_DAY),
    ),
    key=("code_module", "code_presentation", "id_student"),
)
STUDENT_ASSESSMENT = Table(
    "student_assessment",
    "One row per student and assessment handed in.",
    (
        Column("id_assessment", "int32", "The assessment.", minimum=0),
        STUDENT,
        Column("date_submitted", "int16", "Day it was handed in.", "days from start", minimum=FIRST_DAY, maximum=LAST_DAY),
        Column("is_banked", "int8", "1: carried over from an earlier presentation.", minimum=0, maximum=1),
        Column("score", "float32", "Mark; absent when not recorded.", "percent", True, minimum=0, maximum=100),
    ),
    key=("id_assessment", "id_student"),
)
STUDENT_VLE = Table(
    "student_vle",
    "One row per recorded click batch: student, site and day. Equal rows are separate events: sum them.",
    (
        MODULE,
        PRESENTATION,
        STUDENT,
        Column("id_site", "int32", "The site.", minimum=0),
        Column("date", "int16", "Day of the clicks.", "days from start", minimum=FIRST_DAY, maximum=LAST_DAY),
        Column("sum_click", "int32", "Clicks in this batch.", "clicks", minimum=0),
    ),
    key=(),
)
SMALL_TABLES = (COURSES, ASSESSMENTS, VLE, STUDENT_INFO, STUDENT_REGISTRATION, STUDENT_ASSESSMENT)
