"""Small choices of the Morphology widget: what is drawn, and which features are offered."""

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QMenu, QToolButton, QVBoxLayout, QWidget

from napari_scarseg.gui.morphology_figures import FigureChoice, FigureKind
from napari_scarseg.measure import FeatureFamily, FeatureSpec

# Texture says something to few, and its columns push the others out of sight.
_SHOWN_AT_FIRST = frozenset(FeatureFamily) - {FeatureFamily.TEXTURE}


_KINDS_TIP = "A box is drawn from 5 values on, a violin or cloud from 10."
_OF_MANY = (FigureKind.CORRELATION, FigureKind.COMPONENTS)


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
        self.kind_box.setToolTip(_KINDS_TIP)
        self.against_box.setToolTip("The other feature, along the horizontal axis.")
        self.group_box.setToolTip("Column of the table whose values are the groups.")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for left, right in ((self.feature_box, self.kind_box), (self.against_box, self.group_box)):
            self._last_row = QHBoxLayout()
            self._last_row.addWidget(left, 2)
            self._last_row.addWidget(right, 1)
            column.addLayout(self._last_row)
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

    def show_choice(
        self,
        features: Sequence[FeatureSpec],
        groups: Sequence[str],
        drawn: FigureChoice | None,
        no_bullseye: str = "",
    ) -> None:
        """Offer these features and groups, and show which figure is drawn; no bullseye where there is a reason."""
        self._offer_bullseye(no_bullseye)
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

    def add_to_last_row(self, widget: QWidget) -> None:
        """Put something at the end of the last row."""
        self._last_row.addStretch(0)
        self._last_row.addWidget(widget)

    def _offer_bullseye(self, reason: str) -> None:
        row = self.kind_box.findData(FigureKind.BULLSEYE)
        item = self.kind_box.model().item(row)
        item.setEnabled(not reason)
        item.setToolTip(reason)
        self.kind_box.setToolTip(f"{_KINDS_TIP} No bullseye: {reason}" if reason else _KINDS_TIP)

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
        self.feature_box.setVisible(choice.kind not in (*_OF_MANY, FigureKind.BULLSEYE))
        self.group_box.setVisible(choice.kind not in (FigureKind.CORRELATION, FigureKind.BULLSEYE))


def _make_box(min_characters: int) -> QComboBox:
    box = QComboBox()
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(min_characters)
    return box
