"""What `scarseg export` is given: labels or boxes in any format, each with its image, as one kind of item."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_scarseg.cli.measure_sources import Source, collect_labels, match_images, name_cases
from napari_scarseg.core.box import Box
from napari_scarseg.core.masks import component_boxes
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.core.stack import Stack
from napari_scarseg.core.tissue import (
    CLASS_VALUES,
    LabelPreset,
    Tissue,
    class_labels,
    propose_tissues,
    resolve_scar_values,
)
from napari_scarseg.errors import InputError
from napari_scarseg.io import LabelVolume, plain_stem, read_boxes, read_labels, read_stack
from napari_scarseg.io.coco import read_coco
from napari_scarseg.io.label_grid import fit_labels
from napari_scarseg.io.yolo_txt import read_yolo
from napari_scarseg.measure.scar_lesions import find_scar_lesions

_BOXES_SUFFIX = "_boxes"


class InputKind(StrEnum):
    """What an input file is."""

    LABELS = "labels"
    BOXES = "boxes"
    COCO = "coco"
    YOLO = "yolo"


@dataclass(frozen=True, slots=True)
class LabelChoices:
    """How label values are understood.

    Parameters
    ----------
    preset : LabelPreset or None
        None takes each value as a lesion.
    lesions : bool
        Number the scar's lesions, where a preset would otherwise keep the tissues.
    spacing : Spacing or None
        The user's.
    series : str or None
        DICOM series of the images.
    """

    preset: LabelPreset | None = None
    lesions: bool = False
    spacing: Spacing | None = None
    series: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One case, read.

    Parameters
    ----------
    stem : str
    shape : (int, int, int)
    spacing : Spacing
    affine_ras : ndarray (4, 4) or None
    labels : ndarray of int32 (Z, Y, X) or None
        None where there are boxes only.
    tissues : mapping or None
        What the labels mean; None where each is a lesion.
    boxes : tuple of Box or None
        None where there are labels.
    stack : Stack or None
        The image, where given.
    findings : tuple of str
    """

    stem: str
    shape: tuple[int, int, int]
    spacing: Spacing
    affine_ras: npt.NDArray[np.float64] | None = None
    labels: npt.NDArray[np.int32] | None = None
    tissues: dict[int, Tissue] | None = None
    boxes: tuple[Box, ...] | None = None
    stack: Stack | None = None
    findings: tuple[str, ...] = field(default=())

    def as_boxes(self) -> tuple[Box, ...]:
        """The boxes, or one around every component of every lesion."""
        if self.boxes is not None or self.labels is None:
            return self.boxes or ()
        return tuple(
            box.with_lesion(int(value))
            for z, plane in enumerate(self.labels)
            for value in np.unique(plane[plane > 0])
            for box in component_boxes(plane == value, z)
        )


@dataclass(frozen=True, slots=True)
class ExportSource:
    """One input with its image, not read yet."""

    kind: InputKind
    source: Source

    def read(self, choices: LabelChoices) -> Item:
        """Read everything, lay labels on their image, and understand their values."""
        image = self.source.image
        stack = None if image is None else read_stack(image, spacing=choices.spacing, series=choices.series)
        if stack is not None:
            stack = replace(stack, stem=self.source.case)
        if self.kind is InputKind.LABELS:
            return _understand(
                self.source.case, read_labels(self.source.labels, spacing=choices.spacing), stack, choices
            )
        if self.kind is InputKind.COCO:
            return self._read_coco(stack, choices)
        if stack is None:
            raise InputError(
                f"The boxes of '{self.source.case}' do not say how large their image is; give it with --image."
            )
        path = self.source.labels
        boxes = read_boxes(path) if self.kind is InputKind.BOXES else read_yolo(path, stack.shape, self.source.case)
        return _box_item(self.source.case, boxes, stack)

    def _read_coco(self, stack: Stack | None, choices: LabelChoices) -> Item:
        found = read_coco(self.source.labels)
        if stack is not None and stack.shape != found.shape:
            raise InputError(
                f"The COCO file is for {found.shape} and the image {stack.shape}; they must be of one stack."
            )
        if found.labels is None:
            if stack is None:
                return Item(self.source.case, found.shape, Spacing.unknown(), boxes=found.boxes)
            return _box_item(self.source.case, found.boxes, stack)
        spacing = choices.spacing or Spacing.unknown()
        volume = LabelVolume(found.labels.astype(np.int32), spacing, None, self.source.case)
        return _understand(self.source.case, volume, stack, choices)


def find_exports(
    paths: Sequence[Path], images: Sequence[Path], *, want_boxes: bool, series: str | None = None
) -> list[ExportSource]:
    """One source per case, each with its image where there is one of its name.

    Parameters
    ----------
    paths : sequence of Path
        Files and folders. Of a folder of results the labels are taken, or the boxes where these are wanted.
    images : sequence of Path
        Stacks.
    want_boxes : bool
        Whether the format asked for holds boxes.
    series : str, optional
        Which stack to take of images that are several.

    Raises
    ------
    InputError
        If a path is missing or holds nothing, or two cases would share a name.
    """
    boxes = [path for given in paths for path in _box_files(given, want_boxes=want_boxes)]
    rest = [path for path in paths if not _box_files(path, want_boxes=want_boxes)]
    found = [ExportSource(_kind(path), Source(*_names(path), path, None)) for path in boxes]
    found += [ExportSource(InputKind.LABELS, source) for source in name_cases(collect_labels(rest) if rest else [])]
    cases = [one.source.case.casefold() for one in found]
    if len(set(cases)) < len(cases):
        raise InputError("Two of the inputs belong to one case; export them separately, or rename one.")
    matched = match_images([one.source for one in found], list(images), series)
    return [replace(one, source=source) for one, source in zip(found, matched, strict=True)]


def _box_files(path: Path, *, want_boxes: bool) -> list[Path]:
    """Files of boxes that a path means; none where it means labels."""
    if not path.is_dir():
        return [path] if path.suffix.casefold() in (".csv", ".json") else []
    if want_boxes and (results := sorted(path.glob(f"*{_BOXES_SUFFIX}.csv"))):
        return results
    entries = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    return [path] if entries and all(entry.suffix.casefold() == ".txt" for entry in entries) else []


def _kind(path: Path) -> InputKind:
    if path.is_dir():
        return InputKind.YOLO
    if not path.is_file():
        raise InputError(f"There is no file or folder '{path.name}'; check the path.")
    return InputKind.BOXES if path.suffix.casefold() == ".csv" else InputKind.COCO


def _names(path: Path) -> tuple[str, tuple[str, ...]]:
    """What the case of a boxes file is called: as its only stack (COCO, YOLO), or as the file."""
    if path.suffix.casefold() == ".json":
        stem = read_coco(path).stem
    elif path.is_dir():
        names = sorted({file.stem.rpartition("_z")[0] for file in path.glob("*_z*.txt")})
        stem = names[0] if len(names) == 1 else plain_stem(path)
    else:
        stem = path.stem
    case = stem.removesuffix(_BOXES_SUFFIX) or stem
    return case, (case,)


def _box_item(stem: str, boxes: Sequence[Box], stack: Stack) -> Item:
    return Item(
        stem, stack.shape, stack.spacing, stack.affine_ras, boxes=tuple(boxes), stack=stack, findings=stack.findings
    )


def _understand(stem: str, volume: LabelVolume, stack: Stack | None, choices: LabelChoices) -> Item:
    if stack is not None:
        volume = fit_labels(volume, stack)
    labels = volume.labels
    values = [int(value) for value in np.unique(labels) if value > 0]
    scar_values = resolve_scar_values(values, choices.preset, volume.tissues)
    tissues = volume.tissues if choices.preset is None else propose_tissues(values, choices.preset)
    named = {value: tissue for value, tissue in tissues.items() if tissue is not Tissue.OTHER}
    meaning: dict[int, Tissue] | None = None
    if scar_values is not None and (choices.lesions or set(named.values()) <= {Tissue.SCAR}):
        labels = find_scar_lesions(labels, scar_values) if scar_values else np.zeros_like(labels)
    elif scar_values is not None:
        labels = class_labels(labels, named)
        meaning = {CLASS_VALUES[tissue]: tissue for tissue in named.values()}
    return Item(
        stem,
        volume.shape,
        volume.spacing,
        volume.affine_ras,
        labels,
        meaning,
        stack=stack,
        findings=(*(stack.findings if stack else ()), *volume.findings),
    )
