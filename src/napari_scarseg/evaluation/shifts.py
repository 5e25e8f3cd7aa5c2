"""What other hospitals do to an image, as named and exact changes of a labelled case: signal, window, grid, view, turn.

A shift changes the image and its truth together, and figures are computed on the shifted grid. Nothing here is random.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
from skimage.transform import resize

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.core.stack import Stack
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.datasets.magnitude import LEAST_PX, fold_signal, healthy_signal, null_level
from napari_scarseg.errors import InputError
from napari_scarseg.measure.thresholds import find_remote

Volume = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

# The matrix that EMIDEC's slices have, and the pixel that such a matrix has in usual protocols.
_USUAL_MATRIX, _USUAL_PIXEL_MM = 256, 1.4


@dataclass(frozen=True, slots=True)
class Shift:
    """One change.

    Parameters
    ----------
    name : str
        What the command line and tables call it.
    about : str
        One line for a person.
    apply : callable
        LabelledCase → LabelledCase.
    """

    name: str
    about: str
    apply: Callable[[LabelledCase], LabelledCase]


def to_magnitude(case: LabelledCase) -> LabelledCase:
    """Magnitude in place of a signed (PSIR) image: in each slice the inversion time nulls healthy myocardium."""
    return _with_data(case, fold_signal(case.stack.data, healthy_signal(case)[:, 0, None, None]))


def to_one_null(case: LabelledCase) -> LabelledCase:
    """Magnitude with one null level for the stack: where slices differ in signal, the inversion time is set wrong."""
    return _with_data(case, fold_signal(case.stack.data, null_level(case)))


def to_remote_null(case: LabelledCase) -> LabelledCase:
    """Magnitude with remote myocardium nulled in each slice: the darkest 60° sector of the wall, scar taken as white.

    Where an infarct leaves little of the wall, the median of the rest is that of its border and lies near blood; remote
    wall is what an inversion time is set to. Slices with too little of it are nulled as `to_magnitude` does.
    """
    levels = healthy_signal(case)[:, 0]
    data = case.stack.data.astype(np.float64)
    for z, plane in enumerate(data):
        if case.myocardium is None:
            break
        # White whatever it is: a dark core is not remote, and the wall's middle stays that of the LV.
        remote = find_remote(np.where(case.scar[z], data.max(), plane), case.myocardium[z]) & ~case.scar[z]
        if remote.sum() >= LEAST_PX:
            levels[z] = np.median(plane[remote])
    return _with_data(case, fold_signal(case.stack.data, levels[:, None, None]))


def to_window(case: LabelledCase, low: float, high: float, gamma: float) -> LabelledCase:
    """Another display window burnt in: clipped to two percentiles of the stack, then raised to `gamma` in [0, 1]."""
    data = case.stack.data.astype(np.float32)
    bottom, top = np.percentile(data, (low, high))
    scaled = np.clip((data - bottom) / max(float(top - bottom), 1e-6), 0, 1) ** gamma
    return _with_data(case, np.round(255 * scaled).astype(np.float32))


def to_matrix(case: LabelledCase, rows: int, cols: int) -> LabelledCase:
    """The same field of view on another matrix: linear, with a blur before it is made coarser; truth by its half.

    Pixels grow or shrink accordingly, where their size is known.
    """
    _, height, width = case.stack.shape
    data = _resize(case.stack.data.astype(np.float32), (rows, cols))
    spacing = case.stack.spacing
    if spacing.y_mm is not None and spacing.x_mm is not None:
        spacing = replace(spacing, y_mm=spacing.y_mm * height / rows, x_mm=spacing.x_mm * width / cols)
    return _rebuild(case, data, spacing, lambda mask: _resize(mask.astype(np.float32), (rows, cols)) >= 0.5)


def to_pixel(case: LabelledCase, pixel_mm: float) -> LabelledCase:
    """Pixels of another size, on the same number of them: the heart becomes larger or smaller in the picture.

    Pixels of unknown size count as 1.4 mm on a matrix of 256, which is usual. What leaves the picture is cut off around
    the heart, what is missing is filled with the edge.
    """
    _, height, width = case.stack.shape
    own = case.stack.spacing.y_mm or _USUAL_PIXEL_MM * _USUAL_MATRIX / height
    factor = own / pixel_mm
    scaled = to_matrix(case, round(height * factor), round(width * factor))
    row, col = _heart(scaled)
    return _take(scaled, row, col, height, width)


def to_view(case: LabelledCase, margin: float) -> LabelledCase:
    """A smaller field of view: a square around the heart, `margin` times as wide as the LV (or scar) is."""
    rows, cols = _extent(case)
    side = round(margin * max(rows[1] - rows[0], cols[1] - cols[0]))
    side = max(min(side, *case.stack.shape[1:]), 16)
    return _take(case, (rows[0] + rows[1]) // 2, (cols[0] + cols[1]) // 2, side, side)


def to_turned(case: LabelledCase, quarter_turns: int, *, flipped: bool = False) -> LabelledCase:
    """Slices turned by quarters, counter-clockwise, after a flip of left and right if asked for."""

    def turn(volume: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        return np.ascontiguousarray(np.rot90(volume[:, :, ::-1] if flipped else volume, quarter_turns, axes=(1, 2)))

    spacing = case.stack.spacing
    if quarter_turns % 2:
        spacing = replace(spacing, y_mm=spacing.x_mm, x_mm=spacing.y_mm)
    return _rebuild(case, turn(case.stack.data), spacing, lambda mask: np.asarray(turn(mask), dtype=np.bool_))


def to_stretched(case: LabelledCase, rows: float, cols: float) -> LabelledCase:
    """Another aspect: more or fewer rows and columns over the same field of view, by these factors."""
    _, height, width = case.stack.shape
    return to_matrix(case, round(height * rows), round(width * cols))


def to_other_centre(case: LabelledCase, fold: Callable[[LabelledCase], LabelledCase] = to_magnitude) -> LabelledCase:
    """Several at once: magnitude (`fold`), 0.75 mm pixels, and a view of 2.2 LV diameters."""
    return to_view(to_pixel(fold(case), 0.75), 2.2)


NO_SHIFT = "none"

SHIFTS = (
    Shift("magnitude", "magnitude in place of PSIR", to_magnitude),
    Shift("magnitude-one-null", "magnitude, one null level for all slices", to_one_null),
    Shift("magnitude-remote", "magnitude, each slice's remote sector nulled", to_remote_null),
    Shift("window-narrow", "window from the 20th to the 99th percentile", partial(to_window, low=20, high=99, gamma=1)),
    Shift("window-bright", "gamma 0.6: dark tones lifted", partial(to_window, low=0.5, high=99.5, gamma=0.6)),
    Shift("window-dark", "gamma 1.6: dark tones lowered", partial(to_window, low=0.5, high=99.5, gamma=1.6)),
    Shift("matrix-128", "the same view on 128 × 128", partial(to_matrix, rows=128, cols=128)),
    Shift("matrix-192", "the same view on 192 × 192", partial(to_matrix, rows=192, cols=192)),
    Shift("matrix-384", "the same view on 384 × 384", partial(to_matrix, rows=384, cols=384)),
    Shift("matrix-512", "the same view on 512 × 512", partial(to_matrix, rows=512, cols=512)),
    Shift("pixel-0.7mm", "pixels of 0.7 mm", partial(to_pixel, pixel_mm=0.7)),
    Shift("pixel-1.0mm", "pixels of 1.0 mm", partial(to_pixel, pixel_mm=1.0)),
    Shift("pixel-1.9mm", "pixels of 1.9 mm", partial(to_pixel, pixel_mm=1.9)),
    Shift("view-2.2", "view of 2.2 LV diameters", partial(to_view, margin=2.2)),
    Shift("view-1.6", "view of 1.6 LV diameters", partial(to_view, margin=1.6)),
    Shift("flip", "left and right swapped", partial(to_turned, quarter_turns=0, flipped=True)),
    Shift("turn-90", "turned by 90°", partial(to_turned, quarter_turns=1)),
    Shift("turn-180", "turned by 180°", partial(to_turned, quarter_turns=2)),
    Shift("turn-270", "turned by 270°", partial(to_turned, quarter_turns=3)),
    Shift("aspect-rows", "rows stretched by 1.25", partial(to_stretched, rows=1.25, cols=1)),
    Shift("aspect-cols", "columns stretched by 1.25", partial(to_stretched, rows=1, cols=1.25)),
    Shift("other-centre", "magnitude, 0.75 mm and a small view together", to_other_centre),
    Shift(
        "other-centre-remote",
        "magnitude (remote sector nulled), 0.75 mm and a small view together",
        partial(to_other_centre, fold=to_remote_null),
    ),
)


def find_shifts(names: tuple[str, ...]) -> tuple[Shift, ...]:
    """The shifts of these names, in the order of `SHIFTS`; all of them for the name "all".

    Raises
    ------
    InputError
        If there is none of a name.
    """
    known = {shift.name for shift in SHIFTS}
    unknown = [name for name in names if name not in known and name != "all"]
    if unknown:
        raise InputError(f"There is no shift called {unknown[0]}; choose all, or from {', '.join(sorted(known))}.")
    return tuple(shift for shift in SHIFTS if "all" in names or shift.name in names)


def _with_data(case: LabelledCase, data: Volume) -> LabelledCase:
    return replace(case, stack=replace(case.stack, data=data))


def _rebuild(
    case: LabelledCase, data: npt.NDArray[np.generic], spacing: Spacing, move: Callable[[Mask], Mask]
) -> LabelledCase:
    """The case with its image given and every mask moved; the affine is the old grid's, so it goes."""
    lv, wall = (None if mask is None else move(mask) for mask in (case.lv, case.myocardium))
    return LabelledCase(case.record, Stack(data, spacing, case.stack.stem), move(case.scar), lv, wall)


def _resize(volume: Volume, shape: tuple[int, int]) -> Volume:
    """Each slice on another matrix, pixel i covering [i, i + 1) of both."""
    if shape == volume.shape[1:]:
        return volume
    planes = [resize(plane, shape, order=1, mode="edge", anti_aliasing=True, preserve_range=True) for plane in volume]
    return np.stack(planes).astype(np.float32)


def _extent(case: LabelledCase) -> tuple[tuple[int, int], tuple[int, int]]:
    """First row and column and one past the last of the LV in any slice; of the scar, or of the middle, without one."""
    heart = case.scar if case.lv is None else case.lv
    if not heart.any():
        _, height, width = case.stack.shape
        return (height * 3 // 8, height * 5 // 8), (width * 3 // 8, width * 5 // 8)
    rows, cols = np.flatnonzero(heart.any(axis=(0, 2))), np.flatnonzero(heart.any(axis=(0, 1)))
    return (int(rows[0]), int(rows[-1]) + 1), (int(cols[0]), int(cols[-1]) + 1)


def _heart(case: LabelledCase) -> tuple[int, int]:
    rows, cols = _extent(case)
    return (rows[0] + rows[1]) // 2, (cols[0] + cols[1]) // 2


def _take(case: LabelledCase, row: int, col: int, height: int, width: int) -> LabelledCase:
    """A (height, width) part around (row, col), moved inwards where it fits and padded with the edge where not."""
    _, rows, cols = case.stack.shape
    row_index, row_inside = _indices(row, height, rows)
    col_index, col_inside = _indices(col, width, cols)
    inside = row_inside[:, None] & col_inside[None]
    data = np.ascontiguousarray(case.stack.data[:, row_index][:, :, col_index])
    return _rebuild(case, data, case.stack.spacing, lambda mask: mask[:, row_index][:, :, col_index] & inside)


def _indices(centre: int, length: int, available: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Which pixels of an axis to take, and which of them are there and not repeated edge."""
    start = min(max(centre - length // 2, 0), max(available - length, 0))
    if length > available:
        start = -((length - available) // 2)
    wanted = np.arange(start, start + length)
    return np.clip(wanted, 0, available - 1), (wanted >= 0) & (wanted < available)
