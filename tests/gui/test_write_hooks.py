"""Layers saved by napari in the formats of other programs, and read back."""

from pathlib import Path

import numpy as np
import pytest
from napari.layers import Labels

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.core.tissue import Tissue
from napari_scarseg.errors import InputError
from napari_scarseg.gui import hooks, write_hooks
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.image_layer import image_kwargs
from napari_scarseg.gui.label_meaning import understand_labels
from napari_scarseg.io import read_labels, read_stack
from napari_scarseg.io.coco import read_coco
from napari_scarseg.io.write_image import SyntheticSeries, write_stack_dicom
from napari_scarseg.io.yolo_txt import read_yolo

AFFINE = np.array([[-1.25, 0, 0, 40], [0, 0, -8, 30], [0, -1.5, 0, 50], [0, 0, 0, 1.0]])


@pytest.fixture(autouse=True)
def salt(monkeypatch) -> None:
    monkeypatch.setenv("SCARSEG_SALT", "tests")


@pytest.fixture
def window(make_napari_viewer, tmp_path, stack):
    """A window with a DICOM stack, and lesions 3 and 7 on it."""
    spacing = Spacing(8.0, 1.5, 1.25, SpacingOrigin.HEADER)
    write_stack_dicom(tmp_path / "dicom", Stack(stack.data, spacing, "x", AFFINE), SyntheticSeries("ID", "d", 8.0))
    read = read_stack(tmp_path / "dicom")
    viewer = make_napari_viewer()
    image = viewer.add_image(read.data, **image_kwargs(read, source=tmp_path / "dicom"))
    layer = on_viewer.new_labels_layer(viewer, image)
    layer.data[1, 5:9, 5:9], layer.data[2, 20:25, 30:33] = 3, 7
    boxes = on_viewer.new_boxes_layer(viewer, image)
    boxes.add([[1, 9.5, 19.5], [1, 9.5, 29.5], [1, 24.5, 29.5], [1, 24.5, 19.5]], shape_type="rectangle")
    return viewer, layer, boxes


@pytest.mark.parametrize("name", ["a_scar.nii.gz", "a_scar.seg.nrrd", "a_scar.ome.tif", "a_scar.dcm"])
def test_napari_saves_labels_in_every_format(window, tmp_path, name) -> None:
    _, layer, _ = window
    path = tmp_path / name
    written = layer.save(str(path), plugin="napari-scarseg")
    assert written == [str(path)]
    back = read_labels(path)
    np.testing.assert_array_equal(back.labels, layer.data)
    np.testing.assert_allclose(back.affine_ras, AFFINE, atol=1e-5)
    ((data, kwargs, kind),) = hooks.read_result_layers(str(path))
    assert (kind, kwargs["name"]) == ("labels", "a scar")
    np.testing.assert_array_equal(data, layer.data)


def test_tissues_are_saved_by_their_names(window, tmp_path) -> None:
    viewer, _, _ = window
    labels = np.zeros((5, 64, 64), np.int32)
    labels[1, 2:9, 2:9], labels[1, 4:6, 4:6] = 2, 3
    understood = understand_labels(labels, {2: Tissue.MYOCARDIUM, 3: Tissue.SCAR}, keep_lesions=False)
    on_viewer.add_read_labels(viewer, viewer.layers[0], understood)
    (layer,) = (layer for layer in viewer.layers if layer.name.endswith("tissues"))
    layer.save(str(tmp_path / "a.seg.nrrd"), plugin="napari-scarseg")
    assert b"LV myocardium without scar" in (tmp_path / "a.seg.nrrd").read_bytes()
    layer.save(str(tmp_path / "a.nii.gz"), plugin="napari-scarseg")
    np.testing.assert_array_equal(read_labels(tmp_path / "a.nii.gz").labels, labels)
    np.testing.assert_allclose(read_labels(tmp_path / "a.nii.gz").affine_ras, AFFINE, atol=1e-5)


def test_masks_and_boxes_as_coco(window, tmp_path) -> None:
    _, layer, boxes = window
    layer.save(str(tmp_path / "masks.json"), plugin="napari-scarseg")
    np.testing.assert_array_equal(read_coco(tmp_path / "masks.json").labels, layer.data)
    boxes.save(str(tmp_path / "boxes.json"), plugin="napari-scarseg")
    back = read_coco(tmp_path / "boxes.json")
    assert back.shape == (5, 64, 64)
    assert [(box.slice, box.corners) for box in back.boxes] == [(1, (10, 20, 25, 30))]


def test_boxes_as_yolo_are_a_file_per_slice(window, tmp_path) -> None:
    _, _, boxes = window
    written = boxes.save(str(tmp_path / "yolo" / "a.txt"), plugin="napari-scarseg")
    assert [Path(path).name for path in written] == [f"a_z00{z}.txt" for z in range(5)]
    (box,) = read_yolo(tmp_path / "yolo", (5, 64, 64))
    assert box.corners == pytest.approx((10, 20, 25, 30))


def test_what_needs_an_image_says_so(make_napari_viewer, tmp_path) -> None:
    viewer = make_napari_viewer()
    layer = viewer.add_labels(np.ones((2, 8, 8), np.int32))
    tuple_ = layer.as_layer_data_tuple()
    with pytest.raises(InputError, match="open it beside the layer"):
        write_hooks.write_labels_layer(str(tmp_path / "a.dcm"), tuple_[0], tuple_[1])
    viewer.add_image(np.arange(128.0).reshape(2, 8, 8))
    with pytest.raises(InputError, match="was not read from any"):
        write_hooks.write_labels_layer(str(tmp_path / "a.dcm"), tuple_[0], tuple_[1])
    assert not (tmp_path / "a.dcm").exists()


def test_layers_of_other_plugins_are_written_too(tmp_path) -> None:
    layer = Labels(np.ones((8, 9), np.int32), scale=(1.5, 1.25), units="mm")
    write_hooks.write_labels_layer(str(tmp_path / "a.ome.tif"), *layer.as_layer_data_tuple()[:2])
    back = read_labels(tmp_path / "a.ome.tif")
    assert back.labels.shape == (1, 8, 9)
    assert back.spacing.y_mm == 1.5
