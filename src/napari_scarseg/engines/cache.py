"""Embeddings that were computed once, kept while memory allows, and on disk where there is a store."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Protocol

from napari_scarseg.core.windows import Window
from napari_scarseg.engines.located import LocatedLvs, LvKey

DEFAULT_LIMIT_BYTES = 512 * 1024**2


@dataclass(frozen=True, slots=True)
class EmbeddingKey:
    """Everything an embedding depends on.

    Parameters
    ----------
    stack_sha256 : str
        Hash of the voxels (`Stack.sha256`).
    window : Window
        Slice, rectangle and sampling.
    weights_sha256 : str
    device : str
        Resolved device on which the embedding lies.
    scaling_id : str
        `core.intensity.SCALING_ID` of the intensities the network saw.
    precision : str
        In which it was computed (`EngineInfo.precision`).
    """

    stack_sha256: str
    window: Window
    weights_sha256: str
    device: str
    scaling_id: str
    precision: str = "float32"


class Store(Protocol):
    """Where embeddings and LVs last longer than the process; `embedding_store.EmbeddingStore` is one."""

    def load(self, key: EmbeddingKey | LvKey) -> object | None:
        """What was kept under `key`; None where there is nothing."""
        ...

    def save(self, key: EmbeddingKey | LvKey, embedding: object) -> None:
        """Keep an embedding, or the place of an LV."""
        ...


class EmbeddingCache:
    """Least recently used embeddings, bounded by the bytes of their arrays. For one thread at a time.

    Parameters
    ----------
    limit_bytes : int
        Bound on the sum of all embeddings; one that alone is larger is not kept.
    store : Store, optional
        Asked for what is not in memory. What is new waits until `store_waiting`, so that no answer waits for the disk.

    Attributes
    ----------
    lvs : LocatedLvs
        Where the LV is on the slices that were looked at.

    Examples
    --------
    >>> import numpy as np
    >>> cache = EmbeddingCache(limit_bytes=1000)
    >>> key = EmbeddingKey("data", Window(0, 0, 0, 8, 8, 8), "weights", "cpu", "scaling")
    >>> cache.put(key, np.zeros(100, np.float32))
    >>> cache.get(key).shape, cache.size_bytes, len(cache)
    ((100,), 400, 1)
    """

    def __init__(self, limit_bytes: int = DEFAULT_LIMIT_BYTES, store: Store | None = None) -> None:
        self._limit_bytes = limit_bytes
        self._store = store
        self._waiting: dict[EmbeddingKey, object] = {}
        self._entries: OrderedDict[EmbeddingKey, tuple[object, int]] = OrderedDict()
        self._size_bytes = 0
        self.lvs = LocatedLvs(store)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size_bytes(self) -> int:
        """Bytes held by all entries."""
        return self._size_bytes

    def get(self, key: EmbeddingKey) -> object | None:
        """Embedding under `key`, which becomes the most recently used; None where there is none."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
            return entry[0]
        embedding = self._waiting.get(key)
        if embedding is None and self._store is not None:
            embedding = self._store.load(key)
        if embedding is not None:
            self._keep(key, embedding)
        return embedding

    def put(self, key: EmbeddingKey, embedding: object) -> None:
        """Keep `embedding`; the least recently used ones go until all fit."""
        self._keep(key, embedding)
        if self._store is not None:
            self._waiting[key] = embedding
            # Not more in memory than was allowed: the oldest are written while work goes on.
            while sum(embedding_bytes(waiting) for waiting in self._waiting.values()) > self._limit_bytes:
                self._store_oldest()

    def store_waiting(self, is_disturbed: Callable[[], bool] = lambda: False) -> None:
        """Write what waits for the store, one after the other, until `is_disturbed` says that there is other work."""
        self.lvs.store_waiting(is_disturbed)
        while self._waiting and not is_disturbed():
            self._store_oldest()

    def _store_oldest(self) -> None:
        key = next(iter(self._waiting))
        embedding = self._waiting.pop(key)
        if self._store is not None:
            self._store.save(key, embedding)

    def _keep(self, key: EmbeddingKey, embedding: object) -> None:
        self._drop(key)
        size = embedding_bytes(embedding)
        if size > self._limit_bytes:
            return
        self._entries[key] = (embedding, size)
        self._size_bytes += size
        while self._size_bytes > self._limit_bytes:
            self._drop(next(iter(self._entries)))

    def forget_stack(self, stack_sha256: str) -> None:
        """Drop every embedding of one stack, and where its LV is."""
        self.lvs.forget_stack(stack_sha256)
        for key in [key for key in self._entries if key.stack_sha256 == stack_sha256]:
            self._drop(key)

    def _drop(self, key: EmbeddingKey) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size_bytes -= entry[1]


def embedding_bytes(embedding: object) -> int:
    """Bytes of all arrays or tensors in an embedding: an array, or any nesting of mappings, sequences and dataclasses.

    Examples
    --------
    >>> import numpy as np
    >>> embedding_bytes({"coarse": np.zeros(4, np.float32), "fine": [np.zeros(8, np.uint8)]})
    24
    """
    nbytes = getattr(embedding, "nbytes", None)
    if isinstance(nbytes, int):
        return nbytes
    if isinstance(embedding, Mapping):
        return sum(embedding_bytes(value) for value in embedding.values())
    if isinstance(embedding, list | tuple):
        return sum(embedding_bytes(value) for value in embedding)
    if is_dataclass(embedding) and not isinstance(embedding, type):
        return sum(embedding_bytes(getattr(embedding, item.name)) for item in fields(embedding))
    return 0


def map_embedding(embedding: Any, change: Callable[[Any], Any]) -> Any:
    """The same nesting of tuples, lists, mappings and dataclasses, with each array or tensor changed.

    Examples
    --------
    >>> import numpy as np
    >>> map_embedding(("coarse", [np.zeros(2)]), lambda part: part + 1 if isinstance(part, np.ndarray) else part)
    ('coarse', [array([1., 1.])])
    """
    if isinstance(embedding, Mapping):
        return {key: map_embedding(value, change) for key, value in embedding.items()}
    if isinstance(embedding, list | tuple):
        parts = [map_embedding(value, change) for value in embedding]
        return type(embedding)(*parts) if hasattr(embedding, "_fields") else type(embedding)(parts)
    if is_dataclass(embedding) and not isinstance(embedding, type):
        return type(embedding)(*(map_embedding(getattr(embedding, item.name), change) for item in fields(embedding)))
    return change(embedding)
