"""Embeddings of a frozen encoder: every window is encoded once, and read from the run's folder after that."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_scarseg.core.intensity import SCALING_ID, scale_pixels
from napari_scarseg.core.windows import Window, crop_context
from napari_scarseg.engines.cache import EmbeddingCache, EmbeddingKey, map_embedding
from napari_scarseg.engines.embedding_store import EmbeddingStore
from napari_scarseg.training.batches import Piece
from napari_scarseg.training.lesson import Lesson
from napari_scarseg.training.samples import Sample
from napari_scarseg.training.taught import Taught

FOLDER = "embeddings"

# In memory; enough for the slices of a batch or two of the largest network, and for all of a small data set.
_MEMORY_BYTES = 1024**3


class KeptEmbeddings:
    """Embeddings of unaugmented windows, each encoded once while the bound allows.

    What the program itself would encode: the same crop, the same scaling. Kept as float32, so that a resumed run goes
    on with the very same numbers. Beyond the bound the least recently used ones go, and are encoded again.

    Parameters
    ----------
    taught : Taught
        With a frozen encoder.
    lesson : Lesson
        Encodes in the run's precision.
    folder : Path
        The run's folder.
    limit_mb : int
        Bound on the disk.
    device : torch.device

    Attributes
    ----------
    encoded : int
        Windows that went through the encoder so far.
    """

    def __init__(self, taught: Taught, lesson: Lesson, folder: Path, limit_mb: int, device: torch.device) -> None:
        self._taught = taught
        self._lesson = lesson
        self._device = device
        store = EmbeddingStore(folder / FOLDER, limit_mb * 10**6)
        self._cache = EmbeddingCache(min(_MEMORY_BYTES, limit_mb * 10**6), store)
        self.encoded = 0

    def embed(self, piece: Piece) -> Any:
        """The embedding of all windows of a piece, on the device."""
        some = [self._one(sample, window) for sample, window in zip(piece.samples, piece.windows, strict=True)]
        return map_embedding(self._taught.join(some), lambda part: part.to(self._device))

    def _one(self, sample: Sample, window: Window) -> Any:
        key = EmbeddingKey(sample.stack_sha256, window, self._taught.start_sha256, "cpu", SCALING_ID)
        embedding = self._cache.get(key)
        if embedding is None:
            embedding = self._encode(sample, window)
            self._cache.put(key, embedding)
            self._cache.store_waiting()
        return embedding

    def _encode(self, sample: Sample, window: Window) -> Any:
        view = self._taught.view
        crop = crop_context(sample.volume, window, view.context)
        scaled = np.stack([scale_pixels(plane, view.least_median) for plane in crop])
        with torch.no_grad():
            embedding = self._lesson.encode(torch.from_numpy(scaled)[None].to(self._device))
        self.encoded += 1
        return map_embedding(embedding, lambda part: part.float().cpu())
