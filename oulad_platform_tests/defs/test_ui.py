"""The platform as a person meets it: `dagster dev` in a home of its own, opened and clicked in a real browser."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from oulad_platform.settings import Settings

REPOSITORY = Path(__file__).parents[2]
CONFIGURATION = ("dagster.yaml", "platform.yaml", "workspace.yaml")
GROUPS = ("sources", "enrollment", "success_features", "success_model", "success_marts", "success_actions")
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_SECONDS, STOP_SECONDS = 90, 20
PAGE_MS, RUN_MS = 30_000, 90_000


@dataclass(frozen=True)
class Server:
    """A running `dagster dev` and the newest day whose snapshots and changes are there."""

    port: int
    newest_day: date

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("no chromium in PATH (Debian: apt-get install chromium)")
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the repository's own configuration and nothing else."""
    folder = tmp_path_factory.mktemp("home")
    for name in CONFIGURATION:
        shutil.copy(REPOSITORY / name, folder)
    return folder


@pytest.fixture(scope="module")
def server(chromium: str, home: Path) -> Iterator[Server]:
    """`dagster dev` with webserver, daemon and two days of the enrollment line, stopped with all its children at the end."""
    environment = _environment(home)
    newest_day = datetime.now(ZoneInfo(Settings.model_fields["institution_timezone"].default)).date()
    _materialize_enrollment(home, environment, newest_day - timedelta(days=1), newest_day)
    server = Server(_free_port(), newest_day)
    command = ["dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(server.port)]
    log = home / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagster", *command],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_for(server, process, log)
            yield server
        finally:
            _stop(process)


@pytest.fixture
def page(server: Server, chromium: str, home: Path) -> Iterator[Page]:
    with sync_playwright() as playwright:
        environment = {**os.environ, "HOME": str(home)}
        browser = playwright.chromium.launch(executable_path=chromium, args=BROWSER_ARGUMENTS, env=environment)
        page = browser.new_page(base_url=server.url, viewport={"width": 1600, "height": 1000})
        page.set_default_timeout(PAGE_MS)
        yield page
        browser.close()


@pytest.mark.fault("I12")
def test_the_server_answers_on_the_loopback_address_only(server: Server) -> None:
    assert re.fullmatch(r"1\.\d+\.\d+", _ask(server, "{ version }")["version"])
    # A socket bound to every address would answer on this one, too.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", server.port), timeout=5)


def test_the_lineage_page_shows_the_groups_and_opens_one(page: Page) -> None:
    page.goto("/asset-groups")
    graph = page.locator("svg")
    for group in GROUPS:
        expect(graph.get_by_text(group, exact=True)).to_be_visible(timeout=PAGE_MS)
    expect(graph.get_by_text("enrollment_metrics", exact=True)).to_have_count(0)

    graph.get_by_text("enrollment", exact=True).click()

    for asset in ("enrollment_deltas", "custom_metrics"):
        expect(graph.get_by_text(asset, exact=True)).to_be_visible(timeout=PAGE_MS)


def test_a_day_materialized_by_a_click_shows_its_trend_as_a_picture(page: Page, server: Server) -> None:
    day = server.newest_day.isoformat()
    page.goto("/assets/enrollment/enrollment_metrics")
    page.get_by_role("button", name="Materialize").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill(day)
    dialog.get_by_role("textbox").press("Enter")
    dialog.get_by_role("button", name="Launch 1 run").click()
    run = page.get_by_text(re.compile(r"Launched run [0-9a-f]{8}")).inner_text().split()[-1]
    page.goto("/runs")
    page.get_by_role("link", name=run).click()
    expect(page.get_by_text("Success", exact=True).first).to_be_visible(timeout=RUN_MS)

    page.goto("/assets/enrollment/enrollment_metrics?view=events")
    expect(page.get_by_text(f"Partition {day} materialized in run {run}")).to_be_visible(timeout=PAGE_MS)
    page.get_by_role("row", name="trend").get_by_text("Show Markdown").click()

    picture = page.get_by_role("dialog").get_by_role("img", name="Enrolments and changes by day")
    expect(picture).to_be_visible(timeout=PAGE_MS)
    expect(picture).to_have_attribute("src", re.compile(r"^data:image/png;base64,"))
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100


def _environment(home: Path) -> dict[str, str]:
    """This process's environment without the platform's settings: what counts is the home's platform.yaml."""
    kept = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    homes = dict.fromkeys(("HOME", "OULAD_HOME", "DAGSTER_HOME"), str(home))
    return {**kept, **homes, "PYTHONPATH": str(REPOSITORY), "OMP_WAIT_POLICY": "PASSIVE"}


def _materialize_enrollment(home: Path, environment: dict[str, str], first: date, last: date) -> None:
    days = {"dagster/asset_partition_range_start": f"{first}", "dagster/asset_partition_range_end": f"{last}"}
    command = ["job", "execute", "-m", "oulad_platform.definitions", "-j", "enrollment_daily", "--tags", json.dumps(days)]
    done = subprocess.run([sys.executable, "-m", "dagster", *command], cwd=home, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ask(server: Server, query: str) -> dict[str, str]:
    body = json.dumps({"query": query}).encode()
    request = Request(f"{server.url}/graphql", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as response:
        answer: dict[str, str] = json.load(response)["data"]
    return answer


def _wait_for(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    """Returns when the server answers; fails with the end of its log when it exits or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            _ask(server, "{ version }")
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"dagster dev does not answer on port {server.port}:\n{log.read_text()[-4000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the server and every process it started: they share its process group."""
    for ending in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, ending)
            process.wait(STOP_SECONDS)
