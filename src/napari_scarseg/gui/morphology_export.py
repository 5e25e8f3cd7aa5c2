"""Measures and figures as files, each with a JSON beside it that says what made it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from napari_scarseg.core.provenance import make_provenance
from napari_scarseg.errors import InputError
from napari_scarseg.gui.morphology_figures import FigureKind, draw_choice
from napari_scarseg.gui.morphology_picture import Picture
from napari_scarseg.gui.morphology_results import CaseMeasures, TableLevel, case_names
from napari_scarseg.io import atomic_path, sidecar_path, write_json, write_table
from napari_scarseg.measure import MYOCARDIAL_DENSITY_G_PER_ML
from napari_scarseg.measure.figure_files import FigureFormat, render_figure
from napari_scarseg.measure.themes import FigureTheme

FIGURE_SUFFIXES = (".png", ".svg", ".pdf")
_DPI = 300


def export_table(path: Path, table: pd.DataFrame, level: TableLevel, cases: Sequence[CaseMeasures]) -> Path:
    """Write the table as CSV, and its provenance beside it.

    Returns
    -------
    Path
        The CSV, with the suffix where the user left it out.
    """
    target = _with_suffix(path, (".csv",))
    write_table(target, table)
    write_json(sidecar_path(target), _provenance("measure", cases, {"rows": level.value.lower()}))
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
    figure = draw_choice(picture.drawn, choice, theme=FigureTheme.LIGHT, marked=marked)
    file_format = FigureFormat(target.suffix.lower().removeprefix("."))
    with atomic_path(target) as temporary:
        temporary.write_bytes(render_figure(figure, file_format, dpi=_DPI))
    write_table(target.with_name(f"{target.stem}_data.csv"), picture.drawn)
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
