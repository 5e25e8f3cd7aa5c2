"""The chosen stack and what is known of it: contrast, spacing, patient, phase and cohort, shown and edited."""

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget
from superqt import QLabeledDoubleRangeSlider

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.errors import InputError
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.image_layer import check_image_layer, image_array, image_record
from napari_scarseg.gui.jobs import Job
from napari_scarseg.gui.layer_choice import LayerChoice, is_image
from napari_scarseg.gui.parts import make_form, make_note, make_row
from napari_scarseg.gui.spacing_fields import SpacingFields
from napari_scarseg.gui.subscriptions import Subscriptions
from napari_scarseg.gui.tasks import Contrast, contrast_task

_EMPTY = "Open a file or a folder, or drop it here. Any Image layer that is open already can be used as well."


class StackFields(QWidget):
    """View of one Image layer among those that are open.

    Parameters
    ----------
    viewer : ViewerModel
    parent : QWidget, optional

    Signals
    -------
    image_changed(object)
        The chosen Image layer, or None.
    """

    image_changed = Signal(object)

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._subscriptions = Subscriptions()
        self.destroyed.connect(self._subscriptions.close)
        self._looking, self._levelling = Job(self), Job(self)
        self._looking.answered.connect(self._on_looked)
        self._levelling.answered.connect(self._on_levels)
        self._span: tuple[float, float] | None = None
        self.images = LayerChoice(viewer, is_image, empty_text="No stack yet", follow_new=True, parent=self)
        self._build()
        self.images.layer_changed.connect(self._on_image)
        self._on_image(self.images.layer)

    def shut(self) -> None:
        """End what is looked up, disconnect."""
        self._looking.shut()
        self._levelling.shut()
        self.images.shut()
        self._subscriptions.close()

    def _build(self) -> None:
        self.contrast = QLabeledDoubleRangeSlider(Qt.Orientation.Horizontal, self)
        self.contrast.setEdgeLabelMode(QLabeledDoubleRangeSlider.EdgeLabelMode.NoLabel)
        self.contrast.setHandleLabelPosition(QLabeledDoubleRangeSlider.LabelPosition.NoLabel)
        self.contrast.setToolTip("Intensities shown as black and as white. For the eye only: it changes no result.")
        self.contrast.valueChanged.connect(self._on_contrast)
        self.auto = QPushButton("Auto", self)
        self.auto.setToolTip("Contrast from the percentiles of the whole stack.")
        self.auto.clicked.connect(lambda *_: self._auto_contrast())
        self.spacing = SpacingFields(self)
        self.spacing.edited.connect(self._on_spacing)
        self.patient = QLineEdit(self)
        self.patient.setPlaceholderText("pseudonym")
        self.patient.setToolTip(
            "Your own pseudonym, never a name. Results are grouped by it; empty takes the stack's name."
        )
        self.phase = QComboBox(self)
        self.phase.addItems([phase.value for phase in Phase])
        self.phase.setToolTip("Phase of the infarct at the time of the scan; plots and statistics compare by it.")
        self.cohort = QLineEdit(self)
        self.cohort.setToolTip("Any name for a group of patients; may stay empty.")
        for field in (self.patient, self.cohort):
            field.editingFinished.connect(self._on_case)
        self.phase.currentIndexChanged.connect(self._on_case)
        self.note = make_note()
        contrast_row = make_row(self.contrast)
        contrast_row.addWidget(self.auto)
        who = make_row(self.phase)
        who.addWidget(QLabel("Cohort"))
        who.addWidget(self.cohort, 1)
        form = make_form()
        form.addRow("Stack", self.images)
        form.addRow("Contrast", contrast_row)
        form.addRow("Spacing", self.spacing)
        form.addRow("Patient", self.patient)
        form.addRow("Phase", who)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        column.addLayout(form)
        column.addWidget(self.note)

    def _on_image(self, layer: Image | None) -> None:
        self._subscriptions.close()
        for widget in (self.contrast, self.auto, self.spacing, self.patient, self.phase, self.cohort):
            widget.setEnabled(layer is not None)
        self._span = None
        if layer is not None:
            self._subscriptions.connect(layer.events.contrast_limits, self._show_contrast)
            for emitter in (layer.events.scale, layer.events.units, layer.events.metadata):
                self._subscriptions.connect(emitter, self._show_record)
            self._show_contrast()
            self._look(layer)
        self._show_record()
        self.image_changed.emit(layer)

    def _look(self, layer: Image) -> None:
        """Find out in the background which intensities there are."""
        if not layer.rgb and layer.ndim in (2, 3):
            array = image_array(layer)
            self._looking.start(lambda stop: contrast_task(array))

    def _on_looked(self, contrast: Contrast) -> None:
        layer = self.images.layer
        if layer is not None and not layer.rgb:
            self._span = (contrast.least, contrast.most)
            self._show_contrast()

    def _on_levels(self, contrast: Contrast) -> None:
        if self.images.layer is not None:
            self.images.layer.contrast_limits = (contrast.low, contrast.high)
            self._show_contrast()

    def _show_contrast(self, event: object = None) -> None:
        layer = self.images.layer
        if layer is None or layer.rgb:
            return
        with QSignalBlocker(self.contrast):
            low, high = (float(value) for value in layer.contrast_limits)
            least, most = self._span or (low, high)
            self.contrast.setRange(min(least, low), max(most, high))
            self.contrast.setValue((low, high))

    def _on_contrast(self, limits: tuple[float, float]) -> None:
        layer = self.images.layer
        if layer is not None and limits[1] > limits[0]:
            layer.contrast_limits = limits

    def _auto_contrast(self) -> None:
        layer = self.images.layer
        if layer is not None:
            array = image_array(layer)
            self._levelling.start(lambda stop: contrast_task(array))

    def _show_record(self, event: object = None) -> None:
        layer = self.images.layer
        if layer is None:
            self.note.setText(_EMPTY)
            self.note.show()
            self.spacing.show_spacing(Spacing.unknown())
            return
        try:
            check_image_layer(layer)
        except InputError as error:
            self.note.setText(str(error))
            self.note.show()
            self.spacing.setEnabled(False)
            return
        record = image_record(layer)
        self.spacing.setEnabled(True)
        self.spacing.show_spacing(record.spacing)
        for field, text in ((self.patient, record.case.patient), (self.cohort, record.case.cohort)):
            if field.text() != text:
                field.setText(text)
        with QSignalBlocker(self.phase):
            self.phase.setCurrentText(record.case.phase.value)
        self.note.setText("\n".join(record.findings))
        self.note.setVisible(bool(record.findings))

    def _on_spacing(self, spacing: Spacing) -> None:
        layer = self.images.layer
        if layer is not None:
            on_viewer.set_spacing(self._viewer, layer, spacing)
            self._show_record()

    def _on_case(self, *_: object) -> None:
        layer = self.images.layer
        if layer is None:
            return
        record = image_record(layer)
        case = CaseInfo(
            record.case.case, self.patient.text().strip(), Phase(self.phase.currentText()), self.cohort.text().strip()
        )
        if case != record.case:
            on_viewer.set_case(self._viewer, layer, case)
