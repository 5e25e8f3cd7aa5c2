"""A case folder dropped on the window or on a widget is the case as it was, and goes on from there."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_scarseg.cases import Manifest, has_autosave, load_case, same_work, save_case
from napari_scarseg.core.box import Box
from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.case_desk import CaseDesk
from napari_scarseg.gui.case_hooks import get_case_reader, read_case_layers
from napari_scarseg.gui.case_layers import find_case_layers, read_case
from napari_scarseg.gui.case_panel import CasePanel
from napari_scarseg.gui.hooks import get_stack_reader
from napari_scarseg.gui.image_layer import image_kwargs, image_record
from napari_scarseg.gui.load_widget import LoadWidget
from napari_scarseg.gui.opened_case import take_opened
from napari_scarseg.gui.plan import ShownBoxes
from napari_scarseg.io import read_stack
from napari_scarseg.io.write_image import SyntheticSeries, write_stack_dicom

CHOICES = {"confidence": 0.4}


def work_on(viewer: ViewerModel, stack: Stack, source: Path):
    """An image from a file, with boxes and labels, some of them painted by hand."""
    image = on_viewer.add_stack(viewer, stack.data, image_kwargs(stack, source=source))
    on_viewer.set_spacing(viewer, image, Spacing(9.0, 1.5, 1.25, SpacingOrigin.USER))
    on_viewer.set_case(viewer, image, CaseInfo(stack.stem, "p7", Phase.CHRONIC, "one"))
    boxes = on_viewer.new_boxes_layer(viewer, image)
    shown = (Box(1, 10, 10, 22, 22, box_id="a", lesion_id=1), Box(2, 5.5, 5, 20, 20, box_id="b", lesion_id=2))
    on_viewer.show_boxes(boxes, image, ShownBoxes(shown, ()))
    labels = on_viewer.new_labels_layer(viewer, image, boxes)
    labels.data_setitem((np.array([1, 1]), np.array([30, 31]), np.array([30, 30])), np.array([1, 1]))
    return image


def case_now(viewer: ViewerModel, image):
    return read_case(find_case_layers(viewer, image), image_record(image).sha256, CHOICES)


@pytest.fixture
def folder(tmp_path, stack) -> Path:
    """A saved case beside its stack."""
    source = tmp_path / "study" / "heart.npy"
    source.parent.mkdir()
    np.save(source, stack.data)
    viewer = ViewerModel()
    image = work_on(viewer, read_stack(source), source)
    save_case(source.parent / "heart.scarseg", case_now(viewer, image))
    return source.parent / "heart.scarseg"


def open_by_napari(viewer: ViewerModel, folder: Path):
    reader = get_case_reader(str(folder))
    assert reader is not None
    for data in reader(str(folder)):
        viewer._add_layer_from_data(*data)
    return viewer.layers["heart"]


def test_only_case_folders_are_read_as_cases(folder) -> None:
    assert get_case_reader([str(folder)]) is not None
    assert get_case_reader(str(folder.parent)) is None
    assert get_case_reader([str(folder), str(folder.parent)]) is None
    assert get_stack_reader(str(folder)) is None
    assert get_stack_reader(str(folder.parent)) is not None


def test_napari_shows_the_case_as_it_was(folder, viewer) -> None:
    image = open_by_napari(viewer, folder)
    assert [layer.name for layer in viewer.layers] == ["heart", "heart scar", "heart boxes"]
    assert same_work(case_now(viewer, image), load_case(folder))
    assert viewer.layers["heart boxes"].edge_color.shape == (2, 4)
    assert list(viewer.layers["heart boxes"].features["text"]) == ["1", "2"]


@pytest.mark.parametrize("has_desk", [True, False])
def test_the_work_goes_on_in_its_folder(folder, viewer, dock, qtbot, has_desk) -> None:
    said, desk = [], CaseDesk(viewer)
    panel = dock(CasePanel(viewer, lambda _: CHOICES, lambda _, choices: said.append(choices), desk=desk))
    if has_desk:
        panel.join()
    image = open_by_napari(viewer, folder)
    panel.show_image(image)
    qtbot.waitUntil(lambda: bool(said), timeout=5000)
    assert said == [CHOICES]
    assert desk.default_folder(image) == folder
    assert take_opened(image) is None
    qtbot.waitUntil(lambda: panel.note.text() == "Case saved in heart.scarseg.", timeout=5000)
    viewer.layers["heart scar"].fill((1, 40, 40), 5)
    qtbot.waitUntil(lambda: has_autosave(folder), timeout=5000)
    with qtbot.waitSignal(desk.saved, timeout=5000):
        panel.save()
    assert same_work(load_case(folder), case_now(viewer, image))


def test_work_that_was_not_saved_is_among_it(folder, viewer) -> None:
    saved = load_case(folder)
    save_case(folder, replace(saved, boxes=()), Manifest.AUTOSAVED)
    image = open_by_napari(viewer, folder)
    assert "heart boxes" not in viewer.layers
    opened = take_opened(image)
    assert opened is not None and opened.is_restored and same_work(opened.saved, saved)


def test_a_case_whose_image_is_open_is_not_opened_twice(folder, viewer, monkeypatch) -> None:
    open_by_napari(viewer, folder)
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    with pytest.raises(InputError, match="is open in this window"):
        read_case_layers(str(folder))


def test_a_case_whose_image_is_gone_says_what_to_do(folder) -> None:
    (folder.parent / "heart.npy").unlink()
    with pytest.raises(InputError, match=r"heart\.npy.*Open case… in Scar workbench"):
        read_case_layers(str(folder))


def test_a_case_folder_dropped_on_load_stack_is_opened(folder, viewer, dock, qtbot, notices) -> None:
    widget = dock(LoadWidget(viewer))
    widget.load(folder)
    qtbot.waitUntil(lambda: "heart boxes" in viewer.layers and not widget.is_running, timeout=5000)
    assert widget.image == viewer.layers["heart"]
    assert same_work(case_now(viewer, widget.image), load_case(folder))
    assert widget.about.patient.text() == "p7"
    (folder.parent / "heart.npy").unlink()
    other, said = ViewerModel(), []
    second = dock(LoadWidget(other))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_scarseg.gui.load_widget.show_warning", said.append)
        second.load(folder)
        qtbot.waitUntil(lambda: bool(said) and not second.is_running, timeout=5000)
    assert "Open case…" in said[0] and len(other.layers) == 0


def test_napari_opens_what_is_dropped_on_its_window(folder, make_napari_viewer, qtbot) -> None:
    viewer = make_napari_viewer()
    viewer.open(folder, plugin="napari-scarseg")
    assert [layer.name for layer in viewer.layers] == ["heart", "heart scar", "heart boxes"]
    assert same_work(case_now(viewer, viewer.layers["heart"]), load_case(folder))


def test_a_case_of_a_chosen_series_opens_with_that_series(stack, tmp_path, dock, qtbot, monkeypatch) -> None:
    monkeypatch.setenv("SCARSEG_SALT", "tests")
    spacing = Spacing(8.0, 1.5, 1.25, SpacingOrigin.HEADER)
    affine = np.diag([-1.25, -1.5, 8.0, 1.0])
    for number, words in enumerate(("LGE PSIR", "scout")):
        data = (stack.data + number).astype(np.uint16)
        series = SyntheticSeries("P001", words, 8.0)
        write_stack_dicom(tmp_path / "exam" / words, Stack(data, spacing, "x", affine), series)
    viewer = ViewerModel()
    widget = dock(LoadWidget(viewer))
    widget.load(tmp_path / "exam")
    qtbot.waitUntil(lambda: not widget.is_running and widget.candidates.list.count() == 2, timeout=10_000)
    proposed = widget.candidates.list.currentRow()
    widget.candidates.list.setCurrentRow(1 - proposed)
    widget.candidates.take.click()
    qtbot.waitUntil(lambda: widget.image is not None and not widget.is_running, timeout=10_000)
    image = widget.image
    boxes = on_viewer.new_boxes_layer(viewer, image)
    on_viewer.show_boxes(boxes, image, ShownBoxes((Box(1, 10, 10, 22, 22, box_id="a"),), ()))
    desk = CaseDesk(viewer)
    panel = dock(CasePanel(viewer, desk=desk))
    panel.show_image(image)
    folder = desk.default_folder(image)
    with qtbot.waitSignal(desk.saved, timeout=10_000):
        panel.save()
    other = ViewerModel()
    again = CaseDesk(other)
    second = dock(CasePanel(other, desk=again))
    with qtbot.waitSignal(second.join().opened, timeout=10_000):
        again.open(folder)
    np.testing.assert_array_equal(other.layers[0].data, image.data)
    assert image_record(other.layers[0]).stem == image_record(image).stem
    (reread,) = [data for data, _, kind in read_case_layers(str(folder)) if kind == "image"]
    np.testing.assert_array_equal(reread, image.data)
