"""Who may do what in the warehouse on PostgreSQL: roles, grants, row security, and the audit of reads of who is who.

Everything here is SQL that may run again and ends the same, derived from the declared tables; SQLite has no accounts. When it is
run is `storage.migrations.running`'s.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from oulad_platform.core.tables import Table, View
from oulad_platform.storage.engines import RESTRICTED

OWNER, WRITER, BI_READER, ADVISER, REGISTRAR = ROLES = (
    "oulad_owner",
    "oulad_writer",
    "oulad_bi_reader",
    "oulad_adviser",
    "oulad_registrar",
)
EVERYBODY = f"PUBLIC, {', '.join(ROLES[1:])}"

ROLES_SQL = "\n".join(
    f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;"
    for role in ROLES
)

OWN_ROWS = {
    "caseload_daily": "adviser IN (SELECT {0}.own_advisers())",
    "interventions": "(student_key IN (SELECT {0}.own_students()) OR adviser IN (SELECT {0}.own_advisers()))",
    "student_keys": "student_key IN (SELECT {0}.own_students())",
}
LOOKED_UP = ("advisers", "caseload_daily")

FOLDER = Path(__file__).parent / "access"


@dataclass(frozen=True)
class Warehouse:
    """What a warehouse holds: stored tables, each after those it refers to, and views.

    `registrar` names the tables that the registrar's office may read; `bi` the tables and views that BI may, of a table only the
    columns given; none given: all that are not personal. What is not named is closed.
    """

    tables: tuple[Table, ...]
    views: tuple[View, ...]
    registrar: frozenset[str] = frozenset()
    bi: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def access_sql(warehouse: Warehouse) -> str:
    """Grants, policies and ownership of everything the warehouse holds; the five roles are there, the tables and views too.

    `access/rules.sql` is what does not follow from the tables, `access/owners.sql` gives all to the owners.
    """
    rules, owners = ((FOLDER / f"{name}.sql").read_text(encoding="utf-8") for name in ("rules", "owners"))
    relations = [*map(place, warehouse.tables), *(view.name for view in warehouse.views)]
    relations += ["alembic_version", f"{RESTRICTED}.read_audit", f"{RESTRICTED}.my_caseload"]
    listed = ", ".join(f"'{name}'" for name in relations)
    parts = [rules, *(_of_table(table, warehouse) for table in warehouse.tables)]
    for view in warehouse.views:
        readers = f"{WRITER}, {BI_READER}" if view.name in warehouse.bi else WRITER
        parts.append(f"REVOKE ALL ON {view.name} FROM {EVERYBODY};\nGRANT SELECT ON {view.name} TO {readers};")
    return "\n".join([*parts, owners.replace("{relations}", listed)])


def access_mark(warehouse: Warehouse) -> str:
    """What says in the database, as the comment on the schema, which rules of access hold there."""
    return f"Who is who, and who read that. [{hashlib.sha256(access_sql(warehouse).encode()).hexdigest()[:12]}]"


def place(table: Table) -> str:
    """The table with its schema."""
    return f"{RESTRICTED if table.restricted else 'public'}.{table.name}"


def _of_table(table: Table, warehouse: Warehouse) -> str:
    name = place(table)
    lines = [f"REVOKE ALL ON {name} FROM {EVERYBODY};", f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {WRITER};"]
    if table.name in warehouse.bi:
        lines.append(f"GRANT SELECT {_open_columns(table, warehouse.bi[table.name])}ON {name} TO {BI_READER};")
    if table.name in OWN_ROWS:
        lines.append(f"GRANT SELECT ON {name} TO {ADVISER};")
    if table.name in warehouse.registrar:
        lines.append(f"GRANT SELECT ON {name} TO {REGISTRAR};")
    if table.restricted or table.row_security:
        lines += _row_security(table, name, warehouse.registrar)
    return "\n".join(lines)


def _open_columns(table: Table, given: Sequence[str]) -> str:
    """The columns given, else those that are nobody's own, in brackets; nothing when all are."""
    names = given or [column.name for column in table.columns if not column.personal]
    return "" if len(names) == len(table.columns) else f"({', '.join(names)}) "


def _row_security(table: Table, name: str, registrar: Collection[str]) -> Sequence[str]:
    """Policies of the roles; a read of who is who, and any read of an adviser, is noted before its first row."""
    noted = f"(SELECT {RESTRICTED}.note_read('{table.name}'))"
    policies = {
        "writer_reads": f"FOR SELECT TO {WRITER} USING ({noted if table.restricted else 'true'})",
        "writer_adds": f"FOR INSERT TO {WRITER} WITH CHECK (true)",
        "writer_changes": f"FOR UPDATE TO {WRITER} USING (true)",
        "writer_removes": f"FOR DELETE TO {WRITER} USING (true)",
    }
    if not table.restricted:
        policies["bi_reader"] = f"FOR SELECT TO {BI_READER} USING (true)"
    if table.name in OWN_ROWS:
        policies["adviser"] = f"FOR SELECT TO {ADVISER} USING ({noted} AND {OWN_ROWS[table.name].format(RESTRICTED)})"
    if table.name in registrar:
        policies["registrar"] = f"FOR SELECT TO {REGISTRAR} USING ({noted if table.restricted else 'true'})"
    if table.name in LOOKED_UP:
        policies["own_rows"] = f"FOR SELECT TO {OWNER} USING (NOT pg_has_role(session_user, '{OWNER}', 'MEMBER'))"
    made = [f"DROP POLICY IF EXISTS {each} ON {name};\nCREATE POLICY {each} ON {name} {rule};" for each, rule in policies.items()]
    return [f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;", f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY;", *made]
