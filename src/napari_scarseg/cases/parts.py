"""Layers of a case ↔ entries of its manifest and the files that they name."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scarseg.cases.case import BoxesPart, Json, LabelsPart, PointsPart
from napari_scarseg.core.point import Point
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.core.stack import voxel_sha256
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_boxes, read_labels, write_boxes, write_labels

# Nothing else is opened, whatever a manifest says.
PART_NAME = re.compile(r"(boxes|labels|painted)-[0-9a-f]{16}\.(csv|nii\.gz)")
_DIGITS = 16


def boxes_to_json(folder: Path, part: BoxesPart) -> dict[str, Json]:
    """Write the boxes, unless these very boxes are there, and return the entry that names them."""
    content = hashlib.sha256(repr(part.boxes).encode()).hexdigest()
    name = f"boxes-{content[:_DIGITS]}.csv"
    if not (folder / name).exists():
        write_boxes(folder / name, part.boxes)
    marks = {box_id: dict(values) for box_id, values in part.marks.items()}
    return {
        "kind": "boxes",
        "name": part.name,
        "file": name,
        "count": len(part.boxes),
        "marks": marks,
        "memory": dict(part.memory),
    }


def boxes_from_json(folder: Path, values: Mapping[str, Json]) -> BoxesPart:
    """Inverse of `boxes_to_json`."""
    boxes = tuple(read_boxes(_part_path(folder, values["file"])))
    if len(boxes) != values["count"]:
        raise _damaged(folder, values["file"])
    marks = {str(box_id): dict(marked) for box_id, marked in dict(values["marks"]).items()}
    return BoxesPart(str(values["name"]), boxes, marks, dict(values["memory"]))


def labels_to_json(
    folder: Path, part: LabelsPart, spacing: Spacing, affine_ras: npt.NDArray[np.float64] | None
) -> dict[str, Json]:
    """Write labels and painted voxels (as value + 1), unless these very ones are there, and return their entry."""
    grid = repr((spacing, None if affine_ras is None else affine_ras.tolist()))
    entry = {"kind": "labels", "name": part.name, "memory": dict(part.memory), "painted_file": None}
    for kind, key, volume in (
        ("labels", "file", part.labels),
        ("painted", "painted_file", None if part.painted is None else part.painted + 1),
    ):
        if volume is None or (kind == "painted" and not volume.any()):
            continue
        voxels = voxel_sha256(volume)
        name = f"{kind}-{hashlib.sha256((voxels + grid).encode()).hexdigest()[:_DIGITS]}.nii.gz"
        if not (folder / name).exists():
            write_labels(folder / name, volume, spacing, affine_ras)
        entry |= {key: name, f"{kind}_sha256": voxels}
    return entry


def labels_from_json(folder: Path, values: Mapping[str, Json]) -> LabelsPart:
    """Inverse of `labels_to_json`."""
    labels = _read_volume(folder, values["file"], values["labels_sha256"])
    painted = None
    if values["painted_file"] is not None:
        painted = _read_volume(folder, values["painted_file"], values["painted_sha256"]) - 1
        if painted.shape != labels.shape:
            raise _damaged(folder, values["painted_file"])
    return LabelsPart(str(values["name"]), labels, painted, dict(values["memory"]))


def points_to_json(part: PointsPart) -> dict[str, Json]:
    """Points stand in the manifest itself: they are few."""
    points = [[point.slice, point.row, point.col, point.is_positive] for point in part.points]
    return {"kind": "points", "name": part.name, "points": points, "memory": dict(part.memory)}


def points_from_json(values: Mapping[str, Json]) -> PointsPart:
    """Inverse of `points_to_json`."""
    points = tuple(Point(int(z), float(row), float(col), bool(sign)) for z, row, col, sign in values["points"])
    return PointsPart(str(values["name"]), points, dict(values["memory"]))


def matrix_from_json(values: Any) -> npt.NDArray[np.float64]:
    """A 4 × 4 matrix of finite numbers; ValueError for anything else."""
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise ValueError("no 4 × 4 matrix")
    return matrix


def _read_volume(folder: Path, name: Any, voxels: Any) -> npt.NDArray[np.int32]:
    volume = np.array(read_labels(_part_path(folder, name)).labels, dtype=np.int32)
    if voxel_sha256(volume) != voxels:
        raise _damaged(folder, name)
    return volume


def _part_path(folder: Path, name: Any) -> Path:
    if not isinstance(name, str) or not PART_NAME.fullmatch(name):
        raise _damaged(folder, "a part")
    if not (folder / name).is_file():
        raise InputError(f"The case '{folder.name}' lacks its file '{name}'; copy the whole folder again.")
    return folder / name


def _damaged(folder: Path, name: object) -> InputError:
    return InputError(f"The case '{folder.name}' is damaged ('{name}' is not what was saved); take a backup.")
