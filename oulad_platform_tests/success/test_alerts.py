"""Tests of success.alerts: what fires, what does not, and that doing it again changes nothing."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import check_frame
from oulad_platform.core.privacy import Disclosure
from oulad_platform.success.alerts import drift_alerts, risk_alerts
from oulad_platform.success.oversight.tables import MODEL_DRIFT
from oulad_platform.success.tables import COURSE_SUMMARY_DAILY, RISK_ALERTS

DAY = date(2014, 5, 20)
UNKNOWN = float("nan")
TEN, HESA = Disclosure(), Disclosure(rounding="hesa")


def course(
    module: str, n: int = 100, flagged: int = 0, compared: int = 0, now: float = UNKNOWN, before: float = UNKNOWN, day: date = DAY
) -> dict:
    """A row of COURSE_SUMMARY_DAILY, as its columns."""
    return {
        "run_date": pd.Timestamp(day),
        "code_module": module,
        "code_presentation": "2014B",
        "week": 15,
        "student_count": n,
        "avg_risk_score": 0.5,
        "n_high_risk": flagged,
        "high_risk_rate": flagged / n,
        "n_compared": compared,
        "compared_risk": now,
        "compared_risk_7d_ago": before,
        "high_risk_rate_change_7d": UNKNOWN,
        "model_version": "2013J",
    }


def alerts(*rows: dict, share_limit: float = 0.6, spike_limit: float = 0.1, rule: Disclosure = TEN) -> pd.DataFrame:
    frame = COURSE_SUMMARY_DAILY.conform(pd.DataFrame(rows, columns=COURSE_SUMMARY_DAILY.names))
    return risk_alerts(frame, [DAY], share_limit=share_limit, spike_limit=spike_limit, rule=rule)


def test_a_share_above_its_limit_alerts_for_the_course_and_for_all():
    found = alerts(course("AAA", flagged=70), course("BBB", flagged=55))
    assert found["alert_id"].tolist() == ["threshold_AAA-2014B_2014-05-20", "threshold_all_2014-05-20"]
    assert found["observed_value"].tolist() == [0.7, 0.625]
    assert found["n_students"].tolist() == [100, 200]
    assert found["message"].tolist() == [
        "AAA-2014B: 70 of 100 enrolments (70.0%) are at high risk on 2014-05-20, above the limit of 60.0%.",
        "All courses: 125 of 200 enrolments (62.5%) are at high risk on 2014-05-20, above the limit of 60.0%.",
    ]


@pytest.mark.parametrize(("n", "flagged", "scopes"), [(19, 19, []), (20, 20, ["AAA-2014B", "all"])])
def test_a_share_of_fewer_than_twenty_does_not_alert(n, flagged, scopes):
    assert alerts(course("AAA", n=n, flagged=flagged))["scope"].tolist() == scopes


@pytest.mark.parametrize(("flagged", "limit", "is_told"), [(90, 0.6, True), (91, 0.6, False), (10, 0.05, True), (9, 0.05, False)])
def test_where_fewer_than_ten_are_at_high_risk_or_are_not_the_alert_gives_no_figure(flagged, limit, is_told):
    found = alerts(course("AAA", flagged=flagged), share_limit=limit).iloc[0]
    assert (f"{flagged} of 100" in found["message"], found["observed_value"] == flagged / 100) == (is_told, is_told)
    if not is_told:
        assert found["message"] == (
            f"AAA-2014B: more than the limit of {limit:.1%} of the enrolments are at high risk on 2014-05-20; "
            "no figures, since they would tell of fewer than 10 persons."
        )


def test_under_which_number_no_share_is_given_is_the_institution_s():
    told = alerts(course("AAA", flagged=90), rule=Disclosure(below=11))["message"].iloc[0]
    assert told.endswith("no figures, since they would tell of fewer than 11 persons.")


def test_rounded_counts_are_told_rounded_with_the_share_of_the_rounded_ones_and_the_true_severity():
    found = alerts(course("AAA", n=101, flagged=81), course("BBB", n=22, flagged=22), rule=HESA).set_index("scope")
    assert found["message"].tolist() == [
        "AAA-2014B: more than the limit of 60.0% of the enrolments are at high risk on 2014-05-20; rounded to 5, 80 of 100.",
        "BBB-2014B: more than the limit of 60.0% of the enrolments are at high risk on 2014-05-20; rounded to 5, 20 of 20.",
        "All courses: more than the limit of 60.0% of the enrolments are at high risk on 2014-05-20; rounded to 5, 105 of 125.",
    ]
    assert found["observed_value"].tolist() == [0.8, pytest.approx(UNKNOWN, nan_ok=True), 0.84]
    assert (found["n_students"].tolist(), found["severity"].tolist()) == ([100, 20, 125], ["critical"] * 3)
    spike = alerts(course("AAA", compared=43, now=0.5, before=0.4), rule=HESA).iloc[0]
    assert (spike["n_students"], "same 45 enrolments" in spike["message"]) == (45, True)
    assert drift_alerts(drifted(), [DAY], HESA)["n_students"].tolist() == [300]


def test_a_share_without_figures_keeps_its_severity():
    assert alerts(course("AAA", flagged=100))["severity"].tolist() == ["critical", "critical"]
    assert alerts(course("AAA", n=24, flagged=15))["severity"].tolist() == ["warning", "warning"]


@pytest.mark.fault("G1")
def test_a_share_equal_to_its_limit_does_not_alert():
    assert alerts(course("AAA", flagged=60)).empty
    assert alerts(course("AAA", n=10, flagged=3), share_limit=0.1 + 0.2).empty


def test_half_way_from_the_limit_to_everybody_is_critical():
    found = alerts(course("AAA", flagged=80), course("BBB", n=900, flagged=711))
    assert dict(zip(found["scope"], found["severity"], strict=True)) == {
        "AAA-2014B": "critical",
        "BBB-2014B": "warning",
        "all": "warning",
    }


def test_a_rise_of_the_mean_risk_of_the_same_students_alerts_with_its_numbers():
    found = alerts(course("AAA", compared=40, now=0.5, before=0.4))
    assert found["alert_id"].tolist() == ["spike_AAA-2014B_2014-05-20", "spike_all_2014-05-20"]
    assert found["observed_value"].tolist() == pytest.approx([0.25, 0.25])
    assert found["n_students"].tolist() == [40, 40]
    assert found["severity"].tolist() == ["critical", "critical"]
    assert found["message"].iloc[0] == (
        "AAA-2014B: the mean risk of the same 40 enrolments rose in a week from 40.0 % to 50.0 % on 2014-05-20, "
        "+10.0 points (25.0 %), above the limit of 10.0 %."
    )


@pytest.mark.fault("G1")
@pytest.mark.parametrize(
    ("why", "row"),
    [
        ("exactly at the limit", course("AAA", compared=50, now=0.55, before=0.5)),
        ("19 compared", course("AAA", compared=19, now=0.5, before=0.4)),
        ("nobody compared", course("AAA")),
        ("no mean a week ago", course("AAA", compared=50, now=0.5)),
        ("no mean now", course("AAA", compared=50, before=0.4)),
        ("a fall", course("AAA", compared=50, now=0.4, before=0.5)),
        ("no risk at all before", course("AAA", compared=50, now=0.5, before=0.0)),
        ("another day", course("AAA", compared=50, now=0.5, before=0.4, day=date(2014, 5, 19))),
    ],
)
def test_no_spike_without_a_comparison_and_a_true_rise(why, row):
    assert alerts(row).empty, why


def test_the_spike_of_all_weighs_the_compared_of_every_course_and_leaves_out_who_was_not():
    rows = [
        course("AAA", n=300, compared=100, now=0.42, before=0.4),
        course("BBB", n=10, compared=10, now=0.9, before=0.5),
        course("NEW", n=1000),
        course("HALF", n=1000, compared=500, now=0.9),
    ]
    assert alerts(*rows, spike_limit=0.14).empty
    found = alerts(*rows, spike_limit=0.13)
    assert found["scope"].tolist() == ["all"]
    assert found["n_students"].tolist() == [110]
    assert found["observed_value"].iloc[0] == pytest.approx((42 + 9) / (40 + 5) - 1)


def test_an_empty_summary_gives_no_alerts():
    assert alerts().columns.tolist() == RISK_ALERTS.names
    assert check_frame(alerts(), RISK_ALERTS) == []


@pytest.mark.fault("F8")
def test_an_alert_id_is_safe_in_a_file_name_whatever_the_module_is_called():
    found = alerts(course("../A:B é{0}", flagged=90))
    assert found["alert_id"].iloc[0] == "threshold_..%2FA%3AB%20%C3%A9%7B0%7D-2014B_2014-05-20"


def drifted(observed: float = 0.08) -> pd.DataFrame:
    """MODEL_DRIFT of three days of AAA 2014B, with an alarm on the last two; never one of all."""
    rows = pd.DataFrame({"run_date": pd.date_range("2014-05-18", periods=3, unit="us"), "is_alarm": [False, True, True]})
    rows = rows.assign(
        code_module="AAA",
        code_presentation="2014B",
        day=108,
        n_students=300,
        mean_risk=0.3,
        estimated_auc=0.7,
        reference_auc=0.78,
        proxy_auc=UNKNOWN,
        proxy_reference_auc=UNKNOWN,
        n_proxy=0,
        n_features_drifted=0,
        observed_value=observed,
        limit_value=0.05,
        reason=np.where(rows["is_alarm"], "AAA-2014B: worse.", ""),
        model_version="2013J",
    )
    overall = rows.assign(code_module="all", code_presentation="all", is_alarm=False)
    return MODEL_DRIFT.conform(pd.concat([rows, overall], ignore_index=True))


@pytest.mark.fault("D13")
def test_drift_is_alerted_on_each_day_of_an_alarm_with_its_reason_and_figures():
    found = drift_alerts(drifted(), [date(2014, 5, 18), date(2014, 5, 19), DAY])
    assert found["alert_id"].tolist() == ["drift_AAA-2014B_2014-05-19", "drift_AAA-2014B_2014-05-20"]
    assert drift_alerts(drifted(), [DAY]).drop(columns="alert_date").to_dict("records") == [
        {
            "alert_id": "drift_AAA-2014B_2014-05-20",
            "alert_type": "drift",
            "scope": "AAA-2014B",
            "severity": "warning",
            "observed_value": 0.08,
            "limit_value": 0.05,
            "n_students": 300,
            "message": "Drift on 2014-05-20: AAA-2014B: worse.",
        }
    ]


def test_drift_of_twice_its_limit_is_critical_and_no_alarm_is_no_alert():
    assert drift_alerts(drifted(0.1), [DAY])["severity"].tolist() == ["critical"]
    assert drift_alerts(drifted(0.0999), [DAY])["severity"].tolist() == ["warning"]
    assert drift_alerts(drifted(), [date(2014, 5, 18)]).columns.tolist() == RISK_ALERTS.names
    assert drift_alerts(MODEL_DRIFT.empty(), [DAY]).empty


def test_an_alarm_of_all_presentations_has_the_scope_all():
    frame = drifted().assign(is_alarm=lambda rows: rows["code_module"].eq("all"), reason="Worse.")
    assert drift_alerts(frame, [DAY])["scope"].tolist() == ["all"]


SHARES = st.floats(0, 1)
ROWS = st.tuples(st.sampled_from("ABC"), st.integers(1, 9), st.integers(1, 60), SHARES, SHARES, SHARES | st.just(UNKNOWN), SHARES)


@settings(max_examples=25, deadline=None)
@given(st.lists(ROWS, unique_by=lambda row: row[:2], max_size=20), st.randoms(use_true_random=False))
def test_alerts_obey_their_contract_and_do_not_depend_on_row_order_or_on_which_days_are_made_together(rows, random):
    made = [
        course(module, n, int(share * n), int(compared * n), now, before, date(2014, 5, day))
        for module, day, n, share, compared, now, before in rows
    ]
    frame = COURSE_SUMMARY_DAILY.conform(pd.DataFrame(made, columns=COURSE_SUMMARY_DAILY.names))
    days = [date(2014, 5, day) for day in range(1, 10)]
    at_once = risk_alerts(frame, days, share_limit=0.5, spike_limit=0.1)
    assert check_frame(at_once, RISK_ALERTS) == []
    assert (at_once["observed_value"].gt(at_once["limit_value"]) | at_once["observed_value"].isna()).all()
    turned = frame.iloc[random.sample(range(len(frame)), len(frame))]
    alone = pd.concat([risk_alerts(turned, [day], share_limit=0.5, spike_limit=0.1) for day in days])
    pd.testing.assert_frame_equal(RISK_ALERTS.conform(alone), at_once, rtol=1e-9)
