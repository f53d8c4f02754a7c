"""Tests of success.opt_outs: who has opted out is not scored from that day on, and was before."""

from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from oulad_platform.core.outreach import OPT_OUTS
from oulad_platform.success.opt_outs import still_scored


def rows(*given: tuple[str, int]) -> pd.DataFrame:
    frame = pd.DataFrame(given, columns=["run_date", "id_student"]).astype({"id_student": "int32"})
    return frame.assign(run_date=pd.to_datetime(frame["run_date"]).astype("datetime64[us]"))


def opt_outs(*given: tuple[int, str]) -> pd.DataFrame:
    frame = pd.DataFrame(given, columns=["id_student", "opted_out_on"])
    return OPT_OUTS.conform(frame.assign(opted_out_on=pd.to_datetime(frame["opted_out_on"])))


WEEK = rows(*[(f"2026-11-{day}", student) for day in (20, 21, 22) for student in (1, 2)])


def test_the_day_before_is_scored_and_the_day_itself_is_not() -> None:
    kept = still_scored(WEEK, opt_outs((2, "2026-11-21")))
    assert list(zip(kept["run_date"].dt.day, kept["id_student"], strict=True)) == [(20, 1), (20, 2), (21, 1), (22, 1)]


def test_without_opt_outs_or_with_strangers_only_everybody_is_scored() -> None:
    pd.testing.assert_frame_equal(still_scored(WEEK, OPT_OUTS.empty()), WEEK)
    pd.testing.assert_frame_equal(still_scored(WEEK, opt_outs((3, "2026-11-01"))), WEEK)


DAYS = st.integers(1, 28).map("2026-11-{:02}".format)


@given(
    st.lists(st.tuples(DAYS, st.integers(1, 4)), max_size=20),
    st.dictionaries(st.integers(1, 4), DAYS),
)
def test_a_row_stays_exactly_when_its_day_is_before_its_students_opt_out(
    scored: list[tuple[str, int]], opted_out: dict[int, str]
) -> None:
    kept = still_scored(rows(*scored), opt_outs(*opted_out.items()))
    expected = [(day, student) for day, student in scored if day < opted_out.get(student, "2027")]
    assert list(zip(kept["run_date"].dt.strftime("%Y-%m-%d"), kept["id_student"], strict=True)) == expected
