"""Who is who in the warehouse: names under one key stay names under that key, and nobody erased is written again."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from oulad_platform.core.pseudonyms import ERASURES, STUDENT_KEYS, Pseudonyms
from oulad_platform.core.tables import Column, Table
from oulad_platform.storage.database import Database
from oulad_platform.storage.erasure import erase_from_database
from oulad_platform.storage.errors import StorageError

VISITS = Table(
    "visits",
    "One row per student and day.",
    (Column("day", "date", "The day."), Column("student_id", "text", "The student.", student=True, personal=True)),
    key=("day", "student_id"),
    day="day",
    allow_empty=True,
)
MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)
FIRST, SECOND = Pseudonyms({"k1": b"a" * 32}, "k1"), Pseudonyms({"k1": b"b" * 32}, "k1")
ROTATED = Pseudonyms({"k2": b"c" * 32, "k1": b"a" * 32}, "k2")
FORGOTTEN = Pseudonyms({"k2": b"c" * 32}, "k2")


def visits(day: date, *students: str) -> pd.DataFrame:
    return VISITS.conform(pd.DataFrame({"day": pd.Timestamp(day), "student_id": list(students)}))


def written(url: str) -> Database:
    database = Database(url, FIRST)
    database.create([VISITS])
    database.replace_days(VISITS, visits(MONDAY, "S1", "S2"), [MONDAY])
    return database


@pytest.mark.fault("H10")
def test_another_key_under_the_same_id_is_refused_and_nothing_is_changed(database_url: str) -> None:
    written(database_url)
    with pytest.raises(StorageError, match="the pseudonym key k1 configured here is not the one"):
        Database(database_url, SECOND).replace_days(VISITS, visits(TUESDAY, "S1"), [TUESDAY])
    assert len(Database(database_url, FIRST).read(STUDENT_KEYS)) == 2
    assert Database(database_url, FIRST).days(VISITS) == [MONDAY]


@pytest.mark.fault("H10")
def test_after_a_rotation_days_of_both_keys_are_read_as_the_same_students(database_url: str) -> None:
    written(database_url)
    rotated = Database(database_url, ROTATED)
    rotated.replace_days(VISITS, visits(TUESDAY, "S2", "S3"), [TUESDAY])
    assert rotated.read(VISITS)["student_id"].tolist() == ["S1", "S2", "S2", "S3"]
    assert sorted(rotated.read(STUDENT_KEYS)["key_id"]) == ["k1", "k1", "k2", "k2"]


def test_who_was_erased_is_not_written_again_whatever_the_key_they_were_erased_under(database_url: str) -> None:
    database = written(database_url)
    key = FIRST.one("S1")
    row = (key, "k1", pd.Timestamp(2026, 3, 2, 9), "DPO", "asked", None, None, None)
    database.append({ERASURES: ERASURES.conform(pd.DataFrame([row], columns=ERASURES.names))})
    assert erase_from_database(database, [VISITS, STUDENT_KEYS], [key], apply=True) == {"visits": 1, "student_keys": 1}
    for pseudonyms in (FIRST, ROTATED):
        with pytest.raises(StorageError, match="1 of the students to be written were erased meanwhile"):
            Database(database_url, pseudonyms).replace_days(VISITS, visits(TUESDAY, "S1", "S2"), [TUESDAY])
    assert database.read(VISITS)["student_id"].tolist() == ["S2"]
    with pytest.raises(ValueError, match="the pseudonym key k1 is not configured"):
        Database(database_url, FORGOTTEN).replace_days(VISITS, visits(TUESDAY, "S2"), [TUESDAY])
