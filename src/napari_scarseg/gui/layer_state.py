"""What lasts in a Shapes or Labels layer beyond its voxels and corners: read from, and written to, its metadata.

Widgets come and go; the layer keeps the truth. Plain values under `metadata["scarseg"]`, beside the image's record.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box
from napari_scarseg.core.refinement import Refinement
from napari_scarseg.gui.box_layer import DetectedBox
from napari_scarseg.gui.layer_record import METADATA_KEY
from napari_scarseg.gui.plan import DrawnBox


@dataclass(frozen=True, slots=True)
class BoxState:
    """Memory of a Shapes layer.

    Parameters
    ----------
    detected : mapping of box_id → DetectedBox
        Where the detector had put its boxes.
    candidates : tuple of Box
        The detector's boxes below the confidence slider.
    engine : mapping or None
        What detected (`EngineInfo.as_dict`).
    """

    detected: Mapping[str, DetectedBox] = field(default_factory=dict)
    candidates: tuple[Box, ...] = ()
    engine: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LabelState:
    """Memory of a Labels layer.

    Parameters
    ----------
    drawn : mapping of box_id → DrawnBox
        The boxes that the labels were last drawn from.
    waiting : mapping of box_id → DrawnBox
        Boxes that were left out when others were segmented: they wait until they are touched or asked for.
    used_lesions : int
        Highest lesion id ever given; ids are not given twice.
    linked : bool
        Whether lesions were linked across slices already.
    painted : ndarray of int32 or None
        Values painted by hand, same shape as the labels; `label_layer.NOT_PAINTED` elsewhere.
    engine : mapping or None
        What segmented (`EngineInfo.as_dict`).
    refinements : mapping of lesion → Refinement
        How a lesion's logits become its mask; under 0 for all lesions that have none of their own.
    relabels : mapping of (slice, lesion) → lesion
        Voxels that merging, linking or splitting gives to another lesion, painted ones too, at the next drawing.
    """

    drawn: Mapping[str, DrawnBox] = field(default_factory=dict)
    waiting: Mapping[str, DrawnBox] = field(default_factory=dict)
    used_lesions: int = 0
    linked: bool = False
    painted: npt.NDArray[np.int32] | None = None
    engine: Mapping[str, Any] | None = None
    refinements: Mapping[int, Refinement] = field(default_factory=dict)
    relabels: Mapping[tuple[int, int], int] = field(default_factory=dict)

    def refinement(self, lesion_id: int) -> Refinement:
        """How the masks of a lesion are made."""
        return self.refinements.get(lesion_id) or self.refinements.get(0) or Refinement()


def box_state(metadata: Mapping[str, Any]) -> BoxState:
    """State in a Shapes layer's metadata; an empty one where there is none."""
    values = metadata.get(METADATA_KEY) or {}
    return BoxState(
        detected=dict(values.get("detected") or {}),
        candidates=tuple(values.get("candidates") or ()),
        engine=values.get("engine"),
    )


def box_state_to_metadata(state: BoxState) -> dict[str, Any]:
    """Inverse of `box_state`: keys to put under `metadata["scarseg"]`."""
    return {"detected": dict(state.detected), "candidates": tuple(state.candidates), "engine": state.engine}


def label_state(metadata: Mapping[str, Any]) -> LabelState:
    """State in a Labels layer's metadata; an empty one where there is none."""
    values = metadata.get(METADATA_KEY) or {}
    return LabelState(
        drawn=dict(values.get("drawn") or {}),
        waiting=dict(values.get("waiting") or {}),
        used_lesions=int(values.get("used_lesions") or 0),
        linked=bool(values.get("linked")),
        painted=values.get("painted"),
        engine=values.get("engine"),
        refinements=dict(values.get("refinements") or {}),
        relabels=dict(values.get("relabels") or {}),
    )


def label_state_to_metadata(state: LabelState) -> dict[str, Any]:
    """Inverse of `label_state`: keys to put under `metadata["scarseg"]`."""
    return {
        "drawn": dict(state.drawn),
        "waiting": dict(state.waiting),
        "used_lesions": state.used_lesions,
        "linked": state.linked,
        "painted": state.painted,
        "engine": state.engine,
        "refinements": dict(state.refinements),
        "relabels": dict(state.relabels),
    }
