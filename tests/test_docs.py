"""The documentation keeps to the program: links lead somewhere, commands exist, code and settings are real."""

import ast
import re
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand
from typer.main import get_command

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Pages that the build writes, from the code; see scripts/docs_pages.py.
GENERATED = {"models.md", "changelog.md", *(f"reference/{p}.md" for p in ("cli", "files", "core", "io", "phantom"))}
GENERATED |= {"reference/measure.md", "reference/engines.md", "reference/cases.md", "reference/datasets.md"}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def fenced(page: Path, language: str) -> list[str]:
    """Code blocks of a page in one language, also indented ones."""
    text = page.read_text(encoding="utf-8")
    return [m[2] for m in re.finditer(rf"^( *)```{language}\n(.*?)^\1```", text, flags=re.MULTILINE | re.DOTALL)]


def fenced_commands(page: Path) -> list[list[str]]:
    """Arguments of the `scarseg …` lines in a page's code blocks."""
    lines = [line.strip() for block in fenced(page, "bash") for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("scarseg ")]


def commands(page: Path) -> list[list[str]]:
    """Arguments of every `scarseg …` in a page, also within a sentence."""
    within = re.findall(r"`scarseg ([a-z][^`]*)`", page.read_text(encoding="utf-8"))
    return [*fenced_commands(page), *(shlex.split(words, comments=True) for words in within)]


def find_command(arguments: list[str]) -> tuple[TyperCommand, list[str]]:
    """The command that the first words name, and the rest."""
    from napari_scarseg.cli.main import app, load_command

    name, *rest = arguments
    group = get_command(app)
    assert name in group.list_commands(typer.Context(group)), f"no such command: scarseg {name}"
    command = load_command(name)
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    return command, rest


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        path = (page.parent / target).resolve()
        in_docs = path.relative_to(ROOT / "docs").as_posix() if path.is_relative_to(ROOT / "docs") else ""
        assert path.exists() or in_docs in GENERATED, f"{target} is not there"


@each_page
@pytest.mark.skipif(find_spec("torch") is None, reason="the commands of the networks need torch")
def test_commands_exist_with_their_options(page: Path) -> None:
    for arguments in commands(page):
        command, rest = find_command(arguments)
        assert not getattr(command, "commands", None) or not rest, f"no such command: scarseg {' '.join(arguments)}"
        options = {name for p in command.params for name in [*p.opts, *p.secondary_opts]}
        used = {word.split("=")[0] for word in rest if word.startswith("-") and not re.match(r"-?\d", word[1:])}
        assert used <= options, f"scarseg {' '.join(arguments)}: no option {used - options}"


@pytest.mark.weights
@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", pytest.param(ROOT / "docs" / "how-to" / "command-line.md", marks=pytest.mark.long)],
    ids=lambda page: page.name,
)
def test_commands_run_as_they_stand_one_after_the_other(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from napari_scarseg.cli.main import main

    monkeypatch.chdir(tmp_path)
    for arguments in fenced_commands(page):
        if any(re.match(r"archive$|study$|P001|results/P031", word) for word in arguments):
            continue  # files of the reader's
        monkeypatch.setattr(sys, "argv", ["scarseg", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code, (arguments, capfd.readouterr().err)


@each_page
def test_menus_are_called_what_the_page_says(page: Path) -> None:
    manifest = (ROOT / "src" / "napari_scarseg" / "napari.yaml").read_text(encoding="utf-8")
    (plugin,) = re.findall(r"^display_name: (.*)$", manifest, flags=re.MULTILINE)
    entries = set(re.findall(r"^ +display_name: (.*)$", manifest, flags=re.MULTILINE))
    text = " ".join(page.read_text(encoding="utf-8").split())
    for menu, path in re.findall(r"\*(Plugins|File → Open Sample) → ([^*]+)\*", text):
        name, *entry = path.split(" → ")
        assert name == plugin, f"{menu} has no {name}"
        assert set(entry) <= entries, f"{menu} → {name} has no {entry}"


@each_page
def test_python_code_names_what_exists(page: Path) -> None:
    for block in fenced(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("napari_scarseg"):
                module = __import__(node.module, fromlist=[a.name for a in node.names])
                for alias in node.names:
                    assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"


@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")
def test_training_configuration_of_the_docs_is_accepted(tmp_path: Path) -> None:
    from napari_scarseg.training.config import read_segmenter_config

    first, *others = fenced(ROOT / "docs" / "how-to" / "train.md", "toml")
    (tmp_path / "segmenter.toml").write_text(first)
    assert read_segmenter_config(tmp_path / "segmenter.toml").steps == 4000
    for block in others:
        # An excerpt: what it leaves out is in the first one.
        (tmp_path / "segmenter.toml").write_text(
            block if "[[datasets]]" in block else f"{block}\n[[datasets]]\npath = 'a.csv'\n"
        )
        read_segmenter_config(tmp_path / "segmenter.toml")


def test_every_page_is_in_the_navigation() -> None:
    navigation = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    pages = {p.relative_to(ROOT / "docs").as_posix() for p in (ROOT / "docs").rglob("*.md")}
    assert navigation == pages | GENERATED


def test_architecture_names_every_part() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE))
    parts = {f.parent.name for f in (ROOT / "src" / "napari_scarseg").glob("*/__init__.py")}
    filled = {p for p in parts if len(list((ROOT / "src" / "napari_scarseg" / p).glob("*.py"))) > 1}
    assert filled <= named
    assert named - {"errors"} <= parts


def test_pictures_are_used() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    unused = [p.name for p in (ROOT / "docs" / "images").glob("*") if f"images/{p.name}" not in text]
    assert not unused


@pytest.mark.parametrize("page", ["README.md", "docs/index.md", "docs/privacy-and-licence.md"])
def test_page_says_what_the_program_is_not(page: str) -> None:
    assert re.search(r"not\s+a\s+medical\s+device", (ROOT / page).read_text(encoding="utf-8"), flags=re.IGNORECASE)
