"""`scarseg train`: make the weights of the segmenter or the detector."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from napari_scarseg.training.config import read_detector_config, read_segmenter_config
from napari_scarseg.training.detector import DetectorEpoch, train_detector
from napari_scarseg.training.segmenter import WEIGHTS_FILE, train_segmenter

app = typer.Typer(help="Train the networks from a TOML configuration.", no_args_is_help=True)

Config = Annotated[Path, typer.Argument(help="TOML file; data set paths are relative to it.")]
Run = Annotated[Path, typer.Option("-o", "--output", help="Folder of the run: log, checkpoint, weights.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the folder's checkpoint.")]


@app.command("segmenter")
def segmenter(config: Config, output: Run, resume: Resume = False) -> None:
    """Train the small box-prompted network, which proposes scar in the LV as well."""
    settings = read_segmenter_config(config)
    console = Console()
    with _progress() as progress:
        task = progress.add_task("training", total=settings.steps)
        for event in train_segmenter(settings, output, resume=resume):
            progress.update(task, completed=event.step, description=f"loss {event.loss:.3f}")
            if event.validation is not None:
                score = event.validation
                console.print(
                    f"step {event.step}: slice DSC {score.slice_dsc:.3f} with true boxes, "
                    f"{score.unprompted_dsc_at_zero:.3f} without, on {score.slices} slices of {score.patients} "
                    f"held-out patients (threshold {score.threshold_logit:+.2f})"
                )
    console.print(f"Wrote {(output / WEIGHTS_FILE).name}.")


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


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
