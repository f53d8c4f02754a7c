"""Tests of success.registry.decisions: what a person may decide, what is refused with its next step, and what is listed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from oulad_platform.core.checks import check_frame
from oulad_platform.success.model_tables import MODEL_CHAMPIONS, MODEL_DECISIONS, MODEL_REGISTRY
from oulad_platform.success.registry.champions import DecisionError
from oulad_platform.success.registry.decisions import decide, in_charge, models_listed

TODAY = date(2014, 9, 1)
AT = datetime(2014, 9, 1, 9, 30, tzinfo=UTC)


def registry():
    """2013B in charge until 2013J passed; 2014B failed the fairness gate and comes on 2014-10-01."""
    given = {
        "model_version": ["2013B", "2013J", "2013J-logistic", "2014B"],
        "status": ["retired", "champion", "candidate", "candidate"],
        "learner": ["gradient_boosting", "gradient_boosting", "logistic", "gradient_boosting"],
        "trained_from": [date(2013, 9, 30), date(2014, 6, 27), date(2014, 6, 27), date(2014, 10, 1)],
        "presentations": ["2013B", "2013B,2013J", "2013B,2013J", "2013B,2013J,2014B"],
        "champion_version": ["rule", "2013B", "2013B", "2013J"],
        "auc_difference": [0.161, 0.0192, 0.01, np.nan],
        "difference_low": [0.152, 0.0154, 0.006, np.nan],
        "difference_high": [0.17, 0.0229, 0.014, np.nan],
        "ece": [0.023, 0.015, 0.02, np.nan],
        "largest_module_gap": [0.004, 0.029, 0.01, np.nan],
        "gates_failed": ["", "", "", "difference,fairness"],
        "champion_from": [date(2013, 9, 30), date(2014, 6, 27), None, None],
    }
    same = {"backend": "sklearn", "n_rows": 10, "n_enrolments": 5, "base_rate": 0.4, "seed": 7, "data_sha256": "ab"}
    return MODEL_REGISTRY.conform(pd.DataFrame(given).assign(**same, decided_by="gates", reason="All gates hold."))


def decided(decision="promote", version="2013J-logistic", day=TODAY, by="A. Dean", reason="Simpler to explain", **more):
    options = {"at": AT, "today": TODAY, "decisions": MODEL_DECISIONS.empty()} | more
    taken = options.pop("decisions")
    return decide(registry(), taken, decision, version, day, by, reason, **options)


def test_a_decision_is_one_row_of_its_table_in_utc():
    row = decided(at=datetime(2014, 9, 1, 11, 30, tzinfo=timezone(timedelta(hours=2))), by="  A.\n Dean ")
    assert check_frame(row, MODEL_DECISIONS) == []
    assert row.iloc[0].tolist() == [
        pd.Timestamp("2014-09-01 09:30"),
        "promote",
        "2013J-logistic",
        pd.Timestamp("2014-09-01"),
        "A. Dean",
        "Simpler to explain",
    ]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"decision": "delete"}, "decision 'delete' is not one of promote, rollback"),
        ({"version": "2019J"}, r"version '2019J' is not trained \(trained: 2013B, 2013J, 2013J-logistic, 2014B\); materialize"),
        ({"version": "rule"}, "version 'rule' is not trained"),
        ({"version": "2014B"}, "2014B may not score before 2014-10-01: .* give 2014-10-01 or a later day"),
        ({"day": date(2014, 8, 31)}, "2014-08-31 has passed, and its scores stay as they were; give 2014-09-01 or a later day"),
        ({"version": "2013J"}, "version 2013J is in charge on 2014-09-01 already; nothing to decide"),
        (
            {"decision": "rollback", "version": "2013B"},
            "2013B is not in charge on 2014-09-01, 2013J is; give the version that is",
        ),
        ({"by": " \t"}, "a decision needs the name of the person who decides; give one"),
        ({"by": "Gates"}, "'Gates' is not a person; give the name"),
        ({"by": "x" * 101}, "the name has 101 letters; give at most 100"),
        ({"reason": ""}, "a decision needs the reason of the person who decides; give one"),
        ({"at": datetime(2014, 9, 1)}, "has no time zone"),  # noqa: DTZ001
    ],
)
def test_what_cannot_be_followed_is_refused_with_the_next_step(given, words):
    with pytest.raises(DecisionError, match=words):
        decided(**given)


def test_two_decisions_at_one_time_are_refused():
    with pytest.raises(DecisionError, match="another decision was taken at 2014-09-01 09:30:00 UTC"):
        decided("rollback", "2013J-logistic", decisions=decided())


def test_a_decision_sees_those_taken_before_it_though_the_registry_does_not_know_them_yet():
    promoted = decided()
    later = AT + timedelta(minutes=1)
    with pytest.raises(DecisionError, match="2013J-logistic is in charge on 2014-09-01 already"):
        decided(decisions=promoted, at=later)
    rolled_back = decided("rollback", "2013J-logistic", decisions=promoted, at=later)
    both = pd.concat([promoted, rolled_back], ignore_index=True)
    assert decided("rollback", "2013J", decisions=both, at=later + timedelta(minutes=1))["model_version"].tolist() == ["2013J"]


def test_a_version_may_be_promoted_ahead_from_a_day_on_which_it_may_score():
    assert decided(version="2014B", day=date(2014, 10, 1))["effective_from"].tolist() == [pd.Timestamp("2014-10-01")]


def test_the_list_shows_the_newest_version_first_in_words():
    shown = models_listed(registry())
    assert shown["Version"].tolist() == ["2014B", "2013J", "2013J-logistic", "2013B"]
    assert shown.iloc[1].drop("Why").to_dict() == {
        "Version": "2013J",
        "Status": "champion",
        "In charge from": "2014-06-27",
        "Learner": "gradient boosting",
        "Usable from": "2014-06-27",
        "Learnt from": "2013B, 2013J",
        "AUC against": "+0.019 (+0.015 to +0.023) 2013B",
        "ECE": "0.015",
        "Module gap": "0.029",
        "Gates failed": "none",
        "Decided by": "gates",
    }
    assert shown.iloc[0][["AUC against", "ECE", "In charge from", "Gates failed"]].tolist() == [
        "– 2013J",
        "–",
        "–",
        "difference, fairness",
    ]
    assert models_listed(MODEL_REGISTRY.empty()).empty


def test_who_is_in_charge_is_told_with_what_is_decided_for_later():
    rows = [
        (date(2013, 9, 30), "2013B", "gates", "All gates hold."),
        (date(2014, 9, 15), "rule", "A. Dean", "2013B was rolled back: why not"),
    ]
    champions = MODEL_CHAMPIONS.conform(pd.DataFrame(rows, columns=MODEL_CHAMPIONS.names))
    assert in_charge(champions, TODAY) == (
        "In charge on 2014-09-01: 2013B, since 2013-09-30, decided by gates. From 2014-09-15: the rule, decided by A. Dean."
    )
    assert in_charge(MODEL_CHAMPIONS.empty(), TODAY) == "In charge on 2014-09-01: the rule."
