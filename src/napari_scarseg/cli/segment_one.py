"""Segment one stack from its file to its results: what every worker of `scarseg segment` does."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_scarseg.cli.flow import check_boxes, detect_stack, segment_stack
from napari_scarseg.cli.inputs import StackSource
from napari_scarseg.cli.many import Bench
from napari_scarseg.cli.part_store import make_key
from napari_scarseg.cli.results import LABELS, SEGMENT_NAMES, describe_result, write_segmented
from napari_scarseg.core.config import DetectConfig, SegmentConfig
from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.core.stack import Stack
from napari_scarseg.io import read_boxes, sidecar_path


@dataclass(frozen=True, slots=True)
class SegmentSettings:
    """What is done to every stack.

    Parameters
    ----------
    output : Path
        Folder for the results.
    detect : DetectConfig or None
        None where boxes are given.
    segment : SegmentConfig
    semantic : bool
        Labels as 0 and 1.
    again : bool
        Also where the same was done before.
    """

    output: Path
    detect: DetectConfig | None
    segment: SegmentConfig
    semantic: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class SegmentItem:
    """One stack, with its boxes where they are given."""

    source: StackSource
    boxes: Path | None = None


def segment_case(settings: SegmentSettings, item: SegmentItem, bench: Bench) -> str:
    """Segment a stack and write its results, unless they are there from the same voxels, boxes, weights and options.

    Returns
    -------
    str
        One line for a person.

    Raises
    ------
    InputError
        If the stack or its boxes cannot be used.
    """
    stack = item.source.read()
    given = None if item.boxes is None else read_boxes(item.boxes)
    if given is not None:
        check_boxes(given, stack)
    finder = None if settings.detect is None else bench.networks.detector(settings.detect)
    network = bench.networks.segmenter(settings.segment)
    infos = [network.info] if finder is None else [finder.info, network.info]
    key = _key(settings, item, stack, infos)
    done = None if settings.again else _read_done(settings.output, stack.stem, key)
    if done is not None:
        return f"{describe_result(stack.stem, done)} (done before)"
    detected = None
    if finder is not None and settings.detect is not None:
        detected = bench.follow(stack.stem, detect_stack(stack, finder, settings.detect))
    chosen = detected.scars if detected is not None else given or ()
    lvs = detected.lvs if detected is not None else ()
    segmented = bench.follow(stack.stem, segment_stack(stack, chosen, network, settings.segment, lvs=lvs))
    configs = (settings.detect, settings.segment)
    record = write_segmented(settings.output, stack, detected, segmented, configs, semantic=settings.semantic, key=key)
    return describe_result(stack.stem, record["result"])


def _key(settings: SegmentSettings, item: SegmentItem, stack: Stack, infos: list[EngineInfo]) -> str:
    """Hash of all that the results depend on; of the files' places nothing."""
    return make_key(
        {
            "voxels": stack.sha256(),
            "spacing": stack.spacing.as_dict(),
            "affine": None if stack.affine_ras is None else stack.affine_ras.tolist(),
            "findings": list(stack.findings),
            "confidence": None if settings.detect is None else settings.detect.confidence,
            "threshold": settings.segment.threshold_logit,
            "semantic": settings.semantic,
            "engines": [(info.name, info.weights_sha256, info.device, info.threshold_logit) for info in infos],
        },
        [item.boxes],
    )


def _read_done(folder: Path, stem: str, key: str) -> dict[str, Any] | None:
    """What the record says of the result, where all files of a case are there and were made under this key.

    The record of the labels is taken away before any file of a case is written and put down after all others, so where
    it is, the case is whole.
    """
    if not all((folder / f"{stem}{name}").is_file() for name in SEGMENT_NAMES):
        return None
    try:
        record = json.loads(sidecar_path(folder / f"{stem}{LABELS}").read_text(encoding="utf-8"))
        result: dict[str, Any] = record["result"]
        return result if record["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
