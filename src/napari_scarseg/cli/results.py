"""Results of `detect` and `segment` as files, each with the record of what made it. Every file appears whole or not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_scarseg.cli.flow import Detected, Segmented
from napari_scarseg.core.config import DetectConfig, SegmentConfig
from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.core.provenance import make_provenance
from napari_scarseg.core.stack import Stack
from napari_scarseg.io import sidecar_path, write_boxes, write_json, write_labels, write_table
from napari_scarseg.io.atomic import remove_file

BOXES, LABELS, MEASURES = "_boxes.csv", "_scar.nii.gz", "_measures.csv"
_RECORDS = ("_boxes.json", "_scar.json", "_measures.json")
DETECT_NAMES = (BOXES, _RECORDS[0])
SEGMENT_NAMES = (BOXES, LABELS, MEASURES, *_RECORDS)


def write_detected(folder: Path, stack: Stack, detected: Detected, config: DetectConfig) -> list[Path]:
    """Write `<stem>_boxes.csv` and its record; returns the paths of all files."""
    record = make_provenance(
        "detect",
        spacing=stack.spacing,
        config=_config_record(config.as_dict(), "detector", detected.info),
        engines={"detector": detected.info},
        inputs={stack.stem: stack.sha256()},
        findings=stack.findings,
    )
    record["result"] = {
        "boxes": len(detected.scars),
        "lv_boxes": [{"slice": box.slice, "corners": box.corners, "score": box.score} for box in detected.lvs],
    }
    boxes = folder / f"{stack.stem}{BOXES}"
    write_boxes(boxes, detected.scars)
    write_json(sidecar_path(boxes), {"file": boxes.name, **record})
    return [boxes, sidecar_path(boxes)]


def write_segmented(
    folder: Path,
    stack: Stack,
    detected: Detected | None,
    segmented: Segmented,
    configs: tuple[DetectConfig | None, SegmentConfig],
    *,
    semantic: bool = False,
    key: str | None = None,
) -> Mapping[str, Any]:
    """Write `<stem>_boxes.csv`, `<stem>_scar.nii.gz` and `<stem>_measures.csv`, each with its record.

    Parameters
    ----------
    folder : Path
    stack : Stack
    detected : Detected or None
        None where the boxes were given.
    segmented : Segmented
    configs : (DetectConfig or None, SegmentConfig)
    semantic : bool
        Labels as 0 and 1.
    key : str, optional
        Of all that the results depend on, for whoever wants to know whether they are there already.

    Returns
    -------
    dict
        The record. That of the labels is written last, and an old one goes first: where it is, all others are.
    """
    record = {**_segment_record(stack, detected, segmented, configs, semantic), "key": key}
    boxes, labels, measures = (folder / f"{stack.stem}{name}" for name in (BOXES, LABELS, MEASURES))
    remove_file(sidecar_path(labels))
    write_boxes(boxes, segmented.boxes)
    write_labels(labels, segmented.labels, stack.spacing, stack.affine_ras, semantic=semantic)
    write_table(measures, segmented.table)
    for path in (boxes, measures, labels):
        write_json(sidecar_path(path), {"file": path.name, **record})
    return record


def describe_detected(stack: Stack, detected: Detected) -> str:
    """One line for a person: boxes, and on how many slices."""
    slices = len({box.slice for box in detected.scars})
    return f"{stack.stem}: {count_of(len(detected.scars), 'box', 'boxes')} on {count_of(slices, 'slice', 'slices')}"


def describe_result(stem: str, result: Mapping[str, Any]) -> str:
    """One line for a person, of a record's `result`: boxes, lesions, and their mass (pixels without a spacing)."""
    mass_g = result["mass_g"]
    amount = f"{result['scar_px']} px" if mass_g is None else f"{mass_g:.1f} g"
    return (
        f"{stem}: {count_of(result['boxes'], 'box', 'boxes')}, {count_of(result['lesions'], 'lesion', 'lesions')}, "
        f"{amount} of scar"
    )


def count_of(count: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{count} {one if count == 1 else many}"


def _segment_record(
    stack: Stack,
    detected: Detected | None,
    segmented: Segmented,
    configs: tuple[DetectConfig | None, SegmentConfig],
    semantic: bool,
) -> Mapping[str, Any]:
    detect_config, segment_config = configs
    config = _config_record(segment_config.as_dict(), "segmenter", segmented.info)
    config["semantic"] = semantic
    engines = {"segmenter": segmented.info}
    if detected is not None and detect_config is not None:
        config |= _config_record(detect_config.as_dict(), "detector", detected.info)
        engines = {"detector": detected.info, **engines}
    record = make_provenance(
        "segment",
        spacing=stack.spacing,
        config={"boxes": "detector" if detected is not None else "given", **config},
        engines=engines,
        inputs={stack.stem: stack.sha256()},
        findings=stack.findings,
    )
    record["result"] = {
        "boxes": len(segmented.boxes),
        "lesions": segmented.lesion_count,
        "scar_px": segmented.scar_px,
        "mass_g": segmented.mass_g,
    }
    return record


def _config_record(values: dict[str, object], role: str, info: EngineInfo) -> dict[str, object]:
    """Settings with the weights' name in place of a path, which could name a person."""
    return {**values, role: info.name}
