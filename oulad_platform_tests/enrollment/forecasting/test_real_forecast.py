"""The forecast of cohort 2014B from earlier ones, on the real OULAD registrations, where they are at hand."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from oulad_platform.core.calendar import enrolled_on, start_date
from oulad_platform.core.checks import require
from oulad_platform.enrollment.forecasting.backtest import forecast_backtest
from oulad_platform.enrollment.forecasting.forecast import enrollment_forecast
from oulad_platform.enrollment.forecasting.pickup import curves, pickup
from oulad_platform.enrollment.foresight_tables import ENROLLMENT_FORECAST, FORECAST_BACKTEST

DATA = Path(os.environ.get("OULAD_TEST_DATA", Path(__file__).parents[4] / "shared" / "oulad"))
pytestmark = pytest.mark.skipif(
    not (DATA / "studentRegistration.parquet").exists(), reason=f"no OULAD tables in {DATA}; set OULAD_TEST_DATA"
)
CENSUS = date(2014, 2, 15)
GOALS = {30: 0.13, 14: 0.07, 7: 0.055}


@pytest.fixture(scope="module")
def campus() -> tuple[pd.DataFrame, dict[str, date]]:
    """Rows of enrollment_metrics, counted here apart from our own metrics, and the last day of each presentation."""
    lengths = pd.read_parquet(DATA / "courses.parquet").set_index(["code_module", "code_presentation"]).iloc[:, 0].astype(int)
    registrations = pd.read_parquet(DATA / "studentRegistration.parquet")
    parts, ends = [], {}
    for (module, presentation), rows in registrations.groupby(["code_module", "code_presentation"]):
        start, length = start_date(presentation), int(lengths[module, presentation])
        offsets = np.arange(-330, length + 1)
        dates = [rows[column].astype("float64").to_numpy()[:, None] for column in ("date_registration", "date_unregistration")]
        part = pd.DataFrame(
            {
                "date": pd.Timestamp(start) + pd.to_timedelta(offsets, unit="D"),
                "program": module,
                "term": presentation,
                "name": f"{module} {presentation}",
                "total_enrollment": enrolled_on(*dates, offsets).sum(axis=0),
                "days_to_census": pd.array(14 - offsets, dtype="Int32"),
            }
        )
        parts.append(part[part["total_enrollment"] > 0].assign(scope="term"))
        ends[f"{module} {presentation}"] = start + timedelta(days=length)
    terms = pd.concat(parts)
    programs = terms.groupby(["date", "program"])["total_enrollment"].sum().rename_axis(["date", "name"]).reset_index()
    total = terms.groupby("date")["total_enrollment"].sum().reset_index().assign(scope="total", name="all")
    return pd.concat([terms.drop(columns="program"), programs.assign(scope="program"), total], ignore_index=True), ends


@pytest.fixture(scope="module")
def backtest(campus) -> pd.DataFrame:
    return require(forecast_backtest(campus[0], CENSUS, campus[1]), FORECAST_BACKTEST)


def counts(rows: pd.DataFrame, day: date) -> pd.Series:
    cohort = rows[(rows["scope"] == "term") & (rows["term"] == "2014B") & (rows["date"] == pd.Timestamp(day))]
    return cohort.set_index("name")["total_enrollment"]


def test_2014b_on_its_census_day_is_foreseen_by_earlier_terms_and_never_worse_than_by_todays_count(campus):
    rows, ends = campus
    actual = counts(rows, CENSUS)
    assert (len(actual), actual.sum()) == (6, 6656)
    wape, naive = {}, {}
    for lead in range(1, 31):
        today = CENSUS - timedelta(days=lead)
        known = curves(rows, today, ends)
        at = {name: int(np.flatnonzero(known.name == name)[0]) for name in actual.index}
        expected = pd.Series({name: pickup(known, row, np.array([known.n_days - 1 + lead]))[0] for name, row in at.items()})
        wape[lead] = (expected - actual).abs().sum() / actual.sum()
        naive[lead] = (counts(rows, today) - actual).abs().sum() / actual.sum()
    assert [wape[lead] for lead in GOALS] == pytest.approx([0.054, 0.014, 0.009], abs=0.0006)
    assert [naive[lead] for lead in GOALS] == pytest.approx([0.090, 0.045, 0.015], abs=0.0006)
    assert all(wape[lead] <= goal for lead, goal in GOALS.items())
    assert not [lead for lead in wape if wape[lead] > naive[lead]]


def test_the_method_chosen_at_the_time_meets_the_goals_too(campus, backtest):
    rows, ends = campus
    actual = counts(rows, CENSUS)
    for lead, goal in GOALS.items():
        today = CENSUS - timedelta(days=lead)
        found = require(enrollment_forecast(rows, today, backtest, 1, ends), ENROLLMENT_FORECAST)
        used = found[found["is_used"] & found["is_census"]].set_index("name")["expected"]
        error = (used - actual).abs().sum() / actual.sum()
        assert len(used) == 6
        assert error <= goal
        assert error <= (counts(rows, today) - actual).abs().sum() / actual.sum()


def test_eighty_of_a_hundred_outcomes_lie_in_the_80_percent_interval(backtest):
    judged = backtest.dropna()
    inside = judged["actual"].between(judged["lower_80"], judged["upper_80"])
    assert len(judged) > 10_000
    assert 0.75 <= inside.mean() <= 0.85
    by_kind = inside.groupby([judged["scope"], judged["method"]]).mean()
    assert by_kind[["program", "total"]].between(0.75, 0.85).all()
    assert by_kind["term"].between(0.70, 0.86).all()  # 48 to 96 forecasts of two cohorts each
    widest = judged["actual"].between(judged["lower_95"], judged["upper_95"])
    assert 0.93 <= widest.mean() <= 0.98
