"""The table: exact blocks, keys, empty cells with reasons, and refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.measure import regionprops_table

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.measure import features_of, measure_labels, wall_from_centres, wall_from_masks
from napari_scarseg.measure.lesion_table import KEY_COLUMNS
from napari_scarseg.measure.reasons import explains_empty
from napari_scarseg.measure.table_columns import table_columns

KNOWN = Spacing(10.0, 1.5, 1.2, SpacingOrigin.HEADER)
CASE = CaseInfo("P001", "p1", Phase.ACUTE, "centre A")


@pytest.fixture
def blocks():
    """Lesion 2: a 6 × 10 block on slices 0 and 1; lesion 7: two 3 × 3 blocks on slice 2."""
    labels = np.zeros((4, 24, 30), np.int32)
    labels[:2, 3:9, 4:14] = 2
    labels[2, 1:4, 1:4] = 7
    labels[2, 10:13, 1:4] = 7
    return labels


def test_one_row_per_lesion_and_slice_with_its_keys(blocks):
    table = measure_labels(blocks, KNOWN, CASE)
    assert tuple(table.columns[:6]) == KEY_COLUMNS
    assert table[["lesion_id", "slice"]].values.tolist() == [[2, 0], [2, 1], [7, 2]]
    assert set(map(tuple, table[["case", "patient", "phase", "cohort"]].values)) == {
        ("P001", "p1", "acute", "centre A")
    }


def test_mass_and_volume_of_a_block_are_exact(blocks):
    table = measure_labels(blocks, KNOWN, CASE, density_g_per_ml=1.05)
    block = table[table["lesion_id"] == 2]
    assert block["area_px"].tolist() == [60, 60]
    np.testing.assert_allclose(block["area_mm2"], 60 * 1.5 * 1.2)
    np.testing.assert_allclose(block["volume_ml"].sum(), 2 * 60 * 1.5 * 1.2 * 10 / 1000)
    np.testing.assert_allclose(block["mass_g"].sum(), 2 * 60 * 1.5 * 1.2 * 10 / 1000 * 1.05)
    np.testing.assert_allclose(measure_labels(blocks, KNOWN, CASE, density_g_per_ml=2.1)["mass_g"], 2 * table["mass_g"])


def test_shape_of_the_blocks(blocks):
    table = measure_labels(blocks, KNOWN, CASE)
    np.testing.assert_allclose(table["extent"][:2], 1)
    np.testing.assert_allclose(table["major_axis_px"][:2], 4 * 10 / np.sqrt(12))
    np.testing.assert_allclose(table["major_axis_mm"][:2], 4 * 12 / np.sqrt(12))
    np.testing.assert_allclose(table["minor_axis_mm"][:2], 4 * 9 / np.sqrt(12))
    np.testing.assert_allclose(table["eccentricity"][:2], np.sqrt(1 - (9 / 12) ** 2))
    np.testing.assert_allclose(table["circularity"], 4 * np.pi * table["area_mm2"] / table["perimeter_mm"] ** 2)
    pieces = table.iloc[2]
    assert (pieces["n_components"], pieces["largest_component_share"], pieces["euler_number"]) == (2, 0.5, 2)


def test_circularity_is_in_mm_where_pixels_are_not_square(draw_ellipse):
    # A disc in mm: an ellipse of pixels.
    disc = draw_ellipse(15, 15, 0, 1.0, 2.0)[None].astype(int)
    known = measure_labels(disc, Spacing(8.0, 1.0, 2.0, SpacingOrigin.USER), CASE).iloc[0]
    unknown = measure_labels(disc, Spacing.unknown(), CASE).iloc[0]
    assert known["circularity"] == pytest.approx(1, abs=0.05)
    assert known["eccentricity"] < 0.25
    assert unknown["circularity"] < 0.9
    assert unknown["eccentricity"] == pytest.approx(np.sqrt(0.75), abs=0.02)


def test_small_means_under_25_pixels():
    labels = np.zeros((2, 12, 12), int)
    labels[0, 1:6, 1:6] = 1
    labels[1, 1:7, 1:5] = 1
    assert measure_labels(labels, KNOWN, CASE)[["area_px", "is_small"]].values.tolist() == [[25, False], [24, True]]


def test_unknown_spacing_leaves_mm_empty_with_the_reason(blocks):
    table = measure_labels(blocks, Spacing.unknown(), CASE)
    empty = [c for c in table if c.endswith(("_mm", "_mm2", "_ml", "_g")) and c != "density_g_per_ml"]
    assert "mass_g" in empty and "area_mm2" in empty
    assert table[empty].isna().all(axis=None)
    assert table[["area_px", "perimeter_px", "circularity", "solidity"]].notna().all(axis=None)
    assert set(table["spacing_origin"]) == {"unknown"}
    assert set(table["reason_empty"]) == {"in-plane spacing unknown: no mm, mm², ml and g"}


def test_unknown_slice_distance_leaves_only_volume_and_mass_empty(blocks):
    table = measure_labels(blocks, Spacing(None, 1.5, 1.2, SpacingOrigin.USER), CASE)
    assert (
        table[["volume_ml", "mass_g", "spacing_z_mm", "lesion_height_mm", "lesion_surface_mm2"]].isna().all(axis=None)
    )
    assert table[["area_mm2", "perimeter_mm", "major_axis_mm"]].notna().all(axis=None)
    assert set(table["reason_empty"]) == {"slice distance unknown: no ml, g and 3-D shape"}


def test_known_spacing_gives_no_reason(blocks):
    tall = np.repeat(blocks[:1], 3, axis=0)
    assert set(measure_labels(tall, KNOWN, CASE)["reason_empty"]) == {""}


def test_one_pixel_and_a_line_are_never_infinite_or_zero():
    labels = np.zeros((2, 9, 9), int)
    labels[0, 4, 4] = 1
    labels[1, 4, 2:8] = 1
    image = np.arange(labels.size, dtype=float).reshape(labels.shape)
    table = measure_labels(labels, KNOWN, CASE, image=image)
    may_be_zero = {"n_holes", "eccentricity", "elongation", "orientation_deg", "contrast_to_ring"}
    names = [spec.name for spec in features_of(table) if spec.name not in may_be_zero]
    values = table[names].to_numpy(dtype=float, na_value=np.nan)
    assert not np.isinf(values).any()
    assert not (values == 0).any()
    assert np.isnan(table["intensity_sd"][0]) and table["intensity_mean"][0] == image[0, 4, 4]
    assert table["reason_empty"][0] == (
        "no component of 5 px: no n_components; lesion on under 3 slices: no lesion_surface_mm2 and lesion_sphericity; "
        "one pixel: no intensity_sd and entropy; no neighbouring pixels: no texture"
    )
    assert table["reason_empty"][1] == "lesion on under 3 slices: no lesion_surface_mm2 and lesion_sphericity"


def test_defined_values_keep_the_registered_range():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, (3, 14, 14))
    table = measure_labels(labels, KNOWN, CASE, image=rng.normal(size=labels.shape))
    for spec in features_of(table):
        values = table[spec.name].to_numpy(dtype=float, na_value=np.nan)
        lower, upper = spec.valid_range
        assert lower is None or np.nanmin(values) >= lower, spec.name
        assert upper is None or np.nanmax(values) <= upper, spec.name


@st.composite
def volumes(draw):
    """Lesions, image, wall and spacing of every kind that the table must bear."""
    shape = (draw(st.integers(1, 4)), 12, 12)
    labels = draw(hnp.arrays(np.int32, shape, elements=st.sampled_from([0, 0, 0, 1, 1, 5])))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    images = [None, rng.normal(size=shape), np.full(shape, 3.0), np.where(rng.random(shape) > 0.9, np.nan, 1.0)]
    muscle = np.zeros(shape, bool)
    muscle[: draw(st.integers(1, 4)), 1:11, 1:11] = True
    walls = [None, wall_from_masks(muscle), wall_from_centres({0: (5.5, 5.5)})]
    spacings = [KNOWN, Spacing.unknown(), Spacing(None, 1.0, 1.0, SpacingOrigin.USER)]
    return labels, draw(st.sampled_from(images)), draw(st.sampled_from(walls)), draw(st.sampled_from(spacings))


@settings(max_examples=60, deadline=None)
@given(volumes())
def test_every_empty_cell_has_its_reason_and_every_value_its_range(volume):
    labels, image, wall, spacing = volume
    table = measure_labels(labels, spacing, CASE, image=image, wall=wall)
    for spec in features_of(table):
        values = table[spec.name].to_numpy(dtype=float, na_value=np.nan)
        lower, upper = spec.valid_range
        defined = values[~np.isnan(values)]
        assert np.isfinite(defined).all()
        assert lower is None or (defined >= lower - 1e-9).all(), spec.name
        assert upper is None or (defined <= upper + 1e-9).all(), spec.name
        for reason in table["reason_empty"][np.isnan(values)]:
            assert explains_empty(reason, spec.name), (spec.name, reason)


def test_equal_to_scikit_image_on_square_pixels(blocks):
    rng = np.random.default_rng(1)
    plane = np.zeros((40, 40), int)
    plane[2:20, 3:30] = rng.random((18, 27)) > 0.35
    plane[24:36, 5:15] = 5
    image = rng.normal(100, 20, plane.shape)
    table = measure_labels(plane[None], Spacing(8.0, 1.0, 1.0, SpacingOrigin.USER), CASE, image=image[None])
    theirs = regionprops_table(
        plane,
        image,
        properties=("label", "area", "solidity", "extent", "euler_number", "intensity_mean", "intensity_std"),
    )
    np.testing.assert_array_equal(table["lesion_id"], theirs["label"])
    for ours, name in (
        ("area_px", "area"),
        ("solidity", "solidity"),
        ("extent", "extent"),
        ("euler_number", "euler_number"),
        ("intensity_mean", "intensity_mean"),
        ("intensity_sd", "intensity_std"),
    ):
        np.testing.assert_allclose(table[ours], theirs[name], err_msg=ours)


def test_intensity_columns_only_with_an_image(blocks):
    assert "intensity_mean" not in measure_labels(blocks, KNOWN, CASE)
    image = np.full(blocks.shape, 7, np.uint16)
    image[0, 3:9, 4:9] = 9
    table = measure_labels(blocks, KNOWN, CASE, image=image)
    assert table["intensity_mean"].tolist() == [8, 7, 7]
    assert table["intensity_sd"].tolist() == [1, 0, 0]


def test_no_lesion_gives_the_same_columns_without_rows(blocks):
    empty = measure_labels(np.zeros_like(blocks), KNOWN, CASE)
    filled = measure_labels(blocks, KNOWN, CASE)
    assert len(empty) == 0
    assert list(empty.columns) == list(filled.columns) == list(table_columns(with_image=False))
    assert (empty.dtypes == filled.dtypes).all()


def test_very_large_ids_cost_no_memory(blocks):
    table = measure_labels(np.where(blocks == 7, 2_000_000_000, blocks), KNOWN, CASE)
    assert table["lesion_id"].tolist() == [2, 2, 2_000_000_000]


def test_inputs_are_not_changed(blocks):
    blocks.flags.writeable = False
    image = np.ones(blocks.shape)
    image.flags.writeable = False
    measure_labels(blocks, KNOWN, CASE, image=image)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (np.zeros((4, 4), int), r"have 2 axes \(4, 4\)"),
        (np.zeros((1, 4, 4)), "float64, but lesions are whole numbers"),
        (np.full((1, 4, 4), -3), "negative value -3"),
    ],
)
def test_wrong_labels(labels, sentence):
    with pytest.raises(InputError, match=sentence):
        measure_labels(labels, KNOWN, CASE)


def test_wrong_image_and_density(blocks):
    with pytest.raises(InputError, match=r"image has the shape \(4, 24, 29\) and the labels \(4, 24, 30\)"):
        measure_labels(blocks, KNOWN, CASE, image=np.zeros((4, 24, 29)))
    for density in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(InputError, match="density must be a positive number"):
            measure_labels(blocks, KNOWN, CASE, density_g_per_ml=density)
