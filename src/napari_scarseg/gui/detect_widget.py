"""*Detect scars*: the detector's boxes as an editable Shapes layer, filtered by a confidence slider."""

from napari.components import ViewerModel
from napari.layers import Image, Shapes
from napari.utils.notifications import show_warning
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QLabel, QWidget
from superqt import QLabeledDoubleSlider

from napari_scarseg.core.config import DetectConfig, Device
from napari_scarseg.engines.pipeline import order_slices
from napari_scarseg.errors import InputError
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.box_watch import BoxWatch
from napari_scarseg.gui.engine_home import EngineHome
from napari_scarseg.gui.engine_line import EngineLine
from napari_scarseg.gui.image_layer import check_image_layer, image_array, image_record
from napari_scarseg.gui.jobs import Job, JobEnd
from napari_scarseg.gui.keys import Key, LayerKeys
from napari_scarseg.gui.layer_choice import LayerChoice, is_image, is_of_image, is_shapes
from napari_scarseg.gui.layer_state import box_state
from napari_scarseg.gui.parts import JobBar, Panel, make_button, make_form, make_note, make_row
from napari_scarseg.gui.plan import ShownBoxes, plan_confidence, plan_detection
from napari_scarseg.gui.tasks import Found, detect_task

_NEW_BOXES = "New boxes layer"


class DetectWidget(Panel):
    """Finds scar boxes on a stack or a slice, and shows those above a confidence.

    Parameters
    ----------
    napari_viewer : ViewerModel
    home : EngineHome, optional
        Where the engine lives; by default found in the window that the widget lies in.
    parent : QWidget, optional

    Signals
    -------
    boxes_changed(object)
        The chosen boxes layer, or None.
    """

    boxes_changed = Signal(object)

    def __init__(
        self, napari_viewer: ViewerModel, home: EngineHome | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = napari_viewer
        self.model = EngineLine(lambda: self.config, home, self)
        self._job = Job(self, self.model.cancel)
        self._job.progressed.connect(self._on_progress)
        self._job.answered.connect(self._on_found)
        self._job.ended.connect(self._on_ended)
        self._asked: tuple[Image, Shapes | None] | None = None
        self._watch = BoxWatch(self)
        self._watch.changed.connect(self._on_boxes_edited)
        self._keys = LayerKeys(
            {Key.DETECT_STACK: self.detect_stack, Key.DETECT_SLICE: self.detect_slice, Key.CANCEL: self.cancel}
        )
        self.images = LayerChoice(napari_viewer, is_image, empty_text="No stack yet", follow_new=True, parent=self)
        self.boxes = LayerChoice(napari_viewer, is_shapes, new_text=_NEW_BOXES, parent=self)
        self._build()
        self.images.layer_changed.connect(self._on_image)
        self.boxes.layer_changed.connect(self._on_boxes)
        self._on_image(self.images.layer)

    @property
    def confidence(self) -> float:
        """Boxes below it are hidden, 0 … 1."""
        return float(self.slider.value())

    @property
    def config(self) -> DetectConfig:
        """The settings shown."""
        return DetectConfig(confidence=self.confidence, device=Device(self.device.currentText()))

    @property
    def is_running(self) -> bool:
        """Whether a detection is on."""
        return self._job.is_running

    def detect_stack(self) -> None:
        """Look on all slices, the one in view first."""
        self._detect(whole=True)

    def detect_slice(self) -> None:
        """Look on the slice in view only."""
        self._detect(whole=False)

    def cancel(self) -> None:
        """Stop; the boxes stay as they were."""
        self._job.cancel()

    def shut(self) -> None:
        """End the work, disconnect, and let go of the engine."""
        self._job.shut()
        self._watch.shut()
        self._keys.close()
        self.images.shut()
        self.boxes.shut()
        self.model.shut()
        super().shut()

    def _build(self) -> None:
        self.slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal, self)
        self.slider.setRange(0.05, 1.0)
        self.slider.setSingleStep(0.01)
        self.slider.setDecimals(2)
        self.slider.setValue(DetectConfig().confidence)
        self.slider.setToolTip("Hides the detector's less certain boxes, without running it again. Yours always stay.")
        self.slider.valueChanged.connect(self._on_confidence)
        self.device = QComboBox(self)
        self.device.addItems([device.value for device in Device])
        self.device.setToolTip("Where the networks run. auto takes a GPU where there is one.")
        self.device.currentIndexChanged.connect(lambda _: self.model.describe())
        self.stack_button = make_button(
            "Detect whole stack", Key.DETECT_STACK.value, "Look for scar on every slice, the one in view first.",
            self.detect_stack, self,
        )  # fmt: skip
        self.slice_button = make_button(
            "Detect this slice", Key.DETECT_SLICE.value, "Look for scar on the slice in view.", self.detect_slice, self
        )
        self.bar = JobBar(Key.CANCEL.value, self.cancel, self)
        self.note = make_note()
        form = make_form()
        self.image_label = QLabel("Stack")
        form.addRow(self.image_label, self.images)
        form.addRow("Boxes", self.boxes)
        form.addRow("Confidence", self.slider)
        form.addRow("Device", self.device)
        form.addRow("Model", self.model)
        self.column.addLayout(form)
        self.column.addLayout(make_row(self.stack_button, self.slice_button))
        self.column.addWidget(self.bar)
        self.column.addWidget(self.note)
        self.column.addStretch(1)

    def hide_image_choice(self) -> None:
        """In the workbench, the stack is chosen above."""
        self.image_label.hide()
        self.images.hide()

    def _detect(self, whole: bool) -> None:
        image = self.images.layer
        if image is None:
            show_warning("There is no stack to look at; open one with Load stack.")
            return
        try:
            check_image_layer(image)
            if self.boxes.layer is not None:
                on_viewer.read_boxes_layer(self.boxes.layer, image)
        except InputError as error:
            show_warning(str(error))
            return
        array, record = image_array(image), image_record(image)
        current = on_viewer.current_slice(self._viewer, image)
        slices = order_slices(array.shape[0], current) if whole else (current,)
        home = self.model.join()
        self._asked = (image, self.boxes.layer)
        config = self.config
        self._job.start(
            lambda stop: detect_task(home.turn, stop, array, record, slices, config), "Detecting scars", len(slices)
        )
        self._refresh()

    def _on_progress(self, done: int, total: int) -> None:
        self.bar.show_progress(done, total)

    def _on_found(self, found: Found) -> None:
        if self._asked is None:
            return
        image, layer = self._asked
        if image not in self._viewer.layers:
            return
        if layer is None or layer not in self._viewer.layers:
            layer = on_viewer.new_boxes_layer(self._viewer, image)
        read = on_viewer.read_boxes_layer(layer, image)
        shown = ShownBoxes(read.boxes, box_state(layer.metadata).candidates)
        planned = plan_detection(shown, found.boxes, found.slices, self.confidence)
        on_viewer.show_boxes(layer, image, planned, found.info.as_dict() if found.info else None)
        self.boxes.choose(layer)
        if found.info is not None:
            self.model.show_info(found.info)

    def _on_ended(self, end: JobEnd) -> None:
        self.bar.rest()
        self._refresh()
        if end is JobEnd.CANCELLED:
            self.note.setText("Cancelled; the boxes are as they were.")

    def _on_confidence(self, *_: object) -> None:
        image, layer = self.images.layer, self.boxes.layer
        if image is None or layer is None:
            return
        read = on_viewer.read_boxes_layer(layer, image)
        shown = ShownBoxes(read.boxes, box_state(layer.metadata).candidates)
        planned = plan_confidence(shown, self.confidence)
        if {box.box_id for box in planned.boxes} != {box.box_id for box in shown.boxes}:
            on_viewer.show_boxes(layer, image, planned)
        self._refresh()

    def _on_image(self, image: Image | None) -> None:
        layer = self.boxes.layer
        if image is not None and (layer is None or not is_of_image(layer, image)):
            own = [candidate for candidate in self.boxes.layers if is_of_image(candidate, image)]
            self.boxes.choose(own[-1] if own else None)
        self._on_boxes(self.boxes.layer)

    def _on_boxes(self, layer: Shapes | None) -> None:
        self._watch.watch(layer)
        self._keys.bind((self.images.layer, layer))
        self.boxes_changed.emit(layer)
        self._refresh()

    def _on_boxes_edited(self, is_settled: bool) -> None:
        image, layer = self.images.layer, self.boxes.layer
        if not is_settled or image is None or layer is None or layer.ndim != image.ndim:
            return
        on_viewer.tidy_boxes(layer, on_viewer.read_boxes_layer(layer, image))
        self._refresh()

    def _refresh(self) -> None:
        """Buttons and the line that says what to do next."""
        image, layer = self.images.layer, self.boxes.layer
        ready = image is not None and not self._job.is_running
        self.stack_button.setEnabled(ready)
        self.slice_button.setEnabled(ready)
        self.note.setText(self._next_step(image, layer))

    def _next_step(self, image: Image | None, layer: Shapes | None) -> str:
        if image is None:
            return "Open a stack first."
        if self._job.is_running:
            return ""
        try:
            check_image_layer(image)
        except InputError as error:
            return str(error)
        if layer is None:
            return "Detect proposes boxes; you can also draw your own with napari's rectangle tool."
        shown, hidden = layer.nshapes, len(box_state(layer.metadata).candidates)
        if shown == 0 and hidden == 0:
            return "No boxes yet: detect, or draw a rectangle round the scar."
        below = f", {hidden} below the confidence" if hidden else ""
        return f"{shown} {'box' if shown == 1 else 'boxes'}{below}. Move, resize, add or delete them, then segment."
