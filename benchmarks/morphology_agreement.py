"""How far the features of automatic masks agree with those of the truth, over a data set: ICC per feature.

    python benchmarks/morphology_agreement.py DATASET.csv MASKS -o OUT [--draws N] [--no-figures]

DATASET.csv is a data set table (patient, image, label, and which values mean scar, myocardium and cavity); MASKS is a
folder with a label file per row, named by the patient or by the image, as `scarseg segment` names them (`P001.nii.gz`,
`P001_scar.nii.gz`, `P001_image_scar.nii.gz`). Both are measured by the same code on the same image. The wall is the
truth's in both, as the masks have none: features of the wall then say how far the scar agrees and not the wall. OUT
gets `truth.csv`, `automatic.csv`, `agreement_patients.csv`, `agreement_slices.csv`, their figures, and `agreement.md`,
the table for the documentation, which holds aggregate numbers only. Where the spacing is unknown, values in px stand in
for those in mm. Masks must be out of fold: none by a network that had seen the patient.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from napari_scarseg.cli.figure_output import write_figure
from napari_scarseg.cli.measure_sources import collect_labels, name_cases
from napari_scarseg.core.case import CaseInfo
from napari_scarseg.datasets import CaseRecord, load_case, read_dataset
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_labels, resolve_stems, write_table
from napari_scarseg.measure import check_measures, join_tables, measure_labels, wall_from_masks
from napari_scarseg.measure.features import feature
from napari_scarseg.measure.figure_agreement import bland_altman_figure
from napari_scarseg.measure.figures import distribution_figure
from napari_scarseg.measure.label_agreement import LabelAgreement, compare_label_sets
from napari_scarseg.measure.scar_lesions import find_scar_lesions
from napari_scarseg.measure.summaries import summarise_patients
from napari_scarseg.measure.texts import number_text

NAMES = ("truth", "automatic")
# What the documentation's table shows, and the figures draw.
SHOWN = (
    "mass_g",
    "area_mm2",
    "area_px",
    "perimeter_mm",
    "perimeter_px",
    "circularity",
    "solidity",
    "compactness",
    "eccentricity",
    "extent",
    "n_components",
    "largest_component_share",
    "major_axis_mm",
    "major_axis_px",
    "minor_axis_mm",
    "minor_axis_px",
    "feret_max_mm",
    "feret_max_px",
    "angular_extent_deg",
    "transmurality_pct",
    "unwrapped_solidity",
    "endocardial_extent_pct",
    "lv_share_pct",
    "intensity_mean",
    "contrast_to_remote",
    "intensity_entropy_bits",
    "glcm_contrast",
    "glcm_entropy_bits",
)


def match_masks(folder: Path, records: list[CaseRecord]) -> list[tuple[CaseRecord, Path | None]]:
    """Each row with its mask; None where there is none."""
    sources = name_cases(collect_labels([folder]))
    stems = resolve_stems([record.image for record in records])
    matched: list[tuple[CaseRecord, Path | None]] = []
    for record in records:
        names = {record.patient, stems[record.image]}
        found = [source.labels for source in sources if names & set(source.names)]
        if len(found) > 1:
            raise InputError(f"Several masks in '{folder.name}' belong to one row of the data set; keep one each.")
        matched.append((record, found[0] if found else None))
    return matched


def shown(agreement: LabelAgreement) -> list[str]:
    """Features of the table: in px only where the same in mm is not known."""
    known = set(agreement.results.dropna(subset=["icc"])["feature"])
    twins = {name: name.replace("_mm2", "_px").replace("_mm", "_px") for name in SHOWN}
    hidden = {twins[name] for name in SHOWN if name in known and twins[name] != name}
    return [name for name in SHOWN if name in known and name not in hidden]


def measure_row(record: CaseRecord, mask: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables of the truth and of the automatic labels of one stack."""
    case = load_case(record)
    automatic = read_labels(mask).labels
    if automatic.shape != case.scar.shape:
        raise InputError(f"A mask has the shape {automatic.shape} and its image {case.scar.shape}.")
    muscle = None if case.myocardium is None else case.myocardium
    cavity = None if case.lv is None or muscle is None else case.lv & ~muscle
    wall = None if muscle is None or not muscle.any() else wall_from_masks(muscle, cavity)
    name = f"{record.patient}_{record.visit}" if record.visit else record.patient
    info = CaseInfo(name, record.patient, record.phase, record.cohort)
    # One rule for what a lesion is; the labels of the masks only say what is scar.
    parts = (find_scar_lesions(scar.astype(np.int32), [1]) for scar in (case.scar, automatic > 0))
    truth, found = (
        measure_labels(lesions, case.stack.spacing, info, image=case.stack.data, wall=wall) for lesions in parts
    )
    return truth, found


def as_markdown(patients: LabelAgreement, slices: LabelAgreement, n_rows: int) -> str:
    """The table for the documentation: ICC with its interval, per patient and per slice, and the bias per patient."""
    lines = [
        f"{len(patients.pairs)} patients and {len(slices.pairs)} slices with scar in both, of {n_rows} stacks. In the "
        f"truth alone: {patients.only_first} patients, {slices.only_first} slices; in the automatic masks alone: "
        f"{patients.only_second} and {slices.only_second}.",
        "",
        "| feature | ICC, patients [95 %] | ICC, slices [95 %] | mean of the truth | bias [95 % limits] |",
        "|---|---|---|---|---|",
    ]
    by_slice = slices.results.set_index("feature")
    by_patient = patients.results.set_index("feature")
    for name in shown(patients):
        row = by_patient.loc[name].to_dict()
        other = by_slice.loc[name].to_dict() if name in by_slice.index else {}
        lines.append(
            f"| {feature(name).axis_label} | {interval(row)} | {interval(other)} | {number(row.get('mean_first'))} | "
            f"{number(row.get('bias'))} [{number(row.get('lower'))}, {number(row.get('upper'))}] |"
        )
    return "\n".join(lines) + "\n"


def interval(row: dict) -> str:
    """ICC with its interval."""
    if not np.isfinite(row.get("icc", np.nan)):
        return "–"
    return f"{row['icc']:.2f} [{row['icc_low']:.2f}, {row['icc_high']:.2f}]".replace("-", "−")


def number(value: float | None) -> str:
    """Three significant digits."""
    return number_text(np.nan if value is None else float(value))


def draw(folder: Path, tables: tuple[pd.DataFrame, pd.DataFrame], patients: LabelAgreement) -> None:
    """Distributions of both label sets side by side, and Bland and Altman's figure, for the features shown."""
    both = pd.concat(
        [summarise_patients(table).assign(group=name) for name, table in zip(NAMES, tables, strict=True)],
        ignore_index=True,
    )
    for name in shown(patients):
        numbers = both[["patient", "group", name]]
        write_figure(folder, f"{name}_distribution", distribution_figure(both, name, group="group"), numbers)
        pairs = patients.pairs[["patient", f"{name}_first", f"{name}_second"]]
        write_figure(folder, f"{name}_bland_altman", bland_altman_figure(patients.pairs, name, names=NAMES), pairs)


def main() -> int:
    """Measure, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("masks", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=1999)
    parser.add_argument("--no-figures", action="store_true")
    options = parser.parse_args()
    try:
        rows = match_masks(options.masks, read_dataset(options.dataset))
        missing = sum(mask is None for _, mask in rows)
        if missing == len(rows):
            raise InputError(f"'{options.masks.name}' holds no mask named after a patient or image of the data set.")
        measured = [measure_row(record, mask) for record, mask in rows if mask is not None]
        tables = tuple(join_tables([pair[n] for pair in measured]) for n in range(2))
        for name, table in zip(NAMES, tables, strict=True):
            write_table(options.output / f"{name}.csv", check_measures(table))
        patients, slices = (
            compare_label_sets(*tables, by_slice=by_slice, draws=options.draws) for by_slice in (False, True)
        )
        for name, agreement in (("patients", patients), ("slices", slices)):
            write_table(options.output / f"agreement_{name}.csv", agreement.results)
        text = as_markdown(patients, slices, len(measured))
        (options.output / "agreement.md").write_text(text, encoding="utf-8")
        if not options.no_figures:
            draw(options.output / "figures", (tables[0], tables[1]), patients)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if missing:
        sys.stderr.write(f"{missing} of {len(rows)} rows of the data set have no mask and were left out.\n")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
