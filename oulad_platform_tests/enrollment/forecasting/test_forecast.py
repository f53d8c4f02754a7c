"""Forecasts and their backtest: what earlier terms say, what one series says, intervals, and nothing from after the day."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.core.checks import require
from oulad_platform.enrollment.forecasting.backtest import accuracy, expected_counts, forecast_backtest
from oulad_platform.enrollment.forecasting.forecast import enrollment_forecast
from oulad_platform.enrollment.forecasting.intervals import half_width, rolling_widths
from oulad_platform.enrollment.forecasting.methods import series_forecasts
from oulad_platform.enrollment.forecasting.pickup import curves, pickup, pickup_daily
from oulad_platform.enrollment.foresight_tables import ENROLLMENT_FORECAST, FORECAST_ACCURACY, FORECAST_BACKTEST

LEADS = np.array([1, 3, 7, 30])


def booking(name: str, term: str, census: date, counts: dict[int, int]) -> pd.DataFrame:
    """Rows of scope term by days to census."""
    days = [pd.Timestamp(census) - pd.Timedelta(days=ahead) for ahead in counts]
    return pd.DataFrame(
        {
            "date": days,
            "scope": "term",
            "name": f"{name} {term}",
            "term": term,
            "total_enrollment": list(counts.values()),
            "days_to_census": pd.array(list(counts), dtype="Int32"),
        }
    )


def with_sums(terms: pd.DataFrame) -> pd.DataFrame:
    """The rows of terms with those of their programs and of the total."""
    programs = terms["name"].str.rsplit(" ", n=1).str[0]
    sums = [
        terms.groupby(["date", names])["total_enrollment"].sum().rename_axis(["date", "name"]).reset_index().assign(scope=scope)
        for scope, names in (("program", programs), ("total", pd.Series("all", index=terms.index)))
    ]
    return pd.concat([terms, *sums], ignore_index=True).astype({"date": "datetime64[us]"})


def campus(sizes: dict[str, int], n_terms: int = 3, first: date = date(2024, 2, 15)) -> pd.DataFrame:
    """Programs with S-shaped booking, some leaving after the census day, terms 120 days apart and 150 days long."""
    parts = []
    for number in range(n_terms):
        census = first + timedelta(days=120 * number)
        for program, size in sizes.items():
            ahead = np.arange(90, -60, -1)
            came = size * (1 + 0.1 * number) / (1 + np.exp((ahead - 30) / 8))
            counts = np.round(came - 0.002 * size * np.maximum(-ahead, 0) + (ahead % 7 == 0)).astype(int)
            rows = booking(program, f"T{number}", census, dict(zip(ahead.tolist(), counts.tolist(), strict=True)))
            parts.append(rows[rows["total_enrollment"] > 0])
    return with_sums(pd.concat(parts, ignore_index=True))


CAMPUS = campus({"A": 400, "B": 90, "C": 1500})
AS_OF = date(2024, 9, 20)  # 22 days before the census day of T2


@pytest.fixture(scope="module")
def backtest() -> pd.DataFrame:
    return forecast_backtest(CAMPUS, AS_OF, weeks=18)


def expected(rows: pd.DataFrame, as_of: date, name: str, ends: dict[str, date] | None = None, ahead: int = 7) -> float:
    known = curves(rows, as_of, ends)
    row = int(np.flatnonzero(known.name == name)[0])
    return float(pickup(known, row, np.array([known.n_days - 1 + ahead]))[0])


OLD, NEW = date(2025, 3, 1), date(2025, 9, 1)
A_OLD = booking("A", "T1", OLD, {7: 20, 0: 30, -7: 24})
WEEK_BEFORE = NEW - timedelta(days=7)


def test_pickup_expects_what_the_programs_earlier_term_did():
    rows = pd.concat([A_OLD, booking("A", "T2", NEW, {7: 40})])
    assert expected(rows, WEEK_BEFORE, "A T2") == 60.0


def test_pickup_of_a_new_program_takes_all_others_together():
    others = pd.concat([A_OLD, booking("B", "T1", OLD, {7: 80, 0: 70})])
    assert expected(pd.concat([others, booking("C", "T2", NEW, {7: 50})]), WEEK_BEFORE, "C T2") == 50.0
    assert expected(pd.concat([others, booking("A", "T2", NEW, {7: 50})]), WEEK_BEFORE, "A T2") == 75.0


def test_each_step_back_in_time_halves_a_terms_weight():
    oldest = booking("A", "T0", date(2024, 9, 1), {7: 40, 0: 20})
    rows = pd.concat([oldest, A_OLD, booking("A", "T2", NEW, {7: 40})])
    assert expected(rows, WEEK_BEFORE, "A T2") == 40 * (30 + 20 / 2) / (20 + 40 / 2)


def test_a_term_that_is_over_is_not_taken_for_the_end_of_a_longer_one_but_a_known_end_is():
    rows = pd.concat([A_OLD, booking("A", "T2", NEW, {7: 40, 0: 50, -7: 40, -14: 36})])
    late = NEW + timedelta(days=14)
    assert expected(rows, late, "A T2") == 36.0
    assert expected(rows, late, "A T2", {"A T2": late + timedelta(days=6)}) == 0.0
    assert expected(rows, late, "A T2", {"A T2": late + timedelta(days=7)}) == 36.0


def test_without_an_earlier_term_there_is_no_pickup():
    known = curves(A_OLD, OLD - timedelta(days=7))
    assert np.isnan(pickup(known, 0, np.array([7]))).all()
    assert "pickup" not in set(expected_counts(known, 0, np.array([7]), is_census=True)["method"])


def test_an_earlier_term_counts_only_as_far_as_it_had_come_by_then():
    overlapping = booking("A", "T1", NEW - timedelta(days=3), {10: 20, 7: 20, 4: 25, 0: 60})
    rows = pd.concat([overlapping, booking("A", "T2", NEW, {7: 40, 4: 44})])
    assert np.isnan(expected(rows, WEEK_BEFORE, "A T2", ahead=7))
    assert expected(rows, NEW - timedelta(days=4), "A T2", ahead=1) == pytest.approx(44 * 25 / 25)


def test_a_programs_path_is_the_sum_of_its_terms():
    rows = with_sums(pd.concat([A_OLD, booking("A", "T2", NEW, {7: 40}), booking("B", "T2", NEW, {7: 10})]))
    known = curves(rows, WEEK_BEFORE)
    found = {
        name: pickup_daily(
            known, int(np.flatnonzero((known.name == name) & (known.scope != "term"))[0]), np.array([known.n_days + 6])
        )
        for name in ("A", "B", "all")
    }
    assert {name: float(values[0]) for name, values in found.items()} == {"A": 60.0, "B": 15.0, "all": 75.0}


def test_a_term_whose_name_does_not_end_in_its_term_is_refused():
    wrong = A_OLD.assign(name="A spring")
    with pytest.raises(ValueError, match="name 'A spring' does not end in its term 'T1'"):
        curves(wrong, OLD)
    with pytest.raises(ValueError, match="no row of total, program or term up to 2020-01-01"):
        curves(A_OLD, date(2020, 1, 1))


@pytest.mark.fault("property 15")
def test_a_constant_series_stays_constant_under_every_method():
    found = series_forecasts(np.full(60, 250.0), LEADS)
    assert set(found) == {"naive", "linear_regression", "moving_average", "ets", "arima"}
    for values in found.values():
        assert values == pytest.approx([250.0] * 4, abs=1e-6)


def test_a_straight_line_goes_on_under_regression_ets_and_arima():
    found = series_forecasts(np.arange(100.0, 220.0, 2), LEADS)
    assert found["linear_regression"] == pytest.approx([220, 224, 232, 278])
    assert found["arima"] == pytest.approx([220, 224, 232, 278], rel=1e-3)
    assert found["ets"][0] == pytest.approx(220, abs=0.5)
    assert found["naive"].tolist() == [218.0] * 4
    assert found["moving_average"].tolist() == [212.0] * 4


def test_a_method_without_enough_days_gives_nothing():
    assert set(series_forecasts(np.array([10.0]), LEADS)) == {"naive", "moving_average"}
    assert set(series_forecasts(np.array([np.nan, 3, np.nan, 4, 5, 6, 7.0]), LEADS)) == {
        "naive",
        "moving_average",
        "linear_regression",
    }


histories = st.lists(st.one_of(st.just(np.nan), st.integers(0, 5000).map(float)), min_size=0, max_size=90)


@pytest.mark.fault("property 15")
@settings(max_examples=60, deadline=None)
@given(histories, st.integers(1, 5000))
def test_forecasts_of_any_history_are_finite_and_not_negative(past, last):
    for values in series_forecasts(np.array([*past, float(last)]), LEADS).values():
        assert np.isfinite(values).all()
        assert (values >= 0).all()


@pytest.mark.fault("property 15")
@settings(max_examples=40, deadline=None)
@given(histories, st.integers(1, 5000), st.integers(2, 9), st.integers(1, 900))
def test_simple_methods_move_with_a_shift_and_a_factor(past, last, factor, shift):
    values = np.array([*past, float(last)])
    plain, scaled, moved = (series_forecasts(one, LEADS) for one in (values, values * factor, values + shift))
    for method in {"naive", "moving_average", "linear_regression"} & set(plain):
        assert scaled[method] == pytest.approx(plain[method] * factor, abs=1e-6)
        if (plain[method] > 0).all():
            assert moved[method] == pytest.approx(plain[method] + shift, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.integers(1, 40), st.integers(1, 500), min_size=2), st.integers(1, 500), st.integers(2, 9))
def test_pickup_scales_with_the_term_and_not_with_earlier_ones(counts, today, factor):
    counts = {**counts, 7: 30, 0: 45}
    earlier = booking("A", "T1", OLD, counts)
    plain = expected(pd.concat([earlier, booking("A", "T2", NEW, {7: today})]), WEEK_BEFORE, "A T2")
    grown = expected(pd.concat([earlier, booking("A", "T2", NEW, {7: today * factor})]), WEEK_BEFORE, "A T2")
    larger = earlier.assign(total_enrollment=earlier["total_enrollment"] * factor)
    assert plain == pytest.approx(today * 1.5)
    assert grown == pytest.approx(plain * factor)
    assert expected(pd.concat([larger, booking("A", "T2", NEW, {7: today})]), WEEK_BEFORE, "A T2") == pytest.approx(plain)


def test_the_half_width_is_the_conformal_rank_and_wider_when_errors_are_few():
    errors = [0.01, -0.02, 0.03, -0.04, 0.05, 0.06, 0.07, 0.08, 0.09]
    assert half_width(errors, 0.8) == 0.08
    assert half_width(errors, 0.95) == pytest.approx(2.262157 * np.sqrt(np.mean(np.square(errors))), rel=1e-6)
    assert half_width([0.0, 0.0, 0.0, 0.2], 0.8) == 0.2
    assert np.isnan(half_width(errors[:2], 0.8))


def errors_of(sizes: np.ndarray, lead: int = 7) -> pd.DataFrame:
    origin = np.arange(len(sizes)) * 7
    return pd.DataFrame({"origin": origin, "target": origin + lead, "lead_days": lead, "error": sizes})


def test_a_width_knows_only_errors_whose_day_had_come():
    sizes = np.linspace(0.01, 0.4, 40)
    known = rolling_widths(errors_of(sizes), (7,), range(0, 280, 7))
    changed = rolling_widths(errors_of(np.where(np.arange(40) < 20, sizes, 9.0)), (7,), range(0, 280, 7))
    for origin in range(0, 20 * 7 + 1, 7):
        np.testing.assert_array_equal(known[origin][80], changed[origin][80])
    assert known[154][80] < changed[154][80]


def test_coverage_comes_back_when_errors_grow():
    random = np.random.default_rng(11)
    sizes = random.normal(size=400) * np.where(np.arange(400) < 200, 0.02, 0.06)
    widths = rolling_widths(errors_of(sizes), (7,), range(0, 2800, 7))
    inside = [abs(sizes[i]) <= widths[i * 7][80][0] for i in range(210, 400)]
    assert 0.75 <= np.mean(inside) <= 0.85


def test_the_backtest_forecasts_what_would_have_been_forecast_then(backtest):
    assert len(require(backtest, FORECAST_BACKTEST)) > 1000
    row = backtest[(backtest["name"] == "C") & (backtest["lead_days"] == 14) & (backtest["method"] == "ets")].iloc[-1]
    origin = (row["target_date"] - pd.Timedelta(days=14)).date()
    known = curves(CAMPUS[CAMPUS["date"] <= pd.Timestamp(origin)], origin)
    series = int(np.flatnonzero((known.name == "C") & (known.scope == "program"))[0])
    then = expected_counts(known, series, np.array([known.n_days + 13]), is_census=False).set_index("method")["expected"]
    assert row["expected"] == pytest.approx(then["ets"])
    actual = CAMPUS[(CAMPUS["name"] == "C") & (CAMPUS["scope"] == "program") & (CAMPUS["date"] == row["target_date"])]
    assert row["actual"] == actual["total_enrollment"].item()


def test_pickup_is_used_where_terms_repeat_and_each_target_has_one_method_in_use(backtest):
    found = require(enrollment_forecast(CAMPUS, AS_OF, backtest), ENROLLMENT_FORECAST)
    used = found[found["is_used"]]
    assert not used.duplicated(["scope", "name", "target_date"]).any()
    assert len(used) == len(found.drop_duplicates(["scope", "name", "target_date"]))
    census = used[used["is_census"]].set_index("name")
    assert census.index.tolist() == ["A T2", "B T2", "C T2"]
    assert (census["target_date"] == pd.Timestamp(2024, 10, 12)).all()
    assert census["method"].tolist() == ["pickup"] * 3
    came = CAMPUS[(CAMPUS["date"] == "2024-10-12") & (CAMPUS["scope"] == "term")].set_index("name")["total_enrollment"]
    assert census["expected"].tolist() == pytest.approx(came[census.index].tolist(), rel=0.02)
    assert used[used["scope"] == "total"]["lead_days"].tolist() == list(range(1, 31))


@pytest.mark.fault("property 15")
def test_intervals_hold_their_forecast_and_the_wider_one_the_narrower(backtest):
    for rows in (enrollment_forecast(CAMPUS, AS_OF, backtest), backtest.dropna()):
        ends = rows[["lower_95", "lower_80", "expected", "upper_80", "upper_95"]].to_numpy()
        assert (np.diff(ends, axis=1) >= 0).all()
        assert (ends >= 0).all()


@pytest.mark.fault("property 4")
def test_nothing_after_the_day_changes_the_forecast_or_the_backtest(backtest):
    after = CAMPUS["date"] > pd.Timestamp(AS_OF)
    assert after.sum() > 500
    others = CAMPUS.assign(total_enrollment=CAMPUS["total_enrollment"].where(~after, 7))
    short, plain = forecast_backtest(CAMPUS, AS_OF, weeks=3), enrollment_forecast(CAMPUS, AS_OF, backtest)
    pd.testing.assert_frame_equal(forecast_backtest(others, AS_OF, weeks=3), short)
    later = backtest.assign(target_date=backtest["target_date"] + pd.Timedelta(days=400), actual=7.0)
    known_later = FORECAST_BACKTEST.conform(pd.concat([backtest, later]))
    for rows, past in ((CAMPUS[~after], backtest), (others, backtest), (CAMPUS, known_later)):
        pd.testing.assert_frame_equal(enrollment_forecast(rows, AS_OF, past), plain)


def test_a_new_institution_has_no_forecast_until_errors_are_known():
    young = CAMPUS[CAMPUS["date"] < CAMPUS["date"].min() + pd.Timedelta(days=3)]
    as_of = young["date"].max().date()
    backtest = forecast_backtest(young, as_of)
    found = require(enrollment_forecast(young, as_of, backtest), ENROLLMENT_FORECAST)
    assert len(found) == 0
    assert found.columns.tolist() == ENROLLMENT_FORECAST.names


def test_a_forecast_starts_from_a_day_that_has_a_snapshot(backtest):
    gap = CAMPUS[CAMPUS["date"] != pd.Timestamp(AS_OF)]
    with pytest.raises(ValueError, match="no row for 2024-09-20; a forecast starts from a day that has a snapshot"):
        enrollment_forecast(gap, AS_OF, backtest)


def test_days_without_a_snapshot_are_neither_forecast_from_nor_judged():
    gaps = CAMPUS[CAMPUS["date"].dt.day_of_week != 6]  # no snapshot on Sundays
    backtest = require(forecast_backtest(gaps, AS_OF, weeks=8), FORECAST_BACKTEST)
    origins = backtest["target_date"] - pd.to_timedelta(backtest["lead_days"], unit="D")
    assert not (backtest["target_date"].dt.day_of_week == 6).any()
    assert not (origins.dt.day_of_week == 6).any()
    found = enrollment_forecast(gaps, AS_OF, backtest)
    assert {"T2"} == set(found.loc[found["is_census"], "name"].str.split().str[1])


def test_a_census_day_without_a_snapshot_is_judged_by_the_one_before_from_a_week_ahead():
    census = pd.Timestamp(2024, 6, 14)
    backtest = forecast_backtest(CAMPUS[CAMPUS["date"] != census], date(2024, 6, 20), weeks=1)
    judged = backtest[backtest["is_census"] & (backtest["target_date"] == census)]
    assert sorted(judged["lead_days"].unique()) == [7, 14, 21, 30, 45, 60]
    eve = CAMPUS[(CAMPUS["date"] == census - pd.Timedelta(days=1)) & (CAMPUS["name"] == "C T1")]
    assert judged.loc[judged["name"] == "C T1", "actual"].unique().tolist() == eve["total_enrollment"].tolist()


def test_accuracy_is_what_the_view_says(backtest):
    literal = FORECAST_BACKTEST.conform(
        pd.DataFrame(
            {
                "scope": "total",
                "name": "all",
                "target_date": pd.to_datetime(["2026-01-05", "2026-01-05", "2026-01-12", "2026-01-12"]),
                "lead_days": 7,
                "method": ["naive", "pickup"] * 2,
                "is_census": False,
                "actual": [100.0, 100, 200, 200],
                "expected": [80.0, 110, 220, 195],
                "lower_80": [np.nan, np.nan, 210, 190],
                "upper_80": [np.nan, np.nan, 230, 201],
                "lower_95": [np.nan, np.nan, 190, 180],
                "upper_95": [np.nan, np.nan, 250, 210],
            }
        )
    )
    best = accuracy(literal).iloc[0]
    assert best["method"] == "pickup"
    assert best[["n_forecasts", "n_intervals", "coverage_80", "coverage_95"]].tolist() == [2, 1, 1.0, 1.0]
    assert best[["wape", "bias", "error_to_naive"]].tolist() == [15 / 300, 5 / 300, 15 / 40]
    for judged in (literal, backtest):
        with sqlite3.connect(":memory:") as database:
            judged.to_sql("forecast_backtest", database, index=False)
            view = pd.read_sql(FORECAST_ACCURACY.select["sqlite"], database)
        key = ["scope", "is_census", "lead_days", "method"]
        mine = accuracy(judged).sort_values(key, ignore_index=True)
        theirs = view.astype({"is_census": bool}).sort_values(key, ignore_index=True)[mine.columns]
        pd.testing.assert_frame_equal(mine, theirs, check_dtype=False)
