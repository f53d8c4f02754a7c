"""The matrix of faults holds together: every case and property has a test or a reason, and the page tells of exactly these."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from oulad_platform_tests import reliability

HERE = Path(__file__).resolve().parents[1]
PAGE = HERE.parent / "docs" / "reliability.md"
IDS = [case["id"] for case in reliability.faults()]
PROPERTIES = [law["id"] for law in reliability.properties()]


@cache
def marked() -> set[str]:
    """The ids that a test of the suite is marked with."""
    texts = (path.read_text(encoding="utf-8") for path in HERE.rglob("*.py"))
    trees = (ast.parse(text) for text in texts if "mark.fault" in text)
    calls = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
    names = (argument for call in calls if ast.unparse(call.func) == "pytest.mark.fault" for argument in call.args)
    return {str(ast.literal_eval(name)) for name in names}


def test_every_case_and_property_has_a_test_or_says_why_none_can_run_here() -> None:
    not_here = {case["id"] for case in reliability.faults() if case["not_here"]}
    assert {*IDS, *PROPERTIES} - marked() == not_here


def test_no_test_is_marked_with_a_case_that_is_not_listed() -> None:
    assert marked() - {*IDS, *PROPERTIES} == set()


def test_the_matrix_has_111_cases_each_once_with_promises_that_are_made() -> None:
    assert len(IDS) == len(set(IDS)) == 111
    assert len(PROPERTIES) == 20
    assert {name for case in reliability.faults() for name in case["promise"].split()} == set(reliability.PROMISES)


def test_the_page_tells_of_exactly_these_cases_and_properties() -> None:
    told = re.findall(r"^\| ([A-I]\d+|property \d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert told == IDS + PROPERTIES


def test_a_result_is_that_of_every_parameter_and_says_why_something_was_skipped() -> None:
    shown = reliability.Shown()
    shown.outcomes.update(["passed", "passed"])
    assert shown.word == "passed"
    shown.outcomes["skipped"] += 1
    shown.reasons.add("no server")
    assert shown.word == "1 of 3 skipped: no server"
    shown.outcomes["failed"] += 1
    assert shown.word == "1 failed"
    text = reliability.page({"A1": {"test_x.py::test_y": shown}})
    assert "| `test_x.py::test_y` | test_y: 1 failed |" in text
