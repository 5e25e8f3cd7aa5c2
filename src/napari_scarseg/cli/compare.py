"""`scarseg compare`: two groups of a table, or two tables of the same patients; tables and figures."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from napari_scarseg.cli.compare_model import describe_model, write_model
from napari_scarseg.cli.figure_output import write_bytes, write_figure
from napari_scarseg.core.provenance import make_provenance
from napari_scarseg.errors import InputError
from napari_scarseg.io import check_output_folder, read_table, write_json, write_table
from napari_scarseg.measure.feature_maps import TooFewRowsError, correlate_features, project_features
from napari_scarseg.measure.features import feature
from napari_scarseg.measure.figure_agreement import bland_altman_figure
from napari_scarseg.measure.figure_intervals import interval_figure
from napari_scarseg.measure.figure_maps import correlation_figure, pca_figure
from napari_scarseg.measure.figures import PlotKind
from napari_scarseg.measure.label_agreement import LabelAgreement, compare_label_sets
from napari_scarseg.measure.statistics import CompareRequest, Comparison, Level, compare_groups
from napari_scarseg.measure.statistics.comparison_figures import compared_rows, effects_figure, feature_figure


def compare(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="Table that Measure wrote: .csv or .parquet.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for tables and figures.")],
    by: Annotated[str, typer.Option("--by", metavar="COLUMN", help="Column whose values are the groups.")] = "phase",
    groups: Annotated[
        str | None,
        typer.Option("--groups", metavar="A,B", help="Which two of its values; else the two there are."),
    ] = None,
    features: Annotated[
        str | None, typer.Option("--features", metavar="NAME,…", help="Features; else all that can be compared.")
    ] = None,
    level: Annotated[
        Level, typer.Option("--level", help="What one value stands for; lesions and slices are compared by models.")
    ] = Level.PATIENT,
    pairs_only: Annotated[
        bool, typer.Option("--pairs-only", help="Of patients in both groups and in one, compare the former, as pairs.")
    ] = False,
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="TABLE", help="Second table of the same patients: how far both agree."),
    ] = None,
    names: Annotated[
        str, typer.Option("--names", metavar="A,B", help="With --against: what the two tables are called.")
    ] = "first,second",
    kind: Annotated[PlotKind, typer.Option("--kind", help="How distributions are drawn.")] = PlotKind.BOX,
    draws: Annotated[
        int, typer.Option("--draws", min=0, metavar="N", help="Bootstrap draws of patients for intervals; 0 for none.")
    ] = 4999,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the bootstrap.")] = 0,
    model: Annotated[
        bool, typer.Option("--model", help="Also predict the first group from the features, judged on unseen patients.")
    ] = False,
    permutations: Annotated[
        int, typer.Option("--permutations", min=0, metavar="N", help="With --model: shuffled outcomes for its p value.")
    ] = 199,
) -> None:
    """Compare two groups of patients, or (--against) two label sets of the same patients.

    Patients are the unit: slices of one patient are not independent.
    """
    wanted = parse_names(features)
    if against is not None:
        _compare_tables(table, against, output, wanted, parse_two(names, "--names"), level, draws, seed)
        return
    request = CompareRequest(
        group=by,
        groups=parse_two(groups, "--groups") if groups else None,
        features=wanted,
        level=level,
        pairs_only=pairs_only,
        draws=draws,
        seed=seed,
    )
    measures = read_table(table)
    comparison = compare_groups(measures, request)
    write_table(_fresh(output, table) / "comparison.csv", comparison.results)
    write_table(output / "rows.csv", compared_rows(comparison))
    sentences = [comparison.synthetic, comparison.methods, *comparison.warnings]
    write_bytes(output / "methods.txt", ("\n\n".join(filter(None, sentences)) + "\n").encode())
    _draw_comparison(output / "figures", comparison, kind)
    config = {"by": by, "groups": list(comparison.sample.groups), "level": level.value, "draws": draws, "seed": seed}
    config |= {"features": list(comparison.features), "design": comparison.sample.design.value}
    record = make_provenance("compare", config=config, inputs=_hashes([table]), findings=comparison.warnings)
    write_json(output / "comparison.json", {**record, "methods": comparison.methods, "synthetic": comparison.synthetic})
    for sentence in comparison.warnings:
        typer.echo(sentence, err=True)
    found = int((comparison.results.filter(like="_q").min(axis=1) < 0.05).sum())
    first, second = comparison.sample.counts["n_patients"]
    typer.echo(
        f"{output.name}: {len(comparison.features)} features, {first} and {second} patients, {found} with q < 0.05"
    )
    if model:
        fitted = write_model(output, measures, request, permutations)
        for sentence in fitted.limits:
            typer.echo(sentence, err=True)
        typer.echo(describe_model(fitted))


def _draw_comparison(folder: Path, comparison: Comparison, kind: PlotKind) -> None:
    rows = compared_rows(comparison)
    keys = [name for name in ("patient", "case", "lesion_id", "slice") if name in rows]
    group = comparison.request.group
    for name in comparison.features:
        numbers = rows[[*keys, group, name]]
        write_figure(folder, f"{name}_{kind.value}", feature_figure(comparison, name, kind=kind), numbers)
    if comparison.request.level is not Level.PATIENT:
        return
    write_figure(folder, "effects", effects_figure(comparison), comparison.results)
    if len(comparison.features) < 2:
        return
    rho = correlate_features(rows, comparison.features)
    write_figure(folder, "correlation", correlation_figure(rows, comparison.features), rho.reset_index(names="feature"))
    try:
        scores = project_features(rows, comparison.features).scores
    except TooFewRowsError:
        return
    named = rows.reset_index(drop=True)[[*keys, group]].join(scores.set_index("row"), how="inner")
    write_figure(folder, "components", pca_figure(rows, comparison.features, group=group), named)


def _compare_tables(
    table: Path,
    against: Path,
    output: Path,
    features: tuple[str, ...],
    names: tuple[str, str],
    level: Level,
    draws: int,
    seed: int,
) -> None:
    """How far two label sets of the same images agree."""
    if level is Level.LESION:
        raise InputError("Lesions of two label sets have no common numbers; compare patients or slices.")
    agreement = compare_label_sets(
        read_table(table),
        read_table(against),
        by_slice=level is Level.SLICE,
        features=features,
        draws=draws,
        seed=seed,
    )
    write_table(_fresh(output, table) / "agreement.csv", agreement.results)
    write_table(output / "pairs.csv", agreement.pairs)
    _draw_agreement(output / "figures", agreement, names)
    config = {"names": list(names), "level": level.value, "draws": draws, "seed": seed}
    config |= {"icc": "ICC(A,1), McGraw & Wong 1996", "bias": f"{names[1]} − {names[0]}"}
    record = make_provenance("compare", config=config, inputs=_hashes([table, against]), findings=agreement.warnings)
    write_json(output / "agreement.json", record)
    for sentence in agreement.warnings:
        typer.echo(sentence, err=True)
    typer.echo(f"{output.name}: {len(agreement.results)} features over {len(agreement.pairs)} {agreement.unit}")


def _draw_agreement(folder: Path, agreement: LabelAgreement, names: tuple[str, str]) -> None:
    known = agreement.results.dropna(subset=["icc"])
    estimates = pd.DataFrame(
        {
            "name": [feature(name).axis_label for name in known["feature"]],
            "value": known["icc"],
            "low": known["icc_low"],
            "high": known["icc_high"],
        }
    )
    figure = interval_figure(
        estimates,
        f"Intraclass correlation, absolute agreement, {names[0]} and {names[1]}",
        note=f"{len(agreement.pairs)} {agreement.unit}; 95 % intervals over patients",
        synthetic=agreement.synthetic,
    )
    write_figure(folder, "icc", figure, known)
    for name in known["feature"]:
        columns = [f"{name}_first", f"{name}_second"]
        drawn = bland_altman_figure(agreement.pairs, name, names=names, unit=agreement.unit)
        keys = [key for key in ("patient", "slice") if key in agreement.pairs]
        write_figure(folder, f"{name}_bland_altman", drawn, agreement.pairs[[*keys, *columns]])


def parse_names(text: str | None) -> tuple[str, ...]:
    """ "a,b" → ("a", "b")."""
    return tuple(part.strip() for part in text.split(",") if part.strip()) if text else ()


def parse_two(text: str, option: str) -> tuple[str, str]:
    """ "a,b" → ("a", "b"); any other number of names is wrong usage."""
    parts = parse_names(text)
    if len(parts) != 2:
        raise typer.BadParameter(f"'{text}' is not two names such as acute,chronic", param_hint=option)
    return parts[0], parts[1]


def _fresh(output: Path, table: Path) -> Path:
    """The output folder, made where it is not there; never the table's own name."""
    check_output_folder(output)
    if (output / "rows.csv").resolve() == table.resolve() or (output / "pairs.csv").resolve() == table.resolve():
        raise InputError(f"'{table.name}' would be overwritten; choose another output folder.")
    output.mkdir(parents=True, exist_ok=True)
    return output


def _hashes(paths: Sequence[Path]) -> dict[str, str]:
    return {f"table {n}": hashlib.sha256(path.read_bytes()).hexdigest() for n, path in enumerate(paths, 1)}
