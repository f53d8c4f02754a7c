"""What the documentation names exists: links, pictures, settings, commands, tables and views."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from pydantic import BaseModel

from oulad_platform.cli import main
from oulad_platform.defs.catalog import CATALOG, VIEWS, warehouse_tables
from oulad_platform.settings import OTHER_NAMES, Settings
from oulad_platform.storage.migrations.access import ROLES

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
IN_SECTIONS = {
    f"{section}__{name}".upper()
    for section, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    for name in field.annotation.model_fields
}
SETTINGS = {name.upper() for name in Settings.model_fields} | IN_SECTIONS | OTHER_NAMES
# Of Dagster, OpenMP, boto3, Docker Compose and `docker build`.
OTHERS_NAMES = {
    *("DAGSTER_HOME", "DAGSTER_DATABASE_URL", "DAGSTER_EVENT_BATCH_SIZE", "OMP_WAIT_POLICY"),
    *("AWS_ENDPOINT_URL", "COMPOSE_PROFILES", "BASE"),
}
STATEMENTS = re.compile(r"\b(?:FROM|JOIN) +(\w+)")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def code(page: Path, language: str) -> list[str]:
    """The blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def spans(page: Path) -> list[str]:
    """What stands between single backticks, outside blocks."""
    return re.findall(
        r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    )


def unknown_keys(model: type[BaseModel], given: dict[str, Any], path: str = "") -> Iterator[str]:
    """Keys of a mapping, and of the sections in it, that the model does not have."""
    for key, value in given.items():
        field = model.model_fields.get(key)
        if field is None:
            yield f"{path}{key}"
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from unknown_keys(field.annotation, value, f"{path}{key}.")


@pytest.mark.parametrize("page", ["configuration", "data_dictionary"])
def test_what_is_printed_from_declarations_is_as_they_are_now(page: str) -> None:
    printed = CliRunner().invoke(main, [page.removeprefix("data_")], catch_exceptions=False).output
    assert (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8") == printed


@each_page
def test_every_link_and_picture_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'<img src="([^"]+)"', text)
    relative = [target.split("#")[0] for target in targets if "://" not in target]
    assert [target for target in relative if not (page.parent / target).is_file()] == []


@each_page
def test_every_setting_in_capitals_exists(page: Path) -> None:
    assigned = re.findall(r"\b([A-Z][A-Z0-9_]+)=", " ".join([*code(page, "bash"), *spans(page)]))
    named = [span for span in spans(page) if re.fullmatch(r"[A-Z][A-Z0-9]*(?:_+[A-Z0-9]+)+", span)]
    assert {*assigned, *named} - SETTINGS - OTHERS_NAMES == set()


@each_page
def test_every_key_of_platform_yaml_exists(page: Path) -> None:
    blocks = [yaml.safe_load(block) for block in code(page, "yaml")]
    assert [key for block in blocks for key in unknown_keys(Settings, block)] == []
    sections = [span.split(".") for span in spans(page) if re.fullmatch(r"(registrar|quality|vocabulary)\.\w+", span)]
    assert [key for section, name in sections for key in unknown_keys(Settings, {section: {name: {}}})] == []


@each_page
def test_every_command_and_option_of_oulad_exists(page: Path) -> None:
    calls = re.findall(
        r"\boulad ([a-z]\w*)((?: +--?\w[\w-]*(?:[ =][\w.\-]+)?)*)", " \n".join([*code(page, "bash"), *spans(page)])
    )
    options = {name: {word for one in command.params for word in one.opts} for name, command in main.commands.items()}
    assert [name for name, _ in calls if name not in options] == []
    assert [(name, word) for name, rest in calls for word in re.findall(r"--\w[\w-]*", rest) if word not in options[name]] == []


@each_page
def test_every_table_that_a_query_reads_is_declared(page: Path) -> None:
    declared = {table.name for table in [*warehouse_tables(), *VIEWS]}
    assert {name for block in code(page, "sql") for name in STATEMENTS.findall(block)} - declared == set()


def test_every_view_and_column_named_for_analysts_is_declared() -> None:
    tables = [*(entry.table for entry in CATALOG.values()), *warehouse_tables()]
    declared = {table.name for table in [*tables, *VIEWS]} | {column for table in tables for column in table.names}
    declared |= {name for view in VIEWS for select in view.select.values() for name in re.findall(r"\w+", select)}
    named = {span for span in spans(ROOT / "docs" / "powerbi_integration.md") if re.fullmatch(r"[a-z]\w*_\w+", span)}
    assert named - declared - set(Settings.model_fields) - set(ROLES) - {"security_invoker"} == set()
    assert len(named) > 15
