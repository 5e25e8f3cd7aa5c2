"""Configurations are checked, and their paths are relative to the file."""

from pathlib import Path

import pytest

from napari_scarseg.errors import InputError
from napari_scarseg.training.config import read_detector_config, read_segmenter_config

CONFIGS = Path(__file__).parents[2] / "configs"


def test_committed_configurations_are_valid() -> None:
    segmenter = read_segmenter_config(CONFIGS / "segmenter.toml")
    assert (segmenter.loss.kl, segmenter.loss.dice, segmenter.loss.cross_entropy) == (0.6, 0.2, 0.2)
    assert segmenter.datasets[0].folds == (CONFIGS / "emidec_folds.csv").resolve()
    assert read_detector_config(CONFIGS / "detector.toml").image_size == 192


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("stpes = 3\n[[datasets]]\npath='a.csv'", "stpes"),
        ("steps = 'many'\n[[datasets]]\npath='a.csv'", "steps"),
        ("target = ", "TOML"),
    ],
)
def test_a_wrong_configuration_is_named(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=word):
        read_segmenter_config(path)


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.toml"):
        read_segmenter_config(tmp_path / "absent.toml")
