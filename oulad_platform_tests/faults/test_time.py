"""Days in every time zone, a clock that is wrong, and partitions that are no days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest
import time_machine
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from oulad_platform.cli import main
from oulad_platform.core.calendar import timezone
from oulad_platform.definitions import build_defs
from oulad_platform.defs.partitions import daily
from oulad_platform.defs.resources import Platform
from oulad_platform.enrollment.tables import ENROLLMENT_DELTAS, ENROLLMENT_METRICS
from oulad_platform.settings import Settings
from oulad_platform.sources.registrar import RegistrarConfig

ZONES = ("Europe/London", "America/New_York", "Pacific/Kiritimati", "Pacific/Apia", "Australia/Lord_Howe", "America/St_Johns")

MADE = ("enrollment_snapshots", "data_quality_findings", "enrollment_deltas", "enrollment_metrics")
LINE = [dg.AssetKey(["enrollment", name]) for name in MADE]


def institution(zone: str) -> Settings:
    return Settings(institution_timezone=zone, first_day=date(2011, 12, 1), pipeline_demo_mode=True)


@pytest.mark.fault("C12", "property 11")
@settings(max_examples=40, deadline=None)
@given(zone=st.sampled_from(ZONES), hours=st.integers(0, 200_000), minute=st.integers(0, 59))
def test_every_moment_belongs_to_one_day_and_that_is_the_newest_partition(zone: str, hours: int, minute: int) -> None:
    moment, given = datetime(2012, 1, 2, tzinfo=UTC) + timedelta(hours=hours, minutes=minute), institution(zone)
    local = moment.astimezone(timezone(zone)).date()
    with time_machine.travel(moment, tick=False):
        assert Platform(given).today() == local
        assert daily(given).get_last_partition_key() == local.isoformat()


@pytest.mark.fault("C12", "property 11")
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("year", [2012, 2026])
def test_days_follow_one_another_without_gap_or_overlap_where_clocks_change(zone: str, year: int) -> None:
    days = daily(institution(zone))
    windows = [days.time_window_for_partition_key(f"{date(year, 1, 2) + timedelta(days=n)}") for n in range(365)]
    assert all(before.end == after.start for before, after in pairwise(windows))
    lengths = {(window.end - window.start) / timedelta(hours=1) for window in windows}
    assert lengths <= {23.0, 23.5, 24.0, 24.5, 25.0}


@pytest.mark.fault("C10")
@pytest.mark.parametrize("key", ["2026-02-30", "../../etc", "2999-01-01", "2026-1-5", ""])
def test_a_partition_that_is_no_day_up_to_today_is_refused(key: str) -> None:
    days = daily(institution("Europe/London"))
    assert not days.has_partition_key(key)


@pytest.mark.fault("C10")
@pytest.mark.parametrize("first", ["2026-02-30", "../../etc", "yesterday"])
def test_the_command_line_refuses_a_day_that_is_none(first: str) -> None:
    refused = CliRunner().invoke(main, ["run", "--first", first])
    assert refused.exit_code == 2
    assert first in refused.output


@pytest.mark.fault("C11")
def test_a_days_rows_do_not_depend_on_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OULAD_HOME", str(tmp_path))
    head = "student_id,program,division,level\n"
    for day, n in ((19, 30), (20, 29)):
        rows = "".join(f"S{k:02},Law,Arts,BA\n" for k in range(n))
        (tmp_path / f"students_2026-11-{day}.csv").write_text(head + rows)
    made = []
    for clock in (datetime(2026, 11, 20, 8, tzinfo=UTC), datetime(2026, 11, 21, 8, tzinfo=UTC)):
        home = tmp_path / f"{clock:%Y%m%d}"
        places = {name: str(home / name) for name in ("lake_uri", "artifacts_uri", "outbox_uri")}
        platform = Platform(
            Settings(
                registrar=RegistrarConfig(kind="files", location=str(tmp_path)),
                database_url=f"sqlite:///{home}/oulad.db",
                first_day=date(2026, 11, 1),
                **places,
            )
        )
        with time_machine.travel(clock):
            job = build_defs(platform.settings, platform=platform).resolve_job_def("everything")
            days = {"dagster/asset_partition_range_start": "2026-11-19", "dagster/asset_partition_range_end": "2026-11-20"}
            assert job.execute_in_process(asset_selection=LINE, tags=days).success
        made.append([platform.database.read(table).to_csv() for table in (ENROLLMENT_DELTAS, ENROLLMENT_METRICS)])
    assert made[0] == made[1]
    assert made[0][0].count("dropped") == 1
