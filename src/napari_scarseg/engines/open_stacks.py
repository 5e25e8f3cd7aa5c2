"""The stacks that a client has open, by content; closed ones wait until nobody uses them."""

import threading

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.stack import check_image_array, voxel_sha256
from napari_scarseg.engines.messages import VolumeHandle
from napari_scarseg.engines.shared_volume import OwnedVolume
from napari_scarseg.errors import InputError


class OpenStacks:
    """Copies of stacks for the engine process. Any thread.

    Parameters
    ----------
    is_shared : bool
        Whether the engine sees this machine's memory.
    """

    def __init__(self, *, is_shared: bool = True) -> None:
        self._is_shared = is_shared
        self._lock = threading.Lock()
        self._volumes: dict[str, OwnedVolume] = {}
        self._openings: dict[str, int] = {}
        self._retired: list[OwnedVolume] = []

    def open(self, data: npt.NDArray[np.generic]) -> str:
        """Copy a stack, unless one of the same content is open; returns its key.

        Raises
        ------
        InputError
            If the data is no usable image.
        """
        check_image_array(data)
        key = voxel_sha256(data)
        with self._lock:
            if key not in self._volumes:
                self._volumes[key] = OwnedVolume(key, data, is_shared=self._is_shared)
            self._openings[key] = self._openings.get(key, 0) + 1
        return key

    def retire(self, key: str) -> bool:
        """Undo one opening; whether it was the last, so that the stack is open no more. Unknown keys are let pass."""
        with self._lock:
            if key not in self._openings:
                return False
            self._openings[key] -= 1
            if self._openings[key]:
                return False
            del self._openings[key]
            self._retired.append(self._volumes.pop(key))
            return True

    def handle(self, key: str) -> VolumeHandle:
        """What the engine process needs to attach a stack.

        Raises
        ------
        InputError
            If it is not open.
        """
        with self._lock:
            if key not in self._volumes:
                raise InputError("This stack is no longer open for the engines; open it again.")
            return self._volumes[key].handle()

    def drop_name(self, key: str) -> None:
        """The engine process has attached the stack: its memory needs no name any more."""
        with self._lock:
            for volume in (*self._volumes.values(), *self._retired):
                if volume.key == key:
                    volume.drop_name()

    def release_retired(self) -> list[str]:
        """Let go of the memory of closed stacks, and return their keys. Only while no call uses them."""
        with self._lock:
            retired, self._retired = self._retired, []
            for volume in retired:
                volume.close()
            return [volume.key for volume in retired]

    def close(self) -> None:
        """Let go of everything."""
        with self._lock:
            for volume in (*self._volumes.values(), *self._retired):
                volume.close()
            self._volumes.clear()
            self._openings.clear()
            self._retired.clear()
