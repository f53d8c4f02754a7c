"""The page for leadership in a real browser and as text: whole, filtered, printed, without data, with hostile names."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from oulad_platform.core.house import House, Words
from oulad_platform.core.privacy import Disclosure
from oulad_platform.success.dashboard import charts
from oulad_platform.success.dashboard.page import dashboard_html
from oulad_platform.success.dashboard.tables import FRESHNESS
from oulad_platform_tests.success.dashboard import figures
from oulad_platform_tests.success.dashboard.browser import DESKTOP, PHONE, n_pages, opened

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> {{7*7}} &amp; \u202eevil \U0001f393"
VISIBLE = "[...document.querySelectorAll('{} tbody tr')].filter(one => one.offsetParent).map(one => one.cells[0].innerText)"
CUT = "[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth).map(one => one.ariaLabel)"
HEADINGS = "[...document.querySelectorAll('h1,h2,h3,h4')].map(one => Number(one.tagName[1]))"


class Cells(HTMLParser):
    """The tags of a page, its rows as lists of texts by section, and its visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.rows: dict[str, list[list[str]]] = {}
        self.text, self.section, self.is_text, self.in_cell = "", "", True, False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.is_text = tag not in ("style", "script")
        if tag == "section":
            self.section = str(dict(attrs)["id"])
        if tag == "tr":
            self.rows.setdefault(self.section, []).append([])
        if tag in ("td", "th"):
            self.rows[self.section][-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self.in_cell = self.in_cell and tag not in ("td", "th")
        self.is_text = True

    def handle_data(self, data: str) -> None:
        if self.is_text:
            self.text += data
        if self.in_cell:
            self.rows[self.section][-1][-1] += data


@pytest.fixture(scope="module")
def whole() -> str:
    return dashboard_html(**figures.full())


@pytest.fixture(scope="module")
def small() -> str:
    return dashboard_html(**figures.full(small=7))


@pytest.fixture(scope="module")
def bare() -> str:
    return dashboard_html(**figures.nothing())


def many() -> dict[str, Any]:
    """A large university: 84 courses, 42 programs with long names, 54 alerts, 9 experiments, 30 tables."""
    given = figures.full()
    summary = given["course_summary"]
    more = [summary.assign(code_module=summary["code_module"] + ending) for ending in ("", "X", "Y")]
    given["course_summary"] = pd.concat(more, ignore_index=True)
    given["reach"] = figures.reach(given["course_summary"])
    sizes = given["enrollment"]
    programs = sizes[sizes["scope"] == "program"]
    named = [programs.assign(name=programs["name"] + f" with a very long name of its own {number}") for number in range(6)]
    total = sizes[sizes["scope"] == "total"].assign(total_enrollment=lambda rows: 6 * rows["total_enrollment"])
    given["enrollment"] = pd.concat([total, *named], ignore_index=True)
    given["alert_episodes"] = pd.concat([given["alert_episodes"]] * 9, ignore_index=True)
    looks = given["looks"]
    given["looks"] = pd.concat([looks.assign(experiment_id=f"trial-{number}") for number in range(9)], ignore_index=True)
    late = figures.TODAY - pd.Timedelta(days=2)
    tables = pd.DataFrame({"table_name": [f"table_{number:02d}" for number in range(30)], "newest": late})
    given["freshness"] = FRESHNESS.conform(tables)
    return given


@pytest.mark.fault("H3", "H4")
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("content", ["whole", "small", "bare"])
def test_a_browser_has_no_complaint_asks_nobody_and_axe_finds_nothing(
    content: str, size: tuple[int, int], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with opened(request.getfixturevalue(content), tmp_path, size) as (view, complaints):
        assert view.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert view.evaluate("[...document.images].every(one => one.complete && one.naturalWidth > 0)")
        levels = view.evaluate(HEADINGS)
        assert levels[0] == 1
        assert max(np.diff(levels)) <= 1
        view.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        found = Axe().run(view)
        assert found.violations_count == 0, found.generate_report()
    assert complaints == []


@pytest.mark.fault("H3")
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_filter_works_by_keyboard_alone(whole: str, size: tuple[int, int], tmp_path: Path) -> None:
    def focus() -> str:
        return str(view.evaluate("document.activeElement.id || document.activeElement.className"))

    with opened(whole, tmp_path, size) as (view, complaints):
        assert len(shown(view, "#risk")) == 29
        view.keyboard.press("Tab")
        assert focus() == "skip"
        view.keyboard.press("Tab")
        assert focus() == "module"
        assert view.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        view.keyboard.type("CCC")
        assert shown(view, "#risk") == ["CCC\u00a02026B", "CCC\u00a02026D", "CCC\u00a02026J", "CCC\u00a02026K"]
        view.keyboard.press("Tab")
        assert focus() == "presentation"
        view.keyboard.type("2026J")
        assert shown(view, "#risk") == ["CCC\u00a02026J"]
        assert shown(view, "#enrollment") == ["CCC"]
        assert shown(view, "#reach")[0] == "CCC\u00a02026J"
        assert "CCC-2026J" in shown(view, "#alerts")
        assert "AAA-2026J" not in shown(view, "#alerts")
        assert "program CCC" in shown(view, "#alerts")
        assert "everything" in shown(view, "#alerts")
        assert view.inner_text("#status") == "Shown: CCC, 2026J; courses: 1. Sentences and charts tell of all courses."
        view.keyboard.press("Home")
        view.keyboard.press("Shift+Tab")
        view.keyboard.press("Home")
        assert shown(view, "#risk")[-1] == "All courses"
        assert len(shown(view, "#risk")) == 29
    assert complaints == []


def test_a_choice_about_which_a_table_says_nothing_is_said(tmp_path: Path) -> None:
    given = figures.full()
    given["reach"] = given["reach"][given["reach"]["code_module"] != "AAA"]
    summary = given["course_summary"]
    is_today = summary["run_date"] == summary["run_date"].max()
    given["course_summary"] = summary[~(is_today & (summary["code_module"] == "AAA"))]
    with opened(dashboard_html(**given), tmp_path, DESKTOP) as (view, _):
        view.select_option("#module", "AAA")
        assert shown(view, "#reach") == [f"Week to {day} Nov" for day in (2, 9, 16, 23)] + ["All 28 days"]
        assert view.inner_text("#reach .none:not([hidden])") == "Reached in 28 days, by course: nothing about what was chosen."


def test_without_javascript_everything_is_shown(whole: str) -> None:
    page = Cells(whole)
    assert re.search(r'<form id="filter"[^>]* hidden>', whole)
    assert len(page.rows["risk"]) == 30
    assert not re.search(r"<tr[^>]* hidden", whole)


@pytest.mark.fault("H3")
@pytest.mark.parametrize("content", ["whole", "small", "bare", "many"])
def test_it_prints_on_two_pages(content: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    html = dashboard_html(**many()) if content == "many" else request.getfixturevalue(content)
    with opened(html, tmp_path, DESKTOP) as (view, _):
        pdf = view.pdf(prefer_css_page_size=True)
    assert n_pages(pdf) == 2


def test_a_page_about_one_course_prints_on_two_pages_too(whole: str, tmp_path: Path) -> None:
    with opened(whole, tmp_path, DESKTOP) as (view, _):
        view.select_option("#module", "BBB")
        pdf = view.pdf(prefer_css_page_size=True)
    assert n_pages(pdf) == 2


@pytest.mark.fault("H4")
def test_it_is_one_small_file_whose_policy_allows_nothing_else(whole: str) -> None:
    assert len(whole.encode()) < 1_000_000
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', whole)
    assert policy
    rules = policy[1].replace("&#39;", "'")
    hashed = r"'sha256-[A-Za-z0-9+/]{43}='"
    inline = rf"default-src 'none'; img-src data:; style-src {hashed}; script-src {hashed}; base-uri 'none'; form-action 'none'"
    assert re.fullmatch(inline, rules.replace("&#43;", "+"))
    assert re.findall(r"(?:src|srcset|href|action)=\"(?!data:image/svg\+xml;base64,|#)", whole) == []
    assert " style=" not in whole
    assert re.search(r"\son\w+=", whole) is None
    script = re.search(r"<script>(.*)</script>", whole, re.DOTALL)
    assert script
    assert len(script[1]) < 2_048


@pytest.mark.fault("G10")
def test_an_injected_script_does_not_run(whole: str, tmp_path: Path) -> None:
    with opened(whole.replace("</main>", "<script>document.title = 'taken'</script></main>"), tmp_path, DESKTOP) as (view, found):
        assert view.title() == "Demo University: dashboard, 23 November 2026"
    assert len(found) == 1
    assert "Content Security Policy" in found[0]


@pytest.mark.fault("I10")
def test_the_same_frames_give_the_same_bytes_in_any_row_order(whole: str) -> None:
    shuffled = {
        name: value.sample(frac=1, random_state=5) if isinstance(value, pd.DataFrame) else value
        for name, value in figures.full().items()
    }
    assert dashboard_html(**figures.full()) == whole
    assert dashboard_html(**shuffled) == whole


@pytest.mark.parametrize(
    "sentence",
    [
        "No figure of enrolments has been made yet.",
        "Nobody has been scored yet, so no risk is known.",
        "has not been counted for this day.",
        "No contact is on record yet.",
        "No alert is open.",
        "No model has been tested yet",
        "No model has been audited for fairness yet.",
        "No live experiment has been registered yet.",
        "No experiment has been simulated yet.",
        "No return has been estimated yet.",
        "The newest days of the tables are not known.",
    ],
)
def test_what_is_missing_is_said(bare: str, sentence: str) -> None:
    assert sentence in Cells(bare).text
    assert "<table" not in bare


@pytest.mark.parametrize(
    "sentence",
    [
        "4,893 enrolments on 23 November 2026, within 9 of the week before, +150 on the year before.",
        "In the last 7 days 84 were new and 28 dropped.",
        "Contacting 349 students, those at highest risk first, pays best: net benefit 4,465 (80 % interval −32,970 to 41,903); "
        "it is above 0 with a probability of 56 %. The best number may be anything from none to 1,358.",
        "Of the assumptions, effect of a contact weighs most: −1.1 to 4.1 points would move the net benefit of contacting all at "
        "high risk from −88,828 to 77,988.",
        "With leaks the same learner would claim an AUC of up to 0.97 instead of 0.73 on cohort 2026B, day 28.",
        "0.71 (0.69 to 0.73) on day 14",
        "an effect of 14.0 points is found with 80 % power; for 3, 5 and 8 points it is under-powered, and says so instead",
        "10 groups compared with everybody else, 9 shown; 1 beyond a limit of the gate, marked below.",
        "1 live experiment: no decision yet.",
        "4 of 7 daily tables are of 23 November 2026.",
        "6 open, 3 of them critical. Over: 1.",
    ],
)
def test_the_figures_are_told_in_sentences(whole: str, sentence: str) -> None:
    assert sentence in Cells(whole).text


def test_few_who_left_are_not_counted_and_neither_are_those_who_came_beside_them() -> None:
    text = Cells(dashboard_html(**figures.full(), rule=Disclosure(below=30))).text
    assert "In the last 7 days fewer than 30 were new, or fewer than 30 dropped." in text
    assert "84 were new" not in text


def test_assumptions_are_plain_numbers_with_a_unit_only_where_it_is_a_word_to_read_after_them(whole: str) -> None:
    rows = Cells(whole).rows["return"]
    start = next(place for place, row in enumerate(rows) if row[0] == "Assumption")
    assert {row[0]: row[1] for row in rows[start + 1 :]} == {
        "effect of a contact": "−1.1 to 4.1 points",
        "cost of one contact": "25 to 100",
        "value of one more pass": "1,500 to 4,500",
        "students contacted": "542 to 2,000 students",
    }


def test_a_best_number_of_a_few_and_a_caseload_of_a_few_are_not_told() -> None:
    given = figures.full()
    best = given["roi_by_caseload"]["is_best"]
    given["roi_by_caseload"].loc[best, ["n_contacted", "best_size_low", "best_size_high"]] = [9, 3, 9]
    drivers = given["roi_drivers"]
    drivers.loc[drivers["unit"] == "students", "low_value"] = 4.0
    page = Cells(dashboard_html(**given))
    assert "Contacting fewer than 10 students" in page.text
    assert "The best number may be anything from fewer than 10 to fewer than 10." in page.text
    assert "students contacted" not in [row[0] for row in page.rows["return"]]


def test_an_under_powered_experiment_shows_no_figure_and_what_is_known_is_its_outcomes() -> None:
    given = figures.full()
    given["looks"] = pd.concat(
        [figures.looks(verdict="under-powered"), figures.looks().assign(experiment_id="letters")], ignore_index=True
    )
    page = Cells(dashboard_html(**given))
    rows = page.rows["experiments"]
    assert "2 live experiments: no decision yet (1) and under-powered (1)." in page.text
    assert rows[0][1] == "Outcomes known"
    assert rows[1] == ["calls-autumn", "50 %", "400 and 400", "–", "holds", "under-powered"]
    assert rows[-1] == ["outreach, 8 points", "–", "–", "–", "under-powered"]
    given["results"]["verdict"] = "no effect shown"
    shown = Cells(dashboard_html(**given)).rows["experiments"][-1]
    assert [bool(re.search(r"\d", cell)) for cell in shown[1:4]] == [True, True, True]


def test_fresh_tables_are_one_sentence_and_only_late_ones_are_listed(whole: str) -> None:
    assert [row[0] for row in Cells(whole).rows["freshness"]] == ["Table", "model_drift", "risk_reasons", "enrollment_snapshots"]
    given = figures.full()
    given["freshness"] = given["freshness"].assign(newest=figures.TODAY)
    page = Cells(dashboard_html(**given))
    assert "All 7 daily tables are of 23 November 2026." in page.text
    assert "freshness" not in page.rows


def test_outcomes_of_contacts_that_are_hidden_in_most_weeks_have_no_column(whole: str) -> None:
    weeks = [row for row in Cells(whole).rows["reach"] if row[0].startswith("Week")]
    assert weeks[0] == ["Week", "Contacts", "Reached", "Not reached", "Declined"]
    given = figures.full()
    given["contacts"] = figures.contacts(120)
    weeks = [row for row in Cells(dashboard_html(**given)).rows["reach"] if row[0].startswith("Week")]
    assert weeks[0] == ["Week", "Contacts"]
    assert [len(row) for row in weeks] == [2] * 5


def test_no_table_is_cut_on_a_phone_whether_folded_or_not(whole: str, tmp_path: Path) -> None:
    with opened(whole, tmp_path, PHONE) as (view, _):
        view.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert view.evaluate(CUT) == []
        assert view.locator("#risk thead th:visible").count() == 8
        assert view.inner_text("#risk .narrow-note") == "On a narrow screen: the last 4 of 12 days."


def enrolments(*sizes: int, last_year: int | None = None) -> str:
    """The page for one figure a week, the newest last."""
    days = pd.date_range(end=figures.TODAY, periods=len(sizes), freq="7D", unit="us")
    total = pd.DataFrame({"date": days, "scope": "total", "name": "all", "total_enrollment": sizes})
    total = total.assign(new_students=12, dropped_students=4, last_year_enrollment=last_year, last_year_difference=None)
    kinds = {"last_year_enrollment": "Int32", "last_year_difference": "Int32"}
    return dashboard_html(**{**figures.full(), "enrollment": total.astype(kinds)})


def test_a_figure_that_hardly_moves_has_no_line_and_a_sentence_instead() -> None:
    page = enrolments(651, 647, 645, 644)  # 650, 650, 640, 640 on the page
    assert "Since 2 November 2026 it has stayed within 20 all the time, so no line is drawn." in Cells(page).text
    assert "Line of enrolments" not in page
    assert "Line of enrolments" in enrolments(671, 647, 645, 644)
    assert "Line of enrolments" in enrolments(651, 647, 645, 644, last_year=500)


def test_the_axis_of_enrolments_spans_five_percent_up_and_down(monkeypatch: pytest.MonkeyPatch) -> None:
    panels = []
    monkeypatch.setattr(charts, "count_axis", lambda panel, *_: panels.append(panel))
    enrolments(670, 650, 640)
    low, high = panels[0].get_ylim()
    assert (low, high) == (pytest.approx(608), pytest.approx(672))
    enrolments(400, 600, 640)
    assert panels[-1].get_ylim()[0] < 400


def test_each_picture_tells_its_figures_in_words(whole: str) -> None:
    words = re.findall(r'<img [^>]*alt="([^"]*)"', whole)
    assert len(words) == 4
    assert "4,890 on 23 November 2026" in words[0]
    assert "Honest: a later cohort, who is still there 0.73" in words[1]
    assert "4,465" in words[2]
    assert "disability declared -13.0" in words[3]


@pytest.mark.fault("G10", "property 9")
def test_hostile_names_are_shown_literally_and_nothing_of_them_runs(tmp_path: Path) -> None:
    given = figures.full()
    for name, columns in {
        "course_summary": ["code_module", "model_version"],
        "reach": ["code_module"],
        "enrollment": ["name"],
        "alert_episodes": ["scope", "message"],
        "looks": ["experiment_id"],
        "results": ["experiment_id"],
        "roi_drivers": ["driver", "unit"],
        "freshness": ["table_name"],
        "evaluation": ["tested_cohort"],
        "fairness": ["tested_cohort"],
    }.items():
        for column in columns:
            given[name] = given[name].assign(**{column: given[name][column] + HOSTILE})
    words = Words(holdings=f"enrolments{HOSTILE}", program=HOSTILE)
    given["house"] = House(institution=HOSTILE, words=words)
    html = dashboard_html(**given)
    plain = Cells(dashboard_html(**figures.full()))
    assert sorted(set(Cells(html).tags)) == sorted(set(plain.tags))
    assert Cells(html).tags.count("script") == 1
    assert HOSTILE in Cells(html).text
    assert "49 &amp;" not in html
    with opened(html, tmp_path, PHONE) as (view, complaints):
        assert view.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        view.select_option("#module", f"CCC{HOSTILE}")
        assert len(shown(view, "#risk")) == 4
    assert complaints == []


def test_a_module_with_seven_students_is_hidden_everywhere_and_cannot_be_worked_out(small: str) -> None:
    page = Cells(small)
    risk = {row[0].replace("\u00a0", " "): row[1:] for row in page.rows["risk"][1:]}
    assert risk["GGG 2026K"][:3] == ["hidden", "hidden", "hidden"]
    assert set(risk["GGG 2026K"][3:]) == {"·hidden"}
    reach = {row[0].replace("\u00a0", " "): row[1:] for row in page.rows["reach"][1:]}
    assert reach["GGG 2026K"] == ["hidden"] * 5
    for row in (*page.rows["risk"][1:], *page.rows["reach"][1:]):
        counts = [cell for cell in row[1:5] if re.fullmatch(r"[\d,]+", cell)]
        assert [count for count in counts if int(count.replace(",", "")) < 10] == []
    for column, truth in ((0, 7), (1, 6)):
        told = [row[column] for name, row in risk.items() if name != "All courses" and row[column] not in ("–", "hidden")]
        total = int(risk["All courses"][column].replace(",", ""))
        rest = total - sum(int(value.replace(",", "")) for value in told)
        hidden = [name for name, row in risk.items() if row[column] == "hidden"]
        assert len(hidden) >= 2
        assert rest >= truth + 10


def test_a_program_that_leads_to_a_hidden_course_is_hidden_too() -> None:
    """Whoever is scored is who is enrolled: the same seven students stand in both tables."""
    given = figures.full(small=7)
    summary = given["course_summary"]
    given["course_summary"] = summary[summary["code_presentation"] == "2026K"]
    given["reach"] = figures.reach(given["course_summary"])
    today = given["course_summary"][given["course_summary"]["run_date"] == figures.TODAY].set_index("code_module")
    sizes = given["enrollment"]
    for module, n in today["student_count"].items():
        sizes.loc[sizes["name"] == module, "total_enrollment"] = n
    sizes.loc[sizes["scope"] == "total", "total_enrollment"] = today["student_count"].sum()
    page = Cells(dashboard_html(**given))
    programs = {row[0]: row[1] for row in page.rows["enrollment"][1:]}
    courses = {row[0][:3]: row[1] for row in page.rows["risk"][1:]}
    assert programs["GGG"] == courses["GGG"] == "hidden"
    assert [name for name in figures.MODULES[:6] if programs[name] == "hidden"] == ["AAA"]
    assert [name for name in figures.MODULES[:6] if courses[name] == "hidden"] == ["AAA"]


def test_groups_under_ten_and_their_counterparts_are_left_out() -> None:
    given = figures.full()
    given["fairness"] = figures.fairness(small=12)  # 4 of the 12 failed or withdrew
    page = Cells(dashboard_html(**given))
    groups = [row[0] for row in page.rows["fairness"][1:]]
    assert "women" in groups
    assert "disability declared" not in groups
    assert "no disability declared" not in groups
    assert "Groups with counts under 10, and those that would lead to them, are left out." in page.text


def test_an_experiment_with_few_successes_shows_its_verdict_only() -> None:
    given = figures.full()
    given["looks"] = figures.looks(n=16)
    page = Cells(dashboard_html(**given))
    row = next(row for row in page.rows["experiments"] if row[0] == "calls-autumn")
    assert row[2:] == ["hidden", "hidden", "holds", "no decision yet"]


def test_an_alert_tells_no_figure_that_leads_to_a_few_students() -> None:
    """A count of one program, a share of a course with a hidden count, and a rise among few."""
    given = figures.full()
    rows = given["alert_episodes"]
    known = dict(zip(rows["alert_type"], rows.index, strict=True))
    rows.loc[known["threshold"], ["scope", "observed_value", "n_students"]] = ["FFF-2026J", 0.96, 200]
    rows.loc[known["spike"], "n_students"] = 9
    rows.loc[known["data_quality"], ["observed_value", "limit_value"]] = [3.0, 1.0]
    page = Cells(dashboard_html(**given))
    measured = {row[1]: row[5] for row in page.rows["alerts"][1:]}
    assert measured == {
        "Share at high risk above its limit": "hidden",  # 8 of the 200 are not at high risk
        "Mean risk rose within a week": "hidden",
        "Students differ from those learnt from": "0.64 (0.60)",
        "Unusual enrolment figure": "hidden",
        "Extract held back": "hidden",
        "Run failed": "–",
    }


def test_no_caseload_of_a_few_students_is_drawn_or_listed(whole: str) -> None:
    sizes = [row[0] for row in Cells(whole).rows["return"][1:] if re.fullmatch(r"[\d,]+", row[0])]
    assert len(sizes) == 8
    assert min(int(size.replace(",", "")) for size in sizes) == 57


def test_only_courses_that_ran_have_a_row_and_only_days_on_which_they_ran_a_figure() -> None:
    given = figures.full()
    summary = given["course_summary"]
    pairs = summary["code_module"] + summary["code_presentation"]
    given["course_summary"] = summary[pairs.isin(["AAA2026B", "BBB2026J"])]
    rows = Cells(dashboard_html(**given)).rows["risk"]
    assert rows[0][4:] == ["7 Sep", "14 Sep", "21 Sep", "28 Sep", "5 Oct", "12 Oct", "19 Oct", "26 Oct"] + [
        f"{day} Nov" for day in (2, 9, 16, 23)
    ]
    assert rows[1] == ["AAA\u00a02026B", "–", "–", "–", "10", "10", "11", "12", "14", "15", *[""] * 6]
    assert rows[2] == [
        "BBB\u00a02026J",
        "179",
        "42",
        "23 %",
        *["23", "23", "24", "25", "27", "28", "29", "31", "32", "32", "33", "33"],
    ]
    assert [row[0] for row in rows[3:]] == ["All courses"]


def test_what_became_known_later_is_not_shown() -> None:
    given = figures.full()
    for name in ("evaluation", "curve", "fairness"):
        given[name] = given[name].assign(known_from=figures.TODAY + pd.Timedelta(days=1))
    later = given["course_summary"].assign(run_date=given["course_summary"]["run_date"] + pd.Timedelta(days=1))
    given["course_summary"] = pd.concat([given["course_summary"], later[later["run_date"] > figures.TODAY]], ignore_index=True)
    page = Cells(dashboard_html(**given))
    assert "No model has been tested yet" in page.text
    assert "No model has been audited for fairness yet." in page.text
    assert "24 Nov" not in page.text


def shown(view: Page, section: str) -> list[str]:
    """First cells of the visible rows of a section's open tables."""
    found: list[str] = view.evaluate(VISIBLE.format(section))
    return found


def test_rounded_all_counts_are_told_in_fives_and_hidden_are_only_shares_and_means_of_too_few() -> None:
    page = Cells(dashboard_html(**figures.full(small=7), rule=Disclosure(rounding="hesa")))
    assert "In the last 7 days 85 were new and 30 dropped." in page.text
    assert "+150 on the year before" in page.text
    assert "Counts of persons are rounded to the nearest 5" in page.text
    risk = {row[0].replace("\u00a0", " "): row[1:] for row in page.rows["risk"][1:]}
    assert risk["GGG 2026K"][:3] == ["5", "5", "hidden"]
    assert set(risk["GGG 2026K"][3:]) == {"·hidden"}  # the mean of seven
    assert [name for name, row in risk.items() if "hidden" in row] == ["GGG 2026K"]
    counts = [
        cell.replace(",", "")
        for section in ("enrollment", "risk", "reach")
        for row in page.rows[section][1:]
        for cell in row[1:3]
    ]
    assert {int(cell) % 5 for cell in counts if cell.isdigit()} == {0}
    row = next(row for row in page.rows["experiments"] if row[0] == "calls-autumn")
    assert row[2] == "400 and 400"
