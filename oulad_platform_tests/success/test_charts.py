"""Tests of success.charts: a picture for one day and for six hundred, small enough for a run's metadata."""

from __future__ import annotations

import struct

import numpy as np
import pandas as pd
import pytest

from oulad_platform.success.charts import risk_by_course
from oulad_platform.success.tables import COURSE_SUMMARY_DAILY


def summary(n_courses: int, n_days: int) -> pd.DataFrame:
    days = pd.date_range("2013-02-01", periods=n_days, unit="us")
    frame = pd.DataFrame({"run_date": np.tile(days, n_courses), "course": np.repeat(np.arange(n_courses), n_days)})
    began = frame["course"] % 3 * 180
    frame = frame[np.tile(np.arange(n_days), n_courses) - began < 240].reset_index(drop=True)
    random = np.random.default_rng(1)
    wave = 0.4 + 0.2 * np.sin(np.arange(len(frame)) / 40) + random.normal(0, 0.01, len(frame))
    return COURSE_SUMMARY_DAILY.conform(
        frame.assign(
            code_module="M" + frame.pop("course").astype("str").str.zfill(2),
            code_presentation="2013B",
            week=0,
            student_count=100,
            avg_risk_score=wave,
            n_high_risk=50,
            high_risk_rate=wave + 0.1,
            n_compared=0,
            compared_risk=np.nan,
            compared_risk_7d_ago=np.nan,
            high_risk_rate_change_7d=np.nan,
            model_version="rule",
        )
    )


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG")
    return struct.unpack(">II", png[16:24])


@pytest.mark.parametrize(("n_courses", "n_days"), [(1, 1), (2, 30), (15, 600), (40, 30)])
def test_a_picture_is_at_most_60_kb_and_a_screen_wide(n_courses, n_days):
    png = risk_by_course(summary(n_courses, n_days))
    assert len(png) <= 60_000
    width, height = size(png)
    assert 600 <= width <= 900
    assert 200 <= height <= 830


def test_no_course_gives_a_picture_that_says_so():
    assert size(risk_by_course(COURSE_SUMMARY_DAILY.empty())) == (600, 240)


def test_the_same_figures_give_the_same_bytes_in_any_row_order():
    frame = summary(3, 10)
    assert risk_by_course(frame) == risk_by_course(frame.sample(frac=1, random_state=1))
