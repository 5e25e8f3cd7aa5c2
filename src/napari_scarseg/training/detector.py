"""The detector's trainer: ultralytics' own, with its settings read back and checked."""

import json
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
from napari_scarseg.training.detector_settings import check_in_force, ultralytics_settings
from napari_scarseg.training.yolo_data import CLASSES, write_yolo_dataset

WEIGHTS_FILE = "weights.safetensors"
_ARCHITECTURE = "yolo11n"
# What ultralytics writes for the epoch of a run that is over.
_ENDED = -1


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
        If a data set is unusable, the folder holds another run and `resume` is not set, or ultralytics does not train
        with the settings it was given.
    """
    prepare_ultralytics()
    from ultralytics import YOLO

    run = folder.resolve() / "ultralytics"
    last = run / "weights" / "last.pt"
    if resume and not last.is_file():
        raise InputError("There is no checkpoint to resume in the run's folder; start the run without --resume.")
    if not resume and run.exists():
        raise InputError("The run's folder holds a run already; resume it with --resume or choose another folder.")
    model = YOLO(str(last)) if resume else YOLO(f"{_ARCHITECTURE}.yaml")
    if config.initial_weights is not None and not resume:
        _start_from(model, config.initial_weights)
    train, held_out = read_parts(config.datasets)
    if resume:
        _check_same_run(config, folder)
    settings = ultralytics_settings(config, folder / "data" / "data.yaml", run)

    def report(trainer: Any) -> None:
        if on_epoch is not None:
            metrics = {name: float(value) for name, value in (trainer.metrics or {}).items()}
            on_epoch(DetectorEpoch(trainer.epoch + 1, trainer.epochs, metrics))

    def check(trainer: Any) -> None:
        check_in_force(trainer, settings)

    if not resume:
        # Ultralytics always wants a validation part; without held-out patients its figures are on training data and
        # are not recorded as anything else.
        cases = [case for part, _ in train for case in part]
        parts = {"train": cases, "val": held_out or cases[:1]}
        folded = frozenset({"train"} if config.magnitude else ())
        write_yolo_dataset(folder / "data", parts, magnitude=folded, seed=config.seed)
        write_json(folder / "config.json", {"config": recorded(config), "versions": library_versions()})
    if resume and model.ckpt["epoch"] == _ENDED:
        # Killed between ultralytics' end and the export: what it left is the average, and nothing to resume.
        average, metrics = model.model, model.ckpt.get("train_metrics")
    else:
        model.add_callback("on_train_start", check)
        model.add_callback("on_fit_epoch_end", report)
        with kept_threads():
            torch.set_num_threads(config.threads)
            # A resumed run takes its settings from the checkpoint; the check sees that they are these.
            model.train(**({"resume": True} if resume else settings))
        average, metrics = model.trainer.ema.ema, model.trainer.metrics
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
            "training_stacks_sha256": stack_hashes(train),
            "settings": {name: settings[name] for name in sorted(set(settings) - {"data", "project", "name"})},
            "validation": {name: round(float(value), 4) for name, value in (metrics or {}).items()},
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


def _check_same_run(config: DetectorTraining, folder: Path) -> None:
    """Raise InputError where the folder's run was started with another configuration."""
    try:
        started = json.loads((folder / "config.json").read_text(encoding="utf-8"))["config"]
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise InputError("The run's folder does not say how the run was started; start it anew.") from cause
    if started != recorded(config):
        raise InputError("The run was started with another configuration; resume it with the one it was started with.")
