"""`scarseg measure`: from label files to the table of measures."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import typer

from napari_scarseg.cli.measure_sources import Source, collect_labels, match_images, name_cases
from napari_scarseg.cli.options import PresetName, parse_label_values
from napari_scarseg.core.case import CaseInfo
from napari_scarseg.core.provenance import make_provenance
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.core.tissue import LabelPreset, resolve_scar_values
from napari_scarseg.errors import InputError
from napari_scarseg.io import (
    LabelVolume,
    collect_stacks,
    read_labels,
    read_stack,
    sidecar_path,
    write_json,
    write_table,
)
from napari_scarseg.measure import FEATURES, MYOCARDIAL_DENSITY_G_PER_ML, join_tables, measure_labels
from napari_scarseg.measure.cohort import Cohort, CohortEntry, parse_cohort
from napari_scarseg.measure.scar_lesions import find_scar_lesions

# Grids that differ by less are the same, written with other precision.
_SPACING_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class MeasureConfig:
    """What the user chose.

    Parameters
    ----------
    scar_values : tuple of int
        Label values that mean scar; empty where the labels are lesions already, or a preset says it.
    preset : LabelPreset or None
    spacing : Spacing or None
        Overrides the files'.
    density_g_per_ml : float
    """

    scar_values: tuple[int, ...]
    preset: LabelPreset | None
    spacing: Spacing | None
    density_g_per_ml: float


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredCase:
    """Rows of one case, and what its provenance says."""

    table: pd.DataFrame
    record: dict[str, Any]
    labels_sha256: str
    spacing: Spacing
    findings: tuple[str, ...]


def measure(
    labels: Annotated[
        list[Path], typer.Argument(metavar="LABELS…", help="Label files, folders of them, or folders of label slices.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="TABLE.csv", help="Table to write; .parquet works too.")
    ],
    image: Annotated[
        list[Path] | None,
        typer.Option("--image", metavar="STACK", help="Stack that the labels belong to; may be given several times."),
    ] = None,
    scar_values: Annotated[
        str | None,
        typer.Option("--scar-values", metavar="3,4", help="Label values that mean scar; else labels are lesions."),
    ] = None,
    preset: PresetName = None,
    spacing: Annotated[
        str | None,
        typer.Option("--spacing", metavar="Z,Y,X", help="Slice, row and column distance in mm; overrides the files."),
    ] = None,
    cohort: Annotated[
        Path | None,
        typer.Option("--cohort", metavar="COHORT.csv", help="Table with case or patient, phase, cohort, visit, group."),
    ] = None,
    density: Annotated[
        float, typer.Option("--density", metavar="G_PER_ML", help="Density of myocardium in g/ml.")
    ] = MYOCARDIAL_DENSITY_G_PER_ML,
) -> None:
    """Measure every lesion on every slice: area, shape, volume and mass, one row each."""
    if scar_values is not None and preset is not None:
        raise typer.BadParameter("give --scar-values or --preset, not both", param_hint="--preset")
    values = parse_label_values(scar_values, "--scar-values")
    config = MeasureConfig(values, preset, _parse_spacing(spacing), density)
    table_path, record_path = _output_paths(output)
    label_paths = collect_labels(labels)
    image_paths = collect_stacks(image) if image else []
    _refuse_inputs([table_path, record_path], [*label_paths, *image_paths, *([cohort] if cohort else [])])
    people = parse_cohort(_read_cohort_csv(cohort)) if cohort else None
    sources = match_images(name_cases(label_paths), image_paths)
    measured = [_measure_case(source, people, config) for source in sources]
    table = join_tables([case.table for case in measured])
    write_table(table_path, table)
    write_json(record_path, _provenance(sources, measured, config, cohort))
    for case in measured:
        for finding in case.findings:
            typer.echo(finding, err=True)
    n_lesions = len(table[["case", "lesion_id"]].drop_duplicates())
    typer.echo(f"{table_path.name}: {len(table)} rows, {n_lesions} lesions, {len(measured)} cases")


def _parse_spacing(text: str | None) -> Spacing | None:
    """ "10,1.4,1.4" → Spacing that the user gave."""
    if text is None:
        return None
    try:
        z_mm, y_mm, x_mm = (float(part) for part in text.split(","))
        return Spacing(z_mm, y_mm, x_mm, SpacingOrigin.USER)
    except ValueError as error:
        raise typer.BadParameter(
            f"'{text}' is not three numbers of mm such as 10,1.4,1.4", param_hint="--spacing"
        ) from error


def _output_paths(output: Path) -> tuple[Path, Path]:
    if output.suffix.casefold() not in (".csv", ".parquet"):
        raise InputError(f"The table '{output.name}' must be named .csv, for example {output.stem or 'measures'}.csv.")
    return output, sidecar_path(output)


def _refuse_inputs(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    taken = {path.resolve() for path in inputs}
    for path in outputs:
        if path.resolve() in taken:
            raise InputError(f"'{path.name}' is one of the inputs and would be overwritten; choose another output.")


def _read_cohort_csv(path: Path) -> pd.DataFrame:
    """All cells as text. Commas or semicolons, as spreadsheets write them."""
    if not path.is_file():
        raise InputError(f"There is no cohort table '{path.name}'; give the path of a CSV file.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            heading = handle.readline()
            separator = ";" if heading.count(";") > heading.count(",") else ","
            handle.seek(0)
            return pd.read_csv(handle, sep=separator, dtype=str, keep_default_na=False, index_col=False)
    except pd.errors.EmptyDataError as error:
        raise InputError(f"The cohort table '{path.name}' is empty; add a heading and one line per case.") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError) as error:
        raise InputError(f"The cohort table '{path.name}' is not a readable CSV; save it as UTF-8 CSV.") from error
    except OSError as error:
        raise InputError(f"The cohort table '{path.name}' cannot be opened; check its permissions.") from error


def _measure_case(source: Source, people: Cohort | None, config: MeasureConfig) -> MeasuredCase:
    volume = read_labels(source.labels, spacing=config.spacing)
    stack = None if source.image is None else read_stack(source.image)
    spacing, findings = _resolve_spacing(volume, stack)
    entry = None if people is None else people.find(source.names)
    info = CaseInfo(source.case) if entry is None else entry.case_info(source.case)
    if people is not None and entry is None:
        findings.append("not found in the cohort table (or not by one line only); phase unknown")
    table = measure_labels(
        _lesions(volume, config),
        spacing,
        info,
        image=None if stack is None else stack.data,
        density_g_per_ml=config.density_g_per_ml,
    )
    if table.empty:
        findings.append("no lesion, so no row in the table")
    _add_extras(table, people, entry)
    all_findings = tuple(
        f"{source.case}: {text}" for text in (*volume.findings, *(stack.findings if stack else ()), *findings)
    )
    record = {
        "patient": info.patient,
        "phase": info.phase.value,
        "cohort": info.cohort,
        "spacing": spacing.as_dict(),
        "n_lesions": int(table["lesion_id"].nunique()),
        "n_slices": int(volume.labels.shape[0]),
        "image_sha256": None if stack is None else stack.sha256(),
    }
    return MeasuredCase(table, record, _hash_labels(volume), spacing, all_findings)


def _lesions(volume: LabelVolume, config: MeasureConfig) -> npt.NDArray[np.int32]:
    """Labels with a number per lesion."""
    found = config.scar_values or resolve_scar_values(np.unique(volume.labels), config.preset, volume.tissues)
    if found is None:
        return volume.labels
    return find_scar_lesions(volume.labels, found) if found else np.zeros_like(volume.labels)


def _resolve_spacing(volume: LabelVolume, stack: Stack | None) -> tuple[Spacing, list[str]]:
    """The user's spacing, else the labels', else the image's; with what is worth knowing."""
    if stack is None or volume.spacing.origin is SpacingOrigin.USER or stack.spacing.origin is SpacingOrigin.UNKNOWN:
        return volume.spacing, []
    if volume.spacing.origin is SpacingOrigin.UNKNOWN:
        return stack.spacing, ["the labels have no spacing; the image's is used"]
    if not _agree(volume.spacing, stack.spacing):
        return volume.spacing, ["labels and image have different spacings; the labels' is used (see --spacing)"]
    return volume.spacing, []


def _agree(a: Spacing, b: Spacing) -> bool:
    pairs = zip((a.z_mm, a.y_mm, a.x_mm), (b.z_mm, b.y_mm, b.x_mm), strict=True)
    return all(p is None or q is None or abs(p - q) <= _SPACING_TOLERANCE * max(p, q) for p, q in pairs)


def _add_extras(table: pd.DataFrame, people: Cohort | None, entry: CohortEntry | None) -> None:
    for name in people.extra_columns if people is not None else ():
        table[name] = "" if entry is None else entry.extras[name]


def _hash_labels(volume: LabelVolume) -> str:
    digest = hashlib.sha256(f"{volume.labels.dtype.str}{volume.labels.shape}".encode())
    digest.update(np.ascontiguousarray(volume.labels).tobytes())
    return digest.hexdigest()


def _provenance(
    sources: Sequence[Source], measured: Sequence[MeasuredCase], config: MeasureConfig, cohort: Path | None
) -> dict[str, Any]:
    """Record beside the table; the spacing is given at the top where all cases share it."""
    shared = measured[0].spacing if len({case.spacing for case in measured}) == 1 else None
    record = make_provenance(
        "measure",
        spacing=shared,
        config={
            "scar_values": list(config.scar_values) or None,
            "preset": None if config.preset is None else config.preset.value,
            "density_g_per_ml": config.density_g_per_ml,
            "mass": "area × distance between slice centres × density",
            "lesions": "components of scar values, linked across slices"
            if config.scar_values or config.preset
            else "label values",
            "cohort_sha256": None if cohort is None else hashlib.sha256(cohort.read_bytes()).hexdigest(),
        },
        inputs={source.case: case.labels_sha256 for source, case in zip(sources, measured, strict=True)},
        findings=[finding for case in measured for finding in case.findings],
    )
    columns = {
        spec.name: {"unit": spec.unit, "formula": spec.formula, "empty_when": spec.undefined} for spec in FEATURES
    }
    cases = {source.case: case.record for source, case in zip(sources, measured, strict=True)}
    return {**record, "cases": cases, "columns": columns}
