"""How large each label is, counted in the background a moment after the labels have changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer, Signal

from napari_scarseg.gui.jobs import Job
from napari_scarseg.gui.label_layer import LabelArray
from napari_scarseg.gui.painting import labels_array
from napari_scarseg.gui.subscriptions import Subscriptions
from napari_scarseg.measure.review_flags import ReviewFlag, flag_lesions

_REST_MS = 120


@dataclass(frozen=True, slots=True, eq=False)
class LabelSizes:
    """Sizes of the labels of one layer.

    Parameters
    ----------
    voxels : mapping of label → int
        All slices together.
    by_slice : mapping of label → (slice → int)
    flags : mapping of label → tuple of ReviewFlag
        What is odd about it on any slice, as far as labels alone tell.
    """

    voxels: Mapping[int, int]
    by_slice: Mapping[int, Mapping[int, int]]
    flags: Mapping[int, tuple[ReviewFlag, ...]] = field(default_factory=dict)


def count_voxels(labels: LabelArray) -> LabelSizes:
    """Sizes of all labels but 0 in a (Z, Y, X) volume.

    Examples
    --------
    >>> count_voxels(np.array([[[0, 2]], [[2, 2]]])).by_slice
    {2: {0: 1, 1: 2}}
    """
    by_slice: dict[int, dict[int, int]] = {}
    for z, plane in enumerate(labels):
        values, counts = np.unique(plane[plane != 0], return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            by_slice.setdefault(value, {})[z] = count
    found: dict[int, dict[ReviewFlag, None]] = {}
    for (label, _), odd in flag_lesions(labels).items():
        found.setdefault(label, {}).update(dict.fromkeys(odd))
    flags = {label: tuple(odd) for label, odd in found.items() if odd}
    return LabelSizes({value: sum(counts.values()) for value, counts in by_slice.items()}, by_slice, flags)


def count_task(labels: LabelArray) -> Iterator[LabelSizes]:
    """`count_voxels`, for a worker thread."""
    yield count_voxels(labels)


class VoxelCounts(QObject):
    """Counts the labels of one layer, each time they may have changed.

    Signals
    -------
    counted()
        `sizes` are new.
    """

    counted = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.sizes = LabelSizes({}, {})
        self._labels: Labels | None = None
        self._subscriptions = Subscriptions()
        self.destroyed.connect(self._subscriptions.close)
        self._job = Job(self)
        self._job.answered.connect(self._on_counted)
        self._rested = QTimer(self)
        self._rested.setSingleShot(True)
        self._rested.setInterval(_REST_MS)
        self._rested.timeout.connect(self._count)

    def watch(self, labels: Labels | None) -> None:
        """Count `labels`, and no other layer any more."""
        self._subscriptions.close()
        self._labels = labels
        self.sizes = LabelSizes({}, {})
        if labels is not None:
            # After an undo napari only redraws; it also redraws when the slice moves.
            for emitter in (labels.events.paint, labels.events.data, labels.events.set_data):
                self._subscriptions.connect(emitter, self._on_edit)
            self._rested.start()

    def shut(self) -> None:
        """Count no more."""
        self._subscriptions.close()
        self._rested.stop()
        self._job.shut()

    def _on_edit(self, event: object = None) -> None:
        self._rested.start()

    def _count(self) -> None:
        if self._labels is not None:
            array = labels_array(self._labels)
            self._job.start(lambda stop: count_task(array))

    def _on_counted(self, sizes: LabelSizes) -> None:
        if (sizes.by_slice, sizes.flags) != (self.sizes.by_slice, self.sizes.flags):
            self.sizes = sizes
            self.counted.emit()
