from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import check_frame
from oulad_platform.sources import demo_plan
from oulad_platform.sources import tables as raw
from oulad_platform.sources.demo import DemoCampus

FOUNDED = date(2026, 11, 20)  # a Friday: day 53 of a term begun on Monday 2026-09-28
AT_FOUNDING = DemoCampus(FOUNDED, FOUNDED)
AFTER_ALL_TERMS = DemoCampus(FOUNDED, date(2027, 6, 1))
PRESENTATION = ["code_module", "code_presentation"]
ENROLMENT = [*PRESENTATION, "id_student"]


def all_clicks(campus, tables):
    parts = [raw.STUDENT_VLE.from_arrow(part) for _, part in campus.clicks(tables)]
    return pd.concat(parts, ignore_index=True) if parts else raw.STUDENT_VLE.empty()


@pytest.fixture(scope="module")
def tables():
    return AT_FOUNDING.tables()


@pytest.fixture(scope="module")
def clicks(tables):
    return all_clicks(AT_FOUNDING, tables)


@pytest.fixture(scope="module")
def final_tables():
    return AFTER_ALL_TERMS.tables()


@pytest.fixture(scope="module")
def final_clicks(final_tables):
    return all_clicks(AFTER_ALL_TERMS, final_tables)


@pytest.mark.parametrize("table", raw.SMALL_TABLES, ids=lambda table: table.name)
@pytest.mark.parametrize("campus", [AT_FOUNDING, AFTER_ALL_TERMS], ids=["at founding", "after all terms"])
def test_every_small_table_conforms_and_has_no_findings(campus, table):
    frame = campus.tables()[table.name]
    pd.testing.assert_frame_equal(frame, table.conform(frame))
    assert check_frame(frame, table) == []


def test_click_parts_have_the_declared_schema_and_break_no_rule(tables, clicks):
    parts = dict(AT_FOUNDING.clicks(tables))
    assert list(parts)[:4] == ["AAA_2025B", "BBB_2025B", "DDD_2025B", "FFF_2025B"]
    assert list(parts)[-1] == "FFF_2026J"
    assert all(part.schema == raw.STUDENT_VLE.arrow_schema() for part in parts.values())
    assert check_frame(clicks, raw.STUDENT_VLE) == []
    assert 0.05 < clicks.duplicated(["code_module", "code_presentation", "id_student", "id_site", "date"]).mean() < 0.15


def test_every_row_belongs_to_an_enrolment_a_site_and_an_assessment_that_the_other_tables_know(tables, clicks):
    enrolled = pd.MultiIndex.from_frame(tables["student_info"][ENROLMENT])
    assert enrolled.equals(pd.MultiIndex.from_frame(tables["student_registration"][ENROLMENT]))
    assert pd.MultiIndex.from_frame(clicks[ENROLMENT]).isin(enrolled).all()
    site = pd.MultiIndex.from_frame(tables["vle"][["id_site", *PRESENTATION]])
    assert pd.MultiIndex.from_frame(clicks[["id_site", *PRESENTATION]]).isin(site).all()
    handed_in = tables["student_assessment"].merge(tables["assessments"], on="id_assessment", how="left")
    assert pd.MultiIndex.from_frame(handed_in[ENROLMENT]).isin(enrolled).all()


def test_the_campus_has_3000_enrolments_of_2500_people_in_four_modules_and_four_terms(final_tables, final_clicks):
    info = final_tables["student_info"]
    assert len(info) == 3000
    assert 2300 < info["id_student"].nunique() < 2800
    assert sorted(info["code_module"].unique()) == ["AAA", "BBB", "DDD", "FFF"]
    assert sorted(info["code_presentation"].unique()) == ["2025B", "2025J", "2026B", "2026J"]
    assert final_tables["vle"].groupby(PRESENTATION).size().between(20, 30).all()
    assert 200_000 < len(final_clicks) < 350_000


@pytest.mark.parametrize(
    ("founded", "codes", "running_since"),
    [
        (date(2026, 11, 20), ["2025B", "2025J", "2026B", "2026J"], date(2026, 9, 28)),
        (date(2026, 3, 2), ["2024J", "2025B", "2025J", "2026B"], date(2026, 1, 12)),
        (date(2026, 8, 19), ["2024J", "2025B", "2025J", "2026B"], date(2026, 6, 29)),
        (date(2026, 8, 24), ["2025B", "2025J", "2026B", "2026J"], date(2026, 7, 6)),
    ],
)
def test_terms_are_named_after_the_half_year_in_which_the_running_one_began(founded, codes, running_since):
    plan = demo_plan.presentations(founded)
    assert list(dict.fromkeys(p.code for p in plan)) == codes
    assert plan[-1].start == running_since


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)))
@settings(max_examples=50, deadline=None)
def test_the_running_term_began_a_monday_seven_weeks_ago_and_earlier_ones_closed_before_the_next_began(founded):
    plan = demo_plan.presentations(founded)
    starts = sorted({p.start for p in plan})
    assert all(start.weekday() == 0 for start in starts)
    assert 49 <= (founded - starts[-1]).days <= 55
    assert len({p.code for p in plan}) == 4
    last_days = [max(p.start + timedelta(days=p.module.length) for p in plan if p.start == start) for start in starts]
    assert all(last < following for last, following in zip(last_days, starts[1:], strict=False))


def known_before(day, tables, clicks):
    """The tables as they must have been on `day`, made from later ones."""
    courses = tables["courses"].set_index(PRESENTATION)

    def offsets(frame):
        start = courses.loc[pd.MultiIndex.from_frame(frame[PRESENTATION]), "start_date"]
        return (pd.Timestamp(day) - start).dt.days.to_numpy()

    registration, info = tables["student_registration"].copy(), tables["student_info"].copy()
    seen = registration["date_registration"].fillna(-21).to_numpy(dtype="int64") < offsets(registration)
    left = registration["date_unregistration"].fillna(9999).to_numpy(dtype="int64") < offsets(registration)
    registration["date_unregistration"] = registration["date_unregistration"].where(left)
    length = courses.loc[pd.MultiIndex.from_frame(info[PRESENTATION]), "module_presentation_length"].to_numpy()
    info["final_result"] = info["final_result"].where(length < offsets(info))
    handed_in = tables["student_assessment"]
    due_in = handed_in.merge(tables["assessments"][["id_assessment", *PRESENTATION]], on="id_assessment", how="left")
    return {
        **tables,
        "student_info": info[seen].reset_index(drop=True),
        "student_registration": registration[seen].reset_index(drop=True),
        "student_assessment": handed_in[(handed_in["date_submitted"] < offsets(due_in))].reset_index(drop=True),
    }, clicks[clicks["date"] < offsets(clicks)].reset_index(drop=True)


@given(st.integers(-620, 120), st.integers(1, 90))
@settings(max_examples=12, deadline=None)
def test_the_campus_grows_day_by_day_and_what_was_there_never_changes(days_after_founding, gap):
    early = FOUNDED + timedelta(days=days_after_founding)
    earlier, later = DemoCampus(FOUNDED, early), DemoCampus(FOUNDED, early + timedelta(days=gap))
    tables, later_tables = earlier.tables(), later.tables()
    expected, expected_clicks = known_before(early, later_tables, all_clicks(later, later_tables))
    assert tables.keys() == expected.keys()
    for name, frame in tables.items():
        pd.testing.assert_frame_equal(frame, expected[name], obj=name)
    pd.testing.assert_frame_equal(all_clicks(earlier, tables), expected_clicks)
    people = later.people()
    known = people[people["id_student"].isin(tables["student_info"]["id_student"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(earlier.people(), known)


def test_a_campus_changes_with_its_seed_and_with_nothing_else(tables):
    pd.testing.assert_frame_equal(DemoCampus(FOUNDED, FOUNDED).tables()["student_info"], tables["student_info"])
    other = DemoCampus(FOUNDED, FOUNDED, seed=7).tables()["student_info"]
    assert not other["id_student"].equals(tables["student_info"]["id_student"])


def test_changing_a_table_that_was_handed_out_changes_nothing_in_the_campus():
    handed_out = AT_FOUNDING.tables()
    expected = {name: frame.copy() for name, frame in handed_out.items()}
    for frame in handed_out.values():
        frame.iloc[:, 0] = frame.iloc[0, 0]
    for name, frame in AT_FOUNDING.tables().items():
        pd.testing.assert_frame_equal(frame, expected[name])


def test_results_are_absent_while_the_term_runs_and_complete_once_it_has_closed(tables, final_tables):
    info = tables["student_info"]
    is_running = info["code_presentation"] == "2026J"
    assert info.loc[is_running, "final_result"].isna().all()
    assert info.loc[~is_running, "final_result"].notna().all()
    assert final_tables["student_info"]["final_result"].notna().all()
    unregistered = tables["student_registration"].loc[is_running, "date_unregistration"]
    assert unregistered.max() < 53


def test_the_oddities_of_the_real_data_are_there(final_tables, final_clicks):
    info, registration = final_tables["student_info"], final_tables["student_registration"]
    handed_in, assessments = final_tables["student_assessment"], final_tables["assessments"]
    enrolments = info.merge(registration, on=ENROLMENT)
    assert 50 < info["imd_band"].isna().sum() < 200
    assert 5 < registration["date_registration"].isna().sum() < 40
    assert 50 < handed_in["score"].isna().sum() < 200
    assert 20 < handed_in["is_banked"].sum() < 100
    assert (handed_in.loc[handed_in["is_banked"] == 1, "date_submitted"] == -1).all()
    assert set(assessments.loc[assessments["date"].isna(), "assessment_type"]) == {"Exam"}
    withdrawn = enrolments[enrolments["final_result"] == "Withdrawn"]
    assert 5 < withdrawn["date_unregistration"].isna().sum() < 60
    assert enrolments.loc[enrolments["final_result"] != "Withdrawn", "date_unregistration"].isna().all()
    assert (withdrawn["date_unregistration"] < 0).sum() > 20
    silent = len(info) - len(final_clicks[ENROLMENT].drop_duplicates())
    assert 60 < silent < 300
    assert info.groupby(["id_student", "code_presentation"]).size().max() > 1
    assert (info["num_of_prev_attempts"] > 0).sum() > 50


def test_repeaters_took_the_module_before_and_nobody_is_in_two_runs_of_a_module_on_one_day(final_tables):
    courses = final_tables["courses"]
    frame = final_tables["student_info"].merge(courses, on=PRESENTATION)
    frame = frame.merge(final_tables["student_registration"], on=ENROLMENT).sort_values("start_date", kind="stable")
    earlier_runs = frame.groupby(["code_module", "id_student"]).cumcount()
    assert (frame["num_of_prev_attempts"] == earlier_runs).all()
    registered = frame["start_date"] + pd.to_timedelta(frame["date_registration"].fillna(-21).astype("int64"), unit="D")
    ends = frame["start_date"] + pd.to_timedelta(frame["module_presentation_length"].astype("int64"), unit="D")
    previous_end = ends.groupby([frame["code_module"], frame["id_student"]]).shift()
    assert (registered > previous_end)[previous_end.notna()].all()


def test_nothing_is_done_before_registration_or_after_leaving(final_tables, final_clicks):
    registration = final_tables["student_registration"]
    seen = final_clicks.merge(registration, on=ENROLMENT)
    assert (seen["date"] > seen["date_registration"].fillna(-21)).all()
    assert not (seen["date"] >= seen["date_unregistration"]).fillna(False).any()
    work = final_tables["student_assessment"].merge(final_tables["assessments"], on="id_assessment")
    work = work.merge(registration, on=ENROLMENT)
    assert (work["date_submitted"] > work["date_registration"].fillna(-21)).all()
    own_work = work[work["is_banked"] == 0]
    assert not (own_work["date_submitted"] >= own_work["date_unregistration"]).fillna(False).any()


def test_people_are_invented_unique_and_reachable_only_at_a_reserved_domain(tables):
    people = AT_FOUNDING.people()
    assert list(people.columns) == ["id_student", "student_name", "email"]
    assert people["id_student"].tolist() == sorted(tables["student_info"]["id_student"].unique())
    assert people["email"].is_unique
    assert people["email"].str.fullmatch(r"[a-z]+\.[a-z]+\.\d+@example\.edu").all()
    assert people["student_name"].str.contains(" ").all()
    assert people["student_name"].str.contains("O'Brien").any()
