"""`scarseg import`: a public data set, or phantoms, as a data set table."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from napari_scarseg.core.provenance import make_provenance
from napari_scarseg.core.tissue import LabelPreset, check_preset
from napari_scarseg.datasets import CaseRecord, KnownDataset, LabelledCase, import_dataset, load_case, write_dataset
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_labels, sidecar_path, write_json


def import_(
    dataset: Annotated[KnownDataset, typer.Argument(help="Whose layout the folder has.")],
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="Folder that the data set was unpacked into.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DATASET.csv", help="Table to write.")],
) -> None:
    """Write the data set table of a public data set: one row per labelled stack. Images stay where they are."""
    if output.suffix.casefold() != ".csv":
        raise InputError(f"The table '{output.name}' must be named .csv, for example {output.stem or 'dataset'}.csv.")
    records = import_dataset(dataset, source)
    slices = scar_free = 0
    for record in records:
        case = _read_checked(record, dataset)
        slices += case.stack.shape[0]
        scar_free += not case.scar.any()
    write_dataset(output, records)
    patients = len({record.patient for record in records})
    counts = {"stacks": len(records), "patients": patients, "slices": slices, "stacks_without_scar": scar_free}
    made = make_provenance("import", config={"dataset": dataset.value})
    write_json(sidecar_path(output), {"file": output.name, **made, "result": counts})
    typer.echo(
        f"{output.name}: {len(records)} stacks of {patients} patients, {slices} slices, {scar_free} stacks without scar"
    )


def _read_checked(record: CaseRecord, dataset: KnownDataset) -> LabelledCase:
    """The case, once its label values are those of the data set."""
    if dataset is not KnownDataset.PHANTOM:
        # Both public data sets share one convention; phantoms bring their own table.
        check_preset(np.unique(read_labels(record.label).labels).tolist(), LabelPreset.EMIDEC)
    return load_case(record)
