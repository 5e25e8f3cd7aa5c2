"""What is measured of one case, and how it comes out of a case folder."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_scarseg.cases import Case, load_case, read_case_image
from napari_scarseg.cli.measure_config import MeasureConfig
from napari_scarseg.cli.measure_sources import Source
from napari_scarseg.core.case import CaseInfo
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_stack


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """One case, read.

    Parameters
    ----------
    lesions : mapping of case → ndarray of int, (Z, Y, X)
        A number per lesion. Several layers of labels in a case folder are as many cases of one patient.
    classes : ndarray of int, (Z, Y, X), or None
        The labels as their file has them; None where they are lesions.
    spacing : Spacing
    info : CaseInfo
        Unless a cohort table knows more.
    stack : Stack or None
    affine_ras : ndarray (4, 4) or None
        Of the labels.
    findings : tuple of str
        Beside those of the stack.
    """

    lesions: Mapping[str, npt.NDArray[np.int32]]
    classes: npt.NDArray[np.int32] | None
    spacing: Spacing
    info: CaseInfo
    stack: Stack | None
    affine_ras: npt.NDArray[np.float64] | None
    findings: tuple[str, ...] = ()


def read_case_material(source: Source, config: MeasureConfig) -> Material:
    """Labels of a case folder as they were saved, with the case's spacing, patient and phase, and its image if found.

    Raises
    ------
    InputError
        If the case cannot be read or has no labels, or its labels are said to be tissue classes.
    """
    if config.scar_values or config.preset:
        raise InputError(
            "in a case folder every label is a lesion; measure it without --scar-values and --preset, apart from files "
            "of tissue classes."
        )
    case = load_case(source.labels)
    layers = [part for part in case.labels if part.labels.any()] or list(case.labels[:1])
    if not layers:
        raise InputError("the case has no labels yet; segment it first, or leave it out.")
    names = [case.info.case] if len(layers) == 1 else [f"{case.info.case} [{part.name}]" for part in layers]
    if len(set(names)) < len(names):
        raise InputError("the case has two layers of labels of one name; rename one in the viewer, and save the case.")
    stack, findings = _find_image(source, case, config.series)
    return Material(
        lesions={name: part.labels for name, part in zip(names, layers, strict=True)},
        classes=None,
        spacing=config.spacing or case.spacing,
        info=case.info,
        stack=stack,
        affine_ras=case.affine_ras,
        findings=findings,
    )


def _find_image(source: Source, case: Case, series: str | None) -> tuple[Stack | None, tuple[str, ...]]:
    """The image that was given, else the case's own where it still lies."""
    if source.image is not None:
        return read_stack(source.image, series=series), ()
    try:
        return read_case_image(case), ()
    except InputError:
        # The reason may name the image's folder, which a record must not.
        return None, ("measured without intensities: the case's image is not where it was, or is another one",)
