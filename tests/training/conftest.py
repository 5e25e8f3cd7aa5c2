"""A small data set on disk: bright rings with brighter scar, enough for a network to learn from."""

from pathlib import Path

import numpy as np
import pytest

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.io import write_labels


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
