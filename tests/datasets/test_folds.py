"""Folds hold whole patients and the same mix of scar sizes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scarseg.datasets import assign_folds, check_no_leak, read_folds
from napari_scarseg.errors import InputError

COMMITTED = Path(__file__).parents[2] / "configs" / "emidec_folds.csv"


@given(st.lists(st.floats(0, 1e5), min_size=10, max_size=80), st.integers(2, 6), st.integers(0, 99))
@settings(deadline=None)
def test_every_patient_has_a_fold_and_folds_are_even(sizes: list[float], folds: int, seed: int) -> None:
    scar = {f"P{n:03d}": size for n, size in enumerate(sizes)}
    assigned = assign_folds(scar, folds=folds, seed=seed)
    assert set(assigned) == set(scar)
    counts = np.bincount(list(assigned.values()), minlength=folds)
    assert counts.max() - counts.min() <= 1


def test_each_run_of_neighbouring_sizes_is_spread_over_all_folds() -> None:
    scar = {f"P{n:03d}": float(n) for n in range(50)}
    assigned = assign_folds(scar, folds=5, seed=3)
    for start in range(0, 50, 5):
        assert {assigned[f"P{n:03d}"] for n in range(start, start + 5)} == set(range(5))
    assert assigned == assign_folds(dict(reversed(scar.items())), folds=5, seed=3)
    assert assigned != assign_folds(scar, folds=5, seed=4)


def test_impossible_numbers_of_folds_are_refused() -> None:
    for folds in (1, 4):
        with pytest.raises(InputError, match="3 patients cannot be dealt"):
            assign_folds({"a": 1, "b": 2, "c": 3}, folds=folds, seed=0)


def test_the_committed_folds_are_stratified_by_diagnosis() -> None:
    folds = read_folds(COMMITTED)
    assert len(folds) == 80
    for fold in range(5):
        patients = [patient for patient, number in folds.items() if number == fold]
        assert len(patients) == 16
        assert 10 <= sum(patient.startswith("P") for patient in patients) <= 11


def test_a_wrong_folds_file_says_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "folds.csv"
    for text in ("patient\na\n", "patient,fold\na,x\n", "patient,fold\na,\n"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="needs the columns patient and fold"):
            read_folds(path)
    with pytest.raises(InputError, match="There is no folds file 'absent.csv'"):
        read_folds(tmp_path / "absent.csv")
    path.write_text("patient,fold\na,0\nb,1\na,1\n", encoding="utf-8")
    with pytest.raises(InputError, match="names patient a twice"):
        read_folds(path)


def test_a_leak_is_refused() -> None:
    check_no_leak(["a", "b"], ["c"])
    with pytest.raises(InputError, match="1 patients are in both"):
        check_no_leak(["a", "b"], ["b", "c"])
