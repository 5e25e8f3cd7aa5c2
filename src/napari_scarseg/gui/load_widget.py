"""*Load stack*: a file or folder into an Image layer; its contrast, spacing, patient, phase and cohort."""

from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Image, Layer
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel, QLineEdit, QPushButton, QWidget
from superqt import QLabeledDoubleRangeSlider

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.errors import InputError
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.candidate_list import CandidateList
from napari_scarseg.gui.image_layer import check_image_layer, image_array, image_record
from napari_scarseg.gui.import_labels import LABELS_FILTER, LabelImport
from napari_scarseg.gui.jobs import Job, JobEnd, Work
from napari_scarseg.gui.layer_choice import LayerChoice, is_image
from napari_scarseg.gui.parts import JobBar, Panel, make_button, make_form, make_note, make_row
from napari_scarseg.gui.reading import Choice, read_chosen_task, read_task
from napari_scarseg.gui.spacing_fields import SpacingFields
from napari_scarseg.gui.tasks import Contrast, LoadedStack, contrast_task
from napari_scarseg.io import StackCandidate

_PATTERNS = "*.nii *.nii.gz *.tif *.tiff *.dcm *.ima *.zip DICOMDIR *.nrrd *.nhdr *.mha *.mhd *.npy *.npz *.png"
_FILTER = f"Image stacks ({_PATTERNS});;All files (*)"
_EMPTY = "Open a file or a folder, or drop it here. Any Image layer that is open already can be used as well."


class LoadWidget(Panel):
    """Reads stacks, and shows and edits what is known of the chosen one.

    Parameters
    ----------
    napari_viewer : ViewerModel
    parent : QWidget, optional

    Signals
    -------
    image_changed(object)
        The chosen Image layer, or None.
    """

    image_changed = Signal(object)

    def __init__(self, napari_viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = napari_viewer
        self._job = Job(self)
        self._job.answered.connect(self._on_answer)
        self._job.ended.connect(self._on_ended)
        self._looking = Job(self)
        self._looking.answered.connect(self._on_looked)
        self._span: tuple[float, float] | None = None
        self.labels_in = LabelImport(napari_viewer, self)
        self.labels_in.ended.connect(self._on_ended)
        self.setAcceptDrops(True)
        self.images = LayerChoice(napari_viewer, is_image, empty_text="No stack yet", follow_new=True, parent=self)
        self._build()
        self.images.layer_changed.connect(self._on_image)
        self._on_image(self.images.layer)

    @property
    def image(self) -> Layer | None:
        """The chosen Image layer."""
        return self.images.layer

    @property
    def is_running(self) -> bool:
        """Whether a stack or labels are being read."""
        return self._job.is_running or self.labels_in.is_running

    def load(self, path: str | Path) -> None:
        """Read a file or folder in the background, and show it."""
        self.candidates.rest()
        taken = self._taken()
        self._start(lambda stop: read_task(Path(path), taken))

    def load_labels(self, path: str | Path) -> None:
        """Read labels of the chosen stack in the background, and ask what their values mean."""
        if self.images.layer is not None:
            self.labels_in.read(Path(path), self.images.layer)
            self._show_busy()

    def _load_chosen(self, choice: Choice, candidate: StackCandidate) -> None:
        taken = self._taken()
        self._start(lambda stop: read_chosen_task(choice, candidate, taken))

    def _taken(self) -> set[str]:
        return {image_record(layer).stem for layer in self.images.layers}

    def _start(self, work: Work) -> None:
        self._job.start(work, "Reading the stack")
        self._show_busy()

    def shut(self) -> None:
        """End the reading, disconnect."""
        self._job.shut()
        self._looking.shut()
        self.labels_in.shut()
        self.images.shut()
        super().shut()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Qt: files may be dropped on the widget."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Qt: read the first file or folder that was dropped."""
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            self.load(paths[0])

    def _build(self) -> None:
        self.open_file = make_button(
            "Open file…", "", "NIfTI, TIFF, DICOM (also zip and DICOMDIR), NRRD, npy, PNG.", self._ask_file, self
        )
        self.open_folder = make_button(
            "Open folder…",
            "",
            "A folder of PNG or TIFF slices, or of DICOM files with all folders inside.",
            self._ask_folder,
            self,
        )
        labels = "Truth or masks of other people for the chosen stack: NIfTI, NRRD, DICOM SEG, TIFF, PNG, npy."
        self.open_labels = make_button("Open labels…", "", labels, self._ask_labels, self)
        self.bar = JobBar("", self._cancel, self)
        self.candidates = CandidateList(self)
        self.candidates.chosen.connect(self._load_chosen)
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
        form = make_form()
        form.addRow("Stack", self.images)
        form.addRow("Contrast", contrast_row)
        form.addRow("Spacing", self.spacing)
        form.addRow("Patient", self.patient)
        who = make_row(self.phase)
        who.addWidget(QLabel("Cohort"))
        who.addWidget(self.cohort, 1)
        form.addRow("Phase", who)
        self.column.addLayout(make_row(self.open_file, self.open_folder, self.open_labels))
        self.column.addWidget(self.bar)
        self.column.addWidget(self.candidates)
        self.column.addLayout(form)
        self.column.addWidget(self.note)
        self.column.addStretch(1)

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a stack", "", _FILTER)
        if path:
            self.load(path)

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a folder")
        if path:
            self.load(path)

    def _ask_labels(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open labels of this stack", "", LABELS_FILTER)
        if path:
            self.load_labels(path)

    def _cancel(self) -> None:
        self._job.cancel()
        self.labels_in.cancel()

    def _show_busy(self) -> None:
        for button in (self.open_file, self.open_folder, self.open_labels):
            button.setEnabled(False)
        self.bar.show_progress(0, 0)

    def _on_answer(self, answer: LoadedStack | Choice | Contrast) -> None:
        if isinstance(answer, Choice):
            self.candidates.show_choice(answer)
        elif isinstance(answer, LoadedStack):
            self.images.choose(on_viewer.add_stack(self._viewer, answer.stack.data, answer.kwargs))
        elif self.images.layer is not None:
            self.images.layer.contrast_limits = (answer.low, answer.high)
            self._show_contrast()

    def _on_looked(self, contrast: Contrast) -> None:
        layer = self.images.layer
        if layer is not None and not layer.rgb:
            self._span = (contrast.least, contrast.most)
            self._show_contrast()

    def _on_ended(self, end: JobEnd) -> None:
        self.open_file.setEnabled(True)
        self.open_folder.setEnabled(True)
        self.open_labels.setEnabled(self.images.layer is not None)
        self.bar.rest()

    def _on_image(self, layer: Image | None) -> None:
        self.subscriptions.close()
        usable = layer is not None
        for widget in (
            self.open_labels,
            self.contrast,
            self.auto,
            self.spacing,
            self.patient,
            self.phase,
            self.cohort,
        ):
            widget.setEnabled(usable)
        self._span = None
        if layer is not None:
            self.subscriptions.connect(layer.events.contrast_limits, self._show_contrast)
            for emitter in (layer.events.scale, layer.events.units, layer.events.metadata):
                self.subscriptions.connect(emitter, self._show_record)
            self._show_contrast()
            self._look(layer)
        self._show_record()
        self.image_changed.emit(layer)

    def _look(self, layer: Image) -> None:
        """Find out in the background which intensities there are."""
        if not layer.rgb and layer.ndim in (2, 3):
            array = image_array(layer)
            self._looking.start(lambda stop: contrast_task(array))

    def _show_contrast(self, event: object = None) -> None:
        layer = self.images.layer
        if layer is None or layer.rgb:
            return
        self.contrast.blockSignals(True)
        low, high = (float(value) for value in layer.contrast_limits)
        least, most = self._span or (low, high)
        self.contrast.setRange(min(least, low), max(most, high))
        self.contrast.setValue((low, high))
        self.contrast.blockSignals(False)

    def _on_contrast(self, limits: tuple[float, float]) -> None:
        layer = self.images.layer
        if layer is not None and limits[1] > limits[0]:
            layer.contrast_limits = limits

    def _auto_contrast(self) -> None:
        layer = self.images.layer
        if layer is not None:
            array = image_array(layer)
            self._job.start(lambda stop: contrast_task(array))

    def _show_record(self, event: object = None) -> None:
        layer = self.images.layer
        if layer is None:
            self.note.setText(_EMPTY)
            self.spacing.show_spacing(Spacing.unknown())
            return
        try:
            check_image_layer(layer)
        except InputError as error:
            self.note.setText(str(error))
            self.spacing.setEnabled(False)
            return
        record = image_record(layer)
        self.spacing.setEnabled(True)
        self.spacing.show_spacing(record.spacing)
        for field, text in ((self.patient, record.case.patient), (self.cohort, record.case.cohort)):
            if field.text() != text:
                field.setText(text)
        self.phase.blockSignals(True)
        self.phase.setCurrentText(record.case.phase.value)
        self.phase.blockSignals(False)
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
