"""The name that results carry."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from napari_scarseg.errors import InputError
from napari_scarseg.io.dicom import dicom_stem
from napari_scarseg.io.dicom_seg_read import segmentation_stem
from napari_scarseg.io.folders import holds_only_dicom, list_folder
from napari_scarseg.io.sniff import Format, sniff_format

# Only suffixes that name a format fall away: in "patient.07.nii.gz" the 07 is part of the name.
_SUFFIXES = frozenset(
    {
        ".nii", ".hdr", ".img", ".gz", ".tif", ".tiff", ".ome", ".btf", ".tf2", ".tf8", ".png", ".jpg", ".jpeg", ".bmp",
        ".dcm", ".dicom", ".ima", ".npy", ".npz", ".nrrd", ".seg", ".nhdr", ".mha", ".mhd", ".zip",
    }
)  # fmt: skip


def plain_stem(path: Path) -> str:
    """Name of a file without the suffixes of its format, or of a folder as it is.

    Examples
    --------
    >>> plain_stem(Path("scans/P001.07.nii.gz")), plain_stem(Path("mouse.ome.tif"))
    ('P001.07', 'mouse')
    """
    resolved = Path(os.path.abspath(path))
    name = resolved.name
    if resolved.is_dir():
        return name or "stack"
    while (suffix := Path(name).suffix).casefold() in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def resolve_stems(
    paths: Sequence[str | os.PathLike[str]], series: str | None = None, *, keep_identifiers: bool = False
) -> dict[Path, str]:
    """Give every stack the name its results carry.

    The file's or folder's name without suffixes; where several are equal, the parent folder's name in front of each.
    A DICOM stack has a salted hash, unless `keep_identifiers` asks for its file's or folder's name; `series` says which
    where a path holds several. Upper and lower case count as equal, as they do on some file systems.

    Raises
    ------
    InputError
        If two stacks would still share a name, or a path holds several DICOM stacks and none was chosen.
    """
    given = [Path(path) for path in paths]
    own = {path: plain_stem(path) if keep_identifiers else _own_stem(path, series) for path in given}
    crowded = {stem for stem, count in Counter(stem.casefold() for stem in own.values()).items() if count > 1}
    # Only a name that shows may have its folder's in front: where a hash hides a name, the folder may tell it.
    stems = {
        path: _with_parent(path, stem) if stem.casefold() in crowded and stem == plain_stem(path) else stem
        for path, stem in own.items()
    }
    repeated = [stem for stem, count in Counter(stem.casefold() for stem in stems.values()).items() if count > 1]
    if repeated or len(stems) < len(given):
        shared = repeated[0] if repeated else next(iter(stems.values()))
        raise InputError(
            f"Several inputs would write results of the same name ('{shared}'); rename one, or run them separately."
        )
    return stems


def _own_stem(path: Path, series: str | None) -> str:
    if (of_images := segmentation_stem(path)) is not None:
        return of_images
    is_dicom = (
        bool(list_folder(path).dicom) or holds_only_dicom(list_folder(path))
        if path.is_dir()
        else (sniff_format(path) in (Format.DICOM, Format.ZIP))
    )
    return dicom_stem(path, series) if is_dicom else plain_stem(path)


def _with_parent(path: Path, stem: str) -> str:
    parent = Path(os.path.abspath(path)).parent.name
    return f"{parent}_{stem}" if parent else stem
