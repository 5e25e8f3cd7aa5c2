"""Data sets of labelled stacks: the table, the label mapping, patient folds and the leak check."""

from napari_scarseg.datasets.cases import LabelledCase, load_case
from napari_scarseg.datasets.folds import assign_folds, check_no_leak, read_folds
from napari_scarseg.datasets.table import CaseRecord, read_dataset

__all__ = ["CaseRecord", "LabelledCase", "assign_folds", "check_no_leak", "load_case", "read_dataset", "read_folds"]
