"""A labelled stack in memory, its label values mapped to scar, myocardium and cavity."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.stack import Stack
from napari_scarseg.datasets.table import CaseRecord
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_labels, read_stack
from napari_scarseg.io.label_grid import fit_labels

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
        If either cannot be read, or the labels lie on another grid.
    """
    stack = read_stack(record.image)
    labels = _read_on(stack, record)
    scar = np.isin(labels, record.scar_values) if record.scar_values else labels > 0
    myocardium = np.isin(labels, record.myocardium_values) if record.myocardium_values else None
    lv = None
    if myocardium is not None and record.cavity_values:
        lv = myocardium | np.isin(labels, record.cavity_values)
    return LabelledCase(record, stack, scar, lv, myocardium)


def _read_on(stack: Stack, record: CaseRecord) -> npt.NDArray[np.int32]:
    volume = read_labels(record.label)
    try:
        return fit_labels(volume, stack).labels
    except InputError as error:
        raise InputError(f"Patient {record.patient}: {error}") from error
