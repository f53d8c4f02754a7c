"""`oulad`: run, verify, doctor. Thin: everything real is an asset, a check or a part of the platform."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from oulad_platform.core.checks import ContractError
from oulad_platform.settings import SettingsError, load
from oulad_platform.storage.errors import StorageError

if TYPE_CHECKING:
    from oulad_platform.defs.resources import Platform


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Who is enrolled, who needs help, and whether helping pays."""


@main.command()
@click.option("--days", type=click.IntRange(min=1), default=30, show_default=True, help="Days up to the newest day of the data.")
@click.option("--first", type=click.DateTime(["%Y-%m-%d"]), help="First day, instead of --days.")
@click.option("--last", type=click.DateTime(["%Y-%m-%d"]), help="Last day; default: the newest day of the data.")
def run(days: int, first: datetime | None, last: datetime | None) -> None:
    """Materialize every asset for the last days, and show what was made and where."""
    platform = _platform()
    from oulad_platform.defs.local_run import materialize

    with _plain_errors():
        last_day = last.date() if last else platform.newest_day(platform.today())
        first_day = first.date() if first else max(last_day - timedelta(days=days - 1), platform.settings.first_partition)
        if not platform.settings.first_partition <= first_day <= last_day <= platform.today():
            raise click.BadParameter(f"{first_day} to {last_day} must be ordered and lie between FIRST_DAY and today")
        sys.exit(0 if materialize(platform, first_day, last_day) else 1)


@main.command()
def verify() -> None:
    """Count every table and check its invariants on the configured stores; exit code 1 if anything is wrong."""
    platform = _platform()
    from oulad_platform.defs.inspection import verify_tables

    with _plain_errors():
        sys.exit(0 if verify_tables(platform) else 1)


@main.command()
def doctor() -> None:
    """Try each configured thing (files, lake, warehouse, artifacts, mail server) and say what to do about what is wrong."""
    platform = _platform()
    from oulad_platform.defs.inspection import examine

    sys.exit(0 if examine(platform) else 1)


def _platform() -> Platform:
    """The configured platform; settings are read before anything that is built from them is imported."""
    with _plain_errors():
        settings = load()
    from oulad_platform.defs.resources import Platform

    return Platform(settings)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """What the platform refuses is told in its own words, without a traceback."""
    try:
        yield
    except (SettingsError, ContractError, StorageError) as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
