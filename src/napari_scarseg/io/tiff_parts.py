"""The stacks within a TIFF file: its series, and the channels and time points of hyperstacks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile

from napari_scarseg.errors import InputError
from napari_scarseg.io.decoding import LAZY_BYTES, check_declared_size
from napari_scarseg.io.volume import merge_equal_channels, native_order

_Array = npt.NDArray[np.generic]

_AXIS_WORDS = {"T": "time point", "C": "channel"}
# Which axis holds the slices, where several are longer than one: the first of these, or else the last one.
_SLICE_AXES = "ZT"
# More than any hyperstack of a heart has.
_MAX_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class TiffPart:
    """One stack of a file.

    Parameters
    ----------
    series : tuple of int
        Series of the file that it is made of: one, or several of one plane each.
    steps : tuple of int
        Where it lies on the axes in front of rows and columns; -1 on that of the slices.
    shape : (int, int, int)
    kind : str
    """

    series: tuple[int, ...]
    steps: tuple[int, ...]
    shape: tuple[int, int, int]
    kind: str


def plane_values(series: tifffile.TiffPageSeries) -> int:
    """Number of values in one plane, all its colours together."""
    return math.prod(n for axis, n in zip(series.axes, series.shape, strict=True) if axis in "YXS")


def plan_parts(tif: tifffile.TiffFile, name: str) -> list[TiffPart]:
    """The stacks of a file.

    Raises
    ------
    InputError
        If there is none, or rows and columns do not come last.
    """
    every = list(tif.series)
    if not every:
        raise InputError(f"'{name}' is a TIFF file without an image; export it again.")
    if len(every) > 1 and all(_is_plane(one) and _kind(one) == _kind(every[0]) for one in every):
        rows, columns = _plane_shape(every[0], name)
        steps = (0,) * len(_front(every[0]))
        return [TiffPart(tuple(range(len(every))), steps, (len(every), rows, columns), "stack")]
    parts = []
    for number, series in enumerate(every):
        words = "stack" if len(every) == 1 else f"image {number + 1} of {len(every)}"
        parts.extend(_parts_of(series, number, words, name))
        if len(parts) > _MAX_PARTS:
            raise InputError(f"'{name}' declares more than {_MAX_PARTS} stacks; it is damaged, or no LGE stack.")
    return parts


def read_part(tif: tifffile.TiffFile, part: TiffPart, path: Path, findings: list[str]) -> _Array:
    """Decode one stack to (Z, Y, X).

    Raises
    ------
    InputError
        If it is too large, incomplete, or in colour.
    """
    planes = []
    for number in part.series:
        series = tif.series[number]
        _check_series(series, len(part.series), path)
        data = _values(tif, series, path)
        if series.axes.endswith("S"):
            data = merge_equal_channels(data, path.name)
        chosen = data[tuple(slice(None) if step < 0 else step for step in part.steps)]
        planes.append(chosen if chosen.ndim == 3 else chosen[np.newaxis])
        findings.extend(_axis_findings(series, part.steps))
    return native_order(planes[0] if len(planes) == 1 else np.concatenate(planes))


def _front(series: tifffile.TiffPageSeries) -> list[tuple[str, int]]:
    """Letters and lengths of the axes in front of rows and columns; colours that are not last count among them."""
    return list(zip(series.axes, series.shape, strict=True))[: series.axes.find("Y")]


def _is_plane(series: tifffile.TiffPageSeries) -> bool:
    return all(n == 1 for _, n in _front(series))


def _kind(series: tifffile.TiffPageSeries) -> tuple[str, tuple[int, ...], str]:
    return series.axes, series.shape, series.dtype.str


def _plane_shape(series: tifffile.TiffPageSeries, name: str) -> tuple[int, int]:
    axes = series.axes.removesuffix("S")
    if axes[-2:] != "YX":
        raise InputError(f"'{name}' has the axes {series.axes}, but rows and columns must come last; export it again.")
    sizes = dict(zip(series.axes, series.shape, strict=True))
    return sizes["Y"], sizes["X"]


def _parts_of(series: tifffile.TiffPageSeries, number: int, words: str, name: str) -> list[TiffPart]:
    rows, columns = _plane_shape(series, name)
    front = _front(series)
    long = [at for at, (_, n) in enumerate(front) if n > 1]
    named = [at for letter in _SLICE_AXES for at in long if front[at][0] == letter]
    at_slices = named[0] if named else long[-1] if long else None
    steps = [-1 if at == at_slices else n for at, (_, n) in enumerate(front)]
    if math.prod(n for n in steps if n > 0) > _MAX_PARTS:
        raise InputError(f"'{name}' declares more than {_MAX_PARTS} stacks; it is damaged, or no LGE stack.")
    slices = 1 if at_slices is None else front[at_slices][1]
    parts = []
    for place in np.ndindex(*(1 if n < 0 else n for n in steps)):
        chosen = [(letter, n, step) for (letter, n), step, s in zip(front, place, steps, strict=True) if s > 1]
        kind = ", ".join([words, *(f"{_AXIS_WORDS.get(a, 'part')} {step + 1} of {n}" for a, n, step in chosen)])
        where = tuple(-1 if s < 0 else int(step) for s, step in zip(steps, place, strict=True))
        parts.append(TiffPart((number,), where, (slices, rows, columns), kind))
    return parts


def _axis_findings(series: tifffile.TiffPageSeries, steps: Sequence[int]) -> list[str]:
    letters = [letter for (letter, _), step in zip(_front(series), steps, strict=True) if step < 0]
    return [f"The file calls its planes {_AXIS_WORDS[a]}s; they were read as slices." for a in letters if a in "TC"]


def _values(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, path: Path) -> _Array:
    """A series' values; mapped where that saves reading or copying much."""
    offset = series.dataoffset
    if offset is None or series.nbytes < LAZY_BYTES or series.keyframe.bitspersample != 8 * series.dtype.itemsize:
        return np.asarray(series.asarray())
    stored = np.dtype(series.dtype).newbyteorder(tif.byteorder)
    return np.memmap(path, stored, "r", offset, series.shape)


def _check_series(series: tifffile.TiffPageSeries, count: int, path: Path) -> None:
    if series.dtype.kind not in "biuf":
        raise InputError(
            f"'{path.name}' holds values of type {series.dtype}, but intensities are real numbers; convert it."
        )
    compressed = any(page.compression != 1 for page in series.pages if page is not None)
    # One-bit images hold eight pixels per byte, so only whole bytes can be held against the file's size.
    bits = int(series.keyframe.bitspersample)
    stored = path.stat().st_size if not compressed and bits >= 8 * series.dtype.itemsize else None
    shape = (count, *series.shape)
    # How far zstd or LZMA can shrink data has no useful bound, so compressed files are held to a size alone.
    check_declared_size(path.name, shape, series.dtype.itemsize, stored_bytes=stored, compressed=compressed)
