"""A pytest plugin: which tests show which fault or property, and docs/reliability.md with what became of them.

`python -m pytest -p oulad_platform_tests.reliability --reliability docs/reliability.md` writes the page from the run itself.
The cases are in faults.csv, the properties in properties.csv; a test says what it shows by
`@pytest.mark.fault("A1", "property 2")`.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
OPTION = "--reliability"
PROMISES = {
    "P1": "Nothing is lost: the rows of a file are accepted, or left out and listed, or the file is refused.",
    "P2": "A step that fails or is killed leaves what was there before, readable and unchanged.",
    "P3": "A day may be made any number of times, in any order, by several runs at once: the tables are the same.",
    "P4": "A reader never sees half a day.",
    "P5": "Each episode of an alert is delivered at least once, and more than once only after a crash, with the same Message-ID.",
    "P6": "An error names file, row, column, rule and next step, a student's value masked; the exit code is not 0.",
    "P7": "No student's id or name, no address and no secret stands outside the restricted zone.",
    "P8": "What is known of a day does not depend on what is dated on it or after it.",
    "P9": "The same data, settings and seed give the same bytes.",
    "P10": "Nothing is asked or sent over a network but to the configured addresses.",
}
GROUPS = {
    "A": "Files",
    "B": "The registrar's database",
    "C": "Days, corrections and time",
    "D": "Features, model and explanations",
    "E": "Publishing to the warehouse",
    "F": "Publishing to files and S3",
    "G": "Alerts and mail",
    "H": "Exports and pages",
    "I": "Orchestration, settings and environment",
}


@dataclass
class Shown:
    """What became of one test function over its parameters."""

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: set[str] = field(default_factory=set)

    @property
    def word(self) -> str:
        """`passed`, `failed`, or how many were skipped and why."""
        if self.outcomes["failed"]:
            return f"{self.outcomes['failed']} failed"
        if not self.outcomes["skipped"]:
            return "passed"
        some = f"{self.outcomes['skipped']} of {self.outcomes.total()} " if self.outcomes["passed"] else ""
        return f"{some}skipped: {'; '.join(sorted(self.reasons))}"


def faults() -> list[dict[str, str]]:
    """The rows of faults.csv: id, case, promise, expected, and `not_here`, why no test can show it."""
    return _rows("faults.csv")


def properties() -> list[dict[str, str]]:
    """The rows of properties.csv: id and property."""
    return _rows("properties.csv")


def _rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def page(results: Mapping[str, Mapping[str, Shown]]) -> str:
    """docs/reliability.md: the promises, the cases and the properties with their tests. `results` is by id, then by test."""
    lines = [
        "# What the platform survives",
        "",
        "Written from a run of all tests by",
        "`python -m pytest -p oulad_platform_tests.reliability --reliability docs/reliability.md`.",
        "The tests use real parts: files, PostgreSQL and MariaDB servers, an S3 server, an SMTP server, a browser.",
        "",
        "## Ten promises",
        "",
        *_table(("promise", "what it says"), PROMISES.items()),
    ]
    cases = faults()
    for letter, name in GROUPS.items():
        rows = [
            (case["id"], case["case"], case["promise"], case["expected"], *_shown(results.get(case["id"], {}), case["not_here"]))
            for case in cases
            if case["id"][0] == letter
        ]
        lines += ["", f"## {letter}. {name}", ""]
        lines += _table(("id", "what happens", "promise", "what the platform does", "tests", "result"), rows)
    laws = [(law["id"], law["property"], *_shown(results.get(law["id"], {}), "")) for law in properties()]
    lines += ["", "## Properties", "", "Each holds for examples that Hypothesis makes up, or for all cases counted out.", ""]
    lines += _table(("id", "what always holds", "tests", "result"), laws)
    return "\n".join(lines) + "\n"


def _shown(tests: Mapping[str, Shown], not_here: str) -> tuple[str, str]:
    if not tests:
        return "", f"not shown: {not_here}" if not_here else "not run"
    words = {name: shown.word for name, shown in sorted(tests.items())}
    told = "; ".join(f"{name.rpartition('::')[2]}: {word}" for name, word in words.items() if word != "passed")
    return "<br>".join(f"`{name}`" for name in words), told or "passed"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    head = tuple(head)
    cells = [tuple(cell.replace("|", "\\|") for cell in row) for row in rows]
    return [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *cells)]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, metavar="FILE", help="write which faults were shown by this run, as Markdown")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption(OPTION) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Page(Path(config.getoption(OPTION))), "reliability-page")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Lets every report carry the faults of its test, from xdist's workers too."""
    for item in items:
        for mark in item.iter_markers("fault"):
            item.user_properties += [("fault", name) for name in mark.args]


class _Page:
    """Collects what became of the marked tests; lives in the process that all reports come to."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.results: dict[str, dict[str, Shown]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.outcome == "passed":
            return
        path, _, rest = report.nodeid.partition("::")
        name = f"{path.removeprefix(f'{HERE.name}/')}::{rest.partition('[')[0]}"
        for key, value in report.user_properties:
            if key == "fault":
                shown = self.results.setdefault(str(value), {}).setdefault(name, Shown())
                shown.outcomes[report.outcome] += 1
                if report.outcome == "skipped":
                    shown.reasons.add(_reason(report.longrepr))

    def pytest_sessionfinish(self) -> None:
        self.target.write_text(page(self.results), encoding="utf-8")


def _reason(longrepr: Any) -> str:
    return str(longrepr[2] if isinstance(longrepr, tuple) else longrepr).removeprefix("Skipped: ")
