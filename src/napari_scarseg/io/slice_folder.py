"""Folders (or single files) of PNG, TIFF, JPEG or BMP slices."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.errors import InputError
from napari_scarseg.io.decoding import check_declared_size, decoding
from napari_scarseg.io.natural_order import in_natural_order, last_number, pattern_of
from napari_scarseg.io.sniff import PLANAR, Format, refuse_format, sniff_format
from napari_scarseg.io.tiff import read_tiff
from napari_scarseg.io.volume import Content, Volume, merge_equal_channels, native_order

# How Pillow names single-channel pixels.
_GREY_MODES = frozenset({"1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"})


def read_slices(paths: Sequence[Path], content: Content = Content.IMAGE) -> Volume:
    """Read one slice per file, in natural order of the names.

    The spacing of such files is not known. A palette image gives its grey levels, or as labels its indices.

    Raises
    ------
    InputError
        If a file is damaged or in colour, or the slices differ in size.
    """
    ordered = in_natural_order(list(paths))
    if not ordered:
        raise InputError("There are no slices to read; choose a folder of PNG, TIFF or JPEG files.")
    planes = [read_plane(ordered[0], content)]
    check_declared_size(ordered[0].parent.name, (len(ordered), *planes[0].shape), planes[0].dtype.itemsize)
    for path in ordered[1:]:
        plane = read_plane(path, content)
        if plane.shape != planes[0].shape:
            raise InputError(
                f"The slices differ in size: '{ordered[0].name}' has {_size(planes[0])} pixels and '{path.name}' "
                f"{_size(plane)}; keep the slices of one stack in a folder of their own."
            )
        planes.append(plane)
    findings = [*_name_findings(ordered), *_type_findings(planes, ordered)]
    return Volume(np.stack(planes), Spacing.unknown(), findings=tuple(findings))


def read_plane(path: Path, content: Content = Content.IMAGE) -> npt.NDArray[np.generic]:
    """Read one image file of one plane as (Y, X)."""
    kind = sniff_format(path)
    if kind is Format.TIFF:
        data = read_tiff(path).data
        if data.shape[0] != 1:
            raise InputError(
                f"'{path.name}' holds {data.shape[0]} planes among files of one plane each; keep stacks and single "
                "slices in different folders."
            )
        plane: npt.NDArray[np.generic] = data[0]
        return plane
    if kind not in PLANAR:
        raise refuse_format(path, kind)
    if kind is Format.JPEG and content is Content.LABELS:
        raise InputError(f"'{path.name}' is a JPEG file, whose compression changes labels; save them as PNG or NIfTI.")
    with decoding(path.name, f"a {kind.value} file"):
        return native_order(_decode(path, kind, content))


def _decode(path: Path, kind: Format, content: Content) -> npt.NDArray[np.generic]:
    with Image.open(path, formats=(kind.value,)) as image:
        width, height = image.size
        check_declared_size(path.name, (height, width, len(image.getbands())), 4, compressed=True)
        if getattr(image, "n_frames", 1) > 1:
            raise InputError(f"'{path.name}' is an animation; save each slice as its own file.")
        if kind is Format.PNG and _is_deep_colour(path):
            # Pillow would cut the 16-bit samples of colour PNGs to 8.
            return merge_equal_channels(imagecodecs.png_decode(path.read_bytes()), path.name)
        image.load()
        data: npt.NDArray[np.generic] = np.asarray(image)
        if image.mode == "P":
            return data if content is Content.LABELS else _palette_greys(image, path.name)
        return data if image.mode in _GREY_MODES else merge_equal_channels(data, path.name)


def _is_deep_colour(path: Path) -> bool:
    """Whether a PNG has 16-bit samples and more than one per pixel (bytes 24 and 25 of its header)."""
    with open(path, "rb") as handle:
        head = handle.read(26)
    return len(head) == 26 and head[24] == 16 and head[25] in (2, 4, 6)


def _palette_greys(image: Image.Image, name: str) -> npt.NDArray[np.generic]:
    return merge_equal_channels(np.asarray(image.convert("RGB")), name)


def _size(plane: npt.NDArray[np.generic]) -> str:
    return f"{plane.shape[0]} × {plane.shape[1]}"


def _name_findings(paths: Sequence[Path]) -> list[str]:
    findings = []
    patterns = {pattern_of(path.name) for path in paths}
    if len(patterns) > 1:
        findings.append(
            f"The slices' names follow {len(patterns)} patterns; all were read as one stack in natural order."
        )
        return findings
    numbers = [last_number(path.name) for path in paths]
    known = [number for number in numbers if number is not None]
    gaps = [(a, b) for a, b in pairwise(known) if b - a != known[1] - known[0]]
    if len(known) == len(paths) and gaps:
        findings.append(f"The slices' numbers are uneven (from {gaps[0][0]} to {gaps[0][1]}): a slice may be missing.")
    return findings


def _type_findings(planes: Sequence[npt.NDArray[np.generic]], paths: Sequence[Path]) -> list[str]:
    findings = []
    types = sorted({str(plane.dtype) for plane in planes})
    if len(types) > 1:
        findings.append(f"The slices differ in depth ({', '.join(types)}); their values were taken as they are.")
    if any(path.suffix.casefold() in (".jpg", ".jpeg") for path in paths):
        findings.append("The slices are JPEG files, whose compression changes intensities.")
    return findings
