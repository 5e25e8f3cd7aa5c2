"""What a folder holds: the slices of one stack, a DICOM series, or several stacks."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_scarseg.errors import InputError
from napari_scarseg.io.dicom import study_of
from napari_scarseg.io.natural_order import in_natural_order
from napari_scarseg.io.sniff import PLANAR, READABLE, READABLE_WORDS, Format, sniff_format
from napari_scarseg.io.tiff import count_planes

# Folders inside folders are followed this far.
_MAX_DEPTH = 8
# A case folder is the program's own record of a stack, and holds labels and not images.
_CASE_SUFFIX = ".scarseg"


@dataclass(frozen=True, slots=True)
class FolderContents:
    """Readable files of one folder, in natural order; files of other kinds and hidden ones are left out.

    Parameters
    ----------
    slices : tuple of Path
        Files of one plane each, which together are one stack.
    dicom : tuple of Path
        DICOM files.
    stacks : tuple of Path
        Files that are a stack each.
    folders : tuple of Path
        Folders inside.
    """

    slices: tuple[Path, ...]
    dicom: tuple[Path, ...]
    stacks: tuple[Path, ...]
    folders: tuple[Path, ...]


def list_folder(folder: Path) -> FolderContents:
    """Sort the files of a folder by what they hold.

    TIFF files are slices when each has one plane, and stacks otherwise.
    """
    try:
        entries = in_natural_order([Path(entry.path) for entry in os.scandir(folder) if not entry.name.startswith(".")])
    except OSError as cause:
        raise InputError(
            f"The folder '{folder.name}' cannot be opened ({cause.strerror}); check its permissions."
        ) from cause
    folders = tuple(path for path in entries if path.is_dir() and path.suffix != _CASE_SUFFIX)
    kinds = {path: sniff_format(path) for path in entries if path.is_file() and path.stat().st_size > 0}
    tiffs = [path for path, kind in kinds.items() if kind is Format.TIFF]
    planar_tiffs = {path for path in tiffs if count_planes(path) == 1}
    slices = tuple(path for path, kind in kinds.items() if kind in PLANAR or path in planar_tiffs)
    dicom = tuple(path for path, kind in kinds.items() if kind is Format.DICOM)
    stacks = tuple(
        path
        for path, kind in kinds.items()
        if kind in READABLE and path not in planar_tiffs and kind not in PLANAR and kind is not Format.DICOM
        if not _is_pair_image(path)
    )
    return FolderContents(slices, dicom, stacks, folders)


def holds_only_dicom(contents: FolderContents, depth: int = 0) -> bool:
    """Whether a folder without files of its own to read has DICOM files, and nothing else to read, further inside."""
    if contents.slices or contents.stacks:
        return False
    inside = [list_folder(folder) for folder in contents.folders] if depth < _MAX_DEPTH else []
    filled = [child for child in inside if child != FolderContents((), (), (), ())]
    if not filled:
        return bool(contents.dicom)
    return all(holds_only_dicom(child, depth + 1) for child in filled)


def collect_stacks(paths: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """What a list of files and folders means: one path per stack.

    A file is itself. A folder of slices or of DICOM files is one stack, and so is a folder whose DICOM folders are of
    one study. Any other folder is searched, folders inside included, for stack files, folders of slices and DICOM
    folders, in natural order. What was given twice counts once.

    Raises
    ------
    InputError
        If a path is missing, or a folder holds nothing that can be read.
    """
    found: dict[Path, Path] = {}
    for given in paths:
        path = Path(given)
        here = [one for one, _ in _search(path, 0)] if path.is_dir() else [path]
        if not path.is_dir():
            sniff_format(path)
        if not here:
            raise InputError(f"The folder '{path.name}' holds no image that can be read; choose {READABLE_WORDS}.")
        for stack in here:
            found.setdefault(stack.resolve(), stack)
    return list(found.values())


def _search(folder: Path, depth: int) -> list[tuple[Path, str | None]]:
    """Stacks below a folder, each with the study it belongs to if it is DICOM."""
    contents = list_folder(folder)
    if contents.dicom and not contents.slices:
        return [(folder, study_of(contents.dicom[0]))]
    if contents.slices:
        # Beside the slices of a stack, other files are by-products of it.
        return [(folder, None)]
    inside = [stack for child in contents.folders if depth < _MAX_DEPTH for stack in _search(child, depth + 1)]
    studies = {study for _, study in inside}
    if not contents.stacks and len(inside) > 1 and len(studies) == 1 and (study := next(iter(studies))):
        # One examination, a folder per series: which of them is the stack is one choice.
        return [(folder, study)]
    return [*((path, None) for path in contents.stacks), *inside]


def _is_pair_image(path: Path) -> bool:
    """Whether this is the .img of a NIfTI pair, which is read through its .hdr."""
    return path.suffix == ".img" and path.with_suffix(".hdr").exists()
