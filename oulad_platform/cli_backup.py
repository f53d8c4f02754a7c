"""`oulad backup`, `oulad restore`. Thin."""

from __future__ import annotations

import sys

import click

from oulad_platform.cli_errors import configured, plain_errors


@click.command()
@click.argument("target")
def backup(target: str) -> None:
    """Copy warehouse, lake, models, reports and outboxes to TARGET, a folder or s3://bucket/prefix; only what is new there."""
    from oulad_platform.defs.backup import back_up

    with plain_errors():
        made = back_up(configured(), target)
        rows = sum(made.tables.values())
        click.echo(f"{len(made.tables)} tables, {rows:,} rows; {len(made.files):,} files of {made.size / 1e6:,.1f} MB in all")
        click.echo(f"{made.new_bytes / 1e6:,.1f} MB were new at {target}; this is backup {made.name}")


@click.command()
@click.argument("source")
@click.option("--backup", "name", metavar="NAME", help="Which of the backups there. [default: the newest]")
@click.option("--replace", is_flag=True, help="Give up the data that is here.")
@click.option("--check", is_flag=True, help="Only read every file of the backup, and say whether it is whole.")
def restore(source: str, name: str | None, replace: bool, check: bool) -> None:
    """Verify a backup at SOURCE, put it here, and check every table; exit code 1 if anything is wrong."""
    from oulad_platform.defs import backup as backups
    from oulad_platform.defs.inspection import verify_tables

    platform = configured()
    with plain_errors():
        found = backups.checked(platform, source, name)
        click.echo(f"backup {found.name} is whole: {len(found.files):,} files of {found.size / 1e6:,.1f} MB")
        if not check:
            for key in backups.restore(platform, source, found, replace=replace):
                click.echo(f"{key} was erased since that backup; who it is says student_keys: `oulad erase` them again")
            sys.exit(0 if verify_tables(platform) else 1)


COMMANDS = (backup, restore)
