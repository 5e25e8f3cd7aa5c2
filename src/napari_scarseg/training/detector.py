"""The detector's trainer: ultralytics' own, with its settings read back and checked."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from napari_scarseg.core.intensity import SCALING_ID
from napari_scarseg.core.provenance import library_versions
from napari_scarseg.engines.ultralytics_guard import kept_threads, prepare_ultralytics
from napari_scarseg.engines.weight_files import WeightsHeader, read_weights
from napari_scarseg.engines.yolo import YoloConfig, build_yolo, export_yolo
from napari_scarseg.errors import InputError
from napari_scarseg.io import write_json
from napari_scarseg.training.config import DetectorTraining, recorded
from napari_scarseg.training.data import read_parts, stack_hashes
from napari_scarseg.training.yolo_data import CLASSES, write_yolo_dataset

WEIGHTS_FILE = "weights.safetensors"
_ARCHITECTURE = "yolo11n"


@dataclass(frozen=True, slots=True)
class DetectorEpoch:
    """Progress: epochs done and in all, and ultralytics' validation metrics (AP50 per class where it validated)."""

    epoch: int
    epochs: int
    metrics: dict[str, float]


def train_detector(
    config: DetectorTraining,
    folder: Path,
    *,
    resume: bool = False,
    on_epoch: Callable[[DetectorEpoch], None] | None = None,
) -> Path:
    """Train YOLO11n from scratch; returns the path of the exported safetensors file.

    Parameters
    ----------
    config : DetectorTraining
    folder : Path
        Receives the YOLO data set, ultralytics' run and `weights.safetensors`.
    resume : bool
        Go on from the last epoch's checkpoint.
    on_epoch : callable, optional
        Called with a `DetectorEpoch` after each epoch. (A callback and not a generator: the loop is ultralytics'.)

    Raises
    ------
    InputError
        If a data set is unusable, or the folder holds another run and `resume` is not set.
    """
    prepare_ultralytics()
    from ultralytics import YOLO

    run = folder.resolve() / "ultralytics"
    last = run / "weights" / "last.pt"
    if resume and not last.is_file():
        raise InputError("There is no checkpoint to resume in the run's folder; start the run without --resume.")
    if not resume and run.exists():
        raise InputError("The run's folder holds a run already; resume it with --resume or choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    model = YOLO(str(last)) if resume else YOLO(f"{_ARCHITECTURE}.yaml")
    if config.initial_weights is not None and not resume:
        _start_from(model, config.initial_weights)
    settings = _settings(config, run, folder, resume)

    def report(trainer: Any) -> None:
        if on_epoch is not None:
            metrics = {name: float(value) for name, value in (trainer.metrics or {}).items()}
            on_epoch(DetectorEpoch(trainer.epoch + 1, trainer.epochs, metrics))

    def check(trainer: Any) -> None:
        _check_in_force(trainer, settings)

    model.add_callback("on_train_start", check)
    model.add_callback("on_fit_epoch_end", report)
    with kept_threads():
        torch.set_num_threads(config.threads)
        model.train(**settings)
    trainer = model.trainer
    average = trainer.ema.ema
    network = YoloConfig(_ARCHITECTURE, CLASSES, config.image_size)
    header = WeightsHeader(
        architecture=network.architecture,
        config=network.as_dict(),
        scaling=SCALING_ID,
        threshold_logit=0.0,
        licence=config.licence,
        provenance={
            "configuration": recorded(config),
            "versions": library_versions(),
            "training_stacks_sha256": stack_hashes(read_parts(config.datasets)[0]),
            "validation": {name: round(float(value), 4) for name, value in (trainer.metrics or {}).items()},
        },
    )
    export_yolo(average, folder / WEIGHTS_FILE, header)
    return folder / WEIGHTS_FILE


def _start_from(model: Any, path: Path) -> None:
    """Give ultralytics' model the tensors of a safetensors file of the same network."""
    weights = read_weights(path)
    network = build_yolo(YoloConfig.from_header(weights.header))
    weights.load_into(network)
    model.model = network
    # Ultralytics hands the tensors on to its trainer only where it believes they came from a checkpoint.
    model.ckpt = {"model": network}


def _settings(config: DetectorTraining, run: Path, folder: Path, resume: bool) -> dict[str, Any]:
    """Everything handed to ultralytics; what is not here is its default."""
    if resume:
        return {"resume": True}
    train, held_out = read_parts(config.datasets)
    cases = [case for part, _ in train for case in part]
    # Ultralytics always wants a validation part; without held-out patients its figures are on training data and are
    # not recorded as anything else.
    table = write_yolo_dataset(folder / "data", {"train": cases, "val": held_out or cases[:1]})
    write_json(folder / "config.json", {"config": recorded(config), "versions": library_versions()})
    return {
        "data": str(table),
        "project": str(run.parent),
        "name": run.name,
        "epochs": config.epochs,
        "batch": config.batch_size,
        "imgsz": config.image_size,
        "optimizer": "AdamW",  # unset means auto, which ignores lr0
        "lr0": config.learning_rate,
        # Ultralytics' defaults suit SGD from a random start: gradients gathered over 64 images, and a warm-up of three
        # epochs that begins the biases at a rate of 0.1. Here they would leave few steps and undo the start's weights.
        "nbs": config.batch_size,
        "warmup_epochs": 1.0,
        "warmup_bias_lr": 0.0,
        "seed": config.seed,
        "patience": config.epochs,
        "pretrained": config.initial_weights is not None,
        "amp": False,  # its check downloads a network
        "plots": False,  # plots download a font
        "device": "cpu" if not torch.cuda.is_available() else "0",
        "workers": 0,
        "cache": "ram",
        "verbose": False,
        # LGE slices: no colour, any orientation, some stretch. Mosaic at half strength keeps whole hearts in view.
        "hsv_h": 0.0,
        "hsv_s": 0.0,
        "hsv_v": 0.3,
        "degrees": 180.0,
        "translate": 0.15,
        "scale": 0.6,
        "flipud": 0.5,
        "fliplr": 0.5,
        "mosaic": 0.5,
        "close_mosaic": max(1, config.epochs // 5),
    }


def _check_in_force(trainer: Any, settings: dict[str, Any]) -> None:
    """Refuse to train with settings that ultralytics changed behind our back."""
    changed = [
        name
        for name, value in settings.items()
        if name not in ("resume", "device") and getattr(trainer.args, name) != value
    ]
    if "lr0" in settings and trainer.optimizer.param_groups[0].get("initial_lr") != settings["lr0"]:
        changed.append("lr0")
    if "optimizer" in settings and type(trainer.optimizer).__name__ != "AdamW":
        changed.append("optimizer")
    if changed:
        raise InputError(
            f"Ultralytics trains with another value of {', '.join(sorted(set(changed)))} than was asked for; "
            "use the version of ultralytics that this program was tested with."
        )
