"""A small data set on disk: bright rings with brighter scar, enough for a network to learn from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.engines.official_sam import sam_header
from napari_scarseg.engines.sam_network import SamConfig, SamNetwork
from napari_scarseg.engines.weight_files import save_weights
from napari_scarseg.io import write_labels
from napari_scarseg.training.config import SegmenterTraining


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    rows, columns = np.mgrid[:64, :64]
    lines = ["patient,image,label,fold,scar_values,myocardium_values,cavity_values"]
    for patient in range(4):
        rng = np.random.default_rng(patient)
        radius = np.hypot(rows - 32 - patient, columns - 30)
        labels = np.where(radius < 9, 1, np.where(radius < 15, 2, 0))
        labels = np.stack([labels, np.where((labels == 2) & (columns > 32), 3, labels)])
        image = rng.normal(100, 4, labels.shape) + 80 * (labels == 3) + 60 * (labels == 1) - 40 * (labels == 2)
        np.save(folder / f"{patient}.npy", image.astype(np.float32))
        write_labels(folder / f"{patient}.nii.gz", labels.astype(np.int32), Spacing.unknown(), None)
        lines.append(f"P{patient},{patient}.npy,{patient}.nii.gz,{patient % 2},3,2 3,1")
    table = folder / "dataset.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return table


@pytest.fixture(scope="session")
def sam_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Segment Anything of the real format, very small, with random weights in full precision."""
    torch.manual_seed(3)
    config = SamConfig(embed_dim=16, depth=2, num_heads=2, global_attn_indexes=(1,), image_size=64, prompt_dim=32)
    path = tmp_path_factory.mktemp("sam") / "sam-start.safetensors"
    save_weights(path, SamNetwork(config).state_dict(), sam_header(config, "Apache-2.0", {}), half=False)
    return path


@pytest.fixture
def small_config(dataset: Path) -> Callable[..., SegmenterTraining]:
    """A run of the small network that is over in seconds; keywords change settings."""

    def make(**settings: Any) -> SegmenterTraining:
        values: dict[str, Any] = {
            "datasets": [{"path": dataset, "held_out_fold": 1}],
            "network": {"window_size": 32, "box_min_px": 24, "widths": (8, 16, 32, 16, 16)},
            "steps": 4,
            "batch_size": 4,
            "warmup_steps": 2,
            "checkpoint_every": 4,
            "precision": "fp32",
            "device": "cpu",
            "threads": 1,
            "licence": "CC0-1.0",
        }
        return SegmenterTraining.model_validate(values | settings)

    return make


@pytest.fixture
def sam_config(dataset: Path, sam_weights: Path) -> Callable[..., SegmenterTraining]:
    """A run of a very small Segment Anything, in the paper's set-up; keywords change settings."""

    def make(**settings: Any) -> SegmenterTraining:
        values: dict[str, Any] = {
            "datasets": [{"path": dataset, "held_out_fold": 1}],
            "network": {"architecture": "official-sam", "weights": str(sam_weights)},
            "steps": 4,
            "batch_size": 2,
            "learning_rate": 1e-3,
            "warmup_steps": 1,
            "checkpoint_every": 2,
            "ema_decay": 0.5,
            "precision": "fp32",
            "device": "cpu",
            "threads": 1,
            "licence": "CC0-1.0",
        }
        return SegmenterTraining.model_validate(values | settings)

    return make
