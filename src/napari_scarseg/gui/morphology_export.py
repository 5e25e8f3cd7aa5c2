"""Measures and figures as files, each with a JSON beside it that says what made it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from napari_scarseg.core.provenance import make_provenance
from napari_scarseg.datasets import append_to_file
from napari_scarseg.errors import InputError
from napari_scarseg.gui.morphology_figures import FigureChoice, FigureKind, draw_choice
from napari_scarseg.gui.morphology_picture import Picture, PictureRequest
from napari_scarseg.gui.morphology_results import CaseMeasures, TableLevel, case_names
from napari_scarseg.io import atomic_path, sidecar_path, write_json, write_table
from napari_scarseg.measure import MYOCARDIAL_DENSITY_G_PER_ML, feature, join_tables, summarise_patients
from napari_scarseg.measure.figure_files import FigureFormat, render_figure
from napari_scarseg.measure.themes import FigureTheme

TABLE_SUFFIXES = (".csv", ".parquet")
FIGURE_SUFFIXES = (".png", ".svg", ".pdf")
_DPI = 300


def export_table(path: Path, table: pd.DataFrame, level: TableLevel, cases: Sequence[CaseMeasures]) -> Path:
    """Write the table as CSV or Parquet, and its provenance beside it.

    Returns
    -------
    Path
        The table, with the suffix where the user left it out.
    """
    target = _with_suffix(path, TABLE_SUFFIXES)
    write_table(target, table)
    write_json(sidecar_path(target), _provenance("measure", cases, {"rows": level.value.lower()}))
    return target


def append_table(path: Path, slices: pd.DataFrame, cases: Sequence[CaseMeasures], *, replace: bool = False) -> Path:
    """Add the measured cases to the table of a cohort, one row per lesion and slice; it is made where it is missing.

    Parameters
    ----------
    slices : DataFrame
        Row per lesion and slice, of `cases`.
    replace : bool
        Whether cases that the table has already are replaced; otherwise they are refused.

    Returns
    -------
    Path
        The table.

    Raises
    ------
    InputError
        As for `append_to_file`.
    """
    target = _with_suffix(path, TABLE_SUFFIXES)
    record = _provenance("measure", cases, {"rows": TableLevel.LESION_SLICE.value.lower()})
    append_to_file(target, slices, case_names(cases), record, replace=replace)
    return target


def export_report(path: Path, picture: Picture, *, whole_cohort: bool) -> Path:
    """Write a report of the measured case, or of all measured cases with the reference, as HTML and PDF.

    Returns
    -------
    Path
        The HTML file.

    Raises
    ------
    InputError
        If several cases are measured and one is meant, or the rows cannot be reported on.
    """
    # Not with the widget: statsmodels takes a second to import.
    from napari_scarseg.measure.report import case_report, cohort_report, html_report, pdf_report
    from napari_scarseg.measure.statistics import CompareRequest

    target = _with_suffix(path, (".html",))
    request = picture.request
    if whole_cohort:
        rows = picture.slices
        if request.reference is not None:
            others = request.reference.table_at(TableLevel.LESION_SLICE, frozenset(case_names(request.cases)))
            rows = join_tables([rows, others])
        made = cohort_report(rows, CompareRequest(group=request.choice.group, features=_chosen(rows, request)))
    else:
        if len(request.cases) != 1:
            raise InputError("Several cases are measured; measure one, or report on all of them.")
        made = case_report(picture.slices, segments=request.cases[0].segments)
    for file, content in (
        (target, html_report(made).encode()),
        (target.with_suffix(".pdf"), pdf_report(made)),
    ):
        with atomic_path(file) as temporary:
            temporary.write_bytes(content)
    scope = "cohort" if whole_cohort else "case"
    write_json(sidecar_path(target), _provenance("report", request.cases, {"of": scope}))
    return target


def export_figure(path: Path, picture: Picture) -> Path:
    """Draw a figure on white and write it as PNG, SVG or PDF (by the suffix), with its numbers and provenance.

    Parameters
    ----------
    picture : Picture
        Its rows, those of a reference among them, are written to `<name>_data.csv`.

    Returns
    -------
    Path
        The figure.

    Raises
    ------
    InputError
        If the suffix is none of the three, there is nothing to draw, or the folder cannot be written to.
    """
    target = _with_suffix(path, FIGURE_SUFFIXES)
    request, choice = picture.request, picture.choice
    if choice is None:
        raise InputError("There is no figure to export yet; choose features that the table has.")
    marked = picture.marked if request.reference is not None else None
    figure = draw_choice(
        picture.drawn,
        choice,
        theme=FigureTheme.LIGHT,
        marked=marked,
        features=picture.features,
        segments=picture.segments,
    )
    file_format = FigureFormat(target.suffix.lower().removeprefix("."))
    with atomic_path(target) as temporary:
        temporary.write_bytes(render_figure(figure, file_format, dpi=_DPI))
    write_table(target.with_name(f"{target.stem}_data.csv"), _numbers(picture, choice))
    settings = {
        "feature": choice.feature,
        "kind": choice.kind.name.lower(),
        "group": choice.group,
        "rows": request.level.value.lower(),
    }
    if choice.kind is FigureKind.SCATTER:
        settings["against"] = choice.against
    if request.reference is not None:
        settings["reference"] = request.reference.name
    write_json(sidecar_path(target), _provenance("measure figure", request.cases, settings))
    return target


def _chosen(rows: pd.DataFrame, request: PictureRequest) -> tuple[str, ...]:
    """What can be compared of the families that the widget offers."""
    from napari_scarseg.measure.statistics.features_compared import choose_features, with_spacing

    patients = summarise_patients(rows)
    comparable = choose_features(with_spacing(patients, rows))
    return tuple(name for name in comparable if feature(name).family in request.families) or comparable


def _numbers(picture: Picture, choice: FigureChoice) -> pd.DataFrame:
    """The numbers that made the figure."""
    segments = picture.segments
    if choice.kind is FigureKind.BULLSEYE and segments is not None and segments.table is not None:
        return segments.table.assign(case=segments.case)
    return picture.drawn


def _with_suffix(path: Path, suffixes: Sequence[str]) -> Path:
    if not path.suffix:
        return path.with_name(path.name + suffixes[0])
    if path.suffix.lower() not in suffixes:
        raise InputError(f"'{path.suffix}' files are not written here; choose a name ending in {', '.join(suffixes)}.")
    return path


def _provenance(command: str, cases: Sequence[CaseMeasures], settings: dict[str, str]) -> dict[str, Any]:
    """Record of what was measured: one spacing where all cases share it, and each case's own."""
    config = {**settings, "density_g_per_ml": MYOCARDIAL_DENSITY_G_PER_ML}
    spacings = {case.spacing for case in cases}
    record = make_provenance(
        command,
        spacing=next(iter(spacings)) if len(spacings) == 1 else None,
        config=config,
        findings=list(dict.fromkeys(case.spacing_note for case in cases)),
    )
    record["cases"] = {
        name: {"spacing": case.spacing.as_dict(), "n_lesions": int(case.table["lesion_id"].nunique())}
        for name, case in zip(case_names(cases), cases, strict=True)
    }
    return record
