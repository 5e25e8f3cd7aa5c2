"""The image of a case, found again and proved to be the same."""

import os
from pathlib import Path

from napari_scarseg.cases.case import Case
from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_stack


def read_case_image(case: Case, path: str | os.PathLike[str] | None = None) -> Stack:
    """Read the image that a case refers to.

    Parameters
    ----------
    case : Case
    path : path-like, optional
        Where the image is now, if it is no longer where the case says.

    Returns
    -------
    Stack
        With the case's spacing and stem: a spacing that a person had entered counts again.

    Raises
    ------
    InputError
        If the image is not there, or its voxels are not those that the case was made on.
    """
    source = Path(path) if path is not None else case.image.path
    if source is None:
        raise InputError(f"The case '{case.info.case}' was made on an image that came from no file; open it first.")
    if not source.exists():
        raise InputError(
            f"The image of the case '{case.info.case}' is not where it was ('{source.name}' is missing); choose where "
            "it is now."
        )
    stack = read_stack(source)
    check_case_image(case, stack)
    return Stack(stack.data, case.spacing, case.info.case, stack.affine_ras, stack.findings)


def check_case_image(case: Case, stack: Stack) -> None:
    """Raise InputError, with a sentence, unless `stack` holds the very voxels that `case` was made on."""
    if stack.sha256() != case.image.sha256:
        raise InputError(
            f"The image is not the one that the case '{case.info.case}' was made on (its voxels differ); choose the "
            "right image, or start a new case."
        )
