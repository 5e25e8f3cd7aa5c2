"""Measures and figures as files, each with a JSON beside it that says what made it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from napari_scarseg.core.provenance import make_provenance
from napari_scarseg.errors import InputError
from napari_scarseg.gui.morphology_results import CaseMeasures, TableLevel, case_names
from napari_scarseg.io import atomic_path, sidecar_path, write_json, write_table
from napari_scarseg.measure import MYOCARDIAL_DENSITY_G_PER_ML
from napari_scarseg.measure.figures import PlotKind, distribution_figure
from napari_scarseg.measure.themes import FigureTheme

FIGURE_SUFFIXES = (".png", ".svg", ".pdf")
_DPI = 300


@dataclass(frozen=True, slots=True)
class FigureChoice:
    """What a figure shows.

    Parameters
    ----------
    feature : str
        A name in the registry.
    kind : PlotKind
    level : TableLevel
        What one point stands for.
    """

    feature: str
    kind: PlotKind
    level: TableLevel


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


def export_figure(path: Path, table: pd.DataFrame, choice: FigureChoice, cases: Sequence[CaseMeasures]) -> Path:
    """Draw a figure on white and write it as PNG, SVG or PDF (by the suffix), with its numbers and provenance.

    Parameters
    ----------
    table : DataFrame
        The rows to draw; written to `<name>_data.csv`.

    Returns
    -------
    Path
        The figure.

    Raises
    ------
    InputError
        If the suffix is none of the three, or the folder cannot be written to.
    """
    target = _with_suffix(path, FIGURE_SUFFIXES)
    figure = distribution_figure(table, choice.feature, kind=choice.kind, theme=FigureTheme.LIGHT)
    with atomic_path(target) as temporary:
        figure.savefig(temporary, format=target.suffix.lower().removeprefix("."), dpi=_DPI)
    write_table(target.with_name(f"{target.stem}_data.csv"), table)
    settings = {
        "feature": choice.feature,
        "kind": choice.kind.value,
        "group": "phase",
        "rows": choice.level.value.lower(),
    }
    write_json(sidecar_path(target), _provenance("measure figure", cases, settings))
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
