"""A series that names its patient everywhere, through the window: loaded, noted, saved and reported."""

import json
import logging
import sys
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtWidgets import QListWidget, QWidget

from napari_scarseg.cli.main import main
from napari_scarseg.core.box import Box
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.case_desk import CaseDesk
from napari_scarseg.gui.case_panel import CasePanel
from napari_scarseg.gui.layer_record import METADATA_KEY
from napari_scarseg.gui.load_widget import LoadWidget
from napari_scarseg.gui.plan import ShownBoxes


def words_on(widget: QWidget) -> str:
    """Everything that a widget and those inside show or would show."""
    said = []
    for one in [widget, *widget.findChildren(QWidget)]:
        for name in ("text", "toolTip", "windowTitle", "placeholderText", "currentText", "title"):
            value = getattr(one, name, None)
            said.append(str(value()) if callable(value) else "")
        if isinstance(one, QListWidget):
            said += [one.item(row).text() for row in range(one.count())]
    return "\n".join(said)


def forget_place(folder: Path, exam: Path) -> None:
    """The way to the stack is the one thing of it that a case names; take it out, so that all else can be looked at."""
    for path in folder.glob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        assert (folder / record["image"].pop("path")).resolve() == exam.resolve()
        path.write_text(json.dumps(record), encoding="utf-8")


def test_nothing_of_the_patient_comes_out_of_the_window(
    viewer, dock, qtbot, stack, named_patient, unsaved_root, notices, tmp_path, monkeypatch, caplog, capfd
) -> None:
    caplog.set_level(logging.INFO)
    exam = named_patient.write(tmp_path / "pacs", stack.data)
    load = dock(LoadWidget(viewer))
    load.load(exam)
    qtbot.waitUntil(lambda: len(viewer.layers) == 1 and not load.is_running, timeout=60_000)
    (image,) = viewer.layers
    desk = CaseDesk(viewer)
    panel = dock(CasePanel(viewer, desk=desk))
    panel.show_image(image)
    boxes = on_viewer.new_boxes_layer(viewer, image)
    on_viewer.show_boxes(boxes, image, ShownBoxes((Box(1, 10, 10, 22, 22, lesion_id=1),), ()), {"name": "fake"})
    labels = on_viewer.new_labels_layer(viewer, image, boxes)
    labels.data_setitem(np.nonzero(np.pad(np.ones((1, 12, 12)), [(1, 3), (10, 42), (10, 42)])), 1)
    qtbot.waitUntil(lambda: any(unsaved_root.glob("*/autosave.json")), timeout=60_000)
    (noted,) = unsaved_root.iterdir()
    # Read in one piece: it goes on being written.
    record = json.loads((noted / "autosave.json").read_text(encoding="utf-8"))
    named_patient.check_text(json.dumps({**record, "image": None}) + noted.name)
    with qtbot.waitSignal(desk.saved, timeout=60_000):
        panel.save()
    (case,) = (tmp_path / "pacs").glob("*.scarseg")
    assert case.name.startswith("case-")

    monkeypatch.setattr(sys, "argv", ["scarseg", "report", str(case), "-o", str(tmp_path / "out")])
    for gone in (False, True):
        if gone:
            exam.rename(exam.with_name("elsewhere"))
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        pages = named_patient.check_files(tmp_path / "out")
        assert [path.suffix for path in pages] == [".html", ".json", ".pdf"]
    assert "Without the image" in pages[0].read_text(encoding="utf-8")
    exam.with_name("elsewhere").rename(exam)

    broken = exam / "Quixworth-001.dcm"
    broken.write_bytes(broken.read_bytes()[:-700])
    named_patient.check_text(words_on(load) + words_on(panel))
    load.load(exam)
    qtbot.waitUntil(lambda: bool(notices), timeout=60_000)

    for layer in viewer.layers:
        kept = {key: value for key, value in layer.metadata[METADATA_KEY].items() if key != "source"}
        named_patient.check_text(f"{layer.name} {kept} {layer.features if hasattr(layer, 'features') else ''}")
    forget_place(case, exam)
    assert len(named_patient.check_files(case)) >= 3
    heard = capfd.readouterr()
    said = heard.out + heard.err.replace(named_patient.FOLDER, "", 1)
    named_patient.check_text(words_on(load) + words_on(panel) + "\n".join(notices) + caplog.text + said + viewer.title)
