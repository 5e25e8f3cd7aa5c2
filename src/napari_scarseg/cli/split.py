"""`scarseg split`: patients into folds, or into development and test, before anything is trained."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from napari_scarseg.core.provenance import make_provenance
from napari_scarseg.datasets import (
    CaseRecord,
    Part,
    Trait,
    assign_folds,
    check_no_leak,
    count_scar,
    leave_groups_out,
    read_dataset,
    split_patients,
    trait_of,
    write_dataset,
)
from napari_scarseg.io import sidecar_path, write_json, write_table

_FOLD_OF_PART = {Part.TRAIN: 0, Part.VALIDATION: 1}


def split(
    dataset: Annotated[Path, typer.Argument(help="Data set CSV: patient,image,label and optional columns.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDS.csv|DIR", help="Folds file; with --parts a folder.")
    ],
    folds: Annotated[int | None, typer.Option("--folds", min=2, metavar="K", help="Deal into K folds.")] = None,
    parts: Annotated[
        str | None,
        typer.Option("--parts", metavar="70,15,15", help="Training, validation and test in per cent of the patients."),
    ] = None,
    leave_out: Annotated[
        Trait | None, typer.Option("--leave-out", help="One fold per cohort, or per phase of the infarct.")
    ] = None,
    by: Annotated[
        list[Trait] | None, typer.Option("--by", help="Balance this too, besides scar size; may be given twice.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed deals alike.")] = 0,
) -> None:
    """Split by patient, never by slice, with the same mix of scar sizes everywhere; scar-free patients included.

    --folds and --leave-out write patient,fold. --parts writes development.csv (fold 0 to train on, fold 1 to validate
    on) and test.csv, which training never reads.
    """
    if sum(option is not None for option in (folds, parts, leave_out)) != 1:
        raise typer.BadParameter("choose one of --folds, --parts and --leave-out")
    shares = None if parts is None else _parse_shares(parts)
    records = read_dataset(dataset)
    groups = trait_of(records, by) if by else None
    if leave_out is not None:
        assigned = leave_groups_out(trait_of(records, [leave_out]))
    elif folds is not None:
        assigned = assign_folds(count_scar(records), folds=folds, seed=seed, groups=groups)
    if shares is None:
        write_table(output, pd.DataFrame(sorted(assigned.items()), columns=["patient", "fold"]))
        counts = Counter(f"fold {fold}" for fold in assigned.values())
    else:
        sides = split_patients(count_scar(records), seed=seed, shares=shares, groups=groups)
        _write_parts(output, records, sides)
        counts = Counter(part.value for part in sides.values())
    config = {
        "dataset": dataset.name, "folds": folds, "parts": parts, "seed": seed,
        "leave_out": None if leave_out is None else leave_out.value, "by": [trait.value for trait in by or []],
    }  # fmt: skip
    record = {**make_provenance("split", config=config), "patients": dict(sorted(counts.items()))}
    write_json(sidecar_path(output) if shares is None else output / "split.json", record)
    typer.echo(f"{output.name}: " + ", ".join(f"{name} {count} patients" for name, count in sorted(counts.items())))


def _parse_shares(text: str) -> tuple[float, float, float]:
    """ "70,15,15" → shares that sum to 1."""
    try:
        train, validation, test = (float(part) / 100 for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"'{text}' is not three numbers such as 70,15,15", param_hint="--parts") from error
    return train, validation, test


def _write_parts(folder: Path, records: Sequence[CaseRecord], sides: Mapping[str, Part]) -> None:
    test = [replace(record, fold=None) for record in records if sides[record.patient] is Part.TEST]
    development = [
        replace(record, fold=_FOLD_OF_PART[sides[record.patient]])
        for record in records
        if sides[record.patient] is not Part.TEST
    ]
    check_no_leak((record.patient for record in development), [record.patient for record in test])
    write_dataset(folder / "development.csv", development)
    write_dataset(folder / "test.csv", test)
