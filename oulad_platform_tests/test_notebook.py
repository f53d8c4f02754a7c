"""The notebook runs as it is on the demo campus, uses what the package offers, and is kept without outputs."""

from __future__ import annotations

import ast
import base64
import json
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from oulad_platform.settings import OTHER_NAMES, Settings

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "oulad-student-success-prediction.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
PNG = b"\x89PNG\r\n\x1a\n"


def source(kind: str) -> list[str]:
    return ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == kind]


def shown(cell: dict[str, Any], mime: str) -> list[str]:
    """What an executed cell shows in one format."""
    return [output["data"][mime] for output in cell.get("outputs", []) if mime in output.get("data", {})]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """The notebook with its outputs, run by this interpreter in a folder of its own, and the folder it was run in."""
    own, home = tmp_path_factory.mktemp("jupyter"), tmp_path_factory.mktemp("home")
    settings = {name.upper() for name in Settings.model_fields} | OTHER_NAMES
    kept = {name: value for name, value in os.environ.items() if name.split("__")[0] not in settings}
    folders = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    env = kept | {name: str(own) for name in folders} | {"OULAD_HOME": str(home), "OMP_WAIT_POLICY": "PASSIVE"}
    this_interpreter = KernelSpecManager(kernel_dirs=[])
    manager = AsyncKernelManager(
        kernel_name="python3", kernel_spec_manager=this_interpreter, connection_file=str(own / "kernel.json"), ip="127.0.0.1"
    )
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, km=manager, timeout=240, resources={"metadata": {"path": str(home)}})
    return client.execute(env=env, cleanup_kc=True), home


def test_every_cell_runs_on_the_demo_campus_without_a_warning(executed: tuple[Any, Path]) -> None:
    code = [cell for cell in executed[0].cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert [output for output in outputs if output.output_type in ("error", "stream")] == []


def test_its_pictures_are_there(executed: tuple[Any, Path]) -> None:
    pictures = [base64.b64decode(picture) for cell in executed[0].cells for picture in shown(cell, "image/png")]
    assert len(pictures) == 9
    assert [picture[:8] for picture in pictures] == [PNG] * 9


def test_it_leaves_nothing_behind(executed: tuple[Any, Path]) -> None:
    assert list(executed[1].iterdir()) == []


def test_it_names_students_by_number_only(executed: tuple[Any, Path]) -> None:
    tables = " ".join(table for cell in executed[0].cells for table in shown(cell, "text/html"))
    assert "id_student" in tables
    assert not re.search("student_name|email|@", tables)


def test_outputs_and_counts_are_stripped() -> None:
    code = [cell for cell in CELLS if cell["cell_type"] == "code"]
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []
    assert [cell["id"] for cell in CELLS if cell["metadata"]] == []


def test_cells_import_the_package_pandas_numpy_and_ipython_only() -> None:
    names = []
    for cell in source("code"):
        for node in ast.walk(ast.parse(cell)):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names.append(str(node.module))
    assert {name.split(".")[0] for name in names} == {"IPython", "numpy", "oulad_platform", "pandas"}


def test_cells_define_nothing_of_their_own() -> None:
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    assert [cell for cell in source("code") if any(isinstance(node, defined) for node in ast.walk(ast.parse(cell)))] == []


def test_no_figure_is_typed_into_the_text() -> None:
    assert [text for text in source("markdown") if re.search(r"\d", text)] == []
