"""Patients into training, validation and test; cohorts or phases left out whole. Never one patient on two sides."""

import math
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import numpy as np

from napari_scarseg.datasets.cases import load_case
from napari_scarseg.datasets.table import CaseRecord
from napari_scarseg.errors import InputError

PAPER_SHARES = (0.70, 0.15, 0.15)


class Part(StrEnum):
    """Side of a split."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Trait(StrEnum):
    """What a split can balance, or leave out whole."""

    COHORT = "cohort"
    PHASE = "phase"


def count_scar(records: Iterable[CaseRecord]) -> dict[str, float]:
    """Scar pixels of each patient over all its stacks, by which splits are stratified; reads every label."""
    scar_px: dict[str, float] = {}
    for record in records:
        scar_px[record.patient] = scar_px.get(record.patient, 0) + float(load_case(record).scar.sum())
    return scar_px


def trait_of(records: Sequence[CaseRecord], traits: Sequence[Trait]) -> dict[str, str]:
    """What each patient is, as text: "emidec, acute". Several visits are joined, as in "acute+chronic"."""
    found: dict[str, list[set[str]]] = {}
    for record in records:
        values = {Trait.COHORT: record.cohort, Trait.PHASE: record.phase.value}
        for place, trait in enumerate(traits):
            found.setdefault(record.patient, [set() for _ in traits])[place].add(values[trait] or "unknown")
    return {patient: ", ".join("+".join(sorted(part)) for part in parts) for patient, parts in found.items()}


def split_patients(
    scar_px: Mapping[str, float],
    *,
    seed: int,
    shares: tuple[float, float, float] = PAPER_SHARES,
    groups: Mapping[str, str] | None = None,
) -> dict[str, Part]:
    """Deal patients to training, validation and test so that each has the same mix of scar sizes.

    Patients are sorted by group (if given) and scar size, scar-free ones first, and dealt out in short runs of
    neighbours, each run in the shares asked for and in random order.

    Parameters
    ----------
    scar_px : mapping of patient → scar pixels
    seed : int
    shares : (train, validation, test)
        Sum to 1; the paper's 70/15/15 by default.
    groups : mapping of patient → text, optional
        Cohort, phase or both (`trait_of`), balanced as well.

    Raises
    ------
    InputError
        If the shares are no shares, or there are too few patients for each part to have one.

    Examples
    --------
    >>> parts = split_patients({f"p{n}": n for n in range(20)}, seed=0)
    >>> [sum(part is side for part in parts.values()) for side in Part]
    [14, 3, 3]
    """
    if min(shares) < 0 or not math.isclose(sum(shares), 1, abs_tol=1e-6):
        raise InputError("The shares of training, validation and test must be positive and sum to 1 (or 100 %).")
    filled = [part for part, share in zip(Part, shares, strict=True) if share > 0]
    rng = np.random.default_rng(seed)
    group_of = groups or {}
    ordered = sorted(sorted(scar_px), key=lambda p: (group_of.get(p, ""), scar_px[p], rng.random()))
    run = math.ceil(1 / min(share for share in shares if share > 0))
    edges = np.cumsum((0.0, *shares))
    assigned: dict[str, Part] = {}
    for start in range(0, len(ordered), run):
        patients = ordered[start : start + run]
        dealt = _deal(start, start + len(patients), edges)
        for patient, number in zip(patients, rng.permutation(dealt), strict=True):
            assigned[patient] = tuple(Part)[int(number)]
    if set(assigned.values()) != set(filled):
        raise InputError(f"{len(scar_px)} patients are too few for these shares; add patients or ask for fewer parts.")
    return dict(sorted(assigned.items()))


def _deal(start: int, stop: int, edges: np.ndarray) -> list[int]:
    """Part of each place from `start` to `stop`, so that after every run the counts are the shares, rounded."""
    before, after = (np.round(edges * n).astype(int) for n in (start, stop))
    counts = np.diff(after) - np.diff(before)
    # Rounding can ask for one fewer than there were before; the missing ones go to the largest part.
    counts = np.clip(counts, 0, None)
    places = [part for part, count in enumerate(counts) for _ in range(count)]
    largest = int(np.argmax(np.diff(edges)))
    places += [largest] * (stop - start - len(places))
    return places[: stop - start]


def leave_groups_out(group_of: Mapping[str, str]) -> dict[str, int]:
    """One fold per group: held out in turn, each cohort (or phase) is met by weights that never saw it.

    Parameters
    ----------
    group_of : mapping of patient → group
        From `trait_of`; a patient of several groups has them joined by "+".

    Returns
    -------
    dict of patient → fold
        Folds in the alphabetical order of the groups.

    Raises
    ------
    InputError
        If there is one group only, or a patient belongs to several and would be on both sides.
    """
    torn = [patient for patient, group in group_of.items() if "+" in group]
    if torn:
        raise InputError(
            f"{len(torn)} patients belong to several groups, the first is {torn[0]}, and would be on both sides; leave "
            "out cohorts, or split the patients."
        )
    groups = sorted(set(group_of.values()))
    if len(groups) < 2:
        raise InputError("All patients belong to one group, so none can be left out; fill in the cohort or phase.")
    return {patient: groups.index(group) for patient, group in sorted(group_of.items())}
