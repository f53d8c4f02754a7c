"""The real OULAD files, read and scored as a user would: what must be true of them, counted apart from our own code."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from oulad_platform.defs.local_run import materialize
from oulad_platform.defs.resources import Platform
from oulad_platform.settings import Settings
from oulad_platform.success.model_tables import MODEL_EVALUATION
from oulad_platform.success.tables import COURSE_SUMMARY_DAILY, STUDENT_RISK_DAILY

REPOSITORY = Path(__file__).parents[2]
DATA = Path(os.environ.get("OULAD_TEST_DATA", REPOSITORY.parent / "shared" / "oulad"))
DAY = date(2014, 3, 11)
KEY = ["code_module", "code_presentation", "id_student"]

pytestmark = [
    pytest.mark.skipif(
        not (DATA / "unpack.py").exists(), reason=f"no real OULAD tables in {DATA}; set OULAD_TEST_DATA to a folder that has them"
    ),
]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    home = tmp_path_factory.mktemp("real")
    subprocess.run([sys.executable, DATA / "unpack.py", home / "files"], check=True, capture_output=True)
    settings = Settings(
        oulad_data=str(home / "files"),
        lake_uri=str(home / "lake"),
        artifacts_uri=str(home),
        outbox_uri=str(home / "outbox"),
        database_url=f"sqlite:///{home / 'oulad.db'}",
    )
    platform = Platform(settings)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("OULAD_HOME", str(home))
        assert materialize(platform, date(2014, 3, 10), DAY)
    return platform


@pytest.fixture(scope="module")
def live() -> pd.DataFrame:
    """Who had registered, had not left and whose presentation ran on the day, straight from the published tables."""
    registrations = pd.read_parquet(DATA / "studentRegistration.parquet").merge(pd.read_parquet(DATA / "courses.parquet"))
    starts = {"2013B": date(2013, 2, 1), "2013J": date(2013, 10, 1), "2014B": date(2014, 2, 1)}
    day = registrations["code_presentation"].map(lambda code: (DAY - starts[code]).days)
    runs = (day >= 0) & (day <= registrations["module_presentation_length"])
    left = registrations["date_unregistration"] < day
    return registrations[runs & (registrations["date_registration"] <= day) & ~left].assign(day=day)


def test_all_presentations_and_enrolments_are_read(platform: Platform) -> None:
    tables = platform.campus().tables()
    assert (len(tables["courses"]), len(tables["student_info"]), len(tables["student_registration"])) == (15, 21_333, 21_333)
    assert platform.newest_day(date(2026, 1, 1)) == date(2014, 9, 30)


def test_exactly_those_who_are_there_are_scored(platform: Platform, live: pd.DataFrame) -> None:
    risk = platform.database.read_days(STUDENT_RISK_DAILY, [DAY])
    scored = pd.MultiIndex.from_frame(risk[KEY])
    assert scored.sort_values().equals(pd.MultiIndex.from_frame(live[KEY].astype({"id_student": "int32"})).sort_values())
    assert set(risk["model_version"]) == {"2013B"}


def test_who_never_clicked_or_handed_anything_in_is_scored_and_higher(platform: Platform, live: pd.DataFrame) -> None:
    clicks = pd.read_parquet(DATA / "studentVle.parquet", columns=[*KEY, "date"])
    assessments = pd.read_parquet(DATA / "assessments.parquet")
    submissions = pd.read_parquet(DATA / "studentAssessment.parquet").merge(assessments[["id_assessment", *KEY[:2]]])
    silent = live.merge(pd.concat([clicks[KEY], submissions[KEY]]).drop_duplicates(), how="left", on=KEY, indicator=True)
    silent = silent[silent["_merge"] == "left_only"]
    risk = platform.database.read_days(STUDENT_RISK_DAILY, [DAY])
    scored = silent.astype({"id_student": "int32"}).merge(risk, on=KEY)
    assert len(silent) > 100
    assert len(scored) == len(silent)
    assert scored["risk_score"].mean() > risk["risk_score"].mean()


def test_every_mart_row_has_its_module_and_the_counts_add_up(platform: Platform) -> None:
    courses = platform.database.read_days(COURSE_SUMMARY_DAILY, [DAY])
    known = platform.campus().tables()["courses"][KEY[:2]]
    assert len(courses.merge(known, on=KEY[:2])) == len(courses) == 12
    assert courses["student_count"].sum() == len(platform.database.read_days(STUDENT_RISK_DAILY, [DAY]))


def test_a_later_cohort_is_predicted_as_well_as_the_data_allows(platform: Platform) -> None:
    tested = platform.database.read(MODEL_EVALUATION).query("evaluation == 'earlier_cohorts' and code_module == 'all'")
    auc = tested.query("metric == 'auc' and model_version == '2013J'").set_index("day")["value"]
    assert np.all(np.diff(auc.loc[[14, 28, 42, 56]]) > 0)
    assert 0.70 < auc[14] < 0.76
    assert 0.81 < auc[56] < 0.86
