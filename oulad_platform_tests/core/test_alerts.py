"""Tests of core.alerts: one episode, few mails; whatever the order in which days are written."""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from oulad_platform.core.alert_views import GAP_DAYS, TABLES
from oulad_platform.core.alerts import (
    ALERT_DECISIONS,
    ALERT_EPISODES,
    ALERT_LOG,
    OPERATION_ALERTS,
    AlertRules,
    alert_id,
    alert_message,
    alert_table,
    alerts_due,
    drift_begins,
    episodes,
    failure_alert,
    held_back_alert,
    stale_alert,
)
from oulad_platform.core.checks import check_frame
from oulad_platform.core.house import House
from oulad_platform.core.tables import Column, Table
from oulad_platform.storage.database import Database

RULES = AlertRules()
FIRST = date(2014, 5, 1)
NOBODY = ALERT_DECISIONS.empty()


def on(number: int) -> date:
    """The day so many days after 1 May 2014."""
    return FIRST + timedelta(days=number)


def fired(*days: int, critical: tuple[int, ...] = (), kind: str = "threshold", scope: str = "AAA-2014B") -> pd.DataFrame:
    """One type and scope that fired on these days."""
    rows = [
        {
            "alert_id": alert_id(kind, scope, on(day)),
            "alert_date": pd.Timestamp(on(day)),
            "alert_type": kind,
            "scope": scope,
            "severity": "critical" if day in critical else "warning",
            "observed_value": 0.7 + day / 1000,
            "limit_value": 0.6,
            "n_students": 100 + day,
            "message": f"{scope}: too many on day {day}.",
        }
        for day in sorted({*days, *critical})
    ]
    return OPERATION_ALERTS.conform(pd.DataFrame(rows, columns=OPERATION_ALERTS.names))


def decided(*decisions: tuple[str, int], kind: str = "threshold", scope: str = "AAA-2014B") -> pd.DataFrame:
    """Decisions of a person, each about the alert of a day, in this order."""
    rows = [
        (alert_id(kind, scope, on(day)), pd.Timestamp(2026, 1, 1, 8, number), decision, "A. Person", "")
        for number, (decision, day) in enumerate(decisions)
    ]
    return ALERT_DECISIONS.conform(pd.DataFrame(rows, columns=ALERT_DECISIONS.names))


def spans(log: pd.DataFrame, decisions: pd.DataFrame = NOBODY, as_of: int = 60) -> list[tuple[int, int, str]]:
    """First and last day and state of each episode."""
    table = episodes(log, decisions, on(as_of))
    numbers = [(table[name] - pd.Timestamp(FIRST)).dt.days for name in ("first_seen", "last_seen")]
    return list(zip(*numbers, table["state"], strict=True))


def due(log: pd.DataFrame, delivered: set[str], today: int, decisions: pd.DataFrame = NOBODY) -> list[str]:
    return alerts_due(log, decisions, delivered, on(today), RULES)["alert_id"].tolist()


def ids(*days: int) -> set[str]:
    return {alert_id("threshold", "AAA-2014B", on(day)) for day in days}


@pytest.mark.fault("G3")
def test_flapping_around_a_limit_is_one_episode_and_a_week_and_a_day_apart_are_two():
    assert spans(fired(0, 2, 3, 9, 16), as_of=16) == [(0, 16, "open")]
    assert spans(fired(0, 8), as_of=8) == [(0, 0, "resolved"), (8, 8, "open")]


def test_an_episode_is_described_by_its_worst_severity_and_its_newest_figures():
    [row] = episodes(fired(0, 2, critical=(1,)), NOBODY, on(2)).to_dict("records")
    assert row == {
        "alert_type": "threshold",
        "scope": "AAA-2014B",
        "first_seen": pd.Timestamp("2014-05-01"),
        "last_seen": pd.Timestamp("2014-05-03"),
        "n_days": 3,
        "severity": "critical",
        "observed_value": 0.702,
        "limit_value": 0.6,
        "n_students": 102,
        "message": "AAA-2014B: too many on day 2.",
        "state": "open",
        "first_alert_id": "threshold_AAA-2014B_2014-05-01",
        "last_alert_id": "threshold_AAA-2014B_2014-05-03",
    }


def test_an_episode_is_resolved_when_it_has_not_fired_for_the_gap_and_what_is_later_does_not_count():
    assert spans(fired(0, 20), as_of=7) == [(0, 0, "open")]
    assert spans(fired(0, 20), as_of=8) == [(0, 0, "resolved")]


def test_an_acknowledged_episode_stays_so_until_it_ends():
    assert spans(fired(0, 1, 5), decided(("acknowledged", 1)), as_of=6) == [(0, 5, "acknowledged")]
    assert spans(fired(0, 1, 20), decided(("acknowledged", 1)), as_of=20) == [(0, 1, "resolved"), (20, 20, "open")]


def test_what_fires_after_a_person_resolved_the_episode_is_a_new_one():
    assert spans(fired(0, 1, 2), decided(("resolved", 2)), as_of=2) == [(0, 2, "resolved")]
    assert spans(fired(0, 1, 2, 3), decided(("resolved", 2)), as_of=3) == [(0, 2, "resolved"), (3, 3, "open")]
    twice = decided(("resolved", 1), ("acknowledged", 2), ("resolved", 2))
    assert spans(fired(0, 1, 2, 3), twice, as_of=3) == [(0, 1, "resolved"), (2, 2, "resolved"), (3, 3, "open")]


def test_a_decision_counts_when_a_rerun_has_removed_its_alert_and_touches_no_other_episode_or_scope():
    assert spans(fired(2, 3), decided(("acknowledged", 1)), as_of=3) == [(2, 3, "acknowledged")]
    assert spans(fired(0, 20), decided(("resolved", 0)), as_of=20) == [(0, 0, "resolved"), (20, 20, "open")]
    other = decided(("acknowledged", 0), ("resolved", 0), scope="AAA-2014B_x")
    assert spans(fired(0), other, as_of=1) == [(0, 0, "open")]


@pytest.mark.fault("G2")
def test_the_first_alert_of_an_episode_is_due_and_then_a_reminder_a_week():
    log, sent, told = fired(*range(30)), set[str](), []
    for day in range(30):
        now = due(log[log["alert_date"] <= pd.Timestamp(on(day))], sent, day)
        sent |= set(now)
        told += [day] * len(now)
    assert told == [0, 7, 14, 21, 28]


def test_two_alerts_that_are_due_at_once_in_one_episode_are_one_delivery_the_most_severe_then_the_newest():
    assert due(fired(0, 1), set(), 1) == ["threshold_AAA-2014B_2014-05-02"]
    assert due(fired(1, critical=(0,)), set(), 1) == ["threshold_AAA-2014B_2014-05-01"]
    found = alerts_due(fired(0, 1), NOBODY, set(), on(1), RULES)
    assert found["first_seen"].tolist() == [pd.Timestamp("2014-05-01")]


@pytest.mark.fault("G4")
def test_a_backfill_of_history_is_not_delivered():
    assert due(fired(*range(60)), set(), 63) == []
    assert due(fired(*range(60)), set(), 61) == ["threshold_AAA-2014B_2014-06-29"]
    assert due(fired(5), set(), 4) == []


@pytest.mark.fault("G4")
def test_history_filled_in_before_a_delivered_alert_makes_no_second_delivery_and_hides_none():
    assert due(fired(19, 20), ids(20), 20) == []
    assert due(fired(*range(21)), ids(20), 20) == []
    assert due(fired(0, 6, 12, 20), ids(0), 20) == ["threshold_AAA-2014B_2014-05-21"]


def test_a_delivered_alert_that_a_rerun_removed_still_counts_as_the_delivery():
    assert due(fired(3, 4), ids(2), 4) == []


def test_an_acknowledged_episode_gets_no_reminder_but_what_is_worse_is_delivered():
    seen = decided(("acknowledged", 0))
    assert due(fired(0, 9), ids(0), 9, seen) == ["threshold_AAA-2014B_2014-05-10"], "that episode is over"
    assert due(fired(0, 4, 9), ids(0), 9, seen) == []
    worse = fired(0, 4, critical=(8, 9))
    assert due(worse, ids(0), 9, seen) == ["threshold_AAA-2014B_2014-05-10"]
    assert due(worse, ids(0, 9), 9, seen) == []
    assert due(worse, ids(0), 9, decided(("acknowledged", 9))) == []


def test_a_warning_that_becomes_critical_is_delivered_before_the_reminder():
    assert due(fired(0, critical=(1,)), ids(0), 1) == ["threshold_AAA-2014B_2014-05-02"]
    assert due(fired(1, critical=(0,)), ids(0), 1) == []


def test_what_a_person_resolved_is_not_delivered_and_what_fires_after_is():
    assert due(fired(0, 1), ids(), 1, decided(("resolved", 1))) == []
    assert due(fired(0, 1, 2), ids(0), 2, decided(("resolved", 1))) == ["threshold_AAA-2014B_2014-05-03"]


def test_other_ids_in_the_outbox_do_not_matter():
    others = {"daily_summary-2014-05-20-fd1dce4d7a00cc81", "x", "", "threshold_AAA-2014B_2014-99-99"}
    assert due(fired(0), others, 0) == ["threshold_AAA-2014B_2014-05-01"]
    assert due(OPERATION_ALERTS.empty(), others, 0) == []


def test_drift_begins_on_the_first_day_of_an_episode_and_whoever_decided_what():
    log = pd.concat([fired(0, 3, 10, 18, kind="drift"), fired(18, kind="drift", scope="all"), fired(18)], ignore_index=True)
    assert [drift_begins(log, on(day)) for day in (0, 3, 10, 11)] == [["AAA-2014B"], [], [], []]
    assert drift_begins(log, on(18)) == ["AAA-2014B", "all"]


@pytest.mark.parametrize(
    ("name", "value"), [("reminder_days", 0), ("max_age_days", -1), ("digest_above", 0), ("episode_gap_days", 7)]
)
def test_rules_that_make_no_sense_are_refused(name, value):
    with pytest.raises(ValidationError, match=name):
        AlertRules(**{name: value})


def test_alerts_of_the_platform_itself_keep_their_contract():
    made = [
        failure_alert("enrollment_daily", "8f1c", ["enrollment__snapshots"], FIRST),
        failure_alert("x", "8f1c", [], FIRST),
        stale_alert("enrollment_snapshots", date(2014, 4, 24), FIRST),
        stale_alert("enrollment_metrics", None, FIRST),
        held_back_alert(FIRST, [f"reason\n{number}" for number in range(7)]),
    ]
    log = pd.concat(made, ignore_index=True)
    assert check_frame(OPERATION_ALERTS.conform(log), OPERATION_ALERTS) == []
    assert log["severity"].tolist() == ["critical", "critical", "critical", "warning", "critical"]
    assert log["message"].tolist() == [
        "Run of enrollment_daily on 2014-05-01 failed in enrollment__snapshots; open run 8f1c in Dagster, "
        "the reason stands in its log.",
        "Run of x on 2014-05-01 failed before any step; open run 8f1c in Dagster, the reason stands in its log.",
        "Table enrollment_snapshots ends on 2014-04-24, 7 days before 2014-05-01; look whether its schedule runs and its source "
        "answers.",
        "Table enrollment_metrics has no day yet; look whether its schedule runs and its source answers.",
        "The extract of 2014-05-01 was held back; if it is right: oulad accept --date 2014-05-01. "
        "Why: reason 0; reason 1; reason 2; reason 3; reason 4 and 2 more.",
    ]


def test_a_held_back_extract_is_told_with_the_command_however_long_the_reasons_are():
    alert = held_back_alert(FIRST, ["why " * 100] * 5)
    _, text, _ = alert_message(alert, House())
    assert "oulad accept --date 2014-05-01" in text


DAYS = st.sets(st.integers(0, 40), max_size=25)
MARKS = st.lists(st.tuples(st.sampled_from(["acknowledged", "resolved"]), st.integers(0, 45)), max_size=4)


@pytest.mark.fault("G3")
@settings(max_examples=40, deadline=None)
@given(DAYS, DAYS, MARKS, st.integers(0, 60), st.randoms(use_true_random=False))
def test_episodes_divide_the_days_and_do_not_depend_on_row_order(warning, critical, marks, as_of, random):
    log = pd.concat([fired(*warning, critical=tuple(critical)), fired(*critical, kind="spike")], ignore_index=True)
    decisions = decided(*marks)
    table = episodes(log, decisions, on(as_of))
    known = log[log["alert_date"] <= pd.Timestamp(on(as_of))]
    assert table["n_days"].sum() == len(known)
    for _, mine in table.groupby("alert_type"):
        gaps = [(later["first_seen"] - one["last_seen"]).days for (_, one), (_, later) in pairwise(mine.iterrows())]
        assert all(gap > 0 for gap in gaps)
        assert marks or all(gap > 7 for gap in gaps)
        assert mine["state"].iloc[:-1].eq("resolved").all()
    order = random.sample(range(len(log)), len(log))
    turned = episodes(log.iloc[order], decisions.iloc[::-1], on(as_of))
    pd.testing.assert_frame_equal(table, turned)


@pytest.mark.fault("G2", "property 12", "G3")
@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), DAYS), min_size=1, max_size=6),
    st.integers(1, 14),
    st.integers(0, 4),
)
def test_whatever_the_order_of_writing_one_delivery_a_reminder_and_one_of_each_recent_episode(ticks, reminder, age):
    rules = AlertRules(reminder_days=reminder, max_age_days=age)
    today, written, sent, told = 0, set[int](), set[str](), list[int]()
    for step, days in ticks:
        today += step
        written |= {day for day in days if day <= today} | ({today} if days else set())
        log = fired(*written)
        now = alerts_due(log, NOBODY, sent, on(today), rules)
        assert now["alert_date"].ge(pd.Timestamp(on(today - age))).all()
        told += [(day - pd.Timestamp(FIRST)).days for day in now["alert_date"]]
        sent |= set(now["alert_id"])
        assert alerts_due(log, NOBODY, sent, on(today), rules).empty
        table = episodes(log, NOBODY, on(today))
        recent = table[table["last_seen"] >= pd.Timestamp(on(today - age))]
        for row in recent.itertuples():
            first, last = ((day - pd.Timestamp(FIRST)).days for day in (row.first_seen, row.last_seen))
            assert any(first <= day <= last for day in told)
    assert all(later - earlier >= min(reminder, GAP_DAYS + 1) for earlier, later in pairwise(sorted(told)))


MARTS = [alert_table(name, "Alerts.") for name in TABLES]
EVERY_EPISODE = Table(
    "alert_episodes",
    "As the view.",
    (
        Column("alert_type", "text", "."),
        Column("scope", "text", "."),
        Column("first_seen", "date", "."),
        Column("last_seen", "date", "."),
        Column("n_days", "int32", "."),
        Column("severity", "text", "."),
        Column("observed_value", "float64", ".", nullable=True),
        Column("limit_value", "float64", ".", nullable=True),
        Column("n_students", "int32", ".", nullable=True),
        Column("message", "text", "."),
        Column("state", "text", "."),
        Column("first_alert_id", "text", "."),
        Column("last_alert_id", "text", "."),
    ),
    key=("alert_type", "scope", "first_seen"),
    allow_empty=True,
)


def from_view(database_url: str, name: str) -> pd.DataFrame:
    import sqlalchemy as sa

    engine = sa.create_engine(database_url)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"SELECT * FROM {name}")
        frame = pd.DataFrame(rows.fetchall(), columns=list(rows.keys()))
    engine.dispose()
    return frame


def test_the_views_are_the_log_and_the_same_episodes(database_url):
    database = Database(database_url)
    database.create([*MARTS, ALERT_DECISIONS], [ALERT_LOG, ALERT_EPISODES])
    assert from_view(database_url, "alert_episodes").empty

    @settings(max_examples=12, deadline=None, database=None)
    @given(DAYS, DAYS, MARKS, st.integers(0, 50))
    def agree(first, second, marks, published):
        risk, enrollment = fired(*first, critical=tuple(second)), fired(*second, kind="anomaly", scope="total x_y%2F")
        operation = failure_alert("job", "r1", [], on(7))
        decisions = decided(*marks)
        database.clear([*MARTS, ALERT_DECISIONS])
        database.replace_days(MARTS[0], risk, [on(day) for day in range(51)][: max([published, *first, *second]) + 1])
        database.replace(MARTS[1], enrollment)
        database.append({MARTS[2]: operation})
        database.append({ALERT_DECISIONS: decisions})
        log = pd.concat([risk, enrollment, operation], ignore_index=True)
        as_of = on(max([7, published, *first, *second]))
        expected = EVERY_EPISODE.conform(episodes(log, decisions, as_of))
        found = from_view(database_url, "alert_episodes")
        found = found.assign(**{name: pd.to_datetime(found[name]) for name in ("first_seen", "last_seen")})
        pd.testing.assert_frame_equal(EVERY_EPISODE.conform(found), expected)
        assert set(from_view(database_url, "alert_log")["alert_id"]) == set(log["alert_id"])

    agree()


def test_the_gap_is_as_the_view_says():
    assert GAP_DAYS == 7
    assert re.search(r"\b7 silent days\b", ALERT_EPISODES.grain)
