"""The demo campus's advisers and contacts: the trial's exposure, and a running term that is contacted day by day."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import check_frame
from oulad_platform.core.outreach import ADVISERS, INTERVENTIONS, OPT_OUTS, contact_ids
from oulad_platform.core.pseudonyms import DEMO
from oulad_platform.sources.demo import DemoCampus
from oulad_platform.sources.demo_outreach import opt_outs

FOUNDED = date(2026, 11, 20)  # a Friday: day 53 of a term begun on Monday 2026-09-28
AT_FOUNDING = DemoCampus(FOUNDED, FOUNDED)
AFTER_ALL_TERMS = DemoCampus(FOUNDED, date(2027, 6, 1))
TRIAL_TEAM = "outreach team"


def with_enrolment(campus: DemoCampus, contacts: pd.DataFrame, code: str) -> pd.DataFrame:
    """The contacts with each enrolment of the student in the term, and the day of the term."""
    tables = campus.tables()
    registration = tables["student_registration"].merge(tables["courses"], on=["code_module", "code_presentation"])
    made = contacts.merge(registration[registration["code_presentation"] == code], on="id_student", how="left")
    return made.assign(day=(made["contacted_on"] - made["start_date"]).dt.days)


def test_contacts_and_advisers_conform_and_break_no_rule() -> None:
    for frame, table in ((AFTER_ALL_TERMS.contacts(), INTERVENTIONS), (AT_FOUNDING.advisers(), ADVISERS)):
        pd.testing.assert_frame_equal(frame, table.conform(frame))
        assert check_frame(frame, table) == []
    assert AFTER_ALL_TERMS.contacts()["contact_id"].tolist() == contact_ids(AFTER_ALL_TERMS.contacts(), DEMO)


def test_three_advisers_look_after_four_modules_and_are_reachable_only_at_a_reserved_domain() -> None:
    advisers = AT_FOUNDING.advisers()
    assert advisers.groupby("adviser")["code_module"].agg(list).to_dict() == {
        "Morag Drummond": ["BBB"],
        "Tomos Bevan": ["DDD"],
        "Yaw Asante": ["AAA", "FFF"],
    }
    assert advisers["email"].str.fullmatch(r"[a-z]+\.[a-z]+@example\.org").all()
    assert advisers.groupby("adviser")["capacity"].nunique().eq(1).all()


def test_each_contacted_student_of_the_trial_was_contacted_once_in_the_first_weeks_and_nobody_else() -> None:
    trial = AT_FOUNDING.truth().trial
    contacts = AT_FOUNDING.contacts()
    own = contacts[contacts["adviser"] == TRIAL_TEAM]
    assert own["id_student"].is_unique
    assert set(own["id_student"]) == set(trial.arms.loc[trial.arms["contacted"], "id_student"])
    start = pd.Timestamp(2025, 9, 29)
    days = (own["contacted_on"] - start).dt.days
    assert days.min() >= 7
    assert days.max() < 28
    assert (own["contacted_on"].dt.day_of_week < 5).all()
    assert set(own["outcome"]) == {"reached", "not reached", "declined"}


def test_in_the_trial_nobody_is_reached_after_leaving() -> None:
    contacts = AT_FOUNDING.contacts()
    trial = with_enrolment(AT_FOUNDING, contacts[contacts["adviser"] == TRIAL_TEAM], AT_FOUNDING.truth().trial.code_presentation)
    left = trial["date_unregistration"].astype("Float64") <= trial["day"]
    everywhere = left.fillna(False).groupby(trial["contact_id"]).transform("all")
    assert everywhere.sum() > 10
    assert set(trial.loc[everywhere, "outcome"]) == {"not reached"}


def test_in_the_running_term_only_enrolled_students_are_contacted_by_an_adviser_of_their_module() -> None:
    contacts = AFTER_ALL_TERMS.contacts()
    running = contacts[contacts["adviser"] != TRIAL_TEAM]
    assert 100 < len(running) < 250
    modules = AT_FOUNDING.advisers().groupby("adviser")["code_module"].agg(set)
    enrolled = with_enrolment(AFTER_ALL_TERMS, running, "2026J")
    own = enrolled[[row.code_module in modules[row.adviser] for row in enrolled.itertuples()]]
    assert set(own["contact_id"]) == set(running["contact_id"])
    here = (own["date_registration"].fillna(-21) < own["day"]) & ~(own["date_unregistration"] <= own["day"]).fillna(False)
    assert set(own.loc[here.astype(bool), "contact_id"]) == set(running["contact_id"])
    assert (running["contacted_on"].dt.day_of_week < 5).all()


def test_at_founding_there_are_fresh_contacts_of_every_outcome_and_a_second_attempt() -> None:
    contacts = AT_FOUNDING.contacts()
    running = contacts[contacts["adviser"] != TRIAL_TEAM]
    assert set(running["outcome"]) == {"reached", "not reached", "declined"}
    assert running["id_student"].duplicated().any()
    resting = running[(running["contacted_on"] >= pd.Timestamp(2026, 11, 6)) & (running["outcome"] != "not reached")]
    assert 5 < len(resting) < 60


@given(st.integers(-620, 160), st.integers(1, 90))
@settings(max_examples=40, deadline=None)
def test_contacts_grow_day_by_day_and_what_was_told_never_changes(days_after_founding: int, gap: int) -> None:
    early = FOUNDED + timedelta(days=days_after_founding)
    earlier, later = DemoCampus(FOUNDED, early).contacts(), DemoCampus(FOUNDED, early + timedelta(days=gap)).contacts()
    known = later[later["contacted_on"] < pd.Timestamp(early)].reset_index(drop=True)
    pd.testing.assert_frame_equal(earlier, known)
    students = set(DemoCampus(FOUNDED, early).people()["id_student"])
    assert set(earlier["id_student"]) <= students


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(0, 5))
@settings(max_examples=5, deadline=None)
def test_whenever_it_is_founded_the_campus_has_recent_contacts_and_no_two_of_one_id(founded: date, seed: int) -> None:
    contacts = DemoCampus(founded, founded, seed).contacts()
    assert contacts["contact_id"].is_unique
    assert (contacts["contacted_on"] >= pd.Timestamp(founded - timedelta(days=14))).sum() >= 5


def test_changing_what_was_handed_out_changes_nothing_in_the_campus() -> None:
    expected = AT_FOUNDING.contacts()
    contacts, advisers = AT_FOUNDING.contacts(), AT_FOUNDING.advisers()
    contacts["id_student"] = 0
    advisers["capacity"] = 0
    pd.testing.assert_frame_equal(AT_FOUNDING.contacts(), expected)
    assert AT_FOUNDING.advisers()["capacity"].min() > 0


def test_three_who_declined_in_the_running_term_opted_out_and_no_later_day_changes_who_did() -> None:
    known = opt_outs(AT_FOUNDING.contacts())
    assert check_frame(known, OPT_OUTS) == []
    assert len(known) == 3
    assert known["opted_out_on"].between(pd.Timestamp(2026, 9, 29), pd.Timestamp(FOUNDED)).all()
    contacts = AT_FOUNDING.contacts()
    declined = contacts[contacts["id_student"].isin(known["id_student"]) & (contacts["outcome"] == "declined")]
    assert set(declined["id_student"]) == set(known["id_student"])
    pd.testing.assert_frame_equal(opt_outs(AFTER_ALL_TERMS.contacts()), known)
