"""Labelled stacks as a YOLO data set on disk: one image and one text file per slice."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import numpy.typing as npt

from napari_scarseg.core.intensity import HIGH_PERCENTILE, LOW_PERCENTILE
from napari_scarseg.core.masks import component_boxes, hull_box
from napari_scarseg.core.protocols import Region
from napari_scarseg.core.stack import constant_slices
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.datasets.magnitude import fold_signal, null_level
from napari_scarseg.engines.yolo import plane_to_rgb8
from napari_scarseg.io import atomic_path

# Of the null level round that of healthy myocardium, in the slice's own range.
_NULL_SD = 0.05

CLASSES = (Region.SCAR.value, Region.LV.value)


def yolo_lines(scar: npt.NDArray[np.bool_], lv: npt.NDArray[np.bool_] | None) -> list[str]:
    """Label lines of one slice: one scar box per component (`core.masks`), one box around the LV.

    Each line is `class x_centre y_centre width height` in shares of the slice's width and height.
    """
    boxes = [(CLASSES.index("scar"), box) for box in component_boxes(scar, 0)]
    lv_box = None if lv is None else hull_box(lv, 0)
    if lv_box is not None:
        boxes.append((CLASSES.index("lv"), lv_box))
    height, width = scar.shape
    lines = []
    for number, box in boxes:
        row, col = box.centre
        lines.append(f"{number} {col / width:.6f} {row / height:.6f} {box.width / width:.6f} {box.height / height:.6f}")
    return lines


def write_yolo_dataset(
    folder: Path, parts: Mapping[str, Sequence[LabelledCase]], *, magnitude: frozenset[str] = frozenset(), seed: int = 0
) -> Path:
    """Write `images/<part>`, `labels/<part>` and `data.yaml`; returns the path of the latter.

    File names are numbers and carry no patient. Slices without scar are kept: they are the negatives.

    Parameters
    ----------
    folder : Path
    parts : dict of name → cases
    magnitude : frozenset of str
        Parts with a magnitude image beside each signed one, folded near the level that its scanner would have nulled.
    seed : int
        Of how far from it.
    """
    rng = np.random.default_rng(seed)
    for part, cases in parts.items():
        images, labels = folder / "images" / part, folder / "labels" / part
        images.mkdir(parents=True, exist_ok=True)
        labels.mkdir(parents=True, exist_ok=True)
        number = 0
        for case in cases:
            skip = set(constant_slices(case.stack.data))
            null = null_level(case) if part in magnitude else None
            for z in range(case.stack.shape[0]):
                if z in skip:
                    continue
                lines = yolo_lines(case.scar[z], None if case.lv is None else case.lv[z])
                planes = [case.stack.data[z], *([] if null is None else [_magnitude(case.stack.data[z], null, rng)])]
                for plane in planes:
                    iio.imwrite(images / f"{number:05d}.png", plane_to_rgb8(plane))
                    (labels / f"{number:05d}.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
                    number += 1
    names = "".join(f"  {number}: {name}\n" for number, name in enumerate(CLASSES))
    entries = "".join(f"{part}: images/{part}\n" for part in parts)
    table = folder / "data.yaml"
    with atomic_path(table) as temporary:
        temporary.write_text(f"path: {folder.resolve().as_posix()}\n{entries}names:\n{names}", encoding="utf-8")
    return table


def _magnitude(plane: npt.NDArray[np.generic], null: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """A slice as a magnitude image; inversion times are set a little wrong as often as right."""
    low, high = np.percentile(plane.astype(np.float64), (LOW_PERCENTILE, HIGH_PERCENTILE))
    return fold_signal(plane, null + rng.normal(0, _NULL_SD) * float(high - low))
