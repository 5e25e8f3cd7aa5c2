"""`scarseg`: the command line. A command's code is imported when it is called, so that `scarseg --help` is at once."""

import sys
import warnings
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from napari_scarseg import __version__
from napari_scarseg.errors import ScarSegError

_FAILED, _INTERRUPTED = 1, 130


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where a command's function or `typer.Typer` is, and what the list of commands says about it."""

    module: str
    attribute: str
    about: str


_COMMANDS = {
    "demo": _Entry("demo", "demo", "Do the main job on phantom hearts, with pictures."),
    "phantom": _Entry("phantom", "phantom", "Make synthetic LGE stacks with their truth."),
    "detect": _Entry("detect", "detect", "Find scar boxes."),
    "segment": _Entry("segment", "segment", "Segment scar: boxes, labels and measures."),
    "measure": _Entry("measure", "measure", "Measure every lesion of label files."),
    "export": _Entry("export", "export", "Write labels and boxes for other programs."),
    "threshold": _Entry("threshold", "threshold", "Threshold scar in a known myocardium: n-SD, FWHM or Otsu."),
    "compare": _Entry("compare", "compare", "Compare groups of patients, or two label sets."),
    "report": _Entry("report", "report", "Report on a case or a cohort: HTML and PDF."),
    "import": _Entry("import_dataset", "import_", "Make a data set table of EMIDEC, MYOSAIQ or phantoms."),
    "split": _Entry("split", "split", "Deal patients into folds, or into development and test."),
    "train": _Entry("train", "app", "Train the networks."),
    "evaluate": _Entry("evaluate", "evaluate", "Compare results with the truth of a data set."),
    "serve": _Entry("serve", "serve", "Let napari on another machine use the networks here."),
    "experiment": _Entry("experiment", "experiment", "Run an experiment of the paper, small or full."),
    "cache": _Entry("cache", "cache", "Show or empty what is kept on disk for stacks opened again."),
    "models": _Entry("models", "app", "List, fetch, verify and convert network weights."),
}

# Top-level modules that come with an extra of the package.
_EXTRAS = {
    "cv2": "engines",
    "safetensors": "engines",
    "segment_anything": "engines",
    "torch": "engines",
    "torchvision": "engines",
    "ultralytics": "engines",
    "lightning_fabric": "training",
    "tensorboard": "training",
    "magicgui": "gui",
    "napari": "gui",
    "npe2": "gui",
    "qtpy": "gui",
    "superqt": "gui",
}


class _Commands(TyperGroup):
    """The group that imports a command when it is called, and knows the others by name only."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of work."""
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Enough of a command to list it."""
        entry = _COMMANDS.get(cmd_name)
        return None if entry is None else TyperCommand(cmd_name, help=entry.about)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """The command itself, for whoever calls it."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load_command(str(name)), rest


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Scar boxes, masks and morphology for late-gadolinium-enhancement cardiac MRI. Research use only.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"napari-scarseg {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """What holds for all commands."""


def load_command(name: str) -> Any:
    """Import a command of `_COMMANDS` and make it callable."""
    entry = _COMMANDS[name]
    found = getattr(import_module(f"napari_scarseg.cli.{entry.module}"), entry.attribute)
    if isinstance(found, typer.Typer):
        command = get_command(found)
    else:
        alone = typer.Typer(add_completion=False)
        alone.command(name)(found)
        command = get_command(alone)
    command.name = name
    return command


def main() -> None:
    """Run the command line and exit: 0 done, 1 an error in one line on stderr, 2 wrong usage, 130 interrupted."""
    if not sys.warnoptions:
        # They speak to developers, and the promise is one line for a person.
        warnings.simplefilter("ignore")
    try:
        get_command(app)(prog_name="scarseg")
    except ScarSegError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        _fail(_missing_extra(error))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except MemoryError:
        _fail("There is not enough memory for this; close other programs, or take fewer or smaller stacks.")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        _fail(f"The system refused a file ({reason}); check permissions and free space.")


def _missing_extra(error: ModuleNotFoundError) -> str:
    """Which extra to install for a missing library; any other missing module is a mistake of ours."""
    name = (error.name or "").partition(".")[0]
    if name not in _EXTRAS:
        raise error
    return (
        f"This command needs {name}, which is not installed; install what it needs with: "
        f"pip install napari-scarseg[{_EXTRAS[name]}]."
    )


def _fail(sentence: str) -> None:
    """One line on stderr, and exit status 1."""
    typer.echo(" ".join(sentence.split()), err=True)
    sys.exit(_FAILED)


if __name__ == "__main__":
    main()
