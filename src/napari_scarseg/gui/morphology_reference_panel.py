"""Which reference cohort the current patient is drawn over: chosen, computed, dropped."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QMenu, QSizePolicy, QToolButton, QWidget

from napari_scarseg.gui.jobs import Job
from napari_scarseg.gui.morphology_reference import ReferenceCohort, compute_phantoms, read_reference

_NONE = "none"


class ReferencePanel(QWidget):
    """The name of the reference, and a menu to choose another.

    Parameters
    ----------
    parent : QWidget, optional

    Signals
    -------
    reference_changed()
    """

    reference_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reference: ReferenceCohort | None = None
        self.job = Job(self)
        self.job.answered.connect(self.set_reference)
        self.job.progressed.connect(self._show_progress)
        self.job.ended.connect(lambda _: self._show_name())
        self.name = QLabel()
        self.name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.button = QToolButton()
        self.button.setText("Change…  ")
        self.button.setToolTip("Draw the measured layers over the patients of a table, or over computed hearts.")
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.button)
        menu.addAction("Load table…").triggered.connect(lambda *_: self._choose_file())
        menu.addAction("Compute synthetic phantoms").triggered.connect(lambda *_: self.compute())
        menu.addAction("Drop").triggered.connect(lambda *_: self.set_reference(None))
        self.button.setMenu(menu)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.name, 1)
        row.addWidget(self.button)
        self._show_name()

    @property
    def reference(self) -> ReferenceCohort | None:
        """The cohort to compare with."""
        return self._reference

    def set_reference(self, reference: ReferenceCohort | None) -> None:
        """Compare with this cohort, or with none."""
        self._reference = reference
        self._show_name()
        self.reference_changed.emit()

    def load(self, path: Path) -> None:
        """Read a table off the window's thread; it becomes the reference where it is a good one."""

        def work(stop: Event) -> Iterator[object]:
            yield read_reference(path)

        self.job.start(work, "Read reference", 1)

    def compute(self) -> None:
        """Make phantoms off the window's thread; they become the reference."""
        self.job.start(compute_phantoms, "Compute phantoms", 1)

    def shut(self) -> None:
        """End what runs."""
        self.job.shut()

    def _choose_file(self) -> None:
        kinds = "Table per lesion and slice (*.csv *.parquet)"
        chosen, _ = QFileDialog.getOpenFileName(self, "Load reference", "", kinds)
        if chosen:
            self.load(Path(chosen))

    def _show_progress(self, done: int, total: int) -> None:
        if total > 1:
            self.name.setText(f"computing, {done} of {total}")

    def _show_name(self) -> None:
        known = self._reference
        text = _NONE if known is None else f"{known.name}, n = {known.n_patients}"
        self.name.setText(text)
        self.name.setToolTip(text if known is None else f"{known.name}, {known.n_patients} patients")
