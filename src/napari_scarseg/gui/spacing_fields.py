"""Three distances in mm, each of which may be unknown, as one value."""

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QGridLayout, QLabel, QWidget

from napari_scarseg.core.spacing import Spacing, SpacingOrigin

_ORIGIN_WORDS = {
    SpacingOrigin.HEADER: "mm, from the file's header",
    SpacingOrigin.USER: "mm, entered by you",
    SpacingOrigin.UNKNOWN: "unknown: results in pixels only",
}


class SpacingFields(QWidget):
    """View of one `Spacing`.

    Signals
    -------
    edited(Spacing)
        The user changed it.
    """

    edited = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._spacing = Spacing.unknown()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        self.boxes = []
        tips = (
            "Distance between the centres of neighbouring slices, not the slice thickness.",
            "Distance between rows.",
            "Distance between columns.",
        )
        for column, (axis, tip) in enumerate(zip("zyx", tips, strict=True)):
            box = QDoubleSpinBox(self)
            box.setRange(0.0, 100.0)
            box.setDecimals(3)
            box.setSingleStep(0.1)
            box.setSpecialValueText("–")
            box.setKeyboardTracking(False)
            box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
            box.setToolTip(f"{tip} In mm; – where unknown.")
            box.setPrefix(f"{axis} ")
            box.valueChanged.connect(self._on_value)
            grid.addWidget(box, 0, column)
            self.boxes.append(box)
        self.unknown = QCheckBox("unknown", self)
        self.unknown.setToolTip("Without a spacing, areas and volumes are given in pixels and no mass is given.")
        self.unknown.toggled.connect(self._on_unknown)
        self.origin = QLabel(self)
        self.origin.setEnabled(False)
        grid.addWidget(self.origin, 1, 0, 1, 2)
        grid.addWidget(self.unknown, 1, 2)
        self.show_spacing(self._spacing)

    @property
    def spacing(self) -> Spacing:
        """The value shown."""
        return self._spacing

    def show_spacing(self, spacing: Spacing) -> None:
        """Show another value; nothing is emitted."""
        self._spacing = spacing
        for box, value in zip(self.boxes, (spacing.z_mm, spacing.y_mm, spacing.x_mm), strict=True):
            with QSignalBlocker(box):
                box.setValue(value or 0.0)
                box.setEnabled(spacing.origin is not SpacingOrigin.UNKNOWN)
        with QSignalBlocker(self.unknown):
            self.unknown.setChecked(spacing.origin is SpacingOrigin.UNKNOWN)
        words = _ORIGIN_WORDS[spacing.origin]
        if spacing.in_plane_is_known and spacing.z_mm is None:
            words = "mm; slice distance unknown"
        self.origin.setText(words)

    def _on_value(self, _: float) -> None:
        z_mm, y_mm, x_mm = (box.value() or None for box in self.boxes)
        if (y_mm is None) != (x_mm is None):
            # The other of the two is still to be entered: in-plane spacing is known together or not at all.
            return
        if z_mm is None and y_mm is None:
            self._tell(Spacing.unknown())
        else:
            self._tell(Spacing(z_mm, y_mm, x_mm, SpacingOrigin.USER))

    def _on_unknown(self, checked: bool) -> None:
        if checked:
            self._tell(Spacing.unknown())
            return
        # It stays unknown until a number is entered: no guess may pass for a measurement.
        for box in self.boxes:
            box.setEnabled(True)
        self.origin.setText("enter the distances in mm")
        self.boxes[0].setFocus()
        self.boxes[0].selectAll()

    def _tell(self, spacing: Spacing) -> None:
        if spacing != self._spacing:
            self.show_spacing(spacing)
            self.edited.emit(spacing)
