"""Tests of success.modelling.cohorts: what had closed when, and what a version may learn from."""

from __future__ import annotations

from datetime import date

import pandas as pd

from oulad_platform.core.checks import require
from oulad_platform.success.model_tables import TRAINING_PANEL
from oulad_platform.success.modelling.cohorts import Version, closing_days, training_panel, version_for, versions
from oulad_platform.success.presentation import label
from oulad_platform_tests.success.campus import cohorts, courses, tables

NAN = float("nan")
OULAD = courses(
    ("AAA", "2013J", 268, "2013-10-01"),
    ("BBB", "2013B", 240, "2013-02-01"),
    ("BBB", "2013J", 261, "2013-10-01"),
    ("BBB", "2014B", 241, "2014-02-01"),
)


def test_a_code_closes_when_its_last_module_ends():
    assert closing_days(OULAD).dt.date.to_dict() == {
        "2013B": date(2013, 9, 29),
        "2013J": date(2014, 6, 26),
        "2014B": date(2014, 9, 30),
    }


def test_each_close_makes_a_version_of_all_codes_closed_by_then():
    assert versions(OULAD, date(2014, 6, 27)) == [
        Version("2013B", date(2013, 9, 30), ("2013B",)),
        Version("2013J", date(2014, 6, 27), ("2013B", "2013J")),
    ]
    assert versions(OULAD, date(2013, 9, 29)) == []


def test_codes_that_close_on_one_day_make_one_version():
    both = courses(("AAA", "2013B", 242, "2013-02-01"), ("AAA", "2013J", 0, "2013-10-01"))
    assert versions(both, date(2014, 1, 1)) == [Version("2013J", date(2013, 10, 2), ("2013B", "2013J"))]


def test_a_day_is_scored_by_the_newest_version_whose_labels_were_known():
    made = versions(OULAD, date(2015, 1, 1))
    assert version_for(date(2013, 9, 29), made) is None
    assert version_for(date(2013, 9, 30), made).name == "2013B"
    assert version_for(date(2014, 6, 26), made).name == "2013B"
    assert version_for(date(2014, 6, 27), made).name == "2013J"


def test_failing_and_leaving_are_one_label_and_no_result_is_none():
    results = pd.DataFrame({"final_result": ["Fail", "Withdrawn", "Pass", "Distinction", None]})
    assert label(results).fillna(-1).tolist() == [1, 1, 0, 0, -1]


def whole(parts) -> pd.DataFrame:
    return require(pd.concat([TRAINING_PANEL.empty(), *(part for _, part in parts)], ignore_index=True), TRAINING_PANEL)


def test_the_panel_holds_who_was_live_on_each_day_and_has_a_result():
    people = [(1, -9, NAN, "Pass"), (2, -9, 20, "Withdrawn"), (3, 10, NAN, "Fail"), (4, -9, NAN, None)]
    panel = whole(training_panel(tables(people, length=30), {}, date(2014, 4, 1)))
    assert panel.groupby("day")["id_student"].agg(list).to_dict() == {
        0: [1, 2],
        7: [1, 2],
        14: [1, 2, 3],
        21: [1, 3],
        28: [1, 3],
    }
    assert panel.groupby("id_student")["label"].first().to_dict() == {1: 0, 2: 1, 3: 1}


def test_other_days_can_be_asked_for():
    people = [(1, -9, NAN, "Pass"), (2, -9, 20, "Withdrawn")]
    panel = whole(training_panel(tables(people, length=30), {}, date(2014, 4, 1), days=range(1, 99, 14)))
    assert panel.groupby("day")["id_student"].agg(list).to_dict() == {1: [1, 2], 15: [1, 2], 29: [1]}


def test_a_presentation_that_still_runs_is_not_in_the_panel():
    raw, parts = cohorts(("2013B", "2013-02-01"), ("2013J", "2013-10-01"), n_students=5)
    assert list(training_panel(raw, parts, date(2013, 4, 2))) == []
    assert [name for name, _ in training_panel(raw, parts, date(2013, 4, 3))] == ["AAA_2013B"]
    assert [name for name, _ in training_panel(raw, parts, date(2013, 12, 1))] == ["AAA_2013B", "AAA_2013J"]


def test_a_part_is_made_when_it_is_asked_for():
    raw, parts = cohorts(("2013B", "2013-02-01"), ("2013J", "2013-10-01"), n_students=5)
    read = []

    class Watched(dict):
        def get(self, name, default=None):
            read.append(name)
            return super().get(name, default)

    stream = training_panel(raw, Watched(parts), date(2013, 12, 1))
    assert read == []
    next(stream)
    assert read == ["AAA_2013B"]


def test_an_outcome_is_known_from_the_day_after_its_code_had_ended_in_all_modules():
    raw, parts = cohorts(("2013B", "2013-02-01"), ("2013J", "2013-10-01"), n_students=5)
    longer = courses(("BBB", "2013B", 100, "2013-02-01"))
    raw["courses"] = pd.concat([raw["courses"], longer], ignore_index=True)
    panel = whole(training_panel(raw, parts, date(2013, 12, 1)))
    assert {code: set(days.dt.date) for code, days in panel.groupby("code_presentation")["known_from"]} == {
        "2013B": {date(2013, 5, 13)},
        "2013J": {date(2013, 12, 1)},
    }
