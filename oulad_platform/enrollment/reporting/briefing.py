"""The daily message to those who lead: put together from its sections as HTML, as plain text, as a page, and its attachments.

Also the short message when a run failed. What the sections say is
`enrollment.reporting.sections`; making a mail of it and sending it happens elsewhere.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING

import pandas as pd

from oulad_platform.core.house import House
from oulad_platform.core.reports import csv_bytes
from oulad_platform.enrollment.reporting import charts, outlook, sections
from oulad_platform.enrollment.reporting.wording import REASON_LETTERS, Section, count, day_text, percent, shown, signed

if TYPE_CHECKING:
    from jinja2 import Environment

MOST_LISTED, LISTED_LETTERS = 500, 200
SUBJECT_LETTERS = 150
TREND_DAYS, CHANGES_DAYS = 365, 60
POLICY = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
PURPOSE = "For those who plan and run teaching. It describes groups; no decision about a single person follows from it."


@dataclass(frozen=True)
class Briefing:
    """One message: subject on one line, the same figures as plain text and as HTML, pictures by content id, files by name."""

    subject: str
    text: str
    html: str
    images: dict[str, bytes] = field(default_factory=dict)
    attachments: dict[str, bytes] = field(default_factory=dict)


def briefing(
    *,
    house: House,
    day: date,
    metrics: pd.DataFrame,
    deltas: pd.DataFrame | None = None,
    trends: pd.DataFrame | None = None,
    forecast: pd.DataFrame | None = None,
    backtest: pd.DataFrame | None = None,
    anomalies: pd.DataFrame | None = None,
    versions: pd.DataFrame | None = None,
    retention: pd.DataFrame | None = None,
    retention_target: float | None = None,
    students: pd.DataFrame | None = None,
    include_student_lists: bool = False,
) -> Briefing:
    """The briefing of `day` from the tables of the enrollment line; a table that is None is called unknown.

    `metrics` needs the total's row of the day; with earlier rows it compares with them and draws them. A chart that cannot be
    drawn is missing, and the message says so. `retention_target` (0 to 1) is of the census cohorts. Students appear only with
    `include_student_lists`, and then only in attached CSV files of at most 500 rows: ids from `deltas`, names from `students`
    (student_id, student_name). Raises ValueError when there is no row of the day.
    """
    metrics = metrics[metrics["date"] <= pd.Timestamp(day)]
    cohorts = None if retention is None else retention[retention["date"] <= pd.Timestamp(day)]
    today = sections.row_of_total(metrics, day)
    attachments, notes = _student_lists(deltas, students, day, house) if include_student_lists else ({}, [])
    pictures, missing = _pictures(metrics, day, house, forecast, cohorts, retention_target)
    figures, flows = sections.numbers(metrics, day, house)
    ahead = outlook.forecast(forecast, backtest, day, house)
    stay = sections.retention(cohorts, day, house, retention_target)
    parts = [
        replace(figures, picture="trend", alt=_alt_trend(today, house, ahead)),
        sections.changes(metrics, day, house, deltas, trends),
        replace(flows, picture="changes", alt=_alt_changes(today, house)),
        sections.programs(metrics, day, house),
        outlook.anomalies(anomalies, day, house),
        ahead,
        replace(stay, picture="retention", alt=_alt_retention(today, stay)),
        sections.freshness(versions, day, [*missing, *notes]),
    ]
    parts = [part if part.picture in pictures else replace(part, picture="") for part in parts]
    size = f"{today['total_enrollment']:,} {house.words.holdings}"
    change = "" if pd.isna(today["net_change"]) else f" ({signed(today['net_change'])})"
    subject = f"{shown(house.institution)}: {size}{change} on {day}"
    return replace(
        _message(house, subject, size + change, day, parts, _definitions(house)), images=pictures, attachments=attachments
    )


def error_notice(house: House, day: date, what: str, error: str, next_step: str) -> Briefing:
    """A short message that `what` failed for `day`, with the error's words and what to do."""
    headline = f"{shown(what)} failed for {day}"
    parts = [
        Section("What happened", (shown(error, 4 * REASON_LETTERS),)),
        Section("Next step", (shown(next_step, 300),)),
    ]
    return _message(house, f"{shown(house.institution)}: {headline}", headline, day, parts, [PURPOSE])


def page(message: Briefing) -> bytes:
    """The message as one HTML file for a browser: pictures inside, and a policy that lets nothing else be loaded or run."""

    def inside(found: re.Match[str]) -> str:
        return f'<img src="data:image/png;base64,{base64.b64encode(message.images[found[1]]).decode()}"'

    html = re.sub(r'<img src="cid:(\w+)"', inside, message.html)
    return html.replace("<head>", f"<head>{POLICY}", 1).encode()


def _message(house: House, subject: str, headline: str, day: date, parts: list[Section], footer: list[str]) -> Briefing:
    from css_inline import CSSInliner

    subject = shown(subject, SUBJECT_LETTERS)
    given = {"house": house, "institution": shown(house.institution), "subject": subject, "headline": headline, "footer": footer}
    given |= {"when": day_text(day), "sections": parts}
    html = _templates().get_template("briefing.html").render(given)
    text = _templates().get_template("briefing.txt").render(given)
    return Briefing(subject, text, CSSInliner(load_remote_stylesheets=False).inline(html))


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=PackageLoader("oulad_platform.enrollment.reporting"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _pictures(
    metrics: pd.DataFrame,
    day: date,
    house: House,
    forecast: pd.DataFrame | None,
    cohorts: pd.DataFrame | None,
    retention_target: float | None,
) -> tuple[dict[str, bytes], list[str]]:
    """The charts by content id, and a sentence for each that could not be drawn: a broken chart does not stop the message."""
    year = metrics[metrics["date"] > pd.Timestamp(day - timedelta(days=TREND_DAYS))]
    recent = metrics[metrics["date"] > pd.Timestamp(day - timedelta(days=CHANGES_DAYS))]
    target = None if cohorts is None or cohorts.empty else retention_target
    drawings = {
        "trend": partial(charts.enrollment_trend, year, house, forecast),
        "changes": partial(charts.daily_changes, recent, house),
        "retention": partial(charts.retention, recent, house, target, cohorts),
    }
    drawn, missing = {}, []
    for name, draw in drawings.items():
        try:
            drawn[name] = draw()
        except Exception as error:
            missing.append(f"The chart of {name} is missing: it could not be drawn ({type(error).__name__}).")
    return drawn, missing


def _student_lists(
    deltas: pd.DataFrame | None, students: pd.DataFrame | None, day: date, house: House
) -> tuple[dict[str, bytes], list[str]]:
    if deltas is None:
        return {}, [f"The lists of {house.words.people} are missing: the list of changes is."]
    files, notes = {}, []
    for name, word, kinds in (("added", house.words.added, ["added", "returned"]), ("dropped", house.words.dropped, ["dropped"])):
        rows = deltas[(deltas["snapshot_date"] == pd.Timestamp(day)) & deltas["change"].isin(kinds)]
        rows = rows.sort_values(["program", "student_id"])[["student_id", "program", "division", "change"]]
        if students is not None:
            rows = rows.merge(students[["student_id", "student_name"]].drop_duplicates("student_id"), on="student_id", how="left")
        listed = rows.head(MOST_LISTED)
        if listed.empty:
            continue
        listed = listed.apply(lambda column: column.str.slice(0, LISTED_LETTERS))
        files[f"{name}_{day}.csv"] = csv_bytes(listed)
        more = f"; {len(rows) - MOST_LISTED:,} more are in enrollment_deltas" if len(rows) > MOST_LISTED else ""
        notes.append(
            f"Attached: {name}_{day}.csv with {len(listed):,} {word}{more}. It names persons: keep it to those who need it."
        )
    return files, notes or [
        f"No list of {house.words.people} is attached: nobody is {house.words.added} or {house.words.dropped}."
    ]


def _definitions(house: House) -> list[str]:
    words = house.words
    return [
        PURPOSE,
        f"{words.holdings.capitalize()}: {words.people} and {words.program}s in the snapshot, as of the start of the day. "
        f"{words.added.capitalize()} includes {words.returned}. "
        f"{words.completed.capitalize()}: gone because the {words.term} ended. "
        f"Persistence: of the {words.holdings} of the snapshot before whose {words.term} goes on, the share still here. "
        f"Last year: the day that was as many days before its {words.term}'s start. "
        "80 % interval: the outcome should lie inside four times out of five.",
    ]


def _alt_trend(today: pd.Series, house: House, ahead: Section) -> str:
    newest = f"{house.words.holdings.capitalize()} by day, {today['total_enrollment']:,} on {day_text(today['date'])}"
    return f"{newest}, 7-day average {count(today['average_7_days'])}. {ahead.lines[0] if ahead.lines else ''}".strip()


def _alt_changes(today: pd.Series, house: House) -> str:
    words = house.words
    if pd.isna(today["previous_date"]):
        return f"{words.added.capitalize()} and {words.dropped} by day; no day before to compare with."
    newest = f"{today['new_students']:,} {words.added}, {today['dropped_students']:,} {words.dropped}"
    return f"{words.added.capitalize()} and {words.dropped} by day; on the newest day {newest}."


def _alt_retention(today: pd.Series, stay: Section) -> str:
    newest = f"Who stays, against the target. Persistence on the newest day: {percent(today['persistence_rate'])}."
    return " ".join([newest, *(f"{row[0]}: {row[3]} still here after {row[1]} weeks." for row in stay.rows)])
