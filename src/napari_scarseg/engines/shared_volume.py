"""Volumes in memory that two processes see.

The name of a segment lives only until the engine process has attached it: from then on the system frees the memory
when both sides have let go or died, however they died, and nothing can be left behind.
"""

import contextlib
import shutil
import sys
import weakref
from collections.abc import Callable
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_scarseg.engines.messages import VolumeHandle

# Where Linux keeps shared memory. A container may have little of it, and writing beyond the end kills the process.
_LINUX_SHARED_MEMORY = Path("/dev/shm")


class OwnedVolume:
    """The client's side: a copy of a volume made once, to be attached by one engine process after another.

    Parameters
    ----------
    key : str
        Content hash of the stack.
    data : ndarray (Z, Y, X)
        Copied; may change afterwards.
    is_shared : bool
        Whether memory can be shared with the engine; otherwise the voxels go along with the handle.
    """

    def __init__(self, key: str, data: npt.NDArray[np.generic], *, is_shared: bool = True) -> None:
        self.key = key
        self._shape = data.shape
        self._dtype = data.dtype
        self._memory: SharedMemory | None = None
        self._values: npt.NDArray[np.generic] | None = None
        # Called at most once; by the interpreter's end at the latest.
        self._drop_name: Callable[[], object] = _nothing
        if is_shared and _has_room(data.nbytes):
            self._fill_memory(data)
        else:
            self._values = data.copy()

    def handle(self) -> VolumeHandle:
        """What another process needs to attach the volume. Its name is new if the last one was dropped."""
        if self._memory is not None and self._drop_name is _nothing:
            spent = self._memory
            self._fill_memory(np.ndarray(self._shape, self._dtype, buffer=spent.buf))
            spent.close()
        name = self._memory.name if self._memory is not None else None
        return VolumeHandle(self.key, self._shape, self._dtype.str, name, self._values)

    def drop_name(self) -> None:
        """Forget the name: the other process has attached the volume."""
        self._drop_name()
        self._drop_name = _nothing

    def close(self) -> None:
        """Let go of the memory, and of its name if it still has one."""
        self.drop_name()
        if self._memory is not None:
            self._memory.close()
            self._memory = None
        self._values = None

    def _fill_memory(self, data: npt.NDArray[np.generic]) -> None:
        memory = SharedMemory(create=True, size=data.nbytes)
        view: npt.NDArray[np.generic] = np.ndarray(data.shape, data.dtype, buffer=memory.buf)
        view[...] = data
        self._memory = memory
        self._drop_name = weakref.finalize(self, memory.unlink)


class AttachedVolume:
    """The engine process's side of a volume.

    Parameters
    ----------
    handle : VolumeHandle
    """

    def __init__(self, handle: VolumeHandle) -> None:
        self._memory: SharedMemory | None = None
        if handle.values is not None or handle.name is None:
            self.data = np.asarray(handle.values)
        else:
            self._memory = _attached_memory(handle.name)
            self.data = np.ndarray(handle.shape, np.dtype(handle.dtype), buffer=self._memory.buf)
        self.data.flags.writeable = False

    def close(self) -> None:
        """Let go of the memory; `data` is gone afterwards."""
        self.data = np.zeros((0, 0, 0))
        if self._memory is not None:
            # Somebody may still hold a view (a traceback, say): then the memory goes with the last of them.
            with contextlib.suppress(BufferError):
                self._memory.close()
            self._memory = None


def _attached_memory(name: str) -> SharedMemory:
    """Open shared memory that another process owns, without counting as its owner."""
    if sys.version_info >= (3, 13):
        return SharedMemory(name=name, track=False)
    memory = SharedMemory(name=name)
    if sys.platform != "win32":
        # Before 3.13 who attaches also registers, and the tracker would unlink the client's memory at the end.
        resource_tracker.unregister(f"/{memory.name}", "shared_memory")
    return memory


def _nothing() -> None:
    """There is no name to drop."""


def _has_room(size_bytes: int) -> bool:
    if not _LINUX_SHARED_MEMORY.is_dir():
        return True
    return shutil.disk_usage(_LINUX_SHARED_MEMORY).free > size_bytes
