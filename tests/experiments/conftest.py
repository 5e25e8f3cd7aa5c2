"""A small data set on disk, bright rings with brighter scar in two cohorts, and settings that train in seconds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_scarseg.core.case import Phase
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.core.stack import Stack
from napari_scarseg.datasets import CaseRecord, LabelledCase
from napari_scarseg.io import write_labels

TINY_TRAINING: dict[str, Any] = {
    "steps": 6,
    "batch_size": 2,
    "warmup_steps": 1,
    "bf16": True,
    "threshold_logit": 0.0,
    "checkpoint_every": 2,
    "validate_every": 1000,
    "network": {"window_size": 32, "lv_factor": 1.3, "widths": [8, 8, 16, 16, 16]},
}


def make_rings(patient: int) -> tuple[np.ndarray, np.ndarray]:
    """Image and labels (3, 64, 64): 1 cavity, 2 wall, 3 scar on the last two slices."""
    rows, columns = np.mgrid[:64, :64]
    rng = np.random.default_rng(patient)
    radius = np.hypot(rows - 32 - patient % 4, columns - 30)
    plain = np.where(radius < 9, 1, np.where(radius < 15, 2, 0))
    scarred = np.where((plain == 2) & (columns > 36), 3, plain)
    labels = np.stack([plain, scarred, scarred])
    image = rng.normal(100, 4, labels.shape) + 80 * (labels == 3) + 60 * (labels == 1) - 40 * (labels == 2)
    return image.astype(np.float32), labels.astype(np.int32)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight patients in two folds and two cohorts."""
    folder = tmp_path_factory.mktemp("dataset")
    lines = ["patient,image,label,cohort,phase,fold,scar_values,myocardium_values,cavity_values"]
    for patient in range(8):
        image, labels = make_rings(patient)
        np.save(folder / f"{patient}.npy", image)
        write_labels(folder / f"{patient}.nii.gz", labels, Spacing.unknown(), None)
        cohort = "left" if patient < 4 else "right"
        lines.append(f"P{patient},{patient}.npy,{patient}.nii.gz,{cohort},acute,{patient % 2},3,2 3,1")
    table = folder / "dataset.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return table


@pytest.fixture
def ring_case() -> LabelledCase:
    """One patient of the data set in memory."""
    image, labels = make_rings(0)
    record = CaseRecord("P0", Path("i"), Path("l"), "left", "", Phase.ACUTE, 0, (3,), (2, 3), (1,))
    wall = labels >= 2
    return LabelledCase(record, Stack(image, Spacing.unknown(), "P0"), labels == 3, labels > 0, wall)


@pytest.fixture
def tiny_training() -> dict[str, Any]:
    """Settings of a training that says nothing and ends at once."""
    return TINY_TRAINING


@pytest.fixture
def without_anatomy() -> Callable[[LabelledCase], LabelledCase]:
    """A case whose labels know of scar only."""
    return lambda case: replace(case, lv=None, myocardium=None)
