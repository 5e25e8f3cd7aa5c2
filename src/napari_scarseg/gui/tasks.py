"""What runs in the worker threads: reading, detecting, segmenting.

Generators of progress and one result; they touch neither the viewer nor Qt.
"""

import contextlib
import itertools
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import DetectConfig, SegmentConfig
from napari_scarseg.core.lesions import propose_links
from napari_scarseg.core.masks import BoxMask
from napari_scarseg.core.protocols import EngineInfo, Prompt
from napari_scarseg.core.refinement import REFINED_THRESHOLD, Refinement, refine_mask
from napari_scarseg.core.stack import Stack
from napari_scarseg.engines.pipeline import resolve_threshold
from napari_scarseg.gui.engine_home import Engine
from napari_scarseg.gui.image_layer import contrast_limits, stack_from_array
from napari_scarseg.gui.jobs import Progress
from napari_scarseg.gui.label_layer import (
    LabelArray,
    LabelWrite,
    Relabel,
    compose_volume,
    relabel_labels,
    relabel_painting,
    write_from_planes,
)
from napari_scarseg.gui.layer_record import ImageRecord
from napari_scarseg.gui.mask_store import MaskStore
from napari_scarseg.io import plain_stem

Turn = Callable[[threading.Event], AbstractContextManager[Engine]]


@dataclass(frozen=True, slots=True, eq=False)
class LoadedStack:
    """A stack that was read, and how its Image layer looks.

    Parameters
    ----------
    stack : Stack
    kwargs : dict
        Arguments of the Image layer.
    """

    stack: Stack
    kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Contrast:
    """Intensities to show as black and as white, and those that the image holds."""

    low: float
    high: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Found:
    """All candidates of a detection, and what ran.

    Parameters
    ----------
    boxes : tuple of Box
        By slice, the surest first.
    slices : tuple of int
        Where the detector looked.
    info : EngineInfo or None
        None where there was no slice to look at.
    """

    boxes: tuple[Box, ...]
    slices: tuple[int, ...]
    info: EngineInfo | None


@dataclass(frozen=True, slots=True, eq=False)
class Segmented:
    """A redraw, ready to be written.

    Parameters
    ----------
    write : LabelWrite
    prompts : tuple of Prompt
        Those whose lesions were redrawn, with the lesions that linking gave them.
    links : mapping of lesion → lesion
        What linking across slices changed.
    info : EngineInfo or None
        What ran; None where every mask was at hand.
    """

    write: LabelWrite
    prompts: tuple[Prompt, ...]
    links: Mapping[int, int]
    info: EngineInfo | None


@dataclass(frozen=True, slots=True, eq=False)
class SegmentOrder:
    """What to redraw.

    Parameters
    ----------
    array : array-like (Z, Y, X)
        The image; may be lazy.
    record : ImageRecord
    prompts : sequence of Prompt
        All boxes of the slices that are redrawn, in order of urgency.
    redraws : mapping of slice → lesions
    relabels : sequence of Relabel
        Voxels that change their lesion before anything is redrawn.
    labels : ndarray of int (Z, Y, X)
        The live labels; read, not written.
    painted : ndarray of int32 (Z, Y, X) or None
    refinement : callable
        Lesion → how its masks are made.
    config : SegmentConfig
    link : bool
        Whether lesions are to be linked across slices (the first time only).
    """

    array: Any
    record: ImageRecord
    prompts: Sequence[Prompt]
    redraws: Mapping[int, Collection[int]]
    relabels: Sequence[Relabel]
    labels: LabelArray
    painted: npt.NDArray[np.int32] | None
    refinement: Callable[[int], Refinement]
    config: SegmentConfig
    link: bool


def resolve_free_stem(path: Path, stem: str, taken: Collection[str]) -> str:
    """Name that results carry, told apart from those of other open stacks.

    Examples
    --------
    >>> resolve_free_stem(Path("P001/image.tif"), "image", {"image"})
    'P001_image'
    """
    # Only where the stem is the file's own name may the folder's be shown: a DICOM folder can name a patient.
    parent = path.absolute().parent.name
    names = [stem, f"{parent}_{stem}"] if stem == plain_stem(path) and parent else [stem]
    numbered = (f"{names[-1]}_{number}" for number in itertools.count(2))
    return next(name for name in itertools.chain(names, numbered) if name not in taken)


def contrast_task(array: Any) -> Iterator[Contrast]:
    """Contrast of an image that may be lazy."""
    values = np.asarray(array)
    low, high = contrast_limits(values)
    yield Contrast(low, high, min(float(np.nanmin(values)), low), max(float(np.nanmax(values)), high))


def describe_task(turn: Turn, stop: threading.Event, config: DetectConfig | SegmentConfig) -> Iterator[EngineInfo]:
    """Have the networks loaded, and say what they are."""
    with turn(stop) as engine:
        yield engine.describe(config)


def detect_task(
    turn: Turn, stop: threading.Event, array: Any, record: ImageRecord, slices: Sequence[int], config: DetectConfig
) -> Iterator[Progress | Found]:
    """Look for scar on `slices` of an image (Z, Y, X), in that order."""
    stack = stack_from_array(array, record)
    boxes: list[Box] = []
    info = None
    with turn(stop) as engine:
        key = engine.open_stack(stack.data)
        try:
            with contextlib.closing(engine.detect(key, slices, config)) as events:
                for event in events:
                    boxes.extend(event.detections.scars)
                    info = event.info
                    yield Progress(event.done, event.total)
        finally:
            engine.close_stack(key)
    yield Found(tuple(sorted(boxes, key=lambda box: (box.slice, -(box.score or 0)))), tuple(slices), info)


def segment_task(
    turn: Turn, stop: threading.Event, order: SegmentOrder, store: MaskStore
) -> Iterator[Progress | Segmented]:
    """Get the masks that are not at hand, compose them, and say which voxels change."""
    missing = store.missing(order.prompts, order.config)
    info = None
    if missing:
        for event in _ask(turn, stop, order, missing):
            if isinstance(event, Progress):
                yield event
            else:
                info = event[1]
                store.keep(event[0], order.config, resolve_threshold(replace(order.config, threshold_logit=None), info))
    masks = [store.mask(prompt, order.config) for prompt in order.prompts]
    labels = relabel_labels(order.labels, order.relabels)
    painted = relabel_painting(order.painted, order.labels, order.relabels)

    def compose(links: Mapping[int, int]) -> dict[int, npt.NDArray[np.int32]]:
        linked = [replace(mask, lesion_id=links.get(mask.lesion_id, mask.lesion_id)) for mask in masks]
        refined = [
            refine_mask(mask, order.refinement(mask.lesion_id), store.threshold(order.config)) for mask in linked
        ]
        redraws = {z: {*lesions, *(links.get(n, n) for n in lesions)} for z, lesions in order.redraws.items()}
        return compose_volume(labels, painted, refined, redraws, REFINED_THRESHOLD)

    planes = compose({})
    links = _links(labels, planes, order.redraws) if order.link else {}
    if links:
        planes = compose(links)
    drawn = {(z, lesion) for z, lesions in order.redraws.items() for lesion in lesions}
    prompts = tuple(
        replace(prompt, box=prompt.box.with_lesion(links.get(prompt.box.lesion_id or 0, prompt.box.lesion_id or 0)))
        for prompt in order.prompts
        if (prompt.box.slice, prompt.box.lesion_id) in drawn
    )
    yield Segmented(write_from_planes(order.labels, planes), prompts, links, info)


def _ask(
    turn: Turn, stop: threading.Event, order: SegmentOrder, prompts: Sequence[Prompt]
) -> Iterator[Progress | tuple[tuple[Prompt, BoxMask], EngineInfo]]:
    stack = stack_from_array(order.array, order.record)
    by_id = {prompt.box.box_id: prompt for prompt in prompts}
    with turn(stop) as engine:
        key = engine.open_stack(stack.data)
        try:
            with contextlib.closing(engine.segment(key, prompts, order.config)) as events:
                for event in events:
                    yield (by_id[event.mask.box_id], event.mask), event.info
                    yield Progress(event.done, event.total)
        finally:
            engine.close_stack(key)


def _links(
    labels: LabelArray, planes: Mapping[int, npt.NDArray[np.int32]], redraws: Mapping[int, Collection[int]]
) -> dict[int, int]:
    """Links between the lesions that are drawn now; labels from elsewhere take no part."""
    volume = np.zeros(labels.shape, dtype=np.int32)
    for z, plane in planes.items():
        volume[z] = np.where(np.isin(plane, sorted(redraws[z])), plane, 0)
    return propose_links(volume)
