"""What a detector and a segmenter are, whatever network is inside. Fakes in the tests are proved against these."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box
from napari_scarseg.core.calibration import Calibration
from napari_scarseg.core.windows import Window

EmbeddingT = TypeVar("EmbeddingT")


class Region(StrEnum):
    """What a detection shows."""

    SCAR = "scar"
    LV = "lv"


@dataclass(frozen=True, slots=True)
class Detection:
    """One find on one slice, edges in pixels, half-open, `score` in [0, 1]."""

    row_min: float
    col_min: float
    row_max: float
    col_max: float
    score: float
    region: Region


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What ran: for provenance, caches and the model line of the widgets.

    Parameters
    ----------
    name : str
        Name of the weights, never a path.
    weights_sha256 : str
        Hash of the weights file; of several files, of their hashes joined in the order used.
    device : str
        Resolved device: cpu, cuda or mps.
    licence : str
        Licence of the weights.
    threshold_logit : float
        Calibrated threshold of the masks; 0 for a detector.
    note : str
        A sentence about how it ran, where that is not as asked for (the CPU for want of memory); else empty.
    calibration : Calibration or None
        How far the logits of prompted masks can be believed, where that is known; then every mask is cut near its
        highest expected Dice, and its logits are moved so that this is at `threshold_logit`.
    precision : str
        In which the encoder computed: float32, bfloat16 or float16. Where it is not the same, a mask may differ by some
        pixels.
    """

    name: str
    weights_sha256: str
    device: str
    licence: str
    threshold_logit: float = 0.0
    note: str = ""
    calibration: Calibration | None = None
    precision: str = "float32"

    def as_dict(self) -> dict[str, object]:
        """Values for a provenance record."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "EngineInfo":
        """Inverse of `as_dict`."""
        calibration = values.get("calibration")
        return cls(**{**values, "calibration": None if calibration is None else Calibration(**calibration)})


class Detector(Protocol):
    """Finds the LV and scar."""

    @property
    def info(self) -> EngineInfo:
        """What runs."""
        ...

    def detect(self, volume: npt.NDArray[np.generic], slices: Sequence[int]) -> list[list[Detection]]:
        """Find regions on some slices of (Z, Y, X) raw intensities: one list per slice, best score first.

        A detector may look at the neighbours of a slice as well.
        """
        ...


@dataclass(frozen=True, slots=True)
class Prompt:
    """One box with optional points, in pixels of the slice.

    Parameters
    ----------
    box : Box
    points : tuple of (row, col, is_positive)
        Point prompts, continuous pixel coordinates (the centre of pixel i is i + 0.5).
    lv : Box or None
        The left ventricle on that slice where it is known: a segmenter may look at all of it.
    """

    box: Box
    points: tuple[tuple[float, float, bool], ...] = ()
    lv: Box | None = None


class Segmenter(Protocol[EmbeddingT]):
    """Turns prompts into masks: encode a window once, then answer all prompts in it."""

    @property
    def info(self) -> EngineInfo:
        """What runs."""
        ...

    @property
    def context(self) -> int:
        """Neighbouring slices on either side that `embed` wants to see; 0 for a network of single slices."""
        ...

    def locate(self, volume: npt.NDArray[np.generic], slices: Sequence[int]) -> dict[int, Box]:
        """The LV on some slices of (Z, Y, X) raw intensities, where the windows depend on it and it is found."""
        ...

    def window(self, prompt: Prompt, shape: tuple[int, int]) -> Window:
        """Window in which `prompt` on a (Y, X) slice is answered; a function of its arguments alone."""
        ...

    def embed(self, crops: Sequence[npt.NDArray[np.float32]]) -> list[EmbeddingT]:
        """Encode crops (1 + 2 context, size, size) of raw intensities; one embedding each.

        A crop holds what `Window.crop` makes of the slice and of its neighbours, in order of position.
        """
        ...

    def masks(self, embedding: EmbeddingT, window: Window, prompts: Sequence[Prompt]) -> npt.NDArray[np.float32]:
        """Logits (P, S, S) over the window's rectangle for all P prompts at once; `Window.paste` brings them back."""
        ...


@runtime_checkable
class AsksSeveralWindows(Protocol):
    """A segmenter whose answer to a prompt is the mean over several windows."""

    def windows(self, prompt: Prompt, shape: tuple[int, int]) -> Sequence[Window]:
        """The rectangle of `Segmenter.window`, whichever way up it is shown, then the others; none twice."""
        ...


@dataclass(frozen=True, slots=True)
class Asked(Generic[EmbeddingT]):
    """All prompts of one encoded window, as `DecodesTogether` takes them."""

    embedding: EmbeddingT
    window: Window
    prompts: Sequence[Prompt]


@runtime_checkable
class DecodesTogether(Protocol):
    """A segmenter that answers the prompts of several windows in one pass."""

    def masks_together(self, asked: Sequence[Asked[Any]]) -> list[npt.NDArray[np.float32]]:
        """What `Segmenter.masks` answers for each, in one call."""
        ...


@runtime_checkable
class Batching(Protocol):
    """A network that knows how many slices or windows its device takes at once."""

    @property
    def batch(self) -> int:
        """Slices or windows per pass, at least 1."""
        ...
