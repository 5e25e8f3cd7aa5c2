"""Keeps labels up to date: what an edit of a box, a point or a lesion calls for is drawn at once, and nothing else."""

from collections.abc import Callable

from napari.layers import Image, Labels, Points, Shapes
from qtpy.QtCore import QObject, Signal

from napari_scarseg.core.config import SegmentConfig
from napari_scarseg.errors import InputError
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.asked import Target
from napari_scarseg.gui.box_watch import BoxWatch
from napari_scarseg.gui.engine_home import EngineHome
from napari_scarseg.gui.layer_state import label_state
from napari_scarseg.gui.segmentation import Segmentation
from napari_scarseg.gui.subscriptions import Subscriptions

Redraw = Callable[[Target, SegmentConfig, EngineHome], bool]


class LiveRedraw(QObject):
    """Watches the layers that belong together.

    Parameters
    ----------
    segmentation : Segmentation
        Draws.
    find_target : callable
        The layers to draw on; None where there are no labels yet. May raise InputError.
    find_engine : callable
        The settings in force, and where the engine lives.
    is_on : callable
        Whether edits are drawn at once.
    parent : QObject, optional

    Signals
    -------
    looked()
        An edit was looked at.
    failed(str)
        It could not be drawn; a sentence for the user.
    """

    looked = Signal()
    failed = Signal(str)

    def __init__(
        self,
        segmentation: Segmentation,
        find_target: Callable[[], Target | None],
        find_engine: Callable[[], tuple[SegmentConfig, EngineHome]],
        is_on: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._segmentation = segmentation
        self._find_target = find_target
        self._find_engine = find_engine
        self._is_on = is_on
        self._image: Image | None = None
        self._boxes: Shapes | None = None
        self._labels: Labels | None = None
        self._box_watch, self._point_watch = BoxWatch(self, is_urgent=True), BoxWatch(self, is_urgent=True)
        self._box_watch.changed.connect(self._on_boxes_edited)
        self._point_watch.changed.connect(self._on_points_edited)
        self._on_labels = Subscriptions()
        self.destroyed.connect(self._on_labels.close)

    @property
    def is_waiting(self) -> bool:
        """Whether an edit is still to be looked at."""
        return self._box_watch.is_waiting or self._point_watch.is_waiting

    def watch(self, image: Image | None, boxes: Shapes | None, points: Points | None, labels: Labels | None) -> None:
        """Watch these layers, and no others any more."""
        self._image, self._boxes, self._labels = image, boxes, labels
        self._box_watch.watch(boxes)
        self._point_watch.watch(points)
        self._on_labels.close()
        if labels is not None:
            # What lesions are and how their masks are made is written there by commands.
            self._on_labels.connect(labels.events.metadata, self._on_commanded)

    def look(self, *_: object) -> None:
        """Draw what edits have left to be drawn, if edits are drawn at all."""
        if self._is_on():
            self._update(self._segmentation.redraw_changes)

    def shut(self) -> None:
        """Watch nothing."""
        self._box_watch.shut()
        self._point_watch.shut()
        self._on_labels.close()

    def _on_boxes_edited(self, is_settled: bool) -> None:
        image, boxes = self._image, self._boxes
        if image is None or boxes is None or boxes.ndim != image.ndim:
            return
        if is_settled:
            on_viewer.tidy_boxes(boxes, on_viewer.read_boxes_layer(boxes, image))
        elif "box_id" not in boxes.features or (boxes.features["box_id"] == "").any():
            # A new shape is being drawn.
            return
        self.look()
        self.looked.emit()

    def _on_points_edited(self, is_settled: bool) -> None:
        if is_settled:
            self.look()

    def _on_commanded(self, event: object = None) -> None:
        """Lesions were merged, split or refined by a command: drawn at once, also where edits are not."""
        labels = self._labels
        if labels is None or (not label_state(labels.metadata).drawn and not label_state(labels.metadata).relabels):
            return
        is_whole = self._is_on() or bool(label_state(labels.metadata).relabels)
        self._update(self._segmentation.redraw_changes if is_whole else self._segmentation.redraw_refined)

    def _update(self, redraw: Redraw) -> None:
        try:
            target = self._find_target()
            if target is not None:
                redraw(target, *self._find_engine())
        except InputError as error:
            self.failed.emit(str(error))
