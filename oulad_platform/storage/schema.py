"""Declared tables as SQL: columns, keys, CHECK constraints, and what differs when a database holds something else.

Statements are built here and run by `storage.database`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from oulad_platform.core.tables import Column, Table

if TYPE_CHECKING:
    import sqlalchemy as sa


@cache
def sql_table(table: Table) -> sa.Table:
    """The table with its primary key, comments, an index on the day unless the key begins with it, and CHECK constraints.

    Numbers are bounded (`risk >= 0 AND risk <= 1`; floats without bounds: finite), so that PostgreSQL, for which NaN is above
    every number, refuses NaN too. Dates are ISO text on SQLite.
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
    if table.day and table.key[:1] != (table.day,):
        sa.Index(f"ix_{table.name}_{table.day}", result.c[table.day])
    return result


def difference(inspector: sa.Inspector, declared: sa.Table) -> str | None:
    """How the stored table differs from the declared one in columns, types, nullability or key; None when it does not."""
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
    return None


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
