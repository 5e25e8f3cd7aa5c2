"""What is known of a Labels layer: its image, its spacing with the reason, who and when."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError
from napari_scarseg.gui.image_layer import image_kwargs
from napari_scarseg.gui.layer_frame import frame_of
from napari_scarseg.gui.layer_record import METADATA_KEY, record_from_metadata
from napari_scarseg.gui.morphology_cases import (
    describe_spacing,
    find_image,
    read_labels_case,
    resolve_record,
    write_case,
)

SHAPE = (3, 16, 16)
MM = Spacing(8.0, 1.5, 1.25, SpacingOrigin.HEADER)


def image_layer(name: str = "heart", case: CaseInfo | None = None, spacing: Spacing = MM) -> Image:
    """Image that this plugin has loaded."""
    data = np.random.default_rng(0).integers(0, 99, SHAPE).astype(np.uint16)
    return Image(data, **image_kwargs(Stack(data, spacing, name), case))


def labels_layer(name: str = "heart_scar", shape: tuple[int, ...] = SHAPE, **kwargs: object) -> Labels:
    """Labels of another plugin, or with what `kwargs` says."""
    return Labels(np.zeros(shape, dtype=np.int32), name=name, **kwargs)


def on(image: Image, name: str, *, with_record: bool = True) -> Labels:
    """Labels on the grid of `image`."""
    metadata = {METADATA_KEY: dict(image.metadata[METADATA_KEY])} if with_record else {}
    return labels_layer(name, metadata=metadata, **frame_of(image).as_kwargs())


def test_the_image_is_found_by_its_stem() -> None:
    first, second = image_layer("one"), image_layer("two")
    labels = on(second, "anything")
    assert find_image(labels, [first, second, labels]) is second
    assert find_image(labels, [first, labels]) is None, "another case's image on the same grid is not its image"


def test_labels_from_a_file_without_spacing_belong_to_their_image_still() -> None:
    image = image_layer(spacing=Spacing(9.0, 2.0, 2.0, SpacingOrigin.USER))
    unknown = image_layer(spacing=Spacing.unknown())
    labels = labels_layer("heart scar", metadata={METADATA_KEY: dict(unknown.metadata[METADATA_KEY])})
    assert find_image(labels, [image]) is image
    assert resolve_record(labels, image).spacing == Spacing(9.0, 2.0, 2.0, SpacingOrigin.USER)


def test_labels_of_another_plugin_take_the_only_image_on_their_grid() -> None:
    image = image_layer()
    labels = on(image, "mine", with_record=False)
    far = labels_layer("mine", translate=(0, 40, 0))
    assert find_image(labels, [image]) is image
    assert find_image(far, [image]) is None
    assert find_image(labels_layer(shape=(3, 16, 17)), [image]) is None


def test_of_several_images_the_name_decides_or_none() -> None:
    images = [image_layer("P1"), image_layer("P10"), image_layer("other")]
    assert find_image(on(images[0], "P10_scar", with_record=False), images) is images[1]
    assert find_image(on(images[0], "unrelated", with_record=False), images) is None


def test_the_spacing_of_the_image_wins_because_people_correct_it() -> None:
    image = image_layer()
    labels = on(image, "scar")
    corrected = image_layer(spacing=Spacing(9.0, 2.0, 2.0, SpacingOrigin.USER))
    assert resolve_record(labels, corrected).spacing == Spacing(9.0, 2.0, 2.0, SpacingOrigin.USER)
    unknown = image_layer(spacing=Spacing.unknown())
    assert resolve_record(labels, unknown).spacing == MM, "an unknown one says nothing"
    assert resolve_record(labels, None).spacing == MM


def test_scale_counts_where_the_units_are_lengths() -> None:
    millimetres = labels_layer(scale=(8, 1.5, 1.5), units=("mm", "mm", "mm"))
    micrometres = labels_layer(scale=(8000, 1500, 1500), units=("um", "um", "um"))
    bare = labels_layer(scale=(8, 1.5, 1.5))
    assert resolve_record(millimetres, None).spacing == Spacing(8.0, 1.5, 1.5, SpacingOrigin.HEADER)
    assert resolve_record(micrometres, None).spacing == Spacing(8.0, 1.5, 1.5, SpacingOrigin.HEADER)
    record = resolve_record(bare, None)
    assert record.spacing == Spacing.unknown()
    assert describe_spacing(record).startswith("Spacing unknown, so sizes are in pixels; enter it in Load stack")
    assert "scale but no unit of length" in describe_spacing(record), "the reason is there"


def test_says_where_the_spacing_came_from() -> None:
    image = image_layer(spacing=Spacing(None, 1.4, 1.4, SpacingOrigin.USER))
    text = describe_spacing(resolve_record(on(image, "scar"), image))
    assert text == "Pixels 1.4 × 1.4 mm (entered by hand); slice distance unknown, so no ml and g."


def test_who_and_when_come_from_the_image_and_then_from_the_labels() -> None:
    image = image_layer(case=CaseInfo("heart", "p7", Phase.UNKNOWN, "centre A"))
    labels = on(image_layer(case=CaseInfo("heart", "older", Phase.CHRONIC)), "scar")
    assert resolve_record(labels, image).case == CaseInfo("heart", "p7", Phase.CHRONIC, "centre A")
    assert resolve_record(labels_layer("alone"), None).case == CaseInfo("alone", "alone", Phase.UNKNOWN)


@pytest.mark.parametrize("with_record", [True, False])
def test_an_edited_case_is_kept_in_image_and_labels(with_record: bool) -> None:
    viewer = ViewerModel()
    image = viewer.add_layer(image_layer())
    labels = viewer.add_layer(on(image, "heart scar", with_record=with_record))
    labels.metadata.setdefault(METADATA_KEY, {})["painted"] = "kept"
    case = CaseInfo("heart", "p9", Phase.ACUTE)
    write_case(viewer, labels, find_image(labels, viewer.layers), case)
    assert record_from_metadata(image.metadata).case == case
    assert record_from_metadata(labels.metadata).case == case
    assert labels.metadata[METADATA_KEY]["painted"] == "kept"
    assert find_image(labels, viewer.layers) == image, "still found"
    assert read_labels_case(labels, viewer.layers).case == case


def test_the_labels_are_a_copy_and_a_flat_layer_is_one_slice() -> None:
    layer = labels_layer(shape=(16, 16))
    case = read_labels_case(layer, [])
    layer.data[3, 3] = 5
    assert case.labels.shape == (1, 16, 16)
    assert case.labels.max() == 0


def test_a_change_is_seen_and_only_a_change() -> None:
    image = image_layer()
    layer = on(image, "scar")
    first = read_labels_case(layer, [image])
    assert read_labels_case(layer, [image]).gives_same_as(first)
    layer.data[1, 2, 3] = 1
    assert not read_labels_case(layer, [image]).gives_same_as(first)
    layer.data[1, 2, 3] = 0
    assert not read_labels_case(layer, []).gives_same_as(first), "the image went"


def test_four_axes_are_refused_with_what_to_do() -> None:
    with pytest.raises(InputError, match=r"'movie' has 4 axes.*Split Stack"):
        read_labels_case(labels_layer("movie", (2, 3, 16, 16)), [])
