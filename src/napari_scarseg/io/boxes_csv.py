"""Boxes as CSV: one row per box."""

import csv
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from napari_scarseg.core.box import Box, BoxOrigin, Review, new_box_id
from napari_scarseg.errors import InputError
from napari_scarseg.io.atomic import atomic_path

COLUMNS = ("slice", "row_min", "col_min", "row_max", "col_max", "score", "origin", "box_id", "lesion_id")
REQUIRED_COLUMNS = COLUMNS[:5]
# Written behind the others, and only where a person has marked a box.
REVIEW_COLUMN = "review"
# Half a million boxes; more is no table of boxes.
_MAX_BYTES = 64 * 2**20


def read_boxes(path: str | os.PathLike[str]) -> list[Box]:
    """Read boxes from a CSV file with a header row; separators may be commas or semicolons.

    The columns slice, row_min, col_min, row_max and col_max suffice. Without an origin a box is the user's, and
    without a box_id it gets a new one.

    Raises
    ------
    InputError
        If the file is missing or no such table, or a row is not a box; the message names the line.
    """
    source = Path(path)
    text = _read_text(source)
    delimiter = ";" if text.partition("\n")[0].count(";") >= len(REQUIRED_COLUMNS) - 1 else ","
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    try:
        header = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = header
        missing = [name for name in REQUIRED_COLUMNS if name not in header]
        if missing:
            raise InputError(
                f"'{source.name}' is no table of boxes: it lacks {', '.join(missing)}; the first five columns are "
                f"{', '.join(REQUIRED_COLUMNS)}."
            )
        boxes = [_parse_row(row, source.name, reader.line_num) for row in reader if any(_cells(row))]
    except csv.Error as cause:
        raise InputError(f"'{source.name}' is no CSV table ({cause}); export it again.") from cause
    repeated = len(boxes) - len({box.box_id for box in boxes})
    if repeated:
        raise InputError(f"'{source.name}' uses a box_id twice; empty the column to have new ones made.")
    return boxes


def write_boxes(path: str | os.PathLike[str], boxes: Iterable[Box]) -> None:
    """Write boxes, one row each, in the columns of `COLUMNS`; numbers are written in full, so they read back equal.

    Where a person has marked a box (accepted, rejected, check), a last column `review` says so.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "P001_boxes.csv"
    >>> box = Box(3, 10.25, 12, 20, 30, score=0.5, origin=BoxOrigin.DETECTOR)
    >>> write_boxes(path, [box])
    >>> read_boxes(path) == [box]
    True
    """
    boxes = list(boxes)
    is_reviewed = any(box.review is not Review.NONE for box in boxes)
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow((*COLUMNS, REVIEW_COLUMN) if is_reviewed else COLUMNS)
        for box in boxes:
            score = "" if box.score is None else repr(float(box.score))
            lesion = "" if box.lesion_id is None else int(box.lesion_id)
            corners = (repr(float(edge)) for edge in box.corners)
            review = [box.review.value] if is_reviewed else []
            writer.writerow([int(box.slice), *corners, score, box.origin.value, box.box_id, lesion, *review])


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"'{path.name}' is too large for a table of boxes; choose the right file.")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as cause:
        raise InputError(f"There is no boxes file '{path.name}'; check the path.") from cause
    except OSError as cause:
        raise InputError(f"The boxes file '{path.name}' cannot be opened ({cause.strerror}).") from cause
    except UnicodeDecodeError as cause:
        raise InputError(f"'{path.name}' is no CSV table in UTF-8; export it again.") from cause


def _cells(row: Mapping[str | None, object]) -> list[object]:
    return [value for value in row.values() if value not in (None, "")]


def _parse_row(row: Mapping[str, str | None], name: str, line: int) -> Box:
    try:
        return Box(
            _whole(row, "slice"),
            _number(row, "row_min"),
            _number(row, "col_min"),
            _number(row, "row_max"),
            _number(row, "col_max"),
            score=_number(row, "score") if _text(row, "score") else None,
            origin=BoxOrigin(_text(row, "origin").lower() or BoxOrigin.USER),
            box_id=_text(row, "box_id") or new_box_id(),
            lesion_id=_whole(row, "lesion_id") if _text(row, "lesion_id") else None,
            review=Review(_text(row, REVIEW_COLUMN).lower()),
        )
    except InputError as cause:
        raise InputError(f"'{name}', line {line}: {cause}") from cause
    except ValueError as cause:
        raise InputError(f"'{name}', line {line}: {cause}; correct the row.") from cause


def _text(row: Mapping[str, str | None], column: str) -> str:
    return (row.get(column) or "").strip()


def _number(row: Mapping[str, str | None], column: str) -> float:
    text = _text(row, column)
    try:
        return float(text)
    except ValueError as cause:
        raise ValueError(f"{column} is '{text[:20]}', not a number") from cause


def _whole(row: Mapping[str, str | None], column: str) -> int:
    number = _number(row, column)
    if not number.is_integer():
        raise ValueError(f"{column} is {number}, not a whole number")
    return int(number)
