"""What `scarseg measure` writes beside its table: the settings, and of every case what it was measured on."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_scarseg.cli.measure_config import MeasureConfig
from napari_scarseg.cli.measure_one import MeasuredCase
from napari_scarseg.core.provenance import make_provenance
from napari_scarseg.measure import FEATURES


def record_measures(measured: Mapping[str, MeasuredCase], config: MeasureConfig, cohort: Path | None) -> dict[str, Any]:
    """Record beside the table; the spacing is given at the top where all cases share it.

    Parameters
    ----------
    measured : mapping of case → MeasuredCase
        At least one.
    config : MeasureConfig
    cohort : Path or None
        The cohort table.
    """
    cases = list(measured.values())
    shared = cases[0].spacing if len({case.spacing for case in cases}) == 1 else None
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
        inputs={name: case.labels_sha256 for name, case in measured.items()},
        findings=[finding for case in cases for finding in case.findings],
    )
    return {**record, "cases": {name: case.record for name, case in measured.items()}, "columns": describe_columns()}


def phantom_record(n_patients: int, seed: int) -> dict[str, Any]:
    """Record beside the table of a computed cohort."""
    findings = ["Synthetic phantoms, measured on their truth; they show no patient."]
    record = make_provenance("measure --phantoms", config={"patients": n_patients, "seed": seed}, findings=findings)
    return {**record, "columns": describe_columns()}


def describe_columns() -> dict[str, dict[str, str]]:
    """Unit, formula and emptiness of every feature, by its column."""
    return {spec.name: {"unit": spec.unit, "formula": spec.formula, "empty_when": spec.undefined} for spec in FEATURES}


def table_findings(measured: Sequence[MeasuredCase]) -> list[str]:
    """What was noticed, case by case."""
    return [finding for case in measured for finding in case.findings]
