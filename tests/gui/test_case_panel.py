"""Work is noted as it is done, saved when asked, and goes on exactly where it was, here or elsewhere."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_scarseg.cases import Manifest, has_autosave, load_case, same_work, save_case
from napari_scarseg.core.box import Box, Review
from napari_scarseg.core.point import Point
from napari_scarseg.errors import InputError
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.case_desk import CaseDesk
from napari_scarseg.gui.case_layers import find_case_layers, read_case, show_case
from napari_scarseg.gui.case_panel import CasePanel
from napari_scarseg.gui.image_layer import image_kwargs
from napari_scarseg.gui.layer_record import METADATA_KEY
from napari_scarseg.gui.plan import ShownBoxes
from napari_scarseg.gui.segment_widget import SegmentWidget
from napari_scarseg.gui.viewer_points import new_points_layer, show_points
from napari_scarseg.io import read_stack


@pytest.fixture
def source(tmp_path, stack) -> Path:
    path = tmp_path / "study" / "heart.npy"
    path.parent.mkdir()
    np.save(path, stack.data)
    return path


def add_image(viewer: ViewerModel, source: Path) -> Image:
    stack = read_stack(source)
    return on_viewer.add_stack(viewer, stack.data, image_kwargs(stack, source=source))


def do_work(viewer: ViewerModel, image: Image) -> None:
    """Boxes, a point, labels with two painted voxels."""
    boxes = on_viewer.new_boxes_layer(viewer, image)
    shown = (Box(1, 10, 10, 22, 22, box_id="a", lesion_id=1, review=Review.CHECK), Box(2, 5.5, 5, 20, 20, box_id="b"))
    hidden = (Box(2, 30, 30, 40, 40, score=0.1, origin="detector", box_id="c"),)
    on_viewer.show_boxes(boxes, image, ShownBoxes(shown, hidden), {"name": "fake"})
    labels = on_viewer.new_labels_layer(viewer, image, boxes)
    labels.data[1, 12:18, 12:18] = 1
    labels.data_setitem((np.array([1, 1]), np.array([30, 31]), np.array([30, 30])), np.array([1, 1]))
    show_points(new_points_layer(viewer, image), image, [Point(1, 12.5, 13.5), Point(1, 20, 20, False)])


@pytest.fixture
def bench(dock, viewer, source):
    """A panel with its desk, and an image with work on it."""
    image = add_image(viewer, source)
    desk = CaseDesk(viewer)
    panel = dock(CasePanel(viewer, lambda _: {"confidence": 0.4}, desk=desk))
    panel.show_image(image)
    do_work(viewer, image)
    return panel, desk, image


def written(qtbot, desk: CaseDesk, image: Image) -> None:
    qtbot.waitUntil(lambda: desk.case_of(image) is not None and desk.case_of(image).noted_s > 0, timeout=5000)


def case_now(viewer: ViewerModel, image: Image):
    return read_case(find_case_layers(viewer, image), image.metadata[METADATA_KEY]["sha256"], {})


def test_a_case_shown_in_another_viewer_says_the_same(viewer, source):
    image = add_image(viewer, source)
    do_work(viewer, image)
    case = case_now(viewer, image)
    assert int(case.labels[0].protected.sum()) == 2 and len(case.points[0].points) == 2
    other = ViewerModel()
    again = add_image(other, source)
    assert show_case(other, again, case) == []
    assert same_work(case_now(other, again), case)
    assert [layer.name for layer in other.layers] == ["heart", "heart scar", "heart boxes", "heart points"]


def test_work_is_noted_by_itself_and_comes_back(bench, qtbot, viewer, dock, unsaved_root, source):
    panel, desk, image = bench
    written(qtbot, desk, image)
    (folder,) = unsaved_root.iterdir()
    assert same_work(load_case(folder, Manifest.AUTOSAVED), case_now(viewer, image))
    assert "heart" not in folder.name and "not saved yet" in panel.note.text()
    assert panel.waiting.isHidden(), "what is open needs no restoring"
    other = ViewerModel()
    second = dock(CasePanel(other, desk=CaseDesk(other)))
    second.show_image(None)
    second.join()
    assert not second.waiting.isHidden()
    second.restore()
    qtbot.waitUntil(lambda: "heart points" in other.layers, timeout=5000)
    assert same_work(case_now(other, other.layers["heart"]), case_now(viewer, image))
    assert "brought back" in second.note.text()


def test_every_kind_of_edit_is_noted_within_a_second(bench, qtbot, viewer, unsaved_root):
    _panel, desk, image = bench
    written(qtbot, desk, image)
    (folder,) = unsaved_root.iterdir()
    boxes, labels, points = viewer.layers["heart boxes"], viewer.layers["heart scar"], viewer.layers["heart points"]

    def paint():
        labels.selected_label = 3
        labels.paint((2, 40, 40), 3)

    def remember():
        labels.metadata[METADATA_KEY]["painted"] = None

    def draw():
        boxes.add([[3, 5, 5], [3, 5, 15], [3, 15, 15], [3, 15, 5]], shape_type="rectangle")
        on_viewer.tidy_boxes(boxes, on_viewer.read_boxes_layer(boxes, image))

    edits = [
        draw,
        lambda: boxes.remove([0]),
        paint,
        labels.undo,
        remember,
        lambda: points.add([2, 9, 9]),
        lambda: setattr(labels, "name", "mine"),
        lambda: viewer.layers.remove(points),
    ]
    for edit in edits:
        before = (folder / "autosave.json").read_bytes()
        edit()
        qtbot.waitUntil(lambda before=before: (folder / "autosave.json").read_bytes() != before, timeout=1000)
    assert same_work(load_case(folder, Manifest.AUTOSAVED), case_now(viewer, image))


def test_a_look_around_writes_nothing(bench, qtbot, viewer, unsaved_root):
    _panel, desk, image = bench
    written(qtbot, desk, image)
    (folder,) = unsaved_root.iterdir()
    before = (folder / "autosave.json").stat().st_mtime_ns
    for z in range(5):
        viewer.dims.set_current_step(0, z)
        qtbot.wait(100)
    qtbot.wait(400)
    assert (folder / "autosave.json").stat().st_mtime_ns == before


def test_saved_beside_the_stack_and_opened_elsewhere(bench, qtbot, viewer, dock, source, tmp_path, unsaved_root):
    panel, desk, image = bench
    with qtbot.waitSignal(desk.saved, timeout=5000):
        panel.save()
    folder = source.parent / "heart.scarseg"
    assert panel.note.text() == "Case saved in heart.scarseg." and not desk.case_of(image).is_unsaved
    assert list(unsaved_root.glob("*")) == []
    shutil.move(source.parent, tmp_path / "elsewhere")
    other, said = ViewerModel(), []
    second = dock(CasePanel(other, None, lambda _, choices: said.append(choices), desk=CaseDesk(other)))
    with qtbot.waitSignal(second.join().opened, timeout=5000):
        second.join().open(tmp_path / "elsewhere" / folder.name)
    assert same_work(case_now(other, other.layers["heart"]), case_now(viewer, image))
    assert said == [{"confidence": 0.4}]
    qtbot.wait(600)
    assert not second.join().case_of(other.layers["heart"]).is_unsaved and not has_autosave(
        tmp_path / "elsewhere" / folder.name
    )


def test_edits_after_a_save_wait_beside_it(bench, qtbot, viewer, source):
    panel, desk, _image = bench
    with qtbot.waitSignal(desk.saved, timeout=5000):
        panel.save()
    folder = source.parent / "heart.scarseg"
    labels = viewer.layers["heart scar"]
    labels.fill((1, 40, 40), 5)
    qtbot.waitUntil(lambda: has_autosave(folder) and "unsaved changes" in panel.note.text(), timeout=2000)
    assert not same_work(load_case(folder), load_case(folder, Manifest.AUTOSAVED))
    labels.undo()
    labels.metadata[METADATA_KEY]["painted"] = load_case(folder).labels[0].painted
    qtbot.waitUntil(lambda: not has_autosave(folder) and "Case saved" in panel.note.text(), timeout=2000)


def test_another_case_is_not_overwritten(bench, qtbot, source, notices):
    panel, desk, image = bench
    save_case(source.parent / "heart.scarseg", desk._order(image).case)
    panel.save()
    qtbot.waitUntil(lambda: bool(notices), timeout=5000)
    assert "holds a case already" in notices[0]


def test_a_changed_image_is_refused_in_a_sentence(bench, qtbot, viewer, source, notices):
    panel, desk, _image = bench
    with qtbot.waitSignal(desk.saved, timeout=5000):
        panel.save()
    np.save(source, read_stack(source).data + 1)
    desk.open(source.parent / "heart.scarseg")
    other = CaseDesk(ViewerModel())
    other.open(source.parent / "heart.scarseg")
    qtbot.waitUntil(lambda: len(notices) == 2, timeout=5000)
    assert all("voxels differ" in sentence for sentence in notices)


def test_a_full_disk_is_told_and_tried_again(bench, qtbot, monkeypatch, notices):
    panel, desk, image = bench
    written(qtbot, desk, image)
    calls = []

    def refuse(*arguments: object) -> None:
        calls.append(1)
        raise InputError("No space is left.")

    monkeypatch.setattr("napari_scarseg.gui.case_tasks.save_case", refuse)
    monkeypatch.setattr("napari_scarseg.gui.case_desk._PATIENCE_S", 0.1)
    monkeypatch.setattr("napari_scarseg.gui.case_panel.show_warning", notices.append)
    monkeypatch.setattr(
        "napari_scarseg.gui.jobs.notification_manager.receive_error", lambda *a: notices.append("error")
    )
    on_viewer.new_labels_layer(panel._viewer, image)
    qtbot.waitUntil(lambda: len(calls) >= 2, timeout=5000)
    assert notices.count("Your changes could not be noted; save the case elsewhere.") == 1
    assert "No space is left." in notices


def test_a_reopened_case_goes_on_drawing(bench, qtbot, viewer, dock, home, idle, source):
    _panel, _desk, image = bench
    widget = dock(SegmentWidget(viewer, home))
    widget.labels.choose(viewer.layers["heart scar"])
    widget.segment_all()
    idle(widget)
    before = case_now(viewer, image)
    other = ViewerModel()
    show_case(other, add_image(other, source), before)
    again = dock(SegmentWidget(other, home))
    again.labels.choose(other.layers["heart scar"])
    again.segment_all()
    idle(again)
    assert same_work(case_now(other, other.layers["heart"]), before)
