"""Patients to compare the one in the viewer with: a table from a file, or phantoms computed on the spot. No Qt."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from napari_scarseg.core.case import Phase
from napari_scarseg.datasets.phantom_cohort import COHORT_SIZE, measure_phantom, plan_phantoms
from napari_scarseg.errors import InputError
from napari_scarseg.gui.jobs import Progress
from napari_scarseg.gui.morphology_results import TableLevel
from napari_scarseg.io import read_table
from napari_scarseg.measure import check_measures, join_tables, summarise_lesions, summarise_patients

SYNTHETIC_NAME = "synthetic phantoms"


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceCohort:
    """Patients to compare with.

    Parameters
    ----------
    name : str
        For a person.
    slices : DataFrame
        Row per lesion and slice, checked.
    """

    name: str
    slices: pd.DataFrame

    @property
    def n_patients(self) -> int:
        """Patients with a lesion."""
        return int(self.slices["patient"].nunique())

    def table_at(self, level: TableLevel, without: frozenset[str] = frozenset()) -> pd.DataFrame:
        """Its table at `level`, without the cases that are measured in the viewer: those would count twice."""
        rows = self.slices[~self.slices["case"].isin(without)]
        if level is TableLevel.LESION_SLICE or rows.empty:
            return rows
        return summarise_lesions(rows) if level is TableLevel.LESION else summarise_patients(rows)


def read_reference(path: Path) -> ReferenceCohort:
    """Reference from a table that *Measure* or `scarseg measure` wrote, with one row per lesion and slice.

    Raises
    ------
    InputError
        If the file cannot be read, or is no such table.
    """
    table = read_table(path)
    if "slice" not in table and "mass_g" in table:
        raise InputError(
            f"'{path.name}' has no column 'slice', so it is a summary; choose the table per lesion and slice."
        )
    checked = check_measures(table)
    if checked.empty:
        raise InputError(f"'{path.name}' has no rows, so there is nothing to compare with; choose another table.")
    return ReferenceCohort(path.name, checked)


def compute_phantoms(stop: threading.Event) -> Iterator[object]:
    """Work of a `Job`: ten acute and ten chronic phantom hearts, measured on their truth; answers a ReferenceCohort."""
    plan = [patient for patient in plan_phantoms(COHORT_SIZE) if patient.phase is not Phase.NONE]
    tables = []
    for done, patient in enumerate(plan):
        yield Progress(done, len(plan))
        if stop.is_set():
            return
        tables.append(measure_phantom(patient))
    yield Progress(len(plan), len(plan))
    yield ReferenceCohort(SYNTHETIC_NAME, check_measures(join_tables(tables)))
