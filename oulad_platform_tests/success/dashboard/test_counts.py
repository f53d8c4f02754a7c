"""Counts behind the page: who is reached, contacts by week, calibration in bins that may be shown."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from oulad_platform.core.outreach import INTERVENTIONS
from oulad_platform.core.privacy import TOTAL, Disclosure
from oulad_platform.success.caseload.tables import CASELOAD_DAILY
from oulad_platform.success.dashboard.alerts import measured
from oulad_platform.success.dashboard.counts import coarser, contact_counts, course_counts
from oulad_platform.success.dashboard.tables import REACH, reach
from oulad_platform.success.dashboard.views import HIDDEN, share
from oulad_platform_tests.success.dashboard import figures
from oulad_platform_tests.success.dashboard.figures import DAY, TODAY

RULE, HESA = Disclosure(), Disclosure(rounding="hesa")
NO_PROGRAMS = pd.Series([], dtype="int64")


def risk(flags: dict[int, bool], module: str = "AAA", day: pd.Timestamp = TODAY) -> pd.DataFrame:
    """The columns of STUDENT_RISK_DAILY that are counted."""
    frame = pd.DataFrame({"id_student": list(flags), "high_risk_flag": list(flags.values())})
    return frame.assign(run_date=day, code_module=module, code_presentation="2026J")


def contacts(*rows: tuple[int, int, str]) -> pd.DataFrame:
    """INTERVENTIONS from student, days ago and outcome."""
    frame = pd.DataFrame(rows, columns=["id_student", "ago", "outcome"])
    frame["contacted_on"] = TODAY - pd.to_timedelta(frame.pop("ago"), unit="D")
    return INTERVENTIONS.conform(frame.assign(contact_id=[f"c{n}" for n in range(len(frame))], adviser="Ms Hall", channel="call"))


def on_list(*students: int) -> pd.DataFrame:
    frame = pd.DataFrame({"id_student": list(students)}).assign(caseload_date=TODAY, code_module="AAA", code_presentation="2026J")
    return frame[["caseload_date", "id_student", "code_module", "code_presentation"]]


def test_reached_once_is_reached_whatever_came_before_or_after() -> None:
    known = contacts((1, 3, "reached"), (1, 1, "not reached"), (2, 5, "declined"), (3, 40, "reached"), (5, 2, "reached"))
    scored = risk({1: True, 2: True, 3: True, 4: True, 5: False})
    counted = reach(scored, on_list(1, 4, 5), known, listed_days=[DAY])
    assert counted.drop(columns="run_date").to_dict("records") == [
        {"code_module": "AAA", "code_presentation": "2026J", "n_high_risk": 4, "n_reached": 1, "n_attempted": 1, "n_listed": 3}
    ]


def test_only_the_newest_scored_day_counts_and_a_later_contact_does_not() -> None:
    older = risk({1: True, 2: True}, day=TODAY - pd.Timedelta(days=1))
    counted = reach(pd.concat([older, risk({1: True})]), on_list(), contacts((1, -1, "reached")), listed_days=[DAY])
    assert counted[["n_high_risk", "n_reached", "n_listed"]].to_numpy().tolist() == [[1, 0, 0]]


def test_a_day_without_a_list_is_unknown_and_nobody_scored_is_no_row() -> None:
    counted = reach(risk({1: True}), CASELOAD_DAILY.empty(), INTERVENTIONS.empty(), listed_days=[])
    assert counted["n_listed"].isna().all()
    assert reach(risk({}), CASELOAD_DAILY.empty(), INTERVENTIONS.empty(), listed_days=[DAY]).empty


def test_contacts_are_counted_by_week_with_few_of_an_outcome_hidden() -> None:
    """Three declined in the week to 16 November: hidden, with enough beside it that no sum gives it back."""
    rows = [(1, 28, "reached")]
    for ago, n_declined in ((2, 12), (9, 3), (16, 14), (23, 16)):
        rows += [(1, ago, "reached")] * 40 + [(1, ago, "not reached")] * 25 + [(1, ago, "declined")] * n_declined
    counted = contact_counts(contacts(*rows), TODAY, RULE)
    assert counted.index[:-1].tolist() == list(pd.date_range(end=TODAY, periods=4, freq="7D"))
    assert counted["contacts"].tolist() == [81, 79, 68, 77, 305]
    assert counted["reached"].tolist() == [40, 40, 40, 40, 160]
    assert counted["declined"].fillna(-1).tolist() == [16, 14, -1, -1, 45]
    assert counted["not reached"].fillna(-1).tolist() == [25, 25, -1, -1, 100]


def test_reach_of_another_day_or_of_other_counts_is_not_used() -> None:
    summary = figures.course_summary(n_days=1)
    same = figures.reach(summary)
    yesterday = REACH.conform(same.assign(run_date=same["run_date"] - pd.Timedelta(days=1)))
    assert "reached" in course_counts(summary, same, NO_PROGRAMS, RULE).courses
    assert "reached" not in course_counts(summary, yesterday, NO_PROGRAMS, RULE).courses
    assert "reached" not in course_counts(summary, same.assign(n_high_risk=same["n_high_risk"] + 1), NO_PROGRAMS, RULE).courses
    unlisted = same.assign(n_listed=pd.array([pd.NA] * len(same), dtype="Int32"))
    counted = course_counts(summary, unlisted, NO_PROGRAMS, RULE).courses
    assert "reached" in counted
    assert "listed" not in counted


def test_the_totals_are_those_of_all_courses() -> None:
    summary = figures.course_summary(n_days=1)
    counted = course_counts(summary, figures.reach(summary), NO_PROGRAMS, RULE).courses
    assert counted.loc[TOTAL, "scored"] == summary["student_count"].sum()
    assert counted.loc[TOTAL, "high"] == summary["n_high_risk"].sum()


def test_bins_with_few_outcomes_are_joined_with_their_neighbours() -> None:
    joined = coarser(figures.curve(), RULE)
    assert len(joined) == 9
    assert joined.loc[0, "n_students"] == 640
    assert joined.loc[0, "n_observed"] == 7 + 27
    assert np.isclose(joined.loc[0, "mean_risk"], 0.1)
    assert joined["n_students"].sum() == 3200
    assert np.minimum(joined["n_observed"], joined["n_students"] - joined["n_observed"]).min() >= 10


def test_a_curve_of_few_students_gives_no_point() -> None:
    assert coarser(figures.curve(n=1), RULE).empty
    assert coarser(figures.curve().head(0), RULE).empty


def test_an_earlier_days_count_is_not_shown_beside_todays() -> None:
    total = SimpleNamespace(alert_type="anomaly", scope="total", observed_value=651.0, limit_value=float("nan"), n_students=pd.NA)
    assert measured(total, set(), RULE) == HIDDEN
    assert measured(total, set(), HESA) == "650"
    assert measured(SimpleNamespace(**{**vars(total), "limit_value": 597.2}), set(), HESA) == "650 (595)"


def test_rounded_counts_are_all_told_and_their_totals_are_rounded_from_the_true_ones() -> None:
    summary = figures.course_summary(small=7, n_days=1)
    summary = summary[summary["code_presentation"] == "2026K"]
    programs = pd.Series([7, 7, 101], index=["GGG", "HHH", "AAA"])
    counted = course_counts(summary, figures.reach(summary), programs, HESA)
    assert counted.courses.loc[[("GGG", "2026K")], ["scored", "high", "reached"]].to_numpy().tolist() == [[5, 5, 0]]
    assert counted.courses.loc[TOTAL, "scored"] == round(summary["student_count"].sum() / 5) * 5
    assert counted.programs.to_dict() == {"GGG": 5, "HHH": 5, "AAA": 100, TOTAL: 115}
    assert not counted.courses.isna().to_numpy().any()
    weeks = contact_counts(contacts(*[(1, 2, "reached")] * 13, (2, 2, "declined")), TODAY, HESA)
    assert weeks.loc[TODAY].tolist() == [15, 0, 0, 15]


def test_shares_are_told_of_rounded_counts_of_22_5_persons_or_more() -> None:
    assert [share(20, 20, HESA), share(20, 25, HESA), share(30, 25, HESA), share(0, 0, HESA)] == [HIDDEN, "80 %", "100 %", HIDDEN]
    assert [share(10, 20, RULE), share(0, 0, RULE)] == ["50 %", HIDDEN]
    assert coarser(figures.curve(n=2), HESA)["n_students"].tolist() == []
    assert coarser(figures.curve(n=4), HESA)["n_students"].tolist() == [40]
