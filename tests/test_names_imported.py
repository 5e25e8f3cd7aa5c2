"""Benchmarks and scripts are run by hand and seldom: what they import from the package has to be there still."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(path for folder in ("benchmarks", "scripts") for path in (ROOT / folder).glob("*.py"))


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imported(path: Path) -> list[tuple[str, str]]:
    """Modules of the package and the names that a file takes from them."""
    return [
        (node.module, alias.name)
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("napari_scarseg")
        for alias in node.names
    ]


def _given(module: str) -> set[str]:
    """Names that a module gives, read off its source, so that nothing has to be installed or opened."""
    place = ROOT.joinpath("src", *module.split("."))
    inside = {path.stem for path in place.glob("*")} if place.is_dir() else set()
    return inside | set(_bound(_tree(place / "__init__.py" if place.is_dir() else place.with_suffix(".py"))))


def _bound(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value  # what a module's __getattr__ gives on demand is listed by name


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_names_imported_from_the_package_are_there(path: Path) -> None:
    missing = [f"{name} from {module}" for module, name in _imported(path) if name not in _given(module)]
    assert not missing


def test_the_files_are_found() -> None:
    assert len(FILES) > 20
    assert sum(bool(_imported(path)) for path in FILES) > 15
