"""Labels made wrong by a known kind and amount, and never those of the patients judged."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_scarseg.datasets import LabelledCase, load_case, read_dataset
from napari_scarseg.errors import InputError
from napari_scarseg.experiments.config import DataPart, ExperimentConfig
from napari_scarseg.experiments.data import prepare_data
from napari_scarseg.experiments.label_noise import LabelNoise, apply_noise, noisy_table


def test_dilated_and_eroded_bracket_the_truth(ring_case: LabelledCase) -> None:
    wide = apply_noise(ring_case, LabelNoise.DILATED, 1, 0)
    thin = apply_noise(ring_case, LabelNoise.ERODED, 1, 0)
    assert (wide & ring_case.scar).sum() == ring_case.scar.sum() < wide.sum()
    assert 0 < thin.sum() < ring_case.scar.sum() and not (thin & ~ring_case.scar).any()


def test_erosion_never_loses_a_component(ring_case: LabelledCase) -> None:
    thin = apply_noise(ring_case, LabelNoise.ERODED, 50, 0)
    assert thin.any(axis=(1, 2)).tolist() == ring_case.scar.any(axis=(1, 2)).tolist()


def test_shift_moves_every_slice_by_the_amount(ring_case: LabelledCase) -> None:
    moved = apply_noise(ring_case, LabelNoise.SHIFTED, 4, 0)
    assert moved.sum() == ring_case.scar.sum()
    for z in (1, 2):
        before, after = (np.argwhere(mask[z]).mean(axis=0) for mask in (ring_case.scar, moved))
        assert np.hypot(*(after - before)) == pytest.approx(4, abs=0.75)


def test_fwhm_finds_the_bright_wall_where_scar_was_seen(ring_case: LabelledCase) -> None:
    drawn = apply_noise(ring_case, LabelNoise.FWHM, 0, 0)
    assert not drawn[0].any()
    assert (drawn & ring_case.scar).sum() > 0.9 * ring_case.scar.sum()


def test_swapped_labels_name_the_healthy_wall_in_the_box(ring_case: LabelledCase) -> None:
    rows, columns = np.mgrid[:64, :64]
    outer = ring_case.scar & (np.hypot(rows - 32, columns - 30) > 12)
    case = replace(ring_case, scar=outer)
    swapped = apply_noise(case, LabelNoise.SWAPPED, 0, 0)
    assert swapped.any() and not (swapped & outer).any()
    assert case.myocardium is not None and not (swapped & ~case.myocardium).any()


def test_noise_that_needs_the_wall_says_so(
    ring_case: LabelledCase, without_anatomy: Callable[[LabelledCase], LabelledCase]
) -> None:
    with pytest.raises(InputError, match="myocardium_values"):
        apply_noise(without_anatomy(ring_case), LabelNoise.FWHM, 0, 0)


def test_held_out_patients_keep_their_labels(dataset: Path, tmp_path: Path) -> None:
    data = prepare_data(ExperimentConfig(data=(DataPart(path=dataset),)), tmp_path)
    table = noisy_table(data, LabelNoise.DILATED, 2, 0, 0)
    true = {record.patient: load_case(record) for record in data.records}
    for record in read_dataset(table):
        case, before = load_case(record), true[record.patient]
        assert case.myocardium is not None and before.lv is not None and case.lv is not None
        if record.fold == 0:
            assert (case.scar == before.scar).all()
        else:
            assert case.scar.sum() > before.scar.sum()
            assert (case.lv >= before.lv).all()
    assert noisy_table(data, LabelNoise.DILATED, 2, 0, 0) == table
    assert noisy_table(data, LabelNoise.NONE, 2, 0, 0) == data.table
