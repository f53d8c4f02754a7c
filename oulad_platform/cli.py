"""`oulad`: run, verify, doctor. Thin: everything real is an asset, a check or a part of the platform."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta

import click

from oulad_platform.settings import Settings, SettingsError, load


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Who is enrolled, who needs help, and whether helping pays."""


@main.command()
@click.option("--days", type=click.IntRange(min=1), default=30, show_default=True, help="Days up to the newest day of the data.")
@click.option("--first", type=click.DateTime(["%Y-%m-%d"]), help="First day, instead of --days.")
@click.option("--last", type=click.DateTime(["%Y-%m-%d"]), help="Last day; default: the newest day of the data.")
def run(days: int, first: datetime | None, last: datetime | None) -> None:
    """Materialize every asset for the last days, and show what was made and where."""
    from oulad_platform.defs.local_run import materialize
    from oulad_platform.defs.resources import Platform

    platform = Platform(_settings())
    last_day = last.date() if last else platform.newest_day(platform.today())
    first_day = first.date() if first else max(last_day - timedelta(days=days - 1), platform.settings.first_day)
    if not platform.settings.first_day <= first_day <= last_day <= platform.today():
        raise click.BadParameter(f"{first_day} to {last_day} must be ordered and lie between FIRST_DAY and today")
    sys.exit(0 if materialize(platform, first_day, last_day) else 1)


@main.command()
def verify() -> None:
    """Count every table and check its invariants on the configured stores; exit code 1 if anything is wrong."""
    from oulad_platform.defs.inspection import verify_tables
    from oulad_platform.defs.resources import Platform

    sys.exit(0 if verify_tables(Platform(_settings())) else 1)


@main.command()
def doctor() -> None:
    """Try each configured thing (files, lake, warehouse, artifacts, mail server) and say what to do about what is wrong."""
    from oulad_platform.defs.inspection import examine
    from oulad_platform.defs.resources import Platform

    sys.exit(0 if examine(Platform(_settings())) else 1)


def _settings() -> Settings:
    try:
        return load()
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
