"""Declared tables as SQL: what is created, and in which order."""

from __future__ import annotations

import pytest

from oulad_platform.core.tables import Column, Reference, Table
from oulad_platform.storage.schema import sql_table, with_referred

COURSE = Table("course", "One row per course.", (Column("module", "text", "Module."),), key=("module",))
MARK = Table(
    "mark",
    "One row per student and day.",
    (
        Column("day", "date", "The day."),
        Column("student", "int32", "The student.", minimum=0),
        Column("module", "text", "Module."),
        Column("risk", "float64", "Risk.", nullable=True, minimum=0, maximum=1),
    ),
    key=("student", "day"),
    day="day",
    references=(Reference(("module",), COURSE),),
    indexes=(("module", "day"),),
)
LIST = Table("list", "One row per note.", MARK.columns, key=("student",), references=(Reference(("module",), COURSE),))


def test_a_table_comes_after_those_it_refers_to_which_come_along() -> None:
    assert [table.name for table in with_referred([MARK])] == ["course", "mark"]
    names = [table.name for table in with_referred([MARK, LIST, COURSE])]
    assert sorted(names) == ["course", "list", "mark"]
    assert names[0] == "course"


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
def test_keys_bounds_references_and_indexes_are_the_database_s_own(dialect: str) -> None:
    import sqlalchemy as sa

    engine = sa.create_mock_engine(f"{dialect}://", executor=None)
    created = str(sa.schema.CreateTable(sql_table(MARK)).compile(dialect=engine.dialect))
    lines = [line.strip(" ,\t") for line in created.splitlines()]
    assert "CONSTRAINT fk_mark_course FOREIGN KEY(module) REFERENCES course (module) DEFERRABLE INITIALLY DEFERRED" in lines
    assert "CONSTRAINT ck_mark_student CHECK (student >= 0)" in lines
    assert "CONSTRAINT ck_mark_risk CHECK (risk >= 0 AND risk <= 1)" in lines
    assert {index.name: [column.name for column in index.columns] for index in sql_table(MARK).indexes} == {
        "ix_mark_day": ["day"],
        "ix_mark_module_day": ["module", "day"],
    }
