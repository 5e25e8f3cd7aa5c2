"""The processes and the device of a run, by Lightning Fabric: one process, or as many as torchrun started."""

import os
import sys
from typing import TYPE_CHECKING

import torch

from napari_scarseg.core.cores import usable_cores
from napari_scarseg.engines.device import resolve_device
from napari_scarseg.errors import InputError, ScarSegError
from napari_scarseg.training.config import Precision, SegmenterTraining

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_MOST_WORKERS = 8


def start_processes(config: SegmenterTraining) -> "Fabric":
    """Join the processes of the run.

    Under `torchrun` each process takes its device and its share of every batch; otherwise there is one. Blocks until
    all are here.

    Raises
    ------
    DeviceError
        If the device is absent.
    InputError
        If the batch cannot be shared evenly.
    ScarSegError
        If Lightning Fabric is not installed.
    """
    device = resolve_device(config.device)
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.plugins import Precision as FullPrecision
        from lightning_fabric.strategies.ddp import DDPStrategy

        from napari_scarseg.training.scaled_gradients import ScaledGradients
    except ModuleNotFoundError as cause:
        raise ScarSegError(
            "Training needs lightning-fabric, which is not installed; install what it needs with: "
            "pip install napari-scarseg[training]."
        ) from cause
    local, nodes = _started_processes()
    if config.batch_size % (config.accumulate * local * nodes):
        raise InputError(
            f"A batch of {config.batch_size} cannot be shared by {local * nodes} processes in {config.accumulate} "
            "pieces each; choose a batch_size that divides evenly."
        )
    # Of bf16 Fabric need not know: it needs no scaled gradients, and the lesson chooses where it computes in it.
    precision = ScaledGradients(device.type) if config.precision is Precision.FP16 else FullPrecision()
    fabric = Fabric(
        accelerator=device.type,
        devices=local,
        num_nodes=nodes,
        # Not every prompt reaches every parameter: the decoder's heads for other kinds of answers stay idle.
        strategy=DDPStrategy(find_unused_parameters=True) if local * nodes > 1 else "auto",
        plugins=[precision],
    )
    fabric.launch()
    return fabric


def count_workers(config: SegmenterTraining, device: str, cores: int | None = None) -> int:
    """Processes that make this process's batches; 0 for a thread.

    By itself a thread on the CPU, where the network is the limit and every core is its own; beside CUDA on Linux, whose
    processes share the samples, as many as there are cores for each of the run's processes on this machine, less one,
    and at most 8.

    Examples
    --------
    >>> config = SegmenterTraining(datasets=())
    >>> count_workers(config, "cpu"), count_workers(config.model_copy(update={"workers": 3}), "cpu")
    (0, 3)
    """
    if config.workers is not None:
        return config.workers
    if device != "cuda" or sys.platform != "linux":
        return 0
    local, _ = _started_processes()
    return min(max((cores or usable_cores()) // local - 1, 0), _MOST_WORKERS)


def _started_processes() -> tuple[int, int]:
    """Processes per machine, and machines, as torchrun says; one of each without it."""
    if not (torch.distributed.is_available() and torch.distributed.is_torchelastic_launched()):
        return 1, 1
    local = int(os.environ["LOCAL_WORLD_SIZE"])
    return local, int(os.environ["WORLD_SIZE"]) // local
