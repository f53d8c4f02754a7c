"""Tests of success.features.shift: no row dated on or after a day changes a feature of it, and the check that says so."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.success.features.assembly import daily_features
from oulad_platform.success.features.shift import check_shift, known_before
from oulad_platform_tests.success.campus import Tables, courses, tables

NAN = float("nan")
TODAY = date(2014, 3, 3)
DAYS = pd.DatetimeIndex([TODAY])
RUNS = (
    ("AAA", "2013B", 60, "2013-02-01"),
    ("AAA", "2013J", 153, "2013-10-01"),
    ("AAA", "2014B", 60, "2014-02-01"),
    ("BBB", "2014B", 70, "2014-02-01"),
)
OFFSETS = [(TODAY - date.fromisoformat(run[3])).days for run in RUNS]
CLOSED = [run[2] < offset for run, offset in zip(RUNS, OFFSETS, strict=True)]
REGIONS = ("Scotland", "Wales")

which, student = st.integers(0, 3), st.integers(1, 5)
around = st.integers(-3, 3) | st.integers(-60, 40)
people = st.dictionaries(
    st.tuples(which, student),
    st.tuples(around, st.none() | around, st.sampled_from(["Pass", "Fail", "Withdrawn", None])),
    max_size=14,
)
handed_in = st.dictionaries(
    st.tuples(which, st.integers(1, 3), student), st.tuples(around, st.integers(0, 1), st.integers(0, 100))
)
clicked = st.lists(st.tuples(which, student, around, st.integers(0, 3), st.integers(0, 9)), max_size=40)
due = st.lists(st.none() | st.integers(0, 59), min_size=3, max_size=3)


def university(enrolled, submissions, visits, due_days) -> tuple[Tables, dict[str, pd.DataFrame]]:
    """Raw tables of all runs. Days of events are counted from today, 0 = today; who clicks or hands in is in student_info."""
    whole, parts = [], {}
    for run, (module, code, length, start) in enumerate(RUNS):
        shift = OFFSETS[run]
        known = {key[1]: row for key, row in enrolled.items() if key[0] == run}
        everybody = {one: known.get(one, (None, None, None)) for one in range(1, 6)}
        students = [
            (one, NAN if on is None else on + shift, NAN if left is None else left + shift, result)
            for one, (on, left, result) in everybody.items()
        ]
        kinds = zip((1, 2, 3), ("TMA", "CMA", "TMA"), due_days, strict=True)
        work = [(10 * run + number, kind, NAN if day is None else day, 25) for number, kind, day in kinds]
        given_in = [
            (10 * run + number, who, day + shift, banked, mark)
            for (at, number, who), (day, banked, mark) in submissions.items()
            if at == run
        ]
        raw = tables(students, work, given_in, module=module, code=code, length=length, start=start)
        raw["student_info"]["region"] = [REGIONS[one % 2] for one in everybody]
        raw["vle"] = pd.DataFrame(
            {"code_module": module, "code_presentation": code, "id_site": [1, 2], "activity_type": ["quiz", "url"]}
        )
        whole.append(raw)
        rows = [(who, site, day + shift, n) for at, who, day, site, n in visits if at == run]
        parts[f"{module}_{code}"] = pd.DataFrame(rows, columns=["id_student", "id_site", "date", "sum_click"], dtype="int64")
    together = {name: pd.concat([one[name] for one in whole], ignore_index=True) for name in whole[0]}
    return {**together, "courses": courses(*RUNS)}, parts


def as_known(enrolled, submissions, visits):
    """What of these had been written down by the start of today; who registers today is enrolled today."""
    return (
        {
            key: (on, None if left is None or left >= 0 else left, result if CLOSED[key[0]] else None)
            for key, (on, left, result) in enrolled.items()
            if on <= 0
        },
        {key: row for key, row in submissions.items() if row[0] < 0},
        [row for row in visits if row[2] < 0],
    )


@pytest.mark.fault("D14", "property 4")
@settings(max_examples=60, deadline=None)
@given(people, handed_in, clicked, due)
def test_no_row_dated_on_or_after_a_day_changes_who_is_live_or_any_feature(enrolled, submissions, visits, due_days):
    whole, parts = university(enrolled, submissions, visits, due_days)
    before, parts_before = university(*as_known(enrolled, submissions, visits), due_days)
    pd.testing.assert_frame_equal(daily_features(whole, parts, DAYS), daily_features(before, parts_before, DAYS))


@settings(max_examples=40, deadline=None)
@given(people, handed_in, clicked, due, student, which)
def test_who_registers_today_changes_no_figure_of_anybody_else(enrolled, submissions, visits, due_days, newcomer, run):
    without = {key: row for key, row in enrolled.items() if key != (run, newcomer)}
    keys = ["code_module", "code_presentation", "id_student"]

    def of_the_others(there) -> pd.DataFrame:
        shown = daily_features(*university(there, submissions, visits, due_days), DAYS).set_index(keys)
        return shown.drop(index=(*RUNS[run][:2], newcomer), errors="ignore")

    now = of_the_others({**without, (run, newcomer): (0, None, None)})
    pd.testing.assert_frame_equal(now, of_the_others(without), check_index_type=False)


@settings(max_examples=40, deadline=None)
@given(people, handed_in, clicked, due)
def test_the_check_finds_nothing_in_features_as_they_are(enrolled, submissions, visits, due_days):
    whole, parts = university(enrolled, submissions, visits, due_days)
    assert check_shift(whole, parts, TODAY, daily_features(whole, parts, DAYS)) == []


ENROLLED = {(2, 1): (-20, None, None), (2, 2): (-20, 5, "Withdrawn"), (0, 1): (-400, None, "Fail")}
SUBMISSIONS = {(2, 1, 1): (-5, 0, 60), (2, 2, 1): (4, 0, 90)}
VISITS = [(2, 1, -3, 1, 4), (2, 1, 0, 1, 50), (2, 2, 6, 2, 1)]


def known(day: date) -> Tables:
    return known_before(university(ENROLLED, SUBMISSIONS, VISITS, [10, 20, 40])[0], day)


def test_known_before_a_day_are_earlier_rows_alone():
    seen = known(TODAY)
    assert len(seen["student_assessment"]) == 1
    assert seen["student_registration"]["date_unregistration"].isna().all()
    assert seen["student_info"]["final_result"].dropna().tolist() == ["Fail"]
    assert known(date(2013, 4, 2))["student_info"]["final_result"].notna().sum() == 0
    assert known(date(2013, 4, 3))["student_info"]["final_result"].notna().sum() == 1


@pytest.mark.fault("D14")
def test_a_feature_that_saw_the_day_itself_is_found_with_row_and_both_values():
    whole, parts = university(ENROLLED, SUBMISSIONS, VISITS, [10, 20, 40])
    stored = daily_features(whole, parts, DAYS)
    leaked = stored.assign(clicks_7d=stored["clicks_7d"] + 50)
    assert [str(finding) for finding in check_shift(whole, parts, TODAY, leaked)] == [
        "features, row 1, clicks_7d: '54' would be 4 without rows dated 2014-03-03 or later (2 rows differ)"
    ]


@pytest.mark.fault("D14")
def test_an_enrolment_that_is_there_too_much_or_too_little_is_found():
    whole, parts = university(ENROLLED, SUBMISSIONS, VISITS, [10, 20, 40])
    stored = daily_features(whole, parts, DAYS)
    (finding,) = check_shift(whole, parts, TODAY, stored[1:])
    assert finding.rule.startswith("1 enrolments would not be the same")
    assert finding.rule.endswith("the first is missing, in AAA 2014B")


@pytest.mark.parametrize("name", ["final_result", "date_unregistration"])
def test_the_tables_given_stay_as_they_were(name):
    whole, _ = university(ENROLLED, SUBMISSIONS, VISITS, [10, 20, 40])
    copies = {table: frame.copy() for table, frame in whole.items()}
    known_before(whole, TODAY)
    table = "student_info" if name == "final_result" else "student_registration"
    pd.testing.assert_frame_equal(whole[table], copies[table])
