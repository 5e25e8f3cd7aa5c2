"""Patient folds: stratified by how much scar there is, and never one patient on both sides."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from napari_scarseg.errors import InputError
from napari_scarseg.io import read_text_table


def assign_folds(
    scar_px: Mapping[str, float], *, folds: int, seed: int, groups: Mapping[str, str] | None = None
) -> dict[str, int]:
    """Assign patients to folds so that each fold has the same mix of scar sizes.

    Patients are sorted by scar size (scar-free ones form the lowest stratum) and dealt out in runs of `folds`, each run
    in random order.

    Parameters
    ----------
    scar_px : mapping of patient → scar pixels
    folds : int
        Number of folds, at least 2 and at most the number of patients.
    seed : int
    groups : mapping of patient → text, optional
        Cohort, phase or both, spread evenly as well.

    Returns
    -------
    dict of patient → fold (0 … folds - 1)
    """
    if not 2 <= folds <= len(scar_px):
        raise InputError(f"{len(scar_px)} patients cannot be dealt into {folds} folds; ask for 2 to {len(scar_px)}.")
    rng = np.random.default_rng(seed)
    # The random number breaks ties, so that scar-free patients are not dealt in the order of their names.
    group_of = groups or {}
    ordered = sorted(sorted(scar_px), key=lambda p: (group_of.get(p, ""), scar_px[p], rng.random()))
    assigned: dict[str, int] = {}
    for start in range(0, len(ordered), folds):
        run = ordered[start : start + folds]
        for patient, fold in zip(run, rng.permutation(folds), strict=False):
            assigned[patient] = int(fold)
    return dict(sorted(assigned.items()))


def read_folds(path: Path | str) -> dict[str, int]:
    """Read a CSV `patient,fold`.

    Raises
    ------
    InputError
        If it cannot be read, lacks a column, or names a patient twice.
    """
    name = Path(path).name
    table = read_text_table(path, "folds file")
    try:
        folds = [int(fold) for fold in table["fold"]]
        patients = list(table["patient"])
    except (KeyError, ValueError) as error:
        raise InputError(
            f"The folds file '{name}' needs the columns patient and fold (a whole number); correct it."
        ) from error
    twice = [patient for patient, count in Counter(patients).items() if count > 1]
    if twice:
        raise InputError(f"The folds file '{name}' names patient {twice[0]} twice; a patient has one fold.")
    return dict(zip(patients, folds, strict=True))


def check_no_leak(train_patients: Iterable[str], test_patients: Sequence[str]) -> None:
    """Refuse a split with a patient on both sides.

    Raises
    ------
    InputError
        Says how many patients are on both sides.
    """
    shared = set(train_patients) & set(test_patients)
    if shared:
        raise InputError(
            f"{len(shared)} patients are in both the training and the test part; split by patient before going on."
        )
