"""Border distances: shapes whose answer is known, MedPy, and brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from napari_scarseg.errors import InputError
from napari_scarseg.measure.surface import border_distances

binary = pytest.importorskip("medpy.metric.binary")


def disc(radius: float, centre: tuple[float, float] = (32, 32), size: int = 65) -> np.ndarray:
    rows, cols = np.mgrid[:size, :size]
    return np.asarray((rows - centre[0]) ** 2 + (cols - centre[1]) ** 2 <= radius**2)


def test_a_mask_has_no_distance_to_itself() -> None:
    distances = border_distances(disc(9), disc(9))
    assert (distances.hd95, distances.assd, distances.surface_dice(0)) == (0, 0, 1)


def test_concentric_discs_lie_apart_by_the_difference_of_their_radii() -> None:
    distances = border_distances(disc(20), disc(12))
    assert distances.hd95 == pytest.approx(8, abs=0.5)
    assert distances.assd == pytest.approx(8, abs=0.5)
    assert distances.surface_dice(7) == 0
    assert distances.surface_dice(9) == 1


def test_lines_apart_along_each_axis_are_measured_in_mm() -> None:
    first, second = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    first[5, 3:15], second[9, 3:15] = True, True
    along_rows = border_distances(first, second, 0.5, 2.0)
    assert (along_rows.hd95, along_rows.assd) == (2.0, 2.0)
    along_cols = border_distances(first.T, second.T, 0.5, 2.0)
    assert (along_cols.hd95, along_cols.assd) == (8.0, 8.0)


def test_a_mask_at_the_edge_of_the_slice_has_its_border_there() -> None:
    whole, inner = np.ones((9, 9), bool), np.zeros((9, 9), bool)
    inner[2:7, 2:7] = True
    assert border_distances(whole, inner).surface_dice(2) == (20 + 16) / (32 + 16)


@given(st.integers(0, 10_000), st.sampled_from([(1.0, 1.0), (0.7, 1.9)]))
@settings(deadline=None, max_examples=30)
def test_medpy_and_brute_force_agree(seed: int, spacing: tuple[float, float]) -> None:
    rng = np.random.default_rng(seed)
    masks = [rng.random((14, 17)) < rng.uniform(0.05, 0.8) for _ in range(2)]
    for mask in masks:
        mask[rng.integers(14), rng.integers(17)] = True
    ours = border_distances(*masks, *spacing)
    assert ours.hd95 == pytest.approx(binary.hd95(*masks, spacing))
    assert ours.assd == pytest.approx(binary.assd(*masks, spacing))
    points = []
    for mask in masks:
        padded = np.pad(mask, 1)
        inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        points.append(np.argwhere(mask & ~inner) * spacing)
    apart = cdist(*points)
    nearest = np.concatenate([apart.min(axis=1), apart.min(axis=0)])
    for tolerance in (1, 2):
        assert ours.surface_dice(tolerance) == pytest.approx((nearest <= tolerance).mean())


def test_an_empty_mask_has_no_border() -> None:
    with pytest.raises(InputError, match="count such slices apart"):
        border_distances(np.zeros((4, 4)), np.ones((4, 4)))
    with pytest.raises(InputError, match="one slice and grid"):
        border_distances(np.ones((4, 4)), np.ones((4, 5)))
