"""A batch in pieces is the batch at once, where nothing in the network looks across its windows."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from napari_scarseg.training.checkpoint import load_checkpoint
from napari_scarseg.training.config import SegmenterTraining, read_segmenter_config
from napari_scarseg.training.segmenter import train_segmenter


def test_pieces_teach_what_the_whole_batch_teaches(
    sam_config: Callable[..., SegmenterTraining], tmp_path: Path
) -> None:
    averages, losses = [], []
    for pieces in (1, 2, 4):
        config = sam_config(steps=2, batch_size=4, accumulate=pieces, prompts={"points": 0, "per_window": 2})
        losses.append([event.loss for event in train_segmenter(config, tmp_path / str(pieces))])
        averages.append(load_checkpoint(tmp_path / str(pieces)).network)
    for loss, average in zip(losses[1:], averages[1:], strict=True):
        assert loss == pytest.approx(losses[0], rel=1e-5)
        for name, value in averages[0].items():
            # Adam divides by the gradient's size: where that is next to nothing, rounding decides the sign.
            torch.testing.assert_close(average[name], value, rtol=0, atol=2e-4, msg=name)


def test_the_pieces_of_a_batch_are_even(tmp_path: Path) -> None:
    path = tmp_path / "uneven.toml"
    path.write_text("batch_size = 4\naccumulate = 3\n[[datasets]]\npath = 'a.csv'\n", encoding="utf-8")
    with pytest.raises(Exception, match="accumulate must divide batch_size"):
        read_segmenter_config(path)
