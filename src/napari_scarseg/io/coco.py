"""COCO JSON out and in: boxes, and masks as run lengths or polygons, one image per slice."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask
from skimage.measure import find_contours

from napari_scarseg import __version__
from napari_scarseg.core.box import Box, BoxOrigin, new_box_id
from napari_scarseg.errors import InputError
from napari_scarseg.io.decoding import check_declared_size, decoding
from napari_scarseg.io.natural_order import natural_key
from napari_scarseg.io.tables import write_json

CATEGORY = {"id": 1, "name": "scar", "supercategory": "myocardium"}
_MAX_BYTES = 512 * 2**20
_MAX_IMAGES = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class CocoStack:
    """One stack of a COCO file.

    Parameters
    ----------
    stem : str
    shape : (int, int, int)
        Slices, rows, columns.
    boxes : tuple of Box
        One per annotation.
    labels : ndarray of int (Z, Y, X) or None
        The annotations' masks, each with its lesion's number or, where the file has none, its own; None where no
        annotation has a mask.
    """

    stem: str
    shape: tuple[int, int, int]
    boxes: tuple[Box, ...] = ()
    labels: npt.NDArray[np.integer] | None = None


def slice_picture_name(stem: str, z: int) -> str:
    """Name of the picture of a slice, which COCO and YOLO data sets share.

    Examples
    --------
    >>> slice_picture_name("P001", 3)
    'P001_z003.png'
    """
    return f"{stem}_z{z:03d}.png"


def write_coco(path: str | os.PathLike[str], stacks: Sequence[CocoStack], *, polygons: bool = False) -> None:
    """Write the boxes or masks of one or more stacks as one COCO file.

    Where a stack has labels there is one annotation per lesion and slice, with its mask; else one per box. `bbox` is
    [x, y, width, height] in pixels, pixel i covering i to i + 1.

    Parameters
    ----------
    path : path-like
        Ends in .json.
    stacks : sequence of CocoStack
    polygons : bool
        Masks as outlines, which some training programs want, and which fill holes; else as run lengths, exactly.
    """
    target = Path(path)
    if target.suffix.casefold() != ".json":
        raise InputError(f"'{target.name}' has to end in .json to be written as COCO; rename it.")
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for stack in stacks:
        first = len(images) + 1
        images += [_image(first + z, stack, z) for z in range(stack.shape[0])]
        found = _box_annotations(stack) if stack.labels is None else _mask_annotations(stack.labels, polygons)
        for z, annotation in found:
            head = {"id": len(annotations) + 1, "image_id": first + z, "category_id": CATEGORY["id"], "iscrowd": 0}
            annotations.append({**head, **annotation})
    info = {"description": "Scar on LGE; research use only", "version": __version__, "contributor": "napari-scarseg"}
    write_json(
        target,
        {"info": info, "licenses": [], "categories": [CATEGORY], "images": images, "annotations": annotations},
    )


def count_holes_px(labels: npt.NDArray[np.integer]) -> int:
    """Pixels of labels (Z, Y, X) that polygons would change: the holes that outlines fill."""
    changed = 0
    for plane in labels:
        for value in np.unique(plane[plane > 0]):
            mask = plane == value
            runs = coco_mask.merge(coco_mask.frPyObjects(_outlines(mask), *mask.shape))
            changed += int((coco_mask.decode(runs).astype(bool) != mask).sum())
    return changed


def _image(number: int, stack: CocoStack, z: int) -> dict[str, Any]:
    _, height, width = stack.shape
    name = slice_picture_name(stack.stem, z)
    return {
        "id": number, "file_name": f"images/{name}", "height": height, "width": width, "stack": stack.stem, "slice": z
    }  # fmt: skip


def _box_annotations(stack: CocoStack) -> list[tuple[int, dict[str, Any]]]:
    found = []
    for box in stack.boxes:
        attributes = {"box_id": box.box_id, "origin": box.origin.value, "lesion_id": box.lesion_id}
        annotation: dict[str, Any] = {
            "bbox": [box.col_min, box.row_min, box.width, box.height],
            "area": box.width * box.height,
            "segmentation": [],
            "attributes": {**attributes, "corners": list(box.corners)},
        }
        if box.score is not None:
            annotation["score"] = box.score
        found.append((box.slice, annotation))
    return found


def _mask_annotations(labels: npt.NDArray[np.integer], polygons: bool) -> list[tuple[int, dict[str, Any]]]:
    found = []
    for z, plane in enumerate(labels):
        for value in np.unique(plane[plane > 0]):
            mask = plane == value
            runs = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
            text = {"size": list(mask.shape), "counts": runs["counts"].decode("ascii")}
            annotation = {
                "bbox": [float(edge) for edge in coco_mask.toBbox(runs)],
                "area": int(mask.sum()),
                "segmentation": _outlines(mask) if polygons else text,
                "attributes": {"lesion_id": int(value)},
            }
            found.append((z, annotation))
    return found


def _outlines(mask: npt.NDArray[np.bool_]) -> list[list[float]]:
    """Closed outlines [x, y, x, y, …], midway between pixel centres, so that filling them gives the pixels back."""
    contours = find_contours(np.pad(mask, 1).astype(np.float64), 0.5, fully_connected="high")
    return [(contour[:, ::-1] - 0.5).ravel().tolist() for contour in contours]


def read_coco(path: str | os.PathLike[str], stem: str | None = None) -> CocoStack:
    """Read one stack of a COCO file: its boxes, and its masks where there are any.

    Images of this program say their stack and slice. Those of other software are slices in natural order of their
    names, of one stack.

    Parameters
    ----------
    path : path-like
    stem : str, optional
        Which stack, where the file holds several.

    Raises
    ------
    InputError
        If the file is no COCO file, its images differ in size, or it holds several stacks and no choice.
    """
    source = Path(path)
    content = _read_json(source)
    with decoding(source.name, "a COCO file"):
        stems = list(dict.fromkeys(str(image.get("stack", source.stem)) for image in content["images"]))
        if stem is None and len(stems) > 1:
            raise InputError(f"'{source.name}' holds {len(stems)} stacks; choose one of them by its name.")
        if stem is not None and stem not in stems:
            raise InputError(f"'{source.name}' holds no stack of the name '{stem}'; check that they belong together.")
        chosen = stem or stems[0]
        images = [image for image in content["images"] if str(image.get("stack", source.stem)) == chosen]
        shape, slices = _layout(images, source.name)
        found = [a for a in content.get("annotations", []) if a["image_id"] in slices]
        boxes = tuple(_box(annotation, slices[annotation["image_id"]]) for annotation in found)
        labels = _labels(found, slices, shape)
    return CocoStack(chosen, shape, boxes, labels)


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(f"'{path.name}' is too large for a COCO file of a stack; choose the right file.")
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as cause:
        raise InputError(f"'{path.name}' cannot be opened ({cause.strerror}); check the path.") from cause
    except (ValueError, RecursionError) as cause:
        raise InputError(f"'{path.name}' is no JSON file in UTF-8; export it again.") from cause
    if not isinstance(content, dict) or not isinstance(content.get("images"), list) or not content["images"]:
        raise InputError(f"'{path.name}' is no COCO file: it lists no images; export it again.")
    return content


def _layout(images: Sequence[Mapping[str, Any]], name: str) -> tuple[tuple[int, int, int], dict[Any, int]]:
    """Shape of the stack, and the slice of each image's id."""
    sizes = {(int(image["height"]), int(image["width"])) for image in images}
    if len(sizes) != 1:
        raise InputError(f"The images of '{name}' differ in size; keep one stack in a file.")
    if all("slice" in image for image in images):
        slices = {image["id"]: int(image["slice"]) for image in images}
    else:
        ordered = sorted(images, key=lambda image: natural_key(str(image["file_name"])))
        slices = {image["id"]: z for z, image in enumerate(ordered)}
    depth = max(slices.values()) + 1
    if min(slices.values()) < 0 or depth > _MAX_IMAGES or len(set(slices.values())) < len(slices):
        raise InputError(f"The slices of '{name}' are not numbered 0, 1, 2, …; export it again.")
    shape = (depth, *next(iter(sizes)))
    check_declared_size(name, shape, 4)
    return shape, slices


def _box(annotation: Mapping[str, Any], z: int) -> Box:
    kept = annotation.get("attributes") or {}
    x, y, width, height = (float(value) for value in annotation["bbox"])
    top, left, bottom, right = (float(edge) for edge in kept.get("corners") or (y, x, y + height, x + width))
    lesion = kept.get("lesion_id")
    return Box(
        z,
        top,
        left,
        bottom,
        right,
        score=None if annotation.get("score") is None else float(annotation["score"]),
        origin=BoxOrigin(kept.get("origin", BoxOrigin.USER)),
        box_id=str(kept.get("box_id") or new_box_id()),
        lesion_id=None if lesion is None else int(lesion),
    )


def _labels(
    annotations: Sequence[Mapping[str, Any]], slices: Mapping[Any, int], shape: tuple[int, int, int]
) -> npt.NDArray[np.int32] | None:
    labels = np.zeros(shape, dtype=np.int32)
    for number, annotation in enumerate(annotations, start=1):
        outline = annotation.get("segmentation")
        if not outline:
            continue
        if isinstance(outline, dict) and tuple(outline["size"]) != shape[1:]:
            raise InputError("A mask of the COCO file has another size than its image; export it again.")
        runs = coco_mask.frPyObjects(outline, *shape[1:]) if _is_plain(outline) else outline
        inside = coco_mask.decode(coco_mask.merge(runs) if isinstance(runs, list) else runs).astype(bool)
        lesion = (annotation.get("attributes") or {}).get("lesion_id")
        labels[slices[annotation["image_id"]]][inside] = number if lesion is None else int(lesion)
    return labels if any(annotation.get("segmentation") for annotation in annotations) else None


def _is_plain(outline: Any) -> bool:
    """Polygons, or run lengths as numbers; not yet packed."""
    return isinstance(outline, list) or isinstance(outline["counts"], list)
