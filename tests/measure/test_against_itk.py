"""The same masks measured by ITK: equal where the definitions agree, and by how much not where they differ."""

import numpy as np
import pytest

from napari_scarseg.core.case import CaseInfo
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.measure import measure_labels

sitk = pytest.importorskip("SimpleITK")

SPACINGS = ((1.0, 1.0), (1.5, 1.5), (1.8, 1.2))


def draw(kind: str) -> np.ndarray:
    """A bent band, a ragged blob, or two pieces, (40, 60)."""
    rng = np.random.default_rng(3)
    rows, cols = np.mgrid[:40, :60]
    radius, angle = np.hypot(rows - 30, cols - 30), np.arctan2(rows - 30, cols - 30)
    if kind == "band":
        return (radius > 14) & (radius < 22) & (angle > -2.6) & (angle < -0.4)
    blob = (rows - 18) ** 2 / 120 + ((cols - 28) - 0.5 * (rows - 18)) ** 2 / 300 <= 1
    if kind == "ragged":
        return blob & (rng.random(blob.shape) > 0.1)
    return blob & (abs(cols - 28) > 3)


@pytest.fixture(params=[(kind, spacing) for kind in ("band", "ragged", "pieces") for spacing in SPACINGS], ids=str)
def both(request):
    """Our row, ITK's statistics, and the spacing."""
    kind, (y_mm, x_mm) = request.param
    mask = draw(kind)
    image = np.random.default_rng(0).normal(100, 20, mask.shape)
    spacing = Spacing(10.0, y_mm, x_mm, SpacingOrigin.USER)
    (row,) = measure_labels(mask[None].astype(int), spacing, CaseInfo("x"), image=image[None]).to_dict("records")
    volumes = [sitk.GetImageFromArray(plane) for plane in (mask.astype(np.uint8), image)]
    for volume in volumes:
        volume.SetSpacing((x_mm, y_mm))
    theirs = sitk.LabelIntensityStatisticsImageFilter()
    theirs.ComputePerimeterOn()
    theirs.ComputeFeretDiameterOn()
    theirs.Execute(*volumes)
    return row, theirs, (y_mm, x_mm)


def test_equal_where_the_definitions_agree(both):
    ours, theirs, _ = both
    assert ours["area_px"] == theirs.GetNumberOfPixels(1)
    assert ours["area_mm2"] == pytest.approx(theirs.GetPhysicalSize(1))
    width, height = theirs.GetBoundingBox(1)[2:]
    assert ours["extent"] == pytest.approx(theirs.GetNumberOfPixels(1) / (width * height))
    assert ours["intensity_mean"] == pytest.approx(theirs.GetMean(1))


def test_perimeter_is_equal_on_square_pixels_and_itk_keeps_their_weights_on_others(both):
    ours, theirs, (y_mm, x_mm) = both
    if y_mm == x_mm:
        assert ours["perimeter_mm"] == pytest.approx(theirs.GetPerimeter(1))
        # Roundness is the ratio of the perimeters of the disc and the mask, circularity that of their squares.
        assert ours["circularity"] == pytest.approx(theirs.GetRoundness(1) ** 2)
    else:
        assert ours["perimeter_mm"] == pytest.approx(theirs.GetPerimeter(1), rel=0.06)
        assert ours["perimeter_mm"] != pytest.approx(theirs.GetPerimeter(1), rel=1e-3)


def test_sd_divides_by_n_where_itk_divides_by_n_minus_1(both):
    ours, theirs, _ = both
    n = ours["area_px"]
    assert ours["intensity_sd"] == pytest.approx(theirs.GetStandardDeviation(1) * np.sqrt((n - 1) / n))


def test_moments_are_those_of_squares_where_itk_takes_points(both):
    ours, theirs, (y_mm, x_mm) = both
    moments = np.array(theirs.GetPrincipalMoments(1))
    axes = np.array([ours["minor_axis_mm"], ours["major_axis_mm"]]) ** 2 / 16
    if y_mm == x_mm:
        np.testing.assert_allclose(axes, moments + y_mm**2 / 12)
    else:
        assert axes.sum() == pytest.approx(moments.sum() + (y_mm**2 + x_mm**2) / 12)
    # Theirs is √(λ₁/λ₂), ours 1 − b/a.
    assert theirs.GetElongation(1) == pytest.approx(np.sqrt(moments[1] / moments[0]))


def test_feret_reaches_the_pixels_edges_where_itk_stops_at_their_middles(both):
    ours, theirs, spacing = both
    assert 0 < ours["feret_max_mm"] - theirs.GetFeretDiameter(1) <= max(spacing) * np.sqrt(2)
