"""Parts of the Morphology widget: which case, which table, which figure. Each is a view of one value."""

from dataclasses import replace
from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Labels, Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.gui.figure_window import FigureWindow
from napari_scarseg.gui.layer_choice import LayerChoice
from napari_scarseg.gui.morphology_choices import FamilyChoice, FigureControls
from napari_scarseg.gui.morphology_figures import FigureChoice, FigureKind
from napari_scarseg.gui.morphology_picture import Picture
from napari_scarseg.gui.morphology_results import TableLevel
from napari_scarseg.gui.morphology_table import MeasuresTable
from napari_scarseg.gui.morphology_wall_field import WallField
from napari_scarseg.gui.parts import make_form, make_note, make_row
from napari_scarseg.gui.plots import FigureView
from napari_scarseg.measure.segments import SEGMENTS_UNKNOWN

_PHASE_TEXT = {Phase.ACUTE: "acute", Phase.CHRONIC: "chronic", Phase.NONE: "no infarct", Phase.UNKNOWN: "unknown"}

NO_LAYER = "There is no Labels layer yet.\nSegment scars, or drop a file of labels into the viewer."
_NOT_MEASURED = "Nothing is measured yet.\nPress Measure for the chosen layer,\nor Measure all for every Labels layer."
_NEEDS_ROOM = "This figure needs more room.\nPress Enlarge to see it in a window of its own."
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
    people_chosen(Path)
        The user wants them read from this cohort table.
    """

    case_edited = Signal(object)
    people_chosen = Signal(object)

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
        who.addWidget(self.patient_edit, 2)
        self.people_button = QPushButton("Table…")
        self.people_button.setToolTip(
            "Read patient, phase, cohort, visit and group of every Labels layer from a cohort table (CSV)."
        )
        self.people_button.clicked.connect(lambda *_: self._choose_people())
        who.addWidget(self.people_button)
        form.addRow("Phase", who)
        self.wall = WallField(viewer)
        form.addRow("LV wall", self.wall)
        form.addRow(self.wall.segments_name, self.wall.segments)
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
        self.wall.segments.setEnabled(case is not None)
        phase = Phase.UNKNOWN if case is None else case.phase
        self.phase_box.setCurrentIndex(list(_PHASE_TEXT).index(phase))
        patient = "" if case is None else case.patient
        if self.patient_edit.text() != patient and not self.patient_edit.isModified():
            self.patient_edit.setText(patient)
            self.patient_edit.setCursorPosition(0)
        self.note.setText(note)
        self.note.setVisible(bool(note))

    def _choose_people(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Cohort table", "", "Cohort table (*.csv)")
        if chosen:
            self.people_chosen.emit(Path(chosen))

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
        self.view = FigureView(needs_room=_NEEDS_ROOM)
        self._window: FigureWindow | None = None
        self.apart_button = QToolButton()
        self.apart_button.setText("Enlarge")
        self.apart_button.setToolTip("Show the figure in a window of its own; close that to have it back here.")
        self.apart_button.setCheckable(True)
        self.apart_button.toggled.connect(self.set_apart)
        self.controls.add_to_last_row(self.apart_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.controls)
        layout.addWidget(self.view, 1)
        self.controls.choice_changed.connect(self.choice_changed)
        self.view.point_clicked.connect(self.row_clicked)

    def show_picture(self, picture: Picture, *, has_layers: bool) -> None:
        """Show a figure and what it could show beside, or say what to do first."""
        segments = picture.segments
        no_bullseye = "" if segments is not None and segments.table is not None else SEGMENTS_UNKNOWN
        if segments is not None and segments.note:
            no_bullseye = segments.note
        self.controls.show_choice(picture.features, picture.groups, picture.choice, no_bullseye)
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

    def set_apart(self, is_apart: bool) -> None:
        """Show the figure in a window of its own, or take it back."""
        if is_apart == (self._window is not None):
            return
        self.apart_button.blockSignals(True)
        self.apart_button.setChecked(is_apart)
        self.apart_button.blockSignals(False)
        if is_apart:
            self._window = FigureWindow(self.view, "Morphology", self)
            self._window.closed.connect(lambda: self.set_apart(False))
            self._window.show()
        elif self._window is not None:
            window, self._window = self._window, None
            self.layout().addWidget(self.view)
            self.view.show()
            window.close()
            window.deleteLater()

    def set_feature(self, name: str) -> None:
        """Choose a feature by its name, as the user would."""
        self.controls.set_choice(replace(self.choice, feature=name))

    def set_kind(self, kind: FigureKind) -> None:
        """Choose how it is drawn, as the user would."""
        self.controls.set_choice(replace(self.choice, kind=kind))

    def set_group(self, name: str) -> None:
        """Choose the column to group by, as the user would."""
        self.controls.set_choice(replace(self.choice, group=name))


def _is_labels(layer: Layer) -> bool:
    return isinstance(layer, Labels)
