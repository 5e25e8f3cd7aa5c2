"""The one door for images: any file or folder in, a `Stack` out."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack, constant_slices
from napari_scarseg.errors import InputError
from napari_scarseg.io.candidates import Offer, StackCandidate, choose_candidate
from napari_scarseg.io.dicom import offer_dicom
from napari_scarseg.io.dicom_files import on_disk
from napari_scarseg.io.folders import holds_only_dicom, list_folder
from napari_scarseg.io.nifti import offer_nifti
from napari_scarseg.io.npy import offer_npy, offer_npz
from napari_scarseg.io.slice_folder import read_slices
from napari_scarseg.io.sniff import READABLE_WORDS, Format, refuse_format, sniff_format
from napari_scarseg.io.stems import plain_stem
from napari_scarseg.io.tiff import offer_tiff
from napari_scarseg.io.volume import Content, Volume


@dataclass(frozen=True, slots=True)
class ReadChoices:
    """What the caller decides about reading.

    Parameters
    ----------
    content : Content
        Whether the values are intensities or labels.
    series : str or None
        Which stack to take where there are several: its name as `find_offer` lists it, or the number or UID of its
        DICOM series.
    """

    content: Content = Content.IMAGE
    series: str | None = None


_Reader = Callable[[Path, ReadChoices], Volume]

# Files that are one stack, or one plane of it.
_READERS: Mapping[Format, _Reader] = MappingProxyType(
    {
        Format.PNG: lambda path, choices: read_slices([path], choices.content),
        Format.JPEG: lambda path, choices: read_slices([path], choices.content),
        Format.BMP: lambda path, choices: read_slices([path], choices.content),
    }
)


def _offer_itk(path: Path) -> Offer:
    # Half a second that nobody pays who has no such file.
    from napari_scarseg.io.itk import offer_itk

    return offer_itk(path)


# Files that may hold several stacks.
_OFFERS: Mapping[Format, Callable[[Path], Offer]] = MappingProxyType(
    {
        Format.DICOM: offer_dicom,
        Format.ZIP: offer_dicom,
        Format.NIFTI: offer_nifti,
        Format.TIFF: offer_tiff,
        Format.NPY: offer_npy,
        Format.NPZ: offer_npz,
        Format.NRRD: _offer_itk,
        Format.METAIMAGE: _offer_itk,
    }
)


def read_stack(path: str | os.PathLike[str], *, spacing: Spacing | None = None, series: str | None = None) -> Stack:
    """Read a short-axis stack from a file or a folder.

    Reads NIfTI, TIFF (OME and ImageJ), NRRD, MetaImage, npy and npz files, folders of PNG, TIFF, JPEG or BMP slices,
    and DICOM as files, folders, zip archives and DICOMDIRs. The bytes decide what a file is, not its name. Nothing is
    written, resampled or reoriented. Large uncompressed files are mapped into memory and not copied.

    Parameters
    ----------
    path : path-like
    spacing : Spacing, optional
        The user's; it overrides what the file says, and the file's own is kept in the findings.
    series : str, optional
        Which stack to take where the path holds several: its name as `find_offer` lists it, or the number or UID of
        its DICOM series.

    Returns
    -------
    Stack
        (Z, Y, X) intensities in the file's own type, spacing with its origin, affine, and findings in words.

    Raises
    ------
    InputError
        If the path is missing, holds no image, or an image that is damaged, empty, in colour, constant, not finite,
        absurdly large; or if it holds several stacks and none was chosen.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> path = Path(tempfile.mkdtemp()) / "example.npy"
    >>> np.save(path, np.arange(24).reshape(2, 3, 4))
    >>> stack = read_stack(path)
    >>> stack.shape, stack.stem, stack.spacing.is_known
    ((2, 3, 4), 'example', False)
    """
    source = Path(path)
    return _make_stack(read_volume(source, ReadChoices(Content.IMAGE, series)), source, spacing)


def read_candidate(path: str | os.PathLike[str], offer: Offer, candidate: StackCandidate) -> Stack:
    """Read one of the stacks that `find_offer` found at `path`, as `read_stack` does, without looking again.

    Raises
    ------
    InputError
        See `read_stack`.
    """
    return _make_stack(offer.read(candidate), Path(path), None)


def _make_stack(volume: Volume, source: Path, spacing: Spacing | None) -> Stack:
    used, override = override_spacing(volume.spacing, spacing)
    findings = [*volume.findings, *override]
    stack = Stack(volume.data, used, volume.stem or plain_stem(source), volume.affine_ras)
    flat = constant_slices(stack.data)
    if flat:
        findings.append(f"Constant slices, without any signal: {', '.join(map(str, flat))} (counted from 0).")
    return replace(stack, findings=tuple(findings))


def find_offer(path: Path) -> Offer | None:
    """What there is to choose from at `path`; None where it can only be one stack.

    Raises
    ------
    InputError
        If the path is missing, damaged, or holds nothing that can be read.
    """
    if path.is_dir():
        contents = list_folder(path)
        if contents.slices and contents.dicom:
            raise InputError(
                f"The folder '{path.name}' holds both DICOM files and other slices; choose a folder with one of them."
            )
        if contents.dicom and not contents.folders:
            return offer_dicom(path, [on_disk(file) for file in contents.dicom])
        if contents.dicom or holds_only_dicom(contents):
            return offer_dicom(path)
        return find_offer(contents.stacks[0]) if len(contents.stacks) == 1 and not contents.slices else None
    offer = _OFFERS.get(sniff_format(path))
    return offer(path) if offer is not None else None


def read_volume(path: Path, choices: ReadChoices) -> Volume:
    """Read whatever is at `path` (file or folder) with its geometry; what the values mean is the caller's business."""
    offer = find_offer(path)
    if offer is not None:
        return offer.read(choose_candidate(offer.candidates, choices.series))
    if path.is_dir():
        return _read_folder(path, choices)
    kind = sniff_format(path)
    if kind not in _READERS:
        raise refuse_format(path, kind)
    return _READERS[kind](path, choices)


def _read_folder(folder: Path, choices: ReadChoices) -> Volume:
    contents = list_folder(folder)
    if contents.slices:
        return read_slices(contents.slices, choices.content)
    if len(contents.stacks) == 1:
        return read_volume(contents.stacks[0], choices)
    if contents.stacks:
        raise InputError(f"The folder '{folder.name}' holds {len(contents.stacks)} stacks; choose one of its files.")
    if len(contents.folders) > 0:
        raise InputError(f"The folder '{folder.name}' holds only folders; choose the one with the slices.")
    raise InputError(f"The folder '{folder.name}' holds no image that can be read; choose {READABLE_WORDS}.")


def override_spacing(header: Spacing, given: Spacing | None) -> tuple[Spacing, tuple[str, ...]]:
    """The spacing to use, and a finding where the user's replaces another one of the file's."""
    if given is None:
        return header, ()
    used = replace(given, origin=SpacingOrigin.USER) if given.origin is SpacingOrigin.HEADER else given
    own, new = (header.z_mm, header.y_mm, header.x_mm), (used.z_mm, used.y_mm, used.x_mm)
    if header.origin is SpacingOrigin.UNKNOWN or own == new:
        return used, ()
    words = " × ".join("unknown" if value is None else f"{value:.6g}" for value in own)
    return used, (f"The spacing was given by the user; the file itself says {words} mm (z, y, x).",)
