"""The curve of a run for TensorBoard, with examples: held-out slices with the true outline and the network's."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.segmentation import find_boundaries

from napari_scarseg.core.box import Box
from napari_scarseg.core.intensity import scale_pixels
from napari_scarseg.core.protocols import Segmenter
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.errors import ScarSegError
from napari_scarseg.training.progress import TrainingEvent
from napari_scarseg.training.validation import slice_logits, true_prompts

FOLDER = "tensorboard"

_EXAMPLES = 4
# Samples per pixel, so that outlines are thinner than scars.
_ZOOM = 4
_TRUTH, _ANSWER, _BOX = (0, 200, 80), (230, 60, 230), (250, 200, 60)

Rgb = npt.NDArray[np.uint8]


def check_installed() -> None:
    """Raise ScarSegError where TensorBoard is not installed."""
    if find_spec("tensorboard") is None:
        raise ScarSegError(
            "The configuration asks for TensorBoard's logs, but tensorboard is not installed; install it with: "
            "pip install napari-scarseg[training], or leave tensorboard = true out."
        )


class Board:
    """Writes to the run's folder; nothing of a patient is in a name.

    Parameters
    ----------
    folder : Path
        The run's.
    first_step : int
        What lies in the folder from this step on is replaced: a run that goes on writes it again.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(folder / FOLDER, purge_step=first_step)

    def add_event(self, event: TrainingEvent) -> None:
        """Loss, learning rate and scores of one event."""
        scalars: dict[str, float | None] = {"loss": event.loss, "learning_rate": event.learning_rate}
        if event.validation is not None:
            scores = event.validation.as_dict()
            scalars.update(
                {f"validation/{name}": value for name, value in scores.items() if name not in ("patients", "slices")}
            )
        for name, value in scalars.items():
            if value is not None:
                self._writer.add_scalar(name, value, event.step)
        self._writer.flush()

    def add_examples(
        self, segmenter: Segmenter[Any], cases: Sequence[LabelledCase], threshold_logit: float, step: int
    ) -> None:
        """Pictures of a few held-out slices, always the same ones."""
        for number, (case, z) in enumerate(choose_examples(cases)):
            picture = draw_example(segmenter, case, z, threshold_logit)
            self._writer.add_image(f"examples/{number}", picture, step, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        """Write what waits."""
        self._writer.close()


def choose_examples(cases: Sequence[LabelledCase]) -> list[tuple[LabelledCase, int]]:
    """The slice with most scar of each of the first cases that have any."""
    chosen: list[tuple[LabelledCase, int]] = []
    for case in cases:
        areas = case.scar.sum(axis=(1, 2))
        if areas.any() and len(chosen) < _EXAMPLES:
            chosen.append((case, int(areas.argmax())))
    return chosen


def draw_example(segmenter: Segmenter[Any], case: LabelledCase, index: int, threshold_logit: float) -> Rgb:
    """One slice (H, W, 3), enlarged: boxes yellow, the true outline green, the network's magenta on top."""
    prompts = true_prompts(case, index)
    answer = slice_logits(segmenter, case, prompts) > threshold_logit
    grey = np.asarray(scale_pixels(case.stack.data[index]) * 255, dtype=np.uint8)
    picture = np.repeat(_enlarged(grey)[:, :, None], 3, axis=2)
    for prompt in prompts:
        _draw_box(picture, prompt.box)
    for mask, colour in ((case.scar[index], _TRUTH), (answer, _ANSWER)):
        picture[find_boundaries(_enlarged(mask), mode="inner")] = colour
    return picture


def _enlarged(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.kron(plane, np.ones((_ZOOM, _ZOOM), dtype=plane.dtype))


def _draw_box(picture: Rgb, box: Box) -> None:
    height, width = picture.shape[:2]
    top, bottom = (min(max(round(edge * _ZOOM), 0), height - 1) for edge in (box.row_min, box.row_max))
    left, right = (min(max(round(edge * _ZOOM), 0), width - 1) for edge in (box.col_min, box.col_max))
    picture[top : bottom + 1, [left, right]] = _BOX
    picture[[top, bottom], left : right + 1] = _BOX
