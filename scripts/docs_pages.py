"""Pages of the documentation that come out of the code, so that they cannot fall behind it. A hook of mkdocs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from napari_scarseg.cli.main import app, load_command

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "napari_scarseg"
WEIGHTS = SOURCE / "engines" / "weights"

# What of a part stands in the reference: its modules, or the public ones where the rest is machinery.
PARTS = {
    "core": None,
    "io": ["io", "io.read_stack"],
    "phantom": ["phantom"],
    "measure": [
        "measure",
        "measure.figures",
        "measure.figure_maps",
        "measure.figure_agreement",
        "measure.bullseye",
        "measure.segments",
        "measure.figure_files",
        "measure.feature_maps",
        "measure.agreement",
        "measure.label_agreement",
        "measure.statistics",
        "measure.report",
    ],
    "cases": ["cases"],
    "datasets": ["datasets"],
    "engines": [
        "engines",
        "engines.pipeline",
        "engines.device",
        "engines.catalogue",
        "engines.weight_header",
        "engines.weight_files",
        "engines.client",
    ],
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those in docs/."""
    pages = {
        "reference/cli.md": command_line_page(),
        "reference/files.md": files_page(),
        "models.md": model_cards_page(),
        "changelog.md": (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        **{f"reference/{part}.md": reference_page(part, modules) for part, modules in PARTS.items()},
    }
    for uri, content in pages.items():
        files.append(File.generated(config, uri, content=content))
    return files


def reference_page(part: str, modules: list[str] | None) -> str:
    """Directives for mkdocstrings: every module of a part, or those named."""
    if modules is None:
        modules = [f"{part}.{f.stem}" for f in sorted((SOURCE / part).glob("*.py")) if not f.stem.startswith("_")]
    return "\n\n".join([f"# {part}", *(f"::: napari_scarseg.{module}" for module in modules)])


def files_page() -> str:
    """Every source file with the first line of its docstring."""
    parts = ["# Files", "What each file of `src/napari_scarseg` does, in its own words."]
    folders = sorted({file.parent for file in SOURCE.rglob("*.py")})
    for folder in folders:
        name = folder.relative_to(SOURCE.parent).as_posix()
        rows = [f"| `{f.name}` | {_first_line(f)} |" for f in sorted(folder.glob("*.py")) if _first_line(f)]
        parts += [f"## {name}", "\n".join(["| file | job |", "|---|---|", *rows])]
    return "\n\n".join(parts)


def command_line_page() -> str:
    """The help texts of `scarseg` and its commands."""
    group = get_command(app)
    parts = ["# Command line", _plain(group.help)]
    parts.append("Exit status: 0 done, 1 an error (one line on stderr), 2 wrong usage, 130 interrupted.")
    for name in group.list_commands(typer.Context(group)):
        parts += _command_sections(load_command(name), f"scarseg {name}")
    return "\n\n".join(parts)


def model_cards_page() -> str:
    """The model cards that lie beside the weights, one after the other."""
    cards = sorted(WEIGHTS.glob("*.md"))
    intro = (
        "# Model cards\n\nThe weights that come with the package. They are for research only and not a medical device, "
        "and licensed under CC BY-NC-SA 4.0; see [privacy and licence](privacy-and-licence.md)."
    )
    return "\n\n".join([intro, *(_card_section(card) for card in cards)])


def _card_section(card: Path) -> str:
    """A card, a page of its own in the package, as a section: headings one level down, links within the page."""
    text = re.sub(r"^(#+) ", r"#\1 ", card.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = re.sub(r"^(## .*)$", rf"\1 {{#{card.stem}}}", text, count=1, flags=re.MULTILINE)
    return re.sub(r"\]\((lge-[\w-]+)\.md\)", r"](#\1)", text)


def _command_sections(command: TyperCommand | TyperGroup, path: str) -> list[str]:
    """Heading, description, usage and options of a command, then of its subcommands."""
    context = typer.Context(command, info_name=path.rsplit(" ", 1)[-1])
    subcommands = getattr(command, "commands", {})
    lines = [f"## `{path}`", _plain(command.help)]
    if not subcommands:
        usage = " ".join([path, *command.collect_usage_pieces(context)])
        lines.append(f"```text\n{usage}\n```")
        rows = [_option_row(p, context) for p in command.params if not getattr(p, "hidden", False)]
        if rows:
            lines.append("\n".join(["| option | meaning |", "|---|---|", *rows]))
    for name, subcommand in subcommands.items():
        if not subcommand.hidden:
            lines += _command_sections(subcommand, f"{path} {name}")
    return lines


def _option_row(parameter: TyperArgument | TyperOption, context: typer.Context) -> str:
    if isinstance(parameter, TyperArgument):
        names = f"`{parameter.metavar or str(parameter.name).upper()}`"
    else:
        names = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
    record = parameter.get_help_record(context)
    meaning = record[1] if record else getattr(parameter, "help", None) or ""
    return f"| {names} | {_plain(meaning).replace('|', '/').replace(chr(10), ' ')} |"


def _first_line(file: Path) -> str:
    """First line of a file's docstring, fit for a table's cell."""
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0].replace("|", "/")


def _plain(text: str | None) -> str:
    """Help text without the markup that is meant for terminals."""
    return re.sub(r"\[/?(?:bold|dim|italic|green|red|yellow)\]", "", text or "").replace("\b", "").strip()
