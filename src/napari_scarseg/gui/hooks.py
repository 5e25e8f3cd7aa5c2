"""What npe2 calls: readers, writers and sample data. Widgets are named in napari.yaml directly.

napari asks these at odd times (every drop of a file), so that this module imports nothing heavy by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_scarseg.gui.case_hooks import is_case

if TYPE_CHECKING:
    from napari_scarseg.core.case import CaseInfo, Phase
    from napari_scarseg.core.stack import Stack

PathOrPaths = str | Sequence[str]
LayerData = tuple[Any, dict[str, Any], str]
Reader = Callable[[PathOrPaths], list[LayerData]]

BOXES_SUFFIX = "_boxes.csv"
LABELS_SUFFIXES = ("_scar.nii.gz", "_scar.seg.nrrd", "_scar.ome.tif", "_scar.dcm")

# A heart with a well visible scar for each phase; any other seed works as well.
_SAMPLE_SEEDS = {"acute": 15, "chronic": 15, "none": 5}


def get_stack_reader(path: PathOrPaths) -> Reader | None:
    """Reader of image stacks; None where the path is none of ours."""
    if is_case(path) or any(_is_result(Path(one)) for one in _as_list(path)):
        return None
    return read_stack_layers


def get_result_reader(path: PathOrPaths) -> Reader | None:
    """Reader of this package's own boxes and labels; None for anything else."""
    if not all(_is_result(Path(one)) for one in _as_list(path)):
        return None
    return read_result_layers


def read_stack_layers(path: PathOrPaths) -> list[LayerData]:
    """Image layer of each file or folder: scale and units in mm where known, the rest in the metadata.

    Of several stacks the most LGE-like is taken, and a finding says so: napari's own opening cannot ask.
    """
    from dataclasses import replace

    from napari import current_viewer

    from napari_scarseg.gui.reading import read_proposed
    from napari_scarseg.gui.tasks import resolve_free_stem

    taken = {_stem_of(layer) for layer in _images(current_viewer())}
    layers = []
    for one in _as_list(path):
        stack = read_proposed(Path(one))
        stack = replace(stack, stem=resolve_free_stem(Path(one), stack.stem, taken))
        taken.add(stack.stem)
        layers.append(_image_layer(stack, source=Path(one)))
    return layers


def read_result_layers(path: PathOrPaths) -> list[LayerData]:
    """Shapes layer of each `_boxes.csv` and Labels layer of each `_scar.nii.gz`, `_scar.seg.nrrd`, …."""
    paths = [Path(one) for one in _as_list(path)]
    return [_boxes_layer(one) if one.name.lower().endswith(BOXES_SUFFIX) else _labels_layer(one) for one in paths]


def write_boxes_layer(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a Shapes layer as a CSV of upright boxes."""
    from napari_scarseg.gui.box_layer import boxes_from_rows
    from napari_scarseg.gui.layer_state import box_state
    from napari_scarseg.io import write_boxes

    everywhere = (2**31, 2**31, 2**31)
    state = box_state(meta.get("metadata") or {})
    features = meta.get("features")
    read = boxes_from_rows(data, {} if features is None else features, everywhere, detected=state.detected)
    write_boxes(path, read.boxes)
    return [path]


def make_acute_sample() -> list[LayerData]:
    """LGE phantom with an acute infarct."""
    from napari_scarseg.core.case import Phase

    return _sample(Phase.ACUTE)


def make_chronic_sample() -> list[LayerData]:
    """LGE phantom with a chronic infarct."""
    from napari_scarseg.core.case import Phase

    return _sample(Phase.CHRONIC)


def make_healthy_sample() -> list[LayerData]:
    """LGE phantom without scar."""
    from napari_scarseg.core.case import Phase

    return _sample(Phase.NONE)


def _sample(phase: Phase) -> list[LayerData]:
    from napari_scarseg.core.case import CaseInfo
    from napari_scarseg.phantom import make_phantom

    phantom = make_phantom(_SAMPLE_SEEDS[phase.value], phase)
    return [_image_layer(phantom.stack, CaseInfo(phantom.stack.stem, phase=phase, cohort="phantom"))]


def _image_layer(stack: Stack, case: CaseInfo | None = None, source: Path | None = None) -> LayerData:
    from napari_scarseg.gui.image_layer import image_kwargs

    return (stack.data, image_kwargs(stack, case, source), "image")


def _labels_layer(path: Path) -> LayerData:
    import numpy as np

    from napari_scarseg.core.case import CaseInfo
    from napari_scarseg.gui.layer_frame import frame_from_spacing
    from napari_scarseg.gui.layer_record import METADATA_KEY, ImageRecord, record_to_metadata
    from napari_scarseg.gui.layer_state import LabelState, label_state_to_metadata
    from napari_scarseg.io import read_labels

    volume = read_labels(path)
    ending = next(ending for ending in LABELS_SUFFIXES if path.name.lower().endswith(ending))
    stem = path.name[: -len(ending)]
    # Lesions of a finished case: linked once already, their numbers are taken.
    state = LabelState(used_lesions=int(volume.labels.max(initial=0)), linked=True)
    record = ImageRecord(stem, volume.spacing, CaseInfo(stem), volume.affine_ras, volume.findings)
    kwargs = {
        "name": f"{stem} scar",
        "opacity": 0.55,
        "metadata": {METADATA_KEY: {**record_to_metadata(record), **label_state_to_metadata(state)}},
        **frame_from_spacing(volume.spacing).as_kwargs(),
    }
    return (np.array(volume.labels), kwargs, "labels")


def _boxes_layer(path: Path) -> LayerData:
    from napari import current_viewer

    from napari_scarseg.core.box import BoxOrigin
    from napari_scarseg.core.case import CaseInfo
    from napari_scarseg.core.spacing import Spacing
    from napari_scarseg.gui.box_layer import detected_box, rows_from_boxes
    from napari_scarseg.gui.box_style import box_style, edge_colours
    from napari_scarseg.gui.image_layer import image_record
    from napari_scarseg.gui.layer_frame import frame_from_spacing, frame_of
    from napari_scarseg.gui.layer_record import METADATA_KEY, ImageRecord, record_to_metadata
    from napari_scarseg.gui.layer_state import BoxState, box_state_to_metadata
    from napari_scarseg.io import read_boxes

    boxes = read_boxes(path)
    stem = path.name[: -len(BOXES_SUFFIX)]
    image = _image_of(stem, current_viewer())
    record = image_record(image) if image is not None else ImageRecord(stem, Spacing.unknown(), CaseInfo(stem))
    # A table of boxes has no spacing of its own: it takes the place of its image.
    frame = frame_of(image) if image is not None else frame_from_spacing(Spacing.unknown())
    rows = rows_from_boxes(boxes, frame.ndim)
    state = BoxState({box.box_id: detected_box(box) for box in boxes if box.origin is BoxOrigin.DETECTOR})
    kwargs = {
        **box_style(frame.ndim),
        "name": f"{stem} boxes",
        "ndim": frame.ndim,
        "shape_type": "rectangle",
        "features": rows.features,
        "metadata": {METADATA_KEY: {**record_to_metadata(record), **box_state_to_metadata(state)}},
        **frame.as_kwargs(),
    }
    if boxes:
        kwargs["edge_color"] = edge_colours(rows.features)
    return (rows.data, kwargs, "shapes")


def _image_of(stem: str, viewer: Any) -> Any:
    """The Image layer that boxes of this stem belong to: that of the name, or the only one there is."""
    images = _images(viewer)
    named = [layer for layer in images if _stem_of(layer) == stem]
    return named[0] if named else (images[0] if len(images) == 1 else None)


def _images(viewer: Any) -> list[Any]:
    from napari.layers import Image

    return [layer for layer in viewer.layers if isinstance(layer, Image)] if viewer is not None else []


def _stem_of(layer: Any) -> str:
    from napari_scarseg.gui.image_layer import image_record

    return image_record(layer).stem


def record_of_arguments(path: str, meta: dict[str, Any]) -> Any:
    """Spacing of a layer of another plugin, from its scale where its units are lengths."""
    from napari.layers import Image
    from numpy import zeros

    from napari_scarseg.gui.image_layer import image_record

    scale = meta.get("scale") or (1.0, 1.0, 1.0)
    stand_in = Image(zeros((1,) * len(scale)), name=Path(path).name, scale=scale, units=meta.get("units"))
    return image_record(stand_in)


def _is_result(path: Path) -> bool:
    return path.name.lower().endswith((BOXES_SUFFIX, *LABELS_SUFFIXES))


def _as_list(path: PathOrPaths) -> list[str]:
    return [path] if isinstance(path, str) else [str(one) for one in path]
