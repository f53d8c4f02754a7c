"""The trend of enrolment as a picture: right for a day, a month and years, small, and without the dates it does not have."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from oulad_platform.enrollment.charts import enrollment_trend
from oulad_platform.enrollment.tables import ENROLLMENT_METRICS

BLUE, GREEN, VERMILION = (0, 114, 178), (0, 158, 115), (213, 94, 0)


def metrics(n_days: int) -> pd.DataFrame:
    days = pd.date_range("2026-01-01", periods=n_days, unit="us")
    wave = 20 + 10 * np.sin(np.arange(n_days) / 9)
    frame = pd.DataFrame({"date": days, "scope": "total", "name": "all", "total_enrollment": 5000 + 40 * wave})
    frame["total_enrollment"] = frame["total_enrollment"].round()
    frame = frame.assign(new_students=wave.round(), dropped_students=(wave / 2).round(), returned_students=0)
    frame = frame.assign(completed_students=0, moved_in=0, moved_out=0, net_change=0, retention_rate=99.0, persistence_rate=0.99)
    return ENROLLMENT_METRICS.conform(frame)


def shares(picture: bytes, *colours: tuple[int, int, int]) -> list[float]:
    """Which share of the picture is within 12 steps a channel of each colour."""
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    return [float((np.abs(pixels - colour).max(axis=2) <= 12).mean()) for colour in colours]


@pytest.mark.parametrize("n_days", [1, 7, 30, 120, 600])
def test_line_adds_and_drops_are_drawn_in_at_most_60_kilobytes(n_days: int) -> None:
    picture = enrollment_trend(metrics(n_days))
    assert len(picture) <= 60_000
    assert Image.open(io.BytesIO(picture)).size == (900, 450)
    line, adds, drops = shares(picture, BLUE, GREEN, VERMILION)
    assert line > 0.00005
    assert adds > drops > 0.001


def test_a_baseline_day_shows_its_count_and_no_bars() -> None:
    day = metrics(1)
    day.loc[:, ["new_students", "dropped_students", "completed_students"]] = pd.NA
    line, adds, drops = shares(enrollment_trend(day), BLUE, GREEN, VERMILION)
    _, adds_with_bars, drops_with_bars = shares(enrollment_trend(metrics(1)), BLUE, GREEN, VERMILION)
    assert line > 0.00005
    assert adds < adds_with_bars / 3
    assert drops < drops_with_bars / 3


def test_a_day_without_a_row_is_a_gap_in_the_line() -> None:
    whole = metrics(30)
    with_gap = whole.drop(index=range(10, 20))
    assert shares(enrollment_trend(with_gap), BLUE)[0] < 0.85 * shares(enrollment_trend(whole), BLUE)[0]


def test_the_order_of_rows_and_other_scopes_change_nothing() -> None:
    total = metrics(30)
    program = total.assign(scope="program", name="AAA", total_enrollment=1)
    assert enrollment_trend(pd.concat([program, total.iloc[::-1]])) == enrollment_trend(total)


def test_without_a_row_of_the_total_there_is_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="no row of the total to draw"):
        enrollment_trend(metrics(3).assign(scope="program"))
