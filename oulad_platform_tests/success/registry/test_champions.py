"""Tests of success.registry.champions: who is in charge when, by the gates and by persons, and that the past stays as it was."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import check_frame
from oulad_platform.success.model_tables import MODEL_CHAMPIONS, MODEL_DECISIONS, MODEL_REGISTRY
from oulad_platform.success.oversight.tables import MODEL_FAIRNESS
from oulad_platform.success.registry.champions import DecisionError, champion_on, model_registry
from oulad_platform.success.registry.gates import CalibrationCheck, Judgement

TRAINED = {
    "2013B": date(2013, 9, 30),
    "2013J": date(2014, 6, 27),
    "2013J-logistic": date(2014, 6, 27),
    "2014B": date(2014, 10, 1),
    "2014J": date(2015, 6, 27),
}
MODELS = {
    name: SimpleNamespace(
        version=name,
        learner=SimpleNamespace(backend="sklearn", kind="logistic" if "-" in name else "gradient_boosting"),
        trained_from=day,
        presentations=("2013B",) if name == "2013B" else ("2013B", name[:5]),
        n_rows=500,
        n_enrolments=50,
        base_rate=0.4,
        seed=7,
        data_sha256="ab" * 32,
    )
    for name, day in TRAINED.items()
}
LATER = date(2030, 1, 1)


def held_out():
    """Of each version 40 enrolments of its newest code, whose risks part the outcomes better than chance."""
    risk = np.concatenate([np.linspace(0.1, 0.6, 20), np.linspace(0.4, 0.9, 20)])
    whose = pd.DataFrame({"id_student": range(40), "day": 14, "risk_score": risk, "label": np.repeat([0, 1], 20)})
    return pd.concat(
        [whose.assign(code_module="AAA", code_presentation=name[:5], model_version=name) for name in TRAINED], ignore_index=True
    )


def audits(unfair=(), known_from=date(2000, 1, 1)):
    """Of each version one group, women, whom those in `unfair` rank worse within modules."""
    harm = [name in unfair for name in TRAINED]
    given = {"model_version": list(TRAINED), "value": np.where(harm, 0.2, 0.01), "p_value_holm": np.where(harm, 0.001, 0.9)}
    same = {"evaluation": "held_out", "tested_cohort": "2013J", "day": 28, "attribute": "gender", "group_name": "F"}
    same |= {"reference_group": "everybody else", "measure": "abroca", "n_students": 60, "n_positive": 30}
    return MODEL_FAIRNESS.conform(
        pd.DataFrame(given).assign(**same, low=np.nan, high=np.nan, p_value=0.001, known_from=pd.Timestamp(known_from))
    )


def decisions(*rows):
    """Rows of decision, version, first day; taken one after the other."""
    taken = [
        (datetime(2020, 1, 1) + timedelta(hours=place), decision, version, day, "A. Dean", f"because {place}")  # noqa: DTZ001
        for place, (decision, version, day) in enumerate(rows)
    ]
    return MODEL_DECISIONS.conform(pd.DataFrame(taken, columns=MODEL_DECISIONS.names))


def made(*rows, unfair=(), today=LATER, taken=None, fairness=None, names=tuple(TRAINED), scores=None):
    return model_registry(
        {name: MODELS[name] for name in names},
        held_out(),
        audits(unfair) if fairness is None else fairness,
        decisions(*rows) if taken is None else taken,
        scores=scores or (lambda version, rows: np.full(len(rows), 0.5)),
        today=today,
    )


def line(champions):
    return [(str(row.champion_from.date()), row.model_version, row.decided_by) for row in champions.itertuples()]


def test_versions_that_pass_are_in_charge_from_the_day_they_may_score_and_the_rule_before():
    registry, champions = made()
    assert line(champions) == [
        ("2013-09-30", "2013B", "gates"),
        ("2014-06-27", "2013J", "gates"),
        ("2014-10-01", "2014B", "gates"),
        ("2015-06-27", "2014J", "gates"),
    ]
    assert champion_on(champions, date(2013, 9, 29)) == "rule"
    assert champion_on(champions, date(2013, 9, 30)) == "2013B"
    assert champion_on(champions, date(2014, 6, 26)) == "2013B"
    assert champion_on(MODEL_CHAMPIONS.empty(), date(2014, 1, 1)) == "rule"
    assert dict(zip(registry["model_version"], registry["champion_version"], strict=True)) == {
        "2013B": "rule",
        "2013J": "2013B",
        "2013J-logistic": "2013B",
        "2014B": "2013J",
        "2014J": "2014B",
    }


def test_both_tables_keep_their_contract():
    registry, champions = made(("rollback", "2014B", date(2014, 11, 1)))
    assert check_frame(registry, MODEL_REGISTRY) == []
    assert check_frame(champions, MODEL_CHAMPIONS) == []
    nothing, nobody = model_registry({}, held_out(), audits(), decisions(), scores=lambda *_: None, today=LATER)
    assert check_frame(nothing, MODEL_REGISTRY) == check_frame(nobody, MODEL_CHAMPIONS) == []


def test_the_status_is_that_of_today():
    def status(today):
        registry, _ = made(unfair=["2014B"], today=today)
        return dict(zip(registry["model_version"], registry["status"], strict=True))

    assert status(date(2014, 7, 1)) == {
        "2013B": "retired",
        "2013J": "champion",
        "2013J-logistic": "candidate",
        "2014B": "candidate",
        "2014J": "candidate",
    }
    assert [status(LATER)[name] for name in ("2013J", "2014B", "2014J")] == ["retired", "candidate", "champion"]


@pytest.mark.fault("D9")
def test_a_version_that_fails_a_gate_stays_a_candidate_and_the_next_is_compared_with_the_champion():
    registry, champions = made(unfair=["2013J", "2014B"])
    assert [version for _, version, _ in line(champions)] == ["2013B", "2014J"]
    rows = registry.set_index("model_version")
    assert rows.loc["2013J", "gates_failed"] == "fairness"
    assert "Not promoted by the gates: " in rows.loc["2013J", "reason"]
    assert "ABROCA 0.200" in rows.loc["2013J", "reason"]
    assert rows.loc["2014J", "champion_version"] == "2013B"


@pytest.mark.fault("D9")
def test_an_equally_good_version_does_not_replace_the_champion():
    same = held_out().query("model_version == '2013J'")["risk_score"].to_numpy()
    registry, champions = made(scores=lambda version, rows: same if version == "2013B" else np.full(len(rows), 0.5))
    assert registry.set_index("model_version").loc["2013J", ["auc_difference", "difference_low", "gates_failed"]].tolist() == [
        0,
        0,
        "difference",
    ]
    assert line(champions)[-1] == ("2013-09-30", "2013B", "gates")


def test_the_challenger_is_compared_but_waits_for_a_person():
    registry, champions = made(unfair=["2013J"], names=("2013B", "2013J", "2013J-logistic"))
    assert line(champions)[-1][1] == "2013B"
    row = registry.set_index("model_version").loc["2013J-logistic"]
    assert row["gates_failed"] == ""
    assert row["reason"].endswith("it is a standing challenger: a person may promote it.")
    _, champions = made(("promote", "2013J-logistic", date(2014, 7, 1)), names=("2013B", "2013J", "2013J-logistic"))
    assert line(champions)[-1] == ("2014-07-01", "2013J-logistic", "A. Dean")


def test_only_an_audit_known_when_the_version_was_trained_counts():
    registry, champions = made(fairness=audits(known_from=date(2014, 7, 1)))
    assert line(champions) == [("2014-10-01", "2014B", "gates"), ("2015-06-27", "2014J", "gates")]
    assert "no group of students could be audited" in registry.set_index("model_version").loc["2013J", "reason"]


def test_a_person_waives_a_gate_by_name_and_reason():
    registry, champions = made(("promote", "2013J", date(2014, 8, 1)), unfair=["2013J"], today=date(2014, 9, 1))
    assert line(champions)[1] == ("2014-08-01", "2013J", "A. Dean")
    assert champions["reason"][1] == "Promoted by a person, who waives the gates that do not hold (fairness): because 0"
    row = registry.set_index("model_version").loc["2013J"]
    assert (row["status"], row["decided_by"], str(row["champion_from"].date())) == ("champion", "A. Dean", "2014-08-01")
    assert row["reason"].endswith("Promoted from 2014-08-01 by A. Dean: because 0 Replaced from 2014-10-01 by 2014B (gates).")


def test_a_rollback_puts_the_champion_before_in_charge_until_a_newer_version_passes():
    registry, champions = made(("rollback", "2013J", date(2014, 8, 1)))
    assert line(champions) == [
        ("2013-09-30", "2013B", "gates"),
        ("2014-06-27", "2013J", "gates"),
        ("2014-08-01", "2013B", "A. Dean"),
        ("2014-10-01", "2014B", "gates"),
        ("2015-06-27", "2014J", "gates"),
    ]
    rows = registry.set_index("model_version")
    assert rows.loc["2014B", "champion_version"] == "2013B"
    assert rows.loc["2013J", "reason"].endswith("All gates hold. Rolled back from 2014-08-01 by A. Dean: because 0")
    assert champions["reason"][2] == "2013J was rolled back: because 0"


def test_two_rollbacks_go_back_two_steps_and_the_last_one_to_the_rule():
    day = date(2014, 8, 1)
    _, champions = made(("rollback", "2013J", day), ("rollback", "2013B", day), names=("2013B", "2013J"))
    assert champion_on(champions, day) == "rule"
    assert champion_on(champions, date(2014, 7, 31)) == "2013J"


def test_a_rollback_on_the_day_of_the_promotion_leaves_the_champion_as_it_was():
    registry, champions = made(("rollback", "2013J", TRAINED["2013J"]), names=("2013B", "2013J"))
    assert line(champions) == [("2013-09-30", "2013B", "gates")]
    assert registry.set_index("model_version").loc["2013J", "status"] == "candidate"


def test_a_retraining_that_makes_a_stored_decision_moot_stops_no_run():
    day = date(2014, 8, 1)
    _, champions = made(("rollback", "2013J", day), unfair=["2013J"], names=("2013B", "2013J"))
    assert line(champions) == [("2013-09-30", "2013B", "gates")]
    _, champions = made(("promote", "2013J", date(2014, 6, 1)), unfair=["2013J"], names=("2013B", "2013J"))
    assert line(champions)[-1] == ("2014-06-27", "2013J", "A. Dean")


def test_a_stored_decision_about_a_version_that_is_gone_stops_no_run_and_changes_nothing():
    _, champions = made(("promote", "2013J", LATER), names=("2013B",))
    assert champions["model_version"].tolist() == ["2013B"]


def test_what_a_person_rolled_back_does_not_return_when_another_version_is_rolled_back():
    three = ("2013B", "2013J", "2014B")
    for first in (date(2014, 8, 1), date(2014, 10, 20)):
        _, champions = made(("rollback", "2013J", first), ("rollback", "2014B", date(2014, 11, 1)), names=three)
        assert champions["model_version"].tolist()[-1] == "2013B"


@pytest.mark.parametrize(("column", "what"), [("decided_by", "name"), ("reason", "reason")])
def test_a_stored_decision_without_name_or_reason_is_refused(column, what):
    taken = decisions(("promote", "2013J", LATER)).assign(**{column: " "})
    with pytest.raises(DecisionError, match=f"a decision needs the {what} of the person who decides"):
        made(taken=taken)


ONE = st.tuples(
    st.sampled_from(["promote", "rollback"]),
    st.sampled_from(sorted(TRAINED)),
    st.integers(-200, 900).map(lambda days: date(2013, 9, 30) + timedelta(days=days)),
)
MANY = st.lists(ONE, max_size=7)
UNFAIR = st.sets(st.sampled_from(sorted(TRAINED)))
DAYS = sorted({date(2013, 3, 1) + timedelta(days=29 * place) for place in range(40)} | set(TRAINED.values()))


def in_charge_by_day(champions):
    return {day: champion_on(champions, day) for day in DAYS}


@pytest.fixture(scope="module")
def _quick_judge():
    """The gates' figures do not matter here, only whether they hold."""

    def judge(held_out, audit, before, champion, scores, seed):
        failed = {"fairness": "unfair"} if audit["value"].gt(0.1).any() else {}
        return Judgement(champion, ("2013J",), 40, 1, 0.1, 0.05, 0.15, CalibrationCheck(0.01, 0.01, "AAA", ()), failed)

    with mock.patch("oulad_platform.success.registry.champions.judge", judge):
        yield


@pytest.mark.usefixtures("_quick_judge")
@settings(max_examples=30, deadline=None)
@given(rows=MANY, unfair=UNFAIR)
def test_nobody_is_in_charge_before_its_outcomes_were_known(rows, unfair):
    _, champions = made(*rows, unfair=unfair)
    for day, version in in_charge_by_day(champions).items():
        assert version == "rule" or TRAINED[version] <= day


@pytest.mark.usefixtures("_quick_judge")
@settings(max_examples=30, deadline=None)
@given(rows=MANY, later=MANY, unfair=UNFAIR)
def test_a_decision_changes_no_day_before_it_holds(rows, later, unfair):
    _, before = made(*rows, unfair=unfair)
    _, after = made(*rows, *later, unfair=unfair)
    first = min((day for _, _, day in later), default=LATER)
    for day, version in in_charge_by_day(before).items():
        assert day >= first or champion_on(after, day) == version


@pytest.mark.usefixtures("_quick_judge")
@settings(max_examples=20, deadline=None)
@given(rows=MANY, unfair=UNFAIR, data=st.data())
def test_neither_the_order_of_decisions_in_the_frame_nor_a_rerun_matters(rows, unfair, data):
    taken = decisions(*rows)
    mixed = taken.iloc[data.draw(st.permutations(range(len(taken))))]
    for one, other in zip(made(taken=taken, unfair=unfair), made(taken=mixed, unfair=unfair), strict=True):
        pd.testing.assert_frame_equal(one, other)


@pytest.mark.usefixtures("_quick_judge")
@settings(max_examples=30, deadline=None)
@given(rows=MANY, unfair=UNFAIR)
def test_a_version_trained_later_changes_no_earlier_day(rows, unfair):
    rows = [row for row in rows if row[1] != "2014J"]
    fewer = tuple(name for name in TRAINED if name != "2014J")
    _, before = made(*rows, unfair=unfair, names=fewer)
    _, after = made(*rows, unfair=unfair)
    for day, version in in_charge_by_day(before).items():
        assert day >= TRAINED["2014J"] or champion_on(after, day) == version
