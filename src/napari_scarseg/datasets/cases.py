"""A labelled stack in memory, its label values mapped to scar, myocardium and cavity."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.stack import Stack
from napari_scarseg.datasets.table import CaseRecord
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_labels, read_stack

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledCase:
    """One stack with its truth, all (Z, Y, X).

    Parameters
    ----------
    record : CaseRecord
    stack : Stack
    scar : ndarray of bool
        Infarct, MVO included.
    lv : ndarray of bool or None
        Cavity and myocardium with scar; None where the labels do not say.
    myocardium : ndarray of bool or None
        Myocardium with scar; None where the labels do not say.
    """

    record: CaseRecord
    stack: Stack
    scar: Mask
    lv: Mask | None
    myocardium: Mask | None


def load_case(record: CaseRecord) -> LabelledCase:
    """Read image and labels of one record.

    Raises
    ------
    InputError
        If either cannot be read, or their shapes differ.
    """
    stack = read_stack(record.image)
    labels = read_labels(record.label).labels
    if labels.shape != stack.shape:
        raise InputError(
            f"Image and label of patient {record.patient} have the shapes {stack.shape} and {labels.shape}; they must "
            "lie on one grid."
        )
    scar = np.isin(labels, record.scar_values) if record.scar_values else labels > 0
    myocardium = np.isin(labels, record.myocardium_values) if record.myocardium_values else None
    lv = None
    if myocardium is not None and record.cavity_values:
        lv = myocardium | np.isin(labels, record.cavity_values)
    return LabelledCase(record, stack, scar, lv, myocardium)
