"""The adviser's list as a mail: only their students, all figures in both parts, text shown literally, readable on a phone."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
from datetime import UTC, datetime
from email import policy
from email.parser import BytesParser
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import sync_playwright

from oulad_platform.core.house import House, Words
from oulad_platform.core.messages import compose
from oulad_platform.success.caseload.mail import MOST_SHOWN, CaseloadMail, caseload_mail, file_stem
from oulad_platform.success.caseload.ranking import CaseloadRules, caseload
from oulad_platform.success.caseload.tables import CASELOAD_DAILY
from oulad_platform_tests.success.caseload.lists import DAY, advisers, contacts_by, risks

HOUSE = House()
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> {{7*7}} &amp; \u202e \U0001f393 \r\nBcc: x@y.org "
BROWSER_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
SMALLEST_LETTERS = """Math.min(...[...document.querySelectorAll("p,h1,h2,span")].map(
    one => parseFloat(getComputedStyle(one).fontSize)))"""
CUT_OFF = """[...document.querySelectorAll("p,h1,h2,li")].filter(
    one => one.scrollWidth > one.clientWidth + 1).map(one => one.innerText)"""


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


def rows(n: int = 12) -> pd.DataFrame:
    """The lists of three advisers: n students, a third of them each; some were contacted, one has another module."""
    modules = ["AAA", "BBB", "CCC"]
    risk = risks(
        *[(1000 + k, modules[k % 3], 0.95 - k / 1000) for k in range(n)],
        (1000, "CCC", 0.9),
        risk_change_7d=0.115,
        reason_1="2 due assessments not handed in; usual in AAA are 0",
        reason_2="no visit for 12 days; most in AAA visited 1 day ago",
    )
    made = contacts_by([(1003, 20, "reached", "call"), (1006, 1, "not reached", "e-mail")])
    who = advisers(("Ada", "AAA", 1000), ("Bo", "BBB", 1000), ("Cy", "CCC", 1000))
    return caseload(risk, who, made, (), DAY, CaseloadRules())


def attached(made: CaseloadMail) -> list[dict[str, str]]:
    (content,) = made.attachments.values()
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


@pytest.fixture(scope="module")
def ordinary() -> CaseloadMail:
    return caseload_mail("Ada", rows(), DAY, HOUSE)


def test_the_subject_tells_how_many_on_which_day(ordinary: CaseloadMail) -> None:
    assert ordinary.subject == "Demo University: 4 students to contact on 2026-11-23"
    one = caseload_mail("Ada", rows(1), DAY, House(words=Words(person="learner", people="learners")))
    assert one.subject == "Demo University: 1 learner to contact on 2026-11-23"


@pytest.mark.fault("G15")
@pytest.mark.parametrize(
    "figure",
    [
        "Monday 23 November 2026, Ada",
        "1. 1000",
        "95 % risk",
        "AAA 2026J; also at high risk in CCC",
        "2 due assessments not handed in; usual in AAA are 0. No visit for 12 days; most in AAA visited 1 day ago.",
        "New on the list: 84 % a week ago, 95 % now. Not contacted yet.",
        "New on the list: 83 % a week ago, 95 % now. Reached 20 days ago.",
        "Call: offer help with the work that is due.",
        "Try a message, as the e-mail of 22 November got no answer: offer help with the work that is due.",
        "Attached: contact_list_2026-11-23.csv",
    ],
)
def test_every_figure_stands_in_the_page_and_in_the_plain_text(ordinary: CaseloadMail, figure: str) -> None:
    assert figure in " ".join(Tags(ordinary.html).text.replace("\u00a0", " ").split())
    assert figure in " ".join(ordinary.text.split())


@pytest.mark.fault("H8")
@pytest.mark.parametrize("adviser", ["Ada", "Bo", "Cy"])
def test_the_mail_and_its_file_hold_this_advisers_students_and_no_other(adviser: str) -> None:
    everybody = rows(30)
    other_day = everybody.assign(caseload_date=pd.Timestamp(2026, 11, 22), id_student=everybody["id_student"] + 500)
    made = caseload_mail(adviser, pd.concat([other_day, everybody]), DAY, HOUSE)
    own = set(everybody.loc[everybody["adviser"] == adviser, "id_student"].astype(str))
    assert len(own) == 10
    assert {row["id_student"] for row in attached(made)} == own
    for text in (made.text, Tags(made.html).text):
        assert set(re.findall(r"\b1\d{3}\b", text)) == own
    assert all(row["adviser"] == adviser for row in attached(made))


@pytest.mark.fault("H2")
def test_the_file_has_the_tables_columns_and_defuses_formulas() -> None:
    made = caseload_mail("Ada", rows().assign(why="=1+1"), DAY, HOUSE)
    assert list(attached(made)[0]) == CASELOAD_DAILY.names
    assert {row["why"] for row in attached(made)} == {"'=1+1"}
    assert [row["position"] for row in attached(made)] == ["1", "2", "3", "4"]


@pytest.mark.fault("G14")
def test_a_long_list_is_cut_in_the_message_and_whole_in_the_file() -> None:
    made = caseload_mail("Ada", rows(3 * MOST_SHOWN + 21), DAY, HOUSE)
    for text in (made.text, Tags(made.html).text):
        assert "7 more are in the attached file." in text
        assert len(re.findall(r"Why now:", text)) == MOST_SHOWN == 60
    assert len(attached(made)) == 67
    assert "67 students to contact" in made.subject
    assert len(made.html) < 90_000  # some clients cut a message at 102 KB


def test_a_list_of_nobody_says_so_and_has_no_file() -> None:
    made = caseload_mail("Ada", CASELOAD_DAILY.empty(), DAY, HOUSE)
    assert made.subject == "Demo University: No students to contact on 2026-11-23"
    assert "Nobody on your list is at high risk and not contacted lately." in made.text
    assert "Nobody on your list is at high risk and not contacted lately." in Tags(made.html).text
    assert made.attachments == {}


def test_what_why_now_says_stands_in_the_message_once(ordinary: CaseloadMail) -> None:
    for text in (ordinary.text, Tags(ordinary.html).text):
        assert "points in a week" not in text
        assert "Last contact" not in text
        assert text.count("20 days ago") == 1


@pytest.mark.parametrize("adviser", ["Ada Byron", "Team-1", "a_b"])
def test_a_plain_name_is_its_own_files(adviser: str) -> None:
    assert file_stem(adviser) == adviser


@pytest.mark.fault("F8")
def test_any_name_gives_a_short_plain_file_of_its_own() -> None:
    names = [
        "Ada",
        "ada.",
        ".Ada",
        "..",
        "Zoë",
        "Zoe",
        "李",
        "王",
        "A/B",
        "A\\B",
        "x" * 100,
        "x" * 99,
        " Ada",
        "Ada\n",
        "-",
        "😀",
    ]
    stems = [file_stem(name) for name in names]
    assert len(set(stems)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,68}", stem) for stem in stems)
    assert stems[4].startswith("Zoe-")


@pytest.mark.fault("G10", "property 9")
def test_hostile_text_is_shown_literally_on_one_line_and_changes_no_tag(ordinary: CaseloadMail) -> None:
    hostile = rows().assign(**dict.fromkeys(["why", "why_now", "suggested_action", "other_modules", "code_module"], HOSTILE))
    hostile["adviser"] = hostile["adviser"].replace("Ada", HOSTILE)
    made = caseload_mail(HOSTILE, hostile, DAY, House(institution=HOSTILE))
    page = Tags(made.html)
    assert page.tags == Tags(ordinary.html).tags
    assert page.text.count("<script>alert(1)</script><img src=x onerror=alert(2)> {{7*7}} &amp;") >= 4 * 4
    for text in (made.subject, made.text, made.html):
        assert "\u202e" not in text
        assert "\r" not in text
    assert "\n" not in made.subject
    assert "Bcc" not in {line.split(":")[0] for line in made.text.splitlines()}


def test_it_makes_a_message_that_a_mail_client_takes_apart(ordinary: CaseloadMail) -> None:
    raw = compose(
        message_id="caseload",
        sender="oulad@example.edu",
        recipients=["ada@example.org"],
        subject=ordinary.subject,
        text=ordinary.text,
        html=ordinary.html,
        attachments=ordinary.attachments,
        sent_at=datetime(2026, 11, 23, 6, tzinfo=UTC),
    )
    message = BytesParser(policy=policy.default).parsebytes(raw)
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "text/csv",
    ]
    assert message["Subject"] == ordinary.subject


def test_the_same_rows_in_any_order_make_the_same_mail(ordinary: CaseloadMail) -> None:
    assert caseload_mail("Ada", rows().sample(frac=1, random_state=3), DAY, HOUSE) == ordinary


@pytest.mark.parametrize("width", [360, 390, 900])
def test_it_reads_on_a_phone_and_on_a_desk_without_scrolling_sideways(tmp_path: Path, width: int) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium in PATH (Debian: apt-get install chromium)")
    long = "Ingenieurwissenschaftenschwerpunktstudiengang" * 3
    wide = rows().assign(**dict.fromkeys(["why", "why_now", "suggested_action", "other_modules", "code_module"], long))
    pages = {
        "ordinary": caseload_mail("Ada", rows(60), DAY, HOUSE),
        "wide": caseload_mail("Ada", wide, DAY, House(institution=long)),
        "nobody": caseload_mail("Ada", CASELOAD_DAILY.empty(), DAY, HOUSE),
    }
    with sync_playwright() as playwright:
        environment = {**os.environ, "HOME": str(tmp_path)}
        browser = playwright.chromium.launch(executable_path=chromium, args=BROWSER_ARGUMENTS, env=environment)
        view = browser.new_page(viewport={"width": width, "height": 800})
        complaints: list[str] = []
        view.on("console", lambda message: complaints.append(message.text))
        view.on("request", lambda request: None if request.url.startswith("file:") else complaints.append(request.url))
        for name, made in pages.items():
            (tmp_path / f"{name}.html").write_text(made.html, encoding="utf-8")
            view.goto((tmp_path / f"{name}.html").as_uri())
            assert view.evaluate("document.documentElement.scrollWidth") <= width, name
            assert view.evaluate(SMALLEST_LETTERS) >= 14, name
            assert view.evaluate(CUT_OFF) == [], name
        browser.close()
    assert complaints == []
