"""Several backfills of one installation at once, each a process of its own: the tables are those of one run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from oulad_platform.defs.resources import Platform
from oulad_platform.settings import Settings
from oulad_platform_tests.defs import live
from oulad_platform_tests.defs.live import Silence, write_campus

pytestmark = pytest.mark.timeout(900)
FIRST = date(2026, 10, 22)
LAST = FIRST + timedelta(days=2)
SIX = [(0, 1), (1, 2), (0, 2), (0, 2), (1, 2), (0, 1)]  # days after the first
NEVER_SILENT = Silence("none", FIRST)
# One process imports what is slow and becomes as many as there are ranges of days; each is a run as `oulad run` makes it.
RUNS = """
import json, os, sys
from datetime import date
import dagster, jinja2, matplotlib.figure, pandera.pandas, statsmodels.tsa.api
from oulad_platform.defs.local_run import materialize
from oulad_platform.defs.resources import Platform
from oulad_platform.settings import Settings

class OnTheLastDay(Platform):
    def today(self):
        return date.fromisoformat(sys.argv[1])

settings = Settings(**json.loads(sys.argv[2]))
children = []
for first, last in json.loads(sys.argv[3]):
    children.append(os.fork())
    if not children[-1]:
        done = 2
        try:
            done = 0 if materialize(OnTheLastDay(settings), date.fromisoformat(first), date.fromisoformat(last)) else 1
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(done)
print("exit", [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""


class OnTheLastDay(Platform):
    """The installation on the last of the days, whatever the clock says."""

    def today(self) -> date:
        return LAST


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The settings of a small campus's files."""
    folder = tmp_path_factory.mktemp("small") / "campus"
    starts = write_campus(folder, FIRST, ("AAA",), NEVER_SILENT)
    return {"oulad_data": str(folder), "start_dates": starts, "first_day": f"{FIRST}"}


def at(home: Path, campus: dict[str, Any], database_url: str) -> dict[str, Any]:
    """The settings of an installation in a new home."""
    home.mkdir()
    places = {f"{name}_uri": str(home / name) for name in ("lake", "artifacts", "outbox")}
    return campus | places | {"database_url": database_url}


def runs(home: Path, settings: dict[str, Any], ranges: Sequence[tuple[int, int]]) -> subprocess.Popen[str]:
    """Runs of these ranges of days at once, each a process."""
    days = [[f"{FIRST + timedelta(days=first)}", f"{FIRST + timedelta(days=last)}"] for first, last in ranges]
    command = [sys.executable, "-c", RUNS, f"{LAST}", json.dumps(settings), json.dumps(days)]
    return subprocess.Popen(
        command,
        cwd=home,
        env=live.clean_environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, campus: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """The tables of one run over all days."""
    home = tmp_path_factory.mktemp("one") / "home"
    settings = at(home, campus, f"sqlite:///{home}/oulad.db")
    told = runs(home, settings, [(0, 2)]).communicate()[0]
    assert "exit [0]" in told, told
    return live.tables_of(OnTheLastDay(Settings(**settings)))


@pytest.mark.fault("C5", "E4")
def test_six_backfills_of_overlapping_days_at_once_end_as_one_clean_build(
    campus: dict[str, Any], clean: dict[str, pd.DataFrame], postgres_database: str, tmp_path: Path
) -> None:
    settings = at(tmp_path / "home", campus, postgres_database)
    told = runs(tmp_path / "home", settings, SIX).communicate()[0]
    assert f"exit {[0] * 6}" in told, told
    for name, frame in live.tables_of(OnTheLastDay(Settings(**settings))).items():
        pd.testing.assert_frame_equal(frame, clean[name], obj=name)


@pytest.mark.skipif("LIVE_DAYS" not in os.environ, reason="takes minutes; LIVE_DAYS=30 runs it, with the month")
@pytest.mark.fault("C5")
def test_on_sqlite_backfills_at_once_wait_for_one_another_and_end_as_one_clean_build(
    campus: dict[str, Any], clean: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    settings = at(tmp_path / "home", campus, f"sqlite:///{tmp_path}/oulad.db")
    told = runs(tmp_path / "home", settings, SIX[2:5]).communicate()[0]
    assert "exit [0, 0, 0]" in told, told
    for name, frame in live.tables_of(OnTheLastDay(Settings(**settings))).items():
        pd.testing.assert_frame_equal(frame, clean[name], obj=name)
