"""`scarseg segment`: boxes, labels and measures for stacks."""

import typer

from napari_scarseg.cli.flow import detect_stack, segment_stack
from napari_scarseg.cli.inputs import check_output, check_sources, find_boxes, find_sources, read_sources
from napari_scarseg.cli.options import (
    BoxesPath,
    Confidence,
    DetectorName,
    DeviceName,
    KeepIdentifiers,
    Output,
    SegmenterName,
    Semantic,
    Series,
    SpacingText,
    Stacks,
    parse_spacing,
)
from napari_scarseg.cli.progress import ProgressBar
from napari_scarseg.cli.results import SEGMENT_NAMES, describe_segmented, write_segmented
from napari_scarseg.core.config import DetectConfig, Device, SegmentConfig
from napari_scarseg.engines import BUNDLED, load_detector, load_segmenter


def segment(
    stacks: Stacks,
    output: Output,
    boxes: BoxesPath = None,
    segmenter: SegmenterName = BUNDLED,
    semantic: Semantic = False,
    detector: DetectorName = BUNDLED,
    confidence: Confidence = DetectConfig().confidence,
    device: DeviceName = Device.AUTO,
    spacing: SpacingText = None,
    series: Series = None,
    keep_identifiers: KeepIdentifiers = False,
) -> None:
    """Segment scar: <stem>_boxes.csv, <stem>_scar.nii.gz and <stem>_measures.csv, with a JSON beside each."""
    detect_config = DetectConfig(detector, confidence, device) if boxes is None else None
    segment_config = SegmentConfig(segmenter, device=device)
    with ProgressBar() as bar:
        sources = find_sources(stacks, series=series, spacing=parse_spacing(spacing), keep_identifiers=keep_identifiers)
        given_paths = None if boxes is None else find_boxes(boxes, sources, output)
        check_output(output, sources, SEGMENT_NAMES, list((given_paths or {}).values()))
        check_sources(sources, given_paths)
        bar.say("loading the networks")
        finder = None if detect_config is None else load_detector(detect_config.detector, device)
        network = load_segmenter(segmenter, device)
        for stack, given in read_sources(sources, given_paths):
            detected = None
            if finder is not None and detect_config is not None:
                detected = bar.follow(stack.stem, detect_stack(stack, finder, detect_config))
            chosen = detected.scars if detected is not None else given or ()
            lvs = detected.lvs if detected is not None else ()
            segmented = bar.follow(stack.stem, segment_stack(stack, chosen, network, segment_config, lvs=lvs))
            write_segmented(output, stack, detected, segmented, (detect_config, segment_config), semantic=semantic)
            typer.echo(describe_segmented(stack, segmented))
