"""Boxes as YOLO text files: one per slice, `class x_centre y_centre width height` in shares of the slice."""

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path

from napari_scarseg.core.box import Box, BoxOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.io.atomic import atomic_path
from napari_scarseg.io.coco import slice_picture_name
from napari_scarseg.io.natural_order import in_natural_order

_SCAR_CLASS = 0
_SLICE_NUMBER = re.compile(r"^(?P<stem>.*)_z(?P<slice>\d{1,5})$")
_MAX_BYTES = 4 * 2**20


def write_yolo(
    folder: str | os.PathLike[str], stem: str, boxes: Sequence[Box], shape: tuple[int, int, int]
) -> list[Path]:
    """Write `<stem>_z000.txt`, … into a folder, one file per slice; slices without a box have an empty file.

    The class is 0, scar. A box that sticks out is cut at the slice's edge, as YOLO wants shares between 0 and 1; one
    that lies outside is left out. Scores, origins and ids have no place in the format.

    Parameters
    ----------
    folder : path-like
    stem : str
    boxes : sequence of Box
    shape : (int, int, int)
        Slices, rows, columns of the stack.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        If a box lies on a slice that the stack has not, or a file cannot be written.
    """
    depth, height, width = shape
    texts = [""] * depth
    for box in boxes:
        if box.slice >= depth:
            raise InputError(
                f"A box lies on slice {box.slice}, but there are {depth}; check that they belong together."
            )
        rows, cols = _inside(box.row_min, box.row_max, height), _inside(box.col_min, box.col_max, width)
        if rows is None or cols is None:
            continue
        values = (sum(cols) / 2, sum(rows) / 2, cols[1] - cols[0], rows[1] - rows[0])
        texts[box.slice] += f"{_SCAR_CLASS} " + " ".join(f"{value:.9g}" for value in values) + "\n"
    paths = []
    for z, text in enumerate(texts):
        path = Path(folder) / Path(slice_picture_name(stem, z)).with_suffix(".txt")
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def _inside(low: float, high: float, length: int) -> tuple[float, float] | None:
    """An interval cut to [0, length], as shares; None where nothing is left."""
    cut = (max(low, 0.0) / length, min(high, float(length)) / length)
    return cut if cut[1] > cut[0] else None


def read_yolo(folder: str | os.PathLike[str], shape: tuple[int, int, int], stem: str | None = None) -> list[Box]:
    """Read the boxes of one stack from a folder of YOLO text files, of labels or of predictions.

    Files called `<stem>_z003.txt` say their slice; others are slices in natural order of their names, one for each.
    Only class 0 is read. A sixth number is the score, and makes the box a detector's.

    Parameters
    ----------
    folder : path-like
    shape : (int, int, int)
        Slices, rows, columns of the stack.
    stem : str, optional
        Which stack, where the folder holds several.

    Raises
    ------
    InputError
        If there are no such files, they do not fit the stack, or a line is no box; the message names it.
    """
    source = Path(folder)
    files = in_natural_order([path for path in source.glob("*.txt") if path.name != "classes.txt"])
    if not files:
        raise InputError(f"The folder '{source.name}' holds no YOLO text files; choose the one with the labels.")
    numbered = {path: match for path in files if (match := _SLICE_NUMBER.match(path.stem))}
    if len(numbered) == len(files):
        stems = list(dict.fromkeys(match["stem"] for match in numbered.values()))
        chosen = stem if stem in stems else stems[0] if len(stems) == 1 else None
        if chosen is None:
            raise InputError(
                f"The folder '{source.name}' holds the boxes of {len(stems)} stacks; choose one by its name."
            )
        slices = {path: int(match["slice"]) for path, match in numbered.items() if match["stem"] == chosen}
    else:
        slices = {path: z for z, path in enumerate(files)}
        if len(files) != shape[0]:
            raise InputError(
                f"The folder '{source.name}' holds {len(files)} YOLO files and the stack {shape[0]} slices; there must "
                "be one for each, or their names must end in the slice, as in P001_z003.txt."
            )
    if max(slices.values()) >= shape[0]:
        raise InputError(f"The folder '{source.name}' has boxes on slice {max(slices.values())}, the stack has not.")
    return [box for path, z in slices.items() for box in _read_file(path, z, shape[1:])]


def _read_file(path: Path, z: int, size: tuple[int, int]) -> list[Box]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"'{path.name}' is too large for a YOLO file; choose the right folder.")
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as cause:
        raise InputError(f"'{path.name}' cannot be opened ({cause.strerror}).") from cause
    except UnicodeDecodeError as cause:
        raise InputError(f"'{path.name}' is no text file; choose the right folder.") from cause
    boxes = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            values = [float(word) for word in line.split()]
        except ValueError:
            values = []
        if len(values) not in (5, 6) or not all(math.isfinite(value) for value in values):
            raise InputError(
                f"'{path.name}', line {number}: a YOLO box is 'class x_centre y_centre width height', and perhaps a "
                "score; correct the line."
            )
        if int(values[0]) == _SCAR_CLASS:
            boxes.append(_box(values, z, size))
    return boxes


def _box(values: Sequence[float], z: int, size: tuple[int, int]) -> Box:
    height, width = size
    x, y, across, down = values[1] * width, values[2] * height, values[3] * width, values[4] * height
    corners = (y - down / 2, x - across / 2, y + down / 2, x + across / 2)
    if len(values) == 6:
        return Box(z, *corners, score=values[5], origin=BoxOrigin.DETECTOR)
    return Box(z, *corners)
