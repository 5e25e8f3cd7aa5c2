"""The device the networks run on. Only `Device.AUTO` chooses; anything else is taken at its word."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from napari_scarseg.core.config import Device
from napari_scarseg.errors import DeviceError


class OutOfMemory(DeviceError):  # noqa: N818 - says what happened
    """A device has no room for what it was given; less at once may fit."""


def resolve_device(device: Device) -> torch.device:
    """The torch device that `device` stands for on this machine.

    Parameters
    ----------
    device : Device
        `AUTO` takes the first of CUDA, Apple's MPS and the CPU that is there.

    Raises
    ------
    DeviceError
        If CUDA or MPS is asked for and absent.

    Examples
    --------
    >>> from napari_scarseg.core.config import Device
    >>> resolve_device(Device.CPU).type
    'cpu'
    """
    if device is Device.CUDA:
        if not torch.cuda.is_available():
            raise DeviceError(_absent_cuda())
        return torch.device("cuda")
    if device is Device.MPS:
        if not torch.backends.mps.is_available():
            raise DeviceError(
                "The device mps was asked for, but it needs macOS on an Apple silicon machine with a torch built for "
                "it; choose auto or cpu."
            )
        return torch.device("mps")
    if device is Device.AUTO:
        if torch.cuda.is_available():
            return torch.device("cuda")
        if torch.backends.mps.is_available():
            return torch.device("mps")
    return torch.device("cpu")


def count_gpus() -> int:
    """CUDA devices that this process may use."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


@contextmanager
def memory_errors(device: torch.device) -> Iterator[None]:
    """Turn running out of memory on `device` into an OutOfMemory that says what to do."""
    try:
        yield
    except torch.OutOfMemoryError as cause:
        raise OutOfMemory(
            f"The device {device.type} ran out of memory; close other programs that use it, choose a smaller network, "
            "or choose the device cpu."
        ) from cause


def free_memory() -> None:
    """Give back what torch holds of the GPU's memory without using it."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _absent_cuda() -> str:
    """Why there is no CUDA here, and what to do."""
    if torch.version.cuda is None:
        return (
            "The device cuda was asked for, but the torch installed here is built without CUDA; install a CUDA build "
            "of torch and torchvision (see pytorch.org), or choose auto or cpu."
        )
    return (
        "The device cuda was asked for, but torch finds no NVIDIA GPU here; check the driver with nvidia-smi, or "
        "choose auto or cpu."
    )
