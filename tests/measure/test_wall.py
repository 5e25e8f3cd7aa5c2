"""Lesions in the unrolled wall against sectors of a ring, whose figures are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scarseg.core.case import CaseInfo
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.measure import measure_labels, summarise_patients, wall_from_centres, wall_from_masks

INNER, OUTER = 18.0, 30.0
CASE = CaseInfo("a")
WALL_COLUMNS = [
    "angular_extent_deg",
    "unwrapped_solidity",
    "transmurality_pct",
    "transmurality_max_pct",
    "endocardial_extent_pct",
    "endocardial_share_pct",
    "lv_share_pct",
]


def draw_ring(y_mm=1.0, x_mm=1.0, centre=(0.3, -0.4), side=81):
    """Radius (mm), angle (degrees) of every pixel from the centre, and the ring."""
    rows, cols = np.mgrid[:side, :side] - side // 2
    y, x = (rows - centre[0]) * y_mm, (cols - centre[1]) * x_mm
    radius, angle = np.hypot(y, x), np.degrees(np.arctan2(y, x)) % 360
    return radius, angle, (radius >= INNER) & (radius < OUTER)


def measure_sector(start_deg, extent_deg, depth, y_mm=1.0, x_mm=1.0):
    """Measures of a sector of the wall from the endocardium to a share `depth` of its thickness."""
    radius, angle, ring = draw_ring(y_mm, x_mm)
    lesion = ring & ((angle - start_deg) % 360 < extent_deg) & (radius < INNER + depth * (OUTER - INNER))
    spacing = Spacing(8.0, y_mm, x_mm, SpacingOrigin.USER)
    return measure_labels(lesion[None].astype(int), spacing, CASE, wall=wall_from_masks(ring[None])).iloc[0]


@pytest.mark.parametrize("start", [0, 77, 300])
@pytest.mark.parametrize(("extent", "depth"), [(60, 0.5), (120, 1.0), (200, 0.25)])
def test_sector_of_the_wall(start, extent, depth):
    row = measure_sector(start, extent, depth)
    assert row["angular_extent_deg"] == pytest.approx(extent, abs=3)
    # Stairs of the pixels, half of one deep, on a lesion 3 px deep at the least.
    assert row["unwrapped_solidity"] > 1 - 0.75 / (depth * (OUTER - INNER))
    assert row["transmurality_pct"] == pytest.approx(100 * depth, abs=4)
    assert row["endocardial_extent_pct"] == pytest.approx(100 * extent / 360, abs=1.5)
    assert row["endocardial_share_pct"] == pytest.approx(row["endocardial_extent_pct"])
    area = extent / 360 * ((INNER + depth * (OUTER - INNER)) ** 2 - INNER**2) / (OUTER**2 - INNER**2)
    assert row["lv_share_pct"] == pytest.approx(100 * area, abs=1)


@pytest.mark.parametrize(("y_mm", "x_mm"), [(1.4, 1.4), (1.0, 1.6)])
def test_sector_on_other_pixels(y_mm, x_mm):
    row = measure_sector(20, 90, 0.5, y_mm, x_mm)
    assert row["angular_extent_deg"] == pytest.approx(90, abs=5)
    assert row["transmurality_pct"] == pytest.approx(50, abs=5)


def test_solidity_falls_with_bending_and_the_unwrapped_one_does_not():
    bent = measure_sector(0, 250, 0.5)
    assert bent["solidity"] < 0.5
    assert bent["unwrapped_solidity"] > 0.85


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 359))
def test_turning_the_heart_changes_little(start):
    row = measure_sector(start, 70, 0.6)
    assert row["angular_extent_deg"] == pytest.approx(70, abs=4)
    assert row["transmurality_pct"] == pytest.approx(60, abs=5)


def test_whole_ring_is_all_there_is():
    row = measure_sector(0, 360, 1.0)
    assert row[WALL_COLUMNS].astype(float).tolist() == pytest.approx([360, 1, 100, 100, 100, 100, 100])


def test_lesions_count_as_wall_where_the_myocardium_leaves_them_out():
    radius, angle, ring = draw_ring()
    lesion = ring & (angle < 90) & (radius < 24)
    spacing = Spacing(8.0, 1.0, 1.0, SpacingOrigin.USER)
    tables = [
        measure_labels(
            lesion[None].astype(int), spacing, CASE, wall=wall_from_masks(muscle[None], radius[None] < INNER)
        )
        for muscle in (ring, ring & ~lesion)
    ]
    np.testing.assert_allclose(tables[0][WALL_COLUMNS].astype(float), tables[1][WALL_COLUMNS].astype(float))


def test_the_centre_alone_gives_extent_and_unwrapped_solidity():
    _, angle, ring = draw_ring()
    lesion = (ring & (angle < 90))[None].astype(int)
    row = measure_labels(lesion, Spacing.unknown(), CASE, wall=wall_from_centres({0: (40.3, 39.6)})).iloc[0]
    assert row["angular_extent_deg"] == pytest.approx(90, abs=3)
    assert row["unwrapped_solidity"] > 0.93
    assert row[WALL_COLUMNS[2:]].isna().all()
    assert "myocardium not given" in row["reason_empty"]


def test_shares_of_the_lv_add_up_over_lesions_and_slices():
    radius, angle, ring = draw_ring()
    labels = np.zeros((3, *ring.shape), int)
    labels[0][ring & (angle < 90)] = 1
    labels[1][ring & (angle < 45)] = 1
    labels[1][ring & (angle > 200) & (angle < 245)] = 2
    table = measure_labels(labels, Spacing.unknown(), CASE, wall=wall_from_masks(np.stack([ring] * 3)))
    patient = summarise_patients(table).iloc[0]
    assert patient["lv_share_pct"] == pytest.approx(100 * 180 / (3 * 360), abs=0.3)
    assert patient["endocardial_share_pct"] == pytest.approx(100 * 180 / (3 * 360), abs=0.8)
    assert patient["n_lesions"] == 2
    assert radius.shape == ring.shape


def test_contrast_to_remote_myocardium_is_the_n_of_n_sd():
    _, angle, ring = draw_ring()
    lesion = ring & (angle < 90)
    image = np.random.default_rng(0).normal(100, 10, (1, *ring.shape))
    image[0][lesion] += 60
    spacing = Spacing(8.0, 1.0, 1.0, SpacingOrigin.USER)
    row = measure_labels(lesion[None].astype(int), spacing, CASE, image=image, wall=wall_from_masks(ring[None])).iloc[0]
    assert row["contrast_to_remote"] == pytest.approx(6, abs=0.3)
    scaled = measure_labels(
        lesion[None].astype(int), spacing, CASE, image=3 * image + 50, wall=wall_from_masks(ring[None])
    ).iloc[0]
    for name in ("contrast_to_remote", "contrast_to_ring", "glcm_contrast", "intensity_entropy_bits"):
        assert scaled[name] == pytest.approx(row[name]), name


def test_an_open_ring_still_has_its_middle():
    _, angle, ring = draw_ring()
    centres = wall_from_masks((ring & (angle > 30))[None]).centres
    assert centres[0] == pytest.approx((40.3, 39.6), abs=1)


def test_walls_that_do_not_fit_are_refused():
    labels = np.ones((2, 9, 9), int)
    with pytest.raises(InputError, match=r"myocardium has the shape \(1, 9, 9\) and the labels \(2, 9, 9\)"):
        measure_labels(labels, Spacing.unknown(), CASE, wall=wall_from_masks(np.ones((1, 9, 9))))
    with pytest.raises(InputError, match="on slice 7, but the labels have 2 slices"):
        measure_labels(labels, Spacing.unknown(), CASE, wall=wall_from_centres({7: (1, 1)}))
    with pytest.raises(InputError, match="The myocardium is empty"):
        wall_from_masks(np.zeros((1, 9, 9)))
    with pytest.raises(InputError, match="must be .* arrays of one shape"):
        wall_from_masks(np.ones((1, 9, 9)), np.ones((1, 9, 8)))
    with pytest.raises(InputError, match="No LV centre"):
        wall_from_centres({})
    with pytest.raises(InputError, match="on slice 0 is not a pair of numbers"):
        wall_from_centres({0: (np.nan, 1)})
