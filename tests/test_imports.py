"""Which part may know which: what import-linter cannot see, and what importing really loads."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "napari_scarseg"
LIGHT_PARTS = ("errors", "core", "io", "measure", "phantom", "cases")
NETWORKS = {"torch", "torchvision", "ultralytics", "segment_anything", "cv2", "triton"}
WINDOWS = {"napari", "npe2", "qtpy", "PyQt5", "PyQt6", "PySide6", "magicgui", "psygnal", "superqt", "vispy"}
# The only files that run ultralytics: inference, training, and reading its old files.
ULTRALYTICS_FILES = {"engines/yolo.py", "engines/ultralytics_guard.py", "training/detector.py"}

MAX_IMPORT_MS = 20


def python_files(*parts: str) -> list[Path]:
    """Source files of the parts named, or of all."""
    files = sorted(SOURCE.rglob("*.py"))
    return [f for f in files if not parts or f.relative_to(SOURCE).with_suffix("").parts[0] in parts]


def imported_names(file: Path) -> Iterator[str]:
    """Full names that a file imports anywhere, also inside functions and through strings."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = ast.unparse(node.func)
            if called.split(".")[-1] in ("import_module", "__import__", "find_spec"):
                yield str(node.args[0].value)


def roots(file: Path) -> set[str]:
    """Top-level packages that a file imports."""
    return {name.split(".")[0] for name in imported_names(file)}


def loaded_after(modules: list[str], **environment: str) -> set[str]:
    """Top-level modules in a fresh interpreter after importing `modules`."""
    script = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script, *modules],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()}


def module_name(file: Path) -> str:
    """Dotted name of a source file."""
    parts = ("napari_scarseg", *file.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("file", python_files(*LIGHT_PARTS), ids=lambda f: f.relative_to(SOURCE).as_posix())
def test_light_parts_name_no_network_and_no_window(file: Path) -> None:
    assert not roots(file) & (NETWORKS | WINDOWS)


@pytest.mark.parametrize("file", python_files("gui"), ids=lambda f: f.relative_to(SOURCE).as_posix())
def test_gui_names_no_network(file: Path) -> None:
    assert not roots(file) & NETWORKS
    assert not [n for n in imported_names(file) if re.match(r"napari_scarseg\.(training|evaluation|cli)\b", n)]


def test_only_the_demo_knows_the_gui() -> None:
    outside = [f for f in python_files() if f.relative_to(SOURCE).parts[0] != "gui"]
    knowing = {
        f.relative_to(SOURCE).as_posix()
        for f in outside
        if any(re.match(r"napari_scarseg\.gui\b", name) for name in imported_names(f))
    }
    assert knowing <= {"cli/demo.py"}


def test_ultralytics_runs_in_few_files() -> None:
    users = {f.relative_to(SOURCE).as_posix() for f in python_files() if "ultralytics" in roots(f)}
    assert users <= ULTRALYTICS_FILES


def test_importing_the_light_parts_loads_no_network_and_no_window() -> None:
    modules = [module_name(f) for f in python_files(*LIGHT_PARTS)]
    assert not loaded_after(modules) & (NETWORKS | WINDOWS)


@pytest.mark.skipif(find_spec("napari") is None, reason="needs napari")
def test_importing_the_gui_loads_no_network() -> None:
    modules = [module_name(f) for f in python_files("gui")]
    assert not loaded_after(modules, QT_QPA_PLATFORM="offscreen") & NETWORKS


def test_starting_the_command_line_loads_no_network_and_no_window() -> None:
    assert not loaded_after(["napari_scarseg.cli.main"]) & (NETWORKS | WINDOWS)


def test_importing_the_package_costs_next_to_nothing() -> None:
    """Cumulative time of our own import, as Python reports it; the best of three, since the machine is shared."""
    best_us = min(_import_us() for _ in range(3))
    assert best_us < MAX_IMPORT_MS * 1000


def _import_us() -> int:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import napari_scarseg"], capture_output=True, text=True, check=True
    )
    line = next(line for line in done.stderr.splitlines() if line.split("|")[-1].strip() == "napari_scarseg")
    return int(line.split("|")[1])
