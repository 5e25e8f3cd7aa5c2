"""`scarseg threshold`: scar by n-SD, FWHM or Otsu inside a known myocardium."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from napari_scarseg.cli.inputs import StackSource, check_output, find_sources
from napari_scarseg.cli.options import Output, Semantic, Series, SpacingText, parse_label_values, parse_spacing
from napari_scarseg.cli.results import LABELS, MEASURES
from napari_scarseg.core.case import CaseInfo
from napari_scarseg.core.provenance import make_provenance
from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_labels, sidecar_path, write_json, write_labels, write_table
from napari_scarseg.io.label_grid import fit_labels
from napari_scarseg.measure import measure_labels
from napari_scarseg.measure.scar_lesions import find_scar_lesions
from napari_scarseg.measure.thresholds import (
    GATE_SD,
    SliceThreshold,
    ThresholdConfig,
    ThresholdMethod,
    threshold_stack,
)

THRESHOLDS = "_thresholds.csv"
_RECORDS = ("_scar.json", "_measures.json", "_thresholds.json")


def threshold(
    stack: Annotated[Path, typer.Argument(metavar="STACK", help="A stack: file, folder of slices or of one series.")],
    output: Output,
    myocardium: Annotated[
        Path, typer.Option("--myocardium", metavar="LABELS", help="Labels of the wall, on the stack's grid.")
    ],
    method: Annotated[ThresholdMethod, typer.Option("--method", help="How the threshold is found.")],
    n: Annotated[
        float | None, typer.Option("--n", metavar="F", help="Standard deviations above remote; n-SD only. [default: 5]")
    ] = None,
    myocardium_values: Annotated[
        str | None,
        typer.Option("--myocardium-values", metavar="2,3,4", help="Values that mean wall, scar included; else all."),
    ] = None,
    remote_values: Annotated[
        str | None,
        typer.Option(
            "--remote-values", metavar="5", help="Values that mean remote wall; else the darkest 60° sector per slice."
        ),
    ] = None,
    fill_mvo: Annotated[
        bool, typer.Option("--fill-mvo", help="Count dark wall that scar cuts off from the epicardium as infarct.")
    ] = False,
    semantic: Semantic = False,
    spacing: SpacingText = None,
    series: Series = None,
) -> None:
    """Threshold scar: <stem>_scar.nii.gz, <stem>_measures.csv and <stem>_thresholds.csv, with a JSON beside each."""
    if n is not None and method is not ThresholdMethod.NSD:
        raise typer.BadParameter("only n-SD counts standard deviations", param_hint="--n")
    config = ThresholdConfig(method, 5.0 if n is None else n, fill_mvo)
    wall_values = parse_label_values(myocardium_values, "--myocardium-values")
    healthy_values = parse_label_values(remote_values, "--remote-values")
    sources = find_sources([stack], series=series, spacing=parse_spacing(spacing))
    if len(sources) != 1:
        raise InputError(f"'{stack.name}' holds {len(sources)} stacks; give one of them, and the labels of its wall.")
    check_output(output, sources, (LABELS, MEASURES, THRESHOLDS, *_RECORDS), [myocardium])
    image, wall, remote = _read(sources[0], myocardium, wall_values, healthy_values)
    scar, slices = threshold_stack(image.data, wall, config, remote)
    record = _record(image, config, slices, wall_values, healthy_values)
    _write(output, image, scar, slices, record, semantic=semantic)
    typer.echo(_describe(image, config, record["result"]))
    for text in record["findings"]:
        typer.echo(f"{image.stem}: {text}", err=True)


def _read(
    source: StackSource, labels_path: Path, wall_values: tuple[int, ...], remote_values: tuple[int, ...]
) -> tuple[Stack, Any, Any]:
    """The stack, its wall, and its remote wall or None."""
    image = source.read()
    volume = fit_labels(read_labels(labels_path), image)
    image, labels = replace(image, findings=(*image.findings, *volume.findings)), volume.labels
    remote = np.isin(labels, remote_values) if remote_values else None
    if remote is not None and not remote.any():
        raise InputError("No voxel has one of the --remote-values; correct them, or leave the option out.")
    wall = np.isin(labels, [*wall_values, *remote_values]) if wall_values else labels > 0
    return image, wall, remote


def _record(
    image: Stack,
    config: ThresholdConfig,
    slices: list[SliceThreshold],
    wall_values: tuple[int, ...],
    remote_values: tuple[int, ...],
) -> dict[str, Any]:
    """Method and n, what remote was, and the amounts in g and in % of the wall of this very stack."""
    scar_px, wall_px = sum(s.scar_px for s in slices), sum(s.myocardium_px for s in slices)
    left_out = [f"slice {s.slice}: {s.reason}" for s in slices if s.reason and s.myocardium_px]
    record = make_provenance(
        "threshold",
        spacing=image.spacing,
        config={
            **config.as_dict(),
            "name": config.name,
            "remote": "labelled" if remote_values else "60° sector with the lowest mean, per slice",
            "gate_sd": None if config.method is ThresholdMethod.NSD else GATE_SD,
            "myocardium_values": list(wall_values) or None,
            "remote_values": list(remote_values) or None,
        },
        inputs={image.stem: image.sha256()},
        findings=[*image.findings, *left_out],
    )
    record["result"] = {
        "scar_px": scar_px,
        "myocardium_px": wall_px,
        "scar_percent_of_myocardium": round(100 * scar_px / wall_px, 3),
    }
    return record


def _write(
    folder: Path,
    image: Stack,
    scar: Any,
    slices: list[SliceThreshold],
    record: dict[str, Any],
    *,
    semantic: bool,
) -> None:
    lesions = find_scar_lesions(scar.astype(np.int32), [1])
    table = measure_labels(lesions, image.spacing, CaseInfo(image.stem), image=image.data)
    record["result"]["lesions"] = int(lesions.max())
    record["result"]["mass_g"] = float(table["mass_g"].sum()) if image.spacing.is_known else None
    labels, measures, thresholds = (folder / f"{image.stem}{name}" for name in (LABELS, MEASURES, THRESHOLDS))
    write_labels(labels, lesions, image.spacing, image.affine_ras, semantic=semantic)
    write_table(measures, table)
    write_table(thresholds, pd.DataFrame([asdict(found) for found in slices]))
    for path in (labels, measures, thresholds):
        write_json(sidecar_path(path), {"file": path.name, **record})


def _describe(image: Stack, config: ThresholdConfig, result: dict[str, Any]) -> str:
    amount = f"{result['scar_px']} px" if result["mass_g"] is None else f"{result['mass_g']:.1f} g"
    return (
        f"{image.stem}: {config.name}, {result['lesions']} lesions, {amount} of scar, "
        f"{result['scar_percent_of_myocardium']:.1f} % of the myocardium"
    )
