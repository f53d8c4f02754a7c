"""Tests of success.experiments.report: the design first, then what was found, in words that promise nothing."""

from __future__ import annotations

import pytest

from oulad_platform.success.experiments.analysis import looks
from oulad_platform.success.experiments.assignment import assign
from oulad_platform.success.experiments.report import ab_test_report, live_report
from oulad_platform.success.experiments.simulation import simulate
from oulad_platform.success.experiments.tables import (
    EXPERIMENT_ARMS,
    EXPERIMENT_ASSIGNMENTS,
    EXPERIMENT_DESIGNS,
    EXPERIMENT_LOOKS,
)
from oulad_platform_tests.success.experiments.trials import (
    AAA_ENDS,
    AFTER_ALL,
    BBB_ENDS,
    NO_CONTACTS,
    NO_STOPS,
    arms,
    contacts,
    design,
    first_passing,
    outcomes,
    reference,
    risk,
    stop,
)

ARMS = arms()


def test_the_report_calls_a_simulation_a_simulation_and_gives_power_before_results():
    assignments = assign(risk(400), "trial", 400, seed=7)
    report = ab_test_report(simulate(assignments, reference(2000), seed=7), assignments)
    assert report.startswith(
        "# A/B test: offline simulation\n\nThis is a **simulation, not causal proof**: no student was contacted."
    )
    assert report.index("## Power") < report.index("students needed per arm") < report.index("## Scenarios")
    assert "200 students in the control arm and 200 in the treatment arm" in report
    assert report.count("under-powered |\n") == 3


def test_where_cells_are_small_the_report_names_fishers_test():
    assignments = assign(risk(8), "trial", 8, seed=7)
    assert ab_test_report(simulate(assignments, reference(100), seed=7), assignments).count("(Fisher)") == 3


def test_without_closed_cohorts_or_students_the_report_says_why_there_is_no_result():
    assignments = assign(risk(10), "trial", 10, seed=7)
    results = simulate(assignments, reference(0), seed=7)
    assert "No result: no closed cohort has comparable scores" in ab_test_report(results, assignments)
    assert "nobody was assigned" in ab_test_report(results, EXPERIMENT_ASSIGNMENTS.empty())


def test_one_student_finds_no_effect_however_large():
    assignments = assign(risk(1), "trial", 1, seed=7)
    report = ab_test_report(simulate(assignments, reference(100), seed=7), assignments)
    assert "No effect, however large, would be found" in report
    assert "nan" not in report


def told(treatment=10, control=10, as_of=AFTER_ALL, stops=NO_STOPS, interventions=NO_CONTACTS, **changed):
    planned = design(**changed)
    tables = outcomes(ARMS, first_passing(ARMS, treatment, control))
    return live_report(planned, looks(planned, ARMS, stops, interventions, tables, as_of), ARMS)


def test_no_experiment_is_said_with_the_next_step():
    report = live_report(EXPERIMENT_DESIGNS.empty(), EXPERIMENT_LOOKS.empty(), EXPERIMENT_ARMS.empty())
    assert report == "# Live experiments\n\nNo live experiment has been registered yet. `oulad experiment start` registers one.\n"


def test_an_experiment_just_registered_shows_its_design():
    report = live_report(design(hypothesis="a *call* helps"), EXPERIMENT_LOOKS.empty(), ARMS)
    assert "- Hypothesis: a \\*call\\* helps\n- Registered 2014-05-20 09:30 UTC by Ada; assigned on 2014-05-20.\n" in report
    assert "all students of all modules: 60 in the treatment arm, 60 in the control arm, in 3 strata" in report
    assert "It has not been looked at yet." in report


def test_the_last_look_is_told_with_counts_interval_bound_and_the_design_before_it():
    report = told(12, 10)
    assert report.index("Hypothesis") < report.index("Power: with 80 % power it finds an effect of") < report.index("As of")
    assert "**No effect shown.** The arms could have found an effect of 24.7 points" in report
    assert "Look 3 of 3, on 2014-09-30:" in report
    assert "| 30 of 60 | 36 of 60 | +10.0 |" in report
    assert "| 1.10 | 1.99 | 0.2709 |" in report


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({"as_of": AAA_ENDS}, "**Waiting for outcomes.**"),
        ({"as_of": BBB_ENDS}, "**No decision yet.**"),
        ({"treatment": 18, "control": 4}, "**Effect.** More of the treatment arm succeeded"),
        ({"treatment": 2, "control": 18}, "**Harm.** Fewer of the treatment arm succeeded"),
        ({"n_students": 4}, "could not have found the registered effect of any number of points"),
        ({"stops": stop(AAA_ENDS)}, "**Stopped.** A person ended it"),
        ({"outcome": "retained", "horizon_days": 30}, "- Outcome: retained 30 days after assignment."),
    ],
)
def test_every_verdict_has_its_words(changed, verdict):
    report = told(**changed)
    assert verdict in report
    assert "nan" not in report.lower().replace("guardrail", "")


def test_contacts_of_controls_and_a_broken_guardrail_are_pointed_out():
    report = told(2, 18, interventions=contacts((0, "2014-06-01", "reached"), (3, "2014-06-01", "reached")))
    assert "Exposure: 1.7 % of the treatment arm and 1.7 % of the control arm were contacted; contacts of controls make" in report
    assert "Guardrail: **broken**: treatment does worse than allowed" in report
