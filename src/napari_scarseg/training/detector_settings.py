"""Everything that is handed to ultralytics' trainer, and the proof that it trains with that and nothing else."""

import math
from pathlib import Path
from typing import Any

import torch

from napari_scarseg.errors import InputError
from napari_scarseg.training.config import DetectorTraining

# Where files lie, and which device there is: they may differ when a run goes on.
_PLACES = frozenset({"data", "device", "project", "name"})


def ultralytics_settings(config: DetectorTraining, table: Path, run: Path) -> dict[str, Any]:
    """Settings of one run; what is not here is ultralytics' default.

    Parameters
    ----------
    config : DetectorTraining
    table : Path
        `data.yaml` of the YOLO data set.
    run : Path
        Folder that ultralytics may fill.
    """
    return {
        "data": str(table),
        "project": str(run.parent),
        "name": run.name,
        "epochs": config.epochs,
        "batch": config.batch_size,
        "imgsz": config.image_size,
        "optimizer": "AdamW",  # unset means auto, which ignores lr0
        "lr0": config.learning_rate,
        "momentum": 0.937,
        "weight_decay": 0.0005,
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
        "copy_paste": 0.0,  # would do nothing: boxes have no outlines to cut along
    }


def check_in_force(trainer: Any, settings: dict[str, Any]) -> None:
    """Refuse to train with settings that ultralytics changed behind our back.

    Parameters
    ----------
    trainer
        Ultralytics' own, about to train: its arguments are read back, and what it built from them.
    settings : dict
        Of `ultralytics_settings`.

    Raises
    ------
    InputError
        If any differs; the sentence names them.
    """
    changed = {name for name, value in settings.items() if name not in _PLACES and _read(trainer, name) != value}
    changed |= {name for name, is_so in _built(trainer, settings).items() if not is_so}
    if changed:
        raise InputError(
            f"Ultralytics trains with another value of {', '.join(sorted(changed))} than was asked for; use the "
            "version of ultralytics that this program was tested with."
        )


def _read(trainer: Any, name: str) -> Any:
    # A resumed run says here which file it goes on from.
    value = getattr(trainer.args, name, None)
    return bool(value) if name == "pretrained" else value


def _built(trainer: Any, settings: dict[str, Any]) -> dict[str, bool]:
    """Setting → whether the optimizer, the loaders and the stopper were built with it."""
    groups = trainer.optimizer.param_groups
    return {
        "optimizer": type(trainer.optimizer).__name__ == settings["optimizer"],
        "lr0": all(group.get("initial_lr") == settings["lr0"] for group in groups),
        "momentum": all(group["betas"][0] == settings["momentum"] for group in groups),
        "weight_decay": math.isclose(max(group["weight_decay"] for group in groups), settings["weight_decay"]),
        "nbs": trainer.accumulate == 1,
        "amp": bool(trainer.amp) == settings["amp"],
        "batch": trainer.batch_size == settings["batch"],
        "epochs": trainer.epochs == settings["epochs"],
        "patience": trainer.stopper.patience == settings["patience"],
        "imgsz": trainer.train_loader.dataset.imgsz == settings["imgsz"],
    }
