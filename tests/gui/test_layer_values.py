"""Records, states, frames and the Image layer's arguments."""

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Image, Labels, Shapes

from napari_scarseg.core.box import Box, BoxOrigin
from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError
from napari_scarseg.gui.box_layer import detected_box
from napari_scarseg.gui.image_layer import (
    check_image_layer,
    contrast_limits,
    image_array,
    image_kwargs,
    image_record,
    stack_from_array,
)
from napari_scarseg.gui.layer_frame import frame_from_spacing, frame_of, index_to_index, index_to_world
from napari_scarseg.gui.layer_record import METADATA_KEY, ImageRecord, record_from_metadata, record_to_metadata
from napari_scarseg.gui.layer_state import (
    BoxState,
    LabelState,
    box_state,
    box_state_to_metadata,
    label_state,
    label_state_to_metadata,
)
from napari_scarseg.gui.plan import drawn_box

DATA = np.random.default_rng(0).integers(0, 1000, (4, 12, 16)).astype(np.uint16)
MM = Spacing(8.0, 1.5, 1.25, SpacingOrigin.HEADER)

distances = st.floats(0.1, 30)
origins = st.sampled_from([SpacingOrigin.HEADER, SpacingOrigin.USER])
spacings = st.one_of(
    st.just(Spacing.unknown()),
    st.builds(Spacing, st.none() | distances, distances, distances, origins),
)
cases = st.builds(CaseInfo, st.text(min_size=1), st.text(min_size=1), st.sampled_from(Phase), st.text())


@settings(deadline=None)
@given(st.text(min_size=1), spacings, cases, st.lists(st.text(), max_size=3), st.text("0123456789abcdef"))
def test_a_record_survives_the_metadata(
    stem: str, spacing: Spacing, case: CaseInfo, findings: list[str], sha256: str
) -> None:
    record = ImageRecord(stem, spacing, case, np.eye(4), tuple(findings), sha256)
    read = record_from_metadata({METADATA_KEY: record_to_metadata(record)})
    assert read is not None
    assert (read.stem, read.spacing, read.case, read.findings, read.sha256) == (
        stem,
        spacing,
        case,
        tuple(findings),
        sha256,
    )
    assert np.array_equal(read.affine_ras, np.eye(4))


@pytest.mark.parametrize("metadata", [{}, {METADATA_KEY: {}}, {METADATA_KEY: "other"}, {"napari": 1}])
def test_a_layer_without_our_record_says_so(metadata: dict) -> None:
    assert record_from_metadata(metadata) is None


def test_states_survive_the_metadata() -> None:
    box = Box(1, 2, 3, 8, 9, 0.4, BoxOrigin.DETECTOR, "a", 5)
    boxes = BoxState({"a": detected_box(box)}, (box,), {"name": "n"})
    assert box_state({METADATA_KEY: box_state_to_metadata(boxes)}) == boxes
    labels = LabelState(
        {"a": drawn_box(box)}, {"b": drawn_box(box)}, 5, True, np.zeros((1, 2, 2), np.int32), {"name": "n"}
    )
    read = label_state({METADATA_KEY: label_state_to_metadata(labels)})
    assert (read.drawn, read.waiting) == (labels.drawn, labels.waiting)
    assert (read.used_lesions, read.linked, read.engine) == (5, True, {"name": "n"})
    assert read.painted is labels.painted
    assert (box_state({}), label_state({}).drawn) == (BoxState(), {})


def test_an_image_layer_carries_scale_units_and_who() -> None:
    stack = Stack(DATA, MM, "heart", findings=("A finding.",))
    layer = Image(stack.data, **image_kwargs(stack, CaseInfo("heart", "p1", Phase.CHRONIC, "c")))
    assert layer.name == "heart"
    assert layer.scale.tolist() == [8.0, 1.5, 1.25]
    assert [str(unit) for unit in layer.units] == ["millimeter"] * 3
    assert layer.axis_labels == ("z", "y", "x")
    record = image_record(layer)
    assert (record.spacing, record.case.phase, record.findings) == (MM, Phase.CHRONIC, ("A finding.",))
    assert record.sha256 == stack.sha256()
    assert layer.contrast_limits == pytest.approx(list(contrast_limits(DATA)))


def test_an_unknown_spacing_is_shown_in_pixels() -> None:
    layer = Image(DATA, **image_kwargs(Stack(DATA, Spacing.unknown(), "heart")))
    assert layer.scale.tolist() == [1, 1, 1]
    assert [str(unit) for unit in layer.units] == ["pixel"] * 3
    assert layer.metadata[METADATA_KEY]["spacing"] is None


def test_an_unknown_slice_distance_alone_is_shown_as_one() -> None:
    frame = frame_from_spacing(Spacing(None, 1.5, 1.25, SpacingOrigin.USER))
    assert frame.scale == (1.0, 1.5, 1.25)
    assert frame.units == ("pixel", "millimeter", "millimeter")


@pytest.mark.parametrize(
    ("units", "scale", "spacing"),
    [
        ("mm", (8, 1.5, 1.25), MM),
        ("um", (8000, 1500, 1250), MM),
        ("pixel", (1, 1, 1), Spacing.unknown()),
        ("pixel", (8, 1.5, 1.25), Spacing.unknown()),
    ],
)
def test_another_plugin_s_image_brings_the_spacing_that_its_units_say(
    units: str, scale: tuple[float, ...], spacing: Spacing
) -> None:
    layer = Image(DATA, scale=scale, units=units, name="theirs")
    record = image_record(layer)
    assert record.stem == "theirs"
    assert record.spacing.origin is spacing.origin
    if spacing.is_known:
        assert (record.spacing.z_mm, record.spacing.y_mm) == pytest.approx((8, 1.5))
    else:
        assert bool(record.findings) == (scale != (1, 1, 1))


def test_a_two_dimensional_image_is_one_slice() -> None:
    layer = Image(DATA[0], scale=(1.5, 1.25), units="mm")
    assert image_array(layer).shape == (1, 12, 16)
    assert image_record(layer).spacing == Spacing(None, 1.5, 1.25, SpacingOrigin.HEADER)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (Image(np.zeros((2, 3, 8, 8))), "4 axes"),
        (Image(np.zeros((5, 8, 8, 3), np.uint8), rgb=True), "colour image"),
    ],
)
def test_images_that_are_no_stack_are_refused_with_a_sentence(layer: Image, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_image_layer(layer)


def test_a_lazy_image_is_not_computed_before_its_time() -> None:
    def explode(block: np.ndarray) -> np.ndarray:
        raise AssertionError("computed")

    lazy = da.zeros((3, 8, 8), chunks=(1, 8, 8)).map_blocks(explode, dtype=float, meta=np.zeros((0, 0, 0)))
    layer = Image(np.zeros((3, 8, 8)))
    layer._data = lazy
    assert image_array(layer).shape == (3, 8, 8)


def test_an_unusable_array_is_refused_when_it_becomes_a_stack() -> None:
    record = ImageRecord("x", MM, CaseInfo("x"))
    with pytest.raises(InputError, match="not finite"):
        stack_from_array(np.full((1, 4, 4), np.nan), record)


@pytest.mark.parametrize("values", [np.full((2, 2), 7.0), np.array([np.nan, np.nan]), np.zeros(0)])
def test_contrast_limits_are_never_equal(values: np.ndarray) -> None:
    low, high = contrast_limits(values)
    assert low < high


def test_index_to_index_goes_through_the_world() -> None:
    image = Image(DATA, scale=(8, 1.5, 1.25), translate=(1, 2, 3))
    boxes = Shapes(ndim=3)
    point = np.array([2.0, 5.0, 7.0, 1.0])
    world = index_to_world(image) @ point
    assert world[:3] == pytest.approx(image.data_to_world(point[:3]))
    assert (index_to_index(boxes, image) @ world)[:3] == pytest.approx(point[:3])


def test_layers_lie_on_each_other_when_index_coordinates_agree() -> None:
    image = Image(DATA, scale=(8, 1.5, 1.25))
    assert frame_of(Labels(DATA.astype(int), scale=(8, 1.5, 1.25))).lies_on(frame_of(image))
    assert not frame_of(Labels(DATA.astype(int))).lies_on(frame_of(image))
    assert not frame_of(Labels(DATA[0].astype(int))).lies_on(frame_of(image))
