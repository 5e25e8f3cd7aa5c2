"""`scarseg measure`: from label files, or case folders, to the table of measures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from napari_scarseg.cli.measure_config import MeasureConfig
from napari_scarseg.cli.measure_parallel import measure_cases
from napari_scarseg.cli.measure_record import phantom_record, record_measures, table_findings
from napari_scarseg.cli.measure_sources import collect_labels, match_images, match_myocardium, name_cases
from napari_scarseg.cli.options import PresetName, Series, parse_label_values, parse_spacing
from napari_scarseg.cli.part_store import PartStore, parts_folder
from napari_scarseg.cli.progress import ProgressBar
from napari_scarseg.datasets import append_to_file
from napari_scarseg.datasets.phantom_cohort import measure_phantoms, plan_phantoms
from napari_scarseg.errors import InputError
from napari_scarseg.io import collect_stacks, read_text_table, sidecar_path, write_json, write_table
from napari_scarseg.measure import MYOCARDIAL_DENSITY_G_PER_ML, join_tables
from napari_scarseg.measure.cohort import parse_cohort


def measure(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="TABLE.csv", help="Table to write; .parquet works too.")
    ],
    labels: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="LABELS…", help="Label files, case folders, folders of either, or folders of label slices."
        ),
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option("--image", metavar="STACK", help="Stack that the labels belong to; may be given several times."),
    ] = None,
    series: Series = None,
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
    append: Annotated[
        bool, typer.Option("--append", help="Add the rows to TABLE where it is there already; else it is replaced.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="With --append: cases that TABLE has already are replaced, not refused.")
    ] = False,
    phantoms: Annotated[
        int | None,
        typer.Option("--phantoms", min=1, metavar="N", help="Instead of LABELS: compute N hearts and measure those."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="S", help="With --phantoms: of the hearts.")] = 0,
) -> None:
    """Measure every lesion on every slice: area, shape, volume and mass, one row each.

    An interrupted command goes on where it was when it is given again. A file that cannot be used is reported, and no
    table is written until all can.
    """
    if bool(labels) == (phantoms is not None):
        raise typer.BadParameter("give label files or case folders, or --phantoms", param_hint="LABELS…")
    if replace and not append:
        raise typer.BadParameter("has a meaning with --append only", param_hint="--replace")
    if scar_values is not None and preset is not None:
        raise typer.BadParameter("give --scar-values or --preset, not both", param_hint="--preset")
    config = MeasureConfig(
        scar_values=parse_label_values(scar_values, "--scar-values"),
        preset=preset,
        spacing=parse_spacing(spacing),
        density_g_per_ml=density,
        myocardium_values=parse_label_values(myocardium_values, "--myocardium-values"),
        cavity_values=parse_label_values(cavity_values, "--cavity-values"),
        series=series,
    )
    _check_wall_options(config, has_files=bool(myocardium))
    table_path, record_path = _output_paths(output)
    if phantoms is not None:
        table, cases = _measure_phantoms(phantoms, seed)
        _write(table_path, table, cases, phantom_record(phantoms, seed), append=append, replace=replace)
        return
    label_paths = collect_labels(labels or [])
    image_paths = collect_stacks(image) if image else []
    wall_paths = collect_stacks(myocardium) if myocardium else []
    _refuse_inputs([table_path, record_path], [*label_paths, *image_paths, *wall_paths, *([cohort] if cohort else [])])
    people = parse_cohort(read_text_table(cohort, "cohort table")) if cohort else None
    sources = match_myocardium(match_images(name_cases(label_paths), image_paths, series), wall_paths)
    with ProgressBar() as bar:
        tick = bar.count("measuring", len(sources))
        measured = measure_cases(
            sources, people, config, parts=parts_folder(table_path), workers=workers, scheduler=scheduler, tick=tick
        )
    table = join_tables([case.table for case in measured])
    record = record_measures(
        {source.case: case for source, case in zip(sources, measured, strict=True)}, config, cohort
    )
    names = list(dict.fromkeys(name for case in measured for name in case.names))
    _write(table_path, table, names, record, append=append, replace=replace)
    PartStore(parts_folder(table_path)).remove()
    for finding in table_findings(measured):
        typer.echo(finding, err=True)


def _measure_phantoms(count: int, seed: int) -> tuple[pd.DataFrame, list[str]]:
    """The sample cohort, and the names of its cases."""
    planned = plan_phantoms(count, seed)
    tables = []
    with ProgressBar() as bar:
        tick = bar.count("computing hearts", len(planned))
        for table in measure_phantoms(planned):
            tables.append(table)
            tick()
    return join_tables(tables), [patient.name for patient in planned]


def _write(
    path: Path, table: pd.DataFrame, cases: Sequence[str], record: dict[str, Any], *, append: bool, replace: bool
) -> None:
    """The table with its record, or the rows added to those that are there; and a line for a person."""
    n_lesions = len(table[["case", "lesion_id"]].drop_duplicates())
    added = f"{len(table)} rows, {n_lesions} lesions, {len(cases)} cases"
    if not append:
        write_table(path, table)
        write_json(sidecar_path(path), record)
        typer.echo(f"{path.name}: {added}")
        return
    written = append_to_file(path, table, cases, record, replace=replace)
    replaced = f" ({len(written.replaced)} replaced)" if written.replaced else ""
    whole = f"now {len(written.table)} rows of {written.table['case'].nunique()} cases with a lesion"
    typer.echo(f"{path.name}: {added} added{replaced}; {whole}")


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


def _output_paths(output: Path) -> tuple[Path, Path]:
    if output.suffix.casefold() not in (".csv", ".parquet"):
        raise InputError(f"The table '{output.name}' must be named .csv, for example {output.stem or 'measures'}.csv.")
    return output, sidecar_path(output)


def _refuse_inputs(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    taken = {path.resolve() for path in inputs}
    for path in outputs:
        if path.resolve() in taken:
            raise InputError(f"'{path.name}' is one of the inputs and would be overwritten; choose another output.")
