"""Checkpoints of a run: atomic to write, safe to load (no unpickling of code)."""

from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from napari_scarseg.errors import WeightsError
from napari_scarseg.io import atomic_path

FILE_NAME = "checkpoint.pt"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything a run needs to go on as if it had not stopped.

    Parameters
    ----------
    step : int
        Steps done.
    network, average, optimizer : dict
        State of the network, of its moving average, and of the optimizer.
    config : dict
        Configuration the run was started with, as JSON values.
    precision : dict
        State of the gradients' scale; empty where they are not scaled.
    progress : dict
        Of the curve and of the best validation so far, as plain values (`RunProgress`).
    best : dict
        The average that validated best, where it is to be kept.
    start_sha256 : str
        Hash of the weights the run started from; frozen parameters are in no checkpoint and come from there.
    """

    step: int
    network: dict[str, Any]
    average: dict[str, Any]
    optimizer: dict[str, Any]
    config: dict[str, Any]
    precision: dict[str, Any] = field(default_factory=dict)
    progress: dict[str, Any] = field(default_factory=dict)
    best: dict[str, Any] = field(default_factory=dict)
    start_sha256: str = ""


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint into the run's folder, whole or not at all."""
    values = {name: getattr(checkpoint, name) for name in Checkpoint.__slots__}
    with atomic_path(folder / FILE_NAME) as temporary:
        torch.save(values, temporary)


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read the checkpoint of a run.

    Raises
    ------
    WeightsError
        If there is none, or it cannot be read safely.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise WeightsError("There is no checkpoint to resume in the run's folder; start the run without --resume.")
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
        return Checkpoint(**values)
    except (RuntimeError, TypeError, EOFError, ValueError, UnpicklingError) as error:
        raise WeightsError("The checkpoint in the run's folder is damaged; start the run anew.") from error
