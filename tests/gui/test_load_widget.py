"""*Load stack*."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent

from napari_scarseg.core.case import Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.image_layer import image_record
from napari_scarseg.gui.layer_record import record_from_metadata
from napari_scarseg.gui.load_widget import LoadWidget

DATA = np.random.default_rng(0).integers(0, 1000, (5, 64, 64)).astype(np.uint16)


@pytest.fixture
def widget(viewer, dock, notices) -> LoadWidget:
    return dock(LoadWidget(viewer))


def load(widget: LoadWidget, path: Path, qtbot) -> None:
    widget.load(path)
    qtbot.waitUntil(lambda: not widget.is_running, timeout=5000)


def test_a_file_becomes_an_image_layer(widget, viewer, tmp_path, qtbot) -> None:
    np.save(tmp_path / "P07.npy", DATA)
    load(widget, tmp_path / "P07.npy", qtbot)
    (layer,) = viewer.layers
    assert (layer.name, layer.data.shape) == ("P07", DATA.shape)
    assert widget.image == layer
    assert viewer.dims.current_step[0] == 2
    assert not image_record(layer).spacing.is_known
    assert widget.about.spacing.unknown.isChecked()
    assert "unknown" in widget.about.spacing.origin.text()


def test_a_folder_of_slices_is_one_stack(widget, viewer, tmp_path, qtbot) -> None:
    (tmp_path / "scan").mkdir()
    for z, plane in enumerate(DATA):
        tifffile.imwrite(tmp_path / "scan" / f"{z}.tif", plane)
    load(widget, tmp_path / "scan", qtbot)
    assert viewer.layers[0].data.shape == DATA.shape


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.nii.gz", None, "missing.nii.gz"),
        ("text.tif", b"no image at all", ""),
        ("one.npy", np.zeros(8), "axes"),
        ("nan.npy", np.full((3, 8, 8), np.nan), "finite"),
        ("flat.npy", np.ones((3, 8, 8)), "constant"),
        ("empty.npy", np.zeros((0, 8, 8)), "empty"),
    ],
)
def test_bad_input_is_one_sentence_and_no_layer(widget, viewer, tmp_path, qtbot, notices, name, content, words) -> None:
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    elif content is not None:
        np.save(tmp_path / name, content)
    load(widget, tmp_path / name, qtbot)
    assert len(viewer.layers) == 0
    (sentence,) = notices
    assert words in sentence and "Traceback" not in sentence
    assert widget.open_file.isEnabled()


def test_the_same_name_twice_is_told_apart(widget, viewer, tmp_path, qtbot) -> None:
    np.save(tmp_path / "image.npy", DATA)
    for _ in range(3):
        load(widget, tmp_path / "image.npy", qtbot)
    stems = [image_record(layer).stem for layer in viewer.layers]
    assert stems == ["image", f"{tmp_path.name}_image", f"{tmp_path.name}_image_2"]


def test_dropped_files_are_read(widget, viewer, tmp_path, qtbot) -> None:
    np.save(tmp_path / "drop.npy", DATA)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "drop.npy"))])
    event = QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    widget.dropEvent(event)
    qtbot.waitUntil(lambda: len(viewer.layers) == 1, timeout=5000)


def test_the_file_s_spacing_and_findings_are_shown(widget, image) -> None:
    assert [box.value() for box in widget.about.spacing.boxes] == [8.0, 1.5, 1.25]
    assert "header" in widget.about.spacing.origin.text()
    assert widget.about.note.text() == "A finding."


def test_an_edited_spacing_reaches_every_layer_that_lies_on_the_image(widget, image, viewer) -> None:
    boxes = on_viewer.new_boxes_layer(viewer, image)
    labels = on_viewer.new_labels_layer(viewer, image)
    elsewhere = viewer.add_points([[0, 0, 0]])
    widget.about.spacing.boxes[0].setValue(10.0)
    wanted = Spacing(10.0, 1.5, 1.25, SpacingOrigin.USER)
    for layer in (image, boxes, labels):
        assert layer.scale == pytest.approx([10, 1.5, 1.25])
        assert record_from_metadata(layer.metadata).spacing == wanted
    assert elsewhere.scale == pytest.approx([1, 1, 1])
    assert "by you" in widget.about.spacing.origin.text()


def test_unknown_is_a_value(widget, image) -> None:
    widget.about.spacing.unknown.setChecked(True)
    assert image.scale.tolist() == [1, 1, 1]
    assert [str(unit) for unit in image.units] == ["pixel"] * 3
    assert image.metadata["scarseg"]["spacing"] is None
    widget.about.spacing.unknown.setChecked(False)
    assert image.metadata["scarseg"]["spacing"] is None, "no guess passes for a measurement"
    assert widget.about.spacing.boxes[1].isEnabled()
    widget.about.spacing.boxes[1].setValue(1.4)
    assert image.metadata["scarseg"]["spacing"] is None, "in-plane spacing is known together or not at all"
    widget.about.spacing.boxes[2].setValue(1.4)
    assert image_record(image).spacing == Spacing(None, 1.4, 1.4, SpacingOrigin.USER)
    assert "slice distance unknown" in widget.about.spacing.origin.text()


def test_who_and_when_go_into_the_metadata_of_all_its_layers(widget, image, viewer) -> None:
    labels = on_viewer.new_labels_layer(viewer, image)
    widget.about.patient.setText("p 7")
    widget.about.patient.editingFinished.emit()
    widget.about.phase.setCurrentText("chronic")
    widget.about.cohort.setText("one")
    widget.about.cohort.editingFinished.emit()
    for layer in (image, labels):
        case = record_from_metadata(layer.metadata).case
        assert (case.case, case.patient, case.phase, case.cohort) == ("heart", "p 7", Phase.CHRONIC, "one")


def test_another_plugin_s_image_can_be_described_too(widget, viewer) -> None:
    plain = viewer.add_image(DATA, name="plain", scale=(8, 1.5, 1.5))
    assert widget.image == plain
    assert plain.metadata == {}
    assert "enter it in mm" in widget.about.note.text()
    widget.about.spacing.unknown.setChecked(False)
    for box, value in zip(widget.about.spacing.boxes, (8, 1.5, 1.5), strict=True):
        box.setValue(value)
    assert image_record(plain).spacing == Spacing(8, 1.5, 1.5, SpacingOrigin.USER)
    assert [str(unit) for unit in plain.units] == ["millimeter"] * 3


def test_contrast_is_shown_and_set(widget, image, qtbot) -> None:
    widget.about.contrast.setValue((100, 700))
    assert image.contrast_limits == pytest.approx([100, 700])
    image.contrast_limits = (50, 600)
    assert widget.about.contrast.value() == pytest.approx((50, 600))
    widget.about.auto.click()
    qtbot.waitUntil(lambda: image.contrast_limits[1] > 900, timeout=3000)


def test_without_a_stack_it_says_what_to_do(widget) -> None:
    assert "Open a file or a folder" in widget.about.note.text()
    assert not widget.about.patient.isEnabled()


def test_unusable_images_get_their_sentence(widget, viewer) -> None:
    viewer.add_image(np.zeros((2, 3, 8, 8)), contrast_limits=(0, 1))
    assert "4 axes" in widget.about.note.text()


def test_the_choice_follows_the_layers(widget, viewer, image) -> None:
    second = viewer.add_image(DATA, name="second")
    assert widget.image == second
    image.name = "renamed"
    assert [widget.images.itemText(i) for i in range(widget.images.count())] == ["renamed", "second"]
    viewer.layers.remove(second)
    assert widget.image == image
    viewer.layers.clear()
    assert widget.image is None


@pytest.fixture
def volumes(tmp_path) -> Path:
    np.savez(tmp_path / "two.npz", image=DATA, other=DATA[:3])
    return tmp_path / "two.npz"


def test_several_stacks_are_listed_with_pictures_and_one_is_proposed(widget, viewer, volumes, qtbot) -> None:
    load(widget, volumes, qtbot)
    assert len(viewer.layers) == 0, "nothing is read before it is chosen"
    shown = widget.candidates
    assert shown.isVisibleTo(widget) and shown.list.count() == 2
    assert shown.list.item(0).text() == "image: array (proposed)\n5 slices of 64 × 64, spacing unknown"
    assert not shown.list.item(1).icon().isNull()
    assert shown.selected.key == "image"
    shown.list.setCurrentRow(1)
    shown.take.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 1 and not widget.is_running, timeout=5000)
    assert viewer.layers[0].data.shape == (3, 64, 64)
    shown.list.setCurrentRow(0)
    shown.take.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=5000)
    assert len({image_record(layer).stem for layer in viewer.layers}) == 2


def test_a_volume_of_a_four_dimensional_nifti_is_chosen(widget, viewer, tmp_path, qtbot) -> None:
    volumes = nib.Nifti1Image(np.stack([DATA, DATA[:, ::-1]]).T, np.diag([1.5, 1.5, 10, 1]))
    nib.save(volumes, tmp_path / "two.nii.gz")
    load(widget, tmp_path / "two.nii.gz", qtbot)
    shown = widget.candidates
    assert [shown.list.item(row).text().splitlines()[0] for row in (0, 1)] == [
        "1: volume 1 of 2 (proposed)", "2: volume 2 of 2",
    ]  # fmt: skip
    shown.list.setCurrentRow(1)
    shown.take.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 1 and not widget.is_running, timeout=5000)
    np.testing.assert_array_equal(viewer.layers[0].data, DATA[:, ::-1])
    assert image_record(viewer.layers[0]).spacing.z_mm == 10


def test_a_choice_is_dismissed(widget, viewer, volumes, qtbot) -> None:
    load(widget, volumes, qtbot)
    widget.candidates.leave.click()
    assert not widget.candidates.isVisibleTo(widget)
    assert widget.candidates.list.count() == 0 and len(viewer.layers) == 0


def test_another_file_takes_the_choice_away(widget, viewer, volumes, tmp_path, qtbot) -> None:
    load(widget, volumes, qtbot)
    np.save(tmp_path / "one.npy", DATA)
    load(widget, tmp_path / "one.npy", qtbot)
    assert not widget.candidates.isVisibleTo(widget) and len(viewer.layers) == 1
