"""TensorBoard's logs hold the curve and the examples, and a run that goes on replaces what it writes again."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_scarseg.core.case import Phase
from napari_scarseg.core.protocols import EngineInfo, Prompt
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.core.stack import Stack
from napari_scarseg.core.windows import Window, whole_slice_window
from napari_scarseg.datasets import CaseRecord, LabelledCase
from napari_scarseg.errors import ScarSegError
from napari_scarseg.training import board
from napari_scarseg.training.board import FOLDER, choose_examples, draw_example
from napari_scarseg.training.config import SegmenterTraining
from napari_scarseg.training.segmenter import train_segmenter


class _BoxFiller:
    """Calls everything in the box scar."""

    info = EngineInfo("filler", "", "cpu", "")
    context = 0

    def locate(self, volume: object, slices: object) -> dict[int, object]:
        return {}

    def window(self, prompt: Prompt, shape: tuple[int, int]) -> Window:
        return whole_slice_window(prompt.box.slice, shape, max(shape))

    def embed(self, crops: list[np.ndarray]) -> list[np.ndarray]:
        return list(crops)

    def masks(self, embedding: np.ndarray, window: Window, prompts: list[Prompt]) -> np.ndarray:
        logits = np.full((len(prompts), window.size, window.size), -5, np.float32)
        for n, prompt in enumerate(prompts):
            top, left, bottom, right = (int(edge) for edge in prompt.box.corners)
            logits[n, top:bottom, left:right] = 5
        return logits


def _case() -> LabelledCase:
    scar = np.zeros((3, 20, 30), bool)
    scar[1, 5:9, 4:10] = True
    scar[2, 4:16, 10:22] = True
    scar[2, 8:12, 14:18] = False  # a hole that the filler does not know
    stack = Stack(np.random.default_rng(0).normal(size=scar.shape), Spacing.unknown(), "P1")
    record = CaseRecord("P1", Path("i"), Path("l"), "", "", Phase.ACUTE, None, (1,), (), ())
    return LabelledCase(record, stack, scar, None, None)


def test_an_example_shows_the_true_outline_the_box_and_the_answer() -> None:
    case = _case()
    assert choose_examples([case]) == [(case, 2)], "the slice with most scar"
    picture = draw_example(_BoxFiller(), case, 2, 0.0)
    assert (picture.shape, picture.dtype) == ((80, 120, 3), np.uint8)
    assert tuple(picture[8 * 4, 14 * 4 - 1]) == (0, 200, 80), "the hole's edge is the truth's alone"
    assert tuple(picture[4 * 4, 14 * 4]) == (230, 60, 230), "the answer lies on top"
    grey = picture[0, 0]
    assert grey[0] == grey[1] == grey[2]


def test_the_run_s_folder_holds_curve_and_examples(
    small_config: Callable[..., SegmenterTraining], tmp_path: Path
) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    config = small_config(steps=4, log_every=1, validate_every=2, checkpoint_every=2, tensorboard=True)
    running = train_segmenter(config, tmp_path / "run")
    events = [next(running) for _ in range(3)]
    running.close()
    again = list(train_segmenter(config, tmp_path / "run", resume=True))
    assert [event.step for event in again] == [3, 4] and again[0].loss == events[2].loss
    read = accumulator.EventAccumulator(str(tmp_path / "run" / FOLDER), size_guidance={"images": 0})
    read.Reload()
    assert [scalar.step for scalar in read.Scalars("loss")] == [1, 2, 3, 4]
    assert read.Scalars("loss")[3].value == pytest.approx(again[1].loss, rel=1e-6)
    assert [scalar.step for scalar in read.Scalars("validation/slice_dsc")] == [2, 4]
    assert [image.step for image in read.Images("examples/1")] == [2, 4]


def test_without_tensorboard_it_says_what_to_install(
    small_config: Callable[..., SegmenterTraining], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "find_spec", lambda name: None)
    with pytest.raises(ScarSegError, match=r"pip install napari-scarseg\[training\]"):
        next(train_segmenter(small_config(tensorboard=True), tmp_path / "run"))
    assert not (tmp_path / "run").exists()
