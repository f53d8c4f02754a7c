"""What people are told: messages put into the outboxes, alerts among them, and handed to the mail server and the webhooks.

An alert is told once for each channel: what is due follows from the stored alerts and from the ids in the channel's outbox, so
that a crash anywhere in between delays a message and never loses one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from oulad_platform.core import alerts
from oulad_platform.core.messages import compose, message_key
from oulad_platform.defs.resources import DEMO, Platform
from oulad_platform.enrollment.alerts import ENROLLMENT_ALERTS
from oulad_platform.success.tables import RISK_ALERTS

if TYPE_CHECKING:
    from oulad_platform.enrollment.reporting.briefing import Briefing
    from oulad_platform.storage.outbox import Delivery, Outbox, Transport

MAIL_MAX_AGE = timedelta(days=2)
MAIL = "mail"
ALERT_TABLES = (RISK_ALERTS, ENROLLMENT_ALERTS, alerts.OPERATION_ALERTS)
TRIGGERS: Mapping[str, str] = {
    "anomaly": "anomaly_detected",
    "data_quality": "error_occurred",
    "freshness": "error_occurred",
    "run_failure": "error_occurred",
}


@dataclass(frozen=True)
class Channel:
    """One way out: its outbox, who is written to, and what hands messages over (None: they stay in the outbox)."""

    name: str
    outbox: Outbox
    recipients: Sequence[str]
    transport: Transport | None


def channels(platform: Platform) -> list[Channel]:
    """Mail, and each webhook of ALERT_URLS by its place there; what the demo campus has to say goes to nobody, stays a file."""
    urls = [] if platform.source() == DEMO else platform.settings.webhooks
    return [_mail(platform), *(_webhook(platform, f"webhook_{place}", url) for place, url in enumerate(urls, 1))]


def _mail(platform: Platform) -> Channel:
    recipients = () if platform.source() == DEMO else platform.settings.enrollment_email_recipients
    return Channel(MAIL, platform.outbox, recipients, platform.mail_server)


def _webhook(platform: Platform, name: str, url: str) -> Channel:
    from oulad_platform.storage.outbox import Outbox
    from oulad_platform.storage.webhooks import Webhook

    settings = platform.settings
    outbox = Outbox(f"{settings.outbox}_{name}", settings.aws_region, attempts=settings.delivery_attempts)
    return Channel(name, outbox, (f"{name}@localhost",), Webhook(url))


def notify(platform: Platform, trigger: str, day: date, briefing: Briefing, alert_id: str | None = None) -> bool:
    """Puts a briefing about `day` into the mail outbox; True when it is new there.

    It is new once for each trigger, day, list of recipients and source of the tables, or once for an `alert_id`, which then
    counts as told. What is not wanted (`mail_triggers`) and what is about the past, as in a backfill, is not mailed.
    """
    settings = platform.settings
    if trigger not in settings.mail_triggers or platform.today() - day > MAIL_MAX_AGE:
        return False
    return post(
        platform,
        alert_id or message_key(trigger, day, settings.enrollment_email_recipients, platform.source()),
        briefing.subject,
        briefing.text,
        html=briefing.html,
        images=briefing.images,
        attachments=briefing.attachments,
    )


def post(
    platform: Platform, message_id: str, subject: str, text: str, recipients: Sequence[str] | None = None, **parts: Any
) -> bool:
    """Puts one mail to `recipients`, or to the configured ones, into the outbox; True unless one of that id is there.

    What the demo campus has to say goes to nobody.
    """
    mail = _mail(platform)
    to = mail.recipients if recipients is None or platform.source() == DEMO else recipients
    return _put(platform, mail.outbox, to, message_id, subject, text, **parts)


def record(platform: Platform, raised: pd.DataFrame) -> None:
    """Adds OPERATION_ALERTS rows to those that are there; an alert that is known stays as it is."""
    known = platform.database.read_days(alerts.OPERATION_ALERTS, list(raised["alert_date"].dt.date))
    new = raised[~raised["alert_id"].isin(known["alert_id"])]
    if len(new):
        platform.database.append({alerts.OPERATION_ALERTS: new.reset_index(drop=True)})


def alert_log(platform: Platform, days: Sequence[date] | None = None) -> pd.DataFrame:
    """The alerts of `days` (None: of all), whatever raised them."""
    return pd.concat([platform.database.read_days(table, days) for table in ALERT_TABLES], ignore_index=True)


def alert_episodes(platform: Platform, log: pd.DataFrame, day: date) -> pd.DataFrame:
    """The episodes of the alerts in `log` up to `day`, with what persons decided about them."""
    return alerts.episodes(log, platform.database.read(alerts.ALERT_DECISIONS), day)


def queue_alerts(platform: Platform) -> list[str]:
    """Puts the alerts that are due into each channel's outbox, many of them as one digest; the ids of the messages.

    A message that cannot be made or put keeps no other from it: raises an ExceptionGroup of what went wrong at the end.
    """
    house, today, most = platform.settings.house, platform.today(), platform.settings.alerts.digest_above
    put, errors = [], []
    for channel, due in _due(platform):
        is_digest = len(due) > most
        for rows in [due] if is_digest else [due.iloc[[place]] for place in range(len(due))]:
            ids = list(rows["alert_id"])
            try:
                message_id, covers = (alerts.digest_id(rows), ids) if is_digest else (ids[0], [])
                about = alerts.digest_message(rows, today, house) if is_digest else alerts.alert_message(rows, house)
                subject, text, html = about
                if _put(platform, channel.outbox, channel.recipients, message_id, subject, text, html=html, covers=covers):
                    put.append(f"{channel.name}: {message_id}")
            except Exception as error:
                error.add_note(f"{channel.name}: {', '.join(ids)}")
                errors.append(error)
    if errors:
        raise ExceptionGroup("Alerts that could not be put into an outbox", errors)
    return put


def is_anything_due(platform: Platform) -> bool:
    """Whether `queue_alerts` or `deliver` would do something now."""
    now = datetime.now(UTC)
    if any(channel.transport and channel.outbox.due(now) for channel in channels(platform)):
        return True
    return any(len(due) for _, due in _due(platform))


def unsent(platform: Platform) -> dict[str, float]:
    """Of all channels the number of messages that wait and that are undeliverable, and the age of the oldest. hours"""
    states = [channel.outbox.status() for channel in channels(platform)]
    oldest = min((state.oldest_waiting for state in states if state.oldest_waiting), default=None)
    hours = (datetime.now(UTC) - oldest).total_seconds() / 3600 if oldest else 0.0
    waiting, dead = sum(state.waiting for state in states), sum(state.dead for state in states)
    return {"n_waiting": waiting, "oldest_hours": round(hours, 2), "n_undeliverable": dead}


def deliver(platform: Platform) -> dict[str, Delivery]:
    """Hands over what is due in every outbox; what a server does not take waits for the next time."""
    return {channel.name: channel.outbox.deliver(channel.transport, lambda: datetime.now(UTC)) for channel in channels(platform)}


def _due(platform: Platform) -> list[tuple[Channel, pd.DataFrame]]:
    """The alerts to be told now, by channel; those of a kind that nobody wants to hear of (`mail_triggers`) are left out."""
    rules, today = platform.settings.alerts, platform.today()
    recent = [today - timedelta(days=back) for back in range(rules.max_age_days + 1)]
    if alert_log(platform, recent).empty:
        return []
    log, decisions = alert_log(platform), platform.database.read(alerts.ALERT_DECISIONS)
    log = log[log["alert_type"].map(TRIGGERS).fillna("").isin(["", *platform.settings.mail_triggers])]
    return [(channel, alerts.alerts_due(log, decisions, channel.outbox.ids(), today, rules)) for channel in channels(platform)]


def _put(
    platform: Platform,
    outbox: Outbox,
    recipients: Sequence[str],
    message_id: str,
    subject: str,
    text: str,
    covers: Sequence[str] = (),
    **parts: Any,
) -> bool:
    message = compose(
        message_id=message_id,
        sender=platform.settings.mail_sender,
        recipients=recipients,
        subject=subject,
        text=text,
        sent_at=datetime.now(UTC),
        **parts,
    )
    return outbox.put(message_id, message, covers)
