"""The threshold of the masks: the one calibrated for the weights, or the user's own."""

from qtpy.QtCore import QSignalBlocker, Qt, QTimer, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QWidget
from superqt import QLabeledDoubleSlider

# A slider that is dragged says much; its value is told when it rests.
_REST_MS = 60


class ThresholdField(QWidget):
    """View of one threshold in logits, or None for the calibrated one.

    Signals
    -------
    changed()
        The threshold is another one, and rests.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._calibrated = 0.0
        self.slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal, self)
        self.slider.setRange(-4.0, 4.0)
        self.slider.setDecimals(1)
        self.slider.setEnabled(False)
        self.slider.setToolTip("Higher draws less, lower draws more; in logits, 0 is even odds. Runs no network again.")
        self.own = QCheckBox("Own", self)
        self.own.setToolTip("Off: the threshold that was calibrated for the weights.")
        self._rested = QTimer(self)
        self._rested.setSingleShot(True)
        self._rested.setInterval(_REST_MS)
        self._rested.timeout.connect(self.changed)
        self.slider.valueChanged.connect(lambda _: self._rested.start())
        self.own.toggled.connect(self.slider.setEnabled)
        self.own.toggled.connect(lambda _: self._rested.start())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(5)
        row.addWidget(self.slider, 1)
        row.addWidget(self.own)

    @property
    def value(self) -> float | None:
        """Threshold in logits; None for the calibrated one."""
        return float(self.slider.value()) if self.own.isChecked() else None

    @property
    def is_moving(self) -> bool:
        """Whether a change is yet to be told."""
        return self._rested.isActive()

    def show_calibrated(self, threshold_logit: float) -> None:
        """Show what the weights' own threshold is, unless the user has set another."""
        self._calibrated = threshold_logit
        if not self.own.isChecked():
            with QSignalBlocker(self.slider):
                self.slider.setValue(threshold_logit)

    def show_threshold(self, threshold_logit: float | None) -> None:
        """Show one's own threshold, or the calibrated one for None; tells nothing."""
        with QSignalBlocker(self.slider), QSignalBlocker(self.own):
            self.own.setChecked(threshold_logit is not None)
            self.slider.setValue(self._calibrated if threshold_logit is None else threshold_logit)
        self.slider.setEnabled(self.own.isChecked())

    def rest(self) -> None:
        """The change that is yet to be told is told by others."""
        self._rested.stop()

    def shut(self) -> None:
        """Tell nothing any more."""
        self._rested.stop()
