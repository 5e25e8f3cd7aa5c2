"""`scarseg demo`: the main job on a computed heart, and the window with it.

The window runs in a process of its own, since a window and the networks' libraries do not share one.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pandas as pd
import typer
from matplotlib.figure import Figure

from napari_scarseg.cli.flow import detect_stack, segment_stack
from napari_scarseg.cli.pictures import draw_overview
from napari_scarseg.cli.progress import ProgressBar
from napari_scarseg.cli.results import describe_result, write_segmented
from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.config import DetectConfig, SegmentConfig
from napari_scarseg.core.stack import Stack
from napari_scarseg.engines import load_detector, load_segmenter
from napari_scarseg.errors import ScarSegError
from napari_scarseg.io import atomic_path
from napari_scarseg.io.write_image import write_stack_nifti
from napari_scarseg.measure import measure_labels, summarise_lesions
from napari_scarseg.measure.figures import distribution_figure
from napari_scarseg.phantom import make_phantom

# The same hearts as napari's sample data.
_SEEDS = {Phase.ACUTE: 15, Phase.CHRONIC: 15}
_COHORT = "phantom"
_WINDOW_LIMIT_S = 600


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the results.")] = Path(
        "demo-output"
    ),
    gui: Annotated[
        bool | None, typer.Option("--gui/--no-gui", help="Show the napari window; by default where there is a display.")
    ] = None,
) -> None:
    """Detect, segment and measure two phantom hearts, draw them, and do the same in a napari window."""
    output.mkdir(parents=True, exist_ok=True)
    configs = (DetectConfig(), SegmentConfig())
    tables = []
    with ProgressBar() as bar:
        bar.say("loading the networks")
        detector, segmenter = load_detector(), load_segmenter()
        for phase, seed in _SEEDS.items():
            stack = make_phantom(seed, phase).stack
            write_stack_nifti(_image_path(output, stack), stack)
            detected = bar.follow(stack.stem, detect_stack(stack, detector, configs[0]))
            segmented = bar.follow(
                stack.stem, segment_stack(stack, detected.scars, segmenter, configs[1], lvs=detected.lvs, phase=phase)
            )
            record = write_segmented(output, stack, detected, segmented, configs)
            figure = draw_overview(stack, segmented.boxes, segmented.labels)
            _save(figure, output / f"{stack.stem}_overview.png")
            tables.append((stack, phase, segmented.labels))
            typer.echo(describe_result(stack.stem, record["result"]))
    _save(_draw_distribution(tables), output / "lesions_by_phase.png")
    if gui or (gui is None and _has_window()):
        stack, first, _ = tables[0]
        _show_window(_image_path(output, stack), output, first)
        typer.echo("Wrote pictures of the window, window.png and window_morphology.png.")
    typer.echo(f"All results are in {output}.")


def _image_path(output: Path, stack: Stack) -> Path:
    return output / f"{stack.stem}.nii.gz"


def _draw_distribution(cases: list[tuple[Stack, Phase, npt.NDArray[np.int32]]]) -> Figure:
    """Solidity of the lesions, acute beside chronic; the figure itself says that the hearts are synthetic."""
    rows = [
        measure_labels(labels, stack.spacing, CaseInfo(stack.stem, phase=phase, cohort=_COHORT), image=stack.data)
        for stack, phase, labels in cases
    ]
    return distribution_figure(summarise_lesions(pd.concat(rows, ignore_index=True)), "solidity")


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def _has_window() -> bool:
    """Whether napari is installed and there is a display for it."""
    if find_spec("napari") is None:
        return False
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _show_window(image: Path, folder: Path, phase: Phase) -> None:
    """Run the walk-through; with a terminal the window stays until the user closes it."""
    command = [sys.executable, "-m", "napari_scarseg.gui.tour", str(image), str(folder)]
    command += ["--phase", phase.value, "--cohort", _COHORT]
    stays = sys.stdin.isatty() and sys.stdout.isatty()
    if stays:
        command.append("--stay")
    try:
        ran = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=None if stays else _WINDOW_LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise ScarSegError(
            "The window did not finish within ten minutes; run the demo with --no-gui, or on a less busy machine."
        ) from error
    if ran.returncode:
        reason = ran.stderr.strip().splitlines()[-1:] or [f"it ended with status {ran.returncode}"]
        raise ScarSegError(f"The window could not be shown ({reason[0]}); run the demo with --no-gui.")
