"""The small network under training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from napari_scarseg.core.intensity import SCALING_ID
from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.engines.segmenter import SmallSegmenter
from napari_scarseg.engines.small_sam import ARCHITECTURE, Embedding, SmallSam, scar_logits
from napari_scarseg.engines.weight_files import WeightsHeader, read_weights
from napari_scarseg.training.config_network import NetworkSize
from napari_scarseg.training.views import SmallView


class TaughtSmall:
    """`SmallSam` as the trainer sees it; see `Taught`.

    Parameters
    ----------
    size : NetworkSize
    initial_weights : Path or None
        Safetensors of the same network to start from; None is a random start.

    Raises
    ------
    WeightsError
        If the weights are unsafe, damaged or of another network.
    """

    def __init__(self, size: NetworkSize, initial_weights: Path | None) -> None:
        self._config = size.build()
        self._network = SmallSam(self._config)
        self.start_sha256 = ""
        if initial_weights is not None:
            weights = read_weights(initial_weights)
            weights.check_architecture(ARCHITECTURE)
            weights.load_into(self._network)
            self.start_sha256 = weights.sha256
        self._network = self._network.to(memory_format=torch.channels_last)
        self.view = SmallView(self._config)

    @property
    def network(self) -> SmallSam:
        """See `Taught`."""
        return self._network

    @property
    def encoder(self) -> Sequence[nn.Module]:
        """The U-Net with its three heads."""
        return (self._network.unet, *self._heads())

    def last_blocks(self, count: int) -> Sequence[nn.Module]:
        """The last levels of the U-Net's way up, and its heads."""
        unet = self._network.unet
        # Level 0 is the finest, and comes last.
        return (*unet.up[:count], *unet.lateral[:count], *self._heads())

    def _heads(self) -> tuple[nn.Module, ...]:
        return (self._network.classes, self._network.skip2, self._network.skip1)

    def encode(self, windows: Tensor) -> Embedding:
        """See `Taught`."""
        return self._network.encode(windows.to(memory_format=torch.channels_last))

    def join(self, embeddings: Sequence[Embedding]) -> Embedding:
        """See `Taught`."""
        return Embedding(*(torch.cat(parts) for parts in zip(*embeddings, strict=True)))

    def class_logits(self, embedding: Embedding) -> Tensor | None:
        """See `Taught`."""
        return embedding.classes

    def decode(
        self, embedding: Embedding, owners: Tensor, boxes: Tensor, points: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        """See `Taught`."""
        return self._network.decode(_of_owners(embedding, owners), boxes, points)

    def guess(self, embedding: Embedding, owners: Tensor, boxes: Tensor) -> Tensor:
        """What the network shows without any prompt."""
        return scar_logits(embedding.classes.detach())[owners]

    def segmenter(self, network: nn.Module) -> SmallSegmenter:
        """See `Taught`."""
        return SmallSegmenter(network, _IN_TRAINING)  # type: ignore[arg-type]  # a copy of ours

    def header(self, threshold_logit: float, licence: str, provenance: dict[str, Any]) -> WeightsHeader:
        """See `Taught`."""
        config = self._config.as_dict()
        return WeightsHeader(ARCHITECTURE, config, SCALING_ID, threshold_logit, licence, provenance)


_IN_TRAINING = EngineInfo("in training", "", "cpu", "")


def _of_owners(embedding: Embedding, owners: Tensor) -> Embedding:
    """One embedding per prompt."""
    return Embedding(*(part[owners] for part in embedding))
