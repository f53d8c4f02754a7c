"""What was planted in the demo campus can be found in its tables."""

from collections import Counter
from datetime import date

import numpy as np
import pandas as pd
import pytest

from oulad_platform.sources import tables as raw
from oulad_platform.sources.demo import DemoCampus

FOUNDED = date(2026, 11, 20)  # a Friday: day 53 of a term begun on Monday 2026-09-28
AT_FOUNDING = DemoCampus(FOUNDED, FOUNDED)
AFTER_ALL_TERMS = DemoCampus(FOUNDED, date(2027, 6, 1))
PRESENTATION = ["code_module", "code_presentation"]
ENROLMENT = [*PRESENTATION, "id_student"]
UNSUCCESSFUL = ("Fail", "Withdrawn")


def all_clicks(campus, tables):
    return pd.concat([raw.STUDENT_VLE.from_arrow(part) for _, part in campus.clicks(tables)], ignore_index=True)


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


@pytest.fixture(scope="module")
def truth():
    return AT_FOUNDING.truth()


def test_everybody_who_leaves_is_silent_for_ten_days_before(final_tables, final_clicks, truth):
    assert truth.silent_days == 10
    leavers = final_tables["student_registration"].dropna(subset=["date_unregistration"])
    assert len(leavers) > 500
    own_work = final_tables["student_assessment"].query("is_banked == 0").merge(final_tables["assessments"], on="id_assessment")
    events = pd.concat(
        [final_clicks[[*ENROLMENT, "date"]], own_work[[*ENROLMENT, "date_submitted"]].set_axis([*ENROLMENT, "date"], axis=1)]
    )
    last_event = events.groupby(ENROLMENT)["date"].max().rename("last_event").reset_index()
    gap = leavers.merge(last_event, on=ENROLMENT).eval("date_unregistration - last_event")
    assert gap.min() == 11  # ten whole days between the last event and the day of leaving


def test_one_module_falls_week_by_week_before_the_founding_and_no_other_does(tables, clicks, truth):
    assert (truth.falling.code_module, truth.falling.code_presentation) == ("DDD", "2026J")
    assert (truth.falling.first_day, truth.falling.lowest_from) == (date(2026, 10, 23), date(2026, 11, 13))
    running = clicks[clicks["code_presentation"] == "2026J"]
    days_ago = 53 - running["date"].to_numpy()
    is_counted = (days_ago <= 35) & (days_ago != 9)
    weeks_ago = (days_ago[is_counted] - 1) // 7
    days_in_week = np.array([7, 6, 7, 7, 7])
    daily = pd.crosstab(running.loc[is_counted, "code_module"], weeks_ago) / days_in_week
    fall = daily.loc["DDD"].to_numpy()[::-1]  # oldest week first
    assert (np.diff(fall) < 0).all()
    assert fall[-1] < 0.25 * fall[0]
    assert (daily.drop("DDD")[0] > 0.6 * daily.drop("DDD")[4]).all()


def test_two_mass_withdrawals_stand_out_from_every_other_day(tables, truth):
    assert [(m.code_module, m.code_presentation, m.day, len(m.students)) for m in truth.mass_withdrawals] == [
        ("FFF", "2026B", date(2026, 5, 29), 21),
        ("BBB", "2026J", date(2026, 11, 6), 23),
    ]
    frame = tables["student_registration"].merge(tables["courses"], on=PRESENTATION).dropna(subset=["date_unregistration"])
    day = frame["start_date"] + pd.to_timedelta(frame["date_unregistration"].astype("int64"), unit="D")
    counts = Counter(zip(frame["code_module"], day.dt.date, strict=True))
    (first, n_first), (second, n_second), (_, n_third) = counts.most_common(3)
    assert {first, second} == {("FFF", date(2026, 5, 29)), ("BBB", date(2026, 11, 6))}
    assert (n_first, n_second) == (23, 21)
    assert n_third <= 5
    for planted in truth.mass_withdrawals:
        is_planted = (frame["code_module"] == planted.code_module) & (day.dt.date == planted.day)
        assert tuple(sorted(frame.loc[is_planted, "id_student"])) == planted.students


def test_the_feed_was_stuck_for_one_day_and_every_module_has_clicks_on_every_other_day(final_clicks, truth):
    assert truth.stuck_day == date(2026, 11, 11)
    running = final_clicks[final_clicks["code_presentation"] == "2026J"]
    per_day = pd.crosstab(running["code_module"], running["date"]).reindex(columns=range(-20, 148), fill_value=0)
    assert per_day.columns[(per_day == 0).any()].tolist() == [44]  # 2026-11-11
    assert (per_day[44] == 0).all()


@pytest.mark.parametrize("seed", [2024, 7])
def test_contact_raised_the_pass_rate_by_about_six_points(seed):
    campus = DemoCampus(FOUNDED, FOUNDED, seed)
    trial = campus.truth().trial
    assert (trial.code_presentation, trial.effect_points) == ("2025J", 6.0)
    outcome = trial.arms.merge(campus.tables()["student_info"], on=ENROLMENT, validate="one_to_one")
    assert len(outcome) == 750
    has_passed = outcome["final_result"].isin(["Pass", "Distinction"])
    rates = has_passed.groupby(outcome["contacted"]).agg(["mean", "size"])
    assert rates["size"].tolist() == [375, 375]
    assert 4.5 < 100 * (rates.loc[True, "mean"] - rates.loc[False, "mean"]) < 7.5
    arms_of_module = outcome.groupby("code_module")["contacted"].mean()
    assert arms_of_module.tolist() == [0.5, 0.5, 0.5, 0.5]


def test_four_in_ten_do_not_succeed_and_modules_differ(final_tables):
    info = final_tables["student_info"]
    is_lost = info["final_result"].isin(UNSUCCESSFUL)
    assert 0.36 < is_lost.mean() < 0.44
    by_module = is_lost.groupby(info["code_module"]).mean().round(2)
    assert by_module.to_dict() == {"AAA": 0.28, "BBB": 0.37, "DDD": 0.45, "FFF": 0.44}


@pytest.mark.parametrize("seed", [2024, 7])
def test_early_activity_missed_work_and_low_marks_predict_failing_well_but_not_too_well(seed):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    campus = DemoCampus(FOUNDED, FOUNDED, seed)
    tables = campus.tables()
    day = 42
    frame = tables["student_info"].merge(tables["student_registration"], on=ENROLMENT)
    frame = frame[frame["final_result"].notna() & ~(frame["date_unregistration"] < day).fillna(False)]
    clicks = all_clicks(campus, tables)
    clicks = clicks[clicks["date"] < day]
    visits = clicks.groupby(ENROLMENT)["date"].agg(["nunique", "max"])
    work = tables["student_assessment"].merge(tables["assessments"], on="id_assessment")
    work = work[(work["date_submitted"] < day) & (work["is_banked"] == 0)].groupby(ENROLMENT)["score"].agg(["size", "mean"])
    frame = frame.join(visits, on=ENROLMENT).join(work, on=ENROLMENT)
    features = (
        frame[["nunique", "max", "size", "mean"]].fillna({"nunique": 0, "max": -21, "size": 0, "mean": 50}).astype("float64")
    )
    features = features.join(pd.get_dummies(frame["code_module"]).astype("float64"))
    is_lost = frame["final_result"].isin(UNSUCCESSFUL)
    is_train = frame["code_presentation"] < "2026B"
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(features[is_train], is_lost[is_train])
    auc = roc_auc_score(is_lost[~is_train], model.predict_proba(features[~is_train])[:, 1])
    assert 0.74 < auc < 0.86
