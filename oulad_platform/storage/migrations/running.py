"""Bringing a warehouse to this version: what is missing, who may migrate, and one transaction that does it.

Tables come by revisions; views and rules of access are made anew where their declarations changed. Locks, and the difference of a
table to its declaration, are `storage.building`'s and `storage.schema`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from oulad_platform.core.tables import Table
from oulad_platform.storage import building
from oulad_platform.storage.engines import RESTRICTED
from oulad_platform.storage.errors import SchemaMismatchError, StorageError
from oulad_platform.storage.migrations.access import OWNER, ROLES, ROLES_SQL, WRITER, Warehouse, access_mark, access_sql

if TYPE_CHECKING:
    import sqlalchemy as sa

    from oulad_platform.storage.database import Database

HEAD = "0001"
FOLDER = Path(__file__).parent
NO_ROLES = "Who is who. [without roles]"
NEXT_STEP = "run `oulad migrate` with the account of DATABASE_OWNER_URL"


@dataclass(frozen=True)
class State:
    """What a database says of itself: its revisions (none: no migration ran here), the mark of its access rules, and views."""

    revisions: tuple[str, ...]
    access: str | None
    views: dict[str, str]


def require_current(database: Database, warehouse: Warehouse, *, with_roles: bool = False) -> None:
    """Raises SchemaMismatchError, saying how far the warehouse is and who migrates, unless it is as this version needs it.

    `with_roles` refuses one without roles, on PostgreSQL.
    """
    lacking = _lacking(database, _state_of(database), warehouse, with_roles)
    if lacking:
        raise SchemaMismatchError(f"{database.label}: {lacking}: {NEXT_STEP}; nothing was changed")


def bring_up(database: Database, warehouse: Warehouse, *, with_roles: bool = False) -> list[str]:
    """Migrates what is behind, and says what was done; a warehouse as this version needs it costs two queries.

    For an installation with one account: on PostgreSQL it becomes a member of the writers. Raises StorageError.
    """
    state = _state_of(database)
    return (
        migrate(database, warehouse, alone=True, with_roles=with_roles)
        if _lacking(database, state, warehouse, with_roles)
        else []
    )


def migrate(database: Database, warehouse: Warehouse, *, alone: bool, with_roles: bool = False) -> list[str]:
    """Revisions, views and access in one transaction, one process at a time; what was done, and warnings, in sentences.

    `alone`: this account writes too. Without the right to make roles they are left out with a warning, or, `with_roles`,
    refused. Raises StorageError, and changes nothing, for a warehouse of a newer or unknown version, or of none (tables that no
    migration made and that are not as declared), and when somebody holds a table for longer than ten seconds.
    """
    work = partial(_migrate, database=database, warehouse=warehouse, alone=alone, with_roles=with_roles)
    return database.transaction(work, writes=True)


def warning(database: Database) -> str | None:
    """What about the access to this warehouse a person should know; None if nothing."""
    if database.kind == "sqlite":
        return None
    if _state_of(database).access == NO_ROLES:
        return (
            "no roles: whoever connects as this account sees who is who; a DBA runs what `oulad migrate --roles-sql` prints, "
            "then run `oulad migrate`"
        )
    return database.transaction(_above_policies, writes=False)


def run_script(connection: sa.Connection, name: str) -> None:
    """Runs `<name>/<dialect>.sql` of this folder: statements that end with a semicolon at the end of a line."""
    run_sql(connection, (FOLDER / name / f"{connection.dialect.name}.sql").read_text(encoding="utf-8"))


def run_sql(connection: sa.Connection, sql: str) -> None:
    """Runs the statements, in the transaction that is open."""
    cursor = connection.connection.cursor()
    try:
        for statement in [sql] if connection.dialect.name == "postgresql" else sql.split(";\n"):
            cursor.execute(statement)
    finally:
        cursor.close()


def _state_of(database: Database) -> State:
    return database.transaction(_state, writes=False)


def _state(connection: sa.Connection) -> State:
    sqlite = connection.dialect.name == "sqlite"
    known = connection.exec_driver_sql(
        "SELECT (SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'), NULL"
        if sqlite
        else f"SELECT to_regclass('public.alembic_version'), obj_description(to_regnamespace('{RESTRICTED}'), 'pg_namespace')"
    ).one()
    revisions = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() if known[0] else ()
    return State(tuple(sorted(revisions)), known[1], building.view_marks(connection))


def _lacking(database: Database, state: State, warehouse: Warehouse, with_roles: bool) -> str | None:
    if state.revisions != (HEAD,):
        at = f"at revision {' and '.join(state.revisions)}" if state.revisions else "without a revision"
        return f"the warehouse is {at}, this version needs {HEAD}"
    dialect = database.dialect
    if any(state.views.get(view.name) != building.view_mark(dialect, view) for view in warehouse.views):
        return "views of the warehouse are not those of this version"
    if database.kind != "sqlite" and state.access != access_mark(warehouse) and (with_roles or state.access != NO_ROLES):
        return "roles and grants of the warehouse are not those of this version"
    return None


def _migrate(connection: sa.Connection, database: Database, warehouse: Warehouse, alone: bool, with_roles: bool) -> list[str]:
    building.require_server(connection, database.label)
    building.lock(connection, "create")
    state = _state(connection)
    _require_known(database.label, state.revisions)
    done = []
    if state.revisions != (HEAD,):
        done.append(_upgrade(connection, database, warehouse.tables, state.revisions))
    made = building.create_views(connection, warehouse.views)
    if made:
        done.append(f"views made: {', '.join(made)}")
    if connection.dialect.name == "postgresql":
        known = replace(state, access=None) if len(made) == len(warehouse.views) else state  # a view made anew has no grants
        done += _grant(connection, database, warehouse, known, alone, with_roles)
    return done


def _require_known(label: str, revisions: Sequence[str]) -> None:
    if len(revisions) > 1:
        raise SchemaMismatchError(
            f"{label}: alembic_version names {len(revisions)} revisions, {' and '.join(revisions)}; nothing was changed; two "
            "installations migrated one warehouse: restore the backup that was made before"
        )
    if set(revisions) - {HEAD, *known_revisions()}:
        raise SchemaMismatchError(
            f"{label}: the warehouse is at revision {revisions[0]}, which this version (up to {HEAD}) does not know; nothing was "
            "changed; install the version that made it, or restore the backup that was made before the upgrade"
        )


def known_revisions(folder: Path = FOLDER) -> list[str]:
    """The revisions of this installation, newest first. Raises StorageError when they do not form one line."""
    from alembic.script import ScriptDirectory

    directory = ScriptDirectory(str(folder))
    heads = sorted(directory.get_heads())
    if len(heads) > 1:
        raise StorageError(
            f"this installation has {len(heads)} newest revisions, {' and '.join(heads)}; install one version anew"
        )
    return [script.revision for script in directory.walk_revisions()]


def _upgrade(connection: sa.Connection, database: Database, tables: Sequence[Table], revisions: Sequence[str]) -> str:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    adopted = not revisions and _is_there(connection, database.label, tables)
    if adopted:
        building.create_tables(connection, database.label, tables)
        command.stamp(config, "head")
    else:
        command.upgrade(config, "head")
    before = revisions[0] if revisions else "tables as declared" if adopted else "an empty database"
    return f"from {before} to revision {HEAD}"


def _is_there(connection: sa.Connection, label: str, tables: Sequence[Table]) -> bool:
    """Whether a warehouse is there that no migration made. Raises SchemaMismatchError when it is not as declared."""
    import sqlalchemy as sa

    from oulad_platform.storage.schema import difference, sql_table

    inspector = sa.inspect(connection)
    there = [table for table in tables if inspector.has_table(table.name)]
    for table in there:
        differs = difference(inspector, sql_table(table))
        if differs:
            next_step = (
                "rename the file and make the days again, in a new one"
                if connection.dialect.name == "sqlite"
                else "set DATABASE_URL to a new database and make the days again there, or restore a backup into it"
            )
            raise SchemaMismatchError(
                f"{label}: these tables were made by a version before migrations, and {table.name} is not as declared: "
                f"{differs}; nothing was changed; {next_step}"
            )
    return bool(there)


def _grant(
    connection: sa.Connection, database: Database, warehouse: Warehouse, state: State, alone: bool, with_roles: bool
) -> list[str]:
    lacking = _prepare_roles(connection, alone)
    if lacking and with_roles:
        raise StorageError(
            f"{database.label}: {lacking}; OULAD_ENV=production needs roles; nothing was changed; a DBA runs what "
            "`oulad migrate --roles-sql` prints, then run it again"
        )
    if lacking:
        mark, done = NO_ROLES, [f"warning: {lacking}: roles, grants and row security were left out"]
        connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {RESTRICTED}")
    else:
        mark, done = access_mark(warehouse), ["roles, grants and row security set"]
    if state.access == mark:
        return [] if not lacking else done
    if not lacking:
        run_sql(connection, access_sql(warehouse))
    connection.exec_driver_sql(f"COMMENT ON SCHEMA {RESTRICTED} IS %s", (mark,))
    return done


def _prepare_roles(connection: sa.Connection, alone: bool) -> str | None:
    """Makes the roles that are missing, and this account a member of those it needs; else what stands in the way."""
    query = (
        "SELECT (SELECT count(*) FROM pg_roles WHERE rolname = ANY (%s)), "
        "(SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user)"
    )
    n_roles, may_create = connection.exec_driver_sql(query, (list(ROLES),)).one()
    if n_roles < len(ROLES):
        if not may_create:
            return "roles are missing, and this account may not create roles"
        run_sql(connection, ROLES_SQL)
    for role in (OWNER, WRITER) if alone else (OWNER,):
        if not connection.exec_driver_sql("SELECT pg_has_role(%s, 'MEMBER')", (role,)).scalar_one():
            if not may_create:
                return f"this account is not a member of {role}, and may not make itself one"
            connection.exec_driver_sql(f"GRANT {role} TO CURRENT_USER")
    return None


def _above_policies(connection: sa.Connection) -> str | None:
    above = connection.exec_driver_sql("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = session_user").scalar_one()
    return (
        "this account is a superuser or bypasses row security: its reads are not audited; use an account of its own"
        if above
        else None
    )
