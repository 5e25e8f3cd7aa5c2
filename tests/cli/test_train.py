"""`scarseg train segmenter` on the very small, and its weights in `scarseg segment`."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

import torch

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.engines.official_sam import sam_header
from napari_scarseg.engines.sam_network import SamConfig, SamNetwork
from napari_scarseg.engines.weight_files import save_weights
from napari_scarseg.io import write_labels

SETTINGS = """
steps = 2
batch_size = 2
checkpoint_every = 1
precision = "fp32"
device = "cpu"
threads = 1
licence = "CC0-1.0"

[[datasets]]
path = "data.csv"

[network]
architecture = "official-sam"
weights = "own/sam.safetensors"
"""


@pytest.fixture
def folder(tmp_path):
    """Two patients with a bright scar, and a very small Segment Anything to start from."""
    lines = ["patient,image,label"]
    for n in (0, 1):
        scar = np.zeros((1, 48, 48), np.int32)
        scar[0, 20:28, 18 + n : 30] = 1
        image = np.random.default_rng(n).normal(50, 3, scar.shape) + 80 * scar
        np.save(tmp_path / f"P{n}.npy", image.astype(np.float32))
        write_labels(tmp_path / f"P{n}_label.nii.gz", scar, Spacing.unknown(), None)
        lines.append(f"P{n},P{n}.npy,P{n}_label.nii.gz")
    (tmp_path / "data.csv").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "own").mkdir()
    torch.manual_seed(0)
    config = SamConfig(16, 1, 2, (0,), image_size=64, prompt_dim=32)
    save_weights(
        tmp_path / "own" / "sam.safetensors", SamNetwork(config).state_dict(), sam_header(config, "Apache-2.0", {})
    )
    (tmp_path / "sam.toml").write_text(SETTINGS, encoding="utf-8")
    return tmp_path


def test_official_sam_is_trained_and_segments(scarseg, folder):
    run = folder / "run"
    result = scarseg("train", "segmenter", folder / "sam.toml", "-o", run)
    assert result.status == 0 and "Wrote weights.safetensors." in result.out
    assert "holds a run already" in scarseg("train", "segmenter", folder / "sam.toml", "-o", run).sentence
    again = scarseg("train", "segmenter", folder / "sam.toml", "-o", run, "--resume")
    assert again.status == 0
    (folder / "boxes.csv").write_text("slice,row_min,col_min,row_max,col_max\n0,19,17,29,31\n", encoding="utf-8")
    result = scarseg(
        "segment", folder / "P0.npy", "-o", folder / "out", "--boxes", folder / "boxes.csv",
        "--segmenter", run / "weights.safetensors", "--device", "cpu",
    )  # fmt: skip
    assert result.status == 0, result
    record = json.loads((folder / "out" / "P0_scar.json").read_text(encoding="utf-8"))
    assert record["engines"]["segmenter"]["licence"] == "CC0-1.0"


def test_weights_that_were_not_fetched_are_named_with_the_command(scarseg, folder, monkeypatch):
    monkeypatch.setenv("SCARSEG_CACHE_DIR", str(folder / "cache"))
    text = SETTINGS.replace("own/sam.safetensors", "sam-vit-b")
    (folder / "sam.toml").write_text(text, encoding="utf-8")
    sentence = scarseg("train", "segmenter", folder / "sam.toml", "-o", folder / "run").sentence
    assert "scarseg models fetch sam-vit-b" in sentence
    assert not (folder / "run").exists()
