"""`oulad` and `dagster` from a shell, as in CI: one small installation, real processes, exit codes."""

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from oulad_platform.cli import main
from oulad_platform.settings import Settings

REPOSITORY = Path(__file__).parents[1]

MODULE = ("-m", "oulad_platform.definitions")


class Shell:
    """Runs commands in one installation's home folder, with nothing configured but what a test sets."""

    def __init__(self, home: Path) -> None:
        self.home = home
        for name in ("dagster.yaml", "platform.yaml", "workspace.yaml"):
            shutil.copy(REPOSITORY / name, home)
        configured = {name.upper() for name in Settings.model_fields}
        self.environment = {name: value for name, value in os.environ.items() if name not in configured}
        self.environment |= {"DAGSTER_HOME": str(home), "OULAD_HOME": str(home)}

    def __call__(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.home,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=240,
        )


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def made(shell: Shell) -> Shell:
    done = shell("oulad_platform.cli", "run", "--days", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    (shell.home / "shown.txt").write_text(done.stdout)
    return shell


@pytest.mark.parametrize(
    "line", [r"student_info\W+3,000", r"success/artifacts_manifest\W+17", r"Tables\W+sqlite:", r"Reports\W+"]
)
def test_run_shows_every_asset_with_its_rows_and_where_to_look(line: str, made: Shell) -> None:
    assert re.search(line, (made.home / "shown.txt").read_text())


def test_verify_passes_on_what_was_made_and_fails_on_a_changed_row(made: Shell) -> None:
    assert made("oulad_platform.cli", "verify").returncode == 0
    with sqlite3.connect(made.home / "data/oulad.db") as database:
        database.execute("UPDATE enrollment_metrics SET total_enrollment = total_enrollment + 1 WHERE scope = 'total'")
    failed = made("oulad_platform.cli", "verify")
    assert failed.returncode == 1
    assert "enrollment_metrics" in failed.stdout
    days = made(
        "dagster", "asset", "materialize", *MODULE, "--select", "key:enrollment/enrollment_metrics", *_last_two_days(made)
    )
    assert days.returncode == 0, days.stderr
    assert made("oulad_platform.cli", "verify").returncode == 0


def _last_two_days(made: Shell) -> tuple[str, str]:
    first, last = sorted(path.stem for path in (made.home / "data/lake/enrollment/enrollment_snapshots").iterdir())[-2:]
    return "--partition-range", f"{first}...{last}"


@pytest.mark.parametrize(
    "command",
    [
        ("definitions", "validate", "-w", "workspace.yaml"),
        ("definitions", "validate", *MODULE),
        ("asset", "materialize", *MODULE, "--select", 'key:"sources/*"'),
        ("job", "execute", *MODULE, "-j", "train"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_the_dagster_command_line_works_as_in_ci(command: tuple[str, ...], made: Shell) -> None:
    done = made("dagster", *command)
    assert done.returncode == 0, done.stderr


@pytest.mark.fault("C3")
def test_one_day_can_be_made_from_the_dagster_command_line(made: Shell) -> None:
    day = _last_two_days(made)[1][-10:]
    snapshot = made.home / f"data/lake/enrollment/enrollment_snapshots/{day}.parquet"
    before = snapshot.read_bytes()
    snapshot.unlink()
    done = made("dagster", "asset", "materialize", *MODULE, "--select", "group:enrollment", "--partition", day)
    assert done.returncode == 0, done.stderr
    assert snapshot.read_bytes() == before


@pytest.mark.fault("I11")
def test_a_run_that_is_stopped_ends_its_step_says_so_and_leaves_what_was_there(made: Shell) -> None:
    history = made.home / "data/dagster/history/runs"
    before = set(history.glob("*.db"))
    command = (sys.executable, "-m", "oulad_platform.cli", "run", "--days", "2")
    pipe = subprocess.PIPE
    running = subprocess.Popen(command, cwd=made.home, env=made.environment, stdout=pipe, stderr=pipe, text=True)
    while not any(_has_begun(log) for log in set(history.glob("*.db")) - before):
        assert running.poll() is None
        time.sleep(0.05)
    running.terminate()
    told = running.communicate()[0]
    assert running.returncode == 1
    assert re.search(r"\w+ was stopped; run the same command again", told)
    with contextlib.closing(sqlite3.connect(made.home / "data/dagster/history/runs.db")) as runs:
        assert runs.execute("SELECT status FROM runs ORDER BY id DESC").fetchone() == ("FAILURE",)
    assert not list(made.home.rglob("*.aside"))
    assert made("oulad_platform.cli", "verify").returncode == 0


def _has_begun(log: Path) -> bool:
    with contextlib.closing(sqlite3.connect(log)) as events, contextlib.suppress(sqlite3.OperationalError):  # not yet a table
        return bool(events.execute("SELECT 1 FROM event_logs WHERE dagster_event_type = 'STEP_START'").fetchone())
    return False


@pytest.mark.fault("I8")
def test_doctor_says_what_is_wrong_and_what_to_do(made: Shell) -> None:
    assert made("oulad_platform.cli", "doctor").returncode == 0
    sick = made(
        "oulad_platform.cli",
        "doctor",
        OULAD_DATA="nowhere",
        DATABASE_URL="postgresql://someone:hunter2@127.0.0.1:1/oulad",
        SMTP_HOST="127.0.0.1",
        SMTP_PORT="1",
        SMTP_SECURITY="none",
        MAIL_SENDER="platform@example.org",
    )
    assert sick.returncode == 1
    assert [line.split(":")[0] for line in sick.stdout.splitlines() if line.startswith("wrong")] == [
        "wrong source",
        "wrong warehouse",
        "wrong mail server",
    ]
    assert "hunter2" not in sick.stdout + sick.stderr


@pytest.mark.fault("A1")
def test_missing_files_fail_the_run_and_never_fall_back_to_the_demo(made: Shell) -> None:
    failed = made("oulad_platform.cli", "run", OULAD_DATA="nowhere")
    assert failed.returncode != 0
    assert "nowhere: does not exist" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.fault("I6")
def test_an_unusable_setting_is_named_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OULAD_HOME", str(tmp_path))
    monkeypatch.setenv("SPLIT_WEEK", "soon")
    refused = CliRunner().invoke(main, ["run"])
    assert refused.exit_code == 1
    assert "SPLIT_WEEK (environment)" in refused.output


@pytest.mark.fault("C10")
def test_days_outside_the_calendar_are_refused(made: Shell) -> None:
    refused = made("oulad_platform.cli", "run", "--first", "2030-01-01")
    assert refused.returncode == 2
    assert "must be ordered and lie between FIRST_DAY and today" in refused.stderr
