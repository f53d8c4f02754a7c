"""The text of a query made ready to be asked: one statement, comments gone, the day its only bind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from oulad_platform.sources.registrar.extract import RegistrarError

if TYPE_CHECKING:
    from sqlalchemy.sql.elements import TextClause

DAY = "snapshot_date"
_TOKEN = re.compile(
    r"""(?P<literal>'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|/\*[+!].*?\*/)"""
    r"""|(?P<comment>--[^\r\n]*|/\*.*?\*/)|(?P<end>;)""",
    re.DOTALL,
)


def one_statement(query: str) -> str:
    """The query without comments and closing semicolon; colons in quotes escaped, so that they bind nothing.

    Raises RegistrarError for more than one statement, and for none.

    >>> one_statement("SELECT 1 -- now: one\\n;")
    'SELECT 1'
    >>> one_statement("SELECT 1; DROP TABLE students")
    Traceback (most recent call last):
    oulad_platform.sources.registrar.extract.RegistrarError: the registrar query holds more than one statement; keep one SELECT
    """
    text = _TOKEN.sub(_plain, query).strip().rstrip("\0 \t\r\n")
    if "\0" in text:
        raise RegistrarError("the registrar query holds more than one statement; keep one SELECT")
    if not text:
        raise RegistrarError("the registrar query is empty; write a SELECT, such as sql/enrollment_query.sql")
    return text


def _plain(token: re.Match[str]) -> str:
    if token["literal"]:
        return re.sub(r"(?<!\\):", r"\\:", token["literal"])
    return "\0" if token["end"] else " "


def statement(query: str) -> TextClause:
    """The query for execution, its bind typed as a date. Raises RegistrarError when it binds anything else."""
    import sqlalchemy as sa

    text = sa.text(one_statement(query))
    return text.bindparams(sa.bindparam(DAY, type_=sa.Date)) if bound_names(query) else text


def bound_names(query: str) -> set[str]:
    """The names that the query binds: the day, or none. Raises RegistrarError when it binds anything else."""
    import sqlalchemy as sa

    bound = set(sa.text(one_statement(query)).compile().params)
    if unknown := sorted(bound - {DAY}):
        raise RegistrarError(f"the registrar query binds {unknown}; only :{DAY} is known")
    return bound
