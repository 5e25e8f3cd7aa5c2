"""Labels of other people → lesions and tissues for this image. Pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.tissue import CLASS_VALUES, SCAR_TISSUES, LabelPreset, Tissue, class_labels, propose_preset
from napari_scarseg.errors import InputError
from napari_scarseg.gui.layer_record import METADATA_KEY, ImageRecord, record_to_metadata
from napari_scarseg.gui.layer_state import LabelState, label_state_to_metadata
from napari_scarseg.io import LabelVolume
from napari_scarseg.measure.scar_lesions import find_scar_lesions


@dataclass(frozen=True, slots=True, eq=False)
class LabelsIn:
    """Labels that were read, on the grid of their image, before anybody said what they mean.

    Parameters
    ----------
    volume : LabelVolume
    counts : mapping of value → pixels
        Values above 0, in order.
    """

    volume: LabelVolume
    counts: Mapping[int, int]

    @property
    def preset(self) -> LabelPreset:
        """The convention that they seem to follow."""
        return propose_preset(self.counts)


@dataclass(frozen=True, slots=True, eq=False)
class UnderstoodLabels:
    """What the labels come to.

    Parameters
    ----------
    lesions : ndarray of int32 (Z, Y, X)
        One number per scar lesion.
    tissues : ndarray of int32 (Z, Y, X) or None
        Numbered as `core.tissue.CLASS_VALUES`; None where there is nothing but scar.
    """

    lesions: npt.NDArray[np.int32]
    tissues: npt.NDArray[np.int32] | None


def count_values(labels: npt.NDArray[np.integer]) -> dict[int, int]:
    """Pixels of each value above 0, in order of the values."""
    values, counts = np.unique(labels, return_counts=True)
    return {int(value): int(count) for value, count in zip(values, counts, strict=True) if value > 0}


def understand_labels(
    labels: npt.NDArray[np.int32], tissues: Mapping[int, Tissue], *, keep_lesions: bool
) -> UnderstoodLabels:
    """Lesions, and tissues where there are others than scar.

    Parameters
    ----------
    labels : ndarray of int32 (Z, Y, X)
    tissues : mapping of value → Tissue
        Values that are not in it, or mean something else, are left out.
    keep_lesions : bool
        Whether the values that mean scar are lesions already, and stay as they are.

    Raises
    ------
    InputError
        If no value means anything.
    """
    known = {value: tissue for value, tissue in tissues.items() if tissue is not Tissue.OTHER}
    if not known:
        raise InputError("None of the label values means a tissue; say of one at least what it is.")
    scar = sorted(value for value, tissue in known.items() if tissue in SCAR_TISSUES)
    if keep_lesions:
        lesions = np.where(np.isin(labels, scar), labels, 0).astype(np.int32)
    else:
        lesions = find_scar_lesions(labels, scar) if scar else np.zeros_like(labels)
    others = any(tissue is not Tissue.SCAR for tissue in known.values())
    return UnderstoodLabels(lesions, class_labels(labels, known) if others else None)


def label_layers(labels: UnderstoodLabels, record: ImageRecord) -> list[tuple[npt.NDArray[np.int32], dict[str, Any]]]:
    """Data and arguments of the Labels layers, in the order in which they lie on the image: tissues, then lesions."""
    layers: list[tuple[npt.NDArray[np.int32], dict[str, Any]]] = []
    if labels.tissues is not None:
        meaning = {str(value): tissue.value for tissue, value in CLASS_VALUES.items()}
        # No record of the image: these are no lesions, and no case's labels.
        kept = {METADATA_KEY: {"tissues": meaning, "affine_ras": record.affine_ras}}
        layers.append((labels.tissues, {"name": f"{record.stem} tissues", "opacity": 0.3, "metadata": kept}))
    # Linked across slices already, and their numbers are taken.
    state = LabelState(used_lesions=int(labels.lesions.max(initial=0)), linked=True)
    kept = {METADATA_KEY: {**record_to_metadata(record), **label_state_to_metadata(state)}}
    layers.append((labels.lesions, {"name": f"{record.stem} scar", "opacity": 0.55, "metadata": kept}))
    return layers
