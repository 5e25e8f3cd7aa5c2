"""Where the left ventricle's wall and its segments are: chosen among the viewer's layers."""

from napari.components import ViewerModel
from napari.layers import Layer
from napari.utils.notifications import show_error
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QLineEdit, QWidget

from napari_scarseg.errors import InputError
from napari_scarseg.gui.layer_choice import LayerChoice
from napari_scarseg.gui.morphology_segments import suits_as_segments
from napari_scarseg.gui.morphology_wall import WallChoice, parse_values, suits_as_wall
from napari_scarseg.gui.parts import make_row

_WALL_TIP = (
    "Labels of the myocardium, or points in the middle of the LV (one is enough): angular extent, transmurality and "
    "share of the LV are measured with it."
)
_SEGMENTS_TIP = (
    "For the bullseye: a point on the anterior RV insertion (and, below it, on the inferior one), on one slice or "
    "more; or labels 1 to 17 of the AHA's segments."
)


class WallField(QWidget):
    """A Labels layer of myocardium or points in the LV's middle, and points on the RV insertions or segment labels.

    `segments` and `segments_name` are for a row of their own in the form that holds this.

    Signals
    -------
    wall_changed()
    """

    wall_changed = Signal()

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.layers = LayerChoice(viewer, suits_as_wall, new_text="unknown", parent=self)
        self.segments = LayerChoice(viewer, suits_as_segments, new_text="unknown", parent=self)
        self.values_edit = QLineEdit()
        self.values_edit.setPlaceholderText("all values")
        self.values_edit.setToolTip("Label values that mean myocardium, such as 2 or 2,3; empty where all do.")
        self.segments_name = QLabel("Segments")
        self.segments_name.setToolTip(_SEGMENTS_TIP)
        self.setToolTip(_WALL_TIP)
        self.setLayout(make_row(self.layers, self.values_edit))
        self._is_showing = False
        for choice in (self.layers, self.segments):
            choice.layer_changed.connect(lambda *_: self._tell())
        self.values_edit.editingFinished.connect(self._tell)

    @property
    def wall(self) -> WallChoice | None:
        """The choice; None where nothing is known.

        Raises
        ------
        InputError
            If the values are no list of numbers.
        """
        wall: Layer | None = self.layers.layer
        segments: Layer | None = self.segments.layer
        if wall is None and segments is None:
            return None
        return WallChoice(wall, parse_values(self.values_edit.text()), segments)

    def show_wall(self, wall: WallChoice | None) -> None:
        """Show a choice without telling anybody."""
        self._is_showing = True
        try:
            self.layers.choose(None if wall is None else wall.layer)
            self.segments.choose(None if wall is None else wall.segments)
            if not self.values_edit.isModified():
                self.values_edit.setText("" if wall is None else ",".join(map(str, wall.values)))
        finally:
            self._is_showing = False

    def shut(self) -> None:
        """Disconnect from the viewer."""
        self.layers.shut()
        self.segments.shut()

    def _tell(self) -> None:
        if self._is_showing:
            return
        self.values_edit.setModified(False)
        try:
            parse_values(self.values_edit.text())
        except InputError as error:
            show_error(str(error))
            return
        self.wall_changed.emit()
