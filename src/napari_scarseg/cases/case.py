"""What a case is: frozen values, the same for scripts, for the plugin and on disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box
from napari_scarseg.core.case import CaseInfo
from napari_scarseg.core.point import Point
from napari_scarseg.core.spacing import Spacing

# What JSON can say: None, bool, int, float, str, and lists and mappings (str → …) of these.
Json = Any


class CaseState(StrEnum):
    """How far a case has come."""

    NEW = "not started"
    BOXES = "boxes"
    SEGMENTED = "segmented"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class ImageReference:
    """The image that a case is about; never a copy of it.

    Parameters
    ----------
    path : Path or None
        Where the image was, absolute; relative to the case folder on disk. None where it came from no file.
    sha256 : str
        `Stack.sha256` of its voxels; only an image with this hash is the case's.
    shape : (Z, Y, X)
    """

    path: Path | None
    sha256: str
    shape: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class BoxesPart:
    """One layer of boxes.

    Parameters
    ----------
    name : str
        Of the layer.
    boxes : tuple of Box
    marks : mapping of box_id → mapping of str → JSON value
        What else a box carries, such as its review mark.
    memory : mapping of str → JSON value
        What the layer remembers (candidates below the confidence, where the detector had put its boxes, …).
    """

    name: str
    boxes: tuple[Box, ...] = ()
    marks: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    memory: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class LabelsPart:
    """One layer of labels.

    Parameters
    ----------
    name : str
        Of the layer.
    labels : ndarray of int32, (Z, Y, X)
        One value per lesion, 0 is background.
    painted : ndarray of int32, (Z, Y, X), or None
        Values that a person painted, -1 elsewhere; where the labels still hold them, they are protected.
    memory : mapping of str → JSON value
        What the layer remembers (the boxes it was drawn from, …).
    """

    name: str
    labels: npt.NDArray[np.int32]
    painted: npt.NDArray[np.int32] | None = None
    memory: Mapping[str, Json] = field(default_factory=dict)

    @property
    def protected_values(self) -> npt.NDArray[np.int32]:
        """What a person painted, -1 elsewhere, (Z, Y, X)."""
        return np.full(self.labels.shape, -1, dtype=np.int32) if self.painted is None else self.painted

    @property
    def protected(self) -> npt.NDArray[np.bool_]:
        """Voxels that the model leaves alone, (Z, Y, X)."""
        if self.painted is None:
            return np.zeros(self.labels.shape, dtype=bool)
        return np.asarray((self.painted >= 0) & (self.painted == self.labels))


@dataclass(frozen=True, slots=True)
class PointsPart:
    """One layer of point prompts.

    Parameters
    ----------
    name : str
        Of the layer.
    points : tuple of Point
    memory : mapping of str → JSON value
    """

    name: str
    points: tuple[Point, ...] = ()
    memory: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """All that was done to one stack.

    Parameters
    ----------
    image : ImageReference
    info : CaseInfo
        Who and when; `info.case` is the stem that results carry.
    spacing : Spacing
        In force; the user's own where the file had none.
    affine_ras : ndarray (4, 4) or None
        Of the image, from (x, y, z) voxel index to RAS mm.
    boxes, labels, points : tuple of BoxesPart, LabelsPart, PointsPart
        Usually one of each.
    choices : mapping of str → JSON value
        Settings in force (confidence, threshold, slice in view, …).
    engines : mapping of str → JSON value
        What detected and segmented (`EngineInfo.as_dict`), for the provenance.
    is_done : bool
        Whether a person has said that the case is finished.

    Examples
    --------
    >>> reference = ImageReference(None, "0" * 64, (2, 8, 8))
    >>> case = Case(reference, CaseInfo("P001"), Spacing.unknown(), boxes=(BoxesPart("b", (Box(0, 1, 1, 5, 5),)),))
    >>> case.state.value
    'boxes'
    """

    image: ImageReference
    info: CaseInfo
    spacing: Spacing
    affine_ras: npt.NDArray[np.float64] | None = None
    boxes: tuple[BoxesPart, ...] = ()
    labels: tuple[LabelsPart, ...] = ()
    points: tuple[PointsPart, ...] = ()
    choices: Mapping[str, Json] = field(default_factory=dict)
    engines: Mapping[str, Json] = field(default_factory=dict)
    is_done: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it that a person would miss."""
        return not (
            self.is_done
            or any(part.boxes or part.memory.get("candidates") for part in self.boxes)
            or any(part.labels.any() or (part.protected_values >= 0).any() for part in self.labels)
            or any(part.points for part in self.points)
        )

    @property
    def state(self) -> CaseState:
        """How far it has come."""
        if self.is_done:
            return CaseState.DONE
        if any(part.labels.any() for part in self.labels):
            return CaseState.SEGMENTED
        return CaseState.BOXES if any(part.boxes for part in self.boxes) else CaseState.NEW


def same_work(one: Case, other: Case) -> bool:
    """Whether two cases hold the same work: everything but the choices and what made it.

    Examples
    --------
    >>> from dataclasses import replace
    >>> case = Case(ImageReference(None, "0" * 64, (2, 8, 8)), CaseInfo("P001"), Spacing.unknown())
    >>> same_work(case, replace(case, choices={"confidence": 0.9})), same_work(case, replace(case, is_done=True))
    (True, False)
    """
    return (
        (one.image.sha256, one.info, one.spacing, one.is_done)
        == (other.image.sha256, other.info, other.spacing, other.is_done)
        and (one.boxes, one.points) == (other.boxes, other.points)
        and len(one.labels) == len(other.labels)
        and all(_same_labels(mine, its) for mine, its in zip(one.labels, other.labels, strict=True))
    )


def _same_labels(one: LabelsPart, other: LabelsPart) -> bool:
    return (
        (one.name, one.memory) == (other.name, other.memory)
        and np.array_equal(one.labels, other.labels)
        and np.array_equal(one.protected_values, other.protected_values)
    )
