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
from napari_scarseg.core.tissue import resolve_scar_values
from napari_scarseg.errors import InputError
from napari_scarseg.io import LabelVolume, read_labels, read_stack
from napari_scarseg.io.label_grid import lay_labels
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
    wall_labels, odd = _read_wall(source, material)
    findings.extend(odd)
    tables = [
        measure_labels(
            lesions,
            material.spacing,
            replace(info, case=name),
            image=None if stack is None else stack.data,
            wall=_make_wall(wall_labels, lesions if material.classes is None else material.classes, config),
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
    stack = None if source.image is None else read_stack(source.image, series=config.series)
    if stack is not None:
        volume = lay_labels(volume, stack)
    spacing, findings = _resolve_spacing(volume.spacing, None if stack is None else stack.spacing, config.spacing)
    return Material(
        lesions={source.case: _lesions(volume, config)},
        classes=volume.labels,
        spacing=spacing,
        info=CaseInfo(source.case),
        stack=stack,
        affine_ras=volume.affine_ras,
        findings=(*volume.findings, *findings),
    )


def _resolve_spacing(labels: Spacing, image: Spacing | None, given: Spacing | None) -> tuple[Spacing, list[str]]:
    """The user's spacing, else the labels', else the image's; with what is worth knowing."""
    if given is not None:
        return given, []
    if image is None or image.origin is SpacingOrigin.UNKNOWN:
        return labels, []
    if labels.origin is SpacingOrigin.UNKNOWN:
        return image, ["the labels have no spacing; the image's is used"]
    if _agree(labels, image):
        return labels, []
    if (labels.z_mm, labels.y_mm, labels.x_mm) == (1, 1, 1):
        # What software writes that did not know the voxel size.
        return image, ["the labels say 1 × 1 × 1 mm and the image something else; the image's spacing is used"]
    return labels, ["labels and image have different spacings; the labels' is used (see --spacing)"]


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


def _read_wall(source: Source, material: Material) -> tuple[npt.NDArray[np.int32] | None, tuple[str, ...]]:
    """Labels of the LV's wall on the grid of the image, or of the case's labels; None without a file. What is odd."""
    if source.myocardium is None:
        return None, ()
    lesions = next(iter(material.lesions.values()))
    own = LabelVolume(lesions, material.spacing, material.affine_ras, source.case)
    laid = lay_labels(read_labels(source.myocardium), material.stack or own)
    return laid.labels, tuple(f"myocardium: {finding}" for finding in laid.findings)


def _make_wall(
    own: npt.NDArray[np.int32] | None, classes: npt.NDArray[np.generic], config: MeasureConfig
) -> Wall | None:
    """The LV's wall from labels of its own, or from classes of the labels; None where neither is known."""
    if own is None and not config.myocardium_values:
        return None
    labels = classes if own is None else own
    cavity = np.isin(labels, config.cavity_values)
    muscle = np.isin(labels, config.myocardium_values) if config.myocardium_values else (labels != 0) & ~cavity
    return wall_from_masks(muscle, cavity)


def _hash_labels(volumes: Sequence[npt.NDArray[np.generic]]) -> str:
    digest = hashlib.sha256()
    for labels in volumes:
        digest.update(f"{labels.dtype.str}{labels.shape}".encode())
        digest.update(np.ascontiguousarray(labels).tobytes())
    return digest.hexdigest()
