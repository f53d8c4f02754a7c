"""Enrolment counts that leave: what is withheld, and an attacker who knows the hierarchy and every shown count of a day."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from oulad_platform.core.privacy import Disclosure, PrivacyError
from oulad_platform.core.tables import Table
from oulad_platform.enrollment.foresight_tables import ENROLLMENT_FORECAST
from oulad_platform.enrollment.publication import (
    PARTS,
    forecast_published,
    metrics_published,
    retention_published,
    weeks_published,
)
from oulad_platform.enrollment.tables import COHORT_RETENTION, ENROLLMENT_METRICS

MONDAY = pd.Timestamp("2026-11-16")
HESA = Disclosure(rounding="hesa")
Cells = list[tuple[str, str, str, str, int]]
CAMPUS: Cells = [
    ("STEM", "Maths", "A", "BSc", 120),
    ("STEM", "Maths", "B", "BSc", 7),
    ("STEM", "Physics", "A", "MSc", 60),
    ("Arts", "Music", "A", "BSc", 45),
]


def conform(table: Table, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with every other column absent, or 1 where it must not be."""
    missing = {c.name: (None if c.nullable else 1) for c in table.columns if c.name not in rows}
    frame = rows.assign(**missing)
    return table.conform(frame.astype({c.name: c.dtype for c in table.columns}))


def parts_of(cells: Cells) -> pd.DataFrame:
    frame = pd.DataFrame(cells, columns=[*PARTS, "level", "n"])
    return frame.groupby(PARTS, as_index=False)["n"].sum()


def metrics_of(cells: Cells, day: pd.Timestamp = MONDAY, **flows: int) -> pd.DataFrame:
    frame = pd.DataFrame(cells, columns=[*PARTS, "level", "n"])
    names = {"total": "all", "division": frame["division"], "program": frame["program"], "level": frame["level"]}
    names["term"] = frame["program"] + " " + frame["term"]
    rows = [
        frame.assign(name=name).groupby("name", as_index=False)["n"].sum().assign(scope=scope) for scope, name in names.items()
    ]
    counted = pd.concat(rows).rename(columns={"n": "total_enrollment"}).assign(date=day, **flows)
    return conform(ENROLLMENT_METRICS, counted)


def totals(shown: pd.DataFrame) -> dict[str, int | None]:
    return {
        f"{row.scope} {row.name}": None if pd.isna(row.total_enrollment) else int(row.total_enrollment)
        for row in shown.itertuples()
    }


def test_a_small_term_takes_along_what_would_lead_to_it_and_the_program_stays() -> None:
    shown = metrics_published(metrics_of(CAMPUS), {MONDAY.date(): parts_of(CAMPUS)}, Disclosure())
    assert totals(shown) == {
        "division Arts": 45,
        "division STEM": 187,
        "level BSc": 172,
        "level MSc": 60,
        "program Maths": 127,
        "program Music": 45,
        "program Physics": 60,
        "term Maths A": None,
        "term Maths B": None,
        "term Music A": 45,
        "term Physics A": 60,
        "total all": 232,
    }


def test_a_small_program_that_is_a_division_takes_another_division_along() -> None:
    cells: Cells = [("STEM", "Physics", "A", "BSc", 6), ("Arts", "Music", "A", "BSc", 45), ("Law", "Law", "A", "BSc", 90)]
    shown = totals(metrics_published(metrics_of(cells), {MONDAY.date(): parts_of(cells)}, Disclosure()))
    assert [name for name, n in shown.items() if n is None and name.startswith(("division", "program"))] == [
        *("division Arts", "division STEM"),
        *("program Music", "program Physics"),
    ]


def test_a_day_without_its_snapshot_tells_no_division_and_no_term() -> None:
    cells: Cells = [(*cell[:4], cell[4] + 10) for cell in CAMPUS]
    shown = totals(metrics_published(metrics_of(cells), {}, Disclosure()))
    assert {name.split()[0] for name, n in shown.items() if n is None} == {"division", "term"}


def test_a_day_with_nobody_has_one_row_and_tells_nothing() -> None:
    nobody = conform(ENROLLMENT_METRICS, pd.DataFrame({"date": [MONDAY], "scope": "total", "name": "all", "total_enrollment": 0}))
    shown = metrics_published(nobody, {MONDAY.date(): parts_of(CAMPUS).iloc[:0]}, Disclosure())
    assert totals(shown) == {"total all": None}


def test_a_snapshot_that_does_not_belong_to_the_metrics_is_refused() -> None:
    with pytest.raises(PrivacyError, match="make the metrics again"):
        metrics_published(metrics_of(CAMPUS[:2]), {MONDAY.date(): parts_of(CAMPUS)}, Disclosure())
    metrics = metrics_of(CAMPUS)
    metrics.loc[metrics["scope"] == "total", "total_enrollment"] += 1
    with pytest.raises(PrivacyError, match="add up"):
        metrics_published(metrics, {MONDAY.date(): parts_of(CAMPUS)}, Disclosure())


def test_flows_of_a_day_are_told_rounded_or_not_at_all() -> None:
    metrics, parts = metrics_of(CAMPUS, new_students=12, dropped_students=3), {MONDAY.date(): parts_of(CAMPUS)}
    assert metrics_published(metrics, parts, Disclosure())[["new_students", "dropped_students"]].isna().all().all()
    shown = metrics_published(metrics, parts, HESA)
    assert shown[["new_students", "dropped_students"]].drop_duplicates().to_numpy().tolist() == [[10, 5]]
    assert totals(shown)["term Maths B"] == 5
    assert totals(shown)["total all"] == 230


CELL = st.tuples(
    st.sampled_from(["D1", "D2"]),
    st.sampled_from(["P1", "P2", "P3"]),
    st.sampled_from(["A", "B"]),
    st.sampled_from(["L1", "L2", "L3"]),
    st.one_of(st.integers(1, 12), st.integers(1, 300)),
)


@settings(max_examples=20, deadline=None)
@given(st.lists(CELL, min_size=1, max_size=10, unique_by=lambda cell: cell[:4]), st.booleans())
def test_no_withheld_total_can_be_worked_out_from_a_day_by_who_knows_the_hierarchy(cells: Cells, is_split: bool) -> None:
    """The attacker knows who belongs to whom, that counts are not negative, and what is shown."""
    if not is_split:
        home = {"P1": "D1", "P2": "D1", "P3": "D2"}
        cells = [(home[program], program, *others) for _, program, *others in cells]  # type: ignore[misc]
    metrics = metrics_of(cells)
    shown = metrics_published(metrics, {MONDAY.date(): parts_of(cells)}, Disclosure())
    truth = dict(zip(zip(metrics["scope"], metrics["name"], strict=True), metrics["total_enrollment"], strict=True))
    parts = parts_of(cells)
    joint = [(d, p, t, level) for d, p, t in parts[PARTS].itertuples(index=False) for level in sorted({c[3] for c in cells})]
    place = {name: at for at, name in enumerate(truth)}
    of = {"total": lambda c: "all", "division": lambda c: c[0], "program": lambda c: c[1], "level": lambda c: c[3]}
    of["term"] = lambda c: f"{c[1]} {c[2]}"
    lines = np.zeros((len(truth), len(truth) + len(joint)))
    for (scope, name), at in place.items():
        lines[at, at] = -1
        lines[at, [len(truth) + i for i, cell in enumerate(joint) if of[scope](cell) == name]] = 1
    told = dict(zip(zip(shown["scope"], shown["name"], strict=True), shown["total_enrollment"], strict=True))
    bounds: list[tuple[float, float | None]] = [(0, None) if pd.isna(told[name]) else (told[name], told[name]) for name in truth]
    bounds += [(0, None)] * len(joint)
    for name, n in truth.items():
        assert pd.isna(told[name]) or n >= 10
        if pd.isna(told[name]) and n < 10:
            aim = np.zeros(lines.shape[1])
            aim[place[name]] = 1
            low = linprog(aim, A_eq=lines, b_eq=np.zeros(len(truth)), bounds=bounds, method="highs")
            high = linprog(-aim, A_eq=lines, b_eq=np.zeros(len(truth)), bounds=bounds, method="highs")
            assert low.fun <= 1e-6
            assert high.status == 3 or -high.fun >= 10 - 1e-6


def test_a_week_that_is_over_tells_who_came_and_left_or_neither() -> None:
    days = [MONDAY + pd.Timedelta(days=n) for n in range(16)]
    flows = {"previous_date": MONDAY, "completed_students": 0, "baseline_students": 0}
    frames = [
        metrics_of(CAMPUS, day, **flows, new_students=3, dropped_students=2 if at < 7 else 1) for at, day in enumerate(days)
    ]
    metrics = pd.concat(frames, ignore_index=True)
    shown = weeks_published(metrics, Disclosure())
    assert shown["week_start"].dt.day.tolist() == [16, 23]
    assert shown[["n_days", "new_students", "dropped_students"]].iloc[0].tolist() == [7, 21, 14]
    assert shown[["new_students", "dropped_students"]].iloc[1].isna().all()
    assert weeks_published(metrics, HESA)[["new_students", "dropped_students"]].to_numpy().tolist() == [[20, 15], [20, 5]]


def cohorts(*rows: tuple[str, int, int, int]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["program", "week", "n_cohort", "n_retained"])
    frame["retention_rate"] = frame["n_retained"] / frame["n_cohort"]
    return COHORT_RETENTION.conform(frame.assign(term="A", date=MONDAY, census_date=MONDAY))


COHORTS = cohorts(("all", 4, 200, 165), ("P", 4, 100, 97), ("Q", 4, 60, 40), ("R", 4, 40, 28))


def test_who_stayed_is_withheld_where_few_left_and_so_is_the_next_program() -> None:
    shown = retention_published(COHORTS, Disclosure())
    figures = shown.set_index("program")[["n_cohort", "n_retained", "retention_rate"]].astype("object")
    assert figures.where(figures.notna(), None).to_dict("index") == {
        "P": {"n_cohort": 100, "n_retained": None, "retention_rate": None},
        "Q": {"n_cohort": 60, "n_retained": 40, "retention_rate": pytest.approx(2 / 3)},
        "R": {"n_cohort": 40, "n_retained": None, "retention_rate": None},
        "all": {"n_cohort": 200, "n_retained": 165, "retention_rate": 0.825},
    }


def test_a_rounded_cohort_gives_its_rate_from_rounded_counts() -> None:
    shown = retention_published(cohorts(("all", 4, 23, 22), ("P", 4, 22, 21), ("Q", 4, 1, 1)), HESA)
    assert shown[["n_cohort", "n_retained"]].to_numpy().tolist() == [[20, 20], [0, 0], [25, 20]]
    assert [None if pd.isna(rate) else rate for rate in shown["retention_rate"]] == [None, None, 0.8]


def test_a_forecast_is_told_only_of_what_it_starts_from() -> None:
    metrics = metrics_published(metrics_of(CAMPUS), {MONDAY.date(): parts_of(CAMPUS)}, Disclosure())
    row = {"as_of_date": MONDAY, "target_date": pd.Timestamp("2026-12-01"), "lead_days": 15, "method": "naive", "is_used": True}
    names = [("term", "Maths B"), ("program", "Maths")]
    made = conform(ENROLLMENT_FORECAST, pd.DataFrame([{**row, "scope": s, "name": n, "expected": 127.0} for s, n in names]))
    assert forecast_published(made, metrics, Disclosure())[["name", "expected"]].to_numpy().tolist() == [["Maths", 127.0]]
    assert forecast_published(made, metrics, HESA)["expected"].tolist() == [125.0]
    assert forecast_published(made[:0], metrics, Disclosure()).empty


def test_no_days_give_empty_tables() -> None:
    none = metrics_of(CAMPUS)[:0]
    assert metrics_published(none, {date(2026, 1, 1): parts_of(CAMPUS)}, Disclosure()).empty
    assert weeks_published(none, Disclosure()).empty
    assert retention_published(COHORTS[:0], Disclosure()).empty
