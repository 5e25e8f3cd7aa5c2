"""Networks that go on when memory runs out: with less at once, and on automatic choice then on the CPU.

They wrap any detector or segmenter that is not on the CPU. Only `Device.AUTO` may change the device; otherwise the
error says what to do.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from napari_scarseg.core.config import Device
from napari_scarseg.core.protocols import Asked, DecodesTogether, Detection, EngineInfo, Prompt
from napari_scarseg.core.windows import Window
from napari_scarseg.engines.cache import map_embedding
from napari_scarseg.engines.device import OutOfMemory, free_memory, memory_errors
from napari_scarseg.engines.pipeline import batch_size

Item = TypeVar("Item")
Result = TypeVar("Result")


def guard_memory(network: Any, load: Callable[[Device], Any], device: Device) -> Any:
    """The same detector or segmenter, that goes on when memory runs out.

    Parameters
    ----------
    network : Detector or Segmenter
        Loaded on `device`.
    load : callable
        Loads it on another one.
    device : Device
        As asked for.
    """
    if hasattr(network, "detect"):
        return FallbackDetector(load, device, network)
    return FallbackSegmenter(load, device, network)


class _Fallback:
    """A network on the device asked for, or where memory led it.

    Whatever it does not do itself, the network does.

    Parameters
    ----------
    load : callable
        Loads the network on a device.
    device : Device
        As asked for.
    network : Detector or Segmenter
        The network, loaded there.
    """

    def __init__(self, load: Callable[[Device], Any], device: Device, network: Any) -> None:
        self._load = load
        self._may_move = device is Device.AUTO
        self._inner = network
        self._most: int | None = None
        self._note = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @property
    def info(self) -> EngineInfo:
        """What runs, and a note where that is not as it began."""
        info: EngineInfo = self._inner.info
        return replace(info, note=self._note) if self._note else info

    @property
    def batch(self) -> int:
        """Slices or windows at once: what the network says, and no more than memory allowed so far."""
        return min(batch_size(self._inner), self._most or sys.maxsize)

    def _in_parts(self, items: Sequence[Item], run: Callable[[Sequence[Item]], list[Result]]) -> list[Result]:
        """Run on all items, as many at once as memory allows; what was too much once is not tried again."""
        results: list[Result] = []
        start = 0
        while start < len(items):
            some = items[start : start + (self._most or len(items))]
            try:
                with memory_errors(torch.device(self._inner.info.device)):
                    results += run(some)
                start += len(some)
            except OutOfMemory:
                free_memory()
                if len(some) > 1:
                    self._most = len(some) // 2
                elif not self._move():
                    raise
        return results

    def _move(self) -> bool:
        """Load the network on the CPU, where that is allowed and it is not there already."""
        device = self._inner.info.device
        if not self._may_move or device == Device.CPU:
            return False
        self._inner = self._load(Device.CPU)
        self._most = None
        self._note = f"The {device} device ran out of memory; the CPU does the rest."
        free_memory()
        return True


class FallbackDetector(_Fallback):
    """A detector that goes on when memory runs out."""

    def detect(self, *what: Any) -> list[list[Detection]]:
        """As `Detector.detect`, whose last argument (the slices) is cut into parts where memory asks for it."""
        *context, items = what
        return self._in_parts(items, lambda some: self._inner.detect(*context, some))


class FallbackSegmenter(_Fallback):
    """A segmenter that goes on when memory runs out."""

    def embed(self, crops: Sequence[npt.NDArray[np.float32]]) -> list[Any]:
        """As `Segmenter.embed`."""
        return self._in_parts(crops, lambda some: self._inner.embed(some))

    def masks(self, embedding: Any, window: Window, prompts: Sequence[Prompt]) -> npt.NDArray[np.float32]:
        """As `Segmenter.masks`; an embedding that was made before the network moved is moved after it."""

        def run(some: Sequence[Prompt]) -> list[npt.NDArray[np.float32]]:
            here = map_embedding(embedding, _to_cpu) if self._note else embedding
            return [*self._inner.masks(here, window, some)]

        masks: list[npt.NDArray[np.float32]] = self._in_parts(prompts, run)
        return np.stack(masks)

    def masks_together(self, asked: Sequence[Asked[Any]]) -> list[npt.NDArray[np.float32]]:
        """As `DecodesTogether.masks_together`, one window after the other where it must be."""
        if not isinstance(self._inner, DecodesTogether):
            return [self.masks(one.embedding, one.window, one.prompts) for one in asked]

        def run(some: Sequence[Asked[Any]]) -> list[npt.NDArray[np.float32]]:
            if len(some) == 1:
                return [self.masks(some[0].embedding, some[0].window, some[0].prompts)]
            moved = [replace(one, embedding=map_embedding(one.embedding, _to_cpu)) for one in some]
            together: list[npt.NDArray[np.float32]] = self._inner.masks_together(moved if self._note else some)
            return together

        return self._in_parts(asked, run)


def _to_cpu(part: Any) -> Any:
    return part.cpu() if isinstance(part, torch.Tensor) else part
