"""The daily message: every figure in both parts, nothing from later days, names shown literally, readable on a telephone."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
from collections import Counter
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import sync_playwright

from oulad_platform.core.house import House, Words
from oulad_platform.enrollment.reporting import charts
from oulad_platform.enrollment.reporting.briefing import Briefing, briefing, error_notice, page
from oulad_platform_tests.enrollment.reporting import figures
from oulad_platform_tests.enrollment.reporting.figures import DAY

HOUSE = House()
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> {{7*7}} &amp; \u202e \U0001f393 "
BROWSER_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]

SMALLEST_LETTERS = """Math.min(...[...document.querySelectorAll("p,td,th")].map(
    one => parseFloat(getComputedStyle(one).fontSize)))"""
CUT_OFF = """[...document.querySelectorAll("td,th,p,h1,h2")].filter(
    one => one.scrollWidth > one.clientWidth + 1).map(one => one.innerText)"""


def full(n_days: int = 30, n_programs: int = 40, **other: Any) -> Briefing:
    known = figures.metrics(n_days, n_programs)
    given: dict[str, Any] = {
        "house": HOUSE,
        "day": DAY,
        "metrics": known,
        "deltas": figures.deltas(),
        "trends": figures.trends(),
        "forecast": figures.forecast(known),
        "backtest": figures.backtest(),
        "anomalies": figures.anomalies(2),
        "versions": figures.versions(),
        "retention": figures.cohorts(),
        "retention_target": 0.85,
    }
    return briefing(**(given | other))


class Tags(HTMLParser):
    """The tags of a page in order, and the text people see."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def ordinary() -> Briefing:
    return full()


@pytest.mark.parametrize(
    "sentence",
    [
        "5,680 enrolments (+80)",
        "Since Sunday 22 November 2026, 120 new and 40 dropped: +80 enrolments in all.",
        "Term 2027S starts in 56 days and has its census day in 70 days.",
        "on Monday 24 November 2025, there were 4,880; the difference is +800 (+16.4 %).",
        "Over 28 days the trend is rising: +1.5 enrolments a day (95 % interval +1.0 to +2.0).",
        "Moved: 4 to another level.",
        "2 of the 15 figures judged.",
        "On Wednesday 23 December 2026, 5,740 enrolments are expected; with 80 % probability 5,700 to 5,780.",
        "20 earlier forecasts 30 days ahead by booking curves of earlier terms were off by 4.0 % on average, "
        "and 80 % of the outcomes lay inside their 80 % interval.",
        "The target is 85.0 %.",
        "Snapshot of Monday 23 November 2026, version 2, 1,005 rows, recorded 2026-11-23 09:30 UTC by run 7.",
        "Held back: 2026-11-20, version 2: the extract is empty; version 1 is in use.",
    ],
)
def test_what_happened_stands_in_both_parts(ordinary: Briefing, sentence: str) -> None:
    assert sentence in ordinary.text
    assert sentence in Tags(ordinary.html).text


@pytest.mark.fault("G15")
def test_the_text_part_has_every_cell_of_every_table(ordinary: Briefing) -> None:
    cells = re.findall(r"<t[dh][^>]*>(?:<bdi>)?([^<]+)", ordinary.html)
    assert len(cells) > 80
    assert [
        cell for cell in cells if cell not in ordinary.text and cell not in ("Enrolments", "Figure", "Program", "Term", "Why")
    ] == []


def test_todays_figures_stand_against_before_the_week_and_last_year(ordinary: Briefing) -> None:
    assert "Sun 22 Nov: Then 5,600; Difference +80 (+1.4 %)" in ordinary.text
    assert "Last year: Then 4,880; Difference +800 (+16.4 %)" in ordinary.text
    assert "New: Today 120; Before 0; 7 days 85.7; Last year –" in ordinary.text
    assert "Persistence, %: Today 99.29; Before 100.00; 7 days 99.47; Last year –" in ordinary.text


def test_the_pictures_are_parts_of_the_mail_and_their_figures_are_told_in_words(ordinary: Briefing) -> None:
    assert sorted(ordinary.images) == ["changes", "retention", "trend"]
    assert all(picture.startswith(b"\x89PNG") and len(picture) <= 60_000 for picture in ordinary.images.values())
    assert re.findall(r'<img src="cid:(\w+)" alt="[^"]*\d[^"]*"', ordinary.html) == ["trend", "changes", "retention"]


@pytest.mark.fault("H4")
def test_the_message_is_small_and_loads_nothing_from_elsewhere(ordinary: Briefing) -> None:
    assert len(ordinary.html.encode()) <= 100_000
    assert not re.search(r"https?:|//|<script|<link|<style|url\(", ordinary.html)
    assert 'style="' in ordinary.html
    heads = re.findall(r"<th [^>]+>", ordinary.html)
    assert [head for head in heads if not re.search(r'scope="(col|row)"', head)] == []
    assert len(heads) > 30


@pytest.mark.fault("I10")
def test_the_same_figures_give_the_same_message(ordinary: Briefing) -> None:
    assert full() == ordinary


@pytest.mark.fault("property 4")
def test_rows_of_later_days_change_nothing() -> None:
    known = figures.metrics(40, 3)
    shown = known[known["date"] <= "2026-11-16"]
    day = date(2026, 11, 16)
    later = {"forecast": figures.forecast(known), "anomalies": figures.anomalies(2), "trends": figures.trends()}
    later |= {"deltas": figures.deltas(), "versions": figures.versions()[2:], "retention": None, "backtest": None}
    without = dict.fromkeys(later)
    without |= {"versions": figures.versions()[:0], "deltas": figures.deltas()[:0], "anomalies": figures.anomalies(1)[:0]}
    assert full(day=day, metrics=known, **later) == full(day=day, metrics=shown, **without)


@pytest.mark.fault("C1")
def test_a_baseline_day_says_that_there_is_nothing_to_compare_with() -> None:
    made = briefing(house=HOUSE, day=DAY, metrics=figures.metrics(1))
    assert made.subject == "Demo University: 100 enrolments on 2026-11-23"
    assert "This is the first snapshot: there is none before to compare with, so nobody counts as new or dropped." in made.text
    assert "nan" not in made.text.lower()
    assert "<NA>" not in made.text


def test_what_is_missing_is_called_unknown_and_not_nothing() -> None:
    made = briefing(house=HOUSE, day=DAY, metrics=figures.metrics(8))
    for sentence in (
        "Unknown: the search for unusual figures gave no result for this day.",
        "There is no forecast made by this day.",
        "Where it is heading is not known yet.",
        "Moves are not known today: the list of changes is missing.",
        "Unknown: the register of snapshots is missing.",
        "Unknown: the table of cohorts is missing.",
    ):
        assert sentence in made.text
    assert "None among the 15 figures judged." in full(8, 1, anomalies=figures.anomalies(0)).text
    assert "No figure of this day could be judged" in full(8, 1, anomalies=figures.anomalies(1)[:0]).text
    assert "there is no earlier forecast of this kind to tell how good it is" in full(8, 1, backtest=figures.backtest()[:0]).text


def test_a_day_without_anybody_is_told_as_zero() -> None:
    known = figures.metrics(8)
    today = known["date"] == pd.Timestamp(DAY)
    known.loc[today, ["total_enrollment", "new_students"]] = 0
    known.loc[today, ["dropped_students", "net_change"]] = [111, -111]
    made = full(metrics=known, forecast=None)
    assert made.subject == "Demo University: 0 enrolments (−111) on 2026-11-23"
    assert "0 new and 111 dropped: −111 enrolments in all." in made.text


def test_without_the_day_itself_there_is_no_briefing() -> None:
    with pytest.raises(ValueError, match="no row of the total on 2026-11-24; materialize it"):
        briefing(house=HOUSE, day=date(2026, 11, 24), metrics=figures.metrics(8))


@pytest.mark.fault("G13")
def test_a_chart_that_fails_does_not_stop_the_message_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bytes:
        raise RuntimeError("no font")

    monkeypatch.setattr(charts, "daily_changes", broken)
    made = full(8, 1)
    assert sorted(made.images) == ["retention", "trend"]
    assert "cid:changes" not in made.html
    assert "The chart of changes is missing: it could not be drawn (RuntimeError)." in made.text


@pytest.mark.fault("G10", "property 9")
def test_names_are_shown_literally_and_never_become_tags() -> None:
    harmless = full(8, 3)
    shop = House(institution=HOSTILE * 80, words=Words(holdings="<b>orders</b>", program="{{ program }}"))
    known = figures.metrics(8, 3, prefix=HOSTILE * 80)
    hostile = full(
        metrics=known,
        house=shop,
        forecast=figures.forecast(known),
        anomalies=figures.anomalies(2, name=HOSTILE, reason=HOSTILE * 80),
        retention=figures.cohorts(name=HOSTILE),
    )
    assert Counter(Tags(hostile.html).tags) == Counter(Tags(harmless.html).tags)
    seen = Tags(hostile.html).text
    assert "<script>alert(1)</script>" in seen
    assert "{{7*7}} &amp; \U0001f393" in seen
    assert "<b>orders</b>" in seen
    assert "\u202e" not in hostile.html + hostile.text + hostile.subject
    assert len(hostile.html.encode()) <= 100_000


@pytest.mark.fault("G9")
def test_a_subject_is_one_short_line_whatever_the_institution_is_called() -> None:
    made = full(8, 1, house=House(institution="Uni\r\nBcc: everybody@example.org\r\n\r\nbody" + "x" * 4000))
    assert "\r" not in made.subject
    assert "\n" not in made.subject
    assert len(made.subject) <= 150


@pytest.mark.fault("G10")
def test_long_names_end_between_letters_not_inside_one() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    made = full(8, 1, house=House(institution="x" * 57 + family * 3))
    assert made.subject.startswith("x" * 57 + "…: ")


def test_students_stay_out_of_the_message_unless_asked_for() -> None:
    without = full(8, 1, deltas=figures.deltas(student="SECRET"))
    assert without.attachments == {}
    assert "SECRET" not in without.html + without.text + without.subject


@pytest.mark.fault("H2")
def test_student_lists_are_attached_without_formulas_and_never_written_into_the_message() -> None:
    changes = figures.deltas(2, 1, student="=SECRET")
    students = pd.DataFrame({"student_id": ["=SECRET0000", "=SECRET0000"], "student_name": ["+cmd|' /C calc'!A0"] * 2})
    made = full(8, 1, deltas=changes, students=students, include_student_lists=True)
    assert sorted(made.attachments) == ["added_2026-11-23.csv", "dropped_2026-11-23.csv"]
    rows = list(csv.reader(io.StringIO(made.attachments["added_2026-11-23.csv"].decode())))
    assert rows == [
        ["student_id", "program", "division", "change", "student_name"],
        ["'=SECRET0000", "Program 00", "D", "added", "'+cmd|' /C calc'!A0"],
        ["'=SECRET0001", "Program 00", "D", "added", ""],
    ]
    assert "SECRET" not in made.html + made.text


@pytest.mark.fault("G14")
def test_a_long_list_is_cut_and_says_how_many_are_left_out() -> None:
    made = full(8, 1, deltas=figures.deltas(1240, 0), include_student_lists=True)
    assert made.attachments["added_2026-11-23.csv"].count(b"\r\n") == 501
    assert "added_2026-11-23.csv with 500 new; 740 more are in enrollment_deltas." in made.text
    assert sorted(made.attachments) == ["added_2026-11-23.csv"]


@pytest.mark.fault("G14")
def test_more_anomalies_than_fit_are_counted() -> None:
    made = full(8, 1, anomalies=figures.anomalies(14))
    assert "14 of the 15 figures judged. The table shows 10; 4 more are in enrollment_anomalies." in made.text
    assert made.text.count("40 instead of 0 to 20") == 10


def test_an_error_is_told_in_words_with_the_next_step() -> None:
    made = error_notice(HOUSE, DAY, "enrollment_daily", "cannot connect\nto <db>", "Look at the run's log.")
    assert made.subject == "Demo University: enrollment_daily failed for 2026-11-23"
    assert "cannot connect to &lt;db&gt;" in made.html
    assert "Look at the run's log." in made.text


@pytest.mark.fault("G10", "H4")
def test_the_page_carries_its_pictures_and_a_policy_and_shows_a_false_picture_as_text() -> None:
    made = full(8, 1, anomalies=figures.anomalies(1, reason='<img src="cid:trend"'))
    html = page(made).decode()
    assert html.count("data:image/png;base64,") == 3
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in html
    assert '&lt;img src="cid:trend"' in html
    assert '<img src="cid:' not in html


@pytest.mark.parametrize("width", [360, 1000])
def test_the_page_is_readable_without_scrolling_sideways(tmp_path: Path, width: int) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium in PATH (Debian: apt-get install chromium)")
    long = "Ingenieurwissenschaftenschwerpunktstudiengang" * 3
    words = Words(added="immatriculated", dropped="exmatriculated", term="presentation", holdings="matriculations")
    hostile = figures.metrics(8, 40, prefix=long)
    hostile["total_enrollment"] = hostile["total_enrollment"] + 1_234_567
    wide = full(
        metrics=hostile, house=House(institution=long, words=words), anomalies=figures.anomalies(3, name=long, reason=long)
    )
    pages = {"ordinary": full(), "wide": wide, "baseline": full(1, 1), "failed": error_notice(HOUSE, DAY, long, long, long)}
    with sync_playwright() as playwright:
        environment = {**os.environ, "HOME": str(tmp_path)}
        browser = playwright.chromium.launch(executable_path=chromium, args=BROWSER_ARGUMENTS, env=environment)
        view = browser.new_page(viewport={"width": width, "height": 800})
        complaints: list[str] = []
        view.on("console", lambda message: complaints.append(message.text))
        view.on("request", lambda request: None if request.url.startswith(("file:", "data:")) else complaints.append(request.url))
        for name, made in pages.items():
            (tmp_path / f"{name}.html").write_bytes(page(made))
            view.goto((tmp_path / f"{name}.html").as_uri())
            assert view.evaluate("document.documentElement.scrollWidth") <= width, name
            assert view.evaluate("[...document.images].every(one => one.complete && one.naturalWidth > 0)"), name
            assert view.evaluate(SMALLEST_LETTERS) >= 14, name
            assert view.evaluate(CUT_OFF) == [], name
        browser.close()
    assert complaints == []
