"""`oulad`: run, models, accept, verify and the like. Thin: everything real is an asset, a check or a part of the platform."""

from __future__ import annotations

import getpass
import signal
import sys
from datetime import datetime, timedelta

import click

from oulad_platform import cli_actions, cli_admin, cli_backup, cli_erase, cli_instance
from oulad_platform.cli_errors import configured, plain_errors


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Who is enrolled, who needs help, and whether helping pays."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stopped by a service manager as by Ctrl-C


@main.command()
@click.option(
    "--days", type=click.IntRange(min=1), help="Days up to the newest day. [default: 60; 1 with a registrar's own source]"
)
@click.option("--first", type=click.DateTime(["%Y-%m-%d"]), help="First day, instead of --days.")
@click.option("--last", type=click.DateTime(["%Y-%m-%d"]), help="Last day; default: the newest day of the data.")
def run(days: int | None, first: datetime | None, last: datetime | None) -> None:
    """Materialize every asset for the last days, and show what was made and where."""
    platform = configured()
    from oulad_platform.defs.local_run import materialize

    with plain_errors():
        days = days or (60 if platform.settings.registrar_kind == "replay" else 1)
        last_day = last.date() if last else platform.newest_day(platform.today())
        first_day = first.date() if first else max(last_day - timedelta(days=days - 1), platform.settings.first_partition)
        if not platform.settings.first_partition <= first_day <= last_day <= platform.today():
            raise click.BadParameter(f"{first_day} to {last_day} must be ordered and lie between FIRST_DAY and today")
        sys.exit(0 if materialize(platform, first_day, last_day) else 1)


@main.command()
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The day whose extract was held back.")
@click.option("--reason", default="", help="Why it is right; kept in snapshot_versions.")
def accept(day: datetime, reason: str) -> None:
    """Let an extract in that was held back; make what follows from it, and days that waited for it."""
    platform = configured()
    from oulad_platform.defs import snapshots
    from oulad_platform.defs.jobs import ENROLLMENT_AGAIN
    from oulad_platform.defs.local_run import materialize
    from oulad_platform.defs.partitions import in_ranges

    with plain_errors():
        rows = snapshots.accept(platform, day.date(), reason)
        click.echo(f"{day.date()}: {rows:,} rows let in")
        days = sorted({day.date(), *snapshots.days_without_metrics(platform)})
        made = [materialize(platform, first, last, ENROLLMENT_AGAIN) for first, last in in_ranges(days)]
        sys.exit(0 if all(made) else 1)


@main.command()
@click.argument("version", required=False)
def models(version: str | None) -> None:
    """List the model versions, how each did against the one in charge before; with VERSION, say why it is in charge or not."""
    platform = configured()
    from oulad_platform.defs.model_desk import explain, show

    with plain_errors():
        explain(platform, version) if version else show(platform)


@main.command()
@click.argument("version")
@click.option("--by", required=True, help="Your name: a promotion against a failed gate is your waiver.")
@click.option("--reason", required=True, help="Why, in your words; kept in model_decisions and on the model's card.")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First day it scores. [default: today]")
def promote(version: str, by: str, reason: str, first: datetime | None) -> None:
    """Put a model version in charge from a day on."""
    _decide("promote", version, by, reason, first)


@main.command()
@click.argument("version")
@click.option("--by", required=True, help="Your name.")
@click.option("--reason", required=True, help="Why, in your words; kept in model_decisions and on the model's card.")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First day it no longer scores. [default: today]")
def rollback(version: str, by: str, reason: str, first: datetime | None) -> None:
    """Put the version before this one back in charge."""
    _decide("rollback", version, by, reason, first)


@main.command()
def dictionary() -> None:
    """Print the data dictionary as Markdown: every table, column, unit and feature."""
    from oulad_platform.defs.catalog import dictionary_markdown

    click.echo(dictionary_markdown(), nl=False)


@main.command()
def configuration() -> None:
    """Print the settings as Markdown: name, default, bounds, unit, meaning."""
    from oulad_platform.settings.reference import configuration_markdown

    click.echo(configuration_markdown(), nl=False)


@main.command()
@click.option("--apply", is_flag=True, help="Remove the files; without it they are only listed.")
def housekeeping(apply: bool) -> None:
    """List or remove snapshot files and reports past their time, whose metrics are safe in the warehouse."""
    platform = configured()
    from oulad_platform.defs.cleaning import clean, clean_event_log
    from oulad_platform.defs.local_run import local_instance

    with plain_errors(), local_instance() as instance:
        removed = clean(platform, getpass.getuser(), dry_run=not apply)
        runs = clean_event_log(platform, instance, dry_run=not apply)
        verdict = "removed" if apply else "would be removed; --apply removes them"
        click.echo("\n".join([*removed, f"{len(removed)} files and {runs} runs of Dagster's log {verdict}"]))


@main.command()
def verify() -> None:
    """Count every table and check its invariants on the configured stores; exit code 1 if anything is wrong."""
    platform = configured()
    from oulad_platform.defs.inspection import verify_tables

    with plain_errors():
        sys.exit(0 if verify_tables(platform) else 1)


@main.command()
def doctor() -> None:
    """Try each configured thing (files, lake, warehouse, artifacts, mail server) and say what to do about what is wrong."""
    platform = configured()
    from oulad_platform.defs.inspection import examine

    sys.exit(0 if examine(platform) else 1)


for command in (one for room in (cli_actions, cli_admin, cli_backup, cli_erase, cli_instance) for one in room.COMMANDS):
    main.add_command(command)


def _decide(decision: str, version: str, by: str, reason: str, first: datetime | None) -> None:
    platform = configured()
    from oulad_platform.defs.model_desk import decide

    with plain_errors():
        sys.exit(0 if decide(platform, decision, version, by, reason, first.date() if first else platform.today()) else 1)


if __name__ == "__main__":
    main()
