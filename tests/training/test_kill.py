"""A run that is killed in the middle goes on to the very same curve and weights."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from napari_scarseg.engines.weight_files import read_weights
from napari_scarseg.training.checkpoint import FILE_NAME, load_checkpoint
from napari_scarseg.training.config import SegmenterTraining
from napari_scarseg.training.segmenter import LOG_FILE, WEIGHTS_FILE, train_segmenter

_EVERY = 5

_SCRIPT = """
import sys
from pathlib import Path
from napari_scarseg.training.config import SegmenterTraining
from napari_scarseg.training.segmenter import train_segmenter
for event in train_segmenter(SegmenterTraining.model_validate_json(sys.argv[1]), Path(sys.argv[2])):
    pass
"""


@pytest.mark.timeout(900)
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_killed_and_resumed_it_is_the_run_that_was_not_killed(
    small_config: Callable[..., SegmenterTraining], tmp_path: Path
) -> None:
    config = small_config(steps=40, batch_size=2, checkpoint_every=_EVERY, log_every=3, validate_every=20)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen([sys.executable, "-c", _SCRIPT, config.model_dump_json(exclude_unset=True), str(killed)])
    try:
        while not (killed / FILE_NAME).exists():
            assert process.poll() is None, "the run ended by itself"
            time.sleep(0.02)
        time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (killed / WEIGHTS_FILE).exists(), "it was killed in the middle"
    logged = (killed / LOG_FILE).read_text(encoding="utf-8").splitlines()[1:]
    lost = int(logged[-1].partition(",")[0]) - load_checkpoint(killed).step if logged else 0
    assert lost <= _EVERY
    list(train_segmenter(config, killed, resume=True))
    list(train_segmenter(config, whole))
    assert (killed / LOG_FILE).read_text(encoding="utf-8") == (whole / LOG_FILE).read_text(encoding="utf-8")
    first, second = (load_checkpoint(folder) for folder in (whole, killed))
    for name, value in first.network.items():
        torch.testing.assert_close(second.network[name], value, rtol=0, atol=0, msg=name)
    weights = [read_weights(folder / WEIGHTS_FILE) for folder in (whole, killed)]
    assert weights[0].header == weights[1].header
    for name, value in weights[0].tensors.items():
        torch.testing.assert_close(weights[1].tensors[name], value, rtol=0, atol=0, msg=name)
