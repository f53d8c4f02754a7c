"""`oulad migrate`: what an administrator does about the warehouse. Thin."""

from __future__ import annotations

import click

from oulad_platform.cli_errors import configured, plain_errors


@click.command()
@click.option("--roles-sql", is_flag=True, help="Only print what a DBA runs where the migrating account may not create roles.")
def migrate(roles_sql: bool) -> None:
    """Bring the warehouse to this version: tables, views, roles and grants. Nothing to do is fine."""
    if roles_sql:
        from oulad_platform.storage.migrations.access import ROLES_SQL

        click.echo(ROLES_SQL)
        return
    platform = configured()
    from oulad_platform.defs import warehouse

    with plain_errors():
        for line in warehouse.migrate(platform.settings) or ["nothing to do"]:
            click.echo(line)


COMMANDS = (migrate,)
