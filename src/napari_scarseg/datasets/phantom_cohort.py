"""A sample cohort made on the spot: computed hearts, measured on their truth. Every figure of it says "synthetic"."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.errors import InputError
from napari_scarseg.measure import join_tables, measure_labels, wall_from_masks
from napari_scarseg.measure.figure_groups import PHANTOM_COHORT
from napari_scarseg.measure.scar_lesions import find_scar_lesions
from napari_scarseg.phantom import make_phantom

# In this order, over and over: two in five acute, two in five chronic, one in five without scar.
_MIXED = (Phase.ACUTE, Phase.CHRONIC, Phase.ACUTE, Phase.CHRONIC, Phase.NONE)
_CAVITY, _MYOCARDIUM, _SCAR = 1, 2, (3, 4)

# Ten acute, ten chronic and five without scar: enough for a violin of each phase.
COHORT_SIZE = 25


@dataclass(frozen=True, slots=True)
class PhantomPatient:
    """One computed patient.

    Parameters
    ----------
    name : str
    seed : int
        Of `make_phantom`.
    phase : Phase
    """

    name: str
    seed: int
    phase: Phase


def plan_phantoms(count: int, seed: int = 0, phase: Phase | None = None) -> list[PhantomPatient]:
    """Name, seed and phase of every patient of a cohort.

    Each has a seed of its own that follows from the cohort's, so that two cohorts of different seeds share no patient,
    and a longer one begins with the patients of a shorter one.

    Parameters
    ----------
    count : int
    seed : int
        Zero or positive.
    phase : Phase, optional
        Of all patients; by default two in five are acute, two chronic, and one has no scar.

    Raises
    ------
    InputError
        If there is no patient to make, or the seed is negative.

    Examples
    --------
    >>> [(patient.name, patient.phase.value) for patient in plan_phantoms(2, seed=7)]
    [('PH7-0001', 'acute'), ('PH7-0002', 'chronic')]
    """
    if count < 1 or seed < 0:
        raise InputError(f"A cohort needs at least one patient and a seed from 0, not {count} and {seed}.")
    return [
        PhantomPatient(
            name=f"PH{seed}-{index + 1:04d}",
            seed=int(np.random.SeedSequence([seed, index]).generate_state(1)[0]),
            phase=_MIXED[index % len(_MIXED)] if phase is None else phase,
        )
        for index in range(count)
    ]


def measure_phantom(patient: PhantomPatient) -> pd.DataFrame:
    """Table per lesion and slice of one computed heart, from its truth, with image and wall."""
    made = make_phantom(patient.seed, patient.phase)
    return measure_labels(
        find_scar_lesions(made.labels, _SCAR),
        made.stack.spacing,
        CaseInfo(patient.name, patient.name, patient.phase, PHANTOM_COHORT),
        image=made.stack.data,
        wall=wall_from_masks(made.labels == _MYOCARDIUM, made.labels == _CAVITY),
    )


def measure_phantoms(patients: list[PhantomPatient]) -> Iterator[pd.DataFrame]:
    """`measure_phantom` of each, one after the other."""
    yield from map(measure_phantom, patients)


def make_phantom_cohort(count: int = COHORT_SIZE, seed: int = 0, phase: Phase | None = None) -> pd.DataFrame:
    """Compute a cohort and measure it, in one call: the table per lesion and slice that figures and tests take.

    Its hearts are those that `scarseg phantom --patients N --seed S` writes. A heart without scar has no row. The
    column `cohort` says "phantom", by which every figure, report and text knows that the data are synthetic.

    Parameters
    ----------
    count : int
        Patients, about a second each.
    seed : int
    phase : Phase, optional
        See `plan_phantoms`.

    Examples
    --------
    >>> table = make_phantom_cohort(2, seed=3)
    >>> table.groupby("patient")["phase"].first().to_dict()
    {'PH3-0001': 'acute', 'PH3-0002': 'chronic'}
    """
    return join_tables(list(measure_phantoms(plan_phantoms(count, seed, phase))))
