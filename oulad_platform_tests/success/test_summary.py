"""Tests of success.summary: each sentence with its number, and every missing piece said."""

from __future__ import annotations

from datetime import date
from math import nan

import pandas as pd
import pytest

from oulad_platform.core.alerts import OPERATION_ALERTS, failure_alert
from oulad_platform.core.checks import check_frame
from oulad_platform.core.privacy import Disclosure
from oulad_platform.success.caseload.tables import CASELOAD_DAILY
from oulad_platform.success.dashboard.tables import REACH
from oulad_platform.success.experiments.tables import EXPERIMENT_LOOKS, EXPERIMENT_RESULTS
from oulad_platform.success.model_tables import MODEL_EVALUATION
from oulad_platform.success.roi.tables import ROI_BY_CASELOAD, ROI_SENSITIVITY
from oulad_platform.success.summary import executive_summary, summary_markdown
from oulad_platform.success.tables import COURSE_SUMMARY_DAILY, EXECUTIVE_SUMMARY, STUDENT_RISK_DAILY

EXACT, TEN, HESA = Disclosure(below=1), Disclosure(below=10), Disclosure(rounding="hesa")
TODAY = date(2014, 5, 20)
DAY, WEEK_BEFORE = pd.Timestamp(TODAY), pd.Timestamp("2014-05-13")
METRICS = ["date", "scope", "name", "total_enrollment", "new_students", "dropped_students", "completed_students", "net_change"]
NOTHING = {
    "enrollment": pd.DataFrame(columns=METRICS),
    "risk": STUDENT_RISK_DAILY.empty(),
    "course_summary": COURSE_SUMMARY_DAILY.empty(),
    "reach": REACH.empty(),
    "model_evaluation": MODEL_EVALUATION.empty(),
    "alerts": OPERATION_ALERTS.empty(),
    "caseload": CASELOAD_DAILY.empty(),
    "experiments": EXPERIMENT_RESULTS.empty(),
    "looks": EXPERIMENT_LOOKS.empty(),
    "roi": ROI_SENSITIVITY.empty(),
    "roi_by_caseload": ROI_BY_CASELOAD.empty(),
}


def sentences(rule: Disclosure = EXACT, semester: str = "", **frames: pd.DataFrame) -> pd.DataFrame:
    given = {**NOTHING, **frames}
    return executive_summary(
        day=TODAY,
        institution="Demo University",
        semester=semester,
        effect_points=1.5,
        rule=rule,
        **given,
    )


def under(heading: str, rule: Disclosure = EXACT, **frames: pd.DataFrame) -> list[tuple[str, float]]:
    summary = sentences(rule, **frames)
    assert check_frame(summary, EXECUTIVE_SUMMARY) == []
    rows = summary[summary["heading"] == heading]
    return list(zip(rows["sentence"], rows["value"], strict=True))


def test_every_missing_piece_is_said():
    assert sentences()["sentence"].tolist() == [
        "No enrolment figures for Demo University on 2014-05-20.",
        "No enrolment was scored on 2014-05-20.",
        "Nobody is to be contacted.",
        "The model has not been tested on a later cohort yet: too few have closed.",
        "No alert fired on 2014-05-20.",
        "No experiment could be simulated yet.",
        "No return was computed: nobody would be contacted.",
    ]


def test_enrolment_is_that_of_the_day_with_its_changes():
    rows = [
        (DAY, "total", "all", 1200, 5, 3, 1, 1),
        (DAY, "program", "Law", 1200, 0, 0, 0, 0),
        (WEEK_BEFORE, "total", "all", 7, 0, 0, 0, 0),
    ]
    assert under("Enrolment", enrollment=pd.DataFrame(rows, columns=METRICS)) == [
        ("Demo University had 1,200 enrolments on 2014-05-20.", 1200),
        ("Since the day before: 5 new, 3 dropped, 1 completed; net change +1.", 1),
    ]


def test_a_first_day_has_no_day_before():
    rows = pd.DataFrame([(DAY, "total", "all", 1200, None, None, None, None)], columns=METRICS)
    assert under("Enrolment", enrollment=rows)[1][0] == "There is no day before to compare with."


def test_between_terms_the_newest_scored_day_is_told_with_its_date():
    risk = pd.DataFrame(
        {"run_date": WEEK_BEFORE, "id_student": [1, 2], "high_risk_flag": [False, True], "model_version": "2013J"}
    )
    assert under("Risk", risk=risk)[0][0].startswith("On 2014-05-13, 1 of 2 scored enrolments (50.0%) are at high risk")


def test_alerts_are_of_the_day_of_the_data_though_nobody_was_scored_on_it_whatever_raised_them():
    risk = pd.DataFrame({"run_date": [WEEK_BEFORE], "id_student": [1], "high_risk_flag": [False], "model_version": "2013J"})
    assert under("Alerts", risk=risk) == [("No alert fired on 2014-05-20.", 0)]
    failed = failure_alert("enrollment_daily", "run7", ["enrollment__metrics"], TODAY)
    summary = sentences(risk=risk, alerts=failed)
    alerts = summary[summary["heading"] == "Alerts"]
    assert alerts["sentence"].tolist() == [
        "1 alert fired on 2014-05-20, 1 critical.",
        "Run of enrollment_daily on 2014-05-20 failed in enrollment__metrics; open run run7 in Dagster, the reason stands in "
        "its log.",
    ]
    assert alerts["source_table"].tolist() == ["alert_log", "alert_log"]


def test_the_semester_stands_beside_the_institution():
    summary = sentences(semester="Spring 2014")
    assert summary["sentence"].iloc[0] == "No enrolment figures for Demo University, Spring 2014, on 2014-05-20."


def test_risk_counts_enrolments_and_students_and_compares_with_the_week_before():
    risk = pd.DataFrame(
        {"run_date": DAY, "id_student": [1, 1, 2, 3, 4], "high_risk_flag": [True] * 2 + [False] * 3, "model_version": "2013J"}
    )
    courses = pd.DataFrame(
        {
            "run_date": DAY,
            "code_module": ["AAA", "BBB"],
            "code_presentation": "2014B",
            "student_count": [3, 2],
            "avg_risk_score": [0.25, 0.5],
            "n_high_risk": [1, 1],
            "high_risk_rate": [1 / 3, 0.5],
            "n_compared": [3, 2],
            "compared_risk": [0.25, 0.5],
            "compared_risk_7d_ago": 0.25,
            "model_version": "2013J",
        }
    )
    assert under("Risk", risk=risk, course_summary=courses) == [
        ("On 2014-05-20, 2 of 5 scored enrolments (40.0%) are at high risk of failing or withdrawing; students concerned: 1.", 2),
        ("Their mean risk is 0.350; +0.100 since the week before.", 0.35),
        ("The largest share at high risk is in BBB 2014B: 50.0% of 2 students.", 0.5),
    ]


def change_of_mean_risk(*rows: tuple[str, int, float, int, float | None, float | None]) -> str:
    figures = ["student_count", "avg_risk_score", "n_compared", "compared_risk", "compared_risk_7d_ago"]
    courses = pd.DataFrame(rows, columns=["code_module", *figures])
    risk = pd.DataFrame({"run_date": [DAY], "id_student": [1], "high_risk_flag": [False], "model_version": "2013J"})
    courses = courses.assign(run_date=DAY, code_presentation="2014B", n_high_risk=0, high_risk_rate=0.0)
    return under("Risk", risk=risk, course_summary=courses)[1][0]


def test_the_change_of_the_mean_risk_is_that_of_the_enrolments_scored_by_the_same_model_on_both_days():
    assert change_of_mean_risk(
        ("AAA", 2, 0.5, 1, 0.5, 0.25), ("BBB", 3, 0.75, 3, 0.75, 0.25), ("NEW", 5, 0.125, 0, None, None)
    ) == (
        "Their mean risk is 0.388; +0.438 since the week before for the 4 of 10 enrolments scored by the same model on both days."
    )


def test_the_change_of_a_day_on_which_everybody_is_compared_says_so_by_saying_no_more():
    assert change_of_mean_risk(("AAA", 1, 0.5, 1, 0.5, 0.25), ("BBB", 3, 0.75, 3, 0.75, 1.0)) == (
        "Their mean risk is 0.688; -0.125 since the week before."
    )


def test_mean_risks_are_not_compared_where_nobody_was_scored_by_the_same_model_a_week_before():
    assert change_of_mean_risk(("AAA", 2, 0.5, 0, None, None)) == (
        "Their mean risk is 0.500; it is not comparable with the week before: no enrolment was scored by the same model on both "
        "days."
    )


def test_a_test_whose_outcomes_were_not_known_on_the_day_is_not_told():
    row = {"evaluation": "next_cohort", "tested_cohort": "2014B", "code_module": "all", "day": 28, "metric": "auc", "value": 0.76}
    metrics = pd.DataFrame([row]).assign(model_version="2013J")
    told = [("Model 2013J, not in charge, was tested on cohort 2014B, which it had not seen: AUC 0.760 on day 28.", 0.76)]
    assert under("Model", model_evaluation=metrics.assign(known_from=DAY)) == told
    assert [text for text, _ in under("Model", model_evaluation=metrics.assign(known_from=pd.Timestamp("2014-05-21")))] == [
        "The model has not been tested on a later cohort yet: too few have closed."
    ]


def test_the_newest_cohort_is_the_one_known_last_whatever_its_name():
    rows = [("spring", 0.7, "2013-09-30"), ("autumn", 0.8, "2014-02-01"), ("winter", 0.9, "2014-06-27")]
    metrics = pd.DataFrame(rows, columns=["tested_cohort", "value", "known_from"])
    metrics = metrics.assign(evaluation="next_cohort", code_module="all", day=28, metric="auc", model_version="2013J")
    metrics["known_from"] = pd.to_datetime(metrics["known_from"])
    assert under("Model", model_evaluation=metrics) == [
        ("Model 2013J, not in charge, was tested on cohort autumn, which it had not seen: AUC 0.800 on day 28.", 0.8)
    ]


def test_the_model_is_judged_on_the_newest_cohort_it_had_not_seen():
    rows = [
        ("next_cohort", "2013J", "all", 28, "auc", 0.5),
        ("next_cohort", "2014B", "all", 14, "auc", 0.725),
        ("next_cohort", "2014B", "all", 28, "auc", 0.76),
        ("next_cohort", "2014B", "all", 84, "auc", None),
        ("next_cohort", "2014B", "AAA", 28, "auc", 0.9),
        ("split_week", "2014J", "all", 28, "auc", 0.99),
        ("next_cohort", "2014B", "all", 28, "recall_at_10_pct", 0.214),
    ]
    metrics = pd.DataFrame(rows, columns=["evaluation", "tested_cohort", "code_module", "day", "metric", "value"])
    beside = metrics[metrics["day"] == 28].assign(value=0.6)
    metrics = pd.concat(
        [
            metrics.assign(model_version="2013J"),
            beside.assign(model_version="2013J-logistic"),
            beside.assign(model_version="silent_7_days"),
        ],
        ignore_index=True,
    )
    metrics["known_from"] = metrics["tested_cohort"].map({"2013J": DAY - pd.Timedelta(days=200)}).fillna(DAY)
    assert under("Model", model_evaluation=metrics) == [
        (
            "Model 2013J, not in charge, was tested on cohort 2014B, which it had not seen: "
            "AUC 0.725 on day 14, 0.760 on day 28.",
            0.76,
        ),
        (
            "Contacting the 10 % at highest risk on day 28 would have reached 21.4% of those who then failed or withdrew.",
            0.214,
        ),
    ]


def test_alerts_of_the_day_are_counted_and_quoted():
    alerts = pd.DataFrame(
        {
            "alert_id": ["a", "b", "c"],
            "alert_type": "drift",
            "scope": "all",
            "limit_value": 0.6,
            "n_students": pd.NA,
            "alert_date": [DAY, DAY, WEEK_BEFORE],
            "severity": ["warning", "critical", "critical"],
            "message": ["First.", "Second.", "Old."],
            "observed_value": [0.7, 0.9, 0.9],
        }
    )
    assert under("Alerts", alerts=alerts) == [("2 alerts fired on 2014-05-20, 1 critical.", 2), ("Second.", 0.9), ("First.", 0.7)]


def test_an_experiment_is_called_a_simulation_and_says_what_it_can_find():
    results = pd.DataFrame(
        {
            "uplift_points": [3.0, 8.0],
            "n_control": 200,
            "n_treatment": 200,
            "minimum_detectable_points": 13.9,
            "verdict": "under-powered",
        }
    )
    few = under("Experiment", experiments=results.assign(n_control=9), rule=TEN)
    assert few[0][0].startswith("In an offline simulation with fewer than 10 and 200 students an arm")
    assert under("Experiment", experiments=results) == [
        (
            "In an offline simulation with 200 and 200 students an arm, which finds only effects of 13.9 percentage points or "
            "more with 80 % power: +3 points: under-powered; +8 points: under-powered.",
            13.9,
        )
    ]


ROI = pd.DataFrame(
    {
        "uplift_points": [3.0, 5.0, 8.0],
        "cost_per_student": 25.0,
        "n_contacted": 120,
        "incremental_passes": [3.6, 6.0, 9.6],
        "net_benefit": [7800.0, 15000.0, 25800.0],
    }
)
RANGE = "With an effect of 3 to 8 points and a cost of 25 a contact, contacting all at high risk would return 7,800 to 25,800."


def test_where_no_model_scored_anybody_the_return_is_the_middle_assumption_and_its_range():
    assert under("Return", roi=ROI) == [
        (
            "If contacting 120 students at 25.00 each raised their pass rate by 5 points, 6.0 more would pass, for a net "
            "benefit of 15,000.",
            15000,
        ),
        (RANGE, 7800),
    ]
    assert under("Return", roi=ROI.assign(n_contacted=9), rule=TEN)[0] == (
        "No return is told: fewer than 10 would be contacted.",
        pytest.approx(nan, nan_ok=True),
    )


def test_the_page_says_its_purpose_has_a_section_for_each_heading_and_names_each_source():
    page = summary_markdown(sentences(), "A|B *University*", TODAY)
    assert page.startswith(
        "# Executive summary: A\\|B \\*University\\*, 2014-05-20\n\n"
        "For those who plan and run teaching. It describes groups; a score is a signal, "
        "and no decision about a single person follows from it.\n\n## Enrolment\n\n"
        "- No enrolment figures for Demo University on 2014-05-20. (`enrollment_metrics`)\n\n## Risk\n\n"
    )
    assert page.count("\n## ") == 7


def test_the_model_in_charge_is_the_one_that_is_told_though_a_newer_one_was_tested():
    rows = [("2013B", "2013J", 0.7, "2014-06-27"), ("2013J", "2014B", 0.8, "2014-10-01")]
    metrics = pd.DataFrame(rows, columns=["model_version", "tested_cohort", "value", "known_from"])
    metrics = metrics.assign(evaluation="next_cohort", code_module="all", day=28, metric="auc")
    metrics["known_from"] = pd.Timestamp("2014-01-01")
    risk = pd.DataFrame({"run_date": [DAY], "id_student": [1], "high_risk_flag": [False], "model_version": "2013B"})
    assert under("Model", model_evaluation=metrics, risk=risk)[0] == (
        "Model 2013B, in charge, was tested on cohort 2013J, which it had not seen: AUC 0.700 on day 28.",
        0.7,
    )


def test_the_lists_of_the_newest_day_are_counted_with_who_was_never_contacted():
    rows = {"caseload_date": [WEEK_BEFORE, DAY, DAY, DAY, DAY], "adviser": ["A", "A", "A", "B", "B"]}
    frame = pd.DataFrame(rows).assign(last_contact=[pd.NaT, pd.NaT, pd.NaT, pd.NaT, DAY])
    assert under("Contacts", caseload=frame) == [
        (
            "The lists of 2014-05-20 hold 4 students for 2 advisers or teams; 75% of them have no contact on record.",
            4,
        )
    ]


def test_a_live_experiment_is_told_with_its_interval_and_verdict_and_before_its_outcomes_without_figures():
    rows = [
        ("calls", 200, 250, 100, 150, 0.1, 0.007, 0.19, "no decision yet"),
        ("letters", 0, 0, 0, 0, float("nan"), float("nan"), float("nan"), "waiting for outcomes"),
    ]
    names = (
        "experiment_id n_control n_treatment n_success_control n_success_treatment difference interval_low interval_high verdict"
    )
    told = under("Experiment", looks=pd.DataFrame(rows, columns=names.split()))
    assert told[1] == (
        "Live experiment calls: 60.0% of 250 treated and 50.0% of 200 control students succeeded, a difference of +10.0 points "
        "(from +0.7 to +19.0); verdict: no decision yet.",
        0.1,
    )
    assert told[2][0] == "Live experiment letters: waiting for outcomes."


def by_caseload(**changed: object) -> pd.DataFrame:
    rows = {
        "n_contacted": [50, 120],
        "net_benefit": [900.0, -300.0],
        "net_benefit_low": [-200.0, -2000.0],
        "net_benefit_high": [2000.0, 1500.0],
        "probability_of_profit": [0.8, 0.4],
        "break_even_points": [0.7, 1.6],
        "is_best": [True, False],
        "is_flagged": [False, True],
        "best_size_low": [0, pd.NA],
        "best_size_high": [90, pd.NA],
    }
    return pd.DataFrame({**rows, **changed})


def test_the_return_of_all_flagged_and_of_the_best_number_name_the_effect_they_rest_on():
    assert under("Return", roi_by_caseload=by_caseload(), roi=ROI) == [
        (
            "If a contact is worth 1.5 points, as expected, contacting all 120 at high risk is expected to return -300 net (80 % "
            "interval -2,000 to 1,500; above 0 with a probability of 40%); at +5 points it would return 15,000.",
            -300,
        ),
        (
            "At the expected effect it returns most to contact the 50 at highest risk, 900 net (80 % interval -200 to 2,000; "
            "above 0 with a probability of 80%); the best number may be anything from none to 90. It breaks even at an effect of "
            "0.70 points.",
            900,
        ),
        (RANGE, 7800),
    ]


def test_a_return_for_another_number_of_students_is_not_set_against_it():
    told = under("Return", roi_by_caseload=by_caseload(), roi=ROI.assign(n_contacted=121))
    assert told[0][0].endswith("above 0 with a probability of 40%).")


def test_no_return_of_a_few_students_is_told():
    told = under("Return", roi_by_caseload=by_caseload(n_contacted=[6, 9]), roi=ROI.assign(n_contacted=9), rule=TEN)
    assert told == [
        (
            "If a contact is worth 1.5 points, as expected, it returns most to contact fewer than 10 students.",
            pytest.approx(nan, nan_ok=True),
        )
    ]


def test_few_who_came_or_left_are_not_counted_and_the_net_change_does_not_lead_to_them():
    def change(*flows: int) -> tuple[str, float]:
        rows = pd.DataFrame([(DAY, "total", "all", 1200, *flows)], columns=METRICS)
        return under("Enrolment", enrollment=rows, rule=TEN)[1]

    missing = pytest.approx(nan, nan_ok=True)
    assert change(40, 30, 10, 0) == ("Since the day before: 40 new, 30 dropped, 10 completed; net change +0.", 0)
    assert change(40, 3, 0, 37) == ("Since the day before: 40 new, fewer than 10 dropped, fewer than 10 completed.", missing)
    assert change(0, 1, 0, -1) == ("Since the day before fewer than 10 each were new, dropped or completed.", missing)


def scored(*courses: tuple[str, int, int]) -> dict[str, pd.DataFrame]:
    """Risk rows and their summary: module, enrolments, of them at high risk."""
    flags = [high for _, n, n_high in courses for high in [True] * n_high + [False] * (n - n_high)]
    risk = pd.DataFrame({"run_date": DAY, "id_student": range(len(flags)), "high_risk_flag": flags, "model_version": "2013J"})
    summary = pd.DataFrame(courses, columns=["code_module", "student_count", "n_high_risk"])
    summary["high_risk_rate"] = summary["n_high_risk"] / summary["student_count"]
    summary = summary.assign(run_date=DAY, code_presentation="2014B", avg_risk_score=0.25, n_compared=0)
    return {"risk": risk, "course_summary": summary}


def test_a_course_of_which_all_but_a_few_are_at_high_risk_is_not_told_of():
    told = under("Risk", **scored(("AAA", 12, 12), ("BBB", 90, 30), ("CCC", 80, 20)), rule=TEN)
    assert told[0][0].startswith("On 2014-05-20, 62 of 182 scored enrolments")
    assert told[-1][0] == "The largest share at high risk is in BBB 2014B: 33.3% of 90 students."


def test_a_course_that_leads_to_a_small_one_is_not_told_of_either():
    """The second smallest is withheld beside the small one, as on the page for leadership."""
    told = under("Risk", **scored(("AAA", 12, 3), ("BBB", 90, 60)), rule=TEN)
    assert [text for text, _ in told if "largest share" in text] == []


def test_few_at_high_risk_are_not_counted_and_neither_are_few_who_are_not():
    for high in (4, 96):
        assert under("Risk", **scored(("AAA", 100, high)), rule=TEN)[0] == (
            "On 2014-05-20, 100 enrolments were scored; fewer than 10 are at high risk, or not at high risk.",
            pytest.approx(nan, nan_ok=True),
        )


def test_a_share_without_contact_that_leads_to_a_few_is_left_out():
    frame = pd.DataFrame({"caseload_date": DAY, "adviser": "A", "last_contact": [pd.NaT] * 42 + [DAY] * 8})
    assert under("Contacts", caseload=frame, rule=TEN) == [
        ("The lists of 2014-05-20 hold 50 students for 1 adviser or team.", 50)
    ]
    assert under("Contacts", caseload=frame.head(9), rule=TEN) == [
        ("The lists of 2014-05-20 hold fewer than 10 students for 1 adviser or team.", pytest.approx(nan, nan_ok=True))
    ]


def test_a_live_experiment_with_few_successes_is_told_by_its_verdict_only():
    row = {"experiment_id": "calls", "n_control": 20, "n_treatment": 20, "n_success_control": 11, "n_success_treatment": 9}
    looks = pd.DataFrame([row]).assign(difference=-0.1, interval_low=-0.3, interval_high=0.1, verdict="no effect shown")
    assert under("Experiment", looks=looks, rule=TEN)[1][0] == "Live experiment calls: no effect shown."


def test_an_alert_about_few_students_is_told_without_its_figures():
    row = {"alert_id": "a", "alert_date": DAY, "alert_type": "threshold", "scope": "AAA-2014B", "severity": "warning"}
    row |= {"observed_value": 11 / 12, "limit_value": 0.6, "n_students": 12, "message": "AAA-2014B: 11 of 12 at high risk."}
    assert under("Alerts", alerts=pd.DataFrame([row]), rule=TEN)[1] == (
        "Share at high risk above its limit: AAA-2014B. Its figures are withheld, since they could tell of fewer than 10 "
        "persons.",
        pytest.approx(nan, nan_ok=True),
    )


def test_rounded_counts_are_all_told_and_a_share_only_of_22_5_or_more():
    rows = [(DAY, "total", "all", 1203, 4, 2, 38, 40), (DAY, "program", "AAA", 1203, 4, 2, 38, 40)]
    assert under("Enrolment", HESA, enrollment=pd.DataFrame(rows, columns=METRICS)) == [
        ("Demo University had 1,205 enrolments on 2014-05-20.", 1205),
        ("Since the day before: 5 new, 0 dropped, 40 completed.", pytest.approx(nan, nan_ok=True)),
    ]
    assert [text for text, _ in under("Risk", HESA, **scored(("AAA", 22, 21), ("BBB", 58, 33)))] == [
        "On 2014-05-20, 55 of 80 scored enrolments (68.8%) are at high risk of failing or withdrawing; students concerned: 55.",
        "Their mean risk is 0.250; it is not comparable with the week before: no enrolment was scored by the same model on both "
        "days.",
        "The largest share at high risk is in BBB 2014B: 58.3% of 60 students.",
    ]
    assert under("Risk", HESA, **scored(("AAA", 22, 3)))[0][0].startswith("On 2014-05-20, 5 of 20 scored enrolments are at high")
    lists = pd.DataFrame({"caseload_date": DAY, "adviser": "A", "last_contact": [pd.NaT] * 8 + [DAY] * 40})
    assert under("Contacts", HESA, caseload=lists) == [
        ("The lists of 2014-05-20 hold 50 students for 1 adviser or team; 20% of them have no contact on record.", 50)
    ]
    assert (
        under("Contacts", HESA, caseload=lists.head(12))[0][0]
        == "The lists of 2014-05-20 hold 10 students for 1 adviser or team."
    )


def test_an_unusual_enrolment_figure_is_told_rounded_or_not_at_all():
    row = {"alert_id": "a", "alert_date": DAY, "alert_type": "anomaly", "scope": "program Law", "severity": "warning"}
    alerts = pd.DataFrame([row | {"observed_value": 23.0, "limit_value": 41.4, "n_students": pd.NA, "message": "Law: 23."}])
    assert under("Alerts", HESA, alerts=alerts)[1] == (
        "Unusual enrolment figure: program Law, 25 (40); its limit, where it has one, in brackets.",
        25,
    )
    assert under("Alerts", TEN, alerts=alerts)[1][0].startswith("Unusual enrolment figure: program Law. Its figures are withheld")


def test_a_return_whose_few_students_have_no_row_is_not_told():
    table = by_caseload(n_contacted=[6, 9])
    few = "If a contact is worth 1.5 points, as expected, it returns most to contact fewer than 10 students."
    assert [text for text, _ in under("Return", TEN, roi_by_caseload=table.iloc[:0], roi=ROI.assign(n_contacted=9))] == [
        "No return is told: fewer than 10 would be contacted."
    ]
    nobody = table.head(1).assign(n_contacted=0, is_flagged=False, is_best=False)
    assert [text for text, _ in under("Return", TEN, roi_by_caseload=nobody, roi=ROI.assign(n_contacted=9))] == [few]
