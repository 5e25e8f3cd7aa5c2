"""`scarseg segment`: boxes, labels and measures for stacks."""

from contextlib import closing
from functools import partial

import typer

from napari_scarseg.cli.inputs import check_output, find_boxes, find_sources
from napari_scarseg.cli.many import PackageNetworks, Pool, report_failures, run_many
from napari_scarseg.cli.options import (
    Again,
    BoxesPath,
    Confidence,
    DetectorName,
    DeviceName,
    KeepIdentifiers,
    Output,
    Scheduler,
    SegmenterName,
    Semantic,
    Series,
    SpacingText,
    Stacks,
    Workers,
    parse_spacing,
)
from napari_scarseg.cli.progress import ProgressBar
from napari_scarseg.cli.results import SEGMENT_NAMES
from napari_scarseg.cli.segment_one import SegmentItem, SegmentSettings, segment_case
from napari_scarseg.core.config import DetectConfig, Device, SegmentConfig
from napari_scarseg.engines import BUNDLED


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
    workers: Workers = None,
    scheduler: Scheduler = None,
    again: Again = False,
) -> None:
    """Segment scar: <stem>_boxes.csv, <stem>_scar.nii.gz and <stem>_measures.csv, with a JSON beside each.

    Of many stacks, those that are done already are left alone, and one that cannot be used is reported at the end.
    """
    detect_config = DetectConfig(detector, confidence, device) if boxes is None else None
    sources = find_sources(stacks, series=series, spacing=parse_spacing(spacing), keep_identifiers=keep_identifiers)
    given = {} if boxes is None else find_boxes(boxes, sources, output)
    check_output(output, sources, SEGMENT_NAMES, list(given.values()))
    settings = SegmentSettings(output, detect_config, SegmentConfig(segmenter, device=device), semantic, again)
    items = [SegmentItem(source, given.get(source.stem)) for source in sources]
    failures = []
    with ProgressBar() as bar:
        tick = bar.count_cases("segmenting", len(items))
        outcomes = run_many(
            partial(segment_case, settings),
            items,
            Pool(workers, scheduler, device),
            factory=PackageNetworks(),
            follow=bar.follow,
        )
        with closing(outcomes):
            for outcome in outcomes:
                stem = items[outcome.index].source.stem
                if outcome.error is None:
                    typer.echo(outcome.result)
                else:
                    failures.append((stem, outcome.error))
                    if len(items) > 1:
                        typer.echo(f"{stem}: {outcome.error}", err=True)
                tick()
    error = report_failures(failures, len(items), "segmented")
    if error is not None:
        raise error
