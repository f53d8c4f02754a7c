"""`oulad move`: from a local installation to PostgreSQL. Thin."""

from __future__ import annotations

from pathlib import Path

import click

from oulad_platform.cli_errors import configured, plain_errors

FOLDER = click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path)


@click.command()
@click.argument("folder", type=FOLDER, default=".")
@click.option("--instance", "receiving", type=FOLDER, help="Folder of the new dagster.yaml. [default: DAGSTER_HOME]")
def move(folder: Path, receiving: Path | None) -> None:
    """Copy the local warehouse of FOLDER, and what Dagster knows of its assets, into PostgreSQL; may be repeated."""
    from oulad_platform.defs import instance

    with plain_errors():
        moved = instance.move_warehouse(configured(), folder)
        click.echo(f"{len(moved)} tables, {sum(moved.values()):,} rows moved" if moved else "the warehouse had been moved before")
        click.echo(f"{instance.move_history(folder, receiving):,} materializations told to the new instance")


COMMANDS = (move,)
