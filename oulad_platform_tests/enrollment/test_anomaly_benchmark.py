"""Planted faults are found and quiet days left alone: on a made-up campus with a weekly rhythm, and on the real cohorts."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from oulad_platform.core.calendar import start_date
from oulad_platform.core.checks import require
from oulad_platform.enrollment import anomaly_benchmark as anomaly_benchmark_module
from oulad_platform.enrollment.anomalies import enrollment_anomalies
from oulad_platform.enrollment.anomaly_benchmark import anomaly_benchmark
from oulad_platform.enrollment.foresight_tables import ANOMALY_BENCHMARK
from oulad_platform.enrollment.tables import ENROLLMENT_METRICS

DATA = Path(os.environ.get("OULAD_TEST_DATA", Path(__file__).parents[3] / "shared" / "oulad"))
FAULTS = ["double_load", "half_load", "mass_drop", "missing_program", "stuck_feed"]
FLOWS = ["new_students", "dropped_students", "completed_students", "baseline_students", "moved_in", "moved_out"]


def metrics_of(people: pd.DataFrame) -> pd.DataFrame:
    """`enrollment_metrics` of people (program, division, level, term; first and last day; is_completed), one a day, no gaps."""
    people = people.assign(all="all", term=people["program"] + " " + people["term"])
    is_baseline = people["first"] == people.groupby("term")["first"].transform("min")
    gone = people["last"] + pd.Timedelta(days=1)
    days = pd.date_range(people["first"].min(), gone.max(), unit="us")
    kinds = {
        "new_students": (~is_baseline, people["first"]),
        "baseline_students": (is_baseline, people["first"]),
        "dropped_students": (~people["is_completed"], gone),
        "completed_students": (people["is_completed"], gone),
    }
    scopes = []
    for scope in ("total", "division", "program", "level", "term"):
        name = people["all" if scope == "total" else scope]
        counts = {kind: day[at].groupby([name[at], day[at]]).size() for kind, (at, day) in kinds.items()}
        index = pd.MultiIndex.from_product([sorted(name.unique()), days], names=["name", "date"])
        rows = pd.DataFrame({kind: count.reindex(index, fill_value=0) for kind, count in counts.items()})
        coming, going = rows.iloc[:, :2].sum(axis=1), rows.iloc[:, 2:].sum(axis=1)
        rows["net_change"] = coming - going
        rows["total_enrollment"] = rows["net_change"].groupby("name").cumsum()
        is_there = (rows["total_enrollment"] > 0) | (going > 0)
        scopes.append(rows[is_there].reset_index().assign(scope=scope, moved_in=0, moved_out=0))
    metrics = pd.concat(scopes, ignore_index=True)
    is_first = metrics["date"] == days[0]
    metrics["previous_date"] = (metrics["date"] - pd.Timedelta(days=1)).mask(is_first)
    metrics[[*FLOWS, "net_change"]] = metrics[[*FLOWS, "net_change"]].mask(is_first)
    rest = [column for column in ENROLLMENT_METRICS.names if column not in metrics]
    return ENROLLMENT_METRICS.conform(metrics.assign(**dict.fromkeys(rest) | {"average_7_days": 0.0}))


def campus(seed: int = 0) -> pd.DataFrame:
    """Two overlapping terms of six programs of 60 to 900; the office registers on weekdays, most on Mondays."""
    rng = np.random.default_rng(seed)
    parts = []
    for term, start in (("2025B", "2025-02-03"), ("2025J", "2025-08-04")):
        for number, size in enumerate((60, 120, 240, 400, 600, 900)):
            first = pd.Timestamp(start) + pd.to_timedelta(rng.triangular(-100, -20, 30, size).round(), unit="D")
            first -= pd.to_timedelta(np.where(first.day_of_week > 4, first.day_of_week - rng.integers(0, 2, size), 0), unit="D")
            stay = rng.exponential(700, size).round() + 1
            end = pd.Timestamp(start) + pd.Timedelta(days=150)
            last = first + pd.to_timedelta(stay, unit="D")
            part = pd.DataFrame({"program": f"P{number}", "division": f"D{number % 2}", "term": term}, index=range(size))
            level = rng.choice(["Bachelor", "Master"], size)
            parts.append(part.assign(level=level, first=first, last=np.minimum(last, end), is_completed=last > end))
    return metrics_of(pd.concat(parts, ignore_index=True))


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    """The real cohorts as a registrar would have shown them day by day."""
    if not (DATA / "studentRegistration.parquet").exists():
        pytest.skip(f"no OULAD tables in {DATA}; set OULAD_TEST_DATA")
    keys = ["code_module", "code_presentation"]
    names = ("studentRegistration", "courses", "studentInfo")
    people, courses, info = (pd.read_parquet(DATA / f"{name}.parquet") for name in names)
    people = people.merge(courses, on=keys).merge(info[[*keys, "id_student", "highest_education"]], on=[*keys, "id_student"])
    people = people[people["date_registration"].notna() & ~(people["date_unregistration"] < people["date_registration"])]
    start = pd.to_datetime(people["code_presentation"].map(start_date))
    length = people["module_presentation_length"].astype("float64")
    last = people["date_unregistration"].astype("float64").where(people["date_unregistration"] <= length)
    return metrics_of(
        pd.DataFrame(
            {
                "program": people["code_module"].astype("str"),
                "division": people["code_module"].isin(["AAA", "BBB", "GGG"]).map({True: "Social Sciences", False: "STEM"}),
                "level": people["highest_education"].astype("str"),
                "term": people["code_presentation"].astype("str"),
                "first": start + pd.to_timedelta(people["date_registration"].astype("float64"), unit="D"),
                "last": start + pd.to_timedelta(last.fillna(length), unit="D"),
                "is_completed": last.isna(),
            }
        ).reset_index(drop=True)
    )


@pytest.fixture(scope="module")
def on_real(real) -> pd.DataFrame:
    """Rates on the real cohorts by fault and detector."""
    return rates(real, 0)


def rates(metrics: pd.DataFrame, seed: int) -> pd.DataFrame:
    made = require(anomaly_benchmark(metrics, seed), ANOMALY_BENCHMARK)
    assert made.loc[made["fault"] != "none", "n_injected"].tolist() == [100] * 15
    return made.pivot_table("rate", "fault", "detector")


def alarms_a_month(metrics: pd.DataFrame) -> pd.Series:
    """Days with an alarm per 30 judged days, of each series."""
    anomalies = enrollment_anomalies(metrics, metrics["date"].unique())
    days = anomalies.groupby(["scope", "name", "date"])["is_anomaly"].any()
    return 30 * days.groupby(["scope", "name"]).mean()


def test_on_a_campus_with_a_weekly_rhythm_every_fault_is_found_and_no_series_cries_wolf() -> None:
    metrics = campus()
    found = rates(metrics, 0)["robust_seasonal"]
    assert found[FAULTS].min() >= 0.95
    assert found["none"] <= 1
    assert alarms_a_month(metrics).max() <= 1


def test_on_the_real_cohorts_every_fault_is_found(on_real) -> None:
    assert on_real.loc[FAULTS, "robust_seasonal"].min() >= 0.95
    assert on_real.loc["none", "robust_seasonal"] <= 1


def test_on_the_real_cohorts_no_series_cries_wolf(real) -> None:
    a_month = alarms_a_month(real)
    assert len(a_month) == 30
    assert a_month.max() <= 1


def test_the_plain_detectors_miss_what_the_one_in_use_finds(on_real) -> None:
    assert on_real.loc[["half_load", "mass_drop", "stuck_feed"], "z_score"].max() < 0.95
    assert on_real.loc[["mass_drop", "stuck_feed"], "fixed_percent"].max() < 0.95


@pytest.fixture
def few_cases(monkeypatch) -> None:
    monkeypatch.setattr(anomaly_benchmark_module, "CASES", 5)


@pytest.mark.usefixtures("few_cases")
def test_the_same_seed_plants_the_same_faults() -> None:
    metrics = campus(1)
    shuffled = metrics.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(anomaly_benchmark(metrics, 3), anomaly_benchmark(shuffled, 3))


@pytest.mark.usefixtures("few_cases")
def test_what_is_planted_keeps_the_algebra_of_the_metrics(monkeypatch) -> None:
    looked_at = []

    def look(metrics, days):
        looked_at.append(metrics)
        return enrollment_anomalies(metrics, days)

    monkeypatch.setattr(anomaly_benchmark_module, "enrollment_anomalies", look)
    anomaly_benchmark(campus(2), 0)
    assert len(looked_at) == 1 + 4 + 5  # the history, four faults on one day each, five stuck feeds
    for metrics in looked_at:
        coming = metrics["new_students"] + metrics["baseline_students"].fillna(0)
        going = metrics["dropped_students"] + metrics["completed_students"].fillna(0)
        total = metrics["total_enrollment"]
        before = total.groupby([metrics["scope"], metrics["name"]]).shift()
        assert (before + coming - going - total).dropna().eq(0).all()
        assert metrics[["total_enrollment", *FLOWS]].min(axis=None) >= 0


def test_a_history_too_short_to_judge_has_no_rates() -> None:
    metrics = campus()
    short = metrics[metrics["date"] < metrics["date"].min() + pd.Timedelta(days=14)]
    made = require(anomaly_benchmark(short, 0), ANOMALY_BENCHMARK)
    assert made["rate"].isna().all()
    assert made["n_injected"].sum() == 0
