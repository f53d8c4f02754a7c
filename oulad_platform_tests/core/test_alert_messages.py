"""Tests of core.alert_messages: everything from data is shown literally, and every figure is in the plain text too."""

from __future__ import annotations

import unicodedata
from datetime import date
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.alerts import (
    ALERT_DECISIONS,
    ALERT_TYPES,
    KINDS,
    OPERATION_ALERTS,
    AlertRules,
    alert_id,
    alert_markdown,
    alert_message,
    alerts_due,
    digest_id,
    digest_message,
    episodes,
)
from oulad_platform.core.house import House

DAY = date(2014, 5, 20)
HOUSE = House(institution="Lakeside")
NASTY = "<script>x</script>{{7*7}}&amp;\u202ed\r\nBcc: eve@example.org|`*_"


def alert(scope: str = "AAA-2014B", severity: str = "warning", message: str = "70 of 100.", day: date = DAY) -> dict:
    return {
        "alert_id": alert_id("threshold", scope, day),
        "alert_date": pd.Timestamp(day),
        "alert_type": "threshold",
        "scope": scope,
        "severity": severity,
        "observed_value": 0.7,
        "limit_value": 0.6,
        "n_students": 1100,
        "message": message,
    }


def log(*rows: dict) -> pd.DataFrame:
    return OPERATION_ALERTS.conform(pd.DataFrame(rows, columns=OPERATION_ALERTS.names))


class Page(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.text = list[str](), ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def page(rows: pd.DataFrame, day: date = DAY) -> str:
    return alert_markdown(rows, episodes(rows, ALERT_DECISIONS.empty(), day), day)


def test_the_page_says_so_when_nothing_fired_and_nothing_is_open():
    assert page(log()) == "# Alerts of 2014-05-20\n\nNo alert fired.\n\n## Not resolved\n\nNothing.\n"


def test_the_page_lists_the_alerts_of_its_day_and_what_is_not_resolved_critical_first():
    rows = log(alert("A|A", message="A|A: *70*"), alert("ZZZ", "critical"), alert("OLD", day=date(2014, 5, 14)))
    lines = page(rows).splitlines()
    assert lines[2:4] == ["- **critical**: 70 of 100.", "- **warning**: A\\|A: \\*70\\*"]
    assert lines[7] == "| critical | threshold | ZZZ | 0.7 | 0.6 | 1,100 | threshold\\_ZZZ\\_2014-05-20 |"
    assert lines[lines.index("## Not resolved") + 2 :] == [
        "| severity | alert\\_type | scope | first\\_seen | last\\_seen | n\\_days | state |",
        "| --- | --- | --- | --- | --- | ---: | --- |",
        "| critical | threshold | ZZZ | 2014-05-20 | 2014-05-20 | 1 | open |",
        "| warning | threshold | OLD | 2014-05-14 | 2014-05-14 | 1 | open |",
        "| warning | threshold | A\\|A | 2014-05-20 | 2014-05-20 | 1 | open |",
    ]
    assert "OLD" not in "\n".join(lines[: lines.index("## Not resolved")])


@pytest.mark.fault("G15")
def test_the_message_of_an_alert_has_its_numbers_in_both_parts_and_since_when_it_lasts():
    rows = log(alert(day=date(2014, 5, 13)), alert())
    due = alerts_due(rows, ALERT_DECISIONS.empty(), {rows["alert_id"].iloc[0]}, DAY, AlertRules())
    subject, text, html = alert_message(due, HOUSE)
    assert subject == "Lakeside: [warning] Share at high risk above its limit: AAA-2014B, 2014-05-20"
    assert text == (
        "Share at high risk above its limit: AAA-2014B\n\nwarning - Share at high risk above its limit, AAA-2014B\n"
        "70 of 100.\nDay: 2014-05-20\n"
        "Firing since: 2014-05-13\nObserved: 0.7\nLimit: 0.6\nEnrolments: 1,100\nAlert: threshold_AAA-2014B_2014-05-20\n\n"
        "An alert is about a group or a system. No decision about a single person follows from it.\n"
    )
    shown = Page(html).text
    for word in ("Lakeside", "70 of 100.", "Firing since: 2014-05-13", "Observed: 0.7", "Limit: 0.6", "1,100"):
        assert word in shown
    line = "Day: 2014-05-20 · Firing since: 2014-05-13 · Observed: 0.7 · Limit: 0.6 · Enrolments: 1,100 · Alert: threshold_"
    assert line in shown


def test_every_type_of_alert_has_its_words():
    assert tuple(KINDS) == ALERT_TYPES


def test_what_was_not_measured_is_not_mentioned():
    rows = log(alert() | {"observed_value": None, "limit_value": None, "n_students": None})
    subject, text, _ = alert_message(rows, HOUSE)
    assert subject == "Lakeside: [warning] Share at high risk above its limit: AAA-2014B, 2014-05-20"
    assert "Observed" not in text
    assert "Enrolments" not in text
    assert "nan" not in text


@pytest.mark.parametrize("n", [0, 2])
def test_a_message_is_about_one_alert(n):
    with pytest.raises(ValueError, match=f"one alert, not {n}"):
        alert_message(log(*(alert(str(number)) for number in range(n))), HOUSE)


@pytest.mark.fault("G14")
def test_a_digest_counts_and_lists_critical_ones_first_and_at_most_a_hundred():
    rows = log(*(alert(f"M{number:03}") for number in range(104)), alert("ZZZ", "critical"))
    subject, text, html = digest_message(rows, DAY, HOUSE)
    assert subject == "Lakeside: 105 alerts, 1 of them critical, 2014-05-20"
    assert text.split("\n\n")[1].startswith("critical - Share at high risk above its limit, ZZZ\n")
    assert "5 more are in alert_log." in text
    assert "5 more are in alert_log." in Page(html).text
    assert ("M098" in text, "M099" in text) == (True, False)


def test_a_digest_has_one_id_whatever_the_order_of_its_alerts():
    rows = log(alert("A"), alert("B"), alert("C", day=date(2014, 5, 19)))
    assert digest_id(rows) == digest_id(rows.iloc[::-1]) == "digest-2014-05-20-aaf5d1d441c6bc85"
    assert digest_id(rows) != digest_id(rows.iloc[:2])


@pytest.mark.fault("G9", "G10")
@settings(max_examples=50, deadline=None)
@given(
    st.text(max_size=40) | st.just(NASTY),
    st.text(max_size=200) | st.just(NASTY),
    st.text(min_size=1, max_size=30) | st.just(NASTY),
)
def test_nothing_from_data_becomes_a_tag_a_header_or_a_line_of_its_own(scope, message, institution):
    as_template = [alert_message(log(alert()), House(institution=name)) for name in ("x", "\u202e")]
    rows = log(alert(scope, message=message))
    subject, text, html = alert_message(rows, House(institution=institution))
    assert not {unicodedata.category(sign) for sign in subject} & {"Cc", "Cf", "Zl", "Zp"}
    assert len(subject) <= 150
    assert Page(html).tags in [Page(known).tags for _, _, known in as_template]
    assert text.count("\n") == as_template[0][1].count("\n")
    assert digest_message(rows, DAY, House(institution=institution))[1].count("\n") == text.count("\n")


@pytest.mark.fault("G10")
def test_what_looks_like_a_template_or_markup_is_shown_as_it_is():
    _, text, html = alert_message(log(alert(message=NASTY)), HOUSE)
    shown = "<script>x</script>{{7*7}}&amp;d Bcc: eve@example.org|`*_"
    assert shown in text
    assert shown in Page(html).text
