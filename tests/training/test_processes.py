"""Two processes with half a batch each are one process with all of it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from napari_scarseg.errors import InputError
from napari_scarseg.training.checkpoint import load_checkpoint
from napari_scarseg.training.config import SegmenterTraining
from napari_scarseg.training.processes import count_workers, start_processes
from napari_scarseg.training.run_log import LOG_FILE
from napari_scarseg.training.segmenter import WEIGHTS_FILE, train_segmenter

_SCRIPT = """
import sys
from pathlib import Path
from napari_scarseg.training.config import SegmenterTraining
from napari_scarseg.training.segmenter import train_segmenter
config = SegmenterTraining.model_validate_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
steps = [event.step for event in train_segmenter(config, Path(sys.argv[2]))]
print("steps", steps, flush=True)
"""


def test_batches_are_made_beside_a_gpu_and_as_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    config = SegmenterTraining(datasets=())
    monkeypatch.setattr(sys, "platform", "linux")
    counts = [count_workers(config, "cuda", cores=cores) for cores in (1, 2, 6, 64)]
    assert counts == [0, 1, 5, 8]
    assert [count_workers(config, device, cores=6) for device in ("cpu", "mps")] == [0, 0]
    asked = config.model_copy(update={"workers": 2})
    assert [count_workers(asked, device) for device in ("cpu", "cuda")] == [2, 2]
    monkeypatch.setattr(torch.distributed, "is_torchelastic_launched", lambda: True)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert count_workers(config, "cuda", cores=6) == 2
    # Where processes share nothing, each would hold all samples.
    monkeypatch.setattr(sys, "platform", "darwin")
    assert count_workers(config, "cuda", cores=6) == 0


@pytest.mark.timeout(900)
@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch is built without processes")
def test_two_processes_learn_what_one_learns(sam_config: Callable[..., SegmenterTraining], tmp_path: Path) -> None:
    config = sam_config(steps=2, batch_size=4, prompts={"points": 0, "per_window": 2})
    script, settings = tmp_path / "script.py", tmp_path / "config.json"
    script.write_text(_SCRIPT, encoding="utf-8")
    settings.write_text(config.model_dump_json(exclude_unset=True), encoding="utf-8")
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", script, settings]
    done = subprocess.run(
        [sys.executable, *map(str, command), str(tmp_path / "two")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert sorted(line for line in done.stdout.splitlines() if line.startswith("steps")) == ["steps [2]", "steps []"]
    (event,) = train_segmenter(config, tmp_path / "one")
    one, two = (load_checkpoint(tmp_path / name) for name in ("one", "two"))
    for name, value in one.network.items():
        torch.testing.assert_close(two.network[name], value, rtol=0, atol=2e-4, msg=name)
    assert (tmp_path / "two" / WEIGHTS_FILE).is_file()
    row = (tmp_path / "two" / LOG_FILE).read_text(encoding="utf-8").splitlines()[1]
    assert float(row.split(",")[1]) == pytest.approx(event.loss, rel=1e-4)


def test_a_batch_that_cannot_be_shared_is_refused(
    small_config: Callable[..., SegmenterTraining], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.distributed, "is_torchelastic_launched", lambda: True)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(InputError, match="cannot be shared by 3 processes"):
        start_processes(small_config(batch_size=4))


@pytest.mark.gpu
def test_on_a_gpu_it_learns_what_it_learns_on_the_cpu(
    sam_config: Callable[..., SegmenterTraining], tmp_path: Path
) -> None:
    losses = [
        [event.loss for event in train_segmenter(sam_config(device=device, log_every=1), tmp_path / device)]
        for device in ("cpu", "cuda")
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)
