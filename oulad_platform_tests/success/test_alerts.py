"""Tests of success.alerts: what fires, what does not, what is due, and that doing it again changes nothing."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import check_frame
from oulad_platform.success.alerts import alert_markdown, alert_message, alerts_due, daily_alerts, drift_alerts
from oulad_platform.success.tables import ALERT_LOG, COURSE_SUMMARY_DAILY

DAY = pd.Timestamp("2014-05-20")
WEEK_BEFORE = DAY - pd.Timedelta(days=7)


def summary(*rows: tuple) -> pd.DataFrame:
    """Rows of (day, module, students, mean risk, flagged), optionally with the model version."""
    frame = pd.DataFrame(
        [(*row, "2013J")[:6] for row in rows],
        columns=["run_date", "code_module", "student_count", "avg_risk_score", "n_high_risk", "model_version"],
    )
    rates = frame["n_high_risk"] / frame["student_count"]
    return COURSE_SUMMARY_DAILY.conform(frame.assign(code_presentation="2014B", week=15, high_risk_rate=rates))


def alerts(frame: pd.DataFrame, share_limit: float = 0.6, spike_limit: float = 0.1) -> pd.DataFrame:
    return daily_alerts(frame, pd.DatetimeIndex([DAY]), share_limit=share_limit, spike_limit=spike_limit)


def test_a_share_above_its_limit_alerts_for_the_course_and_for_all():
    found = alerts(summary((DAY, "AAA", 100, 0.5, 70), (DAY, "BBB", 100, 0.5, 55)))
    assert found["alert_id"].tolist() == ["threshold_AAA-2014B_2014-05-20", "threshold_all_2014-05-20"]
    assert found["observed_value"].tolist() == [0.7, 0.625]
    assert found["n_students"].tolist() == [100, 200]
    assert found["message"].tolist() == [
        "AAA-2014B: 70 of 100 enrolments (70.0%) are at high risk on 2014-05-20, above the limit of 60.0%.",
        "All courses: 125 of 200 enrolments (62.5%) are at high risk on 2014-05-20, above the limit of 60.0%.",
    ]


def test_a_share_equal_to_its_limit_does_not_alert():
    assert alerts(summary((DAY, "AAA", 100, 0.5, 60))).empty


def test_half_way_from_the_limit_to_everybody_is_critical():
    found = alerts(summary((DAY, "AAA", 100, 0.5, 80), (DAY, "BBB", 900, 0.5, 711)))
    assert dict(zip(found["scope"], found["severity"], strict=True)) == {
        "AAA-2014B": "critical",
        "BBB-2014B": "warning",
        "all": "warning",
    }


def test_a_rise_of_the_mean_risk_in_a_week_alerts_with_its_numbers():
    found = alerts(summary((WEEK_BEFORE, "AAA", 50, 0.4, 0), (DAY, "AAA", 40, 0.5, 0)))
    assert found["alert_id"].tolist() == ["spike_AAA-2014B_2014-05-20", "spike_all_2014-05-20"]
    assert found["observed_value"].tolist() == pytest.approx([0.25, 0.25])
    assert found["severity"].tolist() == ["critical", "critical"]
    assert found["message"].iloc[0] == (
        "AAA-2014B: mean risk of 40 enrolments rose by 25.0% in a week, from 0.400 to 0.500 on 2014-05-20, "
        "above the limit of 10.0%."
    )


@pytest.mark.parametrize(
    ("why", "before", "after"),
    [
        ("exactly at the limit", (WEEK_BEFORE, "AAA", 50, 0.5, 0), (DAY, "AAA", 50, 0.55, 0)),
        ("another model", (WEEK_BEFORE, "AAA", 50, 0.4, 0, "2013B"), (DAY, "AAA", 50, 0.5, 0)),
        ("19 students before", (WEEK_BEFORE, "AAA", 19, 0.4, 0), (DAY, "AAA", 50, 0.5, 0)),
        ("19 students now", (WEEK_BEFORE, "AAA", 50, 0.4, 0), (DAY, "AAA", 19, 0.5, 0)),
        ("six days before", (WEEK_BEFORE + pd.Timedelta(days=1), "AAA", 50, 0.4, 0), (DAY, "AAA", 50, 0.5, 0)),
        ("a fall", (WEEK_BEFORE, "AAA", 50, 0.5, 0), (DAY, "AAA", 50, 0.4, 0)),
        ("no risk at all before", (WEEK_BEFORE, "AAA", 50, 0.0, 0), (DAY, "AAA", 50, 0.5, 0)),
    ],
)
def test_no_spike_without_a_comparable_week_before_and_a_true_rise(why, before, after):
    assert alerts(summary(before, after)).empty, why


def test_the_spike_of_all_compares_the_courses_of_both_days_only():
    began_since = (DAY, "NEW", 1000, 0.9, 0)
    changed_model = ((WEEK_BEFORE, "CCC", 1000, 0.1, 0, "2013B"), (DAY, "CCC", 1000, 0.9, 0))
    same = (
        (WEEK_BEFORE, "AAA", 100, 0.4, 0),
        (DAY, "AAA", 100, 0.42, 0),
        (WEEK_BEFORE, "BBB", 10, 0.5, 0),
        (DAY, "BBB", 10, 0.9, 0),
    )
    assert alerts(summary(began_since, *changed_model, *same), spike_limit=0.14).empty
    found = alerts(summary(began_since, *changed_model, *same), spike_limit=0.13)
    assert found["scope"].tolist() == ["all"]
    assert found["observed_value"].iloc[0] == pytest.approx((42 + 9) / (40 + 5) - 1)


def test_days_that_were_not_asked_for_raise_nothing():
    assert alerts(summary((WEEK_BEFORE, "AAA", 100, 0.5, 90))).empty


def test_an_empty_summary_gives_an_empty_log():
    assert alerts(COURSE_SUMMARY_DAILY.empty()).columns.tolist() == ALERT_LOG.names


def test_an_alert_id_is_safe_in_a_file_name_whatever_the_module_is_called():
    found = alerts(summary((DAY, "../A:B é", 100, 0.5, 90)))
    assert found["alert_id"].iloc[0] == "threshold_..%2FA%3AB%20%C3%A9-2014B_2014-05-20"


def test_due_are_new_alerts_of_the_last_two_days_only():
    days = [DAY - pd.Timedelta(days=age) for age in (0, 1, 2, 3)]
    log = pd.concat(
        [daily_alerts(summary((d, "AAA", 100, 0.5, 90)), pd.DatetimeIndex([d]), share_limit=0.6, spike_limit=0.1) for d in days]
    )
    due = alerts_due(log, {"threshold_all_2014-05-20", "threshold_AAA-2014B_2014-05-19"}, date(2014, 5, 20))
    assert due["alert_id"].tolist() == [
        "threshold_AAA-2014B_2014-05-18",
        "threshold_all_2014-05-18",
        "threshold_all_2014-05-19",
        "threshold_AAA-2014B_2014-05-20",
    ]
    assert alerts_due(log, set(log["alert_id"]), date(2014, 5, 20)).empty
    assert alerts_due(ALERT_LOG.empty(), set(), date(2014, 5, 20)).empty


def test_the_page_says_so_when_nothing_fired():
    assert alert_markdown(ALERT_LOG.empty(), date(2014, 5, 20)) == "# Alerts of 2014-05-20\n\nNo alert fired.\n"


def test_the_page_lists_the_alerts_of_its_day_with_their_numbers():
    page = alert_markdown(alerts(summary((DAY, "A|A", 100, 0.5, 90))), date(2014, 5, 20))
    lines = page.splitlines()
    assert lines[2] == (
        "- **critical**: A\\|A-2014B: 90 of 100 enrolments (90.0%) are at high risk on 2014-05-20, above the limit of 60.0%."
    )
    assert lines[-2] == "| critical | threshold | A\\|A-2014B | 0.9 | 0.6 | 100 | threshold\\_A%7CA-2014B\\_2014-05-20 |"


def test_the_message_of_an_alert_has_a_one_line_subject_and_its_numbers():
    found = alerts(summary((DAY, "AAA\r\nBcc: x", 100, 0.5, 90)))
    subject, body = alert_message(found[found["scope"] != "all"])
    assert subject == "[critical] threshold alert, AAA Bcc: x-2014B, 2014-05-20"
    assert body.endswith("Observed: 0.9\nLimit: 0.6\nEnrolments: 100\nAlert: threshold_AAA%0D%0ABcc%3A%20x-2014B_2014-05-20\n")
    with pytest.raises(ValueError, match="one alert, not 0"):
        alert_message(ALERT_LOG.empty())


def drifted(*days: int, observed: float = 0.08) -> pd.DataFrame:
    """Rows of MODEL_DRIFT of course days 0 to 120 of AAA 2014B, with an alarm on some, and of all."""
    rows = pd.DataFrame({"day": np.arange(121), "code_module": "AAA", "code_presentation": "2014B", "n_students": 300})
    start = pd.Timestamp("2014-02-01").as_unit("us")
    rows = rows.assign(run_date=start + pd.to_timedelta(rows["day"], unit="D"), is_alarm=rows["day"].isin(days))
    figures = rows.assign(observed_value=observed, limit_value=0.05, reason=np.where(rows["is_alarm"], "AAA-2014B: worse.", ""))
    return pd.concat([figures, figures.assign(code_module="all", code_presentation="all", is_alarm=False)], ignore_index=True)


def drift_days(frame: pd.DataFrame) -> list[int]:
    """Course days on which drift is alerted, all days asked for at once."""
    found = drift_alerts(frame, pd.DatetimeIndex(frame["run_date"].unique()))
    return (found["alert_date"] - pd.Timestamp("2014-02-01")).dt.days.tolist()


def test_drift_is_alerted_with_its_reason_and_figures():
    found = drift_alerts(drifted(10), pd.DatetimeIndex(["2014-02-11"]))
    assert found.drop(columns="alert_date").to_dict("records") == [
        {
            "alert_id": "drift_AAA-2014B_2014-02-11",
            "alert_type": "drift",
            "scope": "AAA-2014B",
            "severity": "warning",
            "observed_value": 0.08,
            "limit_value": 0.05,
            "n_students": 300,
            "message": "Drift on 2014-02-11: AAA-2014B: worse.",
        }
    ]
    assert drift_alerts(drifted(10, observed=0.1), pd.DatetimeIndex(["2014-02-11"]))["severity"].tolist() == ["critical"]
    assert drift_alerts(drifted(), pd.DatetimeIndex(["2014-02-11"])).columns.tolist() == ALERT_LOG.names


@pytest.mark.parametrize(
    ("alarms", "alerted"),
    [
        (range(10, 100), [10, 28, 56, 84]),
        (range(22, 60), [22, 56]),
        (range(21, 60), [21, 28, 56]),
        ([10, 17, 24], [10]),
        ([10, 18, 26], [10, 18, 26]),
        ([], []),
    ],
    ids=["lasts", "began six days before a reminder", "seven days before", "never a week without", "a week without", "none"],
)
def test_drift_that_lasts_is_alerted_on_its_first_day_and_then_every_four_weeks(alarms, alerted):
    assert drift_days(drifted(*alarms)) == alerted


@settings(max_examples=15, deadline=None)
@given(st.sets(st.integers(0, 40)) | st.sets(st.integers(0, 40), min_size=25))
def test_drift_alerts_are_a_week_apart_and_thirteen_days_back_are_enough_for_any_day(alarms):
    frame = drifted(*alarms)
    together = drift_days(frame)
    assert all(later - earlier >= 7 for earlier, later in pairwise(together))
    assert set(together) <= alarms
    assert not alarms or together[0] == min(alarms)
    alone = []
    for day in frame["run_date"].unique()[:41]:
        seen = frame[frame["run_date"].between(day - pd.Timedelta(days=13), day)]
        alone += drift_alerts(seen, pd.DatetimeIndex([day]))["alert_date"].tolist()
    assert [(day - pd.Timestamp("2014-02-01")).days for day in alone] == together


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ABC"), st.integers(0, 9), st.integers(1, 60), st.floats(0, 1), st.floats(0, 1)),
        unique_by=lambda row: row[:2],
        max_size=20,
    ),
    st.randoms(use_true_random=False),
)
def test_alerts_obey_their_contract_and_do_not_depend_on_row_order_or_on_the_window(rows, random):
    frame = summary(*((WEEK_BEFORE + pd.Timedelta(days=day), m, n, risk, int(share * n)) for m, day, n, risk, share in rows))
    days = pd.date_range(WEEK_BEFORE, periods=10, unit="us")
    at_once = daily_alerts(frame, days, share_limit=0.5, spike_limit=0.1)
    assert check_frame(at_once, ALERT_LOG) == []
    assert at_once["observed_value"].gt(at_once["limit_value"]).all()
    order = random.sample(range(len(frame)), len(frame))
    in_two = [daily_alerts(frame.iloc[order], some, share_limit=0.5, spike_limit=0.1) for some in (days[:8], days[8:])]
    pd.testing.assert_frame_equal(ALERT_LOG.conform(pd.concat(in_two)), at_once, rtol=1e-9)
    assert np.isin(at_once["scope"].unique(), ["A-2014B", "B-2014B", "C-2014B", "all"]).all()
