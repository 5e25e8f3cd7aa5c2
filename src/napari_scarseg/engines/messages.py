"""What the GUI's client and the engine process say to each other.

Only the frozen values of this file (made of plain values, tuples and arrays) cross the connection, as `wire` writes
them; nothing is pickled. A connection opens only to a random key: one that never leaves the two processes, or, between
machines, that of a file which only its owner can read.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.config import DetectConfig, SegmentConfig
from napari_scarseg.core.masks import BoxMask
from napari_scarseg.core.protocols import EngineInfo, Prompt
from napari_scarseg.engines.pipeline import SliceDetections
from napari_scarseg.errors import ScarSegError


class EngineDied(ScarSegError):  # noqa: N818 - says what happened, as StopIteration does
    """The engine process ended by itself; the next call starts another."""


class Cancelled(Exception):  # noqa: N818 - not an error: the user asked for it
    """The running request was cancelled, or the client is closed."""


@dataclass(frozen=True, slots=True)
class DetectEvent:
    """One slice is done.

    Parameters
    ----------
    detections : SliceDetections
        All candidates of the slice, also those under the configured confidence.
    done, total : int
        Slices done, this one included, and asked for.
    info : EngineInfo
        What ran.
    """

    detections: SliceDetections
    done: int
    total: int
    info: EngineInfo


@dataclass(frozen=True, slots=True)
class SegmentEvent:
    """One box is done.

    Parameters
    ----------
    mask : BoxMask
    done, total : int
        Boxes done, this one included, and asked for.
    info : EngineInfo
        What ran; `pipeline.resolve_threshold` says from it where scar begins.
    """

    mask: BoxMask
    done: int
    total: int
    info: EngineInfo


# --- client → server --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VolumeHandle:
    """Where the voxels of a stack are.

    Parameters
    ----------
    key : str
        Content hash of the stack.
    shape : (Z, Y, X)
    dtype : str
        `numpy.dtype.str`.
    name : str or None
        Of the shared memory; None where there is none.
    values : ndarray or None
        The voxels themselves, where shared memory had no room for them.
    """

    key: str
    shape: tuple[int, ...]
    dtype: str
    name: str | None
    values: npt.NDArray[np.generic] | None = None


@dataclass(frozen=True, slots=True)
class OpenStack:
    """Attach a volume; answered by `StackOpened`."""

    volume: VolumeHandle


@dataclass(frozen=True, slots=True)
class CloseStack:
    """Let go of a volume and its embeddings; not answered."""

    key: str


@dataclass(frozen=True, slots=True)
class DetectRequest:
    """Find boxes; answered by `DetectEvent`s and `Finished`."""

    key: str
    slices: tuple[int, ...]
    config: DetectConfig


@dataclass(frozen=True, slots=True)
class SegmentRequest:
    """Answer prompts; answered by `SegmentEvent`s and `Finished`."""

    key: str
    prompts: tuple[Prompt, ...]
    config: SegmentConfig


@dataclass(frozen=True, slots=True)
class DescribeRequest:
    """Load networks and say what they are; answered by an `EngineInfo` and `Finished`."""

    config: DetectConfig | SegmentConfig


Request = DetectRequest | SegmentRequest | DescribeRequest


@dataclass(frozen=True, slots=True)
class Job:
    """A request under the number that its answers carry."""

    number: int
    request: Request


@dataclass(frozen=True, slots=True)
class CancelJob:
    """End a job, begun or not; its `Finished` follows."""

    number: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Is anybody there? Answered by `Pong` at once, whatever is being worked on."""


Order = OpenStack | CloseStack | Job | CancelJob | Ping


# --- server → client --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pong:
    """Answer to `Ping`."""


@dataclass(frozen=True, slots=True)
class StackOpened:
    """The volume is attached; its name is needed no more."""

    key: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One piece of the answer to a job."""

    number: int
    content: DetectEvent | SegmentEvent | EngineInfo


@dataclass(frozen=True, slots=True)
class Finished:
    """A job is over: done, or cancelled."""

    number: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A job is over, with an error that has a sentence for a person."""

    number: int
    error: ScarSegError


Reply = Pong | StackOpened | Answer | Finished | Failed
