"""`scarseg export`: labels and boxes in the formats of other programs."""

from pathlib import Path
from typing import Annotated

import typer

from napari_scarseg.cli.export_inputs import LabelChoices, find_exports
from napari_scarseg.cli.export_outputs import ExportChoices, ExportFormat, check_item, write_coco_items, write_item
from napari_scarseg.cli.options import KeepIdentifiers, PresetName, Series, SpacingText, parse_spacing
from napari_scarseg.cli.results import count_of
from napari_scarseg.io import check_output_folder, collect_stacks


def export(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="LABELS|BOXES…",
            help="Label files of any format, boxes as CSV, COCO or a folder of YOLO text files, or folders of results.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the exported files.")],
    kind: Annotated[ExportFormat, typer.Option("--format", "-f", help="What to write.")],
    image: Annotated[
        list[Path] | None,
        typer.Option("--image", metavar="STACK", help="Stack that they belong to; may be given several times."),
    ] = None,
    preset: PresetName = None,
    lesions: Annotated[
        bool,
        typer.Option("--lesions", help="Keep lesions apart: one DICOM segment each, or numbers in place of tissues."),
    ] = False,
    polygons: Annotated[
        bool, typer.Option("--polygons", help="COCO masks as outlines, which fill holes, instead of run lengths.")
    ] = False,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="With coco and yolo: also write every slice of the images as PNG.")
    ] = False,
    spacing: SpacingText = None,
    series: Series = None,
    keep_identifiers: KeepIdentifiers = False,
) -> None:
    """Write labels or boxes for other programs, with a JSON that says what made them."""
    check_output_folder(output)
    if pictures and kind not in (ExportFormat.COCO, ExportFormat.YOLO):
        raise typer.BadParameter("pictures go with coco and yolo only", param_hint="--pictures")
    by_lesion = lesions or kind.holds_boxes or kind is ExportFormat.COCO
    labels = LabelChoices(preset, by_lesion, parse_spacing(spacing), series)
    choices = ExportChoices(kind, output, labels, lesions, keep_identifiers, polygons, pictures)
    images = collect_stacks(image) if image else []
    sources = find_exports(inputs, images, want_boxes=kind.holds_boxes, series=series)
    # Everything is read and checked before anything is written, so that a bad input leaves nothing behind.
    items = [source.read(labels) for source in sources]
    for item, source in zip(items, sources, strict=True):
        check_item(item, source, choices)
    if kind is ExportFormat.COCO:
        findings, count = write_coco_items(items, choices), 1
    else:
        findings = ()
        count = sum(write_item(item, source, choices) for item, source in zip(items, sources, strict=True))
    for finding in (*(f"{item.stem}: {finding}" for item in items for finding in item.findings), *findings):
        typer.echo(finding, err=True)
    typer.echo(f"{count_of(len(items), 'case', 'cases')} as {kind.value}: {count_of(count, 'file', 'files')}")
