"""The plain U-Net: the promptable network's own, resumed as if it had not stopped."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from napari_scarseg.engines.small_sam import SmallSam, SmallSamConfig
from napari_scarseg.errors import InputError
from napari_scarseg.training.config import DatasetPart, NetworkSize, SegmenterTraining
from napari_scarseg.training.plain_unet import WEIGHTS_FILE, PlainUNet, train_plain_unet

SIZE = NetworkSize(window_size=32, widths=(8, 8, 16, 16, 16))


def config_of(dataset: Path, steps: int = 4) -> SegmenterTraining:
    part = DatasetPart(path=dataset, held_out_fold=0)
    return SegmenterTraining(
        datasets=(part,), network=SIZE, steps=steps, batch_size=2, warmup_steps=1, checkpoint_every=2, threads=1
    )


def test_it_is_the_promptable_networks_unet_and_answers_alike() -> None:
    config = SmallSamConfig(window_size=32, widths=(8, 8, 16, 16, 16))
    torch.manual_seed(0)
    whole = SmallSam(config).eval()
    torch.manual_seed(0)
    plain = PlainUNet(config).eval()
    windows = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(plain(windows), whole.encode(windows).classes)
    assert sum(p.numel() for p in plain.parameters()) < sum(p.numel() for p in whole.parameters())


def test_stopped_training_ends_where_an_uninterrupted_one_does(dataset: Path, tmp_path: Path) -> None:
    config = config_of(dataset)
    assert list(train_plain_unet(config, tmp_path / "whole")) == [2, 4]
    stopped = train_plain_unet(config, tmp_path / "stopped")
    assert next(stopped) == 2
    stopped.close()
    assert list(train_plain_unet(config, tmp_path / "stopped")) == [4]
    whole, resumed = (load_file(tmp_path / name / WEIGHTS_FILE) for name in ("whole", "stopped"))
    assert all(torch.equal(whole[name], tensor) for name, tensor in resumed.items())


def test_a_folder_of_another_configuration_is_refused(dataset: Path, tmp_path: Path) -> None:
    list(train_plain_unet(config_of(dataset, steps=2), tmp_path))
    with pytest.raises(InputError, match="another configuration"):
        next(train_plain_unet(config_of(dataset, steps=6), tmp_path))
