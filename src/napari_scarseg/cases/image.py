"""The image of a case, found again and proved to be the same."""

import os
from pathlib import Path

from napari_scarseg.cases.case import Case
from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError
from napari_scarseg.io import find_offer, propose_candidate, read_candidate, read_stack


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
    stack = _read_one(source, case)
    check_case_image(case, stack)
    return Stack(stack.data, case.spacing, case.info.case, stack.affine_ras, stack.findings)


def _read_one(source: Path, case: Case) -> Stack:
    """The stack at `source`; of several the one with the case's voxels, or else the most LGE-like."""
    offer = find_offer(source)
    if offer is None:
        return read_stack(source)
    alike = [one for one in offer.candidates if one.shape == case.image.shape]
    for candidate in alike:
        stack = read_candidate(source, offer, candidate)
        if stack.sha256() == case.image.sha256:
            return stack
    return read_candidate(source, offer, propose_candidate(offer.candidates))


def check_case_image(case: Case, stack: Stack) -> None:
    """Raise InputError, with a sentence, unless `stack` holds the very voxels that `case` was made on."""
    if stack.sha256() != case.image.sha256:
        raise InputError(
            f"The image is not the one that the case '{case.info.case}' was made on (its voxels differ); choose the "
            "right image, or start a new case."
        )
