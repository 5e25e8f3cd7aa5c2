"""*Scar workbench*: load, detect, segment, review and correct, save the case: one dock, in the order of work."""

from napari.components import ViewerModel
from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_scarseg.gui.case_choices import apply_choices, read_choices
from napari_scarseg.gui.case_panel import CasePanel
from napari_scarseg.gui.correct_widget import CorrectWidget
from napari_scarseg.gui.detect_widget import DetectWidget
from napari_scarseg.gui.engine_home import EngineHome
from napari_scarseg.gui.load_widget import LoadWidget
from napari_scarseg.gui.parts import Panel, Section
from napari_scarseg.gui.segment_widget import SegmentWidget


class Column(QWidget):
    """Widgets under each other, for a `ColumnArea`."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Qt: the width alone. The area asks how high this is at its width; the least height is that of the narrowest,
        where all text is wrapped, and would have the area scroll for nothing."""
        return QSize(super().minimumSizeHint().width(), 0)


class ColumnArea(QScrollArea):
    """Scrolls a column up and down; always wide enough that nothing is cut off at the right.

    Parameters
    ----------
    content : QWidget
    parent : QWidget, optional
    """

    def __init__(self, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(content)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Qt: the content's least width and the scroll bar's; a few lines high."""
        width = self.widget().minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width()
        return QSize(width, 120)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Qt: the content's height, if there is room for it."""
        return QSize(self.minimumSizeHint().width(), self.widget().sizeHint().height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Qt: the content has changed its size, and so do we."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))


class ScarWorkbench(Panel):
    """The widgets under each other; the stack and the boxes are chosen once.

    Parameters
    ----------
    napari_viewer : ViewerModel
    home : EngineHome, optional
    parent : QWidget, optional
    """

    def __init__(
        self, napari_viewer: ViewerModel, home: EngineHome | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._is_folded = False
        self.load = LoadWidget(napari_viewer, parent=self)
        self.detect = DetectWidget(napari_viewer, home, parent=self)
        self.segment = SegmentWidget(napari_viewer, home, parent=self)
        self.viewer = napari_viewer
        self.case = CasePanel(
            napari_viewer,
            lambda image: read_choices(self, image),
            lambda image, choices: apply_choices(self, image, choices),
            parent=self,
        )
        self.correct = CorrectWidget(napari_viewer, parent=self)
        self.detect.hide_image_choice()
        self.segment.hide_image_choice()
        content = Column(self)
        column = QVBoxLayout(content)
        column.setContentsMargins(4, 0, 4, 4)
        column.setSpacing(2)
        self.sections = [
            Section(title, widget, content)
            for title, widget in (
                ("1  Load stack", self.load),
                ("2  Detect scars", self.detect),
                ("3  Segment scars", self.segment),
                ("4  Review and correct", self.correct),
                ("5  Save case", self.case),
            )
        ]
        for section in self.sections:
            column.addWidget(section)
        column.addStretch(1)
        area = ColumnArea(content, self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.addWidget(area)
        self.load.image_changed.connect(self.detect.images.choose)
        self.load.image_changed.connect(self.segment.images.choose)
        self.load.image_changed.connect(self.case.show_image)
        # After the widget has found its place in a window.
        QTimer.singleShot(0, self._begin_case)
        self.detect.boxes_changed.connect(self._on_boxes)
        self.detect.device.currentIndexChanged.connect(self.segment.device.setCurrentIndex)
        self.segment.layers_changed.connect(self._on_layers)
        self.segment.labels_written.connect(self._on_written)
        self._on_boxes(self.detect.boxes.layer)
        self._on_layers()

    def shut(self) -> None:
        """Close all of them."""
        for widget in (self.case, self.load, self.detect, self.segment, self.correct):
            if not widget.is_shut:
                widget.shut()
        super().shut()

    def _begin_case(self) -> None:
        if not self.is_shut:
            self.case.show_image(self.load.image)

    def _on_boxes(self, layer: object) -> None:
        if layer is not None:
            self.segment.boxes.choose(layer)

    def _on_layers(self) -> None:
        self.correct.work_on(self.segment.images.layer, self.segment.boxes.layer, self.segment.labels.layer)

    def _on_written(self, labels: object) -> None:
        """The first time, make room for what is done all day; a person opens the sections again by a click."""
        self.correct.refresh()
        if not self._is_folded:
            self._is_folded = True
            for section in self.sections[:2]:
                section.fold(True)
