"""How a network runs on its device: how much at once, in which precision, and how arrays get there."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

# Slices or windows per forward pass on a CPU: batches gain little there, and Cancel has to wait for one to end.
CPU_BATCH = 2
# Not all of a GPU's free memory: the screen and other programs want some, and estimates are estimates.
_MEMORY_SHARE = 0.5
# From these compute capabilities on, the tensor cores of an NVIDIA GPU know bfloat16 and float16.
_BFLOAT16_CAPABILITY = (8, 0)
_FLOAT16_CAPABILITY = (7, 0)


def resolve_batch(free_bytes: int | None, item_bytes: int, most: int) -> int:
    """Items that go through a network at once.

    Parameters
    ----------
    free_bytes : int or None
        Free memory of the device; None on a CPU.
    item_bytes : int
        Working memory of one item, as estimated.
    most : int
        Beyond this the device gains nothing.

    Examples
    --------
    >>> resolve_batch(8 * 2**30, 2**28, 64), resolve_batch(2**20, 2**28, 64), resolve_batch(None, 2**28, 64)
    (16, 1, 2)
    """
    if free_bytes is None:
        return min(CPU_BATCH, most)
    return max(1, min(int(free_bytes * _MEMORY_SHARE) // item_bytes, most))


def free_bytes(device: torch.device) -> int | None:
    """Memory of a device that torch can still take, what it holds without using it included; None on a CPU."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type == "mps":
        return max(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory(), 0)
    return None


def resolve_precision(device: torch.device, *, large: bool = False) -> torch.dtype:
    """Type in which encoders compute on a device: half where the hardware multiplies it faster, else float32.

    Parameters
    ----------
    device : torch.device
    large : bool
        Of a network that takes seconds on a CPU. A small one stays in float32 there, the same on every laptop.
    """
    if device.type == "cuda":
        return precision_of(torch.cuda.get_device_capability(device))
    if device.type == "cpu" and large and multiplies_bfloat16():
        return torch.bfloat16
    # Apple's GPUs gain little, and a CPU without instructions for half precision loses.
    return torch.float32


def precision_name(precision: torch.dtype) -> str:
    """As `EngineInfo.precision` has it.

    Examples
    --------
    >>> precision_name(torch.bfloat16)
    'bfloat16'
    """
    return str(precision).removeprefix("torch.")


def multiplies_bfloat16() -> bool:
    """Whether this CPU has instructions for products of bfloat16: AMX, or AVX-512 with BF16."""
    # torch has no public name for them yet.
    asked = (getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return any(ask is not None and ask() for ask in asked)


def precision_of(capability: tuple[int, int]) -> torch.dtype:
    """Type in which encoders compute on an NVIDIA GPU of this compute capability.

    Examples
    --------
    >>> precision_of((9, 0)), precision_of((7, 5)), precision_of((6, 1))
    (torch.bfloat16, torch.float16, torch.float32)
    """
    if capability >= _BFLOAT16_CAPABILITY:
        return torch.bfloat16
    return torch.float16 if capability >= _FLOAT16_CAPABILITY else torch.float32


@contextmanager
def running(device: torch.device, precision: torch.dtype = torch.float32) -> Iterator[None]:
    """Inference, with matrix products and convolutions in `precision`; what needs float32 stays there."""
    with torch.inference_mode():
        if precision == torch.float32:
            yield
        else:
            with torch.autocast(device.type, dtype=precision):
                yield


def to_device(array: npt.NDArray[np.generic], device: torch.device) -> Tensor:
    """An array as a tensor on a device, as float32 where it is float64 (MPS has no such type).

    Images come with channels last. To CUDA it goes through pinned memory, so that the copy does not wait for the GPU.
    """
    values = np.ascontiguousarray(array, dtype=np.float32 if array.dtype == np.float64 else None)
    tensor = torch.from_numpy(values)
    layout = torch.channels_last if tensor.ndim == 4 else torch.contiguous_format
    if device.type == "cuda":
        return tensor.contiguous(memory_format=layout).pin_memory().to(device, non_blocking=True)
    return tensor.to(device, memory_format=layout)
