"""Spacing: unknown is a value, and nothing is half known in the plane."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError

SIZES = st.none() | st.floats(allow_nan=True, allow_infinity=True)


def test_levels_of_knowledge():
    full = Spacing(10, 1.4, 1.4, SpacingOrigin.HEADER)
    plane = Spacing(None, 1.4, 1.4, SpacingOrigin.HEADER)
    depth = Spacing(10, None, None, SpacingOrigin.USER)
    assert [s.is_known for s in (full, plane, depth, Spacing.unknown())] == [True, False, False, False]
    assert [s.in_plane_is_known for s in (full, plane, depth, Spacing.unknown())] == [True, True, False, False]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((0, 1, 1, SpacingOrigin.USER), "slice distance must be a positive number of mm, not 0"),
        ((1, -1, 1, SpacingOrigin.USER), "row distance must be a positive number"),
        ((1, 1, float("nan"), SpacingOrigin.USER), "column distance must be a positive number"),
        ((1, 1, None, SpacingOrigin.USER), "give both or neither"),
        ((None, None, None, SpacingOrigin.HEADER), "exactly when it has a value"),
        ((1, 1, 1, SpacingOrigin.UNKNOWN), "exactly when it has a value"),
    ],
)
def test_what_is_no_spacing(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        Spacing(*arguments)


@given(SIZES, SIZES, SIZES, st.sampled_from(SpacingOrigin))
def test_whatever_exists_is_consistent(z, y, x, origin):
    try:
        spacing = Spacing(z, y, x, origin)
    except InputError:
        return
    values = [value for value in (z, y, x) if value is not None]
    assert all(0 < value < float("inf") for value in values)
    assert (y is None) == (x is None)
    assert bool(values) == (origin is not SpacingOrigin.UNKNOWN)
    assert spacing.is_known == (len(values) == 3)
    assert (spacing.as_dict() is None) == (spacing == Spacing.unknown())


def test_record_says_where_it_came_from():
    assert Spacing(10, 1.4, 1.5, SpacingOrigin.USER).as_dict() == {
        "z_mm": 10, "y_mm": 1.4, "x_mm": 1.5, "origin": "user",
    }  # fmt: skip
    assert Spacing(None, 1.4, 1.5, SpacingOrigin.HEADER).as_dict() == {"y_mm": 1.4, "x_mm": 1.5, "origin": "header"}
    assert Spacing.unknown().as_dict() is None
