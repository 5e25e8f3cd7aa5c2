"""Data sets of labelled stacks: the table, the label mapping, importers, patient folds and splits, the leak check."""

from napari_scarseg.datasets.cases import LabelledCase, load_case
from napari_scarseg.datasets.folds import assign_folds, check_no_leak, read_folds
from napari_scarseg.datasets.importers import KnownDataset, import_dataset
from napari_scarseg.datasets.measures_file import AppendedTable, append_to_file
from napari_scarseg.datasets.phantom_cohort import make_phantom_cohort
from napari_scarseg.datasets.splits import Part, Trait, count_scar, leave_groups_out, split_patients, trait_of
from napari_scarseg.datasets.table import CaseRecord, read_dataset
from napari_scarseg.datasets.write import write_dataset

__all__ = [
    "AppendedTable",
    "CaseRecord",
    "KnownDataset",
    "LabelledCase",
    "Part",
    "Trait",
    "append_to_file",
    "assign_folds",
    "check_no_leak",
    "count_scar",
    "import_dataset",
    "leave_groups_out",
    "load_case",
    "make_phantom_cohort",
    "read_dataset",
    "read_folds",
    "split_patients",
    "trait_of",
    "write_dataset",
]
