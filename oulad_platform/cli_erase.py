"""`oulad erase`: one person is taken out of everything. Thin."""

from __future__ import annotations

import sys

import click

from oulad_platform.cli_errors import configured, plain_errors


@click.command()
@click.option("--student", required=True, help="Their identifier in the source.")
@click.option("--by", required=True, help="Your name.")
@click.option("--reason", required=True, help="Why; kept in erasures.")
@click.option("--apply", is_flag=True, help="Remove it; without it, what is there is only counted.")
def erase(student: str, by: str, reason: str, apply: bool) -> None:
    """Remove one person from everything the platform keeps, make again what follows, and prove it."""
    platform = configured()
    from oulad_platform.defs import erasure

    with plain_errors():
        sys.exit(0 if erasure.erase(platform, student, by, reason, apply=apply) else 1)


COMMANDS = (erase,)
