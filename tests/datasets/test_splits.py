"""Splits hold whole patients, the shares asked for, and the same mix of scar sizes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scarseg.core.case import Phase
from napari_scarseg.datasets import (
    CaseRecord,
    Part,
    Trait,
    assign_folds,
    check_no_leak,
    leave_groups_out,
    split_patients,
    trait_of,
)
from napari_scarseg.errors import InputError


def record(patient: str, cohort: str, phase: Phase, visit: str = "") -> CaseRecord:
    return CaseRecord(patient, Path("i"), Path("l"), cohort, visit, phase, None, (), (), ())


@given(st.lists(st.floats(0, 1e5), min_size=20, max_size=120), st.integers(0, 99))
@settings(deadline=None)
def test_every_patient_has_one_side_and_the_shares_are_70_15_15(sizes: list[float], seed: int) -> None:
    scar = {f"P{n:03d}": size for n, size in enumerate(sizes)}
    parts = split_patients(scar, seed=seed)
    assert set(parts) == set(scar)
    counts = [sum(part is side for part in parts.values()) for side in Part]
    assert counts == pytest.approx([0.7 * len(sizes), 0.15 * len(sizes), 0.15 * len(sizes)], abs=2)
    check_no_leak([p for p in parts if parts[p] is Part.TRAIN], [p for p in parts if parts[p] is Part.TEST])


def test_each_side_has_the_same_mix_of_sizes_and_scar_free_patients_are_kept() -> None:
    scar = {f"P{n:03d}": max(0.0, float(n - 30)) for n in range(100)}  # 31 without scar
    parts = split_patients(scar, seed=3)
    means = {side: np.mean([scar[p] for p in scar if parts[p] is side]) for side in Part}
    free = {side: np.mean([scar[p] == 0 for p in scar if parts[p] is side]) for side in Part}
    for side in Part:
        assert means[side] == pytest.approx(np.mean(list(scar.values())), rel=0.15)
        assert free[side] == pytest.approx(0.31, abs=0.08)
    assert parts == split_patients(dict(reversed(scar.items())), seed=3)
    assert parts != split_patients(scar, seed=4)


def test_groups_are_balanced_on_request() -> None:
    scar = {f"P{n:03d}": float(n % 7) for n in range(100)}
    groups = {patient: "acute" if n < 30 else "chronic" for n, patient in enumerate(scar)}
    parts = split_patients(scar, seed=1, groups=groups)
    for side in Part:
        share = np.mean([groups[p] == "acute" for p in scar if parts[p] is side])
        assert share == pytest.approx(0.3, abs=0.11)
    folds = assign_folds(scar, folds=5, seed=1, groups=groups)
    for fold in range(5):
        assert sum(groups[p] == "acute" for p in scar if folds[p] == fold) == 6


def test_impossible_shares_are_refused() -> None:
    scar = {f"P{n}": 1.0 for n in range(30)}
    for shares in ((0.7, 0.2, 0.2), (1.2, -0.1, -0.1)):
        with pytest.raises(InputError, match="sum to 1"):
            split_patients(scar, seed=0, shares=shares)
    with pytest.raises(InputError, match="2 patients are too few"):
        split_patients({"a": 1, "b": 2}, seed=0)
    two = split_patients(scar, seed=0, shares=(0.8, 0.0, 0.2))
    assert Part.VALIDATION not in two.values()


def test_cohorts_are_left_out_whole() -> None:
    records = [record("a", "x", Phase.ACUTE), record("b", "y", Phase.CHRONIC), record("c", "x", Phase.ACUTE)]
    assert leave_groups_out(trait_of(records, [Trait.COHORT])) == {"a": 0, "b": 1, "c": 0}
    assert trait_of(records, [Trait.COHORT, Trait.PHASE])["b"] == "y, chronic"


def test_a_patient_of_two_phases_cannot_be_left_out_by_phase() -> None:
    records = [
        record("a", "x", Phase.ACUTE, "D8"),
        record("a", "x", Phase.CHRONIC, "M12"),
        record("b", "x", Phase.ACUTE),
    ]
    assert trait_of(records, [Trait.PHASE])["a"] == "acute+chronic"
    with pytest.raises(InputError, match="1 patients belong to several groups, the first is a"):
        leave_groups_out(trait_of(records, [Trait.PHASE]))
    with pytest.raises(InputError, match="belong to one group"):
        leave_groups_out(trait_of(records, [Trait.COHORT]))
