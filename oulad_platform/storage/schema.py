"""Declared tables as SQL: columns, keys, references, indexes, CHECK constraints, and what differs in a database.

Statements are built here and run by `storage.database`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from oulad_platform.core.tables import Column, Table

if TYPE_CHECKING:
    import sqlalchemy as sa


@cache
def sql_table(table: Table) -> sa.Table:
    """The table with its keys, comments, CHECK constraints, its indexes, and one on the day unless its key begins with it.

    A foreign key is looked at when the transaction ends, so that the rows it refers to can be replaced in one. Numbers are
    bounded (`risk >= 0 AND risk <= 1`; floats without bounds: finite), so that PostgreSQL, for which NaN is above every number,
    refuses NaN too. Dates are ISO text on SQLite.
    """
    import sqlalchemy as sa

    columns = [
        sa.Column(
            c.name, _sql_type(c), primary_key=c.name in table.key, nullable=c.nullable, autoincrement=False, comment=c.meaning
        )
        for c in table.columns
    ]
    result = sa.Table(table.name, sa.MetaData(), *columns, comment=table.grain)
    for column in table.columns:
        rules = _rules(column, result.c[column.name])
        if rules:
            result.append_constraint(sa.CheckConstraint(sa.and_(*rules), name=f"ck_{table.name}_{column.name}"))
    for reference in table.references:
        key = [sql_table(reference.table).c[name] for name in reference.table.key]
        name = reference_name(table.name, reference.table.name)
        result.append_constraint(
            sa.ForeignKeyConstraint(reference.columns, key, name=name, deferrable=True, initially="DEFERRED")
        )
    by_day = [(table.day,)] if table.day and table.key[:1] != (table.day,) else []
    for indexed in (*by_day, *table.indexes):
        sa.Index(f"ix_{table.name}_{'_'.join(indexed)}", *(result.c[name] for name in indexed))
    return result


def reference_name(table: str, referred: str) -> str:
    """The name of a foreign key."""
    return f"fk_{table}_{referred}"


def with_referred(tables: Iterable[Table]) -> list[Table]:
    """The tables and those they refer to, each after the ones it refers to."""
    graph: dict[Table, list[Table]] = {}
    waiting = list(tables)
    while waiting:
        table = waiting.pop()
        if table not in graph:
            graph[table] = [reference.table for reference in table.references]
            waiting.extend(graph[table])
    return list(TopologicalSorter(graph).static_order())


def difference(inspector: sa.Inspector, declared: sa.Table) -> str | None:
    """How the stored table differs from the declared one in columns, types, nullability, key or references, if it does."""
    dialect = inspector.engine.dialect
    stored = {column["name"]: column for column in inspector.get_columns(declared.name)}
    missing = [name for name in declared.c.keys() if name not in stored]  # noqa: SIM118 - a ColumnCollection iterates columns
    extra = [name for name in stored if name not in declared.c]
    if missing or extra:
        return f"it lacks the columns {missing} and holds the undeclared {extra}"
    for column in declared.c:
        was, now = stored[column.name]["type"].compile(dialect), column.type.compile(dialect)
        if was != now:
            return f"column {column.name} is {was} there and {now} in the declaration"
        if stored[column.name]["nullable"] != column.nullable:
            return f"column {column.name} is {'required' if column.nullable else 'optional'} there, not in the declaration"
    key = inspector.get_pk_constraint(declared.name)["constrained_columns"]
    if set(key) != set(declared.primary_key.columns.keys()):
        return f"its key is {key}"
    references = {
        (tuple(each["constrained_columns"]), each["referred_table"], tuple(each["referred_columns"]))
        for each in inspector.get_foreign_keys(declared.name)
    }
    for constraint in declared.foreign_key_constraints:
        columns, to = tuple(constraint.column_keys), tuple(element.column.name for element in constraint.elements)
        if (columns, constraint.referred_table.name, to) not in references:
            return f"it lacks the foreign key {constraint.name} of ({', '.join(columns)}) to {constraint.referred_table.name}"
    return None


def missing_indexes(inspector: sa.Inspector, declared: sa.Table) -> list[sa.Index]:
    """The declared indexes that the stored table does not have."""
    known = {index["name"] for index in inspector.get_indexes(declared.name)}
    return [index for index in declared.indexes if index.name not in known]


def _sql_type(column: Column) -> Any:
    import sqlalchemy as sa

    return {
        "text": sa.Text,
        "int8": sa.SmallInteger,
        "int16": sa.SmallInteger,
        "int32": sa.Integer,
        "int64": sa.BigInteger,
        "float32": sa.REAL,
        "float64": sa.Double,
        "bool": sa.Boolean,
        "date": sa.Date,
        "timestamp": sa.TIMESTAMP,
    }[column.kind]()


def _rules(column: Column, value: sa.Column[Any]) -> list[Any]:
    if column.allowed is not None:
        return [value.in_(column.allowed)]
    low, high = column.bounds if column.kind.startswith("float") else (column.minimum, column.maximum)
    return [*([value >= low] if low is not None else []), *([value <= high] if high is not None else [])]
