"""`scarseg detect`: scar boxes for stacks."""

import typer

from napari_scarseg.cli.flow import detect_stack
from napari_scarseg.cli.inputs import check_output, check_sources, find_sources
from napari_scarseg.cli.options import Confidence, DetectorName, DeviceName, KeepIdentifiers, Output, Series, Stacks
from napari_scarseg.cli.progress import ProgressBar
from napari_scarseg.cli.results import DETECT_NAMES, describe_detected, write_detected
from napari_scarseg.core.config import DetectConfig, Device
from napari_scarseg.engines import BUNDLED, load_detector


def detect(
    stacks: Stacks,
    output: Output,
    detector: DetectorName = BUNDLED,
    confidence: Confidence = DetectConfig().confidence,
    device: DeviceName = Device.AUTO,
    series: Series = None,
    keep_identifiers: KeepIdentifiers = False,
) -> None:
    """Find scar boxes: <stem>_boxes.csv for each stack, with a JSON beside it."""
    config = DetectConfig(detector, confidence, device)
    with ProgressBar() as bar:
        sources = find_sources(stacks, series=series, keep_identifiers=keep_identifiers)
        check_output(output, sources, DETECT_NAMES, [])
        check_sources(sources)
        bar.say("loading the networks")
        network = load_detector(config.detector, config.device)
        for source in sources:
            stack = source.read()
            detected = bar.follow(stack.stem, detect_stack(stack, network, config))
            write_detected(output, stack, detected, config)
            typer.echo(describe_detected(stack, detected))
