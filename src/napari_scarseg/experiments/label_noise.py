"""Wrong labels on purpose, of known kinds: what a training can bear, and a mistake that it cannot."""

from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.segmentation import expand_labels

from napari_scarseg.core.masks import component_boxes
from napari_scarseg.datasets import CaseRecord, LabelledCase, load_case, write_dataset
from napari_scarseg.errors import InputError
from napari_scarseg.experiments.data import ExperimentData
from napari_scarseg.experiments.run import hash_record, patient_stream
from napari_scarseg.io import write_labels
from napari_scarseg.measure.thresholds import ThresholdConfig, ThresholdMethod, threshold_stack

Mask = npt.NDArray[np.bool_]

# Values of the label files that are written.
_CAVITY, _MYOCARDIUM, _SCAR = 1, 2, 3


class LabelNoise(StrEnum):
    """How the labels of the training patients are made wrong. Those of the held-out patients stay as they are."""

    NONE = "none"
    DILATED = "dilated"  # every border moved outwards by some pixels
    ERODED = "eroded"  # every border moved inwards; what vanishes keeps its innermost pixels
    SHIFTED = "shifted"  # each slice's scar moved by some pixels in a random direction
    FWHM = "fwhm"  # drawn anew by full width at half maximum inside the true myocardium
    SWAPPED = "swapped"  # in every scar's box, scar and the rest of the wall change places: a mistake, not noise


def apply_noise(case: LabelledCase, noise: LabelNoise, amount_px: float, seed: int) -> Mask:
    """The scar (Z, Y, X) of a case, made wrong.

    Parameters
    ----------
    case : LabelledCase
    noise : LabelNoise
    amount_px : float
        How far borders or scars are moved; of no meaning for the other kinds.
    seed : int
        With the patient's name it decides the directions.

    Raises
    ------
    InputError
        If the noise needs the myocardium, and the labels do not say where it is.
    """
    match noise:
        case LabelNoise.NONE:
            return case.scar
        case LabelNoise.DILATED:
            return np.stack([expand_labels(plane.astype(np.uint8), amount_px) > 0 for plane in case.scar])
        case LabelNoise.ERODED:
            return np.stack([_erode(plane, amount_px) for plane in case.scar])
        case LabelNoise.SHIFTED:
            return _shift(case.scar, amount_px, seed, case.record.patient)
        case LabelNoise.FWHM:
            found, _ = threshold_stack(case.stack.data, _wall(case), ThresholdConfig(ThresholdMethod.FWHM))
            # A person starts it where scar is seen; elsewhere it finds the brightest healthy wall.
            return np.asarray(found & case.scar.any(axis=(1, 2), keepdims=True), dtype=np.bool_)
        case LabelNoise.SWAPPED:
            return _swap(case.scar, _wall(case))


def noisy_table(data: ExperimentData, noise: LabelNoise, amount_px: float, fold: int, seed: int) -> Path:
    """The experiment's table with wrong labels for all patients but those of `fold`; written once.

    The images stay where they are; the labels lie in the experiment's folder.
    """
    if noise is LabelNoise.NONE:
        return data.table
    key = hash_record({"data": data.sha256, "noise": noise.value, "amount_px": amount_px, "fold": fold, "seed": seed})
    table = data.folder / f"labels-{noise.value}-{key[:10]}" / f"dataset-{key[:10]}.csv"
    if table.is_file():
        return table
    records = [
        record if record.fold == fold else _write(record, noise, amount_px, seed, table.parent / f"{number:04d}.nii.gz")
        for number, record in enumerate(data.records)
    ]
    write_dataset(table, records)
    return table


def _write(record: CaseRecord, noise: LabelNoise, amount_px: float, seed: int, path: Path) -> CaseRecord:
    case = load_case(record)
    scar = apply_noise(case, noise, amount_px, seed)
    labels = np.zeros(scar.shape, dtype=np.int32)
    if case.lv is not None:
        labels[case.lv] = _CAVITY
    if case.myocardium is not None:
        labels[case.myocardium] = _MYOCARDIUM
    labels[scar] = _SCAR
    write_labels(path, labels, case.stack.spacing, case.stack.affine_ras)
    return replace(
        record,
        label=path,
        scar_values=(_SCAR,),
        myocardium_values=(_MYOCARDIUM, _SCAR) if case.myocardium is not None else (),
        cavity_values=(_CAVITY,) if case.lv is not None else (),
    )


def _erode(plane: Mask, amount_px: float) -> Mask:
    """Pixels deeper than `amount_px`; of a component without any, its deepest."""
    depth = ndimage.distance_transform_edt(plane)
    labels, count = ndimage.label(plane, structure=np.ones((3, 3)))
    deepest = np.zeros(count + 1)
    if count:
        deepest[1:] = ndimage.maximum(depth, labels, np.arange(1, count + 1))
    return np.asarray(plane & ((depth > amount_px) | (depth == deepest[labels])), dtype=np.bool_)


def _shift(scar: Mask, amount_px: float, seed: int, patient: str) -> Mask:
    rng = np.random.default_rng((seed, patient_stream(patient)))
    moved = np.zeros_like(scar)
    for z, plane in enumerate(scar):
        angle = rng.uniform(0, 2 * np.pi)
        rows, cols = np.nonzero(plane)
        rows = rows + round(amount_px * np.sin(angle))
        cols = cols + round(amount_px * np.cos(angle))
        inside = (rows >= 0) & (rows < plane.shape[0]) & (cols >= 0) & (cols < plane.shape[1])
        moved[z, rows[inside], cols[inside]] = True
    return moved


def _swap(scar: Mask, wall: Mask) -> Mask:
    swapped = scar.copy()
    for z, plane in enumerate(scar):
        for box in component_boxes(plane, z):
            place = (z, slice(int(box.row_min), int(box.row_max)), slice(int(box.col_min), int(box.col_max)))
            swapped[place] = wall[place] & ~scar[place]
    return swapped


def _wall(case: LabelledCase) -> Mask:
    if case.myocardium is None:
        raise InputError(
            "This label noise needs the myocardium, and the labels do not say where it is; fill in the column "
            "myocardium_values."
        )
    return case.myocardium
