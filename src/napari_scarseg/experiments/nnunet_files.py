"""A data set as nnU-Net v2's raw format, and its predictions back. Names are numbers and carry no patient."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.datasets import CaseRecord, LabelledCase, load_case
from napari_scarseg.errors import InputError
from napari_scarseg.io import atomic_path, read_labels, write_json, write_labels
from napari_scarseg.io.write_image import write_stack_nifti

_ENDING = ".nii.gz"
# Classes of the labels that are written: scar alone, or with the anatomy round it.
SCAR_ONLY = {"background": 0, "scar": 1}
WITH_ANATOMY = {"background": 0, "cavity": 1, "myocardium": 2, "scar": 3}


def export_raw(
    raw: Path, name: str, train: Sequence[CaseRecord], test: Sequence[CaseRecord], *, with_anatomy: bool
) -> Path:
    """Write `raw/<name>` with `imagesTr`, `labelsTr`, `imagesTs` and `dataset.json`; returns its path.

    Parameters
    ----------
    raw : Path
        What the variable `nnUNet_raw` names.
    name : str
        As nnU-Net wants it: `Dataset` and three digits, `_` and a word.
    train, test : sequence of CaseRecord
        A test case's labels are not written: nothing of nnU-Net's may see them.
    with_anatomy : bool
        Whether cavity and myocardium are classes of their own.

    Raises
    ------
    InputError
        If the anatomy is asked for and the labels do not say where it is, or there is nothing to train on or test.
    """
    if not train or not test:
        raise InputError("nnU-Net needs patients to train on and patients to test; check the folds.")
    folder = raw / name
    for number, record in enumerate(train):
        case = load_case(record)
        stack = _with_geometry(case.stack)
        write_stack_nifti(folder / "imagesTr" / f"train_{number:04d}_0000{_ENDING}", stack)
        labels = _labels(case, with_anatomy=with_anatomy)
        write_labels(folder / "labelsTr" / f"train_{number:04d}{_ENDING}", labels, stack.spacing, stack.affine_ras)
    for number, record in enumerate(test):
        stack = _with_geometry(load_case(record).stack)
        write_stack_nifti(folder / "imagesTs" / f"test_{number:04d}_0000{_ENDING}", stack)
    description = {
        # A name that is none of nnU-Net's own gets its z-score normalisation.
        "channel_names": {"0": "LGE"},
        "labels": WITH_ANATOMY if with_anatomy else SCAR_ONLY,
        "numTraining": len(train),
        "file_ending": _ENDING,
    }
    write_json(folder / "dataset.json", description)
    return folder


def read_prediction(folder: Path, number: int, case: LabelledCase, *, with_anatomy: bool) -> npt.NDArray[np.bool_]:
    """Scar (Z, Y, X) that nnU-Net predicted for test case `number`.

    Raises
    ------
    InputError
        If it is missing or lies on another grid.
    """
    labels = read_labels(folder / f"test_{number:04d}{_ENDING}").labels
    if labels.shape != case.stack.shape:
        raise InputError(f"nnU-Net's prediction has the shape {labels.shape} and the stack {case.stack.shape}.")
    return np.asarray(labels == (WITH_ANATOMY if with_anatomy else SCAR_ONLY)["scar"], dtype=np.bool_)


def shrink_plans(path: Path, configuration: str, *, patch_px: int, batch_size: int, width_share: float) -> None:
    """Make the network of a plans file smaller, for trying out: patch, batch and channels of every stage.

    nnU-Net's plans are meant to be edited; what is not named here stays as it planned it.
    """
    plans: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    own = plans["configurations"][configuration]
    own["patch_size"] = [min(patch_px, side) for side in own["patch_size"]]
    own["batch_size"] = batch_size
    settings = own["architecture"]["arch_kwargs"]
    settings["features_per_stage"] = [max(4, round(width_share * width)) for width in settings["features_per_stage"]]
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(plans, indent=4) + "\n", encoding="utf-8")


def _with_geometry(stack: Stack) -> Stack:
    """The stack with a spacing and a place: nnU-Net wants numbers, so it is told 1 mm where nothing is known."""
    z, y, x = (1.0 if mm is None else mm for mm in (stack.spacing.z_mm, stack.spacing.y_mm, stack.spacing.x_mm))
    spacing = Spacing(z, y, x, SpacingOrigin.USER)
    affine = np.diag([x, y, z, 1.0]) if stack.affine_ras is None else stack.affine_ras
    return replace(stack, spacing=spacing, affine_ras=affine)


def _labels(case: LabelledCase, *, with_anatomy: bool) -> npt.NDArray[np.int32]:
    if not with_anatomy:
        return case.scar.astype(np.int32)
    if case.lv is None or case.myocardium is None:
        raise InputError(
            f"The labels of patient {case.record.patient} do not say where the cavity and the myocardium are; train "
            "nnU-Net on scar alone (anatomy = false)."
        )
    labels = np.zeros(case.scar.shape, dtype=np.int32)
    labels[case.lv] = WITH_ANATOMY["cavity"]
    labels[case.myocardium] = WITH_ANATOMY["myocardium"]
    labels[case.scar] = WITH_ANATOMY["scar"]
    return labels
