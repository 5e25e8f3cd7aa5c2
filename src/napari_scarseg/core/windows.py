"""Windows: invertible crops of a slice, resampled to the grid a network works on.

A window covers a rectangle of the slice (pixel i covers [i, i + 1); edges may lie outside the slice) with `size` ×
`size` samples at pixel centres. Going there and back is linear interpolation both ways, in this file only.
"""

import builtins
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from napari_scarseg.core.box import Box

Array = npt.NDArray[np.float32]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Window:
    """Rectangle of one slice seen on a square grid.

    Parameters
    ----------
    slice : int
    row_min, col_min, row_max, col_max : float
        Edges in pixels of the slice, half-open.
    size : int
        Samples along each side.
    is_turned : bool
        Whether the grid shows the rectangle turned by 180°.
    """

    slice: int
    row_min: float
    col_min: float
    row_max: float
    col_max: float
    size: int
    is_turned: bool = False

    def crop(self, plane: npt.NDArray[np.generic]) -> Array:
        """Sample `plane` (Y, X) onto (size, size), float32; beyond the slice its edge is repeated."""
        (sampled,) = self.crop_all([plane])
        return sampled

    def crop_all(self, planes: Sequence[npt.NDArray[np.generic]]) -> list[Array]:
        """As `crop`, for several planes (Y, X) of one shape."""
        height, width = planes[0].shape
        rows, row_matrix = _resampling_matrix(height, self.row_min, self.row_max, self.size)
        cols, col_matrix = _resampling_matrix(width, self.col_min, self.col_max, self.size)
        seen = (np.asarray(plane[rows, cols], dtype=np.float32) for plane in planes)
        return [self._turn(np.asarray(row_matrix @ part @ col_matrix.T, dtype=np.float32)) for part in seen]

    def paste(
        self, values: npt.NDArray[np.generic], shape: tuple[int, int]
    ) -> tuple[builtins.slice, builtins.slice, Array]:
        """Bring a (S, S) result of any S back to the pixels of the slice that the window covers.

        Parameters
        ----------
        values : ndarray (S, S)
            Logits on a grid over the same rectangle; S need not be `size`.
        shape : (Y, X) of the slice

        Returns
        -------
        rows, cols : slice
            Pixels of the slice whose centres lie in the window.
        native : ndarray of float32, (rows, cols)
        """
        rows = _covered(self.row_min, self.row_max, shape[0])
        cols = _covered(self.col_min, self.col_max, shape[1])
        grid_rows = values.shape[0] / (self.row_max - self.row_min)
        grid_cols = values.shape[1] / (self.col_max - self.col_min)
        grid_row, row_matrix = _resampling_matrix(
            values.shape[0],
            (rows.start - self.row_min) * grid_rows,
            (rows.stop - self.row_min) * grid_rows,
            rows.stop - rows.start,
        )
        grid_col, col_matrix = _resampling_matrix(
            values.shape[1],
            (cols.start - self.col_min) * grid_cols,
            (cols.stop - self.col_min) * grid_cols,
            cols.stop - cols.start,
        )
        seen = np.asarray(self._turn(values)[grid_row, grid_col], dtype=np.float32)
        native = row_matrix @ seen @ col_matrix.T
        return rows, cols, np.asarray(native, dtype=np.float32)

    def corners_to_grid(
        self, row_min: float, col_min: float, row_max: float, col_max: float
    ) -> tuple[float, float, float, float]:
        """Edges in pixels of the slice → edges on the window's grid (0 … size)."""
        per_row = self.size / (self.row_max - self.row_min)
        per_col = self.size / (self.col_max - self.col_min)
        return self._turn_corners(
            (row_min - self.row_min) * per_row,
            (col_min - self.col_min) * per_col,
            (row_max - self.row_min) * per_row,
            (col_max - self.col_min) * per_col,
        )

    def corners_to_slice(
        self, row_min: float, col_min: float, row_max: float, col_max: float
    ) -> tuple[float, float, float, float]:
        """Inverse of `corners_to_grid`."""
        row_min, col_min, row_max, col_max = self._turn_corners(row_min, col_min, row_max, col_max)
        rows = (self.row_max - self.row_min) / self.size
        cols = (self.col_max - self.col_min) / self.size
        return (
            self.row_min + row_min * rows,
            self.col_min + col_min * cols,
            self.row_min + row_max * rows,
            self.col_min + col_max * cols,
        )

    def _turn(self, grid: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
        """A grid (S, S) of any S as the rectangle lies → as the network sees it; the same leads back."""
        return np.ascontiguousarray(grid[::-1, ::-1]) if self.is_turned else grid

    def _turn_corners(
        self, row_min: float, col_min: float, row_max: float, col_max: float
    ) -> tuple[float, float, float, float]:
        """Edges on the grid, as by `_turn`."""
        if not self.is_turned:
            return row_min, col_min, row_max, col_max
        return self.size - row_max, self.size - col_max, self.size - row_min, self.size - col_min


def context_slices(index: int, count: int, context: int) -> tuple[int, ...]:
    """Slice `index` of `count` between its neighbours in order; beyond the ends of the stack the last one is repeated.

    Examples
    --------
    >>> context_slices(0, 5, 1)
    (0, 0, 1)
    """
    return tuple(min(max(z, 0), count - 1) for z in range(index - context, index + context + 1))


def crop_context(volume: npt.NDArray[np.generic], window: Window, context: int) -> Array:
    """What a window shows of its slice and of its neighbours in a (Z, Y, X) volume: (1 + 2 context, size, size)."""
    indices = context_slices(window.slice, len(volume), context)
    distinct = sorted(set(indices))
    crops = dict(zip(distinct, window.crop_all([volume[index] for index in distinct]), strict=True))
    return np.stack([crops[index] for index in indices])


def whole_slice_window(slice_index: int, shape: tuple[int, int], size: int) -> Window:
    """Window over a whole (Y, X) slice, padded at the bottom or right to a square as official SAM does."""
    side = float(max(shape))
    return Window(slice_index, 0.0, 0.0, side, side, size)


def window_around(box: Box, *, factor: float, min_side_px: float, size: int) -> Window:
    """Square window around `box`, on a coarse grid.

    The side is `factor` × the box's longer side, at least `min_side_px`, rounded up to the next of eight steps per
    octave; the centre is rounded to 1/16 of the side. A small nudge therefore gives the same window, so an embedding
    computed for it can be used again, and the window depends on the box alone, not on how it got there.
    """
    wanted = max(factor * max(box.height, box.width), min_side_px)
    side = 2.0 ** (math.ceil(8 * math.log2(wanted) - 1e-9) / 8)
    step = side / 16
    row, col = (round(c / step) * step for c in box.centre)
    return Window(box.slice, row - side / 2, col - side / 2, row + side / 2, col + side / 2, size)


def _covered(low: float, high: float, length: int) -> slice:
    """Pixels of an axis of `length` whose centres (i + 0.5) lie in [low, high); never reversed."""
    start = min(max(math.ceil(low - 0.5), 0), length)
    stop = min(max(math.ceil(high - 0.5), start), length)
    return slice(start, stop)


def _resampling_matrix(length: int, low: float, high: float, samples: int) -> tuple[slice, csr_array]:
    """What resamples an axis of `length` pixels over [low, high), edges repeated: the pixels it needs, and a matrix.

    Linear interpolation when it enlarges; a triangle filter as wide as the sample when it reduces, so that thin
    structures are averaged and not skipped. The matrix is (samples, pixels needed), and sparse: few pixels make a
    sample, and a dense product would wake the threads of BLAS, which keep their cores for a while and leave torch's
    threads waiting (detection took four times as long).
    """
    if samples == 0:
        return slice(0, length), csr_array((0, length), dtype=np.float32)
    pitch = (high - low) / samples
    centres = low + (np.arange(samples) + 0.5) * pitch - 0.5
    width = max(pitch, 1.0)
    reach = math.ceil(width)
    offsets = np.arange(-reach, reach + 2)
    neighbours = np.floor(centres)[:, None].astype(np.int64) + offsets
    weights = np.clip(1 - np.abs(neighbours - centres[:, None]) / width, 0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    needed = np.clip(neighbours, 0, length - 1)
    first, last = int(needed.min()), int(needed.max())
    starts = np.arange(0, weights.size + 1, weights.shape[1])
    # Pixels that a sample asks for twice, at the edges, count twice.
    entries = (weights.astype(np.float32).ravel(), (needed - first).ravel(), starts)
    return slice(first, last + 1), csr_array(entries, shape=(samples, last + 1 - first))
