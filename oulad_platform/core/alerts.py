"""One shape for every alert, whatever raised it: its table, its episodes, and which alerts are due for delivery. Pure.

What fires is decided in the line that owns the figures, how it reads in `alert_messages`, the same episodes as SQL in
`alert_views`; sending is `storage.outbox`'s, asking for it `defs/`'s.

An alert is one row of its type, scope and day, and so is its `alert_id`: a rerun changes nothing. An episode is a run of
days on which the same type and scope fired, with fewer than GAP_DAYS silent days in a row between them: a figure
that swings around its limit makes one episode, not many. Episodes are computed from the log as it is now, so days may be
written in any order; a day that is filled in later may join two episodes, a rerun may divide one.

A decision of a person, or a delivery, that names an alert is about the episode around that alert's day; so it still counts
when a rerun has removed the alert itself.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from urllib.parse import quote

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from oulad_platform.core.alert_messages import KINDS as KINDS
from oulad_platform.core.alert_messages import alert_markdown as alert_markdown
from oulad_platform.core.alert_messages import alert_message as alert_message
from oulad_platform.core.alert_messages import digest_id as digest_id
from oulad_platform.core.alert_messages import digest_message as digest_message
from oulad_platform.core.alert_messages import one_line
from oulad_platform.core.alert_views import ALERT_EPISODES as ALERT_EPISODES
from oulad_platform.core.alert_views import ALERT_LOG as ALERT_LOG
from oulad_platform.core.alert_views import GAP_DAYS
from oulad_platform.core.calendar import DAYS_PER_WEEK
from oulad_platform.core.reports import date_text
from oulad_platform.core.tables import Column, Table

ALERT_TYPES = tuple(KINDS)
SEVERITIES = ("warning", "critical")
STATES = ("open", "acknowledged", "resolved")
ALL = "all"
GAP = timedelta(days=GAP_DAYS)
DAY_LETTERS = len("_2014-05-20")
MOST_REASONS = 5


def alert_table(name: str, grain: str) -> Table:
    """A table of alerts: three places write them, `alert_log` is their union."""
    return Table(
        name,
        grain,
        (
            Column("alert_id", "text", "Type, scope and day, safe in a file name."),
            Column("alert_date", "date", "The day it is about."),
            Column("alert_type", "text", "What raised it.", allowed=ALERT_TYPES),
            Column("scope", "text", "'all', or what it is about: module-presentation, program, table, job."),
            Column("severity", "text", "How urgent it is.", allowed=SEVERITIES),
            Column("observed_value", "float64", "What was measured.", nullable=True),
            Column("limit_value", "float64", "The limit it is beyond.", nullable=True),
            Column("n_students", "int32", "Enrolments it rests on, where it rests on some.", "enrolments", True, minimum=0),
            Column("message", "text", "One sentence for a person; no student is named."),
        ),
        key=("alert_id",),
        day="alert_date",
        allow_empty=True,
    )


OPERATION_ALERTS = alert_table("operation_alerts", "One row per failed job, stale table or held-back extract and day.")
ALERT_DECISIONS = Table(
    "alert_decisions",
    "One row per decision of a person about an alert's episode: acknowledged, or resolved.",
    (
        Column("alert_id", "text", "An alert of the episode; resolved means: up to and including that alert's day."),
        Column("decided_at", "timestamp", "When, UTC."),
        Column(
            "decision",
            "text",
            "acknowledged: somebody sees to it, no reminders; resolved: done, what fires on later days is a new episode.",
            allowed=("acknowledged", "resolved"),
        ),
        Column("decided_by", "text", "Who.", personal=True),
        Column("note", "text", "Why, in their words; may be empty."),
    ),
    key=("alert_id", "decided_at"),
    allow_empty=True,
)
EPISODE_KEY = ["alert_type", "scope", "first_seen"]
EPISODE_COLUMNS = [
    *EPISODE_KEY,
    "last_seen",
    "n_days",
    "severity",
    "observed_value",
    "limit_value",
    "n_students",
    "message",
    "state",
    "first_alert_id",
    "last_alert_id",
]


class AlertRules(BaseModel):
    """Section `alerts` of platform.yaml: what becomes of alerts once they have fired."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reminder_days: int = Field(7, ge=1, le=365, description="An open episode is delivered again after so many days. days")
    max_age_days: int = Field(2, ge=0, le=30, description="Older alerts, as of a backfill, are never delivered. days")
    digest_above: int = Field(5, ge=1, le=1000, description="More alerts due at once than this are one message.")


def alert_id(alert_type: str, scope: str, day: date) -> str:
    """The id of an alert: safe in a file name, and its day are the last ten letters.

    >>> alert_id("threshold", "../A B", date(2014, 5, 20))
    'threshold_..%2FA%20B_2014-05-20'
    """
    return f"{alert_type}_{quote(scope, safe='')}_{date_text(day)}"


def alert_rows(table: Table, kind: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Alerts of one kind as rows of `table`, made by `alert_table`: `rows` hold its columns but id and type, maybe others too."""
    ids = [alert_id(kind, scope, day) for scope, day in zip(rows["scope"], rows["alert_date"], strict=True)]
    named = {"alert_id": pd.Series(ids, rows.index, dtype="str"), "alert_type": pd.Series(kind, rows.index, dtype="str")}
    return table.conform(rows.assign(**named)[table.names])


def episodes(log: pd.DataFrame, decisions: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """One row per episode of the alerts up to `as_of`: EPISODE_COLUMNS, sorted by type, scope and first day.

    `log`: rows of alert tables, `decisions`: ALERT_DECISIONS. `n_days`: days on which it fired; `severity`: the worst so far;
    observed_value, limit_value, n_students and message: of its newest alert. State: resolved when a person resolved it, or it
    has not fired on more than GAP_DAYS days up to `as_of` (the day itself may not have been evaluated yet);
    acknowledged when a person has acknowledged any of its alerts; else open.
    """
    rows = _in_episodes(log, decisions, (), as_of)
    newest = rows.drop_duplicates("episode", keep="last").set_index("episode")
    by_episode = rows.groupby("episode")
    table = newest.assign(
        first_seen=by_episode["alert_date"].min(),
        last_seen=newest["alert_date"],
        n_days=by_episode.size().astype("int32"),
        severity=by_episode["rank"].max().map(dict(enumerate(SEVERITIES))).astype("str"),
        first_alert_id=by_episode["alert_id"].first(),
        last_alert_id=newest["alert_id"],
    )
    is_silent = table["last_seen"] < pd.Timestamp(as_of - GAP)
    is_resolved = is_silent | (table["last_seen"] <= table["resolved_through"])
    states = np.select([is_resolved, table["acknowledged_on"].notna()], [STATES[2], STATES[1]], STATES[0])
    table = table.assign(state=pd.Series(states, table.index, dtype="str"))
    return table[EPISODE_COLUMNS].sort_values(EPISODE_KEY, ignore_index=True)


def alerts_due(
    log: pd.DataFrame, decisions: pd.DataFrame, delivered: Collection[str], today: date, rules: AlertRules
) -> pd.DataFrame:
    """The alerts to deliver now, at most one of an episode, with the column `first_seen` of the episode; oldest first.

    Due is an alert of the last `max_age_days` in an episode of which nothing was delivered yet, or nothing in the
    `reminder_days` before it, or nothing as severe. An acknowledged episode gets no reminder, only what is worse than what was
    acknowledged and delivered; a resolved one gets nothing. Of several that are due the most severe counts, then the newest.
    `delivered`: ids of alerts put into the outbox, those a digest covers too; other ids do not matter.

    So no two deliveries of one type, scope and severity are less than min(reminder_days, GAP_DAYS + 1) days apart
    unless a person resolved the episode between them, whatever the order in which days were written.
    """
    rows = _in_episodes(log, decisions, delivered, today)
    is_sent, is_acknowledged = rows["alert_id"].isin(list(delivered)), rows["acknowledged_on"].notna()
    is_known = is_sent | (rows["alert_date"] <= rows["acknowledged_on"])
    worst_known = rows["episode"].map(rows[is_known].groupby("episode")["rank"].max())
    is_quiet = rows["delivered_on"].isna() | (rows["alert_date"] - rows["delivered_on"] >= timedelta(days=rules.reminder_days))
    is_wanted = (is_quiet & ~is_acknowledged) | (rows["rank"] > worst_known)
    is_recent = rows["alert_date"] >= pd.Timestamp(today - timedelta(days=rules.max_age_days))
    is_due = is_wanted & is_recent & ~is_sent & ~(rows["alert_date"] <= rows["resolved_through"])
    rows["first_seen"] = rows.groupby("episode")["alert_date"].transform("min")
    due = rows[is_due].sort_values(["rank", "alert_date"]).drop_duplicates("episode", keep="last")
    return due[[*log.columns, "first_seen"]].sort_values(["alert_date", "alert_id"], ignore_index=True)


def drift_begins(log: pd.DataFrame, day: date) -> list[str]:
    """The scopes whose drift began on `day`: an alert of that day, none in the GAP_DAYS before; sorted.

    Persons' decisions do not matter here: a model that drifts on is not trained again because somebody resolved the alert.
    """
    rows = log[(log["alert_type"] == "drift") & (log["alert_date"] <= pd.Timestamp(day))]
    today = rows["alert_date"] == pd.Timestamp(day)
    before = rows[~today & (rows["alert_date"] >= pd.Timestamp(day - GAP))]
    return sorted(set(rows.loc[today, "scope"]) - set(before["scope"]))


def failure_alert(job: str, run_id: str, steps: Sequence[str], day: date) -> pd.DataFrame:
    """OPERATION_ALERTS with one row: run `run_id` of `job` failed. Why stands in the run's log, since it may quote data."""
    where = f"in {_listed(steps)}" if steps else "before any step"
    message = f"Run of {job} on {date_text(day)} failed {where}; open run {run_id} in Dagster, the reason stands in its log."
    return _operation_alert("run_failure", job, day, SEVERITIES[1], message)


def stale_alert(table: str, newest: date | None, day: date) -> pd.DataFrame:
    """OPERATION_ALERTS with one row: `newest` is the newest day of `table` on `day`; None: it has none. Critical from a week on.

    The observed value is the number of days behind.
    """
    behind = float("nan") if newest is None else float((day - newest).days)
    state = "has no day yet" if newest is None else f"ends on {date_text(newest)}, {behind:,.0f} days before {date_text(day)}"
    severity = SEVERITIES[int(behind >= DAYS_PER_WEEK)]
    return _operation_alert(
        "freshness",
        table,
        day,
        severity,
        f"Table {table} {state}; look whether its schedule runs and its source answers.",
        behind,
    )


def held_back_alert(day: date, reasons: Sequence[str]) -> pd.DataFrame:
    """OPERATION_ALERTS with one row: the extract of `day` was held back. `reasons` hold no personal value."""
    message = (
        f"The extract of {date_text(day)} was held back; if it is right: oulad accept --date {date_text(day)}. "
        f"Why: {_listed(reasons)}."
    )
    return _operation_alert("data_quality", "enrollment_snapshots", day, SEVERITIES[1], message)


def _operation_alert(
    kind: str, scope: str, day: date, severity: str, message: str, observed: float = float("nan")
) -> pd.DataFrame:
    row = {
        "alert_date": pd.Timestamp(day),
        "scope": scope,
        "severity": severity,
        "observed_value": observed,
        "limit_value": float("nan"),
        "n_students": pd.NA,
        "message": one_line(message, 1000),
    }
    return alert_rows(OPERATION_ALERTS, kind, pd.DataFrame([row]))


def _listed(words: Sequence[str]) -> str:
    shown = "; ".join(one_line(word, 200) for word in words[:MOST_REASONS])
    return f"{shown} and {len(words) - MOST_REASONS} more" if len(words) > MOST_REASONS else shown


def _in_episodes(log: pd.DataFrame, decisions: pd.DataFrame, delivered: Collection[str], as_of: date) -> pd.DataFrame:
    """The alerts up to `as_of` by series and day, with their episode, their severity's rank, and what is known of the episode.

    A series is the alerts of one type and scope, a run its days without a gap; each day through which a person resolved a run
    divides it. resolved_through: the last of these of the run; acknowledged_on and delivered_on: the newest day of an alert of
    the episode that was.
    """
    rows = log[log["alert_date"] <= pd.Timestamp(as_of)]
    rows = rows.assign(series=rows["alert_id"].str[:-DAY_LETTERS], rank=rows["severity"].map(SEVERITIES.index).astype("int64"))
    rows = rows.sort_values(["series", "alert_date"], ignore_index=True)
    silent = rows.groupby("series")["alert_date"].diff()
    rows["run"] = (silent.isna() | (silent > GAP)).cumsum()

    runs = rows.groupby("run").agg(series=("series", "first"), first=("alert_date", "min"), last=("alert_date", "max"))
    marks = _marks(decisions, delivered, as_of).merge(runs.reset_index(), on="series")
    marks = marks[marks["day"].between(marks["first"] - GAP, marks["last"] + GAP)].reset_index(drop=True)
    cuts = marks.loc[marks["mark"] == "resolved", ["run", "day"]].drop_duplicates()
    rows["part"], marks["part"] = (
        _n_before(frame["run"], day, cuts) for frame, day in ((rows, rows["alert_date"]), (marks, marks["day"]))
    )
    rows["episode"] = rows.groupby(["run", "part"]).ngroup()
    newest = marks.groupby(["mark", "run", "part"])["day"].max()
    place = pd.MultiIndex.from_frame(rows[["run", "part"]])
    for mark in ("acknowledged", "delivered"):
        known = newest[newest.index.get_level_values("mark") == mark].droplevel("mark")
        rows[f"{mark}_on"] = known.reindex(place).to_numpy()
    rows["resolved_through"] = cuts.groupby("run")["day"].max().reindex(rows["run"]).to_numpy()
    return rows


def _marks(decisions: pd.DataFrame, delivered: Collection[str], as_of: date) -> pd.DataFrame:
    """What happened to alerts up to `as_of`, by their ids: series, day, and mark (a decision, or delivered)."""
    ids = [*decisions["alert_id"], *delivered]
    marks = pd.DataFrame({"alert_id": ids, "mark": [*decisions["decision"], *["delivered"] * len(delivered)]}, dtype="str")
    days = pd.to_datetime(marks["alert_id"].str[1 - DAY_LETTERS :], format="%Y-%m-%d", errors="coerce").dt.as_unit("us")
    return marks.assign(series=marks["alert_id"].str[:-DAY_LETTERS], day=days)[days <= pd.Timestamp(as_of)]


def _n_before(runs: pd.Series, days: pd.Series, cuts: pd.DataFrame) -> pd.Series:
    """For each run and day the number of the run's cuts before the day."""
    pairs = pd.DataFrame({"run": runs, "at": days}).reset_index().merge(cuts, on="run")
    return pairs[pairs["day"] < pairs["at"]].groupby("index").size().reindex(runs.index, fill_value=0)
