"""The rules of the house, kept by reading the imports: who may know whom, and who may touch the world."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import oulad_platform

PACKAGE = Path(oulad_platform.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = ("sklearn", "shap", "matplotlib", "scipy", "pandera", "polars", "cloudpathlib", "boto3", "skops", "statsmodels")


def room(path: Path) -> str:
    """The room a module lives in: the package below oulad_platform, or the module's own name."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(path: Path) -> set[str]:
    return {ast.unparse(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_knows_only_the_rooms_below_it(path: Path) -> None:
    own = room(path)
    if own in ("core", "sources", "enrollment", "success", "storage"):
        allowed = {"core", own}
        known = {name.split(".")[1] for name in imports(path) if name.startswith("oulad_platform.")}
        assert known <= allowed


@pytest.mark.fault("D6")
@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_defs_knows_dagster_and_nobody_unpickles(path: Path) -> None:
    roots = {name.split(".")[0] for name in imports(path)}
    assert "dagster" not in roots or room(path) in ("defs", "definitions")
    assert not roots & {"pickle", "joblib", "shelve", "marshal"}
    assert not any(name.startswith("dagster._") for name in imports(path))


@pytest.mark.fault("I7")
@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_settings_reads_the_environment_and_only_defs_and_cli_the_clock(path: Path) -> None:
    used = calls(path)
    assert not used & {"os.environ", "os.getenv"} or room(path) == "settings"
    clock = {"datetime.now", "datetime.utcnow", "date.today", "pd.Timestamp.now", "pd.Timestamp.today"}
    assert not used & clock or room(path) in ("defs", "cli")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_is_longer_than_a_person_reads_at_once(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.fault("I5")
def test_loading_the_definitions_imports_nothing_heavy() -> None:
    code = f"import sys, oulad_platform.definitions; print([m for m in {HEAVY} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
