"""A day after the last presentation: nobody is enrolled, nobody is scored, and the success line runs all the same."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from oulad_platform.defs.caseload import CASELOAD
from oulad_platform.defs.catalog import CATALOG
from oulad_platform.defs.jobs import EVERYTHING, SUCCESS_DAILY
from oulad_platform.defs.local_run import materialize
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.success import RISK
from oulad_platform.settings import Settings
from oulad_platform_tests.defs.live import Silence, write_campus

FOUNDED, IN_TERM, AFTER = date(2025, 10, 22), date(2025, 11, 20), date(2026, 3, 20)


class At(Platform):
    day: date

    def today(self) -> date:
        return self.day


def on(day: date, settings: Settings) -> Platform:
    platform = At(settings)
    platform.day = day
    return platform


def test_the_success_line_runs_on_a_day_without_enrolments_and_nobodys_list_is_of_the_term(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OULAD_HOME", str(tmp_path))
    starts = write_campus(tmp_path / "campus", FOUNDED, ("AAA", "FFF"), Silence("AAA", IN_TERM))
    (tmp_path / "advisers.csv").write_text("adviser,email,code_module,capacity\nAda,ada@example.org,AAA,20\n")
    settings = Settings(
        oulad_data=str(tmp_path / "campus"),
        start_dates=starts,
        first_day=FOUNDED,
        advisers=str(tmp_path / "advisers.csv"),
        lake_uri=str(tmp_path / "lake"),
        artifacts_uri=str(tmp_path),
        outbox_uri=str(tmp_path / "outbox"),
        database_url=f"sqlite:///{tmp_path / 'oulad.db'}",
    )
    assert materialize(on(IN_TERM, settings), IN_TERM, IN_TERM, EVERYTHING)
    platform = on(AFTER, settings)
    assert platform.newest_stored_day(CASELOAD) == IN_TERM
    assert len(list((tmp_path / "outputs/caseload").iterdir())) == 2
    assert platform.newest_day(AFTER) < AFTER

    assert materialize(platform, AFTER, AFTER, SUCCESS_DAILY)
    daily = [of for of in CATALOG.values() if of.table.day and of.line == "success" and not of.parts]
    assert [of.table.name for of in daily if AFTER not in platform.stored_days(of)] == []
    assert platform.newest_stored_day(RISK) == IN_TERM
    lists = [path.read_text().splitlines()[1:] for path in (tmp_path / "outputs/caseload").iterdir()]
    assert lists == [[]]
    assert len(list((tmp_path / "outbox").rglob("caseload-*.eml"))) == 1
