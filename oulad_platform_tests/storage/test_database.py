from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oulad_platform.core.tables import Column, Reference, Table, View
from oulad_platform.enrollment.tables import ENROLLMENT_METRICS, WEEKLY_ENROLLMENT_SUMMARY
from oulad_platform.storage import building, engines
from oulad_platform.storage import database as database_module
from oulad_platform.storage.database import PUBLISHED_DAYS, Database
from oulad_platform.storage.errors import MissingTableError, SchemaMismatchError, StorageError

ROOT = Path(__file__).resolve().parents[2]
MONDAY, TUESDAY, WEDNESDAY = date(2014, 5, 19), date(2014, 5, 20), date(2014, 5, 21)
RISK = Table(
    "risk",
    "One row per student and day.",
    (
        Column("run_date", "date", "The day."),
        Column("student", "text", "The student's identifier."),
        Column("risk", "float64", "Probability.", "probability", minimum=0, maximum=1),
        Column("band", "text", "Band, with the 10 % step.", nullable=True, allowed=("0-10%", "it's high")),
        Column("rank", "int16", "Rank.", nullable=True),
        Column("score", "float32", "Mark.", nullable=True),
        Column("is_flagged", "bool", "Flag."),
        Column("scored_at", "timestamp", "When.", nullable=True),
    ),
    key=("run_date", "student"),
    day="run_date",
    allow_empty=True,
)
NOTE = Table(
    "note",
    "One row per note.",
    (
        Column("id", "int32", "Number."),
        Column("text", "text", "What it says.", nullable=True),
        Column("day", "date", "When.", nullable=True),
    ),
    key=("id",),
    day="day",
)
COURSE = Table(
    "course",
    "One row per course.",
    (Column("module", "text", "Module."), Column("code", "text", "Presentation."), Column("title", "text", "Title.")),
    key=("module", "code"),
    allow_empty=True,
)
MARK = Table(
    "mark",
    "One row per student and day.",
    (
        Column("day", "date", "The day."),
        Column("student", "int32", "The student."),
        *COURSE.columns[:2],
    ),
    key=("day", "student"),
    day="day",
    allow_empty=True,
    references=(Reference(("module", "code"), COURSE),),
    indexes=(("module", "code", "day"),),
)
PERCENT = View(
    "risk_today", "One row per band.", dict.fromkeys(("postgresql", "sqlite"), "SELECT band FROM risk WHERE band LIKE '%10%'")
)


def risks(day: date, *rows: tuple[str, float]) -> pd.DataFrame:
    return RISK.conform(
        pd.DataFrame(
            {
                "run_date": pd.Timestamp(day),
                "student": [student for student, _ in rows],
                "risk": [risk for _, risk in rows],
                "band": ["0-10%", None][: len(rows)] + [None] * (len(rows) - 2),
                "rank": pd.array([None] * len(rows), "Int16"),
                "score": 0.1,
                "is_flagged": [risk > 0.25 for _, risk in rows],
                "scored_at": pd.Timestamp("2014-05-20 08:00:00.123456"),
            }
        )
    )


def marks(day: date, n: int, module: str = "AAA") -> pd.DataFrame:
    rows = {"day": pd.Timestamp(day), "student": range(n), "module": module, "code": "2014B"}
    return MARK.conform(pd.DataFrame(rows))


def courses(*modules: str, title: str = "x") -> pd.DataFrame:
    return COURSE.conform(pd.DataFrame({"module": modules, "code": "2014B", "title": title}, dtype="str"))


@pytest.fixture
def database(database_url: str) -> Database:
    result = Database(database_url)
    result.create([RISK, NOTE])
    return result


@pytest.fixture
def postgres(postgres_database: str) -> Database:
    result = Database(postgres_database)
    result.create([RISK, NOTE])
    return result


@pytest.fixture
def session(postgres_database: str) -> Iterator[psycopg2.extensions.connection]:
    connection = psycopg2.connect(postgres_database)
    yield connection
    connection.close()


@pytest.fixture
def marked(database_url: str) -> Database:
    """Two courses, and 200 marks in the first on Tuesday."""
    result = Database(database_url)
    result.create([MARK])
    result.replace(COURSE, courses("AAA", "BBB"))
    result.replace_days(MARK, marks(TUESDAY, 200), [TUESDAY])
    return result


def test_what_is_written_is_read_back_in_the_declared_types_and_key_order(database: Database) -> None:
    frame = risks(TUESDAY, ("00123", 0.5), ("Zoë", 0.1), ("a", 0.2), ("B", 1.0))
    assert database.replace_days(RISK, frame, [TUESDAY]) == {TUESDAY: 4}
    stored = database.read_days(RISK, [TUESDAY])
    pd.testing.assert_frame_equal(stored, frame)
    assert stored["student"].tolist() == ["00123", "B", "Zoë", "a"]
    assert database.newest_day(RISK) == TUESDAY
    assert database.days(RISK) == [TUESDAY]
    assert database.ping() == f"{database.label} answers"
    assert database.count(RISK) == 4


def test_a_table_without_rows_is_read_as_an_empty_conforming_frame(database: Database) -> None:
    pd.testing.assert_frame_equal(database.read(RISK), RISK.empty())
    assert database.newest_day(RISK) is None


@pytest.mark.fault("E8")
def test_a_student_who_is_gone_from_a_day_is_gone_after_it_is_published_again_and_other_days_stay(database: Database) -> None:
    for day in (MONDAY, TUESDAY):
        database.replace_days(RISK, risks(day, ("a", 0.1), ("b", 0.2)), [day])
    assert database.replace_days(RISK, risks(TUESDAY, ("b", 0.3)), [TUESDAY]) == {TUESDAY: 1}
    assert database.read(RISK)[["student", "risk"]].to_numpy().tolist() == [["a", 0.1], ["b", 0.2], ["b", 0.3]]


def test_a_day_without_rows_is_emptied_and_days_need_not_follow_one_another(database: Database) -> None:
    for day in (MONDAY, TUESDAY, WEDNESDAY):
        database.replace_days(RISK, risks(day, ("a", 0.1)), [day])
    assert database.replace_days(RISK, risks(WEDNESDAY, ("c", 0.2)), [WEDNESDAY, MONDAY]) == {MONDAY: 0, WEDNESDAY: 1}
    assert database.read(RISK)["student"].tolist() == ["a", "c"]
    assert len(database.read_days(RISK, [MONDAY, TUESDAY])) == 1
    assert len(database.read_days(RISK, [])) == 0


def published(database: Database) -> list[list[object]]:
    return database.read(PUBLISHED_DAYS).astype({"day": str}).to_numpy().tolist()


@pytest.mark.fault("E7", "property 5")
def test_a_day_without_rows_is_remembered_as_published_but_is_not_the_newest_day(database: Database) -> None:
    assert database.days(RISK) == []
    database.replace_days(RISK, risks(MONDAY, ("a", 0.1), ("b", 0.2)), [TUESDAY, MONDAY])
    database.replace_days(RISK, RISK.empty(), [WEDNESDAY])
    assert database.days(RISK) == [MONDAY, TUESDAY, WEDNESDAY]
    assert database.newest_day(RISK) == MONDAY
    assert database.days(NOTE) == []


def test_a_day_published_again_is_recorded_once_with_its_new_rows_and_other_records_survive(
    database: Database, database_url: str
) -> None:
    database.replace_days(RISK, risks(MONDAY, ("a", 0.1)), [MONDAY])
    database.replace_days(RISK, risks(TUESDAY, ("a", 0.1)), [TUESDAY])
    database.replace_days(NOTE, NOTE.empty(), [TUESDAY])
    database.replace_days(RISK, risks(TUESDAY, ("a", 0.1), ("b", 0.2)), [TUESDAY])
    database.replace_days(RISK, RISK.empty(), [])
    Database(database_url).create([RISK, NOTE])
    assert published(database) == [["note", "2014-05-20", 0], ["risk", "2014-05-19", 1], ["risk", "2014-05-20", 2]]


def test_a_publish_that_is_rolled_back_or_replaces_the_whole_table_remembers_no_day(database: Database) -> None:
    with pytest.raises(StorageError, match="ck_risk_risk"):
        database.replace_days(RISK, risks(TUESDAY, ("a", 1.5)), [MONDAY, TUESDAY])
    database.replace(RISK, risks(TUESDAY, ("a", 0.1)))
    assert published(database) == []
    assert database.newest_day(RISK) == TUESDAY


def test_appended_rows_stand_beside_those_that_are_there_and_a_key_is_taken_once(database: Database) -> None:
    database.append({RISK: risks(TUESDAY, ("a", 0.1))})
    database.append({RISK: risks(TUESDAY, ("b", 0.2))})
    assert database.count(RISK) == 2
    with pytest.raises(StorageError):
        database.append({RISK: risks(TUESDAY, ("b", 0.3))})
    assert database.count(RISK) == 2


def test_clearing_deletes_the_rows_of_the_given_tables_and_every_published_day(database: Database) -> None:
    database.replace_days(RISK, risks(TUESDAY, ("a", 0.1)), [TUESDAY])
    note = NOTE.conform(pd.DataFrame({"id": [1], "text": ["x"], "day": pd.Timestamp(MONDAY)}))
    database.replace_days(NOTE, note, [MONDAY])
    database.clear([RISK])
    assert (database.count(RISK), database.count(NOTE)) == (0, 1)
    assert published(database) == []
    assert database.newest_day(RISK) is None


def test_clearing_changes_nothing_when_one_of_the_tables_is_not_there(database: Database) -> None:
    database.replace_days(RISK, risks(TUESDAY, ("a", 0.1)), [TUESDAY])
    with pytest.raises(MissingTableError, match="enrollment_metrics"):
        database.clear([RISK, ENROLLMENT_METRICS])
    assert database.count(RISK) == 1
    assert database.days(RISK) == [TUESDAY]


@pytest.mark.fault("E8", "property 5")
def test_publishing_the_same_rows_again_gives_the_same_table(database: Database) -> None:
    frame = risks(TUESDAY, ("a", 0.1), ("b", 1 / 3))
    database.replace_days(RISK, frame, [TUESDAY])
    first = database.read(RISK).to_csv()
    database.replace_days(RISK, frame, [TUESDAY])
    assert database.read(RISK).to_csv() == first
    assert database.replace(RISK, frame) == 2
    assert database.read(RISK).to_csv() == first


@pytest.mark.fault("E14")
def test_both_databases_hold_the_same_rows_and_answer_the_same_view(postgres_database: str, tmp_path: Path) -> None:
    days = pd.date_range("2014-05-12", "2014-05-20", unit="us")
    frame = ENROLLMENT_METRICS.empty().reindex(range(len(days)))
    frame = frame.assign(
        date=days,
        scope="total",
        name="all",
        total_enrollment=range(100, 109),
        new_students=1,
        dropped_students=2,
        retention_rate=99.5,
        average_7_days=100.0,
    )
    frame = ENROLLMENT_METRICS.conform(frame)
    dumps, views = [], []
    for url in (postgres_database, f"sqlite:///{tmp_path}/w.db"):
        database = Database(url)
        database.create([ENROLLMENT_METRICS], [WEEKLY_ENROLLMENT_SUMMARY])
        database.replace_days(ENROLLMENT_METRICS, frame, [day.date() for day in days])
        dumps.append(database.read(ENROLLMENT_METRICS).to_csv())
        with database._engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT * FROM weekly_enrollment_summary ORDER BY week_start").fetchall()
            views.append([(str(week), *map(float, figures)) for week, *figures in rows])
    assert dumps[0] == dumps[1]
    assert views[0] == views[1] == [("2014-05-12", 103.0, 7.0, 14.0, 99.5), ("2014-05-19", 107.5, 2.0, 4.0, 99.5)]


AWKWARD = [
    "",
    "\\.",
    "a\n\\.\nb",
    '"',
    "\\N",
    "\t",
    "\r\n",
    "NULL",
    "nan",
    "00123",
    "😀",
    "אב",
    "=1+1",
    "a,b",
    " x ",
    "'",
    "\\",
    None,
]


@pytest.mark.fault("E12")
def test_awkward_text_comes_back_as_it_was_and_empty_is_not_absent(database: Database) -> None:
    frame = NOTE.conform(pd.DataFrame({"id": range(len(AWKWARD)), "text": AWKWARD, "day": pd.Timestamp(MONDAY)}))
    database.replace(NOTE, frame)
    stored = database.read(NOTE)
    assert [None if pd.isna(text) else text for text in stored["text"]] == AWKWARD


TEXTS = st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
DAYS = st.none() | st.dates(date(1900, 1, 1), date(2200, 1, 1))


@pytest.mark.fault("A22")
def test_a_row_that_refers_to_nothing_is_refused_by_name_without_its_values_and_the_old_rows_stay(marked: Database) -> None:
    for publish in (
        lambda: marked.replace_days(MARK, marks(TUESDAY, 3, "SECRET"), [TUESDAY]),
        lambda: marked.append({MARK: marks(MONDAY, 3, "SECRET")}),
    ):
        with pytest.raises(StorageError, match="mark") as caught:
            publish()
        assert "fk_mark_course" in str(caught.value)
        assert "SECRET" not in str(caught.value)
    assert marked.count(MARK) == 200
    assert marked.days(MARK) == [TUESDAY]


def test_rows_that_are_referred_to_can_be_replaced_but_not_taken_away(marked: Database) -> None:
    marked.replace(COURSE, courses("AAA", "CCC", title="new"))
    assert marked.read(COURSE)["title"].tolist() == ["new", "new"]
    with pytest.raises(StorageError, match="fk_mark_course"):
        marked.replace(COURSE, courses("BBB"))
    with pytest.raises(StorageError, match="fk_mark_course"):
        marked.clear([COURSE])
    assert marked.read(COURSE)["module"].tolist() == ["AAA", "CCC"]
    assert (marked.count(MARK), marked.days(MARK)) == (200, [TUESDAY])


def test_tables_that_refer_to_one_another_are_cleared_at_once_in_any_order(marked: Database, database_url: str) -> None:
    marked.clear([COURSE, MARK])
    marked.replace(COURSE, courses("AAA"))
    marked.replace_days(MARK, marks(TUESDAY, 1), [TUESDAY])
    Database(database_url).clear([MARK, COURSE])
    assert (marked.count(COURSE), marked.count(MARK)) == (0, 0)


@pytest.mark.fault("E9")
def test_a_stored_table_without_its_foreign_key_is_not_as_declared(database_url: str) -> None:
    database = Database(database_url)
    database.create([Table(MARK.name, MARK.grain, MARK.columns, MARK.key, MARK.day), COURSE])
    with pytest.raises(SchemaMismatchError, match=r"lacks the foreign key fk_mark_course of \(module, code\) to course"):
        database.create([MARK])


def indexes(database: Database) -> set[str]:
    import sqlalchemy as sa

    with database._engine.connect() as connection:
        return {str(index["name"]) for index in sa.inspect(connection).get_indexes("mark")}


def test_an_index_is_made_with_its_table_and_where_it_is_missing(database_url: str) -> None:
    database = Database(database_url)
    database.create([Table(MARK.name, MARK.grain, MARK.columns, MARK.key, MARK.day, references=MARK.references)])
    assert indexes(database) == set()
    for _ in range(2):
        database.create([MARK])
        assert indexes(database) == {"ix_mark_module_code_day"}


@pytest.mark.fault("C5")
def test_readers_go_on_and_see_whole_days_while_a_day_and_what_it_refers_to_are_replaced(
    postgres_database: str, session: psycopg2.extensions.connection
) -> None:
    database = Database(postgres_database)
    database.create([MARK])
    database.replace(COURSE, courses("AAA"))
    database.replace_days(MARK, marks(TUESDAY, 100), [TUESDAY])
    session.set_session(isolation_level="REPEATABLE READ")
    cursor = session.cursor()
    joined = "SELECT count(*), min(c.title) FROM mark AS m JOIN course AS c ON c.module = m.module AND c.code = m.code"
    cursor.execute(joined)
    seen, done = [], threading.Event()

    def read() -> None:
        reader = psycopg2.connect(postgres_database)
        reader.autocommit = True
        while not done.is_set():
            with reader.cursor() as now:
                now.execute(joined)
                seen.extend(now.fetchall())
        reader.close()

    def replace_courses() -> None:
        for n in range(20):
            Database(postgres_database).replace(COURSE, courses("AAA", title=str(n)))

    def replace_marks() -> None:
        for n in (200, 100) * 10:
            Database(postgres_database).replace_days(MARK, marks(TUESDAY, n), [TUESDAY])

    with ThreadPoolExecutor(3) as pool:
        reading = pool.submit(read)
        try:
            for writer in [pool.submit(replace_courses), pool.submit(replace_marks)]:
                writer.result()
        finally:
            done.set()
        reading.result()
    assert {count for count, _ in seen} == {100, 200}
    cursor.execute(joined)
    assert cursor.fetchall() == [(100, "x")]
    assert database.read(COURSE)["title"].tolist() == ["19"]


@pytest.mark.fault("E12", "property 7")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(TEXTS, DAYS), max_size=8))
def test_any_text_and_any_date_survive_the_database(database: Database, rows: list[tuple[str | None, date | None]]) -> None:
    frame = NOTE.conform(
        pd.DataFrame(
            {"id": range(len(rows)), "text": [text for text, _ in rows], "day": pd.to_datetime([day for _, day in rows])}
        )
    )
    database.replace(NOTE, frame)
    pd.testing.assert_frame_equal(database.read(NOTE), frame)


@pytest.mark.fault("property 17")
def test_a_risk_that_is_no_number_is_refused_and_the_old_rows_stay(database: Database) -> None:
    database.replace_days(RISK, risks(TUESDAY, ("a", 0.1)), [TUESDAY])
    with pytest.raises(StorageError, match="risk"):
        database.replace_days(RISK, risks(TUESDAY, ("a", np.nan)), [TUESDAY])
    assert database.read(RISK)["risk"].tolist() == [0.1]


def test_the_database_itself_refuses_nan_above_every_bound(postgres: Database, session: psycopg2.extensions.connection) -> None:
    insert = "INSERT INTO risk VALUES ('2014-05-20', 'a', 'NaN', NULL, NULL, NULL, true, NULL)"
    with pytest.raises(psycopg2.errors.CheckViolation, match="ck_risk_risk"):
        session.cursor().execute(insert)


def test_a_broken_constraint_is_named_without_the_row(database: Database) -> None:
    with pytest.raises(StorageError) as caught:
        database.replace_days(RISK, risks(TUESDAY, ("secret-student", 1.5)), [TUESDAY])
    assert "ck_risk_risk" in str(caught.value)
    assert "secret-student" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_repeated_key_is_refused(database: Database) -> None:
    with pytest.raises(StorageError, match=r"risk_pkey|UNIQUE constraint failed: risk.run_date, risk.student"):
        database.replace_days(RISK, risks(TUESDAY, ("a", 0.1), ("a", 0.2)), [TUESDAY])


@pytest.mark.fault("E1")
def test_a_trigger_that_swallows_rows_is_noticed_and_the_old_rows_stay(
    postgres: Database, session: psycopg2.extensions.connection
) -> None:
    postgres.replace(RISK, risks(TUESDAY, ("a", 0.1)))
    session.cursor().execute("CREATE RULE swallow AS ON DELETE TO risk DO INSTEAD NOTHING")
    session.commit()
    with pytest.raises(StorageError, match=r"1 rows were written, 2 are there; nothing was changed"):
        postgres.replace(RISK, risks(TUESDAY, ("b", 0.2)))
    assert postgres.read(RISK)["student"].tolist() == ["a"]


def test_rows_of_a_day_that_is_not_being_replaced_are_refused(database: Database) -> None:
    with pytest.raises(StorageError, match="rows of 2014-05-20"):
        database.replace_days(RISK, risks(TUESDAY, ("a", 0.1)), [MONDAY])


def test_a_table_that_was_not_created_says_so(database_url: str) -> None:
    empty = Database(database_url)
    with pytest.raises(MissingTableError, match="risk"):
        empty.read(RISK)
    with pytest.raises(MissingTableError, match="risk"):
        empty.replace(RISK, risks(TUESDAY, ("a", 0.1)))
    with pytest.raises(MissingTableError, match="published_days"):
        empty.days(RISK)


@pytest.mark.fault("E9")
def test_a_table_with_other_columns_is_named_before_anything_is_deleted(database: Database) -> None:
    database.replace(RISK, risks(TUESDAY, ("a", 0.1)))
    wider = Table(RISK.name, RISK.grain, (*RISK.columns, Column("reason", "text", "Why.")), RISK.key, RISK.day)
    other = Table(
        RISK.name, RISK.grain, (*RISK.columns[:4], Column("rank", "text", "Rank."), *RISK.columns[5:]), RISK.key, RISK.day
    )
    with pytest.raises(SchemaMismatchError, match=r"table risk .*lacks the columns \['reason'\]"):
        database.create([wider])
    with pytest.raises(SchemaMismatchError, match="column rank is SMALLINT there and TEXT"):
        database.create([other])
    with pytest.raises(SchemaMismatchError, match="reason"):
        database.replace(wider, risks(TUESDAY, ("b", 0.1)).assign(reason="x"))
    assert database.read(RISK)["student"].tolist() == ["a"]


@pytest.mark.fault("E10")
def test_creating_twice_and_by_six_at_once_is_harmless(database_url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: Database(database_url).create([RISK, NOTE], [PERCENT]), range(6)))
    assert Database(database_url).count(RISK) == 0


@pytest.mark.fault("C5", "E4")
def test_six_publishers_of_one_day_at_once_leave_the_rows_of_one_of_them(database: Database, database_url: str) -> None:
    start = threading.Barrier(6)

    def publish(writer: int) -> None:
        frame = risks(TUESDAY, *((f"s{n:03}", writer / 10) for n in range(200)))
        start.wait()
        Database(database_url).replace_days(RISK, frame, [TUESDAY])

    for _ in range(6):
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(publish, range(6)))
        stored = database.read(RISK)
        assert len(stored) == 200
        assert stored["risk"].tolist() == [stored["risk"].iloc[0]] * 200


PUBLISHER = """
import sys, time
import pandas as pd
from oulad_platform.enrollment.tables import ENROLLMENT_METRICS as METRICS
from oulad_platform.storage import engines
from oulad_platform.storage.database import Database

engines.CHUNK_ROWS = 10
insert = engines.insert
def insert_then_hang(connection, table, rows):
    insert(connection, table, rows)
    if table.name == "published_days":
        print("recorded", flush=True)
        time.sleep(60)
engines.insert = insert_then_hang
frame = METRICS.empty().reindex(range(100))
names = [f"P{n}" for n in range(100)]
figures = {"total_enrollment": 9, "average_7_days": 9}
frame = METRICS.conform(frame.assign(date=pd.Timestamp("2014-05-20"), scope="program", name=names, **figures))
Database(sys.argv[1]).replace_days(METRICS, frame, list(pd.date_range("2014-05-20", "2014-05-21").date))
"""


@pytest.mark.fault("E1")
def test_a_publisher_killed_in_the_middle_leaves_the_old_slice_and_days_and_frees_the_lock(database_url: str) -> None:
    database = Database(database_url)
    database.create([ENROLLMENT_METRICS])
    row = {"date": pd.Timestamp(TUESDAY), "scope": "total", "name": "all", "total_enrollment": 1, "average_7_days": 1.0}
    frame = ENROLLMENT_METRICS.conform(ENROLLMENT_METRICS.empty().reindex([0]).assign(**row))
    database.replace_days(ENROLLMENT_METRICS, frame, [TUESDAY])
    with subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, database_url], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as publisher:
        assert publisher.stdout is not None
        assert publisher.stdout.readline() == "recorded\n"
        publisher.kill()
    assert database.read(ENROLLMENT_METRICS)["total_enrollment"].tolist() == [1]
    assert published(database) == [["enrollment_metrics", "2014-05-20", 1]]
    assert database.replace_days(ENROLLMENT_METRICS, frame.assign(total_enrollment=2), [TUESDAY]) == {TUESDAY: 1}


@pytest.mark.fault("E11")
def test_a_hand_made_view_and_its_grant_survive_publishing(postgres: Database, session: psycopg2.extensions.connection) -> None:
    session.autocommit = True
    cursor = session.cursor()
    cursor.execute("DROP ROLE IF EXISTS bi_reader")
    cursor.execute("CREATE ROLE bi_reader")
    cursor.execute("CREATE VIEW high AS SELECT student FROM risk WHERE is_flagged")
    cursor.execute("GRANT SELECT ON high, risk TO bi_reader")
    postgres.create([RISK], [PERCENT])
    postgres.replace_days(RISK, risks(TUESDAY, ("a", 0.1), ("b", 0.9)), [TUESDAY])
    cursor.execute("SET ROLE bi_reader")
    cursor.execute("SELECT student FROM high")
    assert cursor.fetchall() == [("b",)]
    cursor.execute("SELECT count(*) FROM risk")
    assert cursor.fetchall() == [(2,)]
    cursor.execute("RESET ROLE")
    cursor.execute("DROP OWNED BY bi_reader")
    cursor.execute("DROP ROLE bi_reader")


@pytest.mark.fault("E5")
def test_a_reader_who_is_idle_in_a_transaction_delays_a_changed_view_by_seconds_and_an_unchanged_one_not_at_all(
    postgres: Database, session: psycopg2.extensions.connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "LOCK_SECONDS", 1)
    postgres.create([RISK], [PERCENT])
    session.cursor().execute("SELECT * FROM risk_today")
    postgres.create([RISK], [PERCENT])
    changed = View(PERCENT.name, PERCENT.grain, {"postgresql": "SELECT band FROM risk"})
    with pytest.raises(StorageError, match="another session held a lock too long; end the transaction"):
        postgres.create([RISK], [changed])


@pytest.mark.fault("E1")
def test_readers_see_the_old_rows_until_the_new_ones_are_whole(
    postgres: Database, session: psycopg2.extensions.connection
) -> None:
    postgres.replace(RISK, risks(TUESDAY, ("a", 0.1)))
    session.set_session(isolation_level="REPEATABLE READ")
    cursor = session.cursor()
    cursor.execute("SELECT count(*) FROM risk")
    postgres.replace(RISK, risks(TUESDAY, ("a", 0.1), ("b", 0.2)))
    cursor.execute("SELECT count(*) FROM risk")
    assert cursor.fetchall() == [(1,)]


@pytest.mark.fault("E13")
def test_a_connection_dropped_in_the_middle_is_tried_again(
    postgres: Database, session: psycopg2.extensions.connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "RETRY_WAITS", (0.01,))
    insert = engines.insert
    tries = []

    def cut(connection: object, table: Table, rows: object) -> None:
        tries.append(1)
        if len(tries) == 1:
            session.cursor().execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'oulad_platform' "
                "AND datname = current_database()"
            )
        insert(connection, table, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(engines, "insert", cut)
    postgres.replace(RISK, risks(TUESDAY, ("a", 0.1)))
    assert len(tries) == 2
    assert postgres.count(RISK) == 1


@pytest.mark.fault("E16")
def test_a_server_that_is_not_there_is_named_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "RETRY_WAITS", (0.01, 0.01))
    database = Database("postgres://me:hunter2@127.0.0.1:1/oulad")
    assert database.label == "postgresql://me@127.0.0.1:1/oulad"
    for call in (database.ping, lambda: database.count(RISK)):
        with pytest.raises(StorageError, match="Connection refused") as caught:
            call()
        assert "hunter2" not in str(caught.value)


@pytest.mark.fault("E16", "I13")
@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_postgres_scheme_means_psycopg2(scheme: str) -> None:
    assert Database(f"{scheme}://me:p%40ss@[::1]/oulad")._url.drivername == "postgresql+psycopg2"
    assert Database(f"{scheme}://me:p%40ss@[::1]/oulad").kind == "postgres"


@pytest.mark.fault("E16")
@pytest.mark.parametrize(
    "url",
    [
        "",
        "oulad",
        "mysql://me:hunter2@h/d",
        "postgresql://me:hunter@2@h/d",
        "postgresql://me:x@h:hunter2/d",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_a_url_that_cannot_work_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(
        StorageError, match=r"write postgresql://user:password@host:5432/name or sqlite:///folder/file\.db"
    ) as caught:
        Database(url)
    assert "hunter" not in str(caught.value)
