"""Cases and engines whose results are known."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_scarseg.core.case import Phase
from napari_scarseg.core.intensity import SCALING_ID
from napari_scarseg.core.protocols import Detection, EngineInfo, Prompt, Region
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.core.windows import Window, whole_slice_window
from napari_scarseg.datasets import CaseRecord, LabelledCase
from napari_scarseg.engines.weight_files import WeightsHeader, save_weights


class BoxFiller:
    """A segmenter that calls everything in the box scar."""

    info = EngineInfo("filler", "0", "cpu", "CC0-1.0")

    context = 0

    def locate(self, volume, slices):  # type: ignore[no-untyped-def]
        return {}

    def window(self, prompt: Prompt, shape: tuple[int, int]) -> Window:
        return whole_slice_window(prompt.box.slice, shape, max(shape))

    def embed(self, crops):  # type: ignore[no-untyped-def]
        return list(crops)

    def masks(self, embedding, window, prompts):  # type: ignore[no-untyped-def]
        logits = np.full((len(prompts), window.size, window.size), -5, np.float32)
        for n, prompt in enumerate(prompts):
            top, left, bottom, right = (round(edge) for edge in prompt.box.corners)
            logits[n, max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = 5
        return logits


class BrightFinder:
    """A detector that finds what is brighter than 100, one box around all of it."""

    info = EngineInfo("finder", "0", "cpu", "CC0-1.0")

    def detect(self, volume, slices):  # type: ignore[no-untyped-def]
        found = []
        for index in slices:
            rows, cols = np.nonzero(volume[index] > 100)
            box = (rows.min(), cols.min(), rows.max() + 1, cols.max() + 1) if len(rows) else None
            found.append([Detection(*map(float, box), 0.9, Region.SCAR)] if box else [])
        return found


@pytest.fixture
def filler() -> BoxFiller:
    return BoxFiller()


@pytest.fixture
def finder() -> BrightFinder:
    return BrightFinder()


def make_case(scar: np.ndarray, patient: str = "P1", spacing: Spacing | None = None) -> LabelledCase:
    record = CaseRecord(patient, Path("i"), Path("l"), "here", "", Phase.ACUTE, None, (1,), (), ())
    data = np.random.default_rng(0).normal(size=scar.shape)
    return LabelledCase(record, Stack(data, spacing or Spacing.unknown(), patient), scar, None, None)


@pytest.fixture
def case_of() -> Callable[..., LabelledCase]:
    return make_case


@pytest.fixture
def case() -> LabelledCase:
    """An L on the first slice, a small and a large block on the second, nothing on the third."""
    scar = np.zeros((3, 40, 40), bool)
    scar[0, 10:20, 10:20] = True
    scar[0, 10:15, 15:20] = False  # an L: 75 of its box's 100 px
    scar[1, 5:9, 5:9] = True
    scar[1, 20:30, 22:32] = True
    return make_case(scar)


@pytest.fixture
def in_mm() -> Spacing:
    return Spacing(10.0, 1.5, 1.5, SpacingOrigin.HEADER)


def save_provenance(path: Path, provenance: Mapping[str, Any], architecture: str = "example") -> Path:
    """A weights file with this provenance and hardly a tensor."""
    header = WeightsHeader(architecture, {}, SCALING_ID, 0.0, "CC0-1.0", dict(provenance))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_weights(path, {"bias": torch.ones(1)}, header)
    return path


@pytest.fixture
def save_record() -> Callable[[Path, Mapping[str, Any]], Path]:
    """Write a weights file that says what it was trained on, and holds nothing else."""

    return save_provenance
