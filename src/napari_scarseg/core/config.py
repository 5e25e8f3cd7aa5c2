"""Configuration values that the engines, the command line and the plugin share."""

from dataclasses import asdict, dataclass
from enum import StrEnum

from napari_scarseg.errors import InputError


class Device(StrEnum):
    """Where the networks run. Only `AUTO` may choose, or change its mind."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


@dataclass(frozen=True, slots=True)
class DetectConfig:
    """How scar boxes are found.

    Parameters
    ----------
    detector : str
        Name of bundled weights, or the path of a safetensors file.
    confidence : float
        Boxes below this score are candidates only (in [0, 1]).
    device : Device
    """

    detector: str = "bundled"
    confidence: float = 0.46
    device: Device = Device.AUTO

    def __post_init__(self) -> None:
        if not 0 <= self.confidence <= 1:
            raise InputError(f"The confidence must lie between 0 and 1, not {self.confidence}.")

    def as_dict(self) -> dict[str, object]:
        """Values for a provenance record."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SegmentConfig:
    """How boxes become masks.

    Parameters
    ----------
    segmenter : str
        Name of bundled or fetched weights, or the path of a safetensors file.
    threshold_logit : float or None
        Scar where the logit exceeds this; None takes the value calibrated for the weights.
    device : Device
    """

    segmenter: str = "bundled"
    threshold_logit: float | None = None
    device: Device = Device.AUTO

    def as_dict(self) -> dict[str, object]:
        """Values for a provenance record."""
        return asdict(self)
