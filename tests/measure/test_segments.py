"""The AHA's segments on rings whose layout is known."""

import numpy as np
import pytest

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.measure import wall_from_centres, wall_from_masks
from napari_scarseg.measure.segments import check_segments, measure_segments, segments_from_insertion

SPACING = Spacing(10.0, 1.0, 1.0, SpacingOrigin.USER)
CENTRE = 40.0
# Base first: three basal, three mid, three apical slices, and one of the apex.
RADII = ((16, 26),) * 3 + ((14, 24),) * 3 + ((9, 18),) * 3 + ((0, 9),)


def place(angle_deg: float, radius: float = 20.0) -> tuple[float, float]:
    """(row, column) at an angle counter-clockwise on the screen."""
    angle = np.radians(angle_deg)
    return CENTRE - radius * np.sin(angle), CENTRE + radius * np.cos(angle)


@pytest.fixture
def muscle():
    rows, cols = np.mgrid[:81, :81]
    radius = np.hypot(rows - CENTRE, cols - CENTRE)
    return np.stack([(radius >= inner) & (radius <= outer) for inner, outer in RADII])


def at(segments, z, angle_deg):
    row, col = place(angle_deg, sum(RADII[z]) / 2)
    return int(segments[z, round(row), round(col)])


def laid_out(muscle, *points, **choices):
    return segments_from_insertion(
        wall_from_masks(muscle), np.zeros(muscle.shape, int), {1: list(points)}, SPACING, **choices
    )


def test_standard_view(muscle):
    segments = laid_out(muscle, place(120))
    assert [at(segments, 0, angle) for angle in (90, 150, 210, 270, 330, 30)] == [1, 2, 3, 4, 5, 6]
    assert [at(segments, 4, angle) for angle in (90, 150, 210, 270, 330, 30)] == [7, 8, 9, 10, 11, 12]
    assert [at(segments, 7, angle) for angle in (90, 180, 270, 0)] == [13, 14, 15, 16]
    assert set(np.unique(segments[9])) == {0, 17}
    assert ((segments > 0) == muscle).all()


@pytest.mark.parametrize("turned", [-70, 33, 200])
def test_segments_turn_with_the_insertion(muscle, turned):
    segments = laid_out(muscle, place(120 + turned))
    assert [at(segments, 0, angle + turned) for angle in (90, 150, 210, 270, 330, 30)] == [1, 2, 3, 4, 5, 6]


def test_the_inferior_insertion_says_where_the_septum_is(muscle):
    same = laid_out(muscle, place(120), place(240))
    np.testing.assert_array_equal(same, laid_out(muscle, place(120)))
    # Mirrored: the septum on the right of the image.
    mirrored = laid_out(muscle, place(60), place(300))
    assert [at(mirrored, 0, angle) for angle in (90, 30, 330, 270, 210, 150)] == [1, 2, 3, 4, 5, 6]


def test_apex_first_is_seen_or_said(muscle):
    np.testing.assert_array_equal(laid_out(muscle[::-1], place(120))[::-1], laid_out(muscle, place(120)))
    even = np.repeat(muscle[:1], 9, axis=0)
    with pytest.raises(InputError, match="Base and apex cannot be told apart"):
        laid_out(even, place(120))
    row, col = place(90, 21)
    assert laid_out(even, place(120), base_first=False)[8, round(row), round(col)] == 1


def test_unequal_pixels_keep_the_angles(muscle):
    wide = Spacing(10.0, 2.0, 1.0, SpacingOrigin.USER)
    flat = muscle[:, ::2]
    points = {0: [(place(120)[0] / 2, place(120)[1])]}
    segments = segments_from_insertion(wall_from_masks(flat), np.zeros(flat.shape, int), points, wide)
    for number in range(1, 7):
        count = (segments[0] == number).sum()
        assert count == pytest.approx(flat[0].sum() / 6, rel=0.12), number


def test_scar_of_each_segment(muscle):
    segments = laid_out(muscle, place(120))
    lesions = np.where(segments == 4, 7, 0)
    half = segments == 17
    half[:, :, :40] = False
    lesions[half] = 1
    table = measure_segments(lesions, segments, SPACING).set_index("segment")
    assert table.loc[4, ["name", "scar_share_pct"]].tolist() == ["basal inferior", 100]
    assert table.loc[17, "scar_share_pct"] == pytest.approx(100 * half.sum() / (segments == 17).sum())
    assert table["scar_share_pct"].drop([4, 17]).eq(0).all() and len(table) == 17
    assert table["wall_ml"].sum() == pytest.approx(muscle.sum() * 10 / 1000)
    assert measure_segments(lesions, segments, Spacing.unknown())["wall_ml"].isna().all()


def test_own_labels_of_segments_are_checked():
    labels = np.zeros((1, 4, 4), np.uint8)
    labels[0, 0] = 3
    assert check_segments(labels).dtype == np.int32
    for bad in (labels * 0, labels + 20, labels[0], labels.astype(float)):
        with pytest.raises(InputError, match="Labels of segments must"):
            check_segments(bad)
    with pytest.raises(InputError, match="segments have the shape"):
        measure_segments(np.zeros((2, 4, 4), int), check_segments(labels), SPACING)


def test_what_is_missing_is_named(muscle):
    nothing = np.zeros(muscle.shape, int)
    with pytest.raises(InputError, match="need the myocardium"):
        segments_from_insertion(wall_from_centres({0: (40, 40)}), nothing, {0: [place(120)]}, SPACING)
    with pytest.raises(InputError, match="need the anterior RV insertion"):
        segments_from_insertion(wall_from_masks(muscle), nothing, {0: []}, SPACING)
    with pytest.raises(InputError, match="at least three slices, but 2 have them"):
        segments_from_insertion(wall_from_masks(muscle[:2]), nothing[:2], {0: [place(120)]}, SPACING, base_first=True)
