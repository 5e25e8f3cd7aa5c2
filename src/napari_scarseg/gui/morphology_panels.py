"""Parts of the Morphology widget: which case, which table, which figure. Each is a view of one value."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event

from napari.components import ViewerModel
from napari.layers import Labels, Layer
from napari.utils.notifications import show_info
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.gui.jobs import Job
from napari_scarseg.gui.layer_choice import LayerChoice
from napari_scarseg.gui.morphology_results import TableLevel
from napari_scarseg.gui.morphology_table import MeasuresTable
from napari_scarseg.gui.parts import make_button, make_form, make_note, make_row
from napari_scarseg.gui.plots import FigureView
from napari_scarseg.measure import FeatureSpec
from napari_scarseg.measure.figures import PlotKind

_PHASE_TEXT = {Phase.ACUTE: "acute", Phase.CHRONIC: "chronic", Phase.NONE: "no infarct", Phase.UNKNOWN: "unknown"}
_KIND_TEXT = {
    PlotKind.BOX: "Box + points",
    PlotKind.VIOLIN: "Violin",
    PlotKind.ECDF: "ECDF",
    PlotKind.RAINCLOUD: "Raincloud",
}


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
    """

    level_changed = Signal()

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
        top.addWidget(self.level_box)
        top.addWidget(self.status, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.table, 1)
        self.level_box.currentIndexChanged.connect(lambda _: self.level_changed.emit())

    @property
    def level(self) -> TableLevel:
        """What one row stands for."""
        return list(TableLevel)[self.level_box.currentIndex()]

    def set_level(self, level: TableLevel) -> None:
        """Choose what one row stands for, as the user would."""
        self.level_box.setCurrentIndex(list(TableLevel).index(level))


class FigurePanel(QWidget):
    """The figure, with the choice of feature and kind.

    Signals
    -------
    choice_changed()
    """

    choice_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._features: tuple[FeatureSpec, ...] = ()
        # What was chosen last, kept while the table at hand does not have it.
        self._wanted = ""
        self.feature_box = QComboBox()
        self.feature_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.feature_box.setMinimumContentsLength(12)
        self.kind_box = QComboBox()
        for kind in PlotKind:
            self.kind_box.addItem(_KIND_TEXT[kind], kind)
        self.kind_box.setToolTip("How the distribution is drawn: a box from 5 values on, a violin from 10.")
        self.view = FigureView()
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.addWidget(self.feature_box, 1)
        top.addWidget(self.kind_box)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.view, 1)
        self.feature_box.activated.connect(self._choose)
        self.kind_box.currentIndexChanged.connect(lambda _: self.choice_changed.emit())
        self.show_features((), None)

    @property
    def feature(self) -> str:
        """Name of the feature that is wanted; empty before one was chosen."""
        return self._wanted

    @property
    def kind(self) -> PlotKind:
        """How it is drawn."""
        return list(PlotKind)[self.kind_box.currentIndex()]

    def set_feature(self, name: str) -> None:
        """Choose a feature by its name, as the user would."""
        index = [spec.name for spec in self._features].index(name)
        self.feature_box.setCurrentIndex(index)
        self._choose(index)

    def set_kind(self, kind: PlotKind) -> None:
        """Choose how it is drawn, as the user would."""
        self.kind_box.setCurrentIndex(list(PlotKind).index(kind))

    def show_features(self, features: Sequence[FeatureSpec], drawn: FeatureSpec | None) -> None:
        """Offer these features, and show which one is drawn."""
        if tuple(features) != self._features:
            self._features = tuple(features)
            self.feature_box.clear()
            for row, spec in enumerate(self._features):
                self.feature_box.addItem(spec.axis_label)
                self.feature_box.setItemData(row, f"{spec.formula}. {spec.source}.", Qt.ItemDataRole.ToolTipRole)
        if drawn is not None:
            self.feature_box.setCurrentIndex(self._features.index(drawn))
        self.feature_box.setEnabled(bool(features))
        self.kind_box.setEnabled(bool(features))

    def _choose(self, index: int) -> None:
        self._wanted = self._features[index].name
        self.choice_changed.emit()


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
