"""Where the LV is on the slices that were asked about, kept from call to call, and on disk where there is a store."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box, BoxOrigin
from napari_scarseg.core.protocols import EngineInfo, Segmenter


@dataclass(frozen=True, slots=True)
class LvKey:
    """Everything that decides where the LV is found.

    Parameters
    ----------
    stack_sha256 : str
        Hash of the voxels (`Stack.sha256`).
    slice : int
    weights_sha256 : str
    device : str
        Resolved device on which it was looked for.
    """

    stack_sha256: str
    slice: int
    weights_sha256: str
    device: str


class LvStore(Protocol):
    """Where LVs last longer than the process; `embedding_store.EmbeddingStore` is one."""

    def load(self, key: LvKey) -> object | None:
        """What was kept under `key`; None where there is nothing."""
        ...

    def save(self, key: LvKey, embedding: object) -> None:
        """Keep a value made of arrays."""
        ...


class LocatedLvs:
    """LV boxes by stack, slice, weights and device: each slice is looked at once. For one thread at a time.

    Parameters
    ----------
    store : LvStore, optional
        Asked for what is not in memory. What is new waits until `store_waiting`.
    """

    def __init__(self, store: LvStore | None = None) -> None:
        self._found: dict[LvKey, Box | None] = {}
        self._store = store
        self._waiting: dict[LvKey, Box | None] = {}

    def find(
        self, volume: npt.NDArray[np.generic], index: int, segmenter: Segmenter[Any], stack_sha256: str
    ) -> Box | None:
        """The LV on slice `index` of (Z, Y, X) raw intensities, as the segmenter locates it; None where it does not."""
        return self.find_all(volume, [index], segmenter, stack_sha256)[index]

    def find_all(
        self, volume: npt.NDArray[np.generic], slices: Sequence[int], segmenter: Segmenter[Any], stack_sha256: str
    ) -> dict[int, Box | None]:
        """As `find` for several slices; those that nobody has looked at go to the segmenter together."""
        info = segmenter.info
        keys = {z: LvKey(stack_sha256, z, info.weights_sha256, info.device) for z in slices}
        missing = [z for z, key in keys.items() if key not in self._found and not self._load(key)]
        located = segmenter.locate(volume, missing) if missing else {}
        for z in missing:
            self._keep(keys[z], located.get(z))
        return {z: self._found[key] for z, key in keys.items()}

    def put(self, stack_sha256: str, index: int, info: EngineInfo, lv: Box | None) -> None:
        """Keep an LV that was found on the way, by a detector with the same weights."""
        self._keep(LvKey(stack_sha256, index, info.weights_sha256, info.device), lv)

    def forget_stack(self, stack_sha256: str) -> None:
        """Drop what is known of one stack; what is on disk, or on its way there, stays."""
        for key in [key for key in self._found if key.stack_sha256 == stack_sha256]:
            del self._found[key]

    def store_waiting(self, is_disturbed: Callable[[], bool] = lambda: False) -> None:
        """Write what waits for the store, one after the other, until `is_disturbed` says that there is other work."""
        while self._store is not None and self._waiting and not is_disturbed():
            key = next(iter(self._waiting))
            self._store.save(key, _to_array(self._waiting.pop(key)))

    def _keep(self, key: LvKey, lv: Box | None) -> None:
        self._found[key] = lv
        if self._store is not None:
            self._waiting[key] = lv

    def _load(self, key: LvKey) -> bool:
        """Take what the store has, or what is on its way there; whether there was something."""
        if key in self._waiting:
            self._found[key] = self._waiting[key]
            return True
        values = self._store.load(key) if self._store is not None else None
        if not isinstance(values, np.ndarray) or values.shape not in ((0,), (5,)):
            return False
        self._found[key] = _from_array(values, key.slice)
        return True


def _to_array(lv: Box | None) -> npt.NDArray[np.float64]:
    """Corners and score; nothing for no LV."""
    return np.array([] if lv is None else [*lv.corners, np.nan if lv.score is None else lv.score], dtype=np.float64)


def _from_array(values: npt.NDArray[np.float64], index: int) -> Box | None:
    if not len(values):
        return None
    top, left, bottom, right, score = (float(value) for value in values)
    return Box(index, top, left, bottom, right, score=None if np.isnan(score) else score, origin=BoxOrigin.DETECTOR)
