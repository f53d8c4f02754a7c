"""`oulad alerts` and `oulad outbox`: what is open, who sees to it, and what could not be delivered."""

from __future__ import annotations

import pandas as pd
from rich.console import Console
from rich.table import Table

from oulad_platform.core.alerts import ALERT_DECISIONS
from oulad_platform.core.reports import date_text
from oulad_platform.defs import delivery
from oulad_platform.defs.resources import Platform, utc_now


class UnknownAlertError(ValueError):
    """There is no alert of that id."""


def show(platform: Platform, *, resolved: bool) -> None:
    """Prints the episodes that are open or acknowledged; with `resolved` the others too."""
    log = delivery.alert_log(platform)
    known = delivery.alert_episodes(platform, log, platform.today())
    shown = known if resolved else known[known["state"] != "resolved"]
    console = Console()
    for row in shown.to_dict("records"):
        since, newest = date_text(row["first_seen"]), date_text(row["last_seen"])
        days = "1 day" if row["n_days"] == 1 else f"{row['n_days']:,} days"
        head = f"{row['severity']}, {row['state']}: {days}, {since} to {newest}, {row['last_alert_id']}"
        console.print(f"{head}\n  {row['message']}", markup=False, soft_wrap=True)
    if shown.empty:
        console.print("No alert is open.")


def decide(platform: Platform, decision: str, alert_id: str, by: str, note: str) -> None:
    """Records that a person sees to an alert's episode, or has resolved it. Raises UnknownAlertError."""
    if alert_id not in set(delivery.alert_log(platform)["alert_id"]):
        raise UnknownAlertError(f"there is no alert {alert_id}; `oulad alerts` lists those that are open")
    row = {
        "alert_id": alert_id,
        "decided_at": utc_now(),
        "decision": decision,
        "decided_by": by,
        "note": note,
    }
    platform.database.append({ALERT_DECISIONS: ALERT_DECISIONS.conform(pd.DataFrame([row]))})
    Console().print(f"{alert_id}: {decision}", markup=False)


def show_outboxes(platform: Platform) -> None:
    """Prints how much was sent, waits, or was put aside, for each channel."""
    table = Table("channel", "sent", "waiting", "oldest waiting", "kept as files", "undeliverable", title="Outbox")
    console = Console()
    dead = []
    for channel in delivery.channels(platform):
        status = channel.outbox.status()
        oldest = f"{status.oldest_waiting:%Y-%m-%d %H:%M}" if status.oldest_waiting else ""
        table.add_row(
            channel.name, *(f"{n:,}" for n in (status.sent, status.waiting)), oldest, f"{status.kept:,}", f"{status.dead:,}"
        )
        dead += [f"{message_id}: {reason}" for message_id, reason in channel.outbox.dead().items()]
    console.print(table)
    for told in dead:
        console.print(f"undeliverable: {told}; try again: oulad outbox --retry ID", markup=False, soft_wrap=True, style="red")


def retry(platform: Platform, message_id: str) -> None:
    """Makes an undeliverable message due again, on every channel that has it. Raises UnknownAlertError when none has."""
    found = [channel for channel in delivery.channels(platform) if message_id in channel.outbox.dead()]
    if not found:
        raise UnknownAlertError(f"no undeliverable message is called {message_id}; `oulad outbox` lists them")
    for channel in found:
        channel.outbox.retry(message_id)
        Console().print(f"{channel.name}: {message_id} is due again", markup=False)
