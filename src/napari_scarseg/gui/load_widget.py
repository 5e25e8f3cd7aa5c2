"""*Load stack*: a file or folder into an Image layer, other people's labels over it, and a case folder as it was."""

from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Image, Layer
from napari.utils.notifications import show_warning
from qtpy.QtCore import Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QFileDialog, QWidget

from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.candidate_list import CandidateList
from napari_scarseg.gui.case_hooks import is_case
from napari_scarseg.gui.case_tasks import ImageMissing, OpenedCase, open_task
from napari_scarseg.gui.image_layer import image_record
from napari_scarseg.gui.import_labels import LABELS_FILTER, LabelImport
from napari_scarseg.gui.jobs import Job, JobEnd, Work
from napari_scarseg.gui.opened_case import free_hashes, show_opened
from napari_scarseg.gui.parts import JobBar, Panel, make_button, make_row
from napari_scarseg.gui.reading import Choice, read_chosen_task, read_task
from napari_scarseg.gui.stack_fields import StackFields
from napari_scarseg.gui.tasks import LoadedStack
from napari_scarseg.io import StackCandidate

_PATTERNS = "*.nii *.nii.gz *.tif *.tiff *.dcm *.ima *.zip DICOMDIR *.nrrd *.nhdr *.mha *.mhd *.npy *.npz *.png"
_FILTER = f"Image stacks ({_PATTERNS});;All files (*)"


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
        self.labels_in = LabelImport(napari_viewer, self)
        self.labels_in.ended.connect(self._on_ended)
        self.setAcceptDrops(True)
        self.about = StackFields(napari_viewer, self)
        self.images = self.about.images
        self._build()
        self.about.image_changed.connect(self._on_image)
        self.open_labels.setEnabled(self.image is not None)

    @property
    def image(self) -> Layer | None:
        """The chosen Image layer."""
        return self.images.layer

    @property
    def is_running(self) -> bool:
        """Whether a stack or labels are being read."""
        return self._job.is_running or self.labels_in.is_running

    def load(self, path: str | Path) -> None:
        """Read a file or folder in the background, and show it; a case folder with all that was done to its stack."""
        self.candidates.rest()
        if is_case(str(path)):
            present = free_hashes(self._viewer)
            self._start(lambda stop: open_task(Path(path), present=present), "Opening the case")
            return
        taken = self._taken()
        self._start(lambda stop: read_task(Path(path), taken))

    def load_labels(self, path: str | Path) -> None:
        """Read labels of the chosen stack in the background, and ask what their values mean."""
        if self.images.layer is not None:
            self.labels_in.read(Path(path), self.images.layer)
            self._show_busy()

    def shut(self) -> None:
        """End the reading, disconnect."""
        self._job.shut()
        self.labels_in.shut()
        self.about.shut()
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

    def _load_chosen(self, choice: Choice, candidate: StackCandidate) -> None:
        taken = self._taken()
        self._start(lambda stop: read_chosen_task(choice, candidate, taken))

    def _taken(self) -> set[str]:
        return {image_record(layer).stem for layer in self.images.layers}

    def _start(self, work: Work, title: str = "Reading the stack") -> None:
        self._job.start(work, title)
        self._show_busy()

    def _build(self) -> None:
        self.open_file = make_button(
            "Open file…", "", "NIfTI, TIFF, DICOM (also zip and DICOMDIR), NRRD, npy, PNG.", self._ask_file, self
        )
        self.open_folder = make_button(
            "Open folder…",
            "",
            "A folder of PNG or TIFF slices, of DICOM files with all folders inside, or a case that was saved.",
            self._ask_folder,
            self,
        )
        labels = "Truth or masks of others for this stack: NIfTI, NRRD, DICOM SEG, TIFF, npy, or any one of PNG slices."
        self.open_labels = make_button("Open labels…", "", labels, self._ask_labels, self)
        self.bar = JobBar("", self._cancel, self)
        self.candidates = CandidateList(self)
        self.candidates.chosen.connect(self._load_chosen)
        self.column.addLayout(make_row(self.open_file, self.open_folder, self.open_labels))
        self.column.addWidget(self.bar)
        self.column.addWidget(self.candidates)
        self.column.addWidget(self.about)
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

    def _on_answer(self, answer: LoadedStack | Choice | OpenedCase | ImageMissing) -> None:
        match answer:
            case Choice():
                self.candidates.show_choice(answer)
            case LoadedStack():
                self.images.choose(on_viewer.add_stack(self._viewer, answer.stack.data, answer.kwargs))
            case ImageMissing():
                show_warning(f"{answer.sentence.rstrip('.')}: use Open case… in Scar workbench, which asks for it.")
            case OpenedCase():
                shown = show_opened(self._viewer, answer)
                if shown is not None:
                    self.images.choose(shown.image)
                    for finding in shown.findings:
                        show_warning(finding)

    def _on_ended(self, end: JobEnd) -> None:
        self.open_file.setEnabled(True)
        self.open_folder.setEnabled(True)
        self.open_labels.setEnabled(self.images.layer is not None)
        self.bar.rest()

    def _on_image(self, layer: Image | None) -> None:
        self.open_labels.setEnabled(layer is not None)
        self.image_changed.emit(layer)
