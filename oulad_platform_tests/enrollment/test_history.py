"""Averages, the same point of last year, and which days depend on others."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest

from oulad_platform.core.checks import require
from oulad_platform.enrollment.history import days_touched, with_history
from oulad_platform.enrollment.metrics import daily_changes
from oulad_platform.enrollment.tables import ENROLLMENT_METRICS
from oulad_platform_tests.enrollment.snapshots import days, enrolment, stored

FIRST = date(2026, 3, 2)


def on(offset: int) -> str:
    return str(FIRST + timedelta(days=offset))


def base(sizes: dict[int, dict[str, int]], **terms: str) -> pd.DataFrame:
    """Metrics of days (offset from FIRST) with so many students in each program."""
    rows = [
        enrolment(on(offset), str(student), program, **({"term_start_date": terms["start"]} if terms else {}))
        for offset, programs in sizes.items()
        for program, n in programs.items()
        for student in range(n)
    ]
    tables = stored(rows, *(on(offset) for offset, programs in sizes.items() if not any(programs.values())))
    return daily_changes(tables, list(tables))[1]


def shown(metrics: pd.DataFrame, name: str, column: str) -> object:
    return metrics.loc[metrics["name"] == name, column].item()


def test_the_average_is_over_the_snapshots_of_seven_days_and_a_name_without_a_row_had_nobody() -> None:
    metrics = base({-1: {"Law": 90}, 0: {"Law": 4}, 2: {"Law": 2, "Nursing": 3}, 3: {}, 6: {"Law": 6, "Nursing": 1}})
    filled = with_history(metrics, days(on(6)))
    assert shown(filled, "Law", "average_7_days") == 3.0
    assert shown(filled, "Nursing", "average_7_days") == 1.0
    assert shown(filled, "all", "average_7_days") == 4.0
    assert shown(with_history(metrics, days(on(5), on(2))), "Law", "average_7_days") == 32.0


def test_without_the_days_before_the_average_is_the_days_own() -> None:
    metrics = base({0: {"Law": 4}, 6: {"Law": 6}})
    alone = metrics[metrics["date"] == on(6)]
    assert shown(with_history(alone, days(on(6))), "all", "average_7_days") == 6.0


def test_only_the_rows_of_the_days_come_back_and_they_keep_the_tables_contract() -> None:
    filled = with_history(base({0: {"Law": 4}, 1: {"Law": 5}}), days(on(1), on(9)))
    assert set(require(filled, ENROLLMENT_METRICS)["date"].dt.date) == {FIRST + timedelta(days=1)}
    assert with_history(filled, days(on(9))).empty


LAST_YEAR = ["last_year_date", "last_year_enrollment", "last_year_difference"]


@pytest.mark.parametrize(
    ("ago", "start", "found"),
    [
        (365, 20 - 365, True),
        (364, 20 - 365, False),
        (364, 20 - 364, True),
        (335, 20 - 335, True),
        (395, 20 - 395, True),
        (334, 20 - 334, False),
        (396, 20 - 396, False),
    ],
)
def test_last_year_is_the_day_that_was_as_many_days_before_its_terms_start(ago: int, start: int, found: bool) -> None:
    then = base({-ago: {"Law": 3, "Nursing": 1}}, start=on(start))
    now = base({0: {"Law": 5, "History": 2}}, start=on(20))
    filled = with_history(pd.concat([now, then]), days(on(0)))
    law, history = (filled.loc[filled["name"] == name, LAST_YEAR].iloc[0] for name in ("Law", "History"))
    assert history.isna().all()
    assert law.tolist() == [pd.Timestamp(on(-ago)), 3, 2] if found else law.isna().all()


def test_of_several_such_days_the_one_nearest_to_a_year_ago_is_taken() -> None:
    now = base({0: {"Law": 5}}, start=on(20))
    earlier = [base({-ago: {"Law": n}}, start=on(20 - ago)) for ago, n in ((340, 1), (370, 2), (360, 3), (390, 4))]
    filled = with_history(pd.concat([now, *earlier]), days(on(0)))
    assert filled.loc[filled["name"] == "all", LAST_YEAR].iloc[0].tolist() == [pd.Timestamp(on(-360)), 3, 2]


def test_a_day_touches_the_next_snapshot_a_week_of_averages_and_the_year_after() -> None:
    known = [FIRST + timedelta(days=offset) for offset in (0, 1, 4, 6, 7, 10, 11, 334, 335, 395, 400)]
    touched = days_touched(known, known[:1])
    assert [(day - FIRST).days for day in touched.changes] == [1]
    assert [(day - FIRST).days for day in touched.history] == [1, 4, 6, 7, 335, 395]
    assert days_touched(known, []) == ([], [])
    assert days_touched(known, known[-1:]) == ([], [])
    every = days_touched(known, known[2:3], returns_are_recorded=False)
    assert every.changes == known[3:]
