"""The line of a widget that says what runs where; through it the widget joins, uses and leaves the engine."""

import threading
from collections.abc import Callable

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QLabel, QWidget

from napari_scarseg.core.config import DetectConfig, SegmentConfig
from napari_scarseg.core.protocols import EngineInfo
from napari_scarseg.gui.engine_home import EngineHome, find_engine_home
from napari_scarseg.gui.jobs import Job, JobEnd
from napari_scarseg.gui.tasks import describe_task


class EngineLine(QLabel):
    """Has the networks loaded when it appears, and says what they are.

    Parameters
    ----------
    config : callable
        The settings in force.
    home : EngineHome, optional
        Where the engine lives; by default found in the window that the line lies in.
    parent : QWidget, optional

    Signals
    -------
    described(EngineInfo)
        The networks are loaded.
    """

    described = Signal(object)

    def __init__(
        self,
        config: Callable[[], DetectConfig | SegmentConfig],
        home: EngineHome | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("…", parent)
        self.setWordWrap(True)
        self._config = config
        self._home = home
        self._joined: EngineHome | None = None
        self._is_shut = False
        self._job = Job(self, self.cancel)
        self._job.answered.connect(self._on_described)
        self._job.ended.connect(self._on_ended)
        # After the widget has found its place in a window.
        QTimer.singleShot(0, self._warm_up)

    def join(self) -> EngineHome:
        """The engine's home, with a process that is started or starting."""
        if self._joined is None:
            self._joined = self._home or find_engine_home(self)
        self._joined.join(self)
        return self._joined

    def cancel(self, stop: threading.Event) -> None:
        """Stop the job that polls `stop`."""
        stop.set()
        if self._joined is not None:
            self._joined.cancel(stop)

    def describe(self) -> None:
        """Load the networks of the settings in force, and say what they are."""
        self.setText("loading…")
        home, config = self.join(), self._config()
        self._job.start(lambda stop: describe_task(home.turn, stop, config))

    def show_info(self, info: EngineInfo) -> None:
        """Say what ran."""
        slow = " (slower than a GPU)" if info.device == "cpu" else ""
        self.setText(f"{info.name} on {info.device}{slow}" + (f". {info.note}" if info.note else ""))
        self.setToolTip(f"Licence {info.licence}\nWeights sha256 {info.weights_sha256[:16]}…\nResearch use only.")

    def shut(self) -> None:
        """Leave the engine; the last one to leave ends it."""
        self._is_shut = True
        self._job.shut()
        if self._joined is not None:
            self._joined.leave(self)
            self._joined = None

    def _warm_up(self) -> None:
        if not self._is_shut:
            self.describe()

    def _on_described(self, info: EngineInfo) -> None:
        self.show_info(info)
        self.described.emit(info)

    def _on_ended(self, end: JobEnd) -> None:
        if end is JobEnd.FAILED:
            self.setText("not available")
