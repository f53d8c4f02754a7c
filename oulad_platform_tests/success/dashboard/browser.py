"""A real headless Chromium for the page: opened from a file, every request and complaint noted."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, sync_playwright

BROWSER_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PHONE, DESKTOP = (390, 844), (1280, 900)


@contextmanager
def opened(html: str, folder: Path, size: tuple[int, int]) -> Iterator[tuple[Page, list[str]]]:
    """The page in a window of that size, and the list of what the browser complained about or asked for; skips without one."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium in PATH (Debian: apt-get install chromium)")
    file = folder / "dashboard.html"
    file.write_text(html, encoding="utf-8")
    complaints: list[str] = []

    def answer(route: Route) -> None:
        if route.request.url == file.as_uri():
            route.continue_()
        else:
            complaints.append(route.request.url)
            route.abort()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=BROWSER_ARGUMENTS, env={**os.environ, "HOME": str(folder)}
        )
        view = browser.new_page(viewport={"width": size[0], "height": size[1]})
        view.on("console", lambda message: complaints.append(message.text))
        view.on("pageerror", lambda error: complaints.append(str(error)))
        view.route(re.compile("^(?!data:)"), answer)
        view.goto(file.as_uri())
        yield view, complaints
        browser.close()


def n_pages(pdf: bytes) -> int:
    """Leaves of the page tree of a PDF that Chromium wrote, which keeps them uncompressed."""
    return len(re.findall(rb"/Type\s*/Page\b", pdf))
