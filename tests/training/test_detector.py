"""The detector's trainer: what ultralytics trains with is what was asked for, and its weights serve."""

import copy
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from napari_scarseg.core.config import Device
from napari_scarseg.datasets import load_case, read_dataset
from napari_scarseg.engines import load_detector
from napari_scarseg.engines.weight_header import read_header
from napari_scarseg.errors import InputError
from napari_scarseg.training import detector as detector_module
from napari_scarseg.training.config import DatasetPart, DetectorTraining
from napari_scarseg.training.detector import WEIGHTS_FILE, DetectorEpoch, train_detector
from napari_scarseg.training.detector_settings import check_in_force, ultralytics_settings
from napari_scarseg.training.yolo_data import write_yolo_dataset

CONFIG = DetectorTraining(
    datasets=(DatasetPart(path=Path("a.csv")),), image_size=64, epochs=5, batch_size=6, learning_rate=3e-3
)


def _trainer(settings: dict[str, Any]) -> Any:
    """A trainer that does as it was told, with what ultralytics builds from the settings."""
    parameters = [torch.nn.Parameter(torch.zeros(2)) for _ in range(3)]
    groups = [{"params": [p], "weight_decay": d} for p, d in zip(parameters, (0.0, 0.0, 0.0005), strict=True)]
    optimizer = torch.optim.AdamW(groups, lr=settings["lr0"], betas=(settings["momentum"], 0.999))
    for group in optimizer.param_groups:
        group["initial_lr"] = settings["lr0"]
    return types.SimpleNamespace(
        args=types.SimpleNamespace(**settings),
        optimizer=optimizer,
        accumulate=1,
        amp=False,
        batch_size=settings["batch"],
        epochs=settings["epochs"],
        stopper=types.SimpleNamespace(patience=settings["patience"]),
        train_loader=types.SimpleNamespace(dataset=types.SimpleNamespace(imgsz=settings["imgsz"])),
    )


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    return ultralytics_settings(CONFIG, tmp_path / "data.yaml", tmp_path / "run")


def test_a_trainer_that_does_as_told_may_train(settings: dict[str, Any]) -> None:
    check_in_force(_trainer(settings), settings)


def test_every_setting_is_read_back(settings: dict[str, Any]) -> None:
    for name in settings:
        if name in ("data", "device", "project", "name"):
            continue
        trainer = _trainer(settings)
        setattr(trainer.args, name, not settings["pretrained"] if name == "pretrained" else "another")
        with pytest.raises(InputError, match=rf"another value of {name} than"):
            check_in_force(trainer, settings)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("lr0", lambda trainer: trainer.optimizer.param_groups[1].update(initial_lr=0.00167)),
        ("momentum", lambda trainer: trainer.optimizer.param_groups[0].update(betas=(0.9, 0.999))),
        ("weight_decay", lambda trainer: trainer.optimizer.param_groups[2].update(weight_decay=0.005)),
        ("nbs", lambda trainer: setattr(trainer, "accumulate", 4)),
        ("amp", lambda trainer: setattr(trainer, "amp", True)),
        ("batch", lambda trainer: setattr(trainer, "batch_size", 3)),
        ("epochs", lambda trainer: setattr(trainer, "epochs", 6)),
        ("patience", lambda trainer: setattr(trainer.stopper, "patience", 100)),
        ("imgsz", lambda trainer: setattr(trainer.train_loader.dataset, "imgsz", 640)),
    ],
)
def test_what_was_built_is_compared_too(settings: dict[str, Any], name: str, change: Callable[[Any], None]) -> None:
    trainer = _trainer(copy.deepcopy(settings))
    change(trainer)
    with pytest.raises(InputError, match=rf"another value of {name} than"):
        check_in_force(trainer, settings)


def test_another_optimizer_is_noticed(settings: dict[str, Any]) -> None:
    trainer = _trainer(settings)
    groups = [{**group, "params": list(group["params"])} for group in trainer.optimizer.param_groups]
    trainer.optimizer = torch.optim.Adam(groups)
    with pytest.raises(InputError, match="another value of optimizer than"):
        check_in_force(trainer, settings)


def test_a_part_can_have_every_slice_as_a_magnitude_image_too(dataset: Path, tmp_path: Path) -> None:
    cases = []
    for record in read_dataset(dataset):
        case = load_case(record)
        # Lungs are darker than the wall, and brighter than it once the wall is nulled.
        lungs = np.where(case.lv, case.stack.data, case.stack.data - 90)
        cases.append(replace(case, stack=replace(case.stack, data=lungs)))
    parts = {"train": cases[:3], "val": cases[3:]}
    write_yolo_dataset(tmp_path, parts, magnitude=frozenset({"train"}), seed=4)
    texts = [path.read_text(encoding="utf-8") for path in sorted((tmp_path / "labels" / "train").iterdir())]
    pictures = [iio.imread(path)[..., 0] for path in sorted((tmp_path / "images" / "train").iterdir())]
    assert len(pictures) == len(texts) == 2 * 3 * 2 and len([*(tmp_path / "images" / "val").iterdir()]) == 2
    assert texts[::2] == texts[1::2] and sum(map(len, texts)) > 0
    slices = [(case, z) for case in cases[:3] for z in range(2)]
    for (case, z), signed, folded in zip(slices, pictures[::2], pictures[1::2], strict=True):
        wall = case.myocardium[z] & ~case.scar[z]
        assert np.median(folded[wall]) < 40, "the nulled wall is dark"
        assert np.median(signed[~case.lv[z]]) < np.median(signed[wall]) - 20
        assert np.median(folded[~case.lv[z]]) > np.median(folded[wall]) + 20
        assert np.median(folded[case.scar[z] if z else case.lv[z] & ~wall]) > 150
    again = tmp_path / "again"
    write_yolo_dataset(again, parts, magnitude=frozenset({"train"}), seed=4)
    for path in (tmp_path / "images" / "train").iterdir():
        assert path.read_bytes() == (again / "images" / "train" / path.name).read_bytes()


@pytest.mark.weights
def test_one_epoch_of_the_real_trainer(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ultralytics' own trainer under our settings; its weights find something on a slice, or nothing, but run."""
    config = DetectorTraining(
        datasets=(DatasetPart(path=dataset, held_out_fold=1),),
        image_size=64, epochs=1, batch_size=2, learning_rate=3e-3, threads=1, seed=4, licence="CC0-1.0",
    )  # fmt: skip
    checked: list[float] = []

    def check(trainer: Any, settings: dict[str, Any]) -> None:
        check_in_force(trainer, settings)
        checked.append(trainer.optimizer.param_groups[0]["initial_lr"])

    monkeypatch.setattr(detector_module, "check_in_force", check)
    epochs: list[DetectorEpoch] = []
    written = train_detector(config, tmp_path / "run", on_epoch=epochs.append)
    assert checked == [3e-3]
    assert [epoch.epoch for epoch in epochs][:1] == [1]
    header = read_header(written)
    assert (header.architecture, header.licence) == ("yolo11n", "CC0-1.0")
    assert header.provenance["settings"]["lr0"] == 3e-3 and "data" not in header.provenance["settings"]
    found = load_detector(str(tmp_path / "run" / WEIGHTS_FILE), Device.CPU).detect(np.zeros((1, 64, 64)), [0])
    assert len(found) == 1
    with pytest.raises(InputError, match="holds a run already"):
        train_detector(config, tmp_path / "run")
    with pytest.raises(InputError, match="started with another configuration"):
        train_detector(config.model_copy(update={"seed": 5}), tmp_path / "run", resume=True)
    # Killed between ultralytics' end and the export.
    whole = load_file(written)
    written.unlink()
    again = load_file(train_detector(config, tmp_path / "run", resume=True))
    assert whole.keys() == again.keys() and all(torch.equal(whole[name], again[name]) for name in whole)
    assert checked == [3e-3], "it did not train again"
