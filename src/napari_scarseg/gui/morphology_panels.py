"""Parts of the Morphology widget that know Qt only: which case, which table, which figure. Views of one value each."""

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.gui.morphology_results import TableLevel
from napari_scarseg.gui.morphology_table import MeasuresTable
from napari_scarseg.gui.plots import FigureView
from napari_scarseg.measure import FeatureSpec
from napari_scarseg.measure.figures import PlotKind

_PHASE_TEXT = {
    Phase.ACUTE: "acute",
    Phase.CHRONIC: "chronic",
    Phase.NONE: "no infarct",
    Phase.UNKNOWN: "unknown",
}
_KIND_TEXT = {PlotKind.BOX: "Box and points", PlotKind.VIOLIN: "Violin", PlotKind.ECDF: "Cumulative (ECDF)"}


def note_label(text: str = "") -> QLabel:
    """Muted text that wraps."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setEnabled(False)
    return label


class CasePanel(QWidget):
    """Which Labels layer, and who and when it is of.

    Signals
    -------
    layer_chosen(int)
        Position in the names given last; -1 for none.
    case_edited(CaseInfo)
        The user changed the phase or the patient.
    """

    layer_chosen = Signal(int)
    case_edited = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._case: CaseInfo | None = None
        self.layer_box = QComboBox()
        self.layer_box.setToolTip("Labels layer to measure: any will do, each label is one lesion.")
        self.layer_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.layer_box.setMinimumContentsLength(8)
        self.phase_box = QComboBox()
        for phase, text in _PHASE_TEXT.items():
            self.phase_box.addItem(text, phase)
        self.phase_box.setToolTip("Phase of the infarct at the time of this scan; the figures are grouped by it.")
        self.patient_edit = QLineEdit()
        self.patient_edit.setPlaceholderText("pseudonym")
        self.patient_edit.setToolTip("Your own pseudonym; scans of one patient share it. No names.")
        self.note = note_label()
        who = QHBoxLayout()
        who.setContentsMargins(0, 0, 0, 0)
        who.addWidget(self.phase_box, 1)
        who.addWidget(QLabel("Patient"))
        who.addWidget(self.patient_edit, 1)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(4)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Labels", self.layer_box)
        form.addRow("Phase", who)
        form.addRow(self.note)
        self.layer_box.currentIndexChanged.connect(self.layer_chosen)
        self.phase_box.activated.connect(self._edit)
        self.patient_edit.editingFinished.connect(self._edit)
        self.show_case(None, "")

    def show_layers(self, names: Sequence[str], current: int) -> None:
        """List the layers, without sending `layer_chosen`."""
        self.layer_box.blockSignals(True)
        self.layer_box.clear()
        self.layer_box.addItems(list(names))
        self.layer_box.setCurrentIndex(current)
        self.layer_box.setEnabled(bool(names))
        self.layer_box.blockSignals(False)

    def show_case(self, case: CaseInfo | None, note: str) -> None:
        """Show who and when, and the sentence about the spacing; None where no layer is chosen."""
        self._case = case
        self.phase_box.setEnabled(case is not None)
        self.patient_edit.setEnabled(case is not None)
        phase = Phase.UNKNOWN if case is None else case.phase
        self.phase_box.setCurrentIndex(list(_PHASE_TEXT).index(phase))
        self.patient_edit.setText("" if case is None else case.patient)
        self.note.setText(note)
        self.note.setVisible(bool(note))

    def _edit(self, *_: object) -> None:
        if self._case is None:
            return
        phase = list(_PHASE_TEXT)[self.phase_box.currentIndex()]
        edited = CaseInfo(self._case.case, self.patient_edit.text().strip(), phase, self._case.cohort)
        if edited != self._case:
            self._case = edited
            self.case_edited.emit(edited)


class TablePanel(QWidget):
    """The table with the choice of what a row stands for.

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
        self.status = note_label()
        self.table = MeasuresTable()
        self.table.setMinimumHeight(90)
        self.table.setToolTip("Click a row to go to the lesion; click a heading to sort; Ctrl+C copies the table.")
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


class FigurePanel(QWidget):
    """The figure with the choice of feature and kind.

    Signals
    -------
    choice_changed()
    """

    choice_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._features: list[FeatureSpec] = []
        # What the user chose last, also while the table at hand does not have it.
        self._wanted = ""
        self.feature_box = QComboBox()
        self.feature_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.feature_box.setMinimumContentsLength(12)
        self.kind_box = QComboBox()
        for kind in PlotKind:
            self.kind_box.addItem(_KIND_TEXT.get(kind, kind.value), kind)
        self.kind_box.setToolTip("How the distribution is drawn; violins from 10 values on, boxes from 5.")
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
        self.show_features([])

    @property
    def feature(self) -> FeatureSpec | None:
        """The feature that is drawn; None where there is nothing to draw."""
        index = self.feature_box.currentIndex()
        return self._features[index] if 0 <= index < len(self._features) else None

    @property
    def kind(self) -> PlotKind:
        """How it is drawn."""
        return list(PlotKind)[self.kind_box.currentIndex()]

    def set_feature(self, name: str) -> None:
        """Choose a feature by its name, as the user would."""
        names = [spec.name for spec in self._features]
        self.feature_box.setCurrentIndex(names.index(name))
        self._choose(self.feature_box.currentIndex())

    def show_features(self, features: Sequence[FeatureSpec]) -> None:
        """Offer other features, keeping the choice where it is among them."""
        if list(features) != self._features:
            self._features = list(features)
            self.feature_box.clear()
            for row, spec in enumerate(self._features):
                self.feature_box.addItem(spec.axis_label)
                self.feature_box.setItemData(row, f"{spec.formula}. {spec.source}.", Qt.ItemDataRole.ToolTipRole)
        names = [spec.name for spec in self._features]
        if self._wanted in names:
            self.feature_box.setCurrentIndex(names.index(self._wanted))
        self.feature_box.setEnabled(bool(names))
        self.kind_box.setEnabled(bool(names))

    def _choose(self, index: int) -> None:
        self._wanted = self._features[index].name
        self.choice_changed.emit()


