"""What label values mean under the presets."""

import numpy as np
import pytest

from napari_scarseg.core.tissue import (
    CLASS_VALUES,
    PRESETS,
    SCAR_TISSUES,
    LabelPreset,
    Tissue,
    check_preset,
    class_labels,
    propose_preset,
    propose_tissues,
    resolve_scar_values,
    tissue_mask,
)
from napari_scarseg.errors import InputError


@pytest.mark.parametrize(
    ("values", "preset"),
    [
        ([0], LabelPreset.BINARY),
        ([0, 1], LabelPreset.BINARY),
        ([0, 255], LabelPreset.BINARY),
        ([0, 1, 2, 3, 4], LabelPreset.EMIDEC),
        ([0, 1, 2, 3], LabelPreset.EMIDEC),
        ([1, 2], LabelPreset.LESIONS),
        ([0, 200, 500, 600, 1220, 2221], LabelPreset.MYOPS),
        ([0, 500, 2221], LabelPreset.MYOPS),
        (range(0, 256, 16), LabelPreset.LESIONS),
        ([0, *range(15, 256, 16)], LabelPreset.ANTIALIASED),
        ([0, 5, 9, 30], LabelPreset.LESIONS),
    ],
)
def test_preset_is_proposed_by_the_values(values, preset):
    assert propose_preset(values) is preset


def test_every_preset_names_itself():
    assert set(PRESETS) == set(LabelPreset)
    assert all(info.title for info in PRESETS.values())


def test_meaning_under_each_preset():
    assert propose_tissues([0, 2, 4, 9], LabelPreset.EMIDEC) == {2: Tissue.MYOCARDIUM, 4: Tissue.MVO, 9: Tissue.OTHER}
    assert propose_tissues([0, 100, 127, 128, 255], LabelPreset.ANTIALIASED) == {128: Tissue.SCAR, 255: Tissue.SCAR}
    assert propose_tissues([7, 8], LabelPreset.LESIONS) == {7: Tissue.SCAR, 8: Tissue.SCAR}
    assert Tissue.SCAR not in propose_tissues([1, 2, 3], LabelPreset.ACDC).values()


def test_strange_values_are_told():
    with pytest.raises(InputError, match="the value 9, which emidec has not"):
        check_preset([0, 3, 9], LabelPreset.EMIDEC)
    with pytest.raises(InputError, match="the values 1, 2, 3, 4, 5, …, which myops has not"):
        check_preset(range(8), LabelPreset.MYOPS)
    check_preset([0, 17], LabelPreset.LESIONS)


def test_scar_of_tissue_classes_includes_the_obstruction():
    labels = np.array([[0, 1, 2, 3, 4]])
    mask = tissue_mask(labels, PRESETS[LabelPreset.EMIDEC].tissues, SCAR_TISSUES)
    assert mask.tolist() == [[False, False, False, True, True]]


def test_emidec_keeps_its_numbers_as_classes():
    labels = np.arange(5)
    assert class_labels(labels, PRESETS[LabelPreset.EMIDEC].tissues).tolist() == labels.tolist()
    assert class_labels(
        np.array([1220, 2221, 7]), {**PRESETS[LabelPreset.MYOPS].tissues, 7: Tissue.OTHER}
    ).tolist() == [
        CLASS_VALUES[Tissue.EDEMA],
        CLASS_VALUES[Tissue.SCAR],
        0,
    ]


def test_scar_values_come_from_the_preset_or_else_from_the_file():
    coded = {1: Tissue.CAVITY, 2: Tissue.SCAR, 5: Tissue.MVO}
    assert resolve_scar_values([0, 1, 2], None, {}) is None
    assert resolve_scar_values([0, 1, 2, 5], None, coded) == (2, 5)
    assert resolve_scar_values([0, 3], None, {3: Tissue.SCAR}) is None
    assert resolve_scar_values([0, 1, 2, 3], LabelPreset.EMIDEC, coded) == (3,)
    assert resolve_scar_values([0, 1, 2, 3], LabelPreset.ACDC, {}) == ()
    assert resolve_scar_values([0, 1, 2, 3], LabelPreset.LESIONS, coded) is None
    with pytest.raises(InputError, match="which myops has not"):
        resolve_scar_values([0, 1], LabelPreset.MYOPS, {})
