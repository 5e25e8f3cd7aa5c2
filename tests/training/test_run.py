"""A run stops when it gets no better, keeps its best weights, and says what was in force."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from napari_scarseg.engines.weight_files import read_weights
from napari_scarseg.errors import InputError
from napari_scarseg.training import run as run_module
from napari_scarseg.training.checkpoint import load_checkpoint
from napari_scarseg.training.config import SegmenterTraining
from napari_scarseg.training.progress import RunProgress, TrainingEvent
from napari_scarseg.training.run_log import LOG_FILE, append_event, cut_log
from napari_scarseg.training.segmenter import WEIGHTS_FILE, train_segmenter
from napari_scarseg.training.validation import Validation

Make = Callable[..., SegmenterTraining]


def _scored(dsc: float) -> Validation:
    return Validation(2, 2, dsc, 0.25, dsc, dsc, dsc)


@pytest.fixture
def scores(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the validations will say, one after the other."""
    upcoming: list[float] = []
    source: Iterator[float] = iter(upcoming)
    monkeypatch.setattr(run_module, "validate", lambda segmenter, cases: _scored(next(source)))
    return upcoming


def test_the_run_ends_after_so_many_validations_without_a_better_one(
    small_config: Make, scores: list[float], tmp_path: Path
) -> None:
    scores += [0.5, 0.7, 0.7, 0.6, 0.9]
    config = small_config(steps=20, validate_every=1, patience=2)
    events = list(train_segmenter(config, tmp_path / "run"))
    assert [event.step for event in events] == [1, 2, 3, 4]
    assert [event.is_last for event in events] == [False, False, False, True]
    provenance = read_weights(tmp_path / "run" / WEIGHTS_FILE).header.provenance
    assert (provenance["steps"], provenance["validation"]["slice_dsc"]) == (4, 0.6)
    again = list(train_segmenter(config, tmp_path / "run", resume=True))
    assert again == [], "it is over"


def test_the_best_weights_are_kept_over_a_stop(small_config: Make, scores: list[float], tmp_path: Path) -> None:
    scores += [0.5, 0.9, 0.4, 0.3]
    config = small_config(steps=4, validate_every=1, checkpoint_every=1, keep_best=True)
    running = train_segmenter(config, tmp_path / "run")
    for _ in range(2):
        next(running)
    best = load_checkpoint(tmp_path / "run").average
    next(running)
    running.close()
    list(train_segmenter(config, tmp_path / "run", resume=True))
    weights = read_weights(tmp_path / "run" / WEIGHTS_FILE)
    assert (weights.header.provenance["steps"], weights.header.threshold_logit) == (2, 0.25)
    for name, value in best.items():
        expected = value.half().float() if value.is_floating_point() else value
        assert torch.equal(weights.tensors[name], expected), name


def test_the_first_of_equal_scores_stays_the_best() -> None:
    progress = RunProgress()
    assert progress.judge(_scored(0.5), 10) and not progress.judge(_scored(0.5), 20)
    assert (progress.best_step, progress.waited) == (10, 1)
    assert RunProgress.from_dict(progress.as_dict()) == progress


def test_what_needs_a_validation_needs_held_out_patients(small_config: Make, dataset: Path, tmp_path: Path) -> None:
    config = small_config(datasets=[{"path": dataset}], patience=3)
    with pytest.raises(InputError, match="patience and keep_best need a validation"):
        next(train_segmenter(config, tmp_path / "run"))


def test_the_record_says_what_was_in_force(small_config: Make, tmp_path: Path) -> None:
    list(train_segmenter(small_config(steps=1), tmp_path / "run"))
    record = json.loads((tmp_path / "run" / "config.json").read_text(encoding="utf-8"))
    in_force = record["in_force"]
    assert (in_force["device"], in_force["processes"], in_force["augments"]) == ("cpu", 1, "pictures and boxes")
    assert in_force["learnt_parameters"] == in_force["parameters"]
    assert record["config"]["precision"] == "fp32"


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precision_learns_the_same_thing(small_config: Make, tmp_path: Path, precision: str) -> None:
    full, lower = (
        list(train_segmenter(small_config(steps=2, precision=name), tmp_path / name))[-1]
        for name in ("fp32", precision)
    )
    assert lower.loss == pytest.approx(full.loss, rel=0.05)
    state = load_checkpoint(tmp_path / precision)
    assert bool(state.precision) == (precision == "fp16"), "only fp16 needs scaled gradients"
    assert all(value.dtype is not torch.bfloat16 for value in state.network.values())


def test_a_frozen_encoder_keeps_its_batch_statistics(small_config: Make, tmp_path: Path) -> None:
    list(train_segmenter(small_config(steps=2), tmp_path / "start"))
    start = tmp_path / "start" / WEIGHTS_FILE
    frozen = small_config(initial_weights=start, trained={"part": "decoder"}, steps=2, learning_rate=0.1)
    list(train_segmenter(frozen, tmp_path / "run"))
    before, after = read_weights(start).tensors, read_weights(tmp_path / "run" / WEIGHTS_FILE).tensors
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed and all(name.startswith(("prompt_encoder", "decoder", "carry")) for name in changed)


def test_the_small_network_s_embeddings_are_kept_too(small_config: Make, tmp_path: Path) -> None:
    list(train_segmenter(small_config(steps=1), tmp_path / "start"))
    start = tmp_path / "start" / WEIGHTS_FILE
    config = small_config(initial_weights=start, trained={"part": "decoder", "cached": True}, steps=2)
    events = list(train_segmenter(config, tmp_path / "run"))
    assert events[-1].loss > 0
    assert list((tmp_path / "run" / "embeddings").glob("*.safetensors"))


def test_a_log_is_cut_back_to_the_checkpoint(tmp_path: Path) -> None:
    for step in (50, 100, 150):
        append_event(tmp_path, TrainingEvent(step, 200, 1.0, 1e-3))
    path = tmp_path / LOG_FILE
    whole = path.read_bytes()
    path.write_bytes(whole + b"200,0.5")  # the process ended while it wrote
    cut_log(tmp_path, 100)
    assert [line.split(b",")[0] for line in path.read_bytes().splitlines()] == [b"step", b"50", b"100"]
    append_event(tmp_path, TrainingEvent(150, 200, 1.0, 1e-3))
    assert path.read_bytes() == whole
