"""Parts of the Morphology widget: which case, which table, which figure. Each is a view of one value."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

from napari.components import ViewerModel
from napari.layers import Labels, Layer
from napari.utils.notifications import show_info
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.gui.jobs import Job
from napari_scarseg.gui.layer_choice import LayerChoice
from napari_scarseg.gui.morphology_choices import FamilyChoice, FigureControls, WallField
from napari_scarseg.gui.morphology_figures import FigureChoice, FigureKind
from napari_scarseg.gui.morphology_picture import Picture
from napari_scarseg.gui.morphology_results import TableLevel
from napari_scarseg.gui.morphology_table import MeasuresTable
from napari_scarseg.gui.parts import make_button, make_form, make_note, make_row
from napari_scarseg.gui.plots import FigureView

_PHASE_TEXT = {Phase.ACUTE: "acute", Phase.CHRONIC: "chronic", Phase.NONE: "no infarct", Phase.UNKNOWN: "unknown"}

NO_LAYER = "There is no Labels layer yet.\nSegment scars, or drop a file of labels into the viewer."
_NOT_MEASURED = "Nothing is measured yet.\nPress Measure for the chosen layer,\nor Measure all for every Labels layer."
_NO_LESION = "The measured labels hold no lesion.\nSegment or paint one, and it appears here."


class CasePanel(QWidget):
    """Which Labels layer, and who and when it is of.

    Parameters
    ----------
    viewer : ViewerModel
    parent : QWidget, optional

    Signals
    -------
    case_edited(CaseInfo)
        The user changed the phase or the patient.
    """

    case_edited = Signal(object)

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._case: CaseInfo | None = None
        self.layers = LayerChoice(viewer, _is_labels, empty_text="No labels yet", follow_new=True, parent=self)
        self.phase_box = QComboBox()
        for phase, text in _PHASE_TEXT.items():
            self.phase_box.addItem(text, phase)
        self.phase_box.setToolTip("Phase of the infarct at the time of this scan; figures are grouped by it.")
        self.patient_edit = QLineEdit()
        self.patient_edit.setToolTip("Your own pseudonym; scans of one patient share it. Leave real names out.")
        self.note = make_note()
        form = make_form()
        form.addRow("Labels", self.layers)
        who = make_row(self.phase_box)
        who.addWidget(QLabel("Patient"))
        who.addWidget(self.patient_edit, 1)
        form.addRow("Phase", who)
        self.wall = WallField(viewer)
        form.addRow("LV wall", self.wall)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(form)
        layout.addWidget(self.note)
        self.phase_box.activated.connect(self._edit)
        self.patient_edit.editingFinished.connect(self._edit)
        self.show_case(None, "")

    def show_case(self, case: CaseInfo | None, note: str) -> None:
        """Show who and when, and the sentence about the spacing; None where no layer is chosen."""
        self._case = case
        self.phase_box.setEnabled(case is not None)
        self.patient_edit.setEnabled(case is not None)
        self.wall.setEnabled(case is not None)
        phase = Phase.UNKNOWN if case is None else case.phase
        self.phase_box.setCurrentIndex(list(_PHASE_TEXT).index(phase))
        patient = "" if case is None else case.patient
        if self.patient_edit.text() != patient and not self.patient_edit.isModified():
            self.patient_edit.setText(patient)
            self.patient_edit.setCursorPosition(0)
        self.note.setText(note)
        self.note.setVisible(bool(note))

    def _edit(self, *_: object) -> None:
        self.patient_edit.setModified(False)
        if self._case is None:
            return
        phase = list(_PHASE_TEXT)[self.phase_box.currentIndex()]
        edited = CaseInfo(self._case.case, self.patient_edit.text().strip(), phase, self._case.cohort)
        if edited != self._case:
            self._case = edited
            self.case_edited.emit(edited)


class TablePanel(QWidget):
    """The table, with the choice of what a row stands for.

    Signals
    -------
    level_changed()
    families_changed()
    """

    level_changed = Signal()
    families_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.level_box = QComboBox()
        for level in TableLevel:
            self.level_box.addItem(level.value, level)
        self.level_box.setToolTip("What one row, and one point of the figure, stands for.")
        self.status = make_note()
        self.table = MeasuresTable()
        self.table.setMinimumHeight(66)
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 0, 0)
        self.families = FamilyChoice()
        top.addWidget(self.level_box)
        top.addWidget(self.families)
        top.addWidget(self.status, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.table, 1)
        self.level_box.currentIndexChanged.connect(lambda _: self.level_changed.emit())
        self.families.families_changed.connect(self.families_changed)

    @property
    def level(self) -> TableLevel:
        """What one row stands for."""
        return list(TableLevel)[self.level_box.currentIndex()]

    def set_level(self, level: TableLevel) -> None:
        """Choose what one row stands for, as the user would."""
        self.level_box.setCurrentIndex(list(TableLevel).index(level))


class FigurePanel(QWidget):
    """The figure, with the choice of what it shows.

    Signals
    -------
    choice_changed()
    row_clicked(int)
        A point of the figure was clicked; its row among those drawn.
    """

    choice_changed = Signal()
    row_clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.controls = FigureControls()
        self.view = FigureView()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.controls)
        layout.addWidget(self.view, 1)
        self.controls.choice_changed.connect(self.choice_changed)
        self.view.point_clicked.connect(self.row_clicked)

    def show_picture(self, picture: Picture, *, has_layers: bool) -> None:
        """Show a figure and what it could show beside, or say what to do first."""
        self.controls.show_choice(picture.features, picture.groups, picture.choice)
        if picture.figure is not None:
            self.view.show_figure(picture.figure, picture.points)
        elif not has_layers:
            self.view.show_message(NO_LAYER)
        else:
            self.view.show_message(_NO_LESION if picture.request.cases else _NOT_MEASURED)

    @property
    def choice(self) -> FigureChoice:
        """What is wanted."""
        return self.controls.choice

    def set_feature(self, name: str) -> None:
        """Choose a feature by its name, as the user would."""
        self.controls.set_choice(replace(self.choice, feature=name))

    def set_kind(self, kind: FigureKind) -> None:
        """Choose how it is drawn, as the user would."""
        self.controls.set_choice(replace(self.choice, kind=kind))

    def set_group(self, name: str) -> None:
        """Choose the column to group by, as the user would."""
        self.controls.set_choice(replace(self.choice, group=name))


class ExportPanel(QWidget):
    """The two export buttons: ask for a file, and write it off the window's thread.

    Parameters
    ----------
    write_table, write_figure : callable
        Take the path and give the file that was written.
    parent : QWidget, optional
    """

    def __init__(
        self, write_table: Callable[[Path], Path], write_figure: Callable[[Path], Path], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._write_table, self._write_figure = write_table, write_figure
        self.job = Job(self)
        self.job.answered.connect(lambda path: show_info(f"Wrote {path.name}, and beside it what made it."))
        rows = "Write the rows shown, with all columns, as CSV, and beside it a JSON of what made them."
        self.table_button = make_button("Export table…", "", rows, self._choose_table_file)
        drawn = "Write the figure on white as PNG, SVG or PDF, and beside it its numbers and what made it."
        self.figure_button = make_button("Export figure…", "", drawn, self._choose_figure_file)
        self.setLayout(make_row(self.table_button, self.figure_button))
        self.set_ready(False)

    def set_ready(self, is_ready: bool) -> None:
        """Whether there is something to write."""
        self.table_button.setEnabled(is_ready)
        self.figure_button.setEnabled(is_ready)

    def _choose_table_file(self) -> None:
        self._choose_file("Export table", "morphology.csv", "Table (*.csv)", self._write_table)

    def _choose_figure_file(self) -> None:
        kinds = "Picture (*.png);;Vector graphics (*.svg);;Document (*.pdf)"
        self._choose_file("Export figure", "morphology.png", kinds, self._write_figure)

    def _choose_file(self, title: str, name: str, kinds: str, write: Callable[[Path], Path]) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, title, name, kinds)
        if not chosen:
            return

        def work(stop: Event) -> Iterator[object]:
            yield write(Path(chosen))

        self.job.start(work, title, 1)


def _is_labels(layer: Layer) -> bool:
    return isinstance(layer, Labels)
