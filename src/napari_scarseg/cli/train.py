"""`scarseg train`: make the weights of the segmenter or the detector."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from napari_scarseg.training.config import read_detector_config, read_segmenter_config
from napari_scarseg.training.detector import DetectorEpoch, train_detector
from napari_scarseg.training.segmenter import WEIGHTS_FILE, TrainingEvent, train_segmenter
from napari_scarseg.training.validation import Validation

app = typer.Typer(help="Train the networks from a TOML configuration.", no_args_is_help=True)

Config = Annotated[Path, typer.Argument(help="TOML file; data set paths are relative to it.")]
Run = Annotated[Path, typer.Option("-o", "--output", help="Folder of the run: log, checkpoint, weights.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the folder's checkpoint.")]


@app.command("segmenter")
def segmenter(config: Config, output: Run, resume: Resume = False) -> None:
    """Train a box-prompted network: the small one, which proposes scar in the LV as well, or official Segment Anything.

    On several GPUs: torchrun --nproc-per-node N --no-python scarseg train segmenter CONFIG.toml -o RUN
    """
    settings = read_segmenter_config(config)
    console = Console()
    last: TrainingEvent | None = None
    with _progress() as progress:
        task = progress.add_task("training", total=settings.steps)
        for last in train_segmenter(settings, output, resume=resume):
            progress.update(task, completed=last.step, description=f"loss {last.loss:.3f}")
            if last.validation is not None:
                console.print(f"step {last.step}: {_sentence(last.validation)}")
    if last is not None and last.step < last.steps:
        console.print(f"Ended at step {last.step}: no better validation for {settings.patience} validations.")
    if _is_first():
        console.print(f"Wrote {(output / WEIGHTS_FILE).name}.")


def _sentence(score: Validation) -> str:
    """A validation in words."""
    unprompted = score.unprompted_dsc_at_zero
    alone = "" if unprompted is None else f", {unprompted:.3f} without"
    return (
        f"slice DSC {score.slice_dsc:.3f} with true boxes{alone}, on {score.slices} slices of {score.patients} "
        f"held-out patients (threshold {score.threshold_logit:+.2f})"
    )


@app.command("detector")
def detector(config: Config, output: Run, resume: Resume = False) -> None:
    """Train YOLO on the LV and scar boxes of a data set."""
    settings = read_detector_config(config)
    console = Console()
    with _progress() as progress:
        task = progress.add_task("training", total=settings.epochs)

        def report(epoch: DetectorEpoch) -> None:
            progress.update(task, completed=epoch.epoch)

        written = train_detector(settings, output, resume=resume, on_epoch=report)
    console.print(f"Wrote {written.name}.")


def _is_first() -> bool:
    """Whether this process reports: of those that torchrun starts the first one does."""
    return os.environ.get("RANK", "0") == "0"


def _progress() -> Progress:
    """A bar where a person is watching."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not (console.is_terminal and _is_first()),
    )
