"""Who is on whose list: rules by example, and what holds for every list."""

from __future__ import annotations

import random
import time
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from oulad_platform.core.checks import check_frame
from oulad_platform.core.outreach import CHANNELS, OUTCOMES
from oulad_platform.success.caseload.ranking import CaseloadRules, caseload, shares
from oulad_platform.success.caseload.tables import CASELOAD_DAILY
from oulad_platform_tests.success.caseload.lists import DAY, THRESHOLD, advisers, contacts, contacts_by, risks

NOBODY = contacts()
NO_ADVISERS = advisers()
RULES = CaseloadRules()


def listed(
    risk: pd.DataFrame,
    who: pd.DataFrame = NO_ADVISERS,
    made: pd.DataFrame = NOBODY,
    held_out: tuple[int, ...] = (),
    rules: CaseloadRules = RULES,
) -> pd.DataFrame:
    made = caseload(risk, who, made, held_out, DAY, rules)
    assert check_frame(made, CASELOAD_DAILY) == []
    return made.sort_values(["adviser", "position"], ignore_index=True)


def students(frame: pd.DataFrame) -> list[int]:
    return frame["id_student"].tolist()


def test_without_advisers_one_team_contacts_the_highest_risks_of_all_modules_in_their_order() -> None:
    made = listed(risks((1, "AAA", 0.6), (2, "BBB", 0.9), (3, "AAA", 0.4), (4, "AAA", 0.9), (5, "BBB", 0.8)))
    assert made[["adviser", "position", "id_student"]].to_numpy().tolist() == [
        ["student support", 1, 2],
        ["student support", 2, 4],
        ["student support", 3, 5],
        ["student support", 4, 1],
    ]


def test_a_risk_at_the_threshold_is_not_flagged_and_not_listed() -> None:
    assert students(listed(risks((1, "AAA", 0.5), (2, "AAA", 0.51)))) == [2]


def test_nobody_flagged_gives_an_empty_table() -> None:
    for risk in (risks(), risks((1, "AAA", 0.2))):
        pd.testing.assert_frame_equal(caseload(risk, NO_ADVISERS, NOBODY, (), DAY, RULES), CASELOAD_DAILY.empty())


def test_rows_of_another_day_are_refused() -> None:
    with pytest.raises(ValueError, match="risk has rows of other days than 2026-11-24; give the rows of that day"):
        caseload(risks((1, "AAA", 0.9)), NO_ADVISERS, NOBODY, (), date(2026, 11, 24), RULES)


@pytest.mark.parametrize(
    ("outcome", "ago", "is_listed"),
    [
        ("reached", 14, False),
        ("reached", 15, True),
        ("declined", 1, False),
        ("declined", 15, True),
        ("not reached", 1, True),
        ("reached", 0, True),
        ("reached", -1, True),
    ],
)
def test_who_was_reached_or_declined_rests_for_14_days_and_what_is_dated_today_is_not_known(
    outcome: str, ago: int, is_listed: bool
) -> None:
    made = listed(risks((1, "AAA", 0.9)), made=contacts((1, ago, outcome)))
    assert students(made) == [1] * is_listed
    if is_listed and ago > 0:
        assert made["last_contact"].iloc[0] == pd.Timestamp(DAY) - pd.Timedelta(days=ago)
    elif is_listed:
        assert made["last_contact"].isna().all()


def test_without_a_cool_down_who_was_reached_yesterday_is_listed_again() -> None:
    made = listed(risks((1, "AAA", 0.9)), made=contacts((1, 1, "reached")), rules=CaseloadRules(cooldown_days=0))
    assert students(made) == [1]


def test_an_attempt_after_the_cool_down_that_did_not_reach_does_not_hide_that_somebody_else_rests() -> None:
    made = contacts((1, 5, "reached"), (1, 2, "not reached"), (2, 30, "reached"), (2, 2, "not reached"))
    assert students(listed(risks((1, "AAA", 0.9), (2, "AAA", 0.8)), made=made)) == [2]


def test_the_controls_of_an_experiment_are_never_listed_whatever_their_module() -> None:
    assert students(listed(risks((1, "AAA", 0.9), (1, "BBB", 0.95), (2, "AAA", 0.8)), held_out=(1,))) == [2]


def test_a_student_of_several_modules_stands_once_with_the_highest_risk_and_the_others_named() -> None:
    made = listed(risks((1, "CCC", 0.7), (1, "AAA", 0.9), (1, "BBB", 0.8), (1, "DDD", 0.3), (2, "AAA", 0.6)))
    assert made[["id_student", "code_module", "risk_score"]].to_numpy().tolist() == [[1, "AAA", 0.9], [2, "AAA", 0.6]]
    assert made["other_modules"].fillna("-").tolist() == ["BBB, CCC", "-"]


def test_a_student_with_two_modules_belongs_to_the_adviser_of_the_riskier_one() -> None:
    who = advisers(("Ada", "AAA", 5), ("Bo", "BBB", 5))
    made = listed(risks((1, "AAA", 0.7), (1, "BBB", 0.8)), who)
    assert made[["adviser", "code_module", "other_modules"]].to_numpy().tolist() == [["Bo", "BBB", "AAA"]]


def test_modules_that_nobody_looks_after_go_to_the_team() -> None:
    made = listed(
        risks((1, "AAA", 0.7), (2, "BBB", 0.8), (3, "BBB", 0.9)), advisers(("Ada", "AAA", 5)), rules=CaseloadRules(capacity=1)
    )
    assert made[["adviser", "id_student"]].to_numpy().tolist() == [["Ada", 1], ["student support", 3]]


def test_a_short_capacity_is_shared_among_the_modules_and_the_list_stays_in_order_of_risk() -> None:
    many = [(n, "BBB", 0.9 - n / 1000) for n in range(1, 61)] + [(100 + n, "AAA", 0.6 - n / 1000) for n in range(2)]
    made = listed(risks(*many), advisers(("Ada", "all", 10)))
    assert students(made) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 100]


@pytest.mark.parametrize(
    ("counts", "capacity", "places"),
    [
        ({"AAA": 2, "BBB": 60, "CCC": 38}, 10, {"AAA": 1, "BBB": 6, "CCC": 3}),
        ({"AAA": 10, "BBB": 10}, 5, {"AAA": 3, "BBB": 2}),
        ({"AAA": 30, "BBB": 10, "CCC": 20}, 6, {"AAA": 3, "BBB": 1, "CCC": 2}),
        ({"AAA": 3, "BBB": 4}, 45, {"AAA": 3, "BBB": 4}),
        ({"AAA": 1, "BBB": 1, "CCC": 998}, 3, {"AAA": 1, "BBB": 1, "CCC": 1}),
        ({"AAA": 5, "BBB": 20, "CCC": 6}, 1, {"AAA": 0, "BBB": 1, "CCC": 0}),
        ({"AAA": 7}, 3, {"AAA": 3}),
    ],
)
def test_places_follow_the_number_of_students_by_largest_remainder(
    counts: dict[str, int], capacity: int, places: dict[str, int]
) -> None:
    assert shares(pd.Series(counts), capacity).to_dict() == places


@given(st.dictionaries(st.sampled_from("ABCDEFGH"), st.integers(1, 400), min_size=1), st.integers(1, 500))
def test_places_add_up_leave_no_module_out_and_exceed_no_modules_students(counts: dict[str, int], capacity: int) -> None:
    n = pd.Series(counts)
    places = shares(n, capacity)
    assert places.sum() == min(capacity, n.sum())
    assert (places <= n).all()
    assert (places >= min(capacity >= len(n), 1)).all()
    quota = n * min(capacity, n.sum()) / n.sum()
    if (quota >= 1).all():
        assert ((places - quota).abs() < 1).all()
    order = n.sort_values().index
    assert places[order].is_monotonic_increasing or n.duplicated().any()


ENROLMENTS = st.lists(
    st.tuples(
        st.integers(1, 25), st.sampled_from(["AAA", "BBB", "CCC"]), st.sampled_from([0.2, 0.5, 0.6, 0.7, 0.7001, 0.9, 1.0])
    ),
    max_size=50,
    unique_by=lambda row: row[:2],
)
ADVISERS = st.dictionaries(
    st.sampled_from(["Ada", "Bo", "Cy", "Di", "student support"]),
    st.tuples(st.sets(st.sampled_from(["AAA", "BBB", "all"]), min_size=1), st.integers(1, 8)),
)
MADE = st.lists(
    st.tuples(st.integers(1, 25), st.integers(-3, 40), st.sampled_from(OUTCOMES), st.sampled_from(CHANNELS)), max_size=25
)
BY_NAME = dict[str, tuple[set[str], int]]


def adviser_rows(who: BY_NAME, times: int = 1) -> list[tuple[str, str, int]]:
    return [(name, module, times * capacity) for name, (modules, capacity) in who.items() for module in sorted(modules)]


@pytest.mark.fault("property 17")
@given(ENROLMENTS, ADVISERS, MADE, st.sets(st.integers(1, 25), max_size=6), st.integers(1, 6), st.integers(0, 20), st.randoms())
@settings(max_examples=30, deadline=None)
def test_what_holds_for_every_list(
    rows: list[tuple[int, str, float]],
    who: BY_NAME,
    made: list[tuple[int, int, str, str]],
    held_out: set[int],
    capacity: int,
    cooldown: int,
    shuffled: random.Random,
) -> None:
    risk, known = risks(*rows), contacts_by(made)
    rules = CaseloadRules(capacity=capacity, cooldown_days=cooldown)
    got = listed(risk, advisers(*adviser_rows(who)), known, tuple(held_out), rules)

    seen = known[(known["contacted_on"] < pd.Timestamp(DAY)) & (known["outcome"] != "not reached")]
    resting = set(seen.loc[seen["contacted_on"] >= pd.Timestamp(DAY) - pd.Timedelta(days=cooldown), "id_student"])
    eligible = {student for student, _, score in rows if score > THRESHOLD} - resting - held_out

    assert got["id_student"].is_unique
    assert set(got["id_student"]) <= eligible
    capacities = {"student support": capacity} | {name: places for name, (_, places) in who.items()}
    for adviser, own in got.groupby("adviser"):
        assert len(own) <= capacities[adviser]
        assert own["position"].tolist() == list(range(1, len(own) + 1))
        assert own["risk_score"].is_monotonic_decreasing
        modules = who.get(adviser, (set(), 0))[0]
        covered = {module for looked_after, _ in who.values() for module in looked_after}
        for module in own["code_module"]:
            assert {module, "all"} & modules or (adviser == "student support" and not {module, "all"} & covered)

    # a thousand times the room keeps everybody's adviser, and lists everybody
    roomy = CaseloadRules(capacity=1000 * capacity, cooldown_days=cooldown)
    everyone = caseload(risk, advisers(*adviser_rows(who, 1000)), known, held_out, DAY, roomy).sort_values("position")
    assert set(everyone["id_student"]) == eligible
    for adviser, all_own in everyone.groupby("adviser"):
        own = got[got["adviser"] == adviser]
        assert len(own) == min(capacities[adviser], len(all_own))
        modules = all_own["code_module"].unique()
        if capacities[adviser] >= len(modules):
            assert set(own["code_module"]) == set(modules)
        for module in modules:
            ranked = all_own[all_own["code_module"] == module].sort_values(["risk_score", "id_student"], ascending=[False, True])
            best = own.loc[own["code_module"] == module, "id_student"].tolist()
            assert best == ranked["id_student"].head(len(best)).tolist()

    def mixed(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.sample(frac=1, random_state=shuffled.randrange(1000))

    again = caseload(mixed(risk), mixed(advisers(*adviser_rows(who))), mixed(known), list(held_out), DAY, rules)
    pd.testing.assert_frame_equal(again, CASELOAD_DAILY.conform(got))
    past = known[known["contacted_on"] < pd.Timestamp(DAY)]
    pd.testing.assert_frame_equal(caseload(risk, advisers(*adviser_rows(who)), past, held_out, DAY, rules), again)


def owners(risk: pd.DataFrame, who: list[tuple[str, str, int]]) -> dict[int, str]:
    made = listed(risk, advisers(*who))
    return dict(zip(made["id_student"], made["adviser"], strict=True))


MANY = risks(*[(n, "AAA", 0.6 + n / 10_000) for n in range(1, 2001)])
THREE = [("Ada", "AAA", 3000), ("Bo", "AAA", 3000), ("Cy", "all", 3000)]


def test_several_advisers_of_a_module_share_its_students_evenly() -> None:
    counts = pd.Series(owners(MANY, THREE)).value_counts()
    assert counts.sum() == 2000
    assert counts.between(610, 720).all()


def test_shares_of_students_follow_capacity() -> None:
    counts = pd.Series(owners(MANY, [("Ada", "AAA", 9000), ("Bo", "AAA", 3000)])).value_counts()
    assert 1440 < counts["Ada"] < 1560


def test_a_student_keeps_the_adviser_whoever_else_is_at_risk_and_an_adviser_who_joins_takes_only_for_themselves() -> None:
    before = owners(MANY, THREE)
    fewer = owners(MANY[MANY["id_student"] % 3 == 0], THREE)
    assert fewer == {student: before[student] for student in fewer}
    joined = owners(MANY, [*THREE, ("Di", "AAA", 3000)])
    assert {adviser for student, adviser in joined.items() if before[student] != adviser} == {"Di"}
    left = owners(MANY, THREE[:2])
    assert all(left[student] == adviser for student, adviser in before.items() if adviser != "Cy")


@pytest.mark.parametrize(
    ("reached_by", "tried_by"), [("call", "message"), ("message", "call"), ("e-mail", "call"), ("call", "e-mail")]
)
def test_the_last_contact_is_the_newest_and_of_one_day_the_one_that_came_to_something(reached_by: str, tried_by: str) -> None:
    made = contacts_by([(1, 20, "reached", reached_by), (1, 30, "not reached", "call"), (1, 20, "not reached", tried_by)])
    row = listed(risks((1, "AAA", 0.9)), made=made).iloc[0]
    assert row["last_contact"] == pd.Timestamp(2026, 11, 3)
    assert row["suggested_action"].startswith(f"Follow up on the {reached_by} of 3 November")


@pytest.mark.fault("H7")
def test_26000_rows_are_listed_in_well_under_a_second() -> None:
    rng = np.random.default_rng(1)
    n = 26_000
    modules = rng.choice(["AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG"], n)
    risk = risks(*zip(rng.permutation(n), modules, rng.random(n), strict=True))
    made = contacts_by([(int(student), int(ago), "reached", "call") for student, ago in enumerate(rng.integers(1, 60, 6000))])
    who = advisers(*[(f"adviser {k}", module, 45) for k, module in enumerate(["AAA", "BBB", "CCC", "all", "all", "GGG"])])
    begun = time.perf_counter()
    got = caseload(risk, who, made, range(500), DAY, RULES)
    assert time.perf_counter() - begun < 1
    assert len(got) == 6 * 45


@pytest.mark.parametrize("wrong", [{"capacity": 0}, {"cooldown_days": -1}, {"cool_down": 3}])
def test_rules_refuse_nonsense(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        CaseloadRules(**wrong)
