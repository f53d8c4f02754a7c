""".github/workflows/ci.yml: when it runs, what it may do, and that every command and file it names is there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from oulad_platform.settings import Settings

REPOSITORY = Path(__file__).parents[2]
WORKFLOW: dict[Any, Any] = yaml.safe_load((REPOSITORY / ".github/workflows/ci.yml").read_text())
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
LINES = [step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step]


def test_it_runs_on_push_at_night_and_by_hand() -> None:
    on = WORKFLOW[True]  # YAML 1.1 reads the word `on` so

    assert {"push", "workflow_dispatch", "schedule"} <= set(on)
    assert re.fullmatch(r"\d+ \d+ \* \* \*", on["schedule"][0]["cron"])


def test_it_may_read_and_nothing_else_and_publishes_no_image() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in JOBS.values())
    pushes = [step["with"]["push"] for step in JOBS["image"]["steps"] if "build-push" in step.get("uses", "")]
    assert pushes == [False]
    assert not re.search(r"\{\{ *secrets\.|pull_request_target", (REPOSITORY / ".github/workflows/ci.yml").read_text())


def test_every_action_has_a_version_and_every_job_a_limit() -> None:
    uses = [step["uses"] for job in JOBS.values() for step in job["steps"] if "uses" in step]

    assert all(re.search(r"@(v\d+|[0-9a-f]{40})$", one) for one in uses)
    assert all(job["timeout-minutes"] <= 120 for job in JOBS.values())
    checkouts = [step for job in JOBS.values() for step in job["steps"] if step.get("uses", "").startswith("actions/checkout")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize(
    "command",
    [
        "ruff format --check .",
        "ruff check .",
        "mypy",
        "pip check",
        "bandit",
        "hadolint deploy/Dockerfile",
        "terraform fmt -check",
        "pip-audit --strict",
        "pytest",
        "definitions validate",
        "asset materialize",
        "job execute",
        "oulad verify",
        "docker compose config",
    ],
)
def test_the_gates_are_there(command: str) -> None:
    assert any(command in line for line in LINES)


def test_the_commands_and_files_it_names_are_there() -> None:
    tools = {found for line in LINES for found in re.findall(r"\.venv/bin/([\w.-]+)", line)} - {"chromium"}
    files = {
        word
        for line in LINES
        for word in shlex.split(line.replace("$(", "").replace(")", ""))
        if re.fullmatch(r"(deploy|oulad_platform|oulad_platform_tests)[/\w.]*|[\w.]+\.(txt|yaml)|\.env\.example", word)
        and word not in ("oulad_platform.definitions", "oulad_platform_tests.reliability")
    }

    assert not [tool for tool in tools if not (Path(sys.executable).parent / tool).exists()]
    assert files >= {"deploy/Dockerfile", "deploy/aws", "constraints.txt", "workspace.yaml", "oulad_platform"}
    assert not [file for file in files if not (REPOSITORY / file).exists()]


@pytest.mark.parametrize("line", LINES)
def test_every_line_is_shell(line: str) -> None:
    expanded = re.sub(r"\$\{\{.*?\}\}", "x", line)
    assert subprocess.run(["sh", "-n", "-c", expanded], capture_output=True).returncode == 0


def test_what_the_demo_sets_are_settings() -> None:
    known = {name.upper() for name in Settings.model_fields} | {"DAGSTER_HOME"}
    assert set(JOBS["demo"]["env"]) <= known
    assert {one["warehouse"] for one in JOBS["demo"]["strategy"]["matrix"]["include"]} == {"sqlite", "postgres"}


def test_the_page_of_faults_is_written_by_the_run_of_all_tests_here_and_by_make() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    writing = "-p oulad_platform_tests.reliability --reliability docs/reliability.md"

    assert [line for line in LINES if writing in line and "-m pytest -n 4" in line]
    assert re.search(rf"^reliability: .venv/installed\n\t.*-m pytest .*{writing}\n\n", makefile, re.M)


def test_what_was_made_is_kept() -> None:
    kept = [step["with"] for job in JOBS.values() for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
    assert [one["path"].split() for one in kept] == [
        ["reports/tests.xml"],
        ["docs/reliability.md"],
        ["outputs", "reports", "models"],
    ]
    assert all(one["if-no-files-found"] == "error" for one in kept)
