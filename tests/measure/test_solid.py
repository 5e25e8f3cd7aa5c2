"""Three-dimensional shape against closed forms and ITK."""

import numpy as np
import pytest

from napari_scarseg.measure.solid import _DIRECTIONS, _direction_weights, crofton_surface, measure_solid


def draw_ball(radius_mm, spacing, shift=(0.0, 0.0, 0.0)):
    reach = [int(radius_mm / distance) + 2 for distance in spacing]
    z, y, x = (
        (np.arange(-n, n + 1) + offset) * distance for n, offset, distance in zip(reach, shift, spacing, strict=True)
    )
    return z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 <= radius_mm**2


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (5.0, 1.4, 1.4), (10.0, 1.4, 1.4), (8.0, 1.0, 1.6)])
def test_surface_and_sphericity_of_a_ball(spacing):
    shifts = np.random.default_rng(0).uniform(-0.5, 0.5, (6, 3))
    solids = [measure_solid(draw_ball(25, spacing, shift), *spacing) for shift in shifts]
    assert np.mean([s.surface_mm2 for s in solids]) == pytest.approx(4 * np.pi * 25**2, rel=0.02)
    assert np.mean([s.sphericity for s in solids]) == pytest.approx(1, abs=0.03)
    assert np.mean([s.diameter_mm for s in solids]) == pytest.approx(50, abs=2)


def itk_surface(mask, spacing):
    sitk = pytest.importorskip("SimpleITK")
    image = sitk.GetImageFromArray(np.pad(mask, 1).astype(np.uint8))
    image.SetSpacing(spacing[::-1])
    shapes = sitk.LabelShapeStatisticsImageFilter()
    shapes.ComputePerimeterOn()
    shapes.Execute(image)
    return shapes.GetPerimeter(1)


def test_surface_on_cubes_is_that_of_itk():
    rng = np.random.default_rng(1)
    ball = draw_ball(12, (1.0, 1.0, 1.0))
    for mask in (ball, ball & (rng.random(ball.shape) > 0.3)):
        assert crofton_surface(mask, 2.0, 2.0, 2.0) == pytest.approx(itk_surface(mask, (2.0, 2.0, 2.0)))


def test_surface_on_flat_voxels_differs_from_itk_which_keeps_the_weights_of_cubes():
    spacing = (8.0, 1.4, 1.4)
    mask = draw_ball(20, spacing) & (np.random.default_rng(1).random(draw_ball(20, spacing).shape) > 0.3)
    lengths = np.linalg.norm(np.array(_DIRECTIONS) * spacing, axis=1)
    padded = np.pad(mask, 1)
    entries = [np.count_nonzero(padded & ~np.roll(padded, d, axis=(0, 1, 2))) for d in _DIRECTIONS]
    with_cubes = 4 * np.prod(spacing) * (np.array(_direction_weights(1.0, 1.0, 1.0)) * entries / lengths).sum()
    assert with_cubes == pytest.approx(itk_surface(mask, spacing))
    assert crofton_surface(mask, *spacing) > 1.2 * with_cubes


def test_no_surface_without_spacing_or_on_few_slices():
    mask = np.ones((4, 3, 3), bool)
    unknown = measure_solid(mask, None, None, None)
    assert (unknown.surface_mm2, unknown.sphericity, unknown.height_mm, unknown.diameter_mm) == (None,) * 4
    flat = measure_solid(mask[:2], 8.0, 1.0, 1.0)
    assert flat.surface_mm2 is None and flat.height_mm == 16
    assert flat.diameter_mm == pytest.approx(np.sqrt(8**2 + 2**2 + 2**2))
    assert measure_solid(np.ones((1, 1, 1), bool), 8.0, 1.0, 1.0).diameter_mm is None


def test_pieces_touch_by_corners_and_height_spans_gaps():
    mask = np.zeros((5, 4, 4), bool)
    mask[0, 0, 0] = mask[1, 1, 1] = mask[4, 3, 3] = True
    solid = measure_solid(mask, 10.0, 1.0, 1.0)
    assert (solid.pieces, solid.n_slices, solid.height_mm) == (2, 3, 50)


def test_scaling_a_voxel_scales_surface_and_leaves_sphericity():
    mask = draw_ball(6, (1.0, 1.0, 1.0))
    small, large = measure_solid(mask, 3.0, 1.0, 1.2), measure_solid(mask, 7.5, 2.5, 3.0)
    assert large.surface_mm2 == pytest.approx(2.5**2 * small.surface_mm2)
    assert large.sphericity == pytest.approx(small.sphericity)
