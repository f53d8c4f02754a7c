"""How alerts read: as a page, as one message, as a digest of many. Which alerts are due, and to whom, is decided elsewhere.

Everything that comes from data is put on one line, without characters that control a screen or turn text around, and escaped.
"""

from __future__ import annotations

import unicodedata
from datetime import date
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pandas as pd

from oulad_platform.core.house import House
from oulad_platform.core.reports import date_text, markdown_table, markdown_text

if TYPE_CHECKING:
    from jinja2 import Template

SUBJECT_LETTERS, SCOPE_LETTERS, SENTENCE_LETTERS = 150, 60, 1000
MOST_LISTED = 100
PURPOSE = "An alert is about a group or a system. No decision about a single person follows from it."
KINDS = {
    "threshold": "Share at high risk above its limit",
    "spike": "Mean risk rose within a week",
    "drift": "Students differ from those learnt from",
    "anomaly": "Unusual enrolment figure",
    "data_quality": "Extract held back",
    "freshness": "Table out of date",
    "run_failure": "Run failed",
}
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light">
<title>{{ subject }}</title>
</head>
<body style="margin:0; background:#ffffff; color:#222222; font:16px/1.45 Arial,Helvetica,sans-serif">
<div style="max-width:640px; margin:0 auto; padding:12px; overflow-wrap:anywhere">
{% if institution %}
<p style="margin:0; color:{{ house.main_colour }}; font-weight:bold"><bdi>{{ institution }}</bdi></p>
{% endif %}
<h1 style="margin:4px 0 2px; font-size:24px; line-height:1.25">{{ headline }}</h1>
<p style="margin:2px 0 12px; color:#444444">{{ when }}</p>
{% for alert in alerts %}
<div style="margin:12px 0; padding:8px 12px; border-left:5px solid {{ alert.colour }}; background:#f6f6f6">
<p style="margin:0; font-size:14px"><strong style="color:{{ alert.colour }}">{{ alert.severity }}</strong>
&middot; {{ alert.kind }} &middot; <bdi>{{ alert.scope }}</bdi></p>
<p style="margin:4px 0">{{ alert.message }}</p>
<p style="margin:0; color:#444444; font-size:14px">{{ alert.facts | map("join", ": ") | join(" · ") }}</p>
</div>
{% endfor %}
{% if more %}
<p>{{ more }}</p>
{% endif %}
<p style="margin:24px 0 0; padding-top:8px; border-top:1px solid #dddddd; color:#444444; font-size:14px">{{ purpose }}</p>
</div>
</body>
</html>
"""
Message = tuple[str, str, str]


def one_line(text: object, letters: int) -> str:
    """The text on one line of at most so many letters, without characters that control a screen or turn the text around."""
    kept = (" " if sign.isspace() else sign for sign in str(text))
    line = " ".join("".join(sign for sign in kept if unicodedata.category(sign) not in ("Cc", "Cf", "Cs")).split())
    return line if len(line) <= letters else f"{line[: letters - 1].rstrip()}…"


def alert_markdown(log: pd.DataFrame, episodes: pd.DataFrame, day: date) -> str:
    """The alerts of `day` and the episodes not resolved by then as a Markdown page, critical ones first; says so when none is.

    `episodes`: of `core.alerts.episodes` as of the day.
    """
    todays = _critical_first(log[log["alert_date"] == pd.Timestamp(day)], ["alert_type", "scope"])
    lines = [f"# Alerts of {date_text(day)}", ""]
    if todays.empty:
        lines += ["No alert fired.", ""]
    else:
        pairs = zip(todays["severity"], todays["message"], strict=True)
        lines += [f"- **{severity}**: {markdown_text(message)}" for severity, message in pairs]
        shown = todays[["severity", "alert_type", "scope", "observed_value", "limit_value", "n_students", "alert_id"]]
        lines += ["", markdown_table(shown)]
    going_on = _critical_first(episodes[episodes["state"] != "resolved"], ["first_seen", "alert_type", "scope"])
    names = ["severity", "alert_type", "scope", "first_seen", "last_seen", "n_days", "state"]
    lines += ["## Not resolved", "", "Nothing.\n" if going_on.empty else markdown_table(going_on[names])]
    return "\n".join(lines)


def alert_message(alert: pd.DataFrame, house: House) -> Message:
    """Subject (one line), plain text and HTML of one alert, given as its row of an alert table or of `alerts_due`.

    A row of `alerts_due` says since when the episode lasts. `house` gives the institution's name and colour.
    Raises ValueError unless it is one row.
    """
    if len(alert) != 1:
        raise ValueError(f"a message is about one alert, not {len(alert)}; look its alert_id up in alert_log")
    shown = _shown(alert.to_dict("records")[0])
    headline = f"{shown['kind']}: {shown['scope']}"
    return _message(f"[{shown['severity']}] {headline}, {shown['day']}", headline, shown["day"], [shown], house)


def digest_message(alerts: pd.DataFrame, day: date, house: House) -> Message:
    """Subject (one line), plain text and HTML of many alerts, critical ones first; after the first 100 only how many more."""
    rows = _critical_first(alerts, ["alert_date", "alert_type", "scope"])
    n_critical = int(rows["severity"].eq("critical").sum())
    headline = f"{len(rows):,} alerts, {n_critical:,} of them critical"
    shown = [_shown(row) for row in rows.head(MOST_LISTED).to_dict("records")]
    return _message(f"{headline}, {date_text(day)}", headline, date_text(day), shown, house, len(rows) - len(shown))


def digest_id(alerts: pd.DataFrame) -> str:
    """The id of the digest of exactly these alerts, whatever their order: its newest day, and a hash of their ids."""
    ids = "\n".join(sorted(alerts["alert_id"]))
    return f"digest-{date_text(alerts['alert_date'].max())}-{sha256(ids.encode()).hexdigest()[:16]}"


def _critical_first(rows: pd.DataFrame, then: list[str]) -> pd.DataFrame:
    is_later = rows["severity"].ne("critical")
    return rows.assign(is_later=is_later).sort_values(["is_later", *then], ignore_index=True).drop(columns="is_later")


def _shown(row: dict[Any, Any]) -> dict[str, Any]:
    facts = {
        "Day": date_text(row["alert_date"]),
        "Firing since": date_text(row["first_seen"]) if row.get("first_seen", row["alert_date"]) < row["alert_date"] else None,
        "Observed": _figure(row["observed_value"]),
        "Limit": _figure(row["limit_value"]),
        "Enrolments": None if pd.isna(row["n_students"]) else f"{row['n_students']:,}",
        "Alert": row["alert_id"],
    }
    return {
        "severity": row["severity"],
        "colour": "#B00020" if row["severity"] == "critical" else "#8A5A00",
        "kind": KINDS[row["alert_type"]],
        "scope": one_line("all courses" if row["scope"] == "all" else row["scope"], SCOPE_LETTERS),
        "message": one_line(row["message"], SENTENCE_LETTERS),
        "day": facts["Day"],
        "facts": [(name, value) for name, value in facts.items() if value is not None],
    }


def _figure(value: Any) -> str | None:
    return None if pd.isna(value) else f"{value:,.4g}"


def _message(subject: str, headline: str, when: str, shown: list[dict[str, Any]], house: House, n_more: int = 0) -> Message:
    institution = one_line(house.institution, SCOPE_LETTERS)
    subject = one_line(f"{institution}: {subject}" if institution else subject, SUBJECT_LETTERS)
    more = f"{n_more:,} more are in alert_log." if n_more else ""
    blocks = [
        "\n".join(
            [
                f"{one['severity']} - {one['kind']}, {one['scope']}",
                one["message"],
                *(f"{name}: {value}" for name, value in one["facts"]),
            ]
        )
        for one in shown
    ]
    text = "\n\n".join([headline, *blocks, *([more] if more else []), PURPOSE]) + "\n"
    given = {"subject": subject, "headline": headline, "when": when, "alerts": shown, "more": more, "purpose": PURPOSE}
    return subject, text, _page().render(given, house=house, institution=institution)


@cache
def _page() -> Template:
    from jinja2 import Environment, StrictUndefined

    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(PAGE)
