"""*Segment scars*: boxes into a Labels layer, one label per lesion, kept up to date as boxes change."""

from dataclasses import replace
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image, Points, Shapes
from napari.utils.notifications import show_warning
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QLabel, QWidget

from napari_scarseg.core.config import Device, SegmentConfig
from napari_scarseg.errors import InputError
from napari_scarseg.gui import edits
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.asked import Target
from napari_scarseg.gui.engine_home import EngineHome
from napari_scarseg.gui.engine_line import EngineLine
from napari_scarseg.gui.image_layer import check_image_layer
from napari_scarseg.gui.jobs import JobEnd
from napari_scarseg.gui.keys import Key, LayerKeys
from napari_scarseg.gui.layer_choice import LayerChoice, is_image, is_labels, is_of_image, is_points, is_shapes
from napari_scarseg.gui.layer_state import label_state
from napari_scarseg.gui.live_redraw import LiveRedraw, Redraw
from napari_scarseg.gui.painted_row import PaintedRow
from napari_scarseg.gui.parts import JobBar, Panel, make_button, make_form, make_note, make_row
from napari_scarseg.gui.segmentation import Segmentation, Written
from napari_scarseg.gui.threshold_field import ThresholdField

_NEW_LABELS = "New labels layer"
_NO_POINTS = "No points"


class SegmentWidget(Panel):
    """Draws the labels of boxes.

    Parameters
    ----------
    napari_viewer : ViewerModel
    home : EngineHome, optional
        Where the engine lives; by default found in the window that the widget lies in.
    parent : QWidget, optional

    Signals
    -------
    labels_written(object)
        The Labels layer that was written.
    layers_changed()
        Other layers are chosen.
    """

    labels_written = Signal(object)
    layers_changed = Signal()

    def __init__(
        self, napari_viewer: ViewerModel, home: EngineHome | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = napari_viewer
        self.model = EngineLine(lambda: self.config, home, self)
        self.model.described.connect(lambda info: self.threshold.show_calibrated(info.threshold_logit))
        self._last = ""
        self._segmentation = Segmentation(napari_viewer, self)
        self._segmentation.progressed.connect(self._on_progress)
        self._segmentation.wrote.connect(self._on_wrote)
        self._segmentation.ended.connect(self._on_ended)
        self.redraw = LiveRedraw(
            self._segmentation,
            lambda: self._target(make_labels=False),
            lambda: (self.config, self.model.join()),
            lambda: self.live.isChecked(),
            self,
        )
        self.redraw.looked.connect(self._refresh)
        self.redraw.failed.connect(self._on_failed)
        self._keys = LayerKeys(
            {
                Key.SEGMENT_ALL: self.segment_all,
                Key.SEGMENT_SELECTED: self.segment_selected,
                Key.LIVE_UPDATE: self.toggle_live,
                Key.CANCEL: self.cancel,
            }
        )
        self.images = LayerChoice(napari_viewer, is_image, empty_text="No stack yet", follow_new=True, parent=self)
        self.boxes = LayerChoice(napari_viewer, is_shapes, empty_text="No boxes yet", parent=self)
        self.points = LayerChoice(napari_viewer, is_points, new_text=_NO_POINTS, parent=self)
        self.labels = LayerChoice(napari_viewer, is_labels, new_text=_NEW_LABELS, parent=self)
        self._build()
        self.images.layer_changed.connect(self._on_image)
        self.boxes.layer_changed.connect(self._on_layers)
        self.points.layer_changed.connect(self._on_points)
        self.labels.layer_changed.connect(self._on_layers)
        self.subscriptions.connect(napari_viewer.layers.events.inserted, self._on_inserted)
        self._on_image(self.images.layer)

    @property
    def config(self) -> SegmentConfig:
        """The settings shown."""
        return SegmentConfig(device=Device(self.device.currentText()))

    @property
    def is_running(self) -> bool:
        """Whether a segmentation is on."""
        return self._segmentation.is_running

    def segment_all(self) -> None:
        """Draw the labels of all boxes."""
        self._run(self._segmentation.redraw_all, "There are no boxes to segment; detect or draw some.")

    def segment_selected(self) -> None:
        """Draw the labels of the selected boxes."""
        self._run(self._segmentation.redraw_selected, "Select boxes first, with napari's select tool.")

    def toggle_live(self) -> None:
        """Switch the update of labels while boxes change on or off."""
        self.live.toggle()

    def cancel(self) -> None:
        """Stop; the labels stay as they were."""
        self._segmentation.cancel()

    def hide_image_choice(self) -> None:
        """In the workbench, stack, boxes and device are chosen above, and the threshold below."""
        for widget in (self.image_label, self.images, self.boxes_label, self.boxes, self.device_label, self.device):
            widget.hide()
        self.threshold_label.hide()
        self.threshold.hide()

    def shut(self) -> None:
        """End the work, disconnect, and let go of the engine."""
        self._segmentation.shut()
        self.threshold.shut()
        self.redraw.shut()
        self._keys.close()
        self.painted.shut()
        for choice in (self.images, self.boxes, self.points, self.labels):
            choice.shut()
        self.model.shut()
        super().shut()

    def _build(self) -> None:
        self.device = QComboBox(self)
        self.device.addItems([device.value for device in Device])
        self.device.setToolTip("Where the networks run. auto takes a GPU where there is one.")
        self.device.currentIndexChanged.connect(lambda _: self.model.describe())
        self.threshold = ThresholdField(self)
        self.threshold.changed.connect(self._apply_threshold)
        self.live = QCheckBox(f"Update labels when boxes change  ({Key.LIVE_UPDATE.value})", self)
        self.live.setChecked(True)
        self.live.setToolTip("A moved, added or deleted box redraws its own lesion on its own slice, and nothing else.")
        self.live.toggled.connect(self.redraw.look)
        self.all_button = make_button(
            "Segment all boxes", Key.SEGMENT_ALL.value, "Draw the label of every box; one Ctrl+Z takes it back.",
            self.segment_all, self,
        )  # fmt: skip
        self.selected_button = make_button(
            "Segment selected", Key.SEGMENT_SELECTED.value, "Draw the labels of the selected boxes only.",
            self.segment_selected, self,
        )  # fmt: skip
        self.bar = JobBar(Key.CANCEL.value, self.cancel, self)
        self.painted = PaintedRow(self)
        self.note = make_note()
        form = make_form()
        self.image_label, self.boxes_label, self.device_label = QLabel("Stack"), QLabel("Boxes"), QLabel("Device")
        self.threshold_label = QLabel("Threshold")
        form.addRow(self.image_label, self.images)
        form.addRow(self.boxes_label, self.boxes)
        form.addRow("Points", self.points)
        form.addRow("Labels", self.labels)
        form.addRow(self.threshold_label, self.threshold)
        form.addRow(self.device_label, self.device)
        form.addRow("Model", self.model)
        self.column.addLayout(form)
        self.column.addWidget(self.live)
        self.column.addLayout(make_row(self.all_button, self.selected_button))
        self.column.addWidget(self.bar)
        self.column.addWidget(self.painted)
        self.column.addWidget(self.note)
        self.column.addStretch(1)

    def _target(self, make_labels: bool) -> Target | None:
        """The layers chosen; None, with a word to the user where they asked for work, if one is missing."""
        image, boxes, labels = self.images.layer, self.boxes.layer, self.labels.layer
        if image is None or boxes is None:
            return None
        check_image_layer(image)
        if labels is None:
            if not make_labels:
                return None
            labels = on_viewer.new_labels_layer(self._viewer, image, boxes)
            self.labels.choose(labels)
        on_viewer.check_labels_layer(labels, image)
        return Target(image, boxes, labels, self.points.layer)

    def _run(self, redraw: Redraw, nothing: str) -> None:
        image, boxes = self.images.layer, self.boxes.layer
        if image is None:
            show_warning("There is no stack; open one with Load stack.")
            return
        try:
            if boxes is None or not on_viewer.read_boxes_layer(boxes, image).boxes:
                show_warning("There are no boxes to segment; detect or draw some.")
                return
            target = self._target(make_labels=True)
            if target is None or not redraw(target, self.config, self.model.join()):
                show_warning(nothing)
        except InputError as error:
            show_warning(str(error))
        self._refresh()

    def _apply_threshold(self) -> None:
        """Make the threshold that of all lesions without one of their own."""
        image, labels = self.images.layer, self.labels.layer
        if image is not None and labels is not None:
            before = label_state(labels.metadata).refinement(0)
            edits.refine(labels, image, (), replace(before, threshold_logit=self.threshold.value))

    def _on_points(self, layer: Points | None) -> None:
        self._on_layers()
        self.redraw.look()

    def _on_inserted(self, event: Any) -> None:
        image = self.images.layer
        if image is not None and is_points(event.value) and is_of_image(event.value, image):
            self.points.choose(event.value)

    def _on_failed(self, sentence: str) -> None:
        self._last = sentence
        self._refresh()

    def _on_progress(self, done: int, total: int) -> None:
        if total:
            self.bar.show_progress(done, total)

    def _on_wrote(self, written: Written) -> None:
        empty = f" No scar was found in {_count(written.empty_boxes, 'box', 'boxes')}." if written.empty_boxes else ""
        # Short, so that it takes one line beside a small screen's canvas.
        drawn = f"{_count(written.lesions, 'lesion')} drawn, {_count(written.voxels, 'voxel')}"
        self._last = f"{drawn}; Ctrl+Z undoes it.{empty}"
        if written.info is not None:
            self.model.show_info(written.info)
        self.labels_written.emit(self.labels.layer)

    def _on_ended(self, end: JobEnd) -> None:
        self.bar.rest()
        if end is JobEnd.CANCELLED:
            self._last = "Cancelled; the labels are as they were."
        self._refresh()

    def _on_image(self, image: Image | None) -> None:
        if image is not None:
            for choice in (self.boxes, self.points, self.labels):
                if choice.layer is None or not is_of_image(choice.layer, image):
                    own = [layer for layer in choice.layers if is_of_image(layer, image)]
                    if own or choice is not self.boxes:
                        choice.choose(own[-1] if own else None)
        self._on_layers()

    def _on_layers(self, *_: object) -> None:
        boxes, labels, points = self.boxes.layer, self.labels.layer, self.points.layer
        self.redraw.watch(self.images.layer, boxes, points, labels)
        self.painted.watch(labels)
        if labels is not None:
            self.threshold.show_threshold(label_state(labels.metadata).refinement(0).threshold_logit)
        self._keys.bind((self.images.layer, boxes, points, labels))
        self._last = ""
        self._refresh()
        self.layers_changed.emit()

    def _refresh(self) -> None:
        """Buttons and the line that says what to do next."""
        image, boxes = self.images.layer, self.boxes.layer
        ready = image is not None and boxes is not None and not self.is_running
        self.all_button.setEnabled(ready)
        self.selected_button.setEnabled(ready)
        self.painted.refresh()
        self.note.setText(self._next_step(image, boxes))

    def _next_step(self, image: Image | None, boxes: Shapes | None) -> str:
        if image is None:
            return "Open a stack first."
        if boxes is None or boxes.nshapes == 0:
            return "No boxes yet: detect, or draw a rectangle round the scar on a shapes layer."
        if boxes.ndim != image.ndim:
            return "These boxes were made on another kind of image; choose others."
        if self._last:
            return self._last
        if self.labels.layer is None:
            return f"Not segmented yet: {_count(boxes.nshapes, 'box', 'boxes')}."
        return ""


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
