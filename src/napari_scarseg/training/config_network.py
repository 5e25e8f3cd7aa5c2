"""Which network a run trains, and which part of it."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from napari_scarseg.engines.small_sam import ARCHITECTURE as SMALL_SAM
from napari_scarseg.engines.small_sam import SmallSamConfig
from napari_scarseg.training.checked import Checked, Fraction, Positive


class NetworkSize(Checked):
    """The small network; see `SmallSamConfig`."""

    architecture: Literal["small-sam-2"] = "small-sam-2"
    window_size: int = 112
    lv_factor: Positive = 1.4
    box_factor: Positive = 2.2
    box_min_px: Positive = 72.0
    box_min_share: Fraction = 0.28
    context: int = Field(default=1, ge=0)
    least_median: float = Field(default=0.0, ge=0, lt=1)
    widths: tuple[int, int, int, int, int] = (24, 48, 96, 160, 224)

    def build(self) -> SmallSamConfig:
        """The engine's own value."""
        return SmallSamConfig(**self.model_dump(exclude={"architecture"}))


class OfficialSamStart(Checked):
    """Official Segment Anything, which is never trained from a random start.

    `weights` is a name of `scarseg models list` (sam-vit-b, sam-vit-l, sam-vit-h; fetched before) or the path of a
    converted safetensors file; the file says which size it is.
    """

    architecture: Literal["official-sam"]
    weights: str = "sam-vit-b"


def _architecture(values: Any) -> str:
    """Without a word about it the network is the small one."""
    found = values.get("architecture", SMALL_SAM) if isinstance(values, dict) else values.architecture
    return str(found)


NetworkChoice = Annotated[
    Annotated[NetworkSize, Tag("small-sam-2")] | Annotated[OfficialSamStart, Tag("official-sam")],
    Discriminator(_architecture),
]


class TrainedPart(StrEnum):
    """What learns; the rest stays as it starts."""

    ALL = "all"
    DECODER = "decoder"  # prompt encoder and mask decoder
    LAST_BLOCKS = "last-blocks"  # these, and the encoder's last blocks


class Trained(Checked):
    """Which part of the network learns.

    With `cached` the encoder sees every slice (the small network: every window) once, and its answer is kept on disk,
    at most `cache_mb` of it; what does not fit is encoded again. Pictures then cannot be augmented, boxes can.
    """

    part: TrainedPart = TrainedPart.ALL
    last_blocks: int = Field(default=2, ge=1)
    cached: bool = False
    cache_mb: int = Field(default=8000, gt=0)

    @model_validator(mode="after")
    def _check(self) -> "Trained":
        if self.cached and self.part is not TrainedPart.DECODER:
            raise ValueError("embeddings can only be cached where the decoder alone learns (part = 'decoder')")
        if "last_blocks" in self.model_fields_set and self.part is not TrainedPart.LAST_BLOCKS:
            raise ValueError("last_blocks has no effect unless part = 'last-blocks'")
        if "cache_mb" in self.model_fields_set and not self.cached:
            raise ValueError("cache_mb has no effect unless cached = true")
        return self
