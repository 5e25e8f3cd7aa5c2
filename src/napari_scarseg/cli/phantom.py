"""`scarseg phantom`: a synthetic data set with its truth."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from napari_scarseg.core.case import Phase
from napari_scarseg.core.provenance import make_provenance
from napari_scarseg.datasets.phantom_cohort import plan_phantoms
from napari_scarseg.errors import InputError
from napari_scarseg.io import check_output_folder, sidecar_path, write_json, write_labels, write_table
from napari_scarseg.io.write_image import SyntheticSeries, write_stack_dicom, write_stack_nifti, write_stack_ome_tiff
from napari_scarseg.phantom import ImageKind, Phantom, PhantomConfig, make_phantom

_TABLE = "dataset.csv"


class PhantomPhase(StrEnum):
    """Which phantoms to make."""

    ACUTE = "acute"
    CHRONIC = "chronic"
    MIXED = "mixed"
    NONE = "none"


class StackFormat(StrEnum):
    """How the images are stored. The labels are NIfTI always."""

    NIFTI = "nifti"
    DICOM = "dicom"
    TIFF = "tiff"


_SUFFIXES = {StackFormat.NIFTI: ".nii.gz", StackFormat.DICOM: "", StackFormat.TIFF: ".ome.tif"}


@dataclass(frozen=True, slots=True)
class PlannedPatient:
    """One phantom before it is made; paths relative to the data set."""

    name: str
    seed: int
    phase: Phase
    image: Path
    label: Path


def phantom(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the data set.")],
    patients: Annotated[int, typer.Option("--patients", min=1, max=9999, metavar="N", help="How many phantoms.")],
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="S", help="The same seed makes the same data set.")] = 0,
    phase: Annotated[PhantomPhase, typer.Option("--phase", help="Phase of the infarcts.")] = PhantomPhase.MIXED,
    format_: Annotated[StackFormat, typer.Option("--format", help="Format of the images.")] = StackFormat.NIFTI,
    kind: Annotated[ImageKind, typer.Option("--kind", help="Signed PSIR or magnitude.")] = ImageKind.PSIR,
) -> None:
    """Make synthetic LGE stacks with their truth: images, labels, and dataset.csv, each with a JSON beside it."""
    planned = plan_patients(patients, seed, phase, format_)
    _check_free(output, planned)
    config = PhantomConfig(kind=kind)
    records: dict[str, Any] = {}
    for patient, made in _make(planned, config):
        records[patient.name] = _write_patient(output, patient, made, format_, config)
        typer.echo(_describe(patient, made))
    table = output / _TABLE
    write_table(table, _dataset_table(planned))
    settings = {"patients": patients, "seed": seed, "phase": phase.value, "format": format_.value, "kind": kind.value}
    record = make_provenance("phantom", config={**settings, "phantom": config.as_dict()})
    write_json(sidecar_path(table), {"file": table.name, **record, "truth": records})


def plan_patients(count: int, seed: int, phase: PhantomPhase, format_: StackFormat) -> list[PlannedPatient]:
    """Name, seed, phase and paths of every phantom: the patients of `plan_phantoms`.

    Examples
    --------
    >>> [(p.name, p.phase.value) for p in plan_patients(2, 7, PhantomPhase.MIXED, StackFormat.TIFF)]
    [('PH7-0001', 'acute'), ('PH7-0002', 'chronic')]
    """
    planned = []
    for patient in plan_phantoms(count, seed, None if phase is PhantomPhase.MIXED else Phase(phase.value)):
        image, label = Path("images", f"{patient.name}{_SUFFIXES[format_]}"), Path("labels", f"{patient.name}.nii.gz")
        planned.append(PlannedPatient(patient.name, patient.seed, patient.phase, image, label))
    return planned


def _check_free(output: Path, planned: list[PlannedPatient]) -> None:
    """Raise InputError where a file of the data set is there already."""
    check_output_folder(output)
    relative = [Path(_TABLE), *(path for patient in planned for path in (patient.image, patient.label))]
    for path in relative:
        for target in (output / path, _record_path(output / path)):
            if target.exists():
                raise InputError(
                    f"The folder '{output.name}' holds '{target.relative_to(output).as_posix()}' already, and nothing "
                    "is overwritten; choose another folder."
                )


def _record_path(path: Path) -> Path:
    """The JSON beside an output: `sidecar_path` keeps the ending of a TIFF in the name, which only exports need."""
    return sidecar_path(path.with_name(path.name.removesuffix(".ome.tif")))


def _make(planned: list[PlannedPatient], config: PhantomConfig) -> Iterator[tuple[PlannedPatient, Phantom]]:
    for patient in planned:
        yield patient, make_phantom(patient.seed, patient.phase, config)


def _write_patient(
    output: Path, patient: PlannedPatient, made: Phantom, format_: StackFormat, config: PhantomConfig
) -> dict[str, Any]:
    """Write image and label with their records; returns the truth."""
    stack = made.stack
    image, label = output / patient.image, output / patient.label
    # TIFF keeps no place in the patient, so its labels have none either and lie on it all the same.
    affine = None if format_ is StackFormat.TIFF else stack.affine_ras
    match format_:
        case StackFormat.NIFTI:
            write_stack_nifti(image, stack)
        case StackFormat.TIFF:
            write_stack_ome_tiff(image, stack)
        case StackFormat.DICOM:
            write_stack_dicom(image, stack, _series(patient, made, config))
    write_labels(label, made.labels, stack.spacing, affine)
    truth = {
        "seed": patient.seed,
        "phase": patient.phase.value,
        "infarct_mass_g": round(made.infarct_mass_g, 3),
        "tr_ms": round(made.contrast.tr_ms, 1),
        "ti_ms": made.contrast.ti_ms.round(1).tolist(),
        "null_ms": round(made.contrast.null_ms, 1),
        "image_sha256": stack.sha256(),
    }
    record = make_provenance(
        "phantom",
        spacing=stack.spacing,
        config=config.as_dict(),
        findings=["Synthetic phantom; it shows no patient."],
    )
    for path in (image, label):
        write_json(_record_path(path), {"file": path.name, **record, "truth": truth})
    return truth


def _series(patient: PlannedPatient, made: Phantom, config: PhantomConfig) -> SyntheticSeries:
    return SyntheticSeries(
        patient_id=patient.name,
        description=f"LGE SA {config.kind.value.upper()} synthetic phantom",
        thickness_mm=config.slice_thickness_mm,
        inversion_times_ms=tuple(float(value) for value in made.contrast.ti_ms),
    )


def _dataset_table(planned: list[PlannedPatient]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "patient": patient.name,
            "image": patient.image.as_posix(),
            "label": patient.label.as_posix(),
            "cohort": "phantom",
            "phase": patient.phase.value,
            "scar_values": "3 4",
            "myocardium_values": "2 3 4",
            "cavity_values": "1",
        }
        for patient in planned
    )


def _describe(patient: PlannedPatient, made: Phantom) -> str:
    """One line for a person."""
    scar = f"{made.infarct_mass_g:.1f} g infarct" if made.infarct_mass_g > 0 else "no scar"
    return f"{patient.name}: {patient.phase.value}, {made.stack.shape[0]} slices, {scar}"
