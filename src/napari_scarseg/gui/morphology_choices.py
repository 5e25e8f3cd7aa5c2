"""Small choices of the Morphology widget: what is drawn, which features are offered, where the wall is."""

from collections.abc import Sequence

from napari.components import ViewerModel
from napari.layers import Layer
from napari.utils.notifications import show_error
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QMenu, QToolButton, QVBoxLayout, QWidget

from napari_scarseg.errors import InputError
from napari_scarseg.gui.layer_choice import LayerChoice
from napari_scarseg.gui.morphology_figures import FigureChoice, FigureKind
from napari_scarseg.gui.morphology_wall import WallChoice, parse_values, suits_as_wall
from napari_scarseg.gui.parts import make_row
from napari_scarseg.measure import FeatureFamily, FeatureSpec

# Texture says something to few, and its columns push the others out of sight.
_SHOWN_AT_FIRST = frozenset(FeatureFamily) - {FeatureFamily.TEXTURE}


class FamilyChoice(QToolButton):
    """Which families of features are offered; at least one.

    Signals
    -------
    families_changed()
    """

    families_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText("Features  ")
        self.setToolTip("Which features the table and the figure offer.")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        self._actions = {family: menu.addAction(family.value) for family in FeatureFamily}
        for family, action in self._actions.items():
            action.setCheckable(True)
            action.setChecked(family in _SHOWN_AT_FIRST)
            action.toggled.connect(lambda *_: self.families_changed.emit())
        self.setMenu(menu)

    @property
    def families(self) -> frozenset[FeatureFamily]:
        """The chosen ones; all where none is."""
        chosen = frozenset(family for family, action in self._actions.items() if action.isChecked())
        return chosen or frozenset(FeatureFamily)

    def set_families(self, families: frozenset[FeatureFamily]) -> None:
        """Choose families, as the user would."""
        for family, action in self._actions.items():
            action.setChecked(family in families)


class FigureControls(QWidget):
    """What is drawn: kind, feature, the other one of a scatter plot, groups.

    Signals
    -------
    choice_changed()
    """

    choice_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # What was chosen last, kept while the table at hand does not have it.
        self._wanted = FigureChoice()
        self._features: tuple[FeatureSpec, ...] = ()
        self._groups: tuple[str, ...] = ()
        self.feature_box, self.against_box, self.group_box = _make_box(12), _make_box(8), _make_box(5)
        self.kind_box = _make_box(8)
        for kind in FigureKind:
            self.kind_box.addItem(kind.value, kind)
        self.kind_box.setToolTip("A box is drawn from 5 values on, a violin or cloud from 10.")
        self.against_box.setToolTip("The other feature, along the horizontal axis.")
        self.group_box.setToolTip("Column of the table whose values are the groups.")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for left, right in ((self.feature_box, self.kind_box), (self.against_box, self.group_box)):
            row = QHBoxLayout()
            row.addWidget(left, 2)
            row.addWidget(right, 1)
            column.addLayout(row)
        for box in (self.feature_box, self.kind_box, self.against_box, self.group_box):
            box.activated.connect(lambda *_: self._read_boxes())
        self.show_choice((), (), None)

    @property
    def choice(self) -> FigureChoice:
        """What is wanted."""
        return self._wanted

    def set_choice(self, choice: FigureChoice) -> None:
        """Want another figure, as if the user had chosen it."""
        self._wanted = choice
        self._show_values(choice)
        self.choice_changed.emit()

    def show_choice(self, features: Sequence[FeatureSpec], groups: Sequence[str], drawn: FigureChoice | None) -> None:
        """Offer these features and groups, and show which figure is drawn."""
        if tuple(features) != self._features:
            self._features = tuple(features)
            for box in (self.feature_box, self.against_box):
                box.clear()
                for row, spec in enumerate(self._features):
                    box.addItem(spec.axis_label, spec.name)
                    box.setItemData(row, f"{spec.formula}. {spec.source}.", Qt.ItemDataRole.ToolTipRole)
        if tuple(groups) != self._groups:
            self._groups = tuple(groups)
            self.group_box.clear()
            for name in self._groups:
                self.group_box.addItem(f"by {name}", name)
        if drawn is not None:
            self._show_values(drawn)
        for box in (self.feature_box, self.kind_box, self.against_box, self.group_box):
            box.setEnabled(bool(features))

    def _read_boxes(self) -> None:
        self._wanted = FigureChoice(
            kind=self.kind_box.currentData(),
            feature=self.feature_box.currentData() or "",
            against=self.against_box.currentData() or "",
            group=self.group_box.currentData() or "phase",
        )
        self._show_values(self._wanted)
        self.choice_changed.emit()

    def _show_values(self, choice: FigureChoice) -> None:
        for box, value in (
            (self.kind_box, choice.kind),
            (self.feature_box, choice.feature),
            (self.against_box, choice.against),
            (self.group_box, choice.group),
        ):
            index = box.findData(value)
            if index >= 0:
                box.setCurrentIndex(index)
        self.against_box.setVisible(choice.kind is FigureKind.SCATTER)


class WallField(QWidget):
    """Where the left ventricle's wall is: a Labels layer of myocardium, or points in the LV's middle.

    Signals
    -------
    wall_changed()
    """

    wall_changed = Signal()

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.layers = LayerChoice(viewer, suits_as_wall, new_text="unknown", parent=self)
        tip = (
            "Labels of the myocardium, or points in the middle of the LV (one is enough): angular extent, transmurality"
        )
        self.layers.setToolTip(f"{tip} and share of the LV are measured with it.")
        self.values_edit = QLineEdit()
        self.values_edit.setPlaceholderText("all values")
        self.values_edit.setToolTip("Label values that mean myocardium, such as 2 or 2,3; empty where all do.")
        row = make_row(self.layers)
        row.addWidget(self.values_edit, 1)
        self.setLayout(row)
        self._is_showing = False
        self.layers.layer_changed.connect(lambda *_: self._tell())
        self.values_edit.editingFinished.connect(self._tell)

    @property
    def wall(self) -> WallChoice | None:
        """The choice; None where the wall is unknown.

        Raises
        ------
        InputError
            If the values are no list of numbers.
        """
        layer: Layer | None = self.layers.layer
        return None if layer is None else WallChoice(layer, parse_values(self.values_edit.text()))

    def show_wall(self, wall: WallChoice | None) -> None:
        """Show a choice without telling anybody."""
        self._is_showing = True
        try:
            self.layers.choose(None if wall is None else wall.layer)
            if not self.values_edit.isModified():
                self.values_edit.setText("" if wall is None else ",".join(map(str, wall.values)))
        finally:
            self._is_showing = False

    def shut(self) -> None:
        """Disconnect from the viewer."""
        self.layers.shut()

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


def _make_box(min_characters: int) -> QComboBox:
    box = QComboBox()
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(min_characters)
    return box
