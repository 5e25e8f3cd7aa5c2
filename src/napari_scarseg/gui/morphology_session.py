"""Which Labels layers are measured, what came out, and when to measure again. No widgets."""

from collections.abc import Sequence
from dataclasses import replace

from napari.components import ViewerModel
from napari.layers import Labels, Layer
from qtpy.QtCore import QObject, QTimer, Signal

from napari_scarseg.errors import ScarSegError
from napari_scarseg.gui.morphology_cases import LabelsCase, find_image, read_labels_case, resolve_record
from napari_scarseg.gui.morphology_people import extras_of
from napari_scarseg.gui.morphology_queue import MeasureQueue
from napari_scarseg.gui.morphology_results import CaseMeasures
from napari_scarseg.gui.morphology_view import fill_features
from napari_scarseg.gui.morphology_wall import WallChoice
from napari_scarseg.measure.cohort import Cohort

# Long enough that a brush stroke's last events have come, short enough to feel live.
_SETTLE_MS = 250


class MeasureSession(QObject):
    """The measured layers of a viewer.

    Parameters
    ----------
    viewer : ViewerModel
    parent : QObject, optional

    Signals
    -------
    changed()
        There are other results.
    failed(str)
        A layer could not be measured; with a sentence for a person.
    busy_changed(bool)
    """

    changed = Signal()
    failed = Signal(str)
    busy_changed = Signal(bool)

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._scope: list[Labels] = []
        # What is being measured now, and what the results were measured on.
        self._pending: dict[Labels, LabelsCase] = {}
        self._answered: dict[Labels, LabelsCase] = {}
        self._measures: dict[Labels, CaseMeasures] = {}
        self._edited: set[Labels] = set()
        self._walls: dict[Labels, WallChoice] = {}
        self._people: Cohort | None = None
        self._is_live = True
        self._queue = MeasureQueue(self)
        self._queue.measured.connect(self._take)
        self._queue.failed.connect(self._fail)
        self._queue.busy_changed.connect(self._hear_busy)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._measure_edited)

    @property
    def is_busy(self) -> bool:
        """Whether a measurement is under way."""
        return self._queue.is_busy

    @property
    def layers(self) -> list[Labels]:
        """Measured layers, in the order of the viewer."""
        return [layer for layer in self._viewer.layers if layer in self._measures]

    @property
    def cases(self) -> list[CaseMeasures]:
        """Results, in the order of `layers`."""
        return [self._measures[layer] for layer in self.layers]

    def set_live(self, is_live: bool) -> None:
        """Whether an edit is measured by itself; switched on, what changed in the meantime is measured now."""
        self._is_live = is_live
        if is_live:
            self.look_again()

    def wall_of(self, layer: Labels) -> WallChoice | None:
        """Where the wall of a layer's case is; None where nobody said."""
        return self._walls.get(layer)

    def set_wall(self, layer: Labels, wall: WallChoice | None) -> None:
        """Say where the left ventricle's wall of a layer's case is; a measured layer is measured again."""
        if wall is None:
            self._walls.pop(layer, None)
        else:
            self._walls[layer] = wall
        if layer in self._scope:
            self.refresh()

    def set_people(self, people: Cohort | None) -> None:
        """Whose layers these are, as a cohort table has it; what is measured is measured again where that matters."""
        self._people = people
        self.refresh()

    def measure_only(self, layers: Sequence[Labels]) -> None:
        """Measure these layers, and drop the results of all others."""
        self._drop([layer for layer in self._scope if layer not in layers])
        self._scope = list(layers)
        self._ask(layers)
        self.changed.emit()

    def drop_gone(self) -> None:
        """Drop the results of layers that are no longer in the viewer."""
        self._drop([layer for layer in self._scope if layer not in self._viewer.layers])
        present = self._viewer.layers
        self._walls = {
            layer: wall for layer, wall in self._walls.items() if layer in present and _is_there(wall, present)
        }

    def note_edit(self, layer: Labels) -> None:
        """The layer may have changed: look at it when it has settled."""
        of_wall = [measured for measured, wall in self._walls.items() if wall.uses(layer)]
        edited = [measured for measured in (layer, *of_wall) if measured in self._scope]
        if edited:
            self._edited.update(edited)
            self._settle.start()

    def look_again(self) -> None:
        """Look at every measured layer, without a signal from it: metadata has none."""
        for layer in self._scope:
            self.note_edit(layer)

    def refresh(self) -> None:
        """Measure now what has changed, live or not."""
        self._edited.clear()
        self._ask([layer for layer in self._scope if self._has_changed(layer)])

    def shut(self) -> None:
        """The widget goes away for good."""
        self._settle.stop()
        self._queue.shut()

    def _ask(self, layers: Sequence[Labels]) -> None:
        cases: dict[Labels, LabelsCase] = {}
        for layer in layers:
            try:
                cases[layer] = self._read(layer)
            except ScarSegError as error:
                self._measures.pop(layer, None)
                self.failed.emit(str(error))
        self._pending.update(cases)
        self._queue.ask(cases)

    def _drop(self, layers: Sequence[Labels]) -> None:
        for layer in layers:
            self._scope.remove(layer)
            self._edited.discard(layer)
            for kept in (self._pending, self._answered, self._measures):
                kept.pop(layer, None)
            self._queue.forget(layer)

    def _measure_edited(self) -> None:
        """Measure again what really changed (napari also redraws when only the slice moves)."""
        if not self._is_live:
            return
        edited, self._edited = self._edited, set()
        self._ask([layer for layer in self._scope if layer in edited and self._has_changed(layer)])

    def _has_changed(self, layer: Labels) -> bool:
        known = self._pending.get(layer) or self._answered.get(layer)
        try:
            return known is None or not self._read(layer).gives_same_as(known)
        except ScarSegError:
            return True

    def _read(self, layer: Labels) -> LabelsCase:
        case = read_labels_case(layer, self._viewer.layers, self._walls.get(layer))
        if self._people is None:
            return case
        record = resolve_record(layer, find_image(layer, self._viewer.layers))
        return replace(case, extras=extras_of(self._people, record, layer))

    def _take(self, layer: Labels, measures: CaseMeasures) -> None:
        self._answered[layer] = self._pending.pop(layer)
        self._measures[layer] = measures
        fill_features(layer, measures.lesions)
        self.changed.emit()

    def _fail(self, layer: Labels, sentence: str) -> None:
        self._answered[layer] = self._pending.pop(layer)
        self._measures.pop(layer, None)
        self.failed.emit(sentence)
        self.changed.emit()

    def _hear_busy(self, is_busy: bool) -> None:
        if not is_busy:
            # Whatever is still here was cancelled.
            self._pending.clear()
        self.busy_changed.emit(is_busy)


def _is_there(wall: WallChoice, layers: Sequence[Layer]) -> bool:
    return all(layer is None or layer in layers for layer in (wall.layer, wall.segments))
