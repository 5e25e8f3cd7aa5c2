"""The dialog that asks what the values of foreign labels mean."""

from collections.abc import Mapping

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_scarseg.core.tissue import PRESETS, SCAR_TISSUES, LabelPreset, Tissue, propose_tissues
from napari_scarseg.gui.label_meaning import LabelsIn
from napari_scarseg.gui.parts import make_form, make_note

_OWN = "As chosen below"
_COLUMNS = ("Value", "Pixels", "Means")


class MeaningDialog(QDialog):
    """Shows each value with its pixels, proposes what it means, and lets a person correct it.

    Parameters
    ----------
    labels : LabelsIn
    parent : QWidget, optional
    """

    def __init__(self, labels: LabelsIn, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._labels = labels
        self.setWindowTitle("What the labels mean")
        self.presets = QComboBox(self)
        for preset in LabelPreset:
            self.presets.addItem(PRESETS[preset].title, preset.value)
        self.presets.addItem(_OWN, "")
        self.presets.setToolTip("Conventions of well-known data sets; correct single values below.")
        self.table = QTableWidget(len(labels.counts), len(_COLUMNS), self)
        self.table.setHorizontalHeaderLabels(list(_COLUMNS))
        self.table.verticalHeader().setVisible(False)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.meanings: dict[int, QComboBox] = {}
        for row, (value, pixels) in enumerate(labels.counts.items()):
            self._fill_row(row, value, pixels)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(len(_COLUMNS) - 1, QHeaderView.ResizeMode.Stretch)
        self.note = make_note()
        self.findings = make_note("\n".join(labels.volume.findings))
        self.findings.setVisible(bool(labels.volume.findings))
        self.buttons = QDialogButtonBox(self)
        self.accept_button = self.buttons.addButton("Add labels", QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        form = make_form()
        form.addRow("Convention", self.presets)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self.table, 1)
        column.addWidget(self.note)
        column.addWidget(self.findings)
        column.addWidget(self.buttons)
        self.resize(460, 360)
        self.presets.currentIndexChanged.connect(self._on_preset)
        self._propose()

    @property
    def preset(self) -> LabelPreset | None:
        """The convention; None where a person chose each value."""
        value = self.presets.currentData()
        return LabelPreset(value) if value else None

    @property
    def tissues(self) -> Mapping[int, Tissue]:
        """What each value means."""
        return {value: Tissue(box.currentData()) for value, box in self.meanings.items()}

    @property
    def keeps_lesions(self) -> bool:
        """Whether the values are lesions already."""
        return self.preset is LabelPreset.LESIONS

    def choose_preset(self, preset: LabelPreset) -> None:
        """As if chosen by hand."""
        self.presets.setCurrentIndex(self.presets.findData(preset.value))

    def _fill_row(self, row: int, value: int, pixels: int) -> None:
        for column, text in enumerate((str(value), str(pixels))):
            item = QTableWidgetItem(text)
            item.setTextAlignment(int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter))
            self.table.setItem(row, column, item)
        box = QComboBox(self.table)
        for tissue in Tissue:
            box.addItem(tissue.words, tissue.value)
        box.currentIndexChanged.connect(self._on_meaning)
        self.table.setCellWidget(row, len(_COLUMNS) - 1, box)
        self.meanings[value] = box

    def _propose(self) -> None:
        """The file's own codes where it has any, else the convention that the values follow."""
        coded = self._labels.volume.tissues
        if coded:
            self._show({value: coded.get(value, Tissue.OTHER) for value in self.meanings})
            only_scar = set(coded.values()) <= {Tissue.SCAR}
            self._set_preset(LabelPreset.LESIONS if only_scar and len(self.meanings) > 1 else None)
        else:
            self._set_preset(self._labels.preset)
            self._show(propose_tissues(self.meanings, self._labels.preset))

    def _on_preset(self, *_: object) -> None:
        preset = self.preset
        if preset is not None:
            found = propose_tissues(self.meanings, preset)
            self._show({value: found.get(value, Tissue.OTHER) for value in self.meanings})

    def _on_meaning(self, *_: object) -> None:
        self._set_preset(None)
        self._describe()

    def _set_preset(self, preset: LabelPreset | None) -> None:
        self.presets.blockSignals(True)
        self.presets.setCurrentIndex(self.presets.findData("" if preset is None else preset.value))
        self.presets.blockSignals(False)
        self._describe()

    def _show(self, tissues: Mapping[int, Tissue]) -> None:
        for value, box in self.meanings.items():
            box.blockSignals(True)
            box.setCurrentIndex(box.findData(tissues.get(value, Tissue.OTHER).value))
            box.blockSignals(False)
        self._describe()

    def _describe(self) -> None:
        """What will be added, before it is."""
        found = self.tissues
        scar_px = sum(self._labels.counts[value] for value, tissue in found.items() if tissue in SCAR_TISSUES)
        named = {tissue for tissue in found.values() if tissue is not Tissue.OTHER}
        parts = [f"{scar_px} px of scar" if scar_px else "No scar among these labels"]
        if named - {Tissue.SCAR}:
            parts.append("a second layer keeps the tissues")
        self.note.setText("; ".join(parts) + ".")
        self.accept_button.setEnabled(bool(named))
