"""`scarseg measure`: from label files to the table of measures."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from napari_scarseg.cli.measure_one import MeasureConfig, MeasuredCase
from napari_scarseg.cli.measure_parallel import measure_cases
from napari_scarseg.cli.measure_sources import Source, collect_labels, match_images, match_myocardium, name_cases
from napari_scarseg.cli.options import PresetName, parse_label_values
from napari_scarseg.cli.progress import ProgressBar
from napari_scarseg.core.provenance import make_provenance
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.io import collect_stacks, sidecar_path, write_json, write_table
from napari_scarseg.measure import FEATURES, MYOCARDIAL_DENSITY_G_PER_ML, join_tables
from napari_scarseg.measure.cohort import parse_cohort


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
    myocardium: Annotated[
        list[Path] | None,
        typer.Option("--myocardium", metavar="LABELS", help="Labels of the LV's wall; may be given several times."),
    ] = None,
    myocardium_values: Annotated[
        str | None,
        typer.Option(
            "--myocardium-values",
            metavar="2",
            help="Values that mean myocardium, in the files of --myocardium, else in the labels themselves.",
        ),
    ] = None,
    cavity_values: Annotated[
        str | None,
        typer.Option("--cavity-values", metavar="1", help="Values that mean the LV's cavity, in the same files."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", min=1, help="Processes to measure in; by itself as many as it pays."),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="Measure on a dask cluster, such as tcp://host:8786."),
    ] = None,
    density: Annotated[
        float, typer.Option("--density", metavar="G_PER_ML", help="Density of myocardium in g/ml.")
    ] = MYOCARDIAL_DENSITY_G_PER_ML,
) -> None:
    """Measure every lesion on every slice: area, shape, volume and mass, one row each."""
    if scar_values is not None and preset is not None:
        raise typer.BadParameter("give --scar-values or --preset, not both", param_hint="--preset")
    config = MeasureConfig(
        scar_values=parse_label_values(scar_values, "--scar-values"),
        preset=preset,
        spacing=_parse_spacing(spacing),
        density_g_per_ml=density,
        myocardium_values=parse_label_values(myocardium_values, "--myocardium-values"),
        cavity_values=parse_label_values(cavity_values, "--cavity-values"),
    )
    _check_wall_options(config, has_files=bool(myocardium))
    table_path, record_path = _output_paths(output)
    label_paths = collect_labels(labels)
    image_paths = collect_stacks(image) if image else []
    wall_paths = collect_stacks(myocardium) if myocardium else []
    _refuse_inputs([table_path, record_path], [*label_paths, *image_paths, *wall_paths, *([cohort] if cohort else [])])
    people = parse_cohort(_read_cohort_csv(cohort)) if cohort else None
    sources = match_myocardium(match_images(name_cases(label_paths), image_paths), wall_paths)
    with ProgressBar() as bar:
        tick = bar.count("measuring", len(sources))
        measured = measure_cases(sources, people, config, workers=workers, scheduler=scheduler, tick=tick)
    table = join_tables([case.table for case in measured])
    write_table(table_path, table)
    write_json(record_path, _provenance(sources, measured, config, cohort))
    for case in measured:
        for finding in case.findings:
            typer.echo(finding, err=True)
    n_lesions = len(table[["case", "lesion_id"]].drop_duplicates())
    typer.echo(f"{table_path.name}: {len(table)} rows, {n_lesions} lesions, {len(measured)} cases")


def _check_wall_options(config: MeasureConfig, *, has_files: bool) -> None:
    if config.cavity_values and not (config.myocardium_values or has_files):
        raise typer.BadParameter("needs --myocardium or --myocardium-values beside it", param_hint="--cavity-values")
    if config.myocardium_values and not (config.scar_values or config.preset or has_files):
        raise typer.BadParameter(
            "the labels are lesions here; give --scar-values where they are classes, or --myocardium",
            param_hint="--myocardium-values",
        )
    # Myocardium may be named with its scar or without: lesions count as wall either way.
    if set(config.cavity_values) & {*config.myocardium_values, *(() if has_files else config.scar_values)}:
        raise typer.BadParameter("a value means cavity and something else at once", param_hint="--cavity-values")


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
            "myocardium_values": list(config.myocardium_values) or None,
            "cavity_values": list(config.cavity_values) or None,
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
