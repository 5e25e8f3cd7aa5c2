"""Measure one case from its files: what every worker of `scarseg measure` does."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_scarseg.cli.measure_case import Material, read_case_material
from napari_scarseg.cli.measure_config import MeasureConfig
from napari_scarseg.cli.measure_sources import Source, is_case
from napari_scarseg.core.case import CaseInfo
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.core.tissue import resolve_scar_values
from napari_scarseg.errors import InputError
from napari_scarseg.io import LabelVolume, read_labels, read_stack
from napari_scarseg.io.label_grid import fit_labels
from napari_scarseg.measure import Wall, join_tables, measure_labels, wall_from_masks
from napari_scarseg.measure.cohort import Cohort, CohortEntry
from napari_scarseg.measure.scar_lesions import find_scar_lesions

# Grids that differ by less are the same, written with other precision.
_SPACING_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredCase:
    """Rows of one case, what its provenance says, and what the table calls it (several layers: several names)."""

    table: pd.DataFrame
    names: tuple[str, ...]
    record: dict[str, Any]
    labels_sha256: str
    spacing: Spacing
    findings: tuple[str, ...]


def measure_case(source: Source, people: Cohort | None, config: MeasureConfig) -> MeasuredCase:
    """Read the files of a case and measure its lesions.

    Raises
    ------
    InputError
        If a file cannot be used; the sentence begins with the case.
    """
    try:
        return _measure_case(source, people, config)
    except InputError as error:
        raise InputError(f"{source.case}: {error}") from error


def _measure_case(source: Source, people: Cohort | None, config: MeasureConfig) -> MeasuredCase:
    material = read_case_material(source, config) if is_case(source.labels) else _read_material(source, config)
    stack, findings = material.stack, list(material.findings)
    entry = None if people is None else people.find(source.names)
    info = material.info if entry is None else entry.case_info(source.case)
    if people is not None and entry is None:
        findings.append("not found in the cohort table (or not by one line only); phase unknown")
    tables = [
        measure_labels(
            lesions,
            material.spacing,
            replace(info, case=name),
            image=None if stack is None else stack.data,
            wall=_find_wall(source, lesions if material.classes is None else material.classes, config),
            density_g_per_ml=config.density_g_per_ml,
        )
        for name, lesions in material.lesions.items()
    ]
    table = join_tables(tables)
    if table.empty:
        findings.append("no lesion, so no row in the table")
    _add_extras(table, people, entry)
    record = {
        "patient": info.patient,
        "phase": info.phase.value,
        "cohort": info.cohort,
        "spacing": material.spacing.as_dict(),
        "n_lesions": len(table[["case", "lesion_id"]].drop_duplicates()),
        "n_slices": int(next(iter(material.lesions.values())).shape[0]),
        "image_sha256": None if stack is None else stack.sha256(),
    }
    return MeasuredCase(
        table,
        tuple(material.lesions),
        record,
        _hash_labels([*material.lesions.values()] if material.classes is None else [material.classes]),
        material.spacing,
        tuple(f"{source.case}: {text}" for text in (*(stack.findings if stack else ()), *findings)),
    )


def _read_material(source: Source, config: MeasureConfig) -> Material:
    """Label file and image."""
    volume = read_labels(source.labels, spacing=config.spacing)
    stack = None if source.image is None else read_stack(source.image)
    if stack is not None and volume.tissues:
        # A DICOM SEG, whose empty slices other software leaves out.
        volume = replace(fit_labels(volume, stack), spacing=volume.spacing)
    spacing, findings = _resolve_spacing(volume, stack)
    return Material(
        lesions={source.case: _lesions(volume, config)},
        classes=volume.labels,
        spacing=spacing,
        info=CaseInfo(source.case),
        stack=stack,
        findings=(*volume.findings, *findings),
    )


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


def _lesions(volume: LabelVolume, config: MeasureConfig) -> npt.NDArray[np.int32]:
    """Labels with a number per lesion."""
    found = config.scar_values or resolve_scar_values(np.unique(volume.labels), config.preset, volume.tissues)
    if found is None:
        return volume.labels
    return find_scar_lesions(volume.labels, found) if found else np.zeros_like(volume.labels)


def _find_wall(source: Source, labels: npt.NDArray[np.generic], config: MeasureConfig) -> Wall | None:
    """The LV's wall from its own file, or from classes of the labels; None where neither is known."""
    if source.myocardium is not None:
        labels = read_labels(source.myocardium).labels
    elif not config.myocardium_values:
        return None
    cavity = np.isin(labels, config.cavity_values)
    muscle = np.isin(labels, config.myocardium_values) if config.myocardium_values else (labels != 0) & ~cavity
    return wall_from_masks(muscle, cavity)


def _hash_labels(volumes: Sequence[npt.NDArray[np.generic]]) -> str:
    digest = hashlib.sha256()
    for labels in volumes:
        digest.update(f"{labels.dtype.str}{labels.shape}".encode())
        digest.update(np.ascontiguousarray(labels).tobytes())
    return digest.hexdigest()
