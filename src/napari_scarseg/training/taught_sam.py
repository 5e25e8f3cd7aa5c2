"""Official Segment Anything under training: whole slices, all boxes of a slice on one embedding."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.engines.catalogue import resolve_weights
from napari_scarseg.engines.official_sam import OfficialSam, build_sam, read_official_sam, sam_header
from napari_scarseg.engines.sam_network import SamNetwork, decode_boxes, normalise_grey
from napari_scarseg.engines.weight_files import WeightsHeader
from napari_scarseg.training.config_network import OfficialSamStart
from napari_scarseg.training.views import SliceView


class TaughtSam:
    """`SamNetwork` as the trainer sees it; see `Taught`.

    Parameters
    ----------
    start : OfficialSamStart
        Names the weights to start from, and so the size.

    Raises
    ------
    WeightsError
        If the weights were not fetched, are unsafe, damaged or of another network.
    """

    def __init__(self, start: OfficialSamStart) -> None:
        weights = read_official_sam(resolve_weights(start.weights).path)
        self._network = build_sam(weights)
        self._network.requires_grad_(True)
        self._start = weights.header
        self.start_sha256 = weights.sha256
        self.view = SliceView(self._network.config)

    @property
    def network(self) -> SamNetwork:
        """See `Taught`."""
        return self._network

    @property
    def encoder(self) -> Sequence[nn.Module]:
        """The vision transformer."""
        return (self._network.image_encoder,)

    def last_blocks(self, count: int) -> Sequence[nn.Module]:
        """The transformer's last blocks, and the neck."""
        return (*self._network.image_encoder.blocks[-count:], self._network.image_encoder.neck)

    def encode(self, windows: Tensor) -> Tensor:
        """See `Taught`."""
        embedding: Tensor = self._network.image_encoder(normalise_grey(windows))
        return embedding

    def join(self, embeddings: Sequence[Tensor]) -> Tensor:
        """See `Taught`."""
        return torch.cat(list(embeddings))

    def class_logits(self, embedding: Tensor) -> Tensor | None:
        """Nothing: Segment Anything answers prompts."""
        return None

    def decode(self, embedding: Tensor, owners: Tensor, boxes: Tensor, points: tuple[Tensor, Tensor] | None) -> Tensor:
        """See `Taught`."""
        return decode_boxes(self._network, embedding[owners], boxes, points)

    def guess(self, embedding: Tensor, owners: Tensor, boxes: Tensor) -> Tensor:
        """The answer to the boxes alone, which a person would correct by points."""
        with torch.no_grad():
            return self.decode(embedding, owners, boxes, None)

    def segmenter(self, network: nn.Module) -> OfficialSam:
        """See `Taught`."""
        return OfficialSam(network, _IN_TRAINING)  # type: ignore[arg-type]  # a copy of ours

    def header(self, threshold_logit: float, licence: str, provenance: dict[str, Any]) -> WeightsHeader:
        """See `Taught`; the weights' own origin is kept in the provenance."""
        origin = {"sha256": self.start_sha256, "licence": self._start.licence}
        header = sam_header(self._network.config, licence, {**provenance, "started_from": origin})
        return replace(header, threshold_logit=threshold_logit)


_IN_TRAINING = EngineInfo("in training", "", "cpu", "")
