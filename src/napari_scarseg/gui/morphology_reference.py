"""Patients to compare the one in the viewer with: a table from a file, or phantoms computed on the spot. No Qt."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.errors import InputError
from napari_scarseg.gui.jobs import Progress
from napari_scarseg.gui.morphology_results import TableLevel
from napari_scarseg.io import read_table
from napari_scarseg.measure import (
    check_measures,
    join_tables,
    measure_labels,
    summarise_lesions,
    summarise_patients,
    wall_from_masks,
)
from napari_scarseg.measure.figure_groups import PHANTOM_COHORT
from napari_scarseg.measure.scar_lesions import find_scar_lesions
from napari_scarseg.phantom import make_phantom

SYNTHETIC_NAME = "synthetic phantoms"

# Enough for a violin of each phase.
_PHANTOMS_PER_PHASE = 10
_FIRST_SEED = 1000
_CAVITY, _MYOCARDIUM, _SCAR = 1, 2, (3, 4)


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
    plan = [(phase, seed) for seed in range(_PHANTOMS_PER_PHASE) for phase in (Phase.ACUTE, Phase.CHRONIC)]
    tables = []
    for done, (phase, seed) in enumerate(plan):
        yield Progress(done, len(plan))
        if stop.is_set():
            return
        tables.append(measure_phantom(_FIRST_SEED + 2 * seed + (phase is Phase.CHRONIC), phase))
    yield Progress(len(plan), len(plan))
    yield ReferenceCohort(SYNTHETIC_NAME, check_measures(join_tables(tables)))


def measure_phantom(seed: int, phase: Phase) -> pd.DataFrame:
    """Table per lesion and slice of one phantom heart, from its truth."""
    phantom = make_phantom(seed, phase)
    name = f"phantom{seed}"
    return measure_labels(
        find_scar_lesions(phantom.labels, _SCAR),
        phantom.stack.spacing,
        CaseInfo(name, name, phase, PHANTOM_COHORT),
        image=phantom.stack.data,
        wall=wall_from_masks(phantom.labels == _MYOCARDIUM, phantom.labels == _CAVITY),
    )
