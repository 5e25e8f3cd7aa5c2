"""The trainer: it learns, leaves held-out patients alone, and goes on after a stop as if nothing had happened."""

from pathlib import Path

import pandas as pd
import pytest
import torch

from napari_scarseg.core.config import Device
from napari_scarseg.engines.segmenter import load_small_segmenter
from napari_scarseg.engines.weight_header import read_header
from napari_scarseg.errors import InputError, WeightsError
from napari_scarseg.training.checkpoint import FILE_NAME, load_checkpoint
from napari_scarseg.training.config import DatasetPart, NetworkSize, SegmenterTraining
from napari_scarseg.training.data import read_parts
from napari_scarseg.training.segmenter import LOG_FILE, WEIGHTS_FILE, train_segmenter
from napari_scarseg.training.validation import validate

TINY = NetworkSize(window_size=32, box_min_px=24, widths=(8, 16, 32, 16, 16))


def _config(dataset: Path, *, steps: int) -> SegmenterTraining:
    return SegmenterTraining(
        datasets=(DatasetPart(path=dataset, held_out_fold=1),),
        network=TINY,
        steps=steps,
        batch_size=4,
        warmup_steps=2,
        checkpoint_every=4,
        bf16=False,
        threads=1,
        licence="CC0-1.0",
    )


def test_held_out_patients_are_not_trained_on(dataset: Path) -> None:
    train, held_out = read_parts(_config(dataset, steps=1).datasets)
    assert sorted(case.record.patient for cases, _ in train for case in cases) == ["P0", "P2"]
    assert sorted(case.record.patient for case in held_out) == ["P1", "P3"]


def test_patients_without_a_fold_are_not_trained_on_in_every_fold(dataset: Path, tmp_path: Path) -> None:
    folds = tmp_path / "folds.csv"
    folds.write_text("patient,fold\nP0,0\nP1,1\n", encoding="utf-8")
    table = tmp_path / "no-folds.csv"
    rows = pd.read_csv(dataset, dtype=str).drop(columns="fold")
    for column in ("image", "label"):
        rows[column] = [str(dataset.parent / name) for name in rows[column]]
    rows.to_csv(table, index=False)
    with pytest.raises(InputError, match="2 stacks of no-folds.csv are of patients without a fold, the first of P2"):
        read_parts([DatasetPart(path=table, folds=folds, held_out_fold=1)])
    train, held_out = read_parts([DatasetPart(path=table, folds=folds)])
    assert (len(train[0][0]), held_out) == (4, [])


def test_training_lowers_the_loss_and_writes_weights_that_load(dataset: Path, tmp_path: Path) -> None:
    events = list(train_segmenter(_config(dataset, steps=100), tmp_path / "run"))
    assert [event.step for event in events] == [50, 100]
    assert events[-1].loss < 0.8 * events[0].loss
    assert events[-1].validation is not None and events[-1].validation.patients == 2
    segmenter = load_small_segmenter(tmp_path / "run" / WEIGHTS_FILE, "tiny", Device.CPU)
    recorded = read_header(tmp_path / "run" / WEIGHTS_FILE).provenance["training_stacks_sha256"]
    train, _ = read_parts(_config(dataset, steps=1).datasets)
    assert recorded == sorted(case.stack.sha256() for cases, _ in train for case in cases)
    assert segmenter.info.threshold_logit == events[-1].validation.threshold_logit
    _, held_out = read_parts(_config(dataset, steps=1).datasets)
    # Half precision on disk costs next to nothing.
    again = validate(segmenter, held_out)
    assert again.slice_dsc == pytest.approx(events[-1].validation.slice_dsc, abs=0.02)
    assert (tmp_path / "run" / LOG_FILE).read_text(encoding="utf-8").count("\n") == 3


def test_a_stopped_run_goes_on_to_the_same_weights(dataset: Path, tmp_path: Path) -> None:
    whole = _config(dataset, steps=52)
    list(train_segmenter(whole, tmp_path / "whole"))
    stopped = train_segmenter(whole, tmp_path / "stopped")
    next(stopped)  # step 50; the last checkpoint was at 48
    stopped.close()
    assert load_checkpoint(tmp_path / "stopped").step == 48
    list(train_segmenter(whole, tmp_path / "stopped", resume=True))
    first, second = (load_checkpoint(tmp_path / name) for name in ("whole", "stopped"))
    for name, tensor in first.average.items():
        torch.testing.assert_close(second.average[name], tensor, rtol=0, atol=0, msg=name)


def test_a_run_is_neither_overwritten_nor_resumed_as_another(dataset: Path, tmp_path: Path) -> None:
    config = _config(dataset, steps=4)
    list(train_segmenter(config, tmp_path / "run"))
    with pytest.raises(InputError, match="holds a run already"):
        list(train_segmenter(config, tmp_path / "run"))
    with pytest.raises(InputError, match="another configuration"):
        list(train_segmenter(config.model_copy(update={"seed": 5}), tmp_path / "run", resume=True))
    with pytest.raises(WeightsError, match="no checkpoint to resume"):
        list(train_segmenter(config, tmp_path / "absent", resume=True))


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"not a checkpoint")
    with pytest.raises(WeightsError, match="damaged"):
        load_checkpoint(tmp_path)
