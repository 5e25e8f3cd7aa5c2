"""Tables and records as files."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_scarseg.errors import InputError
from napari_scarseg.io.atomic import atomic_path

if TYPE_CHECKING:
    import pandas as pd


# Endings of formats that results are exported to.
_EXPORTED = (".dcm", ".dicom", ".nrrd", ".tif", ".tiff", ".parquet")


def write_table(path: str | os.PathLike[str], frame: "pd.DataFrame") -> None:
    """Write a table as CSV (UTF-8, commas, a header row, no index, empty where a value is missing), or as Parquet
    where the name ends in .parquet.
    """
    if Path(path).suffix.casefold() == ".parquet":
        with atomic_path(path) as temporary:
            frame.to_parquet(temporary, engine="pyarrow", index=False)
        return
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n")


def write_json(path: str | os.PathLike[str], record: Mapping[str, Any]) -> None:
    """Write a record as JSON: UTF-8, indented, numpy values as numbers and lists.

    Raises
    ------
    InputError
        If the record holds what JSON has no word for (NaN, infinity, other objects).
    """
    try:
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False, default=_plain)
    except (TypeError, ValueError) as cause:
        raise InputError(f"The record for '{Path(path).name}' cannot be written as JSON: {cause}.") from cause
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def sidecar_path(path: str | os.PathLike[str]) -> Path:
    """Where the JSON beside an output lies.

    Formats that are exported to have their ending in its name, as they may lie beside the NIfTI or CSV file.

    Examples
    --------
    >>> sidecar_path("out/P001_scar.nii.gz").name, sidecar_path("P001_boxes.csv").name
    ('P001_scar.json', 'P001_boxes.json')
    >>> sidecar_path("P001_scar.dcm").name
    'P001_scar.dcm.json'
    """
    target = Path(path)
    if target.suffix.casefold() in _EXPORTED:
        return target.with_name(target.name + ".json")
    name = target.name.removesuffix(".gz")
    return target.with_name(Path(name).stem + ".json")


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
