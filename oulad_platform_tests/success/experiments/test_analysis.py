"""Tests of success.experiments.analysis: looks by intention to treat, at planned times, on what was known."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import check_frame
from oulad_platform.core.sequential import confidence_at, obrien_fleming_bounds
from oulad_platform.core.stats import cuped_difference, newcombe
from oulad_platform.success.experiments.analysis import held_out, looks, taking_part
from oulad_platform.success.experiments.tables import EXPERIMENT_ARMS, EXPERIMENT_DESIGNS, EXPERIMENT_LOOKS
from oulad_platform_tests.success.experiments.trials import (
    AAA_ENDS,
    AFTER_ALL,
    BBB_ENDS,
    CCC_ENDS,
    DAY,
    NO_CONTACTS,
    NO_STOPS,
    arms,
    contacts,
    design,
    first_passing,
    outcomes,
    stop,
)

A_DAY = timedelta(days=1)
ARMS = arms()  # 40 students in each module, 20 in each arm of it


def look(treatment=10, control=10, as_of=AFTER_ALL, *, planned=None, stops=NO_STOPS, interventions=NO_CONTACTS, tables=None):
    """The one look of an experiment in which so many of the 20 of each module passed in each arm."""
    tables = tables or outcomes(ARMS, first_passing(ARMS, treatment, control))
    found = looks(design() if planned is None else planned, ARMS, stops, interventions, tables, as_of)
    assert check_frame(found, EXPERIMENT_LOOKS) == []
    return found.iloc[0]


def figures(row):
    return row[["n_control", "n_treatment", "n_success_control", "n_success_treatment"]].tolist()


def test_before_the_first_presentation_has_closed_there_is_no_figure():
    row = look(as_of=AAA_ENDS)
    assert (row["verdict"], row["look"], row["information"], row["guardrail"]) == ("waiting for outcomes", 0, 0, "unknown")
    assert pd.isna(row["difference"])
    assert figures(row) == [0, 0, 0, 0]


def test_the_day_after_a_presentation_has_closed_its_students_are_looked_at():
    row = look(as_of=AAA_ENDS + A_DAY)
    assert (row["look"], row["looked_on"], row["verdict"]) == (1, pd.Timestamp(AAA_ENDS + A_DAY), "no decision yet")
    assert row["information"] == pytest.approx(1 / 3)
    assert figures(row) == [20, 20, 10, 10]


def test_who_withdrew_early_is_not_looked_at_before_those_who_could_pass():
    tables = outcomes(ARMS, first_passing(ARMS, 20, 20))
    has_left = tables["student_registration"]["code_module"] == "CCC"
    tables["student_registration"].loc[has_left, "date_unregistration"] = 120
    tables["student_info"].loc[has_left, "final_result"] = "Withdrawn"
    row = look(as_of=AAA_ENDS + A_DAY, tables=tables)
    assert figures(row) == [20, 20, 20, 20]


def test_the_last_look_has_everybody_and_its_figures_are_those_of_the_formulas():
    row = look(treatment=12, control=10)
    bound = obrien_fleming_bounds([1 / 3, 2 / 3, 1])[-1]
    assert figures(row) == [60, 60, 30, 36]
    assert (row["look"], row["looked_on"], row["information"]) == (3, pd.Timestamp(CCC_ENDS + A_DAY), 1)
    assert row["difference"] == pytest.approx(0.1)
    assert row["z"] == pytest.approx(1.1009638, abs=1e-6)
    assert row["p_value"] == pytest.approx(0.2709124, abs=1e-6)
    assert row["boundary"] == bound
    assert row[["interval_low", "interval_high"]].tolist() == [*newcombe(36, 60, 30, 60, confidence_at(bound))]
    assert row["verdict"] == "no effect shown"


def test_a_large_effect_is_found_at_the_second_look_and_later_outcomes_change_nothing():
    passed = first_passing(ARMS, 17, 8) | (ARMS["code_module"] == "CCC").to_numpy()
    early = look(as_of=BBB_ENDS + A_DAY, tables=outcomes(ARMS, passed))
    assert (early["verdict"], early["look"], figures(early)) == ("effect", 2, [40, 40, 16, 34])
    late = look(as_of=AFTER_ALL, tables=outcomes(ARMS, passed))
    pd.testing.assert_series_equal(late.drop("as_of"), early.drop("as_of"))


def test_an_effect_in_the_wrong_direction_is_harm():
    row = look(treatment=2, control=18)
    assert (row["verdict"], row["guardrail"]) == ("harm", "broken")


def test_the_guardrail_breaks_between_looks_when_treatment_is_surely_worse_than_allowed():
    planned = design(n_looks=1)
    tables = outcomes(ARMS, first_passing(ARMS, 2, 18))
    row = look(as_of=AAA_ENDS + A_DAY, planned=planned, tables=tables)
    assert (row["verdict"], row["guardrail"], row["look"]) == ("waiting for outcomes", "broken", 0)
    _, high = newcombe(2, 20, 18, 20)
    edge = -100 * float(high)
    for points, guardrail in ((edge - 0.01, "broken"), (edge + 0.01, "holds")):
        limited = look(as_of=AAA_ENDS + A_DAY, planned=design(n_looks=1, guardrail_points=points), tables=tables)
        assert limited["guardrail"] == guardrail


def test_arms_that_could_not_find_the_registered_effect_are_under_powered():
    planned = design(base_rate=0.05)
    assert planned["minimum_detectable_points"].iloc[0] == pytest.approx(16.7, abs=0.1)
    assert look(planned=planned, treatment=10, control=10)["verdict"] == "under-powered"
    assert look(planned=design(base_rate=0.45), treatment=10, control=10)["verdict"] == "no effect shown"
    assert look(planned=design(n_students=4))["verdict"] == "under-powered"


def test_one_planned_look_waits_for_everybody():
    planned = design(n_looks=1)
    row = look(as_of=CCC_ENDS, planned=planned, treatment=20, control=0)
    assert (row["verdict"], row["look"]) == ("waiting for outcomes", 0)
    assert row["information"] == pytest.approx(2 / 3)
    assert look(as_of=CCC_ENDS + A_DAY, planned=planned, treatment=20, control=0)["verdict"] == "effect"


def test_a_stop_by_a_person_freezes_what_was_known_and_a_later_one_changes_no_verdict():
    stopped = look(stops=stop(BBB_ENDS + A_DAY))
    assert (stopped["verdict"], stopped["look"], stopped["information"]) == ("stopped", 2, pytest.approx(2 / 3))
    assert look(stops=stop(BBB_ENDS + A_DAY), as_of=BBB_ENDS)["verdict"] == "no decision yet"
    before = look(stops=stop(AAA_ENDS))
    assert (before["verdict"], before["look"]) == ("stopped", 0)
    assert look(stops=stop(AFTER_ALL))["verdict"] == "no effect shown"


def test_who_has_no_result_on_record_counts_as_not_succeeded_and_is_told():
    tables = outcomes(ARMS, first_passing(ARMS, 20, 20))
    gone = tables["student_info"]["id_student"].isin([0, 3, 6])
    without = {**tables, "student_info": tables["student_info"][~gone]}
    row = look(tables=without)
    assert figures(row) == [60, 60, 58, 59]
    assert row["n_lost"] == 3
    blank = {
        **tables,
        "student_info": tables["student_info"].assign(final_result=tables["student_info"]["final_result"].mask(gone)),
    }
    assert figures(look(tables=blank)) == [60, 60, 58, 59]


def test_a_presentation_whose_results_are_not_in_is_waited_for_and_so_are_later_ones():
    tables = outcomes(ARMS, first_passing(ARMS, 10, 10))
    is_late = tables["student_info"]["code_module"] == "BBB"
    info = tables["student_info"].assign(final_result=tables["student_info"]["final_result"].mask(is_late))
    info.loc[info.index[is_late][0], "final_result"] = "Withdrawn"
    row = look(tables={**tables, "student_info": info})
    assert (row["look"], row["information"]) == (1, pytest.approx(1 / 3))


def retained(left, as_of, horizon_days=60):
    """Looks of an experiment on retention; `left`: student -> day of the course."""
    tables = outcomes(ARMS, np.zeros(120, dtype=bool))
    left_on = tables["student_registration"]["id_student"].map(left).astype("float64")
    registrations = tables["student_registration"].assign(date_unregistration=left_on)
    planned = design(outcome="retained", horizon_days=horizon_days)
    return look(as_of=as_of, planned=planned, tables={**tables, "student_registration": registrations})


def test_retained_is_judged_at_the_horizon_or_at_the_presentations_end():
    horizon = DAY + timedelta(days=60)  # day 168 of the course; AAA ends on day 150
    left = {0: 149, 3: 151, 1: 167, 4: 168, 7: 190}
    assert retained(left, AAA_ENDS)["look"] == 0
    row = retained(left, AAA_ENDS + A_DAY)
    assert figures(row) == [20, 20, 19, 20]
    assert retained(left, horizon)["look"] == 1
    row = retained(left, horizon + A_DAY)
    assert (row["look"], figures(row)) == (3, [60, 60, 58, 60])


def test_exposure_counts_who_was_reached_between_assignment_and_outcome():
    made = contacts(
        (0, "2014-06-01", "reached"),
        (6, "2014-05-20", "reached"),  # on the day of assignment, by the list of that morning
        (9, "2014-05-19", "reached"),
        (3, "2014-06-01", "declined"),
        (3, "2014-06-02", "reached"),
        (9, "2014-06-01", "not reached"),
        (15, "2014-07-02", "reached"),  # AAA had ended
        (4, "2014-09-28", "reached"),  # BBB had ended
        (5, "2014-09-28", "reached"),
        (777, "2014-06-01", "reached"),
    )
    row = look(interventions=made)
    assert row[["exposure_control", "exposure_treatment"]].tolist() == pytest.approx([2 / 60, 2 / 60])
    early = look(interventions=made, as_of=date(2014, 6, 1))
    assert early[["exposure_control", "exposure_treatment"]].tolist() == pytest.approx([1 / 60, 0])


def test_contacts_after_a_stop_or_a_decision_are_no_exposure():
    made = contacts((2, "2014-09-10", "reached"), (5, "2014-09-10", "reached"))
    for row in (look(interventions=made, stops=stop(date(2014, 9, 10))), look(17, 8, interventions=made)):
        assert row[["exposure_control", "exposure_treatment"]].tolist() == [0, 0]
    assert look(interventions=made)[["exposure_control", "exposure_treatment"]].tolist() == pytest.approx([1 / 60, 1 / 60])


def test_cuped_uses_the_risk_before_assignment_and_does_without_where_nobody_was_scored():
    rng = np.random.default_rng(3)
    passed = rng.random(120) > ARMS["risk_score"].to_numpy()
    row = look(tables=outcomes(ARMS, passed))
    by_hand = cuped_difference(passed, ARMS["risk_score"], ARMS["arm"] == "treatment", confidence_at(row["boundary"]))
    assert row[["cuped_difference", "cuped_low", "cuped_high"]].tolist() == pytest.approx(by_hand[:3])
    assert row["cuped_high"] - row["cuped_low"] < row["interval_high"] - row["interval_low"]
    unscored = ARMS.assign(risk_score=np.nan)
    found = looks(design(), unscored, NO_STOPS, NO_CONTACTS, outcomes(ARMS, passed), AFTER_ALL).iloc[0]
    assert found[["cuped_difference", "cuped_low", "cuped_high"]].isna().all()
    some = ARMS.assign(risk_score=ARMS["risk_score"].mask(ARMS["id_student"] < 5))
    assert np.isfinite(looks(design(), some, NO_STOPS, NO_CONTACTS, outcomes(ARMS, passed), AFTER_ALL)["cuped_low"].iloc[0])


def test_a_run_of_looks_that_are_hardly_apart_is_one():
    """Two presentations, the second of one student in 120: the first waits for it."""
    drawn = ARMS.assign(code_module=np.where(ARMS["id_student"] == 7, "BBB", "AAA"))
    tables = outcomes(drawn, np.ones(120, dtype=bool))
    early, late = (looks(design(), drawn, NO_STOPS, NO_CONTACTS, tables, day).iloc[0] for day in (BBB_ENDS, BBB_ENDS + A_DAY))
    assert (early["look"], early["verdict"]) == (0, "waiting for outcomes")
    assert (late["look"], late["boundary"]) == (3, pytest.approx(1.959964))


def test_without_experiments_or_before_they_begin_there_is_no_row():
    tables = outcomes(ARMS, np.ones(120, dtype=bool))
    nothing = looks(EXPERIMENT_DESIGNS.empty(), EXPERIMENT_ARMS.empty(), NO_STOPS, NO_CONTACTS, tables, AFTER_ALL)
    pd.testing.assert_frame_equal(nothing, EXPERIMENT_LOOKS.empty())
    assert looks(design(), ARMS, NO_STOPS, NO_CONTACTS, tables, DAY - A_DAY).empty


def test_controls_are_held_out_from_the_day_after_assignment_until_a_stop_or_a_decision():
    controls = set(ARMS.loc[ARMS["arm"] == "control", "id_student"])
    undecided = looks(design(), ARMS, NO_STOPS, NO_CONTACTS, outcomes(ARMS, first_passing(ARMS, 10, 10)), AAA_ENDS)
    assert held_out(design(), ARMS, NO_STOPS, undecided, DAY + A_DAY) == controls
    # the lists of the day of assignment are out: made again, they are the same
    assert held_out(design(), ARMS, NO_STOPS, undecided, DAY) == set()
    stopped = stop(date(2014, 6, 1))
    assert held_out(design(), ARMS, stopped, undecided, date(2014, 5, 31)) == controls
    assert held_out(design(), ARMS, stopped, undecided, date(2014, 6, 1)) == set()
    decided = looks(design(), ARMS, NO_STOPS, NO_CONTACTS, outcomes(ARMS, first_passing(ARMS, 17, 8)), AFTER_ALL)
    assert decided["verdict"].tolist() == ["effect"]
    assert held_out(design(), ARMS, NO_STOPS, decided, BBB_ENDS) == controls
    assert held_out(design(), ARMS, NO_STOPS, decided, BBB_ENDS + A_DAY) == set()
    assert taking_part(design(), ARMS, NO_STOPS, undecided, DAY) == set(range(120))


def test_experiments_do_not_disturb_each_other():
    tables = outcomes(ARMS, first_passing(ARMS, 12, 9))
    alone = looks(design(), ARMS, NO_STOPS, NO_CONTACTS, tables, AFTER_ALL)
    second = design(experiment_id="letters", n_looks=2)
    both = looks(
        pd.concat([second, design()]),
        pd.concat([arms(60, "letters"), ARMS]),
        stop(AAA_ENDS, "letters"),
        NO_CONTACTS,
        tables,
        AFTER_ALL,
    )
    assert both["verdict"].tolist() == ["no effect shown", "stopped"]
    pd.testing.assert_frame_equal(both.iloc[:1], alone)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(-5, 220), st.sampled_from(["passed", "retained"]))
def test_a_look_uses_nothing_dated_that_day_or_later_and_no_order_of_rows(seed, days, outcome):
    """What becomes known on the day of the look or later is changed at will: the look stays as it is."""
    rng = np.random.default_rng(seed)
    as_of = DAY + timedelta(days=days)
    planned = design(outcome=outcome, horizon_days=40 if outcome == "retained" else None)
    tables = outcomes(ARMS, rng.random(120) < 0.5)
    registrations = tables["student_registration"]
    left = np.where(rng.random(120) < 0.4, rng.integers(110, 240, 120), np.nan)
    tables["student_registration"] = registrations.assign(date_unregistration=left)
    contacted = sorted({(int(who), int(month)) for who, month in rng.integers([0, 5], [120, 12], (60, 2))})
    made = contacts(*((who, f"2014-{month:02d}-15", "reached") for who, month in contacted))
    told = looks(planned, ARMS, NO_STOPS, made, tables, as_of)

    today = pd.Timestamp(as_of)
    ends = {"AAA": AAA_ENDS, "BBB": BBB_ENDS, "CCC": CCC_ENDS}
    is_open = tables["student_info"]["code_module"].map(ends).ge(as_of)
    offset = (as_of - date(2014, 2, 1)).days
    blind = {
        "courses": tables["courses"].sample(frac=1, random_state=seed),
        "student_info": tables["student_info"]
        .assign(final_result=tables["student_info"]["final_result"].mask(is_open))
        .sample(frac=1, random_state=seed),
        "student_registration": tables["student_registration"]
        .assign(date_unregistration=np.where(left < offset, left, np.nan))
        .sample(frac=1, random_state=seed),
    }
    before = made[made["contacted_on"] < today].sample(frac=1, random_state=seed)
    drawn = ARMS.sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(looks(planned, drawn, NO_STOPS, before, blind, as_of), told)
