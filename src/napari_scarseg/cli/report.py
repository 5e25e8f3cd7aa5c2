"""`scarseg report`: a case folder or a table as HTML and PDF."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from matplotlib.figure import Figure

from napari_scarseg.cases import CASE_SUFFIX, Case, load_case, read_case_image
from napari_scarseg.cli.compare import parse_names, parse_two
from napari_scarseg.cli.figure_output import write_bytes
from napari_scarseg.cli.options import parse_label_values
from napari_scarseg.cli.pictures import draw_overview
from napari_scarseg.cli.report_segments import SegmentsSource, measure_source, parse_source
from napari_scarseg.core.provenance import make_provenance
from napari_scarseg.errors import InputError
from napari_scarseg.io import check_output_folder, read_table, write_json
from napari_scarseg.measure import measure_labels
from napari_scarseg.measure.report import Report, case_report, cohort_report, html_report, pdf_report
from napari_scarseg.measure.statistics import CompareRequest


def report(
    source: Annotated[Path, typer.Argument(metavar="CASE|TABLE", help="Case folder, or table that Measure wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the report.")],
    by: Annotated[str, typer.Option("--by", metavar="COLUMN", help="Column whose values are the groups.")] = "phase",
    groups: Annotated[
        str | None, typer.Option("--groups", metavar="A,B", help="Which two of its values; else the two there are.")
    ] = None,
    features: Annotated[
        str | None, typer.Option("--features", metavar="NAME,…", help="Features; else all that can be compared.")
    ] = None,
    draws: Annotated[
        int, typer.Option("--draws", min=0, metavar="N", help="Bootstrap draws of patients for intervals; 0 for none.")
    ] = 4999,
    segments: Annotated[
        Path | None,
        typer.Option("--segments", metavar="LABELS", help="Of a case: labels 1–17 of the LV's segments."),
    ] = None,
    myocardium: Annotated[
        Path | None,
        typer.Option("--myocardium", metavar="LABELS", help="Of a case: labels of the wall, with --insertion."),
    ] = None,
    myocardium_values: Annotated[
        str | None, typer.Option("--myocardium-values", metavar="2", help="Values that mean myocardium; else all.")
    ] = None,
    insertion: Annotated[
        str | None,
        typer.Option(
            "--insertion",
            metavar="ROW,COL[,ROW,COL]",
            help="Anterior (and inferior) RV insertion in px: the segments are laid out from it.",
        ),
    ] = None,
) -> None:
    """Report on one case or on a cohort, as one HTML file that needs nothing beside it, and as PDF."""
    values = parse_label_values(myocardium_values, "--myocardium-values")
    layout = parse_source(segments, myocardium, values, insertion)
    if source.is_dir():
        made, stem = _report_case(source, layout), source.name.removesuffix(CASE_SUFFIX)
    else:
        if layout.is_given:
            raise typer.BadParameter("a table knows no segments; give a case folder", param_hint="TABLE")
        request = CompareRequest(
            group=by,
            groups=parse_two(groups, "--groups") if groups else None,
            features=parse_names(features),
            draws=draws,
        )
        made, stem = _report_table(read_table(source), request), source.stem
    check_output_folder(output)
    output.mkdir(parents=True, exist_ok=True)
    page = output / f"{stem}_report.html"
    write_bytes(page, html_report(made).encode())
    write_bytes(page.with_suffix(".pdf"), pdf_report(made))
    config = {"by": by, "groups": groups, "features": features, "draws": draws}
    write_json(page.with_suffix(".json"), make_provenance("report", config=config, findings=made.paragraphs))
    typer.echo(f"{page.name} and {page.with_suffix('.pdf').name}")


def _report_table(table: pd.DataFrame, request: CompareRequest) -> Report:
    if "case" not in table:
        raise InputError("The table has no column 'case'; give the table per lesion and slice that Measure wrote.")
    return case_report(table) if table["case"].nunique() == 1 else cohort_report(table, request)


def _report_case(folder: Path, layout: SegmentsSource) -> Report:
    """The labels as they were saved, measured now; the image is used where it is still to be found."""
    case = load_case(folder)
    if not case.labels:
        raise InputError(f"The case '{case.info.case}' has no labels; segment it first.")
    labels = case.labels[-1].labels
    sentences = [f"{role}: {engine.get('name', 'unknown')}." for role, engine in sorted(case.engines.items())]
    overview: Figure | None = None
    image = None
    try:
        stack = read_case_image(case)
    except InputError:
        # The reason may name the image's folder, which a report must not.
        sentences.append("Without the image, which is not where it was, or is another one: no intensities, no picture.")
    else:
        image, overview = stack.data, draw_overview(stack, _boxes(case), labels)
    table = measure_labels(labels, case.spacing, case.info, image=image)
    measured = measure_source(layout, labels, case.spacing)
    return case_report(table, overview=overview, made_by=sentences, segments=measured)


def _boxes(case: Case) -> list:
    return [box for part in case.boxes for box in part.boxes]
