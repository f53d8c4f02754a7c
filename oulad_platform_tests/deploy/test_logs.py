"""Log lines as a collector gets them."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from oulad_platform.core import logs
from oulad_platform.storage.errors import StorageError
from oulad_platform_tests.deploy.told import json_lines, troubled

ROOT = Path(__file__).resolve().parents[2]
DAYS = dg.DailyPartitionsDefinition("2026-01-01")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://oulad:a@b/c@db:5432/oulad", "postgresql://oulad:***@db:5432/oulad"),
        ("mysql://u:p@h and redis://:p@h", "mysql://u:***@h"),
        ("host=db password=x7 user=oulad", "host=db password=*** user=oulad"),
        ("https://h/x?token=abc&day=1", "https://h/x?token=***&day=1"),
        ("SMTP_PASSWORD: 'x7'", "SMTP_PASSWORD: '***'"),
        ("key AKIAABCDEFGHIJKLMNOP is unknown", "key *** is unknown"),
        ("refused by ann.b+c@uni.example today", "refused by ***@*** today"),
        ("the 5 rows of https://h/x and s3://b/k, at 12:30", "the 5 rows of https://h/x and s3://b/k, at 12:30"),
        ("x" * 3000, "x" * 2000 + " ..."),
    ],
)
def test_passwords_tokens_and_addresses_are_left_out(text: str, shown: str) -> None:
    assert shown in logs.redacted(text)
    assert "a@b" not in logs.redacted(text)


def test_a_line_is_one_object_with_time_level_event_and_fields() -> None:
    with json_lines() as lines:
        logs.write("table_stale", logging.WARNING, {"table": "a\nb", "url": "ftp://u:p@h", "days": [1, None]}, created=0.5)
        logs.tell("debugged", logging.DEBUG)
    assert lines == [
        {
            "timestamp": "1970-01-01T00:00:00.500Z",
            "level": "warning",
            "logger": "oulad_platform",
            "event": "table_stale",
            "table": "a\nb",
            "url": "ftp://u:***@h",
            "days": [1, None],
        }
    ]


def test_of_an_exception_stands_the_class_and_not_its_words() -> None:
    with json_lines() as lines:
        try:
            raise KeyError("student 11391")
        except KeyError:
            logs.LOGGER.exception("cannot go on")
    (line,) = lines
    assert (line["event"], line["error"]) == ("cannot go on", "KeyError")
    assert "11391" not in str(line)


PLAIN = """
import logging
from oulad_platform.core import logs
logs.configure("text")
logs.tell("daily_tables_checked", n_stale=0)
logs.tell("table_stale", logging.WARNING, table="student_risk_daily", url="ftp://u:p@h")
"""


def test_as_text_a_warning_stands_on_standard_error_and_information_nowhere() -> None:
    plain = subprocess.run([sys.executable, "-c", PLAIN], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (plain.stdout, plain.stderr) == ("", "table_stale table=student_risk_daily url=ftp://u:***@h\n")


@pytest.fixture(scope="module")
def run_lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The lines of a run with a step that works, one that the platform refuses and one that breaks on a student."""

    @dg.asset(partitions_def=DAYS, check_specs=[dg.AssetCheckSpec("not_empty", asset="marts")])
    def marts(context):  # type: ignore[no-untyped-def]
        context.log.info("sent to ann@uni.example")
        yield dg.Output(None, metadata={"dagster/partition_row_count": 7})
        yield dg.AssetCheckResult(passed=False, check_name="not_empty", severity=dg.AssetCheckSeverity.WARN)

    @dg.asset(partitions_def=DAYS)
    def exports() -> None:
        raise StorageError("s3://b/x: access is denied")

    @dg.asset(partitions_def=DAYS)
    def broken() -> None:
        raise KeyError("student 11391")

    home = tmp_path_factory.mktemp("instance")
    python_logs = yaml.safe_load((ROOT / "deploy/aws/dagster.yaml").read_text())["python_logs"]
    (home / "dagster.yaml").write_text(yaml.safe_dump({"python_logs": python_logs, "telemetry": {"enabled": False}}))
    defs = dg.Definitions([marts, exports, broken], jobs=[dg.define_asset_job("nightly", [marts, exports, broken])])
    with json_lines() as lines, dg.DagsterInstance.from_config(str(home)) as instance:
        job = defs.resolve_job_def("nightly")
        job.execute_in_process(instance=instance, partition_key="2026-01-05", raise_on_error=False, run_config=QUIET)
    return lines


def told(lines: list[dict[str, Any]], event: str, **fields: object) -> dict[str, Any]:
    (line,) = [line for line in lines if line["event"] == event and fields.items() <= line.items()]
    return line


def test_every_line_of_a_run_says_run_job_and_partition(run_lines: list[dict[str, Any]]) -> None:
    assert {(line["job"], line["partition"], len(line["run_id"])) for line in run_lines} == {("nightly", "2026-01-05", 36)}
    assert {line["event"] for line in run_lines} == {
        "run_started",
        "step_started",
        "message",
        "asset_materialized",
        "asset_checked",
        "step_succeeded",
        "step_failed",
        "run_ended_in_failure",
    }


def test_what_was_made_is_counted_and_timed(run_lines: list[dict[str, Any]]) -> None:
    made = told(run_lines, "asset_materialized")
    assert (made["level"], made["asset"], made["step"], made["n_rows"]) == ("info", "marts", "marts", 7)
    assert (
        0 <= told(run_lines, "step_succeeded")["duration_seconds"] <= told(run_lines, "run_ended_in_failure")["duration_seconds"]
    )
    checked = told(run_lines, "asset_checked")
    assert (checked["check"], checked["passed"], checked["severity"]) == ("not_empty", False, "warn")


def test_a_failure_has_the_platforms_reason_and_of_any_other_error_the_class_alone(run_lines: list[dict[str, Any]]) -> None:
    assert told(run_lines, "step_failed", step="exports")["reason"] == "s3://b/x: access is denied"
    broken = told(run_lines, "step_failed", step="broken")
    assert (broken["level"], broken["error"], "reason" in broken) == ("error", "KeyError", False)
    assert told(run_lines, "run_ended_in_failure")["level"] == "error"


def test_no_line_of_a_run_names_a_student_or_an_address(run_lines: list[dict[str, Any]]) -> None:
    assert told(run_lines, "message")["text"] == "sent to ***@***"
    assert "11391" not in str(run_lines)


def test_the_sensors_tell_what_failed_what_is_stale_and_what_waits(tmp_path: Path) -> None:
    told_fields = [
        {name: value for name, value in line.items() if name not in ("timestamp", "logger")} for line in troubled(tmp_path)
    ]
    assert told_fields == [
        {
            "level": "info",
            "event": "outboxes_checked",
            "n_waiting": 1,
            "oldest_hours": 7.0,
            "n_undeliverable": 0,
            "run_id": False,
        },
        {"level": "warning", "event": "table_stale", "table": "enrollment_snapshots", "newest_day": None, "run_id": False},
        {"level": "info", "event": "daily_tables_checked", "n_stale": 1, "run_id": False},
        {
            "level": "error",
            "event": "run_failed",
            "run_id": True,
            "job": "nightly",
            "steps": ["fails"],
            "is_held_back": False,
        },
    ]
