"""`oulad verify` and `oulad doctor`: what is stored, and whether each configured thing can be reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from oulad_platform.core.checks import Finding
from oulad_platform.defs.catalog import CATALOG, Entry
from oulad_platform.defs.checks import INVARIANTS, contract_findings
from oulad_platform.defs.delivery import Channel, channels
from oulad_platform.defs.partitions import in_ranges
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.snapshots import days_without_metrics
from oulad_platform.enrollment.tables import HELD_EXTRACTS, SNAPSHOT_VERSIONS
from oulad_platform.storage.errors import MissingTableError
from oulad_platform.storage.webhooks import Webhook


def verify_tables(platform: Platform) -> bool:
    """Print rows, newest day and findings of every table; True if there are no findings."""
    console = Console()
    table = Table("table", "kept in", "rows", "newest day", "checks", title=f"Warehouse: {platform.database.label}")
    table.columns[0].no_wrap = table.columns[3].no_wrap = True
    table.columns[2].justify = "right"
    all_findings: list[Finding] = []
    for of in _in_the_graph(platform):
        days = platform.stored_days(of) if of.table.day else None
        try:
            rows, findings = contract_findings(platform, of, days)
        except MissingTableError as error:
            rows, findings = 0, [Finding(of.table.name, str(error))]
        for about, find in INVARIANTS.values():
            if about is of and days:
                findings += find(platform, days)
        all_findings += findings
        verdict = "passed" if not findings else f"[red]{len(findings)} findings[/red]"
        table.add_row(of.key.to_user_string(), of.store, f"{rows:,}", str(days[-1]) if days else "", verdict)
    console.print(table)
    for finding in all_findings[:20]:
        console.print(str(finding), style="red", markup=False)
    register = platform.database.read_days(SNAPSHOT_VERSIONS, platform.lake.days("enrollment", HELD_EXTRACTS))
    held = register[register["state"] == "quarantined"]
    for day, reason in zip(held["snapshot_date"].dt.date, held["reason"], strict=True):
        told = f"held back: {day}: {reason}; let it in: oulad accept --date {day}"
        console.print(told, style="yellow", markup=False, soft_wrap=True)
    for first, last in in_ranges(days_without_metrics(platform)):
        told = f"snapshots without metrics: {first} to {last}; make them: oulad run --first {first} --last {last}"
        console.print(told, style="yellow", markup=False, soft_wrap=True)
    return not all_findings


def _in_the_graph(platform: Platform) -> list[Entry]:
    return [of for of in CATALOG.values() if platform.settings.has_campus or of.line == "enrollment"]


def examine(platform: Platform) -> bool:
    """Try every configured thing and print what it is, whether it works, and what to do if not; True if all work."""
    console = Console()
    healthy = True
    for what, address, attempt in _attempts(platform):
        try:
            console.print(f"[green]ok[/green]    {escape(f'{what}: {attempt()}')}", soft_wrap=True)
        except (OSError, ValueError, RuntimeError, LookupError) as error:
            healthy = False
            console.print(f"[red]wrong[/red] {escape(f'{what}: {address}:')}", soft_wrap=True)
            console.print(f"      {error}", markup=False, soft_wrap=True)
    return healthy


def _attempts(platform: Platform) -> Iterator[tuple[str, str, Callable[[], str]]]:
    settings = platform.settings
    if settings.has_campus:
        yield "source", settings.data or "demo campus", lambda: _source(platform)
    yield "lake", settings.lake, lambda: platform.lake.probe()
    yield "warehouse", "PostgreSQL" if settings.database_url else "SQLite", lambda: _warehouse(platform)
    if settings.registrar_kind != "replay":
        yield "registrar", settings.registrar_kind, lambda: _registrar(platform)
    yield "artifacts", settings.artifacts, lambda: platform.artifacts.probe()
    yield "outbox", platform.outbox.uri, lambda: platform.outbox.probe()
    for channel in channels(platform):
        yield f"{channel.name} messages", channel.outbox.uri, partial(_delivered, channel)
    if settings.smtp_host:
        yield "mail server", f"{settings.smtp_host}:{settings.smtp_port}", lambda: _mail_server(platform)
    for place, url in enumerate(settings.webhooks, 1):
        yield f"webhook_{place}", "ALERT_URLS", Webhook(url).check


def _delivered(channel: Channel) -> str:
    status = channel.outbox.status()
    if status.dead:
        raise LookupError(f"{status.dead:,} undeliverable; `oulad outbox` says why, and how to try again")
    return f"{status.sent:,} sent, {status.waiting:,} waiting, none undeliverable"


def _source(platform: Platform) -> str:
    courses = platform.campus().tables()["courses"]
    return f"{len(courses)} presentations, newest day {platform.calendar_day(platform.today())}"


def _registrar(platform: Platform) -> str:
    (extract,) = platform.registrar().extract([platform.today()], {})
    return f"{len(extract.rows):,} rows for today"


def _warehouse(platform: Platform) -> str:
    from oulad_platform.storage.database import Database
    from oulad_platform.storage.migrations import running

    database = Database(platform.settings.warehouse)
    answer, warning = database.ping(), running.warning(database)
    return f"{answer}; {warning}" if warning else answer


def _mail_server(platform: Platform) -> str:
    return platform.mail_server.check() if platform.mail_server else "none is configured"
