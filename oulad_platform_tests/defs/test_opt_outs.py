"""An opt-out from the file to the lists: scored before its day, nowhere from it on; a list that cannot be read stops scoring."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from oulad_platform.core.outreach import ADVISERS, OPT_OUTS
from oulad_platform.definitions import build_defs
from oulad_platform.defs.caseload import CASELOAD
from oulad_platform.defs.local_run import RANGE_END, RANGE_START
from oulad_platform.defs.models import FEATURES, REASONS
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.success import COURSES, DIM_COURSE, RISK
from oulad_platform.settings import Settings
from oulad_platform.sources import tables as raw
from oulad_platform.success.features.catalogue import FEATURE_NAMES
from oulad_platform.success.marts import dim_course
from oulad_platform_tests.success.campus import courses
from oulad_platform_tests.success.caseload.lists import advisers

DAYS = [date(2026, 11, 21), date(2026, 11, 22), date(2026, 11, 23)]
STUDENTS = (101, 102, 103)
HEAD = "id_student,opted_out_on\n"
COURSE = courses(("AAA", "2026J", 240, "2026-09-28"))


class OnAMonday(Platform):
    def today(self) -> date:
        return DAYS[-1]


def at(home: Path) -> Platform:
    """Three silent students of one module, so that the rule flags each of them on each day."""
    places = {name: str(home / name.split("_")[0]) for name in ("lake_uri", "artifacts_uri", "outbox_uri")}
    settings = Settings(
        **places,
        oulad_data=str(home),
        opt_outs=str(home / "opt_outs.csv"),
        database_url=f"sqlite:///{home / 'oulad.db'}",
    )
    platform = OnAMonday(settings)
    platform.claim()
    platform.lake.replace("sources", raw.COURSES, COURSE)
    for table in (raw.ASSESSMENTS, raw.STUDENT_ASSESSMENT):
        platform.lake.replace("sources", table, table.empty())
    keys = pd.MultiIndex.from_product([pd.to_datetime(DAYS), STUDENTS], names=["run_date", "id_student"]).to_frame(index=False)
    known = dict.fromkeys(FEATURE_NAMES, np.float32(0)) | {"n_assessments_missed": np.float32(1)}
    features = keys.assign(code_module="AAA", code_presentation="2026J", day=55, **known)
    platform.lake.replace_days("success", FEATURES.table, FEATURES.table.conform(features), DAYS)
    platform.database.replace(DIM_COURSE.table, dim_course(COURSE, DIM_COURSE.table.empty()))
    platform.database.replace(ADVISERS, advisers(("Ada", "AAA", 20)))
    return platform


def make(platform: Platform, *keys: dg.AssetKey, first: date = DAYS[0], last: date = DAYS[-1]) -> dg.ExecuteInProcessResult:
    job = build_defs(platform.settings, platform=platform).resolve_implicit_global_asset_job_def()
    tags = {RANGE_START: str(first), RANGE_END: str(last)} if len(keys) > 1 else {}
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(instance=instance, asset_selection=[*keys], tags=tags, raise_on_error=False)


SCORED = (REASONS.key, RISK.key, COURSES.key, CASELOAD.key)
OPTED_OUT = dg.AssetKey(["sources", "opt_outs"])


def seen(platform: Platform, of: Any, column: str) -> list[tuple[int, int]]:
    rows = platform.database.read(of.table)
    return list(zip(rows[column].dt.day, rows["id_student"], strict=True))


BEFORE_AND_AFTER = [(21, 101), (21, 102), (21, 103), (22, 101), (22, 103), (23, 101), (23, 103)]


def test_who_opted_out_is_scored_until_the_day_before_and_in_no_list_after_it_however_often_it_runs(tmp_path: Path) -> None:
    platform = at(tmp_path)
    (tmp_path / "opt_outs.csv").write_text(HEAD + "102,2026-11-22\n")
    assert make(platform, OPTED_OUT).success
    for first in (DAYS[0], DAYS[1]):
        assert make(platform, *SCORED, first=first).success
        assert seen(platform, RISK, "run_date") == BEFORE_AND_AFTER
        assert seen(platform, CASELOAD, "caseload_date") == BEFORE_AND_AFTER
        summed = platform.database.read(COURSES.table)
        assert summed["student_count"].tolist() == [3, 2, 2]
        assert summed["n_high_risk"].tolist() == [3, 2, 2]


def test_an_opt_out_that_came_after_the_scores_keeps_the_student_off_the_list_made_after_it(tmp_path: Path) -> None:
    platform = at(tmp_path)
    assert make(platform, *SCORED[:-1]).success
    assert len(platform.database.read(RISK.table)) == 9
    platform.database.replace(OPT_OUTS, OPT_OUTS.conform(pd.DataFrame({"id_student": [102], "opted_out_on": [DAYS[1]]})))
    assert make(platform, CASELOAD.key, COURSES.key, RISK.key, first=DAYS[2]).success
    assert (23, 102) not in seen(platform, CASELOAD, "caseload_date")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (HEAD + "102,22.11.2026\n", "opt_outs.csv, row 2, opted_out_on: is not a day such as 2026-11-20"),
        (HEAD + "102x,2026-11-22\n", "opt_outs.csv, row 2, id_student"),
        (HEAD + "102,2026-11-22\n102,2026-11-23\n", "opt_outs.csv, row 3, id_student: is told otherwise in opt_outs.csv, row 2"),
        (None, "does not exist"),
    ],
)
def test_a_list_that_cannot_be_read_stops_scoring_and_keeps_the_stored_one(
    content: str | None, told: str, tmp_path: Path
) -> None:
    platform = at(tmp_path)
    known = OPT_OUTS.conform(pd.DataFrame({"id_student": [102], "opted_out_on": [DAYS[1]]}))
    platform.database.replace(OPT_OUTS, known)
    if content:
        (tmp_path / "opt_outs.csv").write_text(content)
    result = make(platform, OPTED_OUT, *SCORED)
    (failure, *others) = [event for event in result.all_events if event.is_step_failure]
    assert others == []
    said = str(failure.step_failure_data.user_failure_data.description)
    assert told in said
    assert "nobody is scored before" in said
    assert "102" not in said
    assert platform.database.days(RISK.table) == []
    pd.testing.assert_frame_equal(platform.database.read(OPT_OUTS), known)


def test_without_a_setting_the_stored_table_is_the_record(tmp_path: Path) -> None:
    platform = at(tmp_path)
    platform = OnAMonday(platform.settings.model_copy(update={"opt_outs": None}))
    known = OPT_OUTS.conform(pd.DataFrame({"id_student": [102], "opted_out_on": [DAYS[1]]}))
    platform.database.replace(OPT_OUTS, known)
    assert make(platform, OPTED_OUT).success
    pd.testing.assert_frame_equal(platform.database.read(OPT_OUTS), known)
