"""Several small networks as one: what they answer together, and the file that holds them."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import Device
from napari_scarseg.core.intensity import SCALING_ID
from napari_scarseg.core.protocols import Prompt
from napari_scarseg.core.windows import crop_context
from napari_scarseg.engines.segmenter import load_small_segmenter
from napari_scarseg.engines.small_ensemble import SmallSamEnsemble, build_network, join_members
from napari_scarseg.engines.small_sam import ARCHITECTURE, SmallSam, SmallSamConfig
from napari_scarseg.engines.weight_files import WeightsHeader, read_weights, save_weights
from napari_scarseg.errors import WeightsError

SCRIPT = Path(__file__).parents[2] / "scripts" / "join_weights.py"
SIZE = SmallSamConfig(window_size=32, widths=(8, 16, 32, 16, 16))
HEADER = WeightsHeader(
    ARCHITECTURE,
    {name: value for name, value in SIZE.as_dict().items() if name != "members"},  # as files from before have it
    SCALING_ID,
    -0.5,
    "CC0-1.0",
    {"training_stacks_sha256": ["a", "b"], "configuration": {"seed": 1}},
)
PROMPTS = [Prompt(Box(2, 24, 24, 40, 42)), Prompt(Box(2, 30, 20, 44, 41), ((35.0, 30.0, True), (38.0, 26.0, False)))]


def _network(seed: int) -> SmallSam:
    torch.manual_seed(seed)
    network = SmallSam(SIZE)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
    return network.eval()


def _together(*networks: SmallSam) -> SmallSamEnsemble:
    ensemble = build_network(replace(SIZE, members=len(networks)))
    assert isinstance(ensemble, SmallSamEnsemble)
    ensemble.load_state_dict(join_members([network.state_dict() for network in networks]))
    return ensemble.eval()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{seed}.safetensors" for seed in (1, 2)]
    for path, seed in zip(paths, (1, 2), strict=True):
        save_weights(path, _network(seed).state_dict(), HEADER)
    return paths


def _join(*paths: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *map(str, paths)], capture_output=True, text=True, check=False)


@torch.inference_mode()
def test_one_network_twice_answers_as_it_does_alone() -> None:
    alone, twice = _network(1), _together(_network(1), _network(1))
    windows, boxes = torch.rand(2, 3, 32, 32), torch.tensor([[4.0, 4, 20, 20], [8, 2, 30, 28]])
    points = (torch.tensor([[[9.0, 9.0]], [[20.0, 20.0]]]), torch.tensor([[1.0], [0.0]]))
    one, both = alone.encode(windows), twice.encode(windows)
    assert both.stride4.shape[1] == 2 * one.stride4.shape[1] and both.classes.shape == one.classes.shape
    for given in (None, points):
        assert torch.allclose(twice.decode(both, boxes, given), alone.decode(one, boxes, given), atol=1e-5)


@torch.inference_mode()
def test_two_networks_answer_with_their_mean() -> None:
    first, second = _network(1), _network(2)
    both = _together(first, second)
    windows, boxes = torch.rand(2, 3, 32, 32), torch.tensor([[4.0, 4, 20, 20], [8, 2, 30, 28]])
    one, other, shown = (network.encode(windows) for network in (first, second, both))
    assert torch.allclose(shown.classes, (one.classes + other.classes) / 2, atol=1e-5)
    # Each decoder is prompted with what both show.
    answers = [
        first.decode(one._replace(classes=shown.classes), boxes),
        second.decode(other._replace(classes=shown.classes), boxes),
    ]
    assert not torch.allclose(*answers, atol=1e-2)
    assert torch.allclose(both.decode(shown, boxes), sum(answers) / 2, atol=1e-5)
    # Windows of a batch do not mix.
    alone = both.decode(both.encode(windows[1:]), boxes[1:])
    assert torch.allclose(both.decode(shown, boxes)[1:], alone, atol=1e-4)


def test_joined_files_load_as_one_segmenter(files, tmp_path: Path) -> None:
    out = tmp_path / "joined.safetensors"
    assert _join(*files, out).returncode == 0
    joined = read_weights(out).header
    assert joined.config["members"] == 2
    assert joined.provenance["training_stacks_sha256"] == ["a", "b"]
    assert joined.provenance["joined_with"] == [{"configuration": {"seed": 1}}]
    volume = np.random.default_rng(3).gamma(2.0, 90.0, (5, 70, 64)).astype(np.float32)
    masks = []
    for path in (*files, out):
        segmenter = load_small_segmenter(path, "joined", Device.CPU)
        window = segmenter.window(PROMPTS[0], (70, 64))
        (embedding,) = segmenter.embed([crop_context(volume, window, 1)])
        masks.append(segmenter.masks(embedding, window, PROMPTS))
    assert masks[2].shape == (2, 32, 32) and np.isfinite(masks[2]).all()
    assert not np.allclose(masks[2], masks[0], atol=1e-2) and not np.allclose(masks[2], masks[1], atol=1e-2)


def test_only_networks_that_fit_are_joined(files, tmp_path: Path) -> None:
    out = tmp_path / "joined.safetensors"
    assert "at least two files" in _join(files[0], out).stderr
    other = tmp_path / "other.safetensors"
    wider = replace(SIZE, widths=(8, 16, 32, 16, 24))
    save_weights(other, SmallSam(wider).state_dict(), replace(HEADER, config=wider.as_dict()))
    assert "different networks" in _join(files[0], other, out).stderr
    # What one has not seen the other may have.
    save_weights(other, _network(3).state_dict(), replace(HEADER, provenance={"training_stacks_sha256": ["a", "c"]}))
    assert "different stacks" in _join(files[0], other, out).stderr
    assert not out.exists()


def test_a_file_that_lacks_a_member_is_refused(files, tmp_path: Path) -> None:
    out = tmp_path / "joined.safetensors"
    _join(*files, out)
    weights = read_weights(out)
    tensors = {name: value for name, value in weights.tensors.items() if name.startswith("members.0.")}
    save_weights(out, tensors, weights.header)
    with pytest.raises(WeightsError, match="do not fit the network"):
        load_small_segmenter(out, "joined", Device.CPU)
