"""How the masks of the chosen lesions are made: threshold, grow or shrink, fill holes, keep the largest part."""

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSpinBox, QVBoxLayout, QWidget

from napari_scarseg.core.refinement import MAX_GROW_PX, Refinement
from napari_scarseg.gui.threshold_field import ThresholdField


class ShapeField(QWidget):
    """View of one `Refinement`.

    Signals
    -------
    changed()
        A person has set another one.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.threshold = ThresholdField(self)
        self.grow = QSpinBox(self)
        self.grow.setRange(-MAX_GROW_PX, MAX_GROW_PX)
        self.grow.setSuffix(" px")
        self.grow.setToolTip("Grow the mask by so many pixels, or shrink it. Never far beyond its box.")
        self.holes = QCheckBox("Fill holes", self)
        self.holes.setToolTip("A dark core inside the scar belongs to it: microvascular obstruction (MVO).")
        self.largest = QCheckBox("Largest part", self)
        self.largest.setToolTip("Of a mask in several parts, keep the largest only.")
        self.threshold.changed.connect(self.changed)
        self.grow.valueChanged.connect(self.changed)
        self.holes.toggled.connect(self.changed)
        self.largest.toggled.connect(self.changed)
        above, below = QHBoxLayout(), QHBoxLayout()
        above.addWidget(QLabel("Threshold", self))
        above.addWidget(self.threshold, 1)
        below.addWidget(QLabel("Grow", self))
        below.addWidget(self.grow)
        below.addWidget(self.holes)
        below.addWidget(self.largest)
        below.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(above)
        column.addLayout(below)

    @property
    def value(self) -> Refinement:
        """The refinement shown."""
        return Refinement(self.threshold.value, self.grow.value(), self.holes.isChecked(), self.largest.isChecked())

    def show_value(self, refinement: Refinement) -> None:
        """Show a refinement; tells nothing."""
        with QSignalBlocker(self):
            self.threshold.show_threshold(refinement.threshold_logit)
            self.grow.setValue(refinement.grow_px)
            self.holes.setChecked(refinement.fill_holes)
            self.largest.setChecked(refinement.keep_largest)

    def shut(self) -> None:
        """Tell nothing any more."""
        self.threshold.shut()
